/** Made by scripts/generate-abi.ts from the BTF of bpf/prog/socket.bpf.c, whose headers say what each field means. Not edited. */
import { type Codec, u32 } from './codec.ts';
import { LAYOUT as POLICY } from './policy.ts';

export type SocketTally = 'connected' | 'sent' | 'refused';
/** A word's number is its index. */
export const SOCKET_TALLY_WORDS: readonly SocketTally[] = ['connected', 'sent', 'refused'];

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
  socket_tallies: { key: u32, value: socketCountCodec },
} as const;

/** What these codecs were made from, and what the programs share with those of policy. */
export const LAYOUT = {
  structs: {
    address: POLICY.structs.address,
    affinity: POLICY.structs.affinity,
    affinity_key: POLICY.structs.affinity_key,
    backend: POLICY.structs.backend,
    frontend: POLICY.structs.frontend,
    frontend_key: POLICY.structs.frontend_key,
    node_address: POLICY.structs.node_address,
    service: POLICY.structs.service,
    service_address: POLICY.structs.service_address,
    service_name: POLICY.structs.service_name,
    service_prefix_key: POLICY.structs.service_prefix_key,
    slot: POLICY.structs.slot,
    slot_key: POLICY.structs.slot_key,
    socket_count: {"size":8,"fields":[{"name":"count","offset":0,"size":8,"form":"number","type":"","count":1}]},
    socket_options: {"size":16,"fields":[{"name":"node_namespace","offset":0,"size":8,"form":"number","type":"","count":1},{"name":"node_only","offset":8,"size":4,"form":"number","type":"","count":1},{"name":"padding","offset":12,"size":4,"form":"number","type":"","count":1}]},
    endpoint: {"size":20,"fields":[{"name":"address","offset":0,"size":16,"form":"struct","type":"address","count":1},{"name":"port","offset":16,"size":2,"form":"network","type":"","count":1},{"name":"padding","offset":18,"size":2,"form":"bytes","type":"","count":1}]},
    socket_peer: {"size":44,"fields":[{"name":"dialled","offset":0,"size":20,"form":"struct","type":"endpoint","count":1},{"name":"backend","offset":20,"size":20,"form":"struct","type":"endpoint","count":1},{"name":"number","offset":40,"size":4,"form":"number","type":"","count":1}]},
    socket_peers: {"size":356,"fields":[{"name":"peers","offset":0,"size":352,"form":"struct","type":"socket_peer","count":8},{"name":"last","offset":352,"size":4,"form":"number","type":"","count":1}]},
  },
  enums: {
    socket_tally: {"size":1,"values":{"SOCKET_TALLY_CONNECTED":0,"SOCKET_TALLY_SENT":1,"SOCKET_TALLY_REFUSED":2}},
    treatment: POLICY.enums.treatment,
    frontend_scope: POLICY.enums.frontend_scope,
    node_address_kind: POLICY.enums.node_address_kind,
    service_address_kind: POLICY.enums.service_address_kind,
    slot_list: POLICY.enums.slot_list,
  },
  maps: {
    affinities: POLICY.maps.affinities,
    backends: POLICY.maps.backends,
    connected_peers: {"type":24,"maxEntries":0,"flags":1,"key":"u32","value":"socket_peer"},
    echo_addresses: POLICY.maps.echo_addresses,
    frontends: POLICY.maps.frontends,
    message_peers: {"type":24,"maxEntries":0,"flags":1,"key":"u32","value":"socket_peers"},
    node_addresses: POLICY.maps.node_addresses,
    service_addresses: POLICY.maps.service_addresses,
    service_names: POLICY.maps.service_names,
    service_prefixes: POLICY.maps.service_prefixes,
    services: POLICY.maps.services,
    slots: POLICY.maps.slots,
    socket_tallies: {"type":6,"maxEntries":3,"flags":0,"key":"u32","value":"socket_count"},
  },
  constants: {
    socket_options: "socket_options",
  },
} as const;
