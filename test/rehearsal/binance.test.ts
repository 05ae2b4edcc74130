import type { binance, binanceusdm, Exchange } from 'ccxt';
import { afterEach, describe, expect, it } from 'vitest';
import type { BinanceCounterpart, BinanceOptions } from '../../src/rehearsal/binance.ts';
import { startBinanceCounterpart } from '../../src/rehearsal/binance.ts';
import type { FaultOptions } from '../../src/rehearsal/venue/faults.ts';

const KEY = 'rehearsalKey';
const SECRET = 'rehearsal-secret';
const running: BinanceCounterpart[] = [];

afterEach(async () => {
  await Promise.all(running.splice(0).map((venue) => venue.close()));
});

async function start(options: Partial<BinanceOptions> = {}): Promise<BinanceCounterpart> {
  const venue = await startBinanceCounterpart({ apiKey: KEY, secret: SECRET, ...options });
  running.push(venue);
  return venue;
}

async function venueClass<T>(id: string): Promise<T> {
  const url = new URL(`./src/${id}.js`, import.meta.resolve('ccxt')).href;
  return ((await import(url)) as { default: T }).default;
}

/** Points every REST URL of the exchange at the counterpart, as `baseUrl` in the configuration does. */
function connect<T extends Exchange>(exchange: T, venue: BinanceCounterpart): T {
  const api = exchange.urls['api'] as Record<string, string>;
  for (const [name, url] of Object.entries(api)) api[name] = venue.url + new URL(url).pathname;
  return exchange;
}

async function usdm(venue: BinanceCounterpart, config: Record<string, unknown> = {}): Promise<binanceusdm> {
  const Usdm = await venueClass<typeof binanceusdm>('binanceusdm');
  return connect(new Usdm({ ...DEFAULT_CONFIG(), ...config }), venue);
}

async function spot(venue: BinanceCounterpart, config: Record<string, unknown> = {}): Promise<binance> {
  const Spot = await venueClass<typeof binance>('binance');
  return connect(new Spot({ ...DEFAULT_CONFIG(), ...config }), venue);
}

const DEFAULT_CONFIG = () => ({
  apiKey: KEY,
  secret: SECRET,
  enableRateLimit: false,
  options: { fetchOpenOrders: { warnWithoutSymbol: false } },
});

const nameOf = async (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'no error',
    (error: unknown) => (error instanceof Error ? error.constructor.name : 'not an Error'),
  );

const symbolsOf = (orders: { symbol?: string | undefined }[]) => orders.map((order) => order.symbol);

