/** The budgets of all SLOs together: restarts, months, what does not count, true times, and what was measured of each. */

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { createBudgets, windowOf } from '../../../src/domain/budget/budgets.ts';
import type { Look } from '../../../src/domain/budget/looks.ts';
import { minuteOf } from '../../../src/domain/budget/month.ts';
import { changeOf } from '../../../src/domain/budget/raise.ts';
import { createTally } from '../../../src/domain/budget/tally.ts';
import type { OrderSample } from '../../../src/domain/measure/samples.ts';
import { parsePlaybook } from '../../../src/policy.ts';

const file = new URL('../../../templates/playbook.yml', import.meta.url);
const parsed = parsePlaybook(readFileSync(file, 'utf8'), 'playbook.yml');
if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
const playbook = parsed.value;

const T0 = Date.parse('2026-11-10T12:00:00Z');
const SEC = 1_000;
const MIN = 60_000;
const HOUR = 60 * MIN;
const ada = { via: 'slack' as const, id: 'U1', name: 'Ada' };

const all = (look: Look): Record<string, Look> =>
  Object.fromEntries(playbook.slos.map(({ id }) => [id, look]));
const good = all({ state: 'good', why: '' });
const bad = all({ state: 'bad', why: 'gap' });

/** Look once a second over [from, to]. */
function watch(budgets: ReturnType<typeof createBudgets>, from: number, to: number, looks = good): void {
  for (let now = from; now <= to; now += SEC) budgets.look(looks, now);
}
const reading = (budgets: ReturnType<typeof createBudgets>, now: number, slo = 'SLO-01') => {
  const found = budgets.readings(now).find((one) => one.slo === slo);
  if (found === undefined) throw new Error(slo);
  return found;
};
const restarted = (budgets: ReturnType<typeof createBudgets>) =>
  createBudgets(playbook, JSON.parse(JSON.stringify(budgets.snapshot())));

describe('a restart', () => {
  it('forgets nothing, counts nothing twice, and leaves what nobody watched unmeasured', () => {
    let budgets = createBudgets(playbook);
    watch(budgets, T0, T0 + 10 * MIN, bad);
    budgets = restarted(budgets);
    watch(budgets, T0 + 15 * MIN, T0 + 20 * MIN, bad);
    const { consumedSec, unmeasuredSec, measuredPct } = reading(budgets, T0 + 20 * MIN);
    expect(consumedSec).toBe(15 * 60);
    // Since the month began, and five minutes.
    expect(unmeasuredSec).toBe((T0 - Date.parse('2026-11-01T00:00:00Z')) / SEC + 300);
    expect(measuredPct).toBeCloseTo((900 * 100) / (900 + unmeasuredSec), 9);
  });

  it('with a clock that was put back takes no second again', () => {
    let budgets = createBudgets(playbook);
    watch(budgets, T0, T0 + 10 * MIN, bad);
    budgets = restarted(budgets);
    watch(budgets, T0 + 5 * MIN, T0 + 10 * MIN, bad);
    expect(reading(budgets, T0 + 10 * MIN).consumedSec).toBe(600);
    watch(budgets, T0 + 10 * MIN, T0 + 11 * MIN, bad);
    expect(reading(budgets, T0 + 11 * MIN).consumedSec).toBe(660);
  });
});

describe('a leap of the clock', () => {
  it('is not measured, but a gap is what the bars say', () => {
    const budgets = createBudgets(playbook);
    watch(budgets, T0, T0 + MIN);
    budgets.look(all({ state: 'bad', since: T0 + 30 * SEC, why: 'gap' }), T0 + HOUR);
    expect(reading(budgets, T0 + HOUR, 'SLO-01').consumedSec).toBe(3_570);
    // Whether the engine was there in between nobody heard: what was watched before counts.
    expect(reading(budgets, T0 + HOUR, 'SLO-06').consumedSec).toBe(30);
    watch(budgets, T0 + HOUR, T0 + HOUR + MIN, all({ state: 'bad', since: T0 + 30 * SEC, why: 'gap' }));
    expect(reading(budgets, T0 + HOUR + MIN, 'SLO-01').consumedSec).toBe(3_630);
    expect(reading(budgets, T0 + HOUR + MIN, 'SLO-06').consumedSec).toBe(90);
  });
});

