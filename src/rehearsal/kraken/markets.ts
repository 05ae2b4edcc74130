import type { VenueMarket } from '../venue/state.ts';

/** A pair as Kraken names it: the id of AssetPairs, its altname, its wsname. Base and quote are Kraken's asset names. */
export interface KrakenMarket extends VenueMarket {
  readonly altname: string;
  readonly wsname: string;
}

/** Kraken's asset names that differ from their altnames. Assets listed later have no prefix. */
export const ASSETS: Readonly<Record<string, string>> = {
  XXBT: 'XBT',
  XETH: 'ETH',
  XXRP: 'XRP',
  XXDG: 'XDG',
  ZUSD: 'USD',
  ZEUR: 'EUR',
};

const altOf = (asset: string): string => ASSETS[asset] ?? asset;

/** The pair of two assets; `id` is what AssetPairs calls it, by default their names together. */
function pair(base: string, quote: string, tickSize: string, minQty: string, id?: string): KrakenMarket {
  return {
    id: id ?? `${base}${quote}`,
    altname: `${altOf(base)}${altOf(quote)}`,
    wsname: `${altOf(base)}/${altOf(quote)}`,
    kind: 'spot',
    base,
    quote,
    tickSize,
    stepSize: '0.00000001',
    minQty,
    minNotional: '0.5',
    listed: true,
  };
}

/** Old pairs carry prefixes, new ones do not, and some carry one only on their asset: all three kinds. */
export const DEFAULT_MARKETS: readonly KrakenMarket[] = [
  pair('XXBT', 'ZUSD', '0.1', '0.00005'),
  pair('XXBT', 'ZEUR', '0.1', '0.00005'),
  pair('XETH', 'ZUSD', '0.01', '0.001'),
  pair('XETH', 'XXBT', '0.00001', '0.001'),
  pair('USDT', 'ZUSD', '0.00001', '5'),
  pair('SOL', 'ZUSD', '0.01', '0.02', 'SOLUSD'),
  pair('XTZ', 'ZUSD', '0.0001', '2', 'XTZUSD'),
];

/** Round prices, so that a test can do the sums in its head. In the quote of each. */
export const DEFAULT_MARKS: Readonly<Record<string, number>> = {
  XXBTZUSD: 60_000,
  XXBTZEUR: 50_000,
  XETHZUSD: 3_000,
  XETHXXBT: 0.05,
  USDTZUSD: 1,
  SOLUSD: 150,
  XTZUSD: 1,
};

/** @returns a pair against USD that trades, though AssetPairs does not name it. */
export function unlistedMarket(id: string): KrakenMarket {
  const base = id.replace(/USD$/, '');
  return { ...pair(base, 'ZUSD', '0.00000001', '0.00000001', id), minNotional: '0', listed: false };
}

/** @returns how many decimals a step such as `0.00001` allows. */
const digitsOf = (step: string): number => step.split('.')[1]?.length ?? 0;

/** @returns one entry of AssetPairs. */
export function pairRow(market: KrakenMarket): Record<string, unknown> {
  return {
    altname: market.altname,
    wsname: market.wsname,
    aclass_base: 'currency',
    base: market.base,
    aclass_quote: 'currency',
    quote: market.quote,
    lot: 'unit',
    cost_decimals: 5,
    pair_decimals: digitsOf(market.tickSize),
    lot_decimals: 8,
    lot_multiplier: 1,
    leverage_buy: [2, 3, 4, 5],
    leverage_sell: [2, 3, 4, 5],
    fees: [[0, 0.4]],
    fees_maker: [[0, 0.25]],
    fee_volume_currency: 'ZUSD',
    margin_call: 80,
    margin_stop: 40,
    ordermin: market.minQty,
    costmin: market.minNotional,
    tick_size: market.tickSize,
    status: 'online',
  };
}
