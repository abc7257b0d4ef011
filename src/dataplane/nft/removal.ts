import { NftError, openNftables } from '../../kernel/native.ts';
import { TABLE_FAMILY } from './table-layout.ts';

/** Takes a table of ours away from this network namespace; resolves to whether it was there. Rejects with an NftError. */
export async function removeTable(table: string): Promise<boolean> {
  const nft = await openNftables();
  try {
    await nft.commit([{ verb: 'delete', object: 'table', family: TABLE_FAMILY, table }]);
    return true;
  } catch (error) {
    if (error instanceof NftError && error.code === 'ENOENT') return false;
    throw error;
  } finally {
    await nft.close();
  }
}
