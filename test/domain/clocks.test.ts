/** The playbook's clocks: each number just before, at and after; days of a place over DST; any order of events, restarts and jumps. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { endOfNextBusinessDay } from '../../src/domain/businessDay.ts';
import { checklistOf, clocksOf, followedUntil } from '../../src/domain/clocks.ts';
import { type Command, decide, Refusal } from '../../src/domain/decide.ts';
import { dueMail, dueNow } from '../../src/domain/due.ts';
import {
  type Actor,
  evolve,
  type Incident,
  type Severity,
  STANDDOWN,
  type StandingEvent,
} from '../../src/domain/incident.ts';
import { followedBy } from '../../src/domain/playbook.ts';
import { missingToAsk } from '../../src/domain/resume.ts';
import { RUNNING, type Trading } from '../../src/domain/trading.ts';
import { policy } from '../scenarios/desk.ts';

const { playbook } = policy();
const rules = { playbook, hours: { timezone: 'UTC', days: ['mon', 'tue', 'wed', 'thu', 'fri'] } };
const ADA: Actor = { via: 'slack', id: 'U0ADA', name: 'ada' };
const ID = 'INC-20261122-001';
const SEC = 1_000;
const MIN = 60 * SEC;
const HOUR = 60 * MIN;
/** A Friday. */
const T0 = Date.UTC(2026, 10, 20, 14, 3, 10);

const at = (when: number, event: object): StandingEvent => ({ at: when, by: ADA, ...event }) as StandingEvent;
const opened = (severity: Severity, when = T0, rest: object = {}): StandingEvent =>
  at(when, {
    type: 'IncidentOpened',
    id: ID,
    title: 't',
    severity,
    origin: 'person',
    runbook: null,
    drill: false,
    ...rest,
  });
const paged = (when = T0): StandingEvent =>
  at(when, { type: 'PageOwed', n: 1, severity: 'P1', why: 'opened' });
const POSTED = at(T0 + SEC, { type: 'Posted', what: 'headline', channel: 'C', ts: '1' });
const MAILED = at(T0 + SEC, { type: 'MailSent', what: 'mail:x:1', to: ['a@x'], refused: [] });
const fold = (...events: StandingEvent[]): Incident =>
  events.reduce<Incident | undefined>((sofar, event) => evolve(sofar, event), undefined) as Incident;
const resolvedAt = (incident: Incident, when: number, extra: object = {}): Incident =>
  decide({ type: 'ResolveIncident', by: ADA, summary: 's', ...extra }, incident, when, playbook).reduce(
    (sofar: Incident, event) => evolve(sofar, event),
    incident,
  );

const clock = (incident: Incident, id: string, now: number | null = null) =>
  clocksOf(incident, rules, now).find((one) => one.id === id);
const ids = (incident: Incident) => clocksOf(incident, rules, null).map((one) => one.id);

/** What one look does: the commands that are due, decided one after the other. */
function look(incident: Incident, now: number, trading: Trading = RUNNING, changedAt = 0): Incident {
  const commands: Command[] = dueNow(incident, rules, now);
  const mail = dueMail(incident, trading, playbook, now, changedAt);
  if (mail !== null) commands.push(mail);
  return commands.reduce(
    (sofar, command) =>
      decide(command, sofar, now, playbook).reduce((one: Incident, event) => evolve(one, event), sofar),
    incident,
  );
}
const dueTypes = (incident: Incident, now: number) => dueNow(incident, rules, now).map(({ type }) => type);

