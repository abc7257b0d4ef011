/** Weir as another commit would build it: the same sources, but for changes of what programs and agent agree on. */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The build that these tests are part of. */
export const THIS_BUILD = fileURLToPath(new URL('../../../..', import.meta.url));

/** A piece of text in a file of `bpf/`, and what it becomes. */
export interface HeaderChange {
  readonly file: string;
  readonly from: string | RegExp;
  readonly to: string;
}

export interface OtherBuild {
  /** Its top directory. */
  readonly path: string;
  remove(): void;
}

/** Compiles the programs and makes the codecs. Throws an Error where a change changes nothing, or clang refuses it. */
export function createOtherBuild(changes: readonly HeaderChange[]): OtherBuild {
  const path = mkdtempSync(join(tmpdir(), 'weir-build-'));
  const remove = () => rmSync(path, { recursive: true, force: true });
  try {
    for (const part of ['src', 'bpf', 'scripts', 'package.json'])
      cpSync(join(THIS_BUILD, part), join(path, part), { recursive: true });
    for (const part of ['native', 'node_modules']) symlinkSync(join(THIS_BUILD, part), join(path, part));
    for (const { file, from, to } of changes) {
      const place = join(path, 'bpf', file);
      const text = readFileSync(place, 'utf8');
      const changed = text.replace(from, to);
      if (changed === text) throw new Error(`${file} has no ${from}`);
      writeFileSync(place, changed);
    }
    for (const program of ['policy', 'socket']) compile(join(path, 'bpf'), program);
    execFileSync(process.execPath, [join(path, 'scripts', 'generate-abi.ts')]);
    return { path, remove };
  } catch (error) {
    remove();
    throw error;
  }
}

function compile(directory: string, program: string): void {
  const headers = execFileSync('g++', ['-print-multiarch'], { encoding: 'utf8' }).trim();
  const options = [
    '-target',
    'bpf',
    '-mcpu=v3',
    '-g',
    '-O2',
    '-fno-strict-aliasing',
    '-idirafter',
    `/usr/include/${headers}`,
  ];
  const files = ['-c', join('prog', `${program}.bpf.c`), '-o', join('build', `${program}.bpf.o`)];
  execFileSync('clang', [...options, ...files], { cwd: directory });
}

/** Takes away the size of a structure that its header asserts. */
export function withoutSize(struct: string, file: string): HeaderChange {
  return { file, from: new RegExp(`_Static_assert\\(sizeof\\(struct ${struct}\\)[^\\n]*\\n`), to: '' };
}

/** Every way in which layouts differ, at once: from this build to the other, and back again in the other direction. */
export const OTHER_LAYOUT: readonly HeaderChange[] = [
  withoutSize('flow', 'abi/flow.h'),
  withoutSize('subject', 'abi/policy.h'),
  withoutSize('affinity', 'abi/service.h'),
  // Added, so that all that follows moves.
  { file: 'abi/flow.h', from: 'struct flow {\n', to: 'struct flow {\n  __u32 mood;\n  __u32 hunger;\n' },
  // Narrower. The programs have no stack to spare for a larger flow.
  { file: 'abi/flow.h', from: '__u64 packets[2];', to: '__u32 packets[2];' },
  // Moved.
  {
    file: 'abi/policy.h',
    from: /( {2}struct address ipv4;[^\n]*\n)( {2}struct address ipv6;[^\n]*\n)/,
    to: '$2$1',
  },
  // Renumbered.
  {
    file: 'abi/flow.h',
    from: /FLOW_OPENING = 0(,[^\n]*\n\s*)FLOW_ESTABLISHED = 1/,
    to: 'FLOW_OPENING = 1$1FLOW_ESTABLISHED = 0',
  },
  // Wider.
  { file: 'abi/service.h', from: '__u32 backend;\n  __u32 padding;', to: '__u64 backend;' },
  // Of an event, which is in no map.
  { file: 'abi/report.h', from: 'struct policy_event {\n', to: 'struct policy_event {\n  __u64 number;\n' },
  withoutSize('policy_event', 'abi/report.h'),
  // Enlarged.
  { file: 'maps/policy.h', from: '__uint(max_entries, 1048576);', to: '__uint(max_entries, 2097152);' },
];
