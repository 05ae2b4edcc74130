/** Input that sources, venues, PagerDuty and people may send at their worst, as random logs of incidents. */

import fc from 'fast-check';
import {
  type Actor,
  evolveAll,
  type Incident,
  PAGER_WORDS,
  SEVERITIES,
  type StandingEvent,
} from '../../src/domain/incident.ts';
import type { OrderLine, PositionLine } from '../../src/domain/orders.ts';
import { FIELDS } from '../../src/domain/postmortem/life.ts';
import { type Hold, type HoldKey, SWITCHES, type Trading } from '../../src/domain/trading.ts';

export const ID = 'INC-20261122-001';
export const T0 = Date.parse('2026-11-22T14:00:00Z');
/** The only people and groups that a message may ping: Slack and the configuration named them. */
export const OURS = { users: ['U0ADA', 'U0GRACE'], groups: ['S0DESK'] };
export const MENTIONS = { approvers: '<@U0ADA>, <@U0GRACE>', responders: '<!subteam^S0DESK>' };

const NASTY = [
  '',
  ' ',
  '\n'.repeat(20_000),
  '<!channel> <!here> <!everyone> <!date^0^x|y>',
  '<@U0EVIL> <@W0EVIL> <!subteam^S0EVIL> <#C0EVIL>',
  '<http://evil.example|runbook> <https://evil.example> http://evil.example',
  '&lt;!channel&gt; &amp;lt;@U0EVIL&amp;gt; & &#60; &lt',
  '`code` ```fence``` *b* _i_ ~s~ > quote',
  '```\n```',
  '\u202eevil\u202c \u2066x\u2069 \u200f\u200e\u061c \u200b\ufeff',
  '\ud83d',
  '\udc00 \ud83d x',
  '\u0000\u0007\u001b[31m\u0085',
  '|> >|< <<>> <@ <! <http',
  '@channel #general :tada: :boom:',
  '=HYPERLINK("http://evil.example")',
  "$& $1 $' $`",
  '__proto__',
  'constructor',
  'token=abcd secret=efgh '.repeat(1_000),
  '😀'.repeat(10_000),
  `x${'😀'.repeat(10_000)}`,
  '<'.repeat(20_000),
  '&'.repeat(20_000),
  '>@*_'.repeat(5_000),
  '"'.repeat(20_000),
  '\\'.repeat(20_000),
  'A'.repeat(20_000),
  '字'.repeat(20_000),
  'a\u0301\u0302\u0303'.repeat(5_000),
];

/** One text at its worst. */
export const nasty = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...NASTY) },
  fc.string({ unit: 'binary', maxLength: 400 }),
  fc.array(fc.constantFrom(...NASTY), { minLength: 2, maxLength: 4 }).map((parts) => parts.join('')),
);

const many = <T>(arbitrary: fc.Arbitrary<T>, most: number) =>
  fc
    .tuple(fc.array(arbitrary, { minLength: 1, maxLength: 3 }), fc.constantFrom(0, 1, 2, 7, most))
    .map(([some, length]) => Array.from({ length }, (_, n) => some[n % some.length] as T));

const number = fc.oneof(
  fc.double(),
  fc.constantFrom(0, -0, 1, 1e308, -1e308, 5e-324, Number.NaN, Number.POSITIVE_INFINITY, 0.1 + 0.2),
);
const orNull = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: null });
/** Our own clock. */
const moment = fc.integer({ min: T0, max: T0 + 40 * 86_400_000 });
const short = fc.integer({ min: 0, max: 1e9 });

/** Somebody of any way in. Only Slack's own ids may ping. */
export const actor: fc.Arbitrary<Actor> = fc.record(
  {
    via: fc.constantFrom('slack', 'http', 'cli', 'alert', 'pagerduty', 'standdown'),
    id: fc.oneof(fc.constantFrom(...OURS.users), nasty),
    name: nasty,
    slack: fc.constantFrom(...OURS.users),
  },
  { requiredKeys: ['via', 'id', 'name'] },
);

const severity = fc.constantFrom(...SEVERITIES);
const word = <T extends string>(type: T) => fc.constant(type);