describe('each number of the playbook, just before, at, and after', () => {
  const numbers: [Severity, string, number][] = [
    ['P0', 'acknowledge', 5 * MIN],
    ['P1', 'acknowledge', 15 * MIN],
    ['P2', 'acknowledge', HOUR],
    ['P0', 'incidents-channel', 15 * MIN],
    ['P3', 'incidents-channel', 15 * MIN],
    ['P0', 'stakeholder-mail', HOUR],
    ['P1', 'stakeholder-mail', HOUR],
    ['P0', 'update', 30 * MIN],
    ['P1', 'update', 30 * MIN],
    ['P0', 'still-open', 48 * HOUR],
    ['P3', 'still-open', 48 * HOUR],
  ];
  it.each(numbers)('%s %s', (severity, id, limit) => {
    const incident = fold(opened(severity));
    expect(clock(incident, id)?.dueAt).toBe(T0 + limit);
    for (const [now, state] of [
      [T0 + limit - 1, 'running'],
      [T0 + limit, 'missed'],
      [T0 + limit + 1, 'missed'],
    ] as const)
      expect(clock(incident, id, now)?.state).toBe(state);
  });
  it('P2 and P3 tell no stakeholders and are asked for no updates', () => {
    for (const severity of ['P2', 'P3'] as const)
      expect(ids(fold(opened(severity)))).toEqual(['acknowledge', 'incidents-channel', 'still-open']);
  });
  it('an acknowledgement one millisecond before its limit is in time; at the limit it is not (“<5 min”)', () => {
    const done = (after: number) =>
      clock(fold(opened('P0'), at(T0 + after, { type: 'IncidentAcknowledged' })), 'acknowledge')?.state;
    expect([done(5 * MIN - 1), done(5 * MIN), done(5 * MIN + 1)]).toEqual(['met', 'missed', 'missed']);
  });
  it.each(['postmortem', 'root-cause', 'action-items', 'sli-data', 'recovery-check'])(
    '%s is due 48 h after the resolution',
    (id) => {
      const incident = resolvedAt(fold(opened('P1')), T0 + HOUR);
      expect(clock(incident, id)?.dueAt).toBe(T0 + 49 * HOUR);
      expect(clock(incident, id, T0 + 49 * HOUR - 1)?.state).toBe('running');
      expect(clock(incident, id, T0 + 49 * HOUR)?.state).toBe('missed');
    },
  );
  it('a gap of over 30 min owes a postmortem whatever the severity; one of 30 min does not', () => {
    const gap = (ms: number) => {
      const incident = fold(
        opened('P2'),
        at(T0, { type: 'FeedGapBegan', feed: 'f', symbol: 's', from: T0 }),
        at(T0 + ms, { type: 'FeedGapEnded', feed: 'f', symbol: 's', from: T0, to: T0 + ms }),
      );
      return resolvedAt(incident, T0 + 2 * HOUR).resolution?.owes?.map((one) => one.clock);
    };
    expect(gap(30 * MIN)).not.toContain('postmortem');
    expect(gap(30 * MIN + 1)).toContain('postmortem');
    expect(gap(30 * MIN + 1)).not.toContain('sli-data');
  });
});

