import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { evolve, type Incident } from '../../src/domain/incident.ts';
import { type Runbook, type RunbookStep, STEP_BUTTONS } from '../../src/domain/playbook.ts';
import { CHECK_NAMES, CHOICES, OPERATORS, SLI_NAMES } from '../../src/domain/runbook/vocabulary.ts';
import { RUNNING, type Trading } from '../../src/domain/trading.ts';
import { loadPolicy } from '../../src/policy.ts';
import { problemsOfMessage } from '../../src/rehearsal/slack/blocks.ts';
import type { DeskNames } from '../../src/render/buttons.ts';
import { runbookMessage } from '../../src/render/runbook.ts';
import { parseRunbook } from '../../src/runbookFile.ts';
import { ADA, bookOf, incidentWith, NOON } from '../domain/runbook/seen.ts';

const NAMES: DeskNames = {
  venues: ['binance-usdm', 'binance-spot'],
  protectiveOrders: 'cancel',
  backups: ['binance-1m → binance-1m-b'],
  restartOrderManager: { words: 'systemctl restart oms', timeoutSec: 30 },
};
const BARE: DeskNames = { ...NAMES, backups: [], restartOrderManager: null };

const draw = (incident: Incident, book: Runbook, trading: Trading = RUNNING, names = NAMES) =>
  runbookMessage(incident, book, trading, names);
/** Texts of sections and contexts, and the labels of buttons, in their order. */
const shown = (...args: Parameters<typeof draw>): string => {
  const texts: string[] = [];
  const walk = (value: unknown): void => {
    if (Array.isArray(value)) value.forEach(walk);
    else if (typeof value === 'object' && value !== null)
      for (const [key, one] of Object.entries(value))
        if (key === 'text' && typeof one === 'string') texts.push(one);
        else if (key !== 'confirm') walk(one);
  };
  walk(draw(...args).blocks);
  return texts.join('\n').replaceAll('\u2060', '');
};

describe('Kill… in the thread', () => {
  it('says where it belongs, so that no two on one screen are called the same', () => {
    const kill = { text: 'Stop', buttons: ['kill' as const], checks: [] };
    const book = bookOf({ id: 'a', ...kill }, { id: 'b', ...kill });
    const incident = incidentWith([]);
    const text = JSON.stringify(draw(incident, book));
    const names = [...text.matchAll(/"accessibility_label":"([^"]*)"/g)].map(([, name]) => name);
    expect(names).toEqual([
      `Kill…, at step 1 of the runbook of ${incident.id}`,
      `Kill…, at step 2 of the runbook of ${incident.id}`,
      `Kill…, under the runbook of ${incident.id}`,
    ]);
  });
});

describe('a step in the thread', () => {
  const book = bookOf({ id: 's', text: 'Look', buttons: ['done', 'skip'], checks: ['apiKeys'] });
  const checked = (state: 'ok' | 'bad' | 'unknown') =>
    incidentWith([
      { type: 'StepChecked', at: NOON, step: 'book:s', check: 'apiKeys', state, text: 'a <b> & *c*' },
    ]);

  it.each([
    ['ok', '✓ ok · a &lt;b&gt; &amp; *c* · 14:00:00'],
    ['bad', '▲ *not ok* · a'],
    ['unknown', '❓ unknown · a'],
  ] as const)('shows what a check found with a symbol and a word: %s', (state, text) => {
    expect(shown(checked(state), book)).toContain(text);
  });

  it.each([
    [true, '▶ *applies now* (gap 12 min)'],
    [false, '▷ does not apply (gap 12 min)'],
    [null, '❓ whether this applies is unknown: gap 12 min'],
  ])('shows whether it applies: %s', (applies, text) => {
    const incident = incidentWith([
      { type: 'StepBranched', at: NOON, step: 'book:s', applies, text: 'gap 12 min' },
    ]);
    expect(shown(incident, book)).toContain(text);
  });

  it('shows who did it and when, or skipped it and why, and offers nothing more', () => {
    const done = incidentWith([{ type: 'StepMarked', at: NOON, by: ADA, step: 'book:s', mark: 'done' }]);
    expect(shown(done, book)).toContain('✓ *1.* Look\n_done by Ada at 14:00:00_');
    expect(shown(done, book)).not.toMatch(/^Done$/m);
    const skipped = incidentWith([
      { type: 'StepMarked', at: NOON, by: ADA, step: 'book:s', mark: 'skipped', why: 'not us' },
    ]);
    expect(shown(skipped, book)).toContain('↷ *1.* Look\n_skipped by Ada at 14:00:00: not us_');
  });

  it('says what it did by itself, and what it could not', () => {
    const act = (ok: boolean, did: 'pauseSignals' | 'nothing' = 'pauseSignals') =>
      shown(
        incidentWith([{ type: 'StepActed', at: NOON, step: 'book:s', did, how: 'auto', ok, text: 'T' }]),
        book,
      );
    expect(act(true)).toContain('✓ done by itself at 14:00:00: T');
    expect(act(false)).toContain('❗ *tried* by itself at 14:00:00: T');
    expect(act(true, 'nothing')).toContain('✓ nothing was left to do by itself at 14:00:00: T');
  });
});

