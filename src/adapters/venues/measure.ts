/** What a venue of the proven table is measured by between kills: positions, worth, transfers, clock, state. */

import type { Transfer } from '../../domain/measure/dayStart.ts';
import type { VenuePosition } from '../../domain/measure/money.ts';
import type { PositionLine } from '../../domain/orders.ts';
import type { Clock, Measured, MeasureRequest, Venue, VenueMeasurement } from '../../ports.ts';
import { type Holding, type PositionFacts, type RawPosition, tidy, type VenueFacts } from './facts.ts';
import { type Ask, createLedgerReader } from './ledger.ts';
import { ownFailure, type Wire, wordsOf } from './wire.ts';

/** What an asset without a market against the wanted currency is priced through. */
const BRIDGES = ['USDT', 'USD', 'USDC', 'BTC'];

/** The price of an asset by a table of markets: against it, the other way round, or through one more. Null: none. */
export function priceIn(
  asset: string,
  currency: string,
  prices: ReadonlyMap<string, number>,
  symbolOf: (asset: string, quote: string) => string,
): number | null {
  if (asset === currency) return 1;
  const direct = (of: string, against: string): number | null => {
    if (of === against) return 1;
    const price = prices.get(symbolOf(of, against));
    if (price !== undefined && price > 0) return price;
    const inverse = prices.get(symbolOf(against, of));
    return inverse !== undefined && inverse > 0 ? 1 / inverse : null;
  };
  const found = direct(asset, currency);
  if (found !== null) return found;
  for (const bridge of BRIDGES) {
    const first = direct(asset, bridge);
    const second = direct(bridge, currency);
    if (first !== null && second !== null) return first * second;
  }
  return null;
}

/** What balances, debts and the profit of contracts come to, by asset. Throws VenueFailure where a profit is not known. */
function holdingsOf(rows: RawPosition[]): Holding[] {
  return rows.map((row): Holding => {
    if (row.kind === 'balance') return { asset: row.symbol, amount: row.amount };
    if (row.kind === 'loan') return { asset: row.symbol, amount: -row.amount };
    if (row.unrealisedPnl === null || row.currency === null)
      throw ownFailure(`the profit of ${row.symbol} is not known`);
    return { asset: row.currency, amount: row.unrealisedPnl };
  });
}

/** A part that may fail, in words. */
export async function measured<T>(work: () => Promise<T>): Promise<Measured<T>> {
  try {
    return { state: 'read', ...(await work()) };
  } catch (error) {
    return { state: 'failed', reason: wordsOf(error) };
  }
}

/** Requests one after the other, and none once a kill has begun. */
export const askWhile =
  (wire: Pick<Wire, 'call'>, mayAsk: () => boolean): Ask =>
  (call, deadlineMs) => {
    if (!mayAsk()) return Promise.reject(ownFailure('not asked: a kill has the venue to itself', 'notSent'));
    return wire.call(call, deadlineMs);
  };

/** The venue's clock less ours, by one question. */
export async function skewOf(
  clock: Clock,
  ask: () => Promise<number>,
  stepMs: number,
): Promise<{ skewMs: number; withinMs: number }> {
  const startedAt = clock.now();
  const theirs = await ask();
  const endedAt = clock.now();
  return {
    // A time that is cut to a step lies in the middle of it, as far as anybody knows.
    skewMs: Math.round(theirs + stepMs / 2 - (startedAt + endedAt) / 2),
    withinMs: Math.ceil((endedAt - startedAt + stepMs) / 2),
  };
}

interface ReadScope {
  scope: PositionFacts;
  rows: RawPosition[];
}

/** What of the driver measuring needs. */
interface Positions {
  /** Every scope of the wallets that are covered, all rows. Throws VenueFailure, also while a wallet is not settled. */
  raw(ask: Ask): Promise<ReadScope[]>;
  /** As they are shown, balances in a quote asset left out. Throws VenueFailure. */
  lines(read: ReadScope[], ask: Ask): Promise<PositionLine[]>;
  covers(account: string): boolean;
}

