/** Percentiles of the trailing hour, against sorting all of it. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createLatencies, SLOWEST_MS } from '../../../src/domain/measure/latency.ts';
import { cases, MIN, T0 } from './stream.ts';

const latency = fc.oneof(
  fc.integer({ min: 0, max: 3_000 }),
  fc.double({ min: 0, max: 12_000, noNaN: true }),
  fc.constantFrom(
    -0,
    0,
    999.999,
    1_000,
    1_000.001,
    1_999.999,
    2_000,
    9_999,
    10_000,
    1e308,
    Number.POSITIVE_INFINITY,
  ),
  // No latency at all: never healthy.
  fc.constantFrom(Number.NaN, -1, -1e308),
);
const taken = fc.record({ at: fc.integer({ min: -90 * MIN, max: 5_000 }), ms: latency });

/** The last 60 minutes and the running one. */
function slowly(all: { at: number; ms: number }[], share: number): number | null {
  const inside = all
    .filter(({ at }) => Math.floor(at / MIN) >= -60 && at <= 5_000)
    .map(({ ms }) => (ms >= 0 ? Math.min(SLOWEST_MS, Math.ceil(ms)) : SLOWEST_MS) + 0)
    .toSorted((a, b) => a - b);
  // At least this share of them did not exceed it.
  return (
    inside.find((ms) => inside.filter((one) => one <= ms).length >= share * inside.length - 1e-9) ?? null
  );
}

describe('the percentiles of the trailing hour', () => {
  it('are what sorting all of it finds, in any order of arrival, looked at in between, over a restart', () => {
    fc.assert(
      fc.property(
        fc.array(taken, { maxLength: 60, size: 'max' }),
        fc.constantFrom(0.5, 0.95, 0.99, 1),
        fc.integer({ min: 0, max: 60 }),
        (all, share, cut) => {
          let of = createLatencies();
          for (const [index, { at, ms }] of all.entries()) {
            of.take(T0 + at, ms);
            if (index === cut) {
              of.percentile(T0, 0.5);
              of = createLatencies(JSON.parse(JSON.stringify(of.snapshot())));
            }
          }
          expect(of.percentile(T0, share)).toBe(slowly(all, share));
        },
      ),
      cases(1_000),
    );
  });

  it('go on when a clock that was ahead is right again', () => {
    const of = createLatencies();
    of.take(T0 + 90 * MIN, 5_000);
    expect(of.percentile(T0 + 90 * MIN, 0.99)).toBe(5_000);
    for (let n = 0; n < 10; n += 1) of.take(T0 + n, 10);
    expect(of.percentile(T0, 0.99)).toBe(10);
    expect(of.count(T0)).toBe(10);
  });

  it('keeps 61 minutes and no more, whatever is told of yesterday', () => {
    const of = createLatencies();
    for (let n = 0; n < 1_440; n += 1) of.take(T0 - n * MIN, n);
    of.percentile(T0, 0.5);
    expect(of.snapshot().length).toBe(61);
  });
});
