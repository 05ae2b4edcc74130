/** What the stakeholders are told: from the log alone, with the money as it was measured, and unknown as unknown. */

import { describe, expect, it } from 'vitest';
import { clocksOf } from '../../src/domain/clocks.ts';
import { type Actor, evolve, type Incident, type StandingEvent } from '../../src/domain/incident.ts';
import { impactOf } from '../../src/domain/measure/impact.ts';
import { mailView, toldOf } from '../../src/domain/stakeholderMail.ts';
import { RUNNING, type Trading } from '../../src/domain/trading.ts';
import { policy } from '../scenarios/desk.ts';

const { playbook } = policy();
const rules = { playbook, hours: { timezone: 'UTC', days: ['mon'] } };
const ADA: Actor = { via: 'slack', id: 'U0ADA', name: 'ada' };
const T0 = Date.UTC(2026, 10, 20, 14, 0, 0);
const MIN = 60_000;

const at = (when: number, event: object): StandingEvent => ({ at: when, by: ADA, ...event }) as StandingEvent;
const OPENED = at(T0, {
  type: 'IncidentOpened',
  id: 'INC-20261120-001',
  title: 'Feed gap',
  severity: 'P1',
  origin: 'person',
  runbook: null,
  drill: false,
});
const noted = (when: number, dayPnl: number | null, currency = 'USDT') =>
  at(when, {
    type: 'ImpactNoted',
    dayPnl,
    currency,
    source: 'engine',
    why: dayPnl === null ? 'no sample' : '',
  });
const fold = (...events: StandingEvent[]): Incident =>
  events.reduce<Incident | undefined>((sofar, event) => evolve(sofar, event), undefined) as Incident;
const view = (incident: Incident, trading: Trading = RUNNING) =>
  mailView('changed', incident, trading, clocksOf(incident, rules, null));
const impact = (...events: StandingEvent[]) => view(fold(OPENED, ...events)).impact;

const kill = (positions: object[], verdict = 'RESIDUAL') => [
  at(T0, { type: 'KillAsked', kill: 'K', reason: 'r', venues: ['v'] }),
  at(T0, {
    type: 'VenueJudged',
    kill: 'K',
    venue: 'v',
    verdict: { venue: 'v', verdict, orders: [], positions, listsRead: ['a'], notCovered: [] },
    ms: 1,
  }),
  at(T0, { type: 'KillJudged', kill: 'K', verdict, timings: {} }),
];
const position = (unrealisedPnl: number | null, currency = 'USDT') => ({
  symbol: 'BTC/USDT',
  side: 'long',
  amount: 1,
  notional: 100,
  currency,
  unrealisedPnl,
  dust: false,
});

describe('the impact in money', () => {
  it('is unknown before it is measured, and where nothing measures it, with the reason', () => {
    expect(impact()[0]).toBe('Profit and loss of the desk today: unknown, not measured yet.');
    expect(impact(noted(T0, null))[0]).toContain('unknown (no sample), asked at 2026-11-20 14:00:00 UTC');
    expect(impact(noted(T0, null)).at(-1)).toBe('Realised: unknown.');
  });
  it('is the day’s, and of that what came since the incident’s first reading', () => {
    expect(impact(noted(T0, -20.1), noted(T0 + MIN, -120.4)).slice(0, 2)).toEqual([
      'Profit and loss of the desk since 00:00 UTC, realised and unrealised, after fees: -120.40 USDT, by engine at 2026-11-20 14:01:00 UTC.',
      'Of that since the first reading of this incident (2026-11-20 14:00:00 UTC): -100.30 USDT.',
    ]);
  });
  it('is no difference of two days, of two currencies, or of something that was not measured', () => {
    expect(impact(noted(T0, -20), noted(T0 + 24 * 60 * MIN, 5))[1]).toContain('the measured day began anew');
    expect(impact(noted(T0, null), noted(T0 + MIN, 5))[1]).toContain('it was not measured then');
    expect(impact(noted(T0, 1, 'EUR'), noted(T0 + MIN, 5))[1]).toContain('unknown');
  });
  it('a measurement that is lost later is unknown, not the last one', () => {
    expect(impact(noted(T0, -20), noted(T0 + MIN, null))[0]).toContain('unknown (no sample)');
  });
  it('unrealised is what the kill read: each currency by itself, and what has no figure is counted', () => {
    const line = (...events: StandingEvent[]) =>
      impact(...events).find((one) => one.startsWith('Unrealised'));
    expect(line()).toContain('unknown, not read for this incident');
    expect(line(...kill([position(-3.1), position(1), position(2, 'BTC'), position(null)]))).toBe(
      'Unrealised on open positions: -2.10 USDT, +2.00 BTC, unknown for 1 position.',
    );
    expect(line(...kill([], 'FLAT'))).toBe('Unrealised on open positions: none is open.');
    expect(line(...kill([], 'UNKNOWN'))).toContain('unknown, not every venue could be read');
    expect(line(...kill([position(-1)], 'UNKNOWN'))).toContain('and not every venue could be read');
  });
  it('comes from the hard stop’s own measurement, with the sign of a profit', () => {
    const criterion = (value: number | null) => ({
      id: 'dailyLoss',
      value,
      source: 'engine',
      detail: value === null ? 'no sample' : '',
      ageMs: value === null ? null : 2_000,
    });
    expect(impactOf([criterion(120.4)], 'USDT')).toMatchObject({ dayPnl: -120.4, why: '' });
    expect(Object.is(impactOf([criterion(0)], 'USDT').dayPnl, 0)).toBe(true);
    expect(impactOf([criterion(null)], 'USDT')).toMatchObject({ dayPnl: null, why: 'no sample' });
    expect(impactOf([], 'USDT')).toMatchObject({ dayPnl: null, why: 'nothing measures it' });
  });
  it('says what is open without a kill, as the position size is measured', () => {
    const size = {
      id: 'positionSize',
      value: 512 as number | null,
      source: 'venue',
      detail: '',
      ageMs: 4_000,
    };
    const exposed = (...criteria: (typeof size)[]) =>
      view(fold(OPENED, at(T0 + 20_000, impactOf(criteria, 'USDT')))).exposure;
    expect(exposed(size)).toEqual([
      'Open positions: 512.00 USDT, the sum of their absolute notionals, by venue at 2026-11-20 14:00:16 UTC.',
      'Open orders: unknown, not read for this incident.',
    ]);
    expect(exposed({ ...size, value: 0 })[0]).toContain('none found, by venue');
    expect(exposed({ ...size, detail: 'okx: no answer' })[0]).toMatch(/ \(okx: no answer\)\.$/);
    expect(exposed({ ...size, value: null, detail: 'okx: no answer' })[0]).toBe(
      'Open positions: unknown (okx: no answer), asked at 2026-11-20 14:00:20 UTC.',
    );
    expect(exposed()[0]).toContain('unknown (nothing measures it)');
  });
});

