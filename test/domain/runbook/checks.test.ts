import { describe, expect, it } from 'vitest';
import type { Criterion } from '../../../src/domain/measure/criteria.ts';
import { feedOf, lookAt, type Seen } from '../../../src/domain/runbook/evaluate.ts';
import { finding, isNews, roughly, together } from '../../../src/domain/runbook/finding.ts';
import {
  hostFinding,
  type KeyRights,
  keyFinding,
  pageFinding,
  venueStateFinding,
} from '../../../src/domain/runbook/probes.ts';
import type { CheckName } from '../../../src/domain/runbook/vocabulary.ts';
import {
  ADA,
  bookOf,
  FEED,
  incidentWith,
  NOON,
  seen,
  withGap,
  withLateBar,
  withLatency,
  withOrders,
} from './seen.ts';

const check = (name: CheckName, change: Partial<Seen> = {}, incident = incidentWith()) =>
  lookAt(incident, bookOf({ id: 's', checks: [name] }), seen(change)).checks.get('book:s')?.[0]?.found;

describe('an SLI as a check', () => {
  it.each<[CheckName, Partial<Seen>, string, string]>([
    ['feedGapSec', { measurements: withGap(120) }, 'ok', 'gap 2 min (BTC/USDT:USDT)'],
    ['feedGapSec', { measurements: withGap(121) }, 'bad', 'gap 2 min 1 s (BTC/USDT:USDT)'],
    ['feedGapSec', {}, 'unknown', 'gap: it never had a bar'],
    ['feedUptimePct', {}, 'unknown', 'uptime: no hour of this month is measured yet'],
    ['stalenessP99Sec', {}, 'unknown', 'staleness p99: no bar of the last hour says how late it was'],
    ['stalenessP99Sec', { measurements: withLateBar(120) }, 'ok', 'staleness p99 2 min over 1 bar'],
    ['stalenessP99Sec', { measurements: withLateBar(121) }, 'bad', 'staleness p99 2 min 1 s over 1 bar'],
    [
      'orderSuccessPct',
      { measurements: withOrders(100, 0) },
      'ok',
      'order success 100 % of the last 100 orders',
    ],
    ['orderSuccessPct', { measurements: withOrders(94, 6) }, 'bad', 'below 99.5 % after each of the last 6'],
    ['orderSuccessPct', {}, 'unknown', 'order success: no order was sent'],
    ['rejectSharePct', { measurements: withOrders(99, 1) }, 'ok', 'reject rate 1 % of the last 100 orders'],
    ['rejectSharePct', { measurements: withOrders(98, 2) }, 'bad', 'reject rate 2 %'],
    ['rejectsInARow', { measurements: withOrders(5, 2) }, 'ok', '2 rejected in a row'],
    ['rejectsInARow', { measurements: withOrders(5, 3) }, 'bad', '3 rejected in a row'],
    ['fillRatePct', { measurements: withOrders(5, 3) }, 'unknown', 'fill rate: fewer than 50'],
    ['latencyP95Ms', { measurements: withLatency([1_000]) }, 'ok', 'latency p95 1000 ms'],
    ['latencyP95Ms', { measurements: withLatency([1_001]) }, 'bad', 'latency p95 1001 ms'],
    ['latencyP99Ms', { measurements: withLatency([1_001]) }, 'bad', 'latency p99 1001 ms'],
    ['latencyP99Ms', {}, 'unknown', 'latency p99: no signal latency was sent'],
  ])('%s: %o is %s', (name, change, state, text) => {
    const found = check(name, change);
    expect(found?.state).toBe(state);
    expect(found?.text).toContain(text);
  });

  it('counts as bad what is known to be, though another feed is not known; and as unknown otherwise', () => {
    const feeds = [FEED, { ...FEED, id: 'other' }];
    const foreign = incidentWith([], { source: 'alertmanager', groupKey: 'x' });
    expect(check('feedGapSec', { feeds, measurements: withGap(300) }, foreign)).toMatchObject({
      state: 'bad',
    });
    expect(check('feedGapSec', { feeds, measurements: withGap(30) }, foreign)).toMatchObject({
      state: 'unknown',
      text: 'gap: other: it never had a bar',
    });
    expect(check('feedGapSec', { feeds, measurements: withGap(30) })).toMatchObject({ state: 'ok' });
  });
});

