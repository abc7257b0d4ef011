/** Made by scripts/generate-abi.ts from the BTF of bpf/prog/policy.bpf.c, whose headers say what each field means. Not edited. */
import { bytesAt, type Codec, u32, wordOf } from './codec.ts';

export type Tally = 'allowed' | 'exempt' | 'rejudged' | 'cut' | 'audited' | 'table-full' | 'share-full' | 'events-limited' | 'events-lost' | 'translated' | 'ports-changed' | 'passed-by';
/** A word's number is its index. */
export const TALLY_WORDS: readonly Tally[] = ['allowed', 'exempt', 'rejudged', 'cut', 'audited', 'table-full', 'share-full', 'events-limited', 'events-lost', 'translated', 'ports-changed', 'passed-by'];

export type Direction = 'ingress' | 'egress';
/** A word's number is its index. */
export const DIRECTION_WORDS: readonly Direction[] = ['ingress', 'egress'];

export type FlowState = 'opening' | 'established' | 'closing';
/** A word's number is its index. */
export const FLOW_STATE_WORDS: readonly FlowState[] = ['opening', 'established', 'closing'];

export type FlowOrigin = 'judged' | 'exempt';
/** A word's number is its index. */
export const FLOW_ORIGIN_WORDS: readonly FlowOrigin[] = ['judged', 'exempt'];

export type Translation = 'none' | 'to-backend' | 'to-service' | 'out-and-back' | 'back-and-out' | 'elsewhere';
/** A word's number is its index. */
export const TRANSLATION_WORDS: readonly Translation[] = ['none', 'to-backend', 'to-service', 'out-and-back', 'back-and-out', 'elsewhere'];

export type Treatment = 'pass' | 'cluster' | 'local' | 'reject' | 'drop';
/** A word's number is its index. */
export const TREATMENT_WORDS: readonly Treatment[] = ['pass', 'cluster', 'local', 'reject', 'drop'];

export type FrontendScope = 'exact' | 'host-port' | 'node-port';
/** A word's number is its index. */
export const FRONTEND_SCOPE_WORDS: readonly FrontendScope[] = ['exact', 'host-port', 'node-port'];

export type NameKind = 'policy-class' | 'peer-class' | 'rule';
/** A word's number is its index. */
export const NAME_KIND_WORDS: readonly NameKind[] = ['policy-class', 'peer-class', 'rule'];

export type NodeAddressKind = 'own' | 'served' | 'other';
/** A word's number is its index. */
export const NODE_ADDRESS_KIND_WORDS: readonly NodeAddressKind[] = ['own', 'served', 'other'];

export type EventKind = 'allow' | 'drop' | 'cut' | 'audit';
/** A word's number is its index. */
export const EVENT_KIND_WORDS: readonly EventKind[] = ['allow', 'drop', 'cut', 'audit'];

export type DropReason = 'none' | 'policy' | 'closed' | 'no-verdict' | 'spoofed-source' | 'spoofed-neighbour' | 'rogue-router' | 'malformed' | 'header-chain' | 'source-route' | 'tiny-fragment' | 'overlapping-fragment' | 'unknown-fragment' | 'ethertype' | 'no-endpoint' | 'no-service-port' | 'no-service' | 'no-translation';
/** A word's number is its index. */
export const DROP_REASON_WORDS: readonly DropReason[] = ['none', 'policy', 'closed', 'no-verdict', 'spoofed-source', 'spoofed-neighbour', 'rogue-router', 'malformed', 'header-chain', 'source-route', 'tiny-fragment', 'overlapping-fragment', 'unknown-fragment', 'ethertype', 'no-endpoint', 'no-service-port', 'no-service', 'no-translation'];

export type Scheduler = 'random' | 'turns' | 'client-hash' | 'destination-hash' | 'least-connections' | 'weighted-least-connections' | 'shortest-delay' | 'never-queue';
/** A word's number is its index. */
export const SCHEDULER_WORDS: readonly Scheduler[] = ['random', 'turns', 'client-hash', 'destination-hash', 'least-connections', 'weighted-least-connections', 'shortest-delay', 'never-queue'];

export type ServiceAddressKind = 'cluster-ip' | 'external';
/** A word's number is its index. */
export const SERVICE_ADDRESS_KIND_WORDS: readonly ServiceAddressKind[] = ['cluster-ip', 'external'];

export type SlotList = 'cluster' | 'local';
/** A word's number is its index. */
export const SLOT_LIST_WORDS: readonly SlotList[] = ['cluster', 'local'];

export type SubjectState = 'closed' | 'open' | 'judged';
/** A word's number is its index. */
export const SUBJECT_STATE_WORDS: readonly SubjectState[] = ['closed', 'open', 'judged'];

export type VerdictAction = 'none' | 'deny' | 'allow';
/** A word's number is its index. */
export const VERDICT_ACTION_WORDS: readonly VerdictAction[] = ['none', 'deny', 'allow'];

export interface Affinity {
  readonly lastUsed: number;
  readonly backend: number;
}

export const affinityCodec: Codec<Affinity> = {
  size: 16,
  write(view, at, value) {
    view.setBigUint64(at, BigInt(value.lastUsed), true);
    view.setUint32(at + 8, value.backend, true);
  },
  read: (view, at) => ({
    lastUsed: Number(view.getBigUint64(at, true)),
    backend: view.getUint32(at + 8, true),
  }),
};

export interface AffinityKey {
  readonly client: Uint8Array;
  readonly service: number;
}

export const affinityKeyCodec: Codec<AffinityKey> = {
  size: 20,
  write(view, at, value) {
    bytesAt(view, at, 16).set(value.client);
    view.setUint32(at + 16, value.service, true);
  },
  read: (view, at) => ({
    client: bytesAt(view, at, 16).slice(),
    service: view.getUint32(at + 16, true),
  }),
};

export interface Backend {
  readonly address: Uint8Array;
  readonly service: number;
  readonly since: number;
  readonly port: number;
  readonly weight: number;
  readonly lists: number;
}

export const backendCodec: Codec<Backend> = {
  size: 32,
  write(view, at, value) {
    bytesAt(view, at, 16).set(value.address);
    view.setUint32(at + 16, value.service, true);
    view.setUint32(at + 20, value.since, true);
    view.setUint16(at + 24, value.port);
    view.setUint16(at + 26, value.weight, true);
    view.setUint8(at + 28, value.lists);
  },
  read: (view, at) => ({
    address: bytesAt(view, at, 16).slice(),
    service: view.getUint32(at + 16, true),
    since: view.getUint32(at + 20, true),
    port: view.getUint16(at + 24),
    weight: view.getUint16(at + 26, true),
    lists: view.getUint8(at + 28),
  }),
};

export interface BackendState {
  readonly address: Uint8Array;
  readonly service: number;
  readonly open: number;
  readonly connections: number;
  readonly failuresTotal: number;
  readonly lastFailure: number;
  readonly ejectedUntil: number;
  readonly probed: number;
  readonly failures: number;
  readonly ejections: number;
  readonly port: number;
}

export const backendStateCodec: Codec<BackendState> = {
  size: 80,
  write(view, at, value) {
    bytesAt(view, at, 16).set(value.address);
    view.setUint32(at + 16, value.service, true);
    view.setUint32(at + 20, value.open, true);
    view.setBigUint64(at + 24, BigInt(value.connections), true);
    view.setBigUint64(at + 32, BigInt(value.failuresTotal), true);
    view.setBigUint64(at + 40, BigInt(value.lastFailure), true);
    view.setBigUint64(at + 48, BigInt(value.ejectedUntil), true);
    view.setBigUint64(at + 56, BigInt(value.probed), true);
    view.setUint32(at + 64, value.failures, true);
    view.setUint32(at + 68, value.ejections, true);
    view.setUint16(at + 72, value.port);
  },
  read: (view, at) => ({
    address: bytesAt(view, at, 16).slice(),
    service: view.getUint32(at + 16, true),
    open: view.getUint32(at + 20, true),
    connections: Number(view.getBigUint64(at + 24, true)),
    failuresTotal: Number(view.getBigUint64(at + 32, true)),
    lastFailure: Number(view.getBigUint64(at + 40, true)),
    ejectedUntil: Number(view.getBigUint64(at + 48, true)),
    probed: Number(view.getBigUint64(at + 56, true)),
    failures: view.getUint32(at + 64, true),
    ejections: view.getUint32(at + 68, true),
    port: view.getUint16(at + 72),
  }),
};

export interface Denial {
  readonly seen: number;
}

export const denialCodec: Codec<Denial> = {
  size: 8,
  write(view, at, value) {
    view.setBigUint64(at, BigInt(value.seen), true);
  },
  read: (view, at) => ({
    seen: Number(view.getBigUint64(at, true)),
  }),
};

export interface DropCount {
  readonly packets: readonly [number, number];
}

export const dropCountCodec: Codec<DropCount> = {
  size: 16,
  write(view, at, value) {
    view.setBigUint64(at, BigInt(value.packets[0]), true); view.setBigUint64(at + 8, BigInt(value.packets[1]), true);
  },
  read: (view, at) => ({
    packets: [Number(view.getBigUint64(at, true)), Number(view.getBigUint64(at + 8, true))],
  }),
};

