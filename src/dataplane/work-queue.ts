/** Work that must not overlap. */

/** Runs what it is given one after the other, in the order of the calls; a failure is the caller's alone. */
export function createWorkQueue(): <Result>(work: () => Promise<Result>) => Promise<Result> {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const result = last.then(work);
    last = result.catch(() => undefined);
    return result;
  };
}
