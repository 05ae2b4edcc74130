/** The usual samples, checked by hand: half the time and a fraction of the garbage of a schema. */

import type { OrderSample, PnlSample, Sample } from '../domain/measure/samples.ts';

/** Limits of sample.ts, which has the schemas. A test holds the two together. */
const isTime = (value: unknown): value is number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value > 0;
const isName = (value: unknown): value is string =>
  typeof value === 'string' && value.length > 0 && value.length <= 200;
const isNumber = (value: unknown): value is number =>
  typeof value === 'number' && value >= -1e15 && value <= 1e15;
const isSize = (value: unknown): value is number => isNumber(value) && value >= 0;
const isLatency = (value: unknown): value is number => isSize(value) && value <= 3_600_000;
const isStatus = (value: unknown): value is OrderSample['status'] =>
  value === 'accepted' || value === 'rejected' || value === 'filled' || value === 'canceled';

/**
 * The sample that the schema would give, or null where this does not know: the schema decides then, and says what is wrong.
 */
export function quickSample(item: Record<string, unknown>): Sample | null {
  const { type, at } = item;
  if (!isTime(at)) return null;
  switch (type) {
    case 'order':
      return quickOrder(item, at);
    case 'signal': {
      const { latencyMs } = item;
      return isLatency(latencyMs) ? { type, at, latencyMs } : null;
    }
    case 'position': {
      const { venue, symbol, notional } = item;
      if (!isName(venue) || !isName(symbol) || !isNumber(notional)) return null;
      return { type, at, venue, symbol, notional };
    }
    case 'pnl': {
      const { dayPnl, currency, equity } = item;
      if (!isNumber(dayPnl) || !isName(currency)) return null;
      const sample: PnlSample = { type, at, dayPnl, currency };
      if (equity === undefined) return sample;
      if (!isNumber(equity)) return null;
      sample.equity = equity;
      return sample;
    }
    default:
      return null;
  }
}

function quickOrder(item: Record<string, unknown>, at: number): OrderSample | null {
  const { venue, symbol, orderId, status, latencyMs, reason, strategy, qty, filledQty, slippageBps } = item;
  if (!isName(venue) || !isName(symbol) || !isName(orderId) || !isStatus(status)) return null;
  const sample: OrderSample = { type: 'order', at, venue, symbol, orderId, status };
  if (latencyMs !== undefined) {
    if (!isLatency(latencyMs)) return null;
    sample.latencyMs = latencyMs;
  }
  if (reason !== undefined) {
    if (typeof reason !== 'string' || reason.length > 1_000) return null;
    sample.reason = reason;
  }
  if (strategy !== undefined) {
    if (!isName(strategy)) return null;
    sample.strategy = strategy;
  }
  if (qty !== undefined) {
    if (!isSize(qty)) return null;
    sample.qty = qty;
  }
  if (filledQty !== undefined) {
    if (!isSize(filledQty)) return null;
    sample.filledQty = filledQty;
  }
  if (slippageBps !== undefined) {
    if (!isNumber(slippageBps)) return null;
    sample.slippageBps = slippageBps;
  }
  return sample;
}
