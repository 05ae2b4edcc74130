import * as fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { createVenue, type VenueOptions } from '../../src/adapters/ccxt.ts';
import { bybit, SPELLINGS } from '../../src/adapters/venues/bybit.ts';
import type { VenueVerdict } from '../../src/domain/kill.ts';
import type { Clock, Venue } from '../../src/ports.ts';
import {
  type BybitCounterpart,
  type BybitOptions,
  startBybitCounterpart,
} from '../../src/rehearsal/bybit.ts';
import type { CallMatch, FaultKind } from '../../src/rehearsal/venue/faults.ts';
import { venueContract, verdictOf } from '../contracts/venue.ts';

type EngineOrder = NonNullable<BybitOptions['orders']>[number];

const KEY = 'canaryKeyAAAA1111';
const SECRET = 'canarySecretBBBB2222';
/** What no reason may hold. */
const SECRETS = /canary|https?:/i;
/** The ban of an address is ten minutes. */
const BAN_MS = 600_000;

const openThings: { close(): Promise<void> }[] = [];
afterEach(async () => {
  await Promise.all(openThings.splice(0).map((thing) => thing.close()));
});

/** A clock whose deadlines pass only when `settle` lets them: no test waits in real time. */
interface TestClock extends Clock {
  /** Moves `now`, and nothing else. */
  advance(ms: number): void;
  /** Deadlines of requests under way. */
  deadlines(): number;
  expireAll(): void;
}

function testClock(): TestClock {
  let offset = 0;
  const waits = new Set<{ ms: number; end: () => void }>();
  return {
    now: () => Date.now() + offset,
    monotonic: () => performance.now() + offset,
    wait: (ms, signal) =>
      new Promise((resolve) => {
        const wait = {
          ms,
          end: () => {
            waits.delete(wait);
            resolve();
          },
        };
        waits.add(wait);
        if (signal?.aborted === true) wait.end();
        signal?.addEventListener('abort', wait.end, { once: true });
      }),
    advance: (ms) => {
      offset += ms;
    },
    // 250 ms is the driver's patience with a cancel of a whole list, not a request.
    deadlines: () => [...waits].filter((wait) => wait.ms !== 250).length,
    expireAll: () => {
      for (const wait of Array.from(waits)) wait.end();
    },
  };
}

interface Bench {
  far: BybitCounterpart;
  venue: Venue;
  clock: TestClock;
  /** Every text that the venue handed out. */
  said: string[];
  /** Hanging requests whose deadline has passed. */
  expired: number;
}

async function bench(far: Partial<BybitOptions> = {}, near: Partial<VenueOptions> = {}): Promise<Bench> {
  const counterpart = await startBybitCounterpart({
    apiKey: KEY,
    secret: SECRET,
    balances: { USDT: 100_000, USDC: 100_000 },
    ...far,
  });
  const clock = testClock();
  const venue = await createVenue({
    id: 'desk',
    exchange: 'bybit',
    apiKey: KEY,
    secret: SECRET,
    symbols: ['BTC/USDT:USDT'],
    quoteAssets: ['USDT', 'USDC'],
    baseUrl: counterpart.url,
    clock,
    callTimeoutMs: 4_000,
    mask: (text) => text,
    protectiveOrders: 'cancel',
    ...near,
  });
  const said: string[] = [];
  openThings.push(venue, counterpart);
  return { far: counterpart, venue: listening(venue, said), clock, said, expired: 0 };
}

/** Writes down whatever the venue answers. */
function listening(venue: Venue, said: string[]): Venue {
  const heard = async <T>(answer: Promise<T>): Promise<T> => {
    const value = await answer;
    said.push(JSON.stringify(value));
    return value;
  };
  return {
    ...venue,
    warm: () => heard(venue.warm()),
    cancel: (scope) => heard(venue.cancel(scope)),
    read: () => heard(venue.read()),
    closePosition: (position, key) => heard(venue.closePosition(position, key)),
  };
}

const HANGS = new Set<FaultKind>(['timeout', 'stalledBody']);

/** Waits for the work; deadlines pass once nothing but hanging requests is under way. */
async function settle<T>(at: Bench, work: Promise<T>): Promise<T> {
  const state = { done: false };
  const finished = work.finally(() => {
    state.done = true;
  });
  while (!state.done) {
    await new Promise((resolve) => setImmediate(resolve));
    const hanging = at.far.requests().filter((one) => one.fault && HANGS.has(one.fault)).length;
    if (hanging > at.expired && at.clock.deadlines() === hanging - at.expired) {
      at.expired = hanging;
      at.clock.expireAll();
    }
  }
  return finished;
}

/** Path and the parameters that say which list, without limits. */
const wireOf = (far: BybitCounterpart, match?: CallMatch): string[] =>
  far
    .requests(match)
    .map(({ method, path, params }) => {
      const { limit: _, openOnly: __, accountType: ___, ...rest } = params;
      return [method, path.replace('/v5/', ''), ...Object.values(rest)].join(' ');
    })
    .toSorted();
const openIds = (far: BybitCounterpart) => far.openOrders().map((order) => order.id);
const contractLists = (name: string) => [name, `${name} conditional`];
const LISTS = [
  'spot',
  'spot stop',
  'spot TP/SL',
  'spot OCO',
  'spot bidirectional TP/SL',
  ...['linear USDT', 'linear USDC', 'inverse'].flatMap(contractLists),
];

const entry = (more: Partial<EngineOrder> = {}): EngineOrder => ({
  symbol: 'BTCUSDT',
  side: 'buy',
  price: 50_000,
  quantity: 0.01,
  ...more,
});
const stop = (more: Partial<EngineOrder> = {}): EngineOrder => ({
  symbol: 'BTCUSDT',
  side: 'sell',
  triggerPrice: 55_000,
  quantity: 0.01,
  ...more,
});
const inverse = (more: Partial<EngineOrder> = {}) => entry({ symbol: 'BTCUSD', quantity: 100, ...more });
const long = { symbol: 'BTCUSDT', amount: 0.01, entryPrice: 58_000 };

