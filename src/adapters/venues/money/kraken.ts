/** What Kraken's spot and margin account is worth, and what is moved in or out of it. */

import { z } from 'zod';
import { decimal, kindBy, type LedgerPage, type MoneyFacts, tidy } from '../facts.ts';
import { commonName, isOutside } from '../krakenNames.ts';

const API = 'https://docs.kraken.com/api-reference';
const GUIDES = 'https://docs.kraken.com/exchange/guides';
/** Source: API/account-data/get-ledgers-info, "50 results are returned at a time". */
const PAGE = 50;

const answered = <T>(result: z.ZodType<T>) =>
  z.looseObject({ error: z.array(z.unknown()).length(0), result }).transform((body) => body.result);

const kindOf = kindBy(
  // Rewards and corrections are no profit of trading; what goes into earn products leaves what is measured.
  new Set([
    'deposit',
    'withdrawal',
    'transfer',
    'custodytransfer',
    'credit',
    'adjustment',
    'staking',
    'earn',
    'allocation',
    'deallocation',
    'reward',
    'dividend',
    'nft_rebate',
  ]),
  new Set(['trade', 'margin', 'rollover', 'settled', 'spend', 'receive', 'sale', 'conversion']),
);

const entry = z.looseObject({
  time: decimal,
  type: z.string().min(1),
  asset: z.string().min(1),
  amount: decimal,
  fee: decimal,
});

const page = (offset: number) =>
  // An empty map may come as an empty list. Source: memory.
  answered(
    z.looseObject({ ledger: z.union([z.record(z.string().min(1), entry), z.array(entry).length(0)]) }),
  ).transform(({ ledger }): LedgerPage => {
    const rows = Object.entries(ledger);
    return {
      rows: rows.flatMap(([id, row]) =>
        isOutside(row.asset)
          ? []
          : [
              {
                id,
                at: row.time * 1_000,
                asset: commonName(row.asset.replace(/\.F$/, '')),
                amount: tidy(row.amount - row.fee),
                kind: kindOf(row.type),
                word: row.type,
              },
            ],
      ),
      next: rows.length < PAGE ? null : String(offset + rows.length),
    };
  });

export const krakenMoney: MoneyFacts = {
  equity: {
    is: 'positions',
    source: `${API}/account-data/get-extended-balance, ${API}/account-data/get-open-positions (net: unrealised)`,
  },
  ledgers: () => [
    {
      name: 'ledger',
      read: ({ fromMs, untilMs }, cursor) => {
        const ofs = Number(cursor ?? 0);
        return {
          method: 'privatePostLedgers',
          // In seconds; the start is exclusive.
          params: { start: Math.floor(fromMs / 1_000) - 1, end: Math.ceil(untilMs / 1_000), ofs },
          answer: page(ofs),
        };
      },
      rereads: false,
      source: `${API}/account-data/get-ledgers-info (newest first, 50 at a time, ofs; types of the request); adjustment, spend and receive from public clients`,
    },
  ],
  results: {
    told: false,
    why: 'its ledger gives trades as exchanges of assets, not as profit',
  },
  pagesAtOnce: { is: 2, source: `${GUIDES}/rest/ratelimits: a page of the ledger counts 2 of 15 (Starter)` },
  notSeen: [],
  time: {
    call: {
      method: 'publicGetTime',
      params: {},
      answer: answered(z.looseObject({ unixtime: z.number() })).transform(({ unixtime }) => unixtime * 1_000),
    },
    stepMs: 1_000,
    source: `${API}/market-data/get-server-time`,
  },
  status: {
    call: {
      method: 'publicGetSystemStatus',
      params: {},
      answer: answered(z.looseObject({ status: z.string().min(1) })).transform(({ status }) => ({
        ok: status === 'online',
        text: status,
      })),
    },
    source: `${API}/market-data/get-system-status (online, maintenance, cancel_only, post_only)`,
  },
  pollMs: {
    is: 60_000,
    source: `${GUIDES}/rest/ratelimits: 2 counted for the ledger and 2 for balances and positions a minute`,
  },
};
