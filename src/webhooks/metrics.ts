/** What Prometheus reads. */

import { Counter, Gauge, Registry } from 'prom-client';
import { isRunning } from '../domain/kill.ts';
import type { Criterion } from '../domain/measure/criteria.ts';
import type { ReadinessLine } from '../domain/readiness/judge.ts';
import type { BudgetReport } from '../engine/budgetKeeper.ts';
import type { Engines } from '../engine/engines.ts';
import type { Ledger } from '../engine/ledger.ts';
import type { Monitor } from '../engine/monitor.ts';
import type { Outbox } from '../engine/outbox.ts';
import { tradingState } from '../render/trading.ts';
import { readAtScrape, registerBudgets, registerMeasured } from './measured.ts';

export interface Metrics {
  registry: Registry;
  refused(route: string, code: string): void;
  alerts(source: string, result: 'accepted' | 'rejected', n: number): void;
  samples(result: 'accepted' | 'rejected', n: number): void;
}

/** What does not change while the process runs, and what only the configuration knows. */
export interface MetricsFacts {
  version: string;
  mode: 'live' | 'rehearsal';
  hardStops: 'act' | 'observe';
  feeds: string[];
  budgets(): BudgetReport;
  readiness(): ReadinessLine[];
  /** Whether the trading hours of the configuration are on. */
  marketOpen(): boolean;
  /** ms since the epoch. */
  now(): number;
}

export function createMetrics(
  ledger: Ledger,
  outbox: Outbox,
  monitor: Monitor,
  engines: Engines,
  facts: MetricsFacts,
): Metrics {
  const registry = new Registry();
  readAtScrape(
    registry,
    'standdown_build_info',
    'Always 1: the version, whether it is a rehearsal, and whether hard stops act or only observe.',
    ['version', 'node', 'mode', 'hard_stops'],
    () => [
      [{ version: facts.version, node: process.version, mode: facts.mode, hard_stops: facts.hardStops }, 1],
    ],
  );
  registerMeasured(registry, monitor, facts.feeds, facts.now);
  registerBudgets(registry, () => facts.budgets().readings);
  registerReadiness(registry, facts.readiness);
  readAtScrape(
    registry,
    'standdown_market_open',
    '1 within the trading hours of the configuration.',
    [],
    () => [[{}, facts.marketOpen() ? 1 : 0]],
  );
  registerKill(registry, ledger);
  registerDeliveries(registry, ledger);
  const refused = new Counter({
    name: 'standdown_http_refused_total',
    help: 'Requests that were refused, by route and code.',
    labelNames: ['route', 'code'],
    registers: [registry],
  });
  const alerts = new Counter({
    name: 'standdown_alerts_total',
    help: 'Alerts received, by source and result.',
    labelNames: ['source', 'result'],
    registers: [registry],
  });
  const samples = new Counter({
    name: 'standdown_samples_total',
    help: 'Telemetry samples received, by result.',
    labelNames: ['result'],
    registers: [registry],
  });
  // One look at the criteria for all gauges of a scrape.
  const gauge = (name: string, help: string, of: (one: Criterion) => number | null) =>
    new Gauge({
      name,
      help,
      labelNames: ['criterion', 'unit'],
      registers: [registry],
      collect() {
        // What is not known has no sample: an alert rule tells it by standdown_criterion_state.
        this.reset();
        for (const one of monitor.criteria()) {
          const value = of(one);
          if (value !== null) this.set({ criterion: one.id, unit: one.unit }, value);
        }
      },
    });
  gauge(
    'standdown_criterion_state',
    'A hard stop: 0 ok, 1 tripped, 2 unknown.',
    ({ state }) => ({ ok: 0, tripped: 1, unknown: 2 })[state],
  );
  gauge('standdown_criterion_value', 'What was measured, in the unit.', ({ value }) => value);
  gauge('standdown_criterion_limit', 'Where it trips, in the unit.', ({ limit }) => limit);
  gauge('standdown_criterion_headroom', 'The limit less the value, in the unit.', ({ headroom }) => headroom);
  gauge('standdown_criterion_age_seconds', 'How old the deciding reading is.', ({ ageMs }) =>
    ageMs === null ? null : ageMs / 1_000,
  );
  new Gauge({
    name: 'standdown_condition',
    help: 'A condition of the playbook that holds now, by its severity.',
    labelNames: ['key', 'severity', 'runbook'],
    registers: [registry],
    collect() {
      this.reset();
      for (const { key, severity, runbook } of monitor.conditions())
        this.set({ key, severity, runbook: runbook ?? '' }, 1);
    },
  });
  new Gauge({
    name: 'standdown_engine_heartbeat_age_seconds',
    help: 'Since the newest heartbeat of each engine that sent one.',
    labelNames: ['engine'],
    registers: [registry],
    collect() {
      this.reset();
      for (const { id, ageMs } of engines.beats())
        if (ageMs !== null) this.set({ engine: id }, ageMs / 1_000);
    },
  });
  readAtScrape(
    registry,
    'standdown_engine_heartbeat_interval_seconds',
    'How often each engine is meant to send one.',
    ['engine'],
    () => engines.beats().map(({ id, everyMs }) => [{ engine: id }, everyMs / 1_000]),
  );
  new Gauge({
    name: 'standdown_trading_state',
    help: 'What was ordered: 0 running, 1 halted, 2 killed.',
    registers: [registry],
    collect() {
      this.set({ running: 0, halted: 1, killed: 2 }[tradingState(ledger.trading())]);
    },
  });
  new Gauge({
    name: 'standdown_open_incidents',
    help: 'Open incidents by severity.',
    labelNames: ['severity'],
    registers: [registry],
    collect() {
      for (const severity of ['P0', 'P1', 'P2', 'P3']) {
        this.set(
          { severity },
          ledger.open().filter((one) => one.gameDay === undefined && one.severity === severity).length,
        );
      }
    },
  });
  new Gauge({
    name: 'standdown_outbox_waiting',
    help: 'What is owed to the outside and not settled, by lane.',
    labelNames: ['lane'],
    registers: [registry],
    collect() {
      for (const { lane, count } of outbox.waiting()) this.set({ lane }, count);
    },
  });
  readAtScrape(
    registry,
    'standdown_outbox_oldest_age_seconds',
    'Since when the oldest of it is owed, by lane. What waits for an acknowledgement (pageCheck) may be old.',
    ['lane'],
    () => outbox.waiting().map(({ lane, oldestMs }) => [{ lane }, oldestMs === null ? 0 : oldestMs / 1_000]),
  );
  new Gauge({
    name: 'standdown_store_failed',
    help: '1 when nothing can be recorded.',
    registers: [registry],
    collect() {
      this.set(ledger.unrecorded() === null ? 0 : 1);
    },
  });
  return {
    registry,
    refused: (route, code) => refused.inc({ route, code }),
    alerts: (source, result, n) => alerts.inc({ source, result }, n),
    samples: (result, n) => samples.inc({ result }, n),
  };
}

