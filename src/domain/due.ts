/** What falls due by the clock. The times follow from the log, so that a restart misses none and repeats none. Pure. */

import { newestKill, nextPage } from './decide.ts';
import type { Incident } from './incident.ts';
import type { KillState } from './kill.ts';
import type { Playbook } from './playbook.ts';

/** The next page of an incident. `at` is ms since the epoch; `n` is its step. */
export interface DuePage {
  at: number;
  n: number;
  why: string;
}

/** A kill that is not proven pages again this long after the last page (DESIGN 8: "page again at 14:10"). */
const UNPROVEN_AGAIN_MIN = 5;

/**
 * The page that is due next: the acknowledgement that the playbook asks for did not come in time, or a kill still is not
 * proven. Null when nothing is owed to the clock.
 */
export function nextDuePage(incident: Incident, playbook: Pick<Playbook, 'severities'>): DuePage | null {
  const last = incident.pages.at(-1);
  if (incident.status === 'resolved' || last === undefined) return null;
  const n = nextPage(incident);
  const due: DuePage[] = [];
  const within = playbook.severities[incident.severity].acknowledgeWithinMin;
  const answered =
    incident.acknowledged !== undefined || incident.pages.some((page) => page.state === 'acknowledged');
  if (!answered && within !== null) {
    due.push({ at: last.owedAt + within * 60_000, n, why: `not acknowledged within ${within} min` });
  }
  const kill = newestKill(incident);
  if (kill !== undefined && unproven(kill)) {
    due.push({ at: last.owedAt + UNPROVEN_AGAIN_MIN * 60_000, n, why: `kill still ${kill.verdict}` });
  }
  return due.sort((a, b) => a.at - b.at)[0] ?? null;
}

/** UNKNOWN, or orders that are still live: the venue is not stopped as far as anybody knows. */
function unproven(kill: KillState): boolean {
  if (kill.over !== null) return false;
  if (kill.verdict === 'UNKNOWN') return true;
  if (kill.accepted !== null) return false;
  return Object.values(kill.venues).some((venue) => (venue.verdict?.orders.length ?? 0) > 0);
}
