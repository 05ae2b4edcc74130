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
