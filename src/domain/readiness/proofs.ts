/** What a kill, a cancel or bars of a feed prove, if anything. Pure. */

import { foundAt } from '../drill/gameDay.ts';
import type { KillState } from '../kill.ts';
import type { CancelResult } from '../orders.ts';
import type { Proof } from './events.ts';

type Proved = Omit<Proof, 'rehearsal' | 'of'>;
/** What a kill proves of the engines it names itself; the rest is what stands behind the name at that time. */
type ProvedOf = Proved & Pick<Proof, 'of'>;

/** `DRILL ` before the words of what was one. */
const label = (drill: boolean): string => (drill ? 'DRILL ' : '');
const seconds = (ms: number | null | undefined): string =>
  ms === null || ms === undefined ? 'unknown' : `${(ms / 1_000).toFixed(2)} s`;

/**
 * A kill proves the switch when its latch was written and read back, every engine of `expected` (and one at least) confirmed
 * that it obeys, and a verdict came; and the cancelling of each venue where it found orders, the venue answered cancels with
 * success, and two readings after the last write found none. Orders that filled or expired by themselves prove nothing.
 */
export function provedByKill(
  incident: { id: string; drill: boolean },
  kill: KillState,
  expected: readonly string[],
): ProvedOf[] {
  const name = `${label(incident.drill)}kill in ${incident.id}`;
  const { latch, timings, verdict } = kill;
  const engines = Object.entries(kill.engines);
  const proofs: ProvedOf[] = [];
  const obeyed = engines.length > 0 && expected.every((engine) => kill.engines[engine] !== undefined);
  if (latch?.ok === true && latch.rev !== null && obeyed && timings !== null && verdict !== null)
    proofs.push({
      of: engines.map(([engine]) => engine),
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
    const { found, answered } = countOf(Object.values(state.lists));
    const isRead = state.verdict !== null && state.verdict.verdict !== 'UNKNOWN';
    if (!isRead || answered === 0 || (state.verdict?.orders.length ?? 1) > 0) continue;
    proofs.push({
      line: 'emergency-cancel',
      part: venue,
      provedAt: kill.at,
      // Over several rounds an order that stood was found in each.
      evidence: `${name}: ${state.rounds > 1 ? `orders, in ${state.rounds} rounds, cancelled` : cancelled(found, answered)} in ${seconds(state.cancelledMs)}, and read back that none is left`,
    });
  }
  return proofs;
}

const countOf = (lists: readonly { found: number; answered: number }[]) => ({
  found: lists.reduce((sum, list) => sum + list.found, 0),
  answered: lists.reduce((sum, list) => sum + (list.found > 0 ? list.answered : 0), 0),
});
/** What was found and not cancelled went by itself: filled, expired, or by another hand. */
const cancelled = (found: number, answered: number): string =>
  answered < found ? `${answered} of ${found} order(s) cancelled` : `${found} order(s) cancelled`;

/** A cancel proves its venue when it found orders, and a reading that began after the last write found none in its scope. */
export const provedByCancel = (
  where: string,
  drill: boolean,
  results: CancelResult[],
  at: number,
): Proved[] =>
  results.flatMap(({ venue, verdict, lists, left }) => {
    const { found, answered } = countOf(lists);
    if (verdict !== 'cancelled' || left !== 0 || answered === 0) return [];
    return [
      {
        line: 'emergency-cancel',
        part: venue,
        provedAt: at,
        evidence: `${label(drill)}cancel in ${where}: ${cancelled(found, answered)}, and read back that none is left`,
      },
    ];
  });

/** What the desk's log says of a game day, as far as it proves anything. */
export interface DrillNote {
  type: 'DrillNoted';
  drill: string;
  /** ms since the epoch; absent on record from before it was noted. */
  endedAt?: number;
  venues: string[];
  kill: {
    verdict: string;
    /** `found` is absent on record from before orders were counted by venue, `answered` from before cancels were. */
    venues: { venue: string; verdict: string; orders: number; found?: number; answered?: number }[];
    /** Orders that were found at all its venues together. */
    found: number;
  } | null;
}

/** An event of the desk's log as the note of a game day; null: it is something else. */
export const drillNoteOf = (event: { type: string }): DrillNote | null =>
  event.type === 'DrillNoted' ? (event as DrillNote) : null;

/**
 * A drill's kill proves each venue where it found orders, had a cancel answered, and read back that none is left. An older
 * record counts the orders of
 * all venues together: it proves one that was alone. It proves no kill switch: its control file is its own, and no engine
 * reads that. `at` is when it was noted, ms since the epoch: days later, where the bot was down in between.
 */
export function provedByDrill({ drill, kill, endedAt }: DrillNote, at: number): Proved[] {
  return (kill?.venues ?? []).flatMap((one) => {
    const found = kill === null ? null : foundAt(kill, one);
    if (found === null || found === 0 || one.verdict === 'UNKNOWN' || one.orders !== 0) return [];
    const { answered = found } = one;
    // What filled by itself proves nothing.
    if (answered === 0) return [];
    return [
      {
        line: 'emergency-cancel',
        part: one.venue,
        provedAt: endedAt ?? at,
        evidence: `DRILL ${drill}: ${cancelled(found, answered)}, and read back that none is left`,
      },
    ];
  });
}