describe('the end of the next business day', () => {
  const utc = (text: string) => Date.parse(text);
  const of = (timezone: string, ...days: string[]) => ({ timezone, days });
  const WEEK = ['mon', 'tue', 'wed', 'thu', 'fri'];
  it.each([
    ['in the week', '2026-11-18T09:00:00Z', 'UTC', '2026-11-20T00:00:00Z'],
    ['at midnight', '2026-11-18T00:00:00Z', 'UTC', '2026-11-20T00:00:00Z'],
    ['on a Friday: Monday', '2026-11-20T14:00:00Z', 'UTC', '2026-11-24T00:00:00Z'],
    ['on a Saturday: Monday', '2026-11-21T14:00:00Z', 'UTC', '2026-11-24T00:00:00Z'],
    ['on a Sunday: Monday', '2026-11-22T23:59:59Z', 'UTC', '2026-11-24T00:00:00Z'],
    ['where it is tomorrow already', '2026-11-18T23:30:00Z', 'Asia/Tokyo', '2026-11-20T15:00:00Z'],
    ['where it is yesterday yet', '2026-11-18T03:00:00Z', 'America/New_York', '2026-11-19T05:00:00Z'],
    ['over the spring change', '2026-03-27T12:00:00Z', 'Europe/Zurich', '2026-03-30T22:00:00Z'],
    ['over the autumn change', '2026-10-23T12:00:00Z', 'Europe/Zurich', '2026-10-26T23:00:00Z'],
  ])('%s', (_name, when, zone, due) => {
    expect(new Date(endOfNextBusinessDay(utc(when), of(zone, ...WEEK))).toISOString()).toBe(
      new Date(utc(due)).toISOString(),
    );
  });
  it('a day that lasts 23 or 25 hours ends at its own midnight', () => {
    const all = of('Europe/Zurich', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun');
    // 2026-03-29 and 2026-10-25 are the days of the change.
    expect(endOfNextBusinessDay(utc('2026-03-28T12:00:00Z'), all)).toBe(utc('2026-03-29T22:00:00Z'));
    expect(endOfNextBusinessDay(utc('2026-10-24T12:00:00Z'), all)).toBe(utc('2026-10-25T23:00:00Z'));
  });
  it('where the change skips midnight, the day ends when the next one begins', () => {
    // Chile, 2026-09-06: 00:00 does not exist, the day begins at 01:00 (04:00 UTC).
    const days = of('America/Santiago', 'sat', 'sun');
    expect(endOfNextBusinessDay(utc('2026-09-04T12:00:00Z'), days)).toBe(utc('2026-09-06T04:00:00Z'));
  });
  it('with one business day it is up to seven days away; with none every day is one', () => {
    expect(endOfNextBusinessDay(utc('2026-11-18T09:00:00Z'), of('UTC', 'wed'))).toBe(
      utc('2026-11-26T00:00:00Z'),
    );
    expect(endOfNextBusinessDay(utc('2026-11-20T14:00:00Z'), of('UTC'))).toBe(utc('2026-11-22T00:00:00Z'));
  });
  it('is always after the moment, on a day of business, and over when that day is', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: Date.UTC(2020, 0), max: Date.UTC(2030, 0) }),
        fc.constantFrom(
          'UTC',
          'Europe/Zurich',
          'America/New_York',
          'Asia/Kolkata',
          'Pacific/Apia',
          'Australia/Lord_Howe',
        ),
        fc.subarray(['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'], { minLength: 1 }),
        (when, timezone, days) => {
          const end = endOfNextBusinessDay(when, { timezone, days });
          const local = (time: number, options: Intl.DateTimeFormatOptions) =>
            new Intl.DateTimeFormat('en-CA', { timeZone: timezone, ...options }).format(time);
          expect(end).toBeGreaterThan(when);
          expect(end - when).toBeLessThanOrEqual(9 * 24 * HOUR);
          expect(days).toContain(
            local(end - 1, { weekday: 'short' })
              .toLowerCase()
              .slice(0, 3),
          );
          expect(local(end, { dateStyle: 'short' })).not.toBe(local(end - 1, { dateStyle: 'short' }));
        },
      ),
      { numRuns: 300 },
    );
  });
  it('is the clock of a P3', () => {
    expect(clock(fold(opened('P3')), 'acknowledge')?.dueAt).toBe(Date.UTC(2026, 10, 24));
  });
});

describe('what moves the clocks', () => {
  const raise = (from: Severity, to: Severity, when: number) =>
    at(when, { type: 'SeverityChanged', from, to, why: 'w' });
  it('a raise to P0 at minute 10 gives 5 min from the raise', () => {
    const incident = fold(opened('P1'), raise('P1', 'P0', T0 + 10 * MIN));
    expect(clock(incident, 'acknowledge')?.dueAt).toBe(T0 + 15 * MIN);
    expect(clock(incident, 'stakeholder-mail')?.dueAt).toBe(T0 + 70 * MIN);
  });
  it('a raise after the old limit was missed runs anew, and one that was acknowledged stays so', () => {
    const missed = look(fold(opened('P1'), paged()), T0 + 15 * MIN);
    expect(missed.clocks['acknowledge']?.state).toBe('missed');
    const raisedLate = evolve(missed, raise('P1', 'P0', T0 + 20 * MIN));
    expect(clock(raisedLate, 'acknowledge')).toMatchObject({ dueAt: T0 + 25 * MIN, state: 'running' });
    const acknowledged = fold(
      opened('P1'),
      at(T0 + MIN, { type: 'IncidentAcknowledged' }),
      raise('P1', 'P0', T0 + 20 * MIN),
    );
    expect(clock(acknowledged, 'acknowledge')?.state).toBe('met');
  });
  it('a lowered severity keeps the start and has the longer limit', () => {
    const incident = fold(opened('P0'), raise('P0', 'P1', T0 + 3 * MIN));
    expect(clock(incident, 'acknowledge')?.dueAt).toBe(T0 + 15 * MIN);
  });
  it('a reopening starts everything anew', () => {
    const again = evolve(
      look(resolvedAt(fold(opened('P1'), paged()), T0 + HOUR), T0 + HOUR),
      at(T0 + 2 * HOUR, { type: 'IncidentReopened', why: 'w' }),
    );
    expect(again.clocks).toEqual({});
    expect(clock(again, 'acknowledge')?.dueAt).toBe(T0 + 2 * HOUR + 15 * MIN);
    expect(clock(again, 'still-open')?.dueAt).toBe(T0 + 50 * HOUR);
  });
  it('an update is a message of a person, a note, or a summary by a person; not a program, nor a mail by the clock', () => {
    const after = (event: object) =>
      clock(fold(opened('P1'), at(T0 + 20 * MIN, event)), 'update')?.dueAt === T0 + 50 * MIN;
    expect(after({ type: 'MessageLogged', ts: '1', user: 'U1', text: 'x' })).toBe(true);
    expect(after({ type: 'NoteAdded', text: 'x' })).toBe(true);
    expect(after({ type: 'MailOwed', what: 'update', why: 'x' })).toBe(true);
    expect(after({ type: 'UpdateReminded', sinceMs: 1 })).toBe(true);
    expect(after({ type: 'MessageLogged', ts: '1', user: 'B1', text: 'x', fromBot: true })).toBe(false);
    expect(after({ type: 'MailOwed', what: 'changed', why: 'x' })).toBe(false);
    expect(after({ type: 'IncidentAcknowledged' })).toBe(false);
  });
  it('a P0 that was lowered owes its postmortem all the same; a guess that was corrected does not', () => {
    const owes = (incident: Incident) =>
      resolvedAt(incident, T0 + HOUR).resolution?.owes?.some((one) => one.clock === 'postmortem');
    expect(owes(fold(opened('P0'), raise('P0', 'P3', T0 + MIN)))).toBe(true);
    expect(owes(fold(opened('P1', T0, { severityNote: 'a guess' }), raise('P1', 'P3', T0 + MIN)))).toBe(
      false,
    );
    expect(owes(fold(opened('P1', T0, { severityNote: 'a guess' })))).toBe(true);
  });
});

