import fc from 'fast-check';
import { expect, describe as group, test } from 'vitest';
import type { Actor, Alert, StandingEvent } from '../../src/domain/incident.ts';
import type { VenueVerdict } from '../../src/domain/kill.ts';
import { NOTHING_PROVED } from '../../src/domain/readiness/state.ts';
import { describe, verdictWords } from '../../src/domain/timeline.ts';
import { timeline } from '../../src/domain/timelineRows.ts';
import { span, utc } from '../../src/domain/words.ts';

const ada: Actor = { via: 'slack', id: 'U1', name: 'Ada' };
const at = Date.UTC(2026, 10, 22, 14, 5, 2);
const said = { at, by: ada };

const alert: Alert = {
  source: 'alertmanager',
  groupKey: 'g',
  key: '7af2',
  title: 'Open orders stuck (7)',
  severity: 'P1',
  startsAt: at - 60_000,
  startsAtGiven: true,
  labels: {},
  annotations: {},
};

const order = {
  id: '1',
  list: 'regular',
  symbol: 'BTC/USDT',
  side: 'buy' as const,
  amount: null,
  price: 61_000,
  protective: true,
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
const verdict = (kind: VenueVerdict['verdict'], rest: Partial<VenueVerdict> = {}): VenueVerdict => ({
  venue: 'binance-usdm',
  verdict: kind,
  orders: [],
  positions: [],
  listsRead: ['regular', 'conditional'],
  notCovered: [],
  ...rest,
});

const drill = {
  drill: 'DRILL_20261128_001',
  scenario: 'kill' as const,
  venues: ['testnet'],
  times: [],
  kill: null,
  ended: 'done' as const,
  why: '',
  passed: true,
};

type Samples = { [T in StandingEvent['type']]: [Extract<StandingEvent, { type: T }>, string][] };

/** Every type of event has at least one: the compiler sees to it. */
const SAMPLES: Samples = {
  StepChecked: [
    [
      { ...said, type: 'StepChecked', step: 'slo-01:confirm', check: 'gap', state: 'bad', text: 'gap 160 s' },
      'Runbook step slo-01:confirm, gap: NOT ok: gap 160 s',
    ],
    [
      { ...said, type: 'StepChecked', step: 'slo-01:confirm', check: 'gap', state: 'unknown', text: '' },
      'Runbook step slo-01:confirm, gap: UNKNOWN',
    ],
  ],
  StepBranched: [
    [
      { ...said, type: 'StepBranched', step: 's', applies: true, text: 'gap 12 min' },
      'Runbook step s applies: gap 12 min',
    ],
    [{ ...said, type: 'StepBranched', step: 's', applies: false, text: '' }, 'Runbook step s does not apply'],
    [
      { ...said, type: 'StepBranched', step: 's', applies: null, text: '' },
      'Runbook step s whether it applies is UNKNOWN',
    ],
  ],
  StepActed: [
    [
      {
        ...said,
        type: 'StepActed',
        step: 's',
        did: 'pauseSignals',
        how: 'auto',
        ok: true,
        text: 'read back',
      },
      'Runbook step s did pauseSignals by itself: read back',
    ],
    [
      {
        ...said,
        type: 'StepActed',
        step: 's',
        did: 'haltOrders',
        how: 'timer',
        ok: false,
        text: 'disk full',
      },
      'Runbook step s tried haltOrders by its timer: disk full',
    ],
  ],
  FeedGapBegan: [
    [
      { ...said, type: 'FeedGapBegan', feed: 'binance-1m', symbol: 'BTC/USDT:USDT', from: at },
      `Gap of feed binance-1m (BTC/USDT:USDT) began at ${utc(at)}`,
    ],
  ],
  FeedGapEnded: [
    [
      {
        ...said,
        type: 'FeedGapEnded',
        feed: 'binance-1m',
        symbol: 'BTC/USDT:USDT',
        from: at,
        to: at + 160_000,
      },
      `Gap of feed binance-1m (BTC/USDT:USDT) ended at ${utc(at + 160_000)}, after 2 min 40 s`,
    ],
  ],
  ClockMet: [
    [
      { ...said, type: 'ClockMet', clock: 'acknowledge', dueAt: at },
      `Clock met: acknowledge, due at ${utc(at)}`,
    ],
  ],
  ClockMissed: [
    [
      { ...said, type: 'ClockMissed', clock: 'acknowledge', dueAt: at },
      `Clock MISSED: acknowledge, due at ${utc(at)}, not done`,
    ],
  ],
  UpdateReminded: [
    [{ ...said, type: 'UpdateReminded', sinceMs: 1_800_000 }, 'Reminded: no update for 30 min'],
  ],
  CommanderAssigned: [
    [
      {
        ...said,
        type: 'CommanderAssigned',
        who: { via: 'slack', id: 'U2', name: 'Grace' },
        handover: 'the feed is back',
      },
      'Grace commands: the feed is back',
    ],
  ],
  IncidentMitigated: [
    [{ ...said, type: 'IncidentMitigated', text: 'on the backup' }, 'Mitigated: on the backup'],
  ],
  IssueFiled: [
    [
      { ...said, type: 'IssueFiled', item: 'A1', number: 7, url: 'https://github.invalid/o/r/issues/7' },
      'Action item A1 filed as issue 7: https://github.invalid/o/r/issues/7',
    ],
  ],
  IssueFailed: [
    [
      { ...said, type: 'IssueFailed', item: 'A1', reason: 'no token', gaveUp: true, maybe: false },
      'Action item A1 could not be filed (gave up): no token',
    ],
    [
      { ...said, type: 'IssueFailed', item: 'A1', reason: 'timeout', gaveUp: false, maybe: true },
      'Action item A1 could not be filed (will retry): timeout',
    ],
  ],
  IssueTriedAgain: [
    [{ ...said, type: 'IssueTriedAgain', item: 'A1' }, 'Action item A1 is to be filed again'],
  ],
  IssueStateSeen: [
    [
      { ...said, type: 'IssueStateSeen', item: 'A1', state: 'closed', changedAt: at, who: 'grace' },
      'The issue of action item A1 is closed, by grace',
    ],
    [
      { ...said, type: 'IssueStateSeen', item: 'A1', state: 'gone', changedAt: null, who: null },
      'The issue of action item A1 is deleted or moved',
    ],
  ],
  CommandRefused: [
    [
      {
        ...said,
        type: 'CommandRefused',
        what: '/kill now',
        where: 'C1',
        code: 'no_responder:notNamed',
        words: 'No.',
      },
      'REFUSED: /kill now (from C1): No. [no_responder:notNamed]',
    ],
    [
      {
        ...said,
        type: 'CommandRefused',
        what: 'button desk.kill',
        where: 'C1',
        code: 'x',
        words: 'No.',
        more: 3,
      },
      'REFUSED: button desk.kill (from C1), 3 more within a minute: No. [x]',
    ],
  ],
  FileSetAside: [
    [
      { ...said, type: 'FileSetAside', name: '1.log.tail', sha256: 'ab' },
      'Could not be read at the start, and kept as aside/1.log.tail (SHA-256 ab)',
    ],
  ],
  MaintenanceSeen: [
    [
      { ...said, type: 'MaintenanceSeen', window: 'w', from: 0, to: 60_000, name: 'move' },
      'Maintenance “move”, 1970-01-01 00:00:00 UTC to 1970-01-01 00:01:00 UTC, was seen in the configuration for the first time',
    ],
  ],
  IssueCommented: [
    [
      { ...said, type: 'IssueCommented', item: 'A1', postmortem: 'PM_20261128_001' },
      'The issue of action item A1 was told of postmortem PM_20261128_001',
    ],
  ],
  ActionItemReminded: [
    [
      { ...said, type: 'ActionItemReminded', item: 'A1', due: '2026-12-01' },
      'Reminded: action item A1 is due on 2026-12-01',
    ],
  ],
  ActionItemAdded: [
    [
      {
        ...said,
        type: 'ActionItemAdded',
        id: 'A1',
        text: 'test the backup',
        owner: 'Ada',
        priority: 'high',
        due: '2026-12-01',
      },
      'Action item A1 (owner Ada, high, due 2026-12-01): test the backup',
    ],
    [{ ...said, type: 'ActionItemAdded', id: 'A1', text: 'x' }, 'Action item A1 (no owner): x'],
  ],
  PagerSaid: [
    [
      { ...said, type: 'PagerSaid', id: 'e1', person: true, n: 1, what: 'escalated', to: ['Grace'] },
      'PagerDuty: page 1 escalated, now with Grace',
    ],
    [
      { ...said, type: 'PagerSaid', id: 'e1', person: true, n: 1, what: 'annotated', to: [], text: 'on it' },
      'PagerDuty: page 1 annotated: on it',
    ],
  ],
  SummonOwed: [
    [
      { ...said, type: 'SummonOwed', n: 1, way: 'mention', why: 'PagerDuty refused the page' },
      'On-call is asked by mention for page 1: PagerDuty refused the page',
    ],
  ],
  SummonSent: [
    [
      { ...said, type: 'SummonSent', n: 1, way: 'mention', to: ['U0ADA', 'S0ONCALL'] },
      'Mentioned in Slack for page 1: U0ADA, S0ONCALL',
    ],
    [
      { ...said, type: 'SummonSent', n: 2, way: 'mail', to: ['ada@desk.example'] },
      'Mail for page 2 accepted by the mail server for ada@desk.example',
    ],
  ],
  SummonFailed: [
    [
      { ...said, type: 'SummonFailed', n: 1, way: 'mail', reason: 'mail is off', gaveUp: true },
      'On-call could not be asked by mail for page 1 (gave up): mail is off',
    ],
    [
      { ...said, type: 'SummonFailed', n: 1, way: 'mention', reason: 'Slack answered 500', gaveUp: false },
      'On-call could not be asked by mention for page 1 (will retry): Slack answered 500',
    ],
  ],
  CommandAsked: [
    [
      { ...said, type: 'CommandAsked', command: 'restartOrderManager', run: 'X1' },
      'Command restartOrderManager started',
    ],
  ],
  CommandFinished: [
    [
      {
        ...said,
        type: 'CommandFinished',
        command: 'restartOrderManager',
        run: 'X1',
        exitCode: 0,
        reason: '',
        output: 'ok',
        ms: 840,
      },
      'Command restartOrderManager ended with exit code 0 after 0.84 s',
    ],
    [
      {
        ...said,
        type: 'CommandFinished',
        command: 'restartOrderManager',
        run: 'X1',
        exitCode: null,
        reason: 'timed out',
        output: '',
        ms: 30_000,
      },
      'Command restartOrderManager ended with no exit code after 30 s: timed out',
    ],
  ],
  IncidentOpened: [
    [
      {
        ...said,
        type: 'IncidentOpened',
        id: 'INC-20261122-003',
        title: 'Feed gap',
        severity: 'P1',
        origin: 'alert',
        source: 'alertmanager',
        runbook: 'slo-01-data-feed',
        drill: true,
      },
      'Opened INC-20261122-003 (DRILL) as P1 by alertmanager: Feed gap; runbook slo-01-data-feed',
    ],
    [
      {
        ...said,
        type: 'IncidentOpened',
        id: 'INC-1',
        title: 'x',
        severity: 'P1',
        severityNote: 'no severity given; taken as P1',
        origin: 'person',
        runbook: null,
        drill: false,
      },
      'Opened INC-1 as P1 (no severity given; taken as P1): x; no runbook matched',
    ],
  ],
  AlertFired: [
    [
      { ...said, type: 'AlertFired', alert },
      'Alert from alertmanager: Open orders stuck (7), P1, firing since 2026-11-22 14:04:02 UTC',
    ],
    [
      {
        ...said,
        type: 'AlertFired',
        alert: {
          ...alert,
          startsAtGiven: false,
          severityGuess: 'severity "x" is not one we know; taken as P1',
        },
      },
      'Alert from alertmanager: Open orders stuck (7), P1 (severity "x" is not one we know; taken as P1)',
    ],
  ],
  AlertRepeated: [[{ ...said, type: 'AlertRepeated', key: '7af2' }, 'Alert 7af2 was sent again']],
  AlertCleared: [
    [
      { ...said, type: 'AlertCleared', key: '7af2', endedAt: at },
      'Alert 7af2 resolved at its source at 2026-11-22 14:05:02 UTC',
    ],
    [
      { ...said, type: 'AlertCleared', key: '7af2', endedAt: Number.NaN },
      'Alert 7af2 resolved at its source at time unknown',
    ],
  ],
  SeverityChanged: [
    [
      { ...said, type: 'SeverityChanged', from: 'P1', to: 'P0', why: 'a kill' },
      'Severity changed from P1 to P0: a kill',
    ],
  ],
  IncidentReopened: [
    [{ ...said, type: 'IncidentReopened', why: 'it fired again' }, 'Reopened: it fired again'],
  ],
  IncidentAcknowledged: [[{ ...said, type: 'IncidentAcknowledged' }, 'Acknowledged']],
  IncidentResolved: [
    [{ ...said, type: 'IncidentResolved', how: 'person', summary: 'feed back' }, 'Resolved: feed back'],
    [
      { ...said, type: 'IncidentResolved', how: 'alertsCleared' },
      'Resolved by itself: every alert has cleared',
    ],
  ],
  PageOwed: [
    [{ ...said, type: 'PageOwed', n: 1, severity: 'P1', why: 'opened' }, 'Page 1 is due (P1): opened'],
  ],
  PageQueued: [
    [
      { ...said, type: 'PageQueued', n: 1, dedupKey: 'INC-1/1' },
      'Page 1 queued at PagerDuty (INC-1/1); nobody is confirmed as paged yet',
    ],
  ],
  PageAssigned: [
    [
      { ...said, type: 'PageAssigned', n: 1, to: ['Ada'], url: 'https://x' },
      'Page 1 is assigned to Ada, not acknowledged',
    ],
    [
      { ...said, type: 'PageAssigned', n: 1, to: ['Ada', 'Bo'], url: 'https://x', acknowledgedBy: 'Bo' },
      'Page 1, assigned to Ada, Bo, was acknowledged on PagerDuty by Bo',
    ],
    [
      { ...said, type: 'PageAssigned', n: 1, to: [], url: 'https://x' },
      'Page 1 is assigned to nobody, not acknowledged',
    ],
  ],
  PageFailed: [
    [{ ...said, type: 'PageFailed', n: 1, reason: '500', gaveUp: false }, 'Page 1 failed (will retry): 500'],
    [{ ...said, type: 'PageFailed', n: 1, reason: '400', gaveUp: true }, 'Page 1 failed (gave up): 400'],
  ],
  PageSuperseded: [
    [{ ...said, type: 'PageSuperseded', n: 1, why: 'resolved' }, 'Page 1 was not needed any more: resolved'],
  ],
  PageClosed: [[{ ...said, type: 'PageClosed', n: 1 }, 'Page 1 was closed at PagerDuty']],
  Posted: [
    [{ ...said, type: 'Posted', what: 'headline', channel: 'C', ts: '1' }, 'Posted to Slack: headline'],
  ],
  PostFailed: [
    [
      { ...said, type: 'PostFailed', what: 'headline', reason: 'is_archived', gaveUp: true },
      'Could not post headline to Slack (gave up): is_archived',
    ],
  ],
  MailOwed: [
    [
      { ...said, type: 'MailOwed', what: 'opened', why: '45 min' },
      'Mail to the stakeholders is due (opened): 45 min',
    ],
  ],
  ChecklistMarked: [
    [{ ...said, type: 'ChecklistMarked', item: 'sli-data' }, 'Checklist: sli-data done'],
    [
      { ...said, type: 'ChecklistMarked', item: 'action-items', text: 'none: a typo' },
      'Checklist: action-items done: none: a typo',
    ],
  ],
  RootCauseNamed: [
    [
      { ...said, type: 'RootCauseNamed', category: 'data', text: 'a gap' },
      'Root cause is of the category data: a gap',
    ],
  ],
  ImpactNoted: [
    [
      { ...said, type: 'ImpactNoted', dayPnl: -12.5, currency: 'USDT', source: 'engine', why: '' },
      'Profit and loss of the day: -12.50 USDT, by engine',
    ],
    [
      { ...said, type: 'ImpactNoted', dayPnl: null, currency: 'USDT', source: null, why: 'no sample' },
      'Profit and loss of the day: unknown: no sample',
    ],
  ],
  TrailKept: [
    [
      {
        ...said,
        type: 'TrailKept',
        from: at,
        to: at + 60_000,
        currency: 'USDT',
        limits: { total: 1, perVenue: {} },
        leftOut: 2,
        lines: [{ of: 'orders', name: 'binance', unit: 'orders', points: [[0, 3]] }],
      },
      'Put on record what was measured from 2026-11-22 14:05:02 UTC to 2026-11-22 14:06:02 UTC: 1 line, 2 left out',
    ],
  ],
  TrailMissing: [
    [
      { ...said, type: 'TrailMissing', reason: 'EIO' },
      'What was measured over the incident could not be read: EIO',
    ],
  ],
  MoneyMeasured: [
    [
      {
        ...said,
        type: 'MoneyMeasured',
        from: at,
        to: at,
        ledgers: [
          {
            venue: 'usdm',
            at,
            state: 'read',
            ledger: 'income',
            rows: 3,
            leftOut: 1,
            assets: [{ asset: 'USDT', realised: -3.1, fees: -0.4, other: 0 }],
          },
          { venue: 'spot', at, state: 'silent', reason: 'a trade is an exchange' },
          { venue: 'okx', at, state: 'failed', reason: 'timeout' },
        ],
        unrealised: [
          { venue: 'usdm', at, state: 'read', sums: [{ currency: 'USDT', amount: 2 }] },
          { venue: 'spot', at, state: 'read', sums: [{ currency: 'USDT', amount: null }] },
          { venue: 'flat', at, state: 'read', sums: [] },
          { venue: 'okx', at, state: 'failed', reason: 'timeout' },
        ],
      },
      "Money by the venues' own records: usdm: realised -3.1, fees -0.4, funding and other 0 USDT, by its income read at 2026-11-22 14:05:02 UTC; 1 row in no sum (one asset for another), spot: realised and fees not said by spot (a trade is an exchange), okx: realised and fees UNKNOWN, not said by okx (timeout), usdm: unrealised +2 USDT, by its positions read at 2026-11-22 14:05:02 UTC, spot: unrealised not said in USDT, by its positions read at 2026-11-22 14:05:02 UTC, flat: nothing open, so nothing unrealised, read at 2026-11-22 14:05:02 UTC, okx: unrealised UNKNOWN, not said by okx (timeout)",
    ],
    [
      { ...said, type: 'MoneyMeasured', from: at, to: at, ledgers: [], unrealised: [] },
      "Money by the venues' own records: no venue is configured",
    ],
  ],
  PictureDrawn: [
    [
      {
        ...said,
        type: 'PictureDrawn',
        png: 'PM_1.png',
        svg: 'PM_1.svg',
        pngSha256: 'aa',
        svgSha256: 'bb',
        alt: 'what it shows',
      },
      'Picture drawn: PM_1.png, SHA-256 aa; PM_1.svg, SHA-256 bb',
    ],
  ],
  PictureFailed: [
    [{ ...said, type: 'PictureFailed', reason: 'no thread' }, 'The picture could not be drawn: no thread'],
  ],
  PictureUploaded: [
    [{ ...said, type: 'PictureUploaded', png: 'PM_1.png' }, 'Picture PM_1.png uploaded to the thread'],
  ],
  PictureUploadFailed: [
    [
      { ...said, type: 'PictureUploadFailed', png: 'PM_1.png', reason: 'missing_scope', gaveUp: true },
      'Picture PM_1.png could not be uploaded: missing_scope; it will not be tried again',
    ],
  ],
  MailSent: [
    [
      { ...said, type: 'MailSent', what: 'opened', to: ['a@x'], refused: [] },
      'Mail opened accepted by the mail server for a@x',
    ],
    [
      { ...said, type: 'MailSent', what: 'opened', to: [], refused: [{ address: 'b@x', reason: '550' }] },
      'Mail opened accepted by the mail server for nobody; refused: b@x (550)',
    ],
  ],
  MailFailed: [
    [
      { ...said, type: 'MailFailed', what: 'opened', reason: 'timeout', gaveUp: false },
      'Mail opened failed (will retry): timeout',
    ],
  ],
  StepMarked: [
    [{ ...said, type: 'StepMarked', step: 'confirm', mark: 'done' }, 'Runbook step confirm done'],
    [
      { ...said, type: 'StepMarked', step: 'confirm', mark: 'skipped', why: 'n/a' },
      'Runbook step confirm skipped: n/a',
    ],
  ],
  MessageLogged: [[{ ...said, type: 'MessageLogged', ts: '1', user: 'U1', text: 'on it' }, 'Said: on it']],
  MessageEdited: [
    [{ ...said, type: 'MessageEdited', ts: '1', text: 'on it!' }, 'Edited a message to: on it!'],
  ],
  MessageDeleted: [
    [
      { ...said, type: 'MessageDeleted', ts: '1' },
      'Deleted: a message of theirs; Slack does not say by whom',
    ],
  ],
  MessageMarked: [
    [
      { ...said, type: 'MessageMarked', ts: '1', mark: 'cause', emoji: 'mag', text: 'it was the deploy' },
      'Marked a message as cause: it was the deploy',
    ],
  ],
  MessageUnmarked: [
    [
      { ...said, type: 'MessageUnmarked', ts: '1', mark: 'wentBadly', emoji: 'heavy_minus_sign' },
      'Took the mark did not go well from a message',
    ],
  ],
  MessagePinned: [
    [{ ...said, type: 'MessagePinned', ts: '1', text: 'the plan' }, 'Pinned a message: the plan'],
  ],
  MessageUnpinned: [[{ ...said, type: 'MessageUnpinned', ts: '1' }, 'Unpinned a message']],
  NoteAdded: [[{ ...said, type: 'NoteAdded', text: 'gap 12 min' }, 'Note: gap 12 min']],
  PostmortemDrafted: [
    [
      { ...said, type: 'PostmortemDrafted', id: 'PM_20261122_001', file: '/x' },
      'Postmortem PM_20261122_001 drafted',
    ],
  ],
  KillAsked: [
    [
      { ...said, type: 'KillAsked', kill: 'K1', reason: 'feed frozen', venues: ['a', 'b'] },
      'KILL asked for a, b: feed frozen',
    ],
    [{ ...said, type: 'KillAsked', kill: 'K1', reason: 'x', venues: [] }, 'KILL asked for no venue: x'],
  ],
  KillJoined: [[{ ...said, type: 'KillJoined', kill: 'K1', reason: 'too' }, 'Asked for the kill too: too']],
  KillLatched: [
    [
      { ...said, type: 'KillLatched', kill: 'K1', ok: true, rev: 7, ms: 30 },
      'KILL_SWITCH=1 written and read back (revision 7), 0.03 s after the trigger',
    ],
    [
      { ...said, type: 'KillLatched', kill: 'K1', ok: false, rev: null, ms: 250, reason: 'ENOSPC' },
      'KILL_SWITCH=1 could NOT be written, 0.25 s after the trigger: ENOSPC',
    ],
  ],
  VenueCancelled: [
    [
      {
        ...said,
        type: 'VenueCancelled',
        kill: 'K1',
        venue: 'a',
        round: 1,
        ms: 610,
        lists: [
          { list: 'regular', found: 14, answered: 14, protective: 2, failures: [] },
          { list: 'conditional', found: 3, answered: 2, protective: 0, failures: ['id 9: timeout'] },
        ],
      },
      'a: cancel round 1 answered 14 of 14 in regular (2 protective), 2 of 3 in conditional; failed: id 9: timeout, 0.61 s after the trigger',
    ],
  ],
  VenueJudged: [
    [
      {
        ...said,
        type: 'VenueJudged',
        kill: 'K1',
        venue: 'binance-usdm',
        ms: 2_700,
        verdict: verdict('FLAT'),
      },
      'binance-usdm: FLAT, 2 lists read twice and empty, 2.70 s after the trigger',
    ],
  ],
  KillJudged: [
    [
      {
        ...said,
        type: 'KillJudged',
        kill: 'K1',
        verdict: 'UNKNOWN',
        timings: { latchMs: null, lastCancelMs: null, verdictMs: 9_000 },
      },
      'VERDICT UNKNOWN, 9.00 s after the trigger',
    ],
  ],
  ResidualAccepted: [
    [
      { ...said, type: 'ResidualAccepted', kill: 'K1', reason: 'hedged' },
      'Accepted the residual exposure: hedged',
    ],
  ],
  HoldPlaced: [
    [
      { ...said, type: 'HoldPlaced', hold: 'H1', key: 'HALT_NEW_ORDERS', reason: 'venue', owner: 'operator' },
      'HALT_NEW_ORDERS=1 held by operator: venue',
    ],
  ],
  HoldLifted: [
    [
      { ...said, type: 'HoldLifted', hold: 'H1', key: 'PAUSE_SIGNALS', reason: 'back' },
      'A hold on PAUSE_SIGNALS was lifted: back',
    ],
  ],
  EngineConfirmed: [
    [
      { ...said, type: 'EngineConfirmed', kill: 'K1', engine: 'main', ms: 840 },
      'Engine main confirms by its heartbeat that it obeys, 0.84 s after the trigger',
    ],
  ],
  PostmortemAsked: [[{ ...said, type: 'PostmortemAsked' }, 'Asked for a postmortem']],
  PostmortemRevised: [
    [
      {
        ...said,
        type: 'PostmortemRevised',
        id: 'PM_1',
        revision: 2,
        sha256: 'x',
        shows: 9,
        byHand: ['PM_1.by-hand-1.md'],
      },
      'Postmortem PM_1 written anew, revision 2; it had been changed by hand, which is kept as PM_1.by-hand-1.md',
    ],
  ],
  PostmortemEdited: [
    [
      { ...said, type: 'PostmortemEdited', id: 'PM_1', field: 'lessons', text: 'test it', was: null },
      'Postmortem PM_1, Lessons: now “test it”, was nothing',
    ],
    [
      { ...said, type: 'PostmortemEdited', id: 'PM_1', field: 'lessons', text: '', was: 'test it' },
      'Postmortem PM_1, Lessons: taken back, was “test it”',
    ],
  ],
  PostmortemReturned: [
    [
      { ...said, type: 'PostmortemReturned', id: 'PM_1', from: 'FINAL', reason: 'wrong cause' },
      'Postmortem PM_1 returned from FINAL to a draft: wrong cause',
    ],
  ],
  PostmortemFinalised: [[{ ...said, type: 'PostmortemFinalised', id: 'PM_1' }, 'Postmortem PM_1 made FINAL']],
  PostmortemShared: [
    [
      { ...said, type: 'PostmortemShared', id: 'PM_1', revision: 3, of: 9 },
      'Postmortem PM_1, revision 3, put into the thread as a file',
    ],
    [
      { ...said, type: 'PostmortemShared', id: 'PM_1', revision: 3, of: 9, failed: 'missing_scope' },
      'Postmortem PM_1, revision 3, could NOT be put into the thread as a file: missing_scope',
    ],
  ],
  PostmortemLastMinutes: [
    [
      { ...said, type: 'PostmortemLastMinutes', until: Date.UTC(2026, 10, 24, 14) },
      'The minutes after the resolution, to 2026-11-24 14:00:00 UTC, are measured and drawn for the postmortem',
    ],
  ],
  PostmortemReminded: [
    [
      { ...said, type: 'PostmortemReminded', dueAt: Date.UTC(2026, 10, 24, 14), day: 1 },
      'Reminded of the postmortem, due at 2026-11-24 14:00:00 UTC',
    ],
  ],
  BudgetNoted: [
    [
      {
        ...said,
        type: 'BudgetNoted',
        readings: [
          { slo: 'SLO-01', month: '2026-11', consumedSec: 3_600, budgetSec: 12_960, unmeasuredSec: 60 },
        ],
      },
      'Error budgets: SLO-01 consumed at least 1 h of 3 h 36 min in 2026-11 (27.8 %), 1 min not measured',
    ],
    [{ ...said, type: 'BudgetNoted', readings: [] }, 'Error budgets: nothing of it was measured'],
  ],
  PostmortemReviewed: [
    [
      { ...said, type: 'PostmortemReviewed', id: 'PM_20261122_001' },
      'Postmortem PM_20261122_001 put into review',
    ],
  ],
  RecoveryChecked: [
    [
      {
        ...said,
        type: 'RecoveryChecked',
        passed: false,
        exitCode: 0,
        reason: 'it did not say ELIGIBLE',
        output: 'NEEDS_DATA',
        ms: 10,
      },
      'Recovery check did NOT pass: it did not say ELIGIBLE',
    ],
  ],
  ResumeAsked: [
    [
      {
        ...said,
        type: 'ResumeAsked',
        resume: 'R1',
        kill: 'K1',
        reason: 'fixed',
        criteria: ['dailyLoss'],
        startingValue: '0',
      },
      'Asked to lift the kill latch: fixed; not known to be fine: dailyLoss; starting value: 0',
    ],
  ],
  ResumeApproved: [[{ ...said, type: 'ResumeApproved', resume: 'R1' }, 'Approved lifting the kill latch']],
  ResumeRefused: [
    [
      { ...said, type: 'ResumeRefused', resume: 'R1', reason: 'an order appeared' },
      'The kill latch stays: an order appeared',
    ],
  ],
  KillSuperseded: [
    [
      { ...said, type: 'KillSuperseded', kill: 'K1', incident: 'INC-20261122-002', newer: 'K2' },
      'A newer kill took over: K2 in INC-20261122-002',
    ],
  ],
  LatchAdopted: [
    [
      { ...said, type: 'LatchAdopted', reason: 'found set at start' },
      'KILL_SWITCH=1 found and adopted as a latch: found set at start',
    ],
  ],
  LatchLifted: [
    [
      { ...said, type: 'LatchLifted', kill: 'K-1', how: 'approved', reason: 'recovered' },
      'The kill latch was lifted (approved): recovered',
    ],
    [
      { ...said, type: 'LatchLifted', kill: null, how: 'breakGlass', reason: 'Slack is down' },
      'The kill latch was lifted (break-glass): Slack is down',
    ],
  ],
  ControlWritten: [
    [
      { ...said, type: 'ControlWritten', rev: 8, values: { HALT_NEW_ORDERS: '1' }, why: 'halt' },
      'Control file written and read back: HALT_NEW_ORDERS=1 (revision 8): halt',
    ],
  ],
  ControlFailed: [
    [
      { ...said, type: 'ControlFailed', reason: 'EROFS', why: 'halt' },
      'Control file could NOT be written (halt): EROFS',
    ],
  ],
  CancelAsked: [
    [
      { ...said, type: 'CancelAsked', cancel: 'X1', scope: { scope: 'all' }, reason: 'x' },
      'Cancel asked: all open orders at every venue: x',
    ],
    [
      {
        ...said,
        type: 'CancelAsked',
        cancel: 'X1',
        scope: { scope: 'entries', venue: 'a', symbol: 'BTC/USDT' },
        reason: '',
      },
      'Cancel asked: open orders that are not reduce-only at a, BTC/USDT',
    ],
  ],
  CancelFinished: [
    [
      {
        ...said,
        type: 'CancelFinished',
        cancel: 'X1',
        ms: 1_500,
        results: [
          { venue: 'a', verdict: 'cancelled', lists: [], left: 0 },
          { venue: 'b', verdict: 'left', lists: [], left: 1 },
          { venue: 'c', verdict: 'unknown', lists: [], left: null, reason: 'timeout' },
        ],
      },
      'Cancel done after 1.50 s: a: read back, none left (answered: no list); b: not all cancelled, 1 order left (answered: no list); c: UNKNOWN, could not be read back: timeout (answered: no list)',
    ],
  ],
  FlattenAsked: [
    [
      {
        ...said,
        type: 'FlattenAsked',
        flatten: 'F1',
        positions: [{ venue: 'a', symbol: 'BTC/USDT:USDT', side: 'long', amount: 0.008 }],
      },
      'Flatten asked: a BTC/USDT:USDT long 0.008',
    ],
  ],
  FlattenFinished: [
    [
      {
        ...said,
        type: 'FlattenFinished',
        flatten: 'F1',
        verdict: 'UNKNOWN',
        ms: 900,
        results: [
          {
            venue: 'a',
            symbol: 'BTC/USDT:USDT',
            side: 'long',
            asked: 0.008,
            state: 'unknown',
            left: null,
            reason: 'timeout',
          },
        ],
      },
      'Flatten done after 0.90 s, UNKNOWN: a BTC/USDT:USDT long 0.008: unknown, what is left is unknown: timeout',
    ],
  ],
  ResolutionNoted: [
    [
      {
        ...said,
        type: 'ResolutionNoted',
        source: 'alertmanager',
        groupKey: 'g',
        key: '7af2',
        startsAt: at,
        endedAt: at,
      },
      'A resolution came before its alert: 7af2 from alertmanager at 2026-11-22 14:05:02 UTC',
    ],
  ],
  RequestTaken: [[{ ...said, type: 'RequestTaken', name: 'slack:1' }, 'Request slack:1 taken; it runs once']],
  IncidentReviewed: [
    [
      { ...said, type: 'IncidentReviewed', text: 'The feed is too thin' },
      'Incident review: The feed is too thin',
    ],
  ],
  IncidentAdjusted: [
    [
      {
        ...said,
        type: 'IncidentAdjusted',
        slo: 'SLO-01',
        from: Date.parse('2026-11-22T13:00:00Z'),
        to: Date.parse('2026-11-22T14:00:00Z'),
        reason: 'the venue says so',
        was: {
          from: Date.parse('2026-11-22T13:10:00Z'),
          to: Date.parse('2026-11-22T13:40:00Z'),
          consumedSec: 1_800,
        },
        consumedSec: 3_600,
      },
      "True times 2026-11-22 13:00:00 UTC to 2026-11-22 14:00:00 UTC (was 2026-11-22 13:10:00 UTC to 2026-11-22 13:40:00 UTC); SLO-01 consumed 1 h of its month's budget, was 30 min: the venue says so",
    ],
  ],
  TimeExcluded: [
    [
      {
        ...said,
        type: 'TimeExcluded',
        exclusion: 'X-1',
        from: Date.parse('2026-11-22T13:00:00Z'),
        to: Date.parse('2026-11-22T14:00:00Z'),
        name: 'Binance outage',
        slo: null,
      },
      'Not counted for any budget: Binance outage, 2026-11-22 13:00:00 UTC to 2026-11-22 14:00:00 UTC',
    ],
    [
      { ...said, type: 'TimeExcluded', exclusion: 'X-1', from: 0, to: 60_000, name: 'x', slo: 'SLO-02' },
      'Not counted for SLO-02: x, 1970-01-01 00:00:00 UTC to 1970-01-01 00:01:00 UTC',
    ],
  ],
  DrillFinished: [
    [
      { ...said, type: 'DrillFinished', ...drill, earlier: [] },
      'Drill DRILL_20261128_001 (kill) ran to its end: passed',
    ],
  ],
  DrillNoted: [
    [
      {
        ...said,
        type: 'DrillNoted',
        incident: 'INC-1',
        ...drill,
        ended: 'realKill',
        why: 'INC-2',
        passed: false,
      },
      'Drill DRILL_20261128_001 (kill) was ended by a real kill: INC-2: NOT passed',
    ],
  ],
  DrillPlanned: [
    [
      { ...said, type: 'DrillPlanned', schedule: 'kill 0 9 * * 1', scenario: 'kill', dueAt: said.at },
      `A drill (kill) is due at ${utc(said.at)}`,
    ],
  ],
  DrillMissed: [
    [
      { ...said, type: 'DrillMissed', schedule: 's', scenario: 'kill', dueAt: said.at, why: 'down' },
      `A drill (kill) was due at ${utc(said.at)} and did not run: down`,
    ],
  ],
  DrillMissedSaid: [
    [
      { ...said, type: 'DrillMissedSaid', schedule: 's', dueAt: said.at },
      `It was said that the drill due at ${utc(said.at)} did not run`,
    ],
  ],
  MembersSeen: [
    [{ ...said, type: 'MembersSeen', name: 'S1', members: ['U1', 'U2'] }, 'Members of S1: 2 people'],
  ],
  ReadinessProved: [
    [
      {
        ...said,
        type: 'ReadinessProved',
        line: 'emergency-cancel',
        part: 'binance-usdm',
        evidence: 'kill in INC-1: 2 order(s) cancelled',
        provedAt: 0,
        rehearsal: false,
      },
      'Readiness emergency-cancel (binance-usdm) proved 1970-01-01 00:00:00 UTC: kill in INC-1: 2 order(s) cancelled',
    ],
  ],
  RotaRead: [
    [
      {
        ...said,
        type: 'RotaRead',
        from: 0,
        to: 60_000,
        holes: [{ from: 0, to: 1_000 }],
        people: [{ id: 'P1', name: 'Ada', slack: 'U1', hasPhone: true }],
      },
      'The rota was read to 1970-01-01 00:01:00 UTC: 1 hole, Ada',
    ],
  ],
  RotaUnread: [[{ ...said, type: 'RotaUnread', reason: '503' }, 'The rota could not be read: 503']],
  TestPageAsked: [[{ ...said, type: 'TestPageAsked', page: 1, rehearsal: false }, 'Test page 1 asked for']],
  TestPageQueued: [[{ ...said, type: 'TestPageQueued', page: 1 }, 'Test page 1 queued at PagerDuty']],
  TestPageFailed: [
    [
      { ...said, type: 'TestPageFailed', page: 1, reason: '400', gaveUp: true },
      'Test page 1 failed (gave up): 400',
    ],
    [
      { ...said, type: 'TestPageFailed', page: 1, reason: '503', gaveUp: false },
      'Test page 1 failed (will retry): 503',
    ],
  ],
  TestPageAcknowledged: [
    [
      { ...said, type: 'TestPageAcknowledged', page: 1, who: 'Ada', person: true },
      'Test page 1 acknowledged by Ada',
    ],
    [
      { ...said, type: 'TestPageAcknowledged', page: 1, who: 'Robot', person: false },
      'Test page 1 acknowledged by Robot, which is no person',
    ],
  ],
  TestPageClosed: [[{ ...said, type: 'TestPageClosed', page: 1 }, 'Test page 1 resolved at PagerDuty']],
  RunbooksSeen: [
    [
      { ...said, type: 'RunbooksSeen', texts: [{ name: 'a.yml', sha256: 'ab' }] },
      'The runbooks as they stand: 1 text',
    ],
  ],
  RunbooksRead: [
    [
      { ...said, type: 'RunbooksRead', texts: [{ name: 'a.yml', sha256: 'ab' }] },
      'Says that they read the runbooks (1 text)',
    ],
  ],
  ReadinessReminderSet: [
    [
      { ...said, type: 'ReadinessReminderSet', dueAt: 0 },
      'Readiness is not green: #incidents is reminded at 1970-01-01 00:00:00 UTC',
    ],
    [{ ...said, type: 'ReadinessReminderSet', dueAt: null }, 'Every line of readiness is green'],
  ],
  ReadinessReminded: [
    [
      { ...said, type: 'ReadinessReminded', lines: ['alerting'], dueAt: 1 },
      'Reminded #incidents of readiness: alerting',
    ],
  ],
  ReadinessRestated: [
    [
      { ...said, type: 'ReadinessRestated', state: NOTHING_PROVED },
      'Readiness as it stands was written down again',
    ],
  ],
};

group('every event in words', () => {
  const cases = Object.values(SAMPLES).flat() as [StandingEvent, string][];
  test.each(cases.map(([event, words]) => [event.type, event, words] as const))(
    '%s',
    (_type, event, words) => {
      expect(describe(event)).toBe(words);
    },
  );

  test('an event of a newer version is named', () => {
    expect(describe({ ...said, type: 'SomethingNew' } as unknown as StandingEvent)).toBe(
      'An event that this version does not know: SomethingNew',
    );
  });

  test('UNKNOWN never reads as empty, RESIDUAL names what is left', () => {
    expect(verdictWords(verdict('UNKNOWN', { reason: 'timeout, 6 tries', orders: [order] }))).toBe(
      'binance-usdm: UNKNOWN: timeout, 6 tries; seen: BTC/USDT buy amount unknown at 61000 in regular (protective)',
    );
    expect(verdictWords(verdict('RESIDUAL', { positions: [position], notCovered: ['margin'] }))).toBe(
      'binance-usdm: RESIDUAL, left: BTC/USDT:USDT long 0.008, 512.40 USDT, uPnL -3.10; not covered: margin',
    );
    expect(
      verdictWords(verdict('RESIDUAL', { positions: [{ ...position, notional: null, dust: true }] })),
    ).toContain('value unknown, uPnL -3.10, dust');
  });

  test('a thousand orders are counted, not written out', () => {
    const words = verdictWords(verdict('RESIDUAL', { orders: Array.from({ length: 1_000 }, () => order) }));
    expect(words).toContain('and 990 more');
    expect(words.length).toBeLessThan(1_000);
  });
});

group('the timeline', () => {
  test('has a row for every event, with its time and who', () => {
    const events = Object.values(SAMPLES).flatMap((cases) => cases.map(([event]) => event));
    const rows = timeline(events);
    expect(rows).toHaveLength(events.length);
    for (const row of rows) expect(row).toMatchObject({ at: '2026-11-22 14:05:02 UTC', who: 'Ada' });
  });

  test('keeps what was said first, and marks what was edited or deleted', () => {
    const rows = timeline([
      { ...said, type: 'MessageLogged', ts: '1', user: 'U1', text: 'sell all' },
      { ...said, type: 'MessageLogged', ts: '2', user: 'U1', text: 'ignore me' },
      { ...said, type: 'MessageEdited', ts: '1', text: 'sell nothing' },
      { ...said, type: 'MessageDeleted', ts: '2' },
    ]);
    expect(rows.map((row) => row.what)).toEqual([
      'Said: sell all (edited later)',
      'Said: ignore me (deleted later)',
      'Edited a message to: sell nothing (that of Ada: “sell all”)',
      'Deleted: a message of theirs; Slack does not say by whom (that of Ada: “ignore me”)',
    ]);
  });

  test('an alert that is sent again and again is one row with its count', () => {
    const again = (key: string, seconds: number): StandingEvent => ({
      ...said,
      at: at + seconds * 1_000,
      type: 'AlertRepeated',
      key,
    });
    const rows = timeline([
      ...Array.from({ length: 1_000 }, (_, index) => again('a', index)),
      again('b', 0),
      again('a', 0),
      { ...said, type: 'IncidentAcknowledged' },
      again('a', 0),
    ]);
    expect(rows.map((row) => row.what)).toEqual([
      'Alert a was sent again 1000 times, the last at 2026-11-22 14:21:41 UTC',
      'Alert b was sent again',
      'Alert a was sent again',
      'Acknowledged',
      'Alert a was sent again',
    ]);
  });
});

group('times and spans', () => {
  test.each([
    [0, '0.00 s'],
    [840, '0.84 s'],
    [9_999, '10.00 s'],
    [59_400, '59 s'],
    [59_900, '60 s'],
    [60_000, '1 min'],
    [160_000, '2 min 40 s'],
    [7_500_000, '2 h 5 min'],
    [90_000_000, '1 d 1 h'],
  ])('%d ms is %s', (ms, words) => {
    expect(span(ms)).toBe(words);
  });

  test('what is no span is unknown', () => {
    for (const ms of [-1, Number.NaN, Number.POSITIVE_INFINITY, null, undefined]) expect(span(ms)).toBeNull();
  });

  test('never throw', () => {
    fc.assert(
      fc.property(fc.double(), (number) => {
        expect(typeof utc(number)).toBe('string');
        expect(['string', 'object']).toContain(typeof span(number));
      }),
    );
  });
});

group('a storm in the rows', () => {
  test('tells the first alerts of a run, and counts the rest in one row', () => {
    const from = { via: 'alert', id: 'am', name: 'am' } as const;
    const time = (n: number) => Date.parse('2026-11-22T14:00:00Z') + n * 1_000;
    const fires = (n: number): StandingEvent => ({
      type: 'AlertFired',
      at: time(n),
      by: from,
      alert: {
        source: 'am',
        groupKey: 'g',
        key: `k${n}`,
        title: `t${n}`,
        severity: 'P1',
        startsAt: 0,
        startsAtGiven: true,
        labels: {},
        annotations: {},
      },
    });
    const rows = timeline([
      ...Array.from({ length: 120 }, (_, n) => fires(n)),
      { type: 'AlertCleared', at: time(3_600), by: from, key: 'k1', endedAt: 0 },
      { type: 'NoteAdded', at: time(3_700), by: from, text: 'seen' },
      fires(4_000),
    ]);
    expect(rows).toHaveLength(23);
    expect(rows[20]).toMatchObject({
      n: 21,
      at: '2026-11-22 15:00:00 UTC',
      who: 'am',
      what: "100 more alerts fired, 1 cleared until here, each on the incident's record",
    });
    expect(rows[21]?.what).toContain('seen');
    expect(rows[22]?.what).toContain('t4000');
  });
});

group('a row of a message that has no link', () => {
  const bob: Actor = { via: 'slack', id: 'U2', name: 'Bob' };
  const at = (n: number) => Date.parse('2026-11-22T14:00:00Z') + n;
  const rows = (...more: StandingEvent[]) =>
    timeline([
      { type: 'MessageLogged', at: at(0), by: bob, ts: '1.0', user: 'U2', text: `sell ${'a'.repeat(90)}` },
      {
        type: 'MessageMarked',
        at: at(1),
        by: bob,
        ts: '2.0',
        mark: 'cause',
        emoji: 'mag',
        text: 'before it began',
      },
      ...more,
    ])
      .slice(2)
      .map(({ what }) => what);

  test('says which one it means: who wrote it, and its first words', () => {
    const first = `that of Bob: “sell ${'a'.repeat(55)}…”`;
    expect(
      rows(
        { type: 'MessageEdited', at: at(2), by: bob, ts: '1.0', text: 'buy' },
        { type: 'MessageUnmarked', at: at(3), by: bob, ts: '1.0', mark: 'cause', emoji: 'mag' },
        { type: 'MessageUnpinned', at: at(4), by: bob, ts: '2.0' },
        { type: 'MessageDeleted', at: at(5), by: bob, ts: '9.9' },
      ),
    ).toEqual([
      `Edited a message to: buy (${first})`,
      `Took the mark cause from a message (${first})`,
      'Unpinned a message (one that was not logged: “before it began”)',
      expect.stringMatching(/\(the message 9\.9, which was not logged\)$/),
    ]);
  });

  test('is no longer than it was where there is a link', () => {
    const headline: StandingEvent = {
      type: 'Posted',
      at: at(2),
      by: bob,
      what: 'headline',
      channel: 'C1',
      ts: '0.5',
      permalink: 'https://x.slack.com/archives/C1/p05',
    };
    const edited: StandingEvent = { type: 'MessageEdited', at: at(3), by: bob, ts: '1.0', text: 'buy' };
    expect(rows(headline, edited).at(-1)).toBe('Edited a message to: buy');
  });
});
