/** OKX's trading account: spot, margin, perpetuals, futures and options, regular and algo orders, balances and loans. */

import { z } from 'zod';
import {
  type Call,
  type CancelAnswer,
  decimal,
  firstPrice,
  flag,
  type ListFacts,
  type OrdersPage,
  orderId,
  type RawOrder,
  type RawPosition,
  tidy,
  type VenueFacts,
} from './facts.ts';
import { okxMoney } from './money/okx.ts';

const DOCS = 'https://www.okx.com/docs-v5/en/';
const CCXT = 'ccxt 4.5.84 js/src/okx.js';
/** The most that a page of orders holds. Source: DOCS, order list and algo order list, `limit`. */
const PAGE = 100;

/**
 * `BTC/USDT` → `BTC-USDT`, `BTC/USDT:USDT` → `BTC-USDT-SWAP`, `BTC/USDT:USDT-261225` → `BTC-USDT-261225`,
 * `BTC/USD:BTC-261225-60000-C` → `BTC-USD-261225-60000-C`. Source: ccxt, parseMarket of okx.
 */
export function okxSymbol(unified: string): string | null {
  const match = /^([^/:]+)\/([^/:]+)(?::[^/:-]+(-\d{6}(?:-[^-]+-[CP])?)?)?$/.exec(unified);
  if (match === null) return null;
  const [, base = '', quote = '', rest] = match;
  if (rest !== undefined) return `${base}-${quote}${rest}`;
  return unified.includes(':') ? `${base}-${quote}-SWAP` : `${base}-${quote}`;
}

/** A number that OKX leaves empty where it does not apply. */
const blank = z
  .union([z.literal('').transform(() => null), decimal])
  .nullish()
  .transform((value) => value ?? null);

const answer = <T>(row: z.ZodType<T>) =>
  z.looseObject({ code: z.literal('0'), data: z.array(row) }).transform(({ data }) => data);

// ── Orders ───────────────────────────────────────────────────────────────────────────────────────────────────────────

const common = {
  instType: z.string().min(1),
  instId: z.string().min(1),
  side: z.enum(['buy', 'sell']),
  posSide: z.enum(['net', 'long', 'short', '']).optional(),
  sz: blank,
  tgtCcy: z.string().optional(),
  reduceOnly: z.union([flag, z.literal('').transform(() => false)]).optional(),
};

interface Common {
  instType: string;
  instId: string;
  side: 'buy' | 'sell';
  posSide?: 'net' | 'long' | 'short' | '' | undefined;
  tgtCcy?: string | undefined;
  reduceOnly?: boolean | undefined;
}

const COINS = new Set(['SPOT', 'MARGIN']);

/** In long/short mode an order on the other side of its position can only reduce it, whatever `reduceOnly` says. */
const reduces = (row: Common): boolean =>
  row.reduceOnly === true ||
  (row.posSide === 'long' && row.side === 'sell') ||
  (row.posSide === 'short' && row.side === 'buy');

const lineOf = (row: Common, id: string, amount: number | null, price: number | null): RawOrder => ({
  id,
  symbol: row.instId,
  side: row.side,
  // A purchase that is sized in quote has no amount in base before it fills.
  amount: row.tgtCcy === 'quote_ccy' ? null : amount,
  price,
  protective: reduces(row),
  ...(COINS.has(row.instType) ? {} : { contracts: true as const }),
});

const regularRow = z
  .looseObject({ ...common, ordId: orderId, px: blank, accFillSz: blank })
  .transform((row) =>
    lineOf(row, row.ordId, row.sz === null ? null : tidy(row.sz - (row.accFillSz ?? 0)), row.px),
  );

const STOPS = new Set(['conditional', 'oco', 'move_order_stop']);