/** One order in each list. */
const ONE_OF_EACH: EngineOrder[] = [
  entry({ spot: true }),
  stop({ spot: true, kind: 'Stop', side: 'buy', triggerPrice: 65_000 }),
  stop({ spot: true, kind: 'tpslOrder', side: 'buy', triggerPrice: 65_000 }),
  entry({ spot: true, kind: 'OcoOrder' }),
  entry({ spot: true, kind: 'BidirectionalTpslOrder', price: 49_000 }),
  entry(),
  stop(),
  entry({ symbol: 'BTCPERP' }),
  stop({ symbol: 'BTCPERP' }),
  inverse(),
  stop({ symbol: 'BTCUSD', quantity: 100 }),
];

// ── The contract ─────────────────────────────────────────────────────────────────────────────────────────────────────

for (const kind of ['linear', 'spot'] as const) {
  const spot = kind === 'spot';
  venueContract(`bybit ${kind}`, async () => {
    const { far, venue } = await bench(
      { balances: { USDT: 100_000 } },
      { symbols: [spot ? 'BTC/USDT' : 'BTC/USDT:USDT'] },
    );
    return {
      venue,
      place(what) {
        if (what === 'entry') return far.placeOrder(entry({ spot })).id;
        if (what === 'unlisted')
          return far.placeOrder(entry({ spot, symbol: 'NEWUSDT', price: 2, quantity: 50 })).id;
        if (what === 'conditional')
          return far.placeOrder(stop({ spot, side: 'buy', triggerPrice: 65_000 })).id;
        if (spot) far.setBalance('BTC', 0.01);
        else far.setPosition(long);
        return far.placeOrder(stop({ spot, reduceOnly: !spot })).id;
      },
      open: () => openIds(far),
      hold(amount) {
        if (spot) far.setBalance('BTC', amount);
        else far.setPosition({ ...long, amount });
      },
      closes: () =>
        far.requests({ method: 'POST', path: /create$/ }).filter((one) => one.status === 200).length,
      money: {
        currency: 'USDT',
        transfer: (amount) => far.addIncome(amount > 0 ? 'TRANSFER_IN' : 'TRANSFER_OUT', 'USDT', amount),
        earn: (amount) => far.addIncome('SETTLEMENT', 'USDT', amount),
        many() {
          for (let n = 0; n < 120; n += 1) far.addIncome('TRANSFER_IN', 'USDT', 1);
          return 120;
        },
        strange: () => far.addIncome('A_NEW_KIND', 'USDT', 1),
      },
      asked: () => far.requests().map(({ path }) => path),
      fail: (path) =>
        void far.fault({
          kind: 'http500',
          times: Number.POSITIVE_INFINITY,
          ...(path === undefined ? {} : { match: { path } }),
        }),
      heal: () => far.clearFaults(),
      close: async () => undefined,
    };
  });
}

// ── What goes over the wire ──────────────────────────────────────────────────────────────────────────────────────────

