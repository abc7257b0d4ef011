/** Probes from flags or from a batch: `weir trace` and `weir lab probe` are asked alike. */
import { readFileSync } from 'node:fs';
import { type ParsedRequest, parseProbeBatch, parseProbeRequest } from '../model/probe-request.ts';
import { CommandFailure, usageFailure } from './exit.ts';

export interface ProbeFlags {
  readonly from?: string;
  readonly to?: string;
  readonly port?: string;
  readonly protocol?: string;
  readonly family?: string;
  readonly node?: string;
  readonly sourcePort?: string;
  readonly batch?: string;
}

/**
 * The requests that the flags ask for: a batch's lines, each good or with its error, or the one of --from and --to.
 * @throws CommandFailure for flags that make no request, or a batch that can't be read
 */
export function readRequests(flags: ProbeFlags): readonly ParsedRequest[] {
  const { batch, ...single } = flags;
  if (batch !== undefined) {
    if (single.from !== undefined || single.to !== undefined) {
      throw usageFailure('--batch and --from/--to exclude each other: give one or the other');
    }
    return parseProbeBatch(readBatch(batch));
  }
  if (single.from === undefined || single.to === undefined) {
    throw usageFailure('give --from WHO and --to WHAT, or --batch FILE');
  }
  const request = parseProbeRequest({
    from: single.from,
    to: single.to,
    port: numberOrText(single.port),
    protocol: single.protocol,
    node: single.node,
    family: numberOrText(single.family),
    sourcePort: numberOrText(single.sourcePort),
  });
  if ('error' in request) throw usageFailure(`--${request.error.replace(/^sourcePort/, 'source-port')}`);
  return [request];
}

function readBatch(path: string): string {
  try {
    return readFileSync(path === '-' ? 0 : path, 'utf8');
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new CommandFailure(`--batch ${path}: ${reason}; name a file with a JSON line per probe`, {
      exitCode: 1,
      cause,
    });
  }
}

function numberOrText(text: string | undefined): number | string | undefined {
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : text;
}
