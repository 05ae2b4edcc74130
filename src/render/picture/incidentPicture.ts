/**
 * The picture of an incident, as a Vega specification: exposure, open orders and criteria over one time axis, what was
 * ordered of trading, and the moments that mattered. Drawn from the incident's record alone. Pure.
 */

import type { Incident, StandingEvent } from '../../domain/incident.ts';
import { type Moment, momentsOf } from '../../domain/trail/moments.ts';
import { TRADING_STATES } from '../../domain/trail/point.ts';
import { type KeptTrail, newestOf } from '../../domain/trail/record.ts';
import type { Mark, TrailLine } from '../../domain/trail/series.ts';
import type { PictureSpec } from '../burnDown.ts';
import { clockTime, count, dateTime, duration } from '../text.ts';
import {
  type Drawn,
  FAINT,
  INK,
  legend,
  lookOf,
  MOST_LINES,
  panel,
  rect,
  rule,
  said,
  sideBySide,
  text,
  together,
  WIDTH,
  widthOf,
} from './layout.ts';

export interface IncidentPicture {
  spec: PictureSpec;
  /** What it shows, in words. */
  alt: string;
}

type Told = Pick<Incident, 'id' | 'title' | 'severity' | 'drill' | 'openedAt' | 'resolution'>;

/** The incident at its shortest still has this much before and after it, ms. */
const LEAST_LEAD_MS = 60_000;
const LEAST_MS = 2_000;
const MINUTE_MS = 60_000;

/** Null: no trail is on record. */
export function incidentPicture(incident: Told, history: readonly StandingEvent[]): IncidentPicture | null {
  const kept = newestOf(history, 'TrailKept')?.event;
  if (kept === undefined) return null;
  const window = shown(incident, kept);
  const lines = (of: TrailLine['of']) =>
    kept.lines
      .filter((line) => line.of === of)
      .map((line) => ({
        name: line.name,
        unit: line.unit,
        points: line.points.map(([sec, value]): Mark => [kept.from + sec * 1_000, value]),
      }));
  const moments = momentsOf(history).filter(({ at }) => at >= window[0] && at <= window[1]);
  const parts = [exposurePart(kept, lines), ordersPart(lines), criteriaPart(lines)];
  const title = `${incident.drill ? 'DRILL · ' : ''}${incident.id} · ${incident.severity} · ${said(incident.title, 70)}`;
  return {
    spec: composed(title, window, kept, lines('trading')[0]?.points ?? [], moments, parts),
    alt: altOf(title, window, moments, parts),
  };
}

/** As much before the opening and after the end as the incident is long, of what is on record. */
function shown(incident: Told, kept: KeptTrail): [number, number] {
  const end = incident.resolution?.at ?? kept.to;
  const lead = Math.max(LEAST_LEAD_MS, end - incident.openedAt);
  const to = Math.max(incident.openedAt + LEAST_MS, Math.min(kept.to, end + lead));
  // What was kept begins later where the bot did: then the picture does too, after a strip that shows it.
  const [first = 0] = kept.lines
    .flatMap(({ points }) => points.slice(0, 1).map(([sec]) => kept.from + sec * 1_000))
    .sort((a, b) => a - b);
  const begun = Math.min(incident.openedAt, Math.max(first, kept.from));
  return [Math.max(kept.from, incident.openedAt - lead, begun - (to - begun) * 0.06), to];
}

type LinesOf = (of: TrailLine['of']) => { name: string; unit: string; points: Mark[] }[];

interface Part {
  title: string;
  lines: Drawn[];
  limits: { value: number; label: string }[];
  /** What is said beside it: limits that are out of the picture, what has no line. */
  remarks: string[];
  height: number;
  format: string;
  /** In words, for who does not see it. */
  words: string;
}

const known = (points: Mark[]): number[] => points.flatMap(([, value]) => (value === null ? [] : [value]));
const greatest = (lines: { points: Mark[] }[]): number =>
  Math.max(0, ...lines.flatMap(({ points }) => known(points)));
const least = (lines: { points: Mark[] }[]): number =>
  Math.min(0, ...lines.flatMap(({ points }) => known(points)));
