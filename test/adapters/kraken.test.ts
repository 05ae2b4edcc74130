import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { createVenue, type VenueOptions } from '../../src/adapters/ccxt.ts';
import { kraken } from '../../src/adapters/venues/kraken.ts';
import { krakenSpelling, krakenSymbol } from '../../src/adapters/venues/krakenNames.ts';
import type { VenueVerdict } from '../../src/domain/kill.ts';
import type { Clock, Venue } from '../../src/ports.ts';
import type { KrakenOrder } from '../../src/rehearsal/kraken/engine.ts';
import {
  type KrakenCounterpart,
  type KrakenOptions,
  startKrakenCounterpart,
} from '../../src/rehearsal/kraken.ts';
import type { FaultKind } from '../../src/rehearsal/venue/faults.ts';
import { venueContract, verdictOf } from '../contracts/venue.ts';

const KEY = 'canaryKeyAAAA1111';
const SECRET = Buffer.from('canarySecretBBBB2222').toString('base64');
const CALL_MS = 4_000;
/** The driver's own patience: with a cancel of the whole account, with a request that holds up its lane, with prices. */
const PATIENCE_MS = new Set([250, 500, 1_000]);
/** What no reason may hold. */
const SECRETS = new RegExp(`canary|${SECRET}|https?:|/0/private`, 'i');

const openThings: { close(): Promise<void> }[] = [];
afterEach(async () => {
  await Promise.all(openThings.splice(0).map((thing) => thing.close()));
});

/** A clock whose waits end only when a test says so. */
function testClock() {
  let offset = 0;
  let stopped: number | null = null;
  const waits = new Set<{ ms: number; end: () => void }>();
  const clock: Clock = {
    now: () => stopped ?? Date.now() + offset,
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
  };
  return {
    ...clock,
    advance: (ms: number) => {
      offset += ms;
    },
    stopAt: (at: number) => {
      stopped = at;
    },
    /** How many requests are under way. */
    requests: () => Array.from(waits).filter((wait) => !PATIENCE_MS.has(wait.ms)).length,
    /** Ends the waits of this length, or all. */
    expire: (ms?: number) => {
      for (const wait of Array.from(waits)) if (ms === undefined || wait.ms === ms) wait.end();
    },
  };
}

interface Bench {
  far: KrakenCounterpart;
  venue: Venue;
  clock: ReturnType<typeof testClock>;
  /** Every text that the venue handed out. */
  said: string[];
  /** Hanging requests whose deadline has passed. */
  expired: number;
}

const near = (far: KrakenCounterpart, more: Partial<VenueOptions> = {}): VenueOptions => ({
  id: 'desk',
  exchange: 'kraken',
  apiKey: KEY,
  secret: SECRET,
  symbols: ['BTC/USD'],
  quoteAssets: ['USD', 'EUR'],
  baseUrl: far.url,
  clock: testClock(),
  callTimeoutMs: CALL_MS,
  mask: (text) => text,
  protectiveOrders: 'cancel',
  ...more,
});

async function bench(far: Partial<KrakenOptions> = {}, more: Partial<VenueOptions> = {}): Promise<Bench> {
  const counterpart = await startKrakenCounterpart({
    apiKey: KEY,
    secret: SECRET,
    balances: { ZUSD: 100_000 },
    rateLimit: { max: 10_000, perSecond: 1 },
    ...far,
  });
  const clock = testClock();
  const venue = await createVenue(near(counterpart, { clock, ...more }));
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
    if (hanging > at.expired && at.clock.requests() === hanging - at.expired) {
      at.expired = hanging;
      at.clock.expire();
    }
  }
  return finished;
}

const PRIVATE = '/0/private/';
const wireOf = (far: KrakenCounterpart) =>
  far.requests().map((entry) => `${entry.method} ${entry.path.replace(/^\/0\//, '')}`);
const privateOf = (far: KrakenCounterpart, name: string) => far.requests({ path: `${PRIVATE}${name}` });
const noncesOf = (far: KrakenCounterpart) =>
  far.requests({ path: /private/ }).map((entry) => Number(entry.params['nonce']));
const openIds = (far: KrakenCounterpart) => far.openOrders().map((order) => order.id);

