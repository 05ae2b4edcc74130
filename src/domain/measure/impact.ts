/** The money of an incident, from the hard stops' own measurements: what stakeholders are told of it. Pure. */

import type { ImpactReading } from '../incident.ts';
import type { Criterion } from './criteria.ts';

/**
 * The desk's profit and loss since 00:00 UTC as the daily loss is measured: realised and unrealised, after fees, without
 * transfers; and the size of what is open as the position size is. Unknown stays unknown, with the reason.
 */
export function impactOf(
  criteria: Pick<Criterion, 'id' | 'value' | 'source' | 'detail' | 'ageMs'>[],
  currency: string,
): { type: 'ImpactNoted' } & Omit<ImpactReading, 'at'> {
  const loss = criteria.find(({ id }) => id === 'dailyLoss');
  const value = loss?.value ?? null;
  const size = criteria.find(({ id }) => id === 'positionSize');
  return {
    type: 'ImpactNoted',
    // Positive when money was lost; and never a negative zero.
    dayPnl: value === null ? null : 0 - value,
    currency,
    source: loss?.source ?? null,
    why: value === null ? (loss?.detail ?? 'nothing measures it') : '',
    open: {
      notional: size?.value ?? null,
      source: size?.source ?? null,
      ageMs: size?.ageMs ?? null,
      why: size?.detail ?? 'nothing measures it',
    },
  };
}

/** Whether it says what is on record already: then it is not noted again. */
export const isNoted = (known: ImpactReading | undefined, now: Omit<ImpactReading, 'at'>): boolean =>
  known !== undefined &&
  known.dayPnl === now.dayPnl &&
  known.currency === now.currency &&
  known.open?.notional === now.open?.notional;
