import { isInstanceName } from '../agent/instance-name.ts';
import { usageFailure } from './exit.ts';

/** The instance a flag names; throws a usage failure for what can't be one, since it becomes part of paths. */
export function checkInstance(text: string): string {
  if (isInstanceName(text)) return text;
  throw usageFailure(
    `--instance ${JSON.stringify(text)}: write 1 to 80 letters, digits, dots, dashes or underscores, the first a letter or digit`,
  );
}
