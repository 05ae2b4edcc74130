/** Whether the desk is ready, line by line of the playbook's go-live list, from what is on record. Pure. */

import type { Scenario } from '../drill/gameDay.ts';
import { counted, utc } from '../words.ts';
import { AHEAD_MS, type ReadinessState, type TextVersion } from './events.ts';

const DAY_MS = 86_400_000;

/** `missing` and `expired` are red; `soon` is green and expires within a few days. */
export type LineState = 'green' | 'soon' | 'unknown' | 'expired' | 'missing';

/** The worse, the later. What is known to be wrong comes before what is not known. */
const ORDER: LineState[] = ['green', 'soon', 'unknown', 'expired', 'missing'];

/** One part of a line: a venue, a feed, a person. Times in ms since the epoch. */
export interface LinePart {
  name: string;
  state: LineState;
  /** What proves it, or what is missing, in words. */
  says: string;
  who: string | null;
  at: number | null;
  expiresAt: number | null;
}

export interface ReadinessLine {
  id: string;
  /** The playbook's words. */
  text: string;
  state: LineState;
  parts: LinePart[];
  /** The first part to expire; null: nothing of it does. */
  expiresAt: number | null;
  /** How to make it green. */
  mend: string;
  /** What is to be known beside; it makes the line neither green nor red. Absent: nothing. */
  note?: string;
}

export interface ReadinessRules {
  /** A line is `soon` so many days before it expires. */
  soonDays: number;
  /** How long evidence is good for, by the id of the line. */
  validDays: Readonly<Record<string, number>>;
}

/** What the configuration says of the desk. */
export interface ReadinessFacts {
  lines: { id: string; text: string }[];
  rules: ReadinessRules;
  /** The whole bot rehearses: only then does what a rehearsal proved count. */
  rehearsal: boolean;
  venues: string[];
  /** What stands behind a venue's id now, by that id: exchange and address. */
  exchanges: Readonly<Record<string, string>>;
  /** The ids of the engines that must obey. Empty: none is configured, and any that confirms will do. */
  engines: string[];
  /** `off`: gap detection is off. `backup` null: none is named. */
  feeds: 'off' | { id: string; backup: string | null }[];
  /** The name of the owner's runbook among the texts; null: none is configured. */
  ownerDocument: string | null;
  /** Names the key that pages go out with, and does not tell it: another key may ring somewhere else, or nowhere. */
  pagedWith: string;
  /** False: there is no PagerDuty REST token. */
  canAskPager: boolean;
}

/** What a drill exercises. Only the kill's proves its line by itself; the others are practice for theirs. */
const EXERCISES: Record<Scenario, string> = {
  kill: 'emergency-cancel',
  paging: 'alerting',
  'feed-gap': 'backup-feed',
  runbook: 'runbook-read',
};

/** Where the playbook names no days for a line. */
export const VALID_DAYS = 90;

export const isRed = ({ state }: Pick<ReadinessLine, 'state'>): boolean =>
  state === 'missing' || state === 'expired';

/** What is unknown is not green. */
export const isGreen = ({ state }: Pick<ReadinessLine, 'state'>): boolean =>
  state === 'green' || state === 'soon';

export function judgeReadiness(state: ReadinessState, facts: ReadinessFacts, now: number): ReadinessLine[] {
  return facts.lines.map(({ id, text }) => {
    const { parts: told, mend } = partsOf(id, { state, facts, now });
    const parts = told.length > 0 ? told : [missing('', 'there is nothing that it could be proved of')];
    const worst = parts.map((part) => part.state).toSorted((a, b) => ORDER.indexOf(b) - ORDER.indexOf(a))[0];
    const note = missedNote(id, state);
    const ends = parts.flatMap(({ expiresAt }) => (expiresAt === null ? [] : [expiresAt]));
    return {
      id,
      text,
      state: worst ?? 'missing',
      parts,
      expiresAt: ends.length === 0 ? null : Math.min(...ends),
      mend,
      ...(note === '' ? {} : { note }),
    };
  });
}

