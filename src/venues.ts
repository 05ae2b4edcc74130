/** The configured venues, each with a ccxt instance of its own. */

import { createVenue, type OpenVenue } from './adapters/ccxt.ts';
import type { LiveConfig } from './config.ts';
import type { Clock, Venue } from './ports.ts';

/** Throws VenueConfigError for an exchange that ccxt does not know. Makes no request. */
export function openVenues(
  config: Pick<LiveConfig, 'venues' | 'kill'>,
  clock: Clock,
  mask: (text: string) => string,
  /** Told of every whole reading of a venue. Must not throw. */
  onReading?: (venue: string, startedAt: number, reading: Awaited<ReturnType<Venue['read']>>) => void,
): Promise<OpenVenue[]> {
  return Promise.all(
    config.venues.map((venue) =>
      createVenue({
        id: venue.id,
        exchange: venue.exchange,
        apiKey: venue.apiKey,
        secret: venue.secret,
        symbols: venue.symbols,
        quoteAssets: venue.quoteAssets,
        clock,
        mask,
        protectiveOrders: config.kill.protectiveOrders,
        onReading: (startedAt, reading) => onReading?.(venue.id, startedAt, reading),
        ...(venue.password === null ? {} : { password: venue.password }),
        ...(venue.baseUrl === null ? {} : { baseUrl: venue.baseUrl }),
      }),
    ),
  );
}
