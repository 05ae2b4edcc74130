/** The hard-stop criteria as `/status` shows them. Nothing measures them yet: they are unknown, and said to be. */

import type { Playbook } from '../domain/playbook.ts';
import type { CriterionStatus } from './status.ts';

interface Limits {
  maxDailyLoss: { unit: 'percent' | 'amount'; value: number };
  maxNotional: number;
  currency: string;
}

/** Limits are in the unit named; a limit in percent of an equity that nobody reported is itself unknown (null). */
export function criteriaStatus(limits: Limits, feeds: string[], playbook: Playbook): CriterionStatus[] {
  const unmeasured = (id: string, limit: number | null, unit: string): CriterionStatus => ({
    id,
    state: 'unknown',
    value: null,
    limit,
    unit,
    ageMs: null,
    source: null,
  });
  const { dailyLoss, positionSize, rejectRate, dataFeedGap } = playbook.criteria;
  const { maxDailyLoss, maxNotional, currency } = limits;
  return [
    unmeasured(
      'dailyLoss',
      maxDailyLoss.unit === 'amount' ? dailyLoss.over * maxDailyLoss.value : null,
      currency,
    ),
    unmeasured('positionSize', positionSize.over * maxNotional, currency),
    unmeasured('rejectRate', rejectRate.over, '%'),
    ...feeds.map((feed) => unmeasured(`dataFeedGap:${feed}`, dataFeedGap.over * 60, 's')),
  ];
}
