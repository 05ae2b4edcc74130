/** What an incident took of the error budgets, as it was measured. Pure. */

import type { MonthId } from '../budget/month.ts';
import { span } from '../words.ts';

/** One SLO over the time of an incident. Seconds; of the month in which it began. */
export interface BudgetShare {
  slo: string;
  month: MonthId;
  consumedSec: number;
  budgetSec: number;
  /** How much of the time was not measured: what was consumed may be more. */
  unmeasuredSec: number;
}

/** Put on record when it has changed, so that the postmortem is a reading of the log. */
export interface BudgetEvent {
  type: 'BudgetNoted';
  /** Only those of which something was measured. */
  readings: BudgetShare[];
}

export interface BudgetNote {
  /** The number of its event in the log. */
  n: number;
  at: number;
  readings: BudgetShare[];
}

/** `SLO-01 consumed 1 h of 3 h 36 min in 2026-11 (27.8 %)`, with what is not known of it. */
export function shareWords({ slo, month, consumedSec, budgetSec, unmeasuredSec }: BudgetShare): string {
  const pct = budgetSec > 0 ? ` (${((100 * consumedSec) / budgetSec).toFixed(1)} %)` : '';
  const unknown = unmeasuredSec > 0 ? `, ${span(unmeasuredSec * 1_000)} not measured` : '';
  const took = consumedSec === 0 ? 'nothing' : span(consumedSec * 1_000);
  return `${slo} consumed ${unmeasuredSec > 0 && consumedSec > 0 ? 'at least ' : ''}${took} of ${span(budgetSec * 1_000)} in ${month}${pct}${unknown}`;
}

/** Whether these are on record already. */
export const isBudgetNoted = (note: BudgetNote | undefined, readings: BudgetShare[]): boolean =>
  JSON.stringify(note?.readings ?? []) === JSON.stringify(readings);
