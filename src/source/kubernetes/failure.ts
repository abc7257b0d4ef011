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

/** What a request is about, as its failures name it. */
export interface ApiTarget {
  readonly kind: string;
  readonly apiVersion: string;
  /** As RBAC names it, with its group: `endpointslices.discovery.k8s.io`. */
  readonly resource: string;
  /** What we do with it; `get`, `list` and `watch` where absent. */
  readonly verbs?: readonly string[];
}

/** An answer that is no success. */
export interface Refusal {
  readonly status: number;
  /** The Status object that API servers send, or any text. */
  readonly body: string;
  /** What the server asked us to wait, milliseconds; null: nothing. */
  readonly retryAfterMs: number | null;
  /** What we showed the server, for a person; `our credentials` where that is not known. */
  readonly credentials?: string;
}

/** An answer other than success as one line. */
export function answerFailure(target: ApiTarget, refusal: Refusal): ApiFailure {
  const { status, retryAfterMs } = refusal;
  return new ApiFailure(answerText(target, refusal), { status, retryAfterMs });
}

function answerText(target: ApiTarget, { status, body, credentials = 'our credentials' }: Refusal): string {
  const { resource, kind, apiVersion } = target;
  const said = `${status}${saidBy(body)}`;
  switch (status) {
    case 401:
      return `the server refuses ${credentials} (${said}); renew the token or client certificate of the kubeconfig or ServiceAccount`;
    case 403:
      return `${resource}: not allowed (${said}); grant it to this user by a ClusterRole with the rule ${ruleText(target)}`;
    case 404:
      return `${resource}: not served (${said}); Weir needs ${kind} of ${apiVersion}: check the server's version (Kubernetes 1.21 or newer) and its --runtime-config`;
    case 410:
      return `${resource}: our state is too old for the server (${said}); everything is listed again`;
    case 429:
      return `${resource}: the server asks us to wait (${said}); it is tried again`;
    default:
      return `${resource}: the server can't answer (${said}); it is tried again, look into the server's log if it stays`;
  }
}

/** As it is written in a ClusterRole. */
function ruleText({ resource, verbs = ['get', 'list', 'watch'] }: ApiTarget): string {
  const [plural = '', ...group] = resource.split('.');
  const list = (items: readonly string[]) => `[${items.map((item) => JSON.stringify(item)).join(', ')}]`;
  return `{apiGroups: ${list([group.join('.')])}, resources: ${list([plural])}, verbs: ${list(verbs)}}`;
}

/** Text of any thrown value, on one line; the parts of an AggregateError where it has no text of its own. */
export function errorMessage(error: unknown): string {
  if (error instanceof AggregateError && error.message === '') {
    return error.errors.map(errorMessage).join(', ');
  }
  return (error instanceof Error ? error.message : String(error)).replaceAll(/\s+/g, ' ').trim();
}

/** `ECONNREFUSED` and the like; empty where the error has none. */
export function codeOf(error: unknown): string {
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
