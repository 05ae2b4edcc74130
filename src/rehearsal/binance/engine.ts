import type { Call } from '../venue/server.ts';
import type { PositionSide, Side, VenueOrder, VenuePosition, Wallet } from '../venue/state.ts';
import { tidy, VenueRefusal } from '../venue/state.ts';
import type { VenueAccount } from '../venue.ts';
import { unlistedMarket } from './markets.ts';
import { triggerWhen } from './wire.ts';

/** An order of the engine, as a test or the console writes it. Quantities in base, prices in quote. */
export interface EngineOrder {
  /** Default `swap`. */
  wallet?: Wallet;
  /** Binance's id, such as `BTCUSDT`. A symbol that is not listed is traded all the same. */
  symbol: string;
  side: Side;
  quantity: number;
  /** Absent: at the market. */
  price?: number;
  /** Makes it conditional; on USD-M it then lives in the algo list. */
  triggerPrice?: number;
  /** Binance's word; by default LIMIT, MARKET, or the stop that fits the price and trigger. */
  type?: string;
  reduceOnly?: boolean;
  closePosition?: boolean;
  /** Default `BOTH`, in hedge mode the side that opens. */
  positionSide?: PositionSide;
  timeInForce?: string;
  clientId?: string;
  /** Spot: the id of the list (OCO) that it is a leg of, decimal digits. */
  listId?: string;
}

export type EnginePosition = Pick<VenuePosition, 'symbol' | 'amount'> & Partial<VenuePosition>;

/** An engine that does not stop. */
export interface KeepsTrading {
  /** How many orders in all; default without end. */
  count?: number;
  /** Places one at every request that arrives; by default only after each cancel. */
  everyRequest?: boolean;
  /** Default: a far limit buy on the symbol and wallet that the request named. */
  order?: EngineOrder;
}

/** The trading engine of the account, which does what a test tells it and, if told, does not stop. */
export function createEngine(account: VenueAccount) {
  const { state } = account;
  const runs: { options: KeepsTrading; placed: number }[] = [];

  const know = (wallet: Wallet, symbol: string, price: number) => {
    if (!account.knows(wallet, symbol))
      account.addMarket(unlistedMarket(symbol, wallet === 'swap' ? 'swap' : 'spot'));
    if (!state.marks.has(symbol)) state.marks.set(symbol, price);
  };

  const place = (order: EngineOrder): VenueOrder => {
    const { wallet = 'swap', symbol, side, price = 0, triggerPrice = 0 } = order;
    // A symbol that never had a price gets one at which this order rests.
    know(wallet, symbol, (price || triggerPrice || 1) * (side === 'buy' ? 1.05 : 0.95));
    const type = order.type ?? typeOf(wallet, price, triggerPrice);
    const conditional = triggerPrice > 0;
    const opening: PositionSide = side === 'buy' ? 'LONG' : 'SHORT';
    return account.place({
      wallet,
      list: conditional && wallet === 'swap' ? 'conditional' : 'regular',
      symbol,
      side,
      type,
      quantity: order.quantity,
      price,
      ...(conditional ? { triggerPrice, triggerWhen: triggerWhen(type, side) } : {}),
      reduceOnly: order.reduceOnly ?? false,
      closePosition: order.closePosition ?? false,
      positionSide: order.positionSide ?? (wallet === 'swap' && state.hedgeMode ? opening : 'BOTH'),
      timeInForce: order.timeInForce ?? 'GTC',
      ...(order.clientId === undefined ? {} : { clientId: order.clientId }),
      ...(order.listId === undefined ? {} : { listId: order.listId }),
    });
  };

  /** A limit buy at 90 % of the mark, of twice the least notional. */
  const farBuy = (wallet: Wallet, symbol: string): EngineOrder => {
    const { tickSize, stepSize, minNotional } = account.market(wallet, symbol);
    const price = tidy(Math.floor((account.mark(symbol) * 0.9) / Number(tickSize)) * Number(tickSize));
    const steps = Math.ceil((2 * Math.max(5, Number(minNotional))) / price / Number(stepSize));
    return { wallet, symbol, side: 'buy', price, quantity: tidy(steps * Number(stepSize)) };
  };

  return {
    place,
    setPosition: (position: EnginePosition) => {
      know('swap', position.symbol, position.entryPrice ?? 1);
      account.setPosition(position);
    },
    /** Called after every request that the venue carried out or refused. */
    react: (call: Call, cancels: boolean) => {
      for (const run of runs) {
        if (run.placed >= (run.options.count ?? Infinity) || !(run.options.everyRequest || cancels)) continue;
        const swap = !call.path.startsWith('/api/') && !call.path.startsWith('/sapi/');
        const wallet: Wallet = swap ? 'swap' : call.path.startsWith('/sapi/') ? 'margin' : 'spot';
        const named = call.params['symbol'];
        const symbol = named !== undefined && account.knows(wallet, named) ? named : 'BTCUSDT';
        run.placed += 1;
        try {
          place(run.options.order ?? farBuy(wallet, symbol));
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

function typeOf(wallet: Wallet, price: number, triggerPrice: number): string {
  if (triggerPrice === 0) return price > 0 ? 'LIMIT' : 'MARKET';
  if (wallet === 'swap') return price > 0 ? 'STOP' : 'STOP_MARKET';
  return price > 0 ? 'STOP_LOSS_LIMIT' : 'STOP_LOSS';
}
