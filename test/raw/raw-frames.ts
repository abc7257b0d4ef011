/** Frames by hand, in a network namespace: sent out of an interface, and heard on it. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { boundToParent } from '../bound-command.ts';
import { frameOf, joined } from '../packet/packets.ts';

const SOURCE = fileURLToPath(new URL('./raw-frames.cc', import.meta.url));
let program: string | null = null;

/** Compiled once in this process, and gone with it: its file has a descriptor here, but no name. */
function rawFrames(): string {
  if (program === null) {
    const directory = mkdtempSync(join(tmpdir(), 'weir-raw-'));
    const path = join(directory, 'raw-frames');
    execFileSync('g++', ['-std=c++20', '-O1', '-o', path, SOURCE]);
    program = `/proc/${process.pid}/fd/${openSync(path, 'r')}`;
    rmSync(directory, { recursive: true });
  }
  return program;
}

export interface RawStation {
  /** Sends IP packets in frames to the other end of the interface; their checksums are filled in. */
  send(...packets: readonly Uint8Array[]): void;
  /** Sends whole frames, as they are. */
  sendFrames(...frames: readonly Uint8Array[]): void;
  /** Frames that came in since it began to listen, oldest first; live. */
  readonly heard: readonly Buffer[];
  /** The IP packet of each. */
  packets(): readonly Buffer[];
  end(): void;
}

/** Opens the interface; `gateway`: where the frames of `send` go. Rejects when it can't be opened. */
export async function openStation(netns: string, device: string, gateway: Uint8Array): Promise<RawStation> {
  const child: ChildProcess = spawn(...boundToParent('nsenter', [`--net=${netns}`, rawFrames(), device]), {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  if (child.stdout === null) throw new Error('no output of raw-frames');
  const heard: Buffer[] = [];
  const lines = createInterface({ input: child.stdout });
  await new Promise((resolve, reject) => {
    lines.once('line', resolve);
    child.once('exit', (code) => reject(new Error(`raw-frames on ${device} ended with ${code}`)));
  });
  lines.on('line', (line) => heard.push(Buffer.from(line, 'hex')));
  const own = linkAddress(netns, device);
  const sendFrames = (...frames: readonly Uint8Array[]) =>
    void child.stdin?.write(frames.map((frame) => `${Buffer.from(frame).toString('hex')}\n`).join(''));
  return {
    sendFrames,
    send: (...packets) =>
      sendFrames(
        ...packets.map((packet) => joined(gateway, own, frameOf(withChecksums(packet)).subarray(12))),
      ),
    heard,
    packets: () => heard.map((frame) => frame.subarray(14)),
    end: () => void child.kill('SIGKILL'),
  };
}

/** The Ethernet address of an interface. */
export function linkAddress(netns: string, device: string): Uint8Array {
  const text = execFileSync('nsenter', [`--net=${netns}`, 'ip', '-j', 'link', 'show', 'dev', device]);
  const [link] = JSON.parse(String(text)) as readonly { readonly address: string }[];
  return Buffer.from((link?.address ?? '').replaceAll(':', ''), 'hex');
}

/** The packet with right checksums of IPv4 and, in whole packets without extension headers, of what is above. */
export function withChecksums(packet: Uint8Array): Uint8Array {
  const copy = Uint8Array.from(packet);
  const view = new DataView(copy.buffer);
  const isIpv6 = (copy[0] ?? 0) >> 4 === 6;
  const begin = isIpv6 ? 40 : ((copy[0] ?? 0) & 15) * 4;
  const protocol = copy[isIpv6 ? 6 : 9] ?? 0;
  if (!isIpv6) {
    view.setUint16(10, 0);
    view.setUint16(10, checksum(copy.subarray(0, begin)));
    if ((view.getUint16(6) & 0x3fff) !== 0) return copy;
  }
  const at = { 1: 2, 58: 2, 6: 16, 17: 6 }[protocol];
  if (at === undefined) return copy;
  const payload = copy.subarray(begin);
  const ends = copy.subarray(isIpv6 ? 8 : 12, isIpv6 ? 40 : 20);
  const pseudo = Uint8Array.of(0, 0, payload.length >> 8, payload.length & 0xff, 0, 0, 0, protocol);
  view.setUint16(begin + at, 0);
  const sum = checksum(protocol === 1 ? payload : joined(ends, pseudo, payload));
  view.setUint16(begin + at, protocol === 17 && sum === 0 ? 0xffff : sum);
  return copy;
}

function checksum(bytes: Uint8Array): number {
  let sum = 0;
  for (const [index, byte] of bytes.entries()) sum += index % 2 === 0 ? byte << 8 : byte;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}
