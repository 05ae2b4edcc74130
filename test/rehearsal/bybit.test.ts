import type { bybit as Bybit } from 'ccxt';
import { afterEach, describe, expect, it } from 'vitest';
import {
  type BybitCounterpart,
  type BybitOptions,
  startBybitCounterpart,
} from '../../src/rehearsal/bybit.ts';
import type { FaultOptions } from '../../src/rehearsal/venue/faults.ts';

const KEY = 'rehearsalKey';
const SECRET = 'rehearsal-secret';
const running: BybitCounterpart[] = [];

afterEach(async () => {
  await Promise.all(running.splice(0).map((venue) => venue.close()));
});

async function start(options: Partial<BybitOptions> = {}): Promise<BybitCounterpart> {
  const venue = await startBybitCounterpart({ apiKey: KEY, secret: SECRET, ...options });
  running.push(venue);
  return venue;
}

/** ccxt itself, its REST URLs pointed at the counterpart, as `baseUrl` in the configuration does. */
async function connect(venue: BybitCounterpart, config: Record<string, unknown> = {}): Promise<Bybit> {
  const url = new URL('./src/bybit.js', import.meta.resolve('ccxt')).href;
  const { default: Exchange } = (await import(url)) as { default: typeof Bybit };
  const exchange = new Exchange({ apiKey: KEY, secret: SECRET, enableRateLimit: false, ...config });
  const api = exchange.urls['api'] as Record<string, string>;
  for (const name of Object.keys(api)) api[name] = venue.url;
  return exchange;
}

const nameOf = async (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'no error',
    (error: unknown) => (error instanceof Error ? error.constructor.name : 'not an Error'),
  );

const SPOT = { type: 'spot' };
const TRIGGER = { trigger: true };
const buy = { symbol: 'BTCUSDT', side: 'buy' as const, quantity: 0.01, price: 50_000 };
const stop = { symbol: 'BTCUSDT', side: 'sell' as const, quantity: 0.01, triggerPrice: 55_000 };

describe('the markets and the account, seen by ccxt', () => {
  it('lists spot, linear and inverse markets, some with one id, in pages', async () => {
    const venue = await start();
    const exchange = await connect(venue);
    const markets = await exchange.loadMarkets();
    expect(Object.keys(markets).toSorted()).toEqual([
      'BTC/USD:BTC',
      'BTC/USDC:USDC',
      'BTC/USDT',
      'BTC/USDT:USDT',
      'ETH/USDC:USDC',
      'ETH/USDT',
      'ETH/USDT:USDT',
      'SOL/USDT:USDT',
    ]);
    expect(markets['BTC/USDC:USDC']?.id).toBe('BTCPERP');
    expect(markets['BTC/USDT']?.precision.amount).toBe(0.000001);
    expect(venue.requests().every((entry) => entry.status === 200)).toBe(true);
    const page = async (cursor?: string) =>
      exchange.publicGetV5MarketInstrumentsInfo({
        category: 'linear',
        limit: 2,
        ...(cursor === undefined ? {} : { cursor }),
      });
    const first = await page();
    expect(first.result.list).toHaveLength(2);
    const second = await page(first.result.nextPageCursor as string);
    expect(second.result.list[0].symbol).not.toBe(first.result.list[0].symbol);
  });

  it('shows one wallet with what orders lock and what is borrowed, the mode of the account and the rights of the key', async () => {
    const venue = await start({
      balances: { USDT: 1_000, BTC: 0.5 },
      debts: { USDT: { borrowed: 200, interest: 1 } },
      orders: [{ ...buy, spot: true }],
      settings: { walletPermissions: ['Withdraw'] },
    });
    const exchange = await connect(venue);
    expect(await exchange.fetchBalance()).toMatchObject({
      USDT: { total: 1_000, debt: 201 },
      BTC: { total: 0.5, debt: 0 },
    });
    expect(venue.balances()).toMatchObject({ USDT: { total: 1_000, locked: 500, borrowed: 200 } });
    expect(await exchange.isUnifiedEnabled()).toEqual([false, true]);
    expect((await exchange.privateGetV5UserQueryApi()).result.permissions.Wallet).toEqual(['Withdraw']);
    expect(await exchange.fetchTime()).toBeGreaterThan(0);
    expect((await exchange.fetchTicker('BTC/USDT:USDT')).last).toBe(60_000);
    venue.setSettings({ unifiedMarginStatus: 1 });
    await expect(exchange.privateGetV5AccountWalletBalance({ accountType: 'UNIFIED' })).rejects.toThrow(
      '10001',
    );
    venue.setSettings({ optionsAllowed: false });
    await expect(exchange.privateGetV5PositionList({ category: 'option' })).rejects.toThrow('10005');
  });
});

