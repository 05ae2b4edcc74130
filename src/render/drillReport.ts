/** The report of a drill: in its thread, and as a file. Pure. */

import {
  type DrillResult,
  type DrillTime,
  ENDED,
  type FurtherMissed,
  foundAt,
  inSeconds,
  SCENARIOS,
  type Scenario,
  TIME_WORDS,
} from '../domain/drill/gameDay.ts';
import { compared } from '../domain/drill/measure.ts';
import { counted } from '../domain/words.ts';
import { count, dateTime, inert, plain } from './text.ts';

const STATE: Record<DrillTime['state'], string> = {
  kept: '✓ kept',
  missed: '✗ MISSED',
  measured: '· measured',
  unknown: '❓ unknown',
};

const tookOf = ({ ms }: DrillTime): string => (ms === null ? 'not seen' : inSeconds(ms));
const limitOf = ({ limitMs }: DrillTime): string => (limitMs === null ? 'none' : inSeconds(limitMs));

function comparedWords(time: DrillTime, { earlier }: DrillResult): string {
  const found = compared(time, earlier);
  if (found === null) return 'nothing to compare with';
  if (found.word === 'the same') return `the same as in ${found.drill}`;
  return `${inSeconds(Math.abs(found.byMs))} ${found.word} than in ${found.drill}`;
}

const outcome = ({ passed, ended }: DrillResult): string =>
  passed ? '✓ PASSED' : ended === 'done' ? '✗ NOT passed' : '■ ENDED EARLY, not passed';

const ordersWords = (count: number): string => `${counted(count, 'order')} to cancel`;

/** What was found at one venue: where it is nothing, its cancelling is not proven. */
function foundWords(found: number | null): string {
  if (found === null) return 'orders found not counted by venue';
  return found === 0 ? 'NO order found to cancel (proves nothing here)' : `found ${ordersWords(found)}`;
}

/** What the kill proved, and what it did not. */
function killLines({ scenario, kill, venues }: DrillResult): string[] {
  if (scenario !== 'kill') return [LEFT_OPEN[scenario]];
  if (kill === null) return [`The kill at ${venues.join(', ')} has no verdict. Orders there may be live.`];
  const found =
    kill.found === 0
      ? 'It found no order to cancel: it proves less than one that did. Place some far from the market first.'
      : `It found ${ordersWords(kill.found)}.`;
  return [
    `Verdict ${kill.verdict}. ${found}`,
    ...kill.venues.map((one) => {
      const { venue, verdict, orders, positions, reason } = one;
      const because = reason === null ? '' : `: ${plain(reason, 200)}`;
      return `${venue}: ${verdict}, ${foundWords(foundAt(kill, one))}, orders left ${orders}, positions ${positions}${because}`;
    }),
    "The latch was the drill's own file, which no engine reads: that an engine stops is not proven by it.",
  ];
}

/** What a scenario without a kill leaves open: it exercises people, and nothing of the desk. */
const LEFT_OPEN: Record<Exclude<Scenario, 'kill'>, string> = {
  'feed-gap':
    'There was no gap: whether one is noticed, whether the engine pauses, and the backup feed were NOT measured.',
  paging:
    'What pages for real, and who is asked when nobody answers, were NOT measured: it was one test page.',
  runbook:
    'Its steps were ticked by people: the kill, the cancel and whether the engine stops were NOT measured.',
};

const endLine = (result: DrillResult): string =>
  `It ${ENDED[result.ended]}${result.why === '' ? '' : ` (${plain(result.why, 300)})`}.`;

/** The lines of the report in the thread, plain text. */
export function drillLines(result: DrillResult): string[] {
  return [
    `${result.drill} · ${result.scenario} · ${outcome(result)}`,
    endLine(result),
    ...result.times.map(
      (time) =>
        `${STATE[time.state]} · ${TIME_WORDS[time.id]}: ${tookOf(time)}, limit ${limitOf(time)} · ${comparedWords(time, result)}`,
    ),
    ...killLines(result),
  ];
}

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ');

