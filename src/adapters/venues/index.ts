/** The proven table: the exchanges whose lists are known to be all that they keep. Any other never says FLAT. */

import { binance } from './binance.ts';
import { binanceusdm } from './binanceusdm.ts';
import type { VenueFacts } from './facts.ts';

export const PROVEN: ReadonlyMap<string, VenueFacts> = new Map(
  [binance, binanceusdm].map((facts) => [facts.exchange, facts]),
);
