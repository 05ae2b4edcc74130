/** Ledgers read on page by page, prices through other markets, clocks, and answers that are none. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { binance } from '../../src/adapters/venues/binance.ts';
import type { Call, LedgerFacts, LedgerPage, LedgerRow } from '../../src/adapters/venues/facts.ts';
import { createLedgerReader } from '../../src/adapters/venues/ledger.ts';
import { priceIn, skewOf } from '../../src/adapters/venues/measure.ts';
import { binanceMoney } from '../../src/adapters/venues/money/binance.ts';
import { binanceusdmMoney } from '../../src/adapters/venues/money/binanceusdm.ts';
import { bybitMoney } from '../../src/adapters/venues/money/bybit.ts';
import { krakenMoney } from '../../src/adapters/venues/money/kraken.ts';
import { okxMoney } from '../../src/adapters/venues/money/okx.ts';
import { ownFailure } from '../../src/adapters/venues/wire.ts';

const T0 = Date.parse('2026-11-22T00:00:00Z');
const row = (n: number, kind: LedgerRow['kind'] = 'transfer', at = T0 + n): LedgerRow => ({
  id: `r${n}`,
  at,
  asset: 'USDT',
  amount: 1,
  kind,
  word: kind,
});

/** A far side that keeps rows in the order of `rows` and answers `size` a page. */
function ledgerOf(rows: LedgerRow[], size: number, rereads = false) {
  const asked: { fromMs: number; cursor: string | null }[] = [];
  const facts: LedgerFacts = {
    name: 'test',
    rereads,
    source: 'a test',
    read: ({ fromMs, untilMs }, cursor) => {
      asked.push({ fromMs, cursor });
      const from = Number(cursor ?? 0);
      const inSpan = rows.filter(({ at }) => at >= fromMs && at <= untilMs);
      const page: LedgerPage = {
        rows: inSpan.slice(from, from + size),
        next: from + size < inSpan.length ? String(from + size) : null,
      };
      return { page } as unknown as Call<LedgerPage>;
    },
  };
  return { facts, asked };
}
const answer = async <T>(call: Call<T>): Promise<T> => (call as unknown as { page: T }).page;