/** The newest kill, for as long as its incident is open. */
function registerKill(registry: Registry, ledger: Ledger): void {
  const newest = () => {
    const { lastKill } = ledger.trading();
    const incident = lastKill === null ? undefined : ledger.peek(lastKill.incident);
    return incident === undefined || incident.status === 'resolved' || lastKill === null
      ? undefined
      : incident.kills[lastKill.kill];
  };
  readAtScrape(registry, 'standdown_kill_running', '1 while a kill has no verdict yet.', [], () => {
    const kill = newest();
    return [[{}, kill !== undefined && isRunning(kill) ? 1 : 0]];
  });
  readAtScrape(
    registry,
    'standdown_kill_verdict',
    '1 at the verdict of the newest kill, while its incident is open.',
    ['verdict'],
    () => {
      const verdict = newest()?.verdict;
      return (['FLAT', 'RESIDUAL', 'UNKNOWN'] as const).map((one) => [
        { verdict: one },
        one === verdict ? 1 : 0,
      ]);
    },
  );
}

function registerReadiness(registry: Registry, lines: () => ReadinessLine[]): void {
  const states: Record<ReadinessLine['state'], number> = {
    green: 0,
    soon: 1,
    unknown: 2,
    expired: 3,
    missing: 4,
  };
  readAtScrape(
    registry,
    'standdown_readiness_state',
    'A line of the go-live list: 0 green, 1 expires soon, 2 unknown, 3 expired, 4 missing.',
    ['line'],
    () => lines().map(({ id, state }) => [{ line: id }, states[state]]),
  );
  readAtScrape(
    registry,
    'standdown_readiness_expires_timestamp_seconds',
    'When the first evidence of a line expires, where it has any.',
    ['line'],
    () => lines().map(({ id, expiresAt }) => [{ line: id }, expiresAt === null ? null : expiresAt / 1_000]),
  );
}

/** Pages, posts and mails that failed: once for each new reason, and once when they were given up. */
function registerDeliveries(registry: Registry, ledger: Ledger): void {
  const failures = new Counter({
    name: 'standdown_delivery_failures_total',
    help: 'Pages, posts and mails that failed: gave_up="false" is tried again, "true" never leaves.',
    labelNames: ['what', 'gave_up'],
    registers: [registry],
  });
  const kinds = { PageFailed: 'page', PostFailed: 'post', MailFailed: 'mail' } as const;
  // From zero: an increase is told from the first failure on.
  for (const what of Object.values(kinds))
    for (const gaveUp of ['false', 'true']) failures.inc({ what, gave_up: gaveUp }, 0);
  ledger.onChanged((_stream, events) => {
    for (const event of events)
      if (event.type === 'PageFailed' || event.type === 'PostFailed' || event.type === 'MailFailed')
        failures.inc({ what: kinds[event.type], gave_up: String(event.gaveUp) });
  });
}
