import { describe, expect, test } from 'vitest';
import { renderTemplate } from '../../../src/adapters/liquid.ts';
import type { Actor, Alert, Incident, StandingEvent } from '../../../src/domain/incident.ts';
import { evolve } from '../../../src/domain/incident.ts';
import { draftPostmortem } from '../../../src/domain/postmortem/draft.ts';
import { FIELDS } from '../../../src/domain/postmortem/life.ts';
import type { PostmortemView } from '../../../src/domain/postmortem/view.ts';
import { mailView } from '../../../src/domain/stakeholderMail.ts';
import { RUNNING } from '../../../src/domain/trading.ts';
import { loadPolicy } from '../../../src/policy.ts';

const loaded = loadPolicy();
if (!loaded.ok) throw new Error('the templates that ship are broken: see policy.test.ts');
const { playbook, postmortemTemplate, mailTemplates } = loaded.policy;

const ada: Actor = { via: 'slack', id: 'U1', name: 'Ada' };
const bot: Actor = { via: 'standdown', id: 'standdown', name: 'Standdown' };
const machine: Actor = { via: 'alert', id: 'alertmanager', name: 'alertmanager' };
const opened = Date.UTC(2026, 10, 22, 14, 3, 10);
const seconds = (n: number) => opened + n * 1_000;

const alert: Alert = {
  source: 'alertmanager',
  groupKey: 'g',
  key: '7af2',
  title: 'No bar for 2 minutes',
  severity: 'P1',
  startsAt: seconds(-70),
  startsAtGiven: true,
  labels: {},
  annotations: {},
};
const position = {
  symbol: 'BTC/USDT:USDT',
  side: 'long' as const,
  amount: 0.008,
  notional: 512.4,
  currency: 'USDT',
  unrealisedPnl: -3.1,
  dust: false,
};

const OPENED: StandingEvent = {
  type: 'IncidentOpened',
  at: opened,
  by: machine,
  id: 'INC-20261122-003',
  title: 'Feed gap: binance-1m',
  severity: 'P0',
  origin: 'alert',
  source: 'alertmanager',
  groupKey: 'g',
  runbook: 'slo-01-data-feed',
  drill: true,
};

const STORY: StandingEvent[] = [
  OPENED,
  { type: 'AlertFired', at: opened, by: machine, alert },
  { type: 'PageOwed', at: opened, by: bot, n: 1, severity: 'P0', why: 'opened' },
  { type: 'PageQueued', at: seconds(1), by: bot, n: 1, dedupKey: 'INC-20261122-003/1' },
  { type: 'PageAssigned', at: seconds(3), by: bot, n: 1, to: ['Ada'], url: 'https://pd.example/1' },
  { type: 'IncidentAcknowledged', at: seconds(130), by: ada },
  {
    type: 'MessageLogged',
    at: seconds(140),
    by: ada,
    ts: '1',
    user: 'U1',
    text: 'the feed is frozen | see `log`',
  },
  { type: 'MessageEdited', at: seconds(150), by: ada, ts: '1', text: 'the feed is gone' },
  {
    type: 'KillAsked',
    at: seconds(160),
    by: ada,
    kill: 'K1',
    reason: 'feed frozen',
    venues: ['binance-usdm', 'okx'],
  },
  { type: 'KillLatched', at: seconds(160), by: bot, kill: 'K1', ok: true, rev: 7, ms: 30 },
  {
    type: 'VenueCancelled',
    at: seconds(161),
    by: bot,
    kill: 'K1',
    venue: 'binance-usdm',
    round: 1,
    ms: 610,
    lists: [
      { list: 'regular', found: 14, answered: 14, protective: 2, failures: [] },
      { list: 'conditional', found: 3, answered: 3, protective: 0, failures: [] },
    ],
  },
  {
    type: 'VenueJudged',
    at: seconds(163),
    by: bot,
    kill: 'K1',
    venue: 'binance-usdm',
    ms: 2_700,
    verdict: {
      venue: 'binance-usdm',
      verdict: 'RESIDUAL',
      orders: [],
      positions: [position],
      listsRead: ['regular', 'conditional'],
      notCovered: [],
    },
  },
  {
    type: 'KillJudged',
    at: seconds(163),
    by: bot,
    kill: 'K1',
    verdict: 'RESIDUAL',
    timings: { latchMs: 30, lastCancelMs: 610, verdictMs: 2_700 },
  },
  { type: 'ResidualAccepted', at: seconds(200), by: ada, kill: 'K1', reason: 'hedged elsewhere' },
  { type: 'MailFailed', at: seconds(210), by: bot, what: 'mail:opened', reason: 'timeout', gaveUp: true },
  { type: 'AlertCleared', at: seconds(700), by: machine, key: '7af2', endedAt: seconds(690) },
  {
    type: 'IncidentResolved',
    at: seconds(900),
    by: ada,
    how: 'person',
    summary: 'The provider restarted its gateway.',
    rootCause: 'Their gateway leaked memory.',
    category: 'data',
  },
];

