import * as fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { createVenue, type VenueOptions } from '../../src/adapters/ccxt.ts';
import { okx, okxSymbol } from '../../src/adapters/venues/okx.ts';
import type { VenueVerdict } from '../../src/domain/kill.ts';
import type { Clock, Venue } from '../../src/ports.ts';
import type { AlgoType, OkxOrder } from '../../src/rehearsal/okx/engine.ts';
import { type OkxCounterpart, type OkxOptions, startOkxCounterpart } from '../../src/rehearsal/okx.ts';
import type { FaultKind } from '../../src/rehearsal/venue/faults.ts';
import { venueContract, verdictOf } from '../contracts/venue.ts';

const KEY = 'canaryKeyAAAA1111';
const SECRET = 'canarySecretBBBB2222';
const PHRASE = 'canaryPhraseCCCC3333';
const CALL_MS = 4_000;
/** What no reason may hold. */
const SECRETS = /canary|OK-ACCESS-SIGN:|https?:/i;

const openThings: { close(): Promise<void> }[] = [];
afterEach(async () => {
  await Promise.all(openThings.splice(0).map((thing) => thing.close()));
});

/** A clock whose deadlines pass only when `settle` lets them: no test waits in real time. */
interface TestClock extends Clock {
  advance(ms: number): void;
  /** Deadlines of requests under way. */
  deadlines(): number;
  expireAll(): void;
  /** Waits for a limit of the venue, ms. They pass at once, and the clock with them. */
  paced: number[];
}

const DEADLINES = new Set([250, 500, 1_000, 2_000, CALL_MS, 20_000]);

