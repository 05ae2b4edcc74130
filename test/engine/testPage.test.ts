/** A test page that was asked for while the clock was ahead: it ends, and the next one can be asked for. */

import { describe, expect, it } from 'vitest';
import { systemClock } from '../../src/adapters/clock.ts';
import type { Actor } from '../../src/domain/incident.ts';
import type { ReadinessEvent } from '../../src/domain/readiness/events.ts';
import { evolveReadiness, NOTHING_PROVED } from '../../src/domain/readiness/state.ts';
import { createTestPages, type TestPageDeps } from '../../src/engine/testPage.ts';
import { createLog } from '../../src/log.ts';

const ada: Actor = { via: 'slack', id: 'U1', name: 'ada' };
const HOUR = 3_600_000;

describe('a test page of a clock that was ahead', () => {
  it.each([
    ['not sent yet', false, 'failed'],
    ['sent', true, 'closed'],
  ])('%s: ends at the next look, and keeps no other away', async (_what, sent, ended) => {
    const at = { now: Date.UTC(2026, 10, 28, 9) + 2 * HOUR, monotonic: 0 };
    let state = NOTHING_PROVED;
    const triggered: string[] = [];
    const pager: TestPageDeps['pager'] = {
      canConfirm: false,
      find: async () => ({ state: 'found', incidents: [] }),
      async trigger({ dedupKey }) {
        triggered.push(dedupKey);
        return { state: 'done' };
      },
      resolve: async () => ({ state: 'done' }),
    };
    const pages = createTestPages({
      state: () => state,
      async commit(by, ...events) {
        for (const event of events)
          state = evolveReadiness(state, { ...(event as ReadinessEvent), by, at: at.now });
      },
      pager,
      clock: { ...systemClock, now: () => at.now, monotonic: () => at.monotonic },
      log: createLog('silent', (text) => text),
      rehearsal: false,
    });
    await pages.ask(ada);
    if (sent) await pages.tick();
    at.now -= 2 * HOUR;
    at.monotonic += 60_000;
    await pages.tick();
    expect(state.test?.state).toBe(ended);
    expect(triggered).toHaveLength(sent ? 1 : 0);
    expect(await pages.ask(ada)).toBe(2);
  });
});
