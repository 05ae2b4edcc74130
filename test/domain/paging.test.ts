/** When the next ways to on-call are due, and what PagerDuty's words mean. All of it follows from the log alone. */

import { describe, expect, it } from 'vitest';
import { type Command, decide, Refusal } from '../../src/domain/decide.ts';
import {
  type Actor,
  evolve,
  type Incident,
  PAGER_WORDS,
  type PagerSaid,
  type StandingEvent,
} from '../../src/domain/incident.ts';
import {
  CONFIRM_WITHIN_MS,
  DOWN_AFTER_MS,
  dueSummons,
  isNoteOfOurs,
  noteTag,
} from '../../src/domain/paging.ts';
import { react } from '../../src/domain/react.ts';
import { policy } from '../scenarios/desk.ts';

const { playbook } = policy();
const ID = 'INC-20261122-001';
const T0 = Date.parse('2026-11-22T14:00:00Z');
const ADA: Actor = { via: 'slack', id: 'U0ADA', name: 'ada' };
const THERE: Actor = { via: 'pagerduty', id: 'PADA001', name: 'Ada' };
const SERVICE: Actor = { via: 'pagerduty', id: 'PSERVICE', name: 'Trading desk' };

const at = (ms: number, event: object, by: Actor = ADA): StandingEvent =>
  ({ at: T0 + ms, by, ...event }) as StandingEvent;
const opened = (severity = 'P1') =>
  at(0, {
    type: 'IncidentOpened',
    id: ID,
    title: 't',
    severity,
    origin: 'person',
    runbook: null,
    drill: false,
  });
const owed = (severity = 'P1', n = 1, ms = 0) => at(ms, { type: 'PageOwed', n, severity, why: 'opened' });
const queued = (ms = 1_000, n = 1) => at(ms, { type: 'PageQueued', n, dedupKey: `${ID}/${n}` });
const failed = (ms: number, gaveUp: boolean) =>
  at(ms, { type: 'PageFailed', n: 1, reason: 'PagerDuty answered 500', gaveUp });
const fold = (...events: StandingEvent[]): Incident =>
  events.reduce<Incident | undefined>((sofar, event) => evolve(sofar, event), undefined) as Incident;

const then = (incident: Incident, ...events: StandingEvent[]): Incident =>
  events.reduce<Incident>((sofar, event) => evolve(sofar, event), incident);

const hears = (
  incident: Incident,
  what: PagerSaid['what'],
  more: Partial<Omit<PagerSaid, 'type'>> & { by?: Actor } = {},
) => {
  const { by = THERE, ...rest } = more;
  const command: Command = { type: 'HearPager', id: 'e1', n: 1, what, person: true, to: [], by, ...rest };
  const events = decide(command, incident, T0 + 5_000, playbook);
  return {
    events,
    types: events.map(({ type }) => type),
    after: then(incident, ...events),
  };
};

const kinds = (event: StandingEvent, incident: Incident): string[] =>
  react(event, incident).map(({ work }) => work.kind);

