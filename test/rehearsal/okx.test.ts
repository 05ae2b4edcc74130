import { createHmac } from 'node:crypto';
import type { Exchange, okx } from 'ccxt';
import { afterEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { ALGO_TYPES } from '../../src/rehearsal/okx/engine.ts';
import type { OkxCounterpart, OkxOptions } from '../../src/rehearsal/okx.ts';
import { startOkxCounterpart } from '../../src/rehearsal/okx.ts';

const KEYS = { apiKey: 'rehearsalKey', secret: 'rehearsal-secret', passphrase: 'rehearsal-phrase' };
const running: OkxCounterpart[] = [];

afterEach(async () => {
  await Promise.all(running.splice(0).map((venue) => venue.close()));
});

async function start(options: Partial<OkxOptions> = {}): Promise<OkxCounterpart> {
  const venue = await startOkxCounterpart({ ...KEYS, ...options });
  running.push(venue);
  return venue;
}

async function connect(venue: OkxCounterpart, config: Record<string, unknown> = {}): Promise<okx> {
  const url = new URL('./src/okx.js', import.meta.resolve('ccxt')).href;
  const { default: Okx } = (await import(url)) as { default: typeof okx };
  const { apiKey, secret, passphrase } = KEYS;
  const exchange: okx = new Okx({ apiKey, secret, password: passphrase, enableRateLimit: false, ...config });
  (exchange as Exchange).urls['api'] = { rest: venue.url };
  return exchange;
}

const entry = { instId: 'BTC-USDT-SWAP', side: 'buy', sz: 1, px: 50_000 } as const;
const envelope = z.object({
  code: z.string(),
  msg: z.string(),
  data: z.array(z.record(z.string(), z.unknown())),
});

/** A request that is signed by hand, with whatever headers the test bends. */
async function ask(venue: OkxCounterpart, method: 'GET' | 'POST', path: string, body?: unknown, bent = {}) {
  const timestamp = new Date().toISOString();
  const text = body === undefined ? '' : JSON.stringify(body);
  const sign = createHmac('sha256', KEYS.secret)
    .update(timestamp + method + path + text)
    .digest('base64');
  const headers: Record<string, string> = {
    'OK-ACCESS-KEY': KEYS.apiKey,
    'OK-ACCESS-SIGN': sign,
    'OK-ACCESS-TIMESTAMP': timestamp,
    'OK-ACCESS-PASSPHRASE': KEYS.passphrase,
    ...bent,
  };
  const response = await fetch(venue.url + path, { method, headers, ...(text === '' ? {} : { body: text }) });
  return { status: response.status, ...envelope.parse(await response.json()) };
}

describe('OKX, driven by ccxt', () => {
  it('lists spot, perpetuals and futures with their contract sizes, and no options', async () => {
    const markets = await (await connect(await start())).loadMarkets();
    expect(Object.keys(markets).toSorted()).toEqual([
      'BTC/USDT',
      'BTC/USDT:USDT',
      'BTC/USDT:USDT-261225',
      'ETH/USDT',
      'ETH/USDT:USDT',
      'SOL/USDT',
    ]);
    expect(markets['BTC/USDT:USDT']).toMatchObject({
      id: 'BTC-USDT-SWAP',
      contractSize: 0.01,
      linear: true,
      precision: { amount: 0.01, price: 0.1 },
    });
  });

  it('shows open orders of every kind at once, with ids of 19 digits, also on a symbol that it does not list', async () => {
    const venue = await start({
      orders: [
        entry,
        { instId: 'BTC-USDT-261225', side: 'buy', sz: 2, px: 51_000 },
        { instId: 'BTC-USDT', side: 'buy', sz: 0.1, px: 50_000 },
        { instId: 'NEW-USDT-SWAP', side: 'buy', sz: 1, px: 2 },
      ],
    });
    const exchange = await connect(venue);
    const orders = await exchange.fetchOpenOrders();
    expect(new Map(orders.map((order) => [order.symbol, order.amount]))).toEqual(
      new Map([
        ['BTC/USDT', 0.1],
        ['BTC/USDT:USDT', 1],
        ['BTC/USDT:USDT-261225', 2],
        ['NEW-USDT-SWAP', 1],
      ]),
    );
    expect(new Set(orders.map((order) => order.id))).toEqual(
      new Set(venue.openOrders().map((order) => order.id)),
    );
    expect(orders[0]?.id).toMatch(/^\d{19}$/);
    expect(await exchange.fetchOpenOrders('BTC/USDT')).toHaveLength(1);
  });

  it('keeps each type of algo order in a list of its own, which cancelling regular orders does not touch', async () => {
    const venue = await start({ positions: [{ instId: 'BTC-USDT-SWAP', contracts: 10 }] });
    for (const algo of ALGO_TYPES) {
      const stop = algo === 'conditional' || algo === 'oco' || algo === 'trigger';
      venue.placeOrder({
        instId: 'BTC-USDT-SWAP',
        side: 'sell',
        sz: 1,
        algo,
        ...(stop ? { triggerPx: 55_000 } : algo === 'move_order_stop' ? {} : { px: 70_000 }),
      });
    }
    venue.placeOrder(entry);
    const exchange = await connect(venue);
    for (const ordType of ALGO_TYPES) {
      // ccxt knows no chase and no smart_iceberg: it is told that they are algo orders.
      const orders = await exchange.fetchOpenOrders(undefined, undefined, undefined, {
        ordType,
        trigger: true,
      });
      expect(orders.map((order) => order.info['ordType'])).toEqual([ordType]);
    }
    expect(
      (await ask(venue, 'GET', '/api/v5/trade/orders-algo-pending?ordType=conditional,oco')).data,
    ).toHaveLength(2);
    for (const query of ['', '?ordType=nonsense', '?ordType=trigger,twap'])
      expect((await ask(venue, 'GET', `/api/v5/trade/orders-algo-pending${query}`)).status).toBe(400);

    const [regular] = venue.openOrders();
    await exchange.cancelOrders([regular?.id ?? ''], 'BTC/USDT:USDT');
    expect(venue.openOrders()).toEqual([]);
    expect(venue.algoOrders()).toHaveLength(8);
    const ids = venue.algoOrders().map((order) => order.id);
    const cancelled = await exchange.cancelOrders(ids, 'BTC/USDT:USDT', { trigger: true });
    expect(cancelled).toHaveLength(8);
    expect(venue.algoOrders()).toEqual([]);
  });

  it('pages by id, newest first, at most a hundred', async () => {
    const venue = await start({ balances: { USDT: 10_000_000 } });
    for (let index = 0; index < 205; index += 1) venue.placeOrder(entry);
    const exchange = await connect(venue);
    const seen: string[] = [];
    for (let after: string | undefined; ; after = seen.at(-1)) {
      const params = after === undefined ? {} : { after };
      const answer = (await exchange.privateGetTradeOrdersPending(params)) as { data: { ordId: string }[] };
      expect(answer.data.length).toBeLessThanOrEqual(100);
      if (answer.data.length === 0) break;
      seen.push(...answer.data.map((row) => row.ordId));
    }
    expect(seen).toEqual(
      venue
        .openOrders()
        .map((order) => order.id)
        .toReversed(),
    );
    expect((await ask(venue, 'GET', '/api/v5/trade/orders-pending?limit=101')).code).toBe('51000');
  });

  it('answers for each order of a batch: all, some or none', async () => {
    const venue = await start({ orders: [entry, entry, entry] });
    const [first, second, third] = venue.openOrders().map((order) => order.id);
    const cancel = (ids: (string | undefined)[], instId: string = entry.instId) =>
      ask(
        venue,
        'POST',
        '/api/v5/trade/cancel-batch-orders',
        ids.map((ordId) => ({ instId, ordId })),
      );
    expect(await cancel([first])).toMatchObject({
      status: 200,
      code: '0',
      data: [{ ordId: first, sCode: '0' }],
    });
    expect(await cancel([first, second])).toMatchObject({
      code: '2',
      data: [{ sCode: '51400' }, { sCode: '0' }],
    });
    expect(await cancel([first, second])).toMatchObject({
      status: 200,
      code: '1',
      data: [{ sCode: '51400' }, { sCode: '51400' }],
    });
    venue.refuseCancels([third ?? ''], '51410');
    expect(await cancel([third])).toMatchObject({ code: '1', data: [{ sCode: '51410' }] });
    venue.refuseCancels([third ?? ''], null);
    expect(await cancel([third], 'ETH-USDT-SWAP')).toMatchObject({ data: [{ sCode: '51001' }] });
    expect(await cancel(Array.from({ length: 21 }, () => third))).toMatchObject({ code: '51111', data: [] });
    const algos = Array.from({ length: 11 }, () => ({ instId: entry.instId, algoId: '1' }));
    expect((await ask(venue, 'POST', '/api/v5/trade/cancel-algos', algos)).code).toBe('51111');
    expect(venue.openOrders().map((order) => order.id)).toEqual([third]);
    await (await connect(venue)).cancelOrder(third ?? '', 'BTC/USDT:USDT');
    expect(venue.openOrders()).toEqual([]);
  });

  it('shows positions in contracts, in net mode and in long/short mode', async () => {
    const net = await start({
      positions: [
        { instId: 'BTC-USDT-SWAP', contracts: 3, entryPx: 58_000 },
        { instId: 'ETH-USDT-SWAP', contracts: -5, isolated: true },
      ],
    });
    expect(await (await connect(net)).fetchPositions()).toMatchObject([
      {
        symbol: 'BTC/USDT:USDT',
        side: 'long',
        contracts: 3,
        contractSize: 0.01,
        hedged: false,
        unrealizedPnl: 60,
      },
      { symbol: 'ETH/USDT:USDT', side: 'short', contracts: 5, contractSize: 0.1, marginMode: 'isolated' },
    ]);
    const hedged = await start({
      hedgeMode: true,
      positions: [
        { instId: 'BTC-USDT-SWAP', contracts: 2, posSide: 'long' },
        { instId: 'BTC-USDT-SWAP', contracts: 1, posSide: 'short' },
      ],
    });
    const exchange = await connect(hedged);
    expect(await exchange.fetchPositions()).toMatchObject([
      { side: 'long', contracts: 2, hedged: true },
      { side: 'short', contracts: 1, hedged: true },
    ]);
    expect(await exchange.fetchPositionMode()).toMatchObject({ hedged: true });
    expect(net.positions().map((one) => one.amount)).toEqual([0.03, -0.5]);
  });

  it('closes with a reduce-only order and never opens with one; closes by close-position', async () => {
    const venue = await start({ positions: [{ instId: 'BTC-USDT-SWAP', contracts: 3 }] });
    const exchange = await connect(venue);
    const reduce = { reduceOnly: true, tdMode: 'cross' };
    await expect(
      exchange.createOrder('BTC/USDT:USDT', 'market', 'buy', 1, undefined, reduce),
    ).rejects.toThrow('51169');
    await exchange.createOrder('BTC/USDT:USDT', 'market', 'sell', 1, undefined, reduce);
    expect(venue.positions()[0]?.amount).toBe(0.02);
    const close = { instId: 'BTC-USDT-SWAP', mgnMode: 'cross' };
    venue.placeOrder({ ...entry, side: 'sell', px: 70_000, reduceOnly: true });
    expect((await ask(venue, 'POST', '/api/v5/trade/close-position', close)).code).toBe('51115');
    expect((await ask(venue, 'POST', '/api/v5/trade/close-position', { ...close, autoCxl: true })).code).toBe(
      '0',
    );
    expect(venue.positions()).toEqual([]);
    expect((await ask(venue, 'POST', '/api/v5/trade/close-position', close)).code).toBe('51023');
  });

  it('closes one side of long/short mode, and asks for it', async () => {
    const venue = await start({
      hedgeMode: true,
      positions: [
        { instId: 'BTC-USDT-SWAP', contracts: 2, posSide: 'long' },
        { instId: 'BTC-USDT-SWAP', contracts: 1, posSide: 'short' },
      ],
    });
    const order = { instId: 'BTC-USDT-SWAP', tdMode: 'cross', side: 'buy', ordType: 'market', sz: '1' };
    expect(await ask(venue, 'POST', '/api/v5/trade/order', order)).toMatchObject({ code: '51000' });
    const closing = { ...order, posSide: 'short' };
    expect((await ask(venue, 'POST', '/api/v5/trade/order', closing)).data).toMatchObject([{ sCode: '0' }]);
    expect(venue.positions().map((one) => one.side)).toEqual(['LONG']);
    expect(await ask(venue, 'POST', '/api/v5/trade/order', closing)).toMatchObject({
      code: '1',
      data: [{ sCode: '51169' }],
    });
  });

  it('shows balances, what is frozen, and what is owed', async () => {
    const venue = await start({
      settings: { acctLv: '1' },
      balances: { USDT: 1_000, BTC: 0.5 },
      margin: { ETH: { total: 0, borrowed: 2, interest: 0.01 } },
      orders: [{ instId: 'BTC-USDT', side: 'sell', sz: 0.2, px: 70_000 }],
    });
    const [account] = (await ask(venue, 'GET', '/api/v5/account/balance')).data;
    expect(account?.['details']).toMatchObject([
      { ccy: 'USDT', cashBal: '1000', availBal: '1000', liab: '0' },
      { ccy: 'BTC', cashBal: '0.5', availBal: '0.3', frozenBal: '0.2' },
      { ccy: 'ETH', cashBal: '0', liab: '2', interest: '0.01' },
    ]);
    expect((await (await connect(venue)).fetchBalance())['BTC']).toMatchObject({ total: 0.5 });
  });

  it('sells spot by amount of base, and refuses what the account mode does not know', async () => {
    const venue = await start({ balances: { USDT: 0, BTC: 0.5 } });
    const sell = {
      instId: 'BTC-USDT',
      tdMode: 'cash',
      side: 'sell',
      ordType: 'market',
      sz: '0.5',
      tgtCcy: 'base_ccy',
    };
    venue.set({ acctLv: '3' });
    expect((await ask(venue, 'POST', '/api/v5/trade/order', sell)).code).toBe('51000');
    venue.set({ acctLv: '1' });
    expect((await ask(venue, 'POST', '/api/v5/trade/order', { ...sell, clOrdId: 'a-dash' })).code).toBe(
      '51000',
    );
    expect((await ask(venue, 'POST', '/api/v5/trade/order', sell)).code).toBe('0');
    expect(venue.balances()).toEqual({ USDT: 29_970, BTC: 0 });
  });

  it('triggers a stop, which becomes a regular order', async () => {
    const venue = await start({
      positions: [{ instId: 'BTC-USDT-SWAP', contracts: 1 }],
      orders: [
        {
          instId: 'BTC-USDT-SWAP',
          side: 'sell',
          sz: 0,
          algo: 'conditional',
          triggerPx: 55_000,
          closeFraction: '1',
        },
      ],
    });
    venue.setMark('BTC-USDT-SWAP', 54_900);
    expect([venue.algoOrders(), venue.positions()]).toEqual([[], []]);
  });

  it('changes the position mode only with nothing open', async () => {
    const venue = await start({ orders: [entry] });
    const mode = { posMode: 'long_short_mode' };
    expect((await ask(venue, 'POST', '/api/v5/account/set-position-mode', mode)).code).toBe('59000');
    await (await connect(venue)).cancelOrder(venue.openOrders()[0]?.id ?? '', 'BTC/USDT:USDT');
    await ask(venue, 'POST', '/api/v5/account/set-position-mode', mode);
    expect((await ask(venue, 'GET', '/api/v5/account/config')).data).toMatchObject([
      { posMode: 'long_short_mode', acctLv: '2', perm: 'read_only,trade' },
    ]);
  });

  it('says its time, and what it has of mass-cancel and the funding account', async () => {
    const venue = await start({ settings: { funding: new Map([['USDT', 7]]) } });
    expect(Math.abs(((await (await connect(venue)).fetchTime()) ?? 0) - Date.now())).toBeLessThan(60_000);
    expect((await ask(venue, 'POST', '/api/v5/trade/mass-cancel', { instType: 'SWAP' })).code).toBe('51000');
    expect((await ask(venue, 'GET', '/api/v5/asset/balances')).data).toMatchObject([
      { ccy: 'USDT', bal: '7' },
    ]);
    expect((await ask(venue, 'GET', '/api/v5/nowhere')).status).toBe(404);
  });
});

describe('OKX checks who asks', () => {
  const path = '/api/v5/trade/orders-pending';
  it.each([
    ['no key', { 'OK-ACCESS-KEY': '' }, '50103'],
    ['no passphrase', { 'OK-ACCESS-PASSPHRASE': '' }, '50104'],
    ['a wrong passphrase', { 'OK-ACCESS-PASSPHRASE': 'guess' }, '50105'],
    ['no signature', { 'OK-ACCESS-SIGN': '' }, '50106'],
    ['no timestamp', { 'OK-ACCESS-TIMESTAMP': '' }, '50107'],
    ['an unknown key', { 'OK-ACCESS-KEY': 'other' }, '50111'],
    ['a timestamp in another form', { 'OK-ACCESS-TIMESTAMP': '1700000000' }, '50112'],
    ['a forged signature', { 'OK-ACCESS-SIGN': 'AAAA' }, '50113'],
    ['a stale timestamp', { 'OK-ACCESS-TIMESTAMP': '2020-01-01T00:00:00.000Z' }, '50102'],
    ['a timestamp from the future', { 'OK-ACCESS-TIMESTAMP': '2099-01-01T00:00:00.000Z' }, '50102'],
  ])('refuses %s', async (_, bent, code) => {
    const venue = await start();
    expect(await ask(venue, 'GET', path, undefined, bent)).toMatchObject({ status: 401, code, data: [] });
  });

  it('signs over query and body: neither can be changed on the way', async () => {
    const venue = await start({ orders: [entry] });
    const exchange = await connect(venue);
    await exchange.loadMarkets();
    const send = exchange.fetch.bind(exchange);
    exchange.fetch = (url: string, method?: string, headers?: unknown, body?: unknown) =>
      send(
        method === 'GET' ? `${url}&limit=1` : url,
        method,
        headers,
        method === 'GET' ? body : `${String(body)} `,
      );
    await expect(exchange.fetchOpenOrders('BTC/USDT:USDT')).rejects.toThrow('50113');
    await expect(exchange.cancelOrder('1', 'BTC/USDT:USDT')).rejects.toThrow('50113');
    expect(venue.openOrders()).toHaveLength(1);
  });

  it('keeps nothing of key, passphrase and signature in its log', async () => {
    const venue = await start();
    await ask(venue, 'GET', path);
    expect(JSON.stringify(venue.requests())).not.toMatch(/rehearsal/);
  });

  it('refuses the twenty-first question about algo orders in two seconds of its clock, where it counts', async () => {
    const clock = { now: Date.now() };
    const venue = await start({ rateLimits: true, now: () => clock.now });
    const statuses = [];
    for (let index = 0; index < 21; index += 1)
      statuses.push((await ask(venue, 'GET', '/api/v5/trade/orders-algo-pending?ordType=twap')).status);
    expect(statuses.slice(0, 20).every((status) => status === 200)).toBe(true);
    expect(statuses[20]).toBe(429);
    clock.now += 2_000;
    expect((await ask(venue, 'GET', '/api/v5/trade/orders-algo-pending?ordType=twap')).code).toBe('0');
  });
});

describe('OKX fails as it is told to', () => {
  const path = '/api/v5/trade/cancel-batch-orders';
  const cancelAll = (venue: OkxCounterpart) =>
    ask(
      venue,
      'POST',
      path,
      venue.openOrders().map((order) => ({ instId: order.symbol, ordId: order.id })),
    );

  it.each([
    ['http429', 429, '50011'],
    ['http500', 500, '50026'],
    ['maintenance', 503, '50001'],
    ['appliedThen503', 503, '50001'],
    ['revokedKey', 401, '50111'],
    ['clockSkew', 401, '50102'],
  ] as const)('%s', async (kind, status, code) => {
    const venue = await start({ orders: [entry] });
    venue.fault({ kind });
    expect(await cancelAll(venue)).toMatchObject({ status, code, data: [] });
    expect(venue.openOrders()).toHaveLength(kind === 'appliedThen503' ? 0 : 1);
  });

  it.each(['lie', 'partial'] as const)(
    '%s answers success for each order and leaves some open',
    async (kind) => {
      const venue = await start({ orders: [entry, entry, entry] });
      venue.fault({ kind });
      const answer = await cancelAll(venue);
      expect([answer.code, answer.data.map((item) => item['sCode'])]).toEqual(['0', ['0', '0', '0']]);
      expect(venue.openOrders()).toHaveLength(kind === 'lie' ? 3 : 2);
    },
  );

  it('fills an order in the middle of its cancel', async () => {
    const venue = await start({ orders: [entry, entry] });
    venue.fault({ kind: 'fillDuringCancel' });
    expect(await cancelAll(venue)).toMatchObject({ code: '2', data: [{ sCode: '51400' }, { sCode: '0' }] });
    expect(venue.positions()).toMatchObject([{ amount: 0.01 }]);
  });

  it('lets an engine go on trading after each cancel', async () => {
    const venue = await start({ orders: [entry] });
    const stop = venue.engineKeepsTrading({ count: 2 });
    await cancelAll(venue);
    expect(venue.openOrders()).toHaveLength(1);
    stop();
    await cancelAll(venue);
    expect(venue.openOrders()).toEqual([]);
  });
});
