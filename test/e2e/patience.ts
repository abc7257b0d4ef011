/**
 * Calls `giveUp` after so much patience, and returns what ends the wait. It is counted in turns of this process: while the
 * machine stands still nobody can answer. The function uses nothing but its parameters: its text also runs in other processes.
 */
export function afterPatience(milliseconds: number, giveUp: () => void): () => void {
  const turn = 10;
  let left = milliseconds / turn;
  const timer = setInterval(() => {
    left -= 1;
    if (left > 0) return;
    clearInterval(timer);
    giveUp();
  }, turn);
  return () => clearInterval(timer);
}
