import { locked, swapMoney, unrealized } from '../venue/ledger.ts';
import type { VenuePosition } from '../venue/state.ts';
import { tidy } from '../venue/state.ts';
import { marketCategory, settleCoin } from './markets.ts';
import type { Desk, Params, Routes } from './wire.ts';
import { BybitError, categoryOf, decimal, given, number, pageOf, signed } from './wire.ts';

/** What a coin of the wallet owes, in the coin. */
export interface Debt {
  borrowed: number;
  interest: number;
}

/** What the account endpoints show beside orders and positions; all of it can be changed while it runs. */
export interface AccountSettings {
  apiKey: string;
  debts: Map<string, Debt>;
  /** Bybit's numbers: 1 classic, 3 and 4 unified 1.0, 5 and 6 unified 2.0. */
  unifiedMarginStatus: number;
  /** Whether the key may see options. */
  optionsAllowed: boolean;
  /** What the key may do with the wallet; `Withdraw` is what a bot's key should not have. */
  walletPermissions: string[];
}

/** What Bybit calls what the generic account calls otherwise. */
const LOG_TYPES: Record<string, string> = {
  REALIZED_PNL: 'TRADE',
  COMMISSION: 'TRADE',
  FUNDING_FEE: 'SETTLEMENT',
};

const POSITION_IDX = { BOTH: 0, LONG: 1, SHORT: 2 } as const;

