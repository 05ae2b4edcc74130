/**
 * The kill: its events, how they fold, and the state machine that decides each next step at a venue. Pure: the executor
 * (engine/kill.ts) makes the calls, measures the time and writes the events.
 */

import type { Actor } from './incident.ts';
import type { CancelledList, OrderLine, PositionLine } from './orders.ts';

/** UNKNOWN beats RESIDUAL beats FLAT. */
export type Verdict = 'FLAT' | 'RESIDUAL' | 'UNKNOWN';

const WEIGHT: Record<Verdict, number> = { FLAT: 0, RESIDUAL: 1, UNKNOWN: 2 };

/** The verdict over all venues; none at all is UNKNOWN, since nothing was read. */
export function worstVerdict(verdicts: Verdict[]): Verdict {
  if (verdicts.length === 0) return 'UNKNOWN';
  return verdicts.reduce((worst, one) => (WEIGHT[one] > WEIGHT[worst] ? one : worst));
}

/** One list of orders, read to its last page, or the reason why it was not. */
export type ListReading = { list: string } & (
  | { state: 'read'; orders: OrderLine[] }
  | { state: 'failed'; reason: string }
);

/** The positions (or balances) of one scope, or the reason why they were not read. */
export type PositionsReading = { scope: string } & (
  | { state: 'read'; positions: PositionLine[] }
  | { state: 'failed'; reason: string }
);

/** One reading of a whole venue. `startedAt` and `endedAt` are monotonic ms, comparable with `lastWriteEndedAt`. */
export interface VenueReading {
  venue: string;
  startedAt: number;
  endedAt: number;
  /** Whether the lists named here are known to be all that the venue keeps (the proven table). */
  proven: boolean;
  lists: ListReading[];
  positions: PositionsReading[];
  /** Wallets, sub-accounts and market types that no reading covers, to be named on the receipt. */
  notCovered: string[];
}

export interface VenueVerdict {
  venue: string;
  verdict: Verdict;
  orders: OrderLine[];
  positions: PositionLine[];
  /** For UNKNOWN: what could not be read, or what is still moving. */
  reason?: string;
  /** For UNKNOWN: when it began, ms since the epoch: the first of the readings in a row that settled nothing. */
  since?: number;
  listsRead: string[];
  notCovered: string[];
}

/** The order ids and exact positions of a reading, so that two readings can be compared. */
function fingerprint(reading: VenueReading): string {
  const orders = reading.lists.flatMap((list) =>
    list.state === 'read' ? list.orders.map((order) => `${list.list}#${order.id}`) : [],
  );
  const positions = reading.positions.flatMap((scope) =>
    scope.state === 'read'
      ? scope.positions.map((line) => `${scope.scope}#${line.symbol}#${line.side}#${line.amount}`)
      : [],
  );
  return [...orders.sort(), '|', ...positions.sort()].join('\n');
}

function failures(reading: VenueReading): string[] {
  return [
    ...reading.lists.flatMap((list) => (list.state === 'failed' ? [`${list.list}: ${list.reason}`] : [])),
    ...reading.positions.flatMap((scope) =>
      scope.state === 'failed' ? [`${scope.scope}: ${scope.reason}`] : [],
    ),
  ];
}

const ordersOf = (reading: VenueReading): OrderLine[] =>
  reading.lists.flatMap((list) => (list.state === 'read' ? list.orders : []));
const positionsOf = (reading: VenueReading): PositionLine[] =>
  reading.positions.flatMap((scope) => (scope.state === 'read' ? scope.positions : []));

/**
 * Judge one venue from two readings in a row. FLAT and RESIDUAL come only from readings that both began after the last
 * write ended, met no error, agree with each other, and come from a venue whose lists are proven to be all.
 * Returns UNKNOWN with a reason otherwise; never throws.
 */
