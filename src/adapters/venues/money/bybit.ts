/** What Bybit's unified account is worth, and what is moved in or out of it. */

import { z } from 'zod';
import { decimal, kindBy, type LedgerPage, type MoneyFacts } from '../facts.ts';

const DOCS = 'https://bybit-exchange.github.io/docs/v5';
const CCXT = 'ccxt 4.5.84 js/src/bybit.js';

const answerOf = <T extends z.ZodType>(result: T) =>
  z.looseObject({ retCode: z.union([z.literal(0), z.literal('0')]), result });

/** Gifts are no profit of trading. Loans of institutions and other rare kinds are left unknown. */
const kindOf = kindBy(
  new Set([
    'TRANSFER_IN',
    'TRANSFER_OUT',
    'AIRDROP',
    'BONUS',
    'BONUS_RECOLLECT',
    'BONUS_TRANSFER_IN',
    'BONUS_TRANSFER_OUT',
    'FLEXIBLE_STAKING_SUBSCRIPTION',
    'FLEXIBLE_STAKING_REDEMPTION',
    'FLEXIBLE_STAKING_REFUND',
    'FIXED_STAKING_SUBSCRIPTION',
    'FIXED_STAKING_REFUND',
  ]),
  new Set([
    'TRADE',
    'SETTLEMENT',
    'DELIVERY',
    'LIQUIDATION',
    'ADL',
    'FEE_REFUND',
    'INTEREST',
    'CURRENCY_BUY',
    'CURRENCY_SELL',
    'SPOT_REPAYMENT_SELL',
    'SPOT_REPAYMENT_BUY',
  ]),
);

const log = answerOf(
  z.looseObject({
    list: z.array(
      z.looseObject({
        id: z.string().min(1),
        transactionTime: decimal,
        type: z.string().min(1),
        currency: z.string().min(1),
        change: decimal,
        category: z.string().optional(),
        cashFlow: decimal.optional(),
        fee: decimal.optional(),
        funding: z.union([decimal, z.literal('').transform(() => 0)]).optional(),
      }),
    ),
    nextPageCursor: z.string().nullish(),
  }),
).transform(
  ({ result: { list, nextPageCursor } }): LedgerPage => ({
    rows: list.map((row) => ({
      id: row.id,
      at: row.transactionTime,
      asset: row.currency,
      amount: row.change,
      kind: kindOf(row.type),
      word: row.type,
      // On spot the flow is one asset for another: no profit and no loss.
      ...(row.category === 'linear' && row.cashFlow !== undefined && row.fee !== undefined
        ? { parts: { realised: row.cashFlow, fees: 0 - row.fee, other: row.funding ?? 0 } }
        : {}),
    })),
    next: list.length === 0 || nextPageCursor === '' ? null : (nextPageCursor ?? null),
  }),
);

export const bybitMoney: MoneyFacts = {
  equity: {
    is: {
      method: 'privateGetV5AccountWalletBalance',
      params: { accountType: 'UNIFIED' },
      answer: answerOf(
        z.looseObject({
          list: z
            .array(
              z.looseObject({
                accountType: z.literal('UNIFIED'),
                coin: z.array(z.looseObject({ coin: z.string().min(1), equity: decimal })),
              }),
            )
            .min(1),
        }),
      ).transform(({ result }) =>
        result.list.flatMap(({ coin }) =>
          coin
            .filter(({ equity }) => equity !== 0)
            .map(({ coin: asset, equity }) => ({ asset, amount: equity })),
        ),
      ),
    },
    source: `${DOCS}/account/wallet-balance (equity = wallet balance − borrowed + unrealised profit + option value, by coin)`,
  },
  ledgers: () => [
    {
      name: 'transaction log',
      read: ({ fromMs, untilMs }, cursor) => ({
        method: 'privateGetV5AccountTransactionLog',
        params: {
          accountType: 'UNIFIED',
          startTime: fromMs,
          endTime: untilMs,
          limit: 50,
          ...(cursor === null ? {} : { cursor }),
        },
        answer: log,
      }),
      rereads: false,
      source: `${DOCS}/account/transaction-log (every type unless one is named, at most 50, cursor, at most 7 days), ${DOCS}/enum#typeuta-translog`,
    },
  ],
  results: {
    told: true,
    source: `${DOCS}/account/transaction-log (change = cashFlow + funding − fee; a fee above zero is paid)`,
  },
  pagesAtOnce: { is: 10, source: `${CCXT} v5/account/transaction-log: 30 a second` },
  notSeen: [],
  time: {
    call: {
      method: 'publicGetV5MarketTime',
      params: {},
      answer: answerOf(z.looseObject({ timeNano: decimal })).transform(({ result }) =>
        Math.floor(result.timeNano / 1e6),
      ),
    },
    stepMs: 1,
    source: `${DOCS}/market/time (timeNano)`,
  },
  status: {
    call: {
      method: 'publicGetV5SystemStatus',
      params: {},
      answer: answerOf(
        z.looseObject({ list: z.array(z.looseObject({ title: z.string(), state: z.string() })) }),
      ).transform(({ result }) => {
        const ongoing = result.list.find(({ state }) => state === 'ongoing');
        return ongoing === undefined
          ? { ok: true, text: 'no maintenance' }
          : { ok: false, text: `maintenance: ${ongoing.title}` };
      }),
    },
    source: `${DOCS}/system-status (state scheduled, ongoing, completed, canceled); ${CCXT} fetchStatus`,
  },
  pollMs: {
    is: 10_000,
    source: `${DOCS}/rate-limit: 50 a second a user for the wallet, 30 for the log; a measurement asks some ten`,
  },
};
