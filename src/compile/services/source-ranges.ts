/** spec.loadBalancerSourceRanges and the annotation that turns it into a deny list or widens it (A30, E12, I25). */
import { type Family, familyOf, mergePrefixes } from '../../model/address.ts';
import type { ServiceObject } from '../../model/objects.ts';
import type { FrontendKind, ServiceRows } from '../../model/rows.ts';
import { annotationValue, type Finding } from './problems.ts';

const ANNOTATION = 'weir.dev/source-ranges-policy';

/** How a Service's source ranges are meant. */
export interface SourceGuard {
  readonly policy: 'allow' | 'deny';
  /** Kinds of frontend behind which the ranges are checked; empty when the Service has no ranges. */
  readonly kinds: ReadonlySet<FrontendKind>;
  readonly findings: readonly Finding[];
}

/** What the annotation says. */
interface SourcesPolicy {
  readonly policy: 'allow' | 'deny';
  readonly allTypes: boolean;
}

const LOAD_BALANCER: ReadonlySet<FrontendKind> = new Set(['loadBalancerIP']);
const EXTERNAL: ReadonlySet<FrontendKind> = new Set(['loadBalancerIP', 'externalIP', 'nodePort']);
const NO_KINDS: ReadonlySet<FrontendKind> = new Set();

/** How the Service's source ranges are to be used. `allTypes`: guard every external frontend, not just load-balancer IPs. */
export function sourceGuardOf(service: ServiceObject, allTypes: boolean): SourceGuard {
  const findings: Finding[] = [];
  const { policy, allTypes: wide } = annotationValue<SourcesPolicy>(service, findings, {
    name: ANNOTATION,
    parse: parsePolicy,
    otherwise: { policy: 'allow', allTypes: false },
    effect: 'the source ranges are an allow list for load-balancer IPs',
    remedy: 'use `allow` or `deny`, with `,all-types` to guard node ports and external IPs as well',
  });
  const external = allTypes || wide ? EXTERNAL : LOAD_BALANCER;
  return { policy, kinds: service.loadBalancerSourceRanges.length > 0 ? external : NO_KINDS, findings };
}

/**
 * The ranges of one family. An allow list without a range of this family lets nobody in (a list of IPv4 ranges must
 * not open IPv6 to everybody); a deny list without one is no list.
 */
export function sourceRangesOf(
  service: ServiceObject,
  guard: SourceGuard,
  family: Family,
): ServiceRows['sourceRanges'] {
  if (guard.kinds.size === 0) return null;
  const prefixes = mergePrefixes(
    service.loadBalancerSourceRanges.filter((prefix) => familyOf(prefix) === family),
  );
  return guard.policy === 'deny' && prefixes.length === 0 ? null : { policy: guard.policy, prefixes };
}

function parsePolicy(text: string): SourcesPolicy | undefined {
  const [policy, scope, ...rest] = text.split(',').map((part) => part.trim());
  if (policy !== 'allow' && policy !== 'deny') return undefined;
  if ((scope !== undefined && scope !== 'all-types') || rest.length > 0) return undefined;
  return { policy, allTypes: scope === 'all-types' };
}
