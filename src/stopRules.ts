/** What the hard stops are judged by, from the configuration and the playbook: the same for the bot and for a replay. */

import type { MeasuredConfig } from './config.ts';
import type { StopRules } from './domain/measure/criteria.ts';
import type { Playbook } from './domain/playbook.ts';

/** How long a hard stop may be unknown before that is an incident: two readings that are missing, and time to restart. */
export const UNKNOWN_GRACE_MS = 120_000;

/** `venues` are the ids of those that are asked themselves. */
export function stopRulesOf(
  config: Pick<MeasuredConfig, 'limits' | 'hardStops' | 'feeds' | 'venues'>,
  playbook: Playbook,
  venues: string[],
): StopRules {
  const { limits, hardStops, feeds } = config;
  return {
    criteria: playbook.criteria,
    limits: {
      ...limits,
      perVenue: Object.fromEntries(
        config.venues.flatMap(({ id, maxNotional }) => (maxNotional === null ? [] : [[id, maxNotional]])),
      ),
    },
    minOrders: hardStops.minOrders,
    confirmations: hardStops.confirmations,
    whenPaused: hardStops.dataFeedGap.whenPaused,
    feeds: feeds === 'off' ? [] : feeds,
    venues,
  };
}

/** What an exposure must not be over, in the currency of the limits: of all venues, and of those that have one of their own. */
export function killLimits({ criteria, limits }: Pick<StopRules, 'criteria' | 'limits'>): {
  total: number;
  perVenue: Record<string, number>;
} {
  const { over } = criteria.positionSize;
  return {
    total: over * limits.maxNotional,
    perVenue: Object.fromEntries(Object.entries(limits.perVenue).map(([id, max]) => [id, over * max])),
  };
}
