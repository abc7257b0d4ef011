import { type Logger, pino } from 'pino';

/** Logs are JSON lines on stderr: stdout belongs to what a command answers. */
export function createLog(level: string): Logger {
  return pino(
    { level, base: null, timestamp: pino.stdTimeFunctions.isoTime },
    pino.destination({ dest: 2, sync: true }),
  );
}
