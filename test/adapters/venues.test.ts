import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { binance, spotSymbol } from '../../src/adapters/venues/binance.ts';
import { binanceusdm, futuresSymbol } from '../../src/adapters/venues/binanceusdm.ts';
import { decimal, type ListFacts, orderId, type VenueFacts } from '../../src/adapters/venues/facts.ts';
import { PROVEN } from '../../src/adapters/venues/index.ts';
import { createProvenDriver } from '../../src/adapters/venues/proven.ts';
import { plain, pool, tally, type Wire } from '../../src/adapters/venues/wire.ts';

/** A venue that answers from a script: method and cursor → answer. */
function scripted(answer: (method: string, params: Record<string, unknown>) => unknown): Wire {
  return {
    call: async (call) => call.answer.parse(answer(call.method, call.params)),
    loadMarkets: async () => undefined,
    marketById: () => undefined,
    marketBySymbol: () => undefined,
    cutToStep: () => null,
  };
}

const paged: ListFacts = {
  name: 'regular',
  read: (cursor) => ({
    method: 'list',
    params: { cursor },
    answer: z
      .object({ ids: z.array(z.string()), next: z.string().nullable() })
      .transform(({ ids, next }) => ({
        orders: ids.map((id) => ({ id, symbol: 'X', side: 'buy', amount: 1, price: 1, protective: false })),
        next,
      })),
  }),
  sweep: (symbol) => ({ method: 'sweep', params: { symbol }, answer: z.null() }),
  cancel: (symbol, ids) => ({
    method: 'cancel',
    params: { symbol, ids },
    answer: z.unknown().transform(() => ({ cancelled: ids, refused: [] })),
  }),
  batch: 2,
  source: 'a test',
};

const driverOf = (wire: Wire) =>
  createProvenDriver(wire, {
    id: 'desk',
    facts: { ...binanceusdm, accounts: [{ name: 'all', lists: [paged], positions: [] }] },
    symbols: [],
    quoteAssets: [],
    protectiveOrders: 'cancel',
    clock: { now: () => 0, monotonic: () => 0, wait: () => Promise.resolve() },
  });

describe('a list with pages', () => {
  const pages: Record<string, unknown> = {
    null: { ids: ['1', '2'], next: 'b' },
    b: { ids: ['3'], next: 'c' },
    c: { ids: [], next: null },
  };
  const asked: string[] = [];
  const wire = scripted((method, params) => {
    asked.push(method === 'list' ? `list ${String(params['cursor'])}` : `cancel ${String(params['ids'])}`);
    return method === 'list' ? pages[String(params['cursor'])] : {};
  });

  it('is read to its last page, and cancelled whole, in batches', async () => {
    const driver = driverOf(wire);
    const { lists } = await driver.read();
    expect(lists[0]).toMatchObject({ state: 'read', orders: [{ id: '1' }, { id: '2' }, { id: '3' }] });
    asked.length = 0;
    expect(await driver.cancel({ scope: 'entries' })).toMatchObject([
      { found: 3, answered: 3, failures: [] },
    ]);
    expect(asked).toEqual(['list null', 'list b', 'list c', 'cancel 1,2', 'cancel 3']);
  });

  it('is failed where a page fails, or where the pages never end', async () => {
    const broken = await driverOf(
      scripted((_, { cursor }) => (cursor === null ? pages['null'] : 'oops')),
    ).read();
    expect(broken.lists[0]?.state).toBe('failed');
    const endless = await driverOf(scripted(() => ({ ids: [], next: 'again' }))).read();
    expect(endless.lists[0]).toEqual({
      list: 'regular',
      state: 'failed',
      reason: 'the venue goes on after 200 pages',
    });
  });
});

