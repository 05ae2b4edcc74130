/** What a Binance key may do, for spot and futures alike: one call of the wallet tells it. */

import { z } from 'zod';
import type { KeyFacts } from './facts.ts';

const restrictions = z.looseObject({
  ipRestrict: z.boolean().optional(),
  enableReading: z.boolean(),
  enableWithdrawals: z.boolean(),
  enableFutures: z.boolean().optional(),
  enableSpotAndMarginTrading: z.boolean().optional(),
  /** "Expiration time for spot and margin trading permission", ms; not sent for every key. */
  tradingAuthorityExpirationTime: z.number().int().positive().optional(),
});

/** `right`: the one that trading at this venue needs. */
export const binanceKey = (right: 'enableFutures' | 'enableSpotAndMarginTrading'): KeyFacts => ({
  call: {
    method: 'sapiGetAccountApiRestrictions',
    params: {},
    answer: restrictions.transform((key) => ({
      canRead: key.enableReading,
      canTrade: key[right] ?? null,
      canWithdraw: key.enableWithdrawals,
      expires: key.tradingAuthorityExpirationTime ?? ('unknown' as const),
      ...(key.ipRestrict === undefined ? {} : { addressBound: key.ipRestrict }),
    })),
  },
  refused: ['-2008', '-2014', '-2015'],
  source:
    'https://developers.binance.com/docs/wallet/account/api-key-permission (weight 1); the expiry from the older form of that page; ccxt 4.5.84 js/src/binance.js sapi account/apiRestrictions',
});
