import type { VenueMarket } from '../venue/state.ts';

const spot = (base: string, stepSize: string): VenueMarket => ({
  id: `${base}USDT`,
  kind: 'spot',
  base,
  quote: 'USDT',
  tickSize: '0.01000000',
  stepSize,
  minQty: stepSize,
  minNotional: '5.00000000',
  listed: true,
});

const perpetual = (base: string, tickSize: string, stepSize: string, minNotional: string): VenueMarket => ({
  id: `${base}USDT`,
  kind: 'swap',
  base,
  quote: 'USDT',
  tickSize,
  stepSize,
  minQty: stepSize,
  minNotional,
  listed: true,
});

/** Spot BTC, ETH, BNB and perpetual BTC, ETH, SOL against USDT, with the filters that Binance publishes for them. */
export const DEFAULT_MARKETS: readonly VenueMarket[] = [
  spot('BTC', '0.00001000'),
  spot('ETH', '0.00010000'),
  spot('BNB', '0.00100000'),
  perpetual('BTC', '0.10', '0.001', '100'),
  perpetual('ETH', '0.01', '0.001', '20'),
  perpetual('SOL', '0.0100', '0.01', '5'),
];

/** Round prices, so that a test can do the sums in its head. In USDT. */
export const DEFAULT_MARKS: Readonly<Record<string, number>> = {
  BTCUSDT: 60000,
  ETHUSDT: 3000,
  BNBUSDT: 600,
  SOLUSDT: 150,
};

const QUOTES = ['USDT', 'USDC', 'FDUSD', 'BTC', 'BNB', 'ETH'];

/** @returns a market for a symbol that the venue trades but does not list: fine filters, no minimum. */
export function unlistedMarket(id: string, kind: VenueMarket['kind']): VenueMarket {
  const quote = QUOTES.find((each) => id.endsWith(each) && id.length > each.length) ?? 'USDT';
  return {
    id,
    kind,
    base: id.endsWith(quote) ? id.slice(0, -quote.length) : id,
    quote,
    tickSize: '0.00000001',
    stepSize: '0.00000001',
    minQty: '0.00000001',
    minNotional: '0',
    listed: false,
  };
}

/** @returns how many decimals a filter such as `0.00100000` allows. */
export function digitsOf(step: string): number {
  const [, decimals = ''] = step.split('.');
  return decimals.replace(/0+$/, '').length;
}

/** @returns one entry of `symbols` in GET /api/v3/exchangeInfo. */
export function spotSymbol(market: VenueMarket): Record<string, unknown> {
  return {
    symbol: market.id,
    status: 'TRADING',
    baseAsset: market.base,
    baseAssetPrecision: 8,
    quoteAsset: market.quote,
    quotePrecision: 8,
    quoteAssetPrecision: 8,
    baseCommissionPrecision: 8,
    quoteCommissionPrecision: 8,
    orderTypes: [
      'LIMIT',
      'LIMIT_MAKER',
      'MARKET',
      'STOP_LOSS',
      'STOP_LOSS_LIMIT',
      'TAKE_PROFIT',
      'TAKE_PROFIT_LIMIT',
    ],
    icebergAllowed: true,
    ocoAllowed: true,
    otoAllowed: true,
    quoteOrderQtyMarketAllowed: true,
    allowTrailingStop: true,
    cancelReplaceAllowed: true,
    isSpotTradingAllowed: true,
    isMarginTradingAllowed: true,
    filters: [
      {
        filterType: 'PRICE_FILTER',
        minPrice: market.tickSize,
        maxPrice: '1000000.00000000',
        tickSize: market.tickSize,
      },
      { filterType: 'LOT_SIZE', minQty: market.minQty, maxQty: '9000.00000000', stepSize: market.stepSize },
      { filterType: 'ICEBERG_PARTS', limit: 100 },
      { filterType: 'MARKET_LOT_SIZE', minQty: '0.00000000', maxQty: '120.00000000', stepSize: '0.00000000' },
      {
        filterType: 'NOTIONAL',
        minNotional: market.minNotional,
        applyMinToMarket: true,
        maxNotional: '9000000.00000000',
        applyMaxToMarket: false,
        avgPriceMins: 5,
      },
      { filterType: 'MAX_NUM_ORDERS', maxNumOrders: 200 },
      { filterType: 'MAX_NUM_ALGO_ORDERS', maxNumAlgoOrders: 5 },
    ],
    permissions: [],
    permissionSets: [['SPOT', 'MARGIN']],
    defaultSelfTradePreventionMode: 'EXPIRE_MAKER',
    allowedSelfTradePreventionModes: ['EXPIRE_TAKER', 'EXPIRE_MAKER', 'EXPIRE_BOTH'],
  };
}

/** @returns one entry of `symbols` in GET /fapi/v1/exchangeInfo. */
export function swapSymbol(market: VenueMarket): Record<string, unknown> {
  return {
    symbol: market.id,
    pair: market.id,
    contractType: 'PERPETUAL',
    deliveryDate: 4133404800000,
    onboardDate: 1569398400000,
    status: 'TRADING',
    maintMarginPercent: '2.5000',
    requiredMarginPercent: '5.0000',
    baseAsset: market.base,
    quoteAsset: market.quote,
    marginAsset: market.quote,
    pricePrecision: digitsOf(market.tickSize),
    quantityPrecision: digitsOf(market.stepSize),
    baseAssetPrecision: 8,
    quotePrecision: 8,
    underlyingType: 'COIN',
    underlyingSubType: [],
    triggerProtect: '0.0500',
    liquidationFee: '0.012500',
    marketTakeBound: '0.05',
    maxMoveOrderLimit: 10000,
    filters: [
      {
        filterType: 'PRICE_FILTER',
        minPrice: market.tickSize,
        maxPrice: '4529764',
        tickSize: market.tickSize,
      },
      { filterType: 'LOT_SIZE', minQty: market.minQty, maxQty: '10000', stepSize: market.stepSize },
      { filterType: 'MARKET_LOT_SIZE', minQty: market.minQty, maxQty: '1000', stepSize: market.stepSize },
      { filterType: 'MAX_NUM_ORDERS', limit: 200 },
      { filterType: 'MAX_NUM_ALGO_ORDERS', limit: 10 },
      { filterType: 'MIN_NOTIONAL', notional: market.minNotional },
      {
        filterType: 'PERCENT_PRICE',
        multiplierUp: '1.0500',
        multiplierDown: '0.9500',
        multiplierDecimal: '4',
      },
    ],
    orderTypes: [
      'LIMIT',
      'MARKET',
      'STOP',
      'STOP_MARKET',
      'TAKE_PROFIT',
      'TAKE_PROFIT_MARKET',
      'TRAILING_STOP_MARKET',
    ],
    timeInForce: ['GTC', 'IOC', 'FOK', 'GTX', 'GTD'],
  };
}
