/** What other bots post: only structured fields make an alert, and only they give a severity. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readBotMessage } from '../../src/listeners/botMessage.ts';
import { policy } from '../scenarios/desk.ts';

const { playbook } = policy();
const read = (message: unknown) => readBotMessage(message, playbook);
const alertsOf = (message: unknown) => {
  const reading = read(message);
  return reading.kind === 'alerts' ? reading.alerts : [];
};
const titled = (title: string, more: object = {}) => ({ attachments: [{ title, ...more }] });
const field = (title: string, value: string) => ({ title, value, short: true });

describe('the titles of Alertmanager and Grafana', () => {
  it.each([
    ['[FIRING:1] FeedGap', 'firing', 'FeedGap'],
    ['[FIRING] FeedGap', 'firing', 'FeedGap'],
    ['[RESOLVED] FeedGap', 'resolved', 'FeedGap'],
    ['[FIRING:2] FeedGap binance (critical prometheus)', 'firing', 'FeedGap binance'],
    ['[RESOLVED] FeedGap binance (critical)', 'resolved', 'FeedGap binance'],
    ['[FIRING:2, RESOLVED:1] FeedGap desk (critical)', 'firing', 'FeedGap desk'],
    ['[FIRING:1] Disk (root) full (critical (prod))', 'firing', 'Disk (root) full'],
    ['[FIRING:1] (critical prod)', 'firing', '(critical prod)'],
    ['[FIRING:1] a) b)', 'firing', 'a) b)'],
    ['[FIRING:3]  Late &lt;p99&gt; &amp; more', 'firing', 'Late <p99> & more'],
  ])('%s', (title, status, group) => {
    expect(alertsOf(titled(title))).toMatchObject([{ status, group }]);
    expect(alertsOf({ attachments: [{ fallback: title }] })).toMatchObject([{ status, group }]);
    const header = { type: 'header', text: { type: 'plain_text', text: title } };
    expect(alertsOf({ blocks: [header] })).toMatchObject([{ status, group }]);
    expect(alertsOf({ attachments: [{ blocks: [header] }] })).toMatchObject([{ status, group }]);
  });

  it('give no severity, whatever words are in them: it is a guess, and said to be one', () => {
    for (const title of ['[FIRING:1] P0 critical severity=critical (critical)', '[FIRING:1] x (P0)'])
      expect(alertsOf(titled(title, { text: 'severity: critical\n*Severity:* P0' }))).toMatchObject([
        { severity: 'P1', severityGuess: expect.stringContaining('no severity given') },
      ]);
  });

  it('are an alert by field: of several severities the worst, of an unreadable one a guess', () => {
    const of = (...values: string[]) =>
      alertsOf(titled('[FIRING:1] x', { fields: values.map((value) => field('Severity', value)) }))[0];
    expect(of('warning')).toMatchObject({ severity: 'P2' });
    expect(of('warning', 'P0', 'info')).toMatchObject({ severity: 'P0' });
    expect(of('whatever')).toMatchObject({
      severity: 'P1',
      severityGuess: expect.stringContaining('"whatever"'),
    });
    expect(of('critical!')?.severityGuess).toBeDefined();
  });

  it('with fields in another part of the message are one alert; several titles have their own', () => {
    const header = { type: 'header', text: { type: 'plain_text', text: '[FIRING:1] One' } };
    expect(
      alertsOf({ blocks: [header], attachments: [{ fields: [field('severity', 'warning')] }] }),
    ).toMatchObject([{ group: 'One', severity: 'P2' }]);
    const both = {
      attachments: [
        { title: '[FIRING:1] One', fields: [field('severity', 'warning')] },
        { title: '[RESOLVED] Two', fields: [field('severity', 'P0')] },
      ],
    };
    expect(alertsOf(both)).toMatchObject([
      { group: 'One', status: 'firing', severity: 'P2' },
      { group: 'Two', status: 'resolved', severity: 'P0' },
    ]);
  });

  it('keep their fields as labels, and their link', () => {
    const [alert] = alertsOf(
      titled('[FIRING:1] Gap feed-1 (x)', {
        title_link: 'https://alerts.example/#/alerts',
        fields: [field('Exchange:', 'binance'), field('__proto__', 'x'), field('alertname', 'forged')],
      }),
    );
    expect(alert?.labels['exchange']).toBe('binance');
    expect(alert?.labels['alertname']).toBe('Gap feed-1');
    expect(alert?.link).toBe('https://alerts.example/#/alerts');
    expect(Object.getPrototypeOf(alert?.labels)).toBe(Object.prototype);
    expect(({} as Record<string, unknown>)['x']).toBeUndefined();
  });
});

describe('a field titled severity', () => {
  const blocks = (...fields: string[]) => ({
    blocks: [
      { type: 'header', text: { type: 'plain_text', text: 'Margin is low' } },
      { type: 'section', fields: fields.map((text) => ({ type: 'mrkdwn', text })) },
    ],
  });

  it.each([
    [titled('Margin is low', { fields: [field('Severity', 'P1')] })],
    [titled('Margin is low', { fields: [field('severity:', 'critical')] })],
    [blocks('*Severity:*\ncritical', '*Venue*\nbinance')],
    [blocks('*severity* P1')],
  ])('makes any bot’s message an alert: %j', (message) => {
    expect(alertsOf(message)).toMatchObject([{ group: 'Margin is low', status: 'firing', severity: 'P1' }]);
  });

  it('with a field titled status clears it', () => {
    const fields = [field('Severity', 'P2'), field('Status', 'Resolved')];
    expect(alertsOf(titled('Margin is low', { fields }))).toMatchObject([{ status: 'resolved' }]);
  });

  it.each([
    ['a severity that is none of ours', titled('x', { fields: [field('Severity', 'Blocker')] }), '"Blocker"'],
    [
      'two severities',
      titled('x', { fields: [field('Severity', 'P1'), field('Severity', 'P2')] }),
      'more than one',
    ],
    ['an odd status', titled('x', { fields: [field('Severity', 'P1'), field('Status', 'ack')] }), '"ack"'],
    ['no title', { attachments: [{ fields: [field('Severity', 'P1')] }] }, 'no title'],
    ['a title in another form', titled('[Firing:1] x'), 'not in a form'],
    ['a title without a name', titled('[FIRING:1]'), 'not in a form'],
    ['a title in the text alone', { text: '[FIRING:1] FeedGap' }, 'not in a form'],
    ['a title in lower case', titled('firing: x'), 'not in a form'],
  ])('that cannot be read, as %s, is no alert and is not passed over', (_name, message, why) => {
    expect(read(message)).toEqual({ kind: 'unreadable', why: expect.stringContaining(why) });
  });
});

describe('anything else is chatter', () => {
  it.each([
    [{ text: 'severity: critical, everything is on fire' }],
    [{ text: 'P0 P0 P0 KILL' }],
    [titled('Deployed router 1.4', { text: '*Severity:* P0', fields: [field('Version', '1.4')] })],
    [{ blocks: [{ type: 'section', text: { type: 'mrkdwn', text: '*Severity:* P0' } }] }],
    [titled('x', { fields: [field('Severity of the last one', 'P0')] })],
    [{ attachments: [{ title: 'see [FIRING:1] FeedGap' }] }],
    [{}],
    [null],
    ['[FIRING:1] x'],
    [{ attachments: 'x', blocks: 7 }],
    [{ attachments: [null, 1, [], { title: 7, fields: [null, 'severity', { title: {}, value: [] }] }] }],
  ])('%j', (message) => expect(read(message)).toEqual({ kind: 'chatter' }));
});

describe('any message', () => {
  const word = fc.oneof(
    fc.string({ unit: 'grapheme', maxLength: 40 }),
    fc.constantFrom(
      '[FIRING:1] x',
      '[RESOLVED] x',
      'Severity',
      'status',
      'P0',
      'critical',
      '<!channel>',
      '*severity*\nP0',
      '\u202e',
      '',
      '(',
      ')',
    ),
  );
  const value: fc.Arbitrary<unknown> = fc.letrec((tie) => ({
    value: fc.oneof(
      { depthSize: 'small' },
      word,
      fc.constantFrom(null, 0, true),
      fc.array(tie('value'), { maxLength: 4 }),
      fc.dictionary(
        fc.constantFrom(
          'title',
          'fallback',
          'fields',
          'value',
          'text',
          'type',
          'blocks',
          'attachments',
          '__proto__',
          'title_link',
        ),
        tie('value'),
        { maxKeys: 5 },
      ),
    ),
  })).value;

  it('is read without throwing, and every severity in it was a structured field or is a guess', () => {
    fc.assert(
      fc.property(
        value,
        fc.array(value, { maxLength: 4 }),
        fc.array(value, { maxLength: 4 }),
        (text, blocks, attachments) => {
          const reading = read({ text, blocks, attachments });
          if (reading.kind !== 'alerts') return;
          for (const alert of reading.alerts) {
            expect(alert.group).not.toBe('');
            expect(alert.title.length).toBeLessThanOrEqual(300);
            expect(alert.title).not.toMatch(/[\u202a-\u202e\n]/);
            const said = alert.labels['severity'];
            if (said === undefined) expect(alert.severityGuess).toBeDefined();
          }
        },
      ),
      { numRuns: 3_000 },
    );
  });

  it('of any size is read in bounded time', () => {
    const long = `[FIRING:1] ${'('.repeat(50_000)}${')'.repeat(50_000)}`;
    const many = Array.from({ length: 10_000 }, () => ({ title: long, fields: [field('severity', 'P1')] }));
    const reading = read({ text: long, attachments: many });
    expect(reading.kind === 'alerts' ? reading.alerts.length : 0).toBe(100);
  });
});
