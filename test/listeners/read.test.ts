/** What is typed after a slash command: what is clear is read, and what is not is not guessed at. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  isDate,
  readActionItem,
  readDeclared,
  readIncidentCommand,
  readPerson,
  readSeverityChange,
} from '../../src/listeners/incident/read.ts';
import { VERBS } from '../../src/listeners/incident/verbs.ts';
import { type IncidentVerb, incidentHelp, unclearText, VERB_USAGE } from '../../src/render/usage.ts';

const ID = 'INC-20261122-003';

describe('/incident <verb> [INC-…] [text]', () => {
  it.each([
    ['list', { verb: 'list', text: '' }],
    ['  ack  ', { verb: 'ack', text: '' }],
    [`ack ${ID}`, { verb: 'ack', incident: ID, text: '' }],
    [`note ${ID} provider is down`, { verb: 'note', incident: ID, text: 'provider is down' }],
    ['note provider is down', { verb: 'note', text: 'provider is down' }],
    [`note see ${ID} too`, { verb: 'note', text: `see ${ID} too` }],
    ['note two\nlines', { verb: 'note', text: 'two\nlines' }],
    [
      `handover ${ID} <@U0GRACE|grace> all yours`,
      { verb: 'handover', incident: ID, text: '<@U0GRACE|grace> all yours' },
    ],
    [`severity ${ID} P0 it trades blind`, { verb: 'severity', incident: ID, text: 'P0 it trades blind' }],
  ])('%j is read', (text, read) => {
    expect(readIncidentCommand(text)).toEqual(read);
  });

  it.each([
    ['', null],
    ['?', null],
    ['Ack', null],
    ['acknowledge', null],
    ['toString', null],
    ['__proto__', null],
    [ID, null],
    [`ack ${ID}x`, 'ack'],
    ['ack INC-1', 'ack'],
    [`note inc-20261122-003 x`, 'note'],
    [`note ${ID} ${ID} x`, 'note'],
    ['resolve INC-2026112-001 wrong', 'resolve'],
  ])('%j is unclear', (text, verb) => {
    expect(readIncidentCommand(text)).toEqual({ unclear: true, verb });
  });

  it('has a usage and a function for every verb of the contract, and for no other', () => {
    const contract =
      'declare|status|list|ack|severity|assign|handover|note|action|mitigate|resolve|reopen|adjust|summary|timeline|postmortem|budget|oncall|readiness|drill|help';
    // Beside them the review that the playbook demands at RED (docs/adr/0017).
    const verbs = [...contract.split('|'), 'review'];
    expect(Object.keys(VERBS).toSorted()).toEqual(verbs.toSorted());
    for (const verb of verbs) expect(incidentHelp()).toContain(`\`${verb}`);
  });
});

describe('who is named', () => {
  it.each([
    ['<@U0GRACE>', { user: 'U0GRACE', text: '' }],
    ['<@W0GRACE|grace>', { user: 'W0GRACE', text: '' }],
    ['<@U0GRACE|Grace H> all &lt;yours&gt;', { user: 'U0GRACE', text: 'all <yours>' }],
  ])('%j is a person', (text, read) => expect(readPerson(text)).toEqual(read));

  it.each([
    '',
    'grace',
    '@grace',
    '<@grace>',
    '<#C0INCIDENTS|incidents>',
    '<!subteam^S0ONCALL|@desk>',
    '<!channel>',
    '<@U0GRACE>x',
    'to <@U0GRACE>',
    '&lt;@U0GRACE&gt;',
    '<@U0GRACE',
    '<@U0GRACE|a<@U0ADA>',
  ])('%j is nobody', (text) => expect(readPerson(text)).toBeNull());
});

describe('severity and title or reason', () => {
  it.each([
    ['P0 runaway', { to: 'P0', why: 'runaway' }],
    ['P3   noise\nonly', { to: 'P3', why: 'noise only' }],
    ['P1 &lt;gap&gt; &amp; more', { to: 'P1', why: '<gap> & more' }],
  ])('%j is read', (text, read) => expect(readSeverityChange(text)).toEqual(read));

  it.each(['', 'P0', 'P4 x', 'p1 x', 'P1x', 'critical x', 'to P1', 'P1 \u200b'])('%j is unclear', (text) => {
    expect(readSeverityChange(text)).toBeNull();
    expect(readDeclared(text)).toBeNull();
  });
});

describe('an action item', () => {
  it.each([
    ['Add a canary', { text: 'Add a canary' }],
    [
      'Add a canary owner=<@U0ADA|ada> due=2026-12-01 priority=high',
      { text: 'Add a canary', owner: { user: 'U0ADA' }, due: '2026-12-01', priority: 'high' },
    ],
    [
      'priority=low owner=desk-leads Write it down',
      { text: 'Write it down', owner: { name: 'desk-leads' }, priority: 'low' },
    ],
    ['Set timeout=5 in router', { text: 'Set timeout=5 in router' }],
    [
      'Say that the owner=ada rule &lt;holds&gt;',
      { text: 'Say that the rule <holds>', owner: { name: 'ada' } },
    ],
  ])('%j is read', (text, read) => expect(readActionItem(text)).toEqual(read));

  it.each([
    '',
    'owner=<@U0ADA>',
    'x due=tomorrow',
    'x due=2026-02-30',
    'x due=',
    'x priority=urgent',
    'x owner=',
    'x owner=<@U0ADA',
    'x owner=<@grace>',
    'x owner=@grace',
    'x due=2026-12-01 due=2026-12-02',
  ])('%j is unclear', (text) => expect(readActionItem(text)).toBeNull());

  it.each(['2026-12-01', '2028-02-29'])('%s is a day', (day) => expect(isDate(day)).toBe(true));
  it.each(['2026-13-01', '2027-02-29', '26-12-01', '2026-12-01T00:00', '+002026-12-01'])(
    '%s is none',
    (day) => expect(isDate(day)).toBe(false),
  );
});

describe('any text after any verb', () => {
  const verbs = Object.keys(VERB_USAGE) as IncidentVerb[];
  const pieces = fc.oneof(
    fc.string({ unit: 'grapheme', maxLength: 30 }),
    fc.string({ unit: 'binary', maxLength: 30 }),
    fc.constantFrom(
      ID,
      'INC-1',
      'P0',
      '<@U0ADA|ada>',
      '<@',
      '<!channel>',
      'owner=',
      'owner=<@U0ADA>',
      'due=2026-12-01',
      'priority=high',
      '=',
      '\n',
      '\u202e',
      '\u0000',
      'constructor',
    ),
  );
  const wire = fc.array(pieces, { maxLength: 8 }).map((parts) => parts.join(' '));

  it('is read or is unclear: it never throws, and what is read is what was typed', () => {
    fc.assert(
      fc.property(fc.oneof(fc.constantFrom(...verbs), pieces), wire, (word, text) => {
        const read = readIncidentCommand(`${word} ${text}`);
        if ('unclear' in read) {
          expect(unclearText(read.verb)).toMatch(/nothing was done|&lt;verb&gt;/);
          return;
        }
        expect(verbs).toContain(read.verb);
        expect(`${word} ${text}`.trim().startsWith(read.verb)).toBe(true);
        expect(read.text).not.toMatch(/^INC-/i);
        if (read.incident !== undefined) expect(read.incident).toMatch(/^INC-\d{8}-\d{3,9}$/);
        const verb = VERBS[read.verb];
        expect(typeof verb.reads(read.text)).toBe('boolean');
        // A verb that takes no words does nothing when some are there.
        if (['list', 'ack', 'status', 'timeline', 'postmortem', 'oncall'].includes(read.verb))
          expect(verb.reads(read.text)).toBe(read.text === '');
        if (read.verb === 'assign' && verb.reads(read.text)) expect(readPerson(read.text)?.text).toBe('');
      }),
      { numRuns: 5_000 },
    );
  });

  it('takes time in proportion to its length', () => {
    for (const text of [
      'owner='.repeat(20_000),
      `<@${'U'.repeat(100_000)}`,
      ' '.repeat(100_000),
      'due= '.repeat(20_000),
    ]) {
      expect(() => readActionItem(text)).not.toThrow();
      expect(() => readPerson(text)).not.toThrow();
      expect(() => readIncidentCommand(`note ${text}`)).not.toThrow();
    }
  });
});
