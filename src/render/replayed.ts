/** What a replay of recorded telemetry found, for a terminal. Pure. */

import type { Condition } from '../domain/measure/conditions.ts';
import type { Criterion, CriterionState } from '../domain/measure/criteria.ts';
import type { Replayed } from '../domain/measure/replay.ts';
import { count, dateTime, duration, plain } from './text.ts';

const moment = (at: number): string => new Date(at).toISOString().replace('T', ' ').replace('Z', ' UTC');
const shown = (value: number | null, unit: string): string =>
  value === null ? 'unknown' : `${Number(value.toFixed(2))} ${unit}`;

/** One thing that would have happened, in one or more lines. */
export function replayedLines(what: Replayed): string[] {
  switch (what.kind) {
    case 'trip':
      return tripLines(what.at, what.criterion);
    case 'begun':
      return [`${moment(what.at)}  ${what.condition.severity}    ${conditionText(what.condition)}`];
    case 'over':
      return [
        `${moment(what.at)}  over  ${plain(what.condition.title)}, after ${duration(what.at - what.since)}`,
      ];
    default: {
      const unknown: never = what;
      return [String(unknown)];
    }
  }
}

function tripLines(at: number, one: Criterion): string[] {
  const source = one.source === null ? '' : ` · said by the ${one.source}`;
  const age = one.ageMs === null ? '' : `, ${duration(one.ageMs)} before`;
  return [
    `${moment(at)}  KILL  ${one.id} ${shown(one.value, one.unit)}, limit ${shown(one.limit, one.unit)}${one.detail === '' ? '' : ` (${plain(one.detail)})`}`,
    `    ${plain(one.title)}: ${plain(one.evidence.formula)}${source}${age}`,
    ...one.evidence.samples.map((text) => `    ${plain(text)}`),
  ];
}

const conditionText = ({ title, value }: Condition): string => `${plain(title)} · ${plain(value)}`;

export interface ReplaySummary {
  lines: number;
  samples: number;
  badLines: number;
  /** Samples that came over ten minutes after they were measured: no hard stop looked at them. */
  tooLate: number;
  /** ms since the epoch; null without a sample. */
  from: number | null;
  to: number | null;
  /** By criterion: how often, and when first, ms. */
  trips: Record<string, { times: number; first: number }>;
  /** By severity. */
  conditions: Record<string, number>;
  /** By criterion: ms in each state. */
  spent: Record<string, Record<CriterionState, number>>;
}

/** The last lines. They never say that a criterion passed that was not measured. */
export function summaryLines(of: ReplaySummary): string[] {
  const span =
    of.from === null || of.to === null
      ? ''
      : `, ${dateTime(of.from)} to ${dateTime(of.to)} (${duration(of.to - of.from)})`;
  const lines = ['', `${count(of.samples, 'sample')} in ${count(of.lines, 'line')}${span}.`];
  if (of.badLines > 0) lines.push(`${count(of.badLines, 'line')} could not be read.`);
  if (of.tooLate > 0)
    lines.push(`${count(of.tooLate, 'sample')} came over ten minutes late: no hard stop looks at those.`);
  const raised = Object.entries(of.conditions).map(([severity, n]) => `${n} ${severity}`);
  lines.push(
    `Conditions raised beside the hard stops: ${raised.length === 0 ? 'none' : raised.join(', ')}.`,
    '',
  );
  for (const [id, { ok, tripped, unknown }] of Object.entries(of.spent)) {
    const all = ok + tripped + unknown;
    const trip = of.trips[id];
    const word =
      trip === undefined
        ? 'would not have tripped'
        : `WOULD HAVE KILLED ${count(trip.times, 'time')}, first at ${moment(trip.first)}`;
    const share = all === 0 ? 0 : (unknown / all) * 100;
    lines.push(
      `${id}: ${word}${share === 0 ? '' : `; unknown for ${Number(share.toPrecision(3))} % of the time`}`,
    );
  }
  if (Object.keys(of.trips).length > 0)
    lines.push('', 'What follows the first kill is what was recorded without one.');
  return lines;
}
