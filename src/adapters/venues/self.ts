/** What a venue says of itself and of our key. Neither throws: what is not known is unknown, with the reason. */

import { z } from 'zod';
import type { KeyReading, VenueState } from '../../domain/runbook/probes.ts';
import type { Clock } from '../../ports.ts';
import type { KeyFacts } from './facts.ts';
import { VenueFailure, type Wire, wordsOf } from './wire.ts';

/** ccxt's unified answer of fetchStatus. */
const status = z.looseObject({
  status: z.string().min(1).max(60),
  eta: z.number().finite().nullish(),
});

/** One public request through ccxt's unified call; `fetchStatus` null: ccxt has none for this venue. */
export async function readStatus(
  fetchStatus: (() => Promise<unknown>) | null,
  clock: Pick<Clock, 'monotonic'>,
): Promise<VenueState> {
  if (fetchStatus === null) return { state: 'unknown', reason: 'it has no call that tells its state' };
  const startedAt = clock.monotonic();
  try {
    const said = status.safeParse(await fetchStatus());
    const ms = Math.round(clock.monotonic() - startedAt);
    if (!said.success) return { state: 'unknown', reason: 'its answer has another shape than expected' };
    if (said.data.status === 'ok') return { state: 'ok', ms };
    return { state: 'down', word: said.data.status, until: said.data.eta ?? null, ms };
  } catch (error) {
    return { state: 'unknown', reason: `it could not be asked: ${wordsOf(error)}` };
  }
}

/** One signed request. `facts` undefined: the table knows no call for this venue. */
export async function readKey(
  wire: Wire,
  facts: KeyFacts | undefined,
  exchange: string,
): Promise<KeyReading> {
  if (facts === undefined)
    return { state: 'unknown', reason: `the bot knows no call that tells what a key may do at ${exchange}` };
  try {
    return { state: 'known', rights: await wire.call(facts.call) };
  } catch (error) {
    const reason = wordsOf(error);
    const code = error instanceof VenueFailure ? error.failure.venueCode : null;
    return code !== null && facts.refused.includes(code)
      ? { state: 'refused', reason }
      : { state: 'unknown', reason: `it could not be asked: ${reason}` };
  }
}