describe('the USD-M side, driven by ccxt', () => {
  it('lists its markets with their filters', async () => {
    const exchange = await usdm(await start());
    const markets = await exchange.loadMarkets();
    expect(Object.keys(markets).sort()).toEqual(['BTC/USDT:USDT', 'ETH/USDT:USDT', 'SOL/USDT:USDT']);
    expect(markets['BTC/USDT:USDT']?.precision).toMatchObject({ amount: 0.001, price: 0.1 });
    expect(markets['BTC/USDT:USDT']?.limits.cost?.min).toBe(100);
  });

  it('shows open orders by symbol and all at once, also on a symbol that it does not list', async () => {
    const venue = await start({
      orders: [
        { symbol: 'BTCUSDT', side: 'buy', quantity: 0.01, price: 50000 },
        { symbol: 'ETHUSDT', side: 'sell', quantity: 1, price: 3300 },
        { symbol: 'NEWUSDT', side: 'buy', quantity: 10, price: 2 },
      ],
    });
    const exchange = await usdm(venue);
    expect(symbolsOf(await exchange.fetchOpenOrders('BTC/USDT:USDT'))).toEqual(['BTC/USDT:USDT']);
    const all = await exchange.fetchOpenOrders();
    expect(symbolsOf(all)).toEqual(['BTC/USDT:USDT', 'ETH/USDT:USDT', 'NEWUSDT']);
    // Ids are beyond 2^53 and must arrive to the last digit.
    expect(all.map((order) => order.id)).toEqual(venue.openOrders().map((order) => order.id));
    expect(all[0]?.id).toHaveLength(19);
    expect(venue.requests({ path: '/fapi/v1/openOrders' }).map((entry) => entry.weight)).toEqual([1, 40]);
  });

  it('keeps conditional orders in a list that cancelling the regular orders does not touch', async () => {
    const venue = await start({
      orders: [{ symbol: 'BTCUSDT', side: 'buy', quantity: 0.01, price: 50000 }],
      conditionalOrders: [
        { symbol: 'BTCUSDT', side: 'sell', quantity: 0.01, triggerPrice: 55000, reduceOnly: true },
      ],
    });
    const exchange = await usdm(venue);
    expect(await exchange.fetchOpenOrders('BTC/USDT:USDT')).toHaveLength(1);
    expect(await exchange.fetchOpenOrders(undefined, undefined, undefined, { trigger: true })).toMatchObject([
      { id: venue.conditionalOrders()[0]?.id, triggerPrice: 55000, reduceOnly: true, status: 'open' },
    ]);

    await exchange.cancelAllOrders('BTC/USDT:USDT');
    expect(venue.openOrders()).toEqual([]);
    expect(venue.conditionalOrders()).toHaveLength(1);

    await exchange.cancelAllOrders('BTC/USDT:USDT', { trigger: true });
    expect(venue.conditionalOrders()).toEqual([]);
    expect(venue.requests({ method: 'DELETE' }).map((entry) => entry.path)).toEqual([
      '/fapi/v1/allOpenOrders',
      '/fapi/v1/algoOpenOrders',
    ]);
    // Nothing to cancel is no error on this side.
    await exchange.cancelAllOrders('BTC/USDT:USDT');
  });

  it('cancels by id: regular, conditional, in batches, and by raw methods on an unlisted symbol', async () => {
    const venue = await start({
      orders: [
        { symbol: 'BTCUSDT', side: 'buy', quantity: 0.01, price: 50000 },
        { symbol: 'BTCUSDT', side: 'buy', quantity: 0.01, price: 49000 },
        { symbol: 'BTCUSDT', side: 'buy', quantity: 0.01, price: 48000 },
        { symbol: 'NEWUSDT', side: 'buy', quantity: 10, price: 2 },
        { symbol: 'NEWUSDT', side: 'buy', quantity: 10, price: 2.5, triggerPrice: 2.4 },
      ],
    });
    const exchange = await usdm(venue);
    const [first, second, third, unlisted] = venue.openOrders().map((order) => order.id);
    const [conditional] = venue.conditionalOrders().map((order) => order.id);

    expect(await exchange.cancelOrder(first ?? '', 'BTC/USDT:USDT')).toMatchObject({
      id: first,
      status: 'canceled',
    });
    expect(await nameOf(exchange.cancelOrder(first ?? '', 'BTC/USDT:USDT'))).toBe('OrderNotFound');
    const batch = await exchange.cancelOrders([second ?? '', first ?? '', third ?? ''], 'BTC/USDT:USDT');
    // The venue answers -2011 for the middle one; ccxt drops it without a word.
    expect(batch.map((order) => order.id)).toEqual([second, third]);
    expect(batch.map((order) => order.status)).toEqual(['canceled', 'canceled']);
    await exchange.fapiPrivateDeleteOrder({ symbol: 'NEWUSDT', orderId: unlisted });
    await exchange.fapiPrivateDeleteAlgoOrder({ algoId: conditional });
    expect([...venue.openOrders(), ...venue.conditionalOrders()]).toEqual([]);
    expect(await nameOf(exchange.fapiPrivateDeleteAllOpenOrders({ symbol: 'NOSUCHUSDT' }))).toBe('BadSymbol');
  });

  it('shows positions in one-way and in hedge mode', async () => {
    const oneWay = await start({
      positions: [
        { symbol: 'BTCUSDT', amount: 0.5, entryPrice: 59000 },
        { symbol: 'ETHUSDT', amount: -2, entryPrice: 3100 },
        { symbol: 'NEWUSDT', amount: 7, entryPrice: 2 },
      ],
      marks: { NEWUSDT: 2 },
    });
    const exchange = await usdm(oneWay);
    expect(await exchange.fetchPositions()).toMatchObject([
      { symbol: 'BTC/USDT:USDT', side: 'long', contracts: 0.5, unrealizedPnl: 500, hedged: false },
      { symbol: 'ETH/USDT:USDT', side: 'short', contracts: 2, unrealizedPnl: 200 },
      { symbol: 'NEWUSDT', side: 'long', contracts: 7 },
    ]);
    expect((await exchange.fetchPositionMode()).hedged).toBe(false);
    const everySymbol: unknown[] = await exchange.fapiPrivateV2GetPositionRisk();
    expect(everySymbol).toHaveLength(4);
    // ccxt's other way loses what the loaded markets do not know, though the venue showed it.
    expect(await exchange.fetchPositions(undefined, { method: 'account' })).toHaveLength(2);
    expect(await exchange.fapiPrivateV3GetAccount()).toMatchObject({ positions: { length: 3 } });

    const hedge = await start({
      hedgeMode: true,
      positions: [
        { symbol: 'BTCUSDT', side: 'LONG', amount: 1 },
        { symbol: 'BTCUSDT', side: 'SHORT', amount: -1 },
      ],
    });
    const other = await usdm(hedge);
    expect(await other.fetchPositions()).toMatchObject([
      { side: 'long', contracts: 1, hedged: true },
      { side: 'short', contracts: 1, hedged: true },
    ]);
    expect((await other.fetchPositionMode()).hedged).toBe(true);
  });

  it('closes a position with a reduce-only market order, and never opens or flips with one', async () => {
    const venue = await start({ positions: [{ symbol: 'BTCUSDT', amount: 0.5, entryPrice: 59000 }] });
    const exchange = await usdm(venue);
    // The flag on the growing side is refused.
    await expect(
      exchange.createOrder('BTC/USDT:USDT', 'market', 'buy', 0.1, undefined, { reduceOnly: true }),
    ).rejects.toThrow('-2022');
    const half = await exchange.createOrder('BTC/USDT:USDT', 'market', 'sell', 0.2, undefined, {
      reduceOnly: true,
    });
    expect(half).toMatchObject({ status: 'closed', filled: 0.2, average: 60000 });
    expect(venue.positions()).toMatchObject([{ amount: 0.3, entryPrice: 59000 }]);
    // More than there is closes what there is.
    const rest = await exchange.createOrder('BTC/USDT:USDT', 'market', 'sell', 0.9, undefined, {
      reduceOnly: true,
    });
    expect(rest).toMatchObject({ status: 'closed', filled: 0.3 });
    expect(venue.positions()).toEqual([]);
    // 0.5 × 1000 of profit, less 0.05 % of 30,000 of fees.
    expect(venue.balances().swap).toEqual({ USDT: 100485 });
    expect((await exchange.fetchBalance())['USDT']).toMatchObject({ total: 100485, free: 100485 });
    const income: unknown[] = await exchange.fapiPrivateGetIncome({ incomeType: 'REALIZED_PNL' });
    expect(income).toHaveLength(2);
    expect(await exchange.fetchMyTrades('BTC/USDT:USDT')).toHaveLength(2);
  });

  it('closes one side of hedge mode and refuses what that mode does not know', async () => {
    const venue = await start({
      hedgeMode: true,
      positions: [
        { symbol: 'BTCUSDT', side: 'LONG', amount: 0.2 },
        { symbol: 'BTCUSDT', side: 'SHORT', amount: -0.3 },
      ],
    });
    const exchange = await usdm(venue);
    const sell = (amount: number, params: Record<string, unknown>) =>
      exchange.createOrder('BTC/USDT:USDT', 'market', 'sell', amount, undefined, params);
    await expect(sell(0.1, { positionSide: 'LONG', reduceOnly: true })).rejects.toThrow('-1106');
    await expect(sell(0.1, {})).rejects.toThrow('-4061');
    await expect(sell(0.3, { positionSide: 'LONG' })).rejects.toThrow('-2022');
    await sell(0.2, { positionSide: 'LONG' });
    expect(venue.positions()).toMatchObject([{ side: 'SHORT', amount: -0.3 }]);
    await exchange.createOrder('BTC/USDT:USDT', 'market', 'buy', 0.3, undefined, {
      hedged: true,
      reduceOnly: true,
    });
    expect(venue.positions()).toEqual([]);
  });

  it('places, moves the market, triggers and fills', async () => {
    const venue = await start();
    const exchange = await usdm(venue);
    const entry = await exchange.createOrder('BTC/USDT:USDT', 'limit', 'buy', 0.1, 59000);
    const stop = await exchange.createOrder('BTC/USDT:USDT', 'market', 'sell', 0.1, undefined, {
      stopLossPrice: 57000,
      reduceOnly: true,
    });
    expect(entry.status).toBe('open');
    expect(stop).toMatchObject({ status: 'open', triggerPrice: 57000 });
    venue.setMark('BTCUSDT', 58000);
    expect(venue.positions()).toMatchObject([{ amount: 0.1, entryPrice: 59000 }]);
    expect((await exchange.fetchOrder(entry.id ?? '', 'BTC/USDT:USDT')).status).toBe('closed');
    venue.setMark('BTCUSDT', 56900);
    expect(venue.positions()).toEqual([]);
    expect(venue.conditionalOrders()).toEqual([]);
    expect(await exchange.fetchOrder(stop.id ?? '', 'BTC/USDT:USDT', { trigger: true })).toMatchObject({
      status: 'closed',
    });
    await expect(
      exchange.fapiPrivatePostOrder({ symbol: 'BTCUSDT', side: 'SELL', type: 'STOP_MARKET' }),
    ).rejects.toThrow('-4120');
  });

  it('arms and disarms the countdown, by its own clock', async () => {
    const offset = { ms: 0 };
    const venue = await start({
      now: () => Date.now() + offset.ms,
      orders: [{ symbol: 'BTCUSDT', side: 'buy', quantity: 0.01, price: 50000 }],
    });
    const exchange = await usdm(venue);
    await exchange.fapiPrivatePostCountdownCancelAll({ symbol: 'BTCUSDT', countdownTime: 60000 });
    expect(venue.openOrders()).toHaveLength(1);
    offset.ms = 60001;
    expect(venue.openOrders()).toEqual([]);
  });

  it('answers the raw reads that ccxt has no word for', async () => {
    const exchange = await usdm(
      await start({ orders: [{ symbol: 'BTCUSDT', side: 'buy', quantity: 0.01, price: 50000 }] }),
    );
    expect(await exchange.fapiPrivateGetMultiAssetsMargin()).toEqual({ multiAssetsMargin: false });
    expect(await exchange.fapiPrivateV2GetBalance()).toMatchObject([
      { asset: 'USDT', availableBalance: '99975.00000000' },
    ]);
    expect(await exchange.fapiPublicGetPremiumIndex({ symbol: 'BTCUSDT' })).toMatchObject({
      markPrice: '60000.00000000',
    });
    expect((await exchange.fetchTicker('BTC/USDT:USDT')).last).toBe(60000);
    expect(Object.keys(await exchange.fetchBidsAsks())).toHaveLength(3);
    await expect(exchange.fapiPrivateGetPmAccountInfo()).rejects.toThrow('-5000');
  });

  it('pages its histories', async () => {
    const venue = await start();
    for (let price = 50000; price < 50012; price += 1) {
      venue.placeOrder({ symbol: 'BTCUSDT', side: 'buy', quantity: 0.002, price });
      venue.placeOrder({ symbol: 'BTCUSDT', side: 'sell', quantity: 0.002, triggerPrice: price });
    }
    const exchange = await usdm(venue);
    const newest: { orderId: string }[] = await exchange.fapiPrivateGetAllOrders({
      symbol: 'BTCUSDT',
      limit: 5,
    });
    expect(newest.map((row) => row.orderId)).toEqual(
      venue
        .openOrders()
        .slice(-5)
        .map((order) => order.id),
    );
    const from: { orderId: string }[] = await exchange.fapiPrivateGetAllOrders({
      symbol: 'BTCUSDT',
      limit: 5,
      orderId: venue.openOrders()[2]?.id,
    });
    expect(from.map((row) => row.orderId)).toEqual(
      venue
        .openOrders()
        .slice(2, 7)
        .map((order) => order.id),
    );
    const pages = await Promise.all(
      [0, 1, 2].map(
        async (page): Promise<unknown[]> =>
          exchange.fapiPrivateGetAllAlgoOrders({ symbol: 'BTCUSDT', limit: 5, page }),
      ),
    );
    expect(pages.map((rows) => rows.length)).toEqual([5, 5, 2]);
  });
});

