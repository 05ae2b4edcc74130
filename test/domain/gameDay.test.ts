/** What the incident of a drill may owe and suffer, whatever happens to it; and what it measured. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { clocksOf } from '../../src/domain/clocks.ts';
import { type Command, decide, Refusal } from '../../src/domain/decide.ts';
import { DRILL_TIMES, type DrillKill, type DrillTime, type GameDay } from '../../src/domain/drill/gameDay.ts';
import { compared, isMeasured, limitsOf, resultOf, timesOf } from '../../src/domain/drill/measure.ts';
import { dueMail, dueNow } from '../../src/domain/due.ts';
import { type Actor, evolve, evolveAll, SEVERITIES, type StandingEvent } from '../../src/domain/incident.ts';
import { react } from '../../src/domain/react.ts';
import { evolveTrading, RUNNING } from '../../src/domain/trading.ts';
import { loadPolicy } from '../../src/policy.ts';
import { drillLines, drillListLines, drillMarkdown } from '../../src/render/drillReport.ts';

const loaded = loadPolicy();
if (!loaded.ok) throw new Error('the policy does not load');
const { playbook } = loaded.policy;
const at = Date.UTC(2026, 10, 28, 9);
const ada: Actor = { via: 'slack', id: 'U1', name: 'ada' };
const gameDay: GameDay = {
  drill: 'DRILL_20261128_001',
  scenario: 'kill',
  venues: ['testnet'],
  limits: limitsOf('kill', { headlineMin: 15, acknowledgeMin: 5, paged: true, confirms: true }),
  steps: [],
};
const start: Command = {
  type: 'StartDrill',
  by: ada,
  incident: 'INC-20261128-001',
  title: 'TEST',
  runbook: null,
  gameDay,
  page: 'P2',
};
const opened = decide(start, undefined, at, playbook);
const incident = evolveAll(undefined, opened);

const severity = fc.constantFrom(...SEVERITIES);
/** Events that would page, mail, escalate or stop in any other incident. */
const event = fc.oneof(
  severity.map((to) => ({ type: 'SeverityChanged' as const, from: 'P3' as const, to, why: 'w' })),
  fc.constant({ type: 'IncidentAcknowledged' as const }),
  fc.constant({ type: 'IncidentReopened' as const, why: 'w' }),
  fc.constant({ type: 'Posted' as const, what: 'headline', channel: 'C', ts: '1.1' }),
  fc.constant({ type: 'PageFailed' as const, n: 1, reason: 'r', gaveUp: true }),
  fc.constant({ type: 'PageQueued' as const, n: 1, dedupKey: 'k' }),
  fc.constant({ type: 'SummonOwed' as const, n: 1, way: 'mail' as const, why: 'w' }),
  fc.constant({ type: 'SummonOwed' as const, n: 1, way: 'mention' as const, why: 'w' }),
  fc.constant({ type: 'MailOwed' as const, what: 'opened' as const, why: 'w' }),
  fc.constant({ type: 'PostmortemAsked' as const }),
  fc.constant({ type: 'IncidentMitigated' as const, text: 't' }),
  fc.constantFrom('person' as const, 'alertsCleared' as const, 'drillOver' as const).map((how) => ({
    type: 'IncidentResolved' as const,
    how,
    owes: [],
  })),
);