export interface EventRate {
  readonly begun: number;
  readonly admissions: number;
  readonly others: number;
}

export const eventRateCodec: Codec<EventRate> = {
  size: 16,
  write(view, at, value) {
    view.setBigUint64(at, BigInt(value.begun), true);
    view.setUint32(at + 8, value.admissions, true);
    view.setUint32(at + 12, value.others, true);
  },
  read: (view, at) => ({
    begun: Number(view.getBigUint64(at, true)),
    admissions: view.getUint32(at + 8, true),
    others: view.getUint32(at + 12, true),
  }),
};

export interface Ends {
  readonly peer: Uint8Array;
  readonly localPort: number;
  readonly peerPort: number;
}

export const endsCodec: Codec<Ends> = {
  size: 20,
  write(view, at, value) {
    bytesAt(view, at, 16).set(value.peer);
    view.setUint16(at + 16, value.localPort);
    view.setUint16(at + 18, value.peerPort);
  },
  read: (view, at) => ({
    peer: bytesAt(view, at, 16).slice(),
    localPort: view.getUint16(at + 16),
    peerPort: view.getUint16(at + 18),
  }),
};

export interface Flow {
  readonly lastSeen: number;
  readonly packets: readonly [number, number];
  readonly bytes: readonly [number, number];
  readonly revision: number;
  readonly rule: number;
  readonly auditRule: number;
  readonly direction: Direction;
  readonly state: FlowState;
  readonly origin: FlowOrigin;
  readonly translation: Translation;
  readonly other: Ends;
  readonly backend: number;
  readonly passage: number;
}

export const flowCodec: Codec<Flow> = {
  size: 88,
  write(view, at, value) {
    view.setBigUint64(at, BigInt(value.lastSeen), true);
    view.setBigUint64(at + 8, BigInt(value.packets[0]), true); view.setBigUint64(at + 16, BigInt(value.packets[1]), true);
    view.setBigUint64(at + 24, BigInt(value.bytes[0]), true); view.setBigUint64(at + 32, BigInt(value.bytes[1]), true);
    view.setUint32(at + 40, value.revision, true);
    view.setUint32(at + 44, value.rule, true);
    view.setUint32(at + 48, value.auditRule, true);
    view.setUint8(at + 52, DIRECTION_WORDS.indexOf(value.direction));
    view.setUint8(at + 53, FLOW_STATE_WORDS.indexOf(value.state));
    view.setUint8(at + 54, FLOW_ORIGIN_WORDS.indexOf(value.origin));
    view.setUint8(at + 55, TRANSLATION_WORDS.indexOf(value.translation));
    endsCodec.write(view, at + 56, value.other);
    view.setUint32(at + 76, value.backend, true);
    view.setUint32(at + 80, value.passage, true);
  },
  read: (view, at) => ({
    lastSeen: Number(view.getBigUint64(at, true)),
    packets: [Number(view.getBigUint64(at + 8, true)), Number(view.getBigUint64(at + 16, true))],
    bytes: [Number(view.getBigUint64(at + 24, true)), Number(view.getBigUint64(at + 32, true))],
    revision: view.getUint32(at + 40, true),
    rule: view.getUint32(at + 44, true),
    auditRule: view.getUint32(at + 48, true),
    direction: wordOf(DIRECTION_WORDS, view.getUint8(at + 52), 'direction'),
    state: wordOf(FLOW_STATE_WORDS, view.getUint8(at + 53), 'flow_state'),
    origin: wordOf(FLOW_ORIGIN_WORDS, view.getUint8(at + 54), 'flow_origin'),
    translation: wordOf(TRANSLATION_WORDS, view.getUint8(at + 55), 'translation'),
    other: endsCodec.read(view, at + 56),
    backend: view.getUint32(at + 76, true),
    passage: view.getUint32(at + 80, true),
  }),
};

export interface FlowKey {
  readonly local: Uint8Array;
  readonly peer: Uint8Array;
  readonly localPort: number;
  readonly peerPort: number;
  readonly interface: number;
  readonly protocol: number;
  readonly covered: number;
}

export const flowKeyCodec: Codec<FlowKey> = {
  size: 44,
  write(view, at, value) {
    bytesAt(view, at, 16).set(value.local);
    bytesAt(view, at + 16, 16).set(value.peer);
    view.setUint16(at + 32, value.localPort);
    view.setUint16(at + 34, value.peerPort);
    view.setUint32(at + 36, value.interface, true);
    view.setUint8(at + 40, value.protocol);
    view.setUint8(at + 41, value.covered);
  },
  read: (view, at) => ({
    local: bytesAt(view, at, 16).slice(),
    peer: bytesAt(view, at + 16, 16).slice(),
    localPort: view.getUint16(at + 32),
    peerPort: view.getUint16(at + 34),
    interface: view.getUint32(at + 36, true),
    protocol: view.getUint8(at + 40),
    covered: view.getUint8(at + 41),
  }),
};

export interface Fragment {
  readonly seen: number;
  readonly localPort: number;
  readonly peerPort: number;
  readonly end: number;
  readonly protocol: number;
}

export const fragmentCodec: Codec<Fragment> = {
  size: 16,
  write(view, at, value) {
    view.setBigUint64(at, BigInt(value.seen), true);
    view.setUint16(at + 8, value.localPort);
    view.setUint16(at + 10, value.peerPort);
    view.setUint16(at + 12, value.end, true);
    view.setUint8(at + 14, value.protocol);
  },
  read: (view, at) => ({
    seen: Number(view.getBigUint64(at, true)),
    localPort: view.getUint16(at + 8),
    peerPort: view.getUint16(at + 10),
    end: view.getUint16(at + 12, true),
    protocol: view.getUint8(at + 14),
  }),
};

export interface FragmentKey {
  readonly local: Uint8Array;
  readonly peer: Uint8Array;
  readonly interface: number;
  readonly identification: number;
  readonly direction: Direction;
  readonly protocol: number;
}

export const fragmentKeyCodec: Codec<FragmentKey> = {
  size: 44,
  write(view, at, value) {
    bytesAt(view, at, 16).set(value.local);
    bytesAt(view, at + 16, 16).set(value.peer);
    view.setUint32(at + 32, value.interface, true);
    view.setUint32(at + 36, value.identification, true);
    view.setUint8(at + 40, DIRECTION_WORDS.indexOf(value.direction));
    view.setUint8(at + 41, value.protocol);
  },
  read: (view, at) => ({
    local: bytesAt(view, at, 16).slice(),
    peer: bytesAt(view, at + 16, 16).slice(),
    interface: view.getUint32(at + 32, true),
    identification: view.getUint32(at + 36, true),
    direction: wordOf(DIRECTION_WORDS, view.getUint8(at + 40), 'direction'),
    protocol: view.getUint8(at + 41),
  }),
};

export interface Frontend {
  readonly service: number;
  readonly inside: Treatment;
  readonly elsewhere: Treatment;
}

export const frontendCodec: Codec<Frontend> = {
  size: 8,
  write(view, at, value) {
    view.setUint32(at, value.service, true);
    view.setUint8(at + 4, TREATMENT_WORDS.indexOf(value.inside));
    view.setUint8(at + 5, TREATMENT_WORDS.indexOf(value.elsewhere));
  },
  read: (view, at) => ({
    service: view.getUint32(at, true),
    inside: wordOf(TREATMENT_WORDS, view.getUint8(at + 4), 'treatment'),
    elsewhere: wordOf(TREATMENT_WORDS, view.getUint8(at + 5), 'treatment'),
  }),
};

export interface FrontendKey {
  readonly address: Uint8Array;
  readonly port: number;
  readonly protocol: number;
  readonly scope: FrontendScope;
}

export const frontendKeyCodec: Codec<FrontendKey> = {
  size: 20,
  write(view, at, value) {
    bytesAt(view, at, 16).set(value.address);
    view.setUint16(at + 16, value.port);
    view.setUint8(at + 18, value.protocol);
    view.setUint8(at + 19, FRONTEND_SCOPE_WORDS.indexOf(value.scope));
  },
  read: (view, at) => ({
    address: bytesAt(view, at, 16).slice(),
    port: view.getUint16(at + 16),
    protocol: view.getUint8(at + 18),
    scope: wordOf(FRONTEND_SCOPE_WORDS, view.getUint8(at + 19), 'frontend_scope'),
  }),
};

export interface LinkEnds {
  readonly destination: Uint8Array;
  readonly source: Uint8Array;
}

export const linkEndsCodec: Codec<LinkEnds> = {
  size: 12,
  write(view, at, value) {
    bytesAt(view, at, 6).set(value.destination);
    bytesAt(view, at + 6, 6).set(value.source);
  },
  read: (view, at) => ({
    destination: bytesAt(view, at, 6).slice(),
    source: bytesAt(view, at + 6, 6).slice(),
  }),
};

export interface NameKey {
  readonly kind: NameKind;
  readonly number: number;
}