describe('a look at the clock', () => {
  it('pages once for a missed acknowledgement, and again as long after that page, never twice in one look', () => {
    let incident = fold(opened('P1'), paged(), POSTED);
    const pagesAt = (minute: number) => {
      incident = look(look(incident, T0 + minute * MIN), T0 + minute * MIN);
      return incident.pages.length;
    };
    expect([14, 15, 16, 29, 30, 31, 45].map(pagesAt)).toEqual([1, 2, 2, 2, 3, 3, 4]);
    expect(incident.pages.map(({ why }) => why)).toEqual([
      'opened',
      'missed: acknowledge',
      'not acknowledged within 15 min',
      'not acknowledged within 15 min',
    ]);
  });
  it('does not page when somebody acknowledged the page at PagerDuty', () => {
    const there = { via: 'pagerduty' as const, id: 'PADA', name: 'Ada' };
    const heard = decide(
      { type: 'HearPager', by: there, id: 'e', n: 1, what: 'acknowledged', person: true, to: ['Ada'] },
      fold(opened('P1'), paged(), POSTED, MAILED),
      T0 + MIN,
      playbook,
    );
    const incident = fold(opened('P1'), paged(), POSTED, MAILED, ...heard);
    expect(look(incident, T0 + HOUR).pages).toHaveLength(1);
  });
  it('an acknowledgement of before a reopening is none of it, also while its page is still open at PagerDuty', () => {
    const ack = at(T0 + MIN, { type: 'IncidentAcknowledged' });
    const seen = at(T0 + MIN, { type: 'PageAssigned', n: 1, to: ['Ada'], url: 'u', acknowledgedBy: 'ada' });
    const over = resolvedAt(fold(opened('P1'), paged(), POSTED, MAILED, ack, seen), T0 + 2 * MIN);
    const again = evolve(over, at(T0 + 3 * MIN, { type: 'IncidentReopened', why: 'w' }));
    expect(clock(again, 'acknowledge')?.doneAt).toBeNull();
    expect(look(again, T0 + 18 * MIN).clocks['acknowledge']?.state).toBe('missed');
  });
  it('who acknowledges a later page moves nothing that is on record as done', () => {
    const incident = look(
      fold(opened('P1'), paged(), at(T0 + MIN, { type: 'IncidentAcknowledged' })),
      T0 + MIN,
    );
    const later = [
      at(T0 + HOUR, { type: 'PageOwed', n: 2, severity: 'P1', why: 'asked for' }),
      at(T0 + HOUR + MIN, { type: 'IncidentAcknowledged' }),
    ].reduce(evolve, incident);
    expect(clock(later, 'acknowledge')).toMatchObject({ state: 'met', doneAt: T0 + MIN });
  });
  it('pages every 5 min while a kill is not proven, acknowledged or not', () => {
    const kill = [
      at(T0, { type: 'KillAsked', kill: 'K', reason: 'r', venues: ['v'] }),
      at(T0, { type: 'KillJudged', kill: 'K', verdict: 'UNKNOWN', timings: {} }),
      at(T0 + SEC, { type: 'IncidentAcknowledged' }),
    ];
    const incident = fold(opened('P0'), paged(), ...kill);
    expect(dueTypes(incident, T0 + 5 * MIN - 1)).not.toContain('PageAgain');
    expect(dueTypes(incident, T0 + 5 * MIN)).toContain('PageAgain');
  });
  it('a missed acknowledgement and a kill that is not proven at one moment are one page', () => {
    const kill = [
      at(T0, { type: 'KillAsked', kill: 'K', reason: 'r', venues: ['v'] }),
      at(T0, { type: 'KillJudged', kill: 'K', verdict: 'UNKNOWN', timings: {} }),
    ];
    const incident = fold(opened('P0'), paged(), ...kill);
    expect(look(incident, T0 + 5 * MIN).pages).toHaveLength(2);
  });
  it('P3 is not paged, and its miss is on record', () => {
    const incident = look(fold(opened('P3')), Date.UTC(2026, 10, 24));
    expect(incident.clocks['acknowledge']?.state).toBe('missed');
    expect(incident.pages).toEqual([]);
  });
  it('what is missed together after the resolution is one page, with a warning', () => {
    const incident = look(
      look(resolvedAt(fold(opened('P0'), paged(), POSTED, MAILED), T0 + HOUR), T0 + HOUR),
      T0 + 49 * HOUR,
    );
    const pages = incident.pages.filter((page) => page.afterwards === true);
    expect(pages).toMatchObject([{ severity: 'P2', n: 2 }]);
    expect(pages[0]?.clocks).toContain('postmortem');
    expect(pages[0]?.clocks).toContain('sli-data');
  });
  it('reminds of an update every 30 min, and once', () => {
    let incident = fold(opened('P1'), at(T0, { type: 'IncidentAcknowledged' }));
    const reminders = (minute: number) => {
      const types = dueTypes(incident, T0 + minute * MIN);
      incident = look(incident, T0 + minute * MIN);
      return types.filter((type) => type === 'RemindUpdate').length;
    };
    expect([29, 30, 31, 59, 60, 61].map(reminders)).toEqual([0, 1, 0, 0, 1, 0]);
  });
  it('a resolution answers the clocks of the open incident; what it leaves owed is followed until it is on record', () => {
    let incident = resolvedAt(fold(opened('P1'), paged()), T0 + 2 * MIN);
    expect(followedUntil(incident)).toBe(T0 + 2 * MIN);
    incident = look(incident, T0 + 3 * MIN);
    expect(incident.clocks['acknowledge']?.state).toBe('met');
    expect(followedUntil(incident)).toBe(T0 + 15 * MIN);
    incident = look(incident, T0 + 49 * HOUR);
    // What is left of it are the reminders of its postmortem, one a day.
    expect(followedUntil(incident)).toBe(T0 + 2 * MIN + 72 * HOUR);
    const reviewed = [
      at(T0 + 50 * HOUR, { type: 'RootCauseNamed', category: 'data' }),
      at(T0 + 50 * HOUR, { type: 'PostmortemDrafted', id: 'PM_1', file: 'f' }),
      at(T0 + 50 * HOUR, { type: 'PostmortemReviewed', id: 'PM_1' }),
    ].reduce(evolve, incident);
    expect(followedUntil(reviewed)).toBeNull();
    expect(look(reviewed, T0 + 1_000 * HOUR)).toBe(reviewed);
  });
});

