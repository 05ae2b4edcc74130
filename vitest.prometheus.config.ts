import { defineConfig } from 'vitest/config';

/** What needs a real Prometheus and Alertmanager (Debian's packages): `.ci/run` fetches them; `npm test` leaves this out. */
export default defineConfig({
  test: {
    include: ['test/prometheus/**/*.test.ts'],
    // Processes of its own, so that what they started ends with them.
    pool: 'forks',
    fileParallelism: false,
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
