/** What people read about pages: the headline, the next ways, the notes at PagerDuty, who is on call. */

import { describe, expect, it } from 'vitest';
import type { IncidentClock } from '../../src/domain/clocks.ts';
import { evolve, type Incident, type StandingEvent } from '../../src/domain/incident.ts';
import { isNoteOfOurs } from '../../src/domain/paging.ts';
import { RUNNING } from '../../src/domain/trading.ts';
import { problemsOfMessage } from '../../src/rehearsal/slack/blocks.ts';
import { headline } from '../../src/render/headline.ts';
import { notice } from '../../src/render/notice.ts';
import { onCallText } from '../../src/render/onCall.ts';
import { pageText } from '../../src/render/page.ts';
import { pagerNote } from '../../src/render/pagerNote.ts';
import { summonMail, summonMessage } from '../../src/render/summon.ts';
import { policy } from '../scenarios/desk.ts';

const { playbook } = policy();
const ID = 'INC-20261122-001';
const T0 = Date.parse('2026-11-22T14:00:00Z');
const HOSTILE = '<!channel> <@U0ADA> <http://evil.example|runbook> *b* `c` &lt; \u202e =HYPERLINK("x")';
const by = { via: 'slack', id: 'U0ADA', name: 'ada <!here>' } as const;
const THERE = { via: 'pagerduty', id: 'PADA001', name: 'Ada *x*', slack: 'U0ADA' } as const;

const at = (ms: number, event: object): StandingEvent => ({ at: T0 + ms, by, ...event }) as StandingEvent;
const fold = (...events: StandingEvent[]): Incident =>
  [
    at(0, {
      type: 'IncidentOpened',
      id: ID,
      title: HOSTILE,
      severity: 'P1',
      origin: 'person',
      runbook: null,
      drill: true,
    }),
    at(0, { type: 'PageOwed', n: 1, severity: 'P1', why: 'opened' }),
    ...events,
  ].reduce<Incident | undefined>((sofar, event) => evolve(sofar, event), undefined) as Incident;

const shown = (message: { text: string; blocks: object[] } | null): string => {
  expect(problemsOfMessage(message?.blocks as never)).toEqual([]);
  return JSON.stringify(message);
};
const headlineOf = (incident: Incident, clocks: IncidentClock[] = []) =>
  shown(
    headline(
      incident,
      RUNNING,
      playbook,
      { venues: ['v'], protectiveOrders: 'cancel', backups: [], restartOrderManager: null },
      { clocks, now: T0, mail: false, unwritten: null },
    ),
  );
const queued = at(1_000, { type: 'PageQueued', n: 1, dedupKey: `${ID}/1` });
const refused = at(2_000, { type: 'PageFailed', n: 1, reason: 'PagerDuty answered 400', gaveUp: true });

const TOLD = { history: [], playbook, mentions: { approvers: '', responders: '' } };

describe('the line on the phone', () => {
  const line = (incident: Incident, n: number) =>
    pageText(incident, n, null, RUNNING, playbook)?.summary ?? '';

  it('of a first page is the incident; a later one says what it is about', () => {
    const again = at(900_000, { type: 'PageOwed', n: 2, severity: 'P1', why: 'missed: acknowledge' });
    expect(line(fold(again), 1)).toMatch(/^DRILL · P1 <!channel>/);
    expect(line(fold(again), 2)).toMatch(/^DRILL · P1 page 2, missed: acknowledge: /);
  });

  it('after the resolution says that it is over, and what is owed', () => {
    const late = { type: 'PageOwed', n: 2, severity: 'P2', why: 'missed: postmortem in review' };
    const incident = fold(at(1_000, { type: 'IncidentResolved', how: 'person' }), at(9_000_000, late));
    expect(line(incident, 2)).toMatch(/^DRILL · P2 \[resolved\] page 2, missed: postmortem in review: /);
  });
});