const number = (value: number): string =>
  value.toLocaleString('en-US', { maximumFractionDigits: Math.abs(value) < 100 ? 2 : 0 });

/** "from 512 to 0, 820 at most"; of a line that was never known, that. */
function course(points: Mark[], unit: string): string {
  const values = known(points);
  const [first] = values;
  const last = points.at(-1)?.[1];
  if (first === undefined) return 'never known';
  const most = Math.max(...values);
  const end = last === null || last === undefined ? 'unknown' : number(last);
  return `${number(first)} ${unit} at first, ${number(most)} at most, ${end} at last`;
}

/** Lines there is no room for are named, never left out in silence. */
function roomFor<T extends { name: string }>(lines: T[]): { drawn: T[]; rest: string[] } {
  const rest = lines.slice(MOST_LINES).map(({ name }) => said(name, 40));
  return {
    drawn: lines.slice(0, MOST_LINES),
    rest: rest.length === 0 ? [] : [`not drawn: ${rest.join(', ')}`],
  };
}

function exposurePart(kept: KeptTrail, lines: LinesOf): Part {
  const currency = said(kept.currency, 10);
  const { drawn, rest } = roomFor(lines('absolute'));
  const net = lines('net');
  const differs = (name: string, points: Mark[]) => {
    const other = net.find((one) => one.name === name)?.points;
    return other !== undefined && JSON.stringify(other) !== JSON.stringify(points) ? [other] : [];
  };
  const all = drawn.flatMap(({ name, points }, index): Drawn[] => {
    const [look, label] = [lookOf(index), said(name, 40)];
    return [
      { label, points, look },
      ...differs(name, points).map(
        (other): Drawn => ({ label: `${label}, net`, points: other, look, thin: true }),
      ),
    ];
  });
  const most = greatest(all);
  const wanted = [
    {
      value: kept.limits.total,
      label: `kills over ${number(kept.limits.total)} ${currency} of all venues`,
    },
    ...Object.entries(kept.limits.perVenue).map(([venue, value]) => ({
      value,
      label: `kills over ${number(value)} ${currency} at ${said(venue, 40)}`,
    })),
  ];
  // A limit far above would press the line to the ground: it is said instead.
  const isNear = ({ value }: { value: number }) => value <= Math.max(most * 2.5, 1e-9);
  return {
    title: `Exposure, ${currency}`,
    lines: all,
    limits: wanted.filter(isNear),
    remarks: [
      ...wanted.filter((one) => !isNear(one)).map(({ label }) => `${label} (above this picture)`),
      ...rest,
    ],
    height: 130,
    format: ',~f',
    words:
      all.length === 0
        ? 'exposure was not known'
        : `exposure: ${drawn.map(({ name, points }) => `${said(name, 40)} ${course(points, currency)}`).join('; ')}`,
  };
}

function ordersPart(lines: LinesOf): Part {
  const { drawn, rest } = roomFor(lines('orders'));
  return {
    title: 'Open orders',
    lines: drawn.map(({ name, points }, index) => ({ label: said(name, 40), points, look: lookOf(index) })),
    limits: [],
    remarks: rest,
    height: 90,
    format: ',~f',
    words:
      drawn.length === 0
        ? 'open orders were not read'
        : `open orders: ${drawn.map(({ name, points }) => `${said(name, 40)} ${course(points, '')}`).join('; ')}`,
  };
}

const CRITERIA: Record<string, string> = {
  dailyLoss: 'daily loss',
  positionSize: 'position size',
  rejectRate: 'reject rate',
};
const criterionName = (id: string): string =>
  CRITERIA[id] ?? said(id.replace(/^dataFeedGap:/, 'feed gap '), 40);

