import { describe, expect, it } from 'vitest';
import { proxyFromEnvironment } from '../../../src/source/kubernetes/proxy.ts';

const chosen = (server: string, environment: Readonly<Record<string, string>>) =>
  proxyFromEnvironment(new URL(server), environment);

describe('proxyFromEnvironment', () => {
  it.each<[string, Readonly<Record<string, string>>, string | null]>([
    ['https://api.example:6443', {}, null],
    ['https://api.example:6443', { HTTPS_PROXY: 'http://p:3128' }, 'http://p:3128'],
    ['https://api.example:6443', { https_proxy: 'p:3128' }, 'http://p:3128'],
    ['https://api.example:6443', { HTTP_PROXY: 'http://p:3128' }, null],
    ['http://api.example:8080', { HTTP_PROXY: 'http://p:3128' }, 'http://p:3128'],
    ['https://127.0.0.1:6443', { HTTPS_PROXY: 'http://p:3128' }, null],
    ['https://[::1]:6443', { HTTPS_PROXY: 'http://p:3128' }, null],
    ['https://localhost:6443', { HTTPS_PROXY: 'http://p:3128' }, null],
  ])('%s with %j: %j', (server, environment, proxy) => {
    expect(chosen(server, environment)).toBe(proxy);
  });

  it.each<[string, string, boolean]>([
    ['https://api.example', '*', true],
    ['https://api.example', 'example', true],
    ['https://api.example', '.example', true],
    ['https://api.example', '*.example', true],
    ['https://example', '.example', false],
    ['https://myexample', 'example', false],
    ['https://API.example', 'other, api.EXAMPLE', true],
    ['https://api.example:6443', 'api.example:6443', true],
    ['https://api.example:6443', 'api.example:443', false],
    ['https://api.example', 'api.example:443', true],
    ['https://10.96.0.1', '10.96.0.0/12', true],
    ['https://10.1.0.1', '10.96.0.0/12', false],
    ['https://10.96.0.1', '10.96.0.1', true],
    ['https://[fd00::1]:6443', 'fd00::1', true],
    ['https://[fd00::1]:6443', '[fd00::1]:6443', true],
    ['https://[fd00::1]:6443', 'fd00::/64', true],
    ['https://[fd00::1]:6443', 'fd01::/64', false],
    ['https://api.example', '10.96.0.0/12, ', false],
  ])('%s goes around the proxy with NO_PROXY %j: %j', (server, except, direct) => {
    const proxy = chosen(server, { HTTPS_PROXY: 'http://p:3128', NO_PROXY: except });
    expect(proxy).toBe(direct ? null : 'http://p:3128');
  });
});
