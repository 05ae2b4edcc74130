import type {
  PositionSide,
  Side,
  VenueMarket,
  VenueOrder,
  VenuePosition,
  VenueState,
  Wallet,
} from './state.ts';
import { isOpen, positionKey, tidy } from './state.ts';

/** What the movement of money needs beside the state. */
export interface LedgerContext {
  readonly state: VenueState;
  readonly now: () => number;
  readonly nextNumber: () => number;
  readonly market: (wallet: Wallet, symbol: string) => VenueMarket;
  /** Taker and maker fee as a share of the notional. */
  readonly fees: Record<Wallet, { taker: number; maker: number }>;
}

type Exposure = Pick<VenueOrder, 'symbol' | 'side' | 'positionSide'>;

/** @returns the position, created flat with 20x leverage (Binance's default) when it does not exist yet. */
export function positionOf(state: VenueState, symbol: string, side: PositionSide): VenuePosition {
  const key = positionKey(symbol, side);
  const known = state.positions.get(key);
  if (known) return known;
  const fresh: VenuePosition = {
    symbol,
    side,
    amount: 0,
    entryPrice: 0,
    leverage: 20,
    isolated: false,
    updatedAt: 0,
  };
  state.positions.set(key, fresh);
  return fresh;
}

/** @returns how much of the position an order of this side could close, in base, never below 0. */
export function reducible(state: VenueState, order: Exposure): number {
  const amount = state.positions.get(positionKey(order.symbol, order.positionSide))?.amount ?? 0;
  return Math.max(0, order.side === 'sell' ? amount : -amount);
}

/** @returns true when the order may only close: by its flag, or, in hedge mode, by its side. */
export function onlyReduces(order: Exposure & Pick<VenueOrder, 'reduceOnly' | 'closePosition'>): boolean {
  return (
    order.reduceOnly ||
    order.closePosition ||
    (order.positionSide === 'LONG' && order.side === 'sell') ||
    (order.positionSide === 'SHORT' && order.side === 'buy')
  );
}

/** @returns what open orders hold of an asset in a spot or margin wallet. The legs of one list hold it once. */
export function locked(context: LedgerContext, wallet: 'spot' | 'margin', asset: string): number {
  let sum = 0;
  const byList = new Map<string, number>();
  for (const order of context.state.orders.values()) {
    if (order.wallet !== wallet || !isOpen(order)) continue;
    const market = context.market(wallet, order.symbol);
    const rest = order.quantity - order.filled;
    let held = 0;
    if (order.side === 'sell' && market.base === asset) held = rest;
    if (order.side === 'buy' && market.quote === asset) held = rest * (order.price || order.triggerPrice);
    if (order.listId === undefined) sum += held;
    else byList.set(order.listId, Math.max(byList.get(order.listId) ?? 0, held));
  }
  for (const held of byList.values()) sum += held;
  return tidy(sum);
}

/** @returns free plus locked of an asset in a spot or margin wallet. */
export function total(state: VenueState, wallet: 'spot' | 'margin', asset: string): number {
  return (wallet === 'spot' ? state.spot.get(asset) : state.margin.get(asset)?.total) ?? 0;
}

/** @returns unrealised profit of a position at the mark, in quote. */
export function unrealized(state: VenueState, position: VenuePosition): number {
  const mark = state.marks.get(position.symbol) ?? position.entryPrice;
  return tidy(position.amount * (mark - position.entryPrice));
}

/** The figures of a swap wallet for one settlement asset, all in that asset. */
export interface SwapMoney {
  wallet: number;
  unrealized: number;
  positionMargin: number;
  orderMargin: number;
  available: number;
}

/** @returns the money of the swap wallet: cross margin, position and open-order margin at each position's leverage. */
export function swapMoney(context: LedgerContext, asset: string): SwapMoney {
  const { state } = context;
  const wallet = state.swap.get(asset) ?? 0;
  let profit = 0;
  let positionMargin = 0;
  for (const position of state.positions.values()) {
    if (position.amount === 0 || context.market('swap', position.symbol).quote !== asset) continue;
    profit += unrealized(state, position);
    const mark = state.marks.get(position.symbol) ?? position.entryPrice;
    positionMargin += Math.abs(position.amount * mark) / position.leverage;
  }
  let orderMargin = 0;
  for (const order of state.orders.values()) {
    // Conditional orders hold no margin before they trigger.
    if (order.wallet !== 'swap' || order.list !== 'regular' || !isOpen(order) || onlyReduces(order)) continue;
    if (context.market('swap', order.symbol).quote !== asset) continue;
    orderMargin += ((order.quantity - order.filled) * order.price) / leverageOf(state, order);
  }
  return {
    wallet: tidy(wallet),
    unrealized: tidy(profit),
    positionMargin: tidy(positionMargin),
    orderMargin: tidy(orderMargin),
    available: tidy(Math.max(0, wallet + profit - positionMargin - orderMargin)),
  };
}