describe('a kill on the wire', () => {
  it('lists every list and cancels each whole in the same breath, without any market', async () => {
    const { far, venue } = await bench({
      orders: [entry(), entry({ symbol: 'ETHUSDT', price: 2_000 }), stop()],
    });
    const lists = await venue.cancel({ scope: 'all' });
    expect(wireOf(far)).toEqual(
      [
        'GET order/realtime spot',
        'GET order/realtime spot StopOrder',
        'GET order/realtime spot tpslOrder',
        'GET order/realtime spot OcoOrder',
        'GET order/realtime spot BidirectionalTpslOrder',
        // Regular and conditional orders: both from all kinds.
        'GET order/realtime linear USDT',
        'GET order/realtime linear USDT',
        'GET order/realtime linear USDC',
        'GET order/realtime linear USDC',
        'GET order/realtime inverse',
        'GET order/realtime inverse',
        // Whether this key may see options was not asked yet: it is, beside the cancelling.
        'GET position/list option',
        'GET order/realtime option',
        'POST order/cancel-all option',
        'POST order/cancel-all spot Order',
        'POST order/cancel-all spot StopOrder',
        'POST order/cancel-all spot tpslOrder',
        'POST order/cancel-all spot OcoOrder',
        'POST order/cancel-all spot BidirectionalTpslOrder',
        'POST order/cancel-all linear USDT Order',
        'POST order/cancel-all linear USDT StopOrder',
        'POST order/cancel-all linear USDC Order',
        'POST order/cancel-all linear USDC StopOrder',
      ].toSorted(),
    );
    expect(openIds(far)).toEqual([]);
    expect(lists.map((list) => list.list)).toEqual([...LISTS, 'options']);
    expect(lists.filter((list) => list.found > 0)).toEqual([
      { list: 'linear USDT', found: 2, answered: 2, protective: 0, failures: [] },
      { list: 'linear USDT conditional', found: 1, answered: 1, protective: 0, failures: [] },
    ]);
  });

  it('signs with the headers that Bybit checks, and sends what it lists in pages of 50', async () => {
    const { far, venue } = await bench();
    await venue.read();
    const listed = far.requests({ path: '/v5/order/realtime' });
    expect(listed.every((one) => one.status === 200 && one.params['limit'] === '50')).toBe(true);
    expect(wireOf(far).filter((line) => !line.includes('realtime'))).toEqual(
      [
        'GET position/list linear USDT',
        'GET position/list linear USDC',
        'GET position/list inverse',
        'GET account/wallet-balance',
        'GET position/list option',
        'GET position/list option',
      ].toSorted(),
    );
  });

  it('cancels one order of every list, each counted in its own', async () => {
    const { far, venue } = await bench({
      orders: ONE_OF_EACH,
      balances: { USDT: 100_000, USDC: 100_000 },
    });
    const reading = await venue.read();
    expect(
      reading.lists.map((list) => [list.list, list.state === 'read' ? list.orders.length : list.reason]),
    ).toEqual([...LISTS.map((list) => [list, 1]), ['options', 0]]);
    far.requests();
    const lists = await venue.cancel({ scope: 'all' });
    expect(openIds(far)).toEqual([]);
    expect(lists).toEqual(
      [...LISTS.map((list) => [list, 1] as const), ['options', 0] as const].map(([list, n]) => ({
        list,
        found: n,
        answered: n,
        protective: 0,
        failures: [],
      })),
    );
    expect((await verdictOf(venue)).verdict).toBe('FLAT');
  });

  it('cancels inverse orders by the symbols that it saw last, and by id those that it never saw', async () => {
    const { far, venue } = await bench({
      orders: [inverse(), stop({ symbol: 'NEWUSD', triggerPrice: 1, quantity: 5 })],
    });
    await venue.cancel({ scope: 'all' });
    expect(openIds(far)).toEqual([]);
    const batch = far.requests({ path: '/v5/order/cancel-batch' });
    expect(batch.map((one) => JSON.parse(one.params['request'] ?? ''))).toEqual([
      [{ symbol: 'BTCUSD', orderId: expect.stringMatching(/^\d{19}$/) }],
    ]);
    expect(wireOf(far, { path: '/v5/order/cancel' })).toEqual([
      expect.stringMatching(/^POST order\/cancel inverse NEWUSD \d{19}$/),
    ]);

    far.placeOrder(inverse());
    await venue.read();
    await venue.cancel({ scope: 'all' });
    expect(wireOf(far, { path: '/v5/order/cancel-all', params: { category: 'inverse' } })).toContain(
      'POST order/cancel-all inverse BTCUSD Order',
    );
    expect(openIds(far)).toEqual([]);
  });

  it('reads and cancels past the first page, and past the 500 that one cancel-all takes', async () => {
    const orders = Array.from({ length: 530 }, (_, index) =>
      entry({ price: 40_000 + index, quantity: 0.001 }),
    );
    const { far, venue } = await bench({ orders, balances: { USDT: 10_000_000 } });
    const reading = await venue.read();
    expect(reading.lists[5]).toMatchObject({ list: 'linear USDT', state: 'read', orders: { length: 530 } });
    const pages = far.requests({ path: '/v5/order/realtime', params: { settleCoin: 'USDT' } });
    // 530 rows in pages of 50, for each of the two lists.
    expect(pages).toHaveLength(22);
    expect(new Set(pages.map((one) => one.params['cursor'])).size).toBe(11);
    const [list] = (await venue.cancel({ scope: 'all' })).filter((one) => one.found > 0);
    expect(openIds(far)).toEqual([]);
    expect(list).toEqual({ list: 'linear USDT', found: 530, answered: 530, protective: 0, failures: [] });
    expect(far.requests({ path: '/v5/order/cancel-batch' }).length).toBeGreaterThan(2);
  });

  it('reads positions past the first page, and a full last page to the empty one after it', async () => {
    const positions = Array.from({ length: 200 }, (_, index) => ({
      symbol: `N${index}USDT`,
      amount: 1,
      entryPrice: 1,
    }));
    const { far, venue } = await bench({ positions });
    const { positions: read } = await venue.read();
    expect(read[1]).toMatchObject({ scope: 'linear USDT positions', positions: { length: 200 } });
    expect(far.requests({ path: '/v5/position/list', params: { settleCoin: 'USDT' } })).toHaveLength(2);
    far.setPosition({ symbol: 'N200USDT', amount: 1, entryPrice: 1 });
    expect((await venue.read()).positions[1]).toMatchObject({ positions: { length: 201 } });
  });

  it('cancels only entries by id, never whole lists, and leaves what reduces', async () => {
    const { far, venue } = await bench({
      positions: [long],
      balances: { USDT: 100_000, BTC: 1 },
      orders: [
        entry(),
        entry({ side: 'sell', price: 70_000, reduceOnly: true }),
        stop({ closePosition: true, quantity: 0, kind: 'StopLoss' }),
        stop({ quantity: 0.02 }),
        stop({ spot: true, kind: 'tpslOrder', price: 54_000 }),
        stop({ spot: true, side: 'buy', triggerPrice: 65_000, kind: 'tpslOrder' }),
      ],
    });
    const lists = await venue.cancel({ scope: 'entries' });
    expect(far.openOrders().map((order) => [order.symbol, order.type, order.side])).toEqual([
      ['BTCUSDT', 'Order', 'sell'],
      ['BTCUSDT', 'StopLoss', 'sell'],
      ['BTCUSDT', 'tpslOrder', 'sell'],
    ]);
    expect(far.requests({ path: '/v5/order/cancel-all' })).toEqual([]);
    expect(lists.flatMap((list) => list.failures)).toEqual([]);
    // Spot needs to be told the kind; contracts do not.
    expect(far.requests({ path: '/v5/order/cancel' }).map((one) => one.params['orderFilter'])).toEqual(
      expect.arrayContaining(['tpslOrder', undefined]),
    );
  });

  it('says so where an OCO order cannot be cancelled by id, and never that it is gone', async () => {
    const { far, venue } = await bench({ orders: [entry({ spot: true, kind: 'OcoOrder' })] });
    const lists = await venue.cancel({ scope: 'entries' });
    expect(lists.flatMap((list) => list.failures).join()).toContain('does not take this kind of order here');
    expect(openIds(far)).toHaveLength(1);
    expect((await verdictOf(venue)).verdict).toBe('RESIDUAL');
  });

  it('cancels one market only when asked, though spot and contract share the id', async () => {
    const orders = [
      entry({ spot: true }),
      entry(),
      entry({ symbol: 'BTCPERP' }),
      inverse(),
      entry({ symbol: 'ETHUSDT', price: 2_000 }),
    ];
    const left = async (symbol: string, warmed = true) => {
      const { far, venue } = await bench({ orders });
      if (warmed) await venue.warm();
      await venue.cancel({ scope: 'all', symbol });
      return far.openOrders().map((order) => `${order.wallet} ${order.symbol}`);
    };
    expect(await left('BTC/USDT')).toEqual(['swap BTCUSDT', 'swap BTCPERP', 'swap BTCUSD', 'swap ETHUSDT']);
    expect(await left('BTC/USDT:USDT')).toEqual([
      'spot BTCUSDT',
      'swap BTCPERP',
      'swap BTCUSD',
      'swap ETHUSDT',
    ]);
    expect(await left('BTC/USDC:USDC')).toEqual([
      'spot BTCUSDT',
      'swap BTCUSDT',
      'swap BTCUSD',
      'swap ETHUSDT',
    ]);
    expect(await left('BTC/USD:BTC')).toEqual([
      'spot BTCUSDT',
      'swap BTCUSDT',
      'swap BTCPERP',
      'swap ETHUSDT',
    ]);
    // By spelling alone, where the markets are not known.
    expect(await left('BTC/USDT', false)).toEqual([
      'swap BTCUSDT',
      'swap BTCPERP',
      'swap BTCUSD',
      'swap ETHUSDT',
    ]);
    // In the venue's own spelling it means both markets of that id.
    expect(await left('BTCUSDT')).toEqual(['swap BTCPERP', 'swap BTCUSD', 'swap ETHUSDT']);
  });

  it('keeps stops on an open position where the desk wants that, on that market alone', async () => {
    const { far, venue } = await bench(
      {
        positions: [long],
        orders: [entry(), stop({ reduceOnly: true }), stop({ symbol: 'BTCPERP' }), entry({ spot: true })],
      },
      { protectiveOrders: 'keepWhilePosition' },
    );
    // A stop on spot whose coin is gone: the contract of the same id is not what it protects.
    far.setBalance('BTC', 0.01);
    far.placeOrder(stop({ spot: true, price: 54_000 }));
    far.setBalance('BTC', 0);
    await venue.cancel({ scope: 'all' });
    expect(far.openOrders()).toMatchObject([{ symbol: 'BTCUSDT', reduceOnly: true }]);
    far.setPosition({ symbol: 'BTCUSDT', amount: 0 });
    await venue.cancel({ scope: 'all' });
    expect(openIds(far)).toEqual([]);
  });

  it('finds an order of a kind that nobody knows yet', async () => {
    const { far, venue } = await bench({
      orders: [entry({ spot: true, kind: 'TrailingStop' }), entry({ kind: 'PartialStopLoss' })],
    });
    expect((await verdictOf(venue)).orders.map((order) => order.list)).toEqual([
      'spot',
      'linear USDT conditional',
    ]);
    await venue.cancel({ scope: 'all' });
    // Spot has no way to cancel that one: it stays, and is said.
    expect(far.openOrders().map((order) => order.type)).toEqual(['TrailingStop']);
    expect((await verdictOf(venue)).verdict).toBe('RESIDUAL');
  });
});