/** The report as Markdown. `at` is when it ended, ms since the epoch. */
export function drillMarkdown(result: DrillResult, incident: string, at: number): string {
  const rows = result.times.map(
    (time) =>
      `| ${TIME_WORDS[time.id]} | ${tookOf(time)} | ${limitOf(time)} | ${STATE[time.state]} | ${cell(comparedWords(time, result))} |`,
  );
  const earlier = result.earlier.map(
    (one) => `- ${one.drill}, ${dateTime(one.at)} UTC: ${one.passed ? 'passed' : 'not passed'}`,
  );
  return [
    `# ${result.drill}: ${result.scenario}`,
    '',
    `**DRILL**: nothing of this happened to the desk. ${outcome(result)}. ${cell(endLine(result))}`,
    '',
    `- Incident ${incident}, ended ${dateTime(at)} UTC`,
    `- Venues: ${result.venues.length === 0 ? 'none' : result.venues.join(', ')}`,
    '',
    '| what | took | limit | | compared |',
    '|---|---|---|---|---|',
    ...rows,
    '',
    ...killLines(result).map((line) => `- ${cell(line)}`),
    '',
    '## Earlier drills of this scenario',
    '',
    ...(earlier.length === 0 ? ['None.'] : earlier),
    '',
  ].join('\n');
}

export const SCENARIO_WORDS: Record<Scenario, string> = {
  kill: 'latch, cancel and verify at the drill venues, and a test page',
  'feed-gap': 'a test page, and the feed runbook ticked by people',
  paging: 'a test page, acknowledged by a person',
  runbook: 'a test page, and the kill runbook ticked by people',
};

/** `list`: what can be played, the last result of each, and when it is next. Plain text. */
export function drillListLines(
  last: { result: DrillResult; at: number }[],
  planned: { scenario: Scenario; dueAt: number }[],
  missed: { scenario: Scenario; dueAt: number; why: string; further?: FurtherMissed }[],
): string[] {
  return SCENARIOS.map((scenario) => {
    const newest = last.find(({ result }) => result.scenario === scenario);
    const next = planned
      .filter((one) => one.scenario === scenario)
      .map(({ dueAt }) => dueAt)
      .sort((a, b) => a - b)[0];
    const before =
      newest === undefined
        ? 'never run'
        : `last ${dateTime(newest.at)} UTC ${outcome(newest.result)} (${newest.result.drill})`;
    const lost = missed.findLast((one) => one.scenario === scenario);
    const late =
      lost === undefined || (newest !== undefined && newest.at > (lost.further?.until ?? lost.dueAt))
        ? ''
        : ` · ❗ MISSED ${dateTime(lost.dueAt)} UTC${lost.further === undefined ? '' : ` and ${count(lost.further.times.length + lost.further.more, 'later time')}`}: ${plain(lost.why, 200)}`;
    return `${scenario}: ${SCENARIO_WORDS[scenario]} · ${before} · ${next === undefined ? 'not scheduled' : `next ${dateTime(next)} UTC`}${late}`;
  });
}

/** A scheduled drill that did not run, for #incidents. */
export function missedDrillWords(missed: {
  scenario: Scenario;
  dueAt: number;
  why: string;
  further?: FurtherMissed;
}): string {
  const { scenario, dueAt, why, further } = missed;
  const later =
    further === undefined
      ? ''
      : ` Nor did those due ${further.times.map(dateTime).join(', ')} UTC${
          further.more === 0 ? '' : `, and ${further.more} more until ${dateTime(further.until)} UTC`
        }.`;
  const reason = inert(why, 300);
  return `DRILL · ❗ The drill ${scenario}, due ${dateTime(dueAt)} UTC, did NOT run: ${reason}${/[.!?]$/.test(reason) ? '' : '.'}${later} It is not made up for: \`/incident drill ${scenario}\` runs it.`;
}
