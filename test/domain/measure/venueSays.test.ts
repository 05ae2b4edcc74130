/** Which of two sources decides, what an unknown one does, and where they disagree. */

import { describe, expect, it } from 'vitest';
import type { Facts, StopRules } from '../../../src/domain/measure/criteria.ts';
import { judgeCriteria } from '../../../src/domain/measure/criteria.ts';
import { createMeasurements } from '../../../src/domain/measure/measurements.ts';
import { MISMATCH_STANDS_MS } from '../../../src/domain/measure/mismatch.ts';
import { VOID_MS } from '../../../src/domain/measure/money.ts';

const NOW = Date.parse('2026-11-22T12:00:00Z');

const rules = (more: Partial<StopRules['limits']> = {}): StopRules => ({
  criteria: {
    dailyLoss: { title: 'Daily loss', over: 2 },
    positionSize: { title: 'Position size', over: 1.5 },
    rejectRate: { title: 'Reject rate', over: 10 },
    dataFeedGap: { title: 'Gap', over: 5 },
  } as unknown as StopRules['criteria'],
  limits: {
    maxDailyLoss: { unit: 'amount', value: 50 },
    maxNotional: 1_000,
    currency: 'USDT',
    perVenue: {},
    ...more,
  },
  minOrders: 10,
  confirmations: 2,
  whenPaused: 'wait',
  feeds: [],
  venues: ['a', 'b'],
});
const facts: Facts = {
  market: { open: true, since: null },
  stopConfirmed: false,
  engineSilent: false,
  heartbeatAgeMs: null,
};

function world(limits: Partial<StopRules['limits']> = {}) {
  const of = createMeasurements([]);
  const byId = (id: string, now = NOW) =>
    judgeCriteria(of, now, rules(limits), facts).find((one) => one.id === id);
  return {
    of,
    /** A venue's positions, newest at `NOW` unless told. */
    venue(id: string, notional: number | null, at = NOW, currency = 'USDT', symbol = 'BTC/USDT') {
      const positions = notional === 0 ? [] : [{ symbol, side: 'long' as const, notional, currency }];
      of.money.takeVenuePositions({ venue: id, at, positions });
    },
    pnl(id: string, dayPnl: number, at = NOW, startEquity = 1_000) {
      of.money.takeVenuePnl({ venue: id, at, dayPnl, startEquity, currency: 'USDT' });
    },
    engine(venue: string, notional: number, at = NOW, symbol = 'BTC/USDT') {
      of.take({ type: 'position', at, venue, symbol, notional }, NOW);
    },
    engineTwice(venue: string, notional: number) {
      this.engine(venue, notional, NOW - 5_000);
      this.engine(venue, notional);
    },
    enginePnl(dayPnl: number, at = NOW) {
      of.take({ type: 'pnl', at, dayPnl, currency: 'USDT', equity: 1_000 }, NOW);
    },
    size: (now?: number) => byId('positionSize', now),
    loss: (now?: number) => byId('dailyLoss', now),
  };
}

describe('position size', () => {
  it('is the sum of what every venue says, and needs no second reading', () => {
    const at = world();
    at.venue('a', 1_000);
    at.venue('b', 500);
    expect(at.size()).toMatchObject({ state: 'ok', value: 1_500, source: 'venue' });
    at.venue('b', 500.01);
    expect(at.size()).toMatchObject({ state: 'tripped', value: 1_500.01, source: 'venue' });
  });

  it('is what the venues say; what the engine says once against them changes nothing, and twice stops', () => {
    const at = world();
    at.venue('a', 100);
    at.venue('b', 0);
    at.engine('a', 9_000);
    expect(at.size()).toMatchObject({ state: 'ok', value: 100, source: 'venue' });
    at.engineTwice('a', 9_000);
    expect(at.size()).toMatchObject({ state: 'tripped', value: 9_000, source: 'engine' });
  });

  it('trips by what one venue says, whatever the other would', () => {
    const at = world();
    at.venue('a', 1_501);
    expect(at.size()).toMatchObject({ state: 'tripped', source: 'venue' });
  });

  it('is unknown, not fine, where one venue says nothing and the engine says nothing of it', () => {
    const at = world();
    at.venue('a', 100);
    at.of.money.venueCannotSay('b', 'positions', 'timeout');
    expect(at.size()).toMatchObject({ state: 'unknown', detail: expect.stringContaining('b: timeout') });
    at.engineTwice('a', 100);
    expect(at.size()).toMatchObject({ state: 'unknown' });
  });

  it('takes the engine’s word for the venue that says nothing, confirmed, and says whose it is', () => {
    const at = world();
    at.venue('a', 1_000);
    at.engine('b', 600);
    expect(at.size()).toMatchObject({ state: 'unknown', detail: expect.stringContaining('not confirmed') });
    at.engine('b', 600, NOW - 5_000);
    expect(at.size()).toMatchObject({ state: 'tripped', value: 1_600, source: 'venue and engine' });
    at.engine('b', 10, NOW + 1);
    expect(at.size(NOW + 2)).toMatchObject({ state: 'ok', detail: expect.stringContaining('b: it has not') });
  });

  it('is unknown once a reading is two minutes old', () => {
    const at = world();
    at.venue('a', 100, NOW - VOID_MS + 1);
    at.venue('b', 100);
    expect(at.size()?.state).toBe('ok');
    expect(at.size(NOW + 1)?.state).toBe('unknown');
  });

  it('is unknown where a position has no price or another currency, and trips by the rest', () => {
    for (const [notional, currency] of [
      [null, 'USDT'],
      [10, 'EUR'],
    ] as const) {
      const at = world();
      at.venue('a', 100);
      at.venue('b', notional, NOW, currency);
      expect(at.size()?.state).toBe('unknown');
      at.venue('a', 1_501, NOW + 1);
      expect(at.size(NOW + 1)?.state).toBe('tripped');
    }
  });

  it('has limits by venue', () => {
    const at = world({ perVenue: { b: 80 } });
    at.venue('a', 0);
    at.venue('b', 120.01);
    expect(at.size()).toMatchObject({ state: 'tripped', detail: '120.01 at b' });
  });
});

