/**
 * Packets that the table logs, as verdicts with the rule that decided: nft logs no numbers, so the rows are asked what they say
 * of such a packet. Hits of rules are counted here as well, for as long as this process lives.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { DROP_REASON_WORDS, EVENT_KIND_WORDS } from '../../../generated/policy.ts';
import { type LoggedPacket, watchPacketLog } from '../../../kernel/packet-log.ts';
import type { Address } from '../../../model/address.ts';
import { protocolFromNumber } from '../../../model/names.ts';
import {
  DIRECTIONS,
  type Direction,
  type PolicyClassName,
  type PolicyRows,
  type RuleName,
  type VerdictRow,
} from '../../../model/policy-rows.ts';
import type { PolicyVerdict, RuleFigure } from '../../policy-backend.ts';
import { decidePolicy, type PolicyTables, policyTables } from '../../policy-decision.ts';
import { type DialledByFlow, dialledBy } from './dialled.ts';
import { LOGGED_BYTES } from './layout.ts';
import { type PacketEnds, packetEnds } from './logged-packet.ts';

/** A number that nobody else is likely to log to. */
export const LOG_GROUP = 22_341;

/** A flow that goes on trying is told again only after this time. */
const QUIET_MS = 30_000;
const MOST_QUIET = 10_000;
const MOST_ATTEMPTS = 5;
const ATTEMPT_EVERY_MS = 40;

export interface VerdictReader {
  /** Whether the kernel logs at all. */
  readonly isOpen: boolean;
  /** The rows changed: packets from now on are asked about in these. */
  follow(rows: PolicyRows): void;
  rules(): readonly RuleFigure[];
  /** Times that packets were logged and lost. */
  lost(): number;
  close(): void;
}

/** Where the table is gone, or netlink fails: verdicts are told without. */
const NOTHING_NOTED: DialledByFlow = new Map();

interface Rows {
  readonly tables: PolicyTables;
  readonly classes: ReadonlyMap<Address, PolicyClassName>;
}

/** A kernel without such a log, or a group that somebody else has, leaves verdicts untold and stops nothing. */
export async function openVerdictReader(
  netns: string | undefined,
  readDialled: () => Promise<DialledByFlow>,
  onVerdict: (verdict: PolicyVerdict) => void,
): Promise<VerdictReader> {
  let rows: PolicyRows | null = null;
  let known: Rows | null = null;
  let lost = 0;
  const hits = new Map<RuleName, RuleFigure>();
  const before = new Map<string, number>();

  const lookUp = (): Rows | null => {
    if (known === null && rows !== null) known = arrange(rows);
    return known;
  };
  const hit = (rule: RuleName, timeMs: number) =>
    hits.set(rule, { rule, hits: (hits.get(rule)?.hits ?? 0) + 1, lastHitMs: timeMs });
  const count = (verdict: PolicyVerdict) => {
    const news = isNews(verdict, before);
    // An open flow is logged whenever it is judged again.
    if (verdict.kind === 'audit' && !news) return;
    if (verdict.rule !== null) hit(verdict.rule, verdict.timeMs);
    if (verdict.auditRule !== null) hit(verdict.auditRule, verdict.timeMs);
    if (news) onVerdict(verdict);
  };
  let isClosed = false;
  let told = Promise.resolve();
  /** In the order of the packets, though some wait for what was dialled. */
  const take = (packets: readonly LoggedPacket[]) => {
    const timeMs = Date.now();
    const verdicts = packets.flatMap((packet) => verdictOf(packet, timeMs, lookUp()) ?? []);
    if (verdicts.length === 0) return;
    const noted = verdicts.some(isSent) ? readDialled().catch(() => NOTHING_NOTED) : NOTHING_NOTED;
    told = Promise.all([noted, told]).then(([known]) => {
      if (isClosed) return;
      for (const verdict of verdicts)
        count(isSent(verdict) ? { ...verdict, dialled: dialledBy(verdict, known) } : verdict);
    });
  };
  const stop = await tryToWatch(netns, (packets) => {
    if (packets === null) lost += 1;
    else take(packets);
  });
  return {
    isOpen: stop !== undefined,
    follow(next) {
      rows = next;
      known = null;
      for (const rule of hits.keys()) if (!next.rules.has(rule)) hits.delete(rule);
    },
    rules: () => [...hits.values()],
    lost: () => lost,
    close() {
      isClosed = true;
      stop?.();
    },
  };
}

