import { positionOf, swapMoney, unrealized } from '../venue/ledger.ts';
import type { PositionSide, VenuePosition } from '../venue/state.ts';
import { digitsOf } from './markets.ts';
import type { Desk, Params } from './wire.ts';
import { decimal, fixed } from './wire.ts';

/** Of the first notional tier of BTCUSDT; one for all symbols and sizes. */
const MAINTENANCE_RATIO = 0.004;

/** @returns the sides that a position of this account can have. */
export function sidesOf(desk: Desk): PositionSide[] {
  return desk.account.state.hedgeMode ? ['LONG', 'SHORT'] : ['BOTH'];
}

/**
 * Version 2 shows every listed symbol, flat or not; version 3 only those with a position or an open order. Both show
 * symbols that are not listed, once they hold something.
 */
export function positionsShown(desk: Desk, version: 'v2' | 'v3', params: Params): VenuePosition[] {
  const { account } = desk;
  if (params['symbol']) account.market('swap', params['symbol']);
  const busy = new Set(account.openOrders({ wallet: 'swap', list: 'regular' }).map((order) => order.symbol));
  for (const position of account.state.positions.values())
    if (position.amount !== 0) busy.add(position.symbol);
  const listed = account.markets
    .filter((market) => market.kind === 'swap' && market.listed)
    .map((market) => market.id);
  const symbols = version === 'v2' ? new Set([...listed, ...busy]) : busy;
  return Array.from(symbols)
    .filter((symbol) => !params['symbol'] || params['symbol'] === symbol)
    .flatMap((symbol) => sidesOf(desk).map((side) => positionOf(account.state, symbol, side)));
}

function figures(desk: Desk, position: VenuePosition) {
  const mark = desk.account.mark(position.symbol);
  const notional = position.amount * mark;
  const market = desk.account.market('swap', position.symbol);
  return {
    mark,
    notional,
    market,
    amount: fixed(position.amount, digitsOf(market.stepSize)),
    profit: unrealized(desk.account.state, position),
    initialMargin: Math.abs(notional) / position.leverage,
    maintenance: Math.abs(notional) * MAINTENANCE_RATIO,
    isolatedMargin: position.isolated
      ? Math.abs(position.amount * position.entryPrice) / position.leverage
      : 0,
  };
}

/** @returns one row of GET /fapi/{v2,v3}/positionRisk. */
export function riskRow(desk: Desk, version: 'v2' | 'v3', position: VenuePosition): Record<string, unknown> {
  const at = figures(desk, position);
  const shared = {
    symbol: position.symbol,
    positionSide: position.side,
    positionAmt: at.amount,
    entryPrice: decimal(position.entryPrice),
    breakEvenPrice: decimal(position.entryPrice),
    markPrice: fixed(at.mark),
    unRealizedProfit: fixed(at.profit),
    liquidationPrice: '0',
    isolatedMargin: decimal(at.isolatedMargin),
    notional: decimal(at.notional),
    isolatedWallet: decimal(at.isolatedMargin),
    updateTime: position.updatedAt,
  };
  if (version === 'v3') {
    return {
      ...shared,
      marginAsset: at.market.quote,
      initialMargin: fixed(at.initialMargin),
      maintMargin: fixed(at.maintenance),
      positionInitialMargin: fixed(at.initialMargin),
      openOrderInitialMargin: '0',
      adl: position.amount === 0 ? 0 : 2,
      bidNotional: '0',
      askNotional: '0',
    };
  }
  return {
    ...shared,
    leverage: String(position.leverage),
    maxNotionalValue: '80000000',
    marginType: position.isolated ? 'isolated' : 'cross',
    isAutoAddMargin: 'false',
  };
}