describe('which feed an incident is about', () => {
  const alert = (feed: string) =>
    incidentWith(
      [
        {
          type: 'AlertFired',
          at: NOON,
          alert: {
            source: 'alertmanager',
            groupKey: 'x',
            key: 'k',
            title: 't',
            severity: 'P1',
            startsAt: NOON,
            startsAtGiven: true,
            labels: { feed },
            annotations: {},
          },
        },
      ],
      { source: 'alertmanager', groupKey: 'x' },
    );
  it.each([
    [incidentWith(), FEED.id],
    [incidentWith([], { groupKey: `missedBar:${FEED.id}` }), FEED.id],
    [incidentWith([], { groupKey: 'feed:unknown' }), null],
    [incidentWith([], { source: 'alertmanager', groupKey: `feed:${FEED.id}` }), null],
    [alert(FEED.id), FEED.id],
    [alert('__proto__'), null],
  ])('%#', (incident, feed) => {
    expect(feedOf(incident, [FEED])).toBe(feed);
  });
});

describe('what is known without asking', () => {
  const gap = { type: 'FeedGapBegan', at: NOON, feed: FEED.id, symbol: 'BTC', from: NOON - 130_000 } as const;
  it('the gap record says start and length, while it lasts and after', () => {
    expect(check('gapRecord')).toMatchObject({ state: 'unknown' });
    expect(check('gapRecord', { now: NOON + 30_000 }, incidentWith([gap]))).toMatchObject({
      state: 'bad',
      text: 'opened 2026-11-22 14:00:00 UTC; gap of binance-1m (BTC) since 2026-11-22 13:57:50 UTC, still open, 2 min 40 s',
    });
    const over = { ...gap, type: 'FeedGapEnded', to: NOON + 600_000 } as const;
    expect(check('gapRecord', {}, incidentWith([gap, over]))).toMatchObject({
      state: 'ok',
      text: expect.stringContaining('until 2026-11-22 14:10:00 UTC, 12 min 10 s'),
    });
  });

  const engine = (ageMs: number | null, confirmed = true, host: object | null = null) => ({
    engines: [{ id: 'main', ageMs, everyMs: 5_000, confirmed, host }],
  });
  it.each<[CheckName, Partial<Seen>, string, string]>([
    ['engineAlive', {}, 'unknown', 'no engine sends heartbeats'],
    ['engineAlive', engine(null), 'unknown', 'main: no heartbeat yet'],
    ['engineAlive', engine(15_000), 'ok', 'main: its last heartbeat was 15 s ago'],
    ['engineAlive', engine(15_001), 'bad', 'main: silent'],
    ['engineHost', engine(1_000), 'unknown', 'main: its heartbeats say nothing of it'],
    [
      'engineHost',
      engine(1_000, true, { cpuPct: 31, memPct: 40, diskPct: 50, loopLagMs: 3 }),
      'ok',
      'main: CPU 31 %, memory 40 %, disk 50 %, event loop late 3 ms',
    ],
    ['engineHost', engine(16_000, true, { cpuPct: 31 }), 'unknown', 'main: silent; it said: CPU 31 %'],
    ['killLatched', {}, 'bad', 'not killed: KILL_SWITCH=0'],
    ['killVerdict', {}, 'unknown', 'no kill was run here'],
    ['paged', {}, 'unknown', 'nobody was paged'],
    ['mismatches', {}, 'unknown', 'compare by hand'],
    ['mismatches', { mismatches: ['BTC: engine 0.01, venue 0.02'] }, 'bad', 'engine 0.01, venue 0.02'],
    ['hardStops', {}, 'unknown', 'no criterion is watched'],
  ])('%s: %o is %s', (name, change, state, text) => {
    expect(check(name, change)).toMatchObject({ state, text: expect.stringContaining(text) });
  });

  it('a latch is fine only when every engine confirms it', () => {
    const trading = {
      ...seen().trading,
      latch: { kill: null, incident: 'I', by: ADA, reason: 'x', at: NOON },
    };
    expect(check('killLatched', { trading })?.state).toBe('unknown');
    expect(check('killLatched', { trading, ...engine(1, false) })).toMatchObject({
      state: 'unknown',
      text: expect.stringContaining('not confirmed by main'),
    });
    expect(check('killLatched', { trading, ...engine(1) })?.state).toBe('ok');
  });

  it('the hard stops are as bad as the worst of them, and unknown is not fine', () => {
    const criterion = (id: string, state: Criterion['state'], value: number | null): Criterion => ({
      id,
      title: id,
      state,
      value,
      limit: 10,
      headroom: null,
      unit: 'USDT',
      ageMs: 0,
      source: 'engine',
      detail: 'no sample',
      evidence: { formula: '', samples: [] },
    });
    const ok = criterion('dailyLoss', 'ok', 3);
    const unknown = criterion('rejectRate', 'unknown', null);
    expect(check('hardStops', { criteria: [ok] })).toMatchObject({
      state: 'ok',
      text: 'dailyLoss: 3 of 10 USDT',
    });
    expect(check('hardStops', { criteria: [ok, unknown] })).toMatchObject({
      state: 'unknown',
      text: 'rejectRate: no sample; dailyLoss: 3 of 10 USDT',
    });
    expect(
      check('hardStops', { criteria: [ok, unknown, criterion('positionSize', 'tripped', 11)] }),
    ).toMatchObject({ state: 'bad', text: expect.stringMatching(/^positionSize: TRIPPED, 11 of 10 USDT/) });
  });

  it('a ticked step is looked at no more; its branch is', () => {
    const book = bookOf({ id: 's', checks: ['gapRecord'], when: { elapsed: true, op: '>', value: 1 } });
    const done = incidentWith([{ type: 'StepMarked', at: NOON, by: ADA, step: 'book:s', mark: 'done' }]);
    const looked = lookAt(done, book, seen());
    expect(looked.checks.size).toBe(0);
    expect(looked.branches.size).toBe(1);
  });
});

