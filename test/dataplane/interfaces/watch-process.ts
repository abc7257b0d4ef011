/** Follows one pod's interface in a process of its own, whose capabilities a test chooses: `NAMESPACE ADDRESS`. */
import { watchPodInterfaces } from '../../../src/dataplane/interfaces/watch-pod-interfaces.ts';
import type { Address } from '../../../src/model/address.ts';
import type { ObjectName } from '../../../src/model/names.ts';

const [networkNamespace = '', address = ''] = process.argv.slice(2);
const pod = 'shop/a' as ObjectName;
const tell = () => process.stdout.write(`${JSON.stringify(watch.current.get(pod))}\n`);
const watch = watchPodInterfaces({
  networkNamespace,
  onChange: tell,
  onOwnAddresses: () => undefined,
  onError: (error) => process.stderr.write(`${error}\n`),
});
watch.setPods(new Map([[pod, [address as Address]]]));
await watch.settled();
tell();
// It goes when its standard input ends, as it does with the test.
process.stdin.on('end', () => process.exit()).resume();