describe('a page that is owed after somebody acknowledged', () => {
  const before = () => fold(opened(), owed(), queued(), at(2_000, { type: 'IncidentAcknowledged' }));
  const again = () => then(before(), owed('P0', 2, 3_000));

  it('rings: it is not acknowledged for whoever acknowledged the one before it', () => {
    const incident = then(again(), queued(4_000, 2));
    expect(kinds(queued(4_000, 2), incident)).not.toContain('pageAcknowledge');
    // One that was owed before the acknowledgement and left after it is told of it.
    const late = then(fold(opened(), owed(), at(2_000, { type: 'IncidentAcknowledged' })), queued(4_000, 1));
    expect(kinds(queued(4_000, 1), late)).toContain('pageAcknowledge');
  });

  it('is asked for by the other ways when nobody is known to have it', () => {
    expect(dueSummons(before())).toBeNull();
    expect(dueSummons(again())).toMatchObject({ n: 2, at: T0 + 3_000 + CONFIRM_WITHIN_MS.P0 });
  });

  it('can be acknowledged here, which is told to PagerDuty, and then is over', () => {
    const events = decide({ type: 'AcknowledgeIncident', by: THERE }, again(), T0 + 5_000, playbook);
    const after = then(again(), ...events);
    expect(after.acknowledged?.by).toEqual(THERE);
    expect(
      react(events[0] as StandingEvent, after).flatMap(({ work }) => ('n' in work ? [work.n] : [])),
    ).toContain(2);
    expect(dueSummons(after)).toBeNull();
    expect(() => decide({ type: 'AcknowledgeIncident', by: ADA }, after, T0 + 6_000, playbook)).toThrow(
      Refusal,
    );
    expect(() => decide({ type: 'AcknowledgeIncident', by: ADA }, before(), T0 + 6_000, playbook)).toThrow(
      Refusal,
    );
  });

  it('acknowledged there, nobody is asked any more', () => {
    const { types, after } = hears(again(), 'acknowledged', { n: 2 });
    expect(types).toEqual(['PagerSaid', 'IncidentAcknowledged']);
    expect(dueSummons(after)).toBeNull();
  });
});

describe('the next ways are due', () => {
  it.each(['P0', 'P1', 'P2'] as const)('for a %s page that PagerDuty took, after its time', (severity) => {
    const incident = fold(opened(severity), owed(severity), queued());
    expect(dueSummons(incident)).toMatchObject({ at: T0 + CONFIRM_WITHIN_MS[severity], n: 1 });
  });

  it('60 s for P0, 3 min for P1', () => {
    expect(CONFIRM_WITHIN_MS).toMatchObject({ P0: 60_000, P1: 180_000 });
  });

  it('at once when it failed for good', () => {
    const incident = fold(opened(), owed(), failed(2_000, true));
    expect(dueSummons(incident)).toEqual({ at: T0 + 2_000, n: 1, why: 'PagerDuty refused the page' });
  });

  it('soon after the first failure while PagerDuty is down, however often it fails after that', () => {
    const incident = fold(opened(), owed(), failed(5_000, false), failed(40_000, false));
    expect(dueSummons(incident)?.at).toBe(T0 + 5_000 + DOWN_AFTER_MS);
  });

  it('never later than for a page that was taken', () => {
    const incident = fold(opened('P0'), owed('P0'), failed(59_000, false));
    expect(dueSummons(incident)?.at).toBe(T0 + 60_000);
  });

  it('for a page that has not been tried at all', () => {
    expect(dueSummons(fold(opened(), owed()))).toMatchObject({
      at: T0 + 180_000,
      why: 'the page has not left yet',
    });
  });

  it.each<[string, StandingEvent]>([
    ['somebody has it', at(2_000, { type: 'PageAssigned', n: 1, to: ['Ada'], url: 'https://x' })],
    ['it was acknowledged here', at(2_000, { type: 'IncidentAcknowledged' })],
    ['the incident is resolved', at(2_000, { type: 'IncidentResolved', how: 'person' })],
    [
      'it was resolved there',
      at(2_000, { type: 'PagerSaid', id: 'e', n: 1, what: 'resolved', person: true, to: [] }),
    ],
  ])('never once %s', (_name, event) => {
    expect(dueSummons(fold(opened(), owed(), queued(), event))).toBeNull();
  });

  it('for the newest page alone, and again for a newer one', () => {
    const first = fold(opened(), owed(), queued());
    const summoned = decide({ type: 'Summon', by: ADA, n: 1, why: 'w' }, first, T0 + 180_000, playbook);
    expect(summoned.map((event) => (event.type === 'SummonOwed' ? event.way : event.type))).toEqual([
      'mention',
      'mail',
    ]);
    const after = then(first, ...summoned);
    expect(dueSummons(after)).toBeNull();
    const next = then(after, owed('P1', 2, 900_000), queued(901_000, 2));
    expect(dueSummons(next)).toMatchObject({ at: T0 + 900_000 + 180_000, n: 2 });
  });

  it('once: the same due time twice owes nothing more, and each way has a key of its own', () => {
    const first = fold(opened(), owed(), queued());
    const command: Command = { type: 'Summon', by: ADA, n: 1, why: 'w' };
    const events = decide(command, first, T0, playbook);
    let now = first;
    const effects = events.flatMap((event) => {
      now = evolve(now, event);
      return react(event, now);
    });
    expect(effects.map(({ target, lane }) => [target, lane])).toEqual([
      [`${ID}/summon:1`, 'slackUrgent'],
      [`${ID}/summonMail:1`, 'mail'],
    ]);
    expect(decide(command, now, T0, playbook)).toEqual([]);
  });

  it('not when it was acknowledged between the look and the deciding', () => {
    const incident = fold(opened(), owed(), queued(), at(2_000, { type: 'IncidentAcknowledged' }));
    expect(decide({ type: 'Summon', by: ADA, n: 1, why: 'w' }, incident, T0, playbook)).toEqual([]);
  });
});

