/** Bybit, unified account: spot, linear contracts settled in USDT and in USDC, inverse contracts, options. */

import { z } from 'zod';
import {
  type AccountFacts,
  type CancelAnswer,
  decimal,
  firstPrice,
  type ListFacts,
  type OrdersPage,
  orderId,
  type PositionFacts,
  type PositionsPage,
  type RawOrder,
  type RawPosition,
  tidy,
  type VenueFacts,
} from './facts.ts';
import { bybitMoney } from './money/bybit.ts';

const DOCS = 'https://bybit-exchange.github.io/docs/v5';
const CCXT = 'ccxt 4.5.84 js/src/bybit.js';

type Category = 'spot' | 'linear' | 'inverse' | 'option';

// ── Names ────────────────────────────────────────────────────────────────────────────────────────────────────────────

const MONTHS = ['JAN', 'FEB', 'MAR', 'APR', 'MAY', 'JUN', 'JUL', 'AUG', 'SEP', 'OCT', 'NOV', 'DEC'];
const QUARTERS: Record<string, string> = { '03': 'H', '06': 'M', '09': 'U', '12': 'Z' };

/** `261225` → `25DEC26`. Source: ccxt base Exchange.js, convertExpireDateToMarketIdDate. */
function dayOf(yymmdd: string): string {
  const [year = '', month = '', day = ''] = yymmdd.match(/\d\d/g) ?? [];
  return `${Number(day)}${MONTHS[Number(month) - 1] ?? ''}${year}`;
}

/**
 * How each kind of market spells ccxt's unified names; null for another kind's. Source: ccxt, fetchSpotMarkets and
 * fetchFutureMarkets (ids are the venue's, names are made from them); the dated ids are from memory.
 */
export const SPELLINGS = {
  spot: (unified: string) => spelled(/^([^/:]+)\/([^/:]+)$/, unified, ([base, quote]) => `${base}${quote}`),
  linearUsdt: (unified: string) =>
    spelled(/^([^/:]+)\/USDT:USDT(?:-(\d{6}))?$/, unified, ([base, date]) =>
      date === undefined ? `${base}USDT` : `${base}USDT-${dayOf(date)}`,
    ),
  linearUsdc: (unified: string) =>
    spelled(/^([^/:]+)\/USDC:USDC(?:-(\d{6}))?$/, unified, ([base, date]) =>
      date === undefined ? `${base}PERP` : `${base}-${dayOf(date)}`,
    ),
  inverse: (unified: string) =>
    spelled(/^([^/:]+)\/USD:\1(?:-(\d\d)(\d\d)\d\d)?$/, unified, ([base, year, month]) =>
      year === undefined ? `${base}USD` : `${base}USD${QUARTERS[month ?? ''] ?? ''}${year}`,
    ),
  option: (unified: string) =>
    spelled(
      /^([^/:]+)\/USD[TC]:(USD[TC])-(\d{6})-(\d+(?:\.\d+)?-[CP])$/,
      unified,
      ([base, settle, date, rest]) =>
        `${base}-${dayOf(date ?? '')}-${rest}${settle === 'USDT' ? '-USDT' : ''}`,
    ),
};

function spelled(
  shape: RegExp,
  unified: string,
  spell: (parts: (string | undefined)[]) => string,
): string | null {
  const match = shape.exec(unified);
  return match === null ? null : spell(match.slice(1));
}

// ── Orders ───────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Bybit prints an empty text where there is no figure. */
const figure = z.union([z.literal('').transform(() => undefined), decimal]).optional();
const side = z.enum(['Buy', 'Sell']).transform((text): 'buy' | 'sell' => (text === 'Buy' ? 'buy' : 'sell'));

