/** Numbers of the kernel's nftables netlink interface (linux/netlink.h, nfnetlink.h, nf_tables.h). */

export const NETLINK_HEADER_BYTES = 16;
export const NFNETLINK_HEADER_BYTES = 4;
export const ATTRIBUTE_HEADER_BYTES = 4;
/** The length field of an attribute has 16 bits. */
export const ATTRIBUTE_LIMIT = 0xffff;
export const ATTRIBUTE_TYPE_MASK = 0x3fff;
export const NESTED = 0x8000;

export const MESSAGE_FLAG = {
  request: 0x1,
  acknowledge: 0x4,
  dump: 0x300,
  create: 0x400,
  append: 0x800,
} as const;

export const BATCH_BEGIN = 0x10;
export const BATCH_END = 0x11;
export const BATCH_GENERATION = 1;
/** nfnetlink subsystem of nftables: the high byte of its message types. */
export const SUBSYSTEM = 10;

export const MESSAGE = {
  newTable: 0,
  getTable: 1,
  deleteTable: 2,
  newChain: 3,
  getChain: 4,
  deleteChain: 5,
  newRule: 6,
  getRule: 7,
  deleteRule: 8,
  newSet: 9,
  getSet: 10,
  deleteSet: 11,
  newElement: 12,
  getElement: 13,
  deleteElement: 14,
  newGeneration: 15,
  getGeneration: 16,
  newObject: 18,
  deleteObject: 20,
  newFlowtable: 22,
  deleteFlowtable: 24,
  /** Kernel 6.3; like deleteTable, but a missing table is no error. */
  destroyTable: 26,
} as const;

export const FAMILY_NUMBER = { inet: 1, ip: 2, arp: 3, netdev: 5, bridge: 7, ip6: 10 } as const;

export const LIST_ITEM = 1;
export const TABLE = { name: 1, flags: 2, uses: 3, handle: 4, userData: 6, owner: 7 } as const;
export const CHAIN = {
  table: 1,
  handle: 2,
  name: 3,
  hook: 4,
  policy: 5,
  uses: 6,
  type: 7,
  flags: 10,
  userData: 12,
} as const;
export const HOOK = { number: 1, priority: 2, device: 3 } as const;
export const RULE = { table: 1, chain: 2, handle: 3, expressions: 4, position: 6, userData: 7 } as const;
export const SET = {
  table: 1,
  name: 2,
  flags: 3,
  keyType: 4,
  keyLength: 5,
  dataType: 6,
  dataLength: 7,
  description: 9,
  id: 10,
  timeout: 11,
  userData: 13,
  handle: 16,
} as const;
export const SET_FLAG = {
  anonymous: 0x1,
  constant: 0x2,
  interval: 0x4,
  map: 0x8,
  timeout: 0x10,
  dynamic: 0x20,
  object: 0x40,
  concatenation: 0x80,
} as const;
export const SET_DESCRIPTION = { size: 1, concatenation: 2 } as const;
export const SET_FIELD_LENGTH = 1;
export const OBJECT = { table: 1, name: 2, type: 3, data: 4 } as const;
export const TIMEOUT = { family: 1, protocol: 2, seconds: 3 } as const;
export const ELEMENT_LIST = { table: 1, set: 2, elements: 3 } as const;
export const ELEMENT = {
  key: 1,
  data: 2,
  flags: 3,
  timeout: 4,
  expiration: 5,
  userData: 6,
  keyEnd: 10,
} as const;
export const ELEMENT_FLAG = { intervalEnd: 1, catchAll: 2 } as const;
export const DATA = { value: 1, verdict: 2 } as const;
export const VERDICT = { code: 1, chain: 2 } as const;
/** Data type of a verdict map. */
export const VERDICT_DATA_TYPE = 0xffffff00;
export const VERDICT_NUMBER = { drop: 0, accept: 1, continue: -1, jump: -3, goto: -4, return: -5 } as const;
export const EXPRESSION = { name: 1, data: 2 } as const;
export const GENERATION = { id: 1, processId: 2, processName: 3 } as const;

/** User data is opaque to the kernel; these are the record types nft writes and shows. */
export const COMMENT_RECORD = { table: 0, chain: 0, rule: 0, element: 0, set: 7 } as const;
export const SET_RECORD = { keyByteOrder: 0, dataByteOrder: 1 } as const;
