import type { VenueMarket } from '../venue/state.ts';

/** OKX's kinds of instrument that this counterpart trades. Options exist, and their list is empty. */
export type InstType = 'SPOT' | 'SWAP' | 'FUTURES';

/** A market with what OKX adds to it. `stepSize` and `minQty` are in base; OKX prints them in contracts. */
export interface OkxMarket extends VenueMarket {
  readonly instType: InstType;
  /** Base units of one contract, as OKX prints them; empty on spot. */
  readonly ctVal: string;
  /** In contracts, on spot in base. */
  readonly lotSz: string;
  /** Epoch ms; empty unless it expires. */
  readonly expTime: string;
}

const spot = (base: string, lotSz: string, minQty: string): OkxMarket => ({
  id: `${base}-USDT`,
  kind: 'spot',
  instType: 'SPOT',
  base,
  quote: 'USDT',
  tickSize: '0.1',
  stepSize: lotSz,
  lotSz,
  minQty,
  minNotional: '0',
  ctVal: '',
  expTime: '',
  listed: true,
});

/** Linear contracts, settled in their quote currency. */
export function contract(id: string, ctVal: string, lotSz: string, listed = true): OkxMarket {
  const [base = id, quote = 'USDT', end = ''] = id.split('-');
  const day = /^(\d{2})(\d{2})(\d{2})$/.exec(end);
  // Contracts expire at 08:00 UTC.
  const expTime =
    day === null ? '' : String(Date.UTC(2000 + Number(day[1]), Number(day[2]) - 1, Number(day[3]), 8));
  const step = String(Number((Number(ctVal) * Number(lotSz)).toPrecision(12)));
  return {
    id,
    kind: 'swap',
    instType: day === null ? 'SWAP' : 'FUTURES',
    base,
    quote,
    tickSize: listed ? '0.1' : '0.00000001',
    stepSize: step,
    lotSz,
    minQty: step,
    minNotional: '0',
    ctVal,
    expTime,
    listed,
  };
}

/** Spot BTC, ETH and SOL, perpetual BTC and ETH, and a BTC future that expires: contract sizes as OKX publishes them. */
export const DEFAULT_MARKETS: readonly OkxMarket[] = [
  spot('BTC', '0.00000001', '0.00001'),
  spot('ETH', '0.000001', '0.001'),
  spot('SOL', '0.000001', '0.01'),
  contract('BTC-USDT-SWAP', '0.01', '0.01'),
  contract('ETH-USDT-SWAP', '0.1', '0.01'),
  contract('BTC-USDT-261225', '0.01', '1'),
];

/** Round prices, so that a test can do the sums in its head. In USDT. */
export const DEFAULT_MARKS: Readonly<Record<string, number>> = {
  'BTC-USDT': 60000,
  'ETH-USDT': 3000,
  'SOL-USDT': 150,
  'BTC-USDT-SWAP': 60000,
  'ETH-USDT-SWAP': 3000,
  'BTC-USDT-261225': 60000,
};

/** @returns a market that trades and is in no list of all markets: a new listing. Contracts of 10 units of base. */
export function unlistedMarket(id: string): OkxMarket {
  if (id.split('-').length > 2) return contract(id, '10', '1', false);
  const [base = id, quote = 'USDT'] = id.split('-');
  return { ...spot(base, '0.00000001', '0.00000001'), id, quote, tickSize: '0.00000001', listed: false };
}

/** @returns one row of GET /api/v5/public/instruments. */
export function instrumentRow(market: OkxMarket): Record<string, string> {
  const derivative = market.kind === 'swap';
  return {
    alias: '',
    baseCcy: derivative ? '' : market.base,
    quoteCcy: derivative ? '' : market.quote,
    settleCcy: derivative ? market.quote : '',
    uly: derivative ? `${market.base}-${market.quote}` : '',
    instFamily: derivative ? `${market.base}-${market.quote}` : '',
    category: '1',
    ctMult: derivative ? '1' : '',
    ctType: derivative ? 'linear' : '',
    ctVal: market.ctVal,
    ctValCcy: derivative ? market.base : '',
    expTime: market.expTime,
    instId: market.id,
    instType: market.instType,
    lever: derivative ? '100' : '10',
    listTime: '1611916828000',
    lotSz: market.lotSz,
    minSz: derivative ? market.lotSz : market.minQty,
    maxLmtSz: '100000000',
    maxMktSz: '1000000',
    optType: '',
    state: 'live',
    stk: '',
    tickSz: market.tickSize,
  };
}