describe('a clock that is wrong for a moment', () => {
  it.each([
    ['a year ahead', 365 * 24 * HOUR],
    ['a day ahead', 24 * HOUR],
    ['two hours ahead', 2 * HOUR],
  ])('%s, and back: what was consumed stays, and measuring goes on', (_what, leap) => {
    const budgets = createBudgets(playbook);
    watch(budgets, T0, T0 + 10 * MIN, bad);
    watch(budgets, T0 + 10 * MIN + leap, T0 + 11 * MIN + leap);
    watch(budgets, T0 + 10 * MIN + SEC, T0 + 40 * MIN, bad);
    expect(reading(budgets, T0 + 40 * MIN).consumedSec).toBeGreaterThanOrEqual(40 * 60 - 2);
    expect(reading(budgets, T0 + 40 * MIN).consumedSec).toBeLessThanOrEqual(40 * 60);
  });

  it('behind, and forward again: no minute gets better, none has more than 60 seconds', () => {
    const budgets = createBudgets(playbook);
    watch(budgets, T0, T0 + HOUR, bad);
    watch(budgets, T0 - HOUR, T0 + HOUR, good);
    const { consumedSec, unmeasuredSec } = reading(budgets, T0 + HOUR);
    expect(consumedSec).toBe(3_600);
    expect(unmeasuredSec).toBe((T0 - HOUR - Date.parse('2026-11-01T00:00:00Z')) / SEC);
  });
});

describe('the end of a month', () => {
  it('counts for it what began in it and came out after it', () => {
    const end = Date.parse('2026-12-01T00:00:00Z');
    const budgets = createBudgets(playbook);
    watch(budgets, end - HOUR, end + MIN);
    // A gap is over its limit two minutes after its beginning.
    watch(budgets, end + MIN + SEC, end + 3 * MIN, all({ state: 'bad', since: end - MIN, why: 'gap' }));
    budgets.settle('SLO-03', minuteOf(end) - 1, 'bad');
    const of = (slo: string) => budgets.past().find((one) => one.slo === slo);
    expect(of('SLO-01')).toMatchObject({ month: '2026-11', consumedSec: 60 });
    expect(of('SLO-03')).toMatchObject({ month: '2026-11', consumedSec: 60 });
    expect(reading(budgets, end + 3 * MIN).consumedSec).toBe(180);
  });

  it.each([
    ['2026-11-30T23:59:00Z', '2026-11', '2026-12'],
    ['2028-02-29T23:59:00Z', '2028-02', '2028-03'],
    ['2026-02-28T23:59:00Z', '2026-02', '2026-03'],
    ['2026-12-31T23:59:00Z', '2026-12', '2027-01'],
  ])('%s closes %s and begins %s with the whole budget', (iso, last, next) => {
    const start = Date.parse(iso);
    const budgets = createBudgets(playbook);
    const ended: (string | null)[] = [];
    for (let now = start; now <= start + 2 * MIN; now += SEC) ended.push(budgets.look(bad, now));
    expect(ended.filter((one) => one !== null)).toEqual([last]);
    expect(reading(budgets, start + 2 * MIN)).toMatchObject({ month: next, consumedSec: 60 });
    expect(budgets.past().find(({ slo }) => slo === 'SLO-01')).toMatchObject({
      month: last,
      consumedSec: 60,
    });
  });

  it('keeps the last twelve, and the one before this one by the minute', () => {
    const budgets = createBudgets(playbook);
    for (let month = 0; month < 15; month += 1) budgets.look(bad, Date.UTC(2026, month, 10));
    expect([...new Set(budgets.past().map((one) => one.month))]).toHaveLength(12);
    expect(budgets.past().at(-1)?.month).toBe('2027-02');
  });
});