describe('orders, driven by ccxt', () => {
  it('shows what FACTS says: ccxt cancels and lists linear USDT alone unless told otherwise', async () => {
    const venue = await start({
      balances: { USDT: 100_000, USDC: 100_000, BTC: 1 },
      orders: [
        buy,
        stop,
        { ...buy, symbol: 'BTCPERP' },
        { ...buy, symbol: 'BTCUSD', quantity: 100 },
        { ...buy, spot: true },
        { ...stop, spot: true, kind: 'tpslOrder' },
      ],
    });
    const exchange = await connect(venue);
    expect(await exchange.fetchOpenOrders()).toHaveLength(2);
    expect(await exchange.fetchOpenOrders(undefined, undefined, undefined, TRIGGER)).toHaveLength(1);
    expect(await exchange.fetchOpenOrders(undefined, undefined, undefined, SPOT)).toHaveLength(2);
    await exchange.cancelAllOrders();
    expect(venue.openOrders().map((order) => `${order.wallet} ${order.symbol} ${order.type}`)).toEqual([
      'swap BTCPERP Order',
      'swap BTCUSD Order',
      'spot BTCUSDT Order',
      'spot BTCUSDT tpslOrder',
    ]);
    await exchange.cancelAllOrders(undefined, { settleCoin: 'USDC' });
    await exchange.cancelAllOrders('BTC/USD:BTC');
    await exchange.cancelAllOrders(undefined, SPOT);
    // Spot takes plain orders unless the kind is named.
    expect(venue.openOrders().map((order) => order.type)).toEqual(['tpslOrder']);
    await exchange.cancelAllOrders(undefined, { ...SPOT, orderFilter: 'tpslOrder' });
    expect(venue.openOrders()).toEqual([]);
    await expect(exchange.privatePostV5OrderCancelAll({ category: 'linear' })).rejects.toThrow('10001');
    await expect(exchange.privateGetV5OrderRealtime({ category: 'linear' })).rejects.toThrow('10001');
    await expect(
      exchange.privatePostV5OrderCancelAll({ category: 'spot', orderFilter: 'nonsense' }),
    ).rejects.toThrow('170202');
  });

  it('cancels by id: spot by its kind, contracts by the id alone, in batches with an answer each', async () => {
    const venue = await start({
      orders: [
        buy,
        stop,
        { ...buy, spot: true },
        { ...buy, spot: true, triggerPrice: 65_000, price: 64_000 },
      ],
    });
    const exchange = await connect(venue);
    const [plain, conditional, spot, spotStop] = venue.openOrders().map((order) => order.id);
    expect(await nameOf(exchange.cancelOrder(spotStop ?? '', 'BTC/USDT'))).toBe('OrderNotFound');
    await exchange.cancelOrder(spotStop ?? '', 'BTC/USDT', TRIGGER);
    await exchange.cancelOrder(conditional ?? '', 'BTC/USDT:USDT');
    expect(await nameOf(exchange.cancelOrder(conditional ?? '', 'BTC/USDT:USDT'))).toBe('OrderNotFound');
    const batch = await exchange.privatePostV5OrderCancelBatch({
      category: 'linear',
      request: [
        { symbol: 'BTCUSDT', orderId: conditional },
        { symbol: 'BTCUSDT', orderId: plain },
      ],
    });
    expect(batch.retExtInfo.list).toEqual([
      { code: 110001, msg: 'order not exists or too late to cancel' },
      { code: 0, msg: 'OK' },
    ]);
    expect(venue.openOrders().map((order) => order.id)).toEqual([spot]);
    const many = Array.from({ length: 11 }, () => ({ symbol: 'BTCUSDT', orderId: spot }));
    await expect(exchange.privatePostV5OrderCancelBatch({ category: 'spot', request: many })).rejects.toThrow(
      '10001',
    );
  });

  it('pages open orders, newest first, and gives closed ones when asked', async () => {
    const venue = await start();
    for (let price = 50_000; price < 50_050; price += 1) venue.placeOrder({ ...buy, quantity: 0.001, price });
    const exchange = await connect(venue);
    const page = async (more: object) =>
      (
        await exchange.privateGetV5OrderRealtime({
          category: 'linear',
          settleCoin: 'USDT',
          limit: 30,
          ...more,
        })
      ).result;
    const first = await page({});
    expect(first.list.map((row: { price: string }) => row.price).slice(0, 2)).toEqual(['50049', '50048']);
    expect(first.nextPageCursor).toContain('%');
    const second = await page({ cursor: first.nextPageCursor });
    expect(second.list).toHaveLength(20);
    expect(second.nextPageCursor).toBe('');
    await expect(page({ cursor: 'nonsense' })).rejects.toThrow('10001');
    await exchange.cancelAllOrders('BTC/USDT:USDT');
    expect((await page({})).list).toEqual([]);
    expect((await page({ openOnly: 1 })).list[0]).toMatchObject({ orderStatus: 'Cancelled', leavesQty: '0' });
  });

  it('places, moves the market, triggers and fills', async () => {
    const venue = await start();
    const exchange = await connect(venue);
    const entry = await exchange.createOrder('BTC/USDT:USDT', 'limit', 'buy', 0.1, 59_000);
    await exchange.createOrder('BTC/USDT:USDT', 'market', 'sell', 0.1, undefined, {
      stopLossPrice: 57_000,
      reduceOnly: true,
    });
    // Placed in one millisecond, they have no order of their own.
    const open = await exchange.fetchOpenOrders('BTC/USDT:USDT');
    expect(open.filter((one) => one.id === entry.id)).toMatchObject([{ price: 59_000 }]);
    expect(open.filter((one) => one.id !== entry.id)).toMatchObject([
      { triggerPrice: 57_000, reduceOnly: true },
    ]);
    venue.setMark('BTCUSDT', 58_000);
    expect(await exchange.fetchPositions()).toMatchObject([
      { symbol: 'BTC/USDT:USDT', side: 'long', contracts: 0.1, unrealizedPnl: -100, hedged: false },
    ]);
    venue.setMark('BTCUSDT', 56_900);
    expect(venue.positions()).toEqual([]);
    expect(venue.openOrders()).toEqual([]);
    const bought = await exchange.createOrder('BTC/USDT', 'market', 'buy', 0.1);
    expect(venue.order(bought.id ?? '')).toMatchObject({ status: 'filled' });
    expect(venue.balances()['BTC']?.total).toBe(0.0999);
  });

  it('treats the legs of an OCO as one', async () => {
    const venue = await start({ balances: { USDT: 1_000, BTC: 1 } });
    const exchange = await connect(venue);
    const sell = { symbol: 'BTCUSDT', side: 'sell' as const, quantity: 1 };
    venue.placeOco({ ...sell, price: 70_000 }, { ...sell, price: 50_000, triggerPrice: 51_000 });
    expect(venue.balances()['BTC']?.locked).toBe(1);
    const listed = await exchange.privateGetV5OrderRealtime({ category: 'spot', orderFilter: 'OcoOrder' });
    expect(listed.result.list).toHaveLength(2);
    await exchange.cancelAllOrders(undefined, { ...SPOT, orderFilter: 'OcoOrder' });
    expect(venue.openOrders()).toEqual([]);
  });

  it('closes with a reduce-only order in both modes, never opens or flips with one, and pages positions', async () => {
    const oneWay = await start({ positions: [{ symbol: 'BTCUSDT', amount: 0.5, entryPrice: 59_000 }] });
    const exchange = await connect(oneWay);
    const reduce = { reduceOnly: true };
    await expect(
      exchange.createOrder('BTC/USDT:USDT', 'market', 'buy', 0.1, undefined, reduce),
    ).rejects.toThrow('110017');
    await exchange.createOrder('BTC/USDT:USDT', 'market', 'sell', 0.9, undefined, reduce);
    expect(oneWay.positions()).toEqual([]);

    const hedge = await start({
      hedgeMode: true,
      positions: [
        { symbol: 'BTCUSDT', side: 'LONG', amount: 0.2 },
        { symbol: 'BTCUSDT', side: 'SHORT', amount: -0.3 },
        { symbol: 'NEWUSDT', side: 'LONG', amount: 7, entryPrice: 2 },
      ],
    });
    const other = await connect(hedge);
    expect(await other.fetchPositions()).toMatchObject([
      { symbol: 'NEWUSDT', side: 'long' },
      { side: 'short', contracts: 0.3, hedged: true },
      { side: 'long', contracts: 0.2, hedged: true },
    ]);
    await expect(other.createOrder('BTC/USDT:USDT', 'market', 'sell', 0.1)).rejects.toThrow('position idx');
    await other.createOrder('BTC/USDT:USDT', 'market', 'sell', 0.2, undefined, {
      hedged: true,
      reduceOnly: true,
    });
    expect(hedge.positions().map((one) => [one.symbol, one.side])).toEqual([
      ['BTCUSDT', 'SHORT'],
      ['NEWUSDT', 'LONG'],
    ]);
    const page = async (cursor?: string) =>
      (
        await other.privateGetV5PositionList({
          category: 'linear',
          settleCoin: 'USDT',
          limit: 1,
          ...(cursor === undefined ? {} : { cursor }),
        })
      ).result;
    const first = await page();
    const second = await page(first.nextPageCursor as string);
    expect([first.list[0].symbol, second.list[0].symbol]).toEqual(['NEWUSDT', 'BTCUSDT']);
    // A full page has a cursor though nothing follows.
    expect((await page(second.nextPageCursor as string)).list).toEqual([]);
  });
});

