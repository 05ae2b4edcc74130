/** Attacks on game days: what a drill must not reach, must not show as passed, and must give way to. */

import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { VenueConfig } from '../../src/config.ts';
import { type BinanceCounterpart, startBinanceCounterpart } from '../../src/rehearsal/binance.ts';
import { CAST } from '../../src/rehearsal/stage.ts';
import { type DeskOptions, type InProcess, startDesk } from './desk.ts';
import { askDrill, beginDrill } from './drilled.ts';
import { exchange, fire, paged, settled } from './reading.ts';

const KEY = { apiKey: 'd'.repeat(64), secret: 'e'.repeat(64) };

let testnet: BinanceCounterpart;
let desk: InProcess;
let proxy: Server | null = null;

beforeEach(async () => {
  testnet = await startBinanceCounterpart({
    ...KEY,
    marks: { BTCUSDT: 64_000 },
    orders: [{ symbol: 'BTCUSDT', side: 'buy', quantity: 0.004, price: 50_000 }],
  });
});
afterEach(async () => {
  await desk?.close();
  proxy?.closeAllConnections();
  proxy?.close();
  proxy = null;
  await testnet.close();
});

/** The two real venues of the stage, and one for drills. */
async function live(drill: Partial<VenueConfig> = {}, options: DeskOptions = {}): Promise<void> {
  desk = await startDesk({
    live: true,
    ...options,
    config(config, stage) {
      const [usdm] = config.venues;
      if (usdm === undefined) throw new Error('the stage has no venue');
      const own = { ...usdm, ...KEY, id: 'testnet', baseUrl: testnet.url, ...drill, drill: true };
      const real = config.venues.map((venue) => ({ ...venue, drill: false }));
      const changed = { ...config, venues: [...real, own] };
      return options.config === undefined ? changed : options.config(changed, stage);
    },
  });
}

const ask = (text: string, who: keyof typeof CAST = 'ada') => askDrill(desk, text, who);
const begin = (scenario: string) => beginDrill(desk, scenario);
async function acknowledge(id: string): Promise<void> {
  const page = await paged(desk, id);
  desk.stage.pagerDuty.acknowledge(page.id, CAST.ada.pagerDuty);
}
const over = (id: string) => settled(desk, id, (one) => one.drillResult !== undefined);
const writes = (venue: BinanceCounterpart) => venue.requests().filter(({ method }) => method !== 'GET');

describe('a drill venue', () => {
  it.each([302, 307])('that redirects (%i) to the real exchange leads no drill there', async (status) => {
    let hits = 0;
    proxy = createServer((request, response) => {
      hits += 1;
      response
        .writeHead(status, { location: `${desk?.stage.binance.url ?? 'http://127.0.0.1:9'}${request.url}` })
        .end();
    });
    await once(proxy.listen(0, '127.0.0.1'), 'listening');
    const { port } = proxy.address() as AddressInfo;
    await live({ baseUrl: `http://127.0.0.1:${port}` });
    const before = exchange(desk);
    const id = await begin('kill');
    await acknowledge(id);
    const { drillResult } = await over(id);
    expect(hits).toBeGreaterThan(0);
    expect(drillResult?.result).toMatchObject({ passed: false });
    expect(writes(desk.stage.binance)).toEqual([]);
    expect(desk.stage.binance.requests().filter((one) => JSON.stringify(one).includes(KEY.apiKey))).toEqual(
      [],
    );
    expect(exchange(desk)).toEqual(before);
  });

  it('is not the real one by another name of its host', async () => {
    await live(
      {},
      {
        config: (config, stage) => ({
          ...config,
          venues: config.venues.map((venue) =>
            venue.drill ? { ...venue, baseUrl: stage.binance.url.replace('127.0.0.1', 'localhost') } : venue,
          ),
        }),
      },
    );
    await expect(begin('kill')).rejects.toThrow('testnet shares its key, its name or the place');
    expect(writes(desk.stage.binance)).toEqual([]);
  });

  it('that says cancelled and keeps its orders makes no drill that passed', async () => {
    await live();
    testnet.fault({ kind: 'lie', match: { method: 'DELETE' }, times: Number.POSITIVE_INFINITY });
    const id = await begin('kill');
    await acknowledge(id);
    const { drillResult } = await over(id);
    expect(testnet.openOrders()).toHaveLength(1);
    // One order, cancelled in vain in every round, is one order.
    const left = { venue: 'testnet', verdict: 'RESIDUAL', orders: 1, found: 1 };
    expect(drillResult?.result).toMatchObject({ passed: false, kill: { found: 1, venues: [left] } });
  });
});

