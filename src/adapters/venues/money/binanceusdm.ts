/** What a Binance USD-M wallet is worth, and what is moved in or out of it. */

import { z } from 'zod';
import { decimal, kindBy, type LedgerPage, type LedgerRow, type MoneyFacts } from '../facts.ts';
import { systemStatus } from './binance.ts';

const DOCS = 'https://developers.binance.com/docs/derivatives/usds-margined-futures';
const CCXT = 'ccxt 4.5.84 js/src/binance.js';
/** The most that one page of the income history holds. Source: DOCS, Get-Income-History. */
const PAGE = 1_000;

/** Every kind that the page names. Gifts are no profit of trading: they must not hide a loss. */
const kindOf = kindBy(
  new Set([
    'TRANSFER',
    'INTERNAL_TRANSFER',
    'CROSS_COLLATERAL_TRANSFER',
    'STRATEGY_UMFUTURES_TRANSFER',
    'WELCOME_BONUS',
    'CONTEST_REWARD',
    'BFUSD_REWARD',
  ]),
  new Set([
    'REALIZED_PNL',
    'FUNDING_FEE',
    'COMMISSION',
    'INSURANCE_CLEAR',
    'REFERRAL_KICKBACK',
    'COMMISSION_REBATE',
    'API_REBATE',
    'FEE_RETURN',
    'OPTIONS_PREMIUM_FEE',
    'OPTIONS_SETTLE_PROFIT',
    'DELIVERED_SETTELMENT',
    'POSITION_LIMIT_INCREASE_FEE',
    // One asset of the wallet for another: both sides are listed.
    'AUTO_EXCHANGE',
    'COIN_SWAP_DEPOSIT',
    'COIN_SWAP_WITHDRAW',
  ]),
);

/** Which part of the result each kind is. What is not here is an exchange of assets: it is no profit and no loss. */
const PARTS: Record<string, 'realised' | 'fees' | 'other'> = {
  REALIZED_PNL: 'realised',
  OPTIONS_SETTLE_PROFIT: 'realised',
  DELIVERED_SETTELMENT: 'realised',
  COMMISSION: 'fees',
  COMMISSION_REBATE: 'fees',
  REFERRAL_KICKBACK: 'fees',
  API_REBATE: 'fees',
  FEE_RETURN: 'fees',
  OPTIONS_PREMIUM_FEE: 'fees',
  POSITION_LIMIT_INCREASE_FEE: 'fees',
  FUNDING_FEE: 'other',
  INSURANCE_CLEAR: 'other',
};

function partsOf(word: string, amount: number): Pick<LedgerRow, 'parts'> {
  const part = PARTS[word];
  return part === undefined ? {} : { parts: { realised: 0, fees: 0, other: 0, [part]: amount } };
}

const income = (page: number) =>
  z
    .array(
      z.looseObject({
        incomeType: z.string().min(1),
        income: decimal,
        asset: z.string().min(1),
        time: z.number(),
        tranId: z.union([z.string(), z.number()]),
      }),
    )
    .transform(
      (rows): LedgerPage => ({
        rows: rows.map((row) => ({
          // Unique within its kind.
          id: `${row.incomeType} ${row.tranId} ${row.asset}`,
          at: row.time,
          asset: row.asset,
          amount: row.income,
          kind: kindOf(row.incomeType),
          word: row.incomeType,
          ...partsOf(row.incomeType, row.income),
        })),
        next: rows.length < PAGE ? null : String(page + 1),
      }),
    );

export const binanceusdmMoney: MoneyFacts = {
  equity: {
    is: {
      method: 'fapiPrivateV3GetAccount',
      params: {},
      answer: z
        .looseObject({
          assets: z.array(z.looseObject({ asset: z.string().min(1), marginBalance: decimal })),
        })
        .transform(({ assets }) =>
          assets
            .filter(({ marginBalance }) => marginBalance !== 0)
            .map(({ asset, marginBalance }) => ({ asset, amount: marginBalance })),
        ),
    },
    source: `${DOCS}/account/rest-api/Account-Information-V3 (marginBalance = wallet balance + unrealised profit, by asset; weight 5)`,
  },
  prices: {
    call: {
      method: 'fapiPublicV2GetTickerPrice',
      params: {},
      answer: z
        .array(z.looseObject({ symbol: z.string(), price: decimal }))
        .transform((rows) => new Map(rows.map((one) => [one.symbol, one.price]))),
    },
    symbol: (asset, quote) => `${asset}${quote}`,
  },
  ledgers: () => [
    {
      name: 'income',
      read: ({ fromMs, untilMs }, cursor) => {
        const page = Number(cursor ?? 1);
        return {
          method: 'fapiPrivateGetIncome',
          params: { startTime: fromMs, endTime: untilMs, page, limit: PAGE },
          answer: income(page),
        };
      },
      rereads: false,
      source: `${DOCS}/account/rest-api/Get-Income-History (weight 30, page, at most 1000, every kind of flow unless one is named)`,
    },
  ],
  results: {
    told: true,
    source: `${DOCS}/account/rest-api/Get-Income-History (incomeType: each flow is a row of its own)`,
  },
  pagesAtOnce: { is: 4, source: `${DOCS}/account/rest-api/Get-Income-History: 4 × 30 of 2400 a minute` },
  notSeen: [],
  time: {
    call: {
      method: 'fapiPublicGetTime',
      params: {},
      answer: z.looseObject({ serverTime: z.number() }).transform(({ serverTime }) => serverTime),
    },
    stepMs: 1,
    source: `${DOCS}/market-data/rest-api/Check-Server-Time`,
  },
  status: systemStatus,
  pollMs: {
    is: 10_000,
    source: `${CCXT} costs of fapiPrivate: account 5 + income 30 + positions 5 + time 1 every 10 s and positions 5 every 5 s, 12 % of 2400 a minute beside the 43 % of a kill's readings`,
  },
};
