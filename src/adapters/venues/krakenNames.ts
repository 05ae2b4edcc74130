/** How Kraken names assets and pairs. */

/**
 * The assets that carry a prefix, X for coins and Z for money, in balances and in old pair ids. Closed: newer ones have
 * none, so that XTZ is Tezos. Source: ccxt, `commonCurrencies` of kraken.
 */
const PREFIXED = 'XETC|XETH|XLTC|XMLN|XREP|XXBT|XXDG|XXLM|XXMR|XXRP|XZEC|ZAUD|ZCAD|ZEUR|ZGBP|ZJPY|ZUSD'.split(
  '|',
);
/** USDT has no prefix, and is the one such base of an old pair (USDTZUSD). Source: memory. */
const OLD_PAIR = new RegExp(`^(${PREFIXED.join('|')}|USDT)(${PREFIXED.join('|')})$`);
/** Kraken's names that are not everybody's. Source: ccxt, `commonCurrencies` of kraken. */
const COMMON = new Map([
  ['XBT', 'BTC'],
  ['XDG', 'DOGE'],
  ['LUNA', 'LUNC'],
  ['LUNA2', 'LUNA'],
  ['UST', 'USTC'],
]);
const OWN = new Map(Array.from(COMMON, ([own, common]) => [common, own]));
/** What pairs are priced in, for the currency of a position. Source: memory; a pair in none of these names no currency. */
const QUOTES = ['USDT', 'USDC', 'USD', 'EUR', 'GBP', 'CAD', 'JPY', 'AUD', 'CHF', 'XBT', 'ETH', 'DAI'];

const bare = (asset: string): string => (PREFIXED.includes(asset) ? asset.slice(1) : asset);
/** `XXBT` → `BTC`, `ZUSD` → `USD`, `XBT.M` → `BTC.M`. */
export function commonName(asset: string): string {
  const [name = '', ...suffix] = asset.split('.');
  return [COMMON.get(bare(name)) ?? bare(name), ...suffix].join('.');
}
export const ownName = (asset: string): string => OWN.get(asset) ?? asset;

/** `BTC/USD` → `XBTUSD`, as open orders name it. */
export function krakenSymbol(unified: string): string | null {
  const match = /^([^/:]+)\/([^/:]+)$/.exec(unified);
  return match === null ? null : `${ownName(match[1] ?? '')}${ownName(match[2] ?? '')}`;
}

/**
 * A pair by its altname, whichever way it is spelled: open orders say `XBTUSD`, positions, prices and AssetPairs
 * `XXBTZUSD`, wsnames `XBT/USD`, and people `BTCUSD`. By spelling alone: an order on a pair that the markets do not know
 * must be found all the same.
 */
export function krakenSpelling(pair: string): string {
  const old = OLD_PAIR.exec(pair);
  if (old !== null) return `${bare(old[1] ?? '')}${bare(old[2] ?? '')}`;
  return pair.replace('/', '').replace(/^BTC/, 'XBT').replace(/^DOGE/, 'XDG');
}

export const quoteOf = (pair: string): string | null => {
  const quote = QUOTES.find((one) => pair.endsWith(one));
  return quote === undefined ? null : commonName(quote);
};

/** Locked in earn products: no order can use them. `.F` earns too, but trades as its base asset. */
const EARNING = new Set(['S', 'M', 'B', 'P']);
/** Credits for fees; they are no asset. Source: ccxt, `commonCurrencies` of kraken. */
const FEE_CREDITS = new Set(['FEE', 'KFEE']);

/** True for what no order can use, and what is no asset. */
export function isOutside(asset: string): boolean {
  const suffix = asset.split('.')[1];
  return FEE_CREDITS.has(asset) || (suffix !== undefined && EARNING.has(suffix));
}
