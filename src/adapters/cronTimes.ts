/** When a cron pattern is due. node-cron only judges the minutes: nothing here ticks, and nothing is kept. */

import { createTask, validate } from 'node-cron';

/** Five fields: minute, hour, day of month, month, day of week. */
export const isCron = (pattern: string): boolean =>
  pattern.length <= 100 && pattern.trim().split(/\s+/).length === 5 && validate(pattern);

/** Whether a minute is one of the pattern's in this time zone; `at` is ms since the epoch, at its first second. */
export function cronMinutes(pattern: string, timezone: string): (at: number) => boolean {
  const task = createTask(pattern, () => undefined, { timezone });
  return (at) => task.match(new Date(at));
}
