import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import * as fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { createVenue, type VenueOptions } from '../../src/adapters/ccxt.ts';
import type { VenueVerdict } from '../../src/domain/kill.ts';
import type { Clock, Venue } from '../../src/ports.ts';
import {
  type BinanceCounterpart,
  type BinanceOptions,
  startBinanceCounterpart,
} from '../../src/rehearsal/binance.ts';
import type { FaultKind } from '../../src/rehearsal/venue/faults.ts';
import { venueContract, verdictOf } from '../contracts/venue.ts';

type EngineOrder = NonNullable<BinanceOptions['orders']>[number];

const KEY = 'canaryKeyAAAA1111';
const SECRET = 'canarySecretBBBB2222';
const CALL_MS = 4_000;
/** What no reason may hold. */
const SECRETS = /canary|signature=|https?:/i;

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
    // 250 ms is the driver's patience with a cancel of a whole symbol, not a request.
    deadlines: () => [...waits].filter((wait) => wait.ms !== 250).length,
    expireAll: () => {
      for (const wait of Array.from(waits)) wait.end();
    },
  };
}

interface Bench {
  far: BinanceCounterpart;
  venue: Venue;
  clock: TestClock;
  /** Every text that the venue handed out. */
  said: string[];
  /** Hanging requests whose deadline has passed. */
  expired: number;
}

