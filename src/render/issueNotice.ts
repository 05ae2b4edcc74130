/** What the thread is told of action items in the tracker, and the button for one that was given up. Pure. */

import type { Incident, StandingEvent } from '../domain/incident.ts';
import { openItems, type TrackerEvent, todoItems } from '../domain/tracker.ts';
import { ACTION, buttonValue } from './actions.ts';
import type { ButtonSpec } from './blocks.ts';
import { count, inert, safeLink } from './text.ts';

/** What an item is called in the thread: a message has no number. */
export const itemName = (item: string): string =>
  /^A\d+$/.test(item) ? `Action item ${item}` : 'A marked message';

export const issueLink = (url: string | undefined, number: number | undefined): string => {
  const link = safeLink(url);
  return link === null ? `issue ${number ?? '?'}` : `<${link}|issue ${number ?? '?'}>`;
};

/** Null for what has no message of its own. */
export function issueLines(event: TrackerEvent, incident: Incident): string[] | null {
  const issue = incident.issues[event.item];
  const name = itemName(event.item);
  const todo = todoItems(incident).find(({ id }) => id === event.item);
  const text = todo === undefined ? '' : `: ${inert(todo.text, 200)}`;
  switch (event.type) {
    case 'IssueFiled':
      return [`📎 *${name}* is ${issueLink(event.url, event.number)}${text}`];
    case 'IssueFailed':
      return [
        `❗ *${name} is not filed*: ${inert(event.reason, 400)}. ${
          event.gaveUp
            ? 'It is not tried again by itself: mend that, then press *Try again*.'
            : 'It is tried again until it is taken.'
        }`,
      ];
    case 'IssueStateSeen': {
      const who = event.who === null ? '' : ` by ${inert(event.who, 60)}`;
      const state =
        event.state === 'gone'
          ? 'was deleted or moved'
          : `is ${event.state === 'open' ? 'open again' : 'closed'}`;
      return [
        `${event.state === 'closed' ? '✓' : '📎'} *${name}*: ${issueLink(issue?.url, issue?.number)} ${state}${who}${text}`,
      ];
    }
    case 'ActionItemReminded': {
      const owner = todo?.owner === undefined ? 'no owner yet' : `owner ${inert(todo.owner, 60)}`;
      const where = issue?.number === undefined ? 'it is filed nowhere' : issueLink(issue.url, issue.number);
      return [`⏰ *${name} is due on ${inert(event.due, 20)}*${text}\n${owner} · ${where}`];
    }
    case 'IssueTriedAgain':
    case 'IssueCommented':
      return null;
    default: {
      const unknown: never = event;
      return [String(unknown)];
    }
  }
}

/** A button for each item that was given up; `only`: for that one. */
export const fileAgainButtons = (incident: Incident, only?: string): ButtonSpec[] =>
  Object.entries(incident.issues)
    .filter(([item, { state }]) => state === 'failed' && (only === undefined || item === only))
    .slice(0, 5)
    .map(([item]) => ({
      action: ACTION.fileIssueAgain,
      label: only === undefined ? `Try again: ${itemName(item)}` : 'Try again',
      value: buttonValue({ incident: incident.id, ref: item }),
    }));

/** Whether an event is the tracker's. */
export const isTracker = (event: StandingEvent): event is Extract<StandingEvent, TrackerEvent> =>
  event.type === 'IssueFiled' ||
  event.type === 'IssueFailed' ||
  event.type === 'IssueTriedAgain' ||
  event.type === 'IssueStateSeen' ||
  event.type === 'IssueCommented' ||
  event.type === 'ActionItemReminded';

/** `3 action items, 1 done, 1 NOT filed`. */
export function itemsLine(incident: Incident): string {
  const all = todoItems(incident);
  const done = all.length - openItems(incident).length;
  const failed = Object.values(incident.issues).filter(({ state }) => state === 'failed').length;
  return `${count(all.length, 'action item')}${done === 0 ? '' : `, ${done} done`}${failed === 0 ? '' : `, ${failed} *NOT filed*`}`;
}
