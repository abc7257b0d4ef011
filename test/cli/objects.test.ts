import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { weir } from './weir.ts';

const MANIFESTS = `
{kind: Pod, apiVersion: v1, metadata: {name: web-1, namespace: shop, labels: {app: web}}, spec: {containers: [{name: web, image: web}]}}
---
{kind: Service, apiVersion: v1, metadata: {name: web, namespace: shop}, spec: {selector: {app: web}, ports: [{port: 80}]}}
---
{kind: ConfigMap, apiVersion: v1, metadata: {name: settings, namespace: shop}, data: {a: b}}
`;
const BROKEN = '{kind: Service, apiVersion: v1, metadata: {name: broken}, spec: {ports: [{port: eighty}]}}';

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'weir-objects-'));
  writeFileSync(join(directory, 'shop.yaml'), MANIFESTS);
});
afterAll(() => rmSync(directory, { recursive: true }));

interface List {
  readonly kind: string;
  readonly items: readonly {
    readonly kind: string;
    readonly metadata: { readonly name: string };
    readonly spec?: { readonly clusterIP?: string };
  }[];
}

describe('weir objects', () => {
  it('prints a List of all objects, and trace goes where it says', async () => {
    const { code, stdout, stderr } = await weir(['objects', '--manifests', directory, '--json']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const { kind, items } = JSON.parse(stdout) as List;
    expect(kind).toBe('List');
    expect(items.map((item) => `${item.kind} ${item.metadata.name}`)).toEqual([
      'Namespace shop',
      'Node node',
      'Pod web-1',
      'Service web',
      'EndpointSlice web-ipv4-0',
      'ConfigMap settings',
    ]);
    const probe = ['--from', 'shop/web-1', '--to', 'svc:shop/web', '--json'];
    const traced = await weir(['trace', '--manifests', directory, ...probe]);
    const service = items.find((item) => item.kind === 'Service');
    expect(JSON.parse(traced.stdout)).toMatchObject({
      address: service?.spec?.clusterIP,
      verdict: 'allowed',
    });
  });

  it('[E24] gives load balancers addresses of --load-balancer-pools, and trace goes there', async () => {
    const folder = mkdtempSync(join(directory, '..', 'weir-objects-'));
    try {
      const balanced = MANIFESTS.replace('spec: {selector', 'spec: {type: LoadBalancer, selector');
      writeFileSync(join(folder, 'shop.yaml'), balanced);
      const common = ['--manifests', folder, '--load-balancer-pools', '203.0.113.7/32', '--json'];
      const { code, stdout } = await weir(['objects', ...common]);
      expect(code).toBe(0);
      const service = (JSON.parse(stdout) as List).items.find(({ kind }) => kind === 'Service');
      expect(service).toMatchObject({
        status: { loadBalancer: { ingress: [{ ip: '203.0.113.7', ipMode: 'VIP' }] } },
      });
      const probe = ['--from', 'external', '--to', '203.0.113.7', '--port', '80'];
      const traced = await weir(['trace', ...common, ...probe]);
      expect(JSON.parse(traced.stdout)).toMatchObject({ verdict: 'allowed', service: 'shop/web' });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('shows in a table what was filled in', async () => {
    const { code, stdout } = await weir(['objects', '--manifests', directory]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^Service +shop\/web +cluster IPs 10\.96\.\d+\.\d+$/m);
    expect(stdout).toMatch(
      /^EndpointSlice +shop\/web-ipv4-0 +made for Service shop\/web: 1 endpoint \(1 ready\)/m,
    );
    expect(stdout).toMatch(/^ConfigMap +shop\/settings +as written, not used$/m);
  });

  it('leaves out what is refused, says why, and exits with 1', async () => {
    const broken = mkdtempSync(join(tmpdir(), 'weir-objects-'));
    try {
      writeFileSync(join(broken, 'broken.yaml'), BROKEN);
      const { code, stdout, stderr } = await weir(['objects', '--manifests', broken, '--json']);
      expect(code).toBe(1);
      expect((JSON.parse(stdout) as List).items.map(({ kind }) => kind)).toEqual(['Node']);
      expect(stderr).toContain('Service default/broken');
      expect(stderr).toContain('spec.ports[0].port');
    } finally {
      rmSync(broken, { recursive: true });
    }
  });
});
