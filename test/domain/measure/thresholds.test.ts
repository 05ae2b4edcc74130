/**
 * Every criterion and every condition just under its limit, at it, and over it. The table is printed where
 * `STANDDOWN_TABLE` names a file for it.
 */

import { writeFileSync } from 'node:fs';
import { afterAll, describe, expect, it } from 'vitest';
import { conditionsNow, type SilentEngine } from '../../../src/domain/measure/conditions.ts';
import { type Facts, judgeCriteria, type StopRules } from '../../../src/domain/measure/criteria.ts';
import { createMeasurements, type Measurements } from '../../../src/domain/measure/measurements.ts';
import { bar, facts, MIN, order, pnl, position, rules, T0 } from './stream.ts';

/** A moment shortly after the hour, so that the hours before it are whole. */
const NOW = Date.parse('2026-11-25T12:30:00Z');

interface Case {
  /** The number as a person reads it. */
  at: string;
  /** What is measured, and what is known beside it, at `now` (default NOW). */
  given: (of: Measurements) => void;
  now?: number;
  said?: Partial<Facts>;
  silent?: SilentEngine[];
  expected: string;
}
interface Row {
  what: string;
  limit: string;
  /** The criterion's id, or the condition's key. */
  id: string;
  by?: StopRules;
  cases: [under: Case, at: Case, over: Case];
}

const rows: string[][] = [];

/** `ok`, `tripped` or `unknown`; a condition by its severity, and by what it does. */
function seen(kind: 'criterion' | 'condition', id: string, one: Case, by: StopRules): string {
  const now = one.now ?? NOW;
  const of = createMeasurements(by.feeds);
  one.given(of);
  of.feeds.tick(now, () => true);
  const known = facts(one.said);
  const criteria = judgeCriteria(of, now, by, known);
  if (kind === 'criterion') return criteria.find((each) => each.id === id)?.state ?? 'missing';
  const found = conditionsNow(
    of,
    now,
    by,
    { ...known, silent: one.silent ?? [], mismatches: [] },
    [],
    new Map(),
    MIN,
  ).find(({ key }) => key === id);
  return found?.severity ?? '–';
}

const take = (of: Measurements, samples: Parameters<Measurements['take']>[0][], now = NOW) => {
  for (const one of samples) of.take(one, now);
};
const twice = <T extends { at: number }>(one: T): T[] => [
  { ...one, at: NOW - 2_000 },
  { ...one, at: NOW },
];
/** The last of them `bad`, a millisecond apart, now. */
const orders = (of: Measurements, all: number, bad: number) =>
  take(
    of,
    Array.from({ length: all }, (_, n) =>
      order(`o${n}`, NOW - all + n, n < all - bad ? 'accepted' : 'rejected'),
    ),
  );
/** Old enough to be in no window of five minutes. */
const spread = (of: Measurements, statuses: ('accepted' | 'rejected')[]) =>
  take(
    of,
    statuses.map((status, n) => order(`o${n}`, NOW - 60 * MIN + n, status)),
  );
const filled = (of: Measurements, share: number) =>
  take(
    of,
    Array.from({ length: 100 }, (_, n) =>
      order(`o${n}`, NOW - 200 + n, 'filled', { qty: 10_000, filledQty: share * 10_000 }),
    ),
  );
const slipped = (of: Measurements, bps: number) =>
  take(
    of,
    Array.from({ length: 10 }, (_, n) =>
      order(`o${n}`, NOW - 200 + n, 'filled', { slippageBps: n % 2 === 0 ? bps : -bps }),
    ),
  );
/** A bar each minute up to NOW, without some, since `from` minutes before. */
const bars = (of: Measurements, from: number, without: number[]) => {
  for (let k = from; k >= 0; k -= 1) {
    const at = NOW - k * MIN;
    if (!without.includes(k)) take(of, [bar(at)], at);
    of.feeds.tick(at, () => true);
  }
};
const gap = (seconds: number) => (of: Measurements) => take(of, [bar(NOW - MIN - seconds * 1_000)], NOW);
const signals = (of: Measurements, ...latencies: number[]) =>
  take(
    of,
    latencies.map((latencyMs) => ({ type: 'signal', at: NOW - 10 * MIN, latencyMs })),
  );