describe('daily loss', () => {
  it('is what all venues together lost, at the limit and over it', () => {
    const at = world();
    at.pnl('a', -150);
    at.pnl('b', 50);
    expect(at.loss()).toMatchObject({ state: 'ok', value: 100, limit: 100, source: 'venue' });
    at.pnl('b', 49.99);
    expect(at.loss()).toMatchObject({ state: 'tripped', source: 'venue' });
  });

  it('does not trip by one venue alone: the other may have won it', () => {
    const at = world();
    at.pnl('a', -500);
    at.of.money.venueCannotSay('b', 'pnl', 'its worth at 00:00 UTC was not read');
    expect(at.loss()).toMatchObject({ state: 'unknown', detail: expect.stringContaining('b: its worth') });
  });

  it('is what the venues say, unless the engine says twice that more was lost: then it stops', () => {
    const at = world();
    at.pnl('a', -10);
    at.pnl('b', 0);
    at.enginePnl(-500);
    expect(at.loss()).toMatchObject({ state: 'ok', value: 10, source: 'venue' });
    at.enginePnl(-500, NOW + 1);
    expect(at.loss(NOW + 1)).toMatchObject({
      state: 'tripped',
      value: 500,
      source: 'engine',
      detail: 'the venues say less',
    });
  });

  it('trips by the engine where the venues cannot say, and says so where it does not', () => {
    const at = world();
    at.enginePnl(-90);
    expect(at.loss()).toMatchObject({
      state: 'ok',
      source: 'engine',
      detail: expect.stringContaining('a: '),
    });
    at.enginePnl(-101, NOW + 1);
    at.enginePnl(-102, NOW + 2);
    expect(at.loss(NOW + 3)).toMatchObject({ state: 'tripped', source: 'engine' });
  });

  it('trips by the engine where the limit is in percent of nothing that the venues have', () => {
    const at = world({ maxDailyLoss: { unit: 'percent', value: 5 } });
    at.pnl('a', -101, NOW, 0);
    at.pnl('b', 0, NOW, 0);
    expect(at.loss()).toMatchObject({ state: 'unknown', detail: expect.stringContaining('no equity') });
    at.enginePnl(-120);
    at.enginePnl(-120, NOW + 1);
    expect(at.loss(NOW + 1)).toMatchObject({ state: 'tripped', source: 'engine' });
  });

  it('is in percent of the worth at 00:00 UTC, deposits since left out', () => {
    const at = world({ maxDailyLoss: { unit: 'percent', value: 5 } });
    at.pnl('a', -100);
    at.pnl('b', -101);
    expect(at.loss()).toMatchObject({ state: 'tripped', limit: 200, value: 201 });
  });

  it('is of today: yesterday’s reading says nothing after midnight', () => {
    const at = world();
    const midnight = Date.parse('2026-11-23T00:00:00Z');
    at.pnl('a', -500, midnight - 1);
    at.pnl('b', 0, midnight - 1);
    expect(at.loss(midnight - 1)?.state).toBe('tripped');
    expect(at.loss(midnight)?.state).toBe('unknown');
  });
});

