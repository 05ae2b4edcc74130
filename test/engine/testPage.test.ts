/** A test page of a clock that was ahead, and one whose bot died while it went out. */

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
      of: ['key-of-a-test'],
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

describe('a test page whose bot dies after it went out, before it was on record', () => {
  it.each([
    ['rings once: PagerDuty is asked first', true, 1],
    ['is sent again under its key where PagerDuty cannot be asked: that is one incident there', false, 2],
  ])('%s', async (_what, canConfirm, requests) => {
    const at = { now: Date.UTC(2026, 10, 28, 9), monotonic: 0 };
    const keys: string[] = [];
    const onDisk: (ReadinessEvent & { at: number; by: Actor })[] = [];
    const pager = {
      canConfirm,
      find: async () => ({
        state: 'found',
        incidents:
          keys.length === 0 ? [] : [{ status: 'triggered', createdAt: new Date(at.now).toISOString() }],
      }),
      async trigger({ dedupKey }: { dedupKey: string }) {
        keys.push(dedupKey);
        return { state: 'done' };
      },
    } as unknown as TestPageDeps['pager'];
    const start = (dies: boolean) =>
      createTestPages({
        state: () => onDisk.reduce(evolveReadiness, NOTHING_PROVED),
        async commit(by, ...events) {
          if (dies && keys.length > 0) throw new Error('the process is gone');
          for (const event of events) onDisk.push({ ...(event as ReadinessEvent), by, at: at.now });
        },
        pager,
        clock: { ...systemClock, now: () => at.now, monotonic: () => at.monotonic },
        log: createLog('silent', (text) => text),
        rehearsal: false,
        of: ['key-of-a-test'],
      });
    const first = start(true);
    await first.ask(ada);
    await first.tick().catch(() => undefined);
    expect(keys).toHaveLength(1);
    expect(onDisk.map(({ type }) => type)).not.toContain('TestPageQueued');

    at.now += 5_000;
    const second = start(false);
    for (let look = 0; look < 3; look += 1) {
      at.monotonic += 60_000;
      await second.tick();
    }
    expect(keys).toHaveLength(requests);
    expect(new Set(keys).size).toBe(1);
    expect(onDisk.filter(({ type }) => type === 'TestPageQueued')).toHaveLength(1);
  });
});