function testClock(): TestClock {
  let offset = 0;
  const waits = new Set<{ ms: number; end: () => void }>();
  const paced: number[] = [];
  return {
    paced,
    now: () => Date.now() + offset,
    monotonic: () => performance.now() + offset,
    wait: (ms, signal) =>
      new Promise((resolve) => {
        if (!DEADLINES.has(ms)) {
          paced.push(ms);
          offset += ms;
          resolve();
          return;
        }
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
  far: OkxCounterpart;
  venue: Venue;
  clock: TestClock;
  /** Every text that the venue handed out. */
  said: string[];
  /** Hanging requests whose deadline has passed. */
  expired: number;
}

async function bench(far: Partial<OkxOptions> = {}, near: Partial<VenueOptions> = {}): Promise<Bench> {
  const clock = testClock();
  const counterpart = await startOkxCounterpart({ apiKey: KEY, secret: SECRET, passphrase: PHRASE, ...far });
  const venue = await createVenue({
    id: 'desk',
    exchange: 'okx',
    apiKey: KEY,
    secret: SECRET,
    password: PHRASE,
    symbols: ['BTC/USDT:USDT'],
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

const PENDING = '/api/v5/trade/orders-pending';
const ALGO_PENDING = '/api/v5/trade/orders-algo-pending';
const BATCH = '/api/v5/trade/cancel-batch-orders';
const ALGOS = '/api/v5/trade/cancel-algos';
const POSITIONS = '/api/v5/account/positions';
const BALANCE = '/api/v5/account/balance';

const wireOf = (far: OkxCounterpart) =>
  far.requests().map((one) => `${one.method} ${one.path} ${one.params['ordType'] ?? ''}`.trim());
/** What a batch asked for, as it went over the wire. */
const rowsOf = (far: OkxCounterpart, path: string): Record<string, string>[][] =>
  far.requests({ path }).map((one) => JSON.parse(one.params['rows'] ?? '[]') as Record<string, string>[]);
const openIds = (far: OkxCounterpart) => [...far.openOrders(), ...far.algoOrders()].map((order) => order.id);

const entry = (more: Partial<OkxOrder> = {}): OkxOrder => ({
  instId: 'BTC-USDT-SWAP',
  side: 'buy',
  sz: 1,
  px: 50_000,
  ...more,
});
/** An order of that algo type which rests, on a long position of BTC-USDT-SWAP. */
const algo = (type: AlgoType, more: Partial<OkxOrder> = {}): OkxOrder => ({
  instId: 'BTC-USDT-SWAP',
  side: 'sell',
  sz: 1,
  algo: type,
  ...(type === 'conditional' || type === 'oco' || type === 'trigger'
    ? { triggerPx: 55_000 }
    : type === 'move_order_stop'
      ? {}
      : { px: 70_000 }),
  ...more,
});
const stop = (more: Partial<OkxOrder> = {}) => algo('conditional', { reduceOnly: true, ...more });
const fresh = (more: Partial<OkxOrder> = {}) => entry({ instId: 'NEW-USDT-SWAP', px: 2, sz: 5, ...more });
const long = { instId: 'BTC-USDT-SWAP', contracts: 1, entryPx: 58_000 };
const TYPES = ['conditional', 'oco', 'trigger', 'move_order_stop', 'chase', 'iceberg', 'twap'] as const;

// ── The contract ─────────────────────────────────────────────────────────────────────────────────────────────────────

for (const market of ['swap', 'spot']) {
  const instId = market === 'swap' ? 'BTC-USDT-SWAP' : 'BTC-USDT';
  const sz = market === 'swap' ? 1 : 0.01;
  venueContract(`okx ${market}`, async () => {
    const { far, venue } = await bench({}, { symbols: [market === 'swap' ? 'BTC/USDT:USDT' : 'BTC/USDT'] });
    const hold = (amount: number) => {
      if (market === 'swap') far.setPosition({ ...long, contracts: amount / 0.01 });
      else far.setBalance('BTC', amount);
    };
    return {
      venue,
      place(kind) {
        if (kind === 'entry') return far.placeOrder(entry({ instId, sz })).id;
        if (kind === 'unlisted')
          return far.placeOrder(fresh(market === 'swap' ? {} : { instId: 'NEW-USDT' })).id;
        if (kind === 'conditional')
          return far.placeOrder(algo('trigger', { instId, sz, side: 'buy', triggerPx: 65_000 })).id;
        hold(0.01);
        return far.placeOrder(stop({ instId, sz })).id;
      },
      open: () => openIds(far),
      hold,
      closes: () =>
        far.requests({ method: 'POST', path: '/api/v5/trade/order' }).filter((one) => one.status === 200)
          .length,
      money: {
        currency: 'USDT',
        transfer: (amount) => far.addIncome('1', 'USDT', amount),
        earn: (amount) => far.addIncome('8', 'USDT', amount),
        many() {
          for (let n = 0; n < 250; n += 1) far.addIncome('1', 'USDT', 1);
          return 250;
        },
        strange: () => far.addIncome('999', 'USDT', 1),
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

const LISTINGS = [
  `GET ${ALGO_PENDING} chase`,
  `GET ${ALGO_PENDING} conditional,oco`,
  `GET ${ALGO_PENDING} iceberg`,
  `GET ${ALGO_PENDING} move_order_stop`,
  `GET ${ALGO_PENDING} trigger`,
  `GET ${ALGO_PENDING} twap`,
  `GET ${PENDING}`,
];

describe('a kill on the wire', () => {
  it('lists every list account-wide, and cancels by id and instrument, without any market', async () => {
    const { far, venue } = await bench({
      positions: [long],
      orders: [
        entry(),
        entry({ instId: 'BTC-USDT-261225', px: 51_000 }),
        entry({ instId: 'BTC-USDT', sz: 0.1 }),
        ...TYPES.map((type) => algo(type)),
      ],
    });
    const ids = openIds(far);
    const lists = await venue.cancel({ scope: 'all' });
    const first = wireOf(far).filter((line) => !line.includes('smart_iceberg'));
    expect(first.toSorted()).toEqual([
      ...LISTINGS,
      ...Array.from({ length: 6 }, () => `POST ${ALGOS}`),
      `POST ${BATCH}`,
    ]);
    const [batch = []] = rowsOf(far, BATCH);
    expect(new Set(batch.map((row) => row['instId']))).toEqual(
      new Set(['BTC-USDT-SWAP', 'BTC-USDT-261225', 'BTC-USDT']),
    );
    expect(batch.every((row) => /^\d{19}$/.test(row['ordId'] ?? ''))).toBe(true);
    const algos = rowsOf(far, ALGOS).flat();
    expect(new Set(algos.map((row) => row['algoId']))).toEqual(new Set(ids.slice(3)));
    expect(algos.every((row) => row['instId'] === 'BTC-USDT-SWAP')).toBe(true);
    expect(openIds(far)).toEqual([]);
    expect(lists.map((list) => [list.list, list.found, list.answered, list.failures])).toEqual([
      ['regular', 3, 3, []],
      ['stop and OCO', 2, 2, []],
      ['trigger', 1, 1, []],
      ['trailing stop', 1, 1, []],
      ['chase', 1, 1, []],
      ['iceberg', 1, 1, []],
      ['TWAP', 1, 1, []],
      ['smart iceberg', 0, 0, []],
    ]);
  });

  it('reads every list, the positions and the balances, each once', async () => {
    const { far, venue } = await bench({ positions: [long], orders: [entry(), stop()] });
    await venue.warm();
    const before = far.requests().length;
    const reading = await venue.read();
    expect(wireOf(far).slice(before).toSorted()).toEqual(
      [`GET ${BALANCE}`, `GET ${POSITIONS}`, ...LISTINGS, `GET ${ALGO_PENDING} smart_iceberg`].toSorted(),
    );
    expect(reading).toMatchObject({ venue: 'desk', proven: true });
    expect(reading.lists[0]).toEqual({
      list: 'regular',
      state: 'read',
      orders: [
        {
          id: openIds(far)[0],
          list: 'regular',
          symbol: 'BTC/USDT:USDT',
          side: 'buy',
          amount: 0.01,
          price: 50_000,
          protective: false,
        },
      ],
    });
    expect(reading.lists[1]).toMatchObject({ orders: [{ side: 'sell', price: 55_000, protective: true }] });
    expect(reading.positions).toEqual([
      {
        scope: 'positions',
        state: 'read',
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
      { scope: 'balances', state: 'read', positions: [] },
    ]);
    for (const what of ['funding account', 'sub-accounts', 'copy trading', 'spread orders'])
      expect(reading.notCovered).toContain(what);
  });

  it('reads and cancels every page, twenty orders and ten algo orders a request, of symbols that no market lists', async () => {
    const { far, venue } = await bench({ balances: { USDT: 10_000_000 } });
    for (let index = 0; index < 143; index += 1) far.placeOrder(fresh());
    for (let index = 0; index < 105; index += 1)
      far.placeOrder(algo('trigger', { instId: 'ODD-USDT-SWAP', side: 'buy', triggerPx: 9, sz: 1 + index }));
    const reading = await venue.read();
    expect(reading.lists.map((list) => (list.state === 'read' ? list.orders.length : -1))).toEqual([
      143, 0, 105, 0, 0, 0, 0, 0,
    ]);
    expect(far.requests({ path: PENDING }).map((one) => one.params['after'])).toEqual([
      undefined,
      far.openOrders()[43]?.id,
    ]);
    const lists = await venue.cancel({ scope: 'all' });
    const sizes = (path: string) => rowsOf(far, path).map((rows) => rows.length);
    expect([sizes(BATCH).length, Math.max(...sizes(BATCH))]).toEqual([8, 20]);
    expect([sizes(ALGOS).length, Math.max(...sizes(ALGOS))]).toEqual([11, 10]);
    expect(rowsOf(far, BATCH)[0]?.[0]).toMatchObject({ instId: 'NEW-USDT-SWAP' });
    expect([openIds(far), lists[0]?.answered, lists[2]?.answered]).toEqual([[], 143, 105]);
    expect((await verdictOf(venue)).verdict).toBe('FLAT');
  });

  it('takes exactly a hundred orders for a page with more behind it, and finds none', async () => {
    const { far, venue } = await bench({ balances: { USDT: 10_000_000 } });
    for (let index = 0; index < 100; index += 1) far.placeOrder(entry());
    expect((await venue.read()).lists[0]).toMatchObject({ state: 'read', orders: { length: 100 } });
    expect(far.requests({ path: PENDING })).toHaveLength(2);
  });

  it.each(TYPES)('never says FLAT while an algo order of type %s is left', async (type) => {
    const { far, venue } = await bench({ orders: [algo(type, { side: 'buy', ...downwards(type) })] });
    expect((await verdictOf(venue)).verdict).toBe('RESIDUAL');
    await venue.cancel({ scope: 'all' });
    expect(openIds(far)).toEqual([]);
    expect((await verdictOf(venue)).verdict).toBe('FLAT');
  });

  it('covers smart icebergs from the moment that the venue said that it knows them', async () => {
    const { far, venue } = await bench({ orders: [algo('smart_iceberg', { side: 'buy', px: 50_000 })] });
    expect((await verdictOf(venue)).verdict).toBe('RESIDUAL');
    await venue.cancel({ scope: 'all' });
    expect(openIds(far)).toEqual([]);
    // Found once, it stays: what cannot be read any more is UNKNOWN.
    far.set({ unknownAlgoTypes: new Set(['smart_iceberg']) });
    expect(await verdictOf(venue)).toMatchObject({
      verdict: 'UNKNOWN',
      reason: expect.stringContaining('smart iceberg'),
    });
  });

  it('names smart icebergs as not covered where the venue does not know them, and is FLAT all the same', async () => {
    const { venue } = await bench({ settings: { unknownAlgoTypes: new Set(['smart_iceberg']) } });
    expect(await venue.warm()).toEqual({ ok: true });
    const verdict = await verdictOf(venue);
    expect(verdict.verdict).toBe('FLAT');
    expect(verdict.notCovered[0]).toMatch(/^smart iceberg orders \(.*51000/);
  });

  it('cancels only entries, and leaves what only reduces', async () => {
    const { far, venue } = await bench({
      positions: [long],
      orders: [
        entry(),
        entry({ side: 'sell', px: 70_000, reduceOnly: true }),
        stop({ sz: 0, closeFraction: '1', reduceOnly: false }),
        algo('trigger', { side: 'buy', triggerPx: 65_000 }),
      ],
    });
    await venue.cancel({ scope: 'entries' });
    expect(far.openOrders().map((order) => order.reduceOnly)).toEqual([true]);
    expect(far.algoOrders().map((order) => order.closePosition)).toEqual([true]);
  });

  it.each(['ETH/USDT:USDT', 'ETH-USDT-SWAP'])('cancels one symbol only when asked for %s', async (symbol) => {
    const { far, venue } = await bench({ orders: [entry(), entry({ instId: 'ETH-USDT-SWAP', px: 2_000 })] });
    await venue.cancel({ scope: 'all', symbol });
    expect(far.openOrders().map((order) => order.symbol)).toEqual(['BTC-USDT-SWAP']);
  });

  it('keeps reduce-only orders on an open position where the desk wants that, and no others', async () => {
    const { far, venue } = await bench(
      {
        positions: [long],
        balances: { USDT: 100_000, BTC: 1 },
        orders: [
          entry(),
          stop(),
          algo('trigger', { instId: 'ETH-USDT-SWAP', side: 'buy', triggerPx: 3_500 }),
          algo('conditional', { instId: 'BTC-USDT', sz: 0.5, px: 54_000 }),
        ],
      },
      { protectiveOrders: 'keepWhilePosition' },
    );
    await venue.cancel({ scope: 'all' });
    expect(far.openOrders()).toEqual([]);
    expect(far.algoOrders().map((order) => order.symbol)).toEqual(['BTC-USDT-SWAP', 'BTC-USDT']);
    far.setPosition({ instId: 'BTC-USDT-SWAP', contracts: 0 });
    far.setBalance('BTC', 0);
    await venue.cancel({ scope: 'all' });
    expect(openIds(far)).toEqual([]);
  });

  it('spaces its questions about algo orders so that the venue’s limit is kept', async () => {
    const clock = testClock();
    const at = await bench({ rateLimits: true, now: clock.now }, { clock });
    await at.venue.warm();
    // A warm-up and two kills in the shortest time: eight times seven questions, of which the venue takes twenty in 2 s.
    for (let round = 0; round < 2; round += 1) {
      await at.venue.cancel({ scope: 'all' });
      expect((await verdictOf(at.venue)).verdict).toBe('FLAT');
    }
    expect(clock.paced.length).toBeGreaterThan(0);
    expect(Math.max(...clock.paced)).toBeLessThanOrEqual(2_200);
  });
});

/** A purchase rests under the market: its trigger above, its price below. */
function downwards(type: AlgoType): Partial<OkxOrder> {
  if (type === 'conditional' || type === 'oco' || type === 'trigger') return { triggerPx: 65_000 };
  return type === 'move_order_stop' ? {} : { px: 50_000 };
}

// ── Positions and balances ───────────────────────────────────────────────────────────────────────────────────────────

describe('what is held', () => {
  const shownBy = async (venue: Venue, scope: number) => {
    const part = (await venue.read()).positions[scope];
    return part?.state === 'read' ? part.positions : part;
  };

  it('shows each side of long/short mode, and takes an order that only reduces for a protective one', async () => {
    const { venue } = await bench({
      hedgeMode: true,
      positions: [
        { instId: 'BTC-USDT-SWAP', contracts: 2, posSide: 'long' },
        { instId: 'BTC-USDT-SWAP', contracts: 1, posSide: 'short' },
      ],
      orders: [
        entry({ side: 'sell', px: 70_000, posSide: 'long' }),
        entry({ posSide: 'long' }),
        stop({ posSide: 'long', reduceOnly: false }),
      ],
    });
    expect(await shownBy(venue, 0)).toMatchObject([
      { side: 'long', amount: 0.02, notional: 1_200 },
      { side: 'short', amount: 0.01, notional: 600 },
    ]);
    const { lists } = await venue.read();
    expect(lists[0]).toMatchObject({ orders: [{ protective: false }, { protective: true }] });
    expect(lists[1]).toMatchObject({ orders: [{ protective: true }] });
  });

  it('counts contracts by the size that the markets tell, or that the venue tells of one instrument', async () => {
    const { far, venue } = await bench({
      positions: [
        { instId: 'ETH-USDT-SWAP', contracts: -5 },
        { instId: 'BTC-USDT-261225', contracts: 3 },
        { instId: 'NEW-USDT-SWAP', contracts: 7 },
      ],
      marks: { 'NEW-USDT-SWAP': 2 },
    });
    const cold = [
      { symbol: 'ETH-USDT-SWAP', side: 'short', amount: 0.5, notional: 1_500 },
      { symbol: 'BTC-USDT-261225', side: 'long', amount: 0.03, notional: 1_800 },
      { symbol: 'NEW-USDT-SWAP', side: 'long', amount: 70, notional: 140 },
    ];
    expect(await shownBy(venue, 0)).toMatchObject(cold);
    const asked = far.requests({ path: '/api/v5/public/instruments' }).map((one) => one.params);
    expect(asked).toEqual([
      { instId: 'ETH-USDT-SWAP', instType: 'SWAP' },
      { instId: 'BTC-USDT-261225', instType: 'FUTURES' },
      { instId: 'NEW-USDT-SWAP', instType: 'SWAP' },
    ]);
    await venue.warm();
    const loaded = far.requests({ path: '/api/v5/public/instruments' }).length;
    expect(await shownBy(venue, 0)).toMatchObject([
      { symbol: 'ETH/USDT:USDT', amount: 0.5 },
      { symbol: 'BTC/USDT:USDT-261225', amount: 0.03 },
      { symbol: 'NEW-USDT-SWAP', amount: 70 },
    ]);
    expect(far.requests({ path: '/api/v5/public/instruments' })).toHaveLength(loaded);
  });

  it('says UNKNOWN where the size of a contract cannot be found, and cancels all the same', async () => {
    const { far, venue } = await bench({
      positions: [{ instId: 'NEW-USDT-SWAP', contracts: 7 }],
      orders: [entry()],
    });
    far.fault({ kind: 'http500', times: 99, match: { path: /instruments/ } });
    await venue.cancel({ scope: 'all' });
    expect(openIds(far)).toEqual([]);
    expect(await verdictOf(venue)).toMatchObject({
      verdict: 'UNKNOWN',
      reason: expect.stringContaining('positions'),
    });
  });

  it('shows margin and option positions, and leaves their closing to a person', async () => {
    const { far, venue } = await bench();
    const blank = { mgnMode: 'isolated', posSide: 'net', idxPx: '', upl: '', ccy: 'USDT', liab: '' };
    far.addMarginPosition({
      ...blank,
      instId: 'ETH-USDT',
      pos: '2',
      posCcy: 'ETH',
      markPx: '3000',
      upl: '5',
    });
    far.addMarginPosition({
      ...blank,
      instId: 'SOL-USDT',
      pos: '900',
      posCcy: 'USDT',
      markPx: '150',
      liab: '-6',
    });
    far.addMarginPosition({ ...blank, instId: 'BTC-USDT', pos: '0', posCcy: 'BTC', markPx: '60000' });
    await venue.warm();
    expect(await shownBy(venue, 0)).toMatchObject([
      { symbol: 'ETH/USDT', side: 'long', amount: 2, notional: 6_000, unrealisedPnl: 5 },
      { symbol: 'SOL/USDT', side: 'short', amount: 6, notional: 900 },
    ]);
    expect(await venue.closePosition({ symbol: 'SOL/USDT', side: 'short', amount: 6 }, 'k')).toMatchObject({
      state: 'refused',
      reason: expect.stringContaining('closed by hand'),
    });
    expect((await verdictOf(venue)).verdict).toBe('RESIDUAL');
  });

  it('reads an inverse contract in quote, and an option by its multiplier', () => {
    const read = okx.accounts[0]?.positions[0]?.reads[0]?.answer;
    const row = { mgnMode: 'cross', posSide: 'net', upl: '0.1', liab: '', posCcy: '', ccy: 'BTC' };
    expect(
      read?.parse({
        code: '0',
        data: [
          { ...row, instType: 'SWAP', instId: 'BTC-USD-SWAP', pos: '-3', markPx: '60000', idxPx: '60000' },
          {
            ...row,
            instType: 'OPTION',
            instId: 'BTC-USD-261225-60000-C',
            pos: '4',
            markPx: '0.05',
            idxPx: '60000',
          },
        ],
      }),
    ).toMatchObject([
      { side: 'short', amount: 3, notional: 3, currency: 'USD', unrealisedPnl: null, contracts: true },
      { side: 'long', amount: 4, notional: 240_000, currency: 'USD', byHand: true },
    ]);
    const size = okx.contractSize?.('BTC-USD-261225-60000-C');
    expect(size?.params).toEqual({
      instId: 'BTC-USD-261225-60000-C',
      instType: 'OPTION',
      instFamily: 'BTC-USD',
    });
    const data = [{ instId: 'BTC-USD-261225-60000-C', ctVal: '1', ctMult: '0.01' }];
    expect(size?.answer.parse({ code: '0', data })).toBe(0.01);
    expect(size?.answer.safeParse({ code: '0', data: [{ ...data[0], ctVal: '0' }] }).success).toBe(false);
  });

  it('lists balances other than quote assets, priced, with dust told apart, and debts', async () => {
    const { far, venue } = await bench({
      settings: { acctLv: '1' },
      balances: { USDT: 5, BTC: 0.5, ETH: 0.0001, NEW: 3 },
      margin: { USDT: { borrowed: 1_000 }, SOL: { borrowed: 2 } },
    });
    await venue.warm();
    expect(await shownBy(venue, 1)).toMatchObject([
      { symbol: 'USDT loan (balances)', side: 'short', amount: 1_000, notional: 1_000, currency: 'USDT' },
      { symbol: 'BTC/USDT', amount: 0.5, notional: 30_000, currency: 'USDT', dust: false },
      { symbol: 'ETH/USDT', amount: 0.0001, notional: 0.3, dust: true },
      { symbol: 'NEW/USDT', amount: 3, notional: null, dust: false },
      { symbol: 'SOL loan (balances)', side: 'short', amount: 2, notional: 300 },
    ]);
    expect((await verdictOf(venue)).verdict).toBe('RESIDUAL');
    far.fault({ kind: 'http500', match: { path: /tickers/ } });
    expect(await shownBy(venue, 1)).toMatchObject([{}, { amount: 0.5, notional: null }, {}, {}, {}]);
  });

  it('takes interest alone, and a balance below zero, for a debt', () => {
    const read = okx.accounts[0]?.positions[1]?.reads[0]?.answer;
    const details = [
      { ccy: 'USDT', cashBal: '5', availBal: '5', liab: '', interest: '0.2' },
      { ccy: 'BTC', cashBal: '-0.5', availBal: '0', liab: '0', interest: '' },
    ];
    expect(read?.parse({ code: '0', data: [{ details }] })).toMatchObject([
      { symbol: 'USDT', kind: 'balance', amount: 5 },
      { symbol: 'USDT', kind: 'loan', amount: 0.2 },
      { symbol: 'BTC', kind: 'loan', amount: 0.5 },
    ]);
    for (const data of [[], [{}], [{ details: [{ ccy: 'BTC' }] }]])
      expect(read?.safeParse({ code: '0', data }).success).toBe(false);
  });
});

describe('the table of okx', () => {
  it.each([
    ['BTC/USDT', 'BTC-USDT'],
    ['BTC/USDT:USDT', 'BTC-USDT-SWAP'],
    ['BTC/USD:BTC', 'BTC-USD-SWAP'],
    ['BTC/USDT:USDT-261225', 'BTC-USDT-261225'],
    ['BTC/USD:BTC-261225-60000-C', 'BTC-USD-261225-60000-C'],
    ['nonsense', null],
  ])('spells %s as %s', (unified, id) => {
    expect(okxSymbol(unified)).toBe(id);
  });

  const row = {
    instType: 'SWAP',
    instId: 'X-USDT-SWAP',
    ordId: '1',
    side: 'buy',
    sz: '1',
    px: '1',
    accFillSz: '0',
  };
  it.each([
    ['an error', { code: '50011', data: [] }],
    ['no code', { data: [] }],
    ['no data', { code: '0' }],
    ['HTML', '<html>'],
    ['a row without an id', { code: '0', data: [{ ...row, ordId: undefined }] }],
    ['an unknown side', { code: '0', data: [{ ...row, side: 'hold' }] }],
    ['an unknown position side', { code: '0', data: [{ ...row, posSide: 'both' }] }],
    ['a size that is no number', { code: '0', data: [{ ...row, sz: 'NaN' }] }],
  ])('refuses %s as a list of orders', (_, answer) => {
    for (const list of okx.accounts[0]?.lists ?? [])
      expect(list.read(null).answer.safeParse(answer).success).toBe(false);
  });

  it('knows no amount in base of a purchase that is sized in quote', () => {
    const answer = { code: '0', data: [{ ...row, tgtCcy: 'quote_ccy' }] };
    expect(okx.accounts[0]?.lists[0]?.read(null).answer.parse(answer)).toMatchObject({
      orders: [{ amount: null }],
    });
  });

  it('takes an answer that leaves out an order of the batch for none', () => {
    const orders = ['1', '2'].map((id) => ({
      id,
      symbol: 'X',
      side: 'buy' as const,
      amount: 1,
      price: 1,
      protective: false,
    }));
    const { answer } = okx.accounts[0]?.lists[0]?.cancel('', ['1', '2'], orders) ?? {};
    const done = (ordId: string) => ({ ordId, sCode: '0', sMsg: '' });
    expect(answer?.safeParse({ code: '0', data: [done('1')] }).success).toBe(false);
    expect(answer?.safeParse({ code: '0', data: [done('1'), done('1')] }).success).toBe(false);
    expect(answer?.safeParse({ code: '50102', data: [] }).success).toBe(false);
    expect(answer?.parse({ code: '2', data: [done('1'), { ...done(''), sCode: '51400' }] })).toEqual({
      cancelled: ['1'],
      refused: [{ id: '2', code: '51400', text: '' }],
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
const options: Partial<OkxOptions> = {
  orders: [entry(), fresh(), fresh({ instId: 'NEW-USDT' }), stop(), algo('twap', { px: 70_000 })],
  positions: [long],
};
const reads = [
  { path: PENDING, params: {} },
  ...['conditional,oco', 'trigger', 'move_order_stop', 'chase', 'iceberg', 'twap'].map((ordType) => ({
    path: ALGO_PENDING,
    params: { ordType },
  })),
  { path: POSITIONS, params: {} },
  { path: BALANCE, params: {} },
];

/** What is open and held at the far side, and the verdict that would be true of it. */
function truthOf(far: OkxCounterpart) {
  const orders = openIds(far).toSorted();
  const coins = Object.entries(far.balances()).filter(([ccy, total]) => ccy !== 'USDT' && total > 0);
  const held = far.positions().length + coins.length;
  return { verdict: orders.length + held === 0 ? 'FLAT' : 'RESIDUAL', orders, held };
}

const saidOf = (verdict: VenueVerdict) => ({
  verdict: verdict.verdict,
  orders: verdict.orders.map((order) => order.id).toSorted(),
  held: verdict.positions.length,
});

describe('okx under faults', () => {
  it.each(FAULTS.filter((kind) => !LYING.includes(kind)))('never reads %s as an empty list', async (kind) => {
    for (const match of reads) {
      const at = await bench(options, { symbols: [] });
      at.far.fault({ kind, times: Number.POSITIVE_INFINITY, match });
      const reading = await settle(at, at.venue.read());
      const failed = [...reading.lists, ...reading.positions].filter(
        (part) => part.state === 'failed',
      ).length;
      const { verdict } = await settle(at, verdictOf(at.venue));
      // The size of a contract is asked for after the positions: a 429 or 418 before it stops that too.
      const most = kind === 'http429' || kind === 'http418' ? 3 : 1;
      expect({ match, few: failed >= 1 && failed <= most, verdict }).toEqual({
        match,
        few: true,
        verdict: 'UNKNOWN',
      });
      expect(at.said.join()).not.toMatch(SECRETS);
    }
  });

  const cases = [BATCH, ALGOS].flatMap((path) =>
    [1, Number.POSITIVE_INFINITY].map((times) => ({ path, times })),
  );
  it.each(FAULTS)('tells the truth after %s on each cancel, and ends with nothing open', async (kind) => {
    for (const { path, times } of cases) {
      const name = `${kind} on ${path} × ${times}`;
      const at = await bench(options);
      const fault = at.far.fault({ kind, times, match: { path } });
      const lists = await settle(at, at.venue.cancel({ scope: 'all' }));
      const silent = lists.every((list) => list.failures.length === 0);
      expect({ name, hit: fault.hits() > 0 }).toEqual({ name, hit: true });
      // Every fault that hit is told, but those whose answer is a success.
      expect({ name, hidden: silent && !LYING.includes(kind) }).toEqual({ name, hidden: false });

      const verdict = await settle(at, verdictOf(at.venue));
      const known = verdict.verdict === 'UNKNOWN' ? null : saidOf(verdict);
      expect([null, truthOf(at.far)]).toContainEqual(known);

      // As the kill does: again, once the venue is well.
      at.far.clearFaults();
      at.clock.advance(300_000);
      for (let round = 0; round < 2; round += 1) await settle(at, at.venue.cancel({ scope: 'all' }));
      const after = saidOf(await settle(at, verdictOf(at.venue)));
      expect({ name, ...after }).toEqual({ name, ...truthOf(at.far), orders: [] });
      expect(at.said.join()).not.toMatch(SECRETS);
    }
  });

  it.each([
    ['some', 2],
    ['all', 3],
  ])('names the orders whose cancel is refused, %s of a batch, and never says FLAT', async (_, count) => {
    const { far, venue } = await bench({ orders: [entry(), entry(), entry()] });
    const ids = openIds(far);
    far.refuseCancels(ids.slice(0, count), '51410');
    const [list] = await venue.cancel({ scope: 'all' });
    expect(list).toMatchObject({ found: 3, answered: 3 - count });
    expect(list?.failures.join()).toMatch(/\d{19}, \d{19}.*: the order is being cancelled already/);
    expect(saidOf(await verdictOf(venue))).toEqual({
      verdict: 'RESIDUAL',
      orders: ids.slice(0, count),
      held: 0,
    });
    far.refuseCancels(ids, null);
    await venue.cancel({ scope: 'all' });
    expect((await verdictOf(venue)).verdict).toBe('FLAT');
  });

  it('does not call it a failure when every order of a batch was gone by then', async () => {
    const { far, venue } = await bench({ orders: [entry(), entry()] });
    far.fault({ kind: 'fillDuringCancel', fills: 2, match: { path: BATCH } });
    const [list] = await venue.cancel({ scope: 'all' });
    expect(list).toMatchObject({ found: 2, answered: 0, failures: [] });
    expect(saidOf(await verdictOf(venue))).toEqual({ verdict: 'RESIDUAL', orders: [], held: 1 });
  });

  it('never gives a verdict that is not true, whatever fails when', async () => {
    const path = fc.constantFrom(PENDING, ALGO_PENDING, POSITIONS, BALANCE, BATCH, ALGOS);
    const fault = fc.record({
      kind: fc.constantFrom(...FAULTS),
      path,
      times: fc.constantFrom(1, 2, 5),
      after: fc.nat(3),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(fault, { minLength: 1, maxLength: 3 }),
        fc.boolean(),
        async (faults, trading) => {
          const at = await bench({
            ...options,
            ...(trading ? { positions: [], orders: [entry(), fresh()] } : {}),
          });
          for (const { kind, times, after, path } of faults)
            at.far.fault({ kind, times, after, match: { path } });
          if (trading) at.far.engineKeepsTrading({ count: 2 });
          for (let round = 0; round < 4; round += 1) {
            await settle(at, at.venue.cancel({ scope: 'all' }));
            const verdict = await settle(at, verdictOf(at.venue));
            const known = verdict.verdict === 'UNKNOWN' ? null : saidOf(verdict);
            expect([null, truthOf(at.far)]).toContainEqual(known);
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

  it('cancels with the instruments down, and warms up later all the same', async () => {
    const { far, venue } = await bench({
      orders: [entry(), stop({ side: 'buy', triggerPx: 65_000, reduceOnly: false })],
    });
    far.fault({ kind: 'http500', times: Number.POSITIVE_INFINITY, match: { path: /instruments/ } });
    expect(await venue.warm()).toMatchObject({ ok: false, reason: expect.stringContaining('markets') });
    await venue.cancel({ scope: 'all' });
    expect((await verdictOf(venue)).verdict).toBe('FLAT');
    far.clearFaults();
    expect(await venue.warm()).toEqual({ ok: true });
    // Neither the funding account nor a list of currencies is asked for.
    expect(far.requests({ path: /asset/ })).toEqual([]);
  });

  it('sends nothing after a 429 until the time that the venue named', async () => {
    const { far, venue, clock } = await bench();
    far.fault({ kind: 'http429', retryAfterSec: 30, match: { path: POSITIONS } });
    await venue.read();
    const sent = far.requests().length;
    clock.advance(20_000);
    expect((await verdictOf(venue)).reason).toContain('nothing is sent until');
    expect(far.requests()).toHaveLength(sent);
    clock.advance(20_000);
    expect((await verdictOf(venue)).verdict).toBe('FLAT');
  });

  it.each([
    ['revokedKey', 'the venue refuses the key (HTTP 401, 50111'],
    ['maintenance', 'the venue is in maintenance (HTTP 503, 50001'],
    ['clockSkew', 'our clock differs from the venue’s (HTTP 401, 50102'],
  ] as const)('says %s in plain words', async (kind, words) => {
    const { far, venue } = await bench();
    far.fault({ kind, times: Number.POSITIVE_INFINITY });
    expect((await verdictOf(venue)).reason).toContain(words);
  });

  it('says that the passphrase is wrong or missing, and shows neither', async () => {
    const wrong = await bench({}, { password: 'canaryWrong' });
    expect((await verdictOf(wrong.venue)).reason).toContain('the venue refuses the passphrase');
    expect(wrong.said.join()).not.toMatch(SECRETS);
    const missing = await bench({}, { password: '' });
    expect((await verdictOf(missing.venue)).reason).toContain('the key or secret is missing');
    expect(missing.far.requests()).toEqual([]);
  });

  it('learns the difference of the clocks from a refusal, for the requests to come', async () => {
    const { far, venue } = await bench({ now: () => Date.now() + 90_000 });
    expect((await venue.read()).lists[0]).toMatchObject({
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
    far.engineKeepsTrading({ count: 4 });
    for (let round = 0; round < 6 && openIds(far).length > 0; round += 1) {
      await venue.cancel({ scope: 'all' });
      expect((await verdictOf(venue)).verdict === 'FLAT').toBe(openIds(far).length === 0);
    }
    expect(openIds(far)).toEqual([]);
  });
});

// ── Closing positions ────────────────────────────────────────────────────────────────────────────────────────────────

describe('closing a position at okx', () => {
  const whole = { symbol: 'BTC/USDT:USDT', side: 'long', amount: 0.01 } as const;
  const ORDER = { method: 'POST', path: '/api/v5/trade/order' };

  it('sends one reduce-only market order in contracts, with an id that follows from the key', async () => {
    const { far, venue } = await bench({ positions: [{ ...long, contracts: 3, isolated: true }] });
    expect(await venue.closePosition({ ...whole, amount: 0.03 }, 'F1-0')).toEqual({
      state: 'sent',
      orderId: expect.stringMatching(/^\d{19}$/),
    });
    expect(far.requests(ORDER).map((one) => one.params)).toEqual([
      {
        instId: 'BTC-USDT-SWAP',
        tdMode: 'isolated',
        side: 'sell',
        ordType: 'market',
        sz: '3',
        reduceOnly: 'true',
        clOrdId: expect.stringMatching(/^sd[0-9a-f]{30}$/),
      },
    ]);
    expect(far.positions()).toEqual([]);
  });

  it('closes no more than it was given, no more than there is, and in whole steps', async () => {
    const { far, venue } = await bench({ positions: [long] });
    await venue.warm();
    await venue.closePosition({ ...whole, amount: 0.004_567 }, 'a');
    await venue.closePosition({ ...whole, amount: 5 }, 'b');
    expect(far.requests(ORDER).map((one) => one.params['sz'])).toEqual(['0.45', '0.55']);
    expect(far.positions()).toEqual([]);
  });

  it('closes one side of long/short mode by its side, without reduceOnly', async () => {
    const { far, venue } = await bench({
      hedgeMode: true,
      positions: [
        { instId: 'BTC-USDT-SWAP', contracts: 2, posSide: 'long' },
        { instId: 'BTC-USDT-SWAP', contracts: 1, posSide: 'short' },
      ],
    });
    expect((await venue.closePosition({ ...whole, side: 'short' }, 'k')).state).toBe('sent');
    const [order] = far.requests(ORDER);
    expect(order?.params).toMatchObject({ side: 'buy', posSide: 'short', sz: '1' });
    expect(order?.params).not.toHaveProperty('reduceOnly');
    expect(far.positions().map((one) => one.side)).toEqual(['LONG']);
  });

  it('sells the free balance on spot, in base, rounded down to the step', async () => {
    const { far, venue } = await bench({
      balances: { USDT: 0, BTC: 0.1234567899 },
      orders: [{ instId: 'BTC-USDT', side: 'sell', sz: 0.02, px: 70_000 }],
    });
    const answer = await venue.closePosition({ symbol: 'BTC/USDT', side: 'long', amount: 0.1234567899 }, 'k');
    expect(answer.state).toBe('sent');
    expect(far.requests(ORDER)[0]?.params).toMatchObject({
      tdMode: 'cash',
      side: 'sell',
      tgtCcy: 'base_ccy',
      sz: '0.10345679',
    });
  });

  it('refuses, with the reason, what the venue refuses: a spot sale in a margin mode', async () => {
    const { venue } = await bench({ balances: { USDT: 0, BTC: 1 }, settings: { acctLv: '3' } });
    expect(await venue.closePosition({ symbol: 'BTC/USDT', side: 'long', amount: 1 }, 'k')).toMatchObject({
      state: 'refused',
      reason: expect.stringContaining('51000 Parameter tdMode error'),
    });
  });

  it('says why an order was refused where the venue says so inside a success', async () => {
    const { far, venue } = await bench({ positions: [long] });
    far.fault({ kind: 'slow', match: { path: ORDER.path } });
    const closing = venue.closePosition(whole, 'k');
    await far.until(() => far.requests(ORDER).length === 1, { what: 'the order is on its way' });
    far.setPosition({ instId: 'BTC-USDT-SWAP', contracts: 0 });
    far.clearFaults();
    expect(await closing).toEqual({
      state: 'refused',
      reason: expect.stringMatching(/^nothing to reduce \(HTTP 200, 51169/),
    });
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
    at.far.fault({ kind, match: ORDER });
    expect((await settle(at, at.venue.closePosition(whole, 'k'))).state).toBe('unknown');
    expect(await at.venue.closePosition(whole, 'k')).toMatchObject({ state: 'refused' });
    expect(at.far.requests(ORDER)).toHaveLength(1);
    expect(at.said.join()).not.toMatch(SECRETS);
  });

  it.each(['revokedKey', 'clockSkew', 'http429'] as const)(
    'knows that %s did nothing, and may send that order again later',
    async (kind) => {
      const { far, venue, clock } = await bench({ positions: [long] });
      far.fault({ kind, match: ORDER });
      expect((await venue.closePosition(whole, 'k')).state).toBe('refused');
      clock.advance(300_000);
      expect((await venue.closePosition(whole, 'k')).state).toBe('sent');
    },
  );
});