/** `UNKNOWN` in the response example of the page on open orders, an empty text on the wire today. */
const NO_STOP = new Set(['', 'UNKNOWN']);
/** What a position's own stops are called. Source: DOCS/enum#stopordertype. */
const POSITION_STOPS = new Set([
  'TakeProfit',
  'StopLoss',
  'TrailingStop',
  'PartialTakeProfit',
  'PartialStopLoss',
  'MmRateClose',
]);

type Row = z.infer<typeof orderRow>;
const orderRow = z.looseObject({
  orderId,
  symbol: z.string().min(1),
  side,
  qty: decimal,
  cumExecQty: figure,
  price: figure,
  triggerPrice: figure,
  stopOrderType: z.string().default(''),
  /** 0 one-way, 1 the long side, 2 the short side of hedge mode; not on spot. */
  positionIdx: z.number().optional(),
  reduceOnly: z.boolean().default(false),
  closeOnTrigger: z.boolean().default(false),
  marketUnit: z.string().default(''),
});

const isConditional = (row: Row): boolean => !NO_STOP.has(row.stopOrderType);

function protects(row: Row, category: Category): boolean {
  // Spot has no reduce-only. What stands between a balance and ruin is a conditional order that sells.
  if (category === 'spot') return row.side === 'sell' && isConditional(row);
  const closesSide =
    (row.positionIdx === 1 && row.side === 'sell') || (row.positionIdx === 2 && row.side === 'buy');
  return row.reduceOnly || row.closeOnTrigger || closesSide || POSITION_STOPS.has(row.stopOrderType);
}

const rawOrder = (row: Row, category: Category): RawOrder => ({
  id: row.orderId,
  symbol: row.symbol,
  side: row.side,
  // A stop on the whole position says 0; a market order on spot may be in quote.
  amount: row.qty === 0 || row.marketUnit === 'quoteCoin' ? null : tidy(row.qty - (row.cumExecQty ?? 0)),
  price: firstPrice(row.price, row.triggerPrice),
  protective: protects(row, category),
});

/** An answer that Bybit calls a success. ccxt throws for any other code. */
const answerOf = <T extends z.ZodType>(result: T) =>
  z.looseObject({ retCode: z.union([z.literal(0), z.literal('0')]), result });

/** The cursor goes back as it came: it is encoded already, and ccxt's sign adds no encoding (rawencode). */
const nextOf = (rows: unknown[], cursor: string | null | undefined): string | null =>
  // A page without rows is the last one, whatever cursor comes with it (ccxt reads it so in fetchFutureMarkets).
  rows.length === 0 || cursor === '' ? null : (cursor ?? null);

/** Rows of one list on one page. `keep` says which of the venue's rows this list shows. */
const ordersPage = (category: Category, keep: (row: Row) => boolean) =>
  answerOf(z.looseObject({ list: z.array(orderRow), nextPageCursor: z.string().nullish() })).transform(
    ({ result }): OrdersPage => ({
      orders: result.list.filter(keep).map((row) => rawOrder(row, category)),
      next: nextOf(result.list, result.nextPageCursor),
    }),
  );

/** What a cancel-all took. Bybit names ids alone, and for some accounts nothing; `0` is a failure. */
const swept = answerOf(
  z.looseObject({
    list: z.array(z.looseObject({ orderId })).nullish(),
    success: z.literal('1').optional(),
  }),
).transform(
  ({ result }): RawOrder[] | null =>
    result.list?.map(
      (row): RawOrder => ({
        id: row.orderId,
        symbol: '',
        side: 'unknown',
        amount: null,
        price: null,
        protective: false,
      }),
    ) ?? null,
);

const cancelledOne = answerOf(z.looseObject({ orderId })).transform(
  ({ result }): CancelAnswer => ({ cancelled: [result.orderId], refused: [] }),
);

