/** What Binance spot and cross margin wallets are worth, and what is moved in or out of them: there is no one ledger of it. */

import { z } from 'zod';
import { decimal, type LedgerFacts, type LedgerPage, type LedgerRow, type MoneyFacts } from '../facts.ts';

const DOCS = 'https://developers.binance.com/docs/wallet';
const SPOT = 'https://developers.binance.com/docs/binance-spot-api-docs/rest-api';
const CCXT = 'ccxt 4.5.84 js/src/binance.js';
/** Of deposits and withdrawals. Source: DOCS/capital. */
const PAGE = 1_000;
/** Of transfers. Source: DOCS/asset/query-user-universal-transfer. */
const TRANSFER_PAGE = 100;
/** A deposit is dated when it was first seen; it may be credited much later. */
const UNDER_WAY_MS = 86_400_000;

export const systemStatus: MoneyFacts['status'] = {
  call: {
    method: 'sapiGetSystemStatus',
    params: {},
    answer: z
      .looseObject({ status: z.union([z.literal(0), z.literal(1)]), msg: z.string() })
      .transform(({ status, msg }) => ({ ok: status === 0, text: msg })),
  },
  source: `${DOCS}/others/system-status (0 normal, 1 maintenance; public)`,
};

const id = z.union([z.string().min(1), z.number()]).transform(String);
/** 0 the spot wallet, 1 the funding wallet, which is not measured. */
const walletType = z.number().default(0);

/** 0 pending, 2 rejected, 7 wrong, 8 waiting for the user: not credited. 1 done, 6 credited, not yet to be withdrawn. */
function depositKind(status: number): LedgerRow['kind'] | null {
  if (status === 1 || status === 6) return 'transfer';
  return [0, 2, 7, 8].includes(status) ? null : 'unknown';
}

const deposits: LedgerFacts = {
  name: 'deposits',
  read: ({ fromMs, untilMs }, cursor) => {
    const offset = Number(cursor ?? 0);
    return {
      method: 'sapiGetCapitalDepositHisrec',
      params: { startTime: fromMs - UNDER_WAY_MS, endTime: untilMs, offset, limit: PAGE },
      answer: z
        .array(
          z.looseObject({
            id: id.optional(),
            txId: z.string().optional(),
            amount: decimal,
            coin: z.string().min(1),
            status: z.number(),
            insertTime: z.number(),
            completeTime: z.number().nullish(),
            walletType,
          }),
        )
        .transform(
          (rows): LedgerPage => ({
            rows: rows.flatMap((row) => {
              const kind = depositKind(row.status);
              if (kind === null || row.walletType !== 0) return [];
              return [
                {
                  id: `${row.id ?? row.txId ?? ''} ${row.insertTime}`,
                  at: row.completeTime ?? row.insertTime,
                  asset: row.coin,
                  amount: row.amount,
                  kind,
                  word: `deposit status ${row.status}`,
                },
              ];
            }),
            next: rows.length < PAGE ? null : String(offset + rows.length),
          }),
        ),
    };
  },
  rereads: true,
  source: `${DOCS}/capital/deposite-history (status, limit and offset; walletType 0 spot, 1 funding; completeTime from memory)`,
};

/** 1 cancelled, 3 rejected, 5 failed: the money is back. 0 mail sent, 2 to be approved, 4 in work, 6 done: it is gone. */
function withdrawalKind(status: number): LedgerRow['kind'] | null {
  if ([0, 2, 4, 6].includes(status)) return 'transfer';
  return [1, 3, 5].includes(status) ? null : 'unknown';
}

const utc = z
  .string()
  .regex(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/)
  .transform((text) => Date.parse(`${text.replace(' ', 'T')}Z`));

const withdrawals: LedgerFacts = {
  name: 'withdrawals',
  read: ({ fromMs, untilMs }, cursor) => {
    const offset = Number(cursor ?? 0);
    return {
      method: 'sapiGetCapitalWithdrawHistory',
      params: { startTime: fromMs, endTime: untilMs, offset, limit: PAGE },
      answer: z
        .array(
          z.looseObject({
            id,
            amount: decimal,
            transactionFee: decimal.default(0),
            coin: z.string().min(1),
            status: z.number(),
            applyTime: utc,
            walletType,
          }),
        )
        .transform(
          (rows): LedgerPage => ({
            rows: rows.flatMap((row) => {
              const kind = withdrawalKind(row.status);
              if (kind === null || row.walletType !== 0) return [];
              return [
                {
                  id: row.id,
                  at: row.applyTime,
                  asset: row.coin,
                  amount: -(row.amount + row.transactionFee),
                  kind,
                  word: `withdrawal status ${row.status}`,
                },
              ];
            }),
            next: rows.length < PAGE ? null : String(offset + rows.length),
          }),
        ),
    };
  },
  rereads: true,
  source: `${DOCS}/capital/withdraw-history (UID weight 18000 of 180000 a minute; applyTime in UTC, transactionFee beside amount, walletType)`,
};

