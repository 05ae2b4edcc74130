import type { Call } from '../venue/server.ts';
import type { PositionSide, Side, VenueOrder, VenuePosition } from '../venue/state.ts';
import { VenueRefusal } from '../venue/state.ts';
import type { VenueAccount } from '../venue.ts';
import { unlistedMarket } from './markets.ts';

/** What an order waits as: plain, or one of Bybit's words for orders with a trigger. */
export type OrderKind =
  | 'Order'
  | 'Stop'
  | 'tpslOrder'
  | 'OcoOrder'
  | 'BidirectionalTpslOrder'
  | 'TakeProfit'
  | 'StopLoss'
  | 'TrailingStop'
  | 'PartialStopLoss';

/** An order of the engine, as a test or the console writes it. Quantities in base (inverse: US dollars), prices in quote. */
export interface EngineOrder {
  /** Default: a contract, linear or inverse by its symbol. */
  spot?: boolean;
  /** Bybit's id, such as `BTCUSDT`, `BTCPERP` or `BTCUSD`. A symbol that is not listed is traded all the same. */
  symbol: string;
  side: Side;
  quantity: number;
  /** Absent: at the market. */
  price?: number;
  triggerPrice?: number;
  /** Default `Order`, or `Stop` with a trigger price. */
  kind?: OrderKind;
  reduceOnly?: boolean;
  /** The whole position, whatever it is by then: its quantity is printed as 0. */
  closePosition?: boolean;
  /** Default one-way, in hedge mode the side that opens. */
  positionSide?: PositionSide;
  clientId?: string;
  /** The id of the pair that it is a leg of, decimal digits. */
  listId?: string;
}

export type EnginePosition = Pick<VenuePosition, 'symbol' | 'amount'> & Partial<VenuePosition>;

/** An engine that does not stop. */
export interface KeepsTrading {
  /** How many orders in all; default without end. */
  count?: number;
  /** Places one at every request that arrives; by default only after each cancel. */
  everyRequest?: boolean;
  /** Default: a buy of 0.001 BTCUSDT at 50,000. */
  order?: EngineOrder;
}

const FAR_BUY: EngineOrder = { symbol: 'BTCUSDT', side: 'buy', quantity: 0.001, price: 50_000 };

/** The trading engine of the account, which does what a test tells it and, if told, does not stop. */
export function createEngine(account: VenueAccount) {
  const { state } = account;
  const runs: { options: KeepsTrading; placed: number }[] = [];

  const know = (wallet: 'spot' | 'swap', symbol: string, price: number) => {
    if (!account.knows(wallet, symbol)) account.addMarket(unlistedMarket(symbol, wallet));
    if (!state.marks.has(symbol)) state.marks.set(symbol, price);
  };

  const place = (order: EngineOrder): VenueOrder => {
    const { spot = false, symbol, side, price = 0, triggerPrice = 0 } = order;
    const wallet = spot ? 'spot' : 'swap';
    // A symbol that never had a price gets one at which this order rests.
    know(wallet, symbol, (price || triggerPrice || 1) * (side === 'buy' ? 1.05 : 0.95));
    const waits = triggerPrice > 0;
    const opening: PositionSide = side === 'buy' ? 'LONG' : 'SHORT';
    return account.place({
      wallet,
      // The generic account turns a conditional order into another one; on spot it stays the same, as at Bybit.
      list: waits && !spot ? 'conditional' : 'regular',
      symbol,
      side,
      type: order.kind ?? (waits ? 'Stop' : 'Order'),
      quantity: order.quantity,
      price,
      ...(waits
        ? {
            triggerPrice,
            triggerWhen: triggerPrice > account.mark(symbol) ? ('above' as const) : ('below' as const),
          }
        : {}),
      reduceOnly: order.reduceOnly ?? false,
      closePosition: order.closePosition ?? false,
      positionSide: order.positionSide ?? (!spot && state.hedgeMode ? opening : 'BOTH'),
      ...(order.clientId === undefined ? {} : { clientId: order.clientId }),
      ...(order.listId === undefined ? {} : { listId: order.listId }),
    });
  };

  return {
    place,
    setPosition: (position: EnginePosition) => {
      know('swap', position.symbol, position.entryPrice ?? 1);
      account.setPosition(position);
    },
    /** Called after every request that the venue carried out or refused. */
    react: (_: Call, cancels: boolean) => {
      for (const run of runs) {
        if (run.placed >= (run.options.count ?? Infinity) || !(run.options.everyRequest || cancels)) continue;
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