/** Slow signals, and looks at that many bars. */
const slowAt = (count: number, ms: number) => (of: Measurements) => {
  signals(of, ...Array.from({ length: 98 }, () => 10), ms, ms);
  for (let k = 1; k <= count; k += 1) {
    take(of, [bar(NOW - (count - k) * MIN)], NOW);
    of.slowBars(NOW);
  }
};
const alone = (one: 'rejected' | 'accepted', n: number) => Array.from({ length: n }, () => one);

const percent = rules({
  limits: { maxDailyLoss: { unit: 'percent', value: 1 }, maxNotional: 100, currency: 'USDT', perVenue: {} },
});
const perVenue = rules({
  limits: {
    maxDailyLoss: { unit: 'amount', value: 10 },
    maxNotional: 100,
    currency: 'USDT',
    perVenue: { w: 40 },
  },
});

const CRITERIA: Row[] = [
  {
    what: 'Daily loss, an amount',
    limit: '> 2 × 10 USDT',
    id: 'dailyLoss',
    cases: [
      { at: '19.99 USDT', given: (of) => take(of, twice(pnl(NOW, -19.99))), expected: 'ok' },
      { at: '20 USDT', given: (of) => take(of, twice(pnl(NOW, -20))), expected: 'ok' },
      { at: '20.01 USDT', given: (of) => take(of, twice(pnl(NOW, -20.01))), expected: 'tripped' },
    ],
  },
  {
    what: 'Daily loss, of 1,000 USDT at 00:00',
    limit: '> 2 × 1 %',
    id: 'dailyLoss',
    by: percent,
    cases: [
      {
        at: '19.99 USDT',
        given: (of) => take(of, twice(pnl(NOW, -19.99, { equity: 980.01 }))),
        expected: 'ok',
      },
      { at: '20 USDT', given: (of) => take(of, twice(pnl(NOW, -20, { equity: 980 }))), expected: 'ok' },
      {
        at: '20.01 USDT',
        given: (of) => take(of, twice(pnl(NOW, -20.01, { equity: 979.99 }))),
        expected: 'tripped',
      },
    ],
  },
  {
    what: 'Daily loss, told once, then twice',
    limit: '2 readings',
    id: 'dailyLoss',
    cases: [
      { at: '1 reading', given: (of) => take(of, [pnl(NOW, -50)]), expected: 'unknown' },
      {
        at: '2, 60 s apart',
        given: (of) => take(of, [pnl(NOW - 60_000, -50), pnl(NOW, -50)]),
        expected: 'tripped',
      },
      {
        at: '2, 60.001 s apart',
        given: (of) => take(of, [pnl(NOW - 60_001, -50), pnl(NOW, -50)]),
        expected: 'unknown',
      },
    ],
  },
  {
    what: 'Position size, sum of absolutes',
    limit: '> 1.5 × 100 USDT',
    id: 'positionSize',
    cases: [
      {
        at: '149.99 USDT',
        given: (of) =>
          take(of, [...twice(position(NOW, 75)), ...twice(position(NOW, -74.99, { symbol: 'E' }))]),
        expected: 'ok',
      },
      {
        at: '150 USDT',
        given: (of) => take(of, [...twice(position(NOW, 75)), ...twice(position(NOW, -75, { symbol: 'E' }))]),
        expected: 'ok',
      },
      {
        at: '150.01 USDT',
        given: (of) =>
          take(of, [...twice(position(NOW, 75)), ...twice(position(NOW, -75.01, { symbol: 'E' }))]),
        expected: 'tripped',
      },
    ],
  },
  {
    what: 'Position size, at one venue',
    limit: '> 1.5 × 40 USDT',
    id: 'positionSize',
    by: perVenue,
    cases: [
      {
        at: '59.99 USDT',
        given: (of) => take(of, twice(position(NOW, -59.99, { venue: 'w' }))),
        expected: 'ok',
      },
      { at: '60 USDT', given: (of) => take(of, twice(position(NOW, 60, { venue: 'w' }))), expected: 'ok' },
      {
        at: '60.01 USDT',
        given: (of) => take(of, twice(position(NOW, 60.01, { venue: 'w' }))),
        expected: 'tripped',
      },
    ],
  },
  {
    what: 'A reading is void',
    limit: 'at 120 s',
    id: 'positionSize',
    cases: [
      { at: '119.999 s', given: (of) => take(of, [position(NOW - 119_999, 5)]), expected: 'ok' },
      { at: '120 s', given: (of) => take(of, [position(NOW - 120_000, 5)]), expected: 'unknown' },
      { at: '120.001 s', given: (of) => take(of, [position(NOW - 120_001, 5)]), expected: 'unknown' },
    ],
  },
  {
    what: 'Reject rate in five minutes',
    limit: '> 10 %',
    id: 'rejectRate',
    cases: [
      { at: '9 of 100', given: (of) => orders(of, 100, 9), expected: 'ok' },
      { at: '10 of 100', given: (of) => orders(of, 100, 10), expected: 'ok' },
      { at: '11 of 100', given: (of) => orders(of, 100, 11), expected: 'tripped' },
    ],
  },
  {
    what: 'Reject rate, of few orders',
    limit: '10 orders',
    id: 'rejectRate',
    cases: [
      { at: '9 of 9', given: (of) => orders(of, 9, 9), expected: 'ok' },
      { at: '10 of 10', given: (of) => orders(of, 10, 10), expected: 'tripped' },
      { at: '11 of 11', given: (of) => orders(of, 11, 11), expected: 'tripped' },
    ],
  },
  {
    what: 'Reject rate, the window',
    limit: '5 min, half-open',
    id: 'rejectRate',
    by: rules({ minOrders: 2 }),
    cases: [
      {
        at: '299.999 s apart',
        given: (of) => take(of, [order('a', NOW - 299_999, 'rejected'), order('b', NOW, 'rejected')]),
        expected: 'tripped',
      },
      {
        at: '300 s apart',
        given: (of) => take(of, [order('a', NOW - 300_000, 'rejected'), order('b', NOW, 'rejected')]),
        expected: 'ok',
      },
      {
        at: '300.001 s apart',
        given: (of) => take(of, [order('a', NOW - 300_001, 'rejected'), order('b', NOW, 'rejected')]),
        expected: 'ok',
      },
    ],
  },
  {
    what: 'Order sample, late',
    limit: '≤ 10 min old',
    id: 'rejectRate',
    by: rules({ minOrders: 1 }),
    cases: [
      {
        at: '599.999 s',
        given: (of) => take(of, [order('a', NOW - 599_999, 'rejected')]),
        expected: 'tripped',
      },
      { at: '600 s', given: (of) => take(of, [order('a', NOW - 600_000, 'rejected')]), expected: 'tripped' },
      { at: '600.001 s', given: (of) => take(of, [order('a', NOW - 600_001, 'rejected')]), expected: 'ok' },
    ],
  },
  {
    what: 'Data feed gap',
    limit: '> 300 s',
    id: 'dataFeedGap:f',
    cases: [
      { at: '299.999 s', given: gap(299.999), expected: 'ok' },
      { at: '300 s', given: gap(300), expected: 'ok' },
      { at: '300.001 s', given: gap(300.001), expected: 'tripped' },
    ],
  },
  {
    what: 'Data feed gap, the engine says paused',
    limit: 'none',
    id: 'dataFeedGap:f',
    cases: [
      { at: '300 s', given: gap(300), said: { stopConfirmed: true }, expected: 'ok' },
      { at: '300.001 s', given: gap(300.001), said: { stopConfirmed: true }, expected: 'ok' },
      { at: '900 s', given: gap(900), said: { stopConfirmed: true }, expected: 'ok' },
    ],
  },
];