export const nameKeyCodec: Codec<NameKey> = {
  size: 8,
  write(view, at, value) {
    view.setUint32(at, NAME_KIND_WORDS.indexOf(value.kind), true);
    view.setUint32(at + 4, value.number, true);
  },
  read: (view, at) => ({
    kind: wordOf(NAME_KIND_WORDS, view.getUint32(at, true), 'name_kind'),
    number: view.getUint32(at + 4, true),
  }),
};

export interface NodeAddress {
  readonly kind: NodeAddressKind;
}

export const nodeAddressCodec: Codec<NodeAddress> = {
  size: 4,
  write(view, at, value) {
    view.setUint8(at, NODE_ADDRESS_KIND_WORDS.indexOf(value.kind));
  },
  read: (view, at) => ({
    kind: wordOf(NODE_ADDRESS_KIND_WORDS, view.getUint8(at), 'node_address_kind'),
  }),
};

export interface Peer {
  readonly peerClass: readonly [number, number];
}

export const peerCodec: Codec<Peer> = {
  size: 8,
  write(view, at, value) {
    view.setUint32(at, value.peerClass[0], true); view.setUint32(at + 4, value.peerClass[1], true);
  },
  read: (view, at) => ({
    peerClass: [view.getUint32(at, true), view.getUint32(at + 4, true)],
  }),
};

export interface PeerKey {
  readonly prefixLength: number;
  readonly address: Uint8Array;
}

export const peerKeyCodec: Codec<PeerKey> = {
  size: 20,
  write(view, at, value) {
    view.setUint32(at, value.prefixLength, true);
    bytesAt(view, at + 4, 16).set(value.address);
  },
  read: (view, at) => ({
    prefixLength: view.getUint32(at, true),
    address: bytesAt(view, at + 4, 16).slice(),
  }),
};

export interface PolicyEvent {
  readonly time: number;
  readonly local: Uint8Array;
  readonly peer: Uint8Array;
  readonly dialled: Uint8Array;
  readonly localPort: number;
  readonly peerPort: number;
  readonly dialledPort: number;
  readonly protocol: number;
  readonly tcpFlags: number;
  readonly interface: number;
  readonly rule: number;
  readonly auditRule: number;
  readonly length: number;
  readonly direction: Direction;
  readonly kind: EventKind;
  readonly reason: DropReason;
}

export const policyEventCodec: Codec<PolicyEvent> = {
  size: 88,
  write(view, at, value) {
    view.setBigUint64(at, BigInt(value.time), true);
    bytesAt(view, at + 8, 16).set(value.local);
    bytesAt(view, at + 24, 16).set(value.peer);
    bytesAt(view, at + 40, 16).set(value.dialled);
    view.setUint16(at + 56, value.localPort);
    view.setUint16(at + 58, value.peerPort);
    view.setUint16(at + 60, value.dialledPort);
    view.setUint8(at + 62, value.protocol);
    view.setUint8(at + 63, value.tcpFlags);
    view.setUint32(at + 64, value.interface, true);
    view.setUint32(at + 68, value.rule, true);
    view.setUint32(at + 72, value.auditRule, true);
    view.setUint32(at + 76, value.length, true);
    view.setUint8(at + 80, DIRECTION_WORDS.indexOf(value.direction));
    view.setUint8(at + 81, EVENT_KIND_WORDS.indexOf(value.kind));
    view.setUint8(at + 82, DROP_REASON_WORDS.indexOf(value.reason));
  },
  read: (view, at) => ({
    time: Number(view.getBigUint64(at, true)),
    local: bytesAt(view, at + 8, 16).slice(),
    peer: bytesAt(view, at + 24, 16).slice(),
    dialled: bytesAt(view, at + 40, 16).slice(),
    localPort: view.getUint16(at + 56),
    peerPort: view.getUint16(at + 58),
    dialledPort: view.getUint16(at + 60),
    protocol: view.getUint8(at + 62),
    tcpFlags: view.getUint8(at + 63),
    interface: view.getUint32(at + 64, true),
    rule: view.getUint32(at + 68, true),
    auditRule: view.getUint32(at + 72, true),
    length: view.getUint32(at + 76, true),
    direction: wordOf(DIRECTION_WORDS, view.getUint8(at + 80), 'direction'),
    kind: wordOf(EVENT_KIND_WORDS, view.getUint8(at + 81), 'event_kind'),
    reason: wordOf(DROP_REASON_WORDS, view.getUint8(at + 82), 'drop_reason'),
  }),
};

export interface PolicyOptions {
  readonly unknownInterfaceClosed: number;
  readonly flowsPerSubject: number;
  readonly admissionsPerSecond: number;
  readonly eventsPerSecond: number;
  readonly answerDenied: number;
  readonly tcpOpeningSeconds: number;
  readonly tcpEstablishedSeconds: number;
  readonly tcpClosingSeconds: number;
  readonly otherOpeningSeconds: number;
  readonly otherEstablishedSeconds: number;
  readonly hairpinIpv4: Uint8Array;
  readonly hairpinIpv6: Uint8Array;
}

export const policyOptionsCodec: Codec<PolicyOptions> = {
  size: 72,
  write(view, at, value) {
    view.setUint32(at, value.unknownInterfaceClosed, true);
    view.setUint32(at + 4, value.flowsPerSubject, true);
    view.setUint32(at + 8, value.admissionsPerSecond, true);
    view.setUint32(at + 12, value.eventsPerSecond, true);
    view.setUint32(at + 16, value.answerDenied, true);
    view.setUint32(at + 20, value.tcpOpeningSeconds, true);
    view.setUint32(at + 24, value.tcpEstablishedSeconds, true);
    view.setUint32(at + 28, value.tcpClosingSeconds, true);
    view.setUint32(at + 32, value.otherOpeningSeconds, true);
    view.setUint32(at + 36, value.otherEstablishedSeconds, true);
    bytesAt(view, at + 40, 16).set(value.hairpinIpv4);
    bytesAt(view, at + 56, 16).set(value.hairpinIpv6);
  },
  read: (view, at) => ({
    unknownInterfaceClosed: view.getUint32(at, true),
    flowsPerSubject: view.getUint32(at + 4, true),
    admissionsPerSecond: view.getUint32(at + 8, true),
    eventsPerSecond: view.getUint32(at + 12, true),
    answerDenied: view.getUint32(at + 16, true),
    tcpOpeningSeconds: view.getUint32(at + 20, true),
    tcpEstablishedSeconds: view.getUint32(at + 24, true),
    tcpClosingSeconds: view.getUint32(at + 28, true),
    otherOpeningSeconds: view.getUint32(at + 32, true),
    otherEstablishedSeconds: view.getUint32(at + 36, true),
    hairpinIpv4: bytesAt(view, at + 40, 16).slice(),
    hairpinIpv6: bytesAt(view, at + 56, 16).slice(),
  }),
};

export interface PortKey {
  readonly policyClass: number;
  readonly peerClass: number;
  readonly direction: Direction;
  readonly protocol: number;
  readonly port: number;
  readonly bits: number;
}

export const portKeyCodec: Codec<PortKey> = {
  size: 16,
  write(view, at, value) {
    view.setUint32(at, value.policyClass, true);
    view.setUint32(at + 4, value.peerClass, true);
    view.setUint8(at + 8, DIRECTION_WORDS.indexOf(value.direction));
    view.setUint8(at + 9, value.protocol);
    view.setUint16(at + 10, value.port);
    view.setUint8(at + 12, value.bits);
  },
  read: (view, at) => ({
    policyClass: view.getUint32(at, true),
    peerClass: view.getUint32(at + 4, true),
    direction: wordOf(DIRECTION_WORDS, view.getUint8(at + 8), 'direction'),
    protocol: view.getUint8(at + 9),
    port: view.getUint16(at + 10),
    bits: view.getUint8(at + 12),
  }),
};

export interface RuleHits {
  readonly hits: number;
  readonly lastHit: number;
}

export const ruleHitsCodec: Codec<RuleHits> = {
  size: 16,
  write(view, at, value) {
    view.setBigUint64(at, BigInt(value.hits), true);
    view.setBigUint64(at + 8, BigInt(value.lastHit), true);
  },
  read: (view, at) => ({
    hits: Number(view.getBigUint64(at, true)),
    lastHit: Number(view.getBigUint64(at + 8, true)),
  }),
};

export interface Service {
  readonly generation: number;
  readonly slots: readonly [number, number];
  readonly affinitySeconds: number;
  readonly slowStartSeconds: number;
  readonly scheduler: Scheduler;
  readonly ejects: number;
}

export const serviceCodec: Codec<Service> = {
  size: 24,
  write(view, at, value) {
    view.setUint32(at, value.generation, true);
    view.setUint32(at + 4, value.slots[0], true); view.setUint32(at + 8, value.slots[1], true);
    view.setUint32(at + 12, value.affinitySeconds, true);
    view.setUint32(at + 16, value.slowStartSeconds, true);
    view.setUint8(at + 20, SCHEDULER_WORDS.indexOf(value.scheduler));
    view.setUint8(at + 21, value.ejects);
  },
  read: (view, at) => ({
    generation: view.getUint32(at, true),
    slots: [view.getUint32(at + 4, true), view.getUint32(at + 8, true)],
    affinitySeconds: view.getUint32(at + 12, true),
    slowStartSeconds: view.getUint32(at + 16, true),
    scheduler: wordOf(SCHEDULER_WORDS, view.getUint8(at + 20), 'scheduler'),
    ejects: view.getUint8(at + 21),
  }),
};