describe('what is real', () => {
  it('ends a drill: an incident that was over fires again as a P1', async () => {
    await live();
    const real = await fire(desk, { name: 'Real', severity: 'P1' });
    await desk.bot.desk.command(real, {
      type: 'ResolveIncident',
      by: { via: 'slack', id: CAST.ada.id, name: 'ada' },
      summary: 'mended',
    });
    const id = await begin('paging');
    await desk.alert({ name: 'Real', severity: 'P1', status: 'resolved', endsAt: new Date().toISOString() });
    await fire(desk, { name: 'Real', severity: 'P1', startsAt: new Date().toISOString() });
    const { drillResult } = await over(id);
    expect(drillResult?.result).toMatchObject({ ended: 'realIncident', why: real });
  });
});

describe('whatever is real, at whatever request of a drill of the kill', () => {
  const come = {
    halt: () => desk.stage.slack.say(CAST.grace.id, '/halt orders'),
    pause: () => desk.stage.slack.say(CAST.grace.id, '/halt signals'),
    P1: () => fire(desk, { name: 'Real', severity: 'P1' }),
    P0: () => fire(desk, { name: 'Real', severity: 'P0' }),
    byHand: () => writeFile(desk.controlFile, 'HALT_NEW_ORDERS=1\n'),
  };
  const event = fc.constantFrom(...(Object.keys(come) as (keyof typeof come)[]));

  it('ends it, is not undone by it, and nothing real is written', async () => {
    await live();
    await fc.assert(
      fc.asyncProperty(event, fc.integer({ min: 0, max: 12 }), async (what, after) => {
        await desk.close();
        await live();
        const looked = await begin('paging');
        await ask('stop');
        await over(looked);
        const from = testnet.requests().length;
        let came: Promise<unknown> | undefined;
        const stop = testnet.onChange(() => {
          if (testnet.requests().length >= from + after) came ??= come[what]();
        });
        const id = await begin('kill').catch(() => null);
        await testnet.until(() => came !== undefined, { timeoutMs: 15_000, what: `${after} requests` });
        await came;
        stop();
        // Also where it came first, and no drill was begun.
        if (id !== null) expect((await over(id)).drillResult?.result.passed).toBe(false);
        expect(writes(desk.stage.binance)).toEqual([]);
        expect(await desk.control()).not.toContain('KILL_SWITCH=1');
        const { holds, latch } = desk.bot.ledger.trading();
        expect(latch).toBeNull();
        if (what === 'halt' || what === 'pause') expect(holds).toHaveLength(1);
      }),
      { numRuns: 4 },
    );
  }, 120_000);
});

describe('a clock that is set back', () => {
  it.each([86_400_000, 60_000])('by %i ms in the middle makes nothing kept that was late', async (backMs) => {
    let aheadMs = 0;
    await live({}, { now: () => Date.now() + aheadMs });
    const id = await begin('paging');
    await paged(desk, id);
    aheadMs = -backMs;
    await acknowledge(id);
    const { drillResult } = await over(id);
    expect(drillResult?.result).toMatchObject({ ended: 'clockSetBack', passed: false });
    expect(drillResult?.result.times).toContainEqual(
      expect.objectContaining({ id: 'pageAcknowledged', ms: null, state: 'unknown' }),
    );
  });
});

describe('with drillPage: off', () => {
  const off: DeskOptions = {
    config: (config) => ({ ...config, drills: { ...config.drills, page: null } }),
  };
  it('no drill says that a test page was acknowledged, and none of paging is begun', async () => {
    await live({}, off);
    const id = await begin('kill');
    const { drillResult } = await over(id);
    expect(drillResult?.result.times.map((time) => time.id)).not.toContain('pageAcknowledged');
    expect(drillResult?.result).toMatchObject({ passed: true, kill: { verdict: 'FLAT' } });
    await expect(begin('paging')).rejects.toThrow('`drillPage` is off');
    expect(desk.stage.pagerDuty.incidents()).toEqual([]);
    expect(desk.thread(id)).not.toContain('its test page');
  });
});
