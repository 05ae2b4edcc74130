/** Which incident an alert goes to, also when there are far too many of them. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Alert, OWN_SOURCE, type Severity } from '../../src/domain/incident.ts';
import { createIntake, type TakenAlert } from '../../src/engine/intake.ts';
import { createLedger } from '../../src/engine/ledger.ts';
import { fakeClock } from '../fakes/clock.ts';
import { fakeStore } from '../fakes/store.ts';
import { policy } from '../scenarios/desk.ts';

const silent = { debug() {}, info() {}, warn() {}, error() {} };
const { playbook, runbooks } = policy();
const SOURCE = { via: 'alert', id: 'alertmanager', name: 'alertmanager' } as const;
const GROUPS = playbook.grouping.storm.groups;

function alert(groupKey: string, key: string, severity: Severity = 'P1'): Alert {
  return {
    source: 'alertmanager',
    groupKey,
    key,
    title: `${groupKey} fires`,
    severity,
    startsAt: 1_000,
    startsAtGiven: true,
    labels: {},
    annotations: {},
  };
}
const fires = (group: string, key: string, severity?: Severity): TakenAlert => ({
  alert: alert(group, key, severity),
  status: 'firing',
});
const ends = (group: string, key: string): TakenAlert => ({
  alert: alert(group, key),
  status: 'resolved',
  endedAt: 2_000,
});

function start(
  clock = fakeClock(),
  store = fakeStore(clock.now),
  ledger = createLedger({ store, clock, playbook, log: silent }),
  calm = () => Promise.resolve(),
) {
  let n = store.summaries().length;
  const intake = createIntake({
    store,
    ledger,
    clock,
    playbook,
    runbooks,
    drill: false,
    newIncidentId: () => `INC-20261127-${String((n += 1)).padStart(3, '0')}`,
    calm,
  });
  return { intake, store, ledger, clock, take: (...taken: TakenAlert[]) => intake.take(taken, SOURCE) };
}

describe('a batch', () => {
  it('of one group is one incident and one append, in its order', async () => {
    const { take, store } = start();
    const found = await take(
      fires('g', 'a'),
      fires('g', 'b'),
      ends('g', 'a'),
      fires('h', 'a'),
      ends('g', 'x'),
    );
    expect(found).toEqual([
      'INC-20261127-001',
      'INC-20261127-001',
      'INC-20261127-001',
      'INC-20261127-002',
      null,
    ]);
    const incident = await store.load('INC-20261127-001');
    expect(incident?.alerts).toMatchObject({ a: { state: 'resolved' }, b: { state: 'firing' } });
    expect(incident?.pages).toHaveLength(1);
  });

  it('that comes in two halves at once still makes one incident a group', async () => {
    const { take, store } = start();
    await Promise.all([take(fires('g', 'a')), take(fires('g', 'b')), take(fires('g', 'c'))]);
    expect(store.summaries().map(({ alerts }) => alerts)).toEqual([3]);
  });
});

describe('a storm', () => {
  const many = (from: number, to: number) =>
    Array.from({ length: to - from }, (_, n) => fires(`group ${from + n}`, 'a'));

  it('of more groups than the playbook allows is held in one incident, each alert in exactly one', async () => {
    const { take, store } = start();
    await take(...many(0, GROUPS + 50));
    const summaries = store.summaries();
    expect(summaries).toHaveLength(GROUPS + 1);
    const storm = await store.load(summaries.at(-1)?.id ?? '');
    expect(storm).toMatchObject({ origin: 'storm', severity: 'P1', firing: 50 });
    expect(storm?.pages).toHaveLength(1);
    expect(Object.values(storm?.alerts ?? {}).map(({ fingerprint }) => fingerprint)).toEqual(
      Array.from({ length: 50 }, () => 'a'),
    );
    expect(summaries.reduce((sum, { alerts }) => sum + alerts, 0)).toBe(GROUPS + 50);
  });

  it('gives a P0 an incident of its own, and lets a group that has one go on in it', async () => {
    const { take, store } = start();
    const [first] = await take(...many(0, GROUPS + 1));
    const [urgent, known] = await take(fires('worst', 'a', 'P0'), fires('group 0', 'b'));
    expect(known).toBe(first);
    expect(await store.load(urgent ?? '')).toMatchObject({ origin: 'alert', severity: 'P0' });
  });

  it('gives what the bot itself watches an incident with its runbook, which pauses by itself', async () => {
    const { take, store } = start();
    await take(...many(0, GROUPS + 1));
    const own: Alert = {
      ...alert('feed:binance-1m', 'feedStale:binance-1m'),
      source: OWN_SOURCE,
      runbook: 'slo-01-data-feed',
    };
    const [id] = await take({ alert: own, status: 'firing' });
    expect(await store.load(id ?? '')).toMatchObject({
      origin: 'alert',
      source: OWN_SOURCE,
      runbook: 'slo-01-data-feed',
    });
  });

  it('ends what it holds where it is held, also after a restart', async () => {
    const { take, store, clock, ledger } = start();
    await take(...many(0, GROUPS + 2));
    const id = store.summaries().at(-1)?.id ?? '';
    const again = start(clock, store, ledger);
    expect(await again.take(ends(`group ${GROUPS}`, 'a'), fires(`group ${GROUPS + 1}`, 'b'))).toEqual([
      id,
      id,
    ]);
    expect((await store.load(id))?.firing).toBe(2);
  });

  it('goes on after a restart: the groups that opened before it count', async () => {
    const { take, store, clock, ledger } = start();
    await take(...many(0, GROUPS));
    await clock.advance(60_000);
    const [id] = await start(clock, store, ledger).take(fires('one more', 'a'));
    expect(await store.load(id ?? '')).toMatchObject({ origin: 'storm' });
  });

  it('waits while a kill takes its first steps, and a P0 does not', async () => {
    let begin = () => {};
    const calm = new Promise<void>((resolve) => {
      begin = resolve;
    });
    const { take, store } = start(undefined, undefined, undefined, () => calm);
    const waiting = take(fires('a', '1'));
    await take(fires('b', '1', 'P0'));
    expect(store.summaries().map(({ groupKey }) => groupKey)).toEqual(['b']);
    begin();
    await waiting;
    expect(store.summaries().map(({ groupKey }) => groupKey)).toEqual(['b', 'a']);
  });

  it('is over when the playbook’s time is: the next group has its own', async () => {
    const { take, store, clock } = start();
    await take(...many(0, GROUPS + 1));
    await clock.advance(playbook.grouping.storm.withinMin * 60_000 + 1);
    const [id] = await take(fires('later', 'a'));
    expect(await store.load(id ?? '')).toMatchObject({ origin: 'alert' });
  });

  it('loses no alert, whatever comes in whatever batches', async () => {
    const taken = fc.array(
      fc.record({
        group: fc.integer({ min: 0, max: GROUPS + 30 }).map(String),
        key: fc.constantFrom('a', 'b', '__proto__'),
        ends: fc.boolean(),
      }),
      { maxLength: 300 },
    );
    await fc.assert(
      fc.asyncProperty(taken, fc.integer({ min: 1, max: 120 }), async (signals, size) => {
        const { take, store } = start();
        await take(...many(0, GROUPS));
        for (let from = 0; from < signals.length; from += size) {
          const batch = signals.slice(from, from + size);
          await take(...batch.map((one) => (one.ends ? ends : fires)(one.group, one.key)));
        }
        const where = new Map<string, number>();
        for (const { id } of store.summaries())
          for (const one of Object.values((await store.load(id))?.alerts ?? {})) {
            const name = `${one.groupKey}|${one.fingerprint ?? one.key}`;
            where.set(name, (where.get(name) ?? 0) + 1);
          }
        const fired = new Set(signals.filter((one) => !one.ends).map((one) => `${one.group}|${one.key}`));
        for (const name of fired) expect(where.get(name), name).toBe(1);
      }),
      { numRuns: 20 },
    );
  });
});
