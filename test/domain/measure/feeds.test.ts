/** The gap, the missing bars and the good hours, against counts that look at every bar anew. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createFeeds, type Feeds } from '../../../src/domain/measure/feeds.ts';
import { bar, cases, MIN, T0 } from './stream.ts';

const STEP = MIN;
const HOUR = 60 * MIN;
const ONE = [{ id: 'f', intervalSec: 60, symbols: ['BTC/USDT'] }];
const OPEN = () => true;

/** A bar of the plan: due at T0 + k steps, closed a little beside, told at `heard`, had by the engine at `had`. */
interface Told {
  k: number;
  closedAt: number;
  had: number;
  heard: number;
}

const dueOf = (k: number): number => T0 + k * STEP;

const told = fc
  .record({
    k: fc.integer({ min: 1, max: 170 }),
    beside: fc.constantFrom(0, 0, 0, -STEP / 2 + 1, STEP / 2 - 1),
    had: fc.constantFrom(0, 0, 0, 2 * STEP, 2 * STEP + 1, 20 * STEP),
    heard: fc.constantFrom(0, 0, 0, STEP, 2 * STEP, 3 * STEP, 40 * STEP),
  })
  .map(({ k, beside, had, heard }): Told => {
    const closedAt = dueOf(k) + beside;
    return { k, closedAt, had: closedAt + had, heard: Math.max(closedAt + had, closedAt + heard) };
  });

/** All of a stretch but some, and some told late. */
const plan = fc
  .tuple(
    fc.array(told, { maxLength: 40, size: 'max' }),
    fc.integer({ min: 0, max: 170 }),
    fc.array(fc.integer({ min: 1, max: 170 }), { maxLength: 25, size: 'max' }),
  )
  .map(([odd, until, without]) => {
    const plain = Array.from({ length: until }, (_, n) => n + 1).filter((k) => !without.includes(k));
    return [
      { k: 0, closedAt: T0, had: T0, heard: T0 },
      ...plain.map((k) => ({ k, closedAt: dueOf(k), had: dueOf(k), heard: dueOf(k) })),
      ...odd,
    ];
  });
const pause = fc.tuple(fc.integer({ min: 0, max: 170 }), fc.integer({ min: 0, max: 60 }));

/** Plays it: what was told is taken, and every 20 s somebody looks. */
function play(all: Told[], end: number, isOpen: (at: number) => boolean): Feeds {
  const feeds = createFeeds(ONE);
  const left = all.toSorted((a, b) => a.heard - b.heard);
  for (let now = T0; now <= end; now += 20_000) {
    while ((left[0]?.heard ?? Number.POSITIVE_INFINITY) <= now) {
      const one = left.shift() as Told;
      feeds.take(bar(one.closedAt, { at: one.heard, availableAt: one.had }));
    }
    feeds.tick(now, isOpen);
  }
  return feeds;
}

/** The first look, every 20 s, at which a bar counts as missing: two intervals late. */
const lookOf = (k: number): number => dueOf(k) + 2 * STEP;

function slowly(all: Told[], end: number, isOpen: (at: number) => boolean) {
  const hours = new Map<number, number>();
  const missed: number[] = [];
  for (let k = 1; lookOf(k) <= end; k += 1) {
    const due = dueOf(k);
    if (!isOpen(due - 1)) continue;
    const words = all.filter((one) => Math.abs(one.closedAt - due) <= STEP / 2 && one.heard <= end);
    const came = words.some(({ heard }) => heard <= lookOf(k));
    const inTime = came || words.some(({ had, closedAt }) => had <= closedAt + 2 * STEP);
    const hour = Math.floor((due - 1) / HOUR) * HOUR;
    hours.set(hour, (hours.get(hour) ?? 0) + (inTime ? 0 : 1));
    const wentOn = all.some(({ closedAt, heard }) => closedAt > due - STEP && heard <= lookOf(k));
    if (words.length === 0 && wentOn && due > end - HOUR) missed.push(due);
  }
  const whole = [...hours].filter(([hour]) => hour < Math.floor(end / HOUR) * HOUR);
  const good = whole.filter(([, missing]) => missing < 3).length;
  return {
    uptime: whole.length === 0 ? null : { share: good / whole.length, hours: whole.length },
    missed,
  };
}

