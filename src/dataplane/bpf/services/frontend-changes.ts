/** What becomes of a Service's frontends. */
import { chooses, frontendName, type ServedFrontend } from './served.ts';

export interface FrontendChanges {
  /** Nobody has them afterwards. */
  readonly gone: readonly ServedFrontend[];
  /** To be written before the lists change: they stop choosing from one that they chose from, or never did. */
  readonly ending: readonly ServedFrontend[];
  /** To be written once the lists have changed: they choose from one that they did not choose from. */
  readonly beginning: readonly ServedFrontend[];
  /**
   * A frontend has to change together with the lists: it goes from one to the other, or to another Service. Under a new number
   * everything is there before the first frontend refers to it, and stays as it was under the old one.
   */
  readonly needNewNumber: boolean;
  /** How many more there are in the table afterwards. */
  readonly growth: number;
}

/** `moved`: names of those that go to another Service. */
export function compareFrontends(
  before: readonly ServedFrontend[],
  after: readonly ServedFrontend[],
  moved: ReadonlyMap<string, unknown>,
): FrontendChanges {
  const old = new Map(before.map((frontend) => [frontendName(frontend), frontend] as const));
  const ending: ServedFrontend[] = [];
  const beginning: ServedFrontend[] = [];
  let needNewNumber = false;
  let growth = 0;
  for (const frontend of after) {
    const name = frontendName(frontend);
    const last = old.get(name);
    old.delete(name);
    if (last === undefined && !moved.has(name)) growth++;
    const begins = startsChoosing(last, frontend);
    if (last !== undefined && begins && startsChoosing(frontend, last)) needNewNumber = true;
    if (begins || last === undefined) beginning.push(frontend);
    else if (frontend.inside !== last.inside || frontend.elsewhere !== last.elsewhere) ending.push(frontend);
  }
  const left = [...old.values()];
  const gone = left.filter((frontend) => !moved.has(frontendName(frontend)));
  if (gone.length < left.length) needNewNumber = true;
  return { gone, ending, beginning, needNewNumber, growth: growth - gone.length };
}

/** Whether a list is chosen from that was not chosen from before for such packets. */
function startsChoosing(before: ServedFrontend | undefined, after: ServedFrontend): boolean {
  return (
    (chooses(after.inside) && after.inside !== before?.inside) ||
    (chooses(after.elsewhere) && after.elsewhere !== before?.elsewhere)
  );
}
