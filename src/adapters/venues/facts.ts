/** The shape of the per-venue table: what one exchange keeps, how it is read, how it is cancelled, and who says so. */

import { z } from 'zod';
import type { KeyRights } from '../../domain/runbook/probes.ts';

/** Where a fact comes from: a page of the venue, or a line of ccxt that was read or seen on the wire. */
export type Source = string;

/** A fact that people want to look up, with its source. */
export interface Fact<T> {
  is: T;
  source: Source;
}

/** One request through ccxt's implicit methods, which need no markets, and the shape that its answer must have. */
export interface Call<T> {
  /** ccxt's name of the implicit method, such as `fapiPrivateGetOpenOrders`. */
  method: string;
  params: Record<string, unknown>;
  /** What is sent instead of `params` where the venue takes a list. */
  rows?: Record<string, unknown>[];
  /** The venue answers for each order: its answer is read in full also where it calls it an error, as when all failed. */
  itemised?: true;
  /** An answer of another shape is a failure, never an empty list. */
  answer: z.ZodType<T>;
  /** An order: it is never sent again, not even where the venue says that it took none. */
  once?: true;
}

/** An order in the venue's own names. Quantities in base units. */
export interface RawOrder {
  id: string;
  symbol: string;
  side: 'buy' | 'sell' | 'unknown';
  amount: number | null;
  price: number | null;
  protective: boolean;
  /** `amount` counts contracts, whose size the driver knows from the markets. */
  contracts?: true;
}

/** ccxt's flags of a market that tell kinds apart where two markets share one id. */
export type MarketKind = 'spot' | 'linear' | 'inverse' | 'option' | 'any';

export interface OrdersPage {
  orders: RawOrder[];
  /** What to ask for next; null after the last page. */
  next: string | null;
}

/** What became of some orders that were cancelled by id. */
export interface CancelAnswer {
  cancelled: string[];
  refused: { id: string; code: string; text: string }[];
}

/** One list of open orders that the venue keeps. */
export interface ListFacts {
  name: string;
  /** Account-wide, without a symbol. */
  read: (cursor: string | null) => Call<OrdersPage>;
  /** Cancels all of one symbol; answers the orders where the venue names them, else null. Absent: the venue cannot. */
  sweep?: (symbol: string) => Call<RawOrder[] | null>;
  /** Cancels the whole list, whatever the symbol: used instead of `sweep` where nothing is to be kept. */
  sweepAll?: () => Call<RawOrder[] | null>;
  /**
   * Cancels by the venue's ids, at most `batch` in one request, all of one symbol unless `mixed`. `orders` are the same
   * orders as they were listed, for a venue that wants the symbol of each.
   */
  cancel: (symbol: string, ids: string[], orders: RawOrder[]) => Call<CancelAnswer>;
  batch: number;
  /** One batch may hold orders of several symbols; then `cancel` gets '' for the symbol. */
  mixed?: true;
  source: Source;
}

/** A position, a balance or a loan in the venue's own names. Amounts in base units, positive. */
export interface RawPosition {
  /** The venue's symbol for a contract, the asset for a balance or a loan. */
  symbol: string;
  kind: 'contract' | 'balance' | 'loan';
  side: 'long' | 'short';
  amount: number;
  /** What an order can close now: on spot, without what is locked in orders. */
  free: number;
  /** Absolute, at mark; null when the venue does not say. */
  notional: number | null;
  /** What `notional` and `unrealisedPnl` are in; null when the venue does not say. */
  currency: string | null;
  unrealisedPnl: number | null;
  /** True when the account keeps long and short of one symbol apart. */
  hedge: boolean;
  /** `amount`, `free` and `notional` are still to be multiplied by the size of a contract, which the driver finds. */
  contracts?: true;
  /** The venue's word for how its margin is kept, where the order that closes it must say so. */
  marginMode?: string;
  /** The bot does not close this one, whatever else is in the scope. */
  byHand?: true;
}

export interface PositionsPage {
  /** Zero amounts left out. */
  positions: RawPosition[];
  /** What to ask for next; null after the last page. */
  next: string | null;
}