describe('what does not count', () => {
  it('is announced maintenance, as far as it has happened, on record when the configuration forgets it', () => {
    const budgets = createBudgets(playbook);
    const move = { from: T0 + 2 * MIN, to: T0 + 10 * MIN, name: 'move' };
    const maintenance = [move];
    expect(budgets.unannounced({ maintenance }, T0)).toEqual([move]);
    budgets.announce(windowOf(move), T0);
    for (let now = T0; now <= T0 + 5 * MIN; now += SEC) {
      budgets.maintain({ maintenance }, now);
      budgets.look(bad, now);
    }
    expect(reading(budgets, T0 + 5 * MIN).consumedSec).toBe(120);
    const after = restarted(budgets);
    after.maintain({ maintenance: [] }, T0 + 6 * MIN);
    expect(after.exclusions('2026-11')).toMatchObject([
      { name: 'move', by: null, from: minuteOf(T0) + 2, to: minuteOf(T0) + 6 },
    ]);
  });

  it('is no minute before the configuration was first seen with it, also over a restart', () => {
    let budgets = createBudgets(playbook);
    watch(budgets, T0, T0 + 5 * MIN, bad);
    const late = { from: T0 + MIN, to: T0 + 10 * MIN, name: 'afterwards' };
    const past = { from: T0, to: T0 + 2 * MIN, name: 'long over' };
    const maintenance = [late, past];
    budgets.maintain({ maintenance }, T0 + 5 * MIN);
    expect(budgets.exclusions('2026-11')).toEqual([]);
    expect(budgets.unannounced({ maintenance }, T0 + 5 * MIN)).toEqual([late]);
    budgets.announce(windowOf(late), T0 + 5 * MIN + 20 * SEC);
    budgets = restarted(budgets);
    budgets.announce(windowOf(late), T0 + 7 * MIN);
    expect(budgets.unannounced({ maintenance }, T0 + 5 * MIN)).toEqual([]);
    budgets.maintain({ maintenance }, T0 + 8 * MIN);
    expect(budgets.exclusions('2026-11')).toMatchObject([
      { name: 'afterwards', by: null, from: minuteOf(T0) + 6, to: minuteOf(T0) + 9 },
    ]);
    // One that is made longer, or begins earlier, is another one.
    expect(
      budgets.unannounced(
        {
          maintenance: [
            { ...late, from: T0 },
            { ...late, to: T0 + 99 * MIN },
          ],
        },
        T0,
      ),
    ).toHaveLength(2);
  });

  it('is what a person says by name, for one SLO or for all, once', () => {
    const budgets = createBudgets(playbook);
    watch(budgets, T0, T0 + 10 * MIN, bad);
    const outage = { id: 'X1', from: minuteOf(T0), to: minuteOf(T0) + 4, name: 'Binance', by: ada, at: T0 };
    budgets.exclude({ ...outage, slo: 'SLO-01' });
    budgets.exclude({ ...outage, slo: 'SLO-01' });
    expect(reading(budgets, T0 + 10 * MIN, 'SLO-01').consumedSec).toBe(360);
    expect(reading(budgets, T0 + 10 * MIN, 'SLO-02').consumedSec).toBe(600);
    budgets.exclude({ ...outage, id: 'X2', slo: null });
    expect(reading(budgets, T0 + 10 * MIN, 'SLO-02').consumedSec).toBe(360);
    expect(restarted(budgets).exclusions('2026-11')).toHaveLength(2);
  });

  it('moves a month that is over as well', () => {
    const start = Date.parse('2026-11-30T23:50:00Z');
    const budgets = createBudgets(playbook);
    watch(budgets, start, start + 20 * MIN, bad);
    expect(budgets.past().find(({ slo }) => slo === 'SLO-01')?.consumedSec).toBe(600);
    budgets.exclude({
      id: 'X',
      from: minuteOf(start),
      to: minuteOf(start) + 15,
      name: 'x',
      slo: null,
      by: ada,
      at: 0,
    });
    expect(budgets.past().find(({ slo }) => slo === 'SLO-01')?.consumedSec).toBe(0);
    expect(reading(budgets, start + 20 * MIN).consumedSec).toBe(300);
  });
});