export function judgeVenue(
  first: VenueReading | null,
  second: VenueReading,
  lastWriteEndedAt: number,
): VenueVerdict {
  const base = {
    venue: second.venue,
    orders: ordersOf(second),
    positions: positionsOf(second),
    listsRead: [
      ...second.lists.flatMap((list) => (list.state === 'read' ? [list.list] : [])),
      ...second.positions.flatMap((scope) => (scope.state === 'read' ? [scope.scope] : [])),
    ],
    notCovered: second.notCovered,
  };
  const unknown = (reason: string): VenueVerdict => ({ ...base, verdict: 'UNKNOWN', reason });
  const failed = failures(second);
  if (failed.length > 0) return unknown(failed.join('; '));
  if (second.lists.length === 0 || second.positions.length === 0)
    return unknown('the reading covered no list or no position');
  if (second.startedAt < lastWriteEndedAt) return unknown('the reading began before the last cancel ended');
  if (first === null || first.startedAt < lastWriteEndedAt || failures(first).length > 0)
    return unknown('read only once so far');
  if (fingerprint(first) !== fingerprint(second))
    return unknown('two readings in a row disagree: something is still moving');
  if (!second.proven) {
    const found = base.orders.length + base.positions.length;
    return unknown(
      found === 0
        ? 'nothing found, unproven: this exchange is outside the proven table'
        : 'this exchange is outside the proven table: there may be more than what was found',
    );
  }
  return { ...base, verdict: base.orders.length + base.positions.length === 0 ? 'FLAT' : 'RESIDUAL' };
}

// ── The state machine of one venue ─────────────────────────────────────────────────────────────────────────────────

/** Where the work at one venue stands. `step` is what to do next, after `waitMs`. */
export interface VenueProgress {
  venue: string;
  step: 'cancel' | 'read';
  waitMs: number;
  /** Cancel rounds done. */
  rounds: number;
  /** Tries in a row that ended without a quiet reading; drives the backoff. */
  tries: number;
  /** Monotonic ms; −∞ before the first write. */
  lastWriteEndedAt: number;
  previous: VenueReading | null;
  /** What the latest reading amounts to. */
  latest: VenueVerdict | null;
  /** Monotonic ms at which the first reading of a row began that could not be read; null while readings come. */
  unreadableSince: number | null;
  /** The verdict that was last said aloud. */
  said: VenueVerdict | null;
}

/** How fast the machine goes. All in ms. */
export interface KillPace {
  /** Every venue has said a verdict by then, counted from the trigger, even if it is UNKNOWN (playbook: 10 s). */
  firstVerdictMs: number;
  /** The same for a kill that a restart resumed, counted from the restart: time for one reading, and no more. */
  resumedVerdictMs: number;
  retryMs: number;
  maxRetryMs: number;
  /** Between two readings while the desk is latched; a venue that bears less is read less often. */
  watchMs: number;
}

export const KILL_PACE: KillPace = {
  firstVerdictMs: 9_000,
  resumedVerdictMs: 3_000,
  retryMs: 150,
  maxRetryMs: 30_000,
  watchMs: 5_000,
};

/** A resumed kill reads before it acts again: what it did before the crash may have worked. */
export function startVenue(venue: string, resumed: boolean): VenueProgress {
  return {
    venue,
    step: resumed ? 'read' : 'cancel',
    waitMs: 0,
    rounds: 0,
    tries: 0,
    lastWriteEndedAt: Number.NEGATIVE_INFINITY,
    previous: null,
    latest: null,
    unreadableSince: null,
    said: null,
  };
}

/** After a cancel round, whatever it answered: read. Readings from before it no longer count. */
export function afterCancel(progress: VenueProgress, endedAt: number): VenueProgress {
  return {
    ...progress,
    step: 'read',
    waitMs: 0,
    rounds: progress.rounds + 1,
    lastWriteEndedAt: endedAt,
    previous: null,
  };
}

/**
 * After a reading: decide whether it settles the venue. Returns the progress, and `say` when a verdict is to be said
 * now: a settled one at once, an unsettled one only when `overdue` (the first-verdict deadline has passed), and after
 * that each time it changes.
 */
