/** A key that can withdraw is refused at start, where the venue tells (RELIABILITY, hostile input). */

import type { Clock, Venue } from './ports.ts';

/** A start waits no longer than this for a venue: one that does not answer has told nothing. */
const ASK_MS = 2_000;

/** The ids of the venues that say, in time, that our key can withdraw. Never rejects. */
export async function withdrawingKeys(
  venues: Pick<Venue, 'id' | 'keyPermissions'>[],
  clock: Pick<Clock, 'wait'>,
): Promise<string[]> {
  const told = await Promise.all(
    venues.map(async (venue) => {
      const settled = new AbortController();
      const late = clock.wait(ASK_MS, settled.signal).then(() => null);
      const said = await Promise.race([venue.keyPermissions(), late]).catch(() => null);
      settled.abort();
      return said?.state === 'known' && said.rights.canWithdraw === true ? venue.id : null;
    }),
  );
  return told.filter((id) => id !== null);
}

/** Why it is refused, for the operator. */
export const refusal = (ids: string[]): string =>
  `the key of ${ids.join(', ')} can withdraw, by the venue's own word: whoever stole it from here could take the funds. Make one that reads and trades, and cannot withdraw.`;