describe('the spot side, driven by ccxt', () => {
  it('loads all its markets and currencies, COIN-M being empty', async () => {
    const venue = await start();
    const exchange = await spot(venue);
    const markets = await exchange.loadMarkets();
    expect(Object.keys(markets)).toHaveLength(6);
    expect(venue.requests().map((entry) => entry.path)).toEqual(
      expect.arrayContaining([
        '/api/v3/exchangeInfo',
        '/fapi/v1/exchangeInfo',
        '/dapi/v1/exchangeInfo',
        '/sapi/v1/capital/config/getall',
        '/sapi/v1/margin/allPairs',
      ]),
    );
    expect(venue.requests().every((entry) => entry.status === 200)).toBe(true);
  });

  it('shows balances, with what open orders lock', async () => {
    const venue = await start({
      balances: { spot: { USDT: 1000, BTC: 0.5 } },
      orders: [
        { wallet: 'spot', symbol: 'BTCUSDT', side: 'buy', quantity: 0.01, price: 50000 },
        { wallet: 'spot', symbol: 'BTCUSDT', side: 'sell', quantity: 0.2, price: 70000 },
      ],
    });
    const exchange = await spot(venue);
    const balance = await exchange.fetchBalance();
    expect(balance['USDT']).toEqual({ free: 500, used: 500, total: 1000 });
    expect(balance['BTC']).toEqual({ free: 0.3, used: 0.2, total: 0.5 });
    await expect(exchange.createOrder('BTC/USDT', 'limit', 'buy', 0.02, 50000)).rejects.toThrow(
      'insufficient balance',
    );
  });

  it('lists, cancels all of a symbol, and says -2011 when there is nothing', async () => {
    const venue = await start({
      orders: [
        { wallet: 'spot', symbol: 'BTCUSDT', side: 'buy', quantity: 0.01, price: 50000 },
        {
          wallet: 'spot',
          symbol: 'BTCUSDT',
          side: 'sell',
          quantity: 0.01,
          price: 55000,
          triggerPrice: 55500,
        },
        { wallet: 'spot', symbol: 'ETHUSDT', side: 'buy', quantity: 0.1, price: 2500 },
        { wallet: 'spot', symbol: 'NEWUSDT', side: 'buy', quantity: 5, price: 2 },
      ],
    });
    const exchange = await spot(venue);
    expect(await exchange.fetchOpenOrders('BTC/USDT')).toHaveLength(2);
    expect(symbolsOf(await exchange.fetchOpenOrders())).toEqual([
      'BTC/USDT',
      'BTC/USDT',
      'ETH/USDT',
      'NEWUSDT',
    ]);
    const gone = await exchange.cancelAllOrders('BTC/USDT');
    expect(gone.map((order) => order.status)).toEqual(['canceled', 'canceled']);
    expect(await nameOf(exchange.cancelAllOrders('BTC/USDT'))).toBe('OrderNotFound');
    const [ether] = venue.openOrders();
    expect(await exchange.cancelOrder(ether?.id ?? '', 'ETH/USDT')).toMatchObject({
      id: ether?.id,
      status: 'canceled',
    });
    await exchange.privateDeleteOpenOrders({ symbol: 'NEWUSDT' });
    expect(venue.openOrders()).toEqual([]);
  });

  it('fills a market order at the mark and moves the money', async () => {
    const venue = await start({ balances: { spot: { USDT: 10000 } } });
    const exchange = await spot(venue);
    const bought = await exchange.createOrder('BTC/USDT', 'market', 'buy', 0.1);
    expect(bought).toMatchObject({ status: 'closed', filled: 0.1, cost: 6000 });
    // The fee of 0.1 % is taken from what was bought.
    expect(venue.balances().spot).toMatchObject({ USDT: { total: 4000 }, BTC: { total: 0.0999 } });
    await exchange.createOrder('BTC/USDT', 'market', 'sell', 0.0999);
    expect(venue.balances().spot['BTC']?.total).toBe(0);
    expect(await exchange.fetchMyTrades('BTC/USDT')).toHaveLength(2);
    expect((await exchange.fetchOrder(bought.id ?? '', 'BTC/USDT')).status).toBe('closed');
  });

  it('treats an OCO as one: locked once, listed as a list, cancelled together', async () => {
    const oco = (venue: BinanceCounterpart) =>
      venue.placeOco(
        { symbol: 'BTCUSDT', side: 'sell', quantity: 1, price: 70000 },
        { symbol: 'BTCUSDT', side: 'sell', quantity: 1, price: 50000, triggerPrice: 51000 },
      );
    const venue = await start();
    const exchange = await spot(venue);
    const [above] = oco(venue);
    expect((await exchange.fetchBalance())['BTC']).toMatchObject({ used: 1 });
    expect(await exchange.privateGetOpenOrderList()).toMatchObject([
      { contingencyType: 'OCO', symbol: 'BTCUSDT' },
    ]);
    await exchange.cancelOrder(above?.id ?? '', 'BTC/USDT');
    expect(venue.openOrders()).toEqual([]);

    const [, below] = oco(venue);
    await exchange.privateDeleteOrderList({ symbol: 'BTCUSDT', orderListId: below?.listId });
    expect(venue.openOrders()).toEqual([]);

    oco(venue);
    const rows: unknown[] = await exchange.privateDeleteOpenOrders({ symbol: 'BTCUSDT' });
    expect(rows).toMatchObject([
      { contingencyType: 'OCO', orderReports: [{ status: 'CANCELED' }, { status: 'CANCELED' }] },
    ]);

    oco(venue);
    venue.setMark('BTCUSDT', 70000);
    expect(venue.openOrders()).toEqual([]);
    expect(venue.balances().spot['BTC']?.total).toBe(1);
  });

  it('shows cross margin, the funding wallet, the rights of the key and the state of the system', async () => {
    const venue = await start({
      balances: { margin: { USDT: { total: 500, borrowed: 200, interest: 1 } }, funding: { USDC: 12 } },
      orders: [{ wallet: 'margin', symbol: 'ETHUSDT', side: 'buy', quantity: 0.1, price: 2000 }],
      restrictions: { enableWithdrawals: true },
    });
    const exchange = await spot(venue);
    expect((await exchange.fetchBalance({ marginMode: 'cross' }))['USDT']).toMatchObject({
      free: 300,
      used: 200,
      debt: 201,
    });
    expect((await exchange.fetchBalance({ type: 'funding' }))['USDC']).toMatchObject({ free: 12 });
    expect(await exchange.fetchOpenOrders()).toEqual([]);
    expect(
      await exchange.fetchOpenOrders(undefined, undefined, undefined, { marginMode: 'cross' }),
    ).toHaveLength(1);
    await exchange.cancelAllOrders('ETH/USDT', { marginMode: 'cross' });
    expect(venue.openOrders('margin')).toEqual([]);
    expect(await exchange.sapiGetAccountApiRestrictions()).toMatchObject({ enableWithdrawals: true });
    expect((await exchange.fetchStatus()).status).toBe('ok');
    venue.setSystemStatus('maintenance');
    expect((await exchange.fetchStatus()).status).toBe('maintenance');
    const wallets: unknown[] = await exchange.sapiGetAssetWalletBalance();
    expect(wallets).toHaveLength(7);
  });
});

