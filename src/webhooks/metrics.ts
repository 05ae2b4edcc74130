/** What Prometheus reads. */

import { Counter, Gauge, Registry } from 'prom-client';
import type { Criterion } from '../domain/measure/criteria.ts';
import type { Engines } from '../engine/engines.ts';
import type { Ledger } from '../engine/ledger.ts';
import type { Monitor } from '../engine/monitor.ts';
import type { Outbox } from '../engine/outbox.ts';
import { tradingState } from '../render/trading.ts';

export interface Metrics {
  registry: Registry;
  refused(route: string, code: string): void;
  alerts(source: string, result: 'accepted' | 'rejected', n: number): void;
  samples(result: 'accepted' | 'rejected', n: number): void;
}

export function createMetrics(ledger: Ledger, outbox: Outbox, monitor: Monitor, engines: Engines): Metrics {
  const registry = new Registry();
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
        this.set({ severity }, ledger.open().filter((incident) => incident.severity === severity).length);
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
