/** Action items in an issue tracker: what is to be filed, what became of it there, and what is due. Pure. */

import type { Actor, Incident } from './incident.ts';
import { markedAs } from './marks.ts';

/** `gone`: deleted there, or moved to where it cannot be followed. */
export type IssueState = 'open' | 'closed' | 'gone';

/**
 * `item` is an action item's id (`A1`), or `M` and the time stamp of a message that was marked as one. `maybe`: the try may
 * have arrived all the same. `who` and `changedAt` (ms since the epoch) are what the tracker says of a change; null: it does
 * not say.
 */
export type TrackerEvent =
  | { type: 'IssueFiled'; item: string; number: number; url: string }
  | { type: 'IssueFailed'; item: string; reason: string; gaveUp: boolean; maybe: boolean }
  /** A person asked to try again after it was given up. */
  | { type: 'IssueTriedAgain'; item: string }
  | { type: 'IssueStateSeen'; item: string; state: IssueState; changedAt: number | null; who: string | null }
  /** The issue was told of this postmortem. */
  | { type: 'IssueCommented'; item: string; postmortem: string }
  | { type: 'ActionItemReminded'; item: string; due: string };

export type TrackerCommand =
  | { type: 'FileIssueAgain'; item: string }
  | {
      type: 'SeeIssueState';
      item: string;
      state: IssueState;
      changedAt: number | null;
      who: string | null;
    }
  | { type: 'RemindActionItem'; item: string };

/** What became of one item at the tracker. `retrying` and `failed` have a `reason`; the others a number and an address. */
export interface TrackedIssue {
  state: 'owed' | 'retrying' | 'failed' | IssueState;
  number?: number;
  url?: string;
  reason?: string;
  /** A try may have arrived: it is looked for before it is filed again. */
  maybe: boolean;
  /** When it came into its state, ms since the epoch, and who brought it there. */
  at: number;
  who?: string;
  /** The postmortem that it was told of. */
  told?: string;
}

type Tracked = Pick<
  Incident,
  'actionItems' | 'marks' | 'pins' | 'messages' | 'issues' | 'itemsReminded' | 'status' | 'postmortem'
>;

/** Something to be done that was said in an incident. `ts`: it is a message that was marked. */
export interface TodoItem {
  id: string;
  text: string;
  by: Actor;
  at: number;
  owner?: string;
  priority?: string;
  /** ISO date. */
  due?: string;
  ts?: string;
}

/** The items that were added, then the messages that were marked as one and not deleted. */
export function todoItems(
  incident: Pick<Tracked, 'actionItems' | 'marks' | 'pins' | 'messages'>,
): TodoItem[] {
  const marked = markedAs('actionItem', incident).flatMap(({ ts, text, deleted }): TodoItem[] => {
    const mark = incident.marks.find((one) => one.ts === ts && one.mark === 'actionItem');
    return mark === undefined || deleted ? [] : [{ id: `M${ts}`, text, by: mark.by, at: mark.at, ts }];
  });
  return [...incident.actionItems, ...marked];
}

/**
 * What is filed of them: each that was added, and once the incident is resolved the marked messages too (until then a mark
 * comes and goes). What is filed already is not in it.
 */
export const unfiled = (incident: Tracked): TodoItem[] =>
  todoItems(incident).filter(
    ({ id, ts }) =>
      incident.issues[id]?.number === undefined && (ts === undefined || incident.status === 'resolved'),
  );

/** The items that nobody is known to have done. Only a closed issue says that one is. */
export const openItems = (incident: Tracked): TodoItem[] =>
  todoItems(incident).filter(({ id }) => incident.issues[id]?.state !== 'closed');

/** The items whose issue was closed, as long as it may be opened again and somebody reads that here: to the final postmortem. */
export function closedItems(incident: Tracked): TodoItem[] {
  const { status, postmortem, issues } = incident;
  const isOver = status === 'resolved' && (postmortem === undefined || postmortem.state === 'FINAL');
  return isOver ? [] : todoItems(incident).filter(({ id }) => issues[id]?.state === 'closed');
}

/** 09:00 UTC of the day on which it is due, ms since the epoch; null: it has no due date that is one. */
export function remindAt({ due }: Pick<TodoItem, 'due'>): number | null {
  if (due === undefined || !/^\d{4}-\d\d-\d\d$/.test(due)) return null;
  const at = Date.parse(`${due}T09:00:00Z`);
  return Number.isNaN(at) ? null : at;
}

/** The issues that do not know of this postmortem. */
export const untold = ({ issues }: Pick<Tracked, 'issues'>, postmortem: string): string[] =>
  Object.entries(issues).flatMap(([item, { number, state, told }]) =>
    number === undefined || state === 'gone' || told === postmortem ? [] : [item],
  );

