/** Made by scripts/generate-abi.ts from the BTF of bpf/prog/socket.bpf.c, whose headers say what each field means. Not edited. */
import { bytesAt, type Codec, u32 } from './codec.ts';
import { LAYOUT as POLICY } from './policy.ts';

export type SocketTally = 'connected' | 'sent' | 'refused' | 'failed' | 'ejected' | 'returned' | 'ended';
/** A word's number is its index. */
export const SOCKET_TALLY_WORDS: readonly SocketTally[] = ['connected', 'sent', 'refused', 'failed', 'ejected', 'returned', 'ended'];

export interface Endpoint {
  readonly address: Uint8Array;
  readonly port: number;
}

export const endpointCodec: Codec<Endpoint> = {
  size: 20,
  write(view, at, value) {
    bytesAt(view, at, 16).set(value.address);
    view.setUint16(at + 16, value.port);
  },
  read: (view, at) => ({
    address: bytesAt(view, at, 16).slice(),
    port: view.getUint16(at + 16),
  }),
};

export interface Departure {
  readonly departedAt: number;
  readonly seen: number;
  readonly service: Uint8Array;
  readonly endpoint: Endpoint;
  readonly graceSeconds: number;
}

export const departureCodec: Codec<Departure> = {
  size: 56,
  write(view, at, value) {
    view.setBigUint64(at, BigInt(value.departedAt), true);
    view.setBigUint64(at + 8, BigInt(value.seen), true);
    bytesAt(view, at + 16, 16).set(value.service);
    endpointCodec.write(view, at + 32, value.endpoint);
    view.setUint32(at + 52, value.graceSeconds, true);
  },
  read: (view, at) => ({
    departedAt: Number(view.getBigUint64(at, true)),
    seen: Number(view.getBigUint64(at + 8, true)),
    service: bytesAt(view, at + 16, 16).slice(),
    endpoint: endpointCodec.read(view, at + 32),
    graceSeconds: view.getUint32(at + 52, true),
  }),
};

export interface ExemptNamespace {
  readonly cookie: number;
}

export const exemptNamespaceCodec: Codec<ExemptNamespace> = {
  size: 8,
  write(view, at, value) {
    view.setBigUint64(at, BigInt(value.cookie), true);
  },
  read: (view, at) => ({
    cookie: Number(view.getBigUint64(at, true)),
  }),
};

export interface SocketCount {
  readonly count: number;
}

export const socketCountCodec: Codec<SocketCount> = {
  size: 8,
  write(view, at, value) {
    view.setBigUint64(at, BigInt(value.count), true);
  },
  read: (view, at) => ({
    count: Number(view.getBigUint64(at, true)),
  }),
};

export interface WitnessKey {
  readonly client: number;
  readonly service: number;
}

export const witnessKeyCodec: Codec<WitnessKey> = {
  size: 16,
  write(view, at, value) {
    view.setBigUint64(at, BigInt(value.client), true);
    view.setUint32(at + 8, value.service, true);
  },
  read: (view, at) => ({
    client: Number(view.getBigUint64(at, true)),
    service: view.getUint32(at + 8, true),
  }),
};

export interface Witness {
  readonly failuresLeft: number;
}

export const witnessCodec: Codec<Witness> = {
  size: 4,
  write(view, at, value) {
    view.setUint32(at, value.failuresLeft, true);
  },
  read: (view, at) => ({
    failuresLeft: view.getUint32(at, true),
  }),
};

export interface SocketOptions {
  readonly nodeNamespace: number;
  readonly nodeOnly: number;
}

export const socketOptionsCodec: Codec<SocketOptions> = {
  size: 16,
  write(view, at, value) {
    view.setBigUint64(at, BigInt(value.nodeNamespace), true);
    view.setUint32(at + 8, value.nodeOnly, true);
  },
  read: (view, at) => ({
    nodeNamespace: Number(view.getBigUint64(at, true)),
    nodeOnly: view.getUint32(at + 8, true),
  }),
};

/** Keys and values of each map. */
export const TABLES = {
  departures: { key: u32, value: departureCodec },
  exempt_namespaces: { key: exemptNamespaceCodec, value: u32 },
  socket_tallies: { key: u32, value: socketCountCodec },
  witnesses: { key: witnessKeyCodec, value: witnessCodec },
} as const;

