/** The lines of `check` on one screen: what is well first and short, then what is not, with how to mend it. Pure. */

import type { Line, LineState } from './line.ts';

const SIGN: Record<LineState, string> = { ok: '✓', warn: '!', fail: '✗', unknown: '?' };
const WORD: Record<Exclude<LineState, 'ok' | 'warn'>, string> = { fail: 'WILL FAIL', unknown: 'NOT KNOWN' };
const COLOUR: Record<LineState, number> = { ok: 32, warn: 33, fail: 31, unknown: 35 };

export interface Paper {
  /** Of the terminal; 40 to 120 are used. */
  columns: number;
  /** Of the terminal: what fails is made to fit on it; null where nobody looks at a screen, and all is said. */
  rows: number | null;
  colour: boolean;
  /** With the evidence of what is well, which is more than a screen. */
  all: boolean;
}

const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' });
/** Drawn two cells wide by terminals: emoji, and the scripts of East Asia with their punctuation and full forms. */
const WIDE =
  /\p{Emoji_Presentation}|\uFE0F|[\u1100-\u115F\u2E80-\u303E\u3041-\uA4CF\uA960-\uA97C\uAC00-\uD7A3\uF900-\uFAFF\uFE30-\uFE6F\uFF01-\uFF60\uFFE0-\uFFE6\u{1F300}-\u{1FAFF}\u{20000}-\u{3FFFD}]/u;

const cells = (text: string): { text: string; width: number }[] =>
  Array.from(graphemes.segment(text), ({ segment }) => ({
    text: segment,
    width: WIDE.test(segment) ? 2 : /^[\p{M}\p{Cf}]+$/u.test(segment) ? 0 : 1,
  }));

/** How many cells of a terminal it takes. */
export const widthOf = (text: string): number => cells(text).reduce((sum, { width }) => sum + width, 0);

/** In pieces of at most `width` cells; what is one sign stays one. */
function pieces(word: string, width: number): string[] {
  const cut: string[] = [];
  let [piece, taken] = ['', 0];
  for (const cell of cells(word)) {
    if (piece !== '' && taken + cell.width > width) {
      cut.push(piece);
      [piece, taken] = ['', 0];
    }
    piece += cell.text;
    taken += cell.width;
  }
  return [...cut, piece];
}

/** Break at blanks; a word that is longer than a line stands alone, or is cut in pieces. `width` in cells, at least 2. */
export function wrapped(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    for (const piece of pieces(word, width)) {
      if (line !== '' && widthOf(line) + 1 + widthOf(piece) > width) {
        lines.push(line);
        line = '';
      }
      line = line === '' ? piece : `${line} ${piece}`;
    }
  }
  return line === '' ? lines : [...lines, line];
}

/** The first row of it, with "…" where there is more. */
function firstRow(text: string, width: number): string {
  const [whole = '', more] = wrapped(text, width);
  if (more === undefined) return whole;
  const [cut = ''] = pieces(text, width - 1);
  return `${cut.trimEnd()}…`;
}

/** Lines of one subject: of one venue, or of what the id begins with. */
const subjectOf = ({ id }: Line): string =>
  id
    .split('.')
    .slice(0, id.startsWith('venue.') ? -1 : 1)
    .join('.');

/** What is well, by name, a paragraph a subject: on the screen a person looks for what is not. `all`: with the evidence. */
function wellLines(lines: Line[], width: number, all: boolean): string[] {
  const subjects = new Map<string, Line[]>();
  for (const line of lines) subjects.set(subjectOf(line), [...(subjects.get(subjectOf(line)) ?? []), line]);
  return [...subjects.values()].flatMap((group) => {
    // "binance-usdm: key", "binance-usdm: clock" → "binance-usdm: key, clock".
    const about = /^(.+?): /.exec(group[0]?.what ?? '')?.[0] ?? '';
    const names = group.map(({ what }) => (what.startsWith(about) ? what.slice(about.length) : what));
    return all
      ? group.flatMap(({ what, evidence }) => paragraph(`${SIGN.ok} `, `${what}: ${evidence}`, width))
      : paragraph(`${SIGN.ok} `, `${about}${names.join(', ')}`, width);
  });
}

/** Wrapped, and indented as far as its sign is wide. */
function paragraph(sign: string, text: string, width: number): string[] {
  return wrapped(text, width - sign.length).map(
    (line, index) => `${index === 0 ? sign : ' '.repeat(sign.length)}${line}`,
  );
}

/** Lines that say the same of several things are one: "On call now, On call for 14 days: without a token nobody tells". */
function together(lines: Line[]): Line[] {
  const same = new Map<string, Line[]>();
  for (const line of lines) {
    const key = JSON.stringify([line.state, line.evidence, line.mend]);
    same.set(key, [...(same.get(key) ?? []), line]);
  }
  return [...same.values()].flatMap(([first, ...others]) =>
    first === undefined ? [] : [{ ...first, what: [first, ...others].map(({ what }) => what).join(', ') }],
  );
}

