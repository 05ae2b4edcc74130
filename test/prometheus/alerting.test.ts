/** From a rule to an incident and back, through a real Prometheus and a real Alertmanager. */

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type InProcess, startDesk } from '../scenarios/desk.ts';
import {
  as,
  everythingLeft,
  type IncidentView,
  incidentView,
  paged,
  pagesOf,
  statusView,
  take,
} from '../scenarios/reading.ts';
import { freePort, type Stack, startStack, until } from './stack.ts';

const FEED = { id: 'binance-1m', intervalSec: 60, symbols: ['BTC/USDT:USDT'], statusUrl: null, backup: null };
const ALERT_TOKEN = 'token-for-alerts-alone';

let desk: InProcess;
let stack: Stack;

beforeAll(async () => {
  const port = await freePort();
  desk = await startDesk({
    config: (config) => ({
      ...config,
      port,
      feeds: [FEED],
      tokens: { ...config.tokens, alert: [ALERT_TOKEN] },
    }),
  });
  stack = await startStack(
    { url: desk.url, token: ALERT_TOKEN },
    {
      alert: 'DeskFillsAreNotWhole',
      expr: 'standdown_fill_ratio < 0.998',
      labels: { severity: 'warning' },
      annotations: { summary: '{{ $value | humanizePercentage }} filled' },
    },
  );
});
afterAll(async () => {
  await stack?.close();
  await desk?.close();
});

const bar = (gapSec: number) => ({
  type: 'bar',
  at: Date.now(),
  feed: FEED.id,
  symbol: FEED.symbols[0],
  closedAt: Date.now() - (FEED.intervalSec + gapSec) * 1_000,
});
const fills = (share: number, from: number) =>
  Array.from({ length: 100 }, (_, n) => ({
    type: 'order',
    at: Date.now() - 60_000 + from + n,
    venue: 'binance-usdm',
    symbol: 'BTC/USDT:USDT',
    orderId: `o${from + n}`,
    status: 'filled',
    qty: 1,
    filledQty: share,
  }));

/** Every incident that holds an alert of this name. */
async function incidentsWith(alertname: string): Promise<IncidentView[]> {
  const { json } = as<{ incidents: { id: string }[] }>(await desk.get('/incidents'));
  const all = await Promise.all(json.incidents.map(({ id }) => incidentView(desk, id)));
  return all.filter(({ alerts }) => alerts.some(({ labels }) => labels['alertname'] === alertname));
}

async function incidentWith(alertname: string, fits: (incident: IncidentView) => boolean) {
  return until(
    () => `an incident with ${alertname}\n${stack.output()}`,
    async () => (await incidentsWith(alertname)).find(fits),
  );
}

describe('a condition that the bot raises by itself', () => {
  it('becomes one incident with both alerts and one page, and both are resolved when it is over', async () => {
    await take(desk, '/telemetry', bar(130));
    const gap = await incidentWith('StanddownFeedGap', ({ alerts }) => alerts.length >= 2);
    await paged(desk, gap.id);
    await everythingLeft(desk);
    expect(gap).toMatchObject({
      severity: 'P1',
      runbook: 'slo-01-data-feed',
      title: 'Feed gap: binance-1m',
      alerts: [
        { source: 'standdown', state: 'firing' },
        {
          source: 'alertmanager',
          state: 'firing',
          severity: 'P1',
          title: expect.stringMatching(/^StanddownFeedGap: Feed binance-1m: gap [23]m \d+s\./),
        },
      ],
    });
    expect(await incidentsWith('StanddownFeedGap')).toHaveLength(1);
    expect(pagesOf(desk, gap.id)).toHaveLength(1);
    expect((await statusView(desk)).trading.signals).toBe('paused');

    await take(desk, '/telemetry', bar(0));
    const over = await incidentWith('StanddownFeedGap', ({ alerts }) =>
      alerts.every(({ state }) => state === 'resolved'),
    );
    // A P1 stays open until a person closes it.
    expect(over).toMatchObject({ id: gap.id, state: 'open' });
    expect(over.alerts).toHaveLength(2);
  });
});

describe('a rule of the desk’s own', () => {
  it('opens an incident, and resolves it when it is over', async () => {
    await take(desk, '/telemetry', fills(0.995, 0));
    const opened = await incidentWith('DeskFillsAreNotWhole', ({ state }) => state === 'open');
    await paged(desk, opened.id);
    expect(opened).toMatchObject({
      severity: 'P2',
      title: 'DeskFillsAreNotWhole: 99.5% filled',
      alerts: [{ source: 'alertmanager', state: 'firing' }],
    });
    await take(desk, '/telemetry', fills(1, 200));
    expect(await incidentWith('DeskFillsAreNotWhole', ({ state }) => state === 'resolved')).toMatchObject({
      id: opened.id,
      alerts: [{ state: 'resolved' }],
      resolved: { how: 'alertsCleared' },
    });
  });
});

describe('the bot’s own absence', () => {
  it('fires at Prometheus and pages past the bot, and ends when it is back', async () => {
    expect(stack.pages).toEqual([]);
    await desk.restart(async () => {
      const alert = await until(
        () => `the absence\n${stack.output()}`,
        async () =>
          (await stack.alerts()).find(
            ({ state, labels }) => labels['alertname'] === 'StanddownAbsent' && state === 'firing',
          ),
      );
      expect(alert.labels).toMatchObject({ severity: 'P0', past_standdown: 'yes' });
      const page = await until(
        () => `a page past the bot\n${stack.output()}`,
        async () => stack.pages.find(({ event_action }) => event_action === 'trigger'),
      );
      expect(page).toMatchObject({
        routing_key: 'direct-routing-key',
        payload: {
          severity: 'critical',
          summary: expect.stringContaining('StanddownAbsent: Standdown does not answer.'),
        },
      });
    });
    await until(
      () => `the end of the page\n${stack.output()}`,
      async () => stack.pages.find(({ event_action }) => event_action === 'resolve'),
    );
    expect(await incidentsWith('StanddownAbsent')).toEqual([]);
  });
});
