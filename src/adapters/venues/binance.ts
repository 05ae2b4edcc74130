/** Binance spot, and cross margin where the account has one. */

import { z } from 'zod';
import { binanceKey } from './binanceKey.ts';
import {
  type CancelAnswer,
  decimal,
  firstPrice,
  type ListFacts,
  orderId,
  type RawOrder,
  type RawPosition,
  tidy,
  type VenueFacts,
} from './facts.ts';
import { binanceMoney } from './money/binance.ts';

const DOCS = 'https://developers.binance.com/docs/binance-spot-api-docs/rest-api';
const MARGIN = 'https://developers.binance.com/docs/margin_trading';
const CCXT = 'ccxt 4.5.84 js/src/binance.js';

/** `BTC/USDT` → `BTCUSDT`. Source: ccxt, parseMarket of binance (base and quote of the id are upper case). */
export function spotSymbol(unified: string): string | null {
  const match = /^([^/:]+)\/([^/:]+)$/.exec(unified);
  return match === null ? null : `${match[1]}${match[2]}`;
}

const STOPS = new Set(['STOP_LOSS', 'STOP_LOSS_LIMIT', 'TAKE_PROFIT', 'TAKE_PROFIT_LIMIT']);

const row = z
  .looseObject({
    orderId,
    // −1 unless it is a leg of a list (OCO, OTO).
    orderListId: z.union([z.number(), z.string()]).optional(),
    symbol: z.string().min(1),
    side: z.enum(['BUY', 'SELL']),
    type: z.string(),
    origQty: decimal,
    executedQty: decimal,
    price: decimal,
    stopPrice: decimal.optional(),
  })
  .transform((order): RawOrder => {
    const inList = String(order.orderListId ?? -1) !== '-1';
    return {
      id: order.orderId,
      symbol: order.symbol,
      side: order.side === 'BUY' ? 'buy' : 'sell',
      amount: tidy(order.origQty - order.executedQty),
      price: firstPrice(order.price, order.stopPrice),
      // Spot has no reduce-only. What stands between a balance and ruin is a stop, or a leg of a list, that sells.
      protective: order.side === 'SELL' && (STOPS.has(order.type) || inList),
    };
  });

/** One cancelled order, or a list whose legs are in `orderReports`. */
const report = z.union([
  z
    .looseObject({ orderListId: z.union([z.number(), z.string()]), orderReports: z.array(row) })
    .transform((list) => list.orderReports),
  row.transform((order) => [order]),
]);

const cancelledReport = report.transform(
  (orders): CancelAnswer => ({ cancelled: orders.map((order) => order.id), refused: [] }),
);

const orders = z.array(row).transform((listed) => ({ orders: listed, next: null }));

const regular: ListFacts = {
  name: 'regular',
  // One page: no limit, no cursor; without a symbol every symbol, at weight 80. Legs of OCO lists are in it, one each.
  read: () => ({ method: 'privateGetOpenOrders', params: {}, answer: orders }),
  // Needs a symbol; takes the lists on it too; −2011 when there is none.
  sweep: (symbol) => ({
    method: 'privateDeleteOpenOrders',
    params: { symbol },
    answer: z.array(report).transform((reports) => reports.flat()),
  }),
  // Cancelling a leg cancels its list; the other leg then answers −2011. There is no batch on spot.
  cancel: (symbol, ids) => ({
    method: 'privateDeleteOrder',
    params: { symbol, orderId: ids[0] ?? '' },
    answer: cancelledReport,
  }),
  batch: 1,
  source: `${DOCS}/account-endpoints (current open orders), /trading-endpoints (cancel all open orders on a symbol, cancel order); ${CCXT} cancelAllOrders`,
};

const crossMargin: ListFacts = {
  name: 'cross margin',
  read: () => ({ method: 'sapiGetMarginOpenOrders', params: {}, answer: orders }),
  sweep: (symbol) => ({
    method: 'sapiDeleteMarginOpenOrders',
    params: { symbol },
    answer: z.array(report).transform((reports) => reports.flat()),
  }),
  cancel: (symbol, ids) => ({
    method: 'sapiDeleteMarginOrder',
    params: { symbol, orderId: ids[0] ?? '' },
    answer: cancelledReport,
  }),
  batch: 1,
  source: `${MARGIN}/trade; ${CCXT} cancelAllOrders with marginMode (isIsolated is false unless sent)`,
};

const balance = (asset: string, free: number, locked: number): RawPosition[] => {
  const amount = tidy(free + locked);
  return amount === 0
    ? []
    : [
        {
          symbol: asset,
          kind: 'balance',
          side: 'long',
          amount,
          free,
          notional: null,
          currency: null,
          unrealisedPnl: null,
          hedge: false,
        },
      ];
};

