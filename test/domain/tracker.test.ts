import { describe, expect, it } from 'vitest';
import { type Command, decide, type FactEvent } from '../../src/domain/decide.ts';
import type { Effect } from '../../src/domain/effects.ts';
import {
  type Actor,
  evolveAll,
  type Incident,
  STANDDOWN,
  type StandingEvent,
} from '../../src/domain/incident.ts';
import { draftPostmortem } from '../../src/domain/postmortem/draft.ts';
import { react } from '../../src/domain/react.ts';
import { dueItems, openItems, todoItems } from '../../src/domain/tracker.ts';
import { loadPolicy } from '../../src/policy.ts';

const loaded = loadPolicy();
if (!loaded.ok) throw new Error('the shipped policy does not load');
const { playbook } = loaded.policy;
const ada: Actor = { via: 'slack', id: 'U1', name: 'ada' };
const T0 = Date.parse('2026-11-28T12:00:00Z');
const TS = '1764331200.000100';
const URL = 'https://github.invalid/o/r/issues/7';

/** A log lived through: commands in turn, with what each of them owed. */
function story(...commands: Command[]): { incident: Incident; events: StandingEvent[]; owed: Effect[][] } {
  const events: StandingEvent[] = [];
  let incident: Incident | undefined;
  const owed: Effect[][] = [];
  for (const [n, command] of commands.entries()) {
    const made = decide(command, incident, T0 + n, playbook);
    const effects: Effect[] = [];
    incident = evolveAll(incident, made, (event, then) => void effects.push(...react(event, then)));
    events.push(...made);
    owed.push(effects.filter(({ lane }) => lane === 'tracker'));
  }
  if (incident === undefined) throw new Error('no incident');
  return { incident, events, owed };
}
const DECLARE: Command = {
  type: 'DeclareIncident',
  by: ada,
  incident: 'INC-20261128-001',
  title: 't',
  severity: 'P2',
  runbook: null,
  drill: false,
};
const ADD: Command = {
  type: 'AddActionItem',
  by: ada,
  text: 'Add a canary',
  owner: 'grace',
  due: '2026-12-01',
};
const MARK: Command = {
  type: 'MarkMessage',
  by: ada,
  ts: TS,
  mark: 'actionItem',
  emoji: 'todo',
  text: 'write it down',
};
const RESOLVE: Command = { type: 'ResolveIncident', by: ada, summary: 's' };
const note = (event: FactEvent): Command => ({ type: 'Note', by: STANDDOWN, event });
const FILED = note({ type: 'IssueFiled', item: 'A1', number: 7, url: URL });
const failed = (gaveUp: boolean, maybe = false): Command =>
  note({ type: 'IssueFailed', item: 'A1', reason: 'no', gaveUp, maybe });
const targets = (effects: Effect[] | undefined) => effects?.map(({ target }) => target.split('/')[1]);
const closed: Command = {
  type: 'SeeIssueState',
  by: STANDDOWN,
  item: 'A1',
  state: 'closed',
  changedAt: T0 + 60_000,
  who: 'grace',
};

