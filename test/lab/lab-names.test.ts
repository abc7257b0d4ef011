import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  checkLabName,
  controlSocket,
  hardwareAddress,
  linkLocalAddress,
  podCgroup,
  podDevice,
  podNamespace,
} from '../../src/lab/lab-names.ts';

describe('names of a lab', () => {
  it.each(['', 'A', 'a_b', '-a', 'a-', 'a/b', '../x', 'a'.repeat(33)])('refuses %j', (name) => {
    expect(() => checkLabName(name)).toThrow(/is not a lab's name/);
  });

  it.each(['a', 'lab', 'e2e-1'])('takes %j', (name) => {
    expect(() => checkLabName(name)).not.toThrow();
  });

  it('gives a pod the name of the contract', () => {
    expect(podNamespace('x', 'shop', 'web-1', new Set())).toBe('weir-x-p-shop-web-1');
  });

  it('tells pods apart whose names run together', () => {
    const first = podNamespace('x', 'a-b', 'c', new Set());
    expect(podNamespace('x', 'a', 'b-c', new Set([first]))).not.toBe(first);
    expect(podCgroup('x', 'n', 'a-b', 'c')).not.toBe(podCgroup('x', 'n', 'a', 'b-c'));
    expect(podDevice('a-b', 'c')).not.toBe(podDevice('a', 'b-c'));
  });

  it('stays within what the kernel takes, whatever the pod is called', () => {
    const name = fc.stringMatching(/^[a-z0-9]{1,250}$/);
    fc.assert(
      fc.property(name, name, (namespace, pod) => {
        expect(podNamespace('lab', namespace, pod, new Set()).length).toBeLessThan(255);
        expect(controlSocket('a'.repeat(32), `${namespace}/${pod}`).length).toBeLessThan(108);
        expect(podDevice(namespace, pod).length).toBeLessThan(16);
      }),
    );
  });

  it('derives link-local addresses as the kernel does', () => {
    expect(linkLocalAddress('52:54:00:12:34:56')).toBe('fe80::5054:ff:fe12:3456');
  });

  it('makes hardware addresses that are unicast and locally administered', () => {
    const [first = ''] = hardwareAddress('node a').split(':');
    expect(Number.parseInt(first, 16) & 3).toBe(2);
  });
});