describe('what PagerDuty says', () => {
  const incident = fold(opened(), owed(), queued());

  it('a person’s acknowledgement acknowledges, with who', () => {
    const { types, after } = hears(incident, 'acknowledged');
    expect(types).toEqual(['PagerSaid', 'IncidentAcknowledged']);
    expect(after.acknowledged).toEqual({ by: THERE, at: T0 + 5_000 });
    expect(after.pages[0]).toMatchObject({ state: 'acknowledged', acknowledgedBy: 'Ada' });
  });

  it('a service’s acknowledgement acknowledges nothing', () => {
    const { types, after } = hears(incident, 'acknowledged', { person: false, by: SERVICE });
    expect(types).toEqual(['PagerSaid']);
    expect(after.acknowledged).toBeUndefined();
    expect(after.pages[0]?.state).toBe('queued');
  });

  it('our own acknowledgement that comes back is nothing', () => {
    const acknowledged = evolve(incident, at(2_000, { type: 'IncidentAcknowledged' }));
    expect(hears(acknowledged, 'acknowledged', { person: false, by: SERVICE }).types).toEqual([]);
  });

  it('a resolution closes the page and not the incident', () => {
    const { types, after } = hears(incident, 'resolved');
    expect(types).toEqual(['PagerSaid']);
    expect(after.status).toBe('open');
    expect(after.pages[0]).toMatchObject({ state: 'closed', resolvedThereBy: 'Ada' });
    // Nothing is sent there for a page that is over.
    const effects = react(at(6_000, { type: 'IncidentResolved', how: 'person' }), after);
    expect(effects.filter(({ work }) => work.kind === 'pageResolve')).toEqual([]);
  });

  it.each(['escalated', 'reassigned', 'delegated', 'unacknowledged'] as const)(
    '%s: the page is with somebody else, unanswered',
    (what) => {
      const acknowledged = hears(incident, 'acknowledged', { to: ['Ada'] }).after;
      const { after } = hears(acknowledged, what, { id: 'e2', to: ['Grace'] });
      expect(after.pages[0]).toMatchObject({ state: 'assigned', assignedTo: ['Grace'] });
      expect(after.pages[0]?.acknowledgedBy).toBeUndefined();
      // Who took the incident here still has it.
      expect(after.acknowledged?.by).toEqual(THERE);
    },
  );

  it('triggered is of use only while nothing newer is known', () => {
    const { after } = hears(incident, 'triggered', { to: ['Ada'], by: SERVICE, person: false });
    expect(after.pages[0]).toMatchObject({ state: 'assigned', assignedTo: ['Ada'] });
    const moved = hears(after, 'escalated', { id: 'e2', to: ['Grace'] }).after;
    expect(hears(moved, 'triggered', { id: 'e3', to: ['Ada'] }).types).toEqual([]);
    expect(hears(incident, 'triggered', { to: [] }).types).toEqual([]);
  });

  it('whose it is may be known before the answer to the page was read', () => {
    const early = hears(fold(opened(), owed()), 'triggered', { to: ['Ada'] }).after;
    expect(evolve(early, queued(6_000)).pages[0]).toMatchObject({ state: 'assigned', queuedAt: T0 + 6_000 });
  });

  it('an answer that was lost after that is no failure', () => {
    const early = hears(fold(opened(), owed()), 'triggered', { to: ['Ada'] }).after;
    expect(evolve(early, failed(6_000, false)).pages[0]).toMatchObject({ state: 'assigned' });
  });

  it.each(PAGER_WORDS)('%s is heard once for ever, by its own id', (what) => {
    const { after } = hears(incident, what, { to: ['Ada'] });
    expect(hears(after, what, { to: ['Grace'] }).types).toEqual([]);
    const reopened = then(
      after,
      at(10_000, { type: 'IncidentResolved', how: 'person' }),
      at(20_000, { type: 'IncidentReopened', why: 'w' }),
    );
    expect(hears(reopened, what, { to: ['Ada'] }).types).toEqual([]);
  });

  it('a page that is not there is none of ours', () => {
    expect(hears(incident, 'acknowledged', { n: 7 }).types).toEqual([]);
  });

  it('a note of ours that comes back is not one of theirs', () => {
    const text = `${noteTag(ID, 12)} 14:05:02 UTC Note by ada: restarted`;
    expect(isNoteOfOurs(text)).toBe(true);
    expect(hears(incident, 'annotated', { text }).types).toEqual([]);
    expect(hears(incident, 'annotated', { text: `see ${noteTag(ID, 12)}` }).types).toEqual(['PagerSaid']);
  });

  it('their notes are not mirrored back, ours go once each', () => {
    const mirrors = (event: StandingEvent) =>
      react(event, incident).filter(({ work }) => work.kind === 'pageMirror');
    expect(
      mirrors(
        at(0, { type: 'PagerSaid', id: 'e', n: 1, what: 'annotated', person: true, to: [], text: 'x' }),
      ),
    ).toEqual([]);
    expect(mirrors(at(0, { type: 'NoteAdded', text: 'x' }))).toMatchObject([
      { target: `${ID}/pageMirror:${incident.version}`, lane: 'pageCheck' },
    ]);
  });
});

