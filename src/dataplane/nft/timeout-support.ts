/** Whether connections may be given waiting times of their own: kernels built without NF_CONNTRACK_TIMEOUT refuse. */
import { type Nftables, NftError } from '../../kernel/native.ts';
import { RETRY_TIMES } from './chains/retry.ts';
import { TABLE_FAMILY } from './table-layout.ts';

/** What the kernel answers where it has no such thing. */
const UNKNOWN: readonly string[] = ['EOPNOTSUPP', 'ENOENT'];

/**
 * Asks by a batch that is refused whatever the kernel can do, so that nothing is written: by which of its commands tells.
 * After any other trouble the answer is yes: the first rows will meet it as well.
 */
export async function takesTimeouts(nft: Nftables): Promise<boolean> {
  const place = { family: TABLE_FAMILY, table: 'weir-question' } as const;
  try {
    await nft.commit([
      { verb: 'add', object: 'table', ...place },
      { verb: 'add', object: 'timeout', ...place, timeout: 'any', spec: RETRY_TIMES },
      { verb: 'delete', object: 'chain', ...place, chain: 'nobody' },
    ]);
    return true;
  } catch (error) {
    const isRefused = error instanceof NftError && error.object.includes(' ct timeout ');
    return !(isRefused && UNKNOWN.includes(error.code));
  }
}
