/** Proxies on the way to the server: which one the environment asks for, and connections through it. */
import { type Agent, Agent as PlainAgent } from 'node:http';
import { Agent as SecureAgent } from 'node:https';
import { parseAddress, parsePrefix, prefixContains } from '../../model/address.ts';
import { ApiFailure } from './failure.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * URL of the proxy that HTTPS_PROXY (HTTP_PROXY for plain HTTP) and NO_PROXY ask for, as Go's programs read them:
 * networks may be named, and the loopback is always reached directly. null: none.
 */
export function proxyFromEnvironment(server: URL, environment: Environment): string | null {
  const name = server.protocol === 'http:' ? 'HTTP_PROXY' : 'HTTPS_PROXY';
  const proxy = variable(environment, name);
  if (proxy === '' || isDirect(server, variable(environment, 'NO_PROXY'))) return null;
  return proxy.includes('://') ? proxy : `http://${proxy}`;
}

function variable(environment: Environment, name: string): string {
  return (environment[name] || environment[name.toLowerCase()] || '').trim();
}

function isDirect(server: URL, except: string): boolean {
  const host = server.hostname.replace(/^\[|\]$/g, '').toLowerCase();
  if (host === 'localhost' || host === '::1' || host.startsWith('127.')) return true;
  const port = server.port || (server.protocol === 'http:' ? '80' : '443');
  return except
    .split(',')
    .map((entry) => entry.trim().toLowerCase())
    .some((entry) => entry !== '' && matches(entry, host, port));
}

function matches(entry: string, host: string, port: string): boolean {
  if (entry === '*') return true;
  const address = parseAddress(host);
  const network = parsePrefix(entry);
  if (network !== undefined) return address !== undefined && prefixContains(network, address);
  const { name = '', number } = /^\[?(?<name>.*?)\]?(?::(?<number>\d+))?$/.exec(entry)?.groups ?? {};
  // An IPv6 address ends in what looks like a port.
  if (parseAddress(entry) !== undefined) return entry === host;
  if (number !== undefined && number !== port) return false;
  const domain = name.replace(/^\*/, '');
  return domain.startsWith('.') ? host.endsWith(domain) : host === domain || host.endsWith(`.${domain}`);
}

/** How requests get to the server: through an HTTP proxy (CONNECT for TLS), or directly. */
export interface Way {
  /** To be spread into a request's options. */
  readonly agent: { readonly agent?: Agent };
  /** Its host and port, without the password that may stand before them; null: none. */
  readonly proxy: string | null;
}

/**
 * Chooses the way; connections are kept for the next request.
 * @param named the proxy that the configuration itself names, before any of the environment's
 * @throws ApiFailure where the proxy's address is no URL
 */
export function wayTo(server: URL, environment: Environment, named?: string): Way {
  const proxy = named ?? proxyFromEnvironment(server, environment);
  if (proxy === null) return { agent: {}, proxy: null };
  if (!URL.canParse(proxy)) {
    throw new ApiFailure(
      `proxy ${JSON.stringify(proxy)}: not a URL; write it like http://proxy.example:3128`,
    );
  }
  return { agent: { agent: proxyAgent(server, proxy) }, proxy: new URL(proxy).host };
}

function proxyAgent(server: URL, proxy: string): Agent {
  const options = { keepAlive: true, proxyEnv: { HTTP_PROXY: proxy, HTTPS_PROXY: proxy } };
  return server.protocol === 'http:' ? new PlainAgent(options) : new SecureAgent(options);
}