const algoRow = z
  .looseObject({
    ...common,
    algoId: orderId,
    ordType: z.string(),
    closeFraction: z.string().optional(),
    slTriggerPx: blank,
    tpTriggerPx: blank,
    triggerPx: blank,
    moveTriggerPx: blank,
    pxLimit: blank,
    ordPx: blank,
  })
  .transform((row): RawOrder => {
    const prices = [
      row.slTriggerPx,
      row.tpTriggerPx,
      row.triggerPx,
      row.moveTriggerPx,
      row.pxLimit,
      row.ordPx,
    ];
    const line = lineOf(row, row.algoId, row.sz, firstPrice(...prices.map((price) => price ?? 0)));
    const whole = row.closeFraction !== undefined && row.closeFraction !== '';
    // Spot has no reduce-only. What stands between a balance and ruin is a stop that sells.
    const spotStop = row.instType === 'SPOT' && row.side === 'sell' && STOPS.has(row.ordType);
    return { ...line, amount: whole ? null : line.amount, protective: line.protective || whole || spotStop };
  });

/** A page that is full has another behind it, from its last and so oldest id on. */
const pageOf = (row: z.ZodType<RawOrder>) =>
  answer(row).transform(
    (orders): OrdersPage => ({ orders, next: orders.length < PAGE ? null : (orders.at(-1)?.id ?? null) }),
  );

/** Each order with what became of it: `sCode` 0 is done. An order that the answer leaves out makes it no answer. */
const outcome = (name: 'ordId' | 'algoId', ids: string[]) =>
  z
    .looseObject({
      code: z.enum(['0', '1', '2']),
      data: z
        .array(
          z.looseObject({
            ordId: z.string().optional(),
            algoId: z.string().optional(),
            sCode: z.string(),
            sMsg: z.string().optional(),
          }),
        )
        .length(ids.length),
    })
    .transform(({ data }): CancelAnswer => {
      const told = data.map((row, index) => {
        const id = row[name];
        return { id: id === undefined || id === '' ? (ids[index] ?? '') : id, row };
      });
      return {
        cancelled: told.filter(({ row }) => row.sCode === '0').map(({ id }) => id),
        refused: told
          .filter(({ row }) => row.sCode !== '0')
          .map(({ id, row }) => ({ id, code: row.sCode, text: row.sMsg ?? '' })),
      };
    })
    .refine(({ cancelled, refused }) => {
      const named = new Set([...cancelled, ...refused.map((one) => one.id)]);
      return ids.every((id) => named.has(id));
    }, 'one answer an order was expected');

const regular: ListFacts = {
  name: 'regular',
  // Every kind of instrument at once, unless one is named; the newest first.
  read: (cursor) => ({
    method: 'privateGetTradeOrdersPending',
    params: { limit: PAGE, ...(cursor === null ? {} : { after: cursor }) },
    answer: pageOf(regularRow),
  }),
  cancel: (_, ids, orders) => ({
    method: 'privatePostTradeCancelBatchOrders',
    params: {},
    rows: orders.map((order) => ({ instId: order.symbol, ordId: order.id })),
    itemised: true,
    answer: outcome('ordId', ids),
  }),
  batch: 20,
  mixed: true,
  source: `${DOCS}#order-book-trading-trade-get-order-list (all incomplete orders, after = older than this ordId), #order-book-trading-trade-post-cancel-multiple-orders (at most 20, each with its instId; codes 0, 1, 2); ${CCXT} cancelOrdersForSymbols; there is no cancel of everything: mass-cancel takes only market-maker-protected option orders (from memory)`,
};

/** One list of algo orders. OKX wants its type in the question, and takes one type at a time but for the first two. */
const algo = (name: string, ordType: string): ListFacts => ({
  name,
  read: (cursor) => ({
    method: 'privateGetTradeOrdersAlgoPending',
    params: { ordType, limit: PAGE, ...(cursor === null ? {} : { after: cursor }) },
    answer: pageOf(algoRow),
  }),
  cancel: (_, ids, orders) => ({
    method: 'privatePostTradeCancelAlgos',
    params: {},
    rows: orders.map((order) => ({ instId: order.symbol, algoId: order.id })),
    itemised: true,
    answer: outcome('algoId', ids),
  }),
  batch: 10,
  mixed: true,
  source: `${DOCS}#order-book-trading-algo-trading-get-algo-order-list (ordType ${ordType}; after = older than this algoId), #order-book-trading-algo-trading-post-cancel-algo-order (at most 10, each with its instId); ${CCXT} cancelOrders with trigger: true`,
});

const smartIceberg = algo('smart iceberg', 'smart_iceberg');

