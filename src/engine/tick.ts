/** What the clock makes due, looked at every second. */

import type { Command } from '../domain/decide.ts';
import { nextDuePage } from '../domain/due.ts';
import { STANDDOWN } from '../domain/incident.ts';
import { dueSummons } from '../domain/paging.ts';
import type { Playbook } from '../domain/playbook.ts';
import type { Clock, Log } from '../ports.ts';
import type { Ledger } from './ledger.ts';

/** One look: pages and next ways whose time has come are owed now, also those that came due while nothing ran. */
export async function tick(deps: {
  ledger: Ledger;
  clock: Clock;
  playbook: Playbook;
  log: Log;
}): Promise<void> {
  const { ledger, clock, playbook, log } = deps;
  for (const incident of ledger.open()) {
    const page = nextDuePage(incident, playbook);
    if (page !== null && page.at <= clock.now())
      await owe(incident.id, { type: 'PageAgain', by: STANDDOWN, n: page.n, why: page.why });
    const summons = dueSummons(incident);
    if (summons !== null && summons.at <= clock.now())
      await owe(incident.id, { type: 'Summon', by: STANDDOWN, n: summons.n, why: summons.why });
  }

  async function owe(incident: string, command: Command): Promise<void> {
    try {
      await ledger.commit(incident, command, { mustGoOn: true });
    } catch (error) {
      log.error(
        { incident, what: command.type, error: String(error) },
        'what is due could not be owed: it is tried again',
      );
    }
  }
}
