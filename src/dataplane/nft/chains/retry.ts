/**
 * Retries: the first packet of a TCP connection that nobody answers comes again after a second (RFC 6298), and should meet
 * another backend. So conntrack is told to wait no longer than that for an answer: then the packet finds no entry and is
 * translated anew. What was tried is remembered by the packet itself: its sequence number tells a repetition from another
 * connection of the same port.
 */
import { type Expression, expr, type TimeoutSpec } from '../../../kernel/native.ts';
import type { Family } from '../../../model/address.ts';
import { familySet } from '../layout.ts';
import type { Chain } from './chain.ts';
import { perOriginalKey } from './frontend-key.ts';
import {
  addressWidth,
  frontendWidth,
  inSet,
  loadAddress,
  loadDestinationPort,
  loadSourcePort,
  lookUpService,
  notInSet,
  type Rule,
} from './matching.ts';

const TIMEOUT = 'retry';
/** Whole seconds are all that conntrack counts; other states keep the times that the kernel has when this is made. */
export const RETRY_TIMES: TimeoutSpec = { protocol: 'tcp', seconds: { 'syn-sent': 1 } };

/** For as long as what was tried is avoided: attempts at 0, 1 and 3 seconds see those before them. */
const REMEMBERED_MS = 4000;

/** Behind the translation. A backend that is asked again is waited for as the kernel does: its answers may take longer. */
export function attemptChain(): Chain {
  return {
    name: 'attempt',
    about: 'TCP, of a service that tries again: wait a second for this backend, and remember it',
    timeouts: { [TIMEOUT]: RETRY_TIMES },
    rules: perOriginalKey((family, loadKey) => {
      const service = frontendWidth(family);
      return [
        ...loadKey,
        ...lookUpService(family, service),
        inSet('retry', service),
        loadAddress(family, 'destination', 2),
        loadDestinationPort(2 + addressWidth(family)),
        ...notTried(family, 0),
        expr.objref({ type: 'timeout', name: TIMEOUT }),
        expr.dynset({
          set: familySet('tried', family),
          operation: 'add',
          key: 0,
          timeoutMs: REMEMBERED_MS,
        }),
        expr.verdict({ code: 'return' }),
      ];
    }),
  };
}

/** Goes on unless this packet came before and went to the backend that stands two registers after this one. */
export function notTried(family: Family, register: number): Rule {
  return [
    loadSourcePort(register),
    loadSequence(register + 1),
    notInSet(familySet('tried', family), register),
  ];
}

/** TCP's; other protocols have other bytes there, and are never remembered. */
function loadSequence(register: number): Expression {
  return expr.payload({ base: 'transport', offset: 4, length: 4, register });
}
