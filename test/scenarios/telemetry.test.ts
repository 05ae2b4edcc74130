/** Telemetry over HTTP: what trips, what is refused, who is still heard; and the same in observe mode. */

import { afterEach, describe, expect, it } from 'vitest';
import type { LiveConfig } from '../../src/config.ts';
import { CHANNEL } from '../../src/rehearsal/stage.ts';
import { type InProcess, startDesk } from './desk.ts';

let desk: InProcess | null = null;
afterEach(async () => {
  await desk?.close();
  desk = null;
});

const FEED = { id: 'binance-1m', intervalSec: 60, symbols: ['BTC/USDT:USDT'], statusUrl: null, backup: null };
const EVERY_DAY: LiveConfig['hours'] = {
  timezone: 'UTC',
  days: ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'],
  maintenance: [],
};
const start = (mode: 'act' | 'observe' = 'act') =>
  startDesk({
    config: (config) => ({
      ...config,
      engines: [{ id: 'main', heartbeatSec: 5 }],
      feeds: [FEED],
      hours: EVERY_DAY,
      hardStops: { ...config.hardStops, mode },
      tokens: { ...config.tokens, telemetry: ['telemetry-one', 'telemetry-two'], read: ['read-only'] },
    }),
  });

const order = (n: number, status: 'accepted' | 'rejected') => ({
  type: 'order',
  at: Date.now(),
  venue: 'binance-usdm',
  symbol: 'BTC/USDT:USDT',
  orderId: `o${n}`,
  status,
  ...(status === 'rejected' ? { reason: 'insufficient margin' } : {}),
});
const rejects = () => Array.from({ length: 10 }, (_, n) => order(n, n < 2 ? 'rejected' : 'accepted'));
const signal = () => ({ type: 'signal', at: Date.now(), latencyMs: 12 });
const bar = (closedMsAgo: number) => ({
  type: 'bar',
  at: Date.now(),
  feed: FEED.id,
  symbol: 'BTC/USDT:USDT',
  closedAt: Date.now() - closedMsAgo,
});

describe('telemetry', () => {
  it('that trips a hard stop is answered with the incident of the kill that it started', async () => {
    desk = await start();
    const { status, json } = await desk.post('/telemetry', rejects());
    expect(status).toBe(202);
    expect(json).toEqual({
      accepted: 10,
      rejected: [],
      incidents: [expect.stringMatching(/^INC-\d{8}-\d{3}$/)],
    });
    const { json: again } = await desk.post('/telemetry', rejects());
    expect(again).toMatchObject({ accepted: 10, incidents: [] });
    await desk.stage.slack.until(() => desk?.thread().includes('VERDICT') === true, { what: 'the verdict' });
    expect(desk.thread()).toContain('rejectRate 20 %, limit 10 %');
    expect(await desk.control()).toContain('KILL_SWITCH=1');
  });

  it('keeps what is good: lines with CRLF, a byte order mark, a broken first one, in one body', async () => {
    desk = await start();
    const lines = ['\uFEFF{"type":', JSON.stringify(signal()), '', '[[', JSON.stringify(bar(1_000)), 'null'];
    const { status, json } = await desk.post('/telemetry', lines.join('\r\n'));
    expect(status).toBe(202);
    expect(json).toEqual({
      accepted: 2,
      rejected: [
        { index: 0, path: '', reason: 'the line is not JSON' },
        { index: 2, path: '', reason: 'the line is not JSON' },
        { index: 4, path: '', reason: 'is not an object' },
      ],
      incidents: [],
    });
  });

  it.each([
    ['without a token', null, 401, 'unauthorized'],
    ['with a token for reading', 'read-only', 401, 'unauthorized'],
  ])('%s is refused', async (_, token, status, error) => {
    desk = await start();
    expect(await desk.post('/telemetry', signal(), { token })).toMatchObject({ status, json: { error } });
  });

  it('that is too much or nothing at all is refused in words, and the bot goes on', async () => {
    desk = await start();
    const million = '{"type":"signal"}\n'.repeat(300_000);
    const large = await desk.post('/telemetry', million);
    expect(large).toMatchObject({ status: 413, json: { error: 'too_large' } });
    expect(large.json['detail']).toContain('4 MiB');
    expect(await desk.post('/telemetry', `[${'null,'.repeat(99_999)}null]`)).toMatchObject({
      status: 413,
      json: { error: 'too_many' },
    });
    expect(await desk.post('/telemetry', '')).toMatchObject({ status: 400, json: { error: 'wrong_shape' } });
    expect(await desk.post('/telemetry', '[null]')).toMatchObject({
      status: 400,
      json: { error: 'no_valid_sample' },
    });
    expect((await desk.post('/telemetry', signal())).status).toBe(202);
  });

  it('of a sender that floods is refused with a time to wait; another sender and a kill are not touched', async () => {
    desk = await start();
    const many = JSON.stringify(Array.from({ length: 10_000 }, signal));
    const flood = () =>
      fetch(`${desk?.url}/telemetry`, {
        method: 'POST',
        headers: { authorization: 'Bearer telemetry-one' },
        body: many,
      });
    let refused = await flood();
    for (let n = 0; n < 30 && refused.status !== 429; n += 1) refused = await flood();
    expect(refused.status).toBe(429);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
    const said = (await refused.json()) as { error: string; detail: string };
    expect(said).toMatchObject({
      error: 'too_fast',
      detail: expect.stringContaining('10000 samples a second'),
    });
    expect(said.detail).not.toContain('telemetry-one');
    expect((await desk.post('/telemetry', signal(), { token: 'telemetry-two' })).status).toBe(202);
    expect((await desk.post('/kill', { reason: 'test', actor: 'ada' })).status).toBe(202);
    await desk.stage.slack.until(
      () => desk?.channel().includes('Telemetry is refused: a sender floods') === true,
      {
        what: 'the incident of the flood',
      },
    );
    expect(desk.channel()).not.toContain('telemetry-one');
  });

  it('with marks of Slack, lone surrogates and control characters in it is shown as text', async () => {
    desk = await start();
    const hostile = rejects().map((one) => ({ ...one, reason: '<!channel> \ud800 \u0007 *x*' }));
    expect((await desk.post('/telemetry', hostile)).status).toBe(202);
    await desk.stage.slack.until(() => desk?.thread().includes('VERDICT') === true, { what: 'the verdict' });
    expect(JSON.stringify(desk.stage.slack.thread(CHANNEL, desk.headlineTs()))).not.toContain('<!channel>');
  });
});

