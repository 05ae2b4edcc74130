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

/** Every name of this machine itself is one place. An address in IPv6 that holds one in IPv4 is written in hex by `URL`. */
const LOOPBACK =
  /^(?:(?:.+\.)?localhost|127\.\d+\.\d+\.\d+|0\.0\.0\.0|\[::1?\]|\[::ffff:(?:7f[0-9a-f]{2}:[0-9a-f]+|0:0)\])$/;

/** A name may end in a dot, which changes where it leads no more than its case does. */
function hostOf({ baseUrl }: Marked): string | null {
  if (baseUrl === null || !URL.canParse(baseUrl)) return null;
  const host = new URL(baseUrl).hostname.replace(/\.+$/, '');
  return LOOPBACK.test(host) ? 'loopback' : host;
}

/** Host and port; the ports of http and https are one, as one gateway has both. */
function placeOf(marked: Marked): string | null {
  const host = hostOf(marked);
  if (host === null || marked.baseUrl === null) return null;
  const { port } = new URL(marked.baseUrl);
  return `${host} ${['80', '443'].includes(port) ? '' : port}`;
}

/**
 * The domains of the proven exchanges (ccxt 4.5.84, `urls.api`, and the names of their regions). There a host is the
 * exchange itself unless its name says that it is none. What another exchange calls its testnet is the owner's word.
 */
const OF_AN_EXCHANGE =
  /(?:^|\.)(?:binance(?:future)?|bybit(?:-tr|global)?|bytick|byhkbit|okx|okex|kraken)\.(?:com|co|vision|[a-z]{2})(?:\.[a-z]{2})?$/;
const SAYS_TESTNET = /(?:^|[.-])(?:testnet|demo)[.-]/;

function isExchangeItself(marked: Marked): boolean {
  const host = hostOf(marked);
  return host === null || (OF_AN_EXCHANGE.test(host) && !SAYS_TESTNET.test(host));
}

/** Both are at one place: two keys may well be of one account there. */
const isAt = (one: Marked, other: Marked): boolean =>
  placeOf(one) !== null && placeOf(one) === placeOf(other);

/** White space around a key is lost on the way to the venue. */
const hasKeyOf = (one: Marked, other: Marked): boolean => one.apiKey.trim() === other.apiKey.trim();

/** A venue that is marked by mistake is as real as one that is not. */
const isReal = (one: Marked): boolean => !one.drill || isExchangeItself(one);

const isForDrills = (venue: Venue, configured: readonly Marked[]): venue is DrillVenue => {
  const named = configured.filter(({ id }) => id === venue.id);
  const [own] = named;
  // One name, marked, not the exchange itself, and a key that no real venue has: a shared one could cancel what is real.
  return (
    named.length === 1 &&
    own?.drill === true &&
    !isExchangeItself(own) &&
    !configured.some((other) => isReal(other) && (hasKeyOf(own, other) || isAt(own, other)))
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
