import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { weir } from './weir.ts';

const NAME = `cli${process.pid}`;
const pod = (name: string) => `
apiVersion: v1
kind: Pod
metadata: {name: ${name}, namespace: shop, labels: {app: web}}
spec:
  nodeName: n1
  containers: [{name: web, image: web, ports: [{containerPort: 8080}]}]
---
`;
const CLUSTER = `
apiVersion: v1
kind: Node
metadata: {name: n1}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
---
`;

let directory: string;
const lab = (...argv: readonly string[]) => weir(['lab', argv[0] ?? '', '--name', NAME, ...argv.slice(1)]);
const file = (name: string, text: string): string => {
  writeFileSync(join(directory, name), text);
  return join(directory, name);
};
const jsonLines = (text: string) =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'weir-lab-cli-'));
  const result = await lab('up', '--manifests', file('cluster.yaml', CLUSTER + pod('web-1')), '--json');
  expect(result.stdout, result.stderr).not.toBe('');
  expect(JSON.parse(result.stdout)).toMatchObject({ name: NAME, nodes: 1, pods: 1, problems: [] });
}, 60_000);

afterAll(async () => {
  const { code, stdout } = await lab('down');
  rmSync(directory, { recursive: true });
  expect({ code, stdout }).toEqual({ code: 0, stdout: `lab ${NAME} is gone\n` });
}, 60_000);

describe('weir lab', () => {
  it('probes with flags: a JSON line per family, exit code 0 whatever the verdict', async () => {
    const allowed = await lab(
      'probe',
      '--from',
      'node/n1',
      '--to',
      'svc:shop/web',
      '--family',
      '4',
      '--json',
    );
    expect(jsonLines(allowed.stdout)).toEqual([
      expect.objectContaining({ verdict: 'allowed', answeredBy: 'shop/web-1', port: 80, protocol: 'tcp' }),
    ]);
    const refused = await lab(
      'probe',
      '--from',
      'node/n1',
      '--to',
      'shop/web-1',
      '--port',
      '1',
      '--count',
      '2',
      '--json',
    );
    expect(jsonLines(refused.stdout).map(({ verdict }) => verdict)).toContain('refused');
    expect(refused.code).toBe(0);
  });

  it('probes a batch and exits with 1 when a line can’t be asked', async () => {
    const batch = file(
      'batch.jsonl',
      '{"from":"external","to":"shop/web-1","family":4}\n{"from":"shop/none","to":"pods"}\n',
    );
    const { code, stdout } = await lab('probe', '--batch', batch, '--json');
    const [first, second] = jsonLines(stdout);
    expect(first).toMatchObject({ index: 0, verdict: 'allowed' });
    expect(second).toMatchObject({ index: 1, error: expect.stringContaining('shop/none') });
    expect(code).toBe(1);
    expect((await lab('probe', '--from', 'a', '--to', 'b', '--count', '0')).code).toBe(2);
  });

  it('applies and deletes: the change is in the kernel when the command returns', async () => {
    const more = file('more.yaml', pod('web-2'));
    expect((await lab('apply', '-f', more)).stdout).toBe(`lab ${NAME} has changed: 1 nodes, 2 pods\n`);
    const both = await lab(
      'probe',
      '--from',
      'external',
      '--to',
      'pods',
      '--port',
      '8080',
      '--family',
      '4',
      '--json',
    );
    expect(jsonLines(both.stdout).map(({ answeredBy }) => answeredBy)).toEqual(['shop/web-1', 'shop/web-2']);
    expect((await lab('delete', '-f', more)).stdout).toBe(`lab ${NAME} has changed: 1 nodes, 1 pods\n`);
    const some = await lab('probe', '--from', 'node/n1', '--to', 'svc:shop/web', '--count', '6', '--json');
    expect(new Set(jsonLines(some.stdout).map(({ answeredBy }) => answeredBy))).toEqual(
      new Set(['shop/web-1']),
    );
  });

  it('runs a command as a pod and passes its exit code on', async () => {
    const { stdout } = await lab('exec', 'shop/web-1', '--', 'ip', '-br', 'address', 'show', 'eth0');
    expect(stdout).toContain('10.244.');
    expect((await lab('exec', 'shop/web-1', '--', 'sh', '-c', 'exit 7')).code).toBe(7);
  });

  it('shows nodes, pods, Services and problems', async () => {
    const text = await lab('status');
    expect(text.stdout).toMatch(/^n1 +172\.31\.0\.\d+ .* synced$/m);
    expect(text.stdout).toMatch(/^shop\/web-1 +n1 .* 8080\/TCP +ready$/m);
    expect(text.stdout).toMatch(/^shop\/web +TCP +10\.96\./m);
    const status = JSON.parse((await lab('status', '--json')).stdout);
    expect(status).toMatchObject({ name: NAME, nodes: [{ name: 'n1', agent: { running: true } }] });
    expect(status.services).toHaveLength(1);
    expect(text.code).toBe(0);
  });

  it('refuses a lab that is none with one line and exit code 2', async () => {
    const { code, stderr } = await weir(['lab', 'status', '--name', 'no-such-lab']);
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
    expect(stderr).toMatch(/^weir: .*no-such-lab/);
    expect(code).toBe(2);
  });
});
