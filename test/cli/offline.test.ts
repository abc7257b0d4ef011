import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { weir } from './weir.ts';

const MANIFESTS = `
kind: Node
apiVersion: v1
metadata: {name: n1}
---
kind: Node
apiVersion: v1
metadata: {name: n2}
---
kind: Pod
apiVersion: v1
metadata: {name: web-1, namespace: shop, labels: {app: web}}
spec:
  nodeName: n2
  containers: [{name: web, image: web, ports: [{containerPort: 8080}]}]
---
kind: Service
apiVersion: v1
metadata: {name: web, namespace: shop}
spec:
  selector: {app: web}
  clusterIP: 10.96.0.80
  ports: [{port: 80, targetPort: 8080}]
`;

const BROKEN = `
kind: Service
apiVersion: v1
metadata: {name: broken, namespace: shop}
spec: {ports: [{port: eighty}]}
`;

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'weir-cli-'));
  writeFileSync(join(directory, 'shop.yaml'), MANIFESTS);
});
afterAll(() => rmSync(directory, { recursive: true }));

const instance = ['--instance', 'no-such-instance'];

describe('weir trace', () => {
  it('prints a JSON line per probe with the lab’s fields and the reasons', async () => {
    const probe = ['--from', 'node/n1', '--to', 'svc:shop/web', '--json'];
    const { code, stdout, stderr } = await weir(['trace', '--manifests', directory, ...probe]);
    expect(stderr).toBe('');
    const lines = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines).toEqual([
      expect.objectContaining({
        index: 0,
        from: 'node/n1',
        to: 'svc:shop/web',
        address: '10.96.0.80',
        port: 80,
        protocol: 'tcp',
        verdict: 'allowed',
        service: 'shop/web',
        frontend: 'clusterIP',
        policy: 'Cluster',
        candidates: [expect.stringMatching(/^10\.244\.2\.\d+:8080$/)],
      }),
    ]);
    expect(code).toBe(0);
  });

  it('answers a batch from stdin in its order; a bad line costs only itself and exit code 1', async () => {
    const batch =
      '{"from":"external","to":"svc:shop/web"}\nnonsense\n{"from":"node/n1","to":"svc:shop/none"}\n';
    const argv = ['trace', '--manifests', directory, '--batch', '-', '--json'];
    const { code, stdout } = await weir(argv, { input: batch });
    const lines = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines.map(({ index }) => index)).toEqual([0, 1, 2]);
    expect(lines[0]).toMatchObject({ verdict: 'blocked' });
    expect(lines[1].error).toMatch(/^batch line 2: not JSON/);
    expect(lines[2].error).toMatch(/shop\/none/);
    expect(code).toBe(1);
  });

  it('tells problems of the manifests on stderr, also beside JSON', async () => {
    const bad = join(mkdtempSync(join(directory, 'more-')), 'broken.yaml');
    writeFileSync(bad, BROKEN);
    const probe = ['--from', 'node/n1', '--to', 'svc:shop/web', '--json'];
    const { code, stdout, stderr } = await weir(['trace', '--manifests', directory, ...probe]);
    rmSync(bad);
    expect(JSON.parse(stdout.trim().split('\n')[0] ?? '')).toMatchObject({ verdict: 'allowed' });
    expect(stderr).toMatch(/^error: Service shop\/broken spec\.ports\[0\]\.port: [^\n]+\n$/);
    expect(code).toBe(0);
  });

  it('prints a table for people', async () => {
    const { stdout } = await weir([
      'trace',
      '--manifests',
      directory,
      '--from',
      'node/n1',
      '--to',
      'svc:shop/web',
    ]);
    expect(stdout).toMatch(
      /^FROM +TO +ADDRESS +VERDICT +WHY\nnode\/n1 +svc:shop\/web +10\.96\.0\.80 80 +allowed +shop\/web/,
    );
  });

  it('says which path or batch does not exist', async () => {
    const missing = await weir(['trace', '--manifests', '/nonexistent', '--from', 'a/b', '--to', 'c/d']);
    expect(missing).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^weir: \/nonexistent: no such file/),
    });
    const batch = await weir(['trace', '--manifests', directory, '--batch', '/nonexistent']);
    expect(batch).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^weir: --batch \/nonexistent: ENOENT/),
    });
  });
});

describe('weir plan', () => {
  it('plans for a node against an empty kernel where no agent runs', async () => {
    const argv = ['plan', '--manifests', directory, '--node', 'n2', '--json', ...instance];
    const { code, stdout, stderr } = await weir(argv);
    expect(stderr).toBe('');
    const plan = JSON.parse(stdout);
    expect(plan).toMatchObject({ planned: 'n2', against: 'nothing', empty: false, problems: [] });
    expect(plan.services).toEqual([expect.objectContaining({ action: 'add', row: 'shop/web:/TCP/IPv4' })]);
    expect(code).toBe(0);
  });

  it('prints text for people, and problems of the input as lines on stderr', async () => {
    writeFileSync(join(directory, 'broken.yaml'), BROKEN);
    const { code, stdout, stderr } = await weir(['plan', '--manifests', directory, ...instance]);
    rmSync(join(directory, 'broken.yaml'));
    const [, name] = instance;
    expect(stdout).toContain(
      `Plan for node n1, against an empty kernel (no agent of instance ${name} answers for this node):\n`,
    );
    expect(stdout).toContain('shop/web');
    expect(stdout).toContain('open flows: not known (without an agent)');
    expect(stderr).toMatch(/^error: Service shop\/broken spec\.ports\[0\]\.port: /);
    expect(code).toBe(0);
  });

  it('names the nodes there are when asked for another', async () => {
    const { code, stderr } = await weir(['plan', '--manifests', directory, '--node', 'n9', ...instance]);
    expect(stderr).toBe('weir: --node n9: no such node; the manifests have n1, n2\n');
    expect(code).toBe(1);
  });
});
