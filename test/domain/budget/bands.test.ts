/** Bands at their edges, burn rates, and what is not known. */

import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createAccount } from '../../../src/domain/budget/account.ts';
import {
  type BudgetReading,
  type BudgetStatus,
  bandOf,
  readBudget,
  worstOf,
} from '../../../src/domain/budget/bands.ts';
import { monthSpan } from '../../../src/domain/budget/month.ts';
import { parsePlaybook } from '../../../src/policy.ts';

const file = new URL('../../../templates/playbook.yml', import.meta.url);
const parsed = parsePlaybook(readFileSync(file, 'utf8'), 'playbook.yml');
if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
const playbook = parsed.value;
const slo = (id: string) => {
  const found = playbook.slos.find((one) => one.id === id);
  if (found === undefined) throw new Error(id);
  return found;
};
const { from } = monthSpan('2026-11');
const START = from * 60;

/** So many bad seconds from the month's start, then good ones up to `hours`. */
function spentUp(bad: number, hours: number) {
  const account = createAccount();
  account.take(START, START + 1, 'good');
  account.take(START + 1, START + 1 + bad, 'bad');
  account.take(START + 1 + bad, START + hours * 3_600, 'good');
  return account;
}
const read = (account: ReturnType<typeof createAccount>, hours: number, id = 'SLO-01') =>
  readBudget(account, slo(id), '2026-11', START + hours * 3_600, playbook, []);

describe('a band', () => {
  it.each<[number, string]>([
    [100, 'GREEN'],
    [50.000001, 'GREEN'],
    [50, 'YELLOW'],
    [25.000001, 'YELLOW'],
    [25, 'ORANGE'],
    [10.000001, 'ORANGE'],
    [10, 'ORANGE'],
    [9.999999, 'RED'],
    [0.000001, 'RED'],
    [0, 'CRITICAL'],
    [-0.000001, 'CRITICAL'],
    [-500, 'CRITICAL'],
  ])('of a share of %f left is %s', (left, status) => {
    expect(bandOf(left, playbook.budgets).status).toBe(status);
  });

  it.each<[seconds: number, left: number, status: BudgetStatus]>([
    [0, 100, 'GREEN'],
    [3_600, 72.2222222222, 'GREEN'],
    [6_479, 50.0077160494, 'GREEN'],
    [6_480, 50, 'YELLOW'],
    [9_719, 25.007716049, 'YELLOW'],
    [9_720, 25, 'ORANGE'],
    [11_664, 10, 'ORANGE'],
    [11_665, 9.9922839506, 'RED'],
    [12_959, 0.0077160494, 'RED'],
    [12_960, 0, 'CRITICAL'],
    [13_000, -0.3086419753, 'CRITICAL'],
  ])('after %i s of SLO-01 in a month of 30 days: %f left, %s', (bad, left, status) => {
    const reading = read(spentUp(bad, 24), 24);
    expect(reading).toMatchObject({ budgetSec: 12_960, consumedSec: bad, status, measuredPct: 100 });
    expect(reading.remainingPct).toBeCloseTo(left, 6);
  });

  it('of an hour of gap is 27.8 % of SLO-01', () => {
    expect(read(spentUp(3_600, 24), 24).consumedPct.toFixed(1)).toBe('27.8');
  });

  it('is as the edges say for any consumption (property)', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 14_000 }), (bad) => {
        const left = 12_960 - bad;
        const expected =
          left * 2 > 12_960
            ? 'GREEN'
            : left * 4 > 12_960
              ? 'YELLOW'
              : left * 10 >= 12_960
                ? 'ORANGE'
                : left > 0
                  ? 'RED'
                  : 'CRITICAL';
        expect(read(spentUp(bad, 24), 24).status).toBe(expected);
      }),
      { numRuns: 300 },
    );
  });
});