/** One code an order, in the order asked. Source: DOCS/order/batch-cancel, response example. */
const cancelledBatch = (ids: string[]) =>
  z
    .looseObject({
      retCode: z.union([z.literal(0), z.literal('0')]),
      retExtInfo: z.looseObject({
        list: z
          .array(
            z.looseObject({ code: z.union([z.number(), z.string()]).transform(String), msg: z.string() }),
          )
          .length(ids.length),
      }),
    })
    .transform(({ retExtInfo }): CancelAnswer => {
      const said = retExtInfo.list.map((one, index) => ({ ...one, id: ids[index] ?? '' }));
      return {
        cancelled: said.filter((one) => one.code === '0').map((one) => one.id),
        refused: said
          .filter((one) => one.code !== '0')
          .map((one) => ({ id: one.id, code: one.code, text: one.msg })),
      };
    });

/** Of at most 50. Source: DOCS/order/open-order. */
const PAGE = { limit: 50 };
const cursorOf = (cursor: string | null) => (cursor === null ? {} : { cursor });

interface ListOptions {
  name: string;
  category: Category;
  /** What narrows the category, such as the settle coin that linear asks for. */
  scope?: Record<string, string>;
  /** Sent with the listing. Without it the venue shows all kinds, and `keep` chooses. */
  readFilter?: string;
  /** Sent with cancels; on spot with those by id too. Absent: the venue takes all kinds. */
  cancelFilter?: string;
  keep?: (row: Row) => boolean;
  /** Orders in one cancel by id; 1 sends the single call, which is the one that the docs promise for all kinds. */
  batch: number;
  /** Whether one cancel-all takes the whole list. Inverse asks for a symbol. */
  wide: boolean;
}

const LIST_SOURCE = `${DOCS}/order/open-order (limit 50, cursor; linear asks for a settle coin; "all kinds of orders by default"), ${DOCS}/order/cancel-all (orderFilter; linear and inverse ask for symbol or settleCoin, at most 500 at once; spot and option for nothing), ${DOCS}/order/cancel-order (orderFilter on spot), ${DOCS}/order/batch-cancel (10 orders are safe in every category); ${CCXT} fetchOpenOrders, cancelAllOrders, cancelOrderRequest`;

function listOf({
  name,
  category,
  scope = {},
  readFilter,
  cancelFilter,
  keep,
  batch,
  wide,
}: ListOptions): ListFacts {
  const filter = cancelFilter === undefined ? {} : { orderFilter: cancelFilter };
  const sweep = (narrow: Record<string, string>) => ({
    method: 'privatePostV5OrderCancelAll',
    params: { category, ...narrow, ...filter },
    answer: swept,
  });
  return {
    name,
    read: (cursor) => ({
      method: 'privateGetV5OrderRealtime',
      params: {
        category,
        ...scope,
        openOnly: 0,
        ...(readFilter === undefined ? {} : { orderFilter: readFilter }),
        ...PAGE,
        ...cursorOf(cursor),
      },
      answer: ordersPage(category, keep ?? (() => true)),
    }),
    sweep: (symbol) => sweep({ symbol }),
    ...(wide ? { sweepAll: () => sweep(scope) } : {}),
    cancel: (symbol, ids) =>
      batch > 1
        ? {
            method: 'privatePostV5OrderCancelBatch',
            params: { category, request: ids.map((id) => ({ symbol, orderId: id })) },
            answer: cancelledBatch(ids),
          }
        : {
            method: 'privatePostV5OrderCancel',
            // Contracts know no filter here: an id is enough.
            params: { category, symbol, orderId: ids[0] ?? '', ...(category === 'spot' ? filter : {}) },
            answer: cancelledOne,
          },
    batch,
    source: LIST_SOURCE,
  };
}

/**
 * Regular and conditional orders of one kind of contract. Both are read without a filter and told apart here, so that
 * a kind of order that we do not know is in one of them.
 */
