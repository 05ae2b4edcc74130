/**
 * Any exchange of ccxt that is not in the proven table, through ccxt's unified methods. What it finds is true; that it
 * found everything is not known, so it never says FLAT: `proven` is false in every reading.
 */

import { z } from 'zod';
import type { ListReading, PositionsReading } from '../../domain/kill.ts';
import type { CancelledList, OrderLine, PositionLine } from '../../domain/orders.ts';
import type { Venue } from '../../ports.ts';
import { createGeneralMeasure } from './generalMeasure.ts';
import { type CloseAnswer, clientIdOf, closeFailure, type DriverOptions, ROUND_MS } from './proven.ts';
import { ownFailure, plain, tally, VenueFailure, type Wire, wordsOf } from './wire.ts';

/** ccxt's unified methods under our deadline. `call` throws VenueFailure. */
export interface Unified {
  has(name: string): boolean;
  call(name: string, ...args: unknown[]): Promise<unknown>;
}

const LIST = 'open orders';
const amount = z.number().finite();

const order = z.looseObject({
  id: z.string().min(1),
  symbol: z.string().min(1),
  side: z.enum(['buy', 'sell']).nullish(),
  amount: amount.nullish(),
  remaining: amount.nullish(),
  price: amount.nullish(),
  triggerPrice: amount.nullish(),
  reduceOnly: z.boolean().nullish(),
});
type UnifiedOrder = z.infer<typeof order>;

const positions = z.array(
  z.looseObject({
    symbol: z.string().min(1),
    side: z.enum(['long', 'short']).nullish(),
    contracts: amount.nullish(),
    contractSize: amount.nullish(),
    notional: amount.nullish(),
    unrealizedPnl: amount.nullish(),
  }),
);

const balances = z.looseObject({
  total: z.record(z.string(), amount.nullish()),
  free: z.record(z.string(), amount.nullish()).optional(),
  debt: z.record(z.string(), amount.nullish()).optional(),
});

