/** node-cron, as the beat and nothing more: it keeps no due time, and runs no missed one (FACTS 4). */

import { schedule } from 'node-cron';
import type { Log } from '../ports.ts';

/** Call `run` every second, never twice at once. Returns what stops it. */
export function everySecond(run: () => Promise<void>, log: Log): () => Promise<void> {
  let busy = false;
  const task = schedule(
    '* * * * * *',
    async () => {
      // Not `noOverlap`: a run that hangs would block the job for ever, and say so every second.
      if (busy) return;
      busy = true;
      try {
        await run();
      } catch (error) {
        log.error({ error: String(error) }, 'a look at the clock failed');
      } finally {
        busy = false;
      }
    },
    { timezone: 'Etc/UTC', suppressMissedWarning: true },
  );
  return async () => {
    await task.destroy();
  };
}