describe('the mails that are due', () => {
  const mailed = (when: number, told: string) =>
    at(when, { type: 'MailSent', what: 'mail:opened:1', to: ['a@x'], refused: [], told });
  const why = (incident: Incident, now: number, trading: Trading = RUNNING, changedAt = T0) => {
    const command = dueMail(incident, trading, playbook, now, changedAt);
    return command?.type === 'OweMail' ? command.what : null;
  };
  const killed: Trading = {
    ...RUNNING,
    latch: { kill: 'K', incident: ID, by: ADA, reason: 'r', at: T0 },
  };

  it('P1 at 45 min, unless a responder did before; P0 needs none of the clock: it went at once', () => {
    const p1 = fold(opened('P1'));
    expect([why(p1, T0 + 45 * MIN - 1), why(p1, T0 + 45 * MIN)]).toEqual([null, 'opened']);
    expect(
      why(fold(opened('P1'), at(T0 + MIN, { type: 'MailOwed', what: 'update', why: 'w' })), T0 + 50 * MIN),
    ).toBeNull();
    expect(why(fold(opened('P0')), T0 + 50 * MIN)).toBeNull();
    expect(why(fold(opened('P2')), T0 + 50 * HOUR)).toBeNull();
  });
  it('is owed once', () => {
    const once = look(fold(opened('P1')), T0 + 45 * MIN);
    expect(why(once, T0 + 45 * MIN)).toBeNull();
    expect(look(once, T0 + 45 * MIN).version).toBe(once.version);
  });
  it('about a change: after it settled, and not sooner than 10 min after another mail', () => {
    const told = fold(opened('P0'), mailed(T0, 'P0, running'));
    expect(why(told, T0 + 20 * MIN)).toBeNull();
    const change = T0 + 20 * MIN;
    expect([59, 60].map((sec) => why(told, change + sec * SEC, killed, change))).toEqual([null, 'changed']);
    const early = T0 + 2 * MIN;
    expect([9, 10].map((min) => why(told, T0 + min * MIN, killed, early))).toEqual([null, 'changed']);
  });
  it('none for a change that was taken back, and none before the first mail', () => {
    const told = fold(opened('P0'), mailed(T0, 'P0, running'));
    expect(why(told, T0 + HOUR, RUNNING, T0 + 30 * MIN)).toBeNull();
    expect(why(fold(opened('P1')), T0 + 20 * MIN, killed)).toBeNull();
  });
  it('who was told of a P1 is told that it was lowered, and hears no more of it', () => {
    const lowered = fold(
      opened('P1'),
      mailed(T0, 'P1, running'),
      at(T0 + MIN, { type: 'SeverityChanged', from: 'P1', to: 'P2', why: 'w' }),
    );
    expect(why(lowered, T0 + HOUR)).toBe('changed');
    expect(why(evolve(lowered, mailed(T0 + HOUR, 'P2, running')), T0 + 3 * HOUR, killed)).toBeNull();
  });
  it('none where mail is off', () => {
    const off = followedBy(playbook, { recoveryCheck: true, mail: false });
    expect(dueMail(fold(opened('P1')), RUNNING, off, T0 + 50 * MIN, T0)).toBeNull();
    const here = { ...rules, playbook: off };
    expect(clocksOf(fold(opened('P1')), here, null).some(({ id }) => id === 'stakeholder-mail')).toBe(false);
  });
});

