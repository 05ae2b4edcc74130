import type { kraken } from 'ccxt';
import { afterEach, describe, expect, it } from 'vitest';
import type { KrakenCounterpart, KrakenOptions } from '../../src/rehearsal/kraken.ts';
import { startKrakenCounterpart } from '../../src/rehearsal/kraken.ts';
import type { FaultOptions } from '../../src/rehearsal/venue/faults.ts';

const KEY = 'rehearsalKey';
const SECRET = Buffer.from('rehearsal-secret').toString('base64');
const running: KrakenCounterpart[] = [];

afterEach(async () => {
  await Promise.all(running.splice(0).map((venue) => venue.close()));
});

async function start(options: Partial<KrakenOptions> = {}): Promise<KrakenCounterpart> {
  const venue = await startKrakenCounterpart({
    apiKey: KEY,
    secret: SECRET,
    rateLimit: { max: 1_000, perSecond: 1 },
    ...options,
  });
  running.push(venue);
  return venue;
}

/** ccxt as it is, but for its nonces: it takes the millisecond, which the next request on a loopback shares. */
async function connect(venue: KrakenCounterpart, config: Record<string, unknown> = {}): Promise<kraken> {
  const url = new URL('./src/kraken.js', import.meta.resolve('ccxt')).href;
  const { default: Kraken } = (await import(url)) as { default: typeof kraken };
  const exchange = new Kraken({ apiKey: KEY, secret: SECRET, enableRateLimit: false, ...config });
  for (const api of ['public', 'private']) (exchange.urls['api'] as Record<string, string>)[api] = venue.url;
  let nonce = 1_800_000_000_000;
  exchange.nonce = () => ++nonce;
  return exchange;
}

const nameOf = async (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'no error',
    (error: unknown) => (error instanceof Error ? error.constructor.name : 'not an Error'),
  );

/** ccxt types the answers of its implicit methods as anything. */
const resultOf = (answer: object): unknown => ('result' in answer ? answer.result : undefined);

const buy = { pair: 'XBTUSD', side: 'buy' as const, price: 50_000, quantity: 0.01 };

