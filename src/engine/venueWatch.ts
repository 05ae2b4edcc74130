/**
 * Asks the venues themselves what the hard stops are measured by: each in a loop of its own, no more often than its
 * limits bear, and not at all while a kill is at work. It decides nothing: the monitor judges after each reading.
 */

import { ledgerFrom } from '../domain/measure/dayStart.ts';
import type { Clock, Log, Venue, VenueMeasurement } from '../ports.ts';

/** `running`: cancelling and reading for a first verdict. `latched`: the kill only reads on. */
export type KillPhase = 'none' | 'running' | 'latched';

export interface VenueWatch {
  stop(): void;
}

/** For tests: instead of what each venue's limits bear, ms. */
export interface WatchPace {
  pollMs: number;
  moneyPollMs: number;
}

/** While the desk is latched the kill reads the venue too: measured this much less often. */
const LATCHED_FACTOR = 3;
/** A venue that answers nothing is asked less and less often, up to this. */
const MAX_BACKOFF_MS = 60_000;
/** Requests are refused from about here on. Source: DESIGN 4, clocks are within a second. */
const SKEW_MS = 1_000;

/** True where nothing at all was read. */
const saysNothing = ({ positions, money }: VenueMeasurement): boolean =>
  positions.state === 'failed' && (money === null || money.equity.state === 'failed');

export function createVenueWatch(deps: {
  venues: Venue[];
  /** Takes a reading that was begun at `at`, ms since the epoch, and acts on it. */
  take(venue: string, at: number, reading: VenueMeasurement): Promise<void>;
  killPhase(): KillPhase;
  /** What the limits are in. */
  currency: string;
  clock: Clock;
  log: Log;
  pace?: WatchPace;
}): VenueWatch {
  const { venues, killPhase, currency, clock, log } = deps;
  const stop = new AbortController();

  /** Says once what has changed for the worse, and once that it is over. */
  function complaints(venue: string) {
    const said = new Map<string, string>();
    return (what: string, problem: string | null) => {
      if (problem === (said.get(what) ?? null)) return;
      if (problem === null) said.delete(what);
      else said.set(what, problem);
      if (problem !== null) log.warn({ venue, problem }, what);
    };
  }

  async function watch(venue: Venue): Promise<void> {
    const pace = deps.pace ?? { pollMs: venue.pollMs, moneyPollMs: venue.moneyPollMs };
    const complain = complaints(venue.id);
    let moneyAt = Number.NEGATIVE_INFINITY;
    let failed = 0;
    while (!stop.signal.aborted) {
      const phase = killPhase();
      const slower = phase === 'latched' ? LATCHED_FACTOR : 1;
      const begun = clock.monotonic();
      if (phase !== 'running') {
        const money = begun - moneyAt >= pace.moneyPollMs;
        try {
          const reading = await measure(venue, money, complain);
          if (reading !== null) {
            if (money) moneyAt = begun;
            failed = saysNothing(reading) ? failed + 1 : 0;
          }
        } catch (error) {
          // Ports answer in values: a throw is a fault of ours. The venue is measured on all the same.
          failed += 1;
          complain('measuring a venue threw: it is tried again', String(error));
        }
      }
      const waitMs = Math.min(
        pace.pollMs * slower * 2 ** Math.min(failed, 6),
        Math.max(MAX_BACKOFF_MS, pace.pollMs),
      );
      await clock.wait(Math.max(0, waitMs - (clock.monotonic() - begun)), stop.signal);
    }
  }

  /** One measurement, taken and acted on; null where a kill began meanwhile, and what was read is half of it. */
  async function measure(
    venue: Venue,
    money: boolean,
    complain: ReturnType<typeof complaints>,
  ): Promise<VenueMeasurement | null> {
    const at = clock.now();
    const mayAsk = () => !stop.signal.aborted && killPhase() !== 'running';
    const reading = await venue.measure({ sinceMs: ledgerFrom(at), currency, money, mayAsk });
    if (!mayAsk()) return null;
    speakOf(reading, complain);
    await deps.take(venue.id, at, reading);
    return reading;
  }

  function speakOf({ positions, money }: VenueMeasurement, complain: ReturnType<typeof complaints>): void {
    complain(
      'a venue’s positions cannot be measured',
      positions.state === 'failed' ? positions.reason : null,
    );
    if (money === null) return;
    const { equity, transfers, clock: skew, status } = money;
    complain('a venue’s worth cannot be measured', equity.state === 'failed' ? equity.reason : null);
    complain('a venue’s transfers cannot be read', transfers.state === 'failed' ? transfers.reason : null);
    const off = skew.state === 'read' && Math.abs(skew.skewMs) - skew.withinMs > SKEW_MS;
    complain('our clock differs from a venue’s', off ? 'by more than a second' : null);
    complain(
      'a venue is not in its normal state',
      status.state === 'read' && !status.ok ? status.text : null,
    );
  }

  for (const venue of venues) {
    watch(venue).catch((error: unknown) =>
      log.error({ venue: venue.id, error: String(error) }, 'watching a venue failed'),
    );
  }
  return { stop: () => stop.abort() };
}