const buy = (more: Partial<KrakenOrder> = {}): KrakenOrder => ({
  pair: 'XBTUSD',
  side: 'buy',
  price: 50_000,
  quantity: 0.01,
  ...more,
});
const stop = (more: Partial<KrakenOrder> = {}): KrakenOrder => ({
  pair: 'XBTUSD',
  side: 'sell',
  triggerPrice: 55_000,
  quantity: 0.005,
  ...more,
});
const marginStop = stop({ leverage: 2, reduceOnly: true });
const unlisted = buy({ pair: 'NEWUSD', price: 2, quantity: 50 });
const long = { pair: 'XBTUSD', amount: 0.01, entryPrice: 58_000 };
const XBT = { ZUSD: 100_000, XXBT: 1 };

// ── The contract ─────────────────────────────────────────────────────────────────────────────────────────────────────

venueContract('kraken', async () => {
  const { far, venue } = await bench();
  return {
    venue,
    place(kind) {
      if (kind === 'protective') {
        far.setPosition(long);
        return far.placeOrder(marginStop).id;
      }
      if (kind === 'conditional') return far.placeOrder(stop({ side: 'buy', triggerPrice: 65_000 })).id;
      return far.placeOrder(kind === 'entry' ? buy() : unlisted).id;
    },
    open: () => openIds(far),
    hold: (amount) => far.setPosition({ ...long, amount }),
    closes: () => privateOf(far, 'AddOrder').filter((one) => one.status === 200).length,
    money: {
      currency: 'USD',
      transfer: (amount) => far.addIncome(amount > 0 ? 'deposit' : 'withdrawal', 'ZUSD', amount),
      earn: (amount) => far.addIncome('trade', 'ZUSD', amount),
      many() {
        for (let n = 0; n < 70; n += 1) far.addIncome('deposit', 'ZUSD', 1);
        return 70;
      },
      strange: () => far.addIncome('a new kind', 'ZUSD', 1),
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

// ── Names ────────────────────────────────────────────────────────────────────────────────────────────────────────────

describe('Kraken’s names', () => {
  it.each([
    ['XXBTZUSD', 'XBTUSD'],
    ['XBTUSD', 'XBTUSD'],
    ['XBT/USD', 'XBTUSD'],
    ['BTCUSD', 'XBTUSD'],
    ['XETHXXBT', 'ETHXBT'],
    ['XXDGXXBT', 'XDGXBT'],
    ['USDTZUSD', 'USDTUSD'],
    ['ZEURZUSD', 'EURUSD'],
    // Tezos, whose X is no prefix, and whose id ends in what looks like ZUSD.
    ['XTZUSD', 'XTZUSD'],
    ['ZRXUSD', 'ZRXUSD'],
    ['NEWUSD', 'NEWUSD'],
  ])('spells the pair %s as %s', (pair, spelling) => {
    expect(krakenSpelling(pair)).toBe(spelling);
  });

  it.each([
    ['BTC/USD', 'XBTUSD'],
    ['ETH/BTC', 'ETHXBT'],
    ['DOGE/USD', 'XDGUSD'],
    ['SOL/EUR', 'SOLEUR'],
    ['BTC/USD:USD', null],
  ])('spells the symbol %s as %s, without markets', (unified, pair) => {
    expect(krakenSymbol(unified)).toBe(pair);
  });

  const part = { pair: 'XXBTZUSD', vol: '0.3', vol_closed: '0.1', value: '12000.0', net: '+2.5' };
  const readPositions = (result: unknown) =>
    kraken.accounts[0]?.positions[1]?.reads[0]?.answer.safeParse({ error: [], result });

  it('adds up what several orders opened, each side of a pair apart', () => {
    const parts = {
      a: { ...part, type: 'buy' },
      b: { ...part, type: 'buy', net: '-1' },
      c: { ...part, type: 'sell' },
    };
    expect(readPositions(parts)?.data).toMatchObject([
      { symbol: 'XBTUSD', side: 'long', amount: 0.4, notional: 24_000, currency: 'USD', unrealisedPnl: 1.5 },
      { symbol: 'XBTUSD', side: 'short', amount: 0.2, notional: 12_000, unrealisedPnl: 2.5 },
    ]);
    expect(readPositions([])?.data).toEqual([]);
    expect(readPositions({ a: { ...part, type: 'buy', vol_closed: '0.3' } })?.data).toEqual([]);
  });

  it.each([
    ['no result', undefined],
    ['a list of positions', [{ ...part, type: 'buy' }]],
    ['an amount that is no number', { a: { ...part, type: 'buy', vol: 'NaN' } }],
    ['a side that is none', { a: { ...part, type: 'hold' } }],
  ])('refuses %s as positions', (_, result) => {
    expect(readPositions(result)?.success).toBe(false);
  });

  const order = {
    refid: null,
    vol: '1',
    vol_exec: '0',
    descr: { pair: 'XBTUSD', type: 'buy', ordertype: 'limit' },
  };
  const readOrders = (body: unknown) => kraken.accounts[0]?.lists[0]?.read(null).answer.safeParse(body);
  it.each([
    ['not the envelope', { open: {} }],
    ['a warning beside an empty list', { error: ['WGeneral:Partial'], result: { open: {} } }],
    ['no list', { error: [], result: {} }],
    ['an array for the list', { error: [], result: { open: [order] } }],
    ['a volume that is no number', { error: [], result: { open: { O1: { ...order, vol: 'x' } } } }],
    ['HTML', '<html>'],
    ['null', null],
  ])('refuses %s as orders', (_, answer) => {
    expect(readOrders({ error: [], result: { open: { O1: order } } })?.success).toBe(true);
    expect(readOrders(answer)?.success).toBe(false);
  });
});

// ── What goes over the wire ──────────────────────────────────────────────────────────────────────────────────────────

describe('a Kraken kill on the wire', () => {
  it('lists once and cancels all once, signed with the key, and needs no market', async () => {
    const { far, venue } = await bench({
      orders: [buy(), stop({ side: 'buy', triggerPrice: 65_000 }), unlisted, buy({ leverage: 3 })],
    });
    expect(await venue.cancel({ scope: 'all' })).toEqual([
      { list: 'orders', found: 4, answered: 4, protective: 0, failures: [] },
    ]);
    expect(wireOf(far)).toEqual(['POST private/OpenOrders', 'POST private/CancelAll']);
    expect(Object.keys(privateOf(far, 'CancelAll')[0]?.params ?? {})).toEqual(['nonce']);
    expect(openIds(far)).toEqual([]);
  });

  it('reads orders of every kind, balances and positions, each once', async () => {
    const { far, venue } = await bench({
      balances: { ZUSD: 5, ZEUR: 7, XXBT: 1 },
      positions: [long, { pair: 'ETHUSD', amount: -2, entryPrice: 3_100 }],
      orders: [
        stop(),
        stop({ triggerPrice: 65_000, type: 'take-profit' }),
        stop({ trailingPercent: 5, triggerPrice: undefined } as unknown as KrakenOrder),
        stop({ price: 54_000 }),
        marginStop,
        buy({ leverage: 2, close: { type: 'stop-loss', price: 45_000 } }),
      ],
    });
    const reading = await venue.read();
    expect(wireOf(far).toSorted()).toEqual([
      'GET public/Ticker',
      'POST private/BalanceEx',
      'POST private/OpenOrders',
      'POST private/OpenPositions',
    ]);
    expect(privateOf(far, 'OpenPositions')[0]?.params).toMatchObject({ docalcs: 'true' });
    expect(reading).toMatchObject({
      venue: 'desk',
      proven: true,
      lists: [
        {
          list: 'orders',
          orders: [
            { symbol: 'BTC/USD', side: 'sell', amount: 0.005, price: 55_000, protective: true },
            { price: 65_000, protective: true },
            { price: null, protective: true },
            { price: 54_000, protective: true },
            { price: 55_000, protective: true },
            { side: 'buy', price: 50_000, protective: false },
          ],
        },
      ],
      positions: [
        {
          scope: 'balances',
          positions: [{ symbol: 'BTC/USD', side: 'long', amount: 1, notional: 60_000, currency: 'USD' }],
        },
        {
          scope: 'margin positions',
          positions: [
            {
              symbol: 'BTC/USD',
              side: 'long',
              amount: 0.01,
              notional: 600,
              unrealisedPnl: 20,
              currency: 'USD',
            },
            { symbol: 'ETHUSD', side: 'short', amount: 2, notional: 6_000, unrealisedPnl: 200 },
          ],
        },
      ],
    });
    expect(reading.notCovered).toEqual(expect.arrayContaining(['futures', 'sub-accounts']));
  });

  it('cancels a conditional close that has come to life, and takes it for a protective order', async () => {
    const { far, venue } = await bench({
      orders: [buy({ leverage: 2, close: { type: 'stop-loss', price: 45_000 } })],
    });
    far.fill(openIds(far)[0] ?? '');
    expect((await venue.read()).lists).toMatchObject([{ orders: [{ protective: true, side: 'sell' }] }]);
    await venue.cancel({ scope: 'entries' });
    expect(openIds(far)).toHaveLength(1);
    await venue.cancel({ scope: 'all' });
    expect(openIds(far)).toEqual([]);
  });

  it('cancels entries by id, fifty of any pair a request, and never all', async () => {
    const orders = Array.from({ length: 60 }, (_, index) =>
      index % 2 === 0 ? buy({ price: 40_000 + index }) : { ...unlisted, price: 1 - index / 1_000 },
    );
    const { far, venue } = await bench({
      positions: [long],
      orders: [...orders, marginStop, stop()],
      balances: XBT,
    });
    const [list] = await venue.cancel({ scope: 'entries' });
    expect(list).toEqual({ list: 'orders', found: 60, answered: 60, protective: 0, failures: [] });
    expect(far.openOrders().map((order) => order.type)).toEqual(['stop-loss', 'stop-loss']);
    expect(wireOf(far)).toEqual([
      'POST private/OpenOrders',
      'POST private/CancelOrderBatch',
      'POST private/CancelOrderBatch',
    ]);
    const batches = privateOf(far, 'CancelOrderBatch').map((one) => {
      const ids: unknown = JSON.parse(one.params['orders'] ?? '');
      return ids;
    });
    expect(batches[0]).toHaveLength(50);
    expect(batches[1]).toHaveLength(10);
    expect(batches[0]).toContainEqual(expect.stringMatching(/^O\d{5}-\d{5}-\d{6}$/));
  });

  it.each([
    ['SOL/USD', true],
    ['SOLUSD', false],
    ['BTC/USD', true],
    ['XXBTZUSD', false],
    ['BTCUSD', false],
    ['NEW/USD', false],
  ])('cancels one symbol only when asked for %s (markets loaded: %s)', async (symbol, warm) => {
    const { far, venue } = await bench({
      orders: [buy(), unlisted, { pair: 'SOLUSD', side: 'buy', price: 100, quantity: 1 }],
    });
    if (warm) await venue.warm();
    await venue.cancel({ scope: 'all', symbol });
    expect(far.openOrders()).toHaveLength(2);
    expect(privateOf(far, 'CancelAll')).toEqual([]);
    expect(privateOf(far, 'CancelOrder')[0]?.params['txid']).toMatch(/^O\d/);
    expect(far.openOrders().map((order) => order.symbol)).not.toContain(
      krakenSpelling(krakenSymbol(symbol) ?? symbol).replace('XBTUSD', 'XXBTZUSD'),
    );
  });

  it('keeps stops on what is held where the desk wants that, and no others, never by cancelling all', async () => {
    const { far, venue } = await bench(
      {
        balances: XBT,
        positions: [{ pair: 'ETHUSD', amount: 1, entryPrice: 3_000 }],
        orders: [
          buy(),
          stop(),
          { pair: 'ETHUSD', side: 'sell', triggerPrice: 2_000, quantity: 1, leverage: 2, reduceOnly: true },
          { pair: 'SOLUSD', side: 'sell', triggerPrice: 100, quantity: 1, leverage: 2, reduceOnly: true },
        ],
      },
      { protectiveOrders: 'keepWhilePosition' },
    );
    await venue.cancel({ scope: 'all' });
    expect(far.openOrders().map((order) => order.symbol)).toEqual(['XXBTZUSD', 'XETHZUSD']);
    expect(privateOf(far, 'CancelAll')).toEqual([]);
    far.setPosition({ pair: 'ETHUSD', amount: 0 });
    far.setBalance('XXBT', 0);
    await venue.cancel({ scope: 'all' });
    expect(openIds(far)).toEqual([]);
  });

  it('lists balances that are no quote asset by common names, earning ones with their asset, locked ones as not covered', async () => {
    const { venue } = await bench(
      {
        balances: {
          ZUSD: 5,
          'USD.F': 6,
          ZEUR: 7,
          XXBT: 1,
          'XBT.F': 0.5,
          'XBT.M': 3,
          'ATOM21.S': 4,
          'ETH.B': 5,
          KFEE: 100,
          XXDG: 10,
          NEW: 2,
          'AAPLx.T': 1,
          SOL: 0.001,
        },
      },
      {},
    );
    expect(await venue.warm()).toEqual({ ok: true });
    const { positions, notCovered } = await venue.read();
    expect(positions[0]).toMatchObject({
      positions: [
        { symbol: 'BTC/USD', amount: 1.5, notional: 90_000, currency: 'USD', dust: false },
        { symbol: 'DOGE/USD', amount: 10, notional: null },
        { symbol: 'NEW/USD', amount: 2 },
        { symbol: 'AAPLx.T/USD', amount: 1 },
        { symbol: 'SOL/USD', amount: 0.001, notional: 0.15, dust: true },
      ],
    });
    expect(notCovered).toContain('earn and staked balances (.S, .M, .B, .P)');
    const bare = await bench({ balances: { XXBT: 1 } }, { quoteAssets: ['BTC'] });
    expect((await verdictOf(bare.venue)).verdict).toBe('FLAT');
  });

  it('shows a credit line in use, and a balance below zero, as loans', () => {
    const answer = kraken.accounts[0]?.positions[0]?.reads[0]?.answer.safeParse({
      error: [],
      result: {
        ZUSD: { balance: '-5.0', hold_trade: '0' },
        XXBT: { balance: '1.5', hold_trade: '0.5', credit: '2', credit_used: '0.25' },
      },
    });
    expect(answer?.data).toMatchObject([
      { symbol: 'USD', kind: 'loan', side: 'short', amount: 5 },
      { symbol: 'BTC', kind: 'balance', amount: 1.5, free: 1 },
      { symbol: 'BTC', kind: 'loan', amount: 0.25 },
    ]);
  });
});

// ── One lane ─────────────────────────────────────────────────────────────────────────────────────────────────────────

describe('nonces', () => {
  const rising = (nonces: number[]) =>
    expect(nonces).toEqual(Array.from(new Set(nonces)).toSorted((a, b) => a - b));

  it('rise with every request in the order of arrival, whatever runs at once, also within one millisecond', async () => {
    const { far, venue, clock } = await bench({ orders: [buy(), unlisted], balances: XBT });
    const at = 1_800_000_000_000;
    clock.stopAt(at);
    await Promise.all([venue.read(), venue.cancel({ scope: 'all' }), venue.read(), venue.read()]);
    // Three readings of three requests, a listing and a cancel; none was refused and sent again.
    expect(noncesOf(far)).toEqual(Array.from({ length: 11 }, (_, index) => at + index));
    clock.stopAt(at - 60_000);
    await venue.read();
    expect(noncesOf(far).slice(11)).toEqual([at + 11, at + 12, at + 13]);
  });

  it('are shared by two entries on one key, and not by another key', async () => {
    const { far, venue, clock } = await bench({ orders: [buy()] });
    const at = 1_800_000_000_000;
    clock.stopAt(at);
    const second = await createVenue(near(far, { id: 'other', clock }));
    openThings.push(second);
    await Promise.all([venue.read(), second.read(), venue.cancel({ scope: 'all' }), second.read()]);
    expect(noncesOf(far)).toEqual(Array.from({ length: 11 }, (_, index) => at + index));
    // A lane of its own would begin at the clock's time again, too.
    const third = await createVenue(near(far, { id: 'third', clock, apiKey: 'canaryOther' }));
    openThings.push(third);
    await third.read();
    expect(noncesOf(far)[11]).toBe(at);
  });

  it('go on with what is behind when one request hangs, so that it holds up no cancel', async () => {
    const { far, venue, clock } = await bench({ orders: [buy()] });
    far.fault({ kind: 'slow', match: { path: `${PRIVATE}OpenOrders` } });
    const cancelling = venue.cancel({ scope: 'all' });
    await far.until(() => privateOf(far, 'OpenOrders').length === 1, { what: 'the listing hangs' });
    expect(privateOf(far, 'CancelAll')).toEqual([]);
    clock.expire(500);
    await far.until(() => openIds(far).length === 0, { what: 'the cancel to pass it' });
    // The late listing arrives with a nonce below the last one, is refused, and sent again.
    far.clearFaults();
    const [list] = await cancelling;
    expect(list?.failures).toEqual([]);
    expect(privateOf(far, 'OpenOrders')).toHaveLength(2);
    rising(noncesOf(far));
  });

  it('that are refused are raised and sent again within the round', async () => {
    const { far, venue } = await bench({ orders: [buy()] });
    far.fault({ kind: 'clockSkew', times: 2 });
    expect((await venue.cancel({ scope: 'all' }))[0]?.failures).toEqual([]);
    expect(openIds(far)).toEqual([]);
    const [first = 0, second = 0, third = 0] = noncesOf(far);
    expect([second - first >= 1_000, third - second >= 10_000]).toEqual([true, true]);
    rising(noncesOf(far));
  });

  it('pass another program on the key whose clock is ahead', async () => {
    const { far, venue } = await bench({ orders: [buy()] });
    const fast = testClock();
    fast.advance(5_000);
    const other = await createVenue(near(far, { id: 'other', clock: fast, baseUrl: `${far.url}/` }));
    openThings.push(other);
    expect((await other.read()).lists[0]?.state).toBe('read');
    await venue.cancel({ scope: 'all' });
    expect((await verdictOf(venue)).verdict).toBe('FLAT');
  });

  it('that are refused for ever end in words, after three tries a request', async () => {
    const { far, venue } = await bench();
    far.fault({ kind: 'clockSkew', times: Number.POSITIVE_INFINITY });
    expect(await verdictOf(venue)).toMatchObject({
      verdict: 'UNKNOWN',
      reason: expect.stringContaining('the nonce is refused (HTTP 200, EAPI:Invalid nonce)'),
    });
    expect(far.requests({ path: /private/ })).toHaveLength(2 * 3 * 3);
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
const READS = ['OpenOrders', 'BalanceEx', 'OpenPositions'];
const WRITES = ['CancelAll', 'CancelOrderBatch', 'CancelOrder'];
const full: Partial<KrakenOptions> = {
  orders: [buy(), unlisted, marginStop, stop()],
  positions: [long],
  balances: XBT,
};

/** What is open and held at the far side, and the verdict that would be true of it. */
function truthOf(far: KrakenCounterpart) {
  const orders = openIds(far).toSorted();
  const coins = Object.entries(far.balances()).filter(([asset, total]) => asset !== 'ZUSD' && total > 0);
  const held = far.positions().length + coins.length;
  return { verdict: orders.length + held === 0 ? 'FLAT' : 'RESIDUAL', orders, held };
}

const saidOf = (verdict: VenueVerdict) => ({
  verdict: verdict.verdict,
  orders: verdict.orders.map((order) => order.id).toSorted(),
  held: verdict.positions.length,
});

describe('kraken under faults', () => {
  it.each(FAULTS.filter((kind) => !LYING.includes(kind)))('never reads %s as an empty list', async (kind) => {
    for (const name of READS) {
      const at = await bench(full);
      at.far.fault({ kind, times: Number.POSITIVE_INFINITY, match: { path: `${PRIVATE}${name}` } });
      const { verdict } = await settle(at, verdictOf(at.venue));
      expect({ name, verdict }).toEqual({ name, verdict: 'UNKNOWN' });
      expect(at.said.join()).not.toMatch(SECRETS);
    }
  });

  it.each(FAULTS.filter((kind) => !LYING.includes(kind)))(
    'tells the truth after %s once on each read',
    async (kind) => {
      for (const name of READS) {
        const at = await bench(full);
        at.far.fault({ kind, match: { path: `${PRIVATE}${name}` } });
        const verdict = await settle(at, verdictOf(at.venue));
        const known = verdict.verdict === 'UNKNOWN' ? null : saidOf(verdict);
        expect([null, truthOf(at.far)]).toContainEqual(known);
        at.clock.advance(1_000_000);
        expect(saidOf(await settle(at, verdictOf(at.venue)))).toEqual(truthOf(at.far));
      }
    },
  );

  const cases = WRITES.flatMap((name) => [1, Number.POSITIVE_INFINITY].map((times) => ({ name, times })));
  it.each(FAULTS)('tells the truth after %s on each cancel, and ends with nothing open', async (kind) => {
    for (const { name, times } of cases) {
      const label = `${kind} on ${name} × ${times}`;
      const at = await bench(full);
      const fault = at.far.fault({ kind, times, match: { path: `${PRIVATE}${name}` } });
      // The batch is for entries, the single cancel for one symbol.
      const scope = { scope: name === 'CancelOrderBatch' ? 'entries' : 'all' } as const;
      const symbol = name === 'CancelOrder' ? { symbol: 'NEW/USD' } : {};
      const lists = await settle(at, at.venue.cancel({ ...scope, ...symbol }));
      expect({ label, hits: fault.hits() > 0 }).toEqual({ label, hits: true });
      const silent = lists.every((list) => list.failures.length === 0);
      // Every fault that hit is told, but those whose answer is a success, and a nonce that a second try put right.
      const mended = kind === 'clockSkew' && times === 1;
      expect({ label, hidden: silent && !mended && !LYING.includes(kind) }).toEqual({ label, hidden: false });

      const verdict = await settle(at, verdictOf(at.venue));
      const known = verdict.verdict === 'UNKNOWN' ? null : saidOf(verdict);
      expect([null, truthOf(at.far)]).toContainEqual(known);

      // As the kill does: again, once the venue is well.
      at.far.clearFaults();
      at.clock.advance(1_000_000);
      for (let round = 0; round < 2; round += 1) await settle(at, at.venue.cancel({ scope: 'all' }));
      const after = saidOf(await settle(at, verdictOf(at.venue)));
      expect({ label, ...after }).toEqual({ label, ...truthOf(at.far), orders: [] });
      expect(at.said.join()).not.toMatch(SECRETS);
    }
  });

  it('cancels by id in the next round what a cancel of all only said that it cancelled', async () => {
    const { far, venue } = await bench({ orders: [buy(), unlisted] });
    far.fault({ kind: 'lie', times: Number.POSITIVE_INFINITY, match: { path: `${PRIVATE}CancelAll` } });
    await venue.cancel({ scope: 'all' });
    expect((await verdictOf(venue)).orders).toHaveLength(2);
    await venue.cancel({ scope: 'all' });
    expect(privateOf(far, 'CancelOrderBatch')).toHaveLength(1);
    expect(openIds(far)).toEqual([]);
  });

  it.each([
    ['http429', 5_000, 'too many requests'],
    ['http418', 900_000, 'the venue has locked this key out for a while'],
  ] as const)(
    'sends nothing for a while after %s, which comes with HTTP 200',
    async (kind, waitMs, words) => {
      const { far, venue, clock } = await bench();
      far.fault({ kind, match: { path: `${PRIVATE}BalanceEx` } });
      expect(JSON.stringify(await venue.read())).toContain(words);
      const sent = far.requests().length;
      clock.advance(waitMs - 1_000);
      expect(await verdictOf(venue)).toMatchObject({
        verdict: 'UNKNOWN',
        reason: expect.stringMatching(/asked us to wait \(E.*nothing is sent until \d{4}-.*Z/),
      });
      expect(far.requests()).toHaveLength(sent);
      clock.advance(2_000);
      expect((await verdictOf(venue)).verdict).toBe('FLAT');
    },
  );

  it('cancels with AssetPairs, Assets and Ticker down, and warms up later all the same', async () => {
    const { far, venue } = await bench({ orders: [buy(), unlisted], balances: XBT });
    far.fault({ kind: 'maintenance', times: Number.POSITIVE_INFINITY, match: { path: /public/ } });
    expect(await venue.warm()).toMatchObject({
      ok: false,
      reason: expect.stringContaining('the venue is not available'),
    });
    await venue.cancel({ scope: 'all' });
    expect(openIds(far)).toEqual([]);
    expect(await verdictOf(venue)).toMatchObject({
      verdict: 'RESIDUAL',
      positions: [{ symbol: 'BTC/USD', amount: 1, notional: null }],
    });
    far.clearFaults();
    expect(await venue.warm()).toEqual({ ok: true });
  });

  it('never says FLAT while an engine goes on placing orders', async () => {
    const { far, venue } = await bench({ orders: [buy()] });
    const quiet = far.engineKeepsTrading({ count: 4 });
    for (let round = 0; round < 6 && openIds(far).length > 0; round += 1) {
      await venue.cancel({ scope: 'all' });
      expect((await verdictOf(venue)).verdict === 'FLAT').toBe(openIds(far).length === 0);
    }
    quiet();
    expect((await verdictOf(venue)).verdict).toBe('FLAT');
  });

  it('says in words that the key or its permissions are refused', async () => {
    const { venue } = await bench({}, { apiKey: 'canaryOther' });
    const { verdict, reason } = await verdictOf(venue);
    expect([verdict, reason]).toEqual(['UNKNOWN', expect.stringContaining('the venue refuses the key')]);
    expect(reason).not.toMatch(SECRETS);
  });
});

// ── Closing positions ────────────────────────────────────────────────────────────────────────────────────────────────

describe('closing', () => {
  const whole = { symbol: 'BTC/USD', side: 'long', amount: 0.01 } as const;

  it.each([
    ['long', 0.01, 'sell'],
    ['short', -0.01, 'buy'],
  ] as const)('closes a %s by one reduce-only market order with leverage', async (side, amount, type) => {
    const { far, venue } = await bench({ positions: [{ ...long, amount }] });
    expect(await venue.closePosition({ ...whole, side }, 'F1-0')).toEqual({
      state: 'sent',
      orderId: expect.stringMatching(/^O\d/),
    });
    const [order] = privateOf(far, 'AddOrder');
    expect(order?.params).toMatchObject({
      pair: 'XBTUSD',
      type,
      ordertype: 'market',
      volume: '0.01',
      leverage: '2',
      reduce_only: 'true',
      cl_ord_id: expect.stringMatching(/^[0-9a-f]{32}$/),
    });
    expect(far.positions()).toEqual([]);
  });

  it('closes no more than there is, and than it was given', async () => {
    const { far, venue } = await bench({ positions: [long] });
    await venue.closePosition({ ...whole, amount: 0.004 }, 'a');
    await venue.closePosition({ ...whole, amount: 5 }, 'b');
    expect(privateOf(far, 'AddOrder').map((one) => one.params['volume'])).toEqual(['0.004', '0.006']);
  });

  it('sells the free balance on spot, by the id of the pair, rounded down to the step', async () => {
    const { far, venue } = await bench({ balances: { ZUSD: 0, XXBT: 0.123456789 } });
    const answer = await venue.closePosition({ ...whole, amount: 0.123456789 }, 'k');
    expect(answer.state).toBe('sent');
    const { params } = privateOf(far, 'AddOrder')[0] ?? {};
    expect(params).toMatchObject({ pair: 'XXBTZUSD', type: 'sell', volume: '0.12345678' });
    expect(params).not.toHaveProperty('leverage');
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
    // A copy of the order may have come before the one that the nonce refused.
    'clockSkew',
  ] as const)('does not know after %s, and never sends that order again', async (kind) => {
    const at = await bench({ positions: [long] });
    at.far.fault({ kind, match: { path: `${PRIVATE}AddOrder` } });
    expect((await settle(at, at.venue.closePosition(whole, 'k'))).state).toBe('unknown');
    expect(await at.venue.closePosition(whole, 'k')).toMatchObject({ state: 'refused' });
    expect(privateOf(at.far, 'AddOrder')).toHaveLength(1);
    expect(at.said.join()).not.toMatch(SECRETS);
  });

  it('does not take a warning that comes with a result for a refusal', async () => {
    const server = createServer((request, response) => {
      const part = { pair: 'XXBTZUSD', type: 'buy', vol: '0.01', vol_closed: '0' };
      const result = request.url?.endsWith('AddOrder') === true ? { txid: ['O1'] } : { T1: part };
      const error = request.url?.endsWith('AddOrder') === true ? ['WOrder:Slow'] : [];
      const balances = request.url?.endsWith('BalanceEx') === true;
      response.end(JSON.stringify({ error, result: balances ? {} : result }));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    openThings.push({ close: () => new Promise((resolve) => server.close(() => resolve())) });
    const { port } = server.address() as AddressInfo;
    const { venue } = await bench({}, { baseUrl: `http://127.0.0.1:${port}` });
    expect((await venue.closePosition({ ...whole, symbol: 'XBTUSD' }, 'k')).state).toBe('unknown');
  });

  it.each(['revokedKey', 'http429'] as const)(
    'knows that %s did nothing, and may send that order again later',
    async (kind) => {
      const { far, venue, clock } = await bench({ positions: [long] });
      far.fault({ kind, match: { path: `${PRIVATE}AddOrder` } });
      expect((await venue.closePosition(whole, 'k')).state).toBe('refused');
      clock.advance(300_000);
      expect((await venue.closePosition(whole, 'k')).state).toBe('sent');
    },
  );
});
