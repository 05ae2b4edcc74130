import { defineConfig } from 'vitest/config';

/** What needs a real browser (Debian's chromium): `.ci/run` fetches it; `npm test` leaves this out. */
export default defineConfig({
  test: {
    include: ['test/browser/**/*.test.ts'],
    // Processes of its own, so that what they started ends with them.
    pool: 'forks',
    fileParallelism: false,
    // Of the tests that say that they may run side by side: they mostly wait, each at a desk of its own.
    maxConcurrency: 5,
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // A condition may take as long as the bot does, on a machine that is busy.
    expect: { poll: { timeout: 20_000 } },
  },
});