describe('true times', () => {
  it('move the budget, give back what was not bad, and the newest ones stand', () => {
    const budgets = createBudgets(playbook);
    watch(budgets, T0, T0 + 10 * MIN);
    watch(budgets, T0 + 10 * MIN, T0 + 40 * MIN, bad);
    watch(budgets, T0 + 40 * MIN, T0 + 60 * MIN);
    const minute = minuteOf(T0);
    const was = budgets.measuredFor('SLO-01', minute + 12, minute + 20);
    expect(was).toEqual({ from: minute + 10, to: minute + 40 });
    const adjustment = { incident: 'INC-1', slo: 'SLO-01', was, reason: 'r', by: ada };
    const first = { ...adjustment, from: minute + 5, to: minute + 15, at: 1 };
    const moved = budgets.preview(first, T0 + HOUR);
    expect([moved[0]?.before.consumedSec, moved[0]?.after.consumedSec]).toEqual([1_800, 600]);
    expect(reading(budgets, T0 + HOUR).consumedSec).toBe(1_800);
    budgets.adjust(first);
    budgets.adjust(first);
    expect(reading(budgets, T0 + HOUR).consumedSec).toBe(600);
    expect(reading(budgets, T0 + HOUR, 'SLO-02').consumedSec).toBe(1_800);
    budgets.adjust({ ...adjustment, from: minute + 10, to: minute + 50, at: 2 });
    expect(reading(budgets, T0 + HOUR).consumedSec).toBe(2_400);
    // The old value is kept.
    expect(budgets.adjustments('2026-11')).toHaveLength(2);
    expect(reading(restarted(budgets), T0 + HOUR).consumedSec).toBe(2_400);
  });
});

