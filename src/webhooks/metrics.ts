/** What Prometheus reads. */

import { Counter, Gauge, Registry } from 'prom-client';
import type { Ledger } from '../engine/ledger.ts';
import type { Outbox } from '../engine/outbox.ts';
import { tradingState } from '../render/trading.ts';

export interface Metrics {
  registry: Registry;
  refused(route: string, code: string): void;
  alerts(source: string, result: 'accepted' | 'rejected', n: number): void;
}

export function createMetrics(ledger: Ledger, outbox: Outbox): Metrics {
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
  };
}
