/** The lines of `check` on one screen: what is well first and short, then what is not, with how to mend it. Pure. */

import type { Line, LineState } from './line.ts';

const SIGN: Record<LineState, string> = { ok: '✓', warn: '!', fail: '✗', unknown: '?' };
const WORD: Record<Exclude<LineState, 'ok' | 'warn'>, string> = { fail: 'WILL FAIL', unknown: 'NOT KNOWN' };
const COLOUR: Record<LineState, number> = { ok: 32, warn: 33, fail: 31, unknown: 35 };

export interface Paper {
  /** Of the terminal; 40 to 120 are used. */
  columns: number;
  colour: boolean;
  /** With the evidence of what is well, which is more than a screen. */
  all: boolean;
}

/** Break at blanks; a word that is longer than a line stands alone, or is cut in pieces. */
export function wrapped(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    for (const piece of word.match(new RegExp(`.{1,${width}}`, 'gu')) ?? ['']) {
      if (line !== '' && line.length + 1 + piece.length > width) {
        lines.push(line);
        line = '';
      }
      line = line === '' ? piece : `${line} ${piece}`;
    }
  }
  return line === '' ? lines : [...lines, line];
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

function badLines({ what, evidence, mend }: Line, state: Exclude<LineState, 'ok'>, width: number): string[] {
  // A note takes one paragraph, so that what fails stays on the screen.
  if (state === 'warn')
    return paragraph(`${SIGN.warn} `, `${what}: ${evidence}${mend === '' ? '' : ` → ${mend}`}`, width);
  return [
    ...paragraph(`${SIGN[state]} `, `${WORD[state]}  ${what}: ${evidence}`, width),
    ...(mend === '' ? [] : paragraph('    → ', mend, width)),
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

/** As many lines of text as it takes, without a line break in any. */
export function printed(lines: Line[], { columns, colour, all }: Paper): string[] {
  const width = Math.min(120, Math.max(40, columns));
  const painted = (state: LineState, text: string[]): string[] =>
    colour ? text.map((one) => `\u001B[${COLOUR[state]}m${one}\u001B[0m`) : text;
  const bad = (state: Exclude<LineState, 'ok'>) =>
    lines
      .filter((line) => line.state === state)
      .flatMap((line) => painted(state, badLines(line, state, width)));
  return [
    ...painted(
      'ok',
      wellLines(
        lines.filter(({ state }) => state === 'ok'),
        width,
        all,
      ),
    ),
    ...bad('warn'),
    ...bad('unknown'),
    ...bad('fail'),
    '',
    ...wrapped(summaryOf(lines), width),
  ];
}
