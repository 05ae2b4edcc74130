import { afterEach, describe, expect, it, vi } from 'vitest';
import { everySecond } from '../../src/adapters/cron.ts';

const silent = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

/** Counts the beats, and waits for more of them. */
function counter() {
  let beats = 0;
  let waiting: { from: number; resolve: () => void } | null = null;
  return {
    run: async () => {
      beats += 1;
      if (waiting !== null && beats >= waiting.from) waiting.resolve();
    },
    more: (count: number) =>
      new Promise<void>((resolve) => {
        waiting = { from: beats + count, resolve };
      }),
  };
}

describe('the beat', () => {
  let stop: (() => Promise<void>) | null = null;
  afterEach(async () => {
    await stop?.();
    vi.useRealTimers();
  });

  it.each([
    ['back by an hour', -3_600_000],
    ['forward by a day', 86_400_000],
  ])('goes on when the wall clock is put %s', async (_name, jump) => {
    vi.useFakeTimers({ toFake: ['Date'], now: Date.UTC(2026, 10, 20) });
    const started = performance.now();
    let offset = 0;
    const follow = setInterval(() => {
      vi.setSystemTime(Date.UTC(2026, 10, 20) + offset + performance.now() - started);
    }, 5);
    const { run, more } = counter();
    stop = everySecond(run, silent);
    try {
      await more(1);
      offset = jump;
      await more(3);
    } finally {
      clearInterval(follow);
    }
  });

  it('a look that fails or hangs is said, and does not pile up', async () => {
    const errors: string[] = [];
    const { run, more } = counter();
    stop = everySecond(
      async () => {
        await run();
        throw new Error('of ours');
      },
      { ...silent, error: (_fields, message) => void errors.push(message) },
    );
    await more(2);
    expect(errors).toContain('a look at the clock failed');
  });
});