export function afterRead(
  progress: VenueProgress,
  reading: VenueReading,
  overdue: boolean,
  pace: KillPace,
  protectiveOrders: 'cancel' | 'keepWhilePosition' = 'cancel',
): { progress: VenueProgress; say: VenueVerdict | null } {
  const verdict = judgeVenue(progress.previous, reading, progress.lastWriteEndedAt);
  const readable = failures(reading).length === 0;
  const confirming = readable && progress.previous === null;
  const next: VenueProgress = {
    ...progress,
    latest: verdict,
    previous: readable ? reading : null,
    unreadableSince: readable ? null : (progress.unreadableSince ?? reading.startedAt),
  };

  // The first clean reading is confirmed by a second one at once, unless it shows orders to cancel.
  if (toCancel(verdict, protectiveOrders).length > 0 || !readable) {
    const tries = progress.tries + 1;
    const waitMs = tries === 1 && readable ? 0 : Math.min(pace.maxRetryMs, pace.retryMs * 2 ** (tries - 1));
    // Orders that two agreeing readings show, or a list that cannot be read: cancel again. Nothing is lost by repeating.
    const step = confirming && overdue ? 'read' : 'cancel';
    return speak(
      { ...next, tries, step, waitMs: step === 'read' ? 0 : waitMs },
      verdict,
      overdue && step === 'cancel' && !(hiccup(progress) && !readable),
    );
  }
  if (confirming) return { progress: { ...next, step: 'read', waitMs: 0 }, say: null };
  const moving = verdict.verdict === 'UNKNOWN' && reading.proven;
  // A known residual that is being closed is read once more before it is said to be unknown, which pages.
  const changes = progress.latest?.verdict === 'RESIDUAL';
  if (moving) return speak({ ...next, step: 'read', waitMs: pace.retryMs }, verdict, overdue && !changes);
  return speak({ ...next, tries: 0, step: 'read', waitMs: pace.watchMs }, verdict, true);
}

/** How many readings in a row may fail before a verdict that stood is said to be unknown, which pages: some 5 s. */
const HICCUPS = 6;

const hiccup = (progress: VenueProgress): boolean =>
  progress.said !== null && progress.said.verdict !== 'UNKNOWN' && progress.tries + 1 < HICCUPS;

/** What is still to be cancelled: everything, except stops that the desk keeps on an open position. */
function toCancel(verdict: VenueVerdict, protectiveOrders: 'cancel' | 'keepWhilePosition'): OrderLine[] {
  if (protectiveOrders === 'cancel') return verdict.orders;
  const held = new Set(verdict.positions.map((line) => line.symbol));
  return verdict.orders.filter((order) => !(order.protective && held.has(order.symbol)));
}

function speak(
  progress: VenueProgress,
  verdict: VenueVerdict,
  allowed: boolean,
): { progress: VenueProgress; say: VenueVerdict | null } {
  if (!allowed || (progress.said !== null && sameVerdict(progress.said, verdict)))
    return { progress, say: null };
  return { progress: { ...progress, said: verdict }, say: verdict };
}

function sameVerdict(a: VenueVerdict, b: VenueVerdict): boolean {
  const lines = (verdict: VenueVerdict) =>
    [
      verdict.verdict,
      ...verdict.orders.map((order) => `${order.list}#${order.id}`).sort(),
      ...verdict.positions.map((line) => `${line.symbol}#${line.side}#${line.amount}`).sort(),
    ].join('\n');
  return lines(a) === lines(b);
}

/** The verdict of a venue that has none when the deadline passes: UNKNOWN, with the last thing that went wrong. */
export function overdueVerdict(progress: VenueProgress): VenueVerdict {
  return {
    venue: progress.venue,
    verdict: 'UNKNOWN',
    orders: progress.latest?.orders ?? [],
    positions: progress.latest?.positions ?? [],
    reason: progress.latest?.reason ?? 'no reading has come back yet',
    listsRead: [],
    notCovered: progress.latest?.notCovered ?? [],
  };
}

// ── The log of a kill ──────────────────────────────────────────────────────────────────────────────────────────────

export interface KillTimings {
  /** Trigger → KILL_SWITCH=1 read back; null when it could not be. */
  latchMs: number | null;
  /** Trigger → the end of the last cancel before the verdict. */
  lastCancelMs: number | null;
  /** Trigger → verdict. */
  verdictMs: number;
}

/** What a hard stop tripped on, kept for good. `value` and `limit` are in `unit`. */
export interface TripEvidence {
  criterion: string;
  title: string;
  value: number | null;
  limit: number | null;
  unit: string;
  formula: string;
  detail: string;
  source: string | null;
  /** ms from the deciding reading to the trip. */
  ageMs: number | null;
  samples: string[];
}

