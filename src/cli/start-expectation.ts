/** Whether a real answer is one that the rows allow: `trace` says what may happen, packets say what did. */
import type { TraceLine } from '../explain/trace-line.ts';
import { objectName } from '../model/names.ts';
import type { PodObject, WeirObject } from '../model/objects.ts';
import type { ProbeLine } from '../model/probe-request.ts';

/** Why an answer is wrong; null: it is right. */
export type Judge = (answer: ProbeLine, expected: TraceLine | undefined) => string | null;

interface Server {
  readonly name: string;
  readonly listens: boolean;
}

/** A judge that knows which pod is behind which endpoint. */
export function createJudge(objects: readonly WeirObject[]): Judge {
  const pods = new Map<string, PodObject>();
  for (const object of objects) {
    if (object.kind === 'Pod') for (const address of object.addresses) pods.set(address, object);
  }
  const serverOf = (endpoint: string, protocol: string): Server | null => {
    const colon = endpoint.lastIndexOf(':');
    const address = endpoint.slice(0, colon).replace(/^\[|\]$/g, '');
    const port = Number(endpoint.slice(colon + 1));
    const pod = pods.get(address);
    if (pod === undefined) return null;
    const listens = pod.ports.some((each) => each.port === port && each.protocol === protocol.toUpperCase());
    return { name: objectName(pod.namespace, pod.name), listens };
  };
  return (answer, expected) => {
    if ('error' in answer) return answer.error;
    if (expected === undefined || 'error' in expected) return 'trace has no answer';
    if (expected.verdict !== 'allowed') return sameVerdict(answer.verdict, expected.verdict);
    const servers = expected.candidates.map((endpoint) => serverOf(endpoint, answer.protocol));
    if (answer.verdict !== 'allowed') {
      const isDeaf = servers.some((server) => server !== null && !server.listens);
      return isDeaf && answer.verdict === 'refused' ? null : sameVerdict(answer.verdict, 'allowed');
    }
    const isCandidate = servers.some((server) => server === null || server.name === answer.answeredBy);
    if (servers.length > 0 && !isCandidate) return `answered by ${answer.answeredBy}, who is no candidate`;
    // Only packets are masqueraded: a pod whose socket is served reaches itself by its own address.
    const seen = pods.get(answer.clientSeen ?? '');
    const isItself = seen !== undefined && objectName(seen.namespace, seen.name) === answer.answeredBy;
    return isItself && answer.from === answer.answeredBy
      ? null
      : wrongClient(answer.clientSeen, expected.clientSeen);
  };
}

function sameVerdict(actual: string, expected: string): string | null {
  return actual === expected ? null : `${actual}, should be ${expected}`;
}

function wrongClient(seen: string | null, expected: string | null): string | null {
  if (seen === null || expected === null || seen === expected) return null;
  return `server saw ${seen}, should see ${expected}`;
}
