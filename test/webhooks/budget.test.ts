/** A sender that floods is refused and heard again, and the others notice nothing. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { costOf, createBudget, SENDER_BURST, SENDER_PER_SECOND } from '../../src/webhooks/budget.ts';

function start() {
  const clock = { at: 1_000 };
  return { clock, budget: createBudget(() => clock.at) };
}

describe('the budget of a sender', () => {
  it('takes a burst, refuses in words of seconds, and takes again when that time is over', () => {
    const { clock, budget } = start();
    expect(budget.admit('a', SENDER_BURST + 500)).toMatchObject({ admitted: true });
    expect(budget.admit('a', 1)).toEqual({ admitted: false, retryAfterSec: 1, first: true });
    expect(budget.admit('a', 1)).toEqual({ admitted: false, retryAfterSec: 1, first: false });
    clock.at += 1_000;
    expect(budget.admit('a', 1)).toMatchObject({ admitted: true });
  });

  it('is each its own', () => {
    const { budget } = start();
    for (let n = 0; n < 10; n += 1) budget.admit('a', SENDER_BURST);
    expect(budget.admit('a', 1)).toMatchObject({ admitted: false });
    expect(budget.admit('b', SENDER_BURST)).toMatchObject({ admitted: true });
  });

  it('says once that a flood began, and once that it is over, after a minute of quiet', () => {
    const { clock, budget } = start();
    budget.admit('a', 2 * SENDER_BURST);
    expect(budget.admit('a', 1)).toMatchObject({ first: true });
    clock.at += 30_000;
    expect(budget.admit('a', SENDER_BURST * 2)).toEqual({ admitted: true, floodOver: false });
    expect(budget.admit('a', 1)).toMatchObject({ admitted: false, first: false });
    clock.at += 59_999;
    expect(budget.admit('a', 1)).toEqual({ admitted: true, floodOver: false });
    clock.at += 1;
    expect(budget.admit('a', 1)).toEqual({ admitted: true, floodOver: true });
    expect(budget.admit('a', 1)).toEqual({ admitted: true, floodOver: false });
  });

  it('gives back what was asked for and not used', () => {
    const { budget } = start();
    budget.admit('a', 10 * SENDER_BURST);
    budget.charge('a', 50 - 10 * SENDER_BURST);
    expect(budget.admit('a', 1)).toMatchObject({ admitted: true });
  });

  it('lets nobody send more than the rate and a burst, however it is asked', () => {
    const cost = fc.integer({ min: 1, max: 30_000 });
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: 0, max: 2_000 }), cost), { maxLength: 200 }),
        (asks) => {
          const { clock, budget } = start();
          let spent = 0;
          let last = 0;
          for (const [wait, ask] of asks) {
            clock.at += wait;
            if (!budget.admit('a', ask).admitted) continue;
            spent += ask;
            last = ask;
          }
          // The last one may have put it into debt.
          const allowed = SENDER_BURST + ((clock.at - 1_000) / 1_000) * SENDER_PER_SECOND;
          expect(spent - last).toBeLessThanOrEqual(allowed);
        },
      ),
    );
  });

  it('counts samples, or bytes where they are more, and every request', () => {
    expect(costOf(0, 0)).toBe(10);
    expect(costOf(100_000, 500)).toBe(510);
    expect(costOf(4 * 1024 * 1024, 1)).toBe(10 + 10_486);
    expect(costOf(1e12, 0)).toBe(10 + 10_486);
  });

  it('tells 32 addresses of a token apart', () => {
    const { budget } = start();
    const names = Array.from({ length: 100 }, (_, n) => budget.senderOf(0, `10.0.0.${n}`));
    expect(new Set(names).size).toBe(33);
    expect(names[0]).toBe('token 1 from 10.0.0.0');
    expect(budget.senderOf(0, '10.0.0.7')).toBe('token 1 from 10.0.0.7');
    expect(budget.senderOf(0, '10.0.0.77')).toBe('token 1 from other addresses');
    expect(budget.senderOf(1, '10.0.0.77')).toBe('token 2 from 10.0.0.77');
  });
});