const missedNote = (line: string, { missed = [] }: ReadinessState): string =>
  missed
    .filter(({ scenario }) => EXERCISES[scenario] === line)
    .map(({ scenario, dueAt, until, count, why }) =>
      count === 1
        ? `drill (${scenario}) of ${utc(dueAt)} was missed: ${why}`
        : `${counted(count, 'drill')} (${scenario}) from ${utc(dueAt)} to ${utc(until)} were missed, the last: ${why}`,
    )
    .join('; ');

interface Seen {
  state: ReadinessState;
  facts: ReadinessFacts;
  now: number;
}

function partsOf(id: string, seen: Seen): { parts: LinePart[]; mend: string } {
  switch (id) {
    case 'kill-switch':
      return {
        parts: [
          proved(
            id,
            '',
            'tested',
            'no kill on record whose latch was written and read back, and which an engine confirmed',
            seen,
          ),
          documented(seen),
        ],
        mend: 'Kill at a quiet time with the engine running and sending heartbeats (a drill has a control file of its own, which no engine reads), and let on-call read the owner’s runbook.',
      };
    case 'emergency-cancel':
      return {
        parts: seen.facts.venues.map((venue) =>
          proved(
            id,
            venue,
            venue,
            'untested: no cancel on record that found an order there and read back that none was left',
            seen,
          ),
        ),
        mend: 'On each venue named: place a small order far from the market, cancel it with /cancel or a drill.',
      };
    case 'on-call-rotation':
      return {
        parts: rotaParts(seen),
        mend: 'Fill the schedule at PagerDuty, and give each person a phone or SMS contact there.',
      };
    case 'alerting':
      return {
        parts: [proved(id, '', 'test page', 'no test page on record that a person acknowledged', seen)],
        mend: 'Send a test page (the button, or /incident readiness test-page), and acknowledge it at PagerDuty.',
      };
    case 'backup-feed':
      return {
        parts: feedParts(seen),
        mend: 'Name a backup for each feed, and send its bars as telemetry, or say what you tested: /incident readiness mark backup-feed <feed> <what and how>.',
      };
    case 'runbook-read':
      return {
        parts: readParts(seen),
        mend: 'Each person on call reads the runbooks and presses “I have read it”.',
      };
    default:
      return {
        parts: [proved(id, '', 'marked', 'nobody said that it is done', seen)],
        mend: `Do it, and say what and how: /incident readiness mark ${id} <what and how>.`,
      };
  }
}

/** What is good from `at` on, for as long as the line's evidence is. `renewed`: it is renewed by itself, and never `soon`. */
function dated(
  line: string,
  at: number,
  { facts, now }: Seen,
  renewed = false,
): { state: LineState; expiresAt: number; why: string } {
  const { soonDays, validDays } = facts.rules;
  const days = Object.hasOwn(validDays, line) ? (validDays[line] ?? VALID_DAYS) : VALID_DAYS;
  const expiresAt = at + days * DAY_MS;
  if (at > now + AHEAD_MS)
    return { state: 'unknown', expiresAt, why: 'it is dated in the future: was the clock put back?' };
  if (now >= expiresAt) return { state: 'expired', expiresAt, why: `expired after ${counted(days, 'day')}` };
  const isSoon = !renewed && now >= expiresAt - soonDays * DAY_MS;
  return { state: isSoon ? 'soon' : 'green', expiresAt, why: '' };
}

/** What a proof must have been of to be one now; empty: of whatever there is. */
export function subjectOf(line: string, part: string, facts: ReadinessFacts): string[] {
  switch (line) {
    case 'kill-switch':
      return facts.engines;
    case 'alerting':
      return [facts.pagedWith];
    case 'emergency-cancel':
      return Object.hasOwn(facts.exchanges, part) ? [facts.exchanges[part] ?? ''] : [];
    case 'backup-feed': {
      const feed = facts.feeds === 'off' ? undefined : facts.feeds.find(({ id }) => id === part);
      return feed?.backup == null ? [] : [feed.backup];
    }
    default:
      return [];
  }
}