export function createProvenMeasure(
  wire: Wire,
  deps: { facts: VenueFacts; clock: Clock; positions: Positions },
): Venue['measure'] {
  const { facts, clock, positions } = deps;
  const { money } = facts;
  const prices = money.prices ?? facts.prices;
  const ledgers = createLedgerReader(money.pagesAtOnce.is);

  /** Prices are asked for at most once in a measurement, and only where something has to be priced. */
  function pricing(ask: Ask, currency: string) {
    let table: Promise<Map<string, number>> | null = null;
    return async (asset: string): Promise<number | null> => {
      if (asset === currency) return 1;
      if (prices === undefined) return null;
      table ??= ask(prices.call);
      return priceIn(asset, currency, await table, prices.symbol);
    };
  }
  type PriceOf = ReturnType<typeof pricing>;

  async function worth(amount: number, asset: string, priceOf: PriceOf, currency: string): Promise<number> {
    if (amount === 0) return 0;
    const price = await priceOf(asset);
    if (price === null) throw ownFailure(`${asset} has no price in ${currency}`);
    return tidy(amount * price);
  }

  /** In the wanted currency where that can be had. */
  async function shown(line: PositionLine, priceOf: PriceOf, currency: string): Promise<VenuePosition> {
    const own = { symbol: line.symbol, side: line.side, notional: line.notional, currency: line.currency };
    if (line.notional === null || line.currency === currency) return own;
    const price = await priceOf(line.currency).catch(() => null);
    return price === null ? own : { ...own, notional: tidy(line.notional * price), currency };
  }

  async function transfersOf(
    { sinceMs, currency }: MeasureRequest,
    ask: Ask,
    priceOf: PriceOf,
  ): Promise<{ rows: Transfer[]; notSeen: string[] }> {
    const rows: Transfer[] = [];
    for (const ledger of money.ledgers(positions.covers)) {
      for (const row of await ledgers.transfers(ledger, sinceMs, clock.now(), ask))
        rows.push({
          id: `${ledger.name} ${row.id}`,
          at: row.at,
          amount: await worth(row.amount, row.asset, priceOf, currency),
        });
    }
    return { rows, notSeen: money.notSeen.map(({ what }) => what) };
  }

  async function moneyOf(
    request: MeasureRequest,
    raw: ReadScope[] | null,
    ask: Ask,
    priceOf: PriceOf,
  ): Promise<NonNullable<VenueMeasurement['money']>> {
    const { currency } = request;
    const equity = await measured(async () => {
      const { is } = money.equity;
      if (is === 'positions' && raw === null) throw ownFailure('the balances were not read');
      const holdings =
        is === 'positions' ? holdingsOf((raw ?? []).flatMap(({ rows }) => rows)) : await ask(is);
      let amount = 0;
      for (const held of holdings) amount += await worth(held.amount, held.asset, priceOf, currency);
      return { amount: tidy(amount) };
    });
    const skew = await measured(() => skewOf(clock, () => ask(money.time.call), money.time.stepMs));
    const status = await measured(() => ask(money.status.call));
    // Last: a venue may list a transfer a moment after it shows in the balance.
    const transfers = await measured(() => transfersOf(request, ask, priceOf));
    return { equity, transfers, clock: skew, status };
  }

  return async (request) => {
    const ask = askWhile(wire, request.mayAsk);
    const priceOf = pricing(ask, request.currency);
    let raw: ReadScope[] | null = null;
    const read = await measured(async () => {
      raw = await positions.raw(ask);
      const lines = await positions.lines(raw, ask);
      const found: VenuePosition[] = [];
      for (const line of lines) found.push(await shown(line, priceOf, request.currency));
      return { positions: found };
    });
    return { positions: read, money: request.money ? await moneyOf(request, raw, ask, priceOf) : null };
  };
}