/** USD-M unless told, with nothing on it but what the options say. */
async function bench(far: Partial<BinanceOptions> = {}, near: Partial<VenueOptions> = {}): Promise<Bench> {
  const counterpart = await startBinanceCounterpart({
    apiKey: KEY,
    secret: SECRET,
    ...far,
    balances: { spot: { USDT: 100_000 }, swap: { USDT: 100_000 }, ...far.balances },
  });
  const clock = testClock();
  const venue = await createVenue({
    id: 'desk',
    exchange: 'binanceusdm',
    apiKey: KEY,
    secret: SECRET,
    symbols: near.exchange === 'binance' ? ['BTC/USDT'] : ['BTC/USDT:USDT'],
    quoteAssets: ['USDT'],
    baseUrl: counterpart.url,
    clock,
    callTimeoutMs: CALL_MS,
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

const wireOf = (far: BinanceCounterpart) =>
  far.requests().map((entry) => `${entry.method} ${entry.path} ${entry.params['symbol'] ?? ''}`.trim());
const cancels = (far: BinanceCounterpart) => far.requests().filter((entry) => entry.cancels);
const openIds = (far: BinanceCounterpart) =>
  [...far.openOrders(), ...far.conditionalOrders()].map((order) => order.id);

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
  reduceOnly: true,
  ...more,
});
const long = { symbol: 'BTCUSDT', amount: 0.01, entryPrice: 58_000 };
const spotEntry = (more: Partial<EngineOrder> = {}) => entry({ wallet: 'spot', ...more });
const SPOT = { exchange: 'binance' };

// ── The contract ─────────────────────────────────────────────────────────────────────────────────────────────────────

for (const exchange of ['binanceusdm', 'binance', 'binanceus']) {
  const swap = exchange === 'binanceusdm';
  venueContract(exchange, async () => {
    const { far, venue } = await bench({}, { exchange, symbols: [swap ? 'BTC/USDT:USDT' : 'BTC/USDT'] });
    const wallet = swap ? 'swap' : 'spot';
    return {
      venue,
      place(kind) {
        if (kind === 'entry') return far.placeOrder(entry({ wallet })).id;
        if (exchange === 'binanceus') return null;
        if (kind === 'unlisted')
          return far.placeOrder(entry({ wallet, symbol: 'NEWUSDT', price: 2, quantity: 50 })).id;
        if (kind === 'conditional') return swap ? far.placeOrder(stop({ reduceOnly: false })).id : null;
        if (swap) far.setPosition(long);
        else far.setBalance('spot', 'BTC', 0.01);
        const placed = stop(
          swap ? {} : { wallet, price: 54_000, type: 'STOP_LOSS_LIMIT', reduceOnly: false },
        );
        return far.placeOrder(placed).id;
      },
      open: () => openIds(far),
      hold(amount) {
        if (swap) far.setPosition({ ...long, amount });
        else far.setBalance('spot', 'BTC', amount);
      },
      closes: () =>
        far.requests({ method: 'POST', path: /order$/ }).filter((one) => one.status === 200).length,
      money: {
        currency: 'USDT',
        transfer(amount) {
          if (swap) far.addIncome('TRANSFER', 'USDT', amount);
          else if (amount > 0) far.deposit('USDT', amount);
          else far.withdraw('USDT', -amount);
        },
        earn(amount) {
          if (swap) far.addIncome('REALIZED_PNL', 'USDT', amount, 'BTCUSDT');
          else far.setBalance('spot', 'USDT', (far.balances().spot['USDT']?.total ?? 0) + amount);
        },
        many() {
          const rows = swap ? 1_050 : 250;
          for (let n = 0; n < rows; n += 1) {
            if (swap) far.addIncome('TRANSFER', 'USDT', 1);
            else far.transfer('FUNDING_MAIN', 'USDT', 1);
          }
          return rows;
        },
        strange() {
          if (swap) far.addIncome('A_NEW_KIND', 'USDT', 1);
          else far.listMovement('withdrawal', 'USDT', 1, 9);
        },
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

describe('a USD-M kill on the wire', () => {
  it('lists both lists account-wide and cancels both for the configured symbol, in one go, without any market', async () => {
    const { far, venue } = await bench({
      orders: [entry(), entry({ price: 51_000 })],
      conditionalOrders: [stop()],
      positions: [long],
    });
    await venue.cancel({ scope: 'all' });
    expect(wireOf(far).toSorted()).toEqual([
      'DELETE /fapi/v1/algoOpenOrders BTCUSDT',
      'DELETE /fapi/v1/allOpenOrders BTCUSDT',
      'GET /fapi/v1/openAlgoOrders',
      'GET /fapi/v1/openOrders',
    ]);
    expect(openIds(far)).toEqual([]);
  });

  it('reads both lists and the positions, each once', async () => {
    const { far, venue } = await bench({ positions: [long], orders: [entry()], conditionalOrders: [stop()] });
    const reading = await venue.read();
    expect(wireOf(far).toSorted()).toEqual([
      'GET /fapi/v1/openAlgoOrders',
      'GET /fapi/v1/openOrders',
      'GET /fapi/v3/positionRisk',
    ]);
    expect(reading).toMatchObject({
      venue: 'desk',
      proven: true,
      lists: [
        {
          list: 'regular',
          orders: [{ symbol: 'BTC/USDT:USDT', side: 'buy', amount: 0.01, price: 50_000, protective: false }],
        },
        {
          list: 'conditional',
          orders: [{ symbol: 'BTC/USDT:USDT', side: 'sell', price: 55_000, protective: true }],
        },
      ],
      positions: [
        {
          scope: 'positions',
          positions: [
            {
              symbol: 'BTC/USDT:USDT',
              side: 'long',
              amount: 0.01,
              notional: 600,
              currency: 'USDT',
              unrealisedPnl: 20,
              dust: false,
            },
          ],
        },
      ],
    });
    expect(reading.notCovered).toContain('COIN-M futures');
  });

  it('cancels orders on symbols that nobody configured and no market lists, ten ids of 19 digits a request', async () => {
    const orders = Array.from({ length: 23 }, (_, index) =>
      entry({ symbol: 'NEWUSDT', price: 2, quantity: 50 + index }),
    );
    const { far, venue } = await bench({
      orders,
      conditionalOrders: [stop({ symbol: 'NEWUSDT', triggerPrice: 1, quantity: 5, reduceOnly: false })],
    });
    const lists = await venue.cancel({ scope: 'all' });
    const batches = far.requests({ path: '/fapi/v1/batchOrders' });
    expect(batches.map((one) => one.params['orderidlist']?.split(',').length)).toEqual([10, 10, 3]);
    expect(batches[0]?.params['orderidlist']).toMatch(/^\[83897656\d{11},/);
    expect(far.requests({ path: '/fapi/v1/algoOrder' }).map((one) => one.params['algoId'])).toEqual([
      expect.stringMatching(/^\d+$/),
    ]);
    expect(openIds(far)).toEqual([]);
    expect(lists).toEqual([
      { list: 'regular', found: 23, answered: 23, protective: 0, failures: [] },
      { list: 'conditional', found: 1, answered: 1, protective: 0, failures: [] },
    ]);
  });

  it('cancels by symbol what it saw last, in parallel with the listing', async () => {
    const { far, venue } = await bench({
      orders: [entry({ symbol: 'ETHUSDT', price: 2_000, quantity: 0.1 })],
    });
    await venue.read();
    await venue.cancel({ scope: 'all' });
    expect(wireOf(far)).toContain('DELETE /fapi/v1/allOpenOrders ETHUSDT');
    expect(far.requests({ path: '/fapi/v1/batchOrders' })).toEqual([]);
  });

  it('cancels only entries by id, and never by symbol', async () => {
    const { far, venue } = await bench({
      positions: [long],
      orders: [entry(), { ...stop(), triggerPrice: 0, price: 70_000 }],
      conditionalOrders: [
        stop({ closePosition: true, quantity: 0 }),
        stop({ reduceOnly: false, quantity: 0.02 }),
      ],
    });
    const lists = await venue.cancel({ scope: 'entries' });
    expect(far.openOrders().map((order) => order.reduceOnly)).toEqual([true]);
    expect(far.conditionalOrders().map((order) => order.closePosition)).toEqual([true]);
    expect(cancels(far).map((one) => one.path)).toEqual(
      expect.not.arrayContaining(['/fapi/v1/allOpenOrders', '/fapi/v1/algoOpenOrders']),
    );
    expect(lists.map((list) => [list.found, list.answered, list.protective])).toEqual([
      [1, 1, 0],
      [1, 1, 0],
    ]);
  });

  it.each(['ETH/USDT:USDT', 'ETHUSDT'])('cancels one symbol only when asked for %s', async (symbol) => {
    const { far, venue } = await bench({
      orders: [entry(), entry({ symbol: 'ETHUSDT', price: 2_000, quantity: 0.1 })],
    });
    await venue.cancel({ scope: 'all', symbol });
    expect(far.openOrders().map((order) => order.symbol)).toEqual(['BTCUSDT']);
  });

  it('keeps reduce-only orders on an open position where the desk wants that, and no others', async () => {
    const { far, venue } = await bench(
      {
        positions: [long],
        orders: [entry(), { ...stop(), triggerPrice: 0, price: 70_000 }],
        conditionalOrders: [
          stop(),
          stop({ symbol: 'ETHUSDT', triggerPrice: 2_500, quantity: 0.1, reduceOnly: false }),
        ],
      },
      { protectiveOrders: 'keepWhilePosition' },
    );
    await venue.cancel({ scope: 'all' });
    expect(far.openOrders().map((order) => order.reduceOnly)).toEqual([true]);
    expect(far.conditionalOrders().map((order) => order.symbol)).toEqual(['BTCUSDT']);
    far.setPosition({ symbol: 'BTCUSDT', amount: 0 });
    await venue.cancel({ scope: 'all' });
    expect(openIds(far)).toEqual([]);
  });

  it('keeps stops where it cannot read the positions', async () => {
    const { far, venue } = await bench(
      { positions: [long], conditionalOrders: [stop()] },
      { protectiveOrders: 'keepWhilePosition' },
    );
    far.fault({ kind: 'http500', times: 9, match: { path: /positionRisk/ } });
    await venue.cancel({ scope: 'all' });
    expect(far.conditionalOrders()).toHaveLength(1);
  });

  it('shows each side of hedge mode, and takes an order that only reduces for a protective one', async () => {
    const { venue } = await bench({
      hedgeMode: true,
      positions: [
        { symbol: 'BTCUSDT', side: 'LONG', amount: 0.02 },
        { symbol: 'BTCUSDT', side: 'SHORT', amount: -0.01 },
      ],
      orders: [entry({ side: 'sell', price: 70_000, positionSide: 'LONG' }), entry({ positionSide: 'LONG' })],
    });
    const reading = await venue.read();
    expect(reading.positions).toMatchObject([
      {
        positions: [
          { side: 'long', amount: 0.02, notional: 1_200 },
          { side: 'short', amount: 0.01, notional: 600 },
        ],
      },
    ]);
    expect(reading.lists[0]).toMatchObject({ orders: [{ protective: true }, { protective: false }] });
  });
});

describe('a spot kill on the wire', () => {
  it('cancels regular orders and both legs of an OCO list, and counts them once', async () => {
    const { far, venue } = await bench(
      { orders: [spotEntry()], balances: { spot: { USDT: 100_000, BTC: 1 } } },
      SPOT,
    );
    far.placeOco(
      { symbol: 'BTCUSDT', side: 'sell', quantity: 0.5, price: 70_000, type: 'LIMIT_MAKER' },
      {
        symbol: 'BTCUSDT',
        side: 'sell',
        quantity: 0.5,
        price: 54_000,
        triggerPrice: 55_000,
        type: 'STOP_LOSS_LIMIT',
      },
    );
    const lists = await venue.cancel({ scope: 'all' });
    expect(openIds(far)).toEqual([]);
    expect(
      wireOf(far)
        .filter((line) => !line.includes('/sapi/'))
        .toSorted(),
    ).toEqual(['DELETE /api/v3/openOrders BTCUSDT', 'GET /api/v3/openOrders']);
    expect(lists[0]).toEqual({ list: 'regular', found: 3, answered: 3, protective: 2, failures: [] });
  });

  it('cancels an OCO list on an unlisted symbol by its legs, where the second leg is gone by then', async () => {
    const { far, venue } = await bench({ balances: { spot: { USDT: 100_000, NEW: 10 } } }, SPOT);
    far.placeOco(
      { symbol: 'NEWUSDT', side: 'sell', quantity: 5, price: 3, type: 'LIMIT_MAKER' },
      { symbol: 'NEWUSDT', side: 'sell', quantity: 5, price: 1, triggerPrice: 1.1, type: 'STOP_LOSS_LIMIT' },
    );
    const [list] = await venue.cancel({ scope: 'all' });
    expect(openIds(far)).toEqual([]);
    expect(list).toMatchObject({ found: 2, answered: 2, failures: [] });
    expect(far.requests({ path: '/api/v3/order' }).map((one) => one.params['orderId'])).toHaveLength(2);
  });

  it('says that there was nothing to cancel without calling it a failure', async () => {
    const { venue } = await bench({}, SPOT);
    expect(await venue.cancel({ scope: 'all' })).toEqual([
      { list: 'regular', found: 0, answered: 0, protective: 0, failures: [] },
      { list: 'cross margin', found: 0, answered: 0, protective: 0, failures: [] },
    ]);
  });

  it('lists balances other than quote assets, priced, with dust told apart once the markets are known', async () => {
    const { far, venue } = await bench(
      { balances: { spot: { USDT: 5, BTC: 0.5, ETH: 0.0001, NEW: 3 } } },
      SPOT,
    );
    expect(await venue.warm()).toEqual({ ok: true });
    const { positions } = await venue.read();
    expect(positions[0]).toMatchObject({
      scope: 'balances',
      positions: [
        { symbol: 'BTC/USDT', amount: 0.5, notional: 30_000, currency: 'USDT', dust: false },
        { symbol: 'ETH/USDT', amount: 0.0001, notional: 0.3, dust: true },
        { symbol: 'NEW/USDT', amount: 3, notional: null, dust: false },
      ],
    });
    far.fault({ kind: 'http500', match: { path: /ticker/ } });
    expect((await venue.read()).positions[0]).toMatchObject({
      state: 'read',
      positions: [{ amount: 0.5, notional: null }, { amount: 0.0001, notional: null }, { amount: 3 }],
    });
  });

  it('says UNKNOWN while it is not known whether there is a margin wallet, and names it once the venue said no', async () => {
    const margin = { match: { path: '/sapi/v1/margin/account' }, times: Number.POSITIVE_INFINITY };
    const { far, venue } = await bench(
      { balances: { margin: { USDT: { total: 5_000 } } }, orders: [entry({ wallet: 'margin' })] },
      SPOT,
    );
    const fault = far.fault({ kind: 'http500', ...margin });
    expect((await verdictOf(venue)).verdict).toBe('UNKNOWN');
    expect(JSON.stringify(await venue.cancel({ scope: 'all' }))).toContain(
      'whether there is one is not known',
    );
    fault.clear();
    await venue.cancel({ scope: 'all' });
    expect(openIds(far)).toEqual([]);

    const other = await bench({}, SPOT);
    other.far.fault({ kind: 'revokedKey', ...margin });
    expect((await verdictOf(other.venue)).verdict).toBe('FLAT');
    expect((await other.venue.read()).notCovered[0]).toContain('cross margin');
  });

  it('covers cross margin from the first look, orders, balances and loans', async () => {
    const { far, venue } = await bench(
      {
        balances: { margin: { BTC: { total: 0.2 }, USDT: { total: 5_000, borrowed: 1_000, interest: 1 } } },
        orders: [entry({ wallet: 'margin' })],
      },
      SPOT,
    );
    const reading = await venue.read();
    expect(reading.notCovered.filter((what) => what.startsWith('cross'))).toEqual([]);
    expect(reading.lists.map((list) => list.list)).toEqual(['regular', 'cross margin']);
    expect(reading.positions[1]).toMatchObject({
      positions: [
        { symbol: 'BTC (cross margin)', side: 'long', amount: 0.2 },
        {
          symbol: 'USDT loan (cross margin)',
          side: 'short',
          amount: 1_001,
          notional: 1_001,
          currency: 'USDT',
        },
      ],
    });
    expect((await verdictOf(venue)).verdict).toBe('RESIDUAL');
    await venue.cancel({ scope: 'all' });
    expect(far.openOrders('margin')).toEqual([]);
    far.fault({ kind: 'http500', times: 9, match: { path: /margin\/account/ } });
    expect(await verdictOf(venue)).toMatchObject({
      verdict: 'UNKNOWN',
      reason: expect.stringContaining('cross margin'),
    });
  });

  it('names cross margin as not covered where the venue has no such path, and is FLAT all the same', async () => {
    const { far, venue } = await bench({}, SPOT);
    far.fault({ kind: 'html', status: 404, times: 9, match: { path: /^\/sapi/ } });
    await venue.warm();
    const verdict = await verdictOf(venue);
    expect(verdict.verdict).toBe('FLAT');
    expect(verdict.notCovered[0]).toMatch(/^cross margin \(.*HTTP 404/);
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
const far = {
  binanceusdm: {
    options: {
      orders: [entry(), entry({ symbol: 'NEWUSDT', price: 2, quantity: 50 })],
      conditionalOrders: [
        stop(),
        stop({ symbol: 'NEWUSDT', triggerPrice: 1, quantity: 5, reduceOnly: false }),
      ],
      positions: [long],
    },
    reads: ['/fapi/v1/openOrders', '/fapi/v1/openAlgoOrders', '/fapi/v3/positionRisk'],
    writes: [
      '/fapi/v1/allOpenOrders',
      '/fapi/v1/batchOrders',
      '/fapi/v1/algoOpenOrders',
      '/fapi/v1/algoOrder',
    ],
  },
  binance: {
    options: {
      orders: [spotEntry(), spotEntry({ symbol: 'NEWUSDT', price: 2, quantity: 50 })],
      balances: { spot: { USDT: 100_000, BTC: 1 } },
    },
    reads: ['/api/v3/openOrders', '/api/v3/account'],
    writes: ['/api/v3/openOrders', '/api/v3/order'],
  },
} satisfies Record<string, { options: Partial<BinanceOptions>; reads: string[]; writes: string[] }>;

/** What is open and held at the far side, and the verdict that would be true of it. */
function truthOf(counterpart: BinanceCounterpart, exchange: keyof typeof far) {
  const orders = openIds(counterpart).toSorted();
  const held =
    exchange === 'binanceusdm'
      ? counterpart.positions().length
      : Object.entries(counterpart.balances().spot).filter(
          ([asset, one]) => asset !== 'USDT' && one.total > 0,
        ).length;
  return { verdict: orders.length + held === 0 ? 'FLAT' : 'RESIDUAL', orders, held };
}

const saidOf = (verdict: VenueVerdict) => ({
  verdict: verdict.verdict,
  orders: verdict.orders.map((order) => order.id).toSorted(),
  held: verdict.positions.length,
});

describe.each(['binanceusdm', 'binance'] as const)('%s under faults', (exchange) => {
  const { options, reads, writes } = far[exchange];

  it.each(FAULTS.filter((kind) => !LYING.includes(kind)))('never reads %s as an empty list', async (kind) => {
    for (const path of reads) {
      const at = await bench(options, { exchange, symbols: [] });
      at.far.fault({ kind, times: Number.POSITIVE_INFINITY, match: { method: 'GET', path } });
      const reading = await settle(at, at.venue.read());
      const failed = [...reading.lists, ...reading.positions].filter(
        (part) => part.state === 'failed',
      ).length;
      // A 429 or 418 stops all requests that come after it, so the second reading has none that is read.
      const { verdict } = await settle(at, verdictOf(at.venue));
      expect({ path, failed: failed >= 1 && failed <= 3, verdict }).toEqual({
        path,
        failed: true,
        verdict: 'UNKNOWN',
      });
      expect(at.said.join()).not.toMatch(SECRETS);
    }
  });

  const cases = writes.flatMap((path) => [1, Number.POSITIVE_INFINITY].map((times) => ({ path, times })));
  it.each(FAULTS)('tells the truth after %s on each cancel, and ends with nothing open', async (kind) => {
    for (const { path, times } of cases) {
      const name = `${kind} on DELETE ${path} × ${times}`;
      const at = await bench(options, { exchange });
      const fault = at.far.fault({ kind, times, match: { method: 'DELETE', path } });
      const lists = await settle(at, at.venue.cancel({ scope: 'all' }));
      const silent = lists.every((list) => list.failures.length === 0);
      // Every fault that hit is told, but those whose answer is a success.
      const hidden = silent && fault.hits() > 0 && !LYING.includes(kind);
      expect({ name, hidden }).toEqual({ name, hidden: false });

      const verdict = await settle(at, verdictOf(at.venue));
      const known = verdict.verdict === 'UNKNOWN' ? null : saidOf(verdict);
      expect([null, truthOf(at.far, exchange)]).toContainEqual(known);

      // As the kill does: again, once the venue is well.
      at.far.clearFaults();
      at.clock.advance(300_000);
      for (let round = 0; round < 2; round += 1) await settle(at, at.venue.cancel({ scope: 'all' }));
      const after = saidOf(await settle(at, verdictOf(at.venue)));
      expect({ name, ...after }).toEqual({ name, ...truthOf(at.far, exchange), orders: [] });
      expect(at.said.join()).not.toMatch(SECRETS);
    }
  });
});

describe('random faults on random calls', () => {
  const path = fc.constantFrom(...far.binanceusdm.reads, ...far.binanceusdm.writes);
  const fault = fc.record({
    kind: fc.constantFrom(...FAULTS),
    path,
    times: fc.constantFrom(1, 2, 5),
    after: fc.nat(2),
  });

  it('never give a verdict that is not true', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fault, { minLength: 1, maxLength: 3 }),
        fc.boolean(),
        async (faults, trading) => {
          const at = await bench({ ...far.binanceusdm.options, ...(trading ? { positions: [] } : {}) });
          for (const { kind, times, after, path } of faults)
            at.far.fault({ kind, times, after, match: { path } });
          if (trading) at.far.engineKeepsTrading({ count: 2 });
          for (let round = 0; round < 4; round += 1) {
            await settle(at, at.venue.cancel({ scope: 'all' }));
            const verdict = await settle(at, verdictOf(at.venue));
            const known = verdict.verdict === 'UNKNOWN' ? null : saidOf(verdict);
            expect([null, truthOf(at.far, 'binanceusdm')]).toContainEqual(known);
            at.clock.advance(300_000);
          }
          expect(at.said.join()).not.toMatch(SECRETS);
          await at.venue.close();
          await at.far.close();
        },
      ),
      { numRuns: 40 },
    );
  });
});

describe('a venue that fails', () => {
  it('cancels by id in the next round what a cancel by symbol only said that it cancelled', async () => {
    const { far: counterpart, venue } = await bench({ orders: [entry()] });
    counterpart.fault({
      kind: 'lie',
      times: Number.POSITIVE_INFINITY,
      match: { path: '/fapi/v1/allOpenOrders' },
    });
    await venue.cancel({ scope: 'all' });
    expect((await verdictOf(venue)).orders).toHaveLength(1);
    await venue.cancel({ scope: 'all' });
    expect(openIds(counterpart)).toEqual([]);
  });

  it('cancels with exchangeInfo and leverageBracket down, and warms up later all the same', async () => {
    const { far: counterpart, venue } = await bench({ orders: [entry()], conditionalOrders: [stop()] });
    counterpart.fault({
      kind: 'http500',
      times: Number.POSITIVE_INFINITY,
      match: { path: /exchangeInfo|leverageBracket/ },
    });
    expect(await venue.warm()).toMatchObject({ ok: false, reason: expect.stringContaining('markets') });
    await venue.cancel({ scope: 'all' });
    expect(openIds(counterpart)).toEqual([]);
    expect((await verdictOf(venue)).verdict).toBe('FLAT');
    counterpart.clearFaults();
    // ccxt keeps a failed load for ever unless told to reload.
    expect(await venue.warm()).toEqual({ ok: true });
  });

  it('asks spot nothing of the futures side, so that its outage does not matter', async () => {
    const { far: counterpart, venue } = await bench({ orders: [spotEntry()] }, SPOT);
    counterpart.fault({ kind: 'http500', times: Number.POSITIVE_INFINITY, match: { path: /^\/[fde]api/ } });
    expect(await venue.warm()).toEqual({ ok: true });
    await venue.cancel({ scope: 'all' });
    expect((await verdictOf(venue)).verdict).toBe('FLAT');
  });

  it.each([
    ['http429', 30],
    ['http418', 600],
  ] as const)('sends nothing after %s until the time that the venue named', async (kind, retryAfterSec) => {
    const { far: counterpart, venue, clock } = await bench();
    counterpart.fault({ kind, retryAfterSec, match: { path: '/fapi/v3/positionRisk' } });
    await venue.read();
    const sent = counterpart.requests().length;
    clock.advance((retryAfterSec - 2) * 1_000);
    const verdict = await verdictOf(venue);
    const [list] = await venue.cancel({ scope: 'all' });
    expect(counterpart.requests()).toHaveLength(sent);
    expect(verdict).toMatchObject({
      verdict: 'UNKNOWN',
      reason: expect.stringMatching(/nothing is sent until \d{4}-.*Z/),
    });
    expect(list?.failures.join()).toContain('nothing is sent until');
    clock.advance(3_000);
    expect((await verdictOf(venue)).verdict).toBe('FLAT');
  });

  it('says in plain words that the key is refused, also where ccxt calls it DDoSProtection', async () => {
    const { far: counterpart, venue } = await bench({}, SPOT);
    await venue.read();
    counterpart.fault({ kind: 'revokedKey', times: Number.POSITIVE_INFINITY });
    const { reason } = await verdictOf(venue);
    expect(reason).toContain('the venue refuses the key, its address or its permissions (HTTP 401, -2015');
  });

  it('learns the difference of the clocks from a refusal, for the requests to come', async () => {
    const skewMs = 90_000;
    const { far: counterpart, venue } = await bench({ now: () => Date.now() + skewMs });
    const [list] = (await venue.read()).lists;
    expect(list).toMatchObject({ state: 'failed', reason: expect.stringContaining('our clock differs') });
    await counterpart.until(
      () => counterpart.requests({ path: /\/time$/ }).some((one) => one.status === 200),
      { what: 'the time was asked for' },
    );
    let verdict = await verdictOf(venue);
    for (let tries = 0; verdict.verdict === 'UNKNOWN' && tries < 50; tries += 1)
      verdict = await verdictOf(venue);
    expect(verdict.verdict).toBe('FLAT');
  });

  it('never says FLAT while an engine goes on placing orders', async () => {
    const { far: counterpart, venue } = await bench({ orders: [entry()] });
    const quiet = counterpart.engineKeepsTrading({ count: 4 });
    for (let round = 0; round < 6 && openIds(counterpart).length > 0; round += 1) {
      await venue.cancel({ scope: 'all' });
      const verdict = await verdictOf(venue);
      expect(verdict.verdict === 'FLAT').toBe(openIds(counterpart).length === 0);
    }
    quiet();
    expect((await verdictOf(venue)).verdict).toBe('FLAT');
  });

  it('does not follow a redirect', async () => {
    const asked: string[] = [];
    const server = createServer((request, response) => {
      asked.push(request.url ?? '');
      response.writeHead(302, { location: 'http://127.0.0.1:9/elsewhere' }).end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    openThings.push({ close: () => new Promise((resolve) => server.close(() => resolve())) });
    const { port } = server.address() as AddressInfo;
    const { venue } = await bench({}, { baseUrl: `http://127.0.0.1:${port}/ignored?path` });
    expect(await verdictOf(venue)).toMatchObject({
      verdict: 'UNKNOWN',
      reason: expect.stringContaining('redirects, which is not followed'),
    });
    expect(asked.every((url) => url.startsWith('/fapi/v'))).toBe(true);
  });

  it('names a venue that cannot be reached, and gives up its requests when it is closed', async () => {
    const at = await bench();
    at.far.fault({ kind: 'timeout', times: Number.POSITIVE_INFINITY });
    const reading = at.venue.read();
    await at.far.until(() => at.far.requests().length === 3, { what: 'three requests hang' });
    await at.venue.close();
    expect((await reading).lists[0]?.state).toBe('failed');
    expect((await at.venue.read()).lists[0]).toMatchObject({ reason: 'this venue was closed' });
  });
});

// ── Closing positions ────────────────────────────────────────────────────────────────────────────────────────────────

describe('closing a position', () => {
  const whole = { symbol: 'BTC/USDT:USDT', side: 'long', amount: 0.01 } as const;

  it('sends one reduce-only market order with an id that follows from the key', async () => {
    const { far: counterpart, venue } = await bench({ positions: [long] });
    expect(await venue.closePosition(whole, 'F1-0')).toEqual({
      state: 'sent',
      orderId: expect.stringMatching(/^\d{19}$/),
    });
    const [order] = counterpart.requests({ method: 'POST' });
    expect(order).toMatchObject({
      path: '/fapi/v1/order',
      params: { symbol: 'BTCUSDT', side: 'SELL', type: 'MARKET', quantity: '0.01', reduceOnly: 'true' },
    });
    expect(order?.params['newClientOrderId']).toMatch(/^sd-[0-9a-f]{32}$/);
    expect(counterpart.positions()).toEqual([]);
  });

  it('closes no more than it was given, and no more than there is', async () => {
    const { far: counterpart, venue } = await bench({ positions: [long] });
    await venue.closePosition({ ...whole, amount: 0.004 }, 'a');
    await venue.closePosition({ ...whole, amount: 5 }, 'b');
    expect(counterpart.requests({ method: 'POST' }).map((one) => one.params['quantity'])).toEqual([
      '0.004',
      '0.006',
    ]);
  });

  it('closes one side of hedge mode by its position side, without reduceOnly', async () => {
    const { far: counterpart, venue } = await bench({
      hedgeMode: true,
      positions: [
        { symbol: 'BTCUSDT', side: 'LONG', amount: 0.02 },
        { symbol: 'BTCUSDT', side: 'SHORT', amount: -0.01 },
      ],
    });
    expect(await venue.closePosition({ ...whole, side: 'short' }, 'k')).toMatchObject({ state: 'sent' });
    const [order] = counterpart.requests({ method: 'POST' });
    expect(order?.params).toMatchObject({ side: 'BUY', positionSide: 'SHORT' });
    expect(order?.params).not.toHaveProperty('reduceOnly');
    expect(counterpart.positions().map((one) => one.side)).toEqual(['LONG']);
  });

  it('sells the free balance on spot, rounded down to the step', async () => {
    const { far: counterpart, venue } = await bench(
      { balances: { spot: { USDT: 0, BTC: 0.123456789 } } },
      SPOT,
    );
    const answer = await venue.closePosition({ symbol: 'BTC/USDT', side: 'long', amount: 0.123456789 }, 'k');
    expect(answer.state).toBe('sent');
    expect(counterpart.requests({ method: 'POST' })[0]?.params).toMatchObject({
      side: 'SELL',
      quantity: '0.12345',
    });
  });

  it('refuses, with the reason, what no order can close', async () => {
    const { far: counterpart, venue } = await bench(
      { balances: { spot: { USDT: 0, BTC: 0.0000001, ODD: 1 }, margin: { BTC: { total: 1 } } } },
      SPOT,
    );
    await venue.warm();
    const reasonOf = async (symbol: string, key: string) => {
      const answer = await venue.closePosition({ symbol, side: 'long', amount: 1 }, key);
      return answer.state === 'refused' ? answer.reason : answer.state;
    };
    expect(await reasonOf('BTC/USDT', 'a')).toContain('below the least that can be sold');
    expect(await reasonOf('ODD/USDT', 'b')).toContain('no market sells ODD');
    expect(await reasonOf('BTC (cross margin)', 'c')).toContain('closed by hand');
    expect(await reasonOf('ETH/USDT', 'd')).toContain('no long ETH/USDT any more');
    expect(counterpart.requests({ method: 'POST' })).toEqual([]);
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
  ] as const)('does not know after %s, and never sends that order again', async (kind) => {
    const at = await bench({ positions: [long] });
    at.far.fault({ kind, match: { method: 'POST' } });
    expect((await settle(at, at.venue.closePosition(whole, 'k'))).state).toBe('unknown');
    expect(await at.venue.closePosition(whole, 'k')).toMatchObject({ state: 'refused' });
    expect(at.far.requests({ method: 'POST' })).toHaveLength(1);
    expect(at.said.join()).not.toMatch(SECRETS);
  });

  it.each(['revokedKey', 'clockSkew', 'http429', 'http418'] as const)(
    'knows that %s did nothing, and may send that order again later',
    async (kind) => {
      const { far: counterpart, venue, clock } = await bench({ positions: [long] });
      counterpart.fault({ kind, match: { method: 'POST' } });
      expect((await venue.closePosition(whole, 'k')).state).toBe('refused');
      clock.advance(300_000);
      expect((await venue.closePosition(whole, 'k')).state).toBe('sent');
    },
  );
});

// ── Opening ──────────────────────────────────────────────────────────────────────────────────────────────────────────

describe('opening a venue', () => {
  const options: VenueOptions = {
    id: 'desk',
    exchange: 'binance',
    apiKey: KEY,
    secret: SECRET,
    symbols: [],
    quoteAssets: [],
    clock: testClock(),
    mask: (text) => text,
    protectiveOrders: 'cancel',
  };

  it.each(['nowhere', '../../evil', 'base/Exchange', ''])(
    'refuses the exchange %j in a sentence',
    async (exchange) => {
      await expect(createVenue({ ...options, exchange })).rejects.toThrow('ccxt has no exchange');
    },
  );

  it.each(['ftp://127.0.0.1', 'not a url', 'file:///etc/passwd'])(
    'refuses the baseUrl %j',
    async (baseUrl) => {
      await expect(createVenue({ ...options, baseUrl })).rejects.toThrow(
        'baseUrl is not an http or https URL',
      );
    },
  );

  it('says in words that the keys are missing, and sends nothing', async () => {
    const { far: counterpart, venue } = await bench({}, { apiKey: '', secret: '' });
    expect(await verdictOf(venue)).toMatchObject({
      verdict: 'UNKNOWN',
      reason: expect.stringContaining('the key or secret is missing'),
    });
    expect(counterpart.requests()).toEqual([]);
  });

  it('masks every reason that it gives', async () => {
    const { far: counterpart, venue } = await bench({}, { mask: () => 'masked' });
    counterpart.fault({ kind: 'http500', times: 99 });
    const reading = await venue.read();
    for (const part of [...reading.lists, ...reading.positions])
      expect(part).toMatchObject({ reason: 'masked' });
  });
});

describe('a wallet that not every user has', () => {
  it.each(['clockSkew', 'http429', 'http500', 'reset'] as const)(
    'is not absent because of %s: nothing there is FLAT before it was looked for',
    async (kind) => {
      const at = await bench({}, SPOT);
      at.far.setMarginAsset('USDT', { total: 100 });
      at.far.fault({ kind, match: { path: '/sapi/v1/margin/account' }, times: Number.POSITIVE_INFINITY });
      await at.venue.warm();
      const verdict = await verdictOf(at.venue);
      expect(verdict.verdict).toBe('UNKNOWN');
      expect(
        await at.venue.measure({ sinceMs: 0, currency: 'USDT', money: true, mayAsk: () => true }),
      ).toMatchObject({
        positions: { state: 'failed' },
        money: { equity: { state: 'failed' } },
      });
    },
  );
});