/** Open items whose day has come, and that nobody was reminded of for that day. `now` is ms since the epoch. */
export const dueItems = (incident: Tracked, now: number): TodoItem[] =>
  openItems(incident).filter((item) => {
    const at = remindAt(item);
    return at !== null && now >= at && incident.itemsReminded[item.id] !== item.due;
  });

export function decideTracker(command: TrackerCommand, incident: Tracked, now: number): TrackerEvent[] {
  const { item } = command;
  const issue = incident.issues[item];
  switch (command.type) {
    case 'FileIssueAgain':
      // Pressed twice, or on an old message: it is being tried, or filed.
      return issue?.state === 'failed' ? [{ type: 'IssueTriedAgain', item }] : [];
    case 'SeeIssueState': {
      const { state, changedAt, who } = command;
      return issue?.number === undefined || issue.state === state
        ? []
        : [{ type: 'IssueStateSeen', item, state, changedAt, who }];
    }
    case 'RemindActionItem': {
      const found = dueItems(incident, now).find(({ id }) => id === item);
      return found?.due === undefined ? [] : [{ type: 'ActionItemReminded', item, due: found.due }];
    }
    default: {
      const unknown: never = command;
      throw new Error(`unknown command ${JSON.stringify(unknown)}`);
    }
  }
}

/** What of the incident a word from the tracker changes. */
export function evolveTracker(
  { issues, itemsReminded }: Pick<Tracked, 'issues' | 'itemsReminded'>,
  event: TrackerEvent & { at: number; by: Actor },
): Pick<Tracked, 'issues' | 'itemsReminded'> {
  const { item, at } = event;
  const before = issues[item];
  const maybe = before?.maybe ?? false;
  const now = (issue: TrackedIssue) => ({ itemsReminded, issues: { ...issues, [item]: issue } });
  switch (event.type) {
    case 'IssueFiled':
      return now({ state: 'open', number: event.number, url: event.url, maybe: false, at });
    case 'IssueFailed':
      return now({
        state: event.gaveUp ? 'failed' : 'retrying',
        reason: event.reason,
        maybe: maybe || event.maybe,
        at,
      });
    case 'IssueTriedAgain':
      return now({ state: 'owed', maybe, at });
    case 'IssueStateSeen': {
      const { who: _before, ...rest } = before ?? { maybe };
      const who = event.who === null ? {} : { who: event.who };
      return now({ ...rest, ...who, state: event.state, at: event.changedAt ?? at });
    }
    case 'ActionItemReminded':
      return { issues, itemsReminded: { ...itemsReminded, [item]: event.due } };
    case 'IssueCommented':
      return before === undefined ? { issues, itemsReminded } : now({ ...before, told: event.postmortem });
    default: {
      const unknown: never = event;
      throw new Error(`unknown event ${JSON.stringify(unknown)}`);
    }
  }
}

/** How an item stands where people read it: done only where its issue says so. */
export function itemStatus(issue: TrackedIssue | undefined): string {
  if (issue?.state === 'closed') return 'done';
  return issue?.reason === undefined ? 'open' : `open, NOT filed: ${issue.reason}`;
}

/** The issue of an item and how it stands there, as it was last seen; null: it is filed nowhere. `day` writes a time. */
export function issueSeen(
  issue: TrackedIssue | undefined,
  day: (at: number) => string,
): { url: string; state: string } | null {
  if (issue?.url === undefined) return null;
  const { url, state, who, at } = issue;
  if (state === 'closed') return { url, state: `closed${who === undefined ? '' : ` by ${who}`}, ${day(at)}` };
  return { url, state: state === 'gone' ? 'deleted or moved there' : 'open' };
}

/** One line of it in the timeline. */
export function describeTracker(event: TrackerEvent): string {
  switch (event.type) {
    case 'IssueFiled':
      return `Action item ${event.item} filed as issue ${event.number}: ${event.url}`;
    case 'IssueFailed':
      return `Action item ${event.item} could not be filed (${event.gaveUp ? 'gave up' : 'will retry'}): ${event.reason}`;
    case 'IssueTriedAgain':
      return `Action item ${event.item} is to be filed again`;
    case 'IssueStateSeen':
      return `The issue of action item ${event.item} is ${event.state === 'gone' ? 'deleted or moved' : event.state}${event.who === null ? '' : `, by ${event.who}`}`;
    case 'ActionItemReminded':
      return `Reminded: action item ${event.item} is due on ${event.due}`;
    case 'IssueCommented':
      return `The issue of action item ${event.item} was told of postmortem ${event.postmortem}`;
    default: {
      const unknown: never = event;
      return String(unknown);
    }
  }
}