describe('what was not measured', () => {
  it('is UNKNOWN, never GREEN', () => {
    const account = createAccount();
    expect(read(account, 1)).toMatchObject({ status: 'UNKNOWN', measuredPct: 0, unmeasuredSec: 3_600 });
    account.take(START, START + 3_600, 'unknown');
    expect(read(account, 1)).toMatchObject({ status: 'UNKNOWN', measuredPct: 0 });
  });

  it.each([
    [6_479, 'GREEN'],
    [6_480, 'UNKNOWN'],
  ] as const)('of %i s could have left SLO-01 with that much less: %s', (missing, status) => {
    const account = createAccount();
    account.take(START, START + missing, 'unknown');
    account.take(START + missing, START + 86_400, 'good');
    const reading = read(account, 24);
    expect(reading).toMatchObject({ status, atBest: 'GREEN', unmeasuredSec: missing });
    expect(reading.measuredPct).toBeCloseTo(((86_400 - missing) * 100) / 86_400, 9);
  });

  it('hides no band that is known', () => {
    const account = spentUp(6_480, 3);
    account.take(START + 3 * 3_600, START + 24 * 3_600, 'unknown');
    expect(read(account, 24)).toMatchObject({ status: 'YELLOW', unmeasuredSec: 21 * 3_600 });
  });

  it('does not count while the market was closed, or somebody said that it does not', () => {
    const account = createAccount();
    account.take(START, START + 43_200, 'off');
    account.take(START + 43_200, START + 86_400, 'unknown');
    expect(read(account, 24)).toMatchObject({ status: 'UNKNOWN', measuredPct: 0, unmeasuredSec: 43_200 });
    const overlays = [{ from: from + 720, to: from + 1_440, as: 'excluded' as const }];
    expect(readBudget(account, slo('SLO-01'), '2026-11', START + 86_400, playbook, overlays)).toMatchObject({
      measuredPct: null,
      unmeasuredSec: 0,
    });
  });
});

describe('the band of the desk', () => {
  const of = (...statuses: BudgetStatus[]) =>
    worstOf(
      statuses.map((status) => ({ status }) as BudgetReading),
      playbook.budgets,
    );
  it('is the worst that is known', () => {
    expect(of('GREEN', 'YELLOW', 'UNKNOWN', 'RED', 'ORANGE')).toBe('RED');
    expect(of('UNKNOWN', 'YELLOW')).toBe('YELLOW');
    expect(of('CRITICAL', 'RED')).toBe('CRITICAL');
    expect(of('GREEN', 'GREEN')).toBe('GREEN');
    expect(of('GREEN', 'UNKNOWN')).toBe('UNKNOWN');
    expect(of()).toBe('UNKNOWN');
  });
});

describe('a burn rate', () => {
  /** Good for a day, then bad for so many seconds up to now. */
  function burning(bad: number, since = 0) {
    const account = createAccount();
    const end = START + 10 * 86_400;
    account.take(START, end - bad - since, 'good');
    account.take(end - bad - since, end - since, 'bad');
    account.take(end - since, end, 'good');
    return read(account, 240);
  }
  // SLO-01 allows 0.5 %: 5x over 6 h is 540 s, and 45 s of the last 30 min; 2x over a day 864 s; 1x over 3 days 1,296 s.
  it.each([
    [539, null],
    [540, 5],
    [3_600, 5],
  ])('of %i s in a row, still going on, is %s', (bad, over) => {
    expect(burning(bad).burning?.over ?? null).toBe(over);
  });

  it('needs the fast window as well: what is over does not page', () => {
    expect(burning(863, 1_801).burning).toBeNull();
    expect(burning(864, 1_801).burning?.over).toBe(2);
    expect(burning(864, 7_201).burning).toBeNull();
    expect(burning(1_296, 7_201).burning?.over).toBe(1);
    expect(burning(1_295, 7_201).burning).toBeNull();
    expect(burning(1_296, 21_601).burning).toBeNull();
  });

  it('is not known where nothing was measured, and a lower bound where a part was', () => {
    expect(read(createAccount(), 240).burn).toEqual([
      { over: 1, slow: null, fast: null },
      { over: 2, slow: null, fast: null },
      { over: 5, slow: null, fast: null },
    ]);
    const account = createAccount();
    const end = START + 10 * 86_400;
    account.take(end - 600, end, 'bad');
    expect(read(account, 240).burn.at(-1)).toEqual({ over: 5, slow: 5.55555555556, fast: 66.6666666667 });
  });

  it('looks back over the end of a month', () => {
    const account = createAccount();
    const end = monthSpan('2026-11').to * 60;
    account.take(end - 3 * 86_400, end - 540, 'good');
    account.take(end - 540, end, 'bad');
    const reading = readBudget(account, slo('SLO-01'), '2026-12', end, playbook, []);
    expect(reading.burning?.over).toBe(5);
    expect(reading.consumedSec).toBe(0);
  });
});
