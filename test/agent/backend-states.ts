/** States of backends as tests need them. */
import type { BackendState } from '../../src/dataplane/backend-state.ts';
import type { Address } from '../../src/model/address.ts';
import type { Port } from '../../src/model/names.ts';
import type { ServiceId } from '../../src/model/rows.ts';

/** Of the sample Service shop/web, at port 8080; nothing ever happened to it, where nothing is said. */
export function backendState(address: string, fields: Partial<BackendState> = {}): BackendState {
  return {
    service: 'shop/web:http/TCP/IPv4' as ServiceId,
    address: address as Address,
    port: 8080 as Port,
    open: 0,
    connections: 0,
    failures: 0,
    failuresInARow: 0,
    ejectedUntilMs: null,
    slowStartUntilMs: null,
    ...fields,
  };
}
