import { expect, it } from 'vitest';
import { hasKernelFunction } from '../../src/kernel/kernel-functions.ts';

it('knows functions of this kernel, by their whole names', async () => {
  expect(await hasKernelFunction('tcp_v4_connect')).toBe(true);
  expect(await hasKernelFunction('tcp_v4_connec')).toBe(false);
  expect(await hasKernelFunction('cp_v4_connect')).toBe(false);
});

it('knows none where the kernel does not describe itself', async () => {
  expect(await hasKernelFunction('tcp_v4_connect', '/nowhere')).toBe(false);
});