describe('what was asked outside', () => {
  const rights = (change: Partial<KeyRights>) =>
    keyFinding(
      {
        state: 'known',
        rights: { canRead: true, canTrade: true, canWithdraw: false, expires: 'never', ...change },
      },
      NOON,
    );
  const DAY = 86_400_000;
  it.each<[Partial<KeyRights>, string, string]>([
    [{}, 'ok', 'can read, can trade, cannot withdraw, does not expire'],
    [{ expires: 'unknown' }, 'ok', 'its expiry is not told'],
    [{ expires: NOON + 7 * DAY }, 'ok', 'expires 2026-11-29 14:00 UTC'],
    [{ expires: NOON + 7 * DAY - 1 }, 'bad', 'in less than a week'],
    [{ expires: NOON }, 'bad', 'EXPIRED at 2026-11-22 14:00 UTC'],
    [{ canWithdraw: true }, 'bad', 'CAN WITHDRAW'],
    [{ canWithdraw: null }, 'unknown', 'whether it can withdraw is not told'],
    [{ canTrade: false }, 'bad', 'cannot trade'],
    [{ canRead: null }, 'unknown', 'whether it can read is not told'],
  ])('a key with %o is %s', (change, state, text) => {
    expect(rights(change)).toMatchObject({ state, text: expect.stringContaining(text) });
  });
  it('a key that is turned away is bad, one that cannot be asked for is unknown', () => {
    expect(keyFinding({ state: 'refused', reason: 'r' }, NOON).state).toBe('bad');
    expect(keyFinding({ state: 'unknown', reason: 'r' }, NOON).state).toBe('unknown');
  });

  it.each([
    [{ state: 'answered', status: 200, description: 'All Systems Operational', indicator: 'none' }, 'ok'],
    [{ state: 'answered', status: 200, description: 'Partial Outage', indicator: 'major' }, 'bad'],
    [{ state: 'answered', status: 200, description: null, indicator: null }, 'unknown'],
    [{ state: 'answered', status: 503, description: 'fine', indicator: 'none' }, 'unknown'],
    [{ state: 'failed', reason: 'ECONNREFUSED' }, 'unknown'],
  ] as const)('a status page that says %o is %s', (said, state) => {
    expect(pageFinding(said).state).toBe(state);
  });

  it.each([
    [{ state: 'ok', ms: 84 }, 'ok', '84 ms'],
    [
      { state: 'down', word: 'maintenance', until: NOON, ms: 1 },
      'bad',
      'maintenance until 2026-11-22 14:00 UTC',
    ],
    [{ state: 'unknown', reason: 'timeout' }, 'unknown', 'timeout'],
  ] as const)('a venue that says %o is %s', (said, state, text) => {
    expect(venueStateFinding(said)).toMatchObject({ state, text: expect.stringContaining(text) });
  });

  it.each([
    [{}, 'unknown'],
    [{ cpuPct: Number.NaN, memPct: null }, 'unknown'],
    [{ cpuPct: -1 }, 'unknown'],
    [{ cpuPct: 10 }, 'unknown'],
    [{ cpuPct: 89.9, memPct: 1, diskPct: 1, loopLagMs: 199 }, 'ok'],
    [{ cpuPct: 90 }, 'bad'],
    [{ cpuPct: 1, memPct: 1, diskPct: 1, loopLagMs: 200 }, 'bad'],
  ])('a machine at %o is %s', (load, state) => {
    expect(hostFinding(load).state).toBe(state);
  });
});

