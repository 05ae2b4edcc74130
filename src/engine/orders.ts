/** Cancelling and flattening on demand: act, then read, then say what was read. */

import type { Actor } from '../domain/incident.ts';
import { judgeVenue, type VenueReading, type Verdict, worstVerdict } from '../domain/kill.ts';
import type {
  CancelledList,
  CancelResult,
  CancelScope,
  Closable,
  CloseResult,
  OrderLine,
  PositionLine,
} from '../domain/orders.ts';
import type { CloseEstimate } from '../domain/slippage.ts';
import type { Clock, Venue } from '../ports.ts';
import { readVenue } from './kill.ts';

/** How many times a cancel is tried at a venue that goes on showing orders. A kill has no such limit. */
const CANCEL_ROUNDS = 3;

/** How long a venue may take to say what is open there before its positions count as unread: a person waits. */
const CLOSABLE_MS = 5_000;

/** Cancel what is in scope at every venue that it names, each by itself, and read each back. */
export async function cancelEverywhere(
  scope: CancelScope,
  venues: Venue[],
  clock: Clock,
): Promise<CancelResult[]> {
  return Promise.all(
    venues
      .filter((venue) => scope.venue === undefined || venue.id === scope.venue)
      .map((venue) => cancelAt(scope, venue, clock)),
  );
}

async function cancelAt(scope: CancelScope, venue: Venue, clock: Clock): Promise<CancelResult> {
  const { venue: _all, ...rest } = scope;
  const lists = new Map<string, CancelledList>();
  for (let round = 1; ; round += 1) {
    for (const list of await venue.cancel(rest)) {
      const before = lists.get(list.list);
      lists.set(list.list, {
        list: list.list,
        found: Math.max(before?.found ?? 0, list.found),
        answered: (before?.answered ?? 0) + list.answered,
        protective: Math.max(before?.protective ?? 0, list.protective),
        failures: list.failures,
      });
    }
    const reading = await readVenue(venue, clock);
    const base = { venue: venue.id, lists: [...lists.values()] };
    const failed = reading.lists.flatMap((list) =>
      list.state === 'failed' ? [`${list.list}: ${list.reason}`] : [],
    );
    if (failed.length > 0) {
      if (round < CANCEL_ROUNDS) continue;
      return { ...base, verdict: 'unknown', left: null, reason: failed.join('; ') };
    }
    const left = inScope(scope, reading).length;
    if (left === 0 && reading.proven) return { ...base, verdict: 'cancelled', left };
    if (left === 0)
      return {
        ...base,
        verdict: 'unknown',
        left,
        reason: 'nothing found, unproven: this exchange is outside the proven table',
      };
    if (round >= CANCEL_ROUNDS)
      return { ...base, verdict: 'left', left, reason: `${left} still listed after ${round} rounds` };
  }
}

function inScope(scope: CancelScope, reading: VenueReading): OrderLine[] {
  const symbol = scope.symbol === undefined ? null : bareSymbol(scope.symbol);
  return reading.lists
    .flatMap((list) => (list.state === 'read' ? list.orders : []))
    .filter(
      (order) =>
        (scope.scope === 'all' || !order.protective) &&
        (symbol === null || bareSymbol(order.symbol) === symbol),
    );
}

/** `BTC/USDT:USDT`, `BTC/USDT` and `BTCUSDT` are one to somebody who cancels: too many in scope is the safe side. */
const bareSymbol = (symbol: string): string =>
  symbol
    .replace(/:.*$/, '')
    .replace(/[^a-z0-9]/gi, '')
    .toUpperCase();

export interface Flattened {
  results: CloseResult[];
  verdict: Verdict;
}

/** What a flatten would close, as read just now, and the venues of which that could not be read. */
export interface ClosableReading {
  positions: { venue: string; line: PositionLine }[];
  unread: { venue: string; reason: string }[];
}

/** Every position that an order can close. A venue that does not answer in time is unread, and delays no other. */
export async function closablePositions(venues: Venue[], clock: Clock): Promise<ClosableReading> {
  const each = await Promise.all(venues.map((venue) => closableAt(venue, clock)));
  return { positions: each.flatMap((one) => one.positions), unread: each.flatMap((one) => one.unread) };
}