describe('what is done about a band', () => {
  const at = (status: string, month = '2026-11') =>
    ({
      ...reading(createBudgets(playbook), T0),
      status,
      month,
      burning: null,
    }) as Parameters<typeof changeOf>[0];
  const acted = (status: string, month = '2026-11') =>
    ({ month, status, burn: null }) as NonNullable<Parameters<typeof changeOf>[1]>;
  const keys = (to: string, from?: string, month = '2026-11') =>
    changeOf(at(to), from === undefined ? undefined : acted(from, month), playbook, T0, true)?.hold.map(
      ({ key }) => key,
    );

  it.each([
    ['YELLOW', ['ALLOW_PROMOTIONS']],
    ['ORANGE', ['ALLOW_PROMOTIONS', 'POSITION_SIZE_FACTOR', 'ALLOW_NEW_STRATEGIES']],
    ['RED', ['ALLOW_PROMOTIONS', 'POSITION_SIZE_FACTOR', 'ALLOW_NEW_STRATEGIES', 'HALT_NEW_ORDERS']],
    ['CRITICAL', ['ALLOW_PROMOTIONS', 'POSITION_SIZE_FACTOR', 'ALLOW_NEW_STRATEGIES', 'HALT_NEW_ORDERS']],
    ['GREEN', []],
    ['UNKNOWN', []],
  ])('%s holds %j', (status, held) => {
    expect((keys(status) ?? []).toSorted()).toEqual(held.toSorted());
  });

  it('holds again only when the band worsens, or in another month', () => {
    expect(keys('YELLOW', 'YELLOW')).toBeUndefined();
    expect(keys('ORANGE', 'YELLOW')).toHaveLength(3);
    expect(keys('YELLOW', 'ORANGE')).toEqual([]);
    expect(keys('YELLOW', 'YELLOW', '2026-10')).toEqual(['ALLOW_PROMOTIONS']);
    expect(keys('UNKNOWN', 'GREEN')).toEqual([]);
  });

  it('raises P3, P2, P1 and P0, and clears what it raised before', () => {
    const severities = ['YELLOW', 'ORANGE', 'RED', 'CRITICAL'].map(
      (status) => changeOf(at(status), undefined, playbook, T0, true)?.firing[0]?.severity,
    );
    expect(severities).toEqual(['P3', 'P2', 'P1', 'P0']);
    const change = changeOf(at('ORANGE'), acted('YELLOW'), playbook, T0, true);
    expect(change?.cleared.map(({ key }) => key)).toEqual(['budget:SLO-01:2026-11:band:YELLOW']);
    const next = changeOf(at('UNKNOWN', '2026-12'), acted('RED'), playbook, T0, true);
    expect(next?.cleared.map(({ key }) => key)).toEqual(['budget:SLO-01:2026-11:band:RED']);
    expect(next?.hold).toEqual([]);
  });

  it('says a better band where the incident is open, and opens none that somebody resolved', () => {
    const fires = (isOpen: boolean) => {
      const change = changeOf(at('RED'), acted('CRITICAL'), playbook, T0, isOpen);
      return { firing: change?.firing.length, cleared: change?.cleared.length, acted: change?.acted.status };
    };
    expect(fires(true)).toEqual({ firing: 1, cleared: 1, acted: 'RED' });
    expect(fires(false)).toEqual({ firing: 0, cleared: 1, acted: 'RED' });
    expect(changeOf(at('RED'), acted('ORANGE'), playbook, T0, false)?.firing).toHaveLength(1);
  });

  it('raises a burn once, a worse one again, and clears it half an hour after its end', () => {
    const [warn, , page] = playbook.burnRates;
    if (warn === undefined || page === undefined) throw new Error('no rates');
    const green = { ...at('GREEN'), burning: warn };
    const first = changeOf(green, acted('GREEN'), playbook, T0, true);
    expect(first?.firing.map(({ key, severity }) => [key, severity])).toEqual([
      ['budget:SLO-01:2026-11:burn:1', 'P3'],
    ]);
    expect(changeOf(green, first?.acted, playbook, T0 + MIN, true)).toBeNull();
    const worse = changeOf({ ...green, burning: page }, first?.acted, playbook, T0 + MIN, true);
    expect(worse?.firing.map(({ key, severity }) => [key, severity])).toEqual([
      ['budget:SLO-01:2026-11:burn:5', 'P1'],
    ]);
    expect(worse?.cleared.map(({ key }) => key)).toEqual(['budget:SLO-01:2026-11:burn:1']);
    // A slower one after a faster one is the same fire.
    expect(changeOf(green, worse?.acted, playbook, T0 + 2 * MIN, true)).toBeNull();
    const ends = changeOf({ ...green, burning: null }, worse?.acted, playbook, T0 + 3 * MIN, true);
    expect(ends).toMatchObject({ firing: [], cleared: [] });
    expect(changeOf({ ...green, burning: null }, ends?.acted, playbook, T0 + 32 * MIN, true)).toBeNull();
    const over = changeOf({ ...green, burning: null }, ends?.acted, playbook, T0 + 33 * MIN, true);
    expect(over?.cleared.map(({ key }) => key)).toEqual(['budget:SLO-01:2026-11:burn:5']);
  });
});

