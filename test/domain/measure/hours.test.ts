/** When the market is open, and since when, over the days on which clocks change. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { marketAt, type TradingHours } from '../../../src/domain/measure/hours.ts';
import { cases } from './stream.ts';

const hours = (change: Partial<TradingHours> = {}): TradingHours => ({
  timezone: 'UTC',
  days: ['mon', 'tue', 'wed', 'thu', 'fri'],
  maintenance: [],
  ...change,
});
const at = (text: string): number => Date.parse(text);
const HOUR = 3_600_000;

describe('the market', () => {
  it.each([
    ['UTC', '2026-11-23T00:00:00Z'],
    ['New York, the day after clocks went back', 'America/New_York', '2026-11-02T05:00:00Z'],
    ['New York, the day after clocks went forward', 'America/New_York', '2026-03-09T04:00:00Z'],
    ['Santiago, whose Sunday began at one', 'America/Santiago', '2026-09-07T03:00:00Z'],
  ])('opens on Monday at midnight of its place: %s', (_, zoneOr, text = zoneOr) => {
    const zone = text === zoneOr ? 'UTC' : zoneOr;
    const opening = at(text);
    expect(marketAt(opening - 1, hours({ timezone: zone })).open).toBe(false);
    for (const later of [0, 1, HOUR, 30 * HOUR, 119 * HOUR])
      expect(marketAt(opening + later, hours({ timezone: zone }))).toEqual({ open: true, since: opening });
  });

  it('is open since the end of the last maintenance, or since ever', () => {
    const always = hours({ days: ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] });
    const [from, to] = [at('2026-11-25T06:00:00Z'), at('2026-11-25T06:30:00Z')];
    const paused = { ...always, maintenance: [{ from, to, name: 'upgrade' }] };
    expect(marketAt(to, always)).toEqual({ open: true, since: null });
    expect(marketAt(from - 1, paused)).toEqual({ open: true, since: null });
    expect(marketAt(from, paused)).toMatchObject({ open: false, why: expect.stringContaining('upgrade') });
    expect(marketAt(to - 1, paused).open).toBe(false);
    expect(marketAt(to, paused)).toEqual({ open: true, since: to });
    expect(marketAt(to + 9 * HOUR, paused)).toEqual({ open: true, since: to });
  });

  it('was closed right before it opened, and open ever since', () => {
    const day = fc.constantFrom('mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun');
    const zone = fc.constantFrom(
      'UTC',
      'America/New_York',
      'Australia/Lord_Howe',
      'Asia/Kathmandu',
      'Africa/Cairo',
    );
    // A year with both changes of each zone.
    const moment = fc.integer({ min: at('2026-01-01T00:00:00Z'), max: at('2027-01-01T00:00:00Z') });
    const pause = fc
      .tuple(fc.integer({ min: -50, max: 50 }), fc.integer({ min: 1, max: 20 }))
      .map(([start, long]) => ({ start, long }));
    fc.assert(
      fc.property(
        fc.uniqueArray(day, { minLength: 1 }),
        zone,
        moment,
        fc.array(pause, { maxLength: 3, size: 'max' }),
        (days, timezone, now, pauses) => {
          const rule = hours({
            timezone,
            days,
            maintenance: pauses.map(({ start, long }) => ({
              from: now + start * HOUR,
              to: now + (start + long) * HOUR,
              name: 'x',
            })),
          });
          const market = marketAt(now, rule);
          if (!market.open || market.since === null) return;
          expect(marketAt(market.since, rule).open).toBe(true);
          expect(marketAt(market.since - 1, rule).open).toBe(false);
          for (let step = market.since; step < now; step += HOUR)
            expect(marketAt(step, rule).open).toBe(true);
        },
      ),
      cases(200),
    );
  });
});
