/** The go-live list as people see it: each line's state, evidence, who, when, and when it expires. Pure. */

import type { KnownBlock } from '@slack/types';
import type { ReadinessState, TextVersion } from '../domain/readiness/events.ts';
import { isGreen, isRed, type LinePart, type ReadinessLine } from '../domain/readiness/judge.ts';
import { ACTION, ON_DESK, readValue } from './actions.ts';
import { actions, type ButtonSpec, confirm, context, fitted, header, message, section } from './blocks.ts';
import { clockTime, count, cutMarkup, dateTime, duration, inert, listed, plain } from './text.ts';

export interface ReadinessShown {
  now: number;
  lines: ReadinessLine[];
  state: Pick<ReadinessState, 'test'>;
  texts: TextVersion[];
  required: boolean;
}

const SYMBOL: Record<ReadinessLine['state'], string> = {
  green: '✅',
  soon: '🟡',
  unknown: '❓',
  expired: '🔴',
  missing: '🔴',
};
const WORD: Record<ReadinessLine['state'], string> = {
  green: 'GREEN',
  soon: 'EXPIRES SOON',
  unknown: 'UNKNOWN',
  expired: 'EXPIRED',
  missing: 'MISSING',
};

/** A line of more parts than this is told by its worst ones. */
const PARTS = 8;

/** `2 of 6 green · 3 red · 1 unknown`. */
export function readinessSum(lines: ReadinessLine[]): string {
  const green = lines.filter(isGreen).length;
  const red = lines.filter(isRed).length;
  const unknown = lines.filter(({ state }) => state === 'unknown').length;
  return [
    `${green} of ${lines.length} green`,
    ...(red > 0 ? [`${red} red`] : []),
    ...(unknown > 0 ? [`${unknown} unknown`] : []),
  ].join(' · ');
}

/** Worst first, so that a list that is cut shows what is to be mended. */
const sorted = (parts: LinePart[]): LinePart[] => {
  const order: ReadinessLine['state'][] = ['missing', 'expired', 'unknown', 'soon', 'green'];
  return parts.toSorted((a, b) => order.indexOf(a.state) - order.indexOf(b.state));
};

function partLine(part: LinePart, now: number): string {
  const who =
    part.who === null || part.at === null
      ? ''
      : ` · ${inert(part.who, 60)}, ${dateTime(part.at)} (${duration(Math.max(0, now - part.at))} ago)`;
  const until =
    part.expiresAt === null
      ? ''
      : part.expiresAt > now
        ? ` · good until ${dateTime(part.expiresAt)}`
        : ` · expired ${dateTime(part.expiresAt)}`;
  return `    ${SYMBOL[part.state]} ${inert(part.name, 80)}: ${inert(part.says, 500)}${who}${until}`;
}

/** A line with its parts, in mrkdwn. */
export function readinessLine(line: ReadinessLine, now: number): string {
  const parts = sorted(line.parts);
  const more = parts.length - PARTS;
  return [
    `${SYMBOL[line.state]} *${WORD[line.state]}* · ${inert(line.text, 200)}`,
    ...parts.slice(0, PARTS).map((part) => partLine(part, now)),
    ...(more > 0 ? [`    … and ${more} more`] : []),
    ...(line.note === undefined ? [] : [`    ❗ ${inert(line.note, 400)}`]),
    ...(isGreen(line) ? [] : [`    ↳ ${inert(line.mend, 400)}`]),
  ].join('\n');
}

