/**
 * Watches the hard stops: takes samples, judges each second and after each batch, and kills on what trips. Pausing and
 * halting on a condition is the runbook's (runbookRunner.ts).
 */

import { type Actor, OWN_SOURCE, type Severity } from '../domain/incident.ts';
import { evidencesOf, type TripEvidence } from '../domain/kill.ts';
import { type Condition, conditionsNow, type SilentEngine } from '../domain/measure/conditions.ts';
import { type Criterion, type Facts, judgeCriteria, type StopRules } from '../domain/measure/criteria.ts';
import { type Beat, engineFacts } from '../domain/measure/heartbeats.ts';
import { marketAt, type TradingHours } from '../domain/measure/hours.ts';
import { createMeasurements, type Measurements } from '../domain/measure/measurements.ts';
import type { Mismatch } from '../domain/measure/mismatch.ts';
import type { Sample } from '../domain/measure/samples.ts';
import {
  changedConditions,
  createHovering,
  newTrips,
  noteChanged,
  noteUnknown,
} from '../domain/measure/watch.ts';
import type { Clock, Log, VenueMeasurement, Windows } from '../ports.ts';
import type { Desk } from './desk.ts';
import type { Engines } from './engines.ts';
import type { TakenAlert } from './intake.ts';
import type { Ledger } from './ledger.ts';

export interface Monitor {
  /**
   * Take a batch, and act on what it decides. Resolves when a trip that it made is on its way, with the incidents of the
   * kills that it started or joined.
   */
  take(samples: Sample[]): Promise<string[]>;
  /** Take what a venue said of itself, asked at `at`, ms since the epoch. The same otherwise. */
  takeVenue(venue: string, at: number, reading: VenueMeasurement): Promise<void>;
  measurements: Measurements;
  /** The criteria as they are now. */
  criteria(): Criterion[];
  conditions(): Condition[];
  /** All that is known at a moment, for whoever judges by it. The criteria are at most a second old. */
  seen(): {
    facts: Facts & { silent: SilentEngine[]; mismatches: Mismatch[] };
    criteria: Criterion[];
    unknownSince: ReadonlyMap<string, number>;
  };
  /** Called with each batch that is taken. */
  onTaken(listener: (samples: Sample[]) => void): void;
  /** Once a second: judge, and stop for what has tripped. */
  tick(): Promise<void>;
  /** Once a second, beside `tick`: open an incident for what has begun. A disk that hangs at that holds up no stop. */
  raise(): Promise<void>;
  stop(): Promise<void>;
}

export const HARD_STOP: Actor = { via: 'standdown', id: 'hardStop', name: 'Hard stop' };

/** Windows are written down this often: what came in between is lost with a crash, and nothing is tripped by it. */
const SAVE_MS = 5_000;