/** Five hundred positions with symbols of 20,000 characters each fit in no answer that a venue may send. */
const name = nasty.map((text) => text.slice(0, 400));

const order: fc.Arbitrary<OrderLine> = fc.record({
  id: name,
  list: name,
  symbol: name,
  side: fc.constantFrom('buy', 'sell', 'unknown'),
  amount: orNull(number),
  price: orNull(number),
  protective: fc.boolean(),
}) as fc.Arbitrary<OrderLine>;

export const position: fc.Arbitrary<PositionLine> = fc.record({
  symbol: name,
  side: fc.constantFrom('long', 'short'),
  amount: number,
  notional: orNull(number),
  currency: name,
  unrealisedPnl: orNull(number),
  dust: fc.boolean(),
}) as fc.Arbitrary<PositionLine>;

/** As a configuration may name them; there may be fifty. */
export const venueNames = fc
  .constantFrom(0, 1, 2, 50, 200)
  .map((length) => Array.from({ length }, (_, n) => `venue-${n}-${'x'.repeat(n === 3 ? 40 : 5)}`));

const verdict = fc.constantFrom('FLAT', 'RESIDUAL', 'UNKNOWN');
const KILLS = ['k1', 'k2'];
const kill = fc.constantFrom(...KILLS);
const steps = fc.oneof(
  fc.constantFrom('kill-switch:latch', 'slo-01-data-feed:confirm', 'book:s1', 'book:s2'),
  nasty,
);
const hold = fc.constantFrom(...(Object.keys(SWITCHES) as HoldKey[]));
const n = fc.integer({ min: 1, max: 5 });

const alert = fc.record(
  {
    source: nasty,
    groupKey: nasty,
    key: nasty,
    title: nasty,
    severity,
    severityGuess: nasty,
    startsAt: fc.integer({ min: -8.64e15, max: 8.64e15 }),
    startsAtGiven: fc.boolean(),
    labels: fc.dictionary(nasty, nasty, { maxKeys: 3 }),
    annotations: fc.dictionary(nasty, nasty, { maxKeys: 3 }),
    runbook: nasty,
    link: fc.oneof(nasty, fc.constantFrom('https://prom.example/graph?a=1&b=<2>|', 'javascript:alert(1)')),
    value: nasty,
  },
  {
    requiredKeys: [
      'source',
      'groupKey',
      'key',
      'title',
      'severity',
      'startsAt',
      'startsAtGiven',
      'labels',
      'annotations',
    ],
  },
);

const lists = many(
  fc.record({
    list: nasty,
    found: fc.nat(),
    answered: fc.nat(),
    protective: fc.nat(),
    failures: many(nasty, 50),
  }),
  20,
);

const judged = fc.record(
  {
    venue: nasty,
    verdict,
    orders: many(order, 500),
    positions: many(position, 500),
    reason: nasty,
    since: moment,
    listsRead: many(nasty, 40),
    notCovered: many(nasty, 40),
  },
  { requiredKeys: ['venue', 'verdict', 'orders', 'positions', 'listsRead', 'notCovered'] },
);