/** @returns GET /fapi/{v2,v3}/account. */
export function accountBody(desk: Desk, version: 'v2' | 'v3'): Record<string, unknown> {
  const assets = assetRows(desk);
  const sum = (pick: (row: (typeof assets)[number]) => string) =>
    fixed(assets.reduce((total, row) => total + (row.asset === 'USDT' ? Number(pick(row)) : 0), 0));
  const v2 = {
    feeTier: 0,
    canTrade: true,
    canDeposit: true,
    canWithdraw: false,
    feeBurn: true,
    tradeGroupId: -1,
    updateTime: 0,
    multiAssetsMargin: false,
  };
  return {
    ...(version === 'v2' ? v2 : {}),
    totalInitialMargin: sum((row) => row.initialMargin),
    totalMaintMargin: sum((row) => row.maintMargin),
    totalWalletBalance: sum((row) => row.walletBalance),
    totalUnrealizedProfit: sum((row) => row.unrealizedProfit),
    totalMarginBalance: sum((row) => row.marginBalance),
    totalPositionInitialMargin: sum((row) => row.positionInitialMargin),
    totalOpenOrderInitialMargin: sum((row) => row.openOrderInitialMargin),
    totalCrossWalletBalance: sum((row) => row.crossWalletBalance),
    totalCrossUnPnl: sum((row) => row.crossUnPnl),
    availableBalance: sum((row) => row.availableBalance),
    maxWithdrawAmount: sum((row) => row.maxWithdrawAmount),
    assets,
    positions: positionsShown(desk, version, {}).map((position) => {
      const at = figures(desk, position);
      const shared = {
        symbol: position.symbol,
        positionSide: position.side,
        positionAmt: at.amount,
        unrealizedProfit: fixed(at.profit),
        isolatedMargin: decimal(at.isolatedMargin),
        notional: decimal(at.notional),
        isolatedWallet: decimal(at.isolatedMargin),
        initialMargin: decimal(at.initialMargin),
        maintMargin: decimal(at.maintenance),
        updateTime: position.updatedAt,
      };
      if (version === 'v3') return shared;
      return {
        ...shared,
        positionInitialMargin: decimal(at.initialMargin),
        openOrderInitialMargin: '0',
        leverage: String(position.leverage),
        isolated: position.isolated,
        entryPrice: decimal(position.entryPrice),
        breakEvenPrice: decimal(position.entryPrice),
        maxNotional: '80000000',
        bidNotional: '0',
        askNotional: '0',
      };
    }),
  };
}

function assetRows(desk: Desk) {
  const { account, now } = desk;
  return Array.from(account.state.swap.keys()).map((asset) => {
    const money = swapMoney(account.ledger, asset);
    let maintenance = 0;
    for (const position of account.state.positions.values()) {
      if (position.amount === 0) continue;
      const at = figures(desk, position);
      if (at.market.quote === asset) maintenance += at.maintenance;
    }
    return {
      asset,
      walletBalance: fixed(money.wallet),
      unrealizedProfit: fixed(money.unrealized),
      marginBalance: fixed(money.wallet + money.unrealized),
      maintMargin: fixed(maintenance),
      initialMargin: fixed(money.positionMargin + money.orderMargin),
      positionInitialMargin: fixed(money.positionMargin),
      openOrderInitialMargin: fixed(money.orderMargin),
      crossWalletBalance: fixed(money.wallet),
      crossUnPnl: fixed(money.unrealized),
      availableBalance: fixed(money.available),
      maxWithdrawAmount: fixed(Math.min(money.available, money.wallet)),
      updateTime: now(),
      marginAvailable: true,
    };
  });
}

/** @returns GET /fapi/{v2,v3}/balance. */
export function balanceRows(desk: Desk): unknown[] {
  return assetRows(desk).map((row) => ({
    accountAlias: 'SgsR',
    asset: row.asset,
    balance: row.walletBalance,
    crossWalletBalance: row.crossWalletBalance,
    crossUnPnl: row.crossUnPnl,
    availableBalance: row.availableBalance,
    maxWithdrawAmount: row.maxWithdrawAmount,
    marginAvailable: true,
    updateTime: row.updateTime,
  }));
}
