/** What network policies allow between pods, with real packets in both families, on one node and across nodes. */
import { describe, expect, it } from 'vitest';
import { node, pod } from './manifests.ts';
import { POLICY_BACKENDS, usePolicyLab } from './policy-lab.ts';
import { namespace, networkPolicy } from './policy-manifests.ts';

const PORTS = [
  { containerPort: 80, name: 'http' },
  { containerPort: 81 },
  { containerPort: 53, protocol: 'UDP' as const },
  { containerPort: 9000, protocol: 'SCTP' as const },
];

describe.each(POLICY_BACKENDS)('policies on %s', (backend) => {
  const lab = usePolicyLab(backend, [
    node('one'),
    node('two'),
    namespace('other', { team: 'blue' }),
    pod('web', { node: 'one', ports: PORTS }),
    pod('near', { node: 'one', ports: [{ containerPort: 80 }] }),
    pod('far', { node: 'two', ports: [{ containerPort: 8080, name: 'http' }] }),
    pod('host', { node: 'one', hostNetwork: true, ports: [{ containerPort: 7000 }] }),
    pod('guest', { namespace: 'other', node: 'two', labels: { app: 'near' } }),
  ]);
  const everyone = ['default/near', 'default/far', 'other/guest'];
  const toWeb = (port = '80') => everyone.map((from) => `${from} > default/web:${port}`);
  /** Who of everyone reaches the port of web. */
  const whoReaches = async (port = '80') => {
    const verdicts = await lab.verdicts(...toWeb(port));
    return everyone.filter((from) => verdicts[`${from} > default/web:${port}`] === 'allowed');
  };

  it('[C1] [C24] without policies all may talk, and selecting a pod isolates it in one direction', async () => {
    expect(await whoReaches()).toEqual(everyone);
    await lab.during([networkPolicy('web', { policyTypes: ['Ingress'] })], async () => {
      expect(await whoReaches()).toEqual([]);
      expect(await lab.verdicts('default/web > default/far:8080', 'default/web > default/near:80')).toEqual({
        'default/web > default/far:8080': 'allowed',
        'default/web > default/near:80': 'allowed',
      });
    });
    expect(await whoReaches()).toEqual(everyone);
  });

  it('[C2] no rule lets nobody in, an empty rule everybody', async () => {
    await lab.during([networkPolicy('web', { ingress: [] })], async () => {
      expect(await whoReaches()).toEqual([]);
    });
    await lab.during([networkPolicy('web', { ingress: [{}] })], async () => {
      expect(await whoReaches()).toEqual(everyone);
    });
  });
});
