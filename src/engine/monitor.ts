/**
 * Watches the hard stops: takes samples, judges each second and after each batch, and kills on what trips. Pausing and
 * halting on a condition is the runbook's (runbookRunner.ts).
 */

import type { Actor, Severity } from '../domain/incident.ts';
import type { TripEvidence } from '../domain/kill.ts';
import { type Condition, conditionsNow } from '../domain/measure/conditions.ts';
import { type Criterion, type Facts, judgeCriteria, type StopRules } from '../domain/measure/criteria.ts';
import { marketAt, type TradingHours } from '../domain/measure/hours.ts';
import { createMeasurements, type Measurements } from '../domain/measure/measurements.ts';
import type { Sample } from '../domain/measure/samples.ts';
import type { Clock, Log, Windows, WindowsState } from '../ports.ts';
import type { Desk, TakenAlert } from './desk.ts';
import type { Engines } from './engines.ts';
import type { Ledger } from './ledger.ts';

export interface Monitor {
  /** Take a batch, and act on what it decides. Resolves when a trip that it made is on its way. */
  take(samples: Sample[]): Promise<void>;
  measurements: Measurements;
  /** The criteria as they are now. */
  criteria(): Criterion[];
  conditions(): Condition[];
  /** Once a second. */
  tick(): Promise<void>;
  stop(): Promise<void>;
}

export const HARD_STOP: Actor = { via: 'standdown', id: 'hardStop', name: 'Hard stop' };

const SOURCE = 'standdown';
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
  let savedAt = clock.monotonic();
  let saving: Promise<void> = Promise.resolve();
  // A kill that a crash interrupted before the windows were written down was acted on all the same.
  for (const incident of ledger.open())
    for (const kill of Object.values(incident.kills))
      if (kill.evidence !== undefined && kill.over === null) handled.add(kill.evidence.criterion);

  function facts(now: number): Facts & { silent: { id: string; ageMs: number }[]; mismatches: string[] } {
    const beats = engines.beats();
    const silent = beats.flatMap(({ id, ageMs, everyMs }) =>
      ageMs !== null && ageMs > 3 * everyMs ? [{ id, ageMs }] : [],
    );
    const ages = beats.flatMap(({ ageMs }) => (ageMs === null ? [] : [ageMs]));
    return {
      market: marketAt(now, hours),
      stopConfirmed: engines.obeysStop(),
      engineSilent: ages.length > 0 && silent.length === ages.length,
      heartbeatAgeMs: ages.length === 0 ? null : Math.min(...ages),
      silent,
      mismatches: [],
    };
  }

  let latest: { at: number; criteria: Criterion[] } | null = null;
  function judge(): Criterion[] {
    const now = clock.now();
    const criteria = judgeCriteria(measurements, now, rules, facts(now));
    for (const { id, state } of criteria) {
      if (state !== 'unknown') unknownSince.delete(id);
      else if (!unknownSince.has(id)) unknownSince.set(id, now);
    }
    latest = { at: now, criteria };
    return criteria;
  }

  /** Stop trading for what has tripped and was not acted on yet. */
  async function stopFor(criteria: Criterion[]): Promise<void> {
    for (const one of criteria) {
      if (one.state !== 'tripped') {
        // Unknown is no all-clear: what tripped before it is still the same trip.
        if (one.state === 'ok') handled.delete(one.id);
        continue;
      }
      if (handled.has(one.id)) continue;
      handled.add(one.id);
      if (mode === 'observe') {
        log.warn(
          { criterion: one.id, value: one.value, limit: one.limit },
          'OBSERVE: a hard stop would kill now',
        );
        continue;
      }
      log.error({ criterion: one.id, value: one.value, limit: one.limit }, 'a hard stop trips: killing');
      const answer = await desk.kill(HARD_STOP, reasonOf(one), undefined, evidenceOf(one));
      for (const warning of answer.warnings) log.error({ warning }, 'a hard stop killed with a warning');
      save();
    }
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
    return [
      ...observed(criteria),
      ...conditionsNow(measurements, now, rules, facts(now), criteria, unknownSince, deps.unknownGraceMs),
    ];
  }

  /** Open an incident for what has begun, and clear what is over. */
  async function raise(): Promise<void> {
    const now = clock.now();
    const current = new Map(conditions().map((one) => [one.key, one]));
    const begun = [...current.values()].filter(({ key }) => !raised.has(key));
    const over = [...raised].filter(([key]) => !current.has(key));
    if (begun.length === 0 && over.length === 0) return;
    const alerts = [
      ...begun.map((one) => ({ alert: alertOf(one, now), status: 'firing' as const })),
      ...over.map(([, [one, at]]) => ({
        alert: alertOf(one, at),
        status: 'resolved' as const,
        endedAt: now,
      })),
    ];
    await desk.takeAlerts(alerts, {
      via: 'alert',
      id: SOURCE,
      name: 'Standdown’s own watch',
    });
    for (const one of begun) raised.set(one.key, [one, now]);
    for (const [key] of over) raised.delete(key);
    save();
  }

  function save(): void {
    savedAt = clock.monotonic();
    const state: WindowsState = {
      measurements: measurements.snapshot(),
      handled: [...handled],
      unknownSince: [...unknownSince],
      raised: [...raised.values()],
    };
    saving = saving
      .then(() => windows.save(state))
      .catch((error: unknown) => log.warn({ error: String(error) }, 'the windows could not be written down'));
  }

  let raising: Promise<void> = Promise.resolve();
  return {
    measurements,
    async take(samples) {
      const now = clock.now();
      for (const sample of samples) {
        if (sample.type === 'heartbeat') await engines.heartbeat(sample);
        else measurements.take(sample, now);
      }
      await stopFor(judge());
    },
    criteria: judge,
    conditions,
    async tick() {
      const now = clock.now();
      measurements.feeds.tick(now, marketAt(now, hours).open);
      await stopFor(judge());
      raising = raising.then(raise, raise);
      await raising;
      if (clock.monotonic() - savedAt >= SAVE_MS) save();
    },
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
    source: SOURCE,
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