describe('a timer in the thread', () => {
  const book = bookOf({
    id: 's',
    text: 'Decide',
    when: { sli: 'feedGapSec', op: '>=', value: 600 },
    timer: { afterMin: 10, do: 'haltOrders', unless: ['switchFeed'] },
    buttons: ['switchFeed', 'haltOrders'],
  });
  const gap = incidentWith([
    { type: 'FeedGapBegan', at: NOON, feed: 'f', symbol: 's', from: NOON + 190_000 },
  ]);
  const hold = (key: 'DATA_FEED' | 'HALT_NEW_ORDERS'): Trading => ({
    ...RUNNING,
    holds: [{ id: 'h', key, reason: 'x', by: ADA, owner: 'operator', at: NOON + 200_000 }],
  });

  it('says what happens when, and that a choice stops it', () => {
    expect(shown(gap, book)).toContain(
      '⏱ *halts new orders by itself at 14:13:10 UTC unless somebody chooses*',
    );
    const chosen = shown(gap, book, hold('DATA_FEED'));
    expect(chosen).toContain('⏱ at 14:13:10 UTC nothing happens by itself: feed switched by Ada');
    expect(chosen).toContain('✋ on the backup feed by Ada at 14:03:20');
    expect(chosen).toContain('Back to primary feed…');
    expect(chosen).not.toContain('Switch to backup feed…');
    expect(shown(gap, book, hold('HALT_NEW_ORDERS'))).toContain('✋ new orders halted by Ada at 14:03:20');
  });

  it('is gone with the incident, and so are the buttons of its steps', () => {
    const resolved = evolve(gap, {
      type: 'IncidentResolved',
      at: NOON,
      by: ADA,
      summary: 'x',
      how: 'person',
    });
    expect(shown(resolved, book)).not.toContain('⏱');
    expect(shown(resolved, book)).not.toContain('Switch to backup feed…');
  });

  it('what is not configured is not offered, and the step says so', () => {
    const both = bookOf({ id: 's', buttons: ['switchFeed', 'restartOrderManager', 'done'] });
    const bare = shown(incidentWith(), both, RUNNING, BARE);
    expect(bare).toContain('No backup feed is configured (feeds[].backup)');
    expect(bare).toContain('No command is configured (commands.restartOrderManager)');
    expect(bare).not.toContain('Switch to backup feed…');
    expect(bare).not.toContain('Restart order manager…');
    expect(shown(incidentWith(), both)).toMatch(/Switch to backup feed…\nRestart order manager…\nDone/);
  });

  it('a restart shows who started it and how it ended', () => {
    const restart = bookOf({ id: 's', buttons: ['restartOrderManager'] });
    const asked = {
      type: 'CommandAsked',
      at: NOON,
      by: ADA,
      command: 'restartOrderManager',
      run: 'X',
    } as const;
    const ended = (exitCode: number | null, reason: string) =>
      ({
        type: 'CommandFinished',
        at: NOON,
        command: 'restartOrderManager',
        run: 'X',
        exitCode,
        reason,
        output: '',
        ms: 840,
      }) as const;
    const by = 'order manager restart by Ada at 14:00:00';
    expect(shown(incidentWith([asked]), restart)).toContain(`⚙ ${by}: running`);
    expect(shown(incidentWith([asked, ended(0, '')]), restart)).toContain(
      `✓ ${by}: exit code 0 after 0.84 s`,
    );
    expect(shown(incidentWith([asked, ended(3, 'exit code 3')]), restart)).toContain(
      `▲ ${by}: *exit code 3*`,
    );
    expect(shown(incidentWith([asked, ended(null, 'lost')]), restart)).toContain(`❓ ${by}: *lost*`);
  });
});

describe('the runbooks that ship', () => {
  const policy = loadPolicy();
  it('fit whole into their message, with a finding in each check', () => {
    if (!policy.ok) throw new Error('no policy');
    for (const book of policy.policy.runbooks) {
      const text =
        'binance-usdm: 4 order lists and 2 wallets read in 0.3 s; binance-spot: can read, can trade, cannot withdraw';
      const incident = incidentWith(
        book.steps.flatMap((step) => [
          ...step.checks.map(
            (check) =>
              ({
                type: 'StepChecked',
                at: NOON,
                step: `${book.id}:${step.id}`,
                check,
                state: 'bad',
                text,
              }) as const,
          ),
          {
            type: 'StepBranched',
            at: NOON,
            step: `${book.id}:${step.id}`,
            applies: true,
            text: 'gap 12 min',
          } as const,
        ]),
        { runbook: book.id },
      );
      const said = shown(incident, book);
      expect(said, book.id).not.toContain('do not fit');
      book.steps.forEach((_, index) => expect(said).toContain(`*${index + 1}.*`));
      for (const note of book.notes) expect(said).toContain(note.slice(0, 5));
    }
  });
});