/** Each that was not simply ok, in percent of what its limit was then. */
function criteriaPart(lines: LinesOf): Part {
  const limits = new Map(lines('limit').map(({ name, points }) => [name, points]));
  const values = new Map(lines('value').map(({ name, points }) => [name, points]));
  const troubled = lines('state').filter(({ points }) => points.some(([, state]) => state !== 0));
  const isTripped = ({ points }: { points: Mark[] }) => points.some(([, state]) => state === 1);
  const measured = troubled
    .map(({ name, points }) => ({
      name,
      points: share(values.get(name) ?? [], limits.get(name) ?? []),
      tripped: isTripped({ points }),
    }))
    .sort((a, b) => Number(b.tripped) - Number(a.tripped));
  const silent = measured.filter(({ points }) => known(points).length === 0);
  const { drawn, rest } = roomFor(measured.filter(({ points }) => known(points).length > 0));
  const ok = lines('state').filter(({ points }) => points.every(([, state]) => state === 0));
  const names = (of: { name: string }[]) => of.map(({ name }) => criterionName(name)).join(', ');
  const remarks = [
    ...(silent.length === 0 ? [] : [`unknown throughout: ${names(silent)}`]),
    ...(ok.length === 0 ? [] : [`ok throughout: ${names(ok)}`]),
    ...rest,
  ];
  return {
    title: 'Criteria, % of limit',
    lines: drawn.map(({ name, points, tripped }, index) => ({
      label: `${criterionName(name)}${tripped ? ' (TRIPPED)' : ''}`,
      points,
      look: lookOf(index),
    })),
    limits: drawn.length === 0 ? [] : [{ value: 100, label: 'limit: a hard stop kills above this' }],
    remarks,
    height: drawn.length === 0 ? 0 : 110,
    format: ',~f',
    words: `criteria: ${[...drawn.map(({ name, points, tripped }) => `${criterionName(name)} ${course(points, '% of its limit')}${tripped ? ', tripped' : ''}`), ...remarks].join('; ') || 'none was judged'}`,
  };
}

/** A value in percent of the limit that stood when it was measured; unknown where either is. */
function share(values: Mark[], limits: Mark[]): Mark[] {
  return values.map(([at, value]) => {
    const limit = (limits.findLast(([since]) => since <= at) ?? limits[0])?.[1] ?? null;
    return [at, value === null || limit === null || limit <= 0 ? null : (value * 100) / limit];
  });
}

// ── Putting it together ──────────────────────────────────────────────────────────────────────────────────────────────

const MARKS_HEIGHT = 40;
const STRIP_HEIGHT = 22;
const GAP = 14;
const ROW = 16;

function composed(
  title: string,
  window: [number, number],
  kept: KeptTrail,
  trading: Mark[],
  moments: Moment[],
  parts: Part[],
): PictureSpec {
  const x = (at: number) => ((at - window[0]) / (window[1] - window[0])) * WIDTH;
  const holes = holesOf(trading, window);
  const marks: object[] = [];
  /** From where to where the lines of the moments go: not through what is to be read. */
  const rows: [number, number][] = [[MARKS_HEIGHT - 4, MARKS_HEIGHT + STRIP_HEIGHT]];
  let y = MARKS_HEIGHT;
  const top = y;
  marks.push(...strip(trading, window, x, y));
  y += STRIP_HEIGHT + GAP;
  for (const part of parts) {
    if (part.height > 0) {
      const { marks: samples, rows: many } = legend(part.lines, y + 6);
      marks.push(...samples);
      y += many * ROW;
    }
    for (const remark of part.remarks) {
      marks.push(
        text(`${part.height === 0 ? `${part.title}: ` : ''}${said(remark, 150)}`, 0, y + 6, {
          fill: { value: FAINT },
        }),
      );
      y += ROW;
    }
    if (part.height === 0) {
      y += GAP;
      continue;
    }
    y += 4;
    const empty = part.lines.length === 0;
    rows.push([y, y + part.height]);
    marks.push(
      panel({
        y,
        height: part.height,
        domain: window,
        title: part.title,
        lines: part.lines,
        limits: part.limits,
        format: part.format,
        top: Math.max(1e-9, greatest(part.lines), ...part.limits.map(({ value }) => value)) * 1.12 || 1,
        bottom: least(part.lines) * 1.12,
      }),
    );
    if (empty)
      marks.push(
        text('nothing was measured', WIDTH / 2, y + part.height / 2, {
          align: { value: 'center' },
          fill: { value: FAINT },
        }),
      );
    y += part.height + GAP;
  }
  const bottom = y - GAP;
  const legendOf = momentRows(moments, bottom + 46);
  const notes = notesOf(kept, holes, bottom + 46 + legendOf.height + 8);
  return {
    width: WIDTH,
    height: bottom + 46 + legendOf.height + 8 + notes.length * ROW,
    // Texts are as wide as a font makes them: nothing is laid out by a guess of that.
    autosize: { type: 'none', contains: 'content' },
    padding: { left: 92, right: 28, top: 66, bottom: 14 },
    background: '#ffffff',
    title: {
      text: title,
      subtitle: [
        `${dateTime(window[0])} to ${clockTime(window[1])} UTC, ${duration(window[1] - window[0])} · at the top: what was ordered of trading`,
      ],
      anchor: 'start',
      color: INK,
      subtitleColor: FAINT,
      fontSize: 15,
      subtitleFontSize: 11,
      offset: 8,
      frame: 'group',
      limit: 2 * WIDTH,
    },
    scales: [{ name: 'time', type: 'utc', domain: window, range: [0, WIDTH] }],
    marks: [
      ...holes.map(([from, to]) =>
        rect(x(from), top, Math.max(1, x(to) - x(from)), bottom - top, { fill: { value: '#eef1f4' } }),
      ),
      ...marks,
      axis(window, bottom),
      ...momentMarks(moments, x, rows),
      ...legendOf.marks,
      ...notes,
    ],
  };
}

