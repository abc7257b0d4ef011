/** A stream of bytes in the pieces that a server sent: how a watch tells its events apart. */

export interface Splitter {
  /** The pieces that this chunk completes; those cut between chunks are whole again. */
  push(chunk: Buffer): readonly Buffer[];
  /** Bytes of a piece that has not ended: what a cut connection leaves, never to be read as an event. */
  pendingBytes(): number;
}

const NEWLINE = 0x0a;
const LENGTH_BYTES = 4;

/** Makes a splitter of one stream of lines, told without their newline; empty ones are left out. */
export function createLineSplitter(): Splitter {
  let pending: Buffer[] = [];
  let bytes = 0;
  return {
    push(chunk) {
      const lines: Buffer[] = [];
      let start = 0;
      for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
        const rest = chunk.subarray(start, end);
        const line = bytes === 0 ? rest : Buffer.concat([...pending, rest]);
        if (line.length > 0) lines.push(line);
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

/** Makes a splitter of one stream of frames: the length in four bytes, network order, then as many bytes. */
export function createFrameSplitter(): Splitter {
  let pending: Buffer[] = [];
  let bytes = 0;
  let needed = LENGTH_BYTES;
  return {
    push(chunk) {
      pending.push(chunk);
      bytes += chunk.length;
      // Joined once per frame, not once per chunk: a large one comes in many.
      if (bytes < needed) return [];
      const all = pending.length === 1 ? chunk : Buffer.concat(pending);
      const frames: Buffer[] = [];
      let start = 0;
      for (;;) {
        const left = all.length - start;
        needed = LENGTH_BYTES + (left < LENGTH_BYTES ? 0 : all.readUInt32BE(start));
        if (left < needed || left < LENGTH_BYTES) break;
        frames.push(all.subarray(start + LENGTH_BYTES, start + needed));
        start += needed;
      }
      bytes = all.length - start;
      pending = bytes === 0 ? [] : [all.subarray(start)];
      return frames;
    },
    pendingBytes: () => bytes,
  };
}
