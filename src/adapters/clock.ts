/** The real time. */

import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock } from '../ports.ts';

/** setTimeout fires at once for more. */
const LONGEST_MS = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  async wait(ms, signal) {
    if (signal?.aborted === true) return;
    const until = performance.now() + Math.max(0, ms);
    let left = Math.max(0, ms);
    // A timer counts from when the loop's turn began, not from when it was set: after a long turn it fires too early, and
    // who wakes before what it waits for is due would sleep for ever.
    do {
      try {
        await sleep(Math.min(left, LONGEST_MS), undefined, signal === undefined ? {} : { signal });
      } catch (error) {
        if ((error as { name?: string }).name !== 'AbortError') throw error;
        return;
      }
      left = until - performance.now();
    } while (left > 0);
  },
};