describe('an action item', () => {
  it('is owed to the tracker when it is added', () => {
    const { owed } = story(DECLARE, ADD);
    expect(targets(owed[1])).toEqual(['issue:A1']);
  });

  it('that is a marked message is owed with the resolution, and marked later at once', () => {
    const { owed } = story(DECLARE, MARK, RESOLVE);
    expect([targets(owed[1]), targets(owed[2])]).toEqual([[], [`issue:M${TS}`]]);
    expect(targets(story(DECLARE, RESOLVE, MARK).owed[2])).toEqual([`issue:M${TS}`]);
  });

  it('whose mark was taken away, or whose message was deleted, is none', () => {
    const taken = story(DECLARE, MARK, { type: 'UnmarkMessage', by: ada, ts: TS, emoji: 'todo' }, RESOLVE);
    expect(targets(taken.owed[3])).toEqual([]);
    const said: Command = { type: 'LogMessage', by: ada, ts: TS, user: 'U1', text: 'x' };
    const gone = story(DECLARE, said, MARK, { type: 'DeleteMessage', by: ada, ts: TS }, RESOLVE);
    expect(targets(gone.owed[4])).toEqual([]);
    expect(todoItems(gone.incident)).toEqual([]);
  });

  it('that is filed, or was given up, is not owed again by the resolution', () => {
    expect(targets(story(DECLARE, ADD, FILED, RESOLVE).owed[3])).toEqual([]);
    expect(targets(story(DECLARE, ADD, failed(true), RESOLVE).owed[3])).toEqual([]);
  });

  it('that was given up is owed again by a person, once, and what may have arrived is not forgotten', () => {
    const again: Command = { type: 'FileIssueAgain', by: ada, item: 'A1' };
    const { owed, incident, events } = story(DECLARE, ADD, failed(false, true), failed(true), again, again);
    expect([targets(owed[4]), targets(owed[5])]).toEqual([['issue:A1'], []]);
    expect(incident.issues['A1']).toMatchObject({ state: 'owed', maybe: true });
    expect(events.filter(({ type }) => type === 'IssueTriedAgain')).toHaveLength(1);
    expect(story(DECLARE, ADD, again).events.some(({ type }) => type === 'IssueTriedAgain')).toBe(false);
  });

  it('is open until its issue is closed, and open again when that is', () => {
    expect(openItems(story(DECLARE, ADD, FILED).incident)).toHaveLength(1);
    const done = story(DECLARE, ADD, FILED, closed, closed);
    expect(openItems(done.incident)).toEqual([]);
    expect(done.events.filter(({ type }) => type === 'IssueStateSeen')).toHaveLength(1);
    const again = story(DECLARE, ADD, FILED, closed, {
      ...closed,
      state: 'open',
      changedAt: null,
      who: null,
    });
    expect(again.incident.issues['A1']).toEqual({
      state: 'open',
      number: 7,
      url: URL,
      maybe: false,
      at: T0 + 4,
    });
  });

  it('that was never filed has no state there', () => {
    expect(story(DECLARE, ADD, closed).events.some(({ type }) => type === 'IssueStateSeen')).toBe(false);
  });

  it('stands in the postmortem with its issue, who closed it and when, or with why it is not filed', () => {
    const view = (...commands: Command[]) => {
      const { incident, events } = story(DECLARE, ADD, ...commands);
      const { status, issue } = draftPostmortem(incident, events, playbook, {
        id: 'PM_20261128_001',
        revision: 1,
      }).actionItems[0] ?? { status: '', issue: null };
      return { status, issue };
    };
    expect(view()).toEqual({ status: 'open', issue: null });
    expect(view(failed(true))).toEqual({ status: 'open, NOT filed: no', issue: null });
    expect(view(FILED)).toEqual({ status: 'open', issue: { url: URL, state: 'open' } });
    expect(view(FILED, closed)).toEqual({
      status: 'done',
      issue: { url: URL, state: 'closed by grace, 2026-11-28 12:01:00 UTC' },
    });
  });
});

describe('a due date', () => {
  const NINE = Date.parse('2026-12-01T09:00:00Z');
  it('is reminded of once, from 09:00 UTC of its day on, unless the item is done', () => {
    const { incident } = story(DECLARE, ADD);
    expect(dueItems(incident, NINE - 1)).toEqual([]);
    expect(dueItems(incident, NINE)).toHaveLength(1);
    const remind: Command = { type: 'RemindActionItem', by: STANDDOWN, item: 'A1' };
    const once = decide(remind, incident, NINE, playbook);
    expect(once).toMatchObject([{ type: 'ActionItemReminded', item: 'A1', due: '2026-12-01' }]);
    const reminded = evolveAll(incident, once);
    expect(reminded === undefined ? null : decide(remind, reminded, NINE + 86_400_000, playbook)).toEqual([]);
    expect(dueItems(story(DECLARE, ADD, FILED, closed).incident, NINE)).toEqual([]);
  });

  it.each(['2026-13-45', 'soon', '', '2026-12-01T00:00', undefined])('%j is none', (due) => {
    const { incident } = story(DECLARE, {
      type: 'AddActionItem',
      by: ada,
      text: 'x',
      ...(due === undefined ? {} : { due }),
    });
    expect(dueItems(incident, NINE * 2)).toEqual([]);
  });
});

it('an issue that is filed when the postmortem is final already is told of it, and one that is told is not', () => {
  const at = (event: object): StandingEvent => ({ at: T0, by: ada, ...event }) as StandingEvent;
  const id = 'PM_20261128_001';
  const { events } = story(DECLARE, ADD, { type: 'ResolveIncident', by: ada, summary: 's' });
  const final = [
    ...events,
    at({ type: 'PostmortemDrafted', id, file: 'f' }),
    at({ type: 'PostmortemReviewed', id }),
    at({ type: 'PostmortemFinalised', id }),
  ];
  const filed = at({ type: 'IssueFiled', item: 'A1', number: 7, url: URL });
  const told = (log: StandingEvent[], last: StandingEvent) =>
    react(last, evolveAll(undefined, [...log, last])).filter(({ work }) => work.kind === 'issueComment')
      .length;
  expect(told(final, filed)).toBe(1);
  expect(told(events, filed)).toBe(0);
});
