/** Binance USD-M futures: regular orders, conditional ("algo") orders, positions on both sides. */

import { z } from 'zod';
import { binanceKey } from './binanceKey.ts';
import {
  type Call,
  decimal,
  firstPrice,
  flag,
  type ListFacts,
  orderId,
  type RawOrder,
  type RawPosition,
  tidy,
  type VenueFacts,
} from './facts.ts';
import { binanceusdmMoney } from './money/binanceusdm.ts';

const DOCS = 'https://developers.binance.com/docs/derivatives/usds-margined-futures';
const CCXT = 'ccxt 4.5.84 js/src/binance.js';

/** `BTC/USDT:USDT` → `BTCUSDT`, `BTC/USDT:USDT-261225` → `BTCUSDT_261225`. Source: ccxt, parseMarket of binance. */
export function futuresSymbol(unified: string): string | null {
  const match = /^([^/:]+)\/([^/:-]+)(?::[^/:-]+(?:-(\d{6}))?)?$/.exec(unified);
  if (match === null) return null;
  const [, base = '', quote = '', delivery] = match;
  return delivery === undefined ? `${base}${quote}` : `${base}${quote}_${delivery}`;
}

const side = z.enum(['BUY', 'SELL']).transform((text): 'buy' | 'sell' => (text === 'BUY' ? 'buy' : 'sell'));
const positionSide = z.enum(['BOTH', 'LONG', 'SHORT']).optional();

/** In hedge mode an order on the other side of its position can only reduce it, whatever `reduceOnly` says. */
function reduces(row: {
  side: 'buy' | 'sell';
  positionSide?: 'BOTH' | 'LONG' | 'SHORT' | undefined;
}): boolean {
  return (
    (row.positionSide === 'LONG' && row.side === 'sell') ||
    (row.positionSide === 'SHORT' && row.side === 'buy')
  );
}

const regularRow = z
  .looseObject({
    orderId,
    symbol: z.string().min(1),
    side,
    positionSide,
    origQty: decimal,
    executedQty: decimal,
    price: decimal,
    stopPrice: decimal.optional(),
    reduceOnly: flag,
    closePosition: flag,
  })
  .transform(
    (row): RawOrder => ({
      id: row.orderId,
      symbol: row.symbol,
      side: row.side,
      amount: row.closePosition ? null : tidy(row.origQty - row.executedQty),
      price: firstPrice(row.price, row.stopPrice),
      protective: row.reduceOnly || row.closePosition || reduces(row),
    }),
  );

const algoRow = z
  .looseObject({
    algoId: orderId,
    symbol: z.string().min(1),
    side,
    positionSide,
    quantity: decimal.nullish(),
    price: decimal.nullish(),
    triggerPrice: decimal.nullish(),
    reduceOnly: flag,
    closePosition: flag,
  })
  .transform(
    (row): RawOrder => ({
      id: row.algoId,
      symbol: row.symbol,
      side: row.side,
      amount: row.closePosition ? null : (row.quantity ?? null),
      price: firstPrice(row.price ?? 0, row.triggerPrice ?? 0),
      protective: row.reduceOnly || row.closePosition || reduces(row),
    }),
  );

/** `{code: 200}` for a sweep, also when there was nothing to cancel; it names no order. */
const swept = z.looseObject({ code: z.union([z.literal(200), z.literal('200')]) }).transform(() => null);

const refusal = z.looseObject({ code: z.union([z.number(), z.string()]), msg: z.string() });

/** One answer an id, in the order asked. Source: DOCS/trade/rest-api/Cancel-Multiple-Orders, response example. */
const batchAnswer = (ids: string[]) =>
  z
    .array(z.union([z.looseObject({ orderId }), refusal]))
    .refine((rows) => rows.length === ids.length, 'one answer an order was expected')
    .transform((rows) => ({
      cancelled: rows.flatMap((row, index) => ('orderId' in row ? [ids[index] ?? ''] : [])),
      refused: rows.flatMap((row, index) =>
        'orderId' in row ? [] : [{ id: ids[index] ?? '', code: String(row.code), text: row.msg }],
      ),
    }));

const regular: ListFacts = {
  name: 'regular',
  // One page: the endpoint has no limit and no cursor. Without a symbol it answers every symbol, at weight 40.
  read: () => ({
    method: 'fapiPrivateGetOpenOrders',
    params: {},
    answer: z.array(regularRow).transform((orders) => ({ orders, next: null })),
  }),
  // Needs a symbol, ignores the conditional list.
  sweep: (symbol) => ({ method: 'fapiPrivateDeleteAllOpenOrders', params: { symbol }, answer: swept }),
  cancel: (symbol, ids) => ({
    method: 'fapiPrivateDeleteBatchOrders',
    params: { symbol, orderidlist: ids },
    answer: batchAnswer(ids),
  }),
  batch: 10,
  source: `${DOCS}/trade/rest-api/Current-All-Open-Orders, /Cancel-All-Open-Orders, /Cancel-Multiple-Orders (at most 10 ids); ${CCXT} cancelAllOrders and sign (orderidlist)`,
};

