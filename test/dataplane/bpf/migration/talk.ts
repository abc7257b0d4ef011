/** What processes in pods talk about. */

export const TCP_PORT = 80;
/** At the client; the server asks from a port of its own. */
export const QUESTION_PORT = 7000;
/** At the server; no policy allows it. */
export const FORBIDDEN_PORT = 9999;

/** What happened until now, by the peer's address. */
export interface TalkFigures {
  /** TCP: echoes of one connection. */
  readonly echoes: Readonly<Record<string, number>>;
  /** UDP: answers to the one question of a socket. */
  readonly answers: Readonly<Record<string, number>>;
  /** Packets that must not come through. */
  readonly forbidden: number;
  readonly failures: readonly string[];
}