/** The wallets' names in the kinds of transfers; a transfer is `FROM_TO`. */
const WALLETS = { MAIN: 'spot', MARGIN: 'cross margin' } as const;
const OTHERS = {
  MAIN: ['UMFUTURE', 'CMFUTURE', 'FUNDING', 'OPTION'],
  MARGIN: ['UMFUTURE', 'CMFUTURE', 'FUNDING', 'OPTION'],
} as const;

/** Money that is on its way has left, and has not arrived. */
function transferKind(status: string, out: boolean): LedgerRow['kind'] | null {
  if (status === 'CONFIRMED') return 'transfer';
  if (status === 'PENDING') return out ? 'transfer' : null;
  return status === 'FAILED' ? null : 'unknown';
}

const transfers = (from: string, to: string, out: boolean): LedgerFacts => {
  const type = `${from}_${to}`;
  return {
    name: `transfers ${type}`,
    read: ({ fromMs, untilMs }, cursor) => {
      const current = Number(cursor ?? 1);
      return {
        method: 'sapiGetAssetTransfer',
        params: { type, startTime: fromMs, endTime: untilMs, current, size: TRANSFER_PAGE },
        answer: z
          .looseObject({
            total: z.number(),
            rows: z
              .array(
                z.looseObject({
                  asset: z.string().min(1),
                  amount: decimal,
                  type: z.literal(type),
                  status: z.string(),
                  tranId: id,
                  timestamp: z.number(),
                }),
              )
              .default([]),
          })
          .refine(({ total, rows }) => total === 0 || rows.length > 0, 'rows were expected')
          .transform(
            ({ total, rows }): LedgerPage => ({
              rows: rows.flatMap((row) => {
                const kind = transferKind(row.status, out);
                if (kind === null) return [];
                return [
                  {
                    id: row.tranId,
                    at: row.timestamp,
                    asset: row.asset,
                    amount: out ? -row.amount : row.amount,
                    kind,
                    word: `transfer ${row.status}`,
                  },
                ];
              }),
              next: current * TRANSFER_PAGE < total ? String(current + 1) : null,
            }),
          ),
      };
    },
    rereads: true,
    source: `${DOCS}/asset/query-user-universal-transfer (weight 1, one kind at a time, at most 100 a page)`,
  };
};

/** Between the wallets that are measured nothing comes in or goes out. */
function ledgers(covers: (account: string) => boolean): LedgerFacts[] {
  const measured = (['MAIN', 'MARGIN'] as const).filter((wallet) => covers(WALLETS[wallet]));
  const both = measured.length === 2;
  return [
    deposits,
    withdrawals,
    ...measured.flatMap((wallet) => {
      const inner = wallet === 'MAIN' ? 'MARGIN' : 'MAIN';
      const far = both ? OTHERS[wallet] : [...OTHERS[wallet], inner];
      return far.flatMap((other) => [transfers(wallet, other, true), transfers(other, wallet, false)]);
    }),
  ];
}

export const binanceMoney: MoneyFacts = {
  equity: {
    is: 'positions',
    source: `${SPOT}/account-endpoints (balances, free and locked); cross margin: free, locked, borrowed, interest`,
  },
  ledgers,
  results: {
    told: false,
    why: 'a spot wallet keeps no record of profit; a trade is an exchange of assets',
  },
  pagesAtOnce: { is: 3, source: `${DOCS}/capital/withdraw-history: 3 × 18000 of 180000 a minute` },
  notSeen: [
    {
      what: 'transfers to and from isolated margin',
      source: `${DOCS}/asset/query-user-universal-transfer: by symbol`,
    },
    {
      what: 'transfers between sub-accounts',
      source: `${CCXT} sapi sub-account/*: for keys of the main account`,
    },
    {
      what: 'earn products, P2P, Pay, fiat, dividends and gifts',
      source: `${CCXT} sapi simple-earn, c2c, pay, fiat, asset/assetDividend`,
    },
    {
      what: 'a deposit that was under way at 00:00 UTC',
      source: `${DOCS}/capital/deposite-history: insertTime`,
    },
  ],
  time: {
    call: {
      method: 'publicGetTime',
      params: {},
      answer: z.looseObject({ serverTime: z.number() }).transform(({ serverTime }) => serverTime),
    },
    stepMs: 1,
    source: `${SPOT}/general-endpoints (check server time)`,
  },
  status: systemStatus,
  pollMs: {
    is: 30_000,
    source: `${DOCS}/capital/withdraw-history: 18000 twice a minute is 20 % of what a user may ask`,
  },
};