/** @returns the leverage of the side that the order would trade, 20 where none was set. */
export function leverageOf(state: VenueState, order: Pick<VenueOrder, 'symbol' | 'positionSide'>): number {
  return state.positions.get(positionKey(order.symbol, order.positionSide))?.leverage ?? 20;
}

/**
 * Executes part of an order: the trade, the money and the position. A reducing order is cut to what there is to
 * close, so that it never opens or flips.
 *
 * @returns the quantity that really traded, 0 when there was nothing to reduce.
 */
export function execute(
  context: LedgerContext,
  order: VenueOrder,
  quantity: number,
  price: number,
  maker: boolean,
): number {
  const { state } = context;
  const market = context.market(order.wallet, order.symbol);
  const size = tidy(
    order.wallet === 'swap' && onlyReduces(order) ? Math.min(quantity, reducible(state, order)) : quantity,
  );
  if (size <= 0) return 0;
  const rate = context.fees[order.wallet][maker ? 'maker' : 'taker'];
  const at = context.now();
  let realized = 0;
  let fee = tidy(size * price * rate);
  let feeAsset = market.quote;
  if (order.wallet === 'swap') {
    realized = movePosition(state, order, size, price, at);
    add(state.swap, market.quote, realized - fee);
    if (realized !== 0) note(context, 'REALIZED_PNL', order.symbol, market.quote, realized);
    note(context, 'COMMISSION', order.symbol, market.quote, -fee);
  } else if (order.side === 'buy') {
    // Spot fees are taken from what is received.
    fee = tidy(size * rate);
    feeAsset = market.base;
    credit(state, order.wallet, market.base, size - fee);
    credit(state, order.wallet, market.quote, -size * price);
  } else {
    credit(state, order.wallet, market.base, -size);
    credit(state, order.wallet, market.quote, size * price - fee);
  }
  state.trades.push({
    id: context.nextNumber(),
    orderId: order.id,
    wallet: order.wallet,
    symbol: order.symbol,
    side: order.side,
    positionSide: order.positionSide,
    price,
    quantity: size,
    fee,
    feeAsset,
    realized,
    maker,
    at,
  });
  order.filled = tidy(order.filled + size);
  order.filledQuote = tidy(order.filledQuote + size * price);
  order.updatedAt = at;
  order.status = order.filled >= order.quantity ? 'filled' : 'partial';
  return size;
}

/** Adds a line to the income history. */
export function note(
  context: LedgerContext,
  type: string,
  symbol: string,
  asset: string,
  amount: number,
): void {
  context.state.income.push({
    type,
    symbol,
    asset,
    amount: tidy(amount),
    at: context.now(),
    id: context.nextNumber(),
  });
}

function movePosition(state: VenueState, order: Exposure, size: number, price: number, at: number): number {
  const position = positionOf(state, order.symbol, order.positionSide);
  const delta = signed(order.side, size);
  const before = position.amount;
  const closes =
    before !== 0 && Math.sign(before) !== Math.sign(delta) ? Math.min(Math.abs(before), size) : 0;
  const opens = tidy(size - closes);
  const realized = tidy(closes * (price - position.entryPrice) * Math.sign(before));
  position.amount = tidy(before + delta);
  if (position.amount === 0) position.entryPrice = 0;
  else if (opens > 0) {
    const kept = closes > 0 ? 0 : Math.abs(before);
    position.entryPrice = tidy((kept * position.entryPrice + opens * price) / (kept + opens));
  }
  position.updatedAt = at;
  return realized;
}

function signed(side: Side, size: number): number {
  return side === 'buy' ? size : -size;
}

function add(map: Map<string, number>, key: string, amount: number): void {
  map.set(key, tidy((map.get(key) ?? 0) + amount));
}

function credit(state: VenueState, wallet: 'spot' | 'margin', asset: string, amount: number): void {
  if (wallet === 'spot') return add(state.spot, asset, amount);
  const held = state.margin.get(asset) ?? { total: 0, borrowed: 0, interest: 0 };
  held.total = tidy(held.total + amount);
  state.margin.set(asset, held);
}
