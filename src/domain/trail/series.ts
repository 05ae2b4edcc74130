/** The trail of an incident as lines: one for each thing that was measured, cut to its time, thinned, with its gaps. Pure. */

import { isFresh } from '../measure/money.ts';
import { TRADING_STATES, TRAIL_STEP_MS, type TrailPoint } from './point.ts';

/** ms since the epoch, and what was measured; null: from here on it is not known. It stands until the next point. */
export type Mark = [at: number, value: number | null];

/** What a line is of: `name` is a venue or a criterion, '' for the desk. */
export interface TrailLine {
  of:
    | 'absolute'
    | 'net'
    | 'orders'
    | 'value'
    | 'limit'
    | 'state'
    | 'dayPnl'
    | 'equity'
    | 'engine'
    | 'trading';
  name: string;
  unit: string;
  /** Strictly rising in time. */
  points: Mark[];
}

/** More time than this between two samples: nobody watched. Of an hour that was thinned, as many of its steps. */
const HOLE_STEPS = 2.5;
export const HOLE_MS = HOLE_STEPS * TRAIL_STEP_MS;
const stepOf = (point: TrailPoint): number => ('stepMs' in point ? point.stepMs : undefined) ?? TRAIL_STEP_MS;
/** Open orders are read each minute at least: after this long the number says nothing any more. */
const ORDERS_VOID_MS = 150_000;

const STATES = { ok: 0, tripped: 1, unknown: null } as const;

/** The lines of these points, which stand in the order in which they were written. */
export function linesOf(points: readonly TrailPoint[], currency: string): TrailLine[] {
  const gathered = gatherLines(currency);
  for (const point of points) gathered.take(point);
  return [...gathered.lines()];
}

/** The same, point by point and line by line: a day of points is half a second of work, which is not done in one go. */
export function gatherLines(currency: string): {
  take(point: TrailPoint): void;
  lines(): Iterable<TrailLine>;
} {
  const lines = new Map<string, TrailLine>();
  const put = (of: TrailLine['of'], name: string, unit: string, at: number, value: number | null) => {
    const key = `${of} ${name}`;
    const line = lines.get(key) ?? { of, name, unit, points: [] };
    lines.set(key, line);
    const last = line.points.at(-1);
    // A reading that was told already, or that a newer one has overtaken.
    if (last !== undefined && at < last[0]) return;
    if (last?.[0] === at) line.points.pop();
    line.points.push([at, value]);
  };
  /** A sample that knows nothing takes nothing back: a whole reading of the venue says how it is until it is void. */
  const stands = (of: TrailLine['of'], venue: string, at: number, value: number | null): boolean => {
    const last = lines.get(`${of} ${venue}`)?.points.at(-1);
    return value === null && last !== undefined && last[1] !== null && isFresh(last[0], at);
  };
  let before: TrailPoint | null = null;
  let watchedAt: number | null = null;
  let until = 0;
  function take(point: TrailPoint): void {
    until = Math.max(until, point.at);
    const isSample = point.kind === 'sample' || point.kind === 'start';
    if (before !== null && isSample && watchedAt !== null) {
      const isHole = point.kind === 'start' || point.at - watchedAt > HOLE_STEPS * stepOf(point);
      const from = Math.min(before.at + TRAIL_STEP_MS, point.at - 1);
      if (isHole)
        for (const { of, name, unit, points: told } of lines.values())
          if (told.at(-1)?.[1] !== null) put(of, name, unit, from, null);
    }
    for (const [venue, said] of Object.entries(point.venues)) {
      for (const of of ['absolute', 'net'] as const)
        if (said[of] !== undefined && !(isSample && stands(of, venue, said.at, said[of])))
          put(of, venue, currency, said.at, said[of]);
      if (said.orders !== undefined) put('orders', venue, 'orders', said.at, said.orders);
    }
    if (isSample) {
      const { at } = point;
      for (const { id, value, limit, unit, state } of point.criteria) {
        put('value', id, unit, at, value);
        put('limit', id, unit, at, limit);
        put('state', id, '', at, STATES[state]);
      }
      put('dayPnl', '', currency, at, point.dayPnl);
      put('equity', '', currency, at, point.equity);
      put('engine', '', '', at, point.engine === null ? null : Number(point.engine));
      watchedAt = at;
    }
    if (point.kind !== 'reading') put('trading', '', '', point.at, TRADING_STATES.indexOf(point.trading));
    before = point;
  }
  return {
    take,
    *lines() {
      for (const line of lines.values())
        yield line.of === 'orders' ? { ...line, points: voided(line.points, until) } : line;
    },
  };
}

/** With a null wherever the next reading was too long in coming. */
function voided(points: Mark[], until: number): Mark[] {
  return points.flatMap((point, index): Mark[] => {
    const next = points[index + 1]?.[0] ?? until;
    return point[1] !== null && next - point[0] > ORDERS_VOID_MS
      ? [point, [point[0] + ORDERS_VOID_MS, null]]
      : [point];
  });
}

/** Of a line the part from one moment to another, with the point that stood when it began, at its own time. */
export function within(points: Mark[], from: number, to: number): Mark[] {
  const first = points.findLastIndex(([at]) => at <= from);
  return points.slice(Math.max(0, first)).filter(([at]) => at <= to);
}

/** Without the points that say again what stands: a line that is drawn in steps is the same without them. Its last one stays. */
export const withoutRepeats = (points: Mark[]): Mark[] =>
  points.filter(
    ([, value], index) => index === 0 || index === points.length - 1 || value !== points[index - 1]?.[1],
  );

/**
 * At most about six points for each of `buckets` stretches of time: of each its least, its greatest and its last. Every point
 * of the answer is one of the question; and where nothing was known between two of them, a null says so.
 */
export function thinned(points: Mark[], buckets: number): Mark[] {
  if (points.length <= buckets) return points;
  const from = points[0]?.[0] ?? 0;
  const width = Math.max(1, ((points.at(-1)?.[0] ?? 0) - from) / buckets);
  const chosen = new Set<number>([0]);
  let index = 0;
  const valueAt = (place: number | null, none: number) =>
    place === null ? none : (points[place]?.[1] ?? none);
  while (index < points.length) {
    const bucket = Math.floor(((points[index]?.[0] ?? 0) - from) / width);
    let least: number | null = null;
    let greatest: number | null = null;
    let last: number | null = null;
    for (; index < points.length; index += 1) {
      const [at, value] = points[index] ?? [0, null];
      if (Math.floor((at - from) / width) !== bucket) break;
      if (value === null) continue;
      if (value < valueAt(least, Number.POSITIVE_INFINITY)) least = index;
      if (value > valueAt(greatest, Number.NEGATIVE_INFINITY)) greatest = index;
      last = index;
    }
    for (const one of [least, greatest, last]) if (one !== null) chosen.add(one);
  }
  const kept: Mark[] = [];
  let gap: Mark | null = null;
  for (const [at, point] of points.entries()) {
    if (point[1] === null) gap ??= point;
    if (!chosen.has(at) || point[1] === null) continue;
    if (gap !== null) kept.push(gap);
    gap = null;
    kept.push(point);
  }
  if (gap !== null) kept.push(gap);
  return kept;
}
