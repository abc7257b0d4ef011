/** nftables from Node by raw netlink batches. */
export type { BatchMessage } from './batch.ts';
export { type Bytes, toBinary, toUint8Array } from './bytes.ts';
export type {
  BaseChain,
  ChainCommand,
  Command,
  ElementsCommand,
  Family,
  RuleCommand,
  SetCommand,
  SetElement,
  SetSpec,
  TableCommand,
  TimeoutCommand,
  TimeoutSpec,
  Transaction,
  Verdict,
} from './commands.ts';
export { concatenationBytes, type DataType, dataTypeBytes, type NamedDataType } from './data-types.ts';
export type { BytesEncoding } from './elements.ts';
export { NftError } from './errors.ts';
export * as expr from './expr.ts';
export { expressionsEqual } from './expression-encoding.ts';
export type * from './expressions.ts';
export { LOST_EVENT, type MonitorChange, type MonitorEvent } from './monitor-events.ts';
export { MalformedMessageError } from './netlink-reader.ts';
export { type Nftables, openNftables } from './nftables.ts';
export type { ListedChain, ListedRule, ListedSet, ListedTable } from './ruleset.ts';
export {
  type EncodedTransaction,
  type EncodingOptions,
  encodeTransaction,
} from './transaction-encoding.ts';
export { type PrintOptions, printTransaction } from './transaction-text.ts';