/** @returns /v5/position, /v5/account, /v5/user and what of /v5/asset ccxt asks for. */
export function accountRoutes(desk: Desk, settings: AccountSettings): Routes {
  const { account, now } = desk;
  const { state } = account;

  const position = (held: VenuePosition) => {
    const inverse = marketCategory(account.market('swap', held.symbol)) === 'inverse';
    const size = Math.abs(held.amount);
    const mark = account.mark(held.symbol);
    return {
      positionIdx: POSITION_IDX[held.side],
      riskId: 1,
      symbol: held.symbol,
      side: held.amount === 0 ? '' : held.amount > 0 ? 'Buy' : 'Sell',
      size: decimal(size),
      avgPrice: decimal(held.entryPrice),
      positionValue: decimal(inverse ? size / held.entryPrice : size * held.entryPrice),
      tradeMode: 0,
      positionStatus: 'Normal',
      leverage: decimal(held.leverage),
      markPrice: decimal(mark),
      liqPrice: '',
      // Of an inverse position in its base coin.
      unrealisedPnl: inverse
        ? decimal(held.amount * (1 / held.entryPrice - 1 / mark))
        : decimal(unrealized(state, held)),
      cumRealisedPnl: '0',
      seq: 1,
      isReduceOnly: false,
      createdTime: String(held.updatedAt),
      updatedTime: String(held.updatedAt),
    };
  };

  const positions = (params: Params) => {
    const category = categoryOf(params);
    const symbol = given(params, 'symbol');
    const settle = given(params, 'settleCoin');
    if (category === 'spot') throw new BybitError(10001, 'Illegal category');
    if (category === 'option' && !settings.optionsAllowed)
      throw new BybitError(10005, 'Permission denied, please check your API key permissions.');
    if (category === 'linear' && symbol === undefined && settle === undefined)
      throw new BybitError(10001, 'params error: symbol or settleCoin is required');
    const rows = Array.from(state.positions.values())
      .filter((held) => {
        const market = account.market('swap', held.symbol);
        if (marketCategory(market) !== category) return false;
        if (symbol !== undefined) return held.symbol === symbol;
        return held.amount !== 0 && (settle === undefined || settleCoin(market) === settle);
      })
      .map((held, index) => ({ at: index, row: position(held) }))
      .reverse();
    return { category, ...pageOf(rows, params, { most: 200, usual: 20 }) };
  };

  const wallet = (params: Params) => {
    if (params['accountType'] !== 'UNIFIED' || settings.unifiedMarginStatus < 3)
      throw new BybitError(10001, 'accountType only support UNIFIED.');
    // The inverse contracts' money is kept under USD, which is no coin.
    const coins = new Set([...state.spot.keys(), ...settings.debts.keys()].filter((coin) => coin !== 'USD'));
    const coin = Array.from(coins).flatMap((name) => {
      const balance = state.spot.get(name) ?? 0;
      const debt = settings.debts.get(name) ?? { borrowed: 0, interest: 0 };
      if (balance === 0 && debt.borrowed === 0 && debt.interest === 0) return [];
      const profit = swapMoney(account.ledger, name).unrealized;
      const price = name === 'USDT' || name === 'USDC' ? 1 : (state.marks.get(`${name}USDT`) ?? 0);
      return [
        {
          coin: name,
          equity: decimal(tidy(balance - debt.borrowed + profit)),
          usdValue: decimal(tidy((balance - debt.borrowed + profit) * price)),
          walletBalance: decimal(balance),
          locked: decimal(locked(account.ledger, 'spot', name)),
          spotHedgingQty: '0',
          borrowAmount: decimal(debt.borrowed),
          spotBorrow: decimal(debt.borrowed),
          accruedInterest: decimal(debt.interest),
          availableToWithdraw: '',
          availableToBorrow: '',
          totalOrderIM: '0',
          totalPositionIM: '0',
          totalPositionMM: '0',
          unrealisedPnl: decimal(profit),
          cumRealisedPnl: '0',
          bonus: '0',
          marginCollateral: true,
          collateralSwitch: true,
        },
      ];
    });
    const total = decimal(coin.reduce((sum, one) => sum + Number(one.usdValue), 0));
    return {
      list: [
        { accountType: 'UNIFIED', totalEquity: total, totalWalletBalance: total, accountIMRate: '0', coin },
      ],
    };
  };

  /** Every movement of money, newest first. */
  const transactions = (params: Params) => {
    const from = number(params, 'startTime') ?? 0;
    const until = number(params, 'endTime') ?? Number.POSITIVE_INFINITY;
    const rows = state.income
      .filter((row) => row.at >= from && row.at <= until)
      .map((row) => ({
        at: row.id,
        row: {
          id: `log_${row.id}`,
          symbol: row.symbol,
          category: 'linear',
          transactionTime: String(row.at),
          type: LOG_TYPES[row.type] ?? row.type,
          currency: row.asset,
          cashFlow: decimal(row.amount),
          change: decimal(row.amount),
          fee: '0',
        },
      }))
      .reverse();
    return pageOf(rows, params, { most: 50, usual: 20 });
  };

  return {
    'GET /v5/account/transaction-log': signed(transactions),
    'GET /v5/position/list': signed(positions),
    'GET /v5/account/wallet-balance': signed(wallet),
    'GET /v5/account/info': signed(() => ({
      marginMode: 'REGULAR_MARGIN',
      updatedTime: String(now()),
      unifiedMarginStatus: settings.unifiedMarginStatus,
      dcpStatus: 'OFF',
      timeWindow: 10,
      smpGroup: 0,
      isMasterTrader: false,
      spotHedgingStatus: 'OFF',
    })),
    'GET /v5/user/query-api': signed(() => ({
      id: '13770661',
      note: 'standdown',
      apiKey: settings.apiKey,
      readOnly: 0,
      secret: '',
      permissions: {
        ContractTrade: ['Order', 'Position'],
        Spot: ['SpotTrade'],
        Wallet: settings.walletPermissions,
        Options: settings.optionsAllowed ? ['OptionsTrade'] : [],
        Derivatives: ['DerivativesTrade'],
      },
      ips: ['*'],
      type: 1,
      unified: 0,
      uta: settings.unifiedMarginStatus >= 3 ? 1 : 0,
      userID: 24600000,
      isMaster: true,
    })),
    'GET /v5/asset/coin/query-info': signed(() => ({ rows: [] })),
  };
}