function axis(window: [number, number], y: number): object {
  const span = window[1] - window[0];
  const format = span < 12 * MINUTE_MS ? '%H:%M:%S' : span < 30 * 60 * MINUTE_MS ? '%H:%M' : '%d %b %H:%M';
  return {
    type: 'group',
    encode: { enter: { x: { value: 0 }, y: { value: y }, width: { value: WIDTH }, height: { value: 0 } } },
    axes: [
      {
        orient: 'bottom',
        scale: 'time',
        format,
        tickCount: 8,
        labelColor: INK,
        labelFontSize: 11,
        title: 'UTC',
        titleColor: INK,
        titleFontSize: 11,
      },
    ],
  };
}

/** What was ordered of trading. Its height tells it too: the more is stopped, the taller. */
function strip(trading: Mark[], window: [number, number], x: (at: number) => number, y: number): object[] {
  const fills = ['#dafbe1', '#fff8c5', '#ffd8a8', '#ffc9c9'];
  // One stretch a state, however often it was read.
  const changes = trading.filter(([, state], index) => index === 0 || state !== trading[index - 1]?.[1]);
  return changes.flatMap(([at, state], index) => {
    if (state === null) return [];
    const from = Math.max(window[0], at);
    const to = Math.min(window[1], changes[index + 1]?.[0] ?? window[1]);
    if (to <= from) return [];
    const width = x(to) - x(from);
    const height = (STRIP_HEIGHT * (state + 1)) / TRADING_STATES.length;
    const word = (TRADING_STATES[state] ?? '?').toUpperCase();
    const fits = width > widthOf(word, 10) + 8;
    return [
      rect(x(from), y + STRIP_HEIGHT - height, Math.max(1, width), height, {
        fill: { value: fills[state] ?? '#ffffff' },
        stroke: { value: '#8c959f' },
      }),
      ...(fits
        ? [
            text(word, x(from) + 5, y + STRIP_HEIGHT - (state === 0 ? height + 7 : height / 2), {
              fontSize: { value: 10 },
              fontWeight: { value: 'bold' },
            }),
          ]
        : []),
    ];
  });
}

/** When nobody watched, within the window. */
function holesOf(trading: Mark[], window: [number, number]): [number, number][] {
  const first = trading[0]?.[0] ?? window[1];
  const before: [number, number][] = first > window[0] ? [[window[0], Math.min(first, window[1])]] : [];
  const between = trading.flatMap(([at, state], index): [number, number][] => {
    const to = Math.min(window[1], trading[index + 1]?.[0] ?? window[1]);
    return state === null && to > Math.max(at, window[0]) ? [[Math.max(at, window[0]), to]] : [];
  });
  return [...before, ...between];
}

