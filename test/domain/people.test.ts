/** given(events).when(command).gives(events): commander, severity by a person, mitigation, reopening, action items. */

import { describe, expect, it } from 'vitest';
import { type Command, decide, Refusal } from '../../src/domain/decide.ts';
import { type Actor, evolve, type Incident, type StandingEvent } from '../../src/domain/incident.ts';
import { react } from '../../src/domain/react.ts';
import { policy } from '../scenarios/desk.ts';

const { playbook } = policy();
const ADA: Actor = { via: 'slack', id: 'U0ADA', name: 'ada' };
const GRACE: Actor = { via: 'slack', id: 'U0GRACE', name: 'grace' };
const ALERTMANAGER: Actor = { via: 'alert', id: 'alertmanager', name: 'alertmanager' };

const at = (event: object, by = ADA): StandingEvent => ({ at: 0, by, ...event }) as StandingEvent;
const OPENED = at({
  type: 'IncidentOpened',
  id: 'INC-20261122-001',
  title: 't',
  severity: 'P2',
  origin: 'person',
  runbook: null,
  drill: false,
});
const POSTED = at({ type: 'Posted', what: 'headline', channel: 'C0', ts: '1.1' });
const RESOLVED = at({ type: 'IncidentResolved', how: 'person', summary: 's' });
const COMMANDED = at({ type: 'CommanderAssigned', who: GRACE });
const KILLED = at({ type: 'KillAsked', kill: 'K-1', reason: 'r', venues: ['v'] });

const fold = (...events: StandingEvent[]): Incident | undefined =>
  events.reduce<Incident | undefined>(evolve, undefined);
const given = (...events: StandingEvent[]) => ({
  when: (command: Command) => ({
    gives: (...expected: object[]) =>
      expect(decide(command, fold(...events), 1_000, playbook)).toMatchObject(expected),
    refused: (code: string, words: string | RegExp = /./) => {
      expect(() => decide(command, fold(...events), 1_000, playbook)).toThrow(Refusal);
      expect(() => decide(command, fold(...events), 1_000, playbook)).toThrow(
        expect.objectContaining({ code }),
      );
      expect(() => decide(command, fold(...events), 1_000, playbook)).toThrow(words);
    },
  }),
});

describe('command', () => {
  const take: Command = { type: 'AssignCommander', by: ADA, who: ADA, ifNobody: true };
  const give: Command = { type: 'AssignCommander', by: ADA, who: ADA, handover: 'all yours' };

  it('is taken where nobody has it, and not from somebody', () => {
    given(OPENED).when(take).gives({ type: 'CommanderAssigned', who: ADA });
    given(OPENED, COMMANDED).when(take).refused('commander_there', 'grace commands INC-20261122-001');
  });

  it('is handed over from anybody, with what was told', () => {
    given(OPENED, COMMANDED).when(give).gives({ type: 'CommanderAssigned', who: ADA, handover: 'all yours' });
  });

  it('is not given to who has it, nor of what is resolved', () => {
    given(OPENED, at({ type: 'CommanderAssigned', who: ADA }))
      .when(give)
      .refused('already_commander');
    given(OPENED, RESOLVED).when(give).refused('already_resolved', 'reopen it first');
  });
});

describe('severity by a person', () => {
  const to = (severity: 'P0' | 'P1' | 'P2' | 'P3'): Command => ({
    type: 'ChangeSeverity',
    by: ADA,
    to: severity,
    why: 'because',
  });

  it('raised pages with the reason; lowered does not', () => {
    given(OPENED)
      .when(to('P1'))
      .gives(
        { type: 'SeverityChanged', from: 'P2', to: 'P1', why: 'because' },
        { type: 'PageOwed', severity: 'P1', why: 'raised from P2 to P1: because' },
      );
    given(OPENED).when(to('P3')).gives({ type: 'SeverityChanged', to: 'P3' });
  });

  it('is refused when it is that already, when it is resolved, and while a kill is not over', () => {
    given(OPENED).when(to('P2')).refused('same_severity');
    given(OPENED, RESOLVED).when(to('P1')).refused('already_resolved');
    given(OPENED, KILLED, at({ type: 'SeverityChanged', from: 'P2', to: 'P0', why: 'kill' }))
      .when(to('P2'))
      .refused('kill_not_flat');
  });

  it('is told in the thread where a person gave the reason, and not where an alert did', () => {
    const kinds = (by: Actor) => {
      const event = at({ type: 'SeverityChanged', from: 'P2', to: 'P1', why: 'x' }, by);
      const incident = fold(OPENED, POSTED, event);
      return incident === undefined ? [] : react(event, incident).map(({ work }) => work.kind);
    };
    expect(kinds(ADA)).toEqual(['headline', 'notice']);
    expect(kinds(ALERTMANAGER)).toEqual(['headline']);
  });
});

it('action items are numbered by the log, whatever two people do at once', () => {
  const add: Command = { type: 'AddActionItem', by: ADA, text: 'canary', owner: 'grace' };
  given(OPENED).when(add).gives({ type: 'ActionItemAdded', id: 'A1', text: 'canary', owner: 'grace' });
  given(OPENED, at({ type: 'ActionItemAdded', id: 'A1', text: 'x' }))
    .when(add)
    .gives({ id: 'A2' });
});

it('reopening asks for a resolved incident, pages, and starts with no mitigation', () => {
  const reopen: Command = { type: 'ReopenIncident', by: ADA, why: 'back' };
  given(OPENED).when(reopen).refused('not_resolved');
  given(OPENED, at({ type: 'IncidentMitigated', text: 'm' }), RESOLVED)
    .when(reopen)
    .gives({ type: 'IncidentReopened', why: 'back' }, { type: 'PageOwed', severity: 'P2' });
  const after = fold(
    OPENED,
    at({ type: 'IncidentMitigated', text: 'm' }),
    RESOLVED,
    at({ type: 'IncidentReopened', why: 'b' }),
  );
  expect(after).toMatchObject({ status: 'open' });
  expect(after?.mitigated).toBeUndefined();
});

it('the message that an incident is declared from is in the same write, and is told when the headline stands', () => {
  const message = { text: 'odd', from: { author: 'grace', permalink: 'https://x.example/1' } };
  const declare: Command = {
    type: 'DeclareIncident',
    by: ADA,
    incident: 'INC-20261122-001',
    title: 't',
    severity: 'P1',
    runbook: null,
    drill: false,
    message,
  };
  const events = decide(declare, undefined, 0, playbook);
  expect(events).toMatchObject([
    { type: 'IncidentOpened' },
    { type: 'NoteAdded', ...message },
    { type: 'PageOwed' },
  ]);
  const [opened, note] = events;
  if (opened === undefined || note === undefined) throw new Error('two events were expected');
  const incident = fold(opened, note);
  expect(incident === undefined ? [] : react(note, incident)).toMatchObject([
    { work: { kind: 'notice', version: 2 } },
  ]);
});
