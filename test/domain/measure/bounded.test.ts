/** A flood of orders costs no more memory than a day of a busy desk, and a trip in it is found at once. */

import { describe, expect, it } from 'vitest';
import { createRejectWindow } from '../../../src/domain/measure/rejects.ts';
import type { OrderSample } from '../../../src/domain/measure/samples.ts';

const T0 = Date.parse('2026-11-22T12:00:00Z');
const order = (n: number, at: number, bad = false): OrderSample => ({
  type: 'order',
  at,
  venue: 'v',
  symbol: 's',
  orderId: `o${n}`,
  status: bad ? 'rejected' : 'accepted',
  ...(bad ? { reason: `${'x'.repeat(900)}${n}` } : {}),
});

describe('a flood of orders', () => {
  it('is counted exactly, and what is kept of it is bounded', () => {
    const window = createRejectWindow();
    const flood = 700_000;
    for (let n = 0; n < flood; n += 1) window.take(order(n, T0 + Math.floor(n / 100), n % 20 === 0));
    const end = T0 + flood / 100;
    expect(window.at(end)).toEqual({ orders: flood, rejected: flood / 20 });
    const snapshot = window.snapshot();
    expect(snapshot.orders.ids).toHaveLength(20_000);
    expect(snapshot.evidence.ids).toHaveLength(10_000);
    expect(Math.max(...snapshot.evidence.reasons.map(({ length }) => length))).toBe(200);
    // The newest quarter of a million are told from their duplicates.
    for (let n = flood - 250_000; n < flood; n += 1_000) window.take(order(n, end));
    expect(window.at(end)).toEqual({ orders: flood, rejected: flood / 20 });
    expect(window.look(end, 4, 10)).toMatchObject({ orders: expect.any(Number), ids: expect.any(Array) });
  });

  it('keeps duplicates apart over a quarter of an hour, however often it looks', () => {
    const window = createRejectWindow();
    for (let second = 0; second < 600; second += 1) {
      window.take(order(second, T0 + second * 1_000));
      window.look(T0 + second * 1_000, 10, 10);
    }
    for (let second = 0; second < 600; second += 1) window.take(order(second, T0 + 600_000));
    expect(window.at(T0 + 600_000).orders).toBe(299);
  });

  it('is evicted: of an hour of orders a quarter is kept', () => {
    const window = createRejectWindow();
    for (let second = 0; second < 3_600; second += 1) {
      window.take(order(second, T0 + second * 1_000));
      if (second % 10 === 0) window.look(T0 + second * 1_000, 10, 10);
    }
    expect(window.snapshot().cells.length).toBeLessThan(920);
  });
});
