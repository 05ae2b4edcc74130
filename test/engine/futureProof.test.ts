/** A proof that a clock which was ahead dated in the future: it proves nothing until its time, and keeps no newer one away. */

import { describe, expect, it } from 'vitest';
import { systemClock } from '../../src/adapters/clock.ts';
import type { Actor } from '../../src/domain/incident.ts';
import { createLedger } from '../../src/engine/ledger.ts';
import { createReadiness } from '../../src/engine/readiness.ts';
import { DESK } from '../../src/ports.ts';
import { fakeStore } from '../fakes/store.ts';
import { policy } from '../scenarios/desk.ts';

const ada: Actor = { via: 'slack', id: 'U1', name: 'ada' };
const silent = { debug() {}, info() {}, warn() {}, error() {} };
const HOUR = 3_600_000;
const nine = Date.UTC(2026, 10, 28, 9);

/** Readiness with one line of the owner's own, and a clock that a test puts forward and back. */
async function bench() {
  const at = { now: nine };
  const clock = { ...systemClock, now: () => at.now };
  const store = fakeStore(clock.now);
  const readiness = await createReadiness({
    ledger: createLedger({ store, clock, playbook: policy().playbook, log: silent }),
    store,
    clock,
    log: silent,
    pager: {
      canConfirm: false,
      find: async () => ({ state: 'found', incidents: [] }),
      trigger: async () => ({ state: 'done' }),
      resolve: async () => ({ state: 'done' }),
      rotaAhead: async () => ({ state: 'unavailable', reason: 'none' }),
    },
    chat: {
      find: async () => ({ state: 'failed', reason: 'none', retry: true, maybe: false }),
      post: async () => ({ state: 'failed', reason: 'none', retry: true, maybe: false }),
    },
    channel: 'C',
    texts: { read: async () => [] },
    facts: {
      lines: [{ id: 'own', text: 'Own' }],
      rules: { soonDays: 3, validDays: {} },
      rehearsal: false,
      venues: [],
      exchanges: {},
      engines: [],
      feeds: 'off',
      ownerDocument: null,
      pagedWith: 'key',
      canAskPager: false,
    },
    policy: { remindEveryDays: 7, aheadDays: 14 },
    required: false,
    schedules: [],
    barMs: {},
    userByEmail: async () => null,
    versionOf: () => 'v',
    draw: () => ({ text: '', blocks: [] }),
  });
  const line = () => readiness.report().lines[0];
  return {
    at,
    mark: (words: string) => readiness.mark(ada, 'own', null, words),
    state: () => line()?.state,
    says: () => line()?.parts[0]?.says,
    proofs: async () => (await store.history(DESK)).filter(({ type }) => type === 'ReadinessProved').length,
  };
}

describe('a proof that is dated in the future', () => {
  it('proves nothing until its time', async () => {
    const desk = await bench();
    desk.at.now = nine + 2 * HOUR;
    await desk.mark('by a clock that was ahead');
    desk.at.now = nine;
    expect(desk.state()).toBe('unknown');
    expect(desk.says()).toContain('dated in the future');
    desk.at.now = nine + 2 * HOUR;
    expect(desk.state()).toBe('green');
  });

  it('keeps no newer one away, which stands when its time has come too', async () => {
    const desk = await bench();
    desk.at.now = nine + 2 * HOUR;
    await desk.mark('by a clock that was ahead');
    desk.at.now = nine;
    await desk.mark('by a clock that is right');
    expect(await desk.proofs()).toBe(2);
    expect(desk.state()).toBe('green');
    expect(desk.says()).toContain('by a clock that is right');
    desk.at.now = nine + 2 * HOUR;
    expect(desk.says()).toContain('by a clock that is right');
  });

  it('is not one that is a few minutes ahead: that one is as good as new', async () => {
    const desk = await bench();
    desk.at.now = nine + 60_000;
    await desk.mark('a minute ahead');
    desk.at.now = nine;
    await desk.mark('again');
    expect(await desk.proofs()).toBe(1);
    expect(desk.state()).toBe('green');
  });
});
