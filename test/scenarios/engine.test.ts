/** Whether the engine obeys is proven by its own heartbeat, dated after the write, and by nothing else. */

import { afterEach, describe, expect, it } from 'vitest';
import { type InProcess, startDesk } from './desk.ts';

let desk: InProcess | null = null;
afterEach(async () => {
  await desk?.close();
  desk = null;
});

const withEngine = () =>
  startDesk({ config: (config) => ({ ...config, engines: [{ id: 'main', heartbeatSec: 5 }] }) });
const beat = (at: number, control?: object) => ({
  type: 'heartbeat',
  at,
  engine: 'main',
  ...(control === undefined ? {} : { control }),
});

/** Kill, and wait for the latch: the answer comes after it was tried, which on a slow disk is before it is written. */
async function kill(under: InProcess): Promise<void> {
  await under.post('/kill', { reason: 'test', actor: 'ada' });
  await under.stage.slack.until(() => under.thread().includes('written and read back'), {
    what: 'the latch',
  });
}

describe('an engine that sends heartbeats', () => {
  it('is confirmed on the receipt and in /status once it echoes the revision and the switch', async () => {
    desk = await withEngine();
    await kill(desk);
    const rev = /STANDDOWN_REV=(\d+)/.exec(await desk.control())?.[1] ?? '';
    await desk.stage.slack.until(() => desk?.thread().includes('not confirmed (sends none)') === true, {
      what: 'the receipt',
    });
    const sent = await desk.post('/telemetry', beat(Date.now(), { KILL_SWITCH: '1', STANDDOWN_REV: rev }));
    expect(sent).toMatchObject({ status: 202, json: { accepted: 1, rejected: [] } });
    await desk.stage.slack.until(() => desk?.thread().includes('obeys, says its heartbeat') === true, {
      what: 'the confirmation',
    });
    expect((await desk.get('/status')).json).toMatchObject({
      trading: { engine: [{ id: 'main', confirmed: true }] },
    });
  });

  it('is not confirmed by a heartbeat from before the write, an older revision, or another value', async () => {
    desk = await withEngine();
    const early = Date.now() - 60_000;
    await kill(desk);
    const rev = Number(/STANDDOWN_REV=(\d+)/.exec(await desk.control())?.[1]);
    const status = async () => (await desk?.get('/status'))?.json;
    const no = { trading: { engine: [{ id: 'main', confirmed: false }] } };
    await desk.post('/telemetry', beat(early, { KILL_SWITCH: '1', STANDDOWN_REV: String(rev) }));
    expect(await status()).toMatchObject(no);
    await desk.post('/telemetry', beat(Date.now(), { KILL_SWITCH: '1', STANDDOWN_REV: String(rev - 1) }));
    expect(await status()).toMatchObject(no);
    await desk.post('/telemetry', beat(Date.now(), { KILL_SWITCH: '0', STANDDOWN_REV: String(rev) }));
    expect(await status()).toMatchObject(no);
    await desk.post('/telemetry', beat(Date.now()));
    expect(await status()).toMatchObject(no);
    expect(desk.thread()).not.toContain('obeys, says');
  });

  it('bad samples are named and cost no good one', async () => {
    desk = await withEngine();
    const mixed = await desk.post('/telemetry', [
      beat(Date.now()),
      { type: 'pnl', at: Date.now(), dayPnl: -1, currency: 'USDT' },
      beat(Date.now() + 60_000),
      7,
    ]);
    expect(mixed).toMatchObject({ status: 202, json: { accepted: 2 } });
    expect(JSON.stringify(mixed.json)).toContain('dated in the future');
    expect((await desk.post('/telemetry', { ...beat(Date.now()), engine: 'other' })).status).toBe(400);
    expect((await desk.post('/telemetry', 'no json')).status).toBe(400);
    const lines = [beat(Date.now()), beat(Date.now())].map((one) => JSON.stringify(one)).join('\n');
    expect(await desk.post('/telemetry', lines)).toMatchObject({ status: 202, json: { accepted: 2 } });
    expect((await desk.post('/telemetry', beat(Date.now()), { token: 'wrong' })).status).toBe(401);
  });
});