describe('the checklist after a P0 or P1', () => {
  const supply: [string, object][] = [
    ['root-cause', { type: 'RootCauseNamed', category: 'data' }],
    ['action-items', { type: 'ActionItemAdded', id: 'A1', text: 'x' }],
    ['action-items', { type: 'ChecklistMarked', item: 'action-items', text: 'none: a typo' }],
    ['sli-data', { type: 'ChecklistMarked', item: 'sli-data' }],
    [
      'recovery-check',
      { type: 'RecoveryChecked', passed: true, exitCode: 0, reason: 'r', output: '', ms: 1 },
    ],
  ];
  it('is on every P0 and P1, latched or not, and on no other', () => {
    for (const severity of ['P0', 'P1'] as const)
      expect(checklistOf(resolvedAt(fold(opened(severity)), T0), playbook).map(({ id }) => id)).toEqual(
        playbook.checklist.map(({ id }) => id),
      );
    for (const severity of ['P2', 'P3'] as const)
      expect(checklistOf(resolvedAt(fold(opened(severity)), T0), playbook)).toEqual([]);
  });
  it.each(supply)('%s follows from the log', (item, event) => {
    const incident = evolve(resolvedAt(fold(opened('P1')), T0), at(T0 + HOUR, event));
    expect(incident.checklist[item]).toMatchObject({ by: ADA, at: T0 + HOUR });
    expect(clock(incident, item)?.state).toBe('met');
  });
  it('a category given with the resolution counts; a recovery check of before it, or one that fails, does not', () => {
    const passed = at(T0, {
      type: 'RecoveryChecked',
      passed: true,
      exitCode: 0,
      reason: '',
      output: '',
      ms: 1,
    });
    const incident = resolvedAt(fold(opened('P1'), passed), T0, { category: 'system' });
    expect(Object.keys(incident.checklist)).toEqual(['root-cause']);
    // Begun a millisecond before the resolution.
    expect(evolve(incident, passed).checklist['recovery-check']).toBeUndefined();
    const later = evolve(incident, { ...passed, at: T0 + SEC });
    expect(later.checklist['recovery-check']).toBeDefined();
    const failed = at(T0, {
      type: 'RecoveryChecked',
      passed: false,
      exitCode: 1,
      reason: '',
      output: '',
      ms: 1,
    });
    expect(evolve(later, failed).checklist['recovery-check']).toBeUndefined();
  });
  it('a postmortem is there when it is in review; a new draft begins anew', () => {
    const drafted = at(T0, { type: 'PostmortemDrafted', id: 'PM_1', file: 'f' });
    const reviewed = at(T0, { type: 'PostmortemReviewed', id: 'PM_1' });
    const incident = [drafted, reviewed].reduce(
      evolve,
      resolvedAt(fold(opened('P1')), T0, { category: 'data' }) as Incident | undefined,
    );
    expect(incident?.checklist['postmortem']).toBeDefined();
    expect(evolve(incident, drafted).checklist['postmortem']).toBeUndefined();
  });
  it('a reopening empties it', () => {
    const incident = resolvedAt(fold(opened('P1')), T0, { category: 'system' });
    expect(evolve(incident, at(T0, { type: 'IncidentReopened', why: 'w' })).checklist).toEqual({});
  });
  it('people supply only what no other record proves, once, and say why there is no action item', () => {
    const incident = resolvedAt(fold(opened('P1')), T0);
    const code = (item: string, text?: string, on = incident) => {
      try {
        const command: Command = {
          type: 'MarkChecklist',
          by: ADA,
          item,
          ...(text === undefined ? {} : { text }),
        };
        return decide(command, on, T0, playbook).map(({ type }) => type);
      } catch (error) {
        return error instanceof Refusal ? error.code : String(error);
      }
    };
    expect(code('sli-data')).toEqual(['ChecklistMarked']);
    expect(code('action-items', 'none: a typo')).toEqual(['ChecklistMarked']);
    expect(code('action-items', ' ')).toBe('reason_missing');
    for (const item of ['postmortem', 'root-cause', 'recovery-check', 'nonsense', '__proto__'])
      expect(code(item)).toBe('no_such_item');
    expect(code('sli-data', undefined, fold(opened('P1')))).toBe('not_resolved');
    const done = evolve(incident, at(T0, { type: 'ChecklistMarked', item: 'sli-data' }));
    expect(code('sli-data', undefined, done)).toBe('already_marked');
  });
  it('the gate of the latch asks for the same list', () => {
    const latch = { kill: null, incident: ID, by: ADA, reason: 'r', at: T0 };
    const gate = (of: typeof playbook) => ({
      approvals: 2,
      recoveryCheck: true,
      checklist: of.checklist.map(({ id }) => id),
    });
    const incident = resolvedAt(fold(opened('P0')), T0);
    expect(missingToAsk(incident, latch, gate(playbook))).toHaveLength(playbook.checklist.length);
    const off = followedBy(playbook, { recoveryCheck: false, mail: true });
    expect(missingToAsk(incident, latch, gate(off))).toHaveLength(playbook.checklist.length - 1);
    const all = supply
      .map(([, event]) => at(T0 + SEC, event))
      .reduce(evolve, incident as Incident | undefined);
    expect(missingToAsk(all as Incident, latch, gate(playbook)).map(({ what }) => what)).toEqual([
      'no postmortem draft yet',
    ]);
  });
});

