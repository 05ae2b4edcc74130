/** What the clock makes due, looked at every second. */

import { nextDuePage } from '../domain/due.ts';
import { STANDDOWN } from '../domain/incident.ts';
import type { Playbook } from '../domain/playbook.ts';
import type { Clock, Log } from '../ports.ts';
import type { Ledger } from './ledger.ts';

/** One look: pages whose time has come are owed now, also those that came due while nothing ran. */
export async function tick(deps: {
  ledger: Ledger;
  clock: Clock;
  playbook: Playbook;
  log: Log;
}): Promise<void> {
  const { ledger, clock, playbook, log } = deps;
  for (const incident of ledger.open()) {
    const due = nextDuePage(incident, playbook);
    if (due === null || due.at > clock.now()) continue;
    try {
      await ledger.commit(
        incident.id,
        { type: 'PageAgain', by: STANDDOWN, n: due.n, why: due.why },
        { mustGoOn: true },
      );
    } catch (error) {
      log.error(
        { incident: incident.id, error: String(error) },
        'a page that is due could not be owed: it is tried again',
      );
    }
  }
}
