/** Kraken spot, and margin on the spot pairs: one account, one list of orders. Futures are ccxt's krakenfutures. */

import { z } from 'zod';
import {
  type Call,
  type CloseOrder,
  decimal,
  firstPrice,
  flag,
  type ListFacts,
  type RawOrder,
  type RawPosition,
  tidy,
  type VenueFacts,
} from './facts.ts';
import { commonName, isOutside, krakenSpelling, krakenSymbol, ownName, quoteOf } from './krakenNames.ts';
import { krakenMoney } from './money/kraken.ts';

const API = 'https://docs.kraken.com/api-reference';
const GUIDES = 'https://docs.kraken.com/exchange/guides';
const SUPPORT = 'https://support.kraken.com/hc/en-us/articles';
const CCXT = 'ccxt 4.5.84 js/src/kraken.js';

// ── Answers ──────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Every answer is `{error: [], result}`; ccxt throws where `error` holds something. */
const answered = <T>(result: z.ZodType<T>) =>
  z.looseObject({ error: z.array(z.unknown()).length(0), result }).transform((body) => body.result);

/** A price, or nothing: a trailing stop says `+5.0000%`. */
const figure = (text: string | undefined): number | undefined => decimal.safeParse(text).data;

const STOP = /^(stop-loss|take-profit|trailing-stop)/;

const row = z.looseObject({
  /** The order that this one closes, for a conditional close. */
  refid: z.string().nullish(),
  reduce_only: flag.nullish(),
  descr: z.looseObject({
    pair: z.string().min(1),
    type: z.enum(['buy', 'sell']),
    ordertype: z.string(),
    price: z.string().optional(),
    price2: z.string().optional(),
    leverage: z.string().nullish(),
  }),
  vol: decimal,
  vol_exec: decimal,
  oflags: z.string().nullish(),
});

function rawOrder(id: string, order: z.output<typeof row>): RawOrder {
  const { descr } = order;
  const onMargin = !['none', '1:1', undefined, null].includes(descr.leverage);
  // On spot nothing is reduce-only: what stands between a balance and ruin is a stop that sells. On margin, a stop that
  // does not say reduce_only may as well open a position.
  const guards = !onMargin && descr.type === 'sell' && STOP.test(descr.ordertype);
  return {
    id,
    symbol: krakenSpelling(descr.pair),
    side: descr.type,
    // With the flag `viqc` the volume is in the quote currency.
    amount: order.oflags?.includes('viqc') === true ? null : tidy(order.vol - order.vol_exec),
    // `price2` is the limit of a stop; it is 0 for a limit order.
    price: firstPrice(figure(descr.price2), figure(descr.price)),
    protective: order.reduce_only === true || typeof order.refid === 'string' || guards,
  };
}

const count = z.looseObject({ count: decimal });

const orders: ListFacts = {
  name: 'orders',
  // One page, no cursor, every pair: regular, stop, take-profit, trailing and conditional-close orders, spot and margin.
  read: () => ({
    method: 'privatePostOpenOrders',
    params: {},
    answer: answered(z.looseObject({ open: z.record(z.string().min(1), row) })).transform(({ open }) => ({
      orders: Object.entries(open).map(([id, order]) => rawOrder(id, order)),
      next: null,
    })),
  }),
  // It takes no pair, and ignores one: whatever is to spare any order goes by ids.
  sweepAll: () => ({
    method: 'privatePostCancelAll',
    params: {},
    answer: answered(count).transform(() => null),
  }),
  // The batch says how many it cancelled, not which. For one order there is a call that says no where it is gone.
  cancel: (_symbol, ids) => ({
    ...(ids.length === 1
      ? { method: 'privatePostCancelOrder', params: { txid: ids[0] ?? '' } }
      : { method: 'privatePostCancelOrderBatch', params: { orders: ids } }),
    answer: answered(count).transform((done) => ({ cancelled: ids.slice(0, done.count), refused: [] })),
  }),
  batch: 50,
  mixed: true,
  source: `${API}/account-data/get-open-orders (no paging), ${API}/trading/cancel-all-orders (no parameters), ${API}/trading/cancel-order, ${API}/trading/cancel-order-batch (at most 50); ${CCXT} fetchOpenOrders, cancelAllOrders ("symbol, not used by kraken"), cancelOrders, sign (the batch is JSON)`,
};

// ── Balances ─────────────────────────────────────────────────────────────────────────────────────────────────────────

const held = z.looseObject({
  balance: decimal,
  hold_trade: decimal.nullish(),
  credit: decimal.nullish(),
  credit_used: decimal.nullish(),
});