describe('whatever happens, each clock is on record once for a due time', () => {
  /** A step of a story: something happens, or time goes on, or the wall clock jumps; after each comes a look. */
  const step = fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({ kind: fc.constant('wait' as const), min: fc.integer({ min: 0, max: 90 }) }),
    },
    {
      weight: 1,
      arbitrary: fc.record({ kind: fc.constant('wait' as const), min: fc.integer({ min: 0, max: 6_000 }) }),
    },
    // NTP, a machine that slept: an hour back, a day on.
    {
      weight: 1,
      arbitrary: fc.record({ kind: fc.constant('jump' as const), min: fc.integer({ min: -60, max: 1_440 }) }),
    },
    {
      weight: 5,
      arbitrary: fc.record({
        kind: fc.constant('say' as const),
        what: fc.constantFrom<Command>(
          { type: 'AcknowledgeIncident', by: ADA },
          { type: 'ChangeSeverity', by: ADA, to: 'P0', why: 'w' },
          { type: 'ChangeSeverity', by: ADA, to: 'P1', why: 'w' },
          { type: 'ChangeSeverity', by: ADA, to: 'P2', why: 'w' },
          { type: 'ChangeSeverity', by: ADA, to: 'P3', why: 'w' },
          { type: 'ResolveIncident', by: ADA, summary: 's', category: 'data' },
          { type: 'ReopenIncident', by: ADA, why: 'w' },
          { type: 'AddNote', by: ADA, text: 'n' },
          { type: 'MarkChecklist', by: ADA, item: 'sli-data' },
          { type: 'AddActionItem', by: ADA, text: 'x' },
          { type: 'OweMail', by: ADA, what: 'update', why: 'w' },
          { type: 'Note', by: STANDDOWN, event: { type: 'Posted', what: 'headline', channel: 'C', ts: '1' } },
          {
            type: 'Note',
            by: STANDDOWN,
            event: { type: 'MailSent', what: 'mail:x:1', to: ['a@x'], refused: [], told: 'P1, running' },
          },
        ),
      }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('restart' as const) }) },
  );

  it('in any order of events, over restarts and jumps of the clock', () => {
    fc.assert(
      fc.property(
        fc.constantFrom<Severity>('P0', 'P1', 'P2', 'P3'),
        fc.array(step, { maxLength: 40 }),
        (severity, steps) => {
          const log: StandingEvent[] = [opened(severity), paged()];
          let incident = fold(...log);
          let now = T0;
          const run = (command: Command) => {
            try {
              for (const event of decide(command, incident, now, playbook)) {
                log.push(event);
                incident = evolve(incident, event);
              }
            } catch (error) {
              if (!(error instanceof Refusal)) throw error;
            }
          };
          const commands = () => {
            const mail = dueMail(incident, RUNNING, playbook, now, T0);
            return [...dueNow(incident, rules, now), ...(mail === null ? [] : [mail])];
          };
          for (const one of steps) {
            if (one.kind === 'say') run(one.what);
            else if (one.kind === 'restart') incident = fold(...log);
            else now += one.min * MIN;
            const due = commands();
            // The same look twice, as two ticks at one moment would: the second finds it on record.
            for (const command of [...due, ...due]) run(command);
            expect(commands()).toEqual([]);
          }
          expect(fold(...log)).toEqual(incident);

          // Between two reopenings and raises a clock's due time is recorded once, and one reminder or page is one.
          let seen = new Set<string>();
          let pages = 0;
          for (const event of log) {
            if (event.type === 'IncidentReopened') seen = new Set();
            if (event.type === 'SeverityChanged' && event.to < event.from)
              for (const clock of ['acknowledge', 'stakeholder-mail'])
                for (const key of seen) if (key.startsWith(clock)) seen.delete(key);
            if (event.type === 'ClockMet' || event.type === 'ClockMissed') {
              const key = `${event.clock} ${event.dueAt}`;
              expect(seen.has(key), key).toBe(false);
              seen.add(key);
              // What was in time is never called missed, nor the other way round.
              if (event.doneAt !== undefined)
                expect(event.type).toBe(event.doneAt < event.dueAt ? 'ClockMet' : 'ClockMissed');
            }
            if (event.type === 'PageOwed') {
              pages += 1;
              expect(event.n, 'page numbers grow by one').toBe(pages);
            }
          }
        },
      ),
      { numRuns: 2_000 },
    );
  });

  it('a restart at any moment finds at once what came due meanwhile, and the same as a look in time would', () => {
    fc.assert(
      fc.property(
        fc.constantFrom<Severity>('P0', 'P1', 'P2', 'P3'),
        fc.integer({ min: 0, max: 200 }),
        (severity, hours) => {
          const start = fold(opened(severity), paged());
          const late = look(start, T0 + hours * HOUR);
          let intime = start;
          for (let minute = 0; minute <= hours * 60; minute += 5) intime = look(intime, T0 + minute * MIN);
          const states = (of: Incident) =>
            Object.values(of.clocks).map((one) => `${one.clock} ${one.state} ${one.dueAt}`);
          expect(states(late).toSorted()).toEqual(states(intime).toSorted());
        },
      ),
      { numRuns: 60 },
    );
  });
});
