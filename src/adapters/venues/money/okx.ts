/** What OKX's trading account is worth, and what is moved in or out of it. */

import { z } from 'zod';
import { decimal, kindBy, type LedgerPage, type MoneyFacts } from '../facts.ts';

const DOCS = 'https://www.okx.com/docs-v5/en/';
const CCXT = 'ccxt 4.5.84 js/src/okx.js';
/** The most that a page of bills holds. Source: DOCS, bills of the last 7 days, `limit`. */
const PAGE = 100;

const answer = <T>(row: z.ZodType<T>) =>
  z.looseObject({ code: z.literal('0'), data: z.array(row) }).transform(({ data }) => data);

/** Kinds by OKX's numbers; what is not sure here is left unknown. */
const kindOf = kindBy(
  // Transfer, transfer to a bot, share of a copied profit.
  new Set(['1', '12', '18']),
  new Set([
    '2', // trade
    '3', // delivery
    '4', // automatic conversion
    '5', // liquidation
    '6', // margin of a position, within the account
    '7', // interest
    '8', // funding
    '9', // automatic deleveraging
    '10', // clawback
    '11', // conversion by the system
    '13', // delta hedging
    '14', // block trade
    '15', // borrowed for a position, within the account
    '22', // repayment
    '24', // spread trading
  ]),
);

const bills = answer(
  z.looseObject({
    billId: z.string().min(1),
    ts: decimal,
    ccy: z.string().min(1),
    balChg: decimal,
    type: z.string().min(1),
  }),
).transform(
  (rows): LedgerPage => ({
    rows: rows.map((row) => ({
      id: row.billId,
      at: row.ts,
      asset: row.ccy,
      amount: row.balChg,
      kind: kindOf(row.type),
      word: `bill type ${row.type}`,
    })),
    next: rows.length < PAGE ? null : (rows.at(-1)?.billId ?? null),
  }),
);

export const okxMoney: MoneyFacts = {
  equity: {
    is: {
      method: 'privateGetAccountBalance',
      params: {},
      answer: answer(
        z.looseObject({ details: z.array(z.looseObject({ ccy: z.string().min(1), eq: decimal })) }),
      )
        .refine((rows) => rows.length > 0, 'the account itself is missing')
        .transform((rows) =>
          rows
            .flatMap(({ details }) => details)
            .filter(({ eq }) => eq !== 0)
            .map(({ ccy, eq }) => ({ asset: ccy, amount: eq })),
        ),
    },
    source: `${DOCS}#trading-account-rest-api-get-balance (eq: equity of the currency)`,
  },
  ledgers: () => [
    {
      name: 'bills',
      read: ({ fromMs, untilMs }, cursor) => ({
        method: 'privateGetAccountBills',
        params: {
          begin: String(fromMs),
          end: String(untilMs),
          limit: PAGE,
          ...(cursor === null ? {} : { after: cursor }),
        },
        answer: bills,
      }),
      rereads: false,
      source: `${DOCS}#trading-account-rest-api-get-bills-details-last-7-days (begin and end by time, after = older than this billId, at most 100); ${CCXT} parseLedgerEntryType; types above 11 from public clients`,
    },
  ],
  results: {
    told: false,
    why: 'its bills are read for their kind and sum alone; profit and fees are not told apart here',
  },
  pagesAtOnce: { is: 5, source: `${CCXT} account/bills: 5 a second` },
  notSeen: [],
  time: {
    call: {
      method: 'publicGetPublicTime',
      params: {},
      answer: answer(z.looseObject({ ts: decimal }))
        .refine((rows) => rows.length === 1, 'one time was expected')
        .transform(([row]) => row?.ts ?? 0),
    },
    stepMs: 1,
    source: `${DOCS}#public-data-rest-api-get-system-time`,
  },
  status: {
    call: {
      method: 'publicGetSystemStatus',
      params: { state: 'ongoing' },
      answer: answer(z.looseObject({ title: z.string(), state: z.string() })).transform((rows) => {
        const ongoing = rows.find(({ state }) => state === 'ongoing');
        return ongoing === undefined
          ? { ok: true, text: 'no maintenance' }
          : { ok: false, text: `maintenance: ${ongoing.title}` };
      }),
    },
    source: `${DOCS}#status-get-status (state; one request in 5 s)`,
  },
  pollMs: {
    is: 10_000,
    source: `${DOCS}: bills 5 a second, balance and positions 10 in 2 s, status 1 in 5 s; a measurement asks one or two of each`,
  },
};