/** What `/incident readiness` answers. `version`: of the texts, for the button. */
export function readinessMessage(
  shown: ReadinessShown,
  version: string,
  drill: boolean,
): { text: string; blocks: KnownBlock[] } {
  const { now, lines, texts, required } = shown;
  const sum = readinessSum(lines);
  const rule = required
    ? lines.every(isGreen)
      ? 'Required: all is green, so what loosens is not refused.'
      : '⛔ Required: what loosens (/resume, promotions) is refused until all is green. Stopping is not.'
    : 'Not required: it refuses nothing (readiness: required in standdown.yml makes it).';
  return fitted(
    `Readiness: ${sum}`,
    [header(`${drill ? 'DRILL · ' : ''}Readiness · ${sum}`), context(`As of ${dateTime(now)}. ${rule}`)],
    lines.map((line) => [section(readinessLine(line, now))]),
    [
      ...testBlocks(shown),
      context(
        `To read: ${listed(
          texts.map(({ name, sha256 }) => `${inert(name, 80)} \`${sha256?.slice(0, 8) ?? 'unreadable'}\``),
          12,
        )}`,
      ),
      actions(...readinessButtons(version)),
    ],
    (hidden) => `${count(hidden, 'more line')} not shown here`,
  );
}

/** Not its own confirm only: a test page wakes somebody. */
export function readinessButtons(version: string): ButtonSpec[] {
  return [
    {
      action: ACTION.runbooksRead,
      label: 'I have read the runbooks',
      value: readValue(version),
      confirm: confirm(
        'All of them, as they are now?',
        'It is put on record with your name, for these very texts. When one changes you are asked again.',
        'I have read them',
        'Not yet',
      ),
    },
    {
      action: ACTION.testPage,
      label: 'Send a test page…',
      value: ON_DESK,
      confirm: confirm(
        'Page on-call for a test?',
        'Whoever is on call is paged as for a P0. The page says that it is a TEST and that nothing is wrong. It counts when a person acknowledges it at PagerDuty.',
        'Send it',
        'Do not',
      ),
    },
  ];
}

function testBlocks({ state: { test } }: ReadinessShown): KnownBlock[] {
  if (test === null || test.state === 'closed') return [];
  const words: Record<typeof test.state, string> = {
    owed: 'not sent yet',
    queued: 'queued at PagerDuty, nobody has acknowledged it yet',
    acknowledged: 'acknowledged, being resolved at PagerDuty',
    failed: 'failed',
  };
  const why = test.reason === null ? '' : ` (${inert(test.reason, 200)})`;
  const machine =
    test.acknowledged !== null && !test.acknowledged.person
      ? ` · acknowledged by ${inert(test.acknowledged.who, 60)}, which is no person`
      : '';
  return [
    context(
      `Test page ${test.page}, asked for by ${inert(test.by.name, 60)} at ${clockTime(test.at)}: ${words[test.state]}${why}${machine}`,
    ),
  ];
}

/** The weekly message in #incidents. `whoCan`: mentions of those who can mend it. */
export function readinessReminder(
  { now, lines }: ReadinessShown,
  whoCan: string,
  drill: boolean,
): { text: string; blocks: KnownBlock[] } {
  const notGreen = lines.filter((line) => !isGreen(line));
  const title = `${drill ? 'DRILL · ' : ''}Not ready: ${readinessSum(lines)}`;
  return message(plain(title), [
    header(title),
    ...notGreen.map((line) => section(readinessLine(line, now), 1_500)),
    context(
      `${whoCan}: \`/incident readiness\` shows all of it. This is said once a week until all is green.`,
    ),
  ]);
}

/** For the App Home: a line each, and no more. */
export function readinessHome({ now, lines }: ReadinessShown): string[] {
  return [
    `*Readiness*: ${readinessSum(lines)}`,
    ...lines.map((line) => {
      const worst = sorted(line.parts)[0];
      const why =
        worst === undefined || line.state === 'green'
          ? ''
          : ` · ${inert(worst.name, 60)}: ${inert(worst.says, 140)}`;
      const until =
        line.expiresAt !== null && isGreen(line)
          ? ` · good until ${dateTime(line.expiresAt).slice(0, 10)} (${duration(line.expiresAt - now)})`
          : '';
      return cutMarkup(
        `${SYMBOL[line.state]} ${inert(line.text, 120)} *${WORD[line.state]}*${until}${why}`,
        600,
      );
    }),
  ];
}