describe('the incident of a drill', () => {
  it('owes posts, its one page and action items, and nothing else, whatever happens', () => {
    fc.assert(
      fc.property(fc.array(event, { maxLength: 20 }), fc.integer({ min: 0, max: 30 }), (events, days) => {
        let now = incident;
        for (const one of events) {
          const said = { ...one, at, by: ada } as StandingEvent;
          now = evolve(now, said);
          for (const { work, lane } of react(said, now)) {
            expect([
              'headline',
              'runbook',
              'notice',
              'page',
              'pageCheck',
              'pageAcknowledge',
              'pageResolve',
              'pageNote',
              'issue',
            ]).toContain(work.kind);
            expect(lane).not.toBe('mail');
          }
        }
        const later = at + days * 86_400_000;
        const rules = { playbook, hours: { timezone: 'UTC', days: ['mon' as const], maintenance: [] } };
        expect(dueNow(now, rules, later)).toEqual([]);
        expect(dueMail(now, RUNNING, playbook, later, at)).toBeNull();
        expect(clocksOf(now, rules, later)).toEqual([]);
      }),
    );
  });

  it('is opened as P3, with DRILL and its one test page', () => {
    expect(opened.map(({ type }) => type)).toEqual(['IncidentOpened', 'PageOwed']);
    expect(incident).toMatchObject({ drill: true, severity: 'P3', gameDay });
    expect(() => decide(start, incident, at, playbook)).toThrow(Refusal);
  });

  it('refuses what stops, starts, mails or escalates', () => {
    const refused = [
      'AskKill',
      'PlaceHold',
      'LiftHold',
      'AskCancel',
      'AskFlatten',
      'AskCommand',
      'AskResume',
      'LiftLatch',
      'ChangeSeverity',
      'ResolveIncident',
      'ReopenIncident',
      'OweMail',
      'PageAgain',
      'AskPage',
      'Summon',
      'AskPostmortem',
      'TakeFiring',
      'ReportKill',
      'JudgeKill',
    ];
    for (const type of refused)
      expect(() => decide({ type, by: ada } as unknown as Command, incident, at, playbook), type).toThrow(
        Refusal,
      );
  });

  it('changes nothing of the trading state', () => {
    let trading = RUNNING;
    for (const one of opened) trading = evolveTrading(trading, one, incident.id);
    expect(trading).toEqual(RUNNING);
  });
});

describe('the times of a drill', () => {
  const queued: StandingEvent = { type: 'PageQueued', n: 1, dedupKey: 'k', at: at + 2_000, by: ada };
  const acknowledged = (ms: number): StandingEvent => ({
    type: 'IncidentAcknowledged',
    at: at + ms,
    by: ada,
  });
  const state = (times: DrillTime[], id: string) => times.find((one) => one.id === id)?.state;

  it('keep a limit at exactly the limit, and miss it a millisecond later', () => {
    const limit = 5 * 60_000;
    expect(state(timesOf(gameDay, at, [acknowledged(limit)], undefined, limit), 'pageAcknowledged')).toBe(
      'kept',
    );
    expect(state(timesOf(gameDay, at, [acknowledged(limit + 1)], undefined, limit), 'pageAcknowledged')).toBe(
      'missed',
    );
  });

  it('are unknown until the limit is over, then missed', () => {
    expect(state(timesOf(gameDay, at, [queued], undefined, 1_000), 'verdict')).toBe('unknown');
    expect(state(timesOf(gameDay, at, [queued], undefined, 10_000), 'verdict')).toBe('missed');
    expect(isMeasured(timesOf(gameDay, at, [queued], undefined, 10_000))).toBe(false);
    expect(isMeasured(timesOf(gameDay, at, [queued], undefined, 15 * 60_000))).toBe(true);
  });

  it('are not made by a machine: only a person acknowledges', () => {
    const machine: StandingEvent = {
      type: 'IncidentAcknowledged',
      at,
      by: { via: 'standdown', id: 's', name: 's' },
    };
    expect(state(timesOf(gameDay, at, [machine], undefined, 0), 'pageAcknowledged')).toBe('unknown');
  });

  it('with a clock put back are unknown, never negative, and never kept', () => {
    const [headline] = timesOf(
      gameDay,
      at,
      [{ type: 'Posted', what: 'headline', channel: 'C', ts: '1', at: at - 5_000, by: ada }],
      undefined,
      0,
    );
    expect(headline).toMatchObject({ id: 'headline', ms: null, state: 'unknown' });
  });

  it('pass only whole, in time and proven', () => {
    const kept = DRILL_TIMES.map((id): DrillTime => ({ id, ms: 1, limitMs: 2, state: 'kept' }));
    const flat = { verdict: 'FLAT' as const, venues: [], found: 1 };
    const done = { ended: 'done' as const, why: '' };
    expect(resultOf(gameDay, kept, flat, done, []).passed).toBe(true);
    expect(resultOf(gameDay, kept, { ...flat, verdict: 'UNKNOWN' }, done, []).passed).toBe(false);
    expect(resultOf(gameDay, kept, null, done, []).passed).toBe(false);
    const one = { venue: 'testnet', verdict: 'RESIDUAL' as const, orders: 0, positions: 1, reason: null };
    const residual = (of: typeof one) =>
      resultOf(gameDay, kept, { verdict: 'RESIDUAL', venues: [of], found: 1 }, done, []).passed;
    expect(residual(one)).toBe(true);
    expect(residual({ ...one, orders: 1 })).toBe(false);
    expect(resultOf(gameDay, kept, flat, { ended: 'stopped', why: '' }, []).passed).toBe(false);
    const late = kept.map((one, index): DrillTime => (index === 3 ? { ...one, state: 'missed' } : one));
    expect(resultOf(gameDay, late, flat, done, []).passed).toBe(false);
  });

  it('are compared with the newest drill that measured them', () => {
    const time: DrillTime = { id: 'latch', ms: 80, limitMs: 1_000, state: 'kept' };
    const earlier = [
      { drill: 'D3', at, passed: false, times: [{ ...time, ms: null, state: 'unknown' as const }] },
      { drill: 'D2', at, passed: true, times: [{ ...time, ms: 100 }] },
      { drill: 'D1', at, passed: true, times: [{ ...time, ms: 10 }] },
    ];
    expect(compared(time, earlier)).toEqual({ drill: 'D2', byMs: -20, word: 'better' });
    expect(compared({ ...time, ms: null }, earlier)).toBeNull();
    expect(compared(time, [])).toBeNull();
  });
});

