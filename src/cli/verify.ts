/** `weir verify`: does the kernel do what the rows say, between all local pods? */
import { disagreementText } from '../explain/kernel-answer.ts';
import { type VerifyReport, verifyPolicies } from '../explain/verify.ts';
import type { Address } from '../model/address.ts';
import type { ObjectName } from '../model/names.ts';
import { withAgentKernel } from './agent-kernel.ts';
import { print, printJson } from './output.ts';

/** Prints what was asked and what does not agree; exit code 1 where anything does not, or a pod is not enforced. */
export async function verify(options: { readonly instance: string; readonly json?: true }): Promise<void> {
  const { report, names } = await withAgentKernel(options.instance, ({ ask }) =>
    ask(
      async ({ installed, interfaces }, rehearsal) => ({
        report: await verifyPolicies(rehearsal, {
          rows: installed.policyRows,
          services: installed.rows,
          interfaces,
        }),
        names: new Map(interfaces.flatMap(({ pod, addresses }) => addresses.map((each) => [each, pod]))),
      }),
      ({ report: { disagreements, unenforced } }) => disagreements.length > 0 || unenforced.length > 0,
    ),
  );
  if (options.json) printJson(report);
  else print(reportText(report, names));
  if (report.disagreements.length > 0 || report.unenforced.length > 0) process.exitCode = 1;
}

/** Lines for people; the rest is in the JSON. */
const MOST_LINES = 50;

function reportText(
  { pods, ports, asked, unenforced, disagreements }: VerifyReport,
  names: ReadonlyMap<Address, ObjectName>,
): string {
  const wrong = disagreements
    .slice(0, MOST_LINES)
    .map((answer) => disagreementText(answer, (address) => names.get(address)));
  const left = disagreements.length - wrong.length;
  return [
    ...wrong,
    ...(left > 0 ? [`and ${left} more; --json has all`] : []),
    ...unenforced.map((pod) => `NOT ENFORCED: policies select ${pod}, which has no interface to judge it on`),
    `${pods.length} local pods, ${portsText(ports)}: ${asked} packets asked, ${disagreements.length} answered in another way than the rows say`,
  ].join('\n');
}

function portsText({ named, unnamed }: VerifyReport['ports']): string {
  const other = unnamed === null ? 'no others' : `${unnamed} for all others`;
  return `ports ${[...named, other].join(', ')}`;
}
