/** The judge and the state machine of a kill: property tests, with the venue's truth as the oracle. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  afterCancel,
  afterRead,
  judgeVenue,
  KILL_PACE,
  overdueVerdict,
  startVenue,
  type VenueReading,
  worstVerdict,
} from '../../src/domain/kill.ts';
import type { OrderLine, PositionLine } from '../../src/domain/orders.ts';

const order = (id: string): OrderLine => ({
  id,
  list: 'regular',
  symbol: 'BTC/USDT',
  side: 'buy',
  amount: 1,
  price: 1,
  protective: false,
});
const position = (amount: number): PositionLine => ({
  symbol: 'BTC/USDT:USDT',
  side: 'long',
  amount,
  notional: amount * 10,
  currency: 'USDT',
  unrealisedPnl: 0,
  dust: false,
});

function reading(
  startedAt: number,
  orders: OrderLine[] = [],
  positions: PositionLine[] = [],
  change: Partial<VenueReading> = {},
): VenueReading {
  return {
    venue: 'v',
    startedAt,
    endedAt: startedAt + 1,
    proven: true,
    lists: [{ list: 'regular', state: 'read', orders }],
    positions: [{ scope: 'positions', state: 'read', positions }],
    notCovered: [],
    ...change,
  };
}

describe('the judge', () => {
  it('says FLAT only after two clean, equal readings that began after the last write', () => {
    expect(judgeVenue(reading(2), reading(3), 1).verdict).toBe('FLAT');
    expect(judgeVenue(reading(0), reading(3), 1).verdict, 'the first began before the write ended').toBe(
      'UNKNOWN',
    );
    expect(judgeVenue(null, reading(3), 1).verdict, 'only one reading').toBe('UNKNOWN');
    expect(judgeVenue(reading(2, [order('a')]), reading(3), 1).verdict, 'they disagree').toBe('UNKNOWN');
  });

  it('never says FLAT when a list failed, in either reading', () => {
    const failed = reading(2, [], [], { lists: [{ list: 'regular', state: 'failed', reason: 'timeout' }] });
    expect(judgeVenue(failed, reading(3), 1).verdict).toBe('UNKNOWN');
    expect(judgeVenue(reading(2), { ...failed, startedAt: 3 }, 1)).toMatchObject({
      verdict: 'UNKNOWN',
      reason: 'regular: timeout',
    });
  });

  it('never says FLAT from a reading that covered nothing', () => {
    const empty = { lists: [], positions: [] };
    expect(judgeVenue(reading(2, [], [], empty), reading(3, [], [], empty), 1).verdict).toBe('UNKNOWN');
    expect(
      judgeVenue(reading(2, [], [], { positions: [] }), reading(3, [], [], { positions: [] }), 1).verdict,
    ).toBe('UNKNOWN');
  });

  it('says RESIDUAL with orders or positions left, live orders included', () => {
    expect(judgeVenue(reading(2, [], [position(1)]), reading(3, [], [position(1)]), 1).verdict).toBe(
      'RESIDUAL',
    );
    expect(judgeVenue(reading(2, [order('a')]), reading(3, [order('a')]), 1)).toMatchObject({
      verdict: 'RESIDUAL',
      orders: [{ id: 'a' }],
    });
  });

  it('says UNKNOWN at best for a venue outside the proven table', () => {
    const unproven = { proven: false };
    expect(judgeVenue(reading(2, [], [], unproven), reading(3, [], [], unproven), 1)).toMatchObject({
      verdict: 'UNKNOWN',
      reason: expect.stringContaining('nothing found, unproven'),
    });
  });

  it('takes the worst over all venues; none at all is UNKNOWN', () => {
    expect(worstVerdict([])).toBe('UNKNOWN');
    expect(worstVerdict(['FLAT', 'RESIDUAL'])).toBe('RESIDUAL');
    expect(worstVerdict(['FLAT', 'UNKNOWN', 'RESIDUAL'])).toBe('UNKNOWN');
  });
});

/** A venue with a will of its own: cancels may do nothing or half, reads may fail, and an engine may go on trading. */
interface Weather {
  cancelWorks: ('all' | 'half' | 'none')[];
  readFails: boolean[];
  engineAdds: boolean[];
  fills: boolean[];
  positions: number;
}

