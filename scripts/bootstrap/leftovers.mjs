/** What a run of tests or a lab would leave on the machine if it did not clean up. */
import { readdirSync } from 'node:fs';

const PLACES = [
  { directory: '/run/netns', what: 'network namespace', prefix: '' },
  { directory: '/run/weir/lab', what: 'lab', prefix: '' },
  { directory: '/run', what: 'folder', prefix: 'weir-test' },
  { directory: '/sys/fs/bpf/weir', what: 'BPF pins', prefix: '' },
  { directory: '/sys/fs/cgroup/unified', what: 'cgroup', prefix: 'weir' },
  { directory: '/sys/fs/cgroup', what: 'cgroup', prefix: 'weir' },
];

/** Each thing that is there now, named for a person. */
export function leftovers() {
  return PLACES.flatMap(({ directory, what, prefix }) =>
    names(directory)
      .filter((name) => name.startsWith(prefix))
      .map((name) => `${what} ${directory}/${name}`),
  );
}

function names(directory) {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}