export type KillEvent =
  | { type: 'KillAsked'; kill: string; reason: string; venues: string[]; evidence?: TripEvidence }
  | { type: 'KillJoined'; kill: string; reason: string; evidence?: TripEvidence }
  | { type: 'KillLatched'; kill: string; ok: boolean; rev: number | null; ms: number; reason?: string }
  /** The engine's own heartbeat, dated after the write, says that it obeys. */
  | { type: 'EngineConfirmed'; kill: string; engine: string; ms: number }
  | { type: 'VenueCancelled'; kill: string; venue: string; round: number; ms: number; lists: CancelledList[] }
  | { type: 'VenueJudged'; kill: string; venue: string; ms: number; verdict: VenueVerdict }
  /** `voidsAcceptance`: the verdict is the same, but more is exposed than somebody accepted. */
  | { type: 'KillJudged'; kill: string; verdict: Verdict; timings: KillTimings; voidsAcceptance?: boolean }
  /** A newer kill took over the latch and the watching: its verdict counts. */
  | { type: 'KillSuperseded'; kill: string; incident: string; newer: string }
  | { type: 'ResidualAccepted'; kill: string; reason: string };

/** By list: the orders that were found in it, and the cancels that the venue answered with success. */
type CountedLists = Record<string, { found: number; answered: number; protective: number }>;

export interface VenueKillState {
  /** The newest round on record: the first, or a later one that found something to cancel. */
  rounds: number;
  /** Trigger → end of that round. */
  cancelledMs: number | null;
  /** Over all rounds: an order that stands counts in each. */
  lists: CountedLists;
  /** Of the first round; of the newest one. None before the first. */
  first: CountedLists;
  newest: CountedLists;
  /** Of the newest round. */
  failures: string[];
  verdict: VenueVerdict | null;
  judgedAt: number | null;
}

export interface KillState {
  id: string;
  by: Actor;
  at: number;
  reason: string;
  /** Set when a hard stop asked for it. */
  evidence?: TripEvidence;
  /** `evidence` where a hard stop joined. */
  joined: { by: Actor; at: number; reason: string; evidence?: TripEvidence }[];
  latch: { ok: boolean; rev: number | null; ms: number; reason?: string } | null;
  /** ms from the trigger to each engine's confirmation. */
  engines: Record<string, number>;
  venues: Record<string, VenueKillState>;
  verdict: Verdict | null;
  /** The first verdict's timings; later ones change the verdict, not how fast it was. */
  timings: KillTimings | null;
  judgedAt: number | null;
  accepted: { by: Actor; at: number; reason: string; exposure: Record<string, number> } | null;
  /** Nothing is watched here any more: a newer kill took over, or the latch was lifted. */
  over: string | null;
}

/** What hard stops asked for this kill with: the one that began it, and those that joined it. */
export const evidencesOf = ({
  at,
  evidence,
  joined,
}: KillState): { criterion: string; at: number; evidence: TripEvidence }[] =>
  [{ at, evidence }, ...joined].flatMap((one) =>
    one.evidence === undefined
      ? []
      : [{ criterion: one.evidence.criterion, at: one.at, evidence: one.evidence }],
  );

