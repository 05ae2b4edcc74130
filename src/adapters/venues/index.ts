/** The proven table: the exchanges whose lists are known to be all that they keep. Any other never says FLAT. */

import { binance } from './binance.ts';
import { binanceusdm } from './binanceusdm.ts';
import { bybit } from './bybit.ts';
import type { VenueFacts } from './facts.ts';
import { kraken } from './kraken.ts';
import { okx } from './okx.ts';

export const PROVEN: ReadonlyMap<string, VenueFacts> = new Map(
  [binance, binanceusdm, bybit, kraken, okx].map((facts) => [facts.exchange, facts]),
);
