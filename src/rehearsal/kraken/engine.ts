import type { Call } from '../venue/server.ts';
import type { Side, VenueOrder } from '../venue/state.ts';
import { tidy, VenueRefusal } from '../venue/state.ts';
import type { VenueAccount } from '../venue.ts';
import type { KrakenMarket } from './markets.ts';
import { unlistedMarket } from './markets.ts';
import { triggerWhen } from './wire.ts';

/** Kraken's order types. All of them live in one list. */
export type OrderType =
  | 'market'
  | 'limit'
  | 'stop-loss'
  | 'stop-loss-limit'
  | 'take-profit'
  | 'take-profit-limit'
  | 'trailing-stop';

/** An order of the engine, as a test or the console writes it. Quantities in base, prices in quote. */
export interface KrakenOrder {
  /** Id or altname, such as `XXBTZUSD` or `XBTUSD`. One that is not listed is traded all the same, against USD. */
  pair: string;
  side: Side;
  quantity: number;
  /** Absent: at the market. */
  price?: number;
  triggerPrice?: number;
  /** By default what fits price and trigger, with a stop rather than a take-profit. */
  type?: OrderType;
  /** Above 1: on margin. */
  leverage?: number;
  reduceOnly?: boolean;
  /** Percent, for a trailing stop. */
  trailingPercent?: number;
  /** Kraken's conditional close: placed on the other side once this one has filled. */
  close?: { type: OrderType; price: number };
  clientId?: string;
}

export interface KrakenPosition {
  pair: string;
  /** Signed, in base: below 0 is short. */
  amount: number;
  entryPrice?: number;
}

/** An engine that does not stop. */
export interface KeepsTrading {
  /** How many orders in all; default without end. */
  count?: number;
  /** Default: a far limit buy of XBTUSD. */
  order?: KrakenOrder;
}

/** What Kraken keeps of an order beside what every venue does. */
interface OrderExtras {
  leverage: number;
  close?: { type: OrderType; price: number };
  /** The order whose conditional close this one is. */
  refid?: string;
}

const FAR_BUY: KrakenOrder = { pair: 'XBTUSD', side: 'buy', price: 30_000, quantity: 0.001 };

/** The engine of the account, and the books that only Kraken keeps. Margin lives in the account's `swap` wallet. */
export function createEngine(account: VenueAccount, markets: KrakenMarket[]) {
  const extras = new Map<string, OrderExtras>();
  const runs: { options: KeepsTrading; placed: number }[] = [];
  const find = (pair: string) => markets.find((market) => market.id === pair || market.altname === pair);

  const add = (market: KrakenMarket) => {
    if (!markets.includes(market)) markets.push(market);
    account.addMarket(market);
    account.addMarket({ ...market, kind: 'swap' });
  };
  for (const market of markets) add(market);

  const know = (pair: string, price: number): KrakenMarket => {
    const market = find(pair) ?? unlistedMarket(pair);
    if (!account.knows('spot', market.id)) add(market);
    if (!account.state.marks.has(market.id)) account.state.marks.set(market.id, price);
    return market;
  };

  const typeOf = ({ price, triggerPrice, trailingPercent }: KrakenOrder): OrderType => {
    if (trailingPercent !== undefined) return 'trailing-stop';
    if (triggerPrice === undefined) return price === undefined ? 'market' : 'limit';
    return price === undefined ? 'stop-loss' : 'stop-loss-limit';
  };

  const submit = (order: KrakenOrder, market: KrakenMarket, postOnly: boolean): VenueOrder => {
    const { side, quantity, price = 0, triggerPrice, leverage = 1 } = order;
    const type = order.type ?? typeOf(order);
    const placed = account.place({
      wallet: leverage > 1 ? 'swap' : 'spot',
      list: 'regular',
      symbol: market.id,
      side,
      type,
      quantity,
      price,
      ...(triggerPrice === undefined ? {} : { triggerPrice, triggerWhen: triggerWhen(type, side) }),
      ...(order.trailingPercent === undefined ? {} : { callbackRate: order.trailingPercent }),
      ...(order.clientId === undefined ? {} : { clientId: order.clientId }),
      reduceOnly: order.reduceOnly ?? false,
      postOnly,
    });
    extras.set(placed.id, { leverage, ...(order.close === undefined ? {} : { close: order.close }) });
    settle();
    return placed;
  };

  /** Places the conditional closes of what has filled. */
  const settle = () => {
    for (const [id, extra] of Array.from(extras)) {
      const primary = account.state.orders.get(id);
      if (primary?.status !== 'filled' || extra.close === undefined) continue;
      const { type, price } = extra.close;
      delete extra.close;
      const child = submit(
        {
          pair: primary.symbol,
          side: primary.side === 'buy' ? 'sell' : 'buy',
          // Spot fees are taken from what was received.
          quantity: primary.wallet === 'spot' ? tidy(primary.quantity * 0.99) : primary.quantity,
          type,
          ...(type === 'limit' ? { price } : { triggerPrice: price }),
          leverage: extra.leverage,
        },
        know(primary.symbol, price),
        false,
      );
      Object.assign(extras.get(child.id) ?? {}, { refid: id });
    }
  };

  const place = (order: KrakenOrder): VenueOrder => {
    // A pair that never had a price gets one at which this order rests.
    const near = order.price ?? order.triggerPrice ?? 1;
    return submit(order, know(order.pair, near * (order.side === 'buy' ? 1.05 : 0.95)), false);
  };

  return {
    markets,
    find,
    extrasOf: (id: string): OrderExtras => extras.get(id) ?? { leverage: 1 },
    submit,
    place,
    settle,
    setPosition: ({ pair, amount, entryPrice }: KrakenPosition) => {
      const market = know(pair, entryPrice ?? 1);
      account.setPosition({
        symbol: market.id,
        amount,
        leverage: 2,
        ...(entryPrice === undefined ? {} : { entryPrice }),
      });
    },
    /** Called after every request that the venue carried out or refused. */
    react: (_call: Call, cancels: boolean) => {
      settle();
      for (const run of runs) {
        if (!cancels || run.placed >= (run.options.count ?? Number.POSITIVE_INFINITY)) continue;
        run.placed += 1;
        try {
          place(run.options.order ?? FAR_BUY);
        } catch (error) {
          // An engine that runs out of money goes on trying; that is not a fault of the venue.
          if (!(error instanceof VenueRefusal)) throw error;
        }
      }
    },
    keepTrading: (options: KeepsTrading = {}) => {
      const run = { options, placed: 0 };
      runs.push(run);
      return () => void runs.splice(runs.indexOf(run), 1);
    },
  };
}

export type KrakenEngine = ReturnType<typeof createEngine>;