const fold = (events: StandingEvent[]): Incident => {
  const incident = events.reduce<Incident | undefined>(evolve, undefined);
  if (incident === undefined) throw new Error('no events');
  return incident;
};
const draft = (events: StandingEvent[]): PostmortemView =>
  draftPostmortem(fold(events), events, playbook, { id: 'PM_20261122_001', revision: 1 });
function render(view: PostmortemView, template = postmortemTemplate): string {
  const rendered = renderTemplate(template, 'markdown', view);
  if (!rendered.ok) throw new Error(rendered.failure.what);
  return rendered.text;
}

describe('a draft', () => {
  const view = draft(STORY);

  test('has what is on record', () => {
    expect(view).toMatchObject({
      id: 'PM_20261122_001',
      drill: true,
      owner: 'Ada',
      summary: {
        incident: 'INC-20261122-003',
        date: '2026-11-22',
        openedAt: { text: '2026-11-22 14:03:10 UTC', n: 1 },
        resolvedAt: { text: '2026-11-22 14:18:10 UTC', n: 17 },
        duration: '15 min',
        severity: { text: 'P0 / CRITICAL', n: 1 },
        slos: { text: 'SLO-01 Data feed (target 99.5 %)' },
        status: 'DRAFT',
        revision: 1,
        events: 17,
        open: false,
        text: { text: 'The provider restarted its gateway.', author: 'Ada', n: 17 },
      },
      detection: {
        how: { text: 'An alert from alertmanager: No bar for 2 minutes', n: 2 },
        toDetect: { text: '1 min 10 s', n: 2 },
        toAcknowledge: { text: '2 min 10 s (Ada)', n: 6 },
        toMitigate: { text: '2 min 40 s: KILL_SWITCH=1 was read back', n: 10 },
        toResolve: { text: '15 min', n: 17 },
      },
      alerts: [{ since: '2026-11-22 14:02:00 UTC', cleared: '2026-11-22 14:14:40 UTC', repeats: 0 }],
      pages: [{ n: 1, state: 'assigned, not acknowledged', people: 'Ada' }],
      kills: [
        {
          by: 'Ada',
          reason: 'feed frozen',
          latch: { text: 'KILL_SWITCH=1 written and read back after 0.03 s', n: 10 },
          lastCancel: '0.61 s',
          toVerdict: '2.70 s',
          verdict: { text: 'RESIDUAL', n: 13 },
          cancelled: [
            {
              text: 'binance-usdm: 14 of 14 in regular (2 protective), 3 of 3 in conditional, in 1 round',
              n: 11,
            },
            { text: 'okx: no cancel is on record, in 0 rounds', n: null },
          ],
          venues: [
            {
              text: 'binance-usdm: RESIDUAL, left: BTC/USDT:USDT long 0.008, 512.40 USDT, uPnL -3.10',
              n: 12,
            },
            { text: 'okx: no verdict is on record', n: null },
          ],
          accepted: { text: 'Ada at 2026-11-22 14:06:30 UTC: hedged elsewhere', n: 14 },
        },
      ],
      rootCause: { root: { text: 'Their gateway leaked memory.', n: 17 }, category: { text: 'data', n: 17 } },
      undelivered: [{ text: 'mail:opened (timeout)', n: 15 }],
    });
    expect(view.timeline).toHaveLength(STORY.length);
    expect(view.followUps.map((line) => line.due)).toEqual([
      ...Array(5).fill('2026-11-24 14:18:10 UTC'),
      null,
      '2026-11-29 14:18:10 UTC',
      '2026-12-22 14:18:10 UTC',
    ]);
  });

  test('invents nothing', () => {
    expect(view.summary).toMatchObject({ budget: [], author: null, reviewers: [] });
    expect(view.impact).toMatchObject({ money: [], user: null, system: null, data: null });
    expect(view.rootCause).toMatchObject({ immediate: null, contributing: null });
    expect(view).toMatchObject({ wentWell: [], wentBadly: [], actionItems: [], lessons: null });
  });

  test('of an incident that is still open has blanks, not guesses', () => {
    expect(draft([OPENED])).toMatchObject({
      owner: 'on-call',
      summary: { resolvedAt: null, duration: null, text: null },
      detection: { toDetect: null, toAcknowledge: null, toMitigate: null, toResolve: null },
      rootCause: { immediate: null, contributing: null, root: null, category: null },
      kills: [],
    });
  });

  test('does not take a source’s clock that is ahead, or no time at all, for a detection time', () => {
    const fired = (change: Partial<Alert>): StandingEvent => ({
      type: 'AlertFired',
      at: opened,
      by: machine,
      alert: { ...alert, ...change },
    });
    expect(draft([OPENED, fired({ startsAt: seconds(60) })]).detection.toDetect).toBeNull();
    expect(draft([OPENED, fired({ startsAtGiven: false })]).detection.toDetect).toBeNull();
  });

  test('of a kill says so when nothing was latched or read', () => {
    const kill: StandingEvent = {
      type: 'KillAsked',
      at: opened,
      by: ada,
      kill: 'K1',
      reason: 'x',
      venues: ['a'],
    };
    const failed: StandingEvent = {
      type: 'KillLatched',
      at: opened,
      by: bot,
      kill: 'K1',
      ok: false,
      rev: null,
      ms: 250,
      reason: 'ENOSPC',
    };
    const [one] = draft([{ ...OPENED, origin: 'kill', by: ada, runbook: 'kill-switch' }, kill]).kills;
    expect(one).toMatchObject({
      latch: { text: 'not tried, or not recorded' },
      verdict: null,
      toVerdict: null,
    });
    const view = draft([{ ...OPENED, origin: 'kill', by: ada, runbook: 'kill-switch' }, kill, failed]);
    expect(view.kills[0]?.latch.text).toBe('KILL_SWITCH=1 could NOT be written: ENOSPC');
    expect(view.detection.how.text).toBe('The kill by Ada; no alert opened it');
    expect(view.summary.slos).toBeNull();
    expect(view.impact.trading.map(({ text }) => text)).toEqual([
      'Trading was killed at 2026-11-22 14:03:10 UTC; 0 cancels answered with success; verdict not on record.',
    ]);
  });

  test('an acknowledgement before a reopening still counts', () => {
    const view = draft([
      OPENED,
      { type: 'IncidentAcknowledged', at: seconds(60), by: ada },
      { type: 'IncidentResolved', at: seconds(90), by: ada, how: 'person' },
      { type: 'IncidentReopened', at: seconds(120), by: machine, why: 'it fired again' },
    ]);
    expect(view.detection).toMatchObject({ toAcknowledge: { text: '1 min (Ada)' }, toResolve: null });
    expect(view.summary.reopened).toBe(1);
  });
});

