import { describe, expect, it } from 'vitest';
import { createControlPlane } from '../../src/cluster/control-plane.ts';
import { DEFAULT_CLUSTER_OPTIONS } from '../../src/cluster/options.ts';
import type { Prefix } from '../../src/model/address.ts';
import type { Port } from '../../src/model/names.ts';
import type { ObjectChange, ObjectKind, WeirObject } from '../../src/model/objects.ts';
import { follow, ordered } from './clusters.ts';
import { completedOf, manifest, node, objectsOf, pod, service } from './completion.ts';

const set = (object: WeirObject): ObjectChange => ({ type: 'set', object });
const ZONED = (name: string, zone: string) => node(name, `topology.kubernetes.io/zone: ${zone}`);
const WEB = service('web', 'selector: {app: web}, ports: [{port: 80}]');

/** A control plane whose completed objects can be looked at after each step. */
function stepper(options: Partial<typeof DEFAULT_CLUSTER_OPTIONS> = {}) {
  const plane = createControlPlane({ ...DEFAULT_CLUSTER_OPTIONS, ...options });
  const objects = new Map<string, WeirObject>();
  const apply = (changes: readonly ObjectChange[]) => {
    const step = plane.apply(changes);
    return {
      step,
      done: completedOf({
        objects: ordered(follow(objects, step.changes).values()),
        problems: step.problems,
      }),
    };
  };
  return {
    set: (yaml: string) => apply(objectsOf(yaml).map(set)),
    remove: (kind: ObjectKind, name: string) =>
      apply([{ type: 'delete', kind, namespace: kind === 'Node' ? '' : 'default', name }]),
  };
}

