/** A clock that a test moves: waits end when it is moved past them, in the order of their times. */

import type { Clock } from '../../src/ports.ts';

export interface FakeClock extends Clock {
  /** Move on by `ms`, ending each wait at its time, and let what follows from it run. */
  advance(ms: number): Promise<void>;
  /** Let everything that waits for no time finish. */
  settle(): Promise<void>;
}

/** Starts at `at`, ms since the epoch; monotonic time starts at 0. */
export function fakeClock(at = Date.parse('2026-11-27T14:00:00Z')): FakeClock {
  let passed = 0;
  const waits: { until: number; end: () => void }[] = [];
  const settle = async () => {
    for (let turn = 0; turn < 50; turn += 1) await Promise.resolve();
  };
  return {
    now: () => at + passed,
    monotonic: () => passed,
    wait(ms, signal) {
      if (signal?.aborted === true) return Promise.resolve();
      return new Promise((resolve) => {
        const one = { until: passed + Math.max(0, ms), end: resolve };
        waits.push(one);
        signal?.addEventListener('abort', () => {
          // One that is over already must not take another one along.
          if (waits.includes(one)) waits.splice(waits.indexOf(one), 1);
          resolve();
        });
      });
    },
    settle,
    async advance(ms) {
      const until = passed + ms;
      await settle();
      for (;;) {
        const next = waits.filter((one) => one.until <= until).toSorted((a, b) => a.until - b.until)[0];
        if (next === undefined) break;
        waits.splice(waits.indexOf(next), 1);
        passed = Math.max(passed, next.until);
        next.end();
        await settle();
      }
      passed = until;
      await settle();
    },
  };
}
