/** The real time. */

import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock } from '../ports.ts';

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  async wait(ms, signal) {
    if (signal?.aborted === true) return;
    // setTimeout fires at once for more than 2^31 − 1 ms.
    const bounded = Math.min(Math.max(0, ms), 2 ** 31 - 1);
    try {
      await sleep(bounded, undefined, signal === undefined ? {} : { signal });
    } catch (error) {
      if ((error as { name?: string }).name !== 'AbortError') throw error;
    }
  },
};
