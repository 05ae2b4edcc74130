/** The look at the clock, with a wall clock that jumps, a monotonic one that does not, and many closed incidents. */

import { describe, expect, it } from 'vitest';
import type { Actor, StandingEvent } from '../../src/domain/incident.ts';
import { createLedger, type Ledger } from '../../src/engine/ledger.ts';
import { createTicker } from '../../src/engine/tick.ts';
import type { Clock, Store } from '../../src/ports.ts';
import { fakeStore } from '../fakes/store.ts';
import { policy } from '../scenarios/desk.ts';

const { playbook } = policy();
const rules = { playbook, hours: { timezone: 'UTC', days: ['mon', 'tue', 'wed', 'thu', 'fri'] } };
const ADA: Actor = { via: 'slack', id: 'U0ADA', name: 'ada' };
const MIN = 60_000;
const HOUR = 60 * MIN;
const T0 = Date.UTC(2026, 10, 20, 12);
const silent = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

interface Time extends Clock {
  /** Time goes on. */
  pass(ms: number): void;
  /** The wall clock is put forward or back; no time goes on. */
  put(ms: number): void;
}

function timeAt(start: number): Time {
  let wall = start;
  let mono = 0;
  return {
    now: () => wall,
    monotonic: () => mono,
    wait: (ms) => (ms === 0 ? Promise.resolve() : new Promise(() => undefined)),
    pass(ms) {
      wall += ms;
      mono += ms;
    },
    put(ms) {
      wall += ms;
    },
  };
}

const opened = (id: string, at: number): StandingEvent => ({
  type: 'IncidentOpened',
  at,
  by: ADA,
  id,
  title: 't',
  severity: 'P1',
  origin: 'person',
  runbook: null,
  drill: false,
});

function desk(time: Time, store: Store = fakeStore(time.now)) {
  const ledger = createLedger({ store, clock: time, playbook, log: silent });
  const loads: string[] = [];
  const counted: Ledger = {
    ...ledger,
    load: (id) => {
      loads.push(id);
      return ledger.load(id);
    },
  };
  const begin = () =>
    createTicker({
      ledger: counted,
      store,
      clock: time,
      rules,
      money: () => ({ type: 'ImpactNoted', dayPnl: null, currency: 'USDT', source: null, why: 'a test' }),
      log: silent,
    });
  return { store, ledger, begin, loads, ticker: begin() };
}

const typesOf = async (store: Store, id: string) => (await store.history(id)).map(({ type }) => type);
const count = async (store: Store, id: string, type: StandingEvent['type']) =>
  (await typesOf(store, id)).filter((one) => one === type).length;

describe('a look at the clock', () => {
  it('a wall clock that is put back delays nothing, and repeats nothing', async () => {
    const time = timeAt(T0);
    const { store, ticker } = desk(time);
    await store.append('INC-1', 0, [opened('INC-1', T0)], []);
    await ticker.look();
    time.pass(10 * MIN);
    time.put(-HOUR);
    await ticker.look();
    expect(await count(store, 'INC-1', 'ClockMissed')).toBe(0);
    time.pass(5 * MIN);
    for (let looks = 0; looks < 5; looks += 1) await ticker.look();
    const missed = (await store.history('INC-1')).filter(({ type }) => type === 'ClockMissed');
    expect(missed).toMatchObject([{ clock: 'acknowledge' }, { clock: 'incidents-channel' }]);
    time.pass(15 * MIN);
    for (let looks = 0; looks < 5; looks += 1) await ticker.look();
    expect(await count(store, 'INC-1', 'UpdateReminded')).toBe(1);
    // The wall clock is right again, and everything is over once more: nothing is said twice.
    time.put(HOUR);
    for (let looks = 0; looks < 5; looks += 1) await ticker.look();
    expect((await store.history('INC-1')).filter(({ type }) => type === 'ClockMissed')).toHaveLength(2);
  });

  it('one that is put forward finds at once what is over, once', async () => {
    const time = timeAt(T0);
    const { store, ticker, begin } = desk(time);
    await store.append('INC-1', 0, [opened('INC-1', T0)], []);
    await ticker.look();
    time.put(50 * HOUR);
    await ticker.look();
    await begin().look();
    await ticker.look();
    const missed = (await store.history('INC-1')).filter(({ type }) => type === 'ClockMissed');
    expect(new Set(missed.map((one) => (one.type === 'ClockMissed' ? one.clock : ''))).size).toBe(
      missed.length,
    );
    expect(missed).toHaveLength(4);
    expect(await count(store, 'INC-1', 'UpdateReminded')).toBe(1);
    expect(await count(store, 'INC-1', 'MailOwed')).toBe(1);
    expect(await count(store, 'INC-1', 'PageOwed')).toBe(1);
  });

  it('two that look at one moment, as no cron should let them, do everything once', async () => {
    const time = timeAt(T0);
    const { store, ticker, begin } = desk(time);
    await store.append('INC-1', 0, [opened('INC-1', T0)], []);
    time.pass(50 * HOUR);
    const other = begin();
    await Promise.all([ticker.look(), other.look(), ticker.look(), other.look()]);
    const missed = (await store.history('INC-1')).filter(({ type }) => type === 'ClockMissed');
    expect(missed).toHaveLength(4);
    for (const type of ['UpdateReminded', 'MailOwed', 'PageOwed'] as const)
      expect(await count(store, 'INC-1', type)).toBe(1);
  });

  it('of many closed incidents it reads only those whose clock is over, also after a restart', async () => {
    const time = timeAt(T0);
    const { store, ledger, begin, loads } = desk(time);
    for (let n = 0; n < 300; n += 1) {
      const id = `INC-${n}`;
      await store.append(id, 0, [opened(id, T0)], []);
      await ledger.commit(id, { type: 'ResolveIncident', by: ADA, summary: 's' });
    }
    const after = begin();
    // First what the resolutions answered goes on record, some at a look.
    for (let looks = 0; looks < 20; looks += 1) await after.look();
    const [first] = store.summaries();
    expect(first?.dueAt).toBe(T0 + 15 * MIN);
    for (const { id } of store.summaries().slice(1)) {
      const event = { type: 'Posted' as const, what: 'headline', channel: 'C', ts: id };
      await ledger.commit(id, { type: 'Note', by: ADA, event });
    }
    for (let looks = 0; looks < 20; looks += 1) await after.look();
    loads.length = 0;
    time.pass(14 * MIN);
    await after.look();
    expect(loads).toEqual([]);
    time.pass(2 * MIN);
    for (let looks = 0; looks < 3; looks += 1) await after.look();
    expect(loads).toEqual(['INC-0']);
  });

  it('an incident that cannot be read holds up no other', async () => {
    const time = timeAt(T0);
    const { store, ledger, begin } = desk(time);
    for (const id of ['INC-1', 'INC-2']) {
      await store.append(id, 0, [opened(id, T0)], []);
      await ledger.commit(id, { type: 'ResolveIncident', by: ADA, summary: 's' });
    }
    const broken: Store = {
      ...store,
      peek: (id) => (id === 'INC-1' ? undefined : store.peek(id)),
      load: (id) => (id === 'INC-1' ? Promise.reject(new Error('EIO')) : store.load(id)),
    };
    const { ticker } = desk(time, broken);
    await ticker.look();
    expect(await count(store, 'INC-2', 'ClockMet')).toBe(1);
    expect(await count(store, 'INC-1', 'ClockMet')).toBe(0);
    time.pass(11 * MIN);
    await begin().look();
    expect(await count(store, 'INC-1', 'ClockMet')).toBe(1);
  });
});