const contractLists = (
  name: string,
  category: 'linear' | 'inverse',
  scope: Record<string, string>,
  wide: boolean,
): ListFacts[] => [
  listOf({
    name,
    category,
    scope,
    cancelFilter: 'Order',
    keep: (row) => !isConditional(row),
    batch: 10,
    wide,
  }),
  // Take-profits, stop-losses and trailing stops of a position are in it: StopOrder cancels them too.
  listOf({
    name: `${name} conditional`,
    category,
    scope,
    cancelFilter: 'StopOrder',
    keep: isConditional,
    batch: 1,
    wide,
  }),
];

/** What spot cancels kind by kind, each under its filter, and what its rows call it. */
const SPOT_KINDS = [
  { name: 'spot stop', filter: 'StopOrder', stopOrderType: 'Stop' },
  { name: 'spot TP/SL', filter: 'tpslOrder', stopOrderType: 'tpslOrder' },
  { name: 'spot OCO', filter: 'OcoOrder', stopOrderType: 'OcoOrder' },
  {
    name: 'spot bidirectional TP/SL',
    filter: 'BidirectionalTpslOrder',
    stopOrderType: 'BidirectionalTpslOrder',
  },
];
const spotKinds = new Set(SPOT_KINDS.map((kind) => kind.stopOrderType));

const spotLists: ListFacts[] = [
  // Whatever the lists below do not show, a kind that we do not know included.
  listOf({
    name: 'spot',
    category: 'spot',
    cancelFilter: 'Order',
    keep: (row) => !spotKinds.has(row.stopOrderType),
    batch: 10,
    wide: true,
  }),
  ...SPOT_KINDS.map(({ name, filter }) =>
    listOf({ name, category: 'spot', readFilter: filter, cancelFilter: filter, batch: 1, wide: true }),
  ),
];

// ── Positions and balances ───────────────────────────────────────────────────────────────────────────────────────────

const positionRow = z.looseObject({
  symbol: z.string().min(1),
  // An empty text or None for an empty position.
  side: z.enum(['Buy', 'Sell', 'None', '']),
  size: decimal,
  positionIdx: z.number(),
  markPrice: figure,
  positionValue: figure,
  unrealisedPnl: figure,
});

/** Zero sizes left out. `quote`: what notional and profit are in; null: what the symbol says at its end. */
const positionsPage = (category: Category, settle: string | null) =>
  answerOf(
    z.looseObject({
      list: z.array(
        positionRow.refine((row) => row.size === 0 || row.side === 'Buy' || row.side === 'Sell', 'no side'),
      ),
      nextPageCursor: z.string().nullish(),
    }),
  ).transform(
    ({ result }): PositionsPage => ({
      positions: result.list
        .filter((row) => row.size !== 0)
        .map((row): RawPosition => {
          const amount = Math.abs(row.size);
          const inverse = category === 'inverse';
          const value = row.positionValue === undefined ? null : Math.abs(row.positionValue);
          const mark = firstPrice(row.markPrice);
          return {
            symbol: row.symbol,
            kind: 'contract',
            side: row.side === 'Buy' ? 'long' : 'short',
            // A linear contract is one unit of base. An inverse one is one US dollar: a figure in base would move with
            // the price, and no two readings would agree.
            amount,
            free: amount,
            notional: inverse ? amount : mark === null ? value : tidy(amount * mark),
            currency: inverse ? 'USD' : settle,
            // Of inverse contracts it is in the base coin, another currency than the notional.
            unrealisedPnl: inverse ? null : (row.unrealisedPnl ?? null),
            hedge: row.positionIdx !== 0,
          };
        }),
      next: nextOf(result.list, result.nextPageCursor),
    }),
  );

const POSITION_SOURCE = `${DOCS}/position (limit 200, cursor; linear asks for a settle coin and then shows sizes above zero; inverse and option ask for nothing; positionIdx), ${DOCS}/order/create-order; ${CCXT} fetchPositions`;

