/** The real time. */

import type { Clock } from '../ports.ts';

/** setTimeout fires at once for more. */
const LONGEST_MS = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  wait: (ms, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted === true) return resolve();
      const until = performance.now() + Math.max(0, ms);
      let timer: NodeJS.Timeout;
      const end = () => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', end);
        resolve();
      };
      // A timer counts from when the loop's turn began, not from when it was set: after a long turn it fires too early,
      // and who wakes before what it waits for is due would sleep for ever.
      const sleep = (left: number) => {
        timer = setTimeout(look, Math.min(left, LONGEST_MS));
      };
      const look = () => {
        const left = until - performance.now();
        if (left > 0) sleep(left);
        else end();
      };
      signal?.addEventListener('abort', end, { once: true });
      sleep(Math.max(0, ms));
    }),
};