describe('a Kraken, driven by ccxt', () => {
  it('lists markets and assets, tells the time, the prices and the state of the system', async () => {
    const venue = await start();
    const exchange = await connect(venue);
    const markets = await exchange.loadMarkets();
    expect(Object.keys(markets).toSorted()).toEqual([
      'BTC/EUR',
      'BTC/USD',
      'ETH/BTC',
      'ETH/USD',
      'SOL/USD',
      'USDT/USD',
      'XTZ/USD',
    ]);
    expect(markets['BTC/USD']).toMatchObject({
      id: 'XXBTZUSD',
      altname: 'XBTUSD',
      margin: true,
      precision: { amount: 1e-8, price: 0.1 },
      limits: { amount: { min: 0.00005 }, cost: { min: 0.5 } },
    });
    expect((await exchange.fetchTicker('BTC/USD')).last).toBe(60_000);
    expect(Math.abs(((await exchange.fetchTime()) ?? 0) - Date.now())).toBeLessThan(60_000);
    expect((await exchange.fetchStatus()).status).toBe('ok');
    venue.setSystemStatus('maintenance');
    expect((await exchange.fetchStatus()).status).toBe('maintenance');
  });

  it('keeps every kind of order in one list, on spot and on margin, listed pairs and others', async () => {
    const venue = await start({
      orders: [
        buy,
        { pair: 'XBTUSD', side: 'sell', quantity: 0.1, triggerPrice: 55_000 },
        { pair: 'XBTUSD', side: 'sell', quantity: 0.1, triggerPrice: 65_000, type: 'take-profit' },
        { pair: 'XBTUSD', side: 'sell', quantity: 0.1, triggerPrice: 55_000, price: 54_000 },
        { pair: 'XBTUSD', side: 'sell', quantity: 0.1, trailingPercent: 5 },
        { ...buy, leverage: 3, close: { type: 'stop-loss', price: 45_000 } },
        { pair: 'NEWUSD', side: 'buy', quantity: 5, price: 2 },
      ],
    });
    const exchange = await connect(venue);
    const open = await exchange.fetchOpenOrders();
    expect(open.map((order) => [order.symbol, order.info['descr'].ordertype, order.price])).toEqual([
      ['BTC/USD', 'limit', 50_000],
      ['BTC/USD', 'stop-loss', undefined],
      ['BTC/USD', 'take-profit', undefined],
      ['BTC/USD', 'stop-loss-limit', 54_000],
      ['BTC/USD', 'trailing-stop', undefined],
      ['BTC/USD', 'limit', 50_000],
      ['NEWUSD', 'limit', 2],
    ]);
    expect(open[0]?.id).toMatch(/^O\d{5}-\d{5}-\d{6}$/);
    expect(open.map((order) => order.id)).toEqual(venue.openOrders().map((order) => order.id));
    expect(open[5]?.info['descr']).toMatchObject({
      leverage: '3:1',
      close: 'close position @ stop-loss 45000',
    });
  });

  it('places a conditional close when its order has filled, and names whose it is', async () => {
    const venue = await start({
      orders: [{ ...buy, leverage: 3, close: { type: 'stop-loss', price: 45_000 } }],
    });
    const [primary] = venue.openOrders();
    venue.fill(primary?.id ?? '');
    const [close] = await (await connect(venue)).fetchOpenOrders();
    expect(close).toMatchObject({ side: 'sell', stopLossPrice: 45_000, amount: 0.01 });
    expect(close?.info['refid']).toBe(primary?.id);
    venue.setMark('XXBTZUSD', 44_000);
    expect([venue.openOrders(), venue.positions()]).toEqual([[], []]);
  });

  it('cancels one, some and all, and ignores the symbol of all', async () => {
    const orders = [50_000, 49_000, 48_000, 47_000].map((price) => ({ ...buy, price }));
    const venue = await start({
      orders: [...orders, { pair: 'SOLUSD', side: 'buy', quantity: 1, price: 100 }],
    });
    const exchange = await connect(venue);
    const [first = '', second = '', third = ''] = venue.openOrders().map((order) => order.id);
    await exchange.cancelOrder(first);
    expect(await nameOf(exchange.cancelOrder(first))).toBe('OrderNotFound');
    const raw = resultOf(
      await exchange.privatePostCancelOrderBatch({
        orders: [first, second, third],
      }),
    );
    expect(raw).toEqual({ count: 2 });
    expect(await nameOf(exchange.cancelOrders([first]))).toBe('InvalidOrder');
    expect(await nameOf(exchange.cancelOrders(Array.from({ length: 51 }, () => first)))).toBe(
      'ExchangeError',
    );
    expect(venue.openOrders().map((order) => order.symbol)).toEqual(['XXBTZUSD', 'SOLUSD']);
    await exchange.cancelAllOrders('SOL/USD');
    expect(venue.openOrders()).toEqual([]);
    expect(
      venue
        .requests()
        .filter((one) => one.cancels)
        .map((one) => one.path.split('/').pop()),
    ).toEqual([
      'CancelOrder',
      'CancelOrder',
      'CancelOrderBatch',
      'CancelOrderBatch',
      'CancelOrderBatch',
      'CancelAll',
    ]);
  });

  it('cancels all after a while, unless told again', async () => {
    const time = { at: 1_800_000_000_000 };
    const venue = await start({ orders: [buy], now: () => time.at });
    const exchange = await connect(venue);
    await exchange.cancelAllOrdersAfter(60_000);
    time.at += 59_000;
    expect(await exchange.fetchOpenOrders()).toHaveLength(1);
    time.at += 1_000;
    expect(await exchange.fetchOpenOrders()).toEqual([]);
  });

  it('shows balances with what orders hold, and the trade balance', async () => {
    const venue = await start({
      balances: { ZUSD: 1_000, XXBT: 1, 'XBT.M': 0.5 },
      orders: [{ pair: 'XBTUSD', side: 'sell', quantity: 0.25, price: 70_000 }],
    });
    const exchange = await connect(venue);
    const balance = await exchange.fetchBalance();
    expect(balance['BTC']).toMatchObject({ total: 1, used: 0.25, free: 0.75 });
    expect(balance['USD']).toMatchObject({ total: 1_000 });
    const plain = resultOf(await exchange.privatePostBalance());
    expect(plain).toEqual({ ZUSD: '1000.00000000', XXBT: '1.00000000', 'XBT.M': '0.50000000' });
    const trade = resultOf(await exchange.privatePostTradeBalance());
    expect(trade).toMatchObject({ tb: '100000.0000' });
  });

  it('shows positions on margin, as parts or as one, and their profit only when asked for', async () => {
    const venue = await start({
      positions: [
        { pair: 'XBTUSD', amount: 0.5, entryPrice: 59_000 },
        { pair: 'ETHUSD', amount: -2, entryPrice: 3_100 },
      ],
    });
    const exchange = await connect(venue);
    expect(await exchange.fetchPositions()).toMatchObject([
      { symbol: 'BTC/USD', side: 'long', contracts: 0.5, unrealizedPnl: 500 },
      { symbol: 'ETH/USD', side: 'short', contracts: 2, unrealizedPnl: 200 },
    ]);
    const partsOf = async (params: object) => {
      const rows = resultOf(await exchange.privatePostOpenPositions(params));
      return Object.values(rows as Record<string, Record<string, string>>);
    };
    const parts = await partsOf({ docalcs: 'true' });
    expect(
      parts.map(({ pair, type, vol, vol_closed: closed, net }) => [pair, type, vol, closed, net]),
    ).toEqual([
      ['XXBTZUSD', 'buy', '0.50000000', '0.25000000', '+250.0000'],
      ['XXBTZUSD', 'buy', '0.25000000', '0.00000000', '+250.0000'],
      ['XETHZUSD', 'sell', '2.00000000', '1.00000000', '+100.0000'],
      ['XETHZUSD', 'sell', '1.00000000', '0.00000000', '+100.0000'],
    ]);
    expect((await partsOf({}))[0]).not.toHaveProperty('net');
  });

  it('closes a position by a reduce-only order with leverage, and refuses one without', async () => {
    const venue = await start({ positions: [{ pair: 'XBTUSD', amount: 0.5 }] });
    const exchange = await connect(venue);
    const close = (params: object) => exchange.createOrder('BTC/USD', 'market', 'sell', 2, undefined, params);
    await expect(close({ reduceOnly: true })).rejects.toThrow('reduce_only');
    const order = await close({ reduceOnly: true, leverage: '2', clientOrderId: 'a'.repeat(32) });
    expect(order.id).toMatch(/^O\d/);
    expect(venue.positions()).toEqual([]);
    await expect(close({ reduceOnly: true, leverage: '2' })).rejects.toThrow('EOrder:Reduce only');
    await expect(close({ leverage: '2', clientOrderId: 'x'.repeat(19) })).rejects.toThrow('cl_ord_id');
  });

  it('refuses what Kraken would refuse', async () => {
    const exchange = await connect(await start({ balances: { ZUSD: 100 } }));
    const add = (params: object) =>
      exchange.privatePostAddOrder({
        pair: 'XBTUSD',
        type: 'buy',
        ordertype: 'limit',
        price: '50000',
        ...params,
      });
    await expect(add({ volume: '1' })).rejects.toThrow('EOrder:Insufficient funds');
    await expect(add({ volume: '0' })).rejects.toThrow('EGeneral:Invalid arguments:volume');
    await expect(add({ volume: '1', pair: 'NOSUCH' })).rejects.toThrow('EQuery:Unknown asset pair');
    await expect(add({ volume: '0.001', price: '70000', oflags: 'post' })).rejects.toThrow(
      'EOrder:Post only',
    );
    await expect(add({ volume: '0.001', ordertype: 'guess' })).rejects.toThrow('ordertype');
    expect(await nameOf(add({ volume: '0.001', validate: 'true' }))).toBe('no error');
  });
});