describe('the headline', () => {
  it('does not say that somebody acknowledged in time where it cleared by itself', () => {
    const met = {
      id: 'acknowledge',
      title: 'acknowledge',
      dueAt: T0 + 900_000,
      state: 'met',
      doneAt: T0,
      recorded: true,
    } as const;
    const over = at(5_000, { type: 'IncidentResolved', how: 'alertsCleared' });
    expect(headlineOf(fold(over), [met])).not.toContain('in time');
    expect(headlineOf(fold(at(1_000, { type: 'IncidentAcknowledged' }), over), [met])).toContain(
      'in time: acknowledge',
    );
  });

  it('says queued, and nothing more, of a 202', () => {
    const text = headlineOf(fold(queued));
    expect(text).toContain('Page queued, nobody yet: PagerDuty took it at 14:00:01');
    expect(text).not.toMatch(/Paged /);
  });

  it('is red at the top when a page failed for good, until somebody takes the incident', () => {
    expect(headlineOf(fold(refused))).toContain('DRILL · 🟥 NOBODY WAS PAGED · 🟠 P1');
    expect(headlineOf(fold(refused, at(3_000, { type: 'IncidentAcknowledged' })))).not.toContain('🟥');
    const again = fold(refused, at(3_000, { type: 'PageOwed', n: 2, severity: 'P1', why: 'again' }));
    expect(headlineOf(again)).not.toContain('🟥');
  });

  it('says what became of each of the next ways', () => {
    const owed = [
      at(3_000, { type: 'SummonOwed', n: 1, way: 'mention', why: 'w' }),
      at(3_000, { type: 'SummonOwed', n: 1, way: 'mail', why: 'w' }),
    ];
    expect(headlineOf(fold(refused, ...owed))).toContain('On-call is asked by mention since 14:00:03');
    const tried = headlineOf(
      fold(
        refused,
        ...owed,
        at(4_000, { type: 'SummonSent', n: 1, way: 'mail', to: ['a@x.example'] }),
        at(4_000, {
          type: 'SummonFailed',
          n: 1,
          way: 'mention',
          reason: 'Slack answered 500',
          gaveUp: false,
        }),
      ),
    );
    expect(tried).toContain('Mailed to 1 address at 14:00:04');
    expect(tried).toContain('The mention to on-call is not out yet (Slack answered 500): trying again');
    // An address is on the timeline, and not in the channel.
    expect(tried).not.toContain('a@x.example');
  });
});

describe('the message that asks for somebody', () => {
  const who = { users: ['U0ADA', '!channel', 'U1><!here'], groups: ['S0DESK', 'here'] };

  it('mentions the ids that it was given, when they are ids, and nothing that the incident says', () => {
    const text = shown(summonMessage(fold(refused), 1, who, []));
    expect(text).toContain('<@U0ADA> <!subteam^S0DESK>');
    expect(text.match(/<[@!]/g)).toHaveLength(4);
    expect(text).toContain('PagerDuty refused the page for good (PagerDuty answered 400): nobody was paged.');
    expect(text).toContain('Acknowledge');
  });

  it('says no more than is known', () => {
    const text = shown(summonMessage(fold(queued), 1, who, []));
    expect(text).toContain('PagerDuty took the page at 14:00:01 UTC and does not say that anybody has it');
  });

  it('names the others that wait for the same, and counts what is too much', () => {
    const others = Array.from({ length: 12 }, (_one, n) => ({ ...fold(), id: `INC-20261122-${n + 100}` }));
    const text = shown(summonMessage(fold(refused), 1, who, others));
    expect(text).toContain('(INC-20261122-109)');
    expect(text).not.toContain('(INC-20261122-110)');
    expect(text).toContain('and 2 more');
    expect(summonMail(fold(refused), 1, others).text).toContain('and 2 more');
  });

  it('by mail: nothing in it is HTML, and its subject is one line', () => {
    const mail = summonMail(fold(refused), 1, []);
    expect(mail.subject).toMatch(/^DRILL · P1 .*: somebody is needed \(INC-20261122-001\)$/);
    expect(mail.html).not.toMatch(/<(?!\/?p>|br>)/);
    expect(mail.text).toContain('PagerDuty refused the page for good');
  });
});