describe('the table', () => {
  it.each([...PROVEN.values()])(
    '$exchange names the source of each fact, and what it does not cover',
    (facts: VenueFacts) => {
      const parts = facts.accounts.flatMap((account) => [...account.lists, ...account.positions]);
      const told = [
        facts.codes,
        facts.hedgeMode,
        facts.reduceOnly,
        facts.oneLane,
        facts.pollMs,
        facts.money.equity,
        facts.money.pagesAtOnce,
        facts.money.time,
        facts.money.status,
        facts.money.pollMs,
        ...facts.money.ledgers(() => true),
        ...facts.money.notSeen,
        ...facts.notCovered,
        ...parts,
      ];
      for (const one of told) expect(one.source).toMatch(/https:|ccxt/);
      expect(facts.notCovered.length).toBeGreaterThan(0);
      expect(facts.page).toMatch(/^https:/);
    },
  );

  it.each([
    [futuresSymbol, 'BTC/USDT:USDT', 'BTCUSDT'],
    [futuresSymbol, '1000SHIB/USDC:USDC', '1000SHIBUSDC'],
    [futuresSymbol, 'BTC/USDT:USDT-261225', 'BTCUSDT_261225'],
    [futuresSymbol, 'BTC/USDT', 'BTCUSDT'],
    [futuresSymbol, 'nonsense', null],
    [spotSymbol, 'BTC/USDT', 'BTCUSDT'],
    [spotSymbol, 'BTC/USDT:USDT', null],
  ])('%o spells %s as %s', (spell, unified, id) => {
    expect(spell(unified)).toBe(id);
  });

  const open = (facts: VenueFacts, list: number) => facts.accounts[0]?.lists[list]?.read(null).answer;
  const row = { symbol: 'X', side: 'BUY', origQty: '1', executedQty: '0', price: '1' };
  it.each([
    ['not a list', {}],
    ['HTML', '<html>'],
    ['null', null],
    ['a row without an id', [row]],
    ['an id that lost its digits', [{ ...row, orderId: 2 ** 60, reduceOnly: false, closePosition: false }]],
    [
      'a quantity that is no number',
      [{ ...row, orderId: 1, origQty: 'NaN', reduceOnly: false, closePosition: false }],
    ],
    ['an unknown side', [{ ...row, orderId: 1, side: 'HOLD', reduceOnly: false, closePosition: false }]],
  ])('refuses %s as a list of orders', (_, answer) => {
    expect(open(binanceusdm, 0)?.safeParse(answer).success).toBe(false);
    expect(open(binanceusdm, 1)?.safeParse(answer).success).toBe(false);
    expect(open(binance, 0)?.safeParse(answer).success).toBe(false);
  });

  it('takes what has filled off the amount, and the trigger for a price where there is no other', () => {
    const usdm = { ...row, orderId: '8389765600000000001', reduceOnly: 'false', closePosition: false };
    const answer = [{ ...usdm, origQty: '0.3', executedQty: '0.1', price: '0', stopPrice: '5' }];
    expect(open(binanceusdm, 0)?.parse(answer).orders).toEqual([
      { id: '8389765600000000001', symbol: 'X', side: 'buy', amount: 0.2, price: 5, protective: false },
    ]);
  });
});

describe('small parts', () => {
  it.each(['', ' ', 'NaN', 'Infinity', '0x10', '1e999', null, {}])('takes %j for no number', (text) => {
    expect(decimal.safeParse(text).success).toBe(false);
  });

  it('keeps ids as text, and refuses those beyond 2^53', () => {
    expect(orderId.parse('8389765600000000001')).toBe('8389765600000000001');
    expect(orderId.parse(12)).toBe('12');
    expect(orderId.safeParse(2 ** 53).success).toBe(false);
  });

  it.each([
    [1e-8, '0.00000001'],
    [123456789.123, '123456789.123'],
    [0.01, '0.01'],
    [1000, '1000'],
  ])('writes %d as %s', (amount, text) => {
    expect(plain(amount)).toBe(text);
  });

  it('runs no more jobs at once than it may, and keeps their order', async () => {
    let running = 0;
    let most = 0;
    const jobs = Array.from({ length: 9 }, (_, index) => async () => {
      running += 1;
      most = Math.max(most, running);
      await Promise.resolve();
      running -= 1;
      return index;
    });
    expect(await pool(4, jobs)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
    expect(most).toBe(4);
  });

  it('says the same reason once, with what it hit', () => {
    const failures = ['A', 'B', 'C', 'D', 'E'].map((what) => ({ what, reason: 'timeout' }));
    expect(tally([...failures, { what: 'F', reason: 'refused' }])).toEqual([
      'A, B, C and 2 more: timeout',
      'F: refused',
    ]);
  });
});
