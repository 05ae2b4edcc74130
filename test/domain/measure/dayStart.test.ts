/** The day's profit and loss against an account whose truth is known: deposits, withdrawals, trading, restarts. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  AFTER_MS,
  BEFORE_MS,
  createDayStarts,
  type DayPnl,
  type DayStarts,
  ledgerFrom,
  type Transfer,
  type WorthReading,
} from '../../../src/domain/measure/dayStart.ts';

const MIDNIGHT = Date.parse('2026-11-22T00:00:00Z');
const DAY_MS = 86_400_000;

const worth = (at: number, equity: number, transfers: Transfer[] = []): WorthReading => ({
  at,
  equity,
  currency: 'USDT',
  transfers,
});
const moved = (id: string, at: number, amount: number): Transfer => ({ id, at, amount });

/** Takes readings in order; answers the last. */
function taking(starts: DayStarts, ...readings: WorthReading[]): DayPnl {
  let said: DayPnl = { state: 'unknown', reason: 'none' };
  for (const reading of readings) said = starts.take('v', reading);
  return said;
}

describe('what a day counts from', () => {
  it('is the reading nearest to 00:00 UTC', () => {
    const before = createDayStarts();
    taking(before, worth(MIDNIGHT - 2_000, 1_000), worth(MIDNIGHT + 8_000, 990));
    expect(before.startOf('v', MIDNIGHT + 9_000)).toBe(MIDNIGHT - 2_000);
    const after = createDayStarts();
    taking(after, worth(MIDNIGHT - 8_000, 1_000), worth(MIDNIGHT + 2_000, 990));
    expect(after.startOf('v', MIDNIGHT + 9_000)).toBe(MIDNIGHT + 2_000);
    expect(taking(after, worth(MIDNIGHT + 60_000, 950))).toEqual({
      state: 'said',
      dayPnl: -40,
      startEquity: 990,
    });
  });

  it.each([
    ['a minute before is near enough', -BEFORE_MS, true],
    ['a moment more is not', -BEFORE_MS - 1, false],
  ])('%s', (_, offset, near) => {
    const starts = createDayStarts();
    const late = MIDNIGHT + AFTER_MS + 1;
    const said = taking(starts, worth(MIDNIGHT + offset, 1_000), worth(late, 950));
    expect(said.state).toBe(near ? 'said' : 'unknown');
    if (said.state === 'said') expect(said.dayPnl).toBe(-50);
  });

  it.each([
    ['two minutes after is near enough', AFTER_MS, 'said'],
    ['a moment more is not', AFTER_MS + 1, 'unknown'],
  ])('%s', (_, offset, state) => {
    const starts = createDayStarts();
    expect(taking(starts, worth(MIDNIGHT - DAY_MS / 2, 1_000), worth(MIDNIGHT + offset, 950)).state).toBe(
      state,
    );
  });

  it('is unknown for a bot that started in the day, until the next midnight, and says why', () => {
    const starts = createDayStarts();
    const noon = MIDNIGHT + DAY_MS / 2;
    const said = taking(starts, worth(noon, 1_000), worth(noon + 10_000, 900));
    expect(said).toMatchObject({ state: 'unknown', reason: expect.stringContaining('was not read') });
    const next = MIDNIGHT + DAY_MS;
    expect(taking(starts, worth(next - 5_000, 900), worth(next + 5_000, 890)).state).toBe('said');
  });

  it('survives a restart, and what is no reading in what was written down is left out', () => {
    const starts = createDayStarts();
    taking(starts, worth(MIDNIGHT - 5_000, 1_000), worth(MIDNIGHT + 5_000, 1_000));
    const written = JSON.parse(JSON.stringify(starts.snapshot())) as ReturnType<DayStarts['snapshot']>;
    const later = MIDNIGHT + 3_600_000;
    expect(createDayStarts(written).take('v', worth(later, 900))).toMatchObject({ dayPnl: -100 });
    const broken = JSON.parse(
      '[["v", {"baseline": {"equity": null}, "last": {"at": "x"}}]]',
    ) as typeof written;
    expect(createDayStarts(broken).take('v', worth(later, 900)).state).toBe('unknown');
  });

  it('is not taken over into another day or another currency', () => {
    const starts = createDayStarts();
    taking(starts, worth(MIDNIGHT - 5_000, 1_000), worth(MIDNIGHT + 5_000, 1_000));
    expect(starts.take('v', { ...worth(MIDNIGHT + 60_000, 900), currency: 'USD' }).state).toBe('unknown');
    expect(starts.startOf('v', MIDNIGHT + DAY_MS)).toBeNull();
  });
});

