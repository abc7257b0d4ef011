import { expect, it } from 'vitest';
import { parsed, problemsOf } from './parsing.ts';

it('[A23] a Node keeps the addresses that can be reached, and says which it leaves out', () => {
  const yaml = `apiVersion: v1
kind: Node
metadata: {name: n1}
status:
  addresses:
    - {type: Hostname, address: n1}
    - {type: InternalIP, address: 127.0.0.1}
    - {type: InternalIP, address: 172.31.0.1}
    - {type: ExternalIP, address: "::"}
`;
  expect(parsed('Node', yaml).addresses).toEqual([{ type: 'InternalIP', address: '172.31.0.1' }]);
  expect(problemsOf(yaml).map(({ severity, field, message }) => [severity, field, message])).toEqual([
    ['warning', 'status.addresses[1].address', '127.0.0.1 is a loopback address and left out'],
    ['warning', 'status.addresses[3].address', ':: is an unspecified address and left out'],
  ]);
});

it('[A50] a Node that the cluster autoscaler is about to delete is leaving; other taints mean nothing here', () => {
  const node = (keys: string) =>
    parsed('Node', `{kind: Node, apiVersion: v1, metadata: {name: n1}, spec: {taints: [${keys}]}}`);
  const other = '{key: node.kubernetes.io/not-ready, effect: NoExecute}';
  expect(
    node(`${other}, {key: ToBeDeletedByClusterAutoscaler, value: "1", effect: NoSchedule}`).leaving,
  ).toBe(true);
  expect(node(other)).not.toHaveProperty('leaving');
});
