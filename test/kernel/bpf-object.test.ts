import { expect, it } from 'vitest';
import { describeRefusal } from '../../src/kernel/bpf-object.ts';

const refusal = (...lines: readonly string[]) => describeRefusal(new Error(lines.join('\n')));

it('tells in one line what the verifier has against a program', () => {
  const text = refusal(
    'bpf_object__load policy.bpf.o',
    "libbpf: prog 'from_pod': -- BEGIN PROG LOAD LOG --",
    'combined stack size of 5 calls is 544. Too large',
    'processed 64832 insns (limit 1000000) max_states_per_insn 20',
    "libbpf: prog 'from_pod': failed to load: -13",
    "libbpf: failed to load object 'policy.bpf.o'",
    ': Permission denied',
  );
  expect(text).toBe(
    'bpf_object__load policy.bpf.o: Permission denied (combined stack size of 5 calls is 544. Too large)',
  );
});

it('tells what libbpf says where it did not come to the verifier', () => {
  const text = refusal(
    'bpf_object__load policy.bpf.o',
    'libbpf: failed to iterate BTF objects: -1',
    "libbpf: extern (func ksym) 'bpf_ct_release': not found in kernel or module BTFs",
    "libbpf: failed to load object 'policy.bpf.o'",
    ': Operation not permitted',
  );
  expect(text).toBe(
    'bpf_object__load policy.bpf.o: Operation not permitted ' +
      "(extern (func ksym) 'bpf_ct_release': not found in kernel or module BTFs)",
  );
});

it('leaves a reason of one line as it is', () => {
  expect(refusal('open_tree /sys/fs/bpf: Operation not permitted')).toBe(
    'open_tree /sys/fs/bpf: Operation not permitted',
  );
});
