/** What goes wrong between us and an API server, each with what to do about it. */

/** One clear line with its remedy; `cause` is the error behind it, if any. */
export class ApiFailure extends Error {
  /** HTTP status, or that of an ERROR event; null: no answer came. */
  readonly status: number | null;
  /** What the server asked us to wait, milliseconds; null: nothing. */
  readonly retryAfterMs: number | null;

  constructor(message: string, details: FailureDetails = {}) {
    super(message, { cause: details.cause });
    this.name = 'ApiFailure';
    this.status = details.status ?? null;
    this.retryAfterMs = details.retryAfterMs ?? null;
  }
}

export interface FailureDetails {
  readonly status?: number;
  readonly retryAfterMs?: number | null;
  readonly cause?: unknown;
}

/** An error of the connection itself as one line; an ApiFailure stays as it is. */
export function connectionFailure(origin: string, error: unknown): ApiFailure {
  if (error instanceof ApiFailure) return error;
  const message = errorMessage(error);
  const code = codeOf(error);
  if (/CERT|SELF_SIGNED|UNABLE_TO_(?:VERIFY|GET)|ERR_TLS|ERR_SSL|EPROTO/.test(code)) {
    const remedy = 'check the certificate authority, the client certificate and the dates of both';
    return new ApiFailure(`${origin}: no trusted connection (${message}); ${remedy}`, { cause: error });
  }
  const remedy = 'check that the server runs and can be reached from this node';
  return new ApiFailure(`${origin}: no connection (${message}); ${remedy}`, { cause: error });
}

/** An answer other than 200 as one line; `body` is the Status object that API servers send, or any text. */
export function answerFailure(
  resource: string,
  status: number,
  body: string,
  askedMs: number | null,
): ApiFailure {
  const said = `${status}${saidBy(body)}`;
  return new ApiFailure(answerText(resource, status, said), { status, retryAfterMs: askedMs });
}

function answerText(resource: string, status: number, said: string): string {
  switch (status) {
    case 401:
      return `the server refuses our credentials (${said}); renew the token or client certificate of the kubeconfig or ServiceAccount`;
    case 403:
      return `${resource}: may not be listed (${said}); grant get, list and watch on ${resource} to this user by a ClusterRole`;
    case 404:
      return `${resource}: not served (${said}); Weir needs an API server of Kubernetes 1.21 or newer`;
    case 410:
      return `${resource}: our state is too old for the server (${said}); everything is listed again`;
    case 429:
      return `${resource}: the server asks us to wait (${said}); it is tried again`;
    default:
      return `${resource}: the server can't answer (${said}); it is tried again, look into the server's log if it stays`;
  }
}

/** Text of any thrown value, on one line; the parts of an AggregateError where it has no text of its own. */
export function errorMessage(error: unknown): string {
  if (error instanceof AggregateError && error.message === '') {
    return error.errors.map(errorMessage).join(', ');
  }
  return (error instanceof Error ? error.message : String(error)).replaceAll(/\s+/g, ' ').trim();
}

function codeOf(error: unknown): string {
  return typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : '';
}

function saidBy(body: string): string {
  try {
    const status: unknown = JSON.parse(body);
    if (typeof status === 'object' && status !== null && 'message' in status) return `: ${status.message}`;
  } catch {
    // A proxy's page, not a Status: its text says enough.
  }
  const text = body.replaceAll(/\s+/g, ' ').trim();
  return text === '' ? '' : `: ${text.slice(0, 200)}`;
}
