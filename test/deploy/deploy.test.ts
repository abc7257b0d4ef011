import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { readConfiguration } from '../../src/agent/configuration.ts';
import { WATCHED_KINDS } from '../../src/source/kubernetes/kinds.ts';
import type { DaemonSet, Rendered } from '../container/manifests.ts';
import { structureErrors } from './structure.ts';

const BASE = fileURLToPath(new URL('../../deploy/base', import.meta.url));

const objects = ['access.yaml', 'daemonset.yaml'].flatMap((file) =>
  parseAllDocuments(readFileSync(`${BASE}/${file}`, 'utf8')).map((document) => document.toJS() as Rendered),
);

function objectOf<Kind extends Rendered>(kind: string): Kind {
  const found = objects.find((object) => object.kind === kind);
  if (found === undefined) throw new Error(`no ${kind} in deploy/base`);
  return found as Kind;
}

interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
}

/** `get endpointslices.discovery.k8s.io`, sorted. */
function rights(rules: readonly Rule[]): readonly string[] {
  return rules
    .flatMap(({ apiGroups, resources, verbs }) =>
      apiGroups.flatMap((group) =>
        resources.flatMap((resource) =>
          verbs.map((verb) => `${verb} ${resource}${group === '' ? '' : `.${group}`}`),
        ),
      ),
    )
    .sort();
}

const daemonSet = objectOf<DaemonSet>('DaemonSet');
const [container] = daemonSet.spec.template.spec.containers;
const configuration = readConfiguration({
  flags: { 'hostname-override': 'one' },
  environment: {},
  file: `${BASE}/weir.yaml`,
});

describe('the manifests of deploy/base', () => {
  it.each(objects)('have in $kind only fields that there are', (object) => {
    expect(structureErrors(`V1${object.kind}`, object, object.kind)).toEqual([]);
    expect(structureErrors(`V1${object.kind}`, { ...object, kinds: 1, metadata: [] }, '')).not.toEqual([]);
  });

  it('allow the agent to look at the kinds it follows, to write events, and nothing else', () => {
    const { rules } = objectOf<Rendered & { readonly rules: readonly Rule[] }>('ClusterRole');
    const followed = WATCHED_KINDS.flatMap(({ resource }) =>
      ['get', 'list', 'watch'].map((verb) => `${verb} ${resource}`),
    );
    const events = ['create', 'get', 'patch'].map((verb) => `${verb} events`);
    expect(rights(rules)).toEqual([...followed, ...events].sort());
  });

  it('bind that role to the ServiceAccount of the pods', () => {
    const { name } = objectOf('ServiceAccount').metadata;
    const binding = objectOf('ClusterRoleBinding');
    expect(binding).toMatchObject({
      roleRef: { kind: 'ClusterRole', name: objectOf('ClusterRole').metadata.name },
      subjects: [{ kind: 'ServiceAccount', name, namespace: 'kube-system' }],
    });
    expect(daemonSet.spec.template.spec).toMatchObject({ serviceAccountName: name });
  });

  it('configure an agent that follows the API server', () => {
    expect(configuration).toMatchObject({ source: 'kubernetes', kubeconfig: null });
  });

  it('probe the agent where it answers', () => {
    const probes = (['startupProbe', 'livenessProbe', 'readinessProbe'] as const).map(
      (name) => container[name]?.httpGet,
    );
    const { port } = configuration.healthzBind ?? {};
    expect(probes.map((probe) => probe?.port)).toEqual([port, port, port]);
    // That the API server is away must not end the agent.
    expect(probes.map((probe) => probe?.path)).toEqual(['/livez', '/livez', '/healthz']);
  });
});
