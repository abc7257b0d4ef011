/** How a Service's connections are spread, by its annotations (A57, A58, F3, F4, F8). */
import type { CompileOptions } from '../../model/compile-options.ts';
import type { ServiceObject } from '../../model/objects.ts';
import { type Balancing, DEFAULT_BALANCING, SCHEDULERS } from '../../model/rows.ts';
import { annotationValue, type Finding } from './problems.ts';

/** Longer times are mistakes: no backend takes a day to warm up, and no connection to end. */
const LONGEST_SECONDS = 24 * 3600;
const SECONDS_OF_UNIT = { h: 3600, m: 60, s: 1 } as const;

const DURATION_REMEDY = 'use whole hours, minutes and seconds up to 24h, such as 30s or 1m30s';
const SWITCH_REMEDY = 'use on or off';

/** What a Service asks for; where it does not, or not clearly, what the options say. */
export function balancingOf(
  service: ServiceObject,
  { scheduler, ejects }: Pick<CompileOptions, 'scheduler' | 'ejects'>,
): { readonly balancing: Balancing; readonly findings: readonly Finding[] } {
  const findings: Finding[] = [];
  const read = <Value extends string | number | boolean | null>(
    name: string,
    otherwise: Value,
    parse: (text: string) => Value | undefined,
    remedy: string,
  ) => {
    const effect = `it is ${shown(otherwise)}, as without it`;
    return annotationValue(service, findings, { name: `weir.dev/${name}`, parse, otherwise, effect, remedy });
  };
  const { slowStartSeconds, retries, terminateAfterSeconds } = DEFAULT_BALANCING;
  const balancing = {
    scheduler: read('scheduler', scheduler, parseScheduler, `use one of ${SCHEDULERS.join(', ')}`),
    slowStartSeconds: read('slow-start', slowStartSeconds, parseSeconds, DURATION_REMEDY),
    ejects: read('ejection', ejects, parseSwitch, SWITCH_REMEDY),
    retries: read('retry', retries, parseSwitch, SWITCH_REMEDY),
    terminateAfterSeconds: read('terminate-after', terminateAfterSeconds, parseSeconds, DURATION_REMEDY),
  };
  return { balancing, findings };
}

function shown(value: string | number | boolean | null): string {
  if (typeof value === 'boolean') return value ? 'on' : 'off';
  return value === null || value === 0 ? 'off' : String(value);
}

function parseScheduler(text: string): Balancing['scheduler'] | undefined {
  return SCHEDULERS.find((scheduler) => scheduler === text);
}

function parseSwitch(text: string): boolean | undefined {
  return text === 'on' || text === 'off' ? text === 'on' : undefined;
}

function parseSeconds(text: string): number | undefined {
  const parts = /^(?:(?<h>\d{1,2})h)?(?:(?<m>\d{1,4})m)?(?:(?<s>\d{1,5})s)?$/.exec(text)?.groups;
  if (parts === undefined || text === '') return undefined;
  const units = Object.entries(SECONDS_OF_UNIT);
  const seconds = units.reduce((sum, [unit, length]) => sum + Number(parts[unit] ?? 0) * length, 0);
  return seconds <= LONGEST_SECONDS ? seconds : undefined;
}
