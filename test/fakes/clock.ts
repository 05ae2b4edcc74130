/** A clock that stands until it is told to go on. */

import type { Clock } from '../../src/ports.ts';

export interface ManualClock extends Clock {
  /** Let time pass; what waits for it goes on in order, and what that starts, too. */
  pass(ms: number): Promise<void>;
  /** Let everything that waits for nothing finish. */
  settle(): Promise<void>;
}

export function manualClock(start = Date.UTC(2026, 10, 22, 14)): ManualClock {
  let passed = 0;
  const waiting: { at: number; go: () => void }[] = [];
  const settle = async () => {
    for (let turn = 0; turn < 50; turn += 1) await Promise.resolve();
  };
  return {
    now: () => start + passed,
    monotonic: () => passed,
    wait: (ms, signal) =>
      new Promise((resolve) => {
        if (signal?.aborted === true) return resolve();
        waiting.push({ at: passed + ms, go: resolve });
        signal?.addEventListener('abort', () => resolve(), { once: true });
        return undefined;
      }),
    settle,
    async pass(ms) {
      const until = passed + ms;
      await settle();
      for (;;) {
        const next = waiting.filter(({ at }) => at <= until).sort((a, b) => a.at - b.at)[0];
        if (next === undefined) break;
        waiting.splice(waiting.indexOf(next), 1);
        passed = Math.max(passed, next.at);
        next.go();
        await settle();
      }
      passed = until;
      await settle();
    },
  };
}