const spotAccount = z
  .looseObject({
    balances: z.array(z.looseObject({ asset: z.string().min(1), free: decimal, locked: decimal })),
  })
  .transform((account) => account.balances.flatMap((held) => balance(held.asset, held.free, held.locked)));

const marginAccount = z
  .looseObject({
    userAssets: z.array(
      z.looseObject({
        asset: z.string().min(1),
        free: decimal,
        locked: decimal,
        borrowed: decimal,
        interest: decimal,
      }),
    ),
  })
  .transform((account) =>
    account.userAssets.flatMap((held): RawPosition[] => {
      const owed = tidy(held.borrowed + held.interest);
      const loan = balance(held.asset, owed, 0).map(
        (line): RawPosition => ({ ...line, kind: 'loan', side: 'short' }),
      );
      return [...balance(held.asset, held.free, held.locked), ...loan];
    }),
  );

const readMargin = { method: 'sapiGetMarginAccount', params: {}, answer: marginAccount };

export const binance: VenueFacts = {
  exchange: 'binance',
  page: 'https://www.binance.com/en/my/orders/exchange/openorder',
  // Without these, loading the markets asks COIN-M and USD-M too, and one that is down blocks spot (FACTS 3).
  options: {
    defaultType: 'spot',
    fetchMarkets: { types: ['spot'] },
    fetchCurrencies: false,
    fetchMargins: false,
  },
  market: 'spot',
  venueSymbol: spotSymbol,
  accounts: [
    {
      name: 'spot',
      lists: [regular],
      positions: [
        {
          scope: 'balances',
          reads: [{ method: 'privateGetAccount', params: {}, answer: spotAccount }],
          close: ({ symbol, quantity, clientId }) => ({
            method: 'privatePostOrder',
            params: {
              symbol,
              side: 'SELL',
              type: 'MARKET',
              quantity,
              newClientOrderId: clientId,
              newOrderRespType: 'RESULT',
            },
            answer: z.looseObject({ orderId }),
          }),
          closeNeedsStep: true,
          source: `${DOCS}/account-endpoints (account information), /trading-endpoints (new order)`,
        },
      ],
    },
    {
      name: 'cross margin',
      probe: readMargin,
      lists: [crossMargin],
      positions: [
        {
          scope: 'cross margin',
          reads: [readMargin],
          closeNeedsStep: true,
          source: `${MARGIN}/account; ${CCXT} fetchBalance with type margin`,
        },
      ],
    },
  ],
  prices: {
    call: {
      method: 'publicGetTickerPrice',
      params: {},
      answer: z
        .array(z.looseObject({ symbol: z.string(), price: decimal }))
        .transform((rows) => new Map(rows.map((one) => [one.symbol, one.price]))),
    },
    symbol: (asset, quote) => `${asset}${quote}`,
  },
  notCovered: [
    { what: 'isolated margin', source: `${CCXT}: sapi margin/openOrders answers it only symbol by symbol` },
    { what: 'USD-M, COIN-M futures and options', source: `${CCXT} urls.api: venues of their own` },
    { what: 'funding and earn wallets', source: `${CCXT} sapi asset/get-funding-asset, simple-earn` },
    { what: 'TWAP orders that Binance itself runs', source: `${CCXT} sapi algo/spot/openOrders` },
    {
      what: 'grid bots, copy trading and sub-accounts',
      source: `${CCXT} sapi: no call of this key lists them`,
    },
  ],
  key: binanceKey('enableSpotAndMarginTrading'),
  codes: {
    // −2011 also says "Market is closed." and the like, and then the order is still there.
    gone: [
      { code: '-2011', text: /unknown order/i },
      { code: '-2013', text: /does not exist/i },
    ],
    clockSkew: ['-1021'],
    outcomeUnknown: ['-1000', '-1001', '-1006', '-1007'],
    words: {
      '-1003': 'too many requests',
      '-1013': 'the size or price breaks a rule of this market',
      '-1021': 'our clock differs from the venue’s',
      '-1022': 'the venue refuses the signature',
      '-1121': 'the venue does not know this symbol',
      '-2010': 'the venue refuses the order',
      '-2014': 'the venue refuses the key',
      '-2015': 'the venue refuses the key, its address or its permissions',
      '-3003': 'there is no such account',
    },
    source: 'https://developers.binance.com/docs/binance-spot-api-docs/errors',
  },
  hedgeMode: { is: 'none on spot', source: `${DOCS}/trading-endpoints` },
  reduceOnly: {
    is: 'none on spot: a market sell of the free balance, rounded down to the step',
    source: `${DOCS}/trading-endpoints`,
  },
  oneLane: { is: false, source: `${CCXT} sign: a timestamp with recvWindow, which may repeat` },
  pollMs: {
    is: 5_000,
    source: `${DOCS}/limits (6000 weight a minute); ${CCXT}: 80 + 20 + 4 a reading, 21 % of it at 5 s`,
  },
  money: binanceMoney,
};
