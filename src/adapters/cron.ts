/**
 * The beat, and nothing more: it keeps no due time. node-cron beats on the minute, and an interval, which counts by the
 * monotonic clock, in the seconds between. Alone and every second node-cron would not do (measured, docs/adr/0012): with
 * the wall clock put back by an hour it says nothing for an hour, and put forward by a day (a machine that slept) it plans
 * each of the 86,400 missed seconds, and stops the loop for 19 s.
 */

import { schedule } from 'node-cron';
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