describe('a ledger', () => {
  it('is read on from where it ended, with an overlap, and each transfer counts once', async () => {
    const rows = [row(1), row(2, 'result'), row(3)];
    const { facts, asked } = ledgerOf(rows, 2);
    const reader = createLedgerReader(5);
    const read = () => reader.transfers(facts, T0, T0 + 600_000, answer);
    expect((await read()).map(({ id }) => id)).toEqual(['r1', 'r3']);
    rows.push(row(200_000), row(4));
    expect((await read()).map(({ id }) => id).toSorted()).toEqual(['r1', 'r200000', 'r3', 'r4']);
    // A row that is late by no more than the overlap is found all the same.
    rows.push(row(150_000));
    expect((await read()).length).toBe(5);
    expect(asked.at(-1)?.fromMs).toBe(T0 + 140_000);
  });

  it('that is longer than may be read at once is a failure, and read on by the next ones', async () => {
    const { facts } = ledgerOf(
      Array.from({ length: 95 }, (_, n) => row(n)),
      10,
    );
    const reader = createLedgerReader(4);
    const read = () => reader.transfers(facts, T0, T0 + 600_000, answer);
    await expect(read()).rejects.toThrow('still being read');
    await expect(read()).rejects.toThrow('still being read');
    expect((await read()).length).toBe(95);
  });

  it('goes on at the page that failed, and one that names the same page again fails', async () => {
    const rows = Array.from({ length: 30 }, (_, n) => row(n));
    const { facts, asked } = ledgerOf(rows, 10);
    const reader = createLedgerReader(5);
    let fail = 1;
    const flaky = async <T>(call: Call<T>): Promise<T> => {
      fail -= 1;
      if (fail === -1) throw ownFailure('timeout');
      return answer(call);
    };
    await expect(reader.transfers(facts, T0, T0 + 600_000, flaky)).rejects.toThrow('timeout');
    expect((await reader.transfers(facts, T0, T0 + 600_000, flaky)).length).toBe(30);
    expect(asked.map(({ cursor }) => cursor)).toEqual([null, '10', '10', '20']);

    const endless: LedgerFacts = {
      ...facts,
      name: 'endless',
      read: () => ({ page: { rows: [row(1)], next: 'x' } }) as unknown as Call<LedgerPage>,
    };
    await expect(reader.transfers(endless, T0, T0, answer)).rejects.toThrow('same page again');
  });

  it('whose rows may change is read anew each time: a withdrawal that was refused is gone', async () => {
    const rows = [row(1), row(2)];
    const { facts } = ledgerOf(rows, 10, true);
    const reader = createLedgerReader(5);
    expect((await reader.transfers(facts, T0, T0 + 600_000, answer)).length).toBe(2);
    rows.pop();
    expect((await reader.transfers(facts, T0, T0 + 600_000, answer)).length).toBe(1);
  });

  it('with a row of unknown kind says nothing for the rest of the day, and its word is shown harmless', async () => {
    const rows = [{ ...row(1, 'unknown'), word: '<!channel> `x`' }, row(2)];
    const { facts } = ledgerOf(rows, 10);
    const reader = createLedgerReader(5);
    const read = (sinceMs: number) => reader.transfers(facts, sinceMs, T0 + 86_400_000, answer);
    await expect(read(T0)).rejects.toThrow('unknown kind (channel x)');
    await expect(read(T0)).rejects.toThrow('unknown kind');
    expect(await read(T0 + 10)).toEqual([]);
  });

  it('is complete however its rows come in between the readings', async () => {
    const arrivals = fc.array(fc.array(fc.integer({ min: 0, max: 50_000 }), { maxLength: 30 }), {
      maxLength: 8,
    });
    await fc.assert(
      fc.asyncProperty(arrivals, fc.integer({ min: 1, max: 7 }), async (batches, size) => {
        const rows: LedgerRow[] = [];
        const { facts } = ledgerOf(rows, size);
        const reader = createLedgerReader(100);
        let n = 0;
        let base = T0;
        for (const batch of batches) {
          // Each batch is late by less than the overlap.
          for (const offset of batch) {
            n += 1;
            rows.push({ ...row(n, n % 3 === 0 ? 'result' : 'transfer'), at: base + offset });
          }
          base += 9_000;
          const found = await reader.transfers(facts, T0, base + 60_000, answer);
          expect(found.length).toBe(rows.filter(({ kind }) => kind === 'transfer').length);
        }
      }),
      { numRuns: 300 },
    );
  });
});

describe('a price', () => {
  const symbol = (asset: string, quote: string) => `${asset}${quote}`;
  const prices = new Map([
    ['BTCUSDT', 60_000],
    ['USDCUSDT', 0.999],
    ['ETHBTC', 0.05],
    ['EURUSD', 1.1],
    ['DEADUSDT', 0],
  ]);
  it.each([
    ['USDT', 'USDT', 1],
    ['BTC', 'USDT', 60_000],
    ['USDT', 'BTC', 1 / 60_000],
    ['ETH', 'USDT', 3_000],
    ['BTC', 'USDC', 60_000 / 0.999],
    ['USD', 'EUR', 1 / 1.1],
    ['DEAD', 'USDT', null],
    ['NOPE', 'USDT', null],
  ])('of %s in %s is %s', (asset, currency, price) => {
    const found = priceIn(asset, currency, prices, symbol);
    if (price === null) expect(found).toBeNull();
    else expect(found).toBeCloseTo(price, 9);
  });
});

it('a clock is told by one question, give or take the way there and back, and the step that it is cut to', async () => {
  let now = 1_000_000;
  const clock = { now: () => now, monotonic: () => now, wait: async () => undefined };
  const ask = async () => {
    now += 200;
    return 1_005_100;
  };
  expect(await skewOf(clock, ask, 0)).toEqual({ skewMs: 5_000, withinMs: 100 });
  now = 1_000_000;
  expect(await skewOf(clock, async () => 1_000_000, 1_000)).toEqual({ skewMs: 500, withinMs: 500 });
});