/** The first of a list, and how many more there are. */
const few = (items: string[], most: number): string =>
  items.length <= most
    ? items.join(', ')
    : `${items.slice(0, most).join(', ')} and ${items.length - most} more`;
const because = (why: string): string => (why === '' ? '' : ` (${why})`);
const missing = (name: string, says: string): LinePart => without(name, 'missing', says);
const unknown = (name: string, says: string): LinePart => without(name, 'unknown', says);
const without = (name: string, state: LineState, says: string): LinePart => ({
  name,
  state,
  says,
  who: null,
  at: null,
  expiresAt: null,
});

function proved(line: string, part: string, name: string, lacks: string, seen: Seen): LinePart {
  const proof = seen.state.proofs
    .filter((one) => one.line === line && one.part === part && (seen.facts.rehearsal || !one.rehearsal))
    .toSorted((a, b) => b.provedAt - a.provedAt)[0];
  if (proof === undefined) return missing(name, lacks);
  const unproved = subjectOf(line, part, seen.facts).filter((one) => !(proof.of ?? []).includes(one));
  if (unproved.length > 0)
    return missing(
      name,
      `not of ${few(unproved, 3)}: what is on record is of ${proof.of === undefined ? 'what it was before' : few(proof.of, 3)} (${proof.evidence})`,
    );
  const { state, expiresAt, why } = dated(line, proof.provedAt, seen);
  return {
    name,
    state,
    says: `${proof.evidence}${because(why)}`,
    who: proof.by,
    at: proof.provedAt,
    expiresAt,
  };
}

/** The owner's document, in its present text, was read by somebody. */
function documented(seen: Seen): LinePart {
  const { state, facts } = seen;
  const { ownerDocument: name } = facts;
  if (name === null) return missing('documented', 'no runbookFile is configured');
  const text = state.texts?.texts.find((one) => one.name === name);
  if (text === undefined || text.sha256 === null) return unknown('documented', `${name} cannot be read`);
  const read = state.reads
    .filter((one) => shaOf(one.texts, name) === text.sha256)
    .toSorted((a, b) => b.at - a.at)[0];
  if (read === undefined) return missing('documented', `nobody has read ${name} in its present text`);
  const { state: is, expiresAt, why } = dated('runbook-read', read.at, seen);
  return {
    name: 'documented',
    state: is,
    says: `${name} was read in its present text${because(why)}`,
    who: read.name,
    at: read.at,
    expiresAt,
  };
}

const shaOf = (texts: TextVersion[], name: string): string | null =>
  texts.find((one) => one.name === name)?.sha256 ?? null;

function rotaParts(seen: Seen): LinePart[] {
  const { state, facts, now } = seen;
  const { rota, unread } = state;
  if (!facts.canAskPager) return [unknown('rotation', 'without PAGERDUTY_API_TOKEN it cannot be read')];
  if (rota === null)
    return [
      unknown(
        'rotation',
        unread === null
          ? 'PagerDuty was not asked yet'
          : `PagerDuty could not be asked since ${utc(unread.since)}: ${unread.reason}`,
      ),
    ];
  const is = dated('on-call-rotation', rota.at, seen, true);
  const old =
    unread === null
      ? ''
      : `; PagerDuty cannot be asked since ${utc(unread.since)} (${unread.reason}), this is what it said last`;
  // What nobody could look at any more is not known: it may be as it was.
  const worn: LineState = is.state === 'expired' && unread !== null ? 'unknown' : is.state;
  const holes = rota.holes.filter(({ to }) => to > now);
  const days = Math.round((rota.to - rota.from) / DAY_MS);
  const rotation: LinePart = {
    name: 'rotation',
    state: holes.length > 0 ? 'missing' : worn,
    says: `${
      holes.length === 0
        ? `somebody is on call without a hole for ${counted(days, 'day')}`
        : `nobody is on call ${few(
            holes.map(({ from, to }) => `from ${utc(from)} to ${utc(to)}`),
            3,
          )}`
    }${because(is.why)}${old}`,
    who: 'PagerDuty',
    at: rota.at,
    expiresAt: is.expiresAt,
  };
  const people = rota.people.map(
    ({ name, hasPhone }): LinePart => ({
      name,
      state: hasPhone === null ? 'unknown' : hasPhone ? worn : 'missing',
      says:
        hasPhone === null
          ? 'their contacts could not be read'
          : hasPhone
            ? 'has a number'
            : 'has neither a phone nor an SMS contact at PagerDuty',
      who: 'PagerDuty',
      at: rota.at,
      expiresAt: is.expiresAt,
    }),
  );
  return [rotation, ...people];
}

