import type { PositionSide, Side, VenueOrder, VenuePosition, Wallet } from '../venue/state.ts';
import { tidy, VenueRefusal } from '../venue/state.ts';
import { contract, unlistedMarket } from './markets.ts';
import type { Desk, OrderExtras } from './wire.ts';
import { marketOf, unitOf } from './wire.ts';

/** The kinds of OKX's algo orders, each with a list of its own. */
export const ALGO_TYPES = [
  'conditional',
  'oco',
  'trigger',
  'move_order_stop',
  'chase',
  'iceberg',
  'twap',
  'smart_iceberg',
] as const;
export type AlgoType = (typeof ALGO_TYPES)[number];

/** An order of the engine, as a test or the console writes it, in OKX's units. */
export interface OkxOrder {
  /** Such as `BTC-USDT` or `BTC-USDT-SWAP`. One that is in no list of markets is traded all the same. */
  instId: string;
  side: Side;
  /** In contracts, on spot in base. */
  sz: number;
  /** Absent: at the market. */
  px?: number;
  /** On a spot market: bought or sold on cross margin. */
  margin?: boolean;
  /** Puts it into that list of algo orders. `conditional`, `oco` and `trigger` need a trigger price, the last three a px. */
  algo?: AlgoType;
  /** Of the stop, or of a `trigger` order. */
  triggerPx?: number;
  /** Of an `oco`. Shown; only the stop is watched here. */
  tpTriggerPx?: number;
  /** Share, for `move_order_stop`. */
  callbackRatio?: number;
  reduceOnly?: boolean;
  /** Closes the whole position; then `sz` is 0. */
  closeFraction?: '1';
  /** In long/short mode; default the side that opens. */
  posSide?: 'long' | 'short';
  clOrdId?: string;
  /** OKX's word for a regular order; default limit, or market without a price. */
  ordType?: string;
  tdMode?: OrderExtras['tdMode'];
}

/** A position in contracts: below 0 is short, in long/short mode `posSide` says it. */
export interface OkxPosition {
  instId: string;
  contracts: number;
  posSide?: 'long' | 'short';
  entryPx?: number;
  leverage?: number;
  isolated?: boolean;
}

/** An engine that does not stop. */
export interface KeepsTrading {
  /** How many orders in all; default without end. */
  count?: number;
  /** Places one at every request that arrives; by default only after each cancel. */
  everyRequest?: boolean;
  /** Default: a far limit buy of 0.1 contracts of BTC-USDT-SWAP. */
  order?: OkxOrder;
}

export const sideOf = (posSide: string | undefined): PositionSide | undefined =>
  posSide === 'long' ? 'LONG' : posSide === 'short' ? 'SHORT' : undefined;

/** The trading engine of the account, which does what a test tells it and, if told, does not stop. */
export function createEngine(desk: Desk) {
  const { account, book } = desk;
  const { state } = account;
  const runs: { options: KeepsTrading; placed: number }[] = [];

  /** Makes an instrument known that is in no list, with a price at which this order rests. */
  const know = (instId: string, price: number, ctVal?: string) => {
    if (!book.has(instId)) {
      const market = ctVal === undefined ? unlistedMarket(instId) : contract(instId, ctVal, '1', false);
      book.set(instId, market);
      account.addMarket(market);
    }
    if (!state.marks.has(instId)) state.marks.set(instId, price);
  };

  const place = (order: OkxOrder): VenueOrder => {
    const { instId, side, px = 0, triggerPx = 0, algo } = order;
    know(instId, (px || triggerPx || 1) * (side === 'buy' ? 1.05 : 0.95));
    const market = marketOf(desk, instId);
    const wallet: Wallet = market.kind === 'swap' ? 'swap' : order.margin === true ? 'margin' : 'spot';
    const opening: PositionSide = side === 'buy' ? 'LONG' : 'SHORT';
    const hedged = wallet === 'swap' && state.hedgeMode;
    const placed = account.place({
      wallet,
      list: algo === undefined ? 'regular' : 'conditional',
      symbol: instId,
      side,
      type: algo ?? order.ordType ?? (px > 0 ? 'limit' : 'market'),
      quantity: tidy(order.sz * unitOf(market)),
      price: px,
      ...(triggerPx > 0
        ? { triggerPrice: triggerPx, triggerWhen: triggerPx > account.mark(instId) ? 'above' : 'below' }
        : {}),
      ...(algo === 'move_order_stop' ? { callbackRate: order.callbackRatio ?? 0.05 } : {}),
      // In long/short mode OKX ignores the flag: the side of the position says it.
      reduceOnly: wallet === 'swap' && !hedged && order.reduceOnly === true,
      closePosition: order.closeFraction === '1',
      positionSide: hedged ? (sideOf(order.posSide) ?? opening) : 'BOTH',
      timeInForce: order.ordType === 'ioc' || order.ordType === 'fok' ? order.ordType.toUpperCase() : 'GTC',
      postOnly: order.ordType === 'post_only',
      ...(order.clOrdId === undefined ? {} : { clientId: order.clOrdId }),
    });
    desk.extras.set(placed.id, {
      tdMode: order.tdMode ?? (wallet === 'spot' ? 'cash' : 'cross'),
      ...(order.tpTriggerPx === undefined ? {} : { takeProfit: order.tpTriggerPx }),
      ...(order.closeFraction === undefined ? {} : { closeFraction: order.closeFraction }),
    });
    return placed;
  };

  const farBuy: OkxOrder = { instId: 'BTC-USDT-SWAP', side: 'buy', sz: 0.1, px: 50_000 };

  return {
    place,
    know,
    setPosition: (wanted: OkxPosition) => {
      know(wanted.instId, wanted.entryPx ?? 1);
      const unit = unitOf(marketOf(desk, wanted.instId));
      const side = state.hedgeMode ? (sideOf(wanted.posSide) ?? 'LONG') : 'BOTH';
      const amount = tidy(wanted.contracts * unit);
      const position: Partial<VenuePosition> = {
        ...(wanted.entryPx === undefined ? {} : { entryPrice: wanted.entryPx }),
        ...(wanted.leverage === undefined ? {} : { leverage: wanted.leverage }),
        ...(wanted.isolated === undefined ? {} : { isolated: wanted.isolated }),
      };
      account.setPosition({
        ...position,
        symbol: wanted.instId,
        side,
        amount: side === 'SHORT' ? -Math.abs(amount) : amount,
      });
    },
    /** Called after every request that the venue carried out or refused. */
    react: (cancels: boolean) => {
      for (const run of runs) {
        if (run.placed >= (run.options.count ?? Infinity) || !(run.options.everyRequest || cancels)) continue;
        run.placed += 1;
        try {
          place(run.options.order ?? farBuy);
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

export type Engine = ReturnType<typeof createEngine>;
