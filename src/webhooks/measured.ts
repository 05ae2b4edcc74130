/** The measured SLIs as gauges, so that a person can graph them and a rule can read them. What is unknown has no sample. */

import { Gauge, type Registry } from 'prom-client';
import type { BudgetReading } from '../domain/budget/bands.ts';
import { SLI } from '../domain/measure/conditions.ts';
import type { Monitor } from '../engine/monitor.ts';

/** Samples of one gauge: its labels, and the value; null is unknown. */
type Reading = [labels: Record<string, string>, value: number | null];

/** Register a gauge that is read at each scrape. */
export function readAtScrape(
  registry: Registry,
  name: string,
  help: string,
  labelNames: string[],
  read: () => Reading[],
): void {
  new Gauge({
    name,
    help,
    labelNames,
    registers: [registry],
    collect() {
      this.reset();
      // Without labels a reset leaves a zero behind, and zero is no word for unknown.
      if (labelNames.length === 0) this.remove();
      for (const [labels, value] of read()) if (value !== null) this.set(labels, value);
    },
  });
}

/** Names and units are Prometheus's: ratios from 0 to 1, seconds. The definitions are those of DESIGN 3. */
export function registerMeasured(
  registry: Registry,
  { measurements }: Pick<Monitor, 'measurements'>,
  feeds: string[],
  now: () => number,
): void {
  const { run, signals } = measurements;
  const perFeed = (name: string, help: string, read: (feed: string, at: number) => number | null) =>
    readAtScrape(registry, name, help, ['feed'], () =>
      feeds.map((feed): Reading => [{ feed }, read(feed, now())]),
    );
  const plain = (name: string, help: string, read: () => number | null) =>
    readAtScrape(registry, name, help, [], () => [[{}, read()]]);

  perFeed(
    'standdown_feed_gap_seconds',
    'How late the newest bar is, of the symbol that is worst. The p99 of the hour is quantile_over_time.',
    (feed, at) => seconds(measurements.feeds.gap(feed, at)?.ms),
  );
  perFeed(
    'standdown_feed_uptime_ratio',
    'Share of the hours of this month with fewer than three missing bars.',
    (feed, at) => measurements.feeds.uptime(feed, at)?.share ?? null,
  );
  perFeed(
    'standdown_feed_missed_bars',
    'Bars of the last hour that never came though the feed went on.',
    (feed, at) => measurements.feeds.missed(feed, at).length,
  );
  plain('standdown_order_success_ratio', 'Share accepted of the last 100 orders; unknown below 50.', () =>
    left(run.rejectShare()?.share),
  );
  plain(
    'standdown_order_reject_ratio',
    'Share rejected of the last 100 orders; unknown below 50.',
    () => run.rejectShare()?.share ?? null,
  );
  plain('standdown_orders_rejected_in_a_row', 'How many of the newest orders in a row were rejected.', () =>
    run.rejectedInARow(),
  );
  plain(
    'standdown_orders_under_success_in_a_row',
    `After how many orders in a row the success ratio was under ${SLI.successPct} %.`,
    () => run.underSuccess(SLI.successPct),
  );
  plain(
    'standdown_fill_ratio',
    'Share filled of the last 100 orders that ended; unknown below 50.',
    () => run.fillShare()?.share ?? null,
  );
  plain(
    'standdown_fill_slippage_ratio',
    'Mean distance of the last 100 fills from what was expected; unknown below 10.',
    () => {
      const slippage = run.meanSlippageBps();
      return slippage === null ? null : slippage.bps / 10_000;
    },
  );
  readAtScrape(
    registry,
    'standdown_signal_latency_seconds',
    'Signal latency over the last hour.',
    ['quantile'],
    () =>
      [0.5, 0.95, 0.99].map(
        (quantile): Reading => [{ quantile: String(quantile) }, seconds(signals.percentile(now(), quantile))],
      ),
  );
  plain(
    'standdown_signal_slow_bars_in_a_row',
    'At how many bars in a row the p99 of the signal latency was over the limit.',
    () => measurements.slowBars(now()),
  );
}

const seconds = (ms: number | null | undefined): number | null =>
  ms === null || ms === undefined ? null : ms / 1_000;
const left = (share: number | undefined): number | null => (share === undefined ? null : 1 - share);

/** The error budgets of the month that runs. An SLO of which nothing was measured has no sample but its unmeasured share. */
export function registerBudgets(registry: Registry, readings: () => BudgetReading[]): void {
  const gauge = (name: string, help: string, read: (one: BudgetReading) => number | null) =>
    readAtScrape(registry, name, help, ['slo'], () =>
      readings().map((one): Reading => [{ slo: one.slo }, read(one)]),
    );
  const ifMeasured = (one: BudgetReading, value: number): number | null =>
    (one.measuredPct ?? 0) > 0 || one.consumedSec > 0 ? value : null;
  gauge('standdown_error_budget_seconds', 'Budget of the month, UTC.', (one) => one.budgetSec);
  gauge('standdown_error_budget_consumed_seconds', 'What is known to be consumed of it.', (one) =>
    ifMeasured(one, one.consumedSec),
  );
  gauge('standdown_error_budget_remaining_ratio', 'What is left at best; negative when overspent.', (one) =>
    ifMeasured(one, one.remainingPct / 100),
  );
  gauge(
    'standdown_error_budget_measured_ratio',
    'Share of the time that counts, up to now, that was measured.',
    (one) => (one.measuredPct === null ? null : one.measuredPct / 100),
  );
  readAtScrape(
    registry,
    'standdown_error_budget_burn_rate',
    'How fast it burns over the window of a rate of the playbook: 1 spends it exactly by the end of the month.',
    ['slo', 'rate', 'window'],
    () =>
      readings().flatMap(({ slo, burn }) =>
        burn.flatMap(({ over, slow, fast }): Reading[] => [
          [{ slo, rate: String(over), window: 'slow' }, slow],
          [{ slo, rate: String(over), window: 'fast' }, fast],
        ]),
      ),
  );
}
