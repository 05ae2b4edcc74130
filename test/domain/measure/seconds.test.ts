/** Counts by second and millisecond against counting everything anew. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createSeconds } from '../../../src/domain/measure/seconds.ts';

const T0 = Date.parse('2026-11-22T12:00:00Z');
const LENGTH = 5_000;
const entry = fc.record({
  at: fc.oneof(
    fc.integer({ min: 0, max: 20_000 }),
    fc.constantFrom(0, 999, 1_000, 4_999, 5_000, 5_001, 10_000, 3_600_000),
  ),
  orders: fc.integer({ min: 1, max: 3 }),
  bad: fc.boolean(),
});
const entries = fc
  .array(entry, { maxLength: 40, size: 'max' })
  .map((all) => all.map(({ at, orders, bad }) => ({ at: T0 + at, orders, rejected: bad ? 1 : 0 })));
const fill = (all: { at: number; orders: number; rejected: number }[]) => {
  const seconds = createSeconds();
  for (const { at, orders, rejected } of all) seconds.add(at, orders, rejected);
  return seconds;
};
const slowly = (all: { at: number; orders: number; rejected: number }[], from: number, to: number) => {
  const inside = all.filter(({ at }) => at > from && at <= to);
  return {
    orders: inside.reduce((sum, one) => sum + one.orders, 0),
    rejected: inside.reduce((sum, one) => sum + one.rejected, 0),
  };
};

describe('counts by second', () => {
  it('are those of any stretch', () => {
    fc.assert(
      fc.property(
        entries,
        fc.integer({ min: -10, max: 21_000 }),
        fc.integer({ min: 0, max: 21_000 }),
        (all, from, length) => {
          expect(fill(all).within(T0 + from, T0 + from + length)).toEqual(
            slowly(all, T0 + from, T0 + from + length),
          );
        },
      ),
      { numRuns: 2_000 },
    );
  });

  it('slide over every end at which something comes or goes, from any start', () => {
    fc.assert(
      fc.property(
        entries,
        fc.integer({ min: -10, max: 30_000 }),
        fc.integer({ min: 0, max: 4_000_000 }),
        (all, from, length) => {
          const [start, end] = [T0 + from, T0 + from + length];
          const seen = new Map<number, object>();
          fill(all).slide(start, end, LENGTH, (at, held) => seen.set(at, { ...held }));
          const due = all.flatMap(({ at }) => [at, at + LENGTH]).filter((at) => at >= start && at <= end);
          // What comes in as much goes out at the same ms is still looked at.
          expect(new Set(seen.keys())).toEqual(new Set(due));
          for (const [at, held] of seen) expect(held).toEqual(slowly(all, at - LENGTH, at));
        },
      ),
      { numRuns: 1_000 },
    );
  });

  it('come back from their snapshot, and forget whole seconds only', () => {
    fc.assert(
      fc.property(entries, fc.integer({ min: 0, max: 20_000 }), (all, floor) => {
        const seconds = fill(all);
        seconds.forget(T0 + floor);
        const again = createSeconds(JSON.parse(JSON.stringify(seconds.snapshot())));
        const from = T0 + floor;
        for (const one of [seconds, again])
          expect(one.within(from, T0 + 4e6)).toEqual(slowly(all, from, T0 + 4e6));
        expect(seconds.snapshot().every(([second]) => (second + 1) * 1_000 > from)).toBe(true);
        const newest = Math.max(
          ...all.map(({ at }) => at).filter((at) => at >= Math.floor((from + 1) / 1_000) * 1_000),
        );
        expect(again.newest()).toBe(newest);
      }),
      { numRuns: 1_000 },
    );
  });

  it('are right after a change to a second that was written down before', () => {
    const seconds = createSeconds();
    seconds.add(T0, 1, 0);
    const first = seconds.snapshot();
    seconds.add(T0 + 1, 1, 1);
    expect(first).toEqual([[T0 / 1_000, [0, 1, 0]]]);
    expect(seconds.snapshot()).toEqual([[T0 / 1_000, [0, 1, 0, 1, 1, 1]]]);
  });
});