describe('keys and clocks', () => {
  it('refuses a wrong key, a wrong secret and missing headers with Bybit’s codes', async () => {
    const venue = await start();
    const ask = (exchange: Bybit) => exchange.privateGetV5AccountInfo();
    await expect(ask(await connect(venue, { apiKey: 'other' }))).rejects.toThrow('10003');
    await expect(ask(await connect(venue, { secret: 'other' }))).rejects.toThrow('10004');
    const bare = await fetch(`${venue.url}/v5/account/info`);
    expect(await bare.json()).toMatchObject({ retCode: 10001 });
    expect(JSON.stringify(venue.requests())).not.toContain(KEY);
  });

  it('refuses a clock that is behind or ahead, and ccxt mends it', async () => {
    for (const offset of [60_000, -60_000]) {
      const venue = await start({ now: () => Date.now() + offset });
      const exchange = await connect(venue);
      expect(await nameOf(exchange.privateGetV5AccountInfo())).toBe('InvalidNonce');
      await exchange.loadTimeDifference();
      expect((await exchange.privateGetV5AccountInfo()).retCode).toBe(0);
    }
  });
});

describe('faults', () => {
  const orders = [50_000, 49_000, 48_000].map((price) => ({ ...buy, price }));
  const CANCEL = { path: '/v5/order/cancel-all' };
  it.each([
    [{ kind: 'reset' }, 'NetworkError', 3],
    [{ kind: 'appliedThenReset' }, 'NetworkError', 0],
    [{ kind: 'appliedThen503' }, 'ExchangeError', 0],
    [{ kind: 'http429' }, 'RateLimitExceeded', 3],
    [{ kind: 'http418' }, 'RateLimitExceeded', 3],
    [{ kind: 'http500' }, 'ExchangeError', 3],
    [{ kind: 'maintenance' }, 'ExchangeError', 3],
    [{ kind: 'revokedKey' }, 'AuthenticationError', 3],
    [{ kind: 'clockSkew' }, 'InvalidNonce', 3],
    [{ kind: 'html' }, 'RateLimitExceeded', 3],
    [{ kind: 'lie' }, 'no error', 3],
    [{ kind: 'partial' }, 'no error', 2],
    [{ kind: 'fillDuringCancel' }, 'no error', 0],
  ] satisfies [FaultOptions, string, number][])(
    '%o makes ccxt see %s and leaves %i orders',
    async (fault, seen, left) => {
      const venue = await start({ orders });
      const exchange = await connect(venue);
      await exchange.loadMarkets();
      venue.fault({ match: CANCEL, ...fault });
      const outcome = await nameOf(exchange.cancelAllOrders('BTC/USDT:USDT'));
      expect([outcome, venue.openOrders().length]).toEqual([seen, left]);
      expect(venue.positions()).toHaveLength(fault.kind === 'fillDuringCancel' ? 1 : 0);
      // Once, by default: the next one works.
      await exchange.cancelAllOrders('BTC/USDT:USDT');
      expect(venue.openOrders()).toEqual([]);
    },
  );

  it('keeps trading while it is being stopped', async () => {
    const venue = await start({ orders });
    const exchange = await connect(venue);
    await exchange.loadMarkets();
    venue.engineKeepsTrading({ count: 2 });
    const left: number[] = [];
    for (let round = 0; round < 3; round += 1) {
      await exchange.cancelAllOrders('BTC/USDT:USDT');
      left.push(venue.openOrders().length);
    }
    expect(left).toEqual([1, 1, 0]);
  });
});