describe('“Page on-call”', () => {
  const ask = (incident: Incident, ms: number, by = ADA) =>
    decide({ type: 'AskPage', by }, incident, T0 + ms, playbook);
  const refusalOf = (act: () => unknown): string => {
    try {
      act();
      return 'none';
    } catch (error) {
      return error instanceof Refusal ? error.code : String(error);
    }
  };

  it('pages the next step, once a person in 15 minutes', () => {
    const incident = fold(opened(), owed());
    const events = ask(incident, 1_000);
    expect(events).toMatchObject([{ type: 'PageOwed', n: 2, severity: 'P1', why: 'asked for by ada' }]);
    const after = then(incident, ...events);
    expect(refusalOf(() => ask(after, 15 * 60_000))).toBe('asked_already');
    expect(ask(after, 15 * 60_000, { ...ADA, id: 'U0GRACE' })).toMatchObject([{ n: 3 }]);
    expect(ask(after, 15 * 60_000 + 1_000)).toMatchObject([{ n: 3 }]);
  });

  it('not for what is resolved, nor for what pages nobody', () => {
    const resolved = fold(opened(), at(1, { type: 'IncidentResolved', how: 'person' }));
    expect(refusalOf(() => ask(resolved, 1_000))).toBe('already_resolved');
    expect(refusalOf(() => ask(fold(opened('P3')), 1_000))).toBe('not_paged');
  });
});