describe('the Markdown', () => {
  const text = render(draft(STORY));

  test('has every section, and the status DRAFT', () => {
    for (const section of [
      'Summary',
      'Impact',
      'Timeline',
      'Root cause',
      'What went well',
      'What did not',
      'Detection',
      'Action items',
      'Lessons',
      'Follow-up reviews',
    ])
      expect(text).toContain(`\n## ${section}\n`);
    expect(text).toContain('| Status | DRAFT |');
    expect(text).toMatch(/^# DRILL: Postmortem PM_20261122_001: Feed gap: binance-1m$/m);
    expect(text).toContain('| Severity | P0 / CRITICAL (event 1) |');
  });

  test('shows each blank with its owner', () => {
    for (const line of [
      '| Error budget consumed | TODO (owner: Ada) |',
      '| Reviewers | TODO (owner: Ada) |',
      '| Immediate cause | TODO (owner: Ada) |',
      '**User.** TODO (owner: Ada)',
      '- Money: TODO (owner: Ada)',
      '## Lessons\n\nTODO (owner: Ada)',
      '## What went well\n\n- TODO (owner: Ada)',
      '| TODO (owner: Ada) | TODO | TODO | TODO | TODO | | |',
    ])
      expect(text).toContain(line);
  });

  test('has the playbook’s five lines as check boxes', () => {
    for (const line of playbook.checklist)
      expect(text).toContain(
        line.id === 'root-cause'
          ? `- [x] ${line.text} (done: Ada, 2026-11-22 14:18:10 UTC)`
          : `- [ ] ${line.text} (by 2026-11-24 14:18:10 UTC)`,
      );
  });

  test('every table has as many cells in each row as in its head', () => {
    let width = 0;
    for (const line of text.split('\n')) {
      const cells = line.replace(/\\./g, '').split('|').length;
      if (!line.startsWith('|')) width = 0;
      else if (width === 0) width = cells;
      else expect(cells, line).toBe(width);
    }
  });

  test('nothing that an alert or a person wrote breaks out of it', () => {
    const evil =
      '](http://evil) <!channel> <img src=x> | `x` \n# Heading\n```\n\u202Eevil ${x} {{ id }} ../../etc';
    const by: Actor = { ...ada, name: evil };
    const events: StandingEvent[] = STORY.map((event) => {
      if (event.type === 'IncidentOpened') return { ...event, title: evil };
      if (event.type === 'AlertFired') return { ...event, alert: { ...alert, title: evil, source: evil } };
      if (event.type === 'MessageLogged') return { ...event, by, text: evil };
      if (event.type === 'IncidentResolved') return { ...event, by, summary: evil, rootCause: evil };
      if (event.type === 'KillAsked') return { ...event, by, reason: evil };
      return event;
    });
    const hostile = render(draft(events));
    const clean = hostile.replace(/\\./g, '');
    expect(clean).not.toMatch(/[`<>]|\]\(|http:\/\//);
    expect(hostile).not.toContain('\u202E');
    expect(hostile).not.toMatch(/^# Heading/m);
    expect(hostile.match(/^## /gm)).toHaveLength(10);
    // The summary is in paragraphs, each line of it one; nothing else leaves its line.
    expect(hostile.split('\n')).toHaveLength(text.split('\n').length + 2 * (evil.split('\n').length - 1));
  });

  test('a log of ten thousand events is rendered', () => {
    const many = Array.from(
      { length: 10_000 },
      (_, index): StandingEvent => ({
        type: 'NoteAdded',
        at: seconds(index),
        by: ada,
        text: `note ${index}`,
      }),
    );
    expect(render(draft([...STORY, ...many]))).toContain('| Note: note 9999 |');
  });
});

describe('what people say in it', () => {
  const EVIL =
    '<!channel> [x](https://evil.example) <img src=x> `x` | cell |\n# Heading\n- [x] done\n=cmd|calc\n@here \u202e';

  test.each([
    ['hostile', EVIL, 1],
    ['ten thousand letters', 'x'.repeat(10_000), 10_000],
    ['nothing but marks', '|`*_<>&[]()~#'.repeat(200), 1],
  ])('in every field, %s, is cited and stays text', (_name, text, length) => {
    const edits = FIELDS.filter((field) => field !== 'category').map(
      (field): StandingEvent => ({
        type: 'PostmortemEdited',
        at: seconds(1_000),
        by: { ...ada, name: EVIL },
        id: 'PM_20261122_001',
        field,
        text,
        was: null,
      }),
    );
    const drafted: StandingEvent = {
      type: 'PostmortemDrafted',
      at: seconds(950),
      by: bot,
      id: 'PM_20261122_001',
      file: '/d/x.md',
    };
    const rendered = render(draft([...STORY, drafted, ...edits]));
    const clean = rendered.replace(/\\./g, '').replace(/\]\(https:\/\/x\.slack[^)]*\)/g, '');
    expect(clean).not.toMatch(/<!channel|<img|`|\]\(/);
    expect(rendered).not.toContain('\u202e');
    expect(rendered).not.toMatch(/^# Heading|^- \[x\] done/m);
    expect(rendered.match(/^## /gm)).toHaveLength(10);
    for (const n of [19, 30]) expect(rendered).toContain(`event ${n})`);
    if (length > 3_000) expect(rendered).toContain('… (7000 more)');
    let width = 0;
    for (const line of rendered.split('\n')) {
      const cells = line.replace(/\\./g, '').split('|').length;
      if (!line.startsWith('|')) width = 0;
      else if (width === 0) width = cells;
      else expect(cells, line).toBe(width);
    }
  });

  test('taken back it is TODO again', () => {
    const said = (text: string): StandingEvent => ({
      type: 'PostmortemEdited',
      at: seconds(1_000),
      by: ada,
      id: 'PM_1',
      field: 'lessons',
      text,
      was: null,
    });
    const drafted: StandingEvent = {
      type: 'PostmortemDrafted',
      at: seconds(950),
      by: bot,
      id: 'PM_1',
      file: 'f',
    };
    expect(draft([...STORY, drafted, said('a'), said('')]).lessons).toBeNull();
  });

  test('what it took of the budgets is cited, and TODO where nothing was measured', () => {
    const noted: StandingEvent = {
      type: 'BudgetNoted',
      at: seconds(950),
      by: bot,
      readings: [
        { slo: 'SLO-01', month: '2026-11', consumedSec: 3_600, budgetSec: 12_960, unmeasuredSec: 0 },
      ],
    };
    expect(render(draft([...STORY, noted]))).toContain(
      '| Error budget consumed | SLO-01 consumed 1 h of 3 h 36 min in 2026-11 (27.8 %) (event 18) |',
    );
    expect(render(draft(STORY))).toContain('| Error budget consumed | TODO (owner: Ada) |');
  });

  test('times count from what a person stated, and from what was read back', () => {
    const held: StandingEvent = {
      type: 'HoldPlaced',
      at: seconds(20),
      by: ada,
      hold: 'h',
      key: 'PAUSE_SIGNALS',
      reason: 'r',
      owner: 'operator',
    };
    const written: StandingEvent = {
      type: 'ControlWritten',
      at: seconds(21),
      by: ada,
      rev: 2,
      values: { PAUSE_SIGNALS: '1', HALT_NEW_ORDERS: '0' },
      why: 'w',
    };
    const adjusted: StandingEvent = {
      type: 'IncidentAdjusted',
      at: seconds(1_000),
      by: ada,
      slo: 'SLO-01',
      from: seconds(-600),
      to: seconds(0),
      reason: 'r',
      was: { from: seconds(0), to: seconds(1), consumedSec: 1 },
      consumedSec: 600,
    };
    expect(draft([OPENED, held]).detection.toMitigate, 'only ordered').toBeNull();
    expect(draft([OPENED, held, written]).detection.toMitigate).toMatchObject({
      text: '21 s: PAUSE_SIGNALS=1 was read back',
      n: 3,
    });
    expect(draft([...STORY, adjusted]).detection.toDetect).toMatchObject({ text: '10 min', n: 18 });
  });
});

describe('the mail to stakeholders', () => {
  const write = (kind: 'subject' | 'text' | 'html', events: StandingEvent[]) => {
    const latch = {
      kill: 'K1',
      incident: 'INC-20261122-003',
      by: ada,
      reason: 'feed frozen',
      at: seconds(160),
    };
    const view = mailView('verdict', fold(events), { ...RUNNING, latch }, []);
    const rendered = renderTemplate(mailTemplates.incident[kind], kind, view);
    if (!rendered.ok) throw new Error(rendered.failure.what);
    return rendered.text;
  };
  const killed = STORY.slice(
    0,
    STORY.findIndex((event) => event.type === 'ResidualAccepted'),
  );

  test('says what happened, what is stopped, what is exposed and what happens next', () => {
    expect(write('subject', killed)).toBe(
      '[DRILL] [P0] INC-20261122-003 trading killed, RESIDUAL: Feed gap: binance-1m',
    );
    const text = write('text', killed);
    expect(text).toMatch(/^DRILL/);
    expect(text).toContain(
      '- Ada gave the order to stop all trading at 2026-11-22 14:05:50 UTC: feed frozen.',
    );
    expect(text).toContain('- All trading, since 2026-11-22 14:05:50 UTC.');
    expect(text).toContain('- RESIDUAL, as read at 2026-11-22 14:05:53 UTC.');
    expect(text).toContain('BTC/USDT:USDT long 0.008, 512.40 USDT');
    expect(text).toContain('- okx: UNKNOWN, not read');
    expect(text).toContain('- On-call closes what is left, or accepts it with a reason.');
    expect(write('html', killed)).toContain('>okx: UNKNOWN, not read</div>');
  });

  test('says unknown as unknown', () => {
    const asked = killed.slice(
      0,
      killed.findIndex((event) => event.type === 'KillLatched'),
    );
    expect(write('subject', asked)).toContain('trading killed, not verified yet');
    expect(write('text', asked)).toContain('- Unknown: orders and positions are being read.');
    expect(write('text', [OPENED])).toContain(
      '- Unknown: orders and positions were not read for this incident.',
    );
  });

  test('carries no markup, no second header and no formula', () => {
    const events: StandingEvent[] = [
      { ...OPENED, title: '=HYPERLINK("http://evil")\r\nBcc: x@example.com <b>' },
      ...killed.slice(1),
    ];
    expect(write('subject', events)).not.toMatch(/[\r\n]/);
    expect(write('html', events)).not.toContain('<b>');
    expect(write('text', events)).not.toContain('http://');
  });
});
