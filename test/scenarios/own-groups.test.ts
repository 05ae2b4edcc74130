/** An alert that says to be about what the bot raises by itself joins that incident: none is opened or paged twice. */

import { afterEach, describe, expect, it } from 'vitest';
import { type AlertOptions, type InProcess, startDesk } from './desk.ts';
import {
  everythingLeft,
  fire,
  happens,
  incidentView,
  paged,
  pagesOf,
  settled,
  statusView,
  take,
} from './reading.ts';

let desk: InProcess | null = null;
afterEach(async () => {
  await desk?.close();
  desk = null;
});

const FEED = { id: 'binance-1m', intervalSec: 60, symbols: ['BTC/USDT:USDT'], statusUrl: null, backup: null };
const start = () => startDesk({ config: (config) => ({ ...config, feeds: [FEED] }) });

const bar = (gapSec: number) => ({
  type: 'bar',
  at: Date.now(),
  feed: FEED.id,
  symbol: 'BTC/USDT:USDT',
  closedAt: Date.now() - (FEED.intervalSec + gapSec) * 1_000,
});
/** Fifty orders that ended, each filled to this share. */
const fills = (share: number, from = 0) =>
  Array.from({ length: 50 }, (_, n) => ({
    type: 'order',
    at: Date.now() - 60_000 + (from + n) * 10,
    venue: 'binance-usdm',
    symbol: 'BTC/USDT:USDT',
    orderId: `o${from + n}`,
    status: 'filled',
    qty: 1,
    filledQty: share,
  }));

const rule = (group: string, more: AlertOptions = {}): AlertOptions => ({
  name: 'StanddownRule',
  severity: 'P1',
  ...more,
  labels: { standdown_group: group, ...more.labels },
});

/** What the bot raises by itself from now on. */
async function raised(under: InProcess, samples: object): Promise<string> {
  const opening = happens(under, 'IncidentOpened');
  await take(under, '/telemetry', samples);
  return ((await opening) as { id: string }).id;
}

describe('a rule about a condition that the bot has raised', () => {
  it('joins its incident, pages nobody again, and ends by itself', async () => {
    desk = await start();
    const gap = await raised(desk, bar(130));
    await paged(desk, gap);
    expect(await fire(desk, rule('feed:binance-1m'))).toBe(gap);
    await everythingLeft(desk);
    expect((await incidentView(desk, gap)).alerts).toMatchObject([
      { source: 'standdown', fingerprint: 'feedStale:binance-1m', state: 'firing' },
      { source: 'alertmanager', fingerprint: '7af24487a712e7bb', state: 'firing' },
    ]);
    expect(pagesOf(desk, gap)).toHaveLength(1);

    await take(desk, '/telemetry', bar(0));
    expect(await fire(desk, rule('feed:binance-1m', { status: 'resolved' }))).toBe(gap);
    await settled(desk, gap, ({ alerts }) =>
      Object.values(alerts).every((alert) => alert.state === 'resolved'),
    );
    expect((await incidentView(desk, gap)).state).toBe('open');
  });

  it('that is worse raises it, and pages the next step', async () => {
    desk = await start();
    const gap = await raised(desk, bar(130));
    await paged(desk, gap);
    await fire(desk, rule('feed:binance-1m', { severity: 'P0' }));
    await paged(desk, gap, 2);
    expect(await incidentView(desk, gap)).toMatchObject({ severity: 'P0' });
  });

  it('keeps a P2 open until both say that it is over', async () => {
    desk = await start();
    const low = await raised(desk, fills(0.97));
    expect(await fire(desk, rule('fills', { severity: 'P2' }))).toBe(low);
    await take(desk, '/telemetry', [...fills(1, 50), ...fills(1, 100)]);
    await settled(desk, low, ({ alerts }) => alerts['fillRate']?.state === 'resolved');
    expect((await incidentView(desk, low)).state).toBe('open');
    await fire(desk, rule('fills', { severity: 'P2', status: 'resolved' }));
    expect(await incidentView(desk, low)).toMatchObject({
      state: 'resolved',
      resolved: { how: 'alertsCleared' },
    });
  });

  it('cannot end what the bot itself says, whatever it calls itself', async () => {
    desk = await start();
    const gap = await raised(desk, bar(130));
    const forged = rule('feed:binance-1m', { fingerprint: 'feedStale:binance-1m' });
    await take(desk, '/alerts/generic', {
      id: 'feedStale:binance-1m',
      status: 'resolved',
      title: 'over',
      labels: forged.labels,
    });
    await fire(desk, { ...forged, status: 'resolved' });
    expect((await incidentView(desk, gap)).alerts).toMatchObject([{ state: 'firing' }]);
  });
});

describe('a rule about what the bot did not raise', () => {
  it('opens the incident and pages, and the bot joins it when it comes to see it', async () => {
    desk = await start();
    const gap = await fire(desk, rule('feed:binance-1m'));
    await paged(desk, gap);
    await take(desk, '/telemetry', bar(130));
    await settled(desk, gap, ({ alerts }) => alerts['feedStale:binance-1m'] !== undefined);
    await everythingLeft(desk);
    expect(pagesOf(desk, gap)).toHaveLength(1);
    expect((await incidentView(desk, gap)).alerts).toHaveLength(2);
  });

  it('an empty group is none', async () => {
    desk = await start();
    const [one, other] = [
      await fire(desk, rule('', { groupKey: 'a' })),
      await fire(desk, rule('', { groupKey: 'b', fingerprint: 'other' })),
    ];
    expect(one).not.toBe(other);
    expect((await incidentView(desk, one)).alerts).toMatchObject([{ fingerprint: '7af24487a712e7bb' }]);
  });
});

describe('a rule about a hard stop', () => {
  const loss = (at: number) => ({ type: 'pnl', at, dayPnl: -50, currency: 'USDT', equity: 1_000 });
  const tripped = (more: AlertOptions = {}) =>
    rule('kill', { name: 'StanddownHardStopDailyLoss', severity: 'P0', ...more });

  it('joins the kill that it made', async () => {
    desk = await start();
    await take(desk, '/telemetry', [loss(Date.now() - 1_000), loss(Date.now())]);
    const { lastKill } = await statusView(desk);
    const killed = lastKill?.incident ?? '';
    await settled(desk, killed, ({ kills }) => Object.values(kills).some((kill) => kill.verdict !== null));
    const before = (await incidentView(desk, killed)).pages.map(({ key }) => key);
    expect(await fire(desk, tripped())).toBe(killed);
    expect(await fire(desk, tripped({ status: 'resolved' }))).toBe(killed);
    const { alerts, pages } = await incidentView(desk, killed);
    expect(alerts).toMatchObject([{ state: 'resolved' }]);
    expect(pages.map(({ key }) => key)).toEqual(before);
  });

  it('joins the kill that was pressed in an incident of its own', async () => {
    desk = await start();
    const stuck = await fire(desk, { name: 'ExchangeOrderStuck', severity: 'P1' });
    const { ledger, desk: own } = desk.bot;
    await own.kill({ via: 'slack', id: 'U0ADA', name: 'Ada' }, 'stuck', stuck);
    expect(ledger.trading().lastKill?.incident).toBe(stuck);
    expect(await fire(desk, tripped({ fingerprint: 'aaaaaaaaaaaaaaaa' }))).toBe(stuck);
  });

  it('opens a P0 and pages where the bot has not killed', async () => {
    desk = await start();
    const open = await fire(desk, tripped());
    await paged(desk, open);
    expect(await incidentView(desk, open)).toMatchObject({ severity: 'P0', kills: [] });
  });
});
