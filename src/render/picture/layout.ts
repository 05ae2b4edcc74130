/** Where things stand in the incident's picture, in pixels, and the pieces of Vega that it is made of. Pure. */

import type { Mark } from '../../domain/trail/series.ts';
import { plain } from '../text.ts';

/** Of the panels; the numbers of the axes stand left of them. */
export const WIDTH = 860;
export const INK = '#1f2328';
export const FAINT = '#57606a';

/** Told apart without colour too: each has a dash and a shape of its own. Colours: Okabe and Ito, readable by all. */
const LOOKS = [
  { colour: '#0072b2', dash: [], shape: 'circle' },
  { colour: '#d55e00', dash: [8, 3], shape: 'square' },
  { colour: '#009e73', dash: [2, 2], shape: 'triangle-up' },
  { colour: '#a3407f', dash: [10, 3, 2, 3], shape: 'diamond' },
  { colour: '#7a5c00', dash: [5, 5], shape: 'cross' },
  { colour: '#444444', dash: [12, 2, 2, 2, 2, 2], shape: 'triangle-down' },
] as const;

/** How the line at this place looks. */
export const lookOf = (index: number) => LOOKS[index % LOOKS.length] ?? LOOKS[0];

/** Lines that a panel has room for. */
export const MOST_LINES = LOOKS.length;

/** A line of a panel. `points`: ms since the epoch. */
export interface Drawn {
  label: string;
  points: Mark[];
  look: ReturnType<typeof lookOf>;
  /** A second figure of the same thing. */
  thin?: true;
}

/** Somebody else's words on one line, as a picture can show them: no control character, no broken letter. */
export const said = (text: string, max: number): string =>
  plain(text.replace(/[\p{Cs}\ufffe\uffff]/gu, ''), max);

/** About how wide a text of this size is: letters of DejaVu Sans are 0.6 of it on the average. */
export const widthOf = (text: string, size: number): number => text.length * size * 0.6;

/** A point stands until the next one: a line is drawn up to where nothing is known any more, and not on to the other side. */
export function drawable(points: Mark[]): { at: number; value: number | null }[] {
  return points.flatMap(([at, value], index) => {
    const before = points[index - 1]?.[1] ?? null;
    return value === null && before !== null
      ? [
          { at, value: before },
          { at, value: null },
        ]
      : [{ at, value }];
  });
}

/**
 * Where the middles of labels of these widths go so that they stand side by side, as near to where they belong as can be.
 * `wanted` rises; answers as many places, rising, within 0 and `room` where they fit.
 */
export function sideBySide(wanted: number[], widths: number[], room: number): number[] {
  const apart = (left: number): number => ((widths[left] ?? 0) + (widths[left + 1] ?? 0)) / 2;
  const places: number[] = [];
  for (const [index, want] of wanted.entries())
    places.push(index === 0 ? want : Math.max(want, (places[index - 1] ?? 0) + apart(index - 1)));
  let limit = room;
  for (let index = places.length - 1; index >= 0; index -= 1) {
    places[index] = Math.min(places[index] ?? 0, limit);
    limit = (places[index] ?? 0) - apart(index - 1);
  }
  return places;
}

/**
 * Those that would lie on top of each other, as one: from which to which of `places`, which rise. All of a group are less
 * than `near` from its first.
 */
export function together(places: number[], near: number): [first: number, last: number][] {
  const groups: [number, number][] = [];
  for (const [index, place] of places.entries()) {
    const group = groups.at(-1);
    if (group !== undefined && place - (places[group[0]] ?? 0) < near) group[1] = index;
    else groups.push([index, index]);
  }
  return groups;
}

type Encoded = Record<string, unknown>;
const value = (of: unknown) => ({ value: of });

export const text = (words: string, x: number, y: number, more: Encoded = {}) => ({
  type: 'text',
  encode: {
    enter: {
      x: value(x),
      y: value(y),
      text: value(words),
      fontSize: value(11),
      fill: value(INK),
      baseline: value('middle'),
      ...more,
    },
  },
});

export const rule = (from: [number, number], to: [number, number], more: Encoded = {}) => ({
  type: 'rule',
  encode: {
    enter: {
      x: value(from[0]),
      y: value(from[1]),
      x2: value(to[0]),
      y2: value(to[1]),
      stroke: value(INK),
      ...more,
    },
  },
});

export const rect = (x: number, y: number, width: number, height: number, more: Encoded) => ({
  type: 'rect',
  encode: { enter: { x: value(x), y: value(y), width: value(width), height: value(height), ...more } },
});

export const symbol = (shape: string, x: number, y: number, size: number, more: Encoded) => ({
  type: 'symbol',
  encode: { enter: { x: value(x), y: value(y), shape: value(shape), size: value(size), ...more } },
});

