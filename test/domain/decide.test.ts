/** given(events).when(command).gives(events) for what a person may and may not do. */

import { describe, expect, it } from 'vitest';
import { type Command, decide, Refusal } from '../../src/domain/decide.ts';
import { type Actor, evolve, type Incident, type StandingEvent } from '../../src/domain/incident.ts';
import type { Verdict } from '../../src/domain/kill.ts';
import { controlValues, evolveTrading, RUNNING } from '../../src/domain/trading.ts';
import { policy } from '../scenarios/desk.ts';

const { playbook } = policy();
const ADA: Actor = { via: 'slack', id: 'U0ADA', name: 'ada' };
const ID = 'INC-20261122-001';

const said = (event: object, at = 0): StandingEvent => ({ at, by: ADA, ...event }) as StandingEvent;
const OPENED = said({
  type: 'IncidentOpened',
  id: ID,
  title: 't',
  severity: 'P1',
  origin: 'person',
  runbook: null,
  drill: false,
});
const PAGED = said({ type: 'PageOwed', n: 1, severity: 'P1', why: 'opened' });
const ASKED = said({ type: 'KillAsked', kill: 'K-1', reason: 'r', venues: ['v'] });
const P0 = said({ type: 'SeverityChanged', from: 'P1', to: 'P0', why: 'kill' });
const JUDGED = (verdict: Verdict) =>
  said({ type: 'KillJudged', kill: 'K-1', verdict, timings: { latchMs: 1, lastCancelMs: 2, verdictMs: 3 } });

const given = (...events: StandingEvent[]) => {
  const incident = events.reduce<Incident | undefined>((sofar, event) => evolve(sofar, event), undefined);
  return {
    when: (command: Command) => ({
      gives: (...types: string[]) =>
        expect(decide(command, incident, 1_000, playbook).map(({ type }) => type)).toEqual(types),
      refused: (code: string) => {
        expect(() => decide(command, incident, 1_000, playbook)).toThrow(Refusal);
        try {
          decide(command, incident, 1_000, playbook);
        } catch (error) {
          expect((error as Refusal).code).toBe(code);
        }
      },
    }),
  };
};

const resolve: Command = { type: 'ResolveIncident', by: ADA, summary: 's' };
const ask: Command = {
  type: 'AskKill',
  by: ADA,
  incident: ID,
  kill: 'K-9',
  reason: 'r',
  venues: ['v'],
  drill: false,
};
const judge = (verdict: Verdict): Command => ({
  type: 'JudgeKill',
  by: ADA,
  kill: 'K-1',
  verdict,
  timings: { latchMs: 1, lastCancelMs: 2, verdictMs: 3 },
});

describe('resolving', () => {
  it('is refused while a kill runs, is UNKNOWN, or left a residual that nobody accepted', () => {
    given(OPENED, ASKED).when(resolve).refused('kill_running');
    given(OPENED, ASKED, JUDGED('UNKNOWN')).when(resolve).refused('kill_unknown');
    given(OPENED, ASKED, JUDGED('RESIDUAL')).when(resolve).refused('residual_not_accepted');
  });
  it('is allowed after FLAT, or after somebody accepted the residual', () => {
    given(OPENED, ASKED, JUDGED('FLAT')).when(resolve).gives('IncidentResolved');
    given(OPENED, ASKED, JUDGED('RESIDUAL'), said({ type: 'ResidualAccepted', kill: 'K-1', reason: 'r' }))
      .when(resolve)
      .gives('IncidentResolved');
  });
  it('is refused twice', () => {
    given(OPENED, said({ type: 'IncidentResolved', how: 'person' }))
      .when(resolve)
      .refused('already_resolved');
  });
  it('an acceptance does not outlive its verdict', () => {
    given(
      OPENED,
      ASKED,
      JUDGED('RESIDUAL'),
      said({ type: 'ResidualAccepted', kill: 'K-1', reason: 'r' }),
      JUDGED('UNKNOWN'),
      JUDGED('RESIDUAL'),
    )
      .when(resolve)
      .refused('residual_not_accepted');
  });
});

describe('a kill', () => {
  it('opens its own P0 and pages', () => given().when(ask).gives('IncidentOpened', 'KillAsked', 'PageOwed'));
  it('raises the incident that it is pressed in, and pages its next step', () =>
    given(OPENED, PAGED).when(ask).gives('KillAsked', 'SeverityChanged', 'PageOwed'));
  it('reopens a resolved incident', () => {
    given(OPENED, PAGED, said({ type: 'IncidentResolved', how: 'person' }))
      .when(ask)
      .gives('IncidentReopened', 'KillAsked', 'SeverityChanged', 'PageOwed');
  });
  it('pages for a verdict that is not FLAT, and once for each', () => {
    given(OPENED, PAGED, ASKED).when(judge('FLAT')).gives('KillJudged');
    given(OPENED, PAGED, ASKED, P0).when(judge('RESIDUAL')).gives('KillJudged', 'PageOwed');
    given(OPENED, PAGED, ASKED, JUDGED('RESIDUAL')).when(judge('RESIDUAL')).gives();
    given(OPENED, PAGED, ASKED, JUDGED('UNKNOWN')).when(judge('RESIDUAL')).gives('KillJudged');
    given(OPENED, PAGED, ASKED, P0, JUDGED('FLAT')).when(judge('UNKNOWN')).gives('KillJudged', 'PageOwed');
  });
  it('is a P0 again when the verdict becomes worse after it was lowered, also when it was closed', () => {
    const lowered = [
      OPENED,
      PAGED,
      ASKED,
      P0,
      JUDGED('FLAT'),
      said({ type: 'SeverityChanged', from: 'P0', to: 'P2', why: 'w' }),
    ];
    given(...lowered)
      .when(judge('RESIDUAL'))
      .gives('SeverityChanged', 'KillJudged', 'PageOwed');
    given(...lowered, said({ type: 'IncidentResolved', how: 'person' }))
      .when(judge('UNKNOWN'))
      .gives('IncidentReopened', 'SeverityChanged', 'KillJudged', 'PageOwed');
  });
});