describe('what the reading shows', () => {
  it('names markets apart once they are known, also where ids are shared', async () => {
    const { venue } = await bench({ orders: [entry({ spot: true }), entry(), inverse()], positions: [long] });
    expect(await venue.warm()).toEqual({ ok: true });
    const reading = await venue.read();
    const symbols = reading.lists
      .flatMap((list) => (list.state === 'read' ? list.orders : []))
      .map((one) => one.symbol);
    expect(symbols).toEqual(['BTC/USDT', 'BTC/USDT:USDT', 'BTC/USD:BTC']);
    expect(reading.positions[1]).toMatchObject({
      positions: [
        {
          symbol: 'BTC/USDT:USDT',
          side: 'long',
          amount: 0.01,
          notional: 600,
          currency: 'USDT',
          unrealisedPnl: 20,
        },
      ],
    });
  });

  it('shows each side of hedge mode, and takes an order that only reduces for a protective one', async () => {
    const { venue } = await bench({
      hedgeMode: true,
      positions: [
        { symbol: 'BTCUSDT', side: 'LONG', amount: 0.02 },
        { symbol: 'BTCUSDT', side: 'SHORT', amount: -0.02 },
      ],
      orders: [entry({ side: 'sell', price: 70_000, positionSide: 'LONG' }), entry({ positionSide: 'LONG' })],
    });
    const reading = await venue.read();
    expect(reading.positions[1]).toMatchObject({
      positions: [
        { side: 'short', amount: 0.02, notional: 1_200 },
        { side: 'long', amount: 0.02, notional: 1_200 },
      ],
    });
    expect(reading.lists[5]).toMatchObject({ orders: [{ protective: false }, { protective: true }] });
    expect((await verdictOf(venue)).verdict).toBe('RESIDUAL');
  });

  it('shows positions of every settle coin, inverse ones in US dollars', async () => {
    const { venue } = await bench({
      positions: [
        { symbol: 'BTCPERP', amount: -0.5, entryPrice: 61_000 },
        { symbol: 'BTCUSD', amount: 300, entryPrice: 60_000 },
      ],
    });
    expect((await verdictOf(venue)).positions).toMatchObject([
      {
        symbol: 'BTCPERP',
        side: 'short',
        amount: 0.5,
        notional: 30_000,
        currency: 'USDC',
        unrealisedPnl: 500,
      },
      { symbol: 'BTCUSD', side: 'long', amount: 300, notional: 300, currency: 'USD', unrealisedPnl: null },
    ]);
  });

  it('shows balances other than quote assets and what is borrowed, of quote assets too', async () => {
    const { far, venue } = await bench({
      balances: { USDT: 5, BTC: 0.5, NEW: 3, ETH: -1 },
      debts: { USDT: { borrowed: 1_000, interest: 1 } },
    });
    await venue.warm();
    const verdict = await verdictOf(venue);
    expect(verdict.verdict).toBe('RESIDUAL');
    expect(verdict.positions).toMatchObject([
      { symbol: 'USDT loan (balances)', side: 'short', amount: 1_001, notional: 1_001, currency: 'USDT' },
      { symbol: 'BTC/USDT', side: 'long', amount: 0.5, notional: 30_000, currency: 'USDT', dust: false },
      { symbol: 'NEW/USDT', side: 'long', amount: 3, notional: null },
      { symbol: 'ETH loan (balances)', side: 'short', amount: 1 },
    ]);
    far.setBalance('ETH', 0);
    far.setBalance('BTC', 0);
    far.setBalance('NEW', 0);
    expect(await verdictOf(venue)).toMatchObject({ verdict: 'RESIDUAL', positions: { length: 1 } });
    far.setDebt('USDT', { borrowed: 0, interest: 0 });
    expect((await verdictOf(venue)).verdict).toBe('FLAT');
  });

  it('covers options from the moment that they answered, and names them where the key may not see them', async () => {
    const { far, venue } = await bench({ settings: { optionsAllowed: false } });
    await venue.warm();
    const verdict = await verdictOf(venue);
    expect(verdict.verdict).toBe('FLAT');
    expect(verdict.notCovered[0]).toMatch(/^options \(the key lacks a permission.*10005/);
    far.setSettings({ optionsAllowed: true });
    await venue.warm();
    const reading = await venue.read();
    expect(reading.lists.at(-1)).toEqual({ list: 'options', state: 'read', orders: [] });
    expect(reading.positions.at(-1)).toMatchObject({ scope: 'option positions', state: 'read' });
    await venue.cancel({ scope: 'all' });
    expect(wireOf(far)).toContain('POST order/cancel-all option');
    far.fault({ kind: 'http500', times: 9, match: { params: { category: 'option' } } });
    expect((await verdictOf(venue)).verdict).toBe('UNKNOWN');
  });

  it('is UNKNOWN for a classic account', async () => {
    const { venue } = await bench({ settings: { unifiedMarginStatus: 1 } });
    expect(await verdictOf(venue)).toMatchObject({
      verdict: 'UNKNOWN',
      reason: expect.stringContaining('10001 accountType only support UNIFIED'),
    });
  });
});

// ── Faults ───────────────────────────────────────────────────────────────────────────────────────────────────────────

const FAULTS: FaultKind[] = [
  'timeout',
  'reset',
  'appliedThenReset',
  'appliedThen503',
  'stalledBody',
  'http429',
  'http418',
  'http500',
  'maintenance',
  'revokedKey',
  'clockSkew',
  'html',
  'lie',
  'partial',
  'fillDuringCancel',
  'garbage',
];
const LYING: FaultKind[] = ['lie', 'partial', 'fillDuringCancel'];
const REALTIME = '/v5/order/realtime';
const READS: CallMatch[] = [
  { path: REALTIME, params: { category: 'spot' } },
  { path: REALTIME, params: { settleCoin: 'USDC' } },
  { path: REALTIME, params: { category: 'inverse' } },
  { path: '/v5/position/list' },
  { path: '/v5/account/wallet-balance' },
];
const CANCEL_ALL = '/v5/order/cancel-all';
const WRITES: CallMatch[] = [
  { path: CANCEL_ALL, params: { settleCoin: 'USDT', orderFilter: 'Order' } },
  // Of every kind of market.
  { path: CANCEL_ALL, params: { orderFilter: 'StopOrder' } },
  { path: /cancel(-batch)?$/ },
];
const WORLD: Partial<BybitOptions> = {
  orders: [...ONE_OF_EACH, entry({ symbol: 'NEWUSDT', price: 2, quantity: 50 })],
  positions: [long],
};

/** What is open and held at the far side, and the verdict that would be true of it. */
function truthOf(far: BybitCounterpart) {
  const orders = openIds(far).toSorted();
  const coins = Object.entries(far.balances()).filter(
    ([coin, one]) => !coin.startsWith('USD') && one.total > 0,
  );
  const held = far.positions().length + coins.length;
  return { verdict: orders.length + held === 0 ? 'FLAT' : 'RESIDUAL', orders, held };
}

const saidOf = (verdict: VenueVerdict) => ({
  verdict: verdict.verdict,
  orders: verdict.orders.map((order) => order.id).toSorted(),
  held: verdict.positions.length,
});

describe('bybit under faults', () => {
  it.each(FAULTS.filter((kind) => !LYING.includes(kind)))('never reads %s as an empty list', async (kind) => {
    for (const match of READS) {
      const at = await bench({}, { symbols: [] });
      at.far.fault({ kind, times: Number.POSITIVE_INFINITY, match });
      const { verdict, reason } = await settle(at, verdictOf(at.venue));
      expect({ match, verdict, why: reason !== undefined }).toEqual({ match, verdict: 'UNKNOWN', why: true });
      // As read, nothing that failed is among what was read.
      const heard = at.said.map((text): Awaited<ReturnType<Venue['read']>> => JSON.parse(text));
      expect(
        heard[0]?.lists.concat().some((list) => list.state === 'failed') ||
          heard[0]?.positions.some((one) => one.state === 'failed'),
      ).toBe(true);
      expect(at.said.join()).not.toMatch(SECRETS);
    }
  });

  it('fails a list whose second page fails', async () => {
    const orders = Array.from({ length: 60 }, (_, index) =>
      entry({ price: 40_000 + index, quantity: 0.001 }),
    );
    const { far, venue } = await bench({ orders });
    far.fault({ kind: 'http500', times: 9, match: { path: REALTIME, params: { cursor: 'page_args=10&' } } });
    const reading = await venue.read();
    expect(reading.lists.filter((list) => list.state === 'failed').map((list) => list.list)).toEqual(
      contractLists('linear USDT'),
    );
  });

  const cases = WRITES.flatMap((match) => [1, Number.POSITIVE_INFINITY].map((times) => ({ match, times })));
  it.each(FAULTS)('tells the truth after %s on each cancel, and ends with nothing open', async (kind) => {
    for (const { match, times } of cases) {
      const name = `${kind} on ${match.path} ${match.params?.['orderFilter'] ?? ''} × ${times}`;
      const at = await bench(WORLD);
      const fault = at.far.fault({ kind, times, match });
      const lists = await settle(at, at.venue.cancel({ scope: 'all' }));
      const silent = lists.every((list) => list.failures.length === 0);
      // Every fault that hit is told, but those whose answer is a success.
      expect({ name, hit: fault.hits() > 0, hidden: silent && !LYING.includes(kind) }).toEqual({
        name,
        hit: true,
        hidden: false,
      });

      const verdict = await settle(at, verdictOf(at.venue));
      const known = verdict.verdict === 'UNKNOWN' ? null : saidOf(verdict);
      expect([null, truthOf(at.far)]).toContainEqual(known);

      // As the kill does: again, once the venue is well.
      at.far.clearFaults();
      at.clock.advance(BAN_MS + 1_000);
      for (let round = 0; round < 2; round += 1) await settle(at, at.venue.cancel({ scope: 'all' }));
      const after = saidOf(await settle(at, verdictOf(at.venue)));
      expect({ name, ...after }).toEqual({ name, ...truthOf(at.far), orders: [] });
      expect(at.said.join()).not.toMatch(SECRETS);
      await at.venue.close();
      await at.far.close();
    }
  });

  it('gives no verdict that is not true under random faults on random calls', async () => {
    const fault = fc.record({
      kind: fc.constantFrom(...FAULTS),
      match: fc.constantFrom(...READS, ...WRITES),
      times: fc.constantFrom(1, 2, 5),
      after: fc.nat(2),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(fault, { minLength: 1, maxLength: 3 }),
        fc.boolean(),
        async (faults, trading) => {
          const at = await bench({ ...WORLD, ...(trading ? { positions: [] } : {}) });
          for (const one of faults) at.far.fault(one);
          if (trading) at.far.engineKeepsTrading({ count: 2 });
          for (let round = 0; round < 4; round += 1) {
            await settle(at, at.venue.cancel({ scope: 'all' }));
            const verdict = await settle(at, verdictOf(at.venue));
            const known = verdict.verdict === 'UNKNOWN' ? null : saidOf(verdict);
            expect([null, truthOf(at.far)]).toContainEqual(known);
            at.clock.advance(BAN_MS + 1_000);
          }
          expect(at.said.join()).not.toMatch(SECRETS);
          await at.venue.close();
          await at.far.close();
        },
      ),
      { numRuns: 15 },
    );
  });
});

describe('a venue that fails', () => {
  it('cancels with the markets down, and warms up later all the same', async () => {
    const { far, venue } = await bench({ orders: ONE_OF_EACH });
    far.fault({ kind: 'http500', times: Number.POSITIVE_INFINITY, match: { path: /\/market\// } });
    expect(await venue.warm()).toMatchObject({ ok: false, reason: expect.stringContaining('markets') });
    await venue.cancel({ scope: 'all' });
    expect(openIds(far)).toEqual([]);
    expect((await verdictOf(venue)).verdict).toBe('FLAT');
    far.clearFaults();
    expect(await venue.warm()).toEqual({ ok: true });
  });

  it('loads the markets without the right to see coins', async () => {
    const { far, venue } = await bench();
    await venue.warm();
    expect(far.requests({ path: /\/asset\// })).toEqual([]);
  });

  it('sends nothing for ten minutes after a ban of the address, and goes on at once after a limit by call', async () => {
    const { far, venue, clock } = await bench();
    far.fault({ kind: 'http429', match: { path: '/v5/account/wallet-balance' } });
    expect((await verdictOf(venue)).reason).toContain('read only once');
    far.fault({ kind: 'http418', match: { path: '/v5/account/wallet-balance' } });
    await venue.read();
    const sent = far.requests().length;
    clock.advance(BAN_MS - 2_000);
    expect(await verdictOf(venue)).toMatchObject({
      verdict: 'UNKNOWN',
      reason: expect.stringMatching(/asked us to wait \(HTTP 403\): nothing is sent until \d{4}-.*Z/),
    });
    const [list] = await venue.cancel({ scope: 'all' });
    expect(list?.failures.join()).toContain('nothing is sent until');
    expect(far.requests()).toHaveLength(sent);
    clock.advance(3_000);
    expect((await verdictOf(venue)).verdict).toBe('FLAT');
  });

  it('takes any other 403 for a failure, not for a ban', async () => {
    const { far, venue } = await bench();
    far.fault({ kind: 'html', match: { path: '/v5/account/wallet-balance' } });
    await venue.read();
    expect((await verdictOf(venue)).verdict).toBe('FLAT');
  });

  it.each([
    ['revokedKey', 'the venue refuses the key (HTTP 200, 10003'],
    ['clockSkew', 'our clock differs from the venue’s (HTTP 200, 10002'],
    ['maintenance', 'the venue has an internal error or is restarting (HTTP 200, 10016'],
    ['http429', 'too many requests (HTTP 200, 10006'],
  ] as const)('says %s in plain words', async (kind, words) => {
    const { far, venue } = await bench();
    far.fault({ kind, times: Number.POSITIVE_INFINITY });
    expect((await verdictOf(venue)).reason).toContain(words);
  });

  it('says that the signature is refused where the secret is wrong', async () => {
    const { venue } = await bench({}, { secret: 'canaryOther' });
    expect((await verdictOf(venue)).reason).toContain('the venue refuses the signature (HTTP 200, 10004');
  });

  it('learns the difference of the clocks from a refusal, for the requests to come', async () => {
    const { far, venue } = await bench({ now: () => Date.now() + 90_000 });
    expect((await venue.read()).lists[0]).toMatchObject({
      state: 'failed',
      reason: expect.stringContaining('our clock differs'),
    });
    await far.until(() => far.requests({ path: /\/time$/ }).some((one) => one.status === 200), {
      what: 'the time was asked for',
    });
    let verdict = await verdictOf(venue);
    for (let tries = 0; verdict.verdict === 'UNKNOWN' && tries < 50; tries += 1)
      verdict = await verdictOf(venue);
    expect(verdict.verdict).toBe('FLAT');
  });

  it('never says FLAT while an engine goes on placing orders', async () => {
    const { far, venue } = await bench({ orders: [entry()] });
    const quiet = far.engineKeepsTrading({ count: 30 });
    for (let round = 0; round < 6; round += 1) {
      await venue.cancel({ scope: 'all' });
      const verdict = await verdictOf(venue);
      expect(verdict.verdict === 'FLAT').toBe(openIds(far).length === 0);
    }
    quiet();
    await venue.cancel({ scope: 'all' });
    expect((await verdictOf(venue)).verdict).toBe('FLAT');
  });
});

// ── Closing positions ────────────────────────────────────────────────────────────────────────────────────────────────

describe('closing a position', () => {
  const whole = { symbol: 'BTC/USDT:USDT', side: 'long', amount: 0.01 } as const;

  it('sends one reduce-only market order with an id that follows from the key', async () => {
    const { far, venue } = await bench({ positions: [long] });
    expect(await venue.closePosition(whole, 'F1-0')).toEqual({
      state: 'sent',
      orderId: expect.stringMatching(/^\d{19}$/),
    });
    expect(far.requests({ method: 'POST' })).toMatchObject([
      {
        path: '/v5/order/create',
        params: {
          category: 'linear',
          symbol: 'BTCUSDT',
          side: 'Sell',
          orderType: 'Market',
          qty: '0.01',
          reduceOnly: 'true',
          positionIdx: '0',
          orderLinkId: expect.stringMatching(/^sd-[0-9a-f]{32}$/),
        },
      },
    ]);
    expect(far.positions()).toEqual([]);
  });

  it('closes one side of hedge mode by its index, and no more than there is', async () => {
    const { far, venue } = await bench({
      hedgeMode: true,
      positions: [
        { symbol: 'BTCUSDT', side: 'LONG', amount: 0.02 },
        { symbol: 'BTCUSDT', side: 'SHORT', amount: -0.01 },
      ],
    });
    await venue.closePosition({ ...whole, side: 'short', amount: 5 }, 'k');
    expect(far.requests({ method: 'POST' })[0]?.params).toMatchObject({
      side: 'Buy',
      positionIdx: '2',
      qty: '0.01',
      reduceOnly: 'true',
    });
    expect(far.positions().map((one) => one.side)).toEqual(['LONG']);
  });

  it('closes an inverse position in US dollars', async () => {
    const { far, venue } = await bench({
      positions: [{ symbol: 'BTCUSD', amount: -300, entryPrice: 60_000 }],
    });
    const [line] = (await verdictOf(venue)).positions;
    if (line === undefined) throw new Error('no position was read');
    expect((await venue.closePosition(line, 'k')).state).toBe('sent');
    expect(far.requests({ method: 'POST' })[0]?.params).toMatchObject({
      category: 'inverse',
      side: 'Buy',
      qty: '300',
    });
    expect(far.positions()).toEqual([]);
  });

  it('sells the free balance on spot, in base, to the step, and without borrowing', async () => {
    const { far, venue } = await bench({ balances: { USDT: 0, BTC: 0.1234567 } });
    const line = { symbol: 'BTC/USDT', side: 'long', amount: 0.1234567 } as const;
    expect((await venue.closePosition(line, 'k')).state).toBe('sent');
    expect(far.requests({ method: 'POST' })[0]?.params).toMatchObject({
      category: 'spot',
      side: 'Sell',
      qty: '0.123456',
      marketUnit: 'baseCoin',
      isLeverage: '0',
    });
  });

  it('refuses what no order closes', async () => {
    const { far, venue } = await bench({ debts: { USDT: { borrowed: 5 } } });
    expect(
      await venue.closePosition({ symbol: 'USDT loan (balances)', side: 'short', amount: 5 }, 'k'),
    ).toMatchObject({
      state: 'refused',
      reason: expect.stringContaining('closed by hand'),
    });
    expect(far.requests({ method: 'POST' })).toEqual([]);
  });

  it.each([
    'timeout',
    'reset',
    'appliedThenReset',
    'appliedThen503',
    'stalledBody',
    'garbage',
    'html',
    'http500',
    'maintenance',
  ] as const)('does not know after %s, and never sends that order again', async (kind) => {
    const at = await bench({ positions: [long] });
    at.far.fault({ kind, match: { method: 'POST' } });
    expect((await settle(at, at.venue.closePosition(whole, 'k'))).state).toBe('unknown');
    expect(await at.venue.closePosition(whole, 'k')).toMatchObject({ state: 'refused' });
    expect(at.far.requests({ method: 'POST' })).toHaveLength(1);
    expect(at.said.join()).not.toMatch(SECRETS);
  });

  it.each(['revokedKey', 'clockSkew', 'http429'] as const)(
    'knows that %s did nothing, and may send that order again later',
    async (kind) => {
      const { far, venue } = await bench({ positions: [long] });
      far.fault({ kind, match: { method: 'POST' } });
      expect((await venue.closePosition(whole, 'k')).state).toBe('refused');
      expect((await venue.closePosition(whole, 'k')).state).toBe('sent');
    },
  );
});

// ── The table ────────────────────────────────────────────────────────────────────────────────────────────────────────

describe('the table entry', () => {
  it.each([
    [SPELLINGS.spot, 'BTC/USDT', 'BTCUSDT'],
    [SPELLINGS.spot, 'BTC/USDT:USDT', null],
    [SPELLINGS.linearUsdt, 'BTC/USDT:USDT', 'BTCUSDT'],
    [SPELLINGS.linearUsdt, 'BTC/USDT:USDT-261225', 'BTCUSDT-25DEC26'],
    [SPELLINGS.linearUsdt, 'BTC/USDC:USDC', null],
    [SPELLINGS.linearUsdc, 'BTC/USDC:USDC', 'BTCPERP'],
    [SPELLINGS.linearUsdc, 'BTC/USDC:USDC-260102', 'BTC-2JAN26'],
    [SPELLINGS.linearUsdc, 'BTC/USDC:USDC-261225-100000-C', null],
    [SPELLINGS.inverse, 'BTC/USD:BTC', 'BTCUSD'],
    [SPELLINGS.inverse, 'BTC/USD:BTC-261225', 'BTCUSDZ26'],
    [SPELLINGS.inverse, 'BTC/USD:ETH', null],
    [SPELLINGS.option, 'BTC/USDC:USDC-261225-100000-C', 'BTC-25DEC26-100000-C'],
    [SPELLINGS.option, 'BTC/USDT:USDT-261225-100000-P', 'BTC-25DEC26-100000-P-USDT'],
    [SPELLINGS.option, 'BTC/USDT:USDT', null],
  ])('%o spells %s as %s', (spell, unified, id) => {
    expect(spell(unified)).toBe(id);
  });

  const lists = bybit.accounts.flatMap((account) => account.lists);
  const row = { orderId: '1', symbol: 'X', side: 'Buy', qty: '1', price: '1' };
  const answer = (list: unknown, more: object = {}) => ({ retCode: 0, result: { list, ...more } });
  it.each([
    ['HTML', '<html>'],
    ['null', null],
    ['another code', { retCode: 10001, result: { list: [] } }],
    ['no list', { retCode: 0, result: {} }],
    ['a row without an id', answer([{ ...row, orderId: '' }])],
    ['a row without a symbol', answer([{ ...row, symbol: '' }])],
    ['a quantity that is no number', answer([{ ...row, qty: 'NaN' }])],
    ['an unknown side', answer([{ ...row, side: 'Hold' }])],
  ])('refuses %s as a list of orders', (_, body) => {
    for (const list of lists) expect(list.read(null).answer.safeParse(body).success).toBe(false);
  });

  it('goes on after a page with a cursor, and ends with an empty page or an empty cursor', () => {
    const next = (body: unknown) => lists[0]?.read(null).answer.parse(body).next;
    expect(next(answer([row], { nextPageCursor: 'a%3D1' }))).toBe('a%3D1');
    expect(next(answer([row], { nextPageCursor: '' }))).toBeNull();
    expect(next(answer([], { nextPageCursor: 'a%3D1' }))).toBeNull();
    expect(next(answer([row]))).toBeNull();
    // What a list leaves to another one is no reason to stop.
    const oco = { ...row, stopOrderType: 'OcoOrder' };
    expect(lists[0]?.read(null).answer.parse(answer([oco], { nextPageCursor: 'b' }))).toEqual({
      orders: [],
      next: 'b',
    });
  });

  it('believes no cancel-all that says 0, and counts orders in quote or of a whole position as unknown', () => {
    const sweep = lists[0]?.sweepAll?.().answer;
    expect(sweep?.safeParse(answer([], { success: '0' })).success).toBe(false);
    expect(sweep?.parse(answer(undefined, { success: '1' }))).toBeNull();
    const amount = (more: object) =>
      lists[0]?.read(null).answer.parse(answer([{ ...row, ...more }])).orders[0]?.amount;
    expect(amount({ qty: '0.3', cumExecQty: '0.1' })).toBe(0.2);
    expect(amount({ qty: '0' })).toBeNull();
    expect(amount({ marketUnit: 'quoteCoin' })).toBeNull();
  });

  it('refuses a wallet of another account type, an empty answer, and a position without a side', () => {
    const wallet = bybit.accounts[0]?.positions[0]?.reads[0]?.answer;
    expect(wallet?.safeParse(answer([])).success).toBe(false);
    expect(wallet?.safeParse(answer([{ accountType: 'SPOT', coin: [] }])).success).toBe(false);
    expect(wallet?.parse(answer([{ accountType: 'UNIFIED', coin: [] }]))).toEqual([]);
    const positions = bybit.accounts[1]?.positions[0]?.pages?.(null).answer;
    const held = { symbol: 'X', side: '', size: '1', positionIdx: 0 };
    expect(positions?.safeParse(answer([held])).success).toBe(false);
    expect(positions?.parse(answer([{ ...held, size: '0' }])).positions).toEqual([]);
  });
});