describe('missing bars and good hours', () => {
  it('are what a count of every bar finds, whatever comes late, twice, or while the market is closed', () => {
    fc.assert(
      fc.property(plan, pause, fc.integer({ min: 0, max: 540 }), (all, [from, long], looks) => {
        const end = T0 + looks * 20_000;
        const isOpen = (at: number) => at < dueOf(from) || at >= dueOf(from + long);
        const feeds = play(all, end, isOpen);
        const truth = slowly(all, end, isOpen);
        expect(feeds.uptime('f', end)).toEqual(truth.uptime);
        expect(feeds.missed('f', end).map(({ closedAt }) => closedAt)).toEqual(truth.missed);
      }),
      cases(300),
    );
  });

  it.each([
    ['one second', 1],
    ['an hour', 3_600],
    ['four hours', 14_400],
    ['a day', 86_400],
  ])('a bar of %s is missing where it did not come, and only there', (_, intervalSec) => {
    const feeds = createFeeds([{ id: 'f', intervalSec, symbols: ['BTC/USDT'] }]);
    const step = intervalSec * 1_000;
    // Looked at four times a bar, for eight bars.
    for (let quarter = 0; quarter < 32; quarter += 1) {
      const now = T0 + quarter * (step / 4);
      if (quarter % 4 === 0) feeds.take(bar(now));
      feeds.tick(now, OPEN);
      expect(feeds.missed('f', now)).toEqual([]);
      expect(feeds.uptime('f', now)?.share ?? 1).toBe(1);
    }
    feeds.take(bar(T0 + 9 * step));
    feeds.tick(T0 + 10 * step, OPEN);
    expect(feeds.missed('f', T0 + 10 * step)).toEqual([{ symbol: 'BTC/USDT', closedAt: T0 + 8 * step }]);
  });

  it('one that came half an interval beside the first one is still each bar', () => {
    const feeds = createFeeds(ONE);
    feeds.take(bar(T0 + 30_000));
    for (let k = 2; k < 70; k += 1) {
      feeds.take(bar(dueOf(k)));
      feeds.tick(dueOf(k), OPEN);
    }
    expect(feeds.missed('f', dueOf(69))).toEqual([]);
  });

  it('a weekend without bars spoils no hour, and a night in which nobody watched is not measured', () => {
    const feeds = createFeeds(ONE);
    const weekend = (at: number) => at < T0 + 2 * HOUR || at >= T0 + 50 * HOUR;
    for (let k = 0; k <= 120; k += 1) feeds.take(bar(dueOf(k)));
    feeds.tick(T0 + 2 * HOUR, weekend);
    // The first look is after it opened, as after a restart.
    for (let k = 50 * 60 + 1; k <= 52 * 60; k += 1) {
      feeds.take(bar(dueOf(k)));
      feeds.tick(dueOf(k), weekend);
    }
    expect(feeds.uptime('f', T0 + 52 * HOUR)).toEqual({ share: 1, hours: 4 });

    const again = createFeeds(ONE, JSON.parse(JSON.stringify(feeds.snapshot())), T0 + 52 * HOUR);
    for (let k = 60 * 60 + 1; k <= 62 * 60; k += 1) {
      again.take(bar(dueOf(k)));
      again.tick(dueOf(k), weekend);
    }
    expect(again.uptime('f', T0 + 62 * HOUR)?.share).toBe(1);
    expect(again.missed('f', T0 + 62 * HOUR)).toEqual([]);
  });

  it('a clock that goes back, and comes again, counts no hole twice; one that was ahead hides none that come', () => {
    const feeds = createFeeds(ONE);
    for (const k of [0, 1, 2, 4, 5]) feeds.take(bar(dueOf(k)));
    for (const k of [8, 3, 8, 4, 8]) feeds.tick(dueOf(k), OPEN);
    expect(feeds.snapshot()['f']?.['BTC/USDT']?.hours).toEqual({ [T0]: 2 }); // 3, and 6: nothing came any more
    feeds.tick(dueOf(500), OPEN);
    for (const k of [10, 11, 13, 14]) {
      feeds.take(bar(dueOf(k)));
      feeds.tick(dueOf(k), OPEN);
    }
    feeds.tick(dueOf(15), OPEN);
    expect(feeds.missed('f', dueOf(15)).map(({ closedAt }) => closedAt)).toEqual([dueOf(12)]);
  });

  it('a symbol that is configured no more is measured no more', () => {
    const feeds = createFeeds([{ id: 'f', intervalSec: 60, symbols: ['BTC/USDT', 'OLD/USDT'] }]);
    for (const k of [0, 1, 2, 9, 10]) feeds.take(bar(dueOf(k), { symbol: 'OLD/USDT' }));
    feeds.tick(dueOf(13), OPEN);
    expect(feeds.missed('f', dueOf(13))).not.toEqual([]);
    const now = createFeeds(ONE, feeds.snapshot());
    expect(now.missed('f', dueOf(13))).toEqual([]);
    expect(now.uptime('f', T0 + 2 * HOUR)).toBeNull();
  });
});

describe('the gap', () => {
  const TWO = [{ id: 'f', intervalSec: 60, symbols: ['BTC/USDT', 'ETH/USDT'] }];
  const one = fc.record({
    symbol: fc.constantFrom('BTC/USDT', 'ETH/USDT'),
    closedAt: fc.integer({ min: T0 - 10 * MIN, max: T0 + 10 * MIN }),
  });

  it('is that of the symbol whose newest close is the oldest, whatever the order', () => {
    fc.assert(
      fc.property(
        fc.array(one, { maxLength: 12, size: 'max' }),
        fc.integer({ min: -MIN, max: 20 * MIN }),
        (bars, later) => {
          const now = T0 + later;
          const feeds = createFeeds(TWO);
          for (const { symbol, closedAt } of bars) feeds.take(bar(closedAt, { symbol }));
          // What closes more than 5 s from now is of a clock that was ahead.
          const newest = (symbol: string) =>
            Math.max(
              ...bars.flatMap((each) =>
                each.symbol === symbol && each.closedAt <= now + 5_000 ? [each.closedAt] : [],
              ),
            );
          const known = TWO[0]?.symbols.map(newest).filter(Number.isFinite) ?? [];
          const gap = feeds.gap('f', now);
          expect(gap?.ms ?? null).toBe(
            known.length === 0 ? null : Math.max(0, now - MIN - Math.min(...known)),
          );
          if (gap !== null) expect(gap.never.length).toBe(2 - known.length);
        },
      ),
      cases(1_000),
    );
  });

  it('only an advancing close resets it', () => {
    const feeds = createFeeds(ONE);
    feeds.take(bar(T0));
    feeds.take(bar(T0 - MIN, { at: T0 + 4 * MIN }));
    feeds.take(bar(T0, { at: T0 + 4 * MIN }));
    expect(feeds.gap('f', T0 + 4 * MIN)).toEqual({
      ms: 3 * MIN,
      symbol: 'BTC/USDT',
      closedAt: T0,
      never: [],
    });
    feeds.take(bar(T0 + 1));
    expect(feeds.gap('f', T0 + 4 * MIN)?.ms).toBe(3 * MIN - 1);
  });
});