describe('the controls', () => {
  it('refuses what Bybit would refuse', async () => {
    const venue = await start();
    expect(() => venue.placeOrder({ ...buy, quantity: 0.0105 })).toThrow('badQuantity');
    expect(() => venue.placeOrder({ ...buy, price: 50_000.05 })).toThrow('badPrice');
    expect(() => venue.placeOrder({ ...buy, spot: true, quantity: 100 })).toThrow('insufficientBalance');
    venue.placeOrder({ ...buy, clientId: 'once' });
    expect(() => venue.placeOrder({ ...buy, clientId: 'once' })).toThrow('duplicateClientId');
  });

  it('gives the same ids and the same answers every time, and tells whoever waits', async () => {
    const run = async () => {
      const venue = await start({ now: () => 1_800_000_000_000 });
      for (const price of [50_000, 49_000]) venue.placeOrder({ ...buy, price });
      const waiting = venue.until(() => venue.positions().length > 0, { what: 'a position' });
      venue.setMark('BTCUSDT', 49_500);
      await waiting;
      return JSON.stringify([venue.openOrders(), venue.positions(), venue.balances()]);
    };
    expect(await run()).toBe(await run());
  });

  it('triggers a stop that closes the whole position', async () => {
    const venue = await start({
      positions: [{ symbol: 'BTCUSDT', amount: 0.5 }],
      orders: [{ ...stop, quantity: 0, closePosition: true, kind: 'StopLoss' }],
    });
    const exchange = await connect(venue);
    expect(
      (await exchange.privateGetV5OrderRealtime({ category: 'linear', symbol: 'BTCUSDT' })).result.list,
    ).toMatchObject([
      { qty: '0', stopOrderType: 'StopLoss', orderStatus: 'Untriggered', closeOnTrigger: true },
    ]);
    venue.setMark('BTCUSDT', 54_000);
    expect(venue.positions()).toEqual([]);
  });
});
