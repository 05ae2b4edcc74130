/** The log of an incident in rows: when, who, from where, what, and where to look it up. Pure, plain text, not escaped. */

import type { Actor, SharedFile, StandingEvent } from './incident.ts';
import { MARK_WORDS } from './marks.ts';
import { describe } from './timeline.ts';
import { counted, utc } from './words.ts';

export interface TimelineRow {
  /** The number of the event in the log, from 1; of several in one row the first one's. */
  n: number;
  /** UTC with seconds. */
  at: string;
  who: string;
  /** By which way it came: Slack, HTTP, the command line, … */
  from: string;
  what: string;
  /** Of the Slack message that it is about; null: there is none, or its address is not known. */
  link: string | null;
  files: SharedFile[];
}

const FROM: Record<Actor['via'], string> = {
  slack: 'Slack',
  http: 'HTTP',
  cli: 'command line',
  alert: 'alert source',
  pagerduty: 'PagerDuty',
  standdown: 'Standdown',
};

/** A headline's place in Slack, from which the address of every message in its thread follows. */
type Headline = { channel: string; ts: string; permalink?: string } | undefined;

/** The address of a message of the thread, or of the headline itself; null where the headline's is not known. */
export function messageLink(headline: Headline, ts: string): string | null {
  const [, room] = /^(https?:\/\/.+\/)p\d+(?:\?.*)?$/.exec(headline?.permalink ?? '') ?? [];
  if (headline === undefined || room === undefined || !/^\d+\.\d+$/.test(ts)) return null;
  const place = `${room}p${ts.replace('.', '')}`;
  return ts === headline.ts ? place : `${place}?thread_ts=${headline.ts}&cid=${headline.channel}`;
}

/** The address of the Slack message that an event is about; null: there is none, or it is not known. */
export function eventLink(event: StandingEvent, headline: Headline): string | null {
  switch (event.type) {
    case 'MessageLogged':
    case 'MessageEdited':
    case 'MessageDeleted':
    case 'MessageMarked':
    case 'MessageUnmarked':
    case 'MessagePinned':
    case 'MessageUnpinned':
      return messageLink(headline, event.ts);
    case 'Posted':
      return event.permalink ?? messageLink(headline, event.ts);
    case 'NoteAdded':
      return event.from?.permalink ?? null;
    default:
      return null;
  }
}

/** What became of each message later: edited, deleted, marked, pinned. */
function fateOf(history: StandingEvent[]): (ts: string) => string {
  const fates = new Map<string, Set<string>>();
  const fate = (ts: string): Set<string> => {
    const known = fates.get(ts) ?? new Set<string>();
    fates.set(ts, known);
    return known;
  };
  /** Whose reactions stand, by message and mark. */
  const reacted = new Map<string, Set<string>>();
  for (const event of history) {
    if (event.type === 'MessageEdited') fate(event.ts).add('edited later');
    else if (event.type === 'MessageDeleted') fate(event.ts).add('deleted later');
    else if (event.type === 'MessagePinned') fate(event.ts).add('pinned');
    else if (event.type === 'MessageUnpinned') fate(event.ts).delete('pinned');
    else if (event.type === 'MessageMarked' || event.type === 'MessageUnmarked') {
      const key = `${event.ts}|${event.mark}`;
      const people = reacted.get(key) ?? new Set<string>();
      reacted.set(key, people);
      const who = `${event.by.id}|${event.emoji}`;
      if (event.type === 'MessageMarked') people.add(who);
      else people.delete(who);
      const word = `marked: ${MARK_WORDS[event.mark]}`;
      if (people.size > 0) fate(event.ts).add(word);
      else fate(event.ts).delete(word);
    }
  }
  return (ts) => [...(fates.get(ts) ?? [])].join(', ');
}

/** So much of a message tells it from another. */
const FIRST_WORDS = 60;