async function closableAt(venue: Venue, clock: Clock): Promise<ClosableReading> {
  const over = new AbortController();
  const late = clock.wait(CLOSABLE_MS, over.signal).then(() => null);
  const reading = await Promise.race([readVenue(venue, clock), late]).finally(() => over.abort());
  if (reading === null)
    return {
      positions: [],
      unread: [{ venue: venue.id, reason: `no whole answer within ${CLOSABLE_MS / 1_000} s` }],
    };
  const positions: ClosableReading['positions'] = [];
  const unread: ClosableReading['unread'] = [];
  for (const scope of reading.positions) {
    if (scope.state === 'failed') unread.push({ venue: venue.id, reason: `${scope.scope}: ${scope.reason}` });
    else
      positions.push(
        ...scope.positions.filter((line) => !line.dust).map((line) => ({ venue: venue.id, line })),
      );
  }
  return { positions, unread };
}

/** What a person sees before a flatten: each position with what closing it is likely to cost. */
export interface FlattenPreview {
  positions: { venue: string; line: PositionLine; estimate: CloseEstimate }[];
  unread: ClosableReading['unread'];
}

/** Read what could be closed, and estimate it from the order books. Takes at most CLOSABLE_MS and the time of a book. */
export async function previewFlatten(venues: Venue[], clock: Clock): Promise<FlattenPreview> {
  const { positions, unread } = await closablePositions(venues, clock);
  return {
    positions: await Promise.all(
      positions.map(async ({ venue, line }) => ({
        venue,
        line,
        estimate: (await venues.find((one) => one.id === venue)?.estimateClose(line)) ?? {
          state: 'unknown' as const,
          reason: 'this venue is not configured',
        },
      })),
    ),
    unread,
  };
}

/**
 * Close positions by reduce-only orders, each sent once (`send` false: a restart, where nothing is sent again), then read
 * every venue twice. The order's key is derived from `flatten`, so that the venue itself refuses a second one.
 */
export async function flattenAll(
  flatten: string,
  positions: Closable[],
  venues: Venue[],
  clock: Clock,
  send: boolean,
): Promise<Flattened> {
  const sent = await Promise.all(
    positions.map(async (position, index) => {
      const venue = venues.find((one) => one.id === position.venue);
      if (venue === undefined) return { state: 'refused' as const, reason: 'this venue is not configured' };
      if (!send)
        return {
          state: 'unknown' as const,
          reason: 'the bot stopped in between: what is left was read, nothing was sent again',
        };
      return venue.closePosition(position, `${flatten}-${index}`);
    }),
  );
  const writesEndedAt = clock.monotonic();
  const judged = await Promise.all(
    venues.map(async (venue) => {
      const first = await readVenue(venue, clock);
      const second = await readVenue(venue, clock);
      return judgeVenue(first, second, writesEndedAt);
    }),
  );
  const results = positions.map((position, index): CloseResult => {
    const answer = sent[index];
    const verdict = judged.find((one) => one.venue === position.venue);
    const readable = verdict !== undefined && verdict.listsRead.length > 0 && verdict.verdict !== 'UNKNOWN';
    const line = verdict?.positions.find(
      (one) => one.symbol === position.symbol && one.side === position.side,
    );
    const left = readable ? (line?.amount ?? 0) : null;
    const base = {
      venue: position.venue,
      symbol: position.symbol,
      side: position.side,
      asked: position.amount,
      left,
    };
    const reason =
      answer?.state === 'sent' || answer === undefined
        ? readable
          ? undefined
          : verdict?.reason
        : answer.reason;
    const state =
      left === null ? 'unknown' : left === 0 ? 'closed' : answer?.state === 'refused' ? 'refused' : 'partly';
    return { ...base, state, ...(reason === undefined ? {} : { reason }) };
  });
  return { results, verdict: worstVerdict(judged.map((one) => one.verdict)) };
}

/** Who may be told what is going on, in a sentence: for a second person who asks for what is running. */
export const saidBy = (by: Actor, at: number): string =>
  `${by.name} at ${new Date(at).toISOString().slice(11, 19)} UTC`;