/** Fold one event into a kill. Total: an event of a kill that was never asked for is ignored. */
export function evolveKill(
  kill: KillState | undefined,
  event: KillEvent & { at: number; by: Actor },
): KillState | undefined {
  if (event.type === 'KillAsked') {
    return {
      id: event.kill,
      by: event.by,
      at: event.at,
      reason: event.reason,
      ...(event.evidence === undefined ? {} : { evidence: event.evidence }),
      joined: [],
      latch: null,
      engines: {},
      venues: Object.fromEntries(
        event.venues.map((venue) => [
          venue,
          {
            rounds: 0,
            cancelledMs: null,
            lists: {},
            first: {},
            newest: {},
            failures: [],
            verdict: null,
            judgedAt: null,
          },
        ]),
      ),
      verdict: null,
      timings: null,
      judgedAt: null,
      accepted: null,
      over: null,
    };
  }
  if (kill === undefined) return undefined;
  switch (event.type) {
    case 'KillJoined': {
      const { by, at, reason, evidence } = event;
      const joined = { by, at, reason, ...(evidence === undefined ? {} : { evidence }) };
      return { ...kill, joined: [...kill.joined, joined] };
    }
    case 'KillLatched':
      return {
        ...kill,
        latch: {
          ok: event.ok,
          rev: event.rev,
          ms: event.ms,
          ...(event.reason === undefined ? {} : { reason: event.reason }),
        },
      };
    case 'EngineConfirmed':
      return { ...kill, engines: { ...kill.engines, [event.engine]: event.ms } };
    case 'VenueCancelled': {
      const venue = kill.venues[event.venue];
      if (venue === undefined) return kill;
      const newest = countedIn({}, event.lists);
      const failed = event.lists.flatMap((list) => list.failures);
      return withVenue(kill, event.venue, {
        ...venue,
        rounds: event.round,
        cancelledMs: event.ms,
        lists: countedIn(venue.lists, event.lists),
        first: venue.cancelledMs === null ? newest : venue.first,
        newest,
        failures: failed,
      });
    }
    case 'VenueJudged': {
      const venue = kill.venues[event.venue];
      if (venue === undefined) return kill;
      // One outage has one beginning, also when its reason changes or a restart lies in it.
      const began = venue.verdict?.since;
      const verdict =
        event.verdict.verdict === 'UNKNOWN' && began !== undefined
          ? { ...event.verdict, since: began }
          : event.verdict;
      return withVenue(kill, event.venue, { ...venue, verdict, judgedAt: event.at });
    }
    case 'KillJudged':
      return {
        ...kill,
        verdict: event.verdict,
        timings: kill.timings ?? event.timings,
        judgedAt: event.at,
        // An acceptance is of one residual; another verdict asks for another acceptance.
        accepted: event.verdict === kill.verdict && event.voidsAcceptance !== true ? kill.accepted : null,
      };
    case 'ResidualAccepted':
      return {
        ...kill,
        accepted: { by: event.by, at: event.at, reason: event.reason, exposure: exposureOf(kill) },
      };
    case 'KillSuperseded':
      return { ...kill, over: `${event.newer} in ${event.incident}` };
    default: {
      const unknown: never = event;
      throw new Error(`unknown kill event ${JSON.stringify(unknown)}`);
    }
  }
}

function countedIn(before: CountedLists, lists: CancelledList[]): CountedLists {
  const counted = { ...before };
  for (const { list, found, answered, protective } of lists) {
    const sofar = counted[list] ?? { found: 0, answered: 0, protective: 0 };
    counted[list] = {
      found: sofar.found + found,
      answered: sofar.answered + answered,
      protective: sofar.protective + protective,
    };
  }
  return counted;
}

/** What is exposed now, in base units, by venue, symbol and side; each live order counts as itself. */
function exposureOf(kill: KillState): Record<string, number> {
  const exposure: Record<string, number> = {};
  for (const [id, { verdict }] of Object.entries(kill.venues)) {
    for (const line of verdict?.positions ?? []) exposure[`${id} ${line.symbol} ${line.side}`] = line.amount;
    for (const order of verdict?.orders ?? []) exposure[`${id} order ${order.id}`] = 1;
  }
  return exposure;
}

/** The open positions that no live protective order of their venue stands under; dust has none to stand under. */
export function withoutStop(kill: KillState): { venue: string; line: PositionLine }[] {
  return Object.entries(kill.venues).flatMap(([venue, { verdict }]) =>
    (verdict?.positions ?? [])
      .filter((line) => !line.dust && stopsOf(line, verdict?.orders ?? []).length === 0)
      .map((line) => ({ venue, line })),
  );
}

/** The live protective orders of one venue that stand under this position. */
export const stopsOf = (line: PositionLine, orders: OrderLine[]): OrderLine[] =>
  orders.filter((order) => order.protective && order.symbol === line.symbol);

/** True when more is exposed than was accepted: a new line, or more of one. Less needs nobody's word. */
export function outgrewAcceptance(kill: KillState): boolean {
  const { accepted } = kill;
  if (accepted === null) return false;
  return Object.entries(exposureOf(kill)).some(([line, amount]) => amount > (accepted.exposure[line] ?? 0));
}

function withVenue(kill: KillState, id: string, venue: VenueKillState): KillState {
  return { ...kill, venues: { ...kill.venues, [id]: venue } };
}

/** True while a kill has no verdict yet: a second ask joins it. */
export const isRunning = (kill: KillState): boolean => kill.verdict === null;