/** The order that closes (a part of) a position, once. */
export interface CloseOrder {
  /** The venue's symbol. */
  symbol: string;
  position: RawPosition;
  /** Plain decimals, base units; contracts where the position counts them. */
  quantity: string;
  /** 35 characters of `[a-z0-9-]`. */
  clientId: string;
}

export interface PositionFacts {
  scope: string;
  /** The first is asked; the next only when the venue answers that there is no such path. Zero amounts left out. */
  reads: Call<RawPosition[]>[];
  /** Instead of `reads` where the venue answers in pages. */
  pages?: (cursor: string | null) => Call<PositionsPage>;
  /** Absent: nothing here is closed by the bot. */
  close?: (order: CloseOrder) => Call<{ orderId: string }>;
  /** The quantity must be rounded down to the market's step, for which the markets must be known. */
  closeNeedsStep: boolean;
  source: Source;
}

/** A wallet: the lists and positions that belong together. */
export interface AccountFacts {
  name: string;
  /**
   * Not every user has this wallet. It is covered from the moment that this call answered (in `warm`); until then it is
   * named as not covered.
   */
  probe?: Call<unknown>;
  /** Where it trades another kind of market than the rest of the venue, whose ids it may share. */
  market?: MarketKind;
  /** Instead of the venue's, for such an account; null for what another account trades. */
  venueSymbol?: (unified: string) => string | null;
  lists: ListFacts[];
  positions: PositionFacts[];
}

/** An amount of an asset, signed: below zero is a debt. */
export interface Holding {
  asset: string;
  amount: number;
}

/** A row of one of the venue's records of money. */
export interface LedgerRow {
  /** Unique within its ledger. */
  id: string;
  /** ms since the epoch. */
  at: number;
  asset: string;
  /** Signed: above zero came in. */
  amount: number;
  /**
   * `transfer`: not earned by trading: moved in or out, or a gift. `result`: profit, loss, funding, fee, interest, or an
   * exchange of one asset for another. `unknown`: a kind that the table does not know, which makes the reading fail.
   */
  kind: 'transfer' | 'result' | 'unknown';
  /** The venue's word for its kind. */
  word: string;
  /** Of a result, where the venue tells them apart; below zero: lost, or paid. They come to `amount` together. */
  parts?: { realised: number; fees: number; other: number };
}

export interface LedgerPage {
  rows: LedgerRow[];
  /** What to ask for next; null after the last page. */
  next: string | null;
}

/** A record of money that the venue keeps. */
export interface LedgerFacts {
  name: string;
  /** Rows from one moment to another, ms since the epoch. */
  read: (span: { fromMs: number; untilMs: number }, cursor: string | null) => Call<LedgerPage>;
  /** True where a row may still change, such as a withdrawal that is refused: it is read anew each time. */
  rereads: boolean;
  source: Source;
}

/** What the wallets are worth, and what came in or went out. */
export interface MoneyFacts {
  equity: {
    /** `positions`: balances less loans, with the profit of contracts, as the positions show them. */
    is: 'positions' | Call<Holding[]>;
    source: Source;
  };
  /** Instead of the venue's, where that has none. */
  prices?: VenueFacts['prices'];
  /** The ledgers that together hold every transfer. `covers`: whether a wallet of this name is one of those measured. */
  ledgers: (covers: (account: string) => boolean) => LedgerFacts[];
  /** Whether the rows of the ledgers tell profit and fees apart (`parts`); else why nothing is said of them. */
  results: { told: true; source: Source } | { told: false; why: string };
  /** Pages of one ledger in one measurement; the next one reads on. */
  pagesAtOnce: Fact<number>;
  /** What moves money and stands in none of the ledgers: it looks like profit or loss. */
  notSeen: { what: string; source: Source }[];
  /** ms since the epoch; `stepMs` is what the venue rounds to. */
  time: { call: Call<number>; stepMs: number; source: Source };
  status: { call: Call<{ ok: boolean; text: string }>; source: Source };
  /** ms between two measurements with money in them. */
  pollMs: Fact<number>;
}