function feedParts(seen: Seen): LinePart[] {
  const { feeds } = seen.facts;
  if (feeds === 'off') return [missing('feeds', 'feeds are off: no feed is known, and no backup')];
  return feeds.map(({ id, backup }) =>
    backup === null
      ? missing(id, 'no backup is configured')
      : proved('backup-feed', id, id, `${backup} was never seen with fresh bars, and nobody tested it`, seen),
  );
}

function readParts(seen: Seen): LinePart[] {
  const { state, facts } = seen;
  const { rota, texts } = state;
  if (texts === null) return [unknown('texts', 'the runbooks were not read from the disk yet')];
  const broken = texts.texts.filter(({ sha256 }) => sha256 === null).map(({ name }) => name);
  const owner =
    facts.ownerDocument === null ? [missing('owner’s runbook', 'no runbookFile is configured')] : [];
  const unreadable = broken.map((name) => missing(name, 'it cannot be read'));
  if (rota === null)
    return [
      ...owner,
      ...unreadable,
      unknown('on call', 'who is on call is not known: PagerDuty was not read'),
    ];
  // Whoever came onto the rota since it could be read last has read nothing as far as anybody knows.
  const isOld = dated('on-call-rotation', rota.at, seen, true).state !== 'green';
  const old = isOld
    ? [unknown('on call', `who is on call now is not known: the rota was last read ${utc(rota.at)}`)]
    : [];
  const nobody = rota.people.length === 0 ? [missing('on call', 'nobody is on call')] : [];
  return [
    ...old,
    ...nobody,
    ...owner,
    ...unreadable,
    ...rota.people.map((person): LinePart => {
      const { name, slack } = person;
      if (slack === undefined) return unknown(name, 'Slack could not be asked who that is');
      if (slack === null) return missing(name, 'has no Slack account with the e-mail address of PagerDuty');
      const read = state.reads.find(({ who }) => who === slack);
      if (read === undefined) return missing(name, 'has not read the runbooks');
      const changed = changedSince(texts.texts, read.texts);
      const { state: is, expiresAt, why } = dated('runbook-read', read.at, seen);
      return {
        name,
        state: changed.length > 0 ? 'expired' : is,
        says:
          changed.length > 0
            ? `must read again: ${few(changed, 4)} changed since`
            : `has read all ${texts.texts.length}${because(why)}`,
        who: read.name,
        at: read.at,
        expiresAt: changed.length > 0 ? null : expiresAt,
      };
    }),
  ];
}

/** The texts that are not as they were then, the new ones and those that are gone among them. */
export function changedSince(now: TextVersion[], then: TextVersion[]): string[] {
  const names = [...new Set([...now, ...then].map(({ name }) => name))];
  return names.filter(
    (name) =>
      now.some((one) => one.name === name) !== then.some((one) => one.name === name) ||
      shaOf(now, name) !== shaOf(then, name),
  );
}