/** Lines nearer than this are one, px: a bundle of dashes hides what is measured. */
const NEAR = 7;
const NUMBER_HEIGHT = 18;

/**
 * Numbers on top, side by side, each with a line to its moment and down through the panels. Moments that fall on one
 * place have one line, and one mark: 2–5.
 */
function momentMarks(moments: Moment[], x: (at: number) => number, rows: [number, number][]): object[] {
  const at = moments.map((moment) => x(moment.at));
  const groups = together(at, NEAR).map(([first, last]) => {
    const words = first === last ? String(first + 1) : `${first + 1}–${last + 1}`;
    const width = Math.max(NUMBER_HEIGHT, widthOf(words, 10) + 10);
    return { words, width, place: ((at[first] ?? 0) + (at[last] ?? 0)) / 2 };
  });
  const labels = sideBySide(
    groups.map(({ place }) => place),
    groups.map(({ width }) => width + 2),
    WIDTH,
  );
  return groups.flatMap(({ words, width, place }, index) => {
    const label = labels[index] ?? 0;
    const thin = { stroke: { value: '#57606a' }, strokeWidth: { value: 1 } };
    return [
      rule([label, 18], [place, MARKS_HEIGHT - 4], thin),
      ...rows.map(([from, to]) =>
        rule([place, from], [place, to], { ...thin, strokeDash: { value: [3, 3] } }),
      ),
      rect(label - width / 2, 0, width, NUMBER_HEIGHT, {
        fill: { value: INK },
        cornerRadius: { value: NUMBER_HEIGHT / 2 },
      }),
      text(words, label, 9.5, {
        align: { value: 'center' },
        fill: { value: '#ffffff' },
        fontSize: { value: 10 },
        fontWeight: { value: 'bold' },
      }),
    ];
  });
}

function momentRows(moments: Moment[], y: number): { marks: object[]; height: number } {
  const half = Math.ceil(moments.length / 2);
  const marks = moments.map(({ at, text: words }, index) => {
    const [column, row] = [index < half ? 0 : 1, index % Math.max(1, half)];
    return text(
      `${String(index + 1).padStart(2)}  ${clockTime(at)}  ${said(words, 52)}`,
      column * (WIDTH / 2),
      y + row * ROW,
    );
  });
  return { marks, height: half * ROW };
}

function notesOf(kept: KeptTrail, holes: [number, number][], y: number): object[] {
  const notes = [
    'Exposure: as the hard stops measure it, and as every whole reading of a venue found it. Open orders: whole readings of the venues,',
    'about one a minute and at each step of a kill. A figure stands until the next one; where a line breaks off, it was not known.',
    ...(holes.length === 0
      ? []
      : [
          `Grey: nobody watched (the bot was not running, or its trail was not kept): ${said(
            holes
              .slice(0, 4)
              .map(([from, to]) => `${clockTime(from)} to ${clockTime(to)}`)
              .join(', '),
            110,
          )}${holes.length > 4 ? ', …' : ''}`,
        ]),
    ...(kept.leftOut === 0
      ? []
      : [`${count(kept.leftOut, 'line')} left out: there is no room on the record.`]),
  ];
  return notes.map((words, row) =>
    text(words, 0, y + row * ROW, { fill: { value: FAINT }, fontSize: { value: 10 } }),
  );
}

/** At most what Slack takes as the alternative of a picture. */
const ALT_MAX = 900;

function altOf(title: string, window: [number, number], moments: Moment[], parts: Part[]): string {
  const events = moments.map(({ at, text: words }) => `${clockTime(at)} ${said(words, 52)}`).join(', ');
  const words = `${title}. ${dateTime(window[0])} to ${clockTime(window[1])} UTC. ${parts.map((part) => part.words).join('. ')}. Events: ${events === '' ? 'none' : events}.`;
  return said(words, ALT_MAX);
}