/** What these codecs were made from, and what the programs share with those of policy. */
export const LAYOUT = {
  structs: {
    address: POLICY.structs.address,
    affinity: POLICY.structs.affinity,
    affinity_key: POLICY.structs.affinity_key,
    backend: POLICY.structs.backend,
    backend_state: POLICY.structs.backend_state,
    endpoint: {"size":20,"fields":[{"name":"address","offset":0,"size":16,"form":"struct","type":"address","count":1},{"name":"port","offset":16,"size":2,"form":"network","type":"","count":1},{"name":"padding","offset":18,"size":2,"form":"bytes","type":"","count":1}]},
    socket_peer: {"size":44,"fields":[{"name":"dialled","offset":0,"size":20,"form":"struct","type":"endpoint","count":1},{"name":"backend","offset":20,"size":20,"form":"struct","type":"endpoint","count":1},{"name":"number","offset":40,"size":4,"form":"number","type":"","count":1}]},
    connected_peer: {"size":56,"fields":[{"name":"peer","offset":0,"size":44,"form":"struct","type":"socket_peer","count":1},{"name":"service","offset":44,"size":4,"form":"number","type":"","count":1},{"name":"counted","offset":48,"size":4,"form":"number","type":"","count":1},{"name":"watched","offset":52,"size":1,"form":"number","type":"","count":1},{"name":"failed","offset":53,"size":1,"form":"number","type":"","count":1},{"name":"padding","offset":54,"size":2,"form":"bytes","type":"","count":1}]},
    departure: {"size":56,"fields":[{"name":"departed_at","offset":0,"size":8,"form":"number","type":"","count":1},{"name":"seen","offset":8,"size":8,"form":"number","type":"","count":1},{"name":"service","offset":16,"size":16,"form":"bytes","type":"","count":1},{"name":"endpoint","offset":32,"size":20,"form":"struct","type":"endpoint","count":1},{"name":"grace_seconds","offset":52,"size":4,"form":"number","type":"","count":1}]},
    exempt_namespace: {"size":8,"fields":[{"name":"cookie","offset":0,"size":8,"form":"number","type":"","count":1}]},
    frontend: POLICY.structs.frontend,
    frontend_key: POLICY.structs.frontend_key,
    node_address: POLICY.structs.node_address,
    service: POLICY.structs.service,
    service_address: POLICY.structs.service_address,
    service_name: POLICY.structs.service_name,
    service_prefix_key: POLICY.structs.service_prefix_key,
    service_state: POLICY.structs.service_state,
    slot: POLICY.structs.slot,
    slot_key: POLICY.structs.slot_key,
    socket_count: {"size":8,"fields":[{"name":"count","offset":0,"size":8,"form":"number","type":"","count":1}]},
    socket_options: {"size":16,"fields":[{"name":"node_namespace","offset":0,"size":8,"form":"number","type":"","count":1},{"name":"node_only","offset":8,"size":4,"form":"number","type":"","count":1},{"name":"padding","offset":12,"size":4,"form":"number","type":"","count":1}]},
    socket_peers: {"size":356,"fields":[{"name":"peers","offset":0,"size":352,"form":"struct","type":"socket_peer","count":8},{"name":"last","offset":352,"size":4,"form":"number","type":"","count":1}]},
    witness: {"size":4,"fields":[{"name":"failures_left","offset":0,"size":4,"form":"number","type":"","count":1}]},
    witness_key: {"size":16,"fields":[{"name":"client","offset":0,"size":8,"form":"number","type":"","count":1},{"name":"service","offset":8,"size":4,"form":"number","type":"","count":1},{"name":"padding","offset":12,"size":4,"form":"number","type":"","count":1}]},
  },
  enums: {
    socket_tally: {"size":1,"values":{"SOCKET_TALLY_CONNECTED":0,"SOCKET_TALLY_SENT":1,"SOCKET_TALLY_REFUSED":2,"SOCKET_TALLY_FAILED":3,"SOCKET_TALLY_EJECTED":4,"SOCKET_TALLY_RETURNED":5,"SOCKET_TALLY_ENDED":6}},
    treatment: POLICY.enums.treatment,
    frontend_scope: POLICY.enums.frontend_scope,
    node_address_kind: POLICY.enums.node_address_kind,
    scheduler: POLICY.enums.scheduler,
    service_address_kind: POLICY.enums.service_address_kind,
    slot_list: POLICY.enums.slot_list,
  },
  maps: {
    affinities: POLICY.maps.affinities,
    backend_states: POLICY.maps.backend_states,
    backends: POLICY.maps.backends,
    connected_peers: {"type":24,"maxEntries":0,"flags":1,"key":"u32","value":"connected_peer"},
    departures: {"type":1,"maxEntries":65536,"flags":1,"key":"u32","value":"departure"},
    echo_addresses: POLICY.maps.echo_addresses,
    exempt_namespaces: {"type":1,"maxEntries":16384,"flags":1,"key":"exempt_namespace","value":"u32"},
    frontends: POLICY.maps.frontends,
    message_peers: {"type":24,"maxEntries":0,"flags":1,"key":"u32","value":"socket_peers"},
    node_addresses: POLICY.maps.node_addresses,
    service_addresses: POLICY.maps.service_addresses,
    service_names: POLICY.maps.service_names,
    service_prefixes: POLICY.maps.service_prefixes,
    service_states: POLICY.maps.service_states,
    services: POLICY.maps.services,
    slots: POLICY.maps.slots,
    socket_tallies: {"type":6,"maxEntries":7,"flags":0,"key":"u32","value":"socket_count"},
    witnesses: {"type":9,"maxEntries":32768,"flags":0,"key":"witness_key","value":"witness"},
  },
  constants: {
    socket_options: "socket_options",
  },
} as const;