function balances(accounts: Record<string, z.output<typeof held>>): RawPosition[] {
  const totals = new Map<string, { amount: number; free: number; owed: number }>();
  for (const [asset, one] of Object.entries(accounts)) {
    const suffix = asset.split('.')[1];
    if (isOutside(asset)) continue;
    const name = commonName(suffix === 'F' ? asset.slice(0, -2) : asset);
    const sum = totals.get(name) ?? { amount: 0, free: 0, owed: 0 };
    const used = one.credit_used ?? 0;
    totals.set(name, {
      amount: tidy(sum.amount + Math.max(0, one.balance)),
      free: tidy(sum.free + Math.max(0, one.balance) - (one.hold_trade ?? 0)),
      owed: tidy(sum.owed + used + Math.max(0, -one.balance)),
    });
  }
  return [...totals].flatMap(([symbol, { amount, free, owed }]): RawPosition[] => {
    const line = { symbol, notional: null, currency: null, unrealisedPnl: null, hedge: false };
    return [
      ...(amount > 0
        ? [{ ...line, kind: 'balance' as const, side: 'long' as const, amount, free: Math.max(0, free) }]
        : []),
      ...(owed > 0
        ? [{ ...line, kind: 'loan' as const, side: 'short' as const, amount: owed, free: owed }]
        : []),
    ];
  });
}

// ── Positions on margin ──────────────────────────────────────────────────────────────────────────────────────────────

/** Kraken writes a profit with its sign: `+2.70`. */
const signed = z
  .union([z.number(), z.string()])
  .transform((text) => (typeof text === 'string' ? text.replace(/^\+/, '') : text))
  .pipe(decimal);

const part = z.looseObject({
  pair: z.string().min(1),
  type: z.enum(['buy', 'sell']),
  vol: decimal,
  vol_closed: decimal,
  value: signed.nullish(),
  net: signed.nullish(),
});

/** One row for each order that opened a part of it: summed by pair and side. */
function positions(parts: z.output<typeof part>[]): RawPosition[] {
  const rows = new Map<string, RawPosition>();
  for (const one of parts) {
    const amount = tidy(one.vol - one.vol_closed);
    if (amount === 0) continue;
    const symbol = krakenSpelling(one.pair);
    const side = one.type === 'buy' ? 'long' : 'short';
    const before = rows.get(`${symbol} ${side}`);
    const add = (sum: number | null | undefined, more: number | null | undefined) =>
      sum === null || more === null || more === undefined ? null : tidy((sum ?? 0) + more);
    const total = tidy((before?.amount ?? 0) + amount);
    rows.set(`${symbol} ${side}`, {
      symbol,
      kind: 'contract',
      side,
      amount: total,
      free: total,
      notional: add(
        before?.notional,
        one.value === null || one.value === undefined ? null : Math.abs(one.value),
      ),
      currency: quoteOf(symbol),
      unrealisedPnl: add(before?.unrealisedPnl, one.net),
      hedge: false,
    });
  }
  return [...rows.values()];
}

const added = answered(z.looseObject({ txid: z.array(z.string().min(1)).min(1) })).transform(({ txid }) => ({
  orderId: txid[0] ?? '',
}));

/** A market order; `cl_ord_id` takes 32 hexadecimal digits, not the 35 characters of ours. */
const addOrder = (
  order: Pick<CloseOrder, 'symbol' | 'quantity' | 'clientId'>,
  more: Record<string, string>,
): Call<{ orderId: string }> => ({
  method: 'privatePostAddOrder',
  params: {
    pair: order.symbol,
    ordertype: 'market',
    volume: order.quantity,
    cl_ord_id: order.clientId.replace(/^sd-/, ''),
    ...more,
  },
  answer: added,
  once: true,
});

// ── The entry ────────────────────────────────────────────────────────────────────────────────────────────────────────