/** Which message a row means that has no link: by its author and its first words, as it was logged or marked first. */
function meaning(history: StandingEvent[]): (event: StandingEvent) => string {
  const messages = new Map<string, { author: string | null; text: string }>();
  for (const event of history) {
    if (event.type === 'MessageLogged') messages.set(event.ts, { author: event.by.name, text: event.text });
    else if (event.type === 'MessageMarked' || event.type === 'MessagePinned')
      if (!messages.has(event.ts)) messages.set(event.ts, { author: null, text: event.text });
  }
  return (event) => {
    switch (event.type) {
      case 'MessageEdited':
      case 'MessageDeleted':
      case 'MessageUnmarked':
      case 'MessageUnpinned': {
        const known = messages.get(event.ts);
        if (known === undefined) return ` (the message ${event.ts}, which was not logged)`;
        const words = [...known.text];
        const first = words.slice(0, FIRST_WORDS).join('');
        const author = known.author === null ? 'one that was not logged' : `that of ${known.author}`;
        return ` (${author}: “${first}${words.length > FIRST_WORDS ? '…' : ''}”)`;
      }
      default:
        return '';
    }
  };
}

/** How many alerts in a row are told one by one. */
const ALERTS_IN_A_ROW = 20;

/** Alerts without anything between them: `length` were told, the others are counted. */
interface AlertRun {
  length: number;
  fired: number;
  cleared: number;
}

const countedAlerts = ({ fired, cleared }: AlertRun): string =>
  `${[...(fired > 0 ? [`${counted(fired, 'more alert')} fired`] : []), ...(cleared > 0 ? [`${cleared} cleared`] : [])].join(', ')} until here, each on the incident's record`;

/**
 * The whole log in rows, in its order. The same alert sent again and again is one row with a count; a message that was
 * edited or deleted later keeps what was said first, and is marked. Of many alerts in a row the first are told, and the rest
 * is one row with how many: nobody reads ten thousand, and each is on the log.
 */
export function timeline(history: StandingEvent[]): TimelineRow[] {
  const headline = history.findLast((event) => event.type === 'Posted' && event.what === 'headline');
  const place = headline?.type === 'Posted' ? headline : undefined;
  const fate = fateOf(history);
  const meant = meaning(history);
  const rowOf = (index: number, event: StandingEvent) => ({
    n: index + 1,
    at: utc(event.at),
    who: event.by.name,
    from: FROM[event.by.via],
    files: event.type === 'MessageLogged' ? (event.files ?? []) : [],
  });
  const rows: TimelineRow[] = [];
  let repeats = { key: '', count: 0 };
  let alerts: AlertRun = { length: 0, fired: 0, cleared: 0 };
  for (const [index, event] of history.entries()) {
    const isAlert = event.type === 'AlertFired' || event.type === 'AlertCleared';
    if (!isAlert) alerts = { length: 0, fired: 0, cleared: 0 };
    else if (alerts.length < ALERTS_IN_A_ROW) alerts.length += 1;
    else {
      if (event.type === 'AlertFired') alerts.fired += 1;
      else alerts.cleared += 1;
      const told = alerts.fired + alerts.cleared > 1 ? rows.pop() : undefined;
      repeats = { key: '', count: 1 };
      rows.push({ ...rowOf(index, event), n: told?.n ?? index + 1, what: countedAlerts(alerts), link: null });
      continue;
    }
    const repeated = event.type === 'AlertRepeated' ? event.key : '';
    const before = rows.at(-1);
    if (repeated !== '' && repeated === repeats.key && before !== undefined) {
      repeats.count += 1;
      before.what = `${describe(event)} ${repeats.count} times, the last at ${utc(event.at)}`;
      continue;
    }
    repeats = { key: repeated, count: 1 };
    const marked = event.type === 'MessageLogged' ? fate(event.ts) : '';
    const link = eventLink(event, place);
    rows.push({
      ...rowOf(index, event),
      what: `${describe(event)}${link === null ? meant(event) : ''}${marked === '' ? '' : ` (${marked})`}`,
      link,
    });
  }
  return rows;
}
