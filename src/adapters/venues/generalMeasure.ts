/** What an exchange outside the proven table is measured by: what ccxt's unified calls say, and "cannot say" for the rest. */

import { z } from 'zod';
import type { VenuePosition } from '../../domain/measure/money.ts';
import type { PositionLine } from '../../domain/orders.ts';
import type { Clock, Venue, VenueMeasurement } from '../../ports.ts';
import type { Unified } from './general.ts';
import { measured, skewOf } from './measure.ts';
import { ownFailure, VenueFailure } from './wire.ts';

const amount = z.number().finite();
const holdings = z.looseObject({
  total: z.record(z.string(), amount.nullish()),
  debt: z.record(z.string(), amount.nullish()).optional(),
});
const ticker = z.looseObject({ last: amount.positive().nullish() });

/** Transfers: a list that may be incomplete would make a deposit look like a profit, and a withdrawal like a loss. */
const CANNOT_SAY =
  'this exchange is outside the proven table: whether all its transfers are listed is not known';

export function createGeneralMeasure(
  exchange: Unified,
  deps: {
    clock: Clock;
    ready(): Promise<void>;
    /** Balances that are no quote asset, and contracts. Throws VenueFailure. */
    positions(call: Unified['call']): Promise<{ balances: PositionLine[]; contracts: PositionLine[] }>;
    parse<T>(schema: z.ZodType<T>, answer: unknown): T;
  },
): Venue['measure'] {
  const { clock, parse } = deps;

  /** Null: there is no such market, or it has no price. Throws VenueFailure for anything else. */
  async function priceOf(call: Unified['call'], asset: string, currency: string): Promise<number | null> {
    if (asset === currency) return 1;
    if (!exchange.has('fetchTicker')) return null;
    try {
      return parse(ticker, await call('fetchTicker', `${asset}/${currency}`)).last ?? null;
    } catch (error) {
      if (error instanceof VenueFailure && error.failure.className === 'BadSymbol') return null;
      throw error;
    }
  }

  async function equity(call: Unified['call'], currency: string, contracts: PositionLine[]): Promise<number> {
    if (!exchange.has('fetchBalance')) throw ownFailure('ccxt cannot read balances here');
    if (contracts.length > 0)
      throw ownFailure('whether its balance has the profit of open positions in it is not known');
    const held = parse(holdings, await call('fetchBalance'));
    const signed = [
      ...Object.entries(held.total),
      ...Object.entries(held.debt ?? {}).map(([asset, owed]): [string, number] => [asset, -(owed ?? 0)]),
    ];
    let sum = 0;
    for (const [asset, value] of signed) {
      if (value == null || value === 0) continue;
      const price = await priceOf(call, asset, currency);
      if (price === null) throw ownFailure(`${asset} has no price in ${currency}`);
      sum += value * price;
    }
    return sum;
  }

  /** What ccxt does not price itself: a balance. */
  async function shown(line: PositionLine, call: Unified['call'], currency: string): Promise<VenuePosition> {
    const own = { symbol: line.symbol, side: line.side, notional: line.notional, currency: line.currency };
    if (line.notional !== null) return own;
    const [base = ''] = line.symbol.split(/[/ ]/);
    const price = await priceOf(call, base, currency);
    return price === null ? own : { ...own, notional: line.amount * price, currency };
  }

  return async ({ currency, money, mayAsk }): Promise<VenueMeasurement> => {
    const call: Unified['call'] = (name, ...args) => {
      if (!mayAsk())
        return Promise.reject(ownFailure('not asked: a kill has the venue to itself', 'notSent'));
      return exchange.call(name, ...args);
    };
    let contracts: PositionLine[] = [];
    const positions = await measured(async () => {
      if (!exchange.has('fetchPositions') && !exchange.has('fetchBalance'))
        throw ownFailure('ccxt can read neither positions nor balances here');
      await deps.ready();
      const held = await deps.positions(call);
      contracts = held.contracts;
      const found: VenuePosition[] = [...contracts];
      for (const line of held.balances) found.push(await shown(line, call, currency));
      return {
        positions: found.map(({ symbol, side, notional, currency: unit }) => ({
          symbol,
          side,
          notional,
          currency: unit,
        })),
      };
    });
    if (!money) return { positions, money: null };
    const worth = await measured(async () => {
      if (positions.state === 'failed') throw ownFailure(`the positions were not read: ${positions.reason}`);
      return { amount: await equity(call, currency, contracts) };
    });
    const skew = await measured(async () => {
      if (!exchange.has('fetchTime')) throw ownFailure('ccxt cannot read its clock');
      return skewOf(clock, async () => parse(amount, await call('fetchTime')), 1);
    });
    const status = await measured(async () => {
      if (!exchange.has('fetchStatus')) throw ownFailure('ccxt cannot read its state');
      const { status: text } = parse(z.looseObject({ status: z.string() }), await call('fetchStatus'));
      return { ok: text === 'ok', text };
    });
    return {
      positions,
      money: { equity: worth, transfers: { state: 'failed', reason: CANNOT_SAY }, clock: skew, status },
    };
  };
}
