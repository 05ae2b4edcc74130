/** A drill of the bot as an operator runs it: asked for on the command line, and killed in the middle. */

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type BinanceCounterpart, startBinanceCounterpart } from '../../src/rehearsal/binance.ts';
import { CAST, CHANNEL } from '../../src/rehearsal/stage.ts';
import { type OwnProcess, spawnDesk } from './desk.ts';
import { incidentView, paged, posted, shows } from './reading.ts';

const KEY = { apiKey: 'd'.repeat(64), secret: 'e'.repeat(64) };
let testnet: BinanceCounterpart;
let desk: OwnProcess;

beforeAll(async () => {
  testnet = await startBinanceCounterpart({
    ...KEY,
    marks: { BTCUSDT: 64_000 },
    orders: [{ symbol: 'BTCUSDT', side: 'buy', quantity: 0.004, price: 50_000 }],
  });
  desk = await spawnDesk({
    env: { TESTNET_KEY: KEY.apiKey, TESTNET_SECRET: KEY.secret },
    venues: `  - { id: testnet, exchange: binanceusdm, apiKey: "\${TESTNET_KEY}", secret: "\${TESTNET_SECRET}", symbols: [BTC/USDT:USDT], baseUrl: "${testnet.url}", drill: true }\n`,
    yaml: 'drills: [{ scenario: paging, cron: "0 9 1 1 *", by: desk leads }]\n',
  });
});
afterAll(async () => {
  await desk?.close();
  await testnet?.close();
});

/** The incident of the drill that #incidents shows last. */
async function begun(n: number): Promise<string> {
  const ids = () => [
    ...new Set(desk.stage.slack.messages(CHANNEL).flatMap(({ text }) => /INC-\d{8}-\d{3}/.exec(text) ?? [])),
  ];
  await desk.stage.slack.until(() => ids().length >= n, { what: `headline ${n}` });
  const id = ids().at(-1) ?? '';
  await posted(desk, id);
  return id;
}

describe('standdown drill', () => {
  it('is refused without the full token, and for what is no scenario', async () => {
    expect((await desk.post('/drill', { scenario: 'kill' }, { token: null })).status).toBe(401);
    for (const body of [
      {},
      { scenario: 'x' },
      { scenario: 'kill', venue: 'binance-usdm' },
      [],
      '{',
      '"kill"',
    ])
      expect((await desk.post('/drill', body)).status).toBe(400);
    expect((await desk.cli('drill', 'everything')).code).toBe(2);
    expect((await desk.get('/drills', null)).status).toBe(401);
  });

  it('killed in the middle is not resumed: it is ended, and said; nothing real was touched', async () => {
    // The first look of the bot comes within a second of its start: until then a drill is refused.
    await expect
      .poll(async () => (await desk.post('/drill', { scenario: 'kill', actor: 'test' })).status, {
        timeout: 20_000,
      })
      .toBe(202);
    const id = await begun(1);
    await paged(desk, id);
    await desk.crash();
    await desk.start();
    await shows(desk, id, 'ended by a restart of the bot');
    const view = await incidentView(desk, id);
    expect(view.state).toBe('resolved');
    expect(view.pages).toHaveLength(1);
    expect(desk.stage.binance.requests().filter(({ method }) => method !== 'GET')).toEqual([]);
    expect(await desk.control()).toBe('KILL_SWITCH=0\n');
    expect(desk.stage.mail.messages()).toEqual([]);
  });

  it('waits for the result, and exits by it; the report is a file, and the list has it', async () => {
    testnet.placeOrder({ symbol: 'BTCUSDT', side: 'buy', quantity: 0.004, price: 50_000 });
    const asked = desk.cli('drill', 'kill');
    const id = await begun(2);
    const page = await paged(desk, id);
    desk.stage.pagerDuty.acknowledge(page.id, CAST.ada.pagerDuty);
    const { code, text } = await asked;
    expect(text).toMatch(/kept +verdict: \d+ ms, limit 10000 ms/);
    expect(text).toContain('passed (done)');
    expect(code).toBe(0);
    const name = `DRILL_${id.slice(4).replace('-', '_')}`;
    expect(await readFile(join(desk.folder, 'data', 'drills', `${name}.md`), 'utf8')).toContain('PASSED');
    const listed = await desk.cli('drill');
    expect(listed.text).toMatch(new RegExp(`${name} +kill +passed`));
    expect(listed.text).toMatch(/kill +NOT passed \(restart\)/);
    expect(testnet.openOrders()).toEqual([]);
    expect(desk.stage.binance.requests().filter(({ method }) => method !== 'GET')).toEqual([]);
    expect(await desk.control()).toBe('KILL_SWITCH=0\n');
  });
});
