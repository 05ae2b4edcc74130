/** The screen: what is well in short, what is not with how to mend it, within the columns. */

import { describe, expect, it } from 'vitest';
import type { Line } from '../../src/check/line.ts';
import { printed, summaryOf, wrapped } from '../../src/check/print.ts';

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
    for (const text of printed(LINES, { columns, colour: false, all: false }))
      expect(text.length).toBeLessThanOrEqual(Math.min(columns, 120));
  });
  it('puts what fails last, says each state by a sign and a word, and names what is well by subject', () => {
    const text = printed(LINES, { columns: 80, colour: false, all: false }).join('\n');
    expect(text).toContain('✓ bybit: key, clock');
    expect(text).toContain('? NOT KNOWN  Slack scopes');
    expect(
      text.indexOf('✗ WILL FAIL  Slack bot token: Slack says invalid_auth\n    → Install'),
    ).toBeGreaterThan(text.indexOf('! Configuration'));
    expect(text.endsWith('NOT READY: 1 will fail, 1 not known, 1 to note, 2 ok.')).toBe(true);
    expect(text).not.toContain('\u001B');
    expect(printed(LINES, { columns: 80, colour: false, all: true }).join('\n')).toContain(
      '✓ bybit: key: seen',
    );
  });
  it('colour stands beside the sign, never instead of it', () => {
    const plain = printed(LINES, { columns: 80, colour: false, all: false });
    const painted = printed(LINES, { columns: 80, colour: true, all: false });
    // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what is looked for
    expect(painted.map((text) => text.replace(/\u001B\[\d+m/g, ''))).toEqual(plain);
    expect(painted.join('')).toContain('\u001B[31m✗');
  });
  it('says ready when nothing fails and nothing is unknown', () => {
    expect(summaryOf([line('a', 'ok'), line('b', 'warn')])).toBe('Ready: 1 to note, 1 ok.');
  });
  it('wraps long words, and loses none', () => {
    expect(wrapped('a '.repeat(30).trim(), 10).join(' ')).toBe('a '.repeat(30).trim());
    expect(wrapped('z'.repeat(25), 10)).toEqual(['z'.repeat(10), 'z'.repeat(10), 'z'.repeat(5)]);
    expect(wrapped('', 10)).toEqual([]);
  });
});
