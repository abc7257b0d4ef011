/** Why a connection failed, or who answers on it in the place of an API server: one line each, with what to do. */
import type { IncomingMessage } from 'node:http';
import type { AccessDescription } from './connection.ts';
import { ApiFailure, codeOf, errorMessage } from './failure.ts';

const UNTRUSTED = /CERT|SELF_SIGNED|UNABLE_TO_(?:VERIFY|GET)|ERR_TLS|ERR_SSL|EPROTO/;

/** An error of the connection itself as one line; an ApiFailure stays as it is. */
export function connectionFailure(origin: string, access: AccessDescription, error: unknown): ApiFailure {
  if (error instanceof ApiFailure) return error;
  const message = errorMessage(error);
  const code = codeOf(error);
  const way = access.proxy === null ? '' : ` through the proxy ${access.proxy}`;
  const failed = (what: string, remedy: string) =>
    new ApiFailure(`${origin}${way}: ${what}; ${remedy}`, { cause: error });
  if (/wrong version number|packet length too long/i.test(message)) {
    return failed(
      'the server does not speak TLS',
      "correct the server's URL: another port, or http:// instead of https://",
    );
  }
  if (code === 'ERR_INVALID_CHAR')
    return failed(`${access.credentials} can't be sent (${message})`, 'write it anew, on one line');
  if (code.startsWith('ERR_OSSL')) {
    const which = `${access.credentials}, its key and ${access.authority}`;
    return failed(
      `a certificate or key can't be read (${message})`,
      `check that these are PEM and belong together: ${which}`,
    );
  }
  if (UNTRUSTED.test(code))
    return failed(`no trusted connection (${message})`, trustRemedy(code, access.authority));
  const who = access.proxy === null ? 'the server runs' : 'proxy and server run';
  return failed(`no connection (${message})`, `check that ${who} and can be reached from this node`);
}

function trustRemedy(code: string, authority: string): string {
  switch (code) {
    case 'CERT_HAS_EXPIRED':
      return "renew the server's certificate, or correct this node's clock";
    case 'CERT_NOT_YET_VALID':
      return "correct this node's clock, or the server's certificate";
    case 'ERR_TLS_CERT_ALTNAME_INVALID':
      return "name the server as its certificate does, or set the cluster's tls-server-name in the kubeconfig";
    default:
      return `it is judged by ${authority}: check that it is the server's, and the client certificate`;
  }
}

/** An answer that no API server gives, as one line with its remedy; null: it may be one. */
export function foreignAnswer(origin: string, response: IncomingMessage, body: string): ApiFailure | null {
  const status = response.statusCode ?? 0;
  const type = response.headers['content-type'] ?? '';
  const remedy = "correct the server's URL";
  // Without the status, which means nothing of what it means in an API server.
  const failed = (what: string) => new ApiFailure(`${origin}: ${what}; ${remedy}`);
  if (status >= 300 && status < 400)
    return failed(`no API server: it redirects to ${response.headers.location}`);
  if (status === 400 && /HTTP request to an HTTPS server/i.test(body)) {
    return failed('the server speaks TLS; write https:// instead of http://');
  }
  const good = status >= 200 && status < 300;
  if (!/html/.test(type) && (!good || type === '' || /json/.test(type))) return null;
  const title = /<title>([^<]*)/i.exec(body)?.[1]?.trim();
  const page = title === undefined || title === '' ? '' : ` ${JSON.stringify(title.slice(0, 80))}`;
  return failed(`no API server: it answers ${status} with ${type}${page}`);
}
