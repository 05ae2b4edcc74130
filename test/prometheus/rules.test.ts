/** Each rule just under its limit, over it, and over again; by promtool, on the file that ships. */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { runTool } from './tools.ts';

const RULES = fileURLToPath(new URL('../../templates/alert-rules.yml', import.meta.url));
const ALERTMANAGER = fileURLToPath(new URL('../../templates/alertmanager.yml', import.meta.url));

const folder = mkdtempSync(join(tmpdir(), 'standdown-rules-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

type Values = Record<string, number | '_'>;

interface Case {
  alert: string;
  /** What else the bot says all the time. */
  beside?: Values;
  under: Values;
  over: Values;
  labels: Record<string, string>;
  summary: string;
  /** Labels of the target, unless the alert has none of its own. */
  target?: Record<string, string>;
}

const TARGET = { job: 'standdown', instance: 'bot' };
const P = (severity: string, group: string | null, runbook: string | null, more: object = {}) => ({
  severity,
  ...(group === null ? {} : { standdown_group: group }),
  ...(runbook === null ? {} : { runbook }),
  ...more,
});
const ACT = { 'standdown_build_info{hard_stops="act"}': 1 };
const OPEN = {
  standdown_market_open: 1,
  'standdown_engine_heartbeat_age_seconds{engine="main"}': 5,
  'standdown_engine_heartbeat_interval_seconds{engine="main"}': 5,
};

function hardStop(alert: string, criterion: string, unit: string, limit: number): Case {
  const labels = `criterion="${criterion}",unit="${unit}"`;
  return {
    alert,
    beside: { ...ACT, [`standdown_criterion_limit{${labels}}`]: limit },
    under: { [`standdown_criterion_state{${labels}}`]: 0, [`standdown_criterion_value{${labels}}`]: limit },
    over: {
      [`standdown_criterion_state{${labels}}`]: 1,
      [`standdown_criterion_value{${labels}}`]: limit + 0.01,
    },
    labels: P('P0', 'kill', 'kill-switch', { criterion, unit }),
    summary: `${criterion} is ${(limit + 0.01).toFixed(2)} ${unit}, its limit ${limit.toFixed(2)} ${unit}`,
  };
}

const FEED = 'feed="binance-1m"';
const latency = (p95: number, p99: number, slowBars: number): Values => ({
  'standdown_signal_latency_seconds{quantile="0.95"}': p95,
  'standdown_signal_latency_seconds{quantile="0.99"}': p99,
  standdown_signal_slow_bars_in_a_row: slowBars,
});

const CASES: Case[] = [
  hardStop('StanddownHardStopDailyLoss', 'dailyLoss', 'USDT', 20),
  hardStop('StanddownHardStopPositionSize', 'positionSize', 'USDT', 150),
  hardStop('StanddownHardStopRejectRate', 'rejectRate', '%', 10),
  hardStop('StanddownHardStopDataFeedGap', 'dataFeedGap:binance-1m', 's', 300),
  {
    ...hardStop('StanddownHardStopObserved', 'dailyLoss', 'USDT', 20),
    beside: {
      'standdown_build_info{hard_stops="observe"}': 1,
      'standdown_criterion_limit{criterion="dailyLoss",unit="USDT"}': 20,
    },
    labels: P('P1', 'observe:dailyLoss', 'kill-switch', { criterion: 'dailyLoss', unit: 'USDT' }),
  },
  {
    alert: 'StanddownHardStopUnknown',
    under: { 'standdown_criterion_state{criterion="rejectRate",unit="%"}': 1 },
    over: { 'standdown_criterion_state{criterion="rejectRate",unit="%"}': 2 },
    labels: P('P1', 'hard stops', null, { criterion: 'rejectRate', unit: '%' }),
    summary: 'rejectRate cannot be measured: it would stop nothing now',
  },
  {
    alert: 'StanddownEngineSilent',
    beside: { 'standdown_engine_heartbeat_interval_seconds{engine="main"}': 5 },
    under: { 'standdown_engine_heartbeat_age_seconds{engine="main"}': 15 },
    over: { 'standdown_engine_heartbeat_age_seconds{engine="main"}': 16 },
    labels: P('P0', 'engine:main', 'kill-switch', { engine: 'main' }),
    summary: 'Engine main: no heartbeat for 16s, whether it trades is unknown',
  },
  {
    alert: 'StanddownPositionMismatch',
    under: { 'standdown_condition{key="fillRate"}': 1 },
    over: { 'standdown_condition{key="mismatch:0"}': 1, 'standdown_condition{key="fillRate"}': 1 },
    labels: P('P1', 'mismatch', 'position-mismatch', { key: 'mismatch:0' }),
    summary: 'The engine and the venue disagree on a position. The incident says which',
  },
  {
    alert: 'StanddownFeedGap',
    beside: OPEN,
    under: { [`standdown_feed_gap_seconds{${FEED}}`]: 120 },
    over: { [`standdown_feed_gap_seconds{${FEED}}`]: 121 },
    labels: P('P1', 'feed:binance-1m', 'slo-01-data-feed', { feed: 'binance-1m' }),
    summary: 'Feed binance-1m: gap 2m 1s. The bot pauses signals; over 5 min is a hard stop',
  },
  {
    alert: 'StanddownFeedLost',
    beside: OPEN,
    under: { [`standdown_feed_gap_seconds{${FEED}}`]: 599 },
    over: { [`standdown_feed_gap_seconds{${FEED}}`]: 600 },
    labels: P('P1', 'feed:binance-1m', 'slo-01-data-feed', { feed: 'binance-1m' }),
    summary: 'Feed binance-1m: gap 10m 0s. Switch to the backup feed or halt new orders',
  },
  {
    alert: 'StanddownFeedUptimeLow',
    beside: OPEN,
    under: { [`standdown_feed_uptime_ratio{${FEED}}`]: 0.995 },
    over: { [`standdown_feed_uptime_ratio{${FEED}}`]: 0.9949 },
    labels: P('P1', 'feed:binance-1m', 'slo-01-data-feed', { feed: 'binance-1m' }),
    summary: "Feed binance-1m: 99.49% of this month's hours were good, 99.5% is the target",
  },
  {
    alert: 'StanddownFeedBarMissed',
    beside: OPEN,
    under: { [`standdown_feed_missed_bars{${FEED}}`]: 0 },
    over: { [`standdown_feed_missed_bars{${FEED}}`]: 1 },
    labels: P('P3', 'missedBar:binance-1m', 'slo-01-data-feed', { feed: 'binance-1m' }),
    summary: 'Feed binance-1m: 1 bars missed in the last hour',
  },
  {
    alert: 'StanddownSignalLatency',
    under: latency(1, 1.5, 3),
    over: latency(1.001, 1.5, 3),
    labels: P('P2', 'latency', 'slo-02-latency', { quantile: '0.95' }),
    summary: 'Signal latency: quantile 0.95 of the last hour is 1.001s. Under 2 s: go on, watch closely',
  },
  {
    alert: 'StanddownSignalLatency',
    under: latency(1, 1.5, 3),
    over: latency(1, 1.5, 4),
    labels: P('P2', 'latency', 'slo-02-latency', { quantile: '0.99' }),
    summary: 'Signal latency: quantile 0.99 of the last hour is 1.5s. Under 2 s: go on, watch closely',
  },
  {
    alert: 'StanddownSignalLatencyStop',
    under: latency(0.9, 1.999, 4),
    over: latency(0.9, 2, 4),
    labels: P('P2', 'latency', 'slo-02-latency', { quantile: '0.99' }),
    summary: 'Signal latency: p99 of the last hour is 2s. The runbook says: pause new orders',
  },
  {
    alert: 'StanddownOrdersRejected',
    under: { standdown_orders_rejected_in_a_row: 2 },
    over: { standdown_orders_rejected_in_a_row: 3 },
    labels: P('P1', 'orders', 'slo-03-order-execution'),
    summary: '3 orders in a row were rejected',
  },
  {
    alert: 'StanddownOrderSuccessLow',
    under: { standdown_orders_under_success_in_a_row: 5 },
    over: { standdown_orders_under_success_in_a_row: 6 },
    labels: P('P1', 'orders', 'slo-03-order-execution'),
    summary: 'Order success is under 99.5% after each of 6 orders in a row',
  },
  {
    alert: 'StanddownOrderRejectRate',
    under: { standdown_order_reject_ratio: 0.01 },
    over: { standdown_order_reject_ratio: 0.02 },
    labels: P('P1', 'orders', 'slo-03-order-execution'),
    summary: '2% of the last 100 orders were rejected. Over 1% the runbook says: kill',
  },
  {
    alert: 'StanddownFillRateLow',
    under: { standdown_fill_ratio: 0.99 },
    over: { standdown_fill_ratio: 0.989 },
    labels: P('P2', 'fills', 'slo-03-order-execution'),
    summary: '98.9% of the last 100 orders were filled',
  },
  {
    alert: 'StanddownFillRateVeryLow',
    under: { standdown_fill_ratio: 0.95 },
    over: { standdown_fill_ratio: 0.949 },
    labels: P('P1', 'fills', 'slo-03-order-execution'),
    summary: '94.9% of the last 100 orders were filled: under 95%',
  },
  {
    alert: 'StanddownSlippage',
    under: { standdown_fill_slippage_ratio: 0.0005 },
    over: { standdown_fill_slippage_ratio: 0.00051 },
    labels: P('P3', 'slippage', 'slo-03-order-execution'),
    summary: 'Fills are off by 0.051% in the mean of the last 100',
  },
  {
    alert: 'StanddownKillUnknown',
    under: {
      'standdown_kill_verdict{verdict="RESIDUAL"}': 1,
      'standdown_kill_verdict{verdict="UNKNOWN"}': 0,
    },
    over: { 'standdown_kill_verdict{verdict="RESIDUAL"}': 0, 'standdown_kill_verdict{verdict="UNKNOWN"}': 1 },
    labels: P('P0', 'kill', 'kill-switch', { verdict: 'UNKNOWN' }),
    summary: "The last kill is UNKNOWN. Orders or positions may be live, look on the venue's own page",
  },
  {
    alert: 'StanddownKillWithoutVerdict',
    under: { standdown_kill_running: 0 },
    over: { standdown_kill_running: 1 },
    labels: P('P0', 'kill', 'kill-switch'),
    summary: "A kill has run for a minute without a verdict. Look on the venue's own page",
  },
  {
    alert: 'StanddownAbsent',
    under: { up: 1 },
    over: { up: 0 },
    labels: P('P0', null, null, { past_standdown: 'yes' }),
    summary:
      'Standdown does not answer. No hard stop is watched, no alert becomes an incident. Start it, and kill by the command line if you must',
  },
  {
    alert: 'StanddownAbsent',
    under: { up: 1 },
    over: { up: '_' },
    target: { job: 'standdown' },
    labels: P('P0', null, null, { past_standdown: 'yes' }),
    summary:
      'Standdown does not answer. No hard stop is watched, no alert becomes an incident. Start it, and kill by the command line if you must',
  },
  {
    alert: 'StanddownCannotRecord',
    under: { standdown_store_failed: 0 },
    over: { standdown_store_failed: 1 },
    labels: P('P1', null, null, { past_standdown: 'yes' }),
    summary:
      'Standdown cannot write its log. A kill works, alerts are refused. Mend the disk, and restart it',
  },
  {
    alert: 'StanddownPagesStuck',
    under: {
      'standdown_outbox_oldest_age_seconds{lane="pageP0"}': 60,
      'standdown_outbox_oldest_age_seconds{lane="pageCheck"}': 900,
    },
    over: {
      'standdown_outbox_oldest_age_seconds{lane="pageP0"}': 61,
      'standdown_outbox_oldest_age_seconds{lane="pageCheck"}': 900,
    },
    labels: P('P1', null, null, { past_standdown: 'yes', lane: 'pageP0' }),
    summary: 'A page has not left for 1m 1s: the bot does not reach PagerDuty',
  },
  {
    alert: 'StanddownPageGivenUp',
    under: { 'standdown_delivery_failures_total{what="page",gave_up="true"}': 0 },
    over: { 'standdown_delivery_failures_total{what="page",gave_up="true"}': 1 },
    labels: P('P1', null, null, { past_standdown: 'yes', what: 'page', gave_up: 'true' }),
    summary: 'PagerDuty refused a page for good. Its incident is in Slack, and nobody was called',
  },
  {
    alert: 'StanddownMessagesStuck',
    under: { 'standdown_outbox_oldest_age_seconds{lane="slack"}': 300 },
    over: { 'standdown_outbox_oldest_age_seconds{lane="slack"}': 301 },
    labels: P('P2', null, null),
    summary: 'Messages have not left for 5m 1s: Slack or the mail server does not take them',
  },
];

/** Over the limit, and no alert all the same. */
const QUIET: { why: string; alert: string; values: Values }[] = [
  {
    why: 'a hard stop that only observes kills nothing',
    alert: 'StanddownHardStopDailyLoss',
    values: {
      'standdown_build_info{hard_stops="observe"}': 1,
      'standdown_criterion_state{criterion="dailyLoss"}': 1,
    },
  },
  ...['StanddownFeedGap', 'StanddownFeedLost'].flatMap((alert) => [
    {
      why: `outside the trading hours (${alert})`,
      alert,
      values: { ...OPEN, standdown_market_open: 0, [`standdown_feed_gap_seconds{${FEED}}`]: 700 },
    },
    {
      why: `no engine is there to send bars (${alert})`,
      alert,
      values: {
        ...OPEN,
        'standdown_engine_heartbeat_age_seconds{engine="main"}': 16,
        [`standdown_feed_gap_seconds{${FEED}}`]: 700,
      },
    },
  ]),
  {
    why: 'a bar missed outside the trading hours',
    alert: 'StanddownFeedBarMissed',
    values: { ...OPEN, standdown_market_open: 0, [`standdown_feed_missed_bars{${FEED}}`]: 3 },
  },
  {
    why: 'a page that waits for its acknowledgement has left',
    alert: 'StanddownPagesStuck',
    values: { 'standdown_outbox_oldest_age_seconds{lane="pageCheck"}': 9_000 },
  },
];

/** The target's labels added to a series. */
function series(name: string): string {
  const [, metric = '', own] = /^(\w+)(?:\{(.*)\})?$/.exec(name) ?? [];
  const labels = Object.entries(TARGET).map(([key, value]) => `${key}="${value}"`);
  return `${metric}{${[...labels, ...(own === undefined ? [] : [own])].join(',')}}`;
}

/** So many samples of a value; of one that is gone, the marker that a scrape leaves behind first. */
const run = (value: number | '_' | undefined, times: number) =>
  value === undefined || value === '_' ? `stale _x${times - 1}` : `${value}x${times - 1}`;

/** 0 to 4 min under, to 9 min over, then under: samples every 15 s. A series that is not named in a phase is absent in it. */
function inputs(under: Values, over: Values): { series: string; values: string }[] {
  const names = [...new Set([...Object.keys(under), ...Object.keys(over)])];
  return names.map((name) => ({
    series: series(name),
    values: [run(under[name], 17), run(over[name], 20), run(under[name], 91)].join(' '),
  }));
}

function promtool(name: string, test: object): { ok: boolean; text: string } {
  const file = join(folder, `${name}.yml`);
  writeFileSync(file, stringify({ rule_files: [RULES], evaluation_interval: '15s', tests: [test] }));
  return runTool('promtool', 'test', 'rules', file);
}

const fires = ({ labels, summary, target }: Case) => [
  {
    exp_labels: { ...(target ?? TARGET), ...labels },
    exp_annotations: { summary },
  },
];

describe('the files that ship', () => {
  it('are taken by promtool and amtool', () => {
    expect(runTool('promtool', 'check', 'rules', RULES)).toMatchObject({ ok: true });
    expect(runTool('amtool', 'check-config', ALERTMANAGER)).toMatchObject({ ok: true });
  });

  it('amtool routes what is wrong with the bot past it, and everything else to it', () => {
    const route = (...labels: string[]) =>
      runTool('amtool', 'config', 'routes', 'test', `--config.file=${ALERTMANAGER}`, ...labels).out.trim();
    expect(route('alertname=StanddownAbsent', 'past_standdown=yes', 'severity=P0')).toBe('on-call-directly');
    expect(route('alertname=StanddownFeedGap', 'standdown_group=feed:a', 'severity=P1')).toBe('standdown');
    expect(route('alertname=ExchangeOrderStuck')).toBe('standdown');
  });

  it('every rule has a case here', () => {
    const { groups } = parse(readFileSync(RULES, 'utf8')) as { groups: { rules: { alert?: string }[] }[] };
    const alerts = groups.flatMap(({ rules }) => rules.flatMap(({ alert }) => alert ?? []));
    expect(alerts.filter((alert) => !CASES.some((one) => one.alert === alert))).toEqual([]);
    expect(new Set(alerts).size).toBe(alerts.length);
  });
});

describe('a rule', () => {
  it.each(CASES.map((one, index) => ({ ...one, name: `${one.alert}-${index}` })))(
    '$name is quiet just under its limit, fires over it, and ends',
    (one) => {
      const beside = one.beside ?? {};
      const at = (eval_time: string, exp_alerts: object[]) => ({
        eval_time,
        alertname: one.alert,
        exp_alerts,
      });
      const result = promtool(one.name, {
        interval: '15s',
        input_series: inputs({ ...beside, ...one.under }, { ...beside, ...one.over }),
        alert_rule_test: [at('4m', []), at('9m', fires(one)), at('30m', [])],
      });
      expect(result.ok, result.text).toBe(true);
    },
  );

  it.each(QUIET)('is quiet: $why', ({ alert, values }) => {
    const result = promtool('quiet', {
      interval: '15s',
      input_series: inputs(values, values),
      alert_rule_test: [{ eval_time: '9m', alertname: alert, exp_alerts: [] }],
    });
    expect(result.ok, result.text).toBe(true);
  });

  it('outlives a restart of the bot: half a minute without data is no all-clear', () => {
    const [gap] = CASES.filter((one) => one.alert === 'StanddownFeedGap');
    if (gap === undefined) throw new Error('there is no such case');
    const result = promtool('restart', {
      interval: '15s',
      input_series: Object.entries({ ...gap.beside, ...gap.over }).map(([name, value]) => ({
        series: series(name),
        values: [run(value, 10), run('_', 3), run(value, 10)].join(' '),
      })),
      alert_rule_test: ['2m30s', '2m45s', '3m', '3m15s', '5m'].map((eval_time) => ({
        eval_time,
        alertname: gap.alert,
        exp_alerts: fires(gap),
      })),
    });
    expect(result.ok, result.text).toBe(true);
  });

  it('the p99 of the staleness is recorded', () => {
    const result = promtool('recorded', {
      interval: '15s',
      input_series: [{ series: series(`standdown_feed_gap_seconds{${FEED}}`), values: '0x197 600x2' }],
      promql_expr_test: [
        {
          expr: 'standdown:feed_gap_seconds:p99_1h > 100',
          eval_time: '50m',
          exp_samples: [
            {
              labels: `standdown:feed_gap_seconds:p99_1h{${FEED},job="standdown",instance="bot"}`,
              value: 600,
            },
          ],
        },
      ],
    });
    expect(result.ok, result.text).toBe(true);
  });
});
