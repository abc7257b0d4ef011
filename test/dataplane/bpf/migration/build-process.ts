/**
 * Enforces policies by the programs of any build, as its agent does: opens, syncs, and stays until its parent goes or kills
 * it. Told to, it kills itself after a given step of what it does to pins, links and maps.
 */
import { createRequire, syncBuiltinESMExports } from 'node:module';
import type { PolicyBackend } from '../../../../src/dataplane/policy-backend.ts';
import type { PodInterface } from '../../../../src/dataplane/policy-change.ts';
import type { NativeAddon } from '../../../../src/kernel/native.ts';
import type { ObjectName } from '../../../../src/model/names.ts';
import { deniedBut, rowsOf } from '../../../packet/policy-rows.ts';
import { QUESTION_PORT, TCP_PORT } from './talk.ts';

export interface BuildOrders {
  /** Top directory of the build. */
  readonly build: string;
  /** Of the pins. */
  readonly directory: string;
  readonly networkNamespace: string;
  /** The first one's pod is judged; the others are open. */
  readonly interfaces: readonly PodInterface[];
  /** Dies after so many steps; null: lives. */
  readonly diesAfter: number | null;
  /** Never hears of rows. */
  readonly opensOnly: boolean;
}

/** What it tells when the rows are in. */
export interface BuildReport {
  readonly steps: readonly string[];
  readonly upgrade: unknown;
}

const steps: string[] = [];

process.once('message', (orders) => {
  work(orders as BuildOrders).catch((error: unknown) => {
    console.error(error);
    process.exit(1);
  });
});
process.on('disconnect', () => process.exit());

async function work({
  build,
  directory,
  networkNamespace,
  interfaces,
  diesAfter,
  opensOnly,
}: BuildOrders): Promise<void> {
  countSteps(build, diesAfter);
  const { openBpfPolicies } = await import(`${build}/src/dataplane/bpf/policies/backend.ts`);
  const backend: PolicyBackend = await openBpfPolicies({
    directory,
    networkNamespace,
    unknownInterfaceClosed: false,
    answerDenied: false,
    hookKind: 'tcx',
    onVerdict: () => undefined,
    onForeignChange: () => undefined,
  });
  if (!opensOnly) await sync(backend, interfaces);
  process.send?.({ steps, upgrade: (await backend.figures()).upgrade } satisfies BuildReport);
}

async function sync(backend: PolicyBackend, interfaces: readonly PodInterface[]): Promise<void> {
  const [judged] = interfaces;
  if (judged === undefined) throw new Error('no interface is to be judged');
  const rows = rowsOf(
    judged.pod,
    judged.addresses,
    {},
    deniedBut(
      { direction: 'ingress', protocol: 'TCP', port: TCP_PORT, verdict: 'allow' },
      { direction: 'egress', protocol: 'UDP', port: QUESTION_PORT, verdict: 'allow' },
    ),
  );
  const { unguarded } = await backend.sync(
    rows,
    new Map(interfaces.map((each) => [each.pod as ObjectName, each])),
  );
  if (unguarded.length > 0) throw new Error(`unguarded: ${JSON.stringify(unguarded)}`);
}

/** Everything that outlives this process goes through these. */
function countSteps(build: string, diesAfter: number | null): void {
  const require = createRequire(`${build}/src/`);
  const addon = require(`${build}/native/build/Release/weir.node`) as NativeAddon;
  const files = require('node:fs') as typeof import('node:fs');
  const step = (what: string): void => {
    steps.push(what);
    if (steps.length === diesAfter) process.kill(process.pid, 'SIGKILL');
  };
  const counted = <Arguments extends readonly unknown[], Result>(
    what: string,
    call: (...args: Arguments) => Result,
  ) => {
    return (...args: Arguments): Result => {
      const result = call(...args);
      if (result instanceof Promise)
        return result.then((value: unknown) => {
          step(what);
          return value;
        }) as Result;
      step(what);
      return result;
    };
  };
  Object.assign(addon, {
    pinDescriptor: counted('pin', addon.pinDescriptor),
    updateLink: counted('link', addon.updateLink),
    attachTcx: counted('attach', addon.attachTcx),
    updateMap: counted('write', addon.updateMap),
  });
  files.renameSync = counted('rename', files.renameSync);
  files.rmSync = counted('remove', files.rmSync);
  syncBuiltinESMExports();
}
