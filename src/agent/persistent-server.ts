/** A server whose port may be taken: the dataplane is worth more than its metrics, so it is said and tried again. */
import type { Logger } from 'pino';
import type { Clock } from './clock.ts';
import type { BindAddress } from './configuration-values.ts';
import { errorLine } from './sync-record.ts';

export interface PersistentServer {
  /** Resolves after the first try, whether it worked or not. */
  readonly tried: Promise<void>;
  /** null: not bound (yet). */
  port(): number | null;
  close(): Promise<void>;
}

interface Bound {
  readonly port: number;
  close(): Promise<void>;
}

const RETRY_MS = 5000;

/** Starts a server, and starts it again every five seconds while its address can't be bound; `bind` null: never. */
export function keepServing(
  name: string,
  bind: BindAddress | null,
  { clock, log }: { readonly clock: Clock; readonly log: Logger },
  start: (bind: BindAddress) => Promise<Bound>,
): PersistentServer {
  let bound: Bound | null = null;
  let closed = false;
  let cancel = (): void => {};
  const attempt = async (address: BindAddress): Promise<void> => {
    try {
      const server = await start(address);
      if (closed) await server.close();
      else bound = server;
    } catch (error) {
      const remedy = `free the port or set --${name}-bind-address; tried again every 5 s`;
      log.error(
        `${name} can't be served on ${address.host} port ${address.port}: ${errorLine(error)}; ${remedy}`,
      );
      if (!closed) cancel = clock.schedule(RETRY_MS, () => void attempt(address));
    }
  };
  return {
    tried: bind === null ? Promise.resolve() : attempt(bind),
    port: () => bound?.port ?? null,
    async close() {
      closed = true;
      cancel();
      await bound?.close();
    },
  };
}
