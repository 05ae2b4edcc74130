/** The venues that a drill may touch: chosen once, when the bot starts, and the only ones that a drill is ever given. */

import type { Venue } from '../../ports.ts';

declare const forDrills: unique symbol;
/** A venue that went through `drillVenues`. There is no other way to one. */
export type DrillVenue = Venue & { readonly [forDrills]: true };

/** What the configuration says of a venue, as far as it matters here. */
export interface Marked {
  id: string;
  drill: boolean;
  apiKey: string;
  /** Of the testnet or simulator; null: the exchange itself. */
  baseUrl: string | null;
}

const originOf = ({ baseUrl }: Marked): string | null =>
  baseUrl !== null && URL.canParse(baseUrl) ? new URL(baseUrl).origin : null;

/**
 * Where the proven exchanges themselves trade (ccxt 4.5.84, `urls.api`); their testnets have names of their own. What
 * another exchange calls its testnet is the owner's word.
 */
const EXCHANGE_ITSELF =
  /^(?:(?:api\d?|api-gcp|sapi|fapi|dapi|eapi|papi)\.binance\.(?:com|us|me)|api(?:2)?\.(?:bybit|bytick)\.[a-z.-]+|(?:www|aws|my|app|us|eea)\.okx\.com|(?:api|futures)\.kraken\.com)$/;

const isExchangeItself = ({ baseUrl }: Marked): boolean =>
  baseUrl === null || !URL.canParse(baseUrl) || EXCHANGE_ITSELF.test(new URL(baseUrl).hostname);

/** Both are at one place: two keys may well be of one account there. */
const isAt = (one: Marked, other: Marked): boolean =>
  originOf(one) !== null && originOf(one) === originOf(other);

const isForDrills = (venue: Venue, configured: readonly Marked[]): venue is DrillVenue => {
  const named = configured.filter(({ id }) => id === venue.id);
  const [own] = named;
  // One name, marked, not the exchange itself, and a key that no real venue has: a shared one could cancel what is real.
  return (
    named.length === 1 &&
    own?.drill === true &&
    !isExchangeItself(own) &&
    !configured.some((other) => !other.drill && (other.apiKey === own.apiKey || isAt(own, other)))
  );
};

/** The venues that are marked `drill: true`, less those at the exchange itself, or with the key of a real one. */
export const drillVenues = (venues: readonly Venue[], configured: readonly Marked[]): DrillVenue[] =>
  venues.filter((venue) => isForDrills(venue, configured));

/** Why there is none, in words for whoever asks for a drill that needs one. */
export function noDrillVenue(configured: readonly Marked[]): string {
  const marked = configured.filter(({ drill }) => drill);
  if (marked.length === 0)
    return 'No venue is marked `drill: true` in standdown.yml: a drill kills at such venues only (a testnet account), never at a real one. Nothing was done.';
  const why = marked.map((one) => {
    const { id } = one;
    return isExchangeItself(one)
      ? `${id} has no baseUrl of a testnet or simulator`
      : `${id} shares its key, its name or the place of its baseUrl with another venue`;
  });
  return `No venue that is marked \`drill: true\` may be used: ${why.join('; ')}. Nothing was done.`;
}
