/** `standdown kill` and its like: through the server while it answers, without it when it is absent or hangs. */

import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { BinanceOptions } from '../../src/rehearsal/binance.ts';
import { type OwnProcess, spawnDesk } from './desk.ts';

let desk: OwnProcess | null = null;
afterEach(async () => {
  await desk?.close();
  desk = null;
});

/** Orders, and nothing that stays when they are gone. */
const FLAT: Partial<BinanceOptions> = {
  positions: [],
  orders: [
    { wallet: 'spot', symbol: 'BTCUSDT', side: 'buy', quantity: 0.001, price: 60_000 },
    { symbol: 'BTCUSDT', side: 'buy', quantity: 0.002, price: 61_000 },
  ],
  conditionalOrders: [
    { symbol: 'ETHUSDT', side: 'buy', quantity: 0.05, type: 'STOP_MARKET', triggerPrice: 3_500 },
  ],
};

describe('standdown kill', () => {
  it('goes through the server, and exits with the verdict', async () => {
    desk = await spawnDesk();
    const { code, text } = await desk.cli('kill', 'feed', 'frozen');
    expect(text).toContain('The server runs the kill in INC-');
    expect(text).toContain('VERDICT RESIDUAL');
    expect(code).toBe(3);
    expect(await desk.control()).toContain('KILL_SWITCH=1');
    expect((await desk.get('/status')).json).toMatchObject({ trading: { latch: { reason: 'feed frozen' } } });
  });

  it('does it itself when the server is absent: FLAT is 0; the server takes the side journal in at its next start', async () => {
    desk = await spawnDesk({ binance: FLAT });
    await desk.crash();
    const { code, text } = await desk.cli('kill', 'the server is gone');
    expect(text).toContain('acting without it');
    expect(text).toContain('VERDICT FLAT');
    expect(code).toBe(0);
    expect(desk.stage.binance.openOrders()).toEqual([]);
    expect(desk.stage.binance.conditionalOrders()).toEqual([]);
    expect(await desk.control()).toContain('KILL_SWITCH=1');

    await desk.start();
    await desk.stage.slack.until(() => desk?.thread().includes('the server is gone') === true, {
      what: 'the receipt of the adopted kill',
    });
    await desk.stage.pagerDuty.until(() => desk?.stage.pagerDuty.incidents().length === 1, {
      what: 'its page',
    });
    expect((await desk.get('/status')).json).toMatchObject({
      trading: { state: 'killed' },
      lastKill: { verdict: 'FLAT' },
    });
    expect(await readdir(join(desk.folder, 'data', 'side'))).toEqual([expect.stringMatching(/\.adopted$/)]);
    const { incidents } = (await desk.get('/incidents')).json;
    await desk.crash();
    await desk.start();
    expect((await desk.get('/incidents')).json['incidents']).toHaveLength(
      (incidents as unknown as []).length,
    );
  });

  it('does it itself when the server hangs', async () => {
    desk = await spawnDesk({ binance: FLAT });
    desk.hang();
    const { code, text } = await desk.cli('kill');
    expect(text).toContain('acting without it');
    expect(code).toBe(0);
    expect(desk.stage.binance.openOrders()).toEqual([]);
  });

  it('exits 4 when a venue cannot be read', async () => {
    desk = await spawnDesk({ binance: FLAT });
    await desk.crash();
    desk.stage.binance.fault({
      kind: 'http500',
      match: { path: '/api/v3/openOrders', method: 'GET' },
      times: Number.POSITIVE_INFINITY,
    });
    const { code, text } = await desk.cli('kill');
    expect(text).toContain('UNKNOWN');
    expect(code).toBe(4);
  });
});

describe('the other commands', () => {
  it('halt, cancel, status; usage is 2', async () => {
    desk = await spawnDesk();
    expect((await desk.cli('halt', 'signals', 'feed')).code).toBe(0);
    expect(await desk.control()).toContain('PAUSE_SIGNALS=1');
    expect((await desk.cli('status')).text).toContain('"signals": "paused"');
    const entries = await desk.cli('cancel', '--entries');
    expect(entries).toMatchObject({ code: 0 });
    expect(desk.stage.binance.openOrders().every((order) => order.reduceOnly)).toBe(true);
    expect((await desk.cli('cancel', '--venue', 'nowhere')).code).toBe(2);
    expect((await desk.cli('bogus')).code).toBe(2);
    await desk.crash();
    expect(await desk.cli('halt', 'orders')).toMatchObject({
      code: 0,
      text: expect.stringContaining('writing it here'),
    });
    expect(await desk.cli('status')).toMatchObject({
      code: 1,
      text: expect.stringContaining('HALT_NEW_ORDERS=1'),
    });
  });
});