/** Who had the group before may be about to leave it. */
async function tryToWatch(
  netns: string | undefined,
  take: (packets: readonly LoggedPacket[] | null) => void,
): Promise<(() => void) | undefined> {
  const place = netns === undefined ? {} : { netns };
  for (let attempt = 1; attempt <= MOST_ATTEMPTS; attempt++) {
    try {
      return watchPacketLog({ group: LOG_GROUP, snap: LOGGED_BYTES, ...place }, take);
    } catch {
      if (attempt < MOST_ATTEMPTS) await sleep(ATTEMPT_EVERY_MS);
    }
  }
  return undefined;
}

function arrange(rows: PolicyRows): Rows {
  const classes = new Map<Address, PolicyClassName>();
  for (const { addresses, policyClass } of rows.subjects.values())
    for (const address of addresses) classes.set(address, policyClass);
  return { tables: policyTables(rows), classes };
}

/** The words of a rule's log prefix are kind, reason and direction. */
function verdictOf(packet: LoggedPacket, timeMs: number, rows: Rows | null): PolicyVerdict | undefined {
  const words = packet.prefix.split(' ');
  const kind = EVENT_KIND_WORDS.find((word) => word === words[0]);
  const reason = DROP_REASON_WORDS.find((word) => word === words[1]);
  const direction = DIRECTIONS.find((word) => word === words[2]);
  const ends = packetEnds(packet.bytes);
  if (kind === undefined || reason === undefined || direction === undefined || ends === undefined)
    return undefined;
  const pod = podEnd(ends, direction);
  const row = reason === 'none' || reason === 'policy' ? decide(rows, ends, direction) : undefined;
  return {
    timeMs,
    kind,
    direction,
    ...pod,
    dialled: null,
    interfaceIndex: direction === 'egress' ? packet.incoming : packet.outgoing,
    protocol: ends.protocol,
    length: ends.length,
    reason,
    rule: row?.rule ?? null,
    auditRule: row?.auditRule ?? null,
  };
}

/** Only who sends has dialled. */
function isSent({ direction }: PolicyVerdict): boolean {
  return direction === 'egress';
}

function podEnd({ source, destination, sourcePort, destinationPort }: PacketEnds, direction: Direction) {
  const [from, to] = [
    { address: source, port: sourcePort },
    { address: destination, port: destinationPort },
  ];
  const [local, peer] = direction === 'egress' ? [from, to] : [to, from];
  return { local: local.address, localPort: local.port, peer: peer.address, peerPort: peer.port };
}

/** undefined: the rows changed since, and have no such pod. */
function decide(rows: Rows | null, ends: PacketEnds, direction: Direction): VerdictRow | undefined {
  const { local, peer } = podEnd(ends, direction);
  const policyClass = rows?.classes.get(local);
  if (rows === null || policyClass === undefined || !rows.tables.rows.classes.has(policyClass))
    return undefined;
  const protocol = protocolFromNumber(ends.protocol);
  return decidePolicy(rows.tables, { policyClass, direction, peer, protocol, port: ends.destinationPort });
}

/** All but what was told of a flow already: its drops not for a while, an audit not while it goes on. */
function isNews(verdict: PolicyVerdict, told: Map<string, number>): boolean {
  if (verdict.kind === 'allow') return true;
  const { kind, direction, local, localPort, peer, peerPort, protocol, timeMs } = verdict;
  const key = [kind, direction, local, localPort, peer, peerPort, protocol].join(' ');
  const before = told.get(key);
  const isQuiet = before !== undefined && timeMs - before < QUIET_MS;
  if (isQuiet && kind !== 'audit') return false;
  if (told.size >= MOST_QUIET) told.clear();
  told.set(key, timeMs);
  return !isQuiet;
}
