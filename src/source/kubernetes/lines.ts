/** A stream of bytes as lines: how a watch sends its events. */
const NEWLINE = 0x0a;

export interface LineSplitter {
  /** The lines that this chunk completes, without their newline; characters cut between chunks are whole again. */
  push(chunk: Buffer): readonly string[];
  /** Bytes of a line that has not ended: what a cut connection leaves, never to be read as a line. */
  pendingBytes(): number;
}

/** Makes a splitter for one stream. */
export function createLineSplitter(): LineSplitter {
  let pending: Buffer[] = [];
  let bytes = 0;
  return {
    push(chunk) {
      const lines: string[] = [];
      let start = 0;
      for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
        const rest = chunk.subarray(start, end);
        const line = bytes === 0 ? rest : Buffer.concat([...pending, rest]);
        if (line.length > 0) lines.push(line.toString('utf8'));
        [pending, bytes, start] = [[], 0, end + 1];
      }
      if (start < chunk.length) {
        pending.push(chunk.subarray(start));
        bytes += chunk.length - start;
      }
      return lines;
    },
    pendingBytes: () => bytes,
  };
}