// ── Positions and balances ───────────────────────────────────────────────────────────────────────────────────────────

const positionRow = z
  .looseObject({
    instType: z.string().min(1),
    instId: z.string().min(1),
    mgnMode: z.string(),
    posSide: z.enum(['net', 'long', 'short']),
    pos: blank,
    posCcy: z.string().optional(),
    markPx: blank,
    idxPx: blank,
    upl: blank,
    ccy: z.string().optional(),
    liab: blank,
  })
  .transform((row): RawPosition => {
    const pos = row.pos ?? 0;
    const [base, quote = 'USD'] = row.instId.split('-');
    const line = {
      symbol: row.instId,
      kind: 'contract' as const,
      hedge: row.posSide !== 'net',
      marginMode: row.mgnMode,
    };
    // Its profit is in the margin currency; that of an inverse contract is in coins.
    const unrealisedPnl = row.ccy === quote ? row.upl : null;
    if (row.instType === 'MARGIN') {
      // `pos` is what was bought: coins when long, quote when short; then the debt is what must be bought back.
      const long = row.posSide === 'net' ? row.posCcy === base : row.posSide === 'long';
      const amount = long || row.liab === null ? pos : Math.abs(row.liab);
      const notional = row.markPx === null ? null : tidy(amount * row.markPx);
      const side = long ? 'long' : 'short';
      return { ...line, side, amount, free: amount, notional, currency: quote, unrealisedPnl, byHand: true };
    }
    const amount = Math.abs(pos);
    const side = row.posSide === 'short' || (row.posSide === 'net' && pos < 0) ? 'short' : 'long';
    const option = row.instType === 'OPTION';
    // The size of an inverse contract is in quote already; the mark of an option is in coins.
    const inverse = row.ccy === base && !option;
    const price = inverse ? 1 : option ? row.idxPx : row.markPx;
    return {
      ...line,
      side,
      amount,
      free: amount,
      notional: price === null ? null : tidy(amount * price),
      currency: quote,
      unrealisedPnl,
      contracts: true,
      // OKX takes no market order for an option.
      ...(option ? { byHand: true as const } : {}),
    };
  });

const positions: Call<RawPosition[]> = {
  method: 'privateGetAccountPositions',
  params: {},
  answer: answer(positionRow).transform((rows) => rows.filter((row) => row.amount !== 0)),
};

const coins = (asset: string, amount: number, free: number): RawPosition => ({
  symbol: asset,
  kind: 'balance',
  side: 'long',
  amount,
  free,
  notional: null,
  currency: null,
  unrealisedPnl: null,
  hedge: false,
});

const balances: Call<RawPosition[]> = {
  method: 'privateGetAccountBalance',
  params: {},
  answer: answer(
    z.looseObject({
      details: z.array(
        z.looseObject({
          ccy: z.string().min(1),
          cashBal: decimal,
          availBal: blank,
          liab: blank,
          interest: blank,
        }),
      ),
    }),
  )
    .refine((rows) => rows.length > 0, 'the account itself is missing')
    .transform((rows) =>
      rows
        .flatMap((row) => row.details)
        .flatMap((held): RawPosition[] => {
          // Whether the debt contains the interest, OKX's page does not say; a balance below zero is a debt in any case.
          const owed = Math.max(held.liab ?? 0, held.interest ?? 0, -held.cashBal);
          const free = Math.min(held.availBal ?? held.cashBal, held.cashBal);
          return [
            ...(held.cashBal > 0 ? [coins(held.ccy, held.cashBal, free)] : []),
            ...(owed > 0
              ? [{ ...coins(held.ccy, owed, 0), kind: 'loan' as const, side: 'short' as const }]
              : []),
          ];
        }),
    ),
};

/** The order was taken: the only item of the answer says 0 and names it. */
const placed = answer(z.looseObject({ ordId: orderId, sCode: z.literal('0') }))
  .refine((items) => items.length === 1, 'one order was expected')
  .transform(([item]) => ({ orderId: item?.ordId ?? '' }));

/** OKX takes up to 32 letters and digits, no dash. Source: DOCS, place order, `clOrdId`. */
const clOrdId = (clientId: string): string => clientId.replaceAll('-', '').slice(0, 32);