export interface ServiceAddress {
  readonly kind: ServiceAddressKind;
  readonly pingable: number;
}

export const serviceAddressCodec: Codec<ServiceAddress> = {
  size: 4,
  write(view, at, value) {
    view.setUint8(at, SERVICE_ADDRESS_KIND_WORDS.indexOf(value.kind));
    view.setUint8(at + 1, value.pingable);
  },
  read: (view, at) => ({
    kind: wordOf(SERVICE_ADDRESS_KIND_WORDS, view.getUint8(at), 'service_address_kind'),
    pingable: view.getUint8(at + 1),
  }),
};

export interface ServicePrefixKey {
  readonly prefixLength: number;
  readonly address: Uint8Array;
}

export const servicePrefixKeyCodec: Codec<ServicePrefixKey> = {
  size: 20,
  write(view, at, value) {
    view.setUint32(at, value.prefixLength, true);
    bytesAt(view, at + 4, 16).set(value.address);
  },
  read: (view, at) => ({
    prefixLength: view.getUint32(at, true),
    address: bytesAt(view, at + 4, 16).slice(),
  }),
};

export interface ServiceState {
  readonly turns: readonly [number, number];
  readonly ejecting: number;
}

export const serviceStateCodec: Codec<ServiceState> = {
  size: 24,
  write(view, at, value) {
    view.setBigUint64(at, BigInt(value.turns[0]), true); view.setBigUint64(at + 8, BigInt(value.turns[1]), true);
    view.setUint32(at + 16, value.ejecting, true);
  },
  read: (view, at) => ({
    turns: [Number(view.getBigUint64(at, true)), Number(view.getBigUint64(at + 8, true))],
    ejecting: view.getUint32(at + 16, true),
  }),
};

export interface Slot {
  readonly backend: number;
}

export const slotCodec: Codec<Slot> = {
  size: 4,
  write(view, at, value) {
    view.setUint32(at, value.backend, true);
  },
  read: (view, at) => ({
    backend: view.getUint32(at, true),
  }),
};

export interface SlotKey {
  readonly service: number;
  readonly generation: number;
  readonly slot: number;
  readonly list: SlotList;
}

export const slotKeyCodec: Codec<SlotKey> = {
  size: 16,
  write(view, at, value) {
    view.setUint32(at, value.service, true);
    view.setUint32(at + 4, value.generation, true);
    view.setUint32(at + 8, value.slot, true);
    view.setUint8(at + 12, SLOT_LIST_WORDS.indexOf(value.list));
  },
  read: (view, at) => ({
    service: view.getUint32(at, true),
    generation: view.getUint32(at + 4, true),
    slot: view.getUint32(at + 8, true),
    list: wordOf(SLOT_LIST_WORDS, view.getUint8(at + 12), 'slot_list'),
  }),
};

export interface Subject {
  readonly ipv4: Uint8Array;
  readonly ipv6: Uint8Array;
  readonly policyClass: readonly [number, number];
  readonly state: readonly [SubjectState, SubjectState];
  readonly passable: number;
}

export const subjectCodec: Codec<Subject> = {
  size: 44,
  write(view, at, value) {
    bytesAt(view, at, 16).set(value.ipv4);
    bytesAt(view, at + 16, 16).set(value.ipv6);
    view.setUint32(at + 32, value.policyClass[0], true); view.setUint32(at + 36, value.policyClass[1], true);
    view.setUint8(at + 40, SUBJECT_STATE_WORDS.indexOf(value.state[0])); view.setUint8(at + 41, SUBJECT_STATE_WORDS.indexOf(value.state[1]));
    view.setUint8(at + 42, value.passable);
  },
  read: (view, at) => ({
    ipv4: bytesAt(view, at, 16).slice(),
    ipv6: bytesAt(view, at + 16, 16).slice(),
    policyClass: [view.getUint32(at + 32, true), view.getUint32(at + 36, true)],
    state: [wordOf(SUBJECT_STATE_WORDS, view.getUint8(at + 40), 'subject_state'), wordOf(SUBJECT_STATE_WORDS, view.getUint8(at + 41), 'subject_state')],
    passable: view.getUint8(at + 42),
  }),
};

export interface Sweep {
  readonly removed: number;
  readonly kept: number;
}

export const sweepCodec: Codec<Sweep> = {
  size: 8,
  write(view, at, value) {
    view.setUint32(at, value.removed, true);
    view.setUint32(at + 4, value.kept, true);
  },
  read: (view, at) => ({
    removed: view.getUint32(at, true),
    kept: view.getUint32(at + 4, true),
  }),
};

export interface TallyCount {
  readonly count: number;
}

export const tallyCountCodec: Codec<TallyCount> = {
  size: 8,
  write(view, at, value) {
    view.setBigUint64(at, BigInt(value.count), true);
  },
  read: (view, at) => ({
    count: Number(view.getBigUint64(at, true)),
  }),
};

export interface Usage {
  readonly flows: number;
}

export const usageCodec: Codec<Usage> = {
  size: 4,
  write(view, at, value) {
    view.setUint32(at, value.flows, true);
  },
  read: (view, at) => ({
    flows: view.getUint32(at, true),
  }),
};

export interface Verdict {
  readonly rule: number;
  readonly auditRule: number;
  readonly action: VerdictAction;
}

export const verdictCodec: Codec<Verdict> = {
  size: 12,
  write(view, at, value) {
    view.setUint32(at, value.rule, true);
    view.setUint32(at + 4, value.auditRule, true);
    view.setUint8(at + 8, VERDICT_ACTION_WORDS.indexOf(value.action));
  },
  read: (view, at) => ({
    rule: view.getUint32(at, true),
    auditRule: view.getUint32(at + 4, true),
    action: wordOf(VERDICT_ACTION_WORDS, view.getUint8(at + 8), 'verdict_action'),
  }),
};

export interface VerdictGroup {
  readonly portLengths: number;
  readonly everything: Verdict;
}

export const verdictGroupCodec: Codec<VerdictGroup> = {
  size: 16,
  write(view, at, value) {
    view.setUint32(at, value.portLengths, true);
    verdictCodec.write(view, at + 4, value.everything);
  },
  read: (view, at) => ({
    portLengths: view.getUint32(at, true),
    everything: verdictCodec.read(view, at + 4),
  }),
};

export interface VerdictGroupKey {
  readonly policyClass: number;
  readonly peerClass: number;
  readonly direction: Direction;
}

export const verdictGroupKeyCodec: Codec<VerdictGroupKey> = {
  size: 12,
  write(view, at, value) {
    view.setUint32(at, value.policyClass, true);
    view.setUint32(at + 4, value.peerClass, true);
    view.setUint8(at + 8, DIRECTION_WORDS.indexOf(value.direction));
  },
  read: (view, at) => ({
    policyClass: view.getUint32(at, true),
    peerClass: view.getUint32(at + 4, true),
    direction: wordOf(DIRECTION_WORDS, view.getUint8(at + 8), 'direction'),
  }),
};

/** Keys and values of each map. */
export const TABLES = {
  affinities: { key: affinityKeyCodec, value: affinityCodec },
  backend_states: { key: u32, value: backendStateCodec },
  backends: { key: u32, value: backendCodec },
  denials: { key: flowKeyCodec, value: denialCodec },
  drop_counts: { key: u32, value: dropCountCodec },
  echo_addresses: { key: { size: 16, write: (view, at, value) => bytesAt(view, at, 16).set(value), read: (view, at) => bytesAt(view, at, 16).slice() } satisfies Codec<Uint8Array>, value: { size: 16, write: (view, at, value) => bytesAt(view, at, 16).set(value), read: (view, at) => bytesAt(view, at, 16).slice() } satisfies Codec<Uint8Array> },
  event_rates: { key: u32, value: eventRateCodec },
  flows: { key: flowKeyCodec, value: flowCodec },
  fragments: { key: fragmentKeyCodec, value: fragmentCodec },
  frontends: { key: frontendKeyCodec, value: frontendCodec },
  link_ends: { key: u32, value: linkEndsCodec },
  names: { key: nameKeyCodec, value: { size: 16, write: (view, at, value) => bytesAt(view, at, 16).set(value), read: (view, at) => bytesAt(view, at, 16).slice() } satisfies Codec<Uint8Array> },
  node_addresses: { key: { size: 16, write: (view, at, value) => bytesAt(view, at, 16).set(value), read: (view, at) => bytesAt(view, at, 16).slice() } satisfies Codec<Uint8Array>, value: nodeAddressCodec },
  peer_addresses: { key: { size: 16, write: (view, at, value) => bytesAt(view, at, 16).set(value), read: (view, at) => bytesAt(view, at, 16).slice() } satisfies Codec<Uint8Array>, value: peerCodec },
  peer_prefixes: { key: peerKeyCodec, value: peerCodec },
  port_verdicts: { key: portKeyCodec, value: verdictCodec },
  revision: { key: u32, value: u32 },
  rule_hits: { key: u32, value: ruleHitsCodec },
  service_addresses: { key: { size: 16, write: (view, at, value) => bytesAt(view, at, 16).set(value), read: (view, at) => bytesAt(view, at, 16).slice() } satisfies Codec<Uint8Array>, value: serviceAddressCodec },
  service_names: { key: u32, value: { size: 16, write: (view, at, value) => bytesAt(view, at, 16).set(value), read: (view, at) => bytesAt(view, at, 16).slice() } satisfies Codec<Uint8Array> },
  service_prefixes: { key: servicePrefixKeyCodec, value: u32 },
  service_states: { key: u32, value: serviceStateCodec },
  services: { key: u32, value: serviceCodec },
  slots: { key: slotKeyCodec, value: slotCodec },
  subjects: { key: u32, value: subjectCodec },
  tallies: { key: u32, value: tallyCountCodec },
  usages: { key: u32, value: usageCodec },
  verdict_groups: { key: verdictGroupKeyCodec, value: verdictGroupCodec },
} as const;