/** Every event that a log can hold, but its first. `venues`: those that are configured. */
export function anyEvent(venues: string[]): fc.Arbitrary<StandingEvent> {
  const venue = fc.constantFrom(...(venues.length === 0 ? ['none'] : venues));
  const optional = (fields: Record<string, fc.Arbitrary<unknown>>, ...may: string[]) =>
    fc.record(fields, { requiredKeys: Object.keys(fields).filter((key) => !may.includes(key)) });
  const events: fc.Arbitrary<object>[] = [
    fc.record({ type: word('AlertFired'), alert }),
    fc.record({ type: word('AlertRepeated'), key: nasty }),
    fc.record({ type: word('AlertCleared'), key: nasty, endedAt: moment }),
    fc.record({ type: word('SeverityChanged'), from: severity, to: severity, why: nasty }),
    fc.record({ type: word('IncidentReopened'), why: nasty }),
    fc.record({ type: word('IncidentAcknowledged') }),
    optional(
      {
        type: word('IncidentResolved'),
        how: fc.constantFrom('person', 'alertsCleared'),
        summary: nasty,
        rootCause: nasty,
        category: fc.constantFrom('system', 'data', 'strategy', 'operator'),
      },
      'summary',
      'rootCause',
      'category',
    ),
    optional({ type: word('PageOwed'), n, severity, why: nasty, clocks: many(nasty, 5) }, 'clocks'),
    fc.record({ type: word('PageQueued'), n, dedupKey: nasty }),
    optional(
      { type: word('PageAssigned'), n, to: many(nasty, 100), url: nasty, acknowledgedBy: nasty },
      'acknowledgedBy',
    ),
    fc.record({ type: word('PageFailed'), n, reason: nasty, gaveUp: fc.boolean() }),
    fc.record({ type: word('PageSuperseded'), n, why: nasty }),
    fc.record({ type: word('PageClosed'), n }),
    optional(
      {
        type: word('Posted'),
        what: fc.constantFrom('headline', 'runbook'),
        channel: fc.constant('C0INC'),
        ts: fc.constant('1.2'),
        permalink: fc.oneof(fc.constant('https://x.slack.com/archives/C0INC/p12?a=1&b=2'), nasty),
      },
      'permalink',
    ),
    fc.record({ type: word('PostFailed'), what: nasty, reason: nasty, gaveUp: fc.boolean() }),
    fc.record({ type: word('MailOwed'), what: fc.constant('update'), why: nasty }),
    fc.record({
      type: word('MailSent'),
      what: fc.constantFrom('mail:opened:7', 'mail'),
      to: many(nasty, 200),
      refused: many(fc.record({ address: nasty, reason: nasty }), 200),
    }),
    fc.record({ type: word('MailFailed'), what: nasty, reason: nasty, gaveUp: fc.boolean() }),
    optional(
      { type: word('StepMarked'), step: steps, mark: fc.constantFrom('done', 'skipped'), why: nasty },
      'why',
    ),
    fc.record({ type: word('MessageLogged'), ts: fc.constant('1.3'), user: nasty, text: nasty }),
    fc.record({ type: word('MessageEdited'), ts: fc.constant('1.3'), text: nasty }),
    fc.record({ type: word('MessageDeleted'), ts: fc.constant('1.3') }),
    optional(
      {
        type: word('NoteAdded'),
        text: nasty,
        from: fc.record({ author: nasty, permalink: fc.oneof(nasty, fc.constant('https://x.slack.com/p1')) }),
      },
      'from',
    ),
    fc.record({ type: word('PostmortemDrafted'), id: fc.constant('PM_20261122_001'), file: nasty }),
    fc.record({
      type: word('StepChecked'),
      step: steps,
      check: nasty,
      state: fc.constantFrom('ok', 'bad', 'unknown'),
      text: nasty,
    }),
    fc.record({ type: word('StepBranched'), step: steps, applies: orNull(fc.boolean()), text: nasty }),
    fc.record({
      type: word('StepActed'),
      step: steps,
      did: fc.constantFrom('pauseSignals', 'haltOrders', 'switchFeed', 'kill', 'nothing'),
      how: fc.constantFrom('auto', 'timer'),
      ok: fc.boolean(),
      text: nasty,
    }),
    fc.record({ type: word('FeedGapBegan'), feed: nasty, symbol: nasty, from: moment }),
    fc.record({ type: word('FeedGapEnded'), feed: nasty, symbol: nasty, from: moment, to: moment }),
    optional(
      {
        type: word('ClockMissed'),
        clock: fc.oneof(fc.constantFrom('acknowledge', 'still-open', 'stakeholder-mail'), nasty),
        dueAt: moment,
        doneAt: moment,
      },
      'doneAt',
    ),
    optional({ type: word('ClockMet'), clock: nasty, dueAt: moment, doneAt: moment }, 'doneAt'),
    optional(
      { type: word('ChecklistMarked'), item: fc.oneof(fc.constant('sli-data'), nasty), text: nasty },
      'text',
    ),
    optional({ type: word('RootCauseNamed'), category: fc.constant('data'), text: nasty }, 'text'),
    fc.record({
      type: word('ImpactNoted'),
      dayPnl: orNull(number),
      currency: nasty,
      source: orNull(nasty),
      why: nasty,
    }),
    fc.record({ type: word('PictureFailed'), reason: nasty }),
    fc.record({ type: word('PictureUploadFailed'), png: nasty, reason: nasty, gaveUp: fc.boolean() }),
    fc.record({ type: word('TrailMissing'), reason: nasty }),
    fc.record({
      type: word('MoneyMeasured'),
      from: short,
      to: short,
      ledgers: fc.array(
        fc.record({ venue: nasty, at: short, state: fc.constantFrom('failed', 'silent'), reason: nasty }),
        { maxLength: 3 },
      ),
      unrealised: fc.array(
        fc.record({
          venue: nasty,
          at: short,
          state: word('read'),
          sums: fc.array(fc.record({ currency: nasty, amount: orNull(number) }), { maxLength: 3 }),
        }),
        { maxLength: 3 },
      ),
    }),
    fc.record({ type: word('UpdateReminded'), sinceMs: short }),
    optional({ type: word('CommanderAssigned'), who: actor, handover: nasty }, 'handover'),
    fc.record({ type: word('IncidentMitigated'), text: nasty }),
    fc.record({ type: word('IssueFiled'), item: fc.oneof(word('A1'), nasty), number: n, url: nasty }),
    fc.record({
      type: word('IssueFailed'),
      item: fc.oneof(word('A1'), nasty),
      reason: nasty,
      gaveUp: fc.boolean(),
      maybe: fc.boolean(),
    }),
    fc.record({
      type: word('IssueStateSeen'),
      item: fc.oneof(word('A1'), nasty),
      state: fc.constantFrom('open' as const, 'closed' as const, 'gone' as const),
      changedAt: fc.constantFrom(null, 0, 1e15),
      who: fc.option(nasty),
    }),
    fc.record({ type: word('ActionItemReminded'), item: fc.oneof(word('A1'), nasty), due: nasty }),
    optional(
      { type: word('ActionItemAdded'), id: nasty, text: nasty, owner: nasty, priority: nasty, due: nasty },
      'owner',
      'priority',
      'due',
    ),
    optional(
      {
        type: word('PagerSaid'),
        id: nasty,
        n,
        what: fc.constantFrom(...PAGER_WORDS),
        person: fc.boolean(),
        to: many(nasty, 50),
        text: nasty,
      },
      'text',
    ),
    fc.record({ type: word('SummonOwed'), n, way: fc.constantFrom('mention', 'mail'), why: nasty }),
    fc.record({
      type: word('SummonSent'),
      n,
      way: fc.constantFrom('mention', 'mail'),
      to: many(nasty, 50),
    }),
    fc.record({
      type: word('SummonFailed'),
      n,
      way: fc.constantFrom('mention', 'mail'),
      reason: nasty,
      gaveUp: fc.boolean(),
    }),
    fc.record({
      type: word('CommandAsked'),
      command: fc.oneof(fc.constant('restartOrderManager'), nasty),
      run: fc.constant('r1'),
    }),
    fc.record({
      type: word('CommandFinished'),
      command: fc.oneof(fc.constant('restartOrderManager'), nasty),
      run: fc.constant('r1'),
      exitCode: orNull(fc.integer()),
      reason: nasty,
      output: nasty,
      ms: short,
    }),
    fc.record({ type: word('PostmortemReviewed'), id: fc.constant('PM_20261122_001') }),
    fc.record({ type: word('PostmortemFinalised'), id: fc.constant('PM_20261122_001') }),
    fc.record({
      type: word('PostmortemReturned'),
      id: fc.constant('PM_20261122_001'),
      from: fc.constantFrom('REVIEW', 'FINAL'),
      reason: nasty,
    }),
    fc.record({
      type: word('PostmortemEdited'),
      id: fc.constant('PM_20261122_001'),
      field: fc.constantFrom(...FIELDS),
      text: nasty,
      was: orNull(nasty),
    }),
    optional(
      {
        type: word('PostmortemRevised'),
        id: fc.constant('PM_20261122_001'),
        revision: fc.integer({ min: 1 }),
        sha256: nasty,
        shows: fc.nat(),
        byHand: fc.array(nasty, { maxLength: 3 }),
      },
      'byHand',
    ),
    optional(
      {
        type: word('PostmortemShared'),
        id: fc.constant('PM_20261122_001'),
        revision: fc.nat(),
        of: fc.nat(),
        failed: nasty,
      },
      'failed',
    ),
    fc.record({
      type: word('PostmortemReminded'),
      dueAt: fc.constant(T0),
      day: fc.integer({ min: -1, max: 99 }),
    }),
    fc.record({
      type: word('RecoveryChecked'),
      passed: fc.boolean(),
      exitCode: orNull(fc.integer()),
      reason: nasty,
      output: nasty,
      ms: short,
    }),
    fc.record({
      type: word('ResumeAsked'),
      resume: fc.constant('z1'),
      kill: orNull(kill),
      reason: nasty,
      criteria: many(nasty, 50),
      startingValue: nasty,
    }),
    fc.record({ type: word('ResumeApproved'), resume: fc.constant('z1') }),
    fc.record({ type: word('ResumeRefused'), resume: fc.constant('z1'), reason: nasty }),
    fc.record({
      type: word('HoldPlaced'),
      hold: nasty,
      key: hold,
      reason: nasty,
      owner: fc.constantFrom('operator', 'hardStop'),
    }),
    fc.record({ type: word('HoldLifted'), hold: nasty, key: hold, reason: nasty }),
    fc.record({ type: word('ControlFailed'), reason: nasty, why: nasty }),
    fc.record({ type: word('LatchAdopted'), reason: nasty }),
    fc.record({
      type: word('LatchLifted'),
      kill: orNull(kill),
      how: fc.constantFrom('approved', 'breakGlass'),
      reason: nasty,
    }),
    fc.record({
      type: word('CancelFinished'),
      cancel: fc.constant('c1'),
      results: many(
        fc.record(
          {
            venue,
            verdict: fc.constantFrom('cancelled', 'left', 'unknown'),
            lists,
            left: orNull(fc.nat()),
            reason: nasty,
          },
          { requiredKeys: ['venue', 'verdict', 'lists', 'left'] },
        ),
        200,
      ),
      ms: short,
    }),
    fc.record({
      type: word('FlattenFinished'),
      flatten: fc.constant('f1'),
      results: many(
        fc.record({
          venue,
          symbol: nasty,
          side: fc.constantFrom('long', 'short'),
          asked: number,
          state: fc.constantFrom('closed', 'partly', 'refused', 'unknown'),
          left: orNull(number),
          reason: nasty,
        }),
        200,
      ),
      verdict,
      ms: short,
    }),
    optional(
      {
        type: word('KillAsked'),
        kill,
        reason: nasty,
        venues: fc.constant(venues),
        evidence: fc.record({
          criterion: nasty,
          title: nasty,
          value: orNull(number),
          limit: orNull(number),
          unit: nasty,
          formula: nasty,
          detail: nasty,
          source: orNull(nasty),
          ageMs: orNull(short),
          samples: many(nasty, 10),
        }),
      },
      'evidence',
    ),
    fc.record({ type: word('KillJoined'), kill, reason: nasty }),
    optional(
      {
        type: word('KillLatched'),
        kill,
        ok: fc.boolean(),
        rev: orNull(fc.nat()),
        ms: short,
        reason: nasty,
      },
      'reason',
    ),
    fc.record({ type: word('EngineConfirmed'), kill, engine: nasty, ms: short }),
    fc.record({ type: word('VenueCancelled'), kill, venue, round: n, ms: short, lists }),
    fc.record({ type: word('VenueJudged'), kill, venue, ms: short, verdict: judged }),
    fc.record({
      type: word('KillJudged'),
      kill,
      verdict,
      timings: fc.record({ latchMs: orNull(short), lastCancelMs: orNull(short), verdictMs: short }),
    }),
    fc.record({ type: word('KillSuperseded'), kill, incident: fc.constant(ID), newer: fc.constant('k2') }),
    fc.record({ type: word('ResidualAccepted'), kill, reason: nasty }),
  ];
  return fc
    .tuple(fc.oneof(...events), moment, actor)
    .map(([event, at, by]) => ({ ...event, at, by }) as StandingEvent);
}

