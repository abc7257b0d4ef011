/** Every way to a Service that a pod has: what is worth asking the kernel about. */
import { familyOf } from '../model/address.ts';
import type { Port, Protocol } from '../model/names.ts';
import type { Rows } from '../model/rows.ts';
import type { KernelQuestion } from './rows-judgement.ts';

/** Below all ports that Services commonly have. */
const SELDOM_SERVED = 1 as Port;
const TRANSPORTS: readonly Protocol[] = ['TCP', 'UDP'];

/** Each frontend at its address, or at this node's; a ping of each address; a port of each cluster IP that no Service has there. */
export function serviceQuestions({ services, addresses, node }: Rows): readonly KernelQuestion[] {
  const questions = new Map<string, KernelQuestion>();
  const ask = (question: KernelQuestion) =>
    questions.set(`${question.peer} ${question.protocol} ${question.port}`, question);
  for (const { protocol, family, frontends } of services.values())
    for (const { address, port } of frontends) {
      const own = node.nodeAddresses.filter((each) => familyOf(each) === family);
      for (const peer of address === null ? own : [address]) ask({ peer, protocol, port });
    }
  for (const { address, kind } of addresses.values()) {
    ask({ peer: address, protocol: null, port: 0 });
    if (kind !== 'clusterIP') continue;
    for (const protocol of TRANSPORTS) ask({ peer: address, protocol, port: SELDOM_SERVED });
  }
  return [...questions.values()];
}