describe('a transfer', () => {
  const begun = () => {
    const starts = createDayStarts();
    taking(starts, worth(MIDNIGHT - 5_000, 1_000), worth(MIDNIGHT + 5_000, 1_000));
    return starts;
  };
  const at = MIDNIGHT + 3_600_000;

  it.each([500, -500])(
    'of %d is no profit and no loss, whether its line comes with the money or before it',
    (amount) => {
      const row = moved('t', at, amount);
      // Both between two readings.
      const money = begun();
      expect(taking(money, worth(at + 1, 1_000), worth(at + 2, 1_000 + amount, [row])).state).toBe(
        'settling',
      );
      expect(money.take('v', worth(at + 3, 1_000 + amount, [row]))).toMatchObject({ dayPnl: 0 });
      // The line is there before the money.
      const line = begun();
      expect(taking(line, worth(at + 1, 1_000), worth(at + 2, 1_000, [row])).state).toBe('settling');
      expect(line.take('v', worth(at + 3, 1_000 + amount, [row]))).toMatchObject({ dayPnl: 0 });
    },
  );

  it('from before the reading that the day counts from is not counted again', () => {
    const starts = createDayStarts();
    const early = moved('early', MIDNIGHT - 60_000, 300);
    taking(starts, worth(MIDNIGHT - 10_000, 1_300, [early]), worth(MIDNIGHT - 5_000, 1_300, [early]));
    expect(taking(starts, worth(MIDNIGHT + 9_000, 1_290, [early]))).toMatchObject({ dayPnl: -10 });
  });

  it('while the bot was down is passed over once, and then counted', () => {
    const starts = createDayStarts(begun().snapshot());
    const row = moved('t', at, 500);
    expect(starts.take('v', worth(at + 10, 1_480, [row])).state).toBe('settling');
    expect(starts.take('v', worth(at + 20, 1_480, [row]))).toMatchObject({ dayPnl: -20 });
  });
});

describe('an account whose truth is known', () => {
  /** What happens between two readings: trading, and perhaps a transfer in one of them. */
  const step = fc.record({
    afterMs: fc.integer({ min: 1_000, max: 3_600_000 }),
    earned: fc.integer({ min: -500, max: 500 }),
    transfer: fc.option(fc.integer({ min: -2_000, max: 2_000 }), { nil: null }),
    /** The line comes with the money, or one reading earlier. */
    line: fc.constantFrom('same' as const, 'same' as const, 'early' as const),
    restart: fc.boolean(),
  });

  it('is never said to have earned or lost what was moved', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40, size: 'max' }), (steps) => {
        let starts = createDayStarts();
        let now = MIDNIGHT - 5_000;
        let equity = 10_000;
        const transfers: Transfer[] = [];
        const listed = () => transfers.filter((one) => one.at >= ledgerFrom(now));
        starts.take('v', worth(now, equity, listed()));
        now = MIDNIGHT + 5_000;
        starts.take('v', worth(now, equity, listed()));
        let earned = 0;
        for (const { afterMs, earned: more, transfer, line, restart } of steps) {
          if (now + afterMs >= MIDNIGHT + DAY_MS) break;
          now += afterMs;
          if (restart) starts = createDayStarts(starts.snapshot());
          if (transfer !== null) {
            transfers.push(moved(`t${transfers.length}`, now - 1, transfer));
            if (line === 'early') {
              const early = starts.take('v', worth(now, equity, listed()));
              if (early.state === 'said') expect(early.dayPnl).toBeCloseTo(earned, 6);
              now += 1_000;
            }
            equity += transfer;
          }
          equity += more;
          earned += more;
          const said = starts.take('v', worth(now, equity, listed()));
          if (said.state === 'said') expect(said.dayPnl).toBeCloseTo(earned, 6);
          // Without a transfer on the way there is always an answer.
          else expect(transfer).not.toBeNull();
        }
        now += 1_000;
        if (now < MIDNIGHT + DAY_MS)
          expect(starts.take('v', worth(now, equity, listed()))).toMatchObject({
            state: 'said',
            dayPnl: expect.closeTo(earned, 6),
            startEquity: 10_000,
          });
      }),
      { numRuns: 2_000 },
    );
  });
});