const opened = fc
  .record({
    title: nasty,
    severity,
    severityNote: fc.option(nasty, { nil: undefined }),
    origin: fc.constantFrom('alert', 'kill', 'person', 'storm'),
    runbook: orNull(fc.constantFrom('kill-switch', 'slo-01-data-feed', 'slo-03-order-execution', 'book')),
    drill: fc.boolean(),
    by: actor,
  })
  .map(({ severityNote, ...rest }) => ({
    type: 'IncidentOpened' as const,
    id: ID,
    at: T0,
    ...rest,
    ...(severityNote === undefined ? {} : { severityNote }),
  })) as fc.Arbitrary<StandingEvent>;

export interface Story {
  incident: Incident;
  history: StandingEvent[];
  venues: string[];
}

/** An incident folded from a random log. Half of them have a kill that came to a verdict, which chance alone rarely makes. */
export const story: fc.Arbitrary<Story> = venueNames.chain((venues) => {
  const event = anyEvent(venues);
  const asked = fc.constant({ type: 'KillAsked', kill: 'k1', reason: 'why', venues }).map((one) => ({
    ...one,
    at: T0,
    by: { via: 'slack', id: 'U0ADA', name: 'ada' },
  })) as unknown as fc.Arbitrary<StandingEvent>;
  const allJudged = fc.tuple(judged, verdict, actor).map(
    ([one, verdict, by]) =>
      [
        ...venues.map((venue) => ({
          type: 'VenueJudged',
          kill: 'k1',
          venue,
          ms: 1,
          verdict: one,
          at: T0,
          by,
        })),
        {
          type: 'KillJudged',
          kill: 'k1',
          verdict,
          timings: { latchMs: 1, lastCancelMs: 1, verdictMs: 1 },
          at: T0,
          by,
        },
      ] as unknown as StandingEvent[],
  );
  return fc
    .tuple(
      opened,
      fc.oneof(
        fc.constant([]),
        fc.tuple(asked, allJudged).map(([one, rest]) => [one, ...rest]),
      ),
      fc.array(event, { maxLength: 40 }),
      fc.constantFrom(0, 0, 10_000),
      fc.constantFrom(0, 0, 100),
    )
    .map(([first, killed, events, alerts, pages]) => {
      const history = [
        first,
        ...killed,
        ...Array.from({ length: pages }, (_, page) => ({
          type: 'PageOwed',
          n: page + 1,
          severity: 'P1',
          why: '<!channel>',
          at: T0,
          by: first.by,
        })),
        ...Array.from({ length: alerts }, (_, nth) => ({
          type: 'AlertFired',
          alert: {
            source: 's',
            groupKey: `g${nth % 200}`,
            key: `k${nth}`,
            title: '<!channel>',
            severity: 'P1',
            startsAt: T0,
            startsAtGiven: true,
            labels: {},
            annotations: {},
            value: '<@U0EVIL>',
          },
          at: T0,
          by: first.by,
        })),
        ...events,
      ] as StandingEvent[];
      return { incident: evolveAll(undefined, history), history, venues };
    });
});

/** What the desk is held by. */
export const trading: fc.Arbitrary<Trading> = fc.record({
  holds: many(
    fc.record({
      id: nasty,
      key: hold,
      reason: nasty,
      by: actor,
      owner: fc.constantFrom('operator', 'runbook', 'budget', 'hardStop', 'adopted'),
      at: moment,
    }) as fc.Arbitrary<Hold>,
    50,
  ),
  latch: orNull(
    fc.record({
      kill: orNull(kill),
      incident: fc.constant(ID),
      by: actor,
      reason: nasty,
      at: moment,
    }),
  ),
  liftedAt: orNull(moment),
  lastKill: fc.constant({ kill: 'k1', incident: ID }),
});
