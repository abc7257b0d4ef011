/** The compiled part: sockets, the notification thread and libnftables. Loaded on first use. */
import { createRequire } from 'node:module';

/** The first message of a batch that the kernel refused. */
export interface Refusal {
  readonly sequence: number;
  readonly errno: number;
  /** The kernel's own words, may be empty. */
  readonly message: string;
  /** Offset of the offending attribute from the message's start in bytes; 0 if not told. */
  readonly offset: number;
}

/** A netlink socket; its calls run in the thread pool and reject with an Error that carries `errno`. */
export interface NativeSocket {
  readonly portId: number;
  transact(batch: Buffer, firstSequence: number, acknowledgedSequence: number): Promise<Refusal | undefined>;
  query(request: Buffer, sequence: number): Promise<Buffer>;
  close(): Promise<void>;
}

interface NativeAddon {
  openSocket(netns: string | undefined): Promise<NativeSocket>;
  /** Returns the function that stops it; the listener gets undefined when notifications were lost. */
  openMonitor(netns: string | undefined, listener: (bytes: Buffer | undefined) => void): () => void;
  runText(
    netns: string | undefined,
    text: string,
    json: boolean,
  ): Promise<{ readonly succeeded: boolean; readonly output: string; readonly error: string }>;
  ownsPort(portId: number): boolean;
}

let loaded: NativeAddon | undefined;

/** The addon. Throws an Error that says how to build it if it is not there. */
export function nativeAddon(): NativeAddon {
  if (loaded !== undefined) return loaded;
  const path = '../build/Release/nft_js.node';
  try {
    loaded = createRequire(import.meta.url)(path) as NativeAddon;
  } catch (cause) {
    throw new Error('nft-js: the addon cannot be loaded; build it with `npm run build` in nft-js', { cause });
  }
  return loaded;
}
