/** The alert rules that ship against the bot that they are about. What only promtool can say is in test/prometheus. */

import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { SEVERITIES } from '../../src/domain/incident.ts';
import { type Condition, conditionsNow } from '../../src/domain/measure/conditions.ts';
import type { Criterion } from '../../src/domain/measure/criteria.ts';
import { createMeasurements } from '../../src/domain/measure/measurements.ts';
import { type InProcess, policy, startDesk } from '../scenarios/desk.ts';

interface Rule {
  alert?: string;
  record?: string;
  expr: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
}

const FEED = { id: 'binance-1m', intervalSec: 60, symbols: ['BTC/USDT:USDT'] };
const read = async (name: string): Promise<unknown> =>
  parse(await readFile(new URL(`../../templates/${name}`, import.meta.url), 'utf8'));

let desk: InProcess;
let rules: Rule[];
beforeAll(async () => {
  desk = await startDesk({
    config: (config) => ({
      ...config,
      feeds: [{ ...FEED, statusUrl: null, backup: null }],
      engines: [{ id: 'main', heartbeatSec: 5 }],
    }),
  });
  const file = (await read('alert-rules.yml')) as { groups: { rules: Rule[] }[] };
  rules = file.groups.flatMap((group) => group.rules);
});
afterAll(() => desk.close());

async function metrics(): Promise<string> {
  const response = await fetch(`${desk.url}/metrics`);
  return response.text();
}

/** Everything that a person can be told of is wrong at once. */
function everythingWrong(fillShare: number): Condition[] {
  const now = Date.UTC(2026, 10, 20, 12);
  const of = createMeasurements([FEED]);
  const bar = (closedAt: number) =>
    of.take({ type: 'bar', at: closedAt, feed: FEED.id, symbol: 'BTC/USDT:USDT', closedAt }, now);
  const signal = (at: number) => of.take({ type: 'signal', at, latencyMs: 2_500 }, now);
  for (let minute = 5 * 60; minute > 11; minute -= 1) {
    signal(now - minute * 60_000);
    // Hours with bars missing in them.
    if (minute % 10 !== 0) bar(now - minute * 60_000);
  }
  of.feeds.tick(now - 8 * 60_000, () => true);
  const order = { at: now - 1_000, venue: 'v', symbol: 's' };
  for (let n = 0; n < 100; n += 1) {
    const orderId = `o${n}`;
    of.take({ ...order, type: 'order', orderId, status: n < 60 ? 'accepted' : 'rejected' }, now);
    of.take(
      { ...order, type: 'order', orderId, status: 'filled', qty: 1, filledQty: fillShare, slippageBps: 6 },
      now,
    );
  }
  const unknown = { id: 'dailyLoss', state: 'unknown', detail: 'no reading' } as Criterion;
  return conditionsNow(
    of,
    now,
    {
      criteria: policy().playbook.criteria,
      limits: { maxDailyLoss: { unit: 'amount', value: 1 }, maxNotional: 1, currency: 'USDT', perVenue: {} },
      minOrders: 10,
      confirmations: 2,
      whenPaused: 'wait',
      feeds: [FEED],
      venues: [],
    },
    {
      market: { open: true, since: null },
      stopConfirmed: false,
      engineSilent: false,
      heartbeatAgeMs: null,
      silent: [{ id: 'main', ageMs: 16_000, never: false }],
      mismatches: [{ key: 'binance-usdm BTC/USDT:USDT', what: 'position', text: 'they differ' }],
    },
    [unknown],
    new Map([['dailyLoss', now - 120_000]]),
    120_000,
  );
}

