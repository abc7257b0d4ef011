/** Looks now and then whether somebody else changed programs or maps: the kernel tells nobody. */

/** Milliseconds. What is found is repaired within a second. */
const PERIOD_MS = 500;

/**
 * Calls `onForeignChange` whenever `isDisturbed` finds something; a look that fails is repeated as any other. The function
 * returned ends it, and resolves when the last look is over.
 */
export function inspectPeriodically(
  isDisturbed: () => Promise<boolean>,
  onForeignChange: () => void,
): () => Promise<void> {
  let timer: NodeJS.Timeout | null = null;
  let looking: Promise<void> = Promise.resolve();
  let ended = false;
  const look = async (): Promise<void> => {
    const found = await isDisturbed().catch(() => false);
    if (ended) return;
    if (found) onForeignChange();
    begin();
  };
  const begin = (): void => {
    timer = setTimeout(() => {
      looking = look();
    }, PERIOD_MS);
    timer.unref();
  };
  begin();
  return () => {
    ended = true;
    if (timer !== null) clearTimeout(timer);
    return looking;
  };
}