const CONDITIONS: Row[] = [
  {
    what: 'Bars are stale (P1; its runbook pauses signals)',
    limit: '> 120 s',
    id: 'feedStale:f',
    cases: [
      { at: '119.999 s', given: gap(119.999), expected: '–' },
      { at: '120 s', given: gap(120), expected: '–' },
      { at: '120.001 s', given: gap(120.001), expected: 'P1' },
    ],
  },
  {
    what: 'No choice was made (P1; its runbook halts orders)',
    limit: '≥ 600 s',
    id: 'feedLost:f',
    cases: [
      { at: '599.999 s', given: gap(599.999), expected: '–' },
      { at: '600 s', given: gap(600), expected: 'P1' },
      { at: '600.001 s', given: gap(600.001), expected: 'P1' },
    ],
  },
  {
    what: 'Bar staleness, p99 of the hour (P1)',
    limit: '> 120 s',
    id: 'feedStaleness:f',
    cases: ([119_999, 120_000, 120_001] as const).map(
      (ms): Case => ({
        at: `${ms / 1_000} s`,
        given: (of) =>
          take(of, [bar(NOW - 10 * MIN), bar(NOW - 5 * MIN, { at: NOW - 5 * MIN + ms })], NOW - 10 * MIN),
        expected: ms > 120_000 ? 'P1' : '–',
      }),
    ) as Row['cases'],
  },
  {
    what: 'Feed uptime, hours of the month (P1)',
    limit: '< 99.5 %',
    id: 'feedUptime:f',
    // A bad hour of 201, of 200, of 199.
    cases: ([201, 200, 199] as const).map(
      (hours): Case => ({
        at: `${hours - 1} of ${hours} hours`,
        given: (of) => bars(of, hours * 60 + 30, [100, 101, 102]),
        expected: hours === 199 ? 'P1' : '–',
      }),
    ) as Row['cases'],
  },
  {
    what: 'A bad hour',
    limit: '≥ 3 missing bars',
    id: 'feedUptime:f',
    cases: [
      { at: '2 missing', given: (of) => bars(of, 90, [50, 51]), expected: '–' },
      { at: '3 missing', given: (of) => bars(of, 90, [50, 51, 52]), expected: 'P1' },
      { at: '4 missing', given: (of) => bars(of, 90, [50, 51, 52, 53]), expected: 'P1' },
    ],
  },
  {
    what: 'Missed bar (P3)',
    limit: '≥ 1, two intervals late',
    id: 'missedBar:f',
    cases: [
      { at: 'one interval late', given: (of) => bars(of, 20, [1]), expected: '–' },
      { at: 'two intervals late', given: (of) => bars(of, 20, [2]), expected: 'P3' },
      { at: 'three intervals late', given: (of) => bars(of, 20, [3]), expected: 'P3' },
    ],
  },
  {
    what: 'Rejects in a row (P1)',
    limit: '≥ 3',
    id: 'rejectsInARow',
    cases: ([2, 3, 4] as const).map(
      (n): Case => ({
        at: `${n}`,
        given: (of) => spread(of, [...alone('accepted', 2), ...alone('rejected', n)]),
        expected: n < 3 ? '–' : 'P1',
      }),
    ) as Row['cases'],
  },
  {
    what: 'Order success, after each order (P1)',
    limit: '< 99.5 % six in a row',
    id: 'successRate',
    // One reject among the last hundred is 99 %, from the order on that it is.
    cases: ([5, 6, 7] as const).map(
      (n): Case => ({
        at: `${n} in a row`,
        given: (of) => spread(of, [...alone('accepted', 120), 'rejected', ...alone('accepted', n - 1)]),
        expected: n < 6 ? '–' : 'P1',
      }),
    ) as Row['cases'],
  },
  {
    what: 'Reject rate of the last 100 (P1, kill advised)',
    limit: '> 1 %',
    id: 'rejectShare',
    cases: ([0, 1, 2] as const).map(
      (n): Case => ({
        at: `${n} of 100`,
        given: (of) => spread(of, [...alone('rejected', n), ...alone('accepted', 100 - n)]),
        expected: n < 2 ? '–' : 'P1',
      }),
    ) as Row['cases'],
  },
  {
    what: 'Reject rate, of few orders',
    limit: '≥ 50 orders',
    id: 'rejectShare',
    cases: ([49, 50, 51] as const).map(
      (n): Case => ({
        at: `1 of ${n}`,
        given: (of) => spread(of, ['rejected', ...alone('accepted', n - 1)]),
        expected: n < 50 ? '–' : 'P1',
      }),
    ) as Row['cases'],
  },
  {
    what: 'Signal latency, p95 (P2)',
    limit: '> 1000 ms',
    id: 'signalLatency',
    cases: ([999.5, 1_000, 1_000.5] as const).map(
      (ms): Case => ({
        at: `${ms} ms`,
        given: (of) => signals(of, ms),
        expected: ms > 1_000 ? 'P2' : '–',
      }),
    ) as Row['cases'],
  },
  {
    what: 'Signal latency, p99 over 1000 ms (P2)',
    limit: '≥ 4 bars in a row',
    id: 'signalLatency',
    cases: ([3, 4, 5] as const).map(
      (n): Case => ({
        at: `${n} bars`,
        given: slowAt(n, 1_001),
        expected: n < 4 ? '–' : 'P2',
      }),
    ) as Row['cases'],
  },
  {
    what: 'Signal latency, p99 at four bars (P2)',
    limit: '> 1000 ms',
    id: 'signalLatency',
    cases: ([999, 1_000, 1_001] as const).map(
      (ms): Case => ({
        at: `${ms} ms`,
        given: slowAt(4, ms),
        expected: ms > 1_000 ? 'P2' : '–',
      }),
    ) as Row['cases'],
  },
  {
    what: 'Fill rate (P2)',
    limit: '< 99 %',
    id: 'fillRate',
    cases: ([0.9901, 0.99, 0.9899] as const).map(
      (share): Case => ({
        at: `${(share * 100).toFixed(2)} %`,
        given: (of) => filled(of, share),
        expected: share < 0.99 ? 'P2' : '–',
      }),
    ) as Row['cases'],
  },
  {
    what: 'Fill rate (P1)',
    limit: '< 95 %',
    id: 'fillRate',
    cases: ([0.9501, 0.95, 0.9499] as const).map(
      (share): Case => ({
        at: `${(share * 100).toFixed(2)} %`,
        given: (of) => filled(of, share),
        expected: share < 0.95 ? 'P1' : 'P2',
      }),
    ) as Row['cases'],
  },
  {
    what: 'Mean fill deviation (P3)',
    limit: '> 0.05 %',
    id: 'slippage',
    cases: ([4.99, 5, 5.01] as const).map(
      (bps): Case => ({
        at: `${(bps / 100).toFixed(4)} %`,
        given: (of) => slipped(of, bps),
        expected: bps > 5 ? 'P3' : '–',
      }),
    ) as Row['cases'],
  },
];

