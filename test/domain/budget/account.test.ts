/** The accounts by the minute, against an oracle that keeps every second. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createAccount, type Overlay, type SecondState } from '../../../src/domain/budget/account.ts';
import { budgetSec, minuteOf, monthBefore, monthIdOf, monthSpan } from '../../../src/domain/budget/month.ts';

const at = (iso: string): number => Date.parse(iso) / 1_000;

describe('months', () => {
  it.each([
    ['2026-11', 30, 99.5, 12_960],
    ['2026-12', 31, 99.5, 13_392],
    ['2026-02', 28, 99.5, 12_096],
    ['2028-02', 29, 99.5, 12_528],
    ['2026-11', 30, 99.9, 2_592],
    ['2028-02', 29, 99.9, 2_505.6],
  ])('%s has %i days: at %f %% its budget is %f s', (month, days, targetPct, seconds) => {
    const { from, to } = monthSpan(month);
    expect((to - from) / 1_440).toBe(days);
    expect(budgetSec(month, targetPct)).toBe(seconds);
  });

  it('begin and end at 00:00 UTC, over the end of a year as well', () => {
    expect(monthIdOf(minuteOf(Date.parse('2026-12-31T23:59:59.999Z')))).toBe('2026-12');
    expect(monthIdOf(minuteOf(Date.parse('2027-01-01T00:00:00Z')))).toBe('2027-01');
    expect(monthBefore('2027-01')).toBe('2026-12');
    expect(monthBefore('2028-03')).toBe('2028-02');
  });
});

describe('an account', () => {
  const START = at('2026-11-30T23:50:00Z');

  it('takes each second once, whatever is said again', () => {
    const account = createAccount();
    account.take(START, START + 90, 'good');
    account.take(START + 30, START + 120, 'bad');
    account.take(START, START + 120, 'bad');
    expect(account.spent(START / 60, START / 60 + 2)).toEqual({ good: 90, bad: 30, off: 0, unmeasured: 0 });
    const partly = createAccount();
    partly.take(START, START + 20, 'good');
    partly.take(START, START + 20, 'bad');
    partly.take(START + 10, START + 30, 'bad');
    expect(partly.spent(START / 60, START / 60 + 1)).toMatchObject({ good: 20, bad: 10 });
  });

  it('counts a gap from its beginning, over the end of a month, and the overlap of two once', () => {
    const account = createAccount();
    account.take(START, START + 540, 'good');
    account.badSince(START + 500, 0);
    account.take(START + 540, START + 700, 'bad');
    account.badSince(START + 400, 0);
    const november = monthSpan('2026-11').to;
    expect(account.spent(START / 60, november)).toEqual({ good: 500, bad: 100, off: 0, unmeasured: 0 });
    expect(account.spent(november, november + 2)).toEqual({ good: 0, bad: 100, off: 0, unmeasured: 20 });
  });

  it('turns what was watched, and leaves what nobody watched', () => {
    const account = createAccount();
    account.take(START, START + 60, 'good');
    account.take(START + 60, START + 600, 'unknown');
    account.badSince(START, START + 600);
    account.take(START + 600, START + 660, 'bad');
    expect(account.spent(START / 60, START / 60 + 11)).toEqual({
      good: 0,
      bad: 120,
      off: 0,
      unmeasured: 540,
    });
  });

  it('settles whole minutes later, but none that is not over', () => {
    const account = createAccount();
    account.take(START, START + 90, 'good');
    account.settle(START / 60, 'bad');
    account.settle(START / 60 + 1, 'bad');
    expect(account.spent(START / 60, START / 60 + 2)).toMatchObject({ bad: 60, good: 30 });
    const silent = createAccount();
    silent.take(START, START + 60, 'off');
    silent.take(START + 60, START + 120, 'unknown');
    silent.settle(START / 60, 'good');
    silent.take(START + 120, START + 121, 'good');
    silent.settle(START / 60 + 1, 'good');
    expect(silent.spent(START / 60, START / 60 + 2)).toMatchObject({ good: 60, off: 60, unmeasured: 0 });
  });

  it('forgets the month before the last, and no more', () => {
    const account = createAccount();
    const minute = monthSpan('2026-10').from;
    account.take(minute * 60, minute * 60 + 60, 'bad');
    account.take(START, START + 60, 'bad');
    expect(account.spent(minute, minute + 1).bad).toBe(60);
    const december = monthSpan('2026-12').from * 60;
    account.take(december, december + 1, 'bad');
    account.forget(december);
    expect(account.spent(minute, minute + 1).bad).toBe(0);
    expect(account.spent(START / 60, START / 60 + 1).bad).toBe(60);
  });

  const STATES: SecondState[] = ['good', 'good', 'good', 'bad', 'bad', 'off', 'unknown'];
  const steps = fc.array(
    fc.record({
      seconds: fc.integer({ min: 0, max: 200 }),
      state: fc.constantFrom(...STATES),
      since: fc.option(fc.integer({ min: -250, max: 0 })),
      restart: fc.boolean(),
    }),
    { maxLength: 30 },
  );
  const overlays = fc.array(
    fc.record({
      from: fc.integer({ min: -10, max: 40 }),
      length: fc.integer({ min: 0, max: 30 }),
      as: fc.constantFrom('excluded' as const, 'bad' as const, 'good' as const),
    }),
    { maxLength: 5 },
  );

  it('is equal to an oracle that keeps every second, over restarts and the end of a month', () => {
    fc.assert(
      fc.property(steps, overlays, (all, over) => {
        let account = createAccount();
        const seconds = new Map<number, SecondState>();
        let now = START;
        let badTo = 0;
        for (const { seconds: length, state, since, restart } of all) {
          if (state === 'bad' && since !== null) {
            const from = Math.max(START, now + since);
            account.badSince(from, 0);
            for (let one = Math.max(from, badTo); one < now; one += 1) seconds.set(one, 'bad');
            badTo = Math.max(badTo, now);
          }
          account.take(now, now + length, state);
          for (let one = now; one < now + length; one += 1) seconds.set(one, state);
          now += length;
          if (state === 'bad' && length > 0) badTo = now;
          if (restart) account = createAccount(JSON.parse(JSON.stringify(account.snapshot())));
        }
        const first = START / 60;
        const drawn: Overlay[] = over.map(({ from, length, as }) => ({
          from: first + from,
          to: first + from + length,
          as,
        }));
        const expected = { good: 0, bad: 0, off: 0, unmeasured: 0 };
        const last = first + 40;
        for (let minute = first; minute < last; minute += 1) {
          const as = drawn.findLast((one) => minute >= one.from && minute < one.to)?.as;
          for (let second = minute * 60; second < Math.min(now, minute * 60 + 60); second += 1) {
            const state = seconds.get(second) ?? 'unknown';
            if (as === 'excluded') expected.off += 1;
            else if (as === 'bad') expected.bad += 1;
            else if (as === 'good' && state === 'bad') expected.good += 1;
            else if (state === 'unknown') expected.unmeasured += 1;
            else expected[state] += 1;
          }
        }
        const spent = account.spent(first, last, drawn, now);
        const bad = account.badByMinute(first, last, drawn).reduce((sum, one) => sum + one, 0);
        expect(spent.bad).toBe(expected.bad);
        expect(spent.good + spent.off + spent.unmeasured).toBe(
          expected.good + expected.off + expected.unmeasured,
        );
        // Of which of its seconds a minute is bad is not kept: with one kind of the others that is no question.
        if (all.every(({ state }) => state === 'good' || state === 'bad')) expect(spent).toEqual(expected);
        if (now >= last * 60) expect(bad).toBe(expected.bad);
      }),
      { numRuns: 500 },
    );
  });
});