const conditional: ListFacts = {
  name: 'conditional',
  read: () => ({
    method: 'fapiPrivateGetOpenAlgoOrders',
    params: {},
    answer: z.array(algoRow).transform((orders) => ({ orders, next: null })),
  }),
  sweep: (symbol) => ({ method: 'fapiPrivateDeleteAlgoOpenOrders', params: { symbol }, answer: swept }),
  // Binance asks for the id alone; ccxt sends the symbol too.
  cancel: (symbol, ids) => ({
    method: 'fapiPrivateDeleteAlgoOrder',
    params: { symbol, algoId: ids[0] ?? '' },
    answer: z.looseObject({ algoId: orderId }).transform((row) => ({ cancelled: [row.algoId], refused: [] })),
  }),
  batch: 1,
  source: `${DOCS}/trade/rest-api/Current-All-Algo-Open-Orders, /Cancel-All-Algo-Open-Orders, /Cancel-Algo-Order; ${CCXT} cancelAllOrders with trigger: true`,
};

const risk = z
  .array(
    z.looseObject({
      symbol: z.string().min(1),
      positionSide: z.enum(['BOTH', 'LONG', 'SHORT']),
      positionAmt: decimal,
      markPrice: decimal.optional(),
      notional: decimal.optional(),
      unRealizedProfit: decimal,
      marginAsset: z.string().optional(),
    }),
  )
  .transform((rows): RawPosition[] =>
    rows
      .filter((row) => row.positionAmt !== 0)
      .map((row) => {
        const amount = Math.abs(row.positionAmt);
        const atMark = row.markPrice !== undefined && row.markPrice > 0 ? amount * row.markPrice : null;
        return {
          symbol: row.symbol,
          kind: 'contract',
          side:
            row.positionSide === 'LONG' || (row.positionSide === 'BOTH' && row.positionAmt > 0)
              ? 'long'
              : 'short',
          // A USD-M contract is one unit of base.
          amount,
          free: amount,
          notional: row.notional === undefined ? atMark : Math.abs(row.notional),
          currency: row.marginAsset ?? null,
          unrealisedPnl: row.unRealizedProfit,
          hedge: row.positionSide !== 'BOTH',
        };
      }),
  );

const positionRisk = (version: 'V3' | 'V2'): Call<RawPosition[]> => ({
  method: `fapiPrivate${version}GetPositionRisk`,
  params: {},
  answer: risk,
});

export const binanceusdm: VenueFacts = {
  exchange: 'binanceusdm',
  page: 'https://www.binance.com/en/my/orders/futures/openorder',
  options: {
    defaultType: 'swap',
    fetchMarkets: { types: ['linear'] },
    fetchCurrencies: false,
    fetchMargins: false,
  },
  market: 'linear',
  venueSymbol: futuresSymbol,
  accounts: [
    {
      name: 'USD-M futures',
      lists: [regular, conditional],
      positions: [
        {
          scope: 'positions',
          reads: [positionRisk('V3'), positionRisk('V2')],
          close: ({ symbol, position, quantity, clientId }) => ({
            method: 'fapiPrivatePostOrder',
            params: {
              symbol,
              side: position.side === 'long' ? 'SELL' : 'BUY',
              type: 'MARKET',
              quantity,
              // Hedge mode refuses reduceOnly (-1106); there the position side can only shrink by such an order.
              ...(position.hedge
                ? { positionSide: position.side === 'long' ? 'LONG' : 'SHORT' }
                : { reduceOnly: 'true' }),
              newClientOrderId: clientId,
              newOrderRespType: 'RESULT',
            },
            answer: z.looseObject({ orderId }),
          }),
          closeNeedsStep: false,
          source: `${DOCS}/trade/rest-api/Position-Information-V3 (every symbol with a position or an open order, each side), /New-Order; ${CCXT} fetchPositionsRisk`,
        },
      ],
    },
  ],
  notCovered: [
    {
      what: 'COIN-M futures',
      source: `${CCXT} urls.api.dapiPrivate: an account of its own, ccxt binancecoinm`,
    },
    { what: 'options', source: `${CCXT} urls.api.eapiPrivate` },
    {
      what: 'spot, margin, funding and earn wallets',
      source: `${CCXT} urls.api.private and sapi: ccxt binance`,
    },
    { what: 'portfolio margin accounts', source: `${CCXT} urls.api.papi: they answer on another path` },
    { what: 'TWAP and VP orders that Binance itself runs', source: `${CCXT} sapi algo/futures/openOrders` },
    {
      what: 'grid bots, copy trading and sub-accounts',
      source: `${CCXT} sapi: no call of this key lists them`,
    },
  ],
  key: binanceKey('enableFutures'),
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
      '-1021': 'our clock differs from the venue’s',
      '-1022': 'the venue refuses the signature',
      '-1121': 'the venue does not know this symbol',
      '-2014': 'the venue refuses the key',
      '-2015': 'the venue refuses the key, its address or its permissions',
      '-2019': 'the margin is insufficient',
      '-2022': 'nothing to reduce',
    },
    source: `${DOCS}/error-code`,
  },
  hedgeMode: {
    is: 'positionSide LONG or SHORT in every row of the positions; one-way accounts say BOTH',
    source: `${CCXT} fetchPositionsRisk, response examples`,
  },
  reduceOnly: {
    is: 'reduceOnly=true in one-way mode; in hedge mode the position side with the opposite side',
    source: `${DOCS}/trade/rest-api/New-Order`,
  },
  oneLane: { is: false, source: `${CCXT} sign: a timestamp with recvWindow, which may repeat` },
  pollMs: {
    is: 5_000,
    source: `${DOCS}/general-info (2400 weight a minute); ${CCXT}: 40 + 40 + 5 a reading, 43 % of it at 5 s`,
  },
  money: binanceusdmMoney,
};
