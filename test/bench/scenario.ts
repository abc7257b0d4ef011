/** What the scenarios have in common: how they are run and what they give back. */
import type { Series } from './report.ts';
import type { Random } from './statistics.ts';

export interface ScenarioContext {
  /** Smaller sizes and fewer rounds: a check that takes a minute or two, not figures to publish. */
  readonly quick: boolean;
  /** How many rounds instead of the scenario's own number. */
  readonly rounds: number | undefined;
  /** A folder of this run, removed at its end. */
  readonly folder: string;
  readonly random: Random;
  /** Tells people what is going on (to stderr). */
  readonly progress: (message: string) => void;
}

export interface Scenario {
  readonly name: string;
  readonly about: string;
  /** Left out on machines where no API server can be started. */
  readonly needsApiServer?: true;
  run(context: ScenarioContext): Promise<Series[]>;
}
