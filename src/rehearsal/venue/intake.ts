import type { LedgerContext } from './ledger.ts';
import { leverageOf, locked, onlyReduces, reducible, swapMoney, total } from './ledger.ts';
import type { OrderList, PositionSide, Side, VenueMarket, VenueOrder, Wallet } from './state.ts';
import { tidy, VenueRefusal } from './state.ts';

/** An order as it arrives, in neutral words. Quantities in base, prices in quote. */
export interface NewOrder {
  wallet: Wallet;
  list: OrderList;
  symbol: string;
  side: Side;
  /** The venue's own word. */
  type: string;
  quantity: number;
  /** Absent or 0: at the market. */
  price?: number;
  triggerPrice?: number;
  triggerWhen?: 'above' | 'below';
  reduceOnly?: boolean;
  closePosition?: boolean;
  positionSide?: PositionSide;
  /** GTC (default), IOC, FOK. */
  timeInForce?: string;
  postOnly?: boolean;
  clientId?: string;
  listId?: string;
  callbackRate?: number;
}

/** @returns true when a limit order would trade at this mark. */
export function crosses(order: { side: Side; price: number }, mark: number): boolean {
  return order.side === 'buy' ? order.price >= mark : order.price <= mark;
}

/** @returns true when the mark has come to the trigger. */
export function reached(
  order: { triggerWhen?: 'above' | 'below'; triggerPrice: number },
  mark: number,
): boolean {
  return order.triggerWhen === 'above' ? mark >= order.triggerPrice : mark <= order.triggerPrice;
}

function isMultiple(value: number, step: string): boolean {
  const steps = value / Number(step);
  return Math.abs(steps - Math.round(steps)) < 1e-6;
}

/** The venue's checks before an order exists. @throws VenueRefusal */
export function check(
  ledger: LedgerContext,
  request: NewOrder,
  market: VenueMarket,
  mark: number,
  open: VenueOrder[],
): void {
  const { state } = ledger;
  const { wallet, symbol, side, quantity, price = 0, triggerPrice = 0 } = request;
  const refuse = (reason: VenueRefusal['reason'], detail: string): never => {
    throw new VenueRefusal(reason, `${symbol} ${detail}`);
  };
  const target = {
    symbol,
    side,
    positionSide: request.positionSide ?? 'BOTH',
    reduceOnly: request.reduceOnly ?? false,
    closePosition: request.closePosition ?? false,
  };
  if (wallet === 'swap' && (target.positionSide === 'BOTH') === state.hedgeMode)
    refuse('positionSideMismatch', target.positionSide);
  if (wallet === 'swap' && state.hedgeMode && target.reduceOnly) refuse('reduceOnlyNotAllowed', 'hedge mode');
  if (!target.closePosition) {
    if (!(quantity > 0) || !isMultiple(quantity, market.stepSize) || quantity < Number(market.minQty))
      refuse('badQuantity', String(quantity));
  }
  if (price < 0 || !isMultiple(price, market.tickSize)) refuse('badPrice', String(price));
  if (request.clientId !== undefined && open.some((order) => order.clientId === request.clientId))
    refuse('duplicateClientId', request.clientId);
  const conditional = triggerPrice > 0 || request.callbackRate !== undefined;
  if (triggerPrice > 0 && reached({ ...request, triggerPrice }, mark))
    refuse('wouldTrigger', String(triggerPrice));
  if (!conditional && price > 0 && request.postOnly && crosses({ side, price }, mark))
    refuse('wouldTake', String(price));
  if (wallet === 'swap' && onlyReduces(target)) {
    const room = reducible(state, target);
    // Hedge mode has no reduce-only flag to cut the order by, so too much is refused there.
    if (!conditional && (room === 0 || (state.hedgeMode && quantity > room)))
      refuse('reduceOnlyRejected', `${quantity} of ${room}`);
    return;
  }
  const notional = quantity * (price || triggerPrice || mark);
  if (notional < Number(market.minNotional)) refuse('minNotional', String(notional));
  if (wallet === 'swap') {
    if (conditional) return;
    const needed = notional / leverageOf(state, target);
    const { available } = swapMoney(ledger, market.quote);
    if (needed > available) refuse('insufficientMargin', `needs ${needed}, has ${available}`);
    return;
  }
  // The second leg of a list is covered by what the first one holds.
  if (request.listId !== undefined && open.some((order) => order.listId === request.listId)) return;
  const asset = side === 'buy' ? market.quote : market.base;
  const needed = side === 'buy' ? notional : quantity;
  const free = tidy(total(state, wallet, asset) - locked(ledger, wallet, asset));
  if (needed > free + 1e-9) refuse('insufficientBalance', `needs ${needed} ${asset}, has ${free}`);
}