describe('keys, nonces and limits', () => {
  const errorsOf = (venue: KrakenCounterpart) => venue.requests().map((entry) => entry.status);

  it('refuses a wrong key and a wrong secret, with HTTP 200', async () => {
    const venue = await start();
    await expect((await connect(venue, { apiKey: 'other' })).privatePostBalance()).rejects.toThrow(
      'EAPI:Invalid key',
    );
    const secret = Buffer.from('other').toString('base64');
    await expect((await connect(venue, { secret })).privatePostBalance()).rejects.toThrow(
      'EAPI:Invalid signature',
    );
    expect(errorsOf(venue)).toEqual([200, 200]);
    expect(JSON.stringify(venue.requests())).not.toContain(SECRET);
  });

  it('wants each nonce above the last one, and does not let a stranger use them up', async () => {
    const venue = await start();
    const exchange = await connect(venue);
    const nonces = [10, 9, 10, 11];
    exchange.nonce = () => nonces.shift() ?? 0;
    const names: string[] = [];
    for (let call = 0; call < 4; call += 1) names.push(await nameOf(exchange.privatePostBalance()));
    expect(names).toEqual(['no error', 'InvalidNonce', 'InvalidNonce', 'no error']);
    const stranger = await connect(venue, { secret: Buffer.from('other').toString('base64') });
    await nameOf(stranger.privatePostBalance());
    nonces.push(12);
    expect(await nameOf(exchange.privatePostBalance())).toBe('no error');
  });

  it('counts calls, but no orders and cancels, and lets the counter fall', async () => {
    const time = { at: 1_800_000_000_000 };
    const venue = await start({ now: () => time.at, rateLimit: { max: 2, perSecond: 1 }, orders: [buy] });
    const exchange = await connect(venue);
    const names: string[] = [];
    for (let call = 0; call < 3; call += 1) names.push(await nameOf(exchange.privatePostBalance()));
    expect(names).toEqual(['no error', 'no error', 'DDoSProtection']);
    time.at += 1_000;
    await exchange.privatePostCancelOrder({ txid: venue.openOrders()[0]?.id ?? '' }).catch(() => undefined);
    time.at += 1_000;
    expect(await nameOf(exchange.privatePostBalance())).toBe('no error');
    venue.setRateLimit({ max: 99, perSecond: 1 });
    expect(await nameOf(exchange.privatePostBalance())).toBe('no error');
  });
});