describe('templates/alert-rules.yml', () => {
  it('names only metrics that the bot exports', async () => {
    const exported = new Set([...(await metrics()).matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name));
    const recorded = new Set(rules.flatMap(({ record }) => record ?? []));
    const named = rules.flatMap(({ expr, annotations }) =>
      [expr, ...Object.values(annotations ?? {})].flatMap((text) => text.match(/\bstanddown[_:]\w+/g) ?? []),
    );
    expect(new Set(named).size).toBeGreaterThan(15);
    expect(named.filter((name) => !exported.has(name) && !recorded.has(name))).toEqual([]);
  });

  it('every label is one that the bot reads as it stands', () => {
    const runbooks = policy().runbooks.map(({ id }) => id);
    for (const { alert, labels = {}, annotations } of rules.filter((one) => one.alert !== undefined)) {
      expect(SEVERITIES, alert).toContain(labels['severity']);
      if (labels['runbook'] !== undefined) expect(runbooks, alert).toContain(labels['runbook']);
      expect(annotations?.['summary'], alert).toBeTypeOf('string');
      // About something of the bot's own, or past the bot; the one exception opens an incident by itself.
      const ways = [labels['standdown_group'], labels['past_standdown']].filter((one) => one !== undefined);
      expect(ways, alert).toHaveLength(alert === 'StanddownMessagesStuck' ? 0 : 1);
    }
  });

  it('has a rule for each condition that the bot raises, of its severity, in its group', () => {
    const conditions = [...everythingWrong(0.97), ...everythingWrong(0.9)];
    const kinds = new Set(conditions.map(({ key }) => key.split(':')[0]));
    expect(kinds).toEqual(
      new Set([
        'engineSilent',
        'feedLost',
        'feedStale',
        'feedUptime',
        'fillRate',
        'mismatch',
        'missedBar',
        'rejectShare',
        'rejectsInARow',
        'signalLatency',
        'slippage',
        'successRate',
        'unknown',
      ]),
    );
    const inGroup = (given: string, group: string) =>
      new RegExp(`^${given.replaceAll(/\{\{.*?\}\}/g, '.+')}$`).test(group);
    for (const { key, group, severity, runbook } of conditions) {
      const found = rules.filter(
        ({ labels }) =>
          labels?.['standdown_group'] !== undefined &&
          inGroup(labels['standdown_group'], group) &&
          labels['severity'] === severity &&
          (labels['runbook'] ?? null) === runbook,
      );
      expect(found.length, `${key} in ${group}, ${severity}`).toBeGreaterThan(0);
    }
  });
});

describe('templates/alertmanager.yml', () => {
  it('sends what ends too, never more alerts than the bot reads at once, and by a token from a file', async () => {
    const { receivers } = (await read('alertmanager.yml')) as {
      receivers: { name: string; webhook_configs?: Record<string, unknown>[] }[];
    };
    const own = receivers.find(({ name }) => name === 'standdown')?.webhook_configs?.[0];
    expect(own).toMatchObject({
      url: 'http://127.0.0.1:3000/alerts/alertmanager',
      send_resolved: true,
      max_alerts: 1_000,
      http_config: { authorization: { credentials_file: expect.any(String) } },
    });
    expect(receivers.filter((one) => one.webhook_configs === undefined).map(({ name }) => name)).toEqual([
      'on-call-directly',
    ]);
  });
});

describe('/metrics', () => {
  it('has no sample of what nobody measured, and a sample of it once somebody did', async () => {
    const before = await metrics();
    for (const name of ['feed_gap_seconds', 'order_reject_ratio', 'fill_ratio', 'signal_latency_seconds']) {
      expect(before).toContain(`# TYPE standdown_${name} gauge`);
      expect(before).not.toMatch(new RegExp(`^standdown_${name}[ {]`, 'm'));
    }
    const at = Date.now();
    const order = { type: 'order', at, venue: 'binance-usdm', symbol: 'BTC/USDT:USDT' };
    await desk.post('/telemetry', [
      { type: 'bar', at, feed: FEED.id, symbol: FEED.symbols[0], closedAt: at - 100_000 },
      { type: 'signal', at, latencyMs: 250 },
      { type: 'heartbeat', at, engine: 'main' },
      ...Array.from({ length: 50 }, (_, n) => ({
        ...order,
        orderId: `o${n}`,
        status: n < 2 ? 'rejected' : 'accepted',
      })),
      ...Array.from({ length: 50 }, (_, n) => ({
        ...order,
        orderId: `o${n}`,
        status: 'filled',
        qty: 4,
        filledQty: 3,
        slippageBps: 2,
      })),
    ]);
    const after = await metrics();
    const value = (name: string) => Number(new RegExp(`^standdown_${name} (\\S+)$`, 'm').exec(after)?.[1]);
    expect(value('feed_gap_seconds{feed="binance-1m"}')).toBeGreaterThanOrEqual(40);
    expect(value('feed_missed_bars{feed="binance-1m"}')).toBe(0);
    expect(value('signal_latency_seconds{quantile="0.99"}')).toBe(0.25);
    expect(value('order_reject_ratio')).toBe(0.04);
    expect(value('order_success_ratio')).toBe(0.96);
    expect(value('orders_rejected_in_a_row')).toBe(0);
    expect(value('fill_ratio')).toBe(0.75);
    expect(value('fill_slippage_ratio')).toBe(0.0002);
    expect(value('market_open')).toBe(1);
    expect(value('engine_heartbeat_interval_seconds{engine="main"}')).toBe(5);
    expect(after).toMatch(
      /^standdown_build_info\{version="\d+\.\d+\.\d+",node="v\d+\S*",mode="rehearsal",hard_stops="act"\} 1$/m,
    );
  });
});
