/** The screen: what is well in short, what is not with how to mend it, within the columns. */

import { describe, expect, it } from 'vitest';
import type { Line } from '../../src/check/line.ts';
import { printed, summaryOf, widthOf, wrapped } from '../../src/check/print.ts';

const line = (id: string, state: Line['state'], what = id, evidence = 'seen', mend = ''): Line => ({
  id,
  state,
  what,
  evidence,
  mend,
});
const LINES = [
  line('venue.bybit.key', 'ok', 'bybit: key'),
  line('venue.bybit.clock', 'ok', 'bybit: clock'),
  line(
    'slack.token',
    'fail',
    'Slack bot token',
    'Slack says invalid_auth',
    `Install the app again. ${'x '.repeat(60)}`,
  ),
  line('slack.scopes', 'unknown', 'Slack scopes'),
  line('config.note.1', 'warn', 'Configuration', `Mail is off. ${'y'.repeat(200)}`),
];

describe('the screen of check', () => {
  it.each([40, 80, 120, 300])('no line is wider than %i columns, or 120', (columns) => {
    for (const text of printed(LINES, { columns, rows: null, colour: false, all: false }))
      expect(text.length).toBeLessThanOrEqual(Math.min(columns, 120));
  });
  it('puts what fails last, says each state by a sign and a word, and names what is well by subject', () => {
    const text = printed(LINES, { columns: 80, rows: null, colour: false, all: false }).join('\n');
    expect(text).toContain('✓ bybit: key, clock');
    expect(text).toContain('? NOT KNOWN  Slack scopes');
    expect(
      text.indexOf('✗ WILL FAIL  Slack bot token: Slack says invalid_auth\n    → Install'),
    ).toBeGreaterThan(text.indexOf('! Configuration'));
    expect(text.endsWith('NOT READY: 1 will fail, 1 not known, 1 to note, 2 ok.')).toBe(true);
    expect(text).not.toContain('\u001B');
    expect(printed(LINES, { columns: 80, rows: null, colour: false, all: true }).join('\n')).toContain(
      '✓ bybit: key: seen',
    );
  });
  it('colour stands beside the sign, never instead of it', () => {
    const plain = printed(LINES, { columns: 80, rows: null, colour: false, all: false });
    const painted = printed(LINES, { columns: 80, rows: null, colour: true, all: false });
    // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what is looked for
    expect(painted.map((text) => text.replace(/\u001B\[\d+m/g, ''))).toEqual(plain);
    expect(painted.join('')).toContain('\u001B[31m✗');
  });
  it('says ready when nothing fails and nothing is unknown', () => {
    expect(summaryOf([line('a', 'ok'), line('b', 'warn')])).toBe('Ready: 1 to note, 1 ok.');
  });
  it('counts two cells for wide signs, none for marks, and cuts no sign in two', () => {
    expect([
      widthOf('abc'),
      widthOf('東京'),
      widthOf('🟠'),
      widthOf('⚠️'),
      widthOf('e\u0301'),
      widthOf('ＡＢ'),
    ]).toEqual([3, 4, 2, 2, 1, 4]);
    const family = '👩‍👩‍👧';
    expect(widthOf(family)).toBe(2);
    const text = `#東京インシデント対応 ${family.repeat(30)} ${'語'.repeat(90)} 한국어 ok`;
    for (const width of [10, 33, 80]) {
      const rows = wrapped(text, width);
      for (const row of rows) expect(widthOf(row)).toBeLessThanOrEqual(width);
      expect(rows.join('').replaceAll(' ', '')).toBe(text.replaceAll(' ', ''));
    }
    const [first] = printed([line('a', 'fail', 'Channel', '東'.repeat(100), 'x')], {
      columns: 40,
      rows: null,
      colour: false,
      all: false,
    });
    expect(widthOf(first ?? '')).toBeLessThanOrEqual(40);
  });
  it('wraps long words, and loses none', () => {
    expect(wrapped('a '.repeat(30).trim(), 10).join(' ')).toBe('a '.repeat(30).trim());
    expect(wrapped('z'.repeat(25), 10)).toEqual(['z'.repeat(10), 'z'.repeat(10), 'z'.repeat(5)]);
    expect(wrapped('', 10)).toEqual([]);
  });
});

describe('one screen', () => {
  const well = (n: number) =>
    Array.from({ length: n }, (_one, index) =>
      line(`subject${index % 9}.thing${index}`, 'ok', `Thing ${index}`, 'well'),
    );
  const notes = (n: number) =>
    Array.from({ length: n }, (_one, index) =>
      line(
        `note.${index}`,
        'warn',
        `Note ${index}`,
        `thing ${index} is off ${'and lost '.repeat(12)}`,
        'Set it.',
      ),
    );
  const bad = (n: number, state: 'fail' | 'unknown' = 'fail') =>
    Array.from({ length: n }, (_one, index) =>
      line(
        `${state}.${index}`,
        state,
        `${state} thing ${index}`,
        `what was seen ${'of it '.repeat(25)}${index}`,
        `Mend ${state} ${index} so ${'and so '.repeat(20)}`,
      ),
    );
  const screen = (lines: Line[], columns: number, rows: number) =>
    printed(lines, { columns, rows, colour: false, all: false });

  it.each([
    [80, 24],
    [120, 40],
  ])('of %i × %i: ten things that fail are all on it, each with how to mend it', (columns, rows) => {
    const text = screen([...well(40), ...notes(9), ...bad(10)], columns, rows);
    expect(text.length).toBeLessThan(rows);
    for (const row of text) expect(widthOf(row)).toBeLessThanOrEqual(columns);
    for (let index = 0; index < 10; index += 1) {
      const at = text.findIndex((row) => row.startsWith(`✗ WILL FAIL  fail thing ${index}: what was seen`));
      expect(at).toBeGreaterThanOrEqual(0);
      expect(text.slice(at).find((row) => row.includes(`→ Mend fail ${index} so`))).toBeDefined();
    }
    expect(text.join('\n').toLowerCase()).toContain('to note: note 0');
    expect(text.at(-1)).toBe('NOT READY: 10 will fail, 0 not known, 9 to note, 40 ok.');
  });
  it('with all well, that is said thing by thing before the notes are', () => {
    const text = screen([...well(40), ...notes(9)], 80, 24);
    expect(text.length).toBeLessThan(24);
    expect(text.join(' ')).toContain('Thing 39');
    expect(text.join(' ')).toContain('! 9 to note: Note 0');
  });
  it('with all well, and with little wrong, nothing is left out', () => {
    const lines = [...well(40), ...notes(1), ...bad(1)];
    expect(screen(lines, 80, 40)).toEqual(
      printed(lines, { columns: 80, rows: null, colour: false, all: false }),
    );
  });
  it('with notes too many, what fails is still said in full; the notes by name and number', () => {
    const text = screen([...well(40), ...notes(20), ...bad(2)], 80, 24).join('\n');
    expect(text).toContain('! 20 to note: Note 0, Note 1');
    expect(text).toContain('of it 1\n');
  });
  it('with more than fits even so, a row each, and what fails stands last', () => {
    const text = screen([...well(40), ...notes(20), ...bad(12, 'unknown'), ...bad(20)], 80, 24);
    expect(text.filter((row) => row.startsWith('✗'))).toHaveLength(20);
    expect(text.slice(-23).filter((row) => row.startsWith('✗'))).toHaveLength(20);
  });
  it('what is said of several things alike is said once', () => {
    const alike = ['On call now', 'PagerDuty urgency'].map((what) =>
      line(`pagerduty.${what}`, 'unknown', what, 'without a REST token nobody tells', 'Set it.'),
    );
    expect(printed(alike, { columns: 120, rows: null, colour: false, all: false })).toEqual([
      '? NOT KNOWN  On call now, PagerDuty urgency: without a REST token nobody tells',
      '    → Set it.',
      '',
      'NOT READY: 0 will fail, 2 not known, 0 to note, 0 ok.',
    ]);
  });
});