/** Build the driver for an exchange outside the table. Loads the markets first: ccxt's unified methods need them. */
export function createGeneralDriver(
  wire: Wire,
  exchange: Unified,
  options: Omit<DriverOptions, 'facts'>,
): Pick<Venue, 'warm' | 'cancel' | 'read' | 'closePosition' | 'measure' | 'results'> {
  const { id, symbols, quoteAssets, clock } = options;
  const sentKeys = new Set<string>();
  let loaded = false;

  async function ready(): Promise<void> {
    if (loaded) return;
    await wire.loadMarkets();
    loaded = true;
  }

  function parse<T>(schema: z.ZodType<T>, answer: unknown): T {
    const parsed = schema.safeParse(answer);
    if (parsed.success) return parsed.data;
    throw ownFailure('the venue’s answer has another shape than expected');
  }

  const needsSymbol = (error: unknown): boolean =>
    error instanceof VenueFailure && error.failure.className === 'ArgumentsRequired';

  /** Without a symbol where the exchange takes it so, else one configured symbol after the other. */
  async function eachSymbol(method: string): Promise<unknown[]> {
    try {
      return [await exchange.call(method)];
    } catch (error) {
      if (!needsSymbol(error) || symbols.length === 0) throw error;
    }
    const answers: unknown[] = [];
    for (const symbol of symbols) answers.push(await exchange.call(method, symbol));
    return answers;
  }

  async function openOrders(): Promise<UnifiedOrder[]> {
    await ready();
    return (await eachSymbol('fetchOpenOrders')).flatMap((answer) => parse(z.array(order), answer));
  }

  const inBase = (symbol: string, contracts: number): number =>
    contracts * (wire.marketBySymbol(symbol)?.contractSize ?? 1);

  const orderLine = (one: UnifiedOrder): OrderLine => {
    const open = one.remaining ?? one.amount ?? null;
    return {
      id: one.id,
      list: LIST,
      symbol: one.symbol,
      side: one.side ?? 'unknown',
      amount: open === null ? null : inBase(one.symbol, open),
      price: one.price ?? one.triggerPrice ?? null,
      protective: one.reduceOnly === true,
    };
  };

  async function readList(): Promise<ListReading> {
    try {
      return { list: LIST, state: 'read', orders: (await openOrders()).map(orderLine) };
    } catch (error) {
      return { list: LIST, state: 'failed', reason: wordsOf(error) };
    }
  }

  async function contractLines(call: Unified['call'] = exchange.call): Promise<PositionLine[]> {
    const rows = parse(positions, await call('fetchPositions'));
    return rows
      .filter((row) => (row.contracts ?? 0) !== 0)
      .map((row) => ({
        symbol: row.symbol,
        side: row.side ?? ((row.contracts ?? 0) > 0 ? 'long' : 'short'),
        amount: Math.abs(row.contracts ?? 0) * (row.contractSize ?? inBase(row.symbol, 1)),
        notional: row.notional == null ? null : Math.abs(row.notional),
        currency: /:([^-]+)/.exec(row.symbol)?.[1] ?? quoteAssets[0] ?? '',
        unrealisedPnl: row.unrealizedPnl ?? null,
        dust: false,
      }));
  }

  async function balanceLines(call: Unified['call'] = exchange.call): Promise<PositionLine[]> {
    const held = parse(balances, await call('fetchBalance'));
    const line = (asset: string, side: 'long' | 'short', value: number, symbol: string): PositionLine => ({
      symbol,
      side,
      amount: Math.abs(value),
      notional: quoteAssets.includes(asset) ? Math.abs(value) : null,
      currency: quoteAssets[0] ?? asset,
      unrealisedPnl: null,
      dust: false,
    });
    const owned = Object.entries(held.total).flatMap(([asset, value]) =>
      value == null || value === 0 || quoteAssets.includes(asset)
        ? []
        : [line(asset, value > 0 ? 'long' : 'short', value, `${asset}/${quoteAssets[0] ?? asset}`)],
    );
    const owed = Object.entries(held.debt ?? {}).flatMap(([asset, value]) =>
      value == null || value === 0 ? [] : [line(asset, 'short', value, `${asset} loan`)],
    );
    return [...owned, ...owed];
  }

  async function readScope(scope: string, lines: () => Promise<PositionLine[]>): Promise<PositionsReading> {
    try {
      await ready();
      return { scope, state: 'read', positions: await lines() };
    } catch (error) {
      return { scope, state: 'failed', reason: wordsOf(error) };
    }
  }

  const read: Venue['read'] = async () => {
    const startedAt = clock.now();
    const reading = await readOnce();
    options.onReading?.(startedAt, reading);
    return reading;
  };

  async function readOnce(): ReturnType<Venue['read']> {
    const scopes = [
      ...(exchange.has('fetchPositions') ? [readScope('positions', () => contractLines())] : []),
      ...(exchange.has('fetchBalance') ? [readScope('balances', () => balanceLines())] : []),
    ];
    const [list, read] = await Promise.all([readList(), Promise.all(scopes)]);
    return {
      venue: id,
      proven: false,
      lists: [list],
      positions: read,
      notCovered: ['whatever ccxt’s general calls do not show: this exchange is outside the proven table'],
    };
  }

  /** Cancel by id, in one request where the exchange has it. `swept`: a cancel of everything was answered before. */
  async function cancelIds(orders: UnifiedOrder[], swept: boolean, lateAt: number) {
    const failures: { what: string; reason: string }[] = [];
    let answered = 0;
    const attempt = async (what: string, count: number, work: () => Promise<unknown>): Promise<void> => {
      try {
        if (clock.monotonic() > lateAt)
          throw ownFailure('not tried in this round, which took too long', 'notSent');
        await work();
        answered += count;
      } catch (error) {
        // An order that is gone is what was wanted.
        const gone = error instanceof VenueFailure && error.failure.className === 'OrderNotFound';
        if (gone && swept) answered += count;
        if (!gone) failures.push({ what, reason: wordsOf(error) });
      }
    };
    for (const symbol of new Set(orders.map((one) => one.symbol))) {
      const ids = orders.filter((one) => one.symbol === symbol).map((one) => one.id);
      if (exchange.has('cancelOrders') && ids.length > 1)
        await attempt(symbol, ids.length, () => exchange.call('cancelOrders', ids, symbol));
      else
        for (const one of ids)
          await attempt(`${symbol} ${one}`, 1, () => exchange.call('cancelOrder', one, symbol));
    }
    return { answered, failures };
  }

  const cancel: Venue['cancel'] = async (scope): Promise<CancelledList[]> => {
    const failures: { what: string; reason: string }[] = [];
    const keeping = options.protectiveOrders === 'keepWhilePosition';
    // Some exchanges ignore the symbol and cancel everything (kraken, bitfinex: FACTS 3), so a narrower scope goes by id.
    const everything = scope.scope === 'all' && scope.symbol === undefined && !keeping;
    const lateAt = clock.monotonic() + ROUND_MS;
    let targets: UnifiedOrder[] = [];
    let swept = false;
    try {
      targets = (await openOrders()).filter(
        (one) =>
          (scope.symbol === undefined || one.symbol === scope.symbol) &&
          !(one.reduceOnly === true && (keeping || scope.scope === 'entries')),
      );
    } catch (error) {
      failures.push({ what: 'listing', reason: wordsOf(error) });
    }
    if (everything && exchange.has('cancelAllOrders')) {
      try {
        await eachSymbol('cancelAllOrders');
        swept = true;
      } catch (error) {
        failures.push({ what: 'all orders', reason: wordsOf(error) });
      }
    }
    // By id as well: what the call took answers that it is gone, and what it did not take is cancelled.
    const byId = await cancelIds(targets, swept, lateAt);
    return [
      {
        list: LIST,
        found: targets.length,
        answered: byId.answered,
        protective: targets.filter((one) => one.reduceOnly === true).length,
        failures: tally([...failures, ...byId.failures]),
      },
    ];
  };

  const closePosition: Venue['closePosition'] = async (position, orderKey) => {
    if (sentKeys.has(orderKey))
      return { state: 'refused', reason: 'this order was sent before, and is never sent twice' };
    try {
      await ready();
    } catch (error) {
      return { state: 'refused', reason: `the markets are not known: ${wordsOf(error)}` };
    }
    const market = wire.marketBySymbol(position.symbol);
    if (market === undefined) return { state: 'refused', reason: `no market ${position.symbol} is known` };
    const contract = market.contractSize !== null;
    if (!contract && position.side === 'short')
      return { state: 'refused', reason: 'a loan is paid back by hand' };
    const quantity = wire.cutToStep(position.symbol, position.amount / (market.contractSize ?? 1));
    if (quantity === null)
      return { state: 'refused', reason: `${plain(position.amount)} is below the least that can be traded` };
    sentKeys.add(orderKey);
    const answer = await sendOnce(position, quantity, contract, orderKey);
    if (answer.state === 'refused') sentKeys.delete(orderKey);
    return answer;
  };

  async function sendOnce(
    position: Parameters<Venue['closePosition']>[0],
    quantity: string,
    contract: boolean,
    orderKey: string,
  ): Promise<CloseAnswer> {
    const params = { clientOrderId: clientIdOf(id, orderKey), ...(contract ? { reduceOnly: true } : {}) };
    const side = position.side === 'long' ? 'sell' : 'buy';
    try {
      const answer = await exchange.call(
        'createOrder',
        position.symbol,
        'market',
        side,
        Number(quantity),
        undefined,
        params,
      );
      return { state: 'sent', orderId: parse(z.looseObject({ id: z.string().min(1) }), answer).id };
    } catch (error) {
      return closeFailure(error);
    }
  }

  const warm: Venue['warm'] = async () => {
    try {
      loaded = false;
      await ready();
      return { ok: true };
    } catch (error) {
      return { ok: false, reason: `markets: ${wordsOf(error)}` };
    }
  };

  const measure = createGeneralMeasure(exchange, {
    clock,
    ready,
    parse,
    async positions(call) {
      return {
        contracts: exchange.has('fetchPositions') ? await contractLines(call) : [],
        balances: exchange.has('fetchBalance') ? await balanceLines(call) : [],
      };
    },
  });

  const results: Venue['results'] = async () => ({
    state: 'silent',
    reason: 'this exchange is outside the proven table: its records are not known',
  });

  return { warm, cancel, read, closePosition, measure, results };
}
