/** What a kill, a cancel or bars of a feed prove, if anything. Pure. */

import { foundAt } from '../drill/gameDay.ts';
import type { KillState } from '../kill.ts';
import type { CancelResult } from '../orders.ts';
import type { Proof } from './events.ts';

type Proved = Omit<Proof, 'rehearsal'>;

/** `DRILL ` before the words of what was one. */
const label = (drill: boolean): string => (drill ? 'DRILL ' : '');
const seconds = (ms: number | null | undefined): string =>
  ms === null || ms === undefined ? 'unknown' : `${(ms / 1_000).toFixed(2)} s`;

/**
 * A kill proves the switch when its latch was written and read back, an engine confirmed that it obeys, and a verdict came;
 * and the cancelling of each venue where it found orders and two readings after the last write found none.
 */
export function provedByKill(incident: { id: string; drill: boolean }, kill: KillState): Proved[] {
  const name = `${label(incident.drill)}kill in ${incident.id}`;
  const { latch, timings, verdict } = kill;
  const engines = Object.entries(kill.engines);
  const proofs: Proved[] = [];
  if (latch?.ok === true && latch.rev !== null && engines.length > 0 && timings !== null && verdict !== null)
    proofs.push({
      line: 'kill-switch',
      part: '',
      provedAt: kill.at,
      evidence: `${name}: latch written and read back in ${seconds(latch.ms)}, ${engines
        .map(([engine, ms]) => `engine ${engine} confirmed in ${seconds(ms)}`)
        .join(
          ', ',
        )}, last cancel ${seconds(timings.lastCancelMs)}, first verdict ${seconds(timings.verdictMs)}`,
    });
  for (const [venue, state] of Object.entries(kill.venues)) {
    const found = Object.values(state.lists).reduce((sum, list) => sum + list.found, 0);
    const isRead = state.verdict !== null && state.verdict.verdict !== 'UNKNOWN';
    if (!isRead || found === 0 || (state.verdict?.orders.length ?? 1) > 0) continue;
    proofs.push({
      line: 'emergency-cancel',
      part: venue,
      provedAt: kill.at,
      // Over several rounds an order that stood was found in each.
      evidence: `${name}: ${state.rounds > 1 ? `orders, in ${state.rounds} rounds,` : `${found} order(s)`} cancelled in ${seconds(state.cancelledMs)}, and read back that none is left`,
    });
  }
  return proofs;
}

/** A cancel proves its venue when it found orders, and a reading that began after the last write found none in its scope. */
export const provedByCancel = (
  where: string,
  drill: boolean,
  results: CancelResult[],
  at: number,
): Proved[] =>
  results.flatMap(({ venue, verdict, lists, left }) => {
    const found = lists.reduce((sum, list) => sum + list.found, 0);
    if (verdict !== 'cancelled' || left !== 0 || found === 0) return [];
    return [
      {
        line: 'emergency-cancel',
        part: venue,
        provedAt: at,
        evidence: `${label(drill)}cancel in ${where}: ${found} order(s) cancelled, and read back that none is left`,
      },
    ];
  });

/** What the desk's log says of a game day, as far as it proves anything. */
export interface DrillNote {
  type: 'DrillNoted';
  drill: string;
  venues: string[];
  kill: {
    verdict: string;
    /** `found` is absent on record from before orders were counted by venue. */
    venues: { venue: string; verdict: string; orders: number; found?: number }[];
    /** Orders that were found at all its venues together. */
    found: number;
  } | null;
}

/** An event of the desk's log as the note of a game day; null: it is something else. */
export const drillNoteOf = (event: { type: string }): DrillNote | null =>
  event.type === 'DrillNoted' ? (event as DrillNote) : null;

/**
 * A drill's kill proves each venue where it found orders and read back that none is left. An older record counts the orders of
 * all venues together: it proves one that was alone. It proves no kill switch: its control file is its own, and no engine
 * reads that.
 */
export function provedByDrill({ drill, kill }: DrillNote, at: number): Proved[] {
  return (kill?.venues ?? []).flatMap((one) => {
    const found = kill === null ? null : foundAt(kill, one);
    if (found === null || found === 0 || one.verdict === 'UNKNOWN' || one.orders !== 0) return [];
    return [
      {
        line: 'emergency-cancel',
        part: one.venue,
        provedAt: at,
        evidence: `DRILL ${drill}: ${found} order(s) cancelled, and read back that none is left`,
      },
    ];
  });
}