/** The incident whose title begins so. */
async function idOf(title: string): Promise<string> {
  const { json } = (await desk?.get('/incidents')) ?? { json: { incidents: [] } };
  const incidents = json['incidents'] as unknown as { id: string; title: string }[];
  return incidents.find((one) => one.title.startsWith(title))?.id ?? 'none';
}

describe('hard stops that only observe', () => {
  it('say in the headline what they would do, and do nothing', async () => {
    desk = await start('observe');
    const { status, json } = await desk.post('/telemetry', rejects());
    expect(status).toBe(202);
    expect(json).toMatchObject({ incidents: [] });
    await desk.stage.slack.until(
      () => desk?.channel().includes('OBSERVE: a hard stop would kill now: rejectRate') === true,
      { what: 'the headline' },
    );
    const incident = await idOf('OBSERVE: ');
    const { json: shown } = await desk.get('/status');
    expect(shown).toMatchObject({
      trading: { state: 'running', signals: 'running', latch: null, holds: [] },
      lastKill: null,
    });
    expect(shown['criteria']).toEqual(
      expect.arrayContaining([expect.objectContaining({ id: 'rejectRate', state: 'tripped', value: 20 })]),
    );
    expect(await desk.control()).toContain('KILL_SWITCH=0');
    expect(desk.stage.binance.openOrders().length).toBeGreaterThan(0);
    const { json: record } = await desk.get(`/incidents/${incident}`);
    expect(JSON.stringify(record)).toContain('rejectRate 20 %, limit 10 %');
    // Said once, not at every look.
    await desk.post('/telemetry', [order(11, 'rejected')]);
    expect(desk.channel().split('OBSERVE: a hard stop would kill now: rejectRate')).toHaveLength(2);
  });

  it('pause no signals either: the step says what would be set', async () => {
    desk = await start('observe');
    await desk.post('/telemetry', [{ type: 'heartbeat', at: Date.now(), engine: 'main' }, bar(240_000)]);
    await desk.stage.slack.until(
      () =>
        desk?.channel().includes('Feed gap: binance-1m') === true &&
        desk.thread().replaceAll('\u2060', '').includes('OBSERVE: this would set PAUSE_SIGNALS=1 now'),
      {
        what: 'the step',
      },
    );
    const { json } = await desk.get('/status');
    expect(json).toMatchObject({ trading: { signals: 'running', holds: [] } });
    expect(await desk.control()).not.toContain('PAUSE_SIGNALS=1');
  });
});
