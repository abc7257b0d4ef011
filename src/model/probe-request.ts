/**
 * Probes as people ask them: who connects to what. The lab answers them with real packets, `trace` from the rows;
 * both read requests and write lines by the words of this file.
 */
import type { Address } from './address.ts';
import { type NodeName, type ObjectName, type Port, type Protocol, parsePort } from './names.ts';

/** `icmp` is an echo request and has no port. */
export type ProbeProtocol = 'tcp' | 'udp' | 'sctp' | 'icmp';
export const PROBE_PROTOCOLS: readonly ProbeProtocol[] = ['tcp', 'udp', 'sctp', 'icmp'];

/**
 * `allowed`: answered (trace: let through). `blocked`: no answer. `refused`: RST, ABORT or ICMP port unreachable.
 * `unreachable`: another ICMP error, or no route.
 */
export type ProbeVerdict = 'allowed' | 'blocked' | 'refused' | 'unreachable';

/** One line of a batch, or the command line's flags; what was left out is null. */
export interface ProbeRequest {
  /** WHO: `ns/pod`, `node/NAME`, `external`, `external/ADDRESS`, `all`. */
  readonly from: string;
  /** WHAT: `ns/pod`, `pods`, `svc:ns/name`, `nodeport:NODE:PORT`, an address. */
  readonly to: string;
  /** A number, or the name of a Service or container port. */
  readonly port: Port | string | null;
  readonly protocol: ProbeProtocol | null;
  /** Where packets from outside enter. */
  readonly node: NodeName | null;
  readonly family: 4 | 6 | null;
  readonly sourcePort: Port | null;
}

/** A probe that was answered (by packets or by rows). Property order is the order in which it is printed. */
export interface ProbeAnswer {
  /** Position of the request in the input, from 0; several lines share it where a request expands. */
  readonly index: number;
  readonly from: string;
  readonly to: string;
  /** The address dialled. */
  readonly address: Address;
  /** null for icmp. */
  readonly port: Port | null;
  readonly protocol: ProbeProtocol;
  readonly verdict: ProbeVerdict;
  /** `ns/pod`; null when nobody (or, for trace, nobody in particular) answered. */
  readonly answeredBy: ObjectName | null;
  /** Client address as the server saw it. */
  readonly clientSeen: Address | null;
  readonly ms: number;
}

/** A probe that could not be asked: `error` says what is wrong, where, and what to do. */
export interface ProbeFailure {
  readonly index: number;
  readonly from: string;
  readonly to: string;
  readonly address: Address | null;
  readonly port: Port | null;
  readonly protocol: ProbeProtocol | null;
  readonly error: string;
}

export type ProbeLine = ProbeAnswer | ProbeFailure;

/** A request of a batch, or why its line is none. */
export type ParsedRequest = ProbeRequest | { readonly error: string };

const FIELDS = ['from', 'to', 'port', 'protocol', 'node', 'family', 'sourcePort'];

/** Reads a batch: one JSON object per line, empty lines skipped. A bad line becomes an error in its place, never throws. */
export function parseProbeBatch(text: string): readonly ParsedRequest[] {
  const requests: ParsedRequest[] = [];
  for (const [index, line] of text.split('\n').entries()) {
    if (line.trim() === '') continue;
    const parsed = parseProbeLine(line);
    requests.push('error' in parsed ? { error: `batch line ${index + 1}: ${parsed.error}` } : parsed);
  }
  return requests;
}

/** Validates one request given as a JSON value; the error names the field and the remedy. */
export function parseProbeRequest(value: unknown): ParsedRequest {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return {
      error: `${JSON.stringify(value)} is not a JSON object; write {"from": "ns/pod", "to": "svc:ns/name"}`,
    };
  }
  const fields = value as Readonly<Record<string, unknown>>;
  const unknownField = Object.keys(fields).find((name) => !FIELDS.includes(name));
  if (unknownField !== undefined)
    return { error: `${unknownField}: unknown field; use ${FIELDS.join(', ')}` };
  const error = firstError(fields);
  if (error !== null) return { error };
  return {
    from: fields.from as string,
    to: fields.to as string,
    port: (fields.port ?? null) as Port | string | null,
    protocol: (lowerCase(fields.protocol) ?? null) as ProbeProtocol | null,
    node: (fields.node ?? null) as NodeName | null,
    family: (fields.family ?? null) as 4 | 6 | null,
    sourcePort: (fields.sourcePort ?? null) as Port | null,
  };
}

/** The protocol as objects and rows name it; null for icmp. */
export function transportOf(protocol: ProbeProtocol): Protocol | null {
  return protocol === 'icmp' ? null : (protocol.toUpperCase() as Protocol);
}

/** A port given as number or as decimal text (flags are text); undefined when it is a name. */
export function numericPort(port: Port | string): Port | undefined {
  return typeof port === 'number' ? port : /^\d+$/.test(port) ? parsePort(Number(port)) : undefined;
}

function parseProbeLine(line: string): ParsedRequest {
  try {
    return parseProbeRequest(JSON.parse(line));
  } catch (cause) {
    return {
      error: `not JSON (${cause instanceof Error ? cause.message : String(cause)}); write one JSON object per line`,
    };
  }
}

function firstError(fields: Readonly<Record<string, unknown>>): string | null {
  const { from, to, port, protocol, node, family, sourcePort } = fields;
  if (!isText(from))
    return 'from: missing or not text; use ns/pod, node/NAME, external, external/ADDRESS or all';
  if (!isText(to))
    return 'to: missing or not text; use ns/pod, pods, svc:ns/name, nodeport:NODE:PORT or an address';
  if (!isAbsent(port) && !isText(port) && parsePort(port) === undefined) {
    return `port: ${JSON.stringify(port)} is neither a number from 1 to 65535 nor a port name`;
  }
  if (!isAbsent(protocol) && !PROBE_PROTOCOLS.some((known) => known === lowerCase(protocol))) {
    return `protocol: ${JSON.stringify(protocol)} is unknown; use ${PROBE_PROTOCOLS.join(', ')}`;
  }
  if (!isAbsent(node) && !isText(node)) return `node: ${JSON.stringify(node)} is not the name of a node`;
  if (!isAbsent(family) && family !== 4 && family !== 6)
    return `family: ${JSON.stringify(family)} is unknown; use 4 or 6`;
  if (!isAbsent(sourcePort) && parsePort(sourcePort) === undefined) {
    return `sourcePort: ${JSON.stringify(sourcePort)} is not a number from 1 to 65535`;
  }
  return null;
}

function isAbsent(value: unknown): boolean {
  return value === undefined || value === null;
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}

function lowerCase(value: unknown): unknown {
  return typeof value === 'string' ? value.toLowerCase() : value;
}
