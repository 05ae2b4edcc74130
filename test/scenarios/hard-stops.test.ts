/** Hard stops over HTTP, where they meet: two at once, and an alert that is one. */

import { afterEach, describe, expect, it } from 'vitest';
import { type InProcess, startDesk } from './desk.ts';
import { statusView } from './reading.ts';

let desk: InProcess | null = null;
afterEach(async () => {
  await desk?.close();
  desk = null;
});

const start = () =>
  startDesk({
    config: (config) => ({
      ...config,
      hardStops: { ...config.hardStops, fromAlerts: ['dailyLoss'] },
      tokens: { ...config.tokens, alert: ['alerts-only'] },
    }),
  });
const verdict = (of: InProcess, incident: string) =>
  of.stage.slack.until(() => of.thread(incident).includes('VERDICT'), { what: 'the verdict' });
/** A kill runs until this is called. */
function holdCancels(of: InProcess): () => void {
  const times = Number.POSITIVE_INFINITY;
  const held = of.stage.binance.fault({ kind: 'slow', match: { method: 'DELETE' }, times });
  return () => held.release();
}
const order = (n: number, state: 'accepted' | 'rejected') => ({
  type: 'order',
  at: Date.now(),
  venue: 'binance-usdm',
  symbol: 'BTC/USDT:USDT',
  orderId: `o${n}`,
  status: state,
});
const position = (at: number) => ({
  type: 'position',
  at,
  venue: 'binance-usdm',
  symbol: 'BTC/USDT:USDT',
  notional: 5_000_000,
});
const loss = (change: object = {}) => ({
  id: 'loss',
  status: 'firing',
  title: 'Loss of the day',
  severity: 'P0',
  hardStop: 'dailyLoss',
  ...change,
});

describe('two hard stops that trip at once', () => {
  it('are one kill, and the receipt has the evidence of both', async () => {
    desk = await start();
    const now = Date.now();
    const rejects = Array.from({ length: 10 }, (_, n) => order(n, n < 3 ? 'rejected' : 'accepted'));
    const release = holdCancels(desk);
    const { json } = await desk.post('/telemetry', [...rejects, position(now - 10), position(now)]);
    release();
    const [incident] = json['incidents'] as unknown as string[];
    await verdict(desk, incident ?? '');
    await desk.stage.slack.until(() => desk?.thread(incident).includes('Also asked for by Hard stop'), {
      what: 'the second one on the receipt',
    });
    const thread = desk.thread(incident);
    expect(thread.match(/■ KILL/g)).toHaveLength(1);
    expect(thread).toContain('Position size > 1.5× max notional · 5000000 USDT, limit 1500 USDT');
    expect(thread).toContain('Order reject rate > 10% in any 5-minute window · 30 %, limit 10 %');
    expect(thread).toContain('3 × no reason given');
  });
});

describe('an alert that names a hard stop', () => {
  it('stops nothing without the full token, or for a criterion that is not listed', async () => {
    desk = await start();
    const { json: narrow } = await desk.post('/alerts/generic', loss(), { token: 'alerts-only' });
    expect(JSON.stringify(narrow['warnings'])).toContain('only the full token may stop trading');
    const { json: other } = await desk.post('/alerts/generic', loss({ hardStop: 'rejectRate' }));
    expect(JSON.stringify(other['warnings'])).toContain('fromAlerts does not list it');
    expect((await statusView(desk)).trading.state).toBe('running');
    expect(await desk.control()).toContain('KILL_SWITCH=0');
  });

  it('kills once while it fires, however often it is sent, also when it joined a kill of somebody else', async () => {
    desk = await start();
    const release = holdCancels(desk);
    const { json: asked } = await desk.post('/kill', { reason: 'by hand', actor: 'ada' });
    await desk.post('/alerts/generic', loss());
    release();
    await verdict(desk, asked['incident'] ?? '');
    for (let times = 0; times < 3; times += 1) await desk.post('/alerts/generic', loss());
    const { lastKill, trading } = await statusView(desk);
    expect(lastKill?.id).toBe(asked['kill']);
    expect(trading.state).toBe('killed');
    expect(desk.thread(asked['incident'])).toContain('HARD STOP: Loss of the day');
  });
});
