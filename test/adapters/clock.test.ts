import { describe, expect, it } from 'vitest';
import { systemClock } from '../../src/adapters/clock.ts';

/** Keep the process busy, so that the loop's idea of the time is old. */
function block(ms: number): void {
  for (const until = performance.now() + ms; performance.now() < until; );
}

describe('waiting', () => {
  it('never ends before its time, also when it began at the end of a long turn of the loop', async () => {
    for (const [busyMs, waitMs] of [
      [40, 20],
      [25, 30],
      [60, 1],
    ] as const) {
      block(busyMs);
      const from = systemClock.monotonic();
      await systemClock.wait(waitMs);
      expect(systemClock.monotonic() - from).toBeGreaterThanOrEqual(waitMs);
    }
  });

  it('ends at once when it is aborted, before or meanwhile, and for nothing to wait', async () => {
    const stop = new AbortController();
    const waiting = systemClock.wait(2 ** 40, stop.signal);
    stop.abort();
    await waiting;
    await systemClock.wait(2 ** 40, stop.signal);
    await systemClock.wait(-5);
    await systemClock.wait(0);
  });
});
