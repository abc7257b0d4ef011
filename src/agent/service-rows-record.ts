/** What `status` tells of the Service rows that policy programs go by. */
import type { ServiceApplyReport, ServiceFigures } from '../dataplane/bpf/services/dataplane.ts';
import type { Problem } from '../model/objects.ts';
import type { ServiceId } from '../model/rows.ts';

export interface ServiceRowsStatus {
  /** How full the tables are; null: that is not known, for nothing was written yet, or the last attempt failed. */
  readonly tables: ServiceFigures | null;
  /** Ids of Services, addresses and networks that found no room: they stay as they were before. */
  readonly unprogrammed: readonly string[];
  /** Attempts that failed since the agent started. */
  readonly failures: number;
  /** The last attempt's error; null: all is in. */
  readonly lastError: string | null;
}

/** Problems for people: a line for each Service or pod with host ports whose rows found no room. */
export function unprogrammedProblems(report: ServiceApplyReport | null): readonly Problem[] {
  const owners = new Map((report?.unprogrammed ?? []).map((id) => [ownerOf(id).join('/'), ownerOf(id)]));
  return [...owners.values()].map(([kind, namespace, name]) => ({
    severity: 'error',
    object: { kind, namespace, name },
    field: '',
    reason: 'NotProgrammed',
    message:
      'the BPF tables have no room for its rows: pods that policies select, and sockets where it was there before, meet it as it was',
    remedy:
      'have fewer Services or endpoints, or fewer by maglev, or run with --services-backend=nft and --policy-backend=nft',
    file: null,
  }));
}

function ownerOf(id: ServiceId): readonly [kind: 'Pod' | 'Service', namespace: string, name: string] {
  const [place = ''] = id.replace(/^hostport:/, '').split(':');
  const [namespace = '', name = ''] = place.split('/');
  return [id.startsWith('hostport:') ? 'Pod' : 'Service', namespace, name];
}
