import { locked, total } from '../venue/ledger.ts';
import { tidy } from '../venue/state.ts';
import type { Desk, Routes } from './wire.ts';
import { fixed } from './wire.ts';

/** What GET /sapi/v1/account/apiRestrictions says of the key. */
export interface ApiRestrictions {
  ipRestrict: boolean;
  createTime: number;
  enableReading: boolean;
  enableWithdrawals: boolean;
  enableInternalTransfer: boolean;
  enableMargin: boolean;
  enableFutures: boolean;
  permitsUniversalTransfer: boolean;
  enableVanillaOptions: boolean;
  enableFixApiTrade: boolean;
  enableFixReadOnly: boolean;
  enableSpotAndMarginTrading: boolean;
  enablePortfolioMarginTrading: boolean;
}

/** A key that can trade and cannot withdraw. */
export const TRADING_KEY: Readonly<ApiRestrictions> = {
  ipRestrict: true,
  createTime: 1698645219000,
  enableReading: true,
  enableWithdrawals: false,
  enableInternalTransfer: false,
  enableMargin: true,
  enableFutures: true,
  permitsUniversalTransfer: false,
  enableVanillaOptions: false,
  enableFixApiTrade: false,
  enableFixReadOnly: false,
  enableSpotAndMarginTrading: true,
  enablePortfolioMarginTrading: false,
};

/** What the wallet endpoints show beside the trading account; all of it can be changed while it runs. */
export interface WalletState {
  restrictions: ApiRestrictions;
  /** Asset → amount in the funding wallet. */
  funding: Map<string, number>;
  /** 0 normal, 1 maintenance. */
  systemStatus: 0 | 1;
}

/** @returns /sapi/v1 apart from margin: currencies, the key's rights, the other wallets, the system's state. */
export function walletRoutes(desk: Desk, wallet: WalletState): Routes {
  const { account } = desk;
  const assets = () =>
    Array.from(
      new Set([
        ...account.markets.flatMap((market) => [market.base, market.quote]),
        ...account.state.spot.keys(),
      ]),
    );
  const funds = () =>
    Array.from(wallet.funding, ([asset, amount]) => ({
      asset,
      free: fixed(amount),
      locked: '0',
      freeze: '0',
      withdrawing: '0',
      btcValuation: '0',
    }));
  return {
    'GET /sapi/v1/system/status': {
      weight: 1,
      security: 'none',
      run: () => ({
        status: wallet.systemStatus,
        msg: wallet.systemStatus === 0 ? 'normal' : 'system_maintenance',
      }),
    },
    'GET /sapi/v1/account/apiRestrictions': { weight: 1, security: 'signed', run: () => wallet.restrictions },
    'GET /sapi/v1/account/status': { weight: 1, security: 'signed', run: () => ({ data: 'Normal' }) },
    'GET /sapi/v1/capital/config/getall': {
      weight: 10,
      security: 'signed',
      run: () =>
        assets().map((coin) => {
          const used = locked(account.ledger, 'spot', coin);
          return {
            coin,
            depositAllEnable: true,
            free: fixed(tidy(total(account.state, 'spot', coin) - used)),
            freeze: '0',
            ipoable: '0',
            ipoing: '0',
            isLegalMoney: false,
            locked: fixed(used),
            name: coin,
            networkList: [],
            storage: '0',
            trading: true,
            withdrawAllEnable: true,
            withdrawing: '0',
          };
        }),
    },
    'GET /sapi/v1/asset/wallet/balance': {
      weight: 60,
      security: 'signed',
      run: () => {
        const sum = (entries: Iterable<[string, number]>) => {
          let value = 0;
          // In USDT; an asset without a market against it is left out.
          for (const [asset, amount] of entries) {
            value += amount * (asset === 'USDT' ? 1 : (account.state.marks.get(`${asset}USDT`) ?? 0));
          }
          return fixed(value);
        };
        const margin = Array.from(account.state.margin, ([asset, held]): [string, number] => [
          asset,
          held.total - held.borrowed - held.interest,
        ]);
        return [
          { activate: true, balance: sum(account.state.spot), walletName: 'Spot' },
          { activate: true, balance: sum(wallet.funding), walletName: 'Funding' },
          { activate: true, balance: sum(margin), walletName: 'Cross Margin' },
          { activate: true, balance: '0', walletName: 'Isolated Margin' },
          { activate: true, balance: sum(account.state.swap), walletName: 'USDⓈ-M Futures' },
          { activate: true, balance: '0', walletName: 'COIN-M Futures' },
          { activate: true, balance: '0', walletName: 'Earn' },
        ];
      },
    },
    'POST /sapi/v1/asset/get-funding-asset': { weight: 1, security: 'signed', run: funds },
    'POST /sapi/v3/asset/getUserAsset': {
      weight: 5,
      security: 'signed',
      run: () =>
        Array.from(account.state.spot.keys()).map((asset) => {
          const used = locked(account.ledger, 'spot', asset);
          return {
            asset,
            free: fixed(tidy(total(account.state, 'spot', asset) - used)),
            locked: fixed(used),
            freeze: '0',
            withdrawing: '0',
            ipoable: '0',
            btcValuation: '0',
          };
        }),
    },
    'GET /sapi/v1/sub-account/list': { weight: 1, security: 'signed', run: () => ({ subAccounts: [] }) },
  };
}
