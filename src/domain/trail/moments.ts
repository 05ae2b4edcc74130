/** The few moments of an incident that its picture marks, each with a short text. Pure, plain text, not escaped. */

import type { StandingEvent } from '../incident.ts';

export interface Moment {
  /** ms since the epoch. */
  at: number;
  text: string;
}

/** A picture has room for so many; the first of each kind and the last ones matter most. */
const MOST = 24;

/** What two sources tell of one thing comes as one. */
const SAME_MS = 60_000;

const HOLDS = { HALT_NEW_ORDERS: 'new orders halted', PAUSE_SIGNALS: 'signals paused' } as const;

function momentOf(event: StandingEvent, history: readonly StandingEvent[]): string | null {
  const { name } = event.by;
  switch (event.type) {
    case 'IncidentOpened':
      return `opened as ${event.severity}`;
    case 'PageAssigned':
      return `page ${event.n} assigned to ${event.to.join(', ')}`;
    case 'PagerSaid':
      return event.what === 'triggered' && event.to.length > 0
        ? `page ${event.n} assigned to ${event.to.join(', ')}`
        : null;
    case 'IncidentAcknowledged':
      return `acknowledged by ${name}`;
    case 'SeverityChanged':
      return `severity ${event.to}`;
    case 'KillAsked':
      return `KILL by ${name}`;
    case 'VenueCancelled':
      return history.some(
        (later) => later.type === 'VenueCancelled' && later.kill === event.kill && later.at > event.at,
      )
        ? null
        : 'last cancel answered';
    case 'KillJudged':
      return `verdict ${event.verdict}`;
    case 'FlattenFinished':
      return `flattened: ${event.verdict}`;
    case 'HoldPlaced':
      return event.key in HOLDS ? HOLDS[event.key as keyof typeof HOLDS] : null;
    case 'HoldLifted':
      return event.key in HOLDS ? `${HOLDS[event.key as keyof typeof HOLDS]}: lifted` : null;
    case 'LatchLifted':
      return 'latch lifted';
    case 'FeedGapBegan':
      return `feed gap: ${event.feed}`;
    case 'IncidentMitigated':
      return `mitigated: ${event.text}`;
    case 'IncidentResolved':
      return `resolved by ${name}`;
    case 'IncidentReopened':
      return `reopened by ${name}`;
    default:
      return null;
  }
}

/** Whether the mark was taken off again, or its message deleted. */
const isTakenBack = (
  { ts, emoji, by }: Extract<StandingEvent, { type: 'MessageMarked' }>,
  after: readonly StandingEvent[],
): boolean =>
  after.some(
    (later) =>
      (later.type === 'MessageDeleted' && later.ts === ts) ||
      (later.type === 'MessageUnmarked' && later.ts === ts && later.emoji === emoji && later.by.id === by.id),
  );

/** In their order; what is told again within a minute is one. */
export function momentsOf(history: readonly StandingEvent[]): Moment[] {
  const moments = history.flatMap((event, index): Moment[] => {
    // When it was said, and not when somebody marked it.
    if (event.type === 'MessageMarked' && event.mark === 'keyMoment')
      return isTakenBack(event, history.slice(index + 1))
        ? []
        : [{ at: Number(event.ts) * 1_000, text: `“${event.text}”` }];
    const text = momentOf(event, history);
    return text === null ? [] : [{ at: event.at, text }];
  });
  const once = moments
    .filter(({ at }) => Number.isFinite(at))
    .sort((a, b) => a.at - b.at)
    .filter(({ at, text }, index, all) => {
      const before = all.slice(0, index).findLast((one) => one.text === text);
      return before === undefined || at - before.at > SAME_MS;
    });
  if (once.length <= MOST) return once;
  const head = once.slice(0, MOST / 2);
  const tail = once.slice(1 - MOST / 2);
  const left = once.slice(head.length, once.length - tail.length);
  // What there is no room for is said where it begins.
  const more = left.slice(0, 1).map(({ at }) => ({ at, text: `… ${left.length} more, on the timeline` }));
  return [...head, ...more, ...tail];
}