describe('a mail', () => {
  it('is the same from the same log, whenever it is drawn', () => {
    const log = [
      OPENED,
      noted(T0, -20),
      ...kill([position(-1)]),
      at(T0 + MIN, { type: 'IncidentAcknowledged' }),
    ];
    const stored = JSON.parse(JSON.stringify(log)) as StandingEvent[];
    expect(view(fold(...stored))).toEqual(view(fold(...log)));
  });
  it('says what is due and when, and what was missed; not the reminders within the desk', () => {
    const open = fold(OPENED);
    expect(view(open).next).toContain('Due by 2026-11-20 14:15:00 UTC: acknowledge.');
    expect(view(open).next.join()).not.toMatch(/next update|resolve it|mail the stakeholders/);
    const missed = at(T0 + 15 * MIN, { type: 'ClockMissed', clock: 'acknowledge', dueAt: T0 + 15 * MIN });
    expect(view(evolve(open, missed)).next).toContain(
      'Due by 2026-11-20 14:15:00 UTC: acknowledge (MISSED).',
    );
  });
  it('says that on-call was called only once somebody is said to have the page', () => {
    const page = at(T0, { type: 'PageOwed', n: 1, severity: 'P1', why: 'opened' });
    const called = (...events: StandingEvent[]) => view(fold(OPENED, ...events)).next[0];
    const failed = { type: 'PageFailed', n: 1, reason: 'refused', gaveUp: true };
    const assigned = { type: 'PageAssigned', n: 1, to: ['Ada'], url: 'u' };
    expect(called()).toBe('Nobody is called for a P1.');
    expect(called(page)).toBe('On-call is about to be called.');
    expect(called(page, at(T0, { type: 'PageQueued', n: 1, dedupKey: 'k' }))).toBe(
      'On-call is being called; nobody is confirmed yet.',
    );
    expect(called(page, at(T0, failed))).toBe(
      'On-call could NOT be called by PagerDuty so far; nobody is confirmed.',
    );
    expect(called(page, at(T0, assigned))).toBe('On-call was called: Ada.');
    // Who had the page the time before does not have this one.
    const again = { type: 'PageOwed', n: 2, severity: 'P1', why: 'reopened' };
    expect(called(page, at(T0, assigned), at(T0, { type: 'PageClosed', n: 1 }), at(T0, again))).toBe(
      'On-call is about to be called.',
    );
  });
  it('says that trading is stopped only as far as the kill switch was written, and who confirmed it', () => {
    const latch = { kill: 'K', incident: 'INC-20261120-001', by: ADA, reason: 'r', at: T0 };
    const told = (event?: object) =>
      view(fold(OPENED, ...kill([]).slice(0, 1), ...(event === undefined ? [] : [at(T0, event)])), {
        ...RUNNING,
        latch,
      }).stopped.join(' ');
    expect(told({ type: 'KillLatched', kill: 'K', ok: false, rev: null, ms: 1, reason: 'EIO' })).toMatch(
      /^NOT CERTAIN: the kill switch could not be written \(EIO\)/,
    );
    expect(told()).toContain('that no new order comes is not proven');
    expect(told({ type: 'EngineConfirmed', kill: 'K', engine: 'main', ms: 9 })).toMatch(
      /^All trading, since .* restart\.$/,
    );
  });
  it('names every switch that is held, and tells only of those that the stakeholders hear of', () => {
    const hold = (key: Trading['holds'][number]['key']) => ({
      id: key,
      key,
      reason: 'r',
      by: ADA,
      owner: 'operator' as const,
      at: T0,
    });
    const held: Trading = { ...RUNNING, holds: [hold('HALT_NEW_ORDERS'), hold('DATA_FEED')] };
    expect(view(fold(OPENED), held).headline).toBe('still open, orders halted');
    expect(view(fold(OPENED)).headline).toBe('still open, trading running');
    expect(view(fold(OPENED), held).stopped).toEqual([
      'New orders, since 2026-11-20 14:00:00 UTC, by ada: r.',
      'The primary data feed (the backup is used), since 2026-11-20 14:00:00 UTC, by ada: r.',
    ]);
    expect(toldOf('P1', held)).toBe('P1, running, orders halted');
    expect(toldOf('P1', { ...RUNNING, holds: [hold('DATA_FEED')] })).toBe(toldOf('P1', RUNNING));
  });
});