describe('people', () => {
  it('acknowledge once', () => {
    given(OPENED).when({ type: 'AcknowledgeIncident', by: ADA }).gives('IncidentAcknowledged');
    given(OPENED, said({ type: 'IncidentAcknowledged' }))
      .when({ type: 'AcknowledgeIncident', by: ADA })
      .refused('already_acknowledged');
  });
  it('accept a residual with a reason, and nothing else', () => {
    const accept = (reason: string): Command => ({ type: 'AcceptResidual', by: ADA, kill: 'K-1', reason });
    given(OPENED, ASKED, JUDGED('RESIDUAL')).when(accept('hedged elsewhere')).gives('ResidualAccepted');
    given(OPENED, ASKED, JUDGED('RESIDUAL')).when(accept(' ')).refused('reason_missing');
    given(OPENED, ASKED, JUDGED('UNKNOWN')).when(accept('x')).refused('nothing_to_accept');
  });
  it('a message that Slack sends twice is logged once; an edit without change is none', () => {
    const log: Command = { type: 'LogMessage', by: ADA, ts: '1.1', user: 'U0ADA', text: 'hm' };
    given(OPENED).when(log).gives('MessageLogged');
    given(OPENED, said({ type: 'MessageLogged', ts: '1.1', user: 'U0ADA', text: 'hm' }))
      .when(log)
      .gives();
    given(OPENED, said({ type: 'MessageLogged', ts: '1.1', user: 'U0ADA', text: 'hm' }))
      .when({ type: 'EditMessage', by: ADA, ts: '1.1', text: 'hm' })
      .gives();
  });
  it('a message of which an edit or its end comes first is logged as it was, and no second time', () => {
    const edit: Command = { type: 'EditMessage', by: ADA, ts: '1.1', text: 'now', was: { text: 'then' } };
    given(OPENED).when(edit).gives('MessageLogged', 'MessageEdited');
    given(OPENED)
      .when({ type: 'DeleteMessage', by: ADA, ts: '1.1', was: { text: 'then' } })
      .gives('MessageLogged', 'MessageDeleted');
    // Slack unfolds links by an edit that changes no word.
    given(OPENED)
      .when({ ...edit, text: 'then' })
      .gives('MessageLogged');
    given(OPENED).when({ type: 'EditMessage', by: ADA, ts: '1.1', text: 'now' }).gives();
    given(
      OPENED,
      said({ type: 'MessageLogged', ts: '1.1', user: 'U0ADA', text: 'then' }),
      said({ type: 'MessageEdited', ts: '1.1', text: 'now' }),
    )
      .when({ type: 'LogMessage', by: ADA, ts: '1.1', user: 'U0ADA', text: 'then' })
      .gives();
  });
  it('nothing happens to an incident that is not there', () =>
    given().when(resolve).refused('no_such_incident'));
});

describe('the clock', () => {
  it('a step that is due pages once, however often it is looked at', () => {
    given(OPENED, PAGED).when({ type: 'PageAgain', by: ADA, n: 2, why: 'w' }).gives('PageOwed');
    given(OPENED, PAGED, said({ type: 'PageOwed', n: 2, severity: 'P1', why: 'w' }))
      .when({ type: 'PageAgain', by: ADA, n: 2, why: 'w' })
      .gives();
  });
});

describe('holds and the latch', () => {
  it('a switch is the OR of its holds; a kill sets its own switch alone', () => {
    const place = (hold: string) =>
      said({ type: 'HoldPlaced', hold, key: 'HALT_NEW_ORDERS', reason: 'r', owner: 'operator' });
    const lift = (hold: string) => said({ type: 'HoldLifted', hold, key: 'HALT_NEW_ORDERS', reason: 'r' });
    const after = (...events: StandingEvent[]) =>
      controlValues(events.reduce((trading, event) => evolveTrading(trading, event, ID), RUNNING));
    expect(after(place('a'), place('b'), lift('a')).HALT_NEW_ORDERS).toBe('1');
    expect(after(place('a'), place('b'), lift('a'), lift('b')).HALT_NEW_ORDERS).toBe('0');
    expect(after(ASKED)).toMatchObject({ KILL_SWITCH: '1', HALT_NEW_ORDERS: '0', PAUSE_SIGNALS: '0' });
  });
  it('who latched first stays on record when the kill is asked for again; the latch is the newest kill', () => {
    const again = {
      ...said({ type: 'KillAsked', kill: 'K-2', reason: 'again', venues: [] }, 9),
      by: { ...ADA, name: 'grace' },
    };
    const trading = [ASKED, again].reduce((sofar, event) => evolveTrading(sofar, event, ID), RUNNING);
    expect(trading.latch).toMatchObject({ kill: 'K-2', by: { name: 'ada' }, at: 0, reason: 'r' });
  });
});
