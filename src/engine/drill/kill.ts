/**
 * The kill of a drill: the real executor with a log, a control file and venues of its own. It is given nothing that belongs to
 * the desk, so nothing of the desk can be changed by it.
 */

import { decideAll } from '../../domain/decide.ts';
import { foundIn } from '../../domain/drill/measure.ts';
import { type Actor, type StandingEvent, startFold } from '../../domain/incident.ts';
import type { KillPace, KillState } from '../../domain/kill.ts';
import type { Playbook } from '../../domain/playbook.ts';
import type { Clock, Control, Log } from '../../ports.ts';
import { createKillExecutor } from '../kill.ts';
import type { Ledger } from '../ledger.ts';
import type { DrillVenue } from './venues.ts';

export interface DrillKillRun {
  /** Resolves when its latch is written, or was waited for long enough. Rejects where it could not be begun. */
  latchTried: Promise<void>;
  /** As it stands now. */
  state(): KillState | undefined;
  /** Orders that it found so far, by venue. */
  found(): Record<string, number>;
  /** No further step is begun; a request that is on the wire ends by itself. */
  stop(): void;
}

interface Deps {
  clock: Clock;
  log: Log;
  playbook: Playbook;
  control: Control;
  venues: readonly DrillVenue[];
  protectiveOrders: 'cancel' | 'keepWhilePosition';
  pace?: KillPace;
}

/** A log that lives as long as the drill: decided and folded as the real one, kept nowhere, and owing nothing. */
function passingLedger({
  clock,
  playbook,
}: Deps): Pick<Ledger, 'commit' | 'peek'> & { all: StandingEvent[] } {
  const fold = startFold(undefined);
  const all: StandingEvent[] = [];
  return {
    all,
    peek: () => fold.now(),
    async commit(_stream, command) {
      const events = decideAll([command].flat(), fold.now(), clock.now(), playbook);
      for (const event of events) fold.add(event);
      all.push(...events);
      return { recorded: true, events, incident: fold.now() };
    },
  };
}

/** Begin it. `id` names it in its own log alone. It can be stopped from now on, also while its latch is tried. */
export async function startDrillKill(deps: Deps, by: Actor, id: string): Promise<DrillKillRun> {
  const triggeredAt = deps.clock.monotonic();
  const ledger = passingLedger(deps);
  const asked = ledger.commit(id, {
    type: 'AskKill',
    by,
    incident: id,
    kill: id,
    reason: 'drill',
    venues: deps.venues.map((venue) => venue.id),
    drill: true,
  });
  const executor = createKillExecutor({
    ledger,
    clock: deps.clock,
    control: deps.control,
    venues: [...deps.venues],
    log: deps.log,
    protectiveOrders: deps.protectiveOrders,
    ...(deps.pace === undefined ? {} : { pace: deps.pace }),
  });
  const latching = executor.start({ incident: id, kill: id, triggeredAt, asked });
  return {
    latchTried: latching.then(() => undefined),
    state: () => ledger.peek(id)?.kills[id],
    found: () => foundIn(ledger.all),
    stop: () => executor.stop(),
  };
}