const positionsOf = (
  scope: string,
  category: 'linear' | 'inverse' | 'option',
  settle: string | null,
): PositionFacts => ({
  scope,
  reads: [],
  pages: (cursor) => ({
    method: 'privateGetV5PositionList',
    params: {
      category,
      ...(settle === null ? {} : { settleCoin: settle }),
      limit: 200,
      ...cursorOf(cursor),
    },
    answer: positionsPage(category, settle),
  }),
  // Options are closed by hand: few buyers, and a market order that takes any price.
  ...(category === 'option'
    ? {}
    : {
        close: ({ symbol, position, quantity, clientId }) => ({
          method: 'privatePostV5OrderCreate',
          params: {
            category,
            symbol,
            side: position.side === 'long' ? 'Sell' : 'Buy',
            orderType: 'Market',
            qty: quantity,
            reduceOnly: true,
            // The side that it closes; hedge mode refuses an order without.
            positionIdx: position.hedge ? (position.side === 'long' ? 1 : 2) : 0,
            orderLinkId: clientId,
          },
          answer: createdOrder,
          once: true as const,
        }),
      }),
  closeNeedsStep: false,
  source: POSITION_SOURCE,
});

const createdOrder = answerOf(z.looseObject({ orderId })).transform(({ result }) => ({
  orderId: result.orderId,
}));

const wallet = answerOf(
  z.looseObject({
    list: z
      .array(
        z.looseObject({
          // A classic account answers another type, or refuses: it is not covered, and must not look empty.
          accountType: z.literal('UNIFIED'),
          coin: z.array(
            z.looseObject({
              coin: z.string().min(1),
              walletBalance: decimal,
              locked: figure,
              borrowAmount: figure,
              spotBorrow: figure,
              accruedInterest: figure,
            }),
          ),
        }),
      )
      .min(1),
  }),
).transform(({ result }) =>
  result.list.flatMap((account) =>
    account.coin.flatMap((held): RawPosition[] => {
      const line = { symbol: held.coin, notional: null, currency: null, unrealisedPnl: null, hedge: false };
      const owned = held.walletBalance;
      // borrowAmount holds spotBorrow; a balance below zero is a debt under the older logic.
      const borrowed = Math.max(held.borrowAmount ?? 0, held.spotBorrow ?? 0, -owned, 0);
      const owed = tidy(borrowed + (held.accruedInterest ?? 0));
      return [
        ...(owned > 0
          ? [
              {
                ...line,
                kind: 'balance' as const,
                side: 'long' as const,
                amount: owned,
                free: Math.max(0, tidy(owned - (held.locked ?? 0))),
              },
            ]
          : []),
        ...(owed > 0
          ? [{ ...line, kind: 'loan' as const, side: 'short' as const, amount: owed, free: 0 }]
          : []),
      ];
    }),
  ),
);

const balances: PositionFacts = {
  scope: 'balances',
  reads: [{ method: 'privateGetV5AccountWalletBalance', params: { accountType: 'UNIFIED' }, answer: wallet }],
  close: ({ symbol, quantity, clientId }) => ({
    method: 'privatePostV5OrderCreate',
    // isLeverage 0: a sell that borrows would open a loan. marketUnit: the quantity is in base.
    params: {
      category: 'spot',
      symbol,
      side: 'Sell',
      orderType: 'Market',
      qty: quantity,
      marketUnit: 'baseCoin',
      isLeverage: 0,
      orderLinkId: clientId,
    },
    answer: createdOrder,
    once: true,
  }),
  closeNeedsStep: true,
  source: `${DOCS}/account/wallet-balance (walletBalance, locked, borrowAmount, spotBorrow, accruedInterest; zero coins left out), ${DOCS}/order/create-order (marketUnit, isLeverage); ${CCXT} parseBalance`,
};

// ── The table entry ──────────────────────────────────────────────────────────────────────────────────────────────────

const optionPositions = positionsOf('option positions', 'option', null);