describe('what PagerDuty said, in the thread', () => {
  it.each([
    'acknowledged',
    'unacknowledged',
    'resolved',
    'escalated',
    'reassigned',
    'delegated',
    'reopened',
    'annotated',
  ] as const)('%s: with who, whose it is now, and no markup of theirs', (what) => {
    const event = {
      ...at(5_000, { type: 'PagerSaid', id: 'e', n: 1, what, person: true, to: [HOSTILE], text: HOSTILE }),
      by: THERE,
    };
    const text = shown(notice(fold(queued), event, TOLD));
    expect(text).toContain('on PagerDuty');
    if (what !== 'unacknowledged') expect(text).toContain('(<@U0ADA>)');
    expect(text.replaceAll('(<@U0ADA>)', '')).not.toMatch(/<[!@h]/);
  });

  it('a resolution is said to be noted, and not obeyed', () => {
    const event = {
      ...at(5_000, { type: 'PagerSaid', id: 'e', n: 1, what: 'resolved', person: true, to: [] }),
      by: THERE,
    };
    expect(shown(notice(fold(queued), event, TOLD))).toContain('noted, not obeyed');
  });
});

describe('a note at PagerDuty', () => {
  it.each([
    [{ type: 'NoteAdded', text: 'restarted\nit' }, 'Note by ada <!here>: restarted it'],
    [
      { type: 'CommanderAssigned', who: { ...by, name: 'Grace' }, handover: 'see thread' },
      'Grace commands: see thread',
    ],
    [{ type: 'IncidentMitigated', text: 'feed is back' }, 'Mitigated, says ada <!here>: feed is back'],
    [{ type: 'KillJudged', kill: 'K', verdict: 'UNKNOWN', timings: {} }, 'Kill verdict UNKNOWN'],
  ])('is one of %o', (event, words) => {
    const text = pagerNote(fold(), at(5_000, event), 7);
    expect(text).toBe(`[${ID} #7] DRILL · 14:00:05 UTC ${words}`);
    expect(isNoteOfOurs(text ?? '')).toBe(true);
  });

  it('is none of anything else', () => {
    expect(pagerNote(fold(), queued, 3)).toBeNull();
  });
});

describe('who is on call', () => {
  const person = {
    id: 'P',
    name: HOSTILE,
    email: null,
    level: 1,
    schedule: 'Desk',
    until: T0,
    next: 'Grace',
    contacts: [
      { kind: 'phone' as const, label: 'Work', address: '+1 2025550142' },
      { kind: 'push' as const, label: 'Phone of Ada', address: null },
    ],
  };

  it('by level, until when, then who, and how', () => {
    const text = onCallText({ state: 'known', people: [person], ageMs: 0 });
    expect(text).toContain('· Desk · until 2026-11-22 14:00:00 UTC, then Grace');
    expect(text).toContain('phone `+1 2025550142` · push (Phone of Ada)');
    expect(text).not.toContain('<!channel>');
    expect(text).not.toContain('ago');
  });

  it('what is not known, or not good, is said', () => {
    expect(onCallText({ state: 'known', people: [person], ageMs: 180_000 })).toContain('read 3 min ago');
    expect(onCallText({ state: 'known', people: [], ageMs: 0 })).toContain('Nobody is on call');
    expect(onCallText({ state: 'known', people: [{ ...person, contacts: null }], ageMs: 0 })).toContain(
      'could not be read',
    );
    expect(onCallText({ state: 'known', people: [{ ...person, contacts: [] }], ageMs: 0 })).toContain(
      'cannot reach them',
    );
    expect(onCallText({ state: 'unavailable', reason: HOSTILE, ageMs: 0 })).toContain('*unknown*');
  });
});