export const kraken: VenueFacts = {
  exchange: 'kraken',
  // Source: memory.
  page: 'https://pro.kraken.com/app/orders',
  options: {},
  market: 'spot',
  venueSymbol: krakenSymbol,
  spell: krakenSpelling,
  accounts: [
    {
      name: 'spot and margin',
      lists: [orders],
      positions: [
        {
          scope: 'balances',
          reads: [
            {
              method: 'privatePostBalanceEx',
              params: {},
              answer: answered(z.record(z.string().min(1), held)).transform(balances),
            },
          ],
          close: (order) => addOrder(order, { type: 'sell' }),
          closeNeedsStep: true,
          source: `${API}/account-data/get-extended-balance (available = balance + credit − credit_used − hold_trade; .F is used through its base asset); ${CCXT} fetchBalance`,
        },
        {
          scope: 'margin positions',
          reads: [
            {
              method: 'privatePostOpenPositions',
              // Without `docalcs` there is no value and no profit. Consolidated rows would name no value either.
              params: { docalcs: 'true' },
              // An empty map may come as an empty list. Source: memory.
              answer: answered(
                z.union([
                  z.record(z.string(), part).transform((rows) => Object.values(rows)),
                  z.array(part).length(0),
                ]),
              ).transform(positions),
            },
          ],
          close: (order) =>
            addOrder(order, {
              type: order.position.side === 'long' ? 'sell' : 'buy',
              // Any leverage closes, but it must be one; every margin pair has 2 (the second half from memory).
              leverage: '2',
              reduce_only: 'true',
            }),
          closeNeedsStep: false,
          source: `${API}/account-data/get-open-positions; ${CCXT} fetchPositions; ${SUPPORT}/202966956 (a closing order needs leverage, of any size; first in, first out)`,
        },
      ],
    },
  ],
  prices: {
    call: {
      method: 'publicGetTicker',
      params: {},
      answer: answered(z.record(z.string(), z.looseObject({ c: z.array(decimal).min(1) }))).transform(
        (pairs) => new Map(Object.entries(pairs).map(([pair, { c }]) => [krakenSpelling(pair), c[0] ?? 0])),
      ),
    },
    symbol: (asset, quote) => `${ownName(asset)}${ownName(quote)}`,
  },
  notCovered: [
    { what: 'futures', source: `${CCXT} urls.api: an exchange of its own, ccxt krakenfutures` },
    {
      what: 'earn and staked balances (.S, .M, .B, .P)',
      source: `${API}/account-data/get-extended-balance: "read-only"; .P from memory`,
    },
    { what: 'fee credits (KFEE)', source: `${CCXT} commonCurrencies` },
    { what: 'sub-accounts', source: `${CCXT} CreateSubaccount, AccountTransfer: no call lists their orders` },
    { what: 'funds on their way out', source: `${API}/account-data/get-account-balance: net of withdrawals` },
  ],
  key: {
    call: {
      method: 'privatePostGetApiKeyInfo',
      params: {},
      answer: z
        .looseObject({
          result: z.looseObject({
            permissions: z.array(z.string()),
            // Seconds as text; "0": not set.
            validUntil: z.union([z.string().regex(/^\d{1,12}$/), z.number().int().nonnegative()]).optional(),
          }),
        })
        .transform(({ result: { permissions, validUntil } }) => {
          const has = (...names: string[]) => names.every((name) => permissions.includes(name));
          return {
            canRead: has('query-funds', 'query-open-trades'),
            // A key that may place orders and not cancel them stops nothing.
            canTrade: has('modify-trades', 'close-trades'),
            canWithdraw: has('withdraw-funds'),
            expires:
              validUntil === undefined
                ? ('unknown' as const)
                : Number(validUntil) === 0
                  ? ('never' as const)
                  : Number(validUntil) * 1_000,
          };
        }),
    },
    refused: ['EAPI:Invalid key', 'EAPI:Invalid signature', 'EGeneral:Permission denied'],
    source: `${API}/account-data/get-api-key-info (needs no permission); ${CCXT} GetApiKeyInfo`,
  },
  codes: {
    gone: [{ code: 'EOrder:Unknown order', text: /^$/ }],
    clockSkew: [],
    nonce: ['EAPI:Invalid nonce'],
    outcomeUnknown: [
      'EService:Unavailable',
      'EService:Busy',
      'EService:Timeout',
      'EService:Deadline elapsed',
      'EGeneral:Internal error',
      'EDatabase:Internal error',
    ],
    // "Restricted for a few seconds (or possibly longer if calls continue)"; lockouts "last approximately 15 minutes".
    wait: { 'EAPI:Rate limit exceeded': 5_000, 'EGeneral:Temporary lockout': 900_000 },
    words: {
      'EAPI:Invalid key': 'the venue refuses the key',
      'EAPI:Invalid signature': 'the venue refuses the signature',
      'EAPI:Invalid nonce': 'another program uses this key, or the clock went back: the nonce is refused',
      'EAPI:Rate limit exceeded': 'too many requests',
      'EGeneral:Temporary lockout': 'the venue has locked this key out for a while',
      'EGeneral:Permission denied': 'the venue refuses the permissions of the key',
      'EGeneral:Too many requests': 'too many requests',
      'EOrder:Rate limit exceeded': 'too many orders and cancels on this pair',
      'EOrder:Insufficient funds': 'the funds are insufficient',
      'EOrder:Insufficient margin': 'the margin is insufficient',
      'EOrder:Order minimum not met': 'the size breaks a rule of this market',
      'EOrder:Unknown order': 'the venue does not know this order',
      'EQuery:Unknown asset pair': 'the venue does not know this symbol',
      'EService:Unavailable': 'the venue is not available',
      'EService:Busy': 'the venue is busy',
    },
    source: `${SUPPORT}/360001491786 (API error messages); ${GUIDES}/rest/ratelimits; ${CCXT} exceptions; EService:Timeout and Deadline elapsed from memory`,
  },
  hedgeMode: {
    is: 'none: an order against a position closes it first in, first out; both sides of a pair are read all the same',
    source: `${SUPPORT}/202966956`,
  },
  reduceOnly: {
    is: 'reduce_only=true with a leverage, on margin; on spot a market sell of the free balance, rounded down to the step',
    source: `${CCXT} orderRequest (reduceOnly, "margin only"); ${SUPPORT}/202966956`,
  },
  oneLane: {
    is: true,
    source: `${SUPPORT}/360001148063 (a nonce must be above the last one of its key, in the order of arrival); ${CCXT} nonce: milliseconds`,
  },
  pollMs: {
    is: 20_000,
    source: `${GUIDES}/rest/ratelimits: 3 counted calls a reading, 0.15 a second, beside a measurement (4) and warming (3) a minute, in all 0.27; the counter falls by 0.33 (Starter), 0.5, 1 (Pro)`,
  },
  money: krakenMoney,
};