describe('a mismatch', () => {
  const look = (at: ReturnType<typeof world>, now: number) => at.of.mismatches.look(at.of, now, rules());
  /** Both say the same thing again, `after` ms later. */
  function stands(at: ReturnType<typeof world>, engine: number, venue: number, after = MISMATCH_STANDS_MS) {
    at.engine('a', engine);
    at.venue('a', venue);
    at.venue('b', 0);
    const first = look(at, NOW);
    at.engine('a', engine, NOW + after);
    at.venue('a', venue, NOW + after);
    return { first, last: look(at, NOW + after) };
  }

  it('is said once both stand by it, with both figures and their ages, under a key that stays', () => {
    const { first, last } = stands(world(), 0, 512);
    expect(first).toEqual([]);
    expect(last).toEqual([
      {
        key: 'a BTC/USDT',
        what: 'position',
        text: 'a BTC/USDT: the engine says 0 USDT (0 s ago), the venue 512 USDT (0 s ago)',
      },
    ]);
  });

  it('is none while it is younger, or while one of them has not spoken again: a fill is on its way', () => {
    expect(stands(world(), 0, 512, MISMATCH_STANDS_MS - 1).last).toEqual([]);
    const at = world();
    at.engine('a', 0);
    at.venue('a', 512);
    look(at, NOW);
    at.venue('a', 512, NOW + 60_000);
    expect(look(at, NOW + 60_000)).toEqual([]);
    at.engine('a', 512, NOW + 61_000);
    expect(look(at, NOW + 61_000)).toEqual([]);
    at.engine('a', 0, NOW + 62_000);
    at.venue('a', 512, NOW + 62_000);
    expect(look(at, NOW + 62_000)).toEqual([]);
  });

  it.each([
    ['within five percent', 1_000, 1_050, false],
    ['over five percent', 1_000, 1_053, true],
    ['within a hundredth of the limit', 0, 10, false],
    ['over it', 0, 10.1, true],
    ['the other side', -500, 500, true],
  ])('%s: engine %d, venue %d', (_, engine, venue, found) => {
    expect(stands(world(), engine, venue).last.length > 0).toBe(found);
  });

  it('is a position that only one of them knows of', () => {
    const at = world();
    at.engine('a', 0);
    at.venue('b', 700, NOW, 'USDT', 'ETH/USDT');
    look(at, NOW);
    at.engine('a', 0, NOW + 20_000);
    at.venue('b', 700, NOW + 20_000, 'USDT', 'ETH/USDT');
    expect(look(at, NOW + 20_000)).toMatchObject([
      { key: 'b ETH/USDT', text: expect.stringContaining('the engine says nothing of it') },
    ]);
  });

  it('is none where the engine says nothing of positions at all, nor in hedge mode where it says what is left', () => {
    const silent = world();
    silent.venue('a', 700);
    look(silent, NOW);
    silent.venue('a', 700, NOW + 20_000);
    expect(look(silent, NOW + 20_000)).toEqual([]);

    const hedged = world();
    const both = (at: number) =>
      hedged.of.money.takeVenuePositions({
        venue: 'a',
        at,
        positions: [
          { symbol: 'BTC/USDT', side: 'long', notional: 700, currency: 'USDT' },
          { symbol: 'BTC/USDT', side: 'short', notional: 300, currency: 'USDT' },
        ],
      });
    for (const [index, engine] of [400, 1_000, 900].entries()) {
      const at = NOW + index * 60_000;
      hedged.engine('a', engine, at);
      both(at);
      look(hedged, at);
      hedged.engine('a', engine, at + 20_000);
      both(at + 20_000);
      expect(look(hedged, at + 20_000).length).toBe(engine === 900 ? 1 : 0);
    }
  });

  it('is also a day’s profit that they count differently', () => {
    const at = world();
    const both = (engine: number, now: number) => {
      at.enginePnl(engine, now);
      at.pnl('a', -40, now);
      at.pnl('b', 0, now);
      return look(at, now);
    };
    both(40, NOW);
    expect(both(40, NOW + 20_000)).toMatchObject([{ key: 'dayPnl', what: 'pnl' }]);
    expect(both(-35, NOW + 21_000)).toEqual([]);
  });

  it('is remembered over a restart', () => {
    const at = world();
    stands(at, 0, 512, 1_000);
    const again = createMeasurements([], JSON.parse(JSON.stringify(at.of.snapshot())));
    again.money.takeVenuePositions({
      venue: 'a',
      at: NOW + 20_000,
      positions: [{ symbol: 'BTC/USDT', side: 'long', notional: 512, currency: 'USDT' }],
    });
    again.take(
      { type: 'position', at: NOW + 20_000, venue: 'a', symbol: 'BTC/USDT', notional: 0 },
      NOW + 20_000,
    );
    expect(again.mismatches.look(again, NOW + 20_000, rules())).toHaveLength(1);
  });
});