export async function createMonitor(deps: {
  desk: Pick<Desk, 'kill' | 'takeAlerts'>;
  ledger: Ledger;
  engines: Engines;
  clock: Clock;
  log: Log;
  rules: StopRules;
  hours: TradingHours;
  mode: 'act' | 'observe';
  windows: Windows;
  /** How long a criterion may be unknown before that is an incident, ms. */
  unknownGraceMs: number;
}): Promise<Monitor> {
  const { desk, ledger, engines, clock, log, rules, hours, mode, windows } = deps;
  const before = await windows.load();
  const measurements = createMeasurements(rules.feeds, before?.measurements);
  const handled = new Set(before?.handled);
  const unknownSince = new Map(before?.unknownSince);
  const raised = new Map(before?.raised.map((one) => [one[0].key, one]));
  const hovering = createHovering(raised);
  /** How old the newest heartbeats were when an earlier process wrote them down: only time that was watched counts. */
  const heardBefore = new Map(before?.heartbeats);
  const startedAt = clock.monotonic();
  let savedAt = clock.monotonic();
  let saving: Promise<void> = Promise.resolve();
  let writing = false;
  let writeAgain = false;
  // A kill that a crash interrupted before the windows were written down was acted on all the same.
  for (const incident of ledger.open())
    for (const kill of Object.values(incident.kills))
      if (kill.over === null) for (const { criterion } of evidencesOf(kill)) handled.add(criterion);

  /** The newest heartbeat of each engine, with those that an earlier process heard. */
  function beats(): Beat[] {
    const since = clock.monotonic() - startedAt;
    return engines.beats().map((beat) => {
      const heard = heardBefore.get(beat.id);
      return { ...beat, ageMs: beat.ageMs ?? (heard === undefined ? null : heard + since) };
    });
  }

  function facts(now: number): Facts & { silent: SilentEngine[]; mismatches: Mismatch[] } {
    return {
      market: marketAt(now, hours),
      stopConfirmed: engines.obeysStop(),
      ...engineFacts(beats(), { ms: clock.monotonic() - startedAt, graceMs: deps.unknownGraceMs }),
      mismatches: measurements.mismatches.look(measurements, now, rules),
    };
  }

  let latest: { at: number; criteria: Criterion[] } | null = null;
  function judge(): Criterion[] {
    const now = clock.now();
    const criteria = judgeCriteria(measurements, now, rules, facts(now));
    noteUnknown(criteria, unknownSince, now);
    latest = { at: now, criteria };
    return criteria;
  }

  let liftedAt = ledger.trading().liftedAt;
  /**
   * Who lifted the latch accepted what was tripped then. What was unknown then, or tripped and gone, trips anew when it is
   * found again.
   */
  function forgetAfterLift(criteria: Criterion[]): void {
    const now = ledger.trading().liftedAt;
    if (now === liftedAt) return;
    liftedAt = now;
    for (const { id, state } of criteria) if (state !== 'tripped') handled.delete(id);
  }

  /** Stop trading for what has tripped and was not acted on yet. */
  async function stopFor(criteria: Criterion[]): Promise<string[]> {
    forgetAfterLift(criteria);
    const incidents = new Set<string>();
    const failed: unknown[] = [];
    for (const one of newTrips(criteria, handled, ledger.trading().latch !== null)) {
      if (mode === 'observe') {
        log.warn(
          { criterion: one.id, value: one.value, limit: one.limit },
          'OBSERVE: a hard stop would kill now',
        );
        continue;
      }
      log.error({ criterion: one.id, value: one.value, limit: one.limit }, 'a hard stop trips: killing');
      try {
        const answer = await desk.kill(HARD_STOP, reasonOf(one), undefined, evidenceOf(one));
        incidents.add(answer.incident);
        for (const warning of answer.warnings) log.error({ warning }, 'a hard stop killed with a warning');
      } catch (error) {
        // Nothing was stopped: the next judgement, a second from now at most, tries again.
        handled.delete(one.id);
        failed.push(error);
      }
      save();
    }
    if (failed.length > 0) throw failed[0];
    return [...incidents];
  }

  const observed = (criteria: Criterion[]): Condition[] =>
    mode === 'act'
      ? []
      : criteria
          .filter((one) => one.state === 'tripped')
          .map((one) => ({
            key: `observe:${one.id}`,
            group: `observe:${one.id}`,
            severity: 'P1' as const,
            runbook: 'kill-switch',
            title: `OBSERVE: a hard stop would kill now: ${one.id}`,
            value: reasonOf(one),
          }));

  function conditions(): Condition[] {
    const now = clock.now();
    const criteria = latest !== null && latest.at === now ? latest.criteria : judge();
    const current = conditionsNow(
      measurements,
      now,
      rules,
      facts(now),
      criteria,
      unknownSince,
      deps.unknownGraceMs,
    );
    return [...observed(criteria), ...current];
  }

  /** Open an incident for what has begun, and clear what is over. */
  async function raise(): Promise<void> {
    const now = clock.now();
    const changed = changedConditions(conditions(), raised, hovering, now, facts(now));
    const { begun, over } = changed;
    if (begun.length === 0 && over.length === 0) return;
    const alerts = [
      ...begun.map((one) => ({ alert: alertOf(one, now), status: 'firing' as const })),
      ...over.map(([one, at]) => ({
        alert: alertOf(one, at),
        status: 'resolved' as const,
        endedAt: now,
      })),
    ];
    await desk.takeAlerts(alerts, {
      via: 'alert',
      id: OWN_SOURCE,
      name: 'Standdown’s own watch',
    });
    noteChanged(changed, raised, hovering, now);
    save();
  }

  function save(): void {
    savedAt = clock.monotonic();
    // While one is being written, what comes is written once after it: a disk that hangs gathers no heap of states.
    if (writing) {
      writeAgain = true;
      return;
    }
    writing = true;
    saving = windows
      .save({
        measurements: measurements.snapshot(),
        // What observing saw was not acted on: a start in earnest acts on it.
        handled: mode === 'act' ? [...handled] : [],
        unknownSince: [...unknownSince],
        raised: [...raised.values()],
        heartbeats: beats().flatMap(({ id, ageMs }) => (ageMs === null ? [] : [[id, ageMs]])),
      })
      .catch((error: unknown) => log.warn({ error: String(error) }, 'the windows could not be written down'))
      .then(() => {
        writing = false;
        if (!writeAgain) return undefined;
        writeAgain = false;
        save();
        return saving;
      });
  }

  function takePositions(venue: string, at: number, { positions }: VenueMeasurement): void {
    if (positions.state === 'read')
      measurements.money.takeVenuePositions({ venue, at, positions: positions.positions });
    else measurements.money.venueCannotSay(venue, 'positions', positions.reason);
  }

  function takeMoney(venue: string, at: number, money: NonNullable<VenueMeasurement['money']>): void {
    const { equity, transfers } = money;
    const failed = [equity, transfers].find((part) => part.state === 'failed');
    if (equity.state === 'failed' || transfers.state === 'failed') {
      const reason = failed?.state === 'failed' ? failed.reason : 'it cannot be read';
      measurements.money.venueCannotSay(venue, 'pnl', reason);
      return;
    }
    const { currency } = rules.limits;
    const startBefore = measurements.days.startOf(venue, at);
    const day = measurements.days.take(venue, {
      at,
      equity: equity.amount,
      currency,
      transfers: transfers.rows,
    });
    if (day.state === 'said')
      measurements.money.takeVenuePnl({
        venue,
        at,
        currency,
        dayPnl: day.dayPnl,
        startEquity: day.startEquity,
      });
    else measurements.money.venueCannotSay(venue, 'pnl', day.reason);
    // What the day counts from cannot be read again later.
    if (measurements.days.startOf(venue, at) !== startBefore) save();
  }

  const listeners: ((samples: Sample[]) => void)[] = [];
  return {
    measurements,
    seen() {
      const now = clock.now();
      // The tick of this second has judged already.
      const isNew = latest !== null && now >= latest.at && now - latest.at < 1_000;
      const criteria = latest !== null && isNew ? latest.criteria : judge();
      return { facts: facts(now), criteria, unknownSince };
    },
    onTaken: (listener) => void listeners.push(listener),
    async take(samples) {
      const now = clock.now();
      for (const listener of listeners) listener(samples);
      for (const sample of samples) {
        if (sample.type === 'heartbeat') engines.heartbeat(sample);
        else measurements.take(sample, now);
      }
      const incidents = await stopFor(judge());
      await engines.confirm();
      return incidents;
    },
    async takeVenue(venue, at, reading) {
      takePositions(venue, at, reading);
      if (reading.money !== null) takeMoney(venue, at, reading.money);
      await stopFor(judge());
    },
    criteria: judge,
    conditions,
    async tick() {
      const now = clock.now();
      measurements.feeds.tick(now, (at) => marketAt(at, hours).open);
      await stopFor(judge());
      if (clock.monotonic() - savedAt >= SAVE_MS) save();
    },
    raise,
    async stop() {
      save();
      await saving;
    },
  };
}

const shown = (value: number | null, unit: string): string =>
  value === null ? 'unknown' : `${Number(value.toFixed(2))} ${unit}`;

/** "dailyLoss 123.4 USDT, limit 100 USDT". */
export const reasonOf = ({ id, value, limit, unit, detail }: Criterion): string =>
  `${id} ${shown(value, unit)}, limit ${shown(limit, unit)}${detail === '' ? '' : ` (${detail})`}`;

const evidenceOf = (one: Criterion): TripEvidence => ({
  criterion: one.id,
  title: one.title,
  value: one.value,
  limit: one.limit,
  unit: one.unit,
  formula: one.evidence.formula,
  detail: one.detail,
  source: one.source,
  ageMs: one.ageMs,
  samples: one.evidence.samples,
});

function alertOf(one: Condition, startsAt: number): TakenAlert['alert'] {
  return {
    source: OWN_SOURCE,
    groupKey: one.group,
    key: one.key,
    title: one.title,
    severity: one.severity satisfies Severity,
    startsAt,
    startsAtGiven: true,
    labels: { alertname: one.key },
    annotations: {},
    value: one.value,
    ...(one.runbook === null ? {} : { runbook: one.runbook }),
  };
}