/** How the venue tells what a key may do. */
export interface KeyFacts {
  call: Call<KeyRights>;
  /** Codes that turn the key itself away: it does not exist, has expired, or may not do this. */
  refused: string[];
  source: Source;
}

export interface VenueFacts {
  /** ccxt's id. */
  exchange: string;
  /** The venue's own page where a person sees orders and positions. */
  page: string;
  /** Options for ccxt's constructor. */
  options: Record<string, unknown>;
  /** The flag of ccxt's markets that are this venue's; `any` where no two of its markets share an id. */
  market: MarketKind;
  /** ccxt's unified name → the venue's, by spelling alone, since the markets may not be known; null when it cannot be. */
  venueSymbol: (unified: string) => string | null;
  /** Where the venue spells one symbol in several ways: any of them → the one used here. */
  spell?: (symbol: string) => string;
  accounts: AccountFacts[];
  /** Prices by the venue's symbol, for balances; the venue's symbol of an asset against a quote asset. */
  prices?: { call: Call<Map<string, number>>; symbol: (asset: string, quote: string) => string };
  /** The size in base units of one contract of this symbol, asked for where the loaded markets do not know it. */
  contractSize?: (symbol: string) => Call<number>;
  /** By method: how many requests the venue takes in how long. The next one waits, so that it is not refused. */
  limits?: Record<string, { calls: number; perMs: number }>;
  notCovered: { what: string; source: Source }[];
  key: KeyFacts;
  codes: {
    /** The order is not open any more, or there is none to cancel. A code alone may mean other things too. */
    gone: { code: string; text: RegExp }[];
    clockSkew: string[];
    /** The venue does not know itself whether the request was carried out. */
    outcomeUnknown: string[];
    /** The nonce was not above the last one: refused, and sent again with a higher one. */
    nonce?: string[];
    /** Codes that ask to wait without saying how long, where the HTTP status does not say it either: ms to wait. */
    wait?: Record<string, number>;
    /** A ban that is told in words, after any HTTP status: how long it lasts, ms. */
    ban?: { answer: RegExp; ms: number };
    /** What a code means, for people. */
    words: Record<string, string>;
    source: Source;
  };
  hedgeMode: Fact<string>;
  reduceOnly: Fact<string>;
  /** True where the nonce is a millisecond: two calls in one millisecond would be refused, so one goes after the other. */
  oneLane: Fact<boolean>;
  /** How often a whole reading fits the venue's limits with room for an engine on the same address. */
  pollMs: Fact<number>;
  money: MoneyFacts;
}

const DECIMAL = /^-?\d+(\.\d+)?([eE][+-]?\d+)?$/;

/** A number, or a string of one; ccxt passes on what the venue sent, and quotes all numbers when one is beyond 2^53. */
export const decimal = z
  .union([z.number(), z.string().regex(DECIMAL)])
  .transform(Number)
  .refine(Number.isFinite);

/** An order id as text. A number beyond 2^53 has lost its last digits: cancelling it would cancel another order. */
export const orderId = z
  .union([z.string().min(1), z.number().int().refine(Number.isSafeInteger)])
  .transform(String);

/** A true/false that some venues send as text. */
export const flag = z.union([z.boolean(), z.enum(['true', 'false']).transform((text) => text === 'true')]);

/** A sum or difference of decimals without the dust of binary floats, which carry 15 digits faithfully. */
export const tidy = (value: number): number => Number(value.toPrecision(15));

/** The first of these prices that is set; venues print 0 for none. */
export const firstPrice = (...prices: (number | undefined)[]): number | null =>
  prices.find((price) => price !== undefined && price > 0) ?? null;

/** The kind of a row by the venue's word for it: what is in neither set is unknown. */
export const kindBy =
  (transfers: ReadonlySet<string>, results: ReadonlySet<string>) =>
  (word: string): LedgerRow['kind'] =>
    transfers.has(word) ? 'transfer' : results.has(word) ? 'result' : 'unknown';