describe('several findings as one', () => {
  const part = (about: string, state: 'ok' | 'bad' | 'unknown') => ({ about, found: finding(state, state) });
  it('is as bad as the worst, the worst first; and not there before all are in', () => {
    expect(together([part('a', 'ok'), part('b', 'unknown'), part('c', 'bad')], '')).toMatchObject({
      state: 'bad',
      text: 'c: bad; b: unknown; a: ok',
    });
    expect(together([part('a', 'ok'), { about: 'b', found: null }], '')).toBeNull();
    expect(together([], 'none')).toMatchObject({ state: 'unknown', text: 'none' });
    const many = together(
      Array.from({ length: 50 }, (_, n) => part(String(n), 'ok')),
      '',
    );
    expect(many?.text).toMatch(/; and 44 more$/);
  });
});

describe('what is worth a line in the log', () => {
  const before = { state: 'ok', text: 'a', at: NOON };
  it.each([
    ['the first finding', undefined, undefined, finding('ok', 'a'), 0, true],
    ['the same again', before, 'a', finding('ok', 'a'), 3_600_000, false],
    ['another number that is much the same', before, 'g', finding('ok', 'b', 'g'), 3_600_000, false],
    ['another number, soon', before, 'g', finding('ok', 'b', 'h'), 29_999, false],
    ['another number, later', before, 'g', finding('ok', 'b', 'h'), 30_000, true],
    ['another state, at once', before, 'g', finding('bad', 'a', 'g'), 4_999, false],
    ['another state', before, 'g', finding('bad', 'a', 'g'), 5_000, true],
    ['the same text after a restart', before, undefined, finding('ok', 'a', 'g'), 3_600_000, false],
    ['another text after a restart', before, undefined, finding('ok', 'b', 'g'), 30_000, true],
  ] as const)('%s', (_what, known, gist, found, afterMs, news) => {
    expect(isNews(known, gist, found, NOON + afterMs)).toBe(news);
  });

  it('an hour of a gap that grows each second is some forty lines', () => {
    let known: { state: string; text: string; at: number } | undefined;
    let gist: string | undefined;
    let lines = 0;
    for (let second = 121; second < 3_721; second += 1) {
      const found = check('feedGapSec', { measurements: withGap(second) });
      if (found === undefined || !isNews(known, gist, found, second * 1_000)) continue;
      lines += 1;
      known = { ...found, at: second * 1_000 };
      gist = found.gist;
    }
    expect(lines).toBeGreaterThan(20);
    expect(lines).toBeLessThan(45);
  });

  it('numbers within a tenth are one gist', () => {
    expect(roughly(600)).toBe(roughly(610));
    expect(roughly(600)).not.toBe(roughly(720));
    expect(roughly(0)).toBe(roughly(-1));
  });
});