describe('keys, clocks and limits', () => {
  it('refuses a wrong key and a wrong secret with Binance’s codes', async () => {
    const venue = await start();
    await expect((await usdm(venue, { apiKey: 'other' })).fapiPrivateGetOpenOrders()).rejects.toThrow(
      '-2015',
    );
    await expect((await usdm(venue, { apiKey: 'bad key!' })).fapiPrivateGetOpenOrders()).rejects.toThrow(
      '-2014',
    );
    await expect((await usdm(venue, { secret: 'other' })).fapiPrivateGetOpenOrders()).rejects.toThrow(
      '-1022',
    );
    expect(venue.requests().map((entry) => entry.status)).toEqual([401, 401, 400]);
    expect(JSON.stringify(venue.requests())).not.toContain('"signature"');
  });

  it('refuses a clock that is behind or ahead', async () => {
    for (const offset of [60_000, -60_000]) {
      const venue = await start({ now: () => Date.now() + offset });
      expect(await nameOf((await spot(venue)).privateGetOpenOrders())).toBe('InvalidNonce');
      expect(venue.requests()[0]?.status).toBe(400);
    }
  });

  it('counts weight by the minute, refuses with 429, then bans with 418, per host', async () => {
    const time = { at: 1_800_000_000_000 };
    const venue = await start({ now: () => time.at, weightLimits: { fapi: 3 } });
    const get = async (path: string) => {
      const response = await fetch(venue.url + path);
      const body: unknown = await response.json();
      return { status: response.status, headers: response.headers, body };
    };
    const statuses: number[] = [];
    for (let call = 0; call < 7; call += 1) statuses.push((await get('/fapi/v1/time')).status);
    expect(statuses).toEqual([200, 200, 200, 429, 429, 429, 418]);
    const ban = await get('/fapi/v1/time');
    expect(ban.headers.get('retry-after')).toBe('120');
    expect(ban.body).toMatchObject({ code: -1003, msg: expect.stringContaining(String(time.at + 120_000)) });
    const other = await get('/api/v3/time');
    expect(other.status).toBe(200);
    expect(other.headers.get('x-mbx-used-weight-1m')).toBe('1');
    time.at += 120_000;
    expect((await get('/fapi/v1/time')).status).toBe(200);
    venue.setWeightLimit('fapi', 0);
    expect((await get('/fapi/v1/time')).headers.get('retry-after')).toBe('60');
    venue.setWeightLimit('fapi', 2400);
    venue.resetWeights();
    expect((await get('/fapi/v1/time')).status).toBe(200);
  });
});

