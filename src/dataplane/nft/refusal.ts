import { NftError } from '../../kernel/native.ts';
import { DataplaneError } from '../dataplane.ts';
import { TABLE_FAMILY } from './table-layout.ts';

/** What `work` gives; errors of netlink become errors of the dataplane, with the command on our `table` that failed. */
export async function refusing<Result>(table: string, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (cause) {
    const { code, object } =
      cause instanceof NftError ? cause : { code: 'EUNKNOWN', object: `table ${TABLE_FAMILY} ${table}` };
    throw new DataplaneError(`nftables refused: ${cause instanceof Error ? cause.message : String(cause)}`, {
      code,
      object,
      cause,
    });
  }
}
