/** Calendar months in UTC, in minutes since the epoch, and the budget that a target leaves in one. Pure. */

/** `2026-11`. */
export type MonthId = string;

const MINUTE_MS = 60_000;

export const minuteOf = (at: number): number => Math.floor(at / MINUTE_MS);

export const monthIdOf = (minute: number): MonthId => new Date(minute * MINUTE_MS).toISOString().slice(0, 7);

/** The first minute of the month, and the first one after it. */
export function monthSpan(month: MonthId): { from: number; to: number } {
  const [year = 1970, number = 1] = month.split('-').map(Number);
  return {
    from: minuteOf(Date.UTC(year, number - 1, 1)),
    to: minuteOf(Date.UTC(year, number, 1)),
  };
}

export const monthBefore = (month: MonthId): MonthId => monthIdOf(monthSpan(month).from - 1);

/** Seconds of the month's real length that may go wrong: 99.5 % of 30 days leave 12,960 s, which is 3.6 h (DESIGN 3). */
export function budgetSec(month: MonthId, targetPct: number): number {
  const { from, to } = monthSpan(month);
  return Number((((to - from) * 60 * (100 - targetPct)) / 100).toPrecision(12));
}