/** Kind and family of an instrument, told by its id alone. Source: ccxt, parseMarket of okx, examples. */
function kindOf(instId: string): { instType: string; instFamily?: string } {
  const parts = instId.split('-');
  if (parts.length > 3) return { instType: 'OPTION', instFamily: parts.slice(0, 2).join('-') };
  return { instType: instId.endsWith('-SWAP') ? 'SWAP' : 'FUTURES' };
}

export const okx: VenueFacts = {
  exchange: 'okx',
  // From memory: open orders, positions, assets and bots are tabs of the trading page.
  page: 'https://www.okx.com/trade-swap/btc-usdt-swap',
  // Options are thousands of instruments; what is held of them is asked for one by one.
  options: { fetchMarkets: { types: ['spot', 'swap', 'future'] } },
  market: 'any',
  venueSymbol: okxSymbol,
  accounts: [
    {
      name: 'trading account',
      lists: [
        regular,
        algo('stop and OCO', 'conditional,oco'),
        algo('trigger', 'trigger'),
        algo('trailing stop', 'move_order_stop'),
        algo('chase', 'chase'),
        algo('iceberg', 'iceberg'),
        algo('TWAP', 'twap'),
      ],
      positions: [
        {
          scope: 'positions',
          reads: [positions],
          close: ({ symbol, position, quantity, clientId }) => ({
            method: 'privatePostTradeOrder',
            once: true,
            params: {
              instId: symbol,
              tdMode: position.marginMode ?? 'cross',
              side: position.side === 'long' ? 'sell' : 'buy',
              // Long/short mode ignores reduceOnly; there the side of the position says it.
              ...(position.hedge ? { posSide: position.side } : { reduceOnly: true }),
              ordType: 'market',
              sz: quantity,
              clOrdId: clOrdId(clientId),
            },
            answer: placed,
          }),
          closeNeedsStep: false,
          source: `${DOCS}#trading-account-rest-api-get-positions (every kind unless one is named; pos in contracts), #order-book-trading-trade-post-place-order; ${CCXT} parsePosition`,
        },
        {
          scope: 'balances',
          reads: [balances],
          close: ({ symbol, quantity, clientId }) => ({
            method: 'privatePostTradeOrder',
            once: true,
            params: {
              instId: symbol,
              // Spot and futures mode. The margin modes refuse it: there a balance is sold by hand.
              tdMode: 'cash',
              side: 'sell',
              ordType: 'market',
              sz: quantity,
              tgtCcy: 'base_ccy',
              clOrdId: clOrdId(clientId),
            },
            answer: placed,
          }),
          closeNeedsStep: true,
          source: `${DOCS}#trading-account-rest-api-get-balance (cashBal, availBal, liab), #order-book-trading-trade-post-place-order (tgtCcy)`,
        },
      ],
    },
    {
      // OKX's page names this type in the question; public code disagrees on whether it is taken. So it is tried.
      name: 'smart iceberg orders',
      probe: smartIceberg.read(null),
      lists: [smartIceberg],
      positions: [],
    },
  ],
  prices: {
    call: {
      method: 'publicGetMarketTickers',
      params: { instType: 'SPOT' },
      answer: answer(z.looseObject({ instId: z.string(), last: blank })).transform(
        (rows) =>
          new Map(
            rows.flatMap((row): [string, number][] => (row.last === null ? [] : [[row.instId, row.last]])),
          ),
      ),
    },
    symbol: (asset, quote) => `${asset}-${quote}`,
  },
  contractSize: (instId) => ({
    method: 'publicGetPublicInstruments',
    params: { instId, ...kindOf(instId) },
    answer: answer(z.looseObject({ instId: z.literal(instId), ctVal: decimal, ctMult: blank }))
      .refine((rows) => rows.length === 1, 'one instrument was expected')
      .transform(([row]) => tidy((row?.ctVal ?? 0) * (row?.ctMult ?? 1)))
      .refine((size) => size > 0, 'a contract has a size'),
  }),
  // A tenth above the 2 s of OKX's page, since requests may bunch up on the way.
  limits: { privateGetTradeOrdersAlgoPending: { calls: 20, perMs: 2_200 } },
  notCovered: [
    { what: 'funding account', source: `${CCXT} asset/balances: no order can use it` },
    { what: 'sub-accounts', source: `${CCXT} users/subaccount/*: each has keys of its own` },
    {
      what: 'grid, signal and recurring bots',
      source: `${CCXT} tradingBot/grid/orders-algo-pending, tradingBot/signal, tradingBot/recurring: accounts of their own`,
    },
    { what: 'copy trading', source: `${CCXT} copytrading/current-subpositions` },
    { what: 'spread orders', source: `${CCXT} sprd/orders-pending: an order book of its own` },
    { what: 'block trading quotes', source: `${CCXT} rfq/quotes` },
    { what: 'earn, staking and flexible loans', source: `${CCXT} finance/*` },
  ],
  key: {
    call: {
      method: 'privateGetAccountConfig',
      params: {},
      answer: z
        .looseObject({ data: z.array(z.looseObject({ perm: z.string(), ip: z.string().optional() })).min(1) })
        .transform(({ data }) => {
          const perms = (data[0]?.perm ?? '').split(',').map((one) => one.trim());
          return {
            canRead: perms.includes('read_only'),
            canTrade: perms.includes('trade'),
            canWithdraw: perms.includes('withdraw'),
            // "It is an empty string if there is no IP bonded."
            ...(data[0]?.ip === undefined ? {} : { addressBound: data[0].ip.trim() !== '' }),
            // A key that trades and is bound to no address ends after 14 days without use: no call tells the day.
            expires: 'unknown' as const,
          };
        }),
    },
    refused: ['50100', '50103', '50105', '50110', '50111', '50113', '50119', '50120'],
    source: `${DOCS}#trading-account-rest-api-get-account-configuration (perm: "read_only,withdraw,trade", 5 in 2 s); ${CCXT} account/config`,
  },
  codes: {
    gone: [
      { code: '51400', text: /^/ },
      { code: '51401', text: /^/ },
      { code: '51402', text: /^/ },
      { code: '51603', text: /^/ },
    ],
    clockSkew: ['50102'],
    // 51149: "Order timed out". 50004: "does not indicate success or failure of order".
    outcomeUnknown: ['50001', '50004', '50013', '50026', '51149'],
    wait: { '50011': 2_000, '50061': 2_000 },
    words: {
      '1': 'the venue refuses',
      '50001': 'the venue is in maintenance',
      '50011': 'too many requests',
      '50013': 'the venue is too busy',
      '50026': 'a fault of the venue',
      '50061': 'too many orders',
      '50100': 'the venue has frozen the key',
      '50102': 'our clock differs from the venue’s',
      '50103': 'the key is missing',
      '50104': 'the passphrase is missing',
      '50105': 'the venue refuses the passphrase',
      '50110': 'the venue refuses our address for this key',
      '50111': 'the venue refuses the key',
      '50113': 'the venue refuses the signature',
      '50120': 'the key lacks the permission',
      '51001': 'the venue does not know this instrument',
      '51008': 'the balance is insufficient',
      '51121': 'the size breaks a rule of this market',
      '51169': 'nothing to reduce',
      '51403': 'this order cannot be cancelled by its type',
      '51404': 'the call auction does not let it be cancelled',
      '51410': 'the order is being cancelled already',
    },
    source: `${DOCS}#error-code (with the HTTP status of each); ${CCXT} exceptions`,
  },
  hedgeMode: {
    is: 'posSide long or short in every row in long_short_mode; net_mode says net, and a short is below zero',
    source: `${DOCS}#trading-account-rest-api-get-positions; ${CCXT} parsePosition`,
  },
  reduceOnly: {
    is: 'reduceOnly in net_mode; in long_short_mode posSide with the opposite side; none on spot',
    source: `${DOCS}#order-book-trading-trade-post-place-order`,
  },
  oneLane: {
    is: false,
    source: `${CCXT} sign: a timestamp in ISO 8601, which may repeat; OKX takes 30 s of difference (${DOCS}#overview-rest-authentication, from memory)`,
  },
  pollMs: {
    is: 5_000,
    source: `${DOCS}: algo order list 20 in 2 s a user, positions and balance 10, order list 60; a reading asks 7, 1, 1 and 1`,
  },
  money: okxMoney,
};