function badLines({ what, evidence, mend }: Line, state: Exclude<LineState, 'ok'>, width: number): string[] {
  // A note takes one paragraph, so that what fails stays on the screen.
  if (state === 'warn')
    return paragraph(`${SIGN.warn} `, `${what}: ${evidence}${mend === '' ? '' : ` → ${mend}`}`, width);
  return [
    ...paragraph(`${SIGN[state]} `, `${WORD[state]}  ${what}: ${evidence}`, width),
    ...(mend === '' ? [] : paragraph('    → ', mend, width)),
  ];
}

/** The same in a row each for what is wrong and how to mend it; without the latter where not even that fits. */
function shortLines(
  { what, evidence, mend }: Line,
  state: 'fail' | 'unknown',
  width: number,
  isMended: boolean,
): string[] {
  return [
    `${SIGN[state]} ${firstRow(`${WORD[state]}  ${what}: ${evidence}`, width - 2)}`,
    ...(mend === '' || !isMended ? [] : [`    → ${firstRow(mend, width - 6)}`]),
  ];
}

/** The last line: what it comes to. */
export function summaryOf(lines: Line[]): string {
  const of = (state: LineState) => lines.filter((line) => line.state === state).length;
  const parts = [
    `${of('fail')} will fail`,
    `${of('unknown')} not known`,
    `${of('warn')} to note`,
    `${of('ok')} ok`,
  ];
  return of('fail') + of('unknown') === 0
    ? `Ready: ${parts.slice(2).join(', ')}.`
    : `NOT READY: ${parts.join(', ')}.`;
}

/** Below this a terminal shows nothing that could be read anyway. */
const LEAST_ROWS = 10;
const SAY_ALL = '--all says it in full';

/**
 * As many lines of text as it takes, without a line break in any. What is well stands first and what fails last, beside the
 * prompt. Where a terminal has too few rows, what matters least is said shorter first: what is well, then the notes, then
 * how to mend what fails; each still says how many there are.
 */
export function printed(lines: Line[], { columns, rows, colour, all }: Paper): string[] {
  const width = Math.min(120, Math.max(40, columns));
  const painted = (state: LineState, text: string[]): string[] =>
    colour ? text.map((one) => `\u001B[${COLOUR[state]}m${one}\u001B[0m`) : text;
  const of = (state: LineState) => together(lines.filter((line) => line.state === state));
  const each = <S extends LineState>(state: S, draw: (line: Line, state: S) => string[]): string[] =>
    of(state).flatMap((line) => painted(state, draw(line, state)));
  const wells = lines.filter(({ state }) => state === 'ok');
  const notes = lines.filter(({ state }) => state === 'warn');
  const end = ['', ...wrapped(summaryOf(lines), width)];

  const well = painted('ok', wellLines(wells, width, all));
  const row = (state: LineState, text: string) =>
    painted(state, [`${SIGN[state]} ${firstRow(text, width - 2)}`]);
  const wellShort = wells.length === 0 ? [] : row('ok', `${wells.length} ok; ${SAY_ALL}`);
  const noted = each('warn', (line, state) => badLines(line, state, width));
  const names = of('warn').map(({ what }) => what);
  const notedShort =
    notes.length === 0 ? [] : row('warn', `${notes.length} to note: ${[...new Set(names)].join(', ')}`);
  // The last line has the numbers.
  const hint = row('warn', `${SAY_ALL}. To note: ${[...new Set(names)].join(', ') || 'nothing'}`);
  const bad = [
    ...each('unknown', (line, state) => badLines(line, state, width)),
    ...each('fail', (line, state) => badLines(line, state, width)),
  ];
  const badShort = (isMended: boolean) => [
    ...each('unknown', (line, state) => shortLines(line, state, width, isMended)),
    ...each('fail', (line, state) => shortLines(line, state, width, isMended)),
  ];
  const whole = [...well, ...noted, ...bad, ...end];
  if (all || rows === null) return whole;
  // The prompt takes a row.
  const room = Math.max(LEAST_ROWS, rows) - 1;
  const ways = [
    whole,
    [...well, ...notedShort, ...bad, ...end],
    [...wellShort, ...noted, ...bad, ...end],
    [...wellShort, ...notedShort, ...bad, ...end],
    [...hint, ...badShort(true), ...end.slice(1)],
    [...hint, ...badShort(false), ...end.slice(1)],
  ];
  return ways.find((way) => way.length <= room) ?? ways.at(-1) ?? whole;
}