// ── Any runbook that the schema takes ──────────────────────────────────────────────────────────────────────────────

const hostile = fc.oneof(
  fc.string({ minLength: 1, maxLength: 500, unit: 'binary' }),
  fc
    .constantFrom('<!channel>', '&', '`*_~', '\u202E', '<http://evil|x>')
    .map((text) => text.repeat(60).slice(0, 500)),
  fc.constant('W'.repeat(500)),
);
const named = fc.integer({ min: 0, max: 1e6 }).map((n) => `s${n}`);
const step: fc.Arbitrary<RunbookStep> = fc.record({
  id: named,
  text: hostile,
  buttons: fc.subarray([...STEP_BUTTONS], { maxLength: 6 }),
  checks: fc.subarray([...CHECK_NAMES], { maxLength: 8 }),
  when: fc.record({
    sli: fc.constantFrom(...SLI_NAMES),
    op: fc.constantFrom(...OPERATORS),
    value: fc.nat(100),
  }),
  timer: fc.record({
    afterMin: fc.nat(1_440),
    do: fc.constant('kill' as const),
    unless: fc.subarray([...CHOICES]),
  }),
});
const anyBook: fc.Arbitrary<Runbook> = fc.record({
  id: fc.constant('book'),
  title: hostile,
  severity: fc.constantFrom('P0' as const, 'P3' as const),
  summary: hostile,
  match: fc.constant([]),
  steps: fc.uniqueArray(step, { minLength: 1, maxLength: 30, selector: (one) => one.id }),
  notes: fc.array(hostile, { maxLength: 20 }),
});

describe('any runbook that the schema takes', () => {
  it('keeps Slack’s limits, whatever was found, and always offers what stops', () => {
    fc.assert(
      fc.property(anyBook, hostile, fc.boolean(), (book, text, marked) => {
        const incident = incidentWith(
          book.steps.flatMap((one) => [
            ...one.checks.map(
              (check) =>
                ({
                  type: 'StepChecked',
                  at: NOON,
                  step: `book:${one.id}`,
                  check,
                  state: 'unknown',
                  text,
                }) as const,
            ),
            { type: 'StepBranched', at: NOON, step: `book:${one.id}`, applies: true, text } as const,
            {
              type: 'StepActed',
              at: NOON,
              step: `book:${one.id}`,
              did: 'kill',
              how: 'timer',
              ok: false,
              text,
            } as const,
            ...(marked
              ? [
                  {
                    type: 'StepMarked',
                    at: NOON,
                    step: `book:${one.id}`,
                    mark: 'skipped',
                    why: text,
                  } as const,
                ]
              : []),
          ]),
        );
        const message = draw(incident, book);
        expect(problemsOfMessage(message.blocks)).toEqual([]);
        expect(message.blocks.length).toBeLessThanOrEqual(50);
        expect(JSON.stringify(message.blocks).length).toBeLessThan(12_000);
        expect(Buffer.byteLength(message.text)).toBeLessThan(4_000);
        const last = JSON.stringify(message.blocks.at(-1));
        for (const label of ['Kill…', 'Cancel orders…', 'Halt new orders…']) expect(last).toContain(label);
        const said = JSON.stringify(message.blocks);
        // In plain text it is harmless.
        const mrkdwn = said.replace(/"type":"plain_text","text":"(?:[^"\\]|\\.)*"/g, '');
        expect(`${mrkdwn}${message.text}`).not.toContain('<!channel>');
        const steps = [...said.matchAll(/\*(\d+)\.\*/g)].length;
        if (steps < book.steps.length) expect(said).toMatch(/\d+ more of this runbook do not fit/);
      }),
      { numRuns: 150 },
    );
  });

  it('is one that the schema takes: the generator above is not easier than it', () => {
    const long = `id: big\ntitle: ${'t'.repeat(500)}\nseverity: P0\nsummary: s\nmatch: []\nnotes: []\nsteps:\n${Array.from(
      { length: 30 },
      (_, n) =>
        `  - { id: s${n}, text: ${'x'.repeat(500)}, buttons: [kill, cancel, haltOrders, flatten, done, skip] }`,
    ).join('\n')}\n`;
    const parsed = parseRunbook(long, 'big.yml');
    if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
    const message = draw(incidentWith(), parsed.value);
    expect(problemsOfMessage(message.blocks)).toEqual([]);
    expect(JSON.stringify(message.blocks)).toMatch(/\d+ more of this runbook do not fit/);
    expect(parseRunbook(long.replace('steps:', '  - x\nsteps:'), 'big.yml').ok).toBe(false);
    const more = `${long}  - { id: s30, text: x, buttons: [] }\n`;
    expect(parseRunbook(more, 'big.yml').ok).toBe(false);
  });
});