describe('one step of the control plane', () => {
  it('tells of a pod only the slices of the Services that select it', () => {
    const cluster = stepper();
    const others = Array.from({ length: 20 }, (_, index) =>
      service(`s${index}`, `selector: {app: a${index}}, ports: [{port: 80}]`),
    );
    cluster.set(node('a') + WEB + others.join('') + pod('p', ''));
    const { step } = cluster.set(pod('q', ''));
    expect(step.changes.map((change) => (change.type === 'set' ? change.object.name : ''))).toEqual([
      'q',
      'web-ipv4-0',
    ]);
    const relabelled = cluster.set(pod('q', '', '', 'labels: {app: a7}'));
    expect(
      relabelled.step.changes.map((change) => (change.type === 'set' ? change.object.name : '')),
    ).toEqual(['q', 's7-ipv4-0', 'web-ipv4-0']);
  });

  it('[A53] renews the hints of topology-mode Services when a node changes its zone or comes without one', () => {
    const cluster = stepper();
    const auto = WEB.replace(
      'name: web',
      'name: web, annotations: {service.kubernetes.io/topology-mode: Auto}',
    );
    const hints = ({ done }: ReturnType<typeof cluster.set>) =>
      done.slices('web').flatMap(({ endpoints }) => endpoints.map(({ hintZones }) => hintZones.join()));
    const first = cluster.set(
      ZONED('a', 'z1') + ZONED('b', 'z2') + auto + pod('p', 'nodeName: a') + pod('q', 'nodeName: b'),
    );
    expect(hints(first)).toEqual(['z1', 'z2']);
    expect(hints(cluster.set(ZONED('b', 'z3')))).toEqual(['z1', 'z3']);
    expect(hints(cluster.set(node('c')))).toEqual(['', '']);
    expect(hints(cluster.remove('Node', 'c'))).toEqual(['z1', 'z3']);
  });

  it('gives endpoints the new zone of their node', () => {
    const cluster = stepper();
    cluster.set(ZONED('a', 'z1') + WEB + pod('p', 'nodeName: a'));
    const { done } = cluster.set(ZONED('a', 'z9'));
    expect(done.slices('web')[0]?.endpoints[0]?.zone).toBe('z9');
  });

  it('makes room for a slice made by hand, and stays where it went when that one goes', () => {
    const cluster = stepper();
    cluster.set(node('a') + WEB + pod('p', ''));
    const slice = manifest('EndpointSlice', 'name: web-ipv4-0', '', 'addressType: IPv4');
    const names = (done: ReturnType<typeof cluster.set>['done']) =>
      done.objects.flatMap(({ kind, name, labels }) =>
        kind === 'EndpointSlice'
          ? `${name} ${'kubernetes.io/service-name' in labels ? 'made' : 'by hand'}`
          : [],
      );
    expect(names(cluster.set(slice).done)).toEqual(['web-ipv4-0 by hand', 'web-ipv4-1 made']);
    expect(names(cluster.remove('EndpointSlice', 'web-ipv4-0').done)).toEqual(['web-ipv4-1 made']);
  });

  it('[A13] tells of one pod among hundreds only the slice that it is in', () => {
    const cluster = stepper();
    const names = Array.from({ length: 250 }, (_, index) => `p${index}`);
    const pods = names.map((name) => pod(name, '')).join('');
    cluster.set(node('a', '', 'podCIDRs: [10.244.0.0/16]') + WEB + pods);
    const slicesOf = ({ step }: ReturnType<typeof cluster.set>) =>
      step.changes.flatMap((change) => {
        const { kind, name } = change.type === 'set' ? change.object : change;
        return kind === 'EndpointSlice' ? [name] : [];
      });
    expect(slicesOf(cluster.remove('Pod', 'p0'))).toEqual(['web-ipv4-0']);
    expect(slicesOf(cluster.set(pod('p99', '', 'conditions: [{type: Ready, status: "False"}]')))).toEqual([
      'web-ipv4-2',
    ]);
    // The first slice has room for one, but the last also has, and the fullest that has room is taken.
    expect(slicesOf(cluster.set(pod('a', '')))).toEqual(['web-ipv4-0']);
    expect(slicesOf(cluster.set(pod('b', '')))).toEqual(['web-ipv4-2']);
  });

  it('keeps a slice made by hand whose name was in use when the Service loses its pods in the same step', () => {
    const cluster = stepper();
    cluster.set(node('a') + WEB + pod('p', ''));
    const slice = manifest('EndpointSlice', 'name: web-ipv4-0', '', 'addressType: IPv4');
    const { done } = cluster.set(slice + pod('p', '', '', 'labels: {app: none}'));
    const slices = done.objects.flatMap((object) => (object.kind === 'EndpointSlice' ? object : []));
    expect(slices.map(({ name, service: owner }) => [name, owner])).toEqual([
      ['web-ipv4-0', null],
      ['web-ipv4-1', 'default/web'],
    ]);
  });

  it('[A65] brings the younger Service into effect when the elder gives up its cluster IP', () => {
    const cluster = stepper();
    const claim = 'ports: [{port: 80}], clusterIP: 10.96.0.7';
    const first = cluster.set(service('a', claim) + service('b', claim));
    expect(first.done.service('b')).toBeUndefined();
    const { done } = cluster.remove('Service', 'a');
    expect(done.service('b')?.clusterIps).toEqual(['10.96.0.7']);
    expect(done.problems).toEqual([]);
  });

  it('removes what it made with the Service, and the namespace that nothing uses any more', () => {
    const cluster = stepper();
    cluster.set(node('a') + WEB + pod('p', ''));
    cluster.remove('Service', 'web');
    const { done } = cluster.remove('Pod', 'p');
    expect(done.objects.map(({ kind, name }) => `${kind} ${name}`)).toEqual(['Node a']);
  });

  it('[A22] ends where two Services lack one node port each, and serves the other when one of them goes', () => {
    const cluster = stepper({ nodePortRange: [30000 as Port, 30002 as Port] });
    const exposed = (name: string) =>
      service(name, 'type: NodePort, ports: [{name: a, port: 80}, {name: b, port: 81}]');
    const { done } = cluster.set(exposed('a') + exposed('b'));
    expect(done.findings()).toEqual(['error NodePortsExhausted Service b spec.ports']);
    const both = cluster.set(service('c', 'type: NodePort, ports: [{port: 80, nodePort: 30000}]')).done;
    expect([both.service('a')?.ports, both.service('b')?.ports].filter(Boolean)).toHaveLength(1);
    cluster.remove('Service', 'c');
    const last = cluster.remove('Service', both.service('a') === undefined ? 'b' : 'a').done;
    expect(last.findings()).toEqual([]);
    expect(last.service('b') ?? last.service('a')).toMatchObject({ ports: { length: 2 } });
  });

  it('gives a Service the node port that another one gave back', () => {
    const cluster = stepper({ nodePortRange: [30000 as Port, 30000 as Port] });
    const exposed = (name: string) => service(name, 'type: NodePort, ports: [{port: 80}]');
    expect(cluster.set(exposed('a') + exposed('b')).done.service('b')).toBeUndefined();
    const { done } = cluster.remove('Service', 'a');
    expect(done.service('b')?.ports[0]?.nodePort).toBe(30000);
    expect(done.findings()).toEqual([]);
  });

  it('[A64] leaves the first family alone when the second comes and goes', () => {
    // Of so few addresses each Service may have got another one than its name asks for.
    const cluster = stepper({
      serviceCidrs: ['10.96.0.0/29', 'fd96::/125'] as readonly string[] as readonly Prefix[],
    });
    const web = (more: string) => service('web', `ports: [{port: 80}]${more}`);
    const others = ['a', 'b', 'c'].map((name) => service(name, 'ports: [{port: 80}]')).join('');
    cluster.set(others);
    const single = cluster.set(web('')).done.service('web');
    const dual = cluster.set(web(', ipFamilyPolicy: RequireDualStack')).done.service('web');
    expect(dual).toMatchObject({ ipFamilies: ['IPv4', 'IPv6'], clusterIps: { length: 2 } });
    expect(dual?.clusterIps[0]).toBe(single?.clusterIps[0]);
    expect(cluster.set(web(', ipFamilyPolicy: SingleStack')).done.service('web')?.clusterIps).toEqual(
      single?.clusterIps,
    );
  });

  it('[A63] gives cluster IPs of both families as soon as the scarce one has a free one, whichever comes first', () => {
    const scarce = { serviceCidrs: ['10.96.0.0/16', 'fd96::/126'] as readonly string[] as readonly Prefix[] };
    for (const families of ['[IPv6, IPv4]', '[IPv4, IPv6]']) {
      const cluster = stepper(scarce);
      const dual = (name: string) =>
        service(name, `ports: [{port: 80}], ipFamilyPolicy: RequireDualStack, ipFamilies: ${families}`);
      const { done } = cluster.set(dual('a') + dual('b') + dual('c'));
      expect(done.findings()).toEqual(['error AddressesExhausted Service c spec.clusterIPs']);
      expect(cluster.remove('Service', 'a').done.service('c')?.clusterIps).toHaveLength(2);
    }
  });
});
