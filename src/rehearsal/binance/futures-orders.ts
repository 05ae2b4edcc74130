import type { VenueOrder } from '../venue/state.ts';
import { isOpen } from '../venue/state.ts';
import { digitsOf } from './markets.ts';
import type { Desk } from './wire.ts';
import { fixed, statusWord, wireId } from './wire.ts';

/** @returns a regular USD-M order, as every endpoint but the algo ones shows it. */
export function orderRow(desk: Desk, order: VenueOrder): Record<string, unknown> {
  const market = desk.account.market('swap', order.symbol);
  const prices = digitsOf(market.tickSize);
  const amounts = digitsOf(market.stepSize);
  return {
    orderId: wireId(order.id),
    symbol: order.symbol,
    status: statusWord(order),
    clientOrderId: order.clientId,
    price: fixed(order.price, prices),
    avgPrice: fixed(order.filled > 0 ? order.filledQuote / order.filled : 0, Math.max(2, prices)),
    origQty: fixed(order.quantity, amounts),
    executedQty: fixed(order.filled, amounts),
    cumQuote: fixed(order.filledQuote, 5),
    timeInForce: order.timeInForce,
    type: order.type,
    reduceOnly: order.reduceOnly,
    closePosition: order.closePosition,
    side: order.side.toUpperCase(),
    positionSide: order.positionSide,
    stopPrice: '0',
    workingType: 'CONTRACT_PRICE',
    priceProtect: false,
    origType: order.type,
    priceMatch: 'NONE',
    selfTradePreventionMode: 'NONE',
    goodTillDate: 0,
    time: order.createdAt,
    updateTime: order.updatedAt,
  };
}

/** @returns a conditional USD-M order, as the algo endpoints show it. */
export function algoRow(desk: Desk, order: VenueOrder): Record<string, unknown> {
  const market = desk.account.market('swap', order.symbol);
  const prices = digitsOf(market.tickSize);
  return {
    algoId: wireId(order.id),
    clientAlgoId: order.clientId,
    algoType: 'CONDITIONAL',
    orderType: order.type,
    symbol: order.symbol,
    side: order.side.toUpperCase(),
    positionSide: order.positionSide,
    timeInForce: order.timeInForce,
    quantity: fixed(order.quantity, digitsOf(market.stepSize)),
    algoStatus: isOpen(order) ? 'NEW' : statusWord(order),
    actualOrderId: order.becameId ?? '',
    triggerPrice: fixed(order.triggerPrice, prices),
    price: fixed(order.price, prices),
    icebergQuantity: null,
    selfTradePreventionMode: 'EXPIRE_MAKER',
    workingType: 'CONTRACT_PRICE',
    priceMatch: 'NONE',
    closePosition: order.closePosition,
    priceProtect: false,
    reduceOnly: order.reduceOnly || order.closePosition,
    callbackRate: order.callbackRate === undefined ? null : String(order.callbackRate),
    createTime: order.createdAt,
    updateTime: order.updatedAt,
    triggerTime: order.triggeredAt,
    goodTillDate: 0,
  };
}