const rights = z.array(z.string()).default([]);
const keyAnswer = z
  .looseObject({
    result: z.looseObject({
      readOnly: z.number(),
      ips: z.array(z.string()).default([]),
      expiredAt: z.string().optional(),
      permissions: z.looseObject({
        ContractTrade: rights,
        Spot: rights,
        Derivatives: rights,
        Options: rights,
        Wallet: rights,
      }),
    }),
  })
  .transform(({ result: { readOnly, ips, expiredAt, permissions } }) => {
    const { ContractTrade, Spot, Derivatives, Options, Wallet } = permissions;
    const trades = [ContractTrade, Spot, Derivatives, Options].some((list) => list.length > 0);
    const at = expiredAt === undefined || expiredAt === '' ? null : Date.parse(expiredAt);
    const bound = ips.length > 0 && !ips.includes('*');
    return {
      // Any right to trade shows the orders and positions of its kind.
      canRead: trades,
      canTrade: readOnly === 0 && trades,
      canWithdraw: Wallet.includes('Withdraw'),
      addressBound: bound,
      expires:
        at === null
          ? bound
            ? ('never' as const)
            : ('unknown' as const)
          : Number.isNaN(at)
            ? ('unknown' as const)
            : at,
    };
  });

const accounts: AccountFacts[] = [
  {
    name: 'spot',
    market: 'spot',
    venueSymbol: SPELLINGS.spot,
    lists: spotLists,
    positions: [balances],
  },
  {
    name: 'linear USDT',
    market: 'linear',
    venueSymbol: SPELLINGS.linearUsdt,
    lists: contractLists('linear USDT', 'linear', { settleCoin: 'USDT' }, true),
    positions: [positionsOf('linear USDT positions', 'linear', 'USDT')],
  },
  {
    name: 'linear USDC',
    market: 'linear',
    venueSymbol: SPELLINGS.linearUsdc,
    lists: contractLists('linear USDC', 'linear', { settleCoin: 'USDC' }, true),
    positions: [positionsOf('linear USDC positions', 'linear', 'USDC')],
  },
  {
    name: 'inverse',
    market: 'inverse',
    venueSymbol: SPELLINGS.inverse,
    // Each settles in its own base coin, so that only a symbol cancels all.
    lists: contractLists('inverse', 'inverse', {}, false),
    positions: [positionsOf('inverse positions', 'inverse', null)],
  },
  {
    name: 'options',
    market: 'option',
    venueSymbol: SPELLINGS.option,
    // A key may lack the right for options; then they are named as not covered.
    probe: {
      method: 'privateGetV5PositionList',
      params: { category: 'option', limit: 1 },
      answer: answerOf(z.unknown()),
    },
    // Options have no conditional orders; cancel-all takes all of them, whatever the filter.
    lists: [listOf({ name: 'options', category: 'option', batch: 10, wide: true })],
    positions: [optionPositions],
  },
];

