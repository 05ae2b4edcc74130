/** What a runbook sees, built from samples, for the tests of the runbooks. */

import { evolve, type Incident, STANDDOWN, type StandingEvent } from '../../../src/domain/incident.ts';
import { createMeasurements, type Measurements } from '../../../src/domain/measure/measurements.ts';
import type { Runbook, RunbookStep } from '../../../src/domain/playbook.ts';
import type { Seen } from '../../../src/domain/runbook/evaluate.ts';
import { PROBE_NAMES, type ProbeName } from '../../../src/domain/runbook/vocabulary.ts';
import { RUNNING } from '../../../src/domain/trading.ts';

/** 2026-11-22 14:00:00 UTC, a Sunday: the tests' market is always open. */
export const NOON = Date.UTC(2026, 10, 22, 14);
export const FEED = { id: 'binance-1m', intervalSec: 60, symbols: ['BTC/USDT:USDT'] };
export const ADA = { via: 'slack', id: 'U0ADA', name: 'Ada' } as const;

/** Measurements of a feed whose newest bar closed so that its gap is `gapSec` at `now`. */
export function withGap(gapSec: number, now = NOON): Measurements {
  const of = createMeasurements([FEED]);
  of.take(
    { type: 'bar', at: now, feed: FEED.id, symbol: 'BTC/USDT:USDT', closedAt: now - (gapSec + 60) * 1_000 },
    now,
  );
  return of;
}

export function withOrders(accepted: number, rejected: number, now = NOON): Measurements {
  const of = createMeasurements([FEED]);
  for (let n = 0; n < accepted + rejected; n += 1)
    of.take(
      {
        type: 'order',
        at: now - 1_000 * (accepted + rejected - n),
        venue: 'v',
        symbol: 's',
        orderId: String(n),
        status: n < accepted ? 'accepted' : 'rejected',
      },
      now,
    );
  return of;
}

export function withLatency(ms: number[], now = NOON): Measurements {
  const of = createMeasurements([FEED]);
  for (const latencyMs of ms) of.take({ type: 'signal', at: now - 1_000, latencyMs }, now);
  return of;
}

export const seen = (change: Partial<Seen> = {}): Seen => ({
  now: NOON,
  measurements: createMeasurements([FEED]),
  feeds: [FEED],
  market: { open: true, since: null },
  engineSilent: false,
  trading: RUNNING,
  engines: [],
  criteria: [],
  mismatches: [],
  probes: Object.fromEntries(PROBE_NAMES.map((name) => [name, null])) as Record<ProbeName, null>,
  ...change,
});

/** An incident of the bot's own watch over the feed, opened at `openedAt`, after these events. */
export function incidentWith(
  events: (StandingEvent extends infer E
    ? E extends { at: number }
      ? Omit<E, 'by'> & { by?: E extends { by: infer B } ? B : never }
      : never
    : never)[] = [],
  opened: { openedAt?: number; source?: string; groupKey?: string; runbook?: string } = {},
): Incident {
  const { openedAt = NOON, source = 'standdown', groupKey = `feed:${FEED.id}`, runbook = 'book' } = opened;
  const first: StandingEvent = {
    type: 'IncidentOpened',
    at: openedAt,
    by: STANDDOWN,
    id: 'INC-20261122-001',
    title: 'Feed gap',
    severity: 'P1',
    origin: 'alert',
    source,
    groupKey,
    runbook,
    drill: false,
  };
  return events.reduce<Incident>(
    (incident, event) => evolve(incident, { by: STANDDOWN, ...event }),
    evolve(undefined, first),
  );
}

export const bookOf = (...steps: (Partial<RunbookStep> & { id: string })[]): Runbook => ({
  id: 'book',
  title: 'Book',
  severity: 'P1',
  summary: 'A book.',
  match: [],
  notes: [],
  steps: steps.map((step) => ({ text: step.id, buttons: [], checks: [], ...step })),
});

/** One bar that closed a minute ago and came so many seconds after its close, heard since long before it. */
export function withLateBar(seconds: number): Measurements {
  const of = createMeasurements([FEED]);
  const bar = (closedAt: number, availableAt: number) =>
    of.take(
      { type: 'bar', at: availableAt, feed: FEED.id, symbol: FEED.symbols[0] ?? '', closedAt, availableAt },
      availableAt,
    );
  bar(NOON - 3 * 3_600_000, NOON - 3 * 3_600_000);
  bar(NOON - 600_000, NOON - 600_000 + seconds * 1_000);
  return of;
}