describe('faults', () => {
  const CANCEL = { path: '/0/private/CancelAll' };
  const orders = [50_000, 49_000, 48_000].map((price) => ({ ...buy, price }));

  it.each([
    [{ kind: 'reset' }, 'NetworkError', 3],
    [{ kind: 'appliedThenReset' }, 'NetworkError', 0],
    [{ kind: 'appliedThen503' }, 'ExchangeNotAvailable', 0],
    [{ kind: 'http429' }, 'DDoSProtection', 3],
    [{ kind: 'http418' }, 'DDoSProtection', 3],
    [{ kind: 'http500' }, 'ExchangeNotAvailable', 3],
    [{ kind: 'maintenance' }, 'ExchangeNotAvailable', 3],
    [{ kind: 'revokedKey' }, 'AuthenticationError', 3],
    [{ kind: 'clockSkew' }, 'InvalidNonce', 3],
    [{ kind: 'html' }, 'ExchangeNotAvailable', 3],
    [{ kind: 'lie' }, 'no error', 3],
    [{ kind: 'partial' }, 'no error', 2],
  ] satisfies [FaultOptions, string, number][])(
    '%o makes ccxt see %s and leaves %i orders',
    async (fault, seen, left) => {
      const venue = await start({ orders });
      const exchange = await connect(venue);
      await exchange.loadMarkets();
      venue.fault({ match: CANCEL, ...fault });
      expect([await nameOf(exchange.cancelAllOrders()), venue.openOrders().length]).toEqual([seen, left]);
      await exchange.cancelAllOrders();
      expect(venue.openOrders()).toEqual([]);
    },
  );

  it('fills an order instead of cancelling it, and keeps trading while it is being stopped', async () => {
    const venue = await start({ orders });
    const exchange = await connect(venue);
    venue.fault({ kind: 'fillDuringCancel', match: CANCEL });
    await exchange.privatePostCancelAll();
    expect(venue.balances()['XXBT']).toBeGreaterThan(2);
    const quiet = venue.engineKeepsTrading({ count: 1 });
    await exchange.privatePostCancelAll();
    expect(venue.openOrders()).toHaveLength(1);
    quiet();
    await exchange.privatePostCancelAll();
    expect(venue.openOrders()).toEqual([]);
  });
});