describe.each([
  ['criterion', CRITERIA],
  ['condition', CONDITIONS],
] as const)('each %s just under its limit, at it, and over it', (kind, all) => {
  it.each(all.map((row) => [row.what, row] as const))('%s', (_, { what, limit, id, by = rules(), cases }) => {
    const found = cases.map((one) => seen(kind, id, one, by));
    rows.push([what, limit, ...cases.map(({ at }, index) => `${at}: ${found[index]}`)]);
    expect(found).toEqual(cases.map(({ expected }) => expected));
  });
});

describe('what is not a number beside a limit', () => {
  it('at exactly 2000 ms the runbook says pause, and below it does not', () => {
    const text = (ms: number) => {
      const of = createMeasurements(rules().feeds);
      signals(of, ms);
      return conditionsNow(
        of,
        NOW,
        rules(),
        { ...facts(), silent: [], mismatches: [] },
        [],
        new Map(),
        MIN,
      )[0]?.value;
    };
    expect(text(1_999)).toBe('p95 1999 ms, p99 1999 ms over the last hour');
    expect(text(2_000)).toContain('the runbook says pause new orders');
    expect(text(3_600_000)).toContain('p99 10000 ms or more');
  });

  it('an engine that falls silent, or was never heard, is a P0 with the words for it', () => {
    const said = (never: boolean) =>
      conditionsNow(
        createMeasurements([]),
        NOW,
        rules({ feeds: [] }),
        { ...facts(), silent: [{ id: 'main', ageMs: 15_001, never }], mismatches: [] },
        [],
        new Map(),
        MIN,
      )[0];
    expect(said(false)).toMatchObject({
      severity: 'P0',
      runbook: 'kill-switch',
      value: 'no heartbeat for 15 s',
    });
    expect(said(true)).toMatchObject({
      severity: 'P0',
      title: 'Engine main was never heard: whether it trades is unknown',
      value: 'no heartbeat in 15 s since the start',
    });
  });

  it('what is unknown for the grace time is a P1, and says why', () => {
    const of = createMeasurements(rules().feeds);
    const criteria = judgeCriteria(of, NOW, rules(), facts());
    const at = (since: number) =>
      conditionsNow(
        of,
        NOW,
        rules(),
        { ...facts(), silent: [], mismatches: [] },
        criteria,
        new Map([['dailyLoss', since]]),
        2 * MIN,
      ).map(({ key, severity, value }) => [key, severity, value]);
    expect(at(NOW - 2 * MIN + 1)).toEqual([]);
    expect(at(NOW - 2 * MIN)).toEqual([
      ['unknown:dailyLoss', 'P1', expect.stringContaining('in the last 120 s')],
    ]);
  });
});

afterAll(() => {
  const file = process.env['STANDDOWN_TABLE'];
  if (file === undefined) return;
  const head = ['what', 'limit', 'just under', 'at', 'over'];
  const widths = head.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  const line = (cells: string[]) =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`;
  const rule = `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`;
  writeFileSync(file, `${[line(head), rule, ...rows.map(line)].join('\n')}\n`);
});

it('the hour of the tests is whole', () => expect(NOW - T0).toBe(30 * MIN));