describe('the report', () => {
  it('says at which venue orders were found, and at which none was, or that nobody counted', () => {
    const one = { verdict: 'FLAT' as const, orders: 0, positions: 0, reason: null };
    const kill = {
      verdict: 'FLAT' as const,
      found: 2,
      venues: [
        { ...one, venue: 'a', found: 2 },
        { ...one, venue: 'b', found: 0 },
      ],
    };
    const lines = (of: DrillKill) =>
      drillLines(resultOf(gameDay, [], of, { ended: 'done', why: '' }, [])).join('\n');
    expect(lines(kill)).toContain('a: FLAT, found 2 orders to cancel');
    expect(lines(kill)).toContain('b: FLAT, NO order found to cancel');
    const older = kill.venues.map(({ found: _found, ...rest }) => rest);
    expect(lines({ ...kill, venues: older })).toContain('a: FLAT, orders found not counted by venue');
    expect(lines({ ...kill, venues: older.slice(0, 1) })).toContain('a: FLAT, found 2 orders to cancel');
  });

  it('says what was not proven, and lets no reason break out of it', () => {
    const times = timesOf(gameDay, at, [], undefined, 0);
    const kill = {
      verdict: 'UNKNOWN' as const,
      found: 0,
      venues: [
        {
          venue: 'testnet',
          verdict: 'UNKNOWN' as const,
          orders: 0,
          positions: 0,
          reason: 'a | b\n# c <!channel>',
        },
      ],
    };
    const result = resultOf(gameDay, times, kill, { ended: 'done', why: '' }, []);
    const markdown = drillMarkdown(result, incident.id, at);
    expect(markdown).toContain('no order to cancel');
    expect(markdown).not.toMatch(/^# c/m);
    expect(drillLines(result).join('\n')).toContain('not proven');
    expect(drillListLines([{ result, at }], [{ scenario: 'kill', dueAt: at }], [])[0]).toMatch(
      /NOT passed.*next 2026-11-28/,
    );
    expect(drillListLines([], [], [{ scenario: 'paging', dueAt: at, why: 'down' }])[2]).toContain('MISSED');
  });
});
