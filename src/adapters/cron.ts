/**
 * The beat, and nothing more: it keeps no due time. node-cron beats on the minute, and an interval, which counts by the
 * monotonic clock, in the seconds between. Alone and every second node-cron would not do (measured, docs/adr/0012): with
 * the wall clock put back by an hour it says nothing for an hour, and put forward by a day (a machine that slept) it plans
 * each of the 86,400 missed seconds, and stops the loop for 19 s.
 */

import { createTask, schedule, validate } from 'node-cron';
import type { Log } from '../ports.ts';

const SECOND_MS = 1_000;

/** Call `run` every second, never twice at once, whatever the wall clock does. Returns what stops it. */
export function everySecond(run: () => Promise<void>, log: Log): () => Promise<void> {
  let busy = false;
  const beat = async () => {
    // Not `noOverlap`: a run that hangs would block the job for ever, and say so every time.
    if (busy) return;
    busy = true;
    try {
      await run();
    } catch (error) {
      log.error({ error: String(error) }, 'a look at the clock failed');
    } finally {
      busy = false;
    }
  };
  const task = schedule('* * * * *', beat, { timezone: 'Etc/UTC', suppressMissedWarning: true });
  const seconds = setInterval(() => void beat(), SECOND_MS);
  return async () => {
    clearInterval(seconds);
    await task.destroy();
  };
}

/** Five fields: minute, hour, day of month, month, day of week. */
export const isCron = (pattern: string): boolean =>
  pattern.length <= 100 && pattern.trim().split(/\s+/).length === 5 && validate(pattern);

/** Whether a minute is one of the pattern's in this time zone; `at` is ms since the epoch, at its first second. */
export function cronMinutes(pattern: string, timezone: string): (at: number) => boolean {
  const task = createTask(pattern, () => undefined, { timezone });
  return (at) => task.match(new Date(at));
}
