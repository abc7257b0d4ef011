/** IP protocol numbers of the protocols that Services and rules can name. */
export const PROTOCOL_NUMBERS = { TCP: 6, UDP: 17, SCTP: 132 } as const;
