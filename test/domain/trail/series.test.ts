/** The trail as lines: what was measured, at its own time; what was not is a gap; thinning keeps extremes and invents nothing. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { TrailPoint, VenuePoint } from '../../../src/domain/trail/point.ts';
import { keptTrail, spanOf } from '../../../src/domain/trail/record.ts';
import { linesOf, type Mark, thinned, within, withoutRepeats } from '../../../src/domain/trail/series.ts';

const T0 = Date.parse('2026-11-22T14:00:00Z');
const s = (sec: number): number => T0 + sec * 1_000;

type Sample = Extract<TrailPoint, { kind: 'start' | 'sample' }>;
const sample = (sec: number, absolute: number | null, more: Partial<Sample> = {}): TrailPoint => ({
  kind: 'sample',
  at: s(sec),
  venues: { usdm: { at: s(sec), absolute, net: absolute, by: 'venue' } },
  criteria: [{ id: 'dailyLoss', value: 1, limit: 10, unit: 'USDT', state: 'ok' }],
  dayPnl: -1,
  equity: null,
  engine: null,
  trading: 'running',
  ...more,
});
const reading = (sec: number, found: Partial<VenuePoint>): TrailPoint => ({
  kind: 'reading',
  at: s(sec),
  venues: { usdm: { at: s(sec), by: 'venue', ...found } },
});
const lineOf = (points: TrailPoint[], of: string, name = 'usdm') =>
  linesOf(points, 'USDT')
    .find((line) => line.of === of && line.name === name)
    ?.points.map(([at, value]) => [(at - T0) / 1_000, value]);

describe('the lines of a trail', () => {
  it('put a reading where it was taken, once, and never behind a newer one', () => {
    const late = sample(10, 500);
    late.venues['usdm'] = { at: s(4), absolute: 512, net: 512, by: 'venue' };
    // A kill read the venue empty; the sample after it still knows an older measurement.
    expect(
      lineOf([sample(0, 512), reading(7, { absolute: 0, net: 0, orders: 0 }), late], 'absolute'),
    ).toEqual([
      [0, 512],
      [7, 0],
    ]);
  });

  it('break off where nobody watched: at a start, and where samples are missing', () => {
    expect(
      lineOf([sample(0, 5), sample(10, 5), sample(14, 6, { kind: 'start' }), sample(60, 7)], 'absolute'),
    ).toEqual([
      [0, 5],
      [10, 5],
      [13.999, null],
      [14, 6],
      [24, null],
      [60, 7],
    ]);
  });

  it('take a thinned hour for no hole', () => {
    const coarse = [0, 100, 200].map((sec) => sample(sec, 5, { stepMs: 100_000 }));
    expect(lineOf(coarse, 'absolute')).toEqual([
      [0, 5],
      [100, 5],
      [200, 5],
    ]);
  });

  it('a sample that knows nothing takes back no reading that is not void, and a void one', () => {
    const points = [reading(0, { absolute: 9, net: 9, orders: 1 }), sample(10, null), sample(130, null)];
    expect(lineOf(points.slice(0, 2), 'absolute')).toEqual([[0, 9]]);
    const watched = [points[0], ...Array.from({ length: 13 }, (_, i) => sample((i + 1) * 10, null))];
    expect(lineOf(watched as TrailPoint[], 'absolute')).toEqual([
      [0, 9],
      [120, null],
      [130, null],
    ]);
  });

  it('open orders are void two and a half minutes after they were read', () => {
    const points = [reading(0, { orders: 3 }), reading(60, { orders: 4 }), reading(400, { orders: 5 })];
    expect(lineOf(points, 'orders')).toEqual([
      [0, 3],
      [60, 4],
      [210, null],
      [400, 5],
    ]);
  });

  it('what could not be read is unknown, and what a point does not speak of is left as it is', () => {
    expect(lineOf([reading(0, { orders: 3, absolute: 1 }), reading(5, { orders: null })], 'orders')).toEqual([
      [0, 3],
      [5, null],
    ]);
    expect(lineOf([reading(0, { absolute: 1 }), reading(5, { orders: 1 })], 'absolute')).toEqual([[0, 1]]);
  });
});

const marks = fc
  .array(
    fc.tuple(fc.integer({ min: 1, max: 50 }), fc.option(fc.double({ noNaN: true, noDefaultInfinity: true }))),
    {
      maxLength: 400,
    },
  )
  .map((steps): Mark[] => {
    let at = 0;
    return steps.map(([step, value]) => [(at += step), value]);
  });
const values = (points: Mark[]) => points.flatMap(([, value]) => (value === null ? [] : [value]));

describe('thinning', () => {
  it('keeps extremes, invents no point, and closes no gap (property)', () => {
    fc.assert(
      fc.property(marks, fc.integer({ min: 1, max: 40 }), (points, buckets) => {
        const kept = thinned(points, buckets);
        expect(kept.every((point) => points.includes(point))).toBe(true);
        expect(kept.every(([at], index) => index === 0 || at > (kept[index - 1]?.[0] ?? 0))).toBe(true);
        if (values(points).length > 0) {
          expect(Math.max(...values(kept))).toBe(Math.max(...values(points)));
          expect(Math.min(...values(kept))).toBe(Math.min(...values(points)));
        }
        for (const [index, [at, value]] of kept.entries()) {
          const before = kept[index - 1];
          if (before === undefined || value === null || before[1] === null) continue;
          const between = points.filter(([one]) => one > before[0] && one < at);
          expect(between.every(([, one]) => one !== null)).toBe(true);
        }
        expect(kept.at(-1)?.[1] === null).toBe(points.at(-1)?.[1] === null);
        expect(kept.length).toBeLessThanOrEqual(Math.max(buckets, (buckets + 1) * 6 + 2));
      }),
      { numRuns: 300 },
    );
  });

  it('leaves out only what says again what stands: in steps the line is the same (property)', () => {
    const stepAt = (points: Mark[], at: number) => points.findLast(([one]) => one <= at)?.[1];
    fc.assert(
      fc.property(marks, fc.integer({ min: 0, max: 20_000 }), (points, at) => {
        const small = points.map(([one, value]): Mark => [one, value === null ? null : Math.sign(value)]);
        expect(stepAt(withoutRepeats(small), at)).toBe(stepAt(small, at));
      }),
      { numRuns: 300 },
    );
  });

  it('keeps the point that stood at the beginning, at its own time', () => {
    const points: Mark[] = [
      [1, 10],
      [5, 20],
      [9, 30],
    ];
    expect(within(points, 7, 9)).toEqual([
      [5, 20],
      [9, 30],
    ]);
    expect(within(points, 0, 4)).toEqual([[1, 10]]);
  });
});

describe('what goes on record', () => {
  const about = { currency: 'USDT', limits: { total: 1_500, perVenue: {} } };

  it('is at most 30 kB, whatever is measured, with the extremes in it', () => {
    const ids = Array.from({ length: 20 }, (_, index) => `dataFeedGap:feed-${index}`);
    const points = Array.from({ length: 8_640 }, (_, index): TrailPoint => {
      const value = (offset: number) => Number((1e6 * Math.sin(index * offset + offset)).toPrecision(10));
      return sample(index * 10, value(1), {
        venues: Object.fromEntries(
          Array.from({ length: 10 }, (__, venue) => [
            `venue-${venue}`,
            { at: s(index * 10), absolute: value(venue + 1), net: value(venue + 2), by: 'venue' as const },
          ]),
        ),
        criteria: ids.map((id, n) => ({ id, value: value(n), limit: 300, unit: 's', state: 'ok' as const })),
      });
    });
    const kept = keptTrail(points, { from: T0, to: s(86_400), ...about });
    expect(JSON.stringify(kept).length).toBeLessThan(30_000);
    expect(kept.leftOut).toBeGreaterThan(0);
    const first = kept.lines.find(({ of, name }) => of === 'absolute' && name === 'venue-0');
    const all = points.map(({ venues }) => venues['venue-0']?.absolute ?? 0);
    expect(Math.max(...values(first?.points ?? []))).toBe(Math.max(...all));
    expect(Math.min(...values(first?.points ?? []))).toBe(Math.min(...all));
  });

  it('is from 15 minutes before the opening to 5 minutes after the end, and not into the future', () => {
    const incident = { openedAt: T0, resolution: { at: s(60) } };
    expect(spanOf(incident, s(61))).toEqual({ from: s(-900), to: s(61) });
    expect(spanOf(incident, s(9_000))).toEqual({ from: s(-900), to: s(360) });
    expect(spanOf({ openedAt: T0 }, s(20))).toEqual({ from: s(-900), to: s(20) });
  });

  it('leaves out what was never known, but not that a criterion was unknown', () => {
    const unknown = [{ id: 'dailyLoss', value: null, limit: null, unit: 'USDT', state: 'unknown' as const }];
    const kept = keptTrail([sample(0, 5, { criteria: unknown })], { from: s(-5), to: s(5), ...about });
    expect(kept.lines.map(({ of, name }) => `${of} ${name}`.trim())).toEqual([
      'absolute usdm',
      'net usdm',
      'state dailyLoss',
      'dayPnl',
      'trading',
    ]);
  });
});