/** What these codecs were made from. */
export const LAYOUT = {
  "structs": {
    "address": {
      "size": 16,
      "fields": [
        {
          "name": "bytes",
          "offset": 0,
          "size": 16,
          "form": "bytes",
          "type": "",
          "count": 1
        }
      ]
    },
    "affinity": {
      "size": 16,
      "fields": [
        {
          "name": "last_used",
          "offset": 0,
          "size": 8,
          "form": "number",
          "type": "",
          "count": 1
        },
        {
          "name": "backend",
          "offset": 8,
          "size": 4,
          "form": "number",
          "type": "",
          "count": 1
        },
        {
          "name": "padding",
          "offset": 12,
          "size": 4,
          "form": "number",
          "type": "",
          "count": 1
        }
      ]
    },
    "affinity_key": {
      "size": 20,
      "fields": [
        {
          "name": "client",
          "offset": 0,
          "size": 16,
          "form": "struct",
          "type": "address",
          "count": 1
        },
        {
          "name": "service",
          "offset": 16,
          "size": 4,
          "form": "number",
          "type": "",
          "count": 1
        }
      ]
    },
    "backend": {
      "size": 32,
      "fields": [
        {
          "name": "address",
          "offset": 0,
          "size": 16,
          "form": "struct",
          "type": "address",
          "count": 1
        },
        {
          "name": "service",
          "offset": 16,
          "size": 4,
          "form": "number",
          "type": "",
          "count": 1
        },
        {
          "name": "since",
          "offset": 20,
          "size": 4,
          "form": "number",
          "type": "",
          "count": 1
        },
        {
          "name": "port",
          "offset": 24,
          "size": 2,
          "form": "network",
          "type": "",
          "count": 1
        },
        {
          "name": "weight",
          "offset": 26,
          "size": 2,
          "form": "number",
          "type": "",
          "count": 1
        },
        {
          "name": "lists",
          "offset": 28,
          "size": 1,
          "form": "number",
          "type": "",
          "count": 1
        },
        {
          "name": "padding",
          "offset": 29,
          "size": 3,
          "form": "bytes",
          "type": "",
          "count": 1
        }
      ]
    },
    "backend_state": {
      "size": 80,
      "fields": [
        {
          "name": "address",
          "offset": 0,
          "size": 16,
          "form": "struct",
          "type": "address",
          "count": 1
        },
        {
          "name": "service",
          "offset": 16,
          "size": 4,
          "form": "number",
          "type": "",
          "count": 1
        },
        {
          "name": "open",
          "offset": 20,
          "size": 4,
          "form": "number",
          "type": "",
          "count": 1
        },
        {
          "name": "connections",
          "offset": 24,
          "size": 8,
          "form": "number",
          "type": "",
          "count": 1
        },
        {
          "name": "failures_total",
          "offset": 32,
          "size": 8,
          "form": "number",
          "type": "",
          "count": 1
        },
        {
          "name": "last_failure",
          "offset": 40,
          "size": 8,
          "form": "number",
          "type": "",
          "count": 1
        },
        {
          "name": "ejected_until",
          "offset": 48,
          "size": 8,
          "form": "number",
          "type": "",
          "count": 1
        },
        {
          "name": "probed",
          "offset": 56,
          "size": 8,
          "form": "number",
          "type": "",
          "count": 1
        },
        {
          "name": "failures",
          "offset": 64,
          "size": 4,
          "form": "number",
          "type": "",
          "count": 1
        },
        {
          "name": "ejections",
          "offset": 68,
          "size": 4,
          "form": "number",
          "type": "",
          "count": 1
        },
        {
          "name": "port",
          "offset": 72,
          "size": 2,
          "form": "network",
          "type": "",
          "count": 1
        },
        {
          "name": "padding",
          "offset": 74,
          "size": 6,
          "form": "bytes",
          "type": "",
          "count": 1
        }
      ]
    },
    "denial": {
      "size": 8,
      "fields": [
        {
          "name": "seen",
          "offset": 0,
          "size": 8,
          "form": "number",
          "type": "",
          "count": 1
        }
      ]
    },
    "drop_count": {
      "size": 16,
      "fields": [
        {
          "name": "packets",
          "offset": 0,
          "size": 16,
          "form": "number",
          "type": "",
          "count": 2
        }
      ]
    },
    "event_rate": {
      "size": 16,
      "fields": [
        {
          "name": "begun",
          "offset": 0,
          "size": 8,
          "form": "number",
          "type": "",
          "count": 1
        },
        {
          "name": "admissions",
          "offset": 8,
          "size": 4,
          "form": "number",
          "type": "",
          "count": 1
        },
        {
          "name": "others",
          "offset": 12,
          "size": 4,
          "form": "number",
          "type": "",
          "count": 1
        }
      ]
    },
    "ends": {
      "size": 20,
      "fields": [
        {
          "name": "peer",
          "offset": 0,
          "size": 16,
          "form": "struct",
          "type": "address",
          "count": 1
        },
        {
          "name": "local_port",
          "offset": 16,
          "size": 2,
          "form": "network",
          "type": "",
          "count": 1
        },
        {
          "name": "peer_port",
          "offset": 18,
          "size": 2,
          "form": "network",
          "type": "",
          "count": 1
        }
      ]
    },
    "flow": {
      "size": 88,
      "fields": [
        {
          "name": "last_seen",
          "offset": 0,
          "size": 8,
          "form": "number",
          "type": "",
          "count": 1
        },
        {
          "name": "packets",
          "offset": 8,
          "size": 16,
          "form": "number",
          "type": "",
          "count": 2
        },
        {
          "name": "bytes",
          "offset": 24,
          "size": 16,
          "form": "number",
          "type": "",
          "count": 2
        },
        {
          "name": "revision",
          "offset": 40,
          "size": 4,
          "form": "number",
          "type": "",
          "count": 1
        },
        {
          "name": "rule",
          "offset": 44,
          "size": 4,
          "form": "number",
          "type": "",
          "count": 1
        },
        {
          "name": "audit_rule",
          "offset": 48,
          "size": 4,
          "form": "number",
          "type": "",
          "count": 1
        },
        {
          "name": "direction",
          "offset": 52,
          "size": 1,
          "form": "enum",
          "type": "direction",
          "count": 1
        },
        {
          "name": "state",
          "offset": 53,
          "size": 1,
          "form": "enum",
          "type": "flow_state",
          "count": 1
        },
        {
          "name": "origin",
          "offset": 54,
          "size": 1,
          "form": "enum",
          "type": "flow_origin",
          "count": 1
        },
        {
          "name": "translation",
          "offset": 55,
          "size": 1,
          "form": "enum",
          "type": "translation",
          "count": 1
        },
        {
          "name": "other",
          "offset": 56,
          "size": 20,
          "form": "struct",
          "type": "ends",
          "count": 1
        },
        {
          "name": "backend",
          "offset": 76,
          "size": 4,
          "form": "number",
          "type": "",
          "count": 1
        },
        {
          "name": "passage",
          "offset": 80,
          "size": 4,
          "form": "number",
          "type": "",
          "count": 1
        },
        {
          "name": "padding",
          "offset": 84,
          "size": 4,
          "form": "number",
          "type": "",
          "count": 1
        }
      ]
    },
    "flow_key": {
      "size": 44,
      "fields": [
        {
          "name": "local",
          "offset": 0,
          "size": 16,
          "form": "struct",
          "type": "address",
          "count": 1
        },
        {
          "name": "peer",
          "offset": 16,
          "size": 16,
          "form": "struct",
          "type": "address",
          "count": 1
        },
        {
          "name": "local_port",
          "offset": 32,
          "size": 2,
          "form": "network",
          "type": "",
          "count": 1
        },
        {
          "name": "peer_port",
          "offset": 34,
          "size": 2,
          "form": "network",
          "type": "",
          "count": 1
        },
        {
          "name": "interface",
          "offset": 36,
          "size": 4,
          "form": "number",
          "type": "",
          "count": 1
        },
        {
          "name": "protocol",
          "offset": 40,
          "size": 1,
          "form": "number",
          "type": "",
          "count": 1
        },
        {
          "name": "covered",
          "offset": 41,
          "size": 1,
          "form": "number",
          "type": "",
          "count": 1
        },
        {
          "name": "padding",
          "offset": 42,
          "size": 2,
          "form": "bytes",
          "type": "",
          "count": 1
        }
      ]
    },
    "fragment": {
      "size": 16,
      "fields": [
        {
          "name": "seen",
          "offset": 0,
          "size": 8,
          "form": "number",
          "type": "",
          "count": 1
        },
        {
          "name": "local_port",
          "offset": 8,
          "size": 2,
          "form": "network",
          "type": "",
          "count": 1
        },
        {
          "name": "peer_port",
          "offset": 10,
          "size": 2,
          "form": "network",
          "type": "",
          "count": 1
        },
        {
          "name": "end",
          "offset": 12,
          "size": 2,
          "form": "number",
          "type": "",
          "count": 1
        },
        {
          "name": "protocol",
          "offset": 14,
          "size": 1,
          "form": "number",
          "type": "",
          "count": 1
        },
        {
          "name": "padding",
          "offset": 15,
          "size": 1,
          "form": "number",
          "type": "",
          "count": 1
        }
      ]
    },
    "fragment_key": {
      "size": 44,
      "fields": [
        {
          "name": "local",
          "offset": 0,
          "size": 16,
          "form": "struct",
          "type": "address",
          "count": 1
        },
        {
          "name": "peer",
          "offset": 16,
          "size": 16,
          "form": "struct",
          "type": "address",
          "count": 1
        },
        {
          "name": "interface",
          "offset": 32,
          "size": 4,
          "form": "number",
          "type": "",
          "count": 1
        },
        {
          "name": "identification",
          "offset": 36,
          "size": 4,
          "form": "number",
          "type": "",
          "count": 1
        },
        {
          "name": "direction",
          "offset": 40,
          "size": 1,
          "form": "enum",
          "type": "direction",
          "count": 1
        },
        {
          "name": "protocol",
          "offset": 41,
          "size": 1,
          "form": "number",
          "type": "",
          "count": 1
        },
        {
          "name": "padding",
          "offset": 42,
          "size": 2,
          "form": "bytes",
          "type": "",
          "count": 1
        }
      ]
    },
    "frontend": {
      "size": 8,
      "fields": [
        {
          "name": "service",
          "offset": 0,
          "size": 4,
          "form": "number",
          "type": "",
          "count": 1
        },
        {
          "name": "inside",
          "offset": 4,
          "size": 1,
          "form": "enum",
          "type": "treatment",
          "count": 1
        },
        {
          "name": "elsewhere",
          "offset": 5,
          "size": 1,
          "form": "enum",
          "type": "treatment",
          "count": 1
        },
        {
          "name": "padding",
          "offset": 6,
          "size": 2,
          "form": "bytes",
          "type": "",
          "count": 1
        }
      ]
    },
    "frontend_key": {
      "size": 20,
      "fields": [
        {
          "name": "address",
          "offset": 0,
          "size": 16,
          "form": "struct",
          "type": "address",
          "count": 1
        },
        {
          "name": "port",
          "offset": 16,
          "size": 2,
          "form": "network",
          "type": "",
          "count": 1
        },
        {
          "name": "protocol",
          "offset": 18,
          "size": 1,
          "form": "number",
          "type": "",
          "count": 1
        },
        {
          "name": "scope",
          "offset": 19,
          "size": 1,
          "form": "enum",
          "type": "frontend_scope",
          "count": 1
        }
      ]
    },
    "link_ends": {
      "size": 12,
      "fields": [
        {
          "name": "destination",
          "offset": 0,
          "size": 6,
          "form": "bytes",
          "type": "",
          "count": 1
        },
        {
          "name": "source",
          "offset": 6,
          "size": 6,
          "form": "bytes",
          "type": "",
          "count": 1
        }
      ]
    },
    "name": {
      "size": 16,
      "fields": [
        {
          "name": "digest",
          "offset": 0,
          "size": 16,
          "form": "bytes",
          "type": "",
          "count": 1
        }
      ]
    },
    "name_key": {
      "size": 8,
      "fields": [
        {
          "name": "kind",
          "offset": 0,
          "size": 4,
          "form": "enum",
          "type": "name_kind",
          "count": 1
        },
        {
          "name": "number",
          "offset": 4,
          "size": 4,
          "form": "number",
          "type": "",
          "count": 1
        }
      ]
    },
    "node_address": {
      "size": 4,
      "fields": [
        {
          "name": "kind",
          "offset": 0,
          "size": 1,
          "form": "enum",
          "type": "node_address_kind",
          "count": 1
        },
        {
          "name": "padding",
          "offset": 1,
          "size": 3,
          "form": "bytes",
          "type": "",
          "count": 1
        }
      ]
    },
    "peer": {
      "size": 8,
      "fields": [
        {
          "name": "peer_class",
          "offset": 0,
          "size": 8,
          "form": "number",
          "type": "",
          "count": 2
        }
      ]
    },
    "peer_key": {
      "size": 20,
      "fields": [
        {
          "name": "prefix_length",
          "offset": 0,
          "size": 4,
          "form": "number",
          "type": "",
          "count": 1
        },
        {
          "name": "address",
          "offset": 4,
          "size": 16,
          "form": "struct",
          "type": "address",
          "count": 1
        }
      ]
    },
    "policy_event": {
      "size": 88,
      "fields": [
        {
          "name": "time",
          "offset": 0,
          "size": 8,
          "form": "number",
          "type": "",
          "count": 1
        },
        {
          "name": "local",
          "offset": 8,
          "size": 16,
          "form": "struct",
          "type": "address",
          "count": 1
        },
        {
          "name": "peer",
          "offset": 24,
          "size": 16,
          "form": "struct",
          "type": "address",
          "count": 1
        },
        {
          "name": "dialled",
          "offset": 40,
          "size": 16,
          "form": "struct",
          "type": "address",
          "count": 1
        },
        {
          "name": "local_port",
          "offset": 56,
          "size": 2,
          "form": "network",
          "type": "",
          "count": 1
        },
        {
          "name": "peer_port",
          "offset": 58,
          "size": 2,
          "form": "network",
          "type": "",
          "count": 1
        },
        {
          "name": "dialled_port",
          "offset": 60,
          "size": 2,
          "form": "network",
          "type": "",
          "count": 1
        },
        {
          "name": "protocol",
          "offset": 62,
          "size": 1,
          "form": "number",
          "type": "",
          "count": 1
        },
        {
          "name": "tcp_flags",
          "offset": 63,
          "size": 1,
          "form": "number",
          "type": "",
          "count": 1
        },
        {
          "name": "interface",
          "offset": 64,
          "size": 4,
          "form": "number",
          "type": "",
          "count": 1
        },
        {
          "name": "rule",
          "offset": 68,
          "size": 4,
          "form": "number",
          "type": "",
          "count": 1
        },
        {
          "name": "audit_rule",
          "offset": 72,
          "size": 4,
          "form": "number",
          "type": "",
          "count": 1
        },
        {
          "name": "length",
          "offset": 76,
          "size": 4,
          "form": "number",
          "type": "",
          "count": 1
        },
        {
          "name": "direction",
          "offset": 80,
          "size": 1,
          "form": "enum",
          "type": "direction",
          "count": 1
        },
        {
          "name": "kind",
          "offset": 81,
          "size": 1,
          "form": "enum",
          "type": "event_kind",
          "count": 1
        },
        {
          "name": "reason",
          "offset": 82,
          "size": 1,
          "form": "enum",
          "type": "drop_reason",
          "count": 1
        },
        {
          "name": "padding",
          "offset": 83,
          "size": 5,
          "form": "bytes",
          "type": "",
          "count": 1
        }
      ]
    },
    "policy_options": {
      "size": 72,
      "fields": [
        {
          "name": "unknown_interface_closed",
          "offset": 0,
          "size": 4,
          "form": "number",
          "type": "",
          "count": 1
        },
        {
          "name": "flows_per_subject",
          "offset": 4,
          "size": 4,
          "form": "number",
          "type": "",
          "count": 1
        },
        {
          "name": "admissions_per_second",
          "offset": 8,
          "size": 4,
          "form": "number",
          "type": "",
          "count": 1
        },
        {
          "name": "events_per_second",
          "offset": 12,
          "size": 4,
          "form": "number",
          "type": "",
          "count": 1
        },
        {
          "name": "answer_denied",
          "offset": 16,
          "size": 4,
          "form": "number",
          "type": "",
          "count": 1
        },
        {
          "name": "tcp_opening_seconds",
          "offset": 20,
          "size": 4,
          "form": "number",
          "type": "",
          "count": 1
        },
        {
          "name": "tcp_established_seconds",
          "offset": 24,
          "size": 4,
          "form": "number",
          "type": "",
          "count": 1
        },
        {
          "name": "tcp_closing_seconds",
          "offset": 28,
          "size": 4,
          "form": "number",
          "type": "",
          "count": 1
        },
        {
          "name": "other_opening_seconds",
          "offset": 32,
          "size": 4,
          "form": "number",
          "type": "",
          "count": 1
        },
        {
          "name": "other_established_seconds",
          "offset": 36,
          "size": 4,
          "form": "number",
          "type": "",
          "count": 1
        },
        {
          "name": "hairpin_ipv4",
          "offset": 40,
          "size": 16,
          "form": "struct",
          "type": "address",
          "count": 1
        },
        {
          "name": "hairpin_ipv6",
          "offset": 56,
          "size": 16,
          "form": "struct",
          "type": "address",
          "count": 1
        }
      ]
    },
    "port_key": {
      "size": 16,
      "fields": [
        {
          "name": "policy_class",
          "offset": 0,
          "size": 4,
          "form": "number",
          "type": "",
          "count": 1
        },
        {
          "name": "peer_class",
          "offset": 4,
          "size": 4,
          "form": "number",
          "type": "",
          "count": 1
        },
        {
          "name": "direction",
          "offset": 8,
          "size": 1,
          "form": "enum",
          "type": "direction",
          "count": 1
        },
        {
          "name": "protocol",
          "offset": 9,
          "size": 1,
          "form": "number",
          "type": "",
          "count": 1
        },
        {
          "name": "port",
          "offset": 10,
          "size": 2,
          "form": "network",
          "type": "",
          "count": 1
        },
        {
          "name": "bits",
          "offset": 12,
          "size": 1,
          "form": "number",
          "type": "",
          "count": 1
        },
        {
          "name": "padding",
          "offset": 13,
          "size": 3,
          "form": "bytes",
          "type": "",
          "count": 1
        }
      ]
    },
    "rule_hits": {
      "size": 16,
      "fields": [
        {
          "name": "hits",
          "offset": 0,
          "size": 8,
          "form": "number",
          "type": "",
          "count": 1
        },
        {
          "name": "last_hit",
          "offset": 8,
          "size": 8,
          "form": "number",
          "type": "",
          "count": 1
        }
      ]
    },
    "service": {
      "size": 24,
      "fields": [
        {
          "name": "generation",
          "offset": 0,
          "size": 4,
          "form": "number",
          "type": "",
          "count": 1
        },
        {
          "name": "slots",
          "offset": 4,
          "size": 8,
          "form": "number",
          "type": "",
          "count": 2
        },
        {
          "name": "affinity_seconds",
          "offset": 12,
          "size": 4,
          "form": "number",
          "type": "",
          "count": 1
        },
        {
          "name": "slow_start_seconds",
          "offset": 16,
          "size": 4,
          "form": "number",
          "type": "",
          "count": 1
        },
        {
          "name": "scheduler",
          "offset": 20,
          "size": 1,
          "form": "enum",
          "type": "scheduler",
          "count": 1
        },
        {
          "name": "ejects",
          "offset": 21,
          "size": 1,
          "form": "number",
          "type": "",
          "count": 1
        },
        {
          "name": "padding",
          "offset": 22,
          "size": 2,
          "form": "bytes",
          "type": "",
          "count": 1
        }
      ]
    },
    "service_address": {
      "size": 4,
      "fields": [
        {
          "name": "kind",
          "offset": 0,
          "size": 1,
          "form": "enum",
          "type": "service_address_kind",
          "count": 1
        },
        {
          "name": "pingable",
          "offset": 1,
          "size": 1,
          "form": "number",
          "type": "",
          "count": 1
        },
        {
          "name": "padding",
          "offset": 2,
          "size": 2,
          "form": "bytes",
          "type": "",
          "count": 1
        }
      ]
    },
    "service_name": {
      "size": 16,
      "fields": [
        {
          "name": "digest",
          "offset": 0,
          "size": 16,
          "form": "bytes",
          "type": "",
          "count": 1
        }
      ]
    },
    "service_prefix_key": {
      "size": 20,
      "fields": [
        {
          "name": "prefix_length",
          "offset": 0,
          "size": 4,
          "form": "number",
          "type": "",
          "count": 1
        },
        {
          "name": "address",
          "offset": 4,
          "size": 16,
          "form": "struct",
          "type": "address",
          "count": 1
        }
      ]
    },
    "service_state": {
      "size": 24,
      "fields": [
        {
          "name": "turns",
          "offset": 0,
          "size": 16,
          "form": "number",
          "type": "",
          "count": 2
        },
        {
          "name": "ejecting",
          "offset": 16,
          "size": 4,
          "form": "number",
          "type": "",
          "count": 1
        },
        {
          "name": "padding",
          "offset": 20,
          "size": 4,
          "form": "number",
          "type": "",
          "count": 1
        }
      ]
    },
    "slot": {
      "size": 4,
      "fields": [
        {
          "name": "backend",
          "offset": 0,
          "size": 4,
          "form": "number",
          "type": "",
          "count": 1
        }
      ]
    },
    "slot_key": {
      "size": 16,
      "fields": [
        {
          "name": "service",
          "offset": 0,
          "size": 4,
          "form": "number",
          "type": "",
          "count": 1
        },
        {
          "name": "generation",
          "offset": 4,
          "size": 4,
          "form": "number",
          "type": "",
          "count": 1
        },
        {
          "name": "slot",
          "offset": 8,
          "size": 4,
          "form": "number",
          "type": "",
          "count": 1
        },
        {
          "name": "list",
          "offset": 12,
          "size": 1,
          "form": "enum",
          "type": "slot_list",
          "count": 1
        },
        {
          "name": "padding",
          "offset": 13,
          "size": 3,
          "form": "bytes",
          "type": "",
          "count": 1
        }
      ]
    },
    "subject": {
      "size": 44,
      "fields": [
        {
          "name": "ipv4",
          "offset": 0,
          "size": 16,
          "form": "struct",
          "type": "address",
          "count": 1
        },
        {
          "name": "ipv6",
          "offset": 16,
          "size": 16,
          "form": "struct",
          "type": "address",
          "count": 1
        },
        {
          "name": "policy_class",
          "offset": 32,
          "size": 8,
          "form": "number",
          "type": "",
          "count": 2
        },
        {
          "name": "state",
          "offset": 40,
          "size": 2,
          "form": "enum",
          "type": "subject_state",
          "count": 2
        },
        {
          "name": "passable",
          "offset": 42,
          "size": 1,
          "form": "number",
          "type": "",
          "count": 1
        },
        {
          "name": "padding",
          "offset": 43,
          "size": 1,
          "form": "number",
          "type": "",
          "count": 1
        }
      ]
    },
    "sweep": {
      "size": 8,
      "fields": [
        {
          "name": "removed",
          "offset": 0,
          "size": 4,
          "form": "number",
          "type": "",
          "count": 1
        },
        {
          "name": "kept",
          "offset": 4,
          "size": 4,
          "form": "number",
          "type": "",
          "count": 1
        }
      ]
    },
    "tally_count": {
      "size": 8,
      "fields": [
        {
          "name": "count",
          "offset": 0,
          "size": 8,
          "form": "number",
          "type": "",
          "count": 1
        }
      ]
    },
    "usage": {
      "size": 4,
      "fields": [
        {
          "name": "flows",
          "offset": 0,
          "size": 4,
          "form": "number",
          "type": "",
          "count": 1
        }
      ]
    },
    "verdict": {
      "size": 12,
      "fields": [
        {
          "name": "rule",
          "offset": 0,
          "size": 4,
          "form": "number",
          "type": "",
          "count": 1
        },
        {
          "name": "audit_rule",
          "offset": 4,
          "size": 4,
          "form": "number",
          "type": "",
          "count": 1
        },
        {
          "name": "action",
          "offset": 8,
          "size": 1,
          "form": "enum",
          "type": "verdict_action",
          "count": 1
        },
        {
          "name": "padding",
          "offset": 9,
          "size": 3,
          "form": "bytes",
          "type": "",
          "count": 1
        }
      ]
    },
    "verdict_group": {
      "size": 16,
      "fields": [
        {
          "name": "port_lengths",
          "offset": 0,
          "size": 4,
          "form": "number",
          "type": "",
          "count": 1
        },
        {
          "name": "everything",
          "offset": 4,
          "size": 12,
          "form": "struct",
          "type": "verdict",
          "count": 1
        }
      ]
    },
    "verdict_group_key": {
      "size": 12,
      "fields": [
        {
          "name": "policy_class",
          "offset": 0,
          "size": 4,
          "form": "number",
          "type": "",
          "count": 1
        },
        {
          "name": "peer_class",
          "offset": 4,
          "size": 4,
          "form": "number",
          "type": "",
          "count": 1
        },
        {
          "name": "direction",
          "offset": 8,
          "size": 1,
          "form": "enum",
          "type": "direction",
          "count": 1
        },
        {
          "name": "padding",
          "offset": 9,
          "size": 3,
          "form": "bytes",
          "type": "",
          "count": 1
        }
      ]
    }
  },
  "enums": {
    "tally": {
      "size": 4,
      "values": {
        "TALLY_ALLOWED": 0,
        "TALLY_EXEMPT": 1,
        "TALLY_REJUDGED": 2,
        "TALLY_CUT": 3,
        "TALLY_AUDITED": 4,
        "TALLY_TABLE_FULL": 5,
        "TALLY_SHARE_FULL": 6,
        "TALLY_EVENTS_LIMITED": 7,
        "TALLY_EVENTS_LOST": 8,
        "TALLY_TRANSLATED": 9,
        "TALLY_PORTS_CHANGED": 10,
        "TALLY_PASSED_BY": 11
      }
    },
    "direction": {
      "size": 1,
      "values": {
        "DIRECTION_INGRESS": 0,
        "DIRECTION_EGRESS": 1
      }
    },
    "flow_state": {
      "size": 1,
      "values": {
        "FLOW_OPENING": 0,
        "FLOW_ESTABLISHED": 1,
        "FLOW_CLOSING": 2
      }
    },
    "flow_origin": {
      "size": 1,
      "values": {
        "FLOW_JUDGED": 0,
        "FLOW_EXEMPT": 1
      }
    },
    "translation": {
      "size": 1,
      "values": {
        "TRANSLATION_NONE": 0,
        "TRANSLATION_TO_BACKEND": 1,
        "TRANSLATION_TO_SERVICE": 2,
        "TRANSLATION_OUT_AND_BACK": 3,
        "TRANSLATION_BACK_AND_OUT": 4,
        "TRANSLATION_ELSEWHERE": 5
      }
    },
    "treatment": {
      "size": 1,
      "values": {
        "TREATMENT_PASS": 0,
        "TREATMENT_CLUSTER": 1,
        "TREATMENT_LOCAL": 2,
        "TREATMENT_REJECT": 3,
        "TREATMENT_DROP": 4
      }
    },
    "frontend_scope": {
      "size": 1,
      "values": {
        "FRONTEND_EXACT": 0,
        "FRONTEND_HOST_PORT": 1,
        "FRONTEND_NODE_PORT": 2
      }
    },
    "name_kind": {
      "size": 4,
      "values": {
        "NAME_POLICY_CLASS": 0,
        "NAME_PEER_CLASS": 1,
        "NAME_RULE": 2
      }
    },
    "node_address_kind": {
      "size": 1,
      "values": {
        "NODE_ADDRESS_OWN": 0,
        "NODE_ADDRESS_SERVED": 1,
        "NODE_ADDRESS_OTHER": 2
      }
    },
    "event_kind": {
      "size": 1,
      "values": {
        "EVENT_ALLOW": 0,
        "EVENT_DROP": 1,
        "EVENT_CUT": 2,
        "EVENT_AUDIT": 3
      }
    },
    "drop_reason": {
      "size": 1,
      "values": {
        "DROP_NONE": 0,
        "DROP_POLICY": 1,
        "DROP_CLOSED": 2,
        "DROP_NO_VERDICT": 3,
        "DROP_SPOOFED_SOURCE": 4,
        "DROP_SPOOFED_NEIGHBOUR": 5,
        "DROP_ROGUE_ROUTER": 6,
        "DROP_MALFORMED": 7,
        "DROP_HEADER_CHAIN": 8,
        "DROP_SOURCE_ROUTE": 9,
        "DROP_TINY_FRAGMENT": 10,
        "DROP_OVERLAPPING_FRAGMENT": 11,
        "DROP_UNKNOWN_FRAGMENT": 12,
        "DROP_ETHERTYPE": 13,
        "DROP_NO_ENDPOINT": 14,
        "DROP_NO_SERVICE_PORT": 15,
        "DROP_NO_SERVICE": 16,
        "DROP_NO_TRANSLATION": 17
      }
    },
    "scheduler": {
      "size": 1,
      "values": {
        "SCHEDULER_RANDOM": 0,
        "SCHEDULER_TURNS": 1,
        "SCHEDULER_CLIENT_HASH": 2,
        "SCHEDULER_DESTINATION_HASH": 3,
        "SCHEDULER_LEAST_CONNECTIONS": 4,
        "SCHEDULER_WEIGHTED_LEAST_CONNECTIONS": 5,
        "SCHEDULER_SHORTEST_DELAY": 6,
        "SCHEDULER_NEVER_QUEUE": 7
      }
    },
    "service_address_kind": {
      "size": 1,
      "values": {
        "SERVICE_ADDRESS_CLUSTER_IP": 0,
        "SERVICE_ADDRESS_EXTERNAL": 1
      }
    },
    "slot_list": {
      "size": 1,
      "values": {
        "LIST_CLUSTER": 0,
        "LIST_LOCAL": 1
      }
    },
    "subject_state": {
      "size": 1,
      "values": {
        "SUBJECT_CLOSED": 0,
        "SUBJECT_OPEN": 1,
        "SUBJECT_JUDGED": 2
      }
    },
    "verdict_action": {
      "size": 1,
      "values": {
        "VERDICT_NONE": 0,
        "VERDICT_DENY": 1,
        "VERDICT_ALLOW": 2
      }
    }
  },
  "maps": {
    "affinities": {
      "type": 9,
      "maxEntries": 65536,
      "flags": 0,
      "key": "affinity_key",
      "value": "affinity"
    },
    "backend_states": {
      "type": 1,
      "maxEntries": 524288,
      "flags": 1,
      "key": "u32",
      "value": "backend_state"
    },
    "backends": {
      "type": 1,
      "maxEntries": 524288,
      "flags": 1,
      "key": "u32",
      "value": "backend"
    },
    "denials": {
      "type": 9,
      "maxEntries": 16384,
      "flags": 0,
      "key": "flow_key",
      "value": "denial"
    },
    "drop_counts": {
      "type": 6,
      "maxEntries": 18,
      "flags": 0,
      "key": "u32",
      "value": "drop_count"
    },
    "echo_addresses": {
      "type": 1,
      "maxEntries": 2,
      "flags": 1,
      "key": "address",
      "value": "address"
    },
    "event_rates": {
      "type": 6,
      "maxEntries": 1,
      "flags": 0,
      "key": "u32",
      "value": "event_rate"
    },
    "events": {
      "type": 27,
      "maxEntries": 1048576,
      "flags": 0,
      "key": "",
      "value": ""
    },
    "flows": {
      "type": 1,
      "maxEntries": 524288,
      "flags": 1,
      "key": "flow_key",
      "value": "flow"
    },
    "fragments": {
      "type": 9,
      "maxEntries": 16384,
      "flags": 0,
      "key": "fragment_key",
      "value": "fragment"
    },
    "frontends": {
      "type": 1,
      "maxEntries": 262144,
      "flags": 1,
      "key": "frontend_key",
      "value": "frontend"
    },
    "link_ends": {
      "type": 9,
      "maxEntries": 16384,
      "flags": 0,
      "key": "u32",
      "value": "link_ends"
    },
    "names": {
      "type": 1,
      "maxEntries": 524288,
      "flags": 1,
      "key": "name_key",
      "value": "name"
    },
    "node_addresses": {
      "type": 1,
      "maxEntries": 65536,
      "flags": 1,
      "key": "address",
      "value": "node_address"
    },
    "peer_addresses": {
      "type": 1,
      "maxEntries": 524288,
      "flags": 1,
      "key": "address",
      "value": "peer"
    },
    "peer_prefixes": {
      "type": 11,
      "maxEntries": 1048576,
      "flags": 1,
      "key": "peer_key",
      "value": "peer"
    },
    "port_verdicts": {
      "type": 1,
      "maxEntries": 1048576,
      "flags": 1,
      "key": "port_key",
      "value": "verdict"
    },
    "revision": {
      "type": 2,
      "maxEntries": 1,
      "flags": 0,
      "key": "u32",
      "value": "u32"
    },
    "rule_hits": {
      "type": 1,
      "maxEntries": 262144,
      "flags": 1,
      "key": "u32",
      "value": "rule_hits"
    },
    "service_addresses": {
      "type": 1,
      "maxEntries": 131072,
      "flags": 1,
      "key": "address",
      "value": "service_address"
    },
    "service_names": {
      "type": 1,
      "maxEntries": 131072,
      "flags": 1,
      "key": "u32",
      "value": "service_name"
    },
    "service_prefixes": {
      "type": 11,
      "maxEntries": 1024,
      "flags": 1,
      "key": "service_prefix_key",
      "value": "u32"
    },
    "service_states": {
      "type": 1,
      "maxEntries": 131072,
      "flags": 1,
      "key": "u32",
      "value": "service_state"
    },
    "services": {
      "type": 1,
      "maxEntries": 131072,
      "flags": 1,
      "key": "u32",
      "value": "service"
    },
    "slots": {
      "type": 1,
      "maxEntries": 1048576,
      "flags": 1,
      "key": "slot_key",
      "value": "slot"
    },
    "subjects": {
      "type": 1,
      "maxEntries": 16384,
      "flags": 1,
      "key": "u32",
      "value": "subject"
    },
    "tallies": {
      "type": 6,
      "maxEntries": 12,
      "flags": 0,
      "key": "u32",
      "value": "tally_count"
    },
    "usages": {
      "type": 1,
      "maxEntries": 16384,
      "flags": 1,
      "key": "u32",
      "value": "usage"
    },
    "verdict_groups": {
      "type": 1,
      "maxEntries": 524288,
      "flags": 1,
      "key": "verdict_group_key",
      "value": "verdict_group"
    },
    "workspace": {
      "type": 6,
      "maxEntries": 5,
      "flags": 0,
      "key": "",
      "value": ""
    }
  },
  "constants": {
    "options": "policy_options"
  }
} as const;