/** Samples of lines, side by side, with what they are; over as many rows as that takes. Answers the rows too. */
export function legend(lines: Drawn[], y: number): { marks: object[]; rows: number } {
  let [x, row] = [0, 0];
  const marks = lines.flatMap(({ label, look, thin }) => {
    const width = 34 + widthOf(label, 11) + 18;
    if (x > 0 && x + width > WIDTH) [x, row] = [0, row + 1];
    const [left, middle] = [x, y + row * 16];
    x += width;
    return [
      rule([left, middle], [left + 28, middle], {
        stroke: value(look.colour),
        strokeWidth: value(thin === true ? 1 : 2),
        strokeDash: value(thin === true ? [1, 2] : look.dash),
      }),
      ...(thin === true
        ? []
        : [
            symbol(look.shape, left + 14, middle, 36, { fill: value(look.colour), stroke: value('#ffffff') }),
          ]),
      text(label, left + 34, middle),
    ];
  });
  return { marks, rows: lines.length === 0 ? 0 : row + 1 };
}

/** More points than this and their shapes would hide the line: then only some have one. */
const SHAPES = 14;

/** A panel of lines over one axis, `y` its top. `limits`: dashed lines across it, with their words. */
export function panel(asked: {
  y: number;
  height: number;
  domain: [number, number];
  top: number;
  bottom: number;
  title: string;
  lines: Drawn[];
  limits: { value: number; label: string }[];
  format: string;
}): object {
  const { y, height, domain, lines, limits } = asked;
  const names = lines.map((_, index) => `line${index}`);
  return {
    type: 'group',
    clip: false,
    encode: {
      enter: {
        x: value(0),
        y: value(y),
        width: value(WIDTH),
        height: value(height),
        stroke: value('#d0d7de'),
      },
    },
    scales: [
      { name: 'x', type: 'utc', domain, range: [0, WIDTH] },
      { name: 'y', type: 'linear', domain: [asked.bottom, asked.top], range: [height, 0], nice: true },
    ],
    axes: [
      {
        orient: 'left',
        scale: 'y',
        tickCount: 4,
        format: asked.format,
        grid: true,
        gridColor: '#eaeef2',
        labelColor: INK,
        labelFontSize: 11,
        domain: false,
        title: asked.title,
        titleColor: INK,
        titleFontSize: 11,
        titlePadding: 8,
        minExtent: 62,
        maxExtent: 62,
      },
    ],
    data: lines.map(({ points }, index) => ({ name: names[index], values: drawable(points) })),
    marks: [
      ...limits.map(({ value: at }) => ({
        type: 'rule',
        encode: {
          enter: {
            x: value(0),
            x2: value(WIDTH),
            y: { scale: 'y', value: at },
            stroke: value('#b42318'),
            strokeWidth: value(1.5),
            strokeDash: value([6, 3]),
          },
        },
      })),
      ...limits.map(({ value: at, label }) => ({
        type: 'text',
        encode: {
          enter: {
            x: value(4),
            y: { scale: 'y', value: at, offset: -6 },
            text: value(label),
            fontSize: value(10),
            fill: value('#b42318'),
          },
        },
      })),
      {
        type: 'group',
        clip: true,
        encode: { enter: { width: value(WIDTH), height: value(height) } },
        marks: lines.flatMap(({ look, thin, points }, index) =>
          lineMarks(names[index] ?? '', look, thin === true, points.length),
        ),
      },
    ],
  };
}

function lineMarks(data: string, look: Drawn['look'], thin: boolean, count: number): object[] {
  const place = { x: { scale: 'x', field: 'at' }, y: { scale: 'y', field: 'value' } };
  // Ours: nothing of what was measured or said is in an expression.
  const known = { signal: 'isValid(datum.value)' };
  const every = Math.max(1, Math.ceil(count / SHAPES));
  return [
    {
      type: 'line',
      from: { data },
      encode: {
        enter: {
          ...place,
          defined: known,
          interpolate: value('step-after'),
          stroke: value(look.colour),
          strokeWidth: value(thin ? 1 : 2),
          strokeDash: value(thin ? [1, 2] : look.dash),
        },
      },
    },
    ...(thin || every > 4
      ? []
      : [
          {
            type: 'symbol',
            from: { data },
            encode: {
              enter: {
                ...place,
                opacity: [{ test: 'isValid(datum.value)', value: 1 }, { value: 0 }],
                shape: value(look.shape),
                size: value(36),
                fill: value(look.colour),
                stroke: value('#ffffff'),
              },
            },
          },
        ]),
  ];
}
