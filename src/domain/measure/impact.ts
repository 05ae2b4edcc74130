/** The money of an incident, from the hard stops' own measurement: what stakeholders are told of it. Pure. */

import type { ImpactReading } from '../incident.ts';
import type { Criterion } from './criteria.ts';

/**
 * The desk's profit and loss since 00:00 UTC as the daily loss is measured: realised and unrealised, after fees, without
 * transfers. Unknown stays unknown, with the reason.
 */
export function impactOf(
  criteria: Pick<Criterion, 'id' | 'value' | 'source' | 'detail'>[],
  currency: string,
): { type: 'ImpactNoted' } & Omit<ImpactReading, 'at'> {
  const loss = criteria.find(({ id }) => id === 'dailyLoss');
  const value = loss?.value ?? null;
  return {
    type: 'ImpactNoted',
    // Positive when money was lost; and never a negative zero.
    dayPnl: value === null ? null : 0 - value,
    currency,
    source: loss?.source ?? null,
    why: value === null ? (loss?.detail ?? 'nothing measures it') : '',
  };
}