describe('faults', () => {
  const orders = [50000, 49000, 48000].map((price) => ({
    symbol: 'BTCUSDT',
    side: 'buy' as const,
    quantity: 0.01,
    price,
  }));
  const CANCEL = { method: 'DELETE', path: '/fapi/v1/allOpenOrders' };
  const cancelUnder = async (fault: FaultOptions, config: Record<string, unknown> = {}) => {
    const venue = await start({ orders });
    const exchange = await usdm(venue, config);
    await exchange.loadMarkets();
    venue.fault({ match: CANCEL, ...fault });
    const outcome = await nameOf(exchange.cancelAllOrders('BTC/USDT:USDT'));
    return { venue, exchange, outcome, left: venue.openOrders().length };
  };

  it.each([
    [{ kind: 'reset' }, 'NetworkError', 3],
    [{ kind: 'appliedThenReset' }, 'NetworkError', 0],
    [{ kind: 'appliedThen503' }, 'OperationFailed', 0],
    [{ kind: 'http429', retryAfterSec: 7 }, 'DDoSProtection', 3],
    [{ kind: 'http418' }, 'DDoSProtection', 3],
    [{ kind: 'http500' }, 'OperationFailed', 3],
    [{ kind: 'maintenance' }, 'BadRequest', 3],
    [{ kind: 'revokedKey' }, 'AuthenticationError', 3],
    [{ kind: 'clockSkew' }, 'InvalidNonce', 3],
    [{ kind: 'html' }, 'ExchangeNotAvailable', 3],
    [{ kind: 'html', status: 200 }, 'no error', 3],
    [{ kind: 'lie' }, 'no error', 3],
    [{ kind: 'partial' }, 'no error', 2],
    [{ kind: 'garbage' }, 'no error', 0],
    [{ kind: 'http500', applied: true }, 'OperationFailed', 0],
  ] satisfies [FaultOptions, string, number][])(
    '%o makes ccxt see %s and leaves %i orders',
    async (fault, seen, left) => {
      const result = await cancelUnder(fault);
      expect([result.outcome, result.left]).toEqual([seen, left]);
      // Once, by default: the next one works.
      await result.exchange.cancelAllOrders('BTC/USDT:USDT');
      expect(result.venue.openOrders()).toEqual([]);
    },
  );

  it('makes ccxt believe an answer that is none: positions read as flat, orders as nonsense', async () => {
    const venue = await start({ orders, positions: [{ symbol: 'BTCUSDT', amount: 1 }] });
    const exchange = await usdm(venue);
    expect(await exchange.fetchPositions()).toHaveLength(1);
    for (const fault of [{ kind: 'html', status: 200 }, { kind: 'garbage' }] satisfies FaultOptions[]) {
      venue.fault({ ...fault, times: 3 });
      expect(await exchange.fetchPositions()).toEqual([]);
      expect((await exchange.fetchOpenOrders()).length).toBeGreaterThan(3);
      const raw: unknown = await exchange.fapiPrivateV3GetPositionRisk();
      expect(typeof raw).toBe('string');
    }
  });

  it('times out: never answers', async () => {
    const { outcome, left } = await cancelUnder({ kind: 'timeout' }, { timeout: 50 });
    expect([outcome, left]).toEqual(['RequestTimeout', 3]);
  });

  it('stalls in the middle of a body', async () => {
    const venue = await start({ orders });
    venue.fault({ kind: 'stalledBody', match: { path: '/fapi/v1/time' } });
    const response = await fetch(`${venue.url}/fapi/v1/time`);
    expect(response.status).toBe(200);
    const reader = response.body?.getReader();
    const first = await reader?.read();
    expect(new TextDecoder().decode(first?.value)).toMatch(/^\{"serverT/);
    const rest = reader?.read().catch(() => 'cut off');
    await venue.close();
    expect(await rest).toBe('cut off');
  });

  it('holds a slow call until it is released, and carries it out though the client gave up', async () => {
    const venue = await start({ orders });
    const exchange = await usdm(venue, { timeout: 30 });
    await exchange.loadMarkets();
    const slow = venue.fault({ kind: 'slow', match: CANCEL });
    expect(await nameOf(exchange.cancelAllOrders('BTC/USDT:USDT'))).toBe('RequestTimeout');
    expect(venue.openOrders()).toHaveLength(3);
    slow.release();
    await venue.until(() => venue.openOrders().length === 0, { what: 'the late cancel to be carried out' });
    expect(slow.hits()).toBe(1);
    venue.fault({ kind: 'slow', ms: 1, applied: true });
    await exchange.fetchTime();
  });

  it('fills an order instead of cancelling it', async () => {
    const venue = await start({
      orders: [...orders, { wallet: 'spot', symbol: 'BTCUSDT', side: 'buy', quantity: 0.01, price: 50000 }],
    });
    const exchange = await usdm(venue);
    venue.fault({ kind: 'fillDuringCancel', match: { method: 'DELETE' }, times: 2 });
    const [first] = venue.openOrders('swap');
    expect(await nameOf(exchange.cancelOrder(first?.id ?? '', 'BTC/USDT:USDT'))).toBe('OrderNotFound');
    expect(venue.positions()).toMatchObject([{ amount: 0.01, entryPrice: 50000 }]);
    // Cancelling all succeeds all the same: the other one is cancelled, the first has become a position.
    await exchange.cancelAllOrders('BTC/USDT:USDT');
    expect(venue.openOrders('swap')).toEqual([]);
    expect(venue.positions()).toMatchObject([{ amount: 0.02, entryPrice: 49500 }]);

    venue.fault({ kind: 'fillDuringCancel', match: { method: 'DELETE' } });
    expect(await nameOf((await spot(venue)).privateDeleteOpenOrders({ symbol: 'BTCUSDT' }))).toBe(
      'OrderNotFound',
    );
    expect(venue.balances().spot['BTC']?.total).toBe(2.00999);
  });

  it('hits as often as it is told, after as many as it is told, and only what matches', async () => {
    const venue = await start({ orders });
    const exchange = await usdm(venue);
    const fault = venue.fault({
      kind: 'http500',
      match: { path: /openOrders$/, params: { symbol: 'BTCUSDT' } },
      times: Infinity,
      after: 1,
    });
    await exchange.fapiPrivateGetOpenOrders({ symbol: 'ETHUSDT' });
    await exchange.fapiPrivateGetOpenOrders({ symbol: 'BTCUSDT' });
    for (let call = 0; call < 3; call += 1) {
      await expect(exchange.fapiPrivateGetOpenOrders({ symbol: 'BTCUSDT' })).rejects.toThrow('-1001');
    }
    expect(fault.hits()).toBe(3);
    expect(venue.requests({ path: '/fapi/v1/openOrders' }).map((entry) => entry.fault)).toEqual([
      undefined,
      undefined,
      'http500',
      'http500',
      'http500',
    ]);
    venue.clearFaults();
    await exchange.fapiPrivateGetOpenOrders({ symbol: 'BTCUSDT' });
  });

  it('lies and half-cancels on the conditional list and on spot too', async () => {
    const venue = await start({
      orders: [
        { wallet: 'spot', symbol: 'BTCUSDT', side: 'buy', quantity: 0.01, price: 50000 },
        { wallet: 'spot', symbol: 'BTCUSDT', side: 'buy', quantity: 0.01, price: 49000 },
        { symbol: 'BTCUSDT', side: 'sell', quantity: 0.01, triggerPrice: 50000 },
        { symbol: 'BTCUSDT', side: 'sell', quantity: 0.01, triggerPrice: 49000 },
      ],
    });
    venue.fault({ kind: 'partial', match: { method: 'DELETE' }, times: 2 });
    const [kept] = venue.openOrders('spot');
    const said: unknown[] = await (await spot(venue)).privateDeleteOpenOrders({ symbol: 'BTCUSDT' });
    expect(said).toMatchObject([{ status: 'CANCELED' }, { status: 'CANCELED' }]);
    expect(venue.openOrders('spot')).toEqual([kept]);
    const exchange = await usdm(venue);
    await exchange.fapiPrivateDeleteAlgoOpenOrders({ symbol: 'BTCUSDT' });
    expect(venue.conditionalOrders()).toHaveLength(1);
    venue.fault({ kind: 'lie', match: { method: 'POST' } });
    await exchange.createOrder('BTC/USDT:USDT', 'market', 'buy', 0.01);
    expect(venue.positions()).toEqual([]);
  });

  it('keeps trading while it is being stopped', async () => {
    const venue = await start({ orders });
    const exchange = await usdm(venue);
    await exchange.loadMarkets();
    venue.engineKeepsTrading({ count: 2 });
    const left: number[] = [];
    for (let round = 0; round < 3; round += 1) {
      await exchange.cancelAllOrders('BTC/USDT:USDT');
      left.push(venue.openOrders().length);
    }
    expect(left).toEqual([1, 1, 0]);
    const stop = venue.engineKeepsTrading({
      everyRequest: true,
      order: { symbol: 'NEWUSDT', side: 'buy', quantity: 1, price: 3 },
    });
    await exchange.fetchTime();
    await exchange.fetchTime();
    stop();
    await exchange.fetchTime();
    expect(venue.openOrders().map((order) => order.symbol)).toEqual(['NEWUSDT', 'NEWUSDT']);
  });
});

describe('the controls', () => {
  it('refuses what Binance would refuse', async () => {
    const venue = await start();
    const buy = { symbol: 'BTCUSDT', side: 'buy' as const, quantity: 0.01, price: 50000 };
    expect(() => venue.placeOrder({ ...buy, quantity: 0.0105 })).toThrow('badQuantity');
    expect(() => venue.placeOrder({ ...buy, price: 50000.05 })).toThrow('badPrice');
    expect(() => venue.placeOrder({ ...buy, quantity: 0.001 })).toThrow('minNotional');
    expect(() => venue.placeOrder({ ...buy, quantity: 100 })).toThrow('insufficientMargin');
    expect(() => venue.placeOrder({ ...buy, wallet: 'spot', quantity: 100 })).toThrow('insufficientBalance');
    expect(() => venue.placeOrder({ ...buy, triggerPrice: 59000 })).toThrow('wouldTrigger');
    venue.placeOrder({ ...buy, clientId: 'once' });
    expect(() => venue.placeOrder({ ...buy, clientId: 'once' })).toThrow('duplicateClientId');
  });

  it('closes a position by a triggered close-all stop', async () => {
    const venue = await start({
      positions: [{ symbol: 'BTCUSDT', amount: -0.5 }],
      orders: [{ symbol: 'BTCUSDT', side: 'buy', quantity: 0, closePosition: true, triggerPrice: 61000 }],
    });
    venue.fill(venue.conditionalOrders()[0]?.id ?? '');
    expect(venue.positions()).toEqual([]);
  });

  it('fills in parts and tells whoever waits', async () => {
    const venue = await start();
    const order = venue.placeOrder({ symbol: 'BTCUSDT', side: 'sell', quantity: 0.02, price: 61000 });
    let told = 0;
    const stop = venue.onChange(() => {
      told += 1;
    });
    const waiting = venue.until(() => venue.positions().length > 0, { what: 'a position' });
    venue.fill(order.id, { quantity: 0.005 });
    await waiting;
    stop();
    venue.setMark('BTCUSDT', 60500);
    expect(told).toBe(1);
    expect(venue.order(order.id)).toMatchObject({ status: 'partial', filled: 0.005 });
    venue.addIncome('TRANSFER', 'USDT', -1000);
    venue.setBalance('spot', 'USDT', 5);
    venue.setMarginAsset('BTC', { total: 1 });
    expect(venue.balances()).toMatchObject({ spot: { USDT: { total: 5 } }, margin: { BTC: { total: 1 } } });
    await expect(venue.until(() => false, { timeoutMs: 1, what: 'never' })).rejects.toThrow('never');
  });

  it('gives the same ids and the same answers every time', async () => {
    const run = async () => {
      const venue = await start({ now: () => 1_800_000_000_000 });
      for (const price of [50000, 49000])
        venue.placeOrder({ symbol: 'BTCUSDT', side: 'buy', quantity: 0.01, price });
      venue.setMark('BTCUSDT', 49500);
      return JSON.stringify([venue.openOrders(), venue.positions(), venue.balances()]);
    };
    expect(await run()).toBe(await run());
  });

  it('adds the latency that it is told', async () => {
    const venue = await start({ latencyMs: 20 });
    const before = performance.now();
    await fetch(`${venue.url}/api/v3/ping`);
    expect(performance.now() - before).toBeGreaterThan(15);
  });
});