export const bybit: VenueFacts = {
  exchange: 'bybit',
  page: 'https://www.bybit.com/app/user/order-center',
  // Options are several thousand markets in six requests; orders on them are cancelled by the venue's ids.
  options: { defaultType: 'spot', fetchMarkets: { types: ['spot', 'linear', 'inverse'] } },
  market: 'spot',
  venueSymbol: SPELLINGS.spot,
  accounts,
  prices: {
    call: {
      method: 'publicGetV5MarketTickers',
      params: { category: 'spot' },
      answer: answerOf(
        z.looseObject({ list: z.array(z.looseObject({ symbol: z.string(), lastPrice: figure })) }),
      ).transform(
        ({ result }) =>
          new Map(
            result.list.flatMap(({ symbol, lastPrice }): [string, number][] =>
              lastPrice === undefined ? [] : [[symbol, lastPrice]],
            ),
          ),
      ),
    },
    symbol: (asset, quote) => `${asset}${quote}`,
  },
  notCovered: [
    {
      what: 'classic accounts: their balances cannot be read, so that the verdict is UNKNOWN',
      source: `${DOCS}/account/wallet-balance (accountType UNIFIED is for unified accounts alone)`,
    },
    {
      what: 'the derivatives wallet that a unified account 1.0 keeps for inverse contracts',
      source: `${DOCS}/account/wallet-balance (accountType CONTRACT); its orders and positions are read`,
    },
    {
      what: 'linear contracts settled in another coin than USDT and USDC',
      source: `${DOCS}/order/open-order: linear is listed settle coin by settle coin`,
    },
    {
      what: 'spread orders',
      source: `${DOCS}/spread/trade/cancel-all: a list of their own, for which ccxt has no call`,
    },
    {
      what: 'the funding wallet, earn, leveraged tokens and crypto loans',
      source: `${CCXT} describe().api: v5/asset/transfer, v5/earn, v5/spot-lever-token, v5/crypto-loan`,
    },
    {
      what: 'grid bots, TWAP and iceberg orders that Bybit itself runs, copy trading, pre-market and sub-accounts',
      source: `${CCXT} describe().api: no call of this key lists them`,
    },
  ],
  key: {
    call: { method: 'privateGetV5UserQueryApi', params: {}, answer: keyAnswer },
    refused: ['10003', '10004', '10005', '10010', '33004'],
    source: `${DOCS}/user/apikey-info ("Any permission can access this endpoint"; expiredAt only for keys without a bound address); ${CCXT} v5/user/query-api`,
  },
  codes: {
    // These codes mean nothing else; what is still there, the next reading shows.
    gone: ['110001', '110008', '110010', '170139', '170142', '170143', '170190', '170213'].map((code) => ({
      code,
      text: /(?:)/,
    })),
    clockSkew: ['10002'],
    outcomeUnknown: ['10000', '10016', '10019', '170146', '170147'],
    // 10006 counts by call and second: waiting with all calls would hold up cancels that it does not concern.
    wait: { '10009': 600_000, '10018': 600_000 },
    ban: { answer: /access too frequent/i, ms: 600_000 },
    words: {
      '10000': 'the venue timed out inside',
      '10001': 'the venue refuses a parameter',
      '10002': 'our clock differs from the venue’s',
      '10003': 'the venue refuses the key',
      '10004': 'the venue refuses the signature',
      '10005': 'the key lacks a permission',
      '10006': 'too many requests',
      '10009': 'the venue has banned our address',
      '10010': 'the venue refuses our address for this key',
      '10016': 'the venue has an internal error or is restarting',
      '10018': 'too many requests from our address',
      '10024': 'the venue refuses by its compliance rules',
      '33004': 'the key has expired',
      '110007': 'the balance is insufficient',
      '110017': 'nothing to reduce',
      '170131': 'the balance is insufficient',
      '170145': 'this kind of order cannot be cancelled by id',
      '170202': 'the venue does not take this kind of order here',
    },
    source: `${DOCS}/error; ${DOCS}/rate-limit ("403, access too frequent": wait at least 10 minutes; 10006 is per second and call); ${CCXT} exceptions.exact`,
  },
  hedgeMode: {
    is: 'positionIdx 1 (long side) or 2 (short side) in every row of positions and orders; one-way accounts say 0',
    source: `${DOCS}/position, ${DOCS}/enum#positionidx`,
  },
  reduceOnly: {
    is: 'reduceOnly=true with the positionIdx of the side, in both modes; none on spot: a market sell of the free balance',
    source: `${DOCS}/order/create-order; ${CCXT} createOrderRequest`,
  },
  oneLane: { is: false, source: `${CCXT} sign: a timestamp with recv_window, which may repeat` },
  pollMs: {
    is: 5_000,
    source: `${DOCS}/rate-limit: 600 requests in 5 s an address, 50 a second for open orders; ${CCXT}: 17 a reading, 6 % of it with two readings at 5 s`,
  },
  money: bybitMoney,
};
