import { cancelOne, cancelSymbol, findOrder, held, listOpen, postOrder } from './spot-orders.ts';
import type { Desk, Params, Routes } from './wire.ts';
import { cancelling, fixed, flag, need, signed, UNKNOWN_ORDER, wireId } from './wire.ts';

/** @returns /sapi/v1/margin: cross margin. Isolated margin is an empty account. */
export function marginRoutes(desk: Desk): Routes {
  const { account } = desk;
  const pairs = () =>
    account.markets
      .filter((market) => market.kind === 'spot' && market.listed)
      .map((market, index) => ({
        base: market.base,
        id: wireId((351637150141315861n + BigInt(index)).toString()),
        isBuyAllowed: true,
        isMarginTrade: true,
        isSellAllowed: true,
        quote: market.quote,
        symbol: market.id,
      }));
  const isolated = (params: Params) => flag(params, 'isIsolated');
  return {
    'GET /sapi/v1/margin/allPairs': { weight: 1, security: 'key', run: pairs },
    'GET /sapi/v1/margin/isolated/allPairs': signed(10, pairs),
    'GET /sapi/v1/margin/isolated/account': signed(10, () => ({
      assets: [],
      totalAssetOfBtc: '0',
      totalLiabilityOfBtc: '0',
      totalNetAssetOfBtc: '0',
    })),
    'GET /sapi/v1/margin/account': signed(10, () => ({
      created: true,
      borrowEnabled: true,
      marginLevel: '999.00000000',
      totalAssetOfBtc: '0.00000000',
      totalLiabilityOfBtc: '0.00000000',
      totalNetAssetOfBtc: '0.00000000',
      tradeEnabled: true,
      transferInEnabled: true,
      transferOutEnabled: true,
      accountType: 'MARGIN_1',
      userAssets: Array.from(account.state.margin, ([asset, { total, borrowed, interest }]) => ({
        asset,
        borrowed: fixed(borrowed),
        ...held(desk, 'margin', asset),
        interest: fixed(interest),
        netAsset: fixed(total - borrowed - interest),
      })),
    })),
    'GET /sapi/v1/margin/openOrders': signed(10, (params) => {
      if (isolated(params)) need(params, 'symbol');
      return isolated(params) ? [] : listOpen(desk, 'margin', params);
    }),
    'GET /sapi/v1/margin/order': signed(10, (params) => findOrder(desk, 'margin', params)),
    'POST /sapi/v1/margin/order': signed(6, (params) => postOrder(desk, 'margin', params)),
    'DELETE /sapi/v1/margin/order': cancelling(10, (params) => cancelOne(desk, 'margin', params)),
    'DELETE /sapi/v1/margin/openOrders': cancelling(1, (params) => {
      if (isolated(params)) throw UNKNOWN_ORDER();
      return cancelSymbol(desk, 'margin', params);
    }),
    'GET /sapi/v1/margin/openOrderList': signed(10, () => []),
  };
}
