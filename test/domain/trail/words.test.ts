/** Money of an incident in words: nothing is said of a time that is not on record. */

import { expect, it } from 'vitest';
import type { StandingEvent } from '../../../src/domain/incident.ts';
import { moneyOf } from '../../../src/domain/trail/words.ts';

const T0 = Date.UTC(2026, 10, 22, 14);
const kept = {
  type: 'TrailKept',
  at: T0,
  by: { via: 'standdown', id: 'standdown', name: 'Standdown' },
  from: T0,
  to: T0 + 60_000,
  currency: 'USDT',
  limits: { total: 1, perVenue: {} },
  leftOut: 0,
  lines: [{ of: 'dayPnl', name: '', unit: 'USDT', points: [[0, -3]] }],
} as unknown as StandingEvent;
const said = (resolvedAt: number): string =>
  moneyOf({ openedAt: T0, resolution: { at: resolvedAt } }, [kept])
    .map(({ text }) => text)
    .join('\n');

it('a day’s profit at the resolution is the one that stood then', () => {
  expect(said(T0 + 60_000)).toMatch(/at the resolution, as the daily loss is measured: -3 USDT/);
});

it('is unknown where the record ends before the resolution: an earlier end’s number is not this one’s', () => {
  expect(said(T0 + 60_001)).toMatch(/at the resolution, as the daily loss is measured: unknown/);
});