describe('an answer that is none', () => {
  const span = { fromMs: T0, untilMs: T0 + 1 };
  const all = [binanceMoney, binanceusdmMoney, bybitMoney, okxMoney, krakenMoney];
  const calls = all.flatMap((money) => [
    ...(money.equity.is === 'positions' ? [] : [money.equity.is]),
    ...(money.prices === undefined ? [] : [money.prices.call]),
    ...money.ledgers(() => true).map((ledger) => ledger.read(span, null)),
    ...money.ledgers(() => false).map((ledger) => ledger.read(span, null)),
    money.time.call,
    money.status.call,
  ]);
  const hostile: unknown[] = [
    null,
    undefined,
    '',
    '<html>',
    7,
    Number.NaN,
    [null],
    [[]],
    [{}],
    { error: [], result: null },
    { code: '0', data: null },
    { retCode: 0, result: null },
    { retCode: 0, result: { list: [{ type: 'TRADE' }] } },
    { code: '0', data: [{ billId: '1', ts: 'soon', ccy: 'USDT', balChg: '1', type: '1' }] },
    { error: [], result: { ledger: { a: { time: 'x' } } } },
    { assets: [{ asset: 'USDT', marginBalance: 'NaN' }] },
    { total: 1, rows: [] },
    {
      total: 1,
      rows: [{ asset: 'USDT', amount: '1e999', type: 'X', status: 'CONFIRMED', tranId: 1, timestamp: 1 }],
    },
    JSON.parse(`${'['.repeat(5_000)}${']'.repeat(5_000)}`),
    JSON.parse('{"__proto__": {"assets": []}}'),
  ];

  it('is refused by every call that measures', () => {
    for (const call of calls)
      for (const one of hostile) expect(call.answer.safeParse(one).success, call.method).toBe(false);
  });

  it('does not make a withdrawal of another wallet, a refused one, or one on its way in', () => {
    const of = (name: string) => {
      const ledger = binanceMoney.ledgers(() => false).find((one) => one.name === name);
      return (rows: unknown) =>
        ledger
          ?.read(span, null)
          .answer.parse(rows)
          .rows.map(({ amount, kind }) => [amount, kind]);
    };
    const withdrawal = (status: number, walletType = 0) => ({
      id: `w${status}`,
      amount: '10',
      transactionFee: '0.5',
      coin: 'USDT',
      status,
      applyTime: '2026-11-22 10:00:00',
      walletType,
    });
    expect(of('withdrawals')([0, 1, 2, 3, 4, 5, 6].map((status) => withdrawal(status)))).toEqual(
      Array.from({ length: 4 }, () => [-10.5, 'transfer']),
    );
    expect(of('withdrawals')([withdrawal(6, 1), withdrawal(9)])).toEqual([[-10.5, 'unknown']]);
    const deposit = (status: number, walletType = 0) => ({
      id: `d${status}`,
      amount: '10',
      coin: 'USDT',
      status,
      insertTime: T0,
      walletType,
    });
    expect(of('deposits')([0, 1, 2, 6, 7, 8, 9].map((status) => deposit(status)))).toEqual([
      [10, 'transfer'],
      [10, 'transfer'],
      [10, 'unknown'],
    ]);
    expect(of('deposits')([deposit(1, 1)])).toEqual([]);
  });

  it('asks Binance for transfers between what is measured and everything else, and not in between', () => {
    const kinds = (covered: string[]) =>
      binanceMoney
        .ledgers((name) => covered.includes(name))
        .flatMap(({ name }) => (name.startsWith('transfers') ? [name.slice(10)] : []));
    expect(kinds(['spot'])).toContain('MAIN_MARGIN');
    expect(kinds(['spot', 'cross margin'])).not.toContain('MAIN_MARGIN');
    expect(kinds(['spot', 'cross margin'])).toEqual(
      expect.arrayContaining(['MAIN_UMFUTURE', 'UMFUTURE_MAIN', 'MARGIN_UMFUTURE', 'FUNDING_MARGIN']),
    );
    // The names are those of the table.
    expect(binance.accounts.map(({ name }) => name)).toEqual(['spot', 'cross margin']);
  });
});
