import type { VenueMarket } from '../venue/state.ts';
import type { Category } from './wire.ts';

const spot = (base: string, stepSize: string): VenueMarket => ({
  id: `${base}USDT`,
  kind: 'spot',
  base,
  quote: 'USDT',
  tickSize: '0.01',
  stepSize,
  minQty: stepSize,
  minNotional: '5',
  listed: true,
});

const contract = (id: string, base: string, quote: string, stepSize: string): VenueMarket => ({
  id,
  kind: 'swap',
  base,
  quote,
  tickSize: '0.1',
  stepSize,
  minQty: stepSize,
  minNotional: quote === 'USD' ? '1' : '5',
  listed: true,
});

/**
 * Spot BTC and ETH against USDT, perpetuals on BTC, ETH and SOL settled in USDT and on BTC and ETH settled in USDC, and
 * the inverse BTCUSD, whose quantity is in US dollars.
 */
export const DEFAULT_MARKETS: readonly VenueMarket[] = [
  spot('BTC', '0.000001'),
  spot('ETH', '0.00001'),
  contract('BTCUSDT', 'BTC', 'USDT', '0.001'),
  contract('ETHUSDT', 'ETH', 'USDT', '0.01'),
  contract('SOLUSDT', 'SOL', 'USDT', '0.1'),
  contract('BTCPERP', 'BTC', 'USDC', '0.001'),
  contract('ETHPERP', 'ETH', 'USDC', '0.01'),
  contract('BTCUSD', 'BTC', 'USD', '1'),
];

/** Round prices, so that a test can do the sums in its head. */
export const DEFAULT_MARKS: Readonly<Record<string, number>> = {
  BTCUSDT: 60000,
  ETHUSDT: 3000,
  SOLUSDT: 150,
  BTCPERP: 60000,
  ETHPERP: 3000,
  BTCUSD: 60000,
};

const ENDINGS: [ending: string, quote: string][] = [
  ['PERP', 'USDC'],
  ['USDT', 'USDT'],
  ['USDC', 'USDC'],
  ['USD', 'USD'],
];

/** @returns a market for a symbol that the venue trades but does not list: fine filters, no minimum. */
export function unlistedMarket(id: string, kind: VenueMarket['kind']): VenueMarket {
  const [ending, quote] = ENDINGS.find(([each]) => id.endsWith(each) && id.length > each.length) ?? [
    '',
    'USDT',
  ];
  return {
    id,
    kind,
    base: ending === '' ? id : id.slice(0, -ending.length),
    quote,
    tickSize: '0.00000001',
    stepSize: '0.00000001',
    minQty: '0.00000001',
    minNotional: '0',
    listed: false,
  };
}

/** @returns the category that lists a market. */
export function marketCategory(market: VenueMarket): Category {
  if (market.kind === 'spot') return 'spot';
  return market.quote === 'USD' ? 'inverse' : 'linear';
}

/** @returns what a contract settles in. */
export const settleCoin = (market: VenueMarket): string =>
  marketCategory(market) === 'inverse' ? market.base : market.quote;

/** @returns one row of GET /v5/market/instruments-info. */
export function instrument(market: VenueMarket): Record<string, unknown> {
  const category = marketCategory(market);
  const base = { symbol: market.id, baseCoin: market.base, quoteCoin: market.quote, status: 'Trading' };
  if (category === 'spot')
    return {
      ...base,
      innovation: '0',
      marginTrading: 'utaOnly',
      lotSizeFilter: {
        basePrecision: market.stepSize,
        quotePrecision: '0.00000001',
        minOrderQty: market.minQty,
        maxOrderQty: '100000',
        minOrderAmt: market.minNotional,
        maxOrderAmt: '4000000',
      },
      priceFilter: { tickSize: market.tickSize },
    };
  return {
    ...base,
    contractType: category === 'linear' ? 'LinearPerpetual' : 'InversePerpetual',
    launchTime: '1585526400000',
    deliveryTime: '0',
    deliveryFeeRate: '',
    priceScale: '2',
    leverageFilter: { minLeverage: '1', maxLeverage: '100.00', leverageStep: '0.01' },
    priceFilter: { minPrice: market.tickSize, maxPrice: '1999999.80', tickSize: market.tickSize },
    lotSizeFilter: {
      maxOrderQty: '1190.000',
      minOrderQty: market.minQty,
      qtyStep: market.stepSize,
      minNotionalValue: market.minNotional,
    },
    unifiedMarginTrade: true,
    fundingInterval: 480,
    settleCoin: settleCoin(market),
  };
}