describe('signals and orders by the minute', () => {
  const first = minuteOf(T0);
  const signal = (at: number, latencyMs: number) => ({ type: 'signal' as const, at, latencyMs });
  const order = (id: string, at: number, status: OrderSample['status']): OrderSample => ({
    type: 'order',
    at,
    venue: 'v',
    symbol: 's',
    orderId: id,
    status,
  });

  it.each([
    [99, 1, 'good'],
    [98, 1, 'bad'],
    [199, 1, 'good'],
    [1, 0, 'good'],
    [0, 1, 'bad'],
  ])('a minute with %i signals in time and %i slow ones is %3$s', (fast, slow, state) => {
    const tally = createTally(first, 99.5);
    for (let n = 0; n < fast; n += 1) tally.take(signal(T0 + MIN, 1_000), T0 + MIN);
    for (let n = 0; n < slow; n += 1) tally.take(signal(T0 + MIN, 1_001), T0 + MIN);
    expect(tally.judged(T0 + 2 * MIN)).toEqual([]);
    expect(tally.judged(T0 + 3 * MIN)).toEqual([{ what: 'latency', minute: first + 1, state }]);
    expect(tally.judged(T0 + 4 * MIN)).toEqual([]);
  });

  it.each([Number.NaN, -1, Number.POSITIVE_INFINITY])('a latency of %f is slow', (latencyMs) => {
    const tally = createTally(first, 99.5);
    tally.take(signal(T0 + MIN, latencyMs), T0 + MIN);
    expect(tally.judged(T0 + 3 * MIN)).toMatchObject([{ state: 'bad' }]);
  });

  it.each([
    [199, 1, 'good'],
    [198, 1, 'bad'],
    [1, 1, 'bad'],
    [5, 0, 'good'],
  ])('a minute with %i orders accepted and %i rejected is %3$s', (accepted, rejected, state) => {
    const tally = createTally(first, 99.5);
    for (let n = 0; n < accepted; n += 1) tally.take(order(`a${n}`, T0 + MIN, 'accepted'), T0 + MIN);
    for (let n = 0; n < rejected; n += 1) tally.take(order(`r${n}`, T0 + MIN, 'rejected'), T0 + MIN);
    // Sent again, and filled: nothing changes.
    for (let n = 0; n < accepted; n += 1) tally.take(order(`a${n}`, T0 + MIN, 'accepted'), T0 + 2 * MIN);
    tally.take(order('a0', T0 + MIN, 'filled'), T0 + 2 * MIN);
    expect(tally.judged(T0 + 3 * MIN)).toEqual([{ what: 'orders', minute: first + 1, state }]);
  });

  it('an order that was accepted and then rejected has failed, and late ones judge their minute anew', () => {
    const tally = createTally(first, 99.5);
    tally.take(order('1', T0 + MIN, 'accepted'), T0 + MIN);
    expect(tally.judged(T0 + 3 * MIN)).toMatchObject([{ state: 'good' }]);
    tally.take(order('1', T0 + MIN + SEC, 'rejected'), T0 + 5 * MIN);
    expect(tally.judged(T0 + 5 * MIN)).toEqual([{ what: 'orders', minute: first + 1, state: 'bad' }]);
  });

  it('are judged over a restart: what was not judged goes along, and is called bad, never good', () => {
    const old = createTally(first - 9, 99.5);
    for (let n = 0; n < 10; n += 1) old.take(order(`r${n}`, T0, 'rejected'), T0);
    old.take(order('a', T0 - MIN, 'accepted'), T0);
    old.take(signal(T0 - 4 * MIN, 1), T0);
    old.judged(T0);
    const pending = JSON.parse(JSON.stringify(old.snapshot()));
    expect(pending).toHaveLength(2);
    const tally = createTally(first, 99.5, pending);
    tally.take(order('b', T0 + 30 * SEC, 'accepted'), T0 + 30 * SEC);
    expect(tally.judged(T0 + 2 * MIN)).toEqual([{ what: 'orders', minute: first, state: 'bad' }]);
    expect(tally.snapshot()).toEqual([]);
  });

  it('leaves the minutes that an earlier process judged, what is too old, and what is of the future', () => {
    const tally = createTally(first, 99.5);
    tally.take(signal(T0 + 59 * SEC, 5_000), T0 + MIN);
    tally.take(signal(T0 + MIN, 5_000), T0 + MIN + 61 * MIN);
    tally.take(signal(T0 + 70 * MIN, 5_000), T0 + 62 * MIN);
    expect(tally.judged(T0 + 90 * MIN)).toEqual([]);
  });
});
