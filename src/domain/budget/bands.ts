/** What is left of a budget, in which band that is, and how fast it burns. Pure. */

import type { BudgetBand, BurnRate, Playbook } from '../playbook.ts';
import type { Account, Overlay, Spent } from './account.ts';
import { budgetSec, type MonthId, monthSpan } from './month.ts';

export type BandStatus = BudgetBand['status'];
/** UNKNOWN: what was not measured could have taken it out of the best band. */
export type BudgetStatus = BandStatus | 'UNKNOWN';

/** One SLO in one month. Seconds, and shares in percent. */
export interface BudgetReading {
  slo: string;
  title: string;
  month: MonthId;
  targetPct: number;
  budgetSec: number;
  consumedSec: number;
  /** Negative when it is overspent. */
  remainingSec: number;
  consumedPct: number;
  remainingPct: number;
  status: BudgetStatus;
  /** The band of what is known to be consumed: the best that it can be. */
  atBest: BandStatus;
  /** Of the time that counts, up to now: how much was measured; null when none of it counts. */
  measuredPct: number | null;
  unmeasuredSec: number;
  /** What is consumed against what the target allows, over the windows of the playbook; null: nothing was measured. */
  burn: { over: number; slow: number | null; fast: number | null }[];
  /** The worst burn rate of the playbook that holds in both its windows; null: none. */
  burning: BurnRate | null;
}

/** Without the dust of binary numbers: what is exactly at an edge is at it. */
const tidy = (value: number): number => Number(value.toPrecision(12));

/** The band for a remaining share, percent: the first one, from the best, whose edge it is over (or at, where inclusive). */
export function bandOf(remainingPct: number, bands: readonly BudgetBand[]): BudgetBand {
  const found = bands.find(
    ({ abovePct, inclusive }) =>
      abovePct === null || remainingPct > abovePct || (inclusive && remainingPct === abovePct),
  );
  const worst = found ?? bands.at(-1);
  if (worst === undefined) throw new Error('the playbook has no bands');
  return worst;
}

export const rankOf = (status: BudgetStatus, bands: readonly BudgetBand[]): number =>
  status === 'UNKNOWN' ? 0 : bands.findIndex((band) => band.status === status);

/**
 * The band of the desk: the worst that is known. GREEN only when each is known to be; UNKNOWN rules over GREEN, and nothing
 * else.
 */
export function worstOf(
  readings: readonly Pick<BudgetReading, 'status'>[],
  bands: readonly BudgetBand[],
): BudgetStatus {
  const worst = readings.toSorted((a, b) => rankOf(b.status, bands) - rankOf(a.status, bands))[0];
  if (worst === undefined) return 'UNKNOWN';
  if (rankOf(worst.status, bands) > 0) return worst.status;
  return readings.some(({ status }) => status === 'UNKNOWN') ? 'UNKNOWN' : worst.status;
}

/**
 * How fast a window of `minutes` before `now` burned: 1 is what would consume the budget exactly in the month. What was not
 * measured counts as no burn, so that it is a lower bound; null when nothing of it was measured.
 */
function burnOver(
  account: Account,
  now: number,
  minutes: number,
  targetPct: number,
  overlays: readonly Overlay[],
): number | null {
  // Whole minutes that are over: the one that runs is not known yet.
  const to = Math.floor(now / 60);
  const { bad, good, off } = account.spent(to - minutes, to, overlays);
  if (bad + good + off === 0) return null;
  return tidy(bad / (minutes * 60) / ((100 - targetPct) / 100));
}

/** Where an SLO stands at `now`, seconds since the epoch, in the month of `now` or one before it. */
export function readBudget(
  account: Account,
  slo: Playbook['slos'][number],
  month: MonthId,
  now: number,
  playbook: Pick<Playbook, 'budgets' | 'burnRates'>,
  overlays: readonly Overlay[],
): BudgetReading {
  const { from, to } = monthSpan(month);
  const end = Math.min(to, Math.floor(now / 60) + 1);
  const spent: Spent = account.spent(from, end, overlays, now);
  const budget = budgetSec(month, slo.targetPct);
  const share = (seconds: number) => tidy((seconds * 100) / budget);
  const remainingPct = share(budget - spent.bad);
  const known = bandOf(remainingPct, playbook.budgets);
  // If all that was not measured was bad, would it still be the best band?
  const worstCase = bandOf(share(budget - spent.bad - spent.unmeasured), playbook.budgets);
  const isBest = known === playbook.budgets[0];
  const measured = spent.good + spent.bad;
  const counts = measured + spent.unmeasured;
  const burn = playbook.burnRates.map(({ over, slowMin, fastMin }) => ({
    over,
    slow: burnOver(account, now, slowMin, slo.targetPct, overlays),
    fast: burnOver(account, now, fastMin, slo.targetPct, overlays),
  }));
  const burning = playbook.burnRates.filter((_rate, index) => {
    const { over = 0, slow = null, fast = null } = burn[index] ?? {};
    return slow !== null && fast !== null && slow >= over && fast >= over;
  });
  return {
    slo: slo.id,
    title: slo.title,
    month,
    targetPct: slo.targetPct,
    budgetSec: budget,
    consumedSec: spent.bad,
    remainingSec: tidy(budget - spent.bad),
    consumedPct: share(spent.bad),
    remainingPct,
    status: isBest && (worstCase !== known || measured === 0) ? 'UNKNOWN' : known.status,
    atBest: known.status,
    measuredPct: counts === 0 ? null : tidy((measured * 100) / counts),
    unmeasuredSec: spent.unmeasured,
    burn,
    burning: burning.toSorted((a, b) => b.over - a.over)[0] ?? null,
  };
}