const weather = fc.record<Weather>({
  cancelWorks: fc.array(fc.constantFrom('all', 'half', 'none'), { maxLength: 6 }),
  readFails: fc.array(fc.boolean(), { maxLength: 10 }),
  engineAdds: fc.array(fc.boolean(), { maxLength: 10 }),
  fills: fc.array(fc.boolean(), { maxLength: 6 }),
  positions: fc.constantFrom(0, 0, 1),
});

describe('the state machine of one venue', () => {
  it('says no false FLAT in any weather, says something by the deadline, and gets there once the weather clears', () => {
    fc.assert(
      fc.property(weather, fc.nat({ max: 5 }), fc.boolean(), (sky, orders, resumed) => {
        let now = 0;
        let next = 0;
        let live = Array.from({ length: orders }, () => `o${(next += 1)}`);
        let exposure = sky.positions;
        let progress = startVenue('v', resumed);
        let said: string | null = null;
        for (let step = 0; step < 60; step += 1) {
          now += progress.waitMs + 10;
          if (progress.step === 'cancel') {
            const works = sky.cancelWorks.shift() ?? 'all';
            if (sky.fills.shift() === true && live.length > 0) {
              live.shift();
              exposure += 1;
            }
            live = works === 'all' ? [] : works === 'half' ? live.slice(Math.ceil(live.length / 2)) : live;
            now += 5;
            progress = afterCancel(progress, now);
            if (sky.engineAdds.shift() === true) live.push(`o${(next += 1)}`);
          } else {
            const startedAt = now;
            const fails = sky.readFails.shift() === true;
            const shown = reading(
              startedAt,
              live.map(order),
              exposure === 0 ? [] : [position(exposure)],
              fails ? { lists: [{ list: 'regular', state: 'failed', reason: 'timeout' }] } : {},
            );
            const result = afterRead(progress, shown, now >= KILL_PACE.firstVerdictMs, KILL_PACE);
            progress = result.progress;
            if (result.say !== null) {
              said = result.say.verdict;
              if (said === 'FLAT') expect({ live, exposure }).toEqual({ live: [], exposure: 0 });
              if (said !== 'UNKNOWN') expect(result.say.orders.map(({ id }) => id)).toEqual(live);
            }
            if (sky.engineAdds.shift() === true) live.push(`o${(next += 1)}`);
          }
          // At the deadline the executor says what there is.
          if (now >= KILL_PACE.firstVerdictMs && progress.said === null) {
            const verdict = overdueVerdict(progress);
            expect(verdict.verdict).toBe('UNKNOWN');
            progress = { ...progress, said: verdict };
            said = verdict.verdict;
          }
        }
        expect(said).toBe(exposure === 0 ? 'FLAT' : 'RESIDUAL');
        expect(live).toEqual([]);
      }),
      { numRuns: 2_000 },
    );
  });

  it('a resumed kill reads before it acts', () => {
    expect(startVenue('v', true).step).toBe('read');
    expect(startVenue('v', false).step).toBe('cancel');
  });

  it('an order that appears after the verdict reopens it, and is cancelled', () => {
    let progress = afterCancel(startVenue('v', false), 1);
    progress = afterRead(progress, reading(2), false, KILL_PACE).progress;
    const flat = afterRead(progress, reading(3), false, KILL_PACE);
    expect(flat.say?.verdict).toBe('FLAT');
    const reopened = afterRead(flat.progress, reading(9_999, [order('new')]), true, KILL_PACE);
    expect(reopened.say).toMatchObject({ verdict: 'UNKNOWN', orders: [{ id: 'new' }] });
    expect(reopened.progress).toMatchObject({ step: 'cancel', waitMs: 0 });
  });

  it('the same verdict is not said twice', () => {
    let progress = afterCancel(startVenue('v', false), 1);
    progress = afterRead(progress, reading(2), false, KILL_PACE).progress;
    progress = afterRead(progress, reading(3), false, KILL_PACE).progress;
    expect(afterRead(progress, reading(4), true, KILL_PACE).say).toBeNull();
  });
});
