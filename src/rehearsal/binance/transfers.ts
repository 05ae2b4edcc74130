import { note } from '../venue/ledger.ts';
import { tidy } from '../venue/state.ts';
import type { VenueAccount } from '../venue.ts';
import type { Params, Route, Routes } from './wire.ts';
import { fixed, need, number, signed } from './wire.ts';

/** Money that came from or went to another place. */
export interface Movement {
  readonly id: string;
  /** `deposit`, `withdrawal`, or the kind of a transfer, such as `MAIN_UMFUTURE`. */
  readonly type: string;
  readonly asset: string;
  /** Above zero. */
  readonly amount: number;
  /** Epoch ms. */
  readonly at: number;
  /** Binance's number for deposits and withdrawals, its word for transfers. */
  status: number | string;
  /** 0 spot, 1 funding. */
  readonly walletType: 0 | 1;
}

/** @returns the other routes of money: what came in, what went out, what was moved between wallets. */
export function transferRoutes(movements: readonly Movement[]): Routes {
  const inTime = (params: Params, type: string) => {
    const from = number(params, 'startTime') ?? Number.NEGATIVE_INFINITY;
    const until = number(params, 'endTime') ?? Number.POSITIVE_INFINITY;
    // Newest first.
    return movements.filter((one) => one.type === type && one.at >= from && one.at <= until).toReversed();
  };
  const capital = (type: 'deposit' | 'withdrawal', row: (one: Movement) => object): Route['run'] => {
    return (params) => {
      const offset = number(params, 'offset') ?? 0;
      const limit = Math.min(number(params, 'limit') ?? 1_000, 1_000);
      return inTime(params, type)
        .slice(offset, offset + limit)
        .map((one) => ({
          id: one.id,
          amount: fixed(one.amount),
          coin: one.asset,
          network: 'ETH',
          status: one.status,
          address: '0x0',
          txId: `0x${one.id}`,
          transferType: 0,
          walletType: one.walletType,
          ...row(one),
        }));
    };
  };
  return {
    'GET /sapi/v1/capital/deposit/hisrec': signed(
      1,
      capital('deposit', (one) => ({ insertTime: one.at, completeTime: one.at, unlockConfirm: '12/12' })),
    ),
    // Its weight is counted by user, not by address.
    'GET /sapi/v1/capital/withdraw/history': signed(
      1,
      capital('withdrawal', (one) => ({
        transactionFee: '0',
        applyTime: new Date(one.at).toISOString().slice(0, 19).replace('T', ' '),
      })),
    ),
    'GET /sapi/v1/asset/transfer': signed(1, (params) => {
      const rows = inTime(params, need(params, 'type'));
      const size = Math.min(number(params, 'size') ?? 10, 100);
      const current = number(params, 'current') ?? 1;
      if (rows.length === 0) return { total: 0 };
      return {
        total: rows.length,
        rows: rows.slice((current - 1) * size, current * size).map((one) => ({
          asset: one.asset,
          amount: fixed(one.amount),
          type: one.type,
          status: one.status,
          tranId: Number(one.id),
          timestamp: one.at,
        })),
      };
    }),
  };
}

const SIDES: Record<string, 'spot' | 'swap' | 'margin' | 'funding'> = {
  MAIN: 'spot',
  UMFUTURE: 'swap',
  MARGIN: 'margin',
  FUNDING: 'funding',
};

/** @returns the ways to move money, each with its line in the records. */
export function createMovements(account: VenueAccount, now: () => number, funding: Map<string, number>) {
  const movements: Movement[] = [];
  const { state } = account;
  const add = (wallet: (typeof SIDES)[string] | undefined, asset: string, amount: number) => {
    if (wallet === 'margin') {
      const held = state.margin.get(asset) ?? { total: 0, borrowed: 0, interest: 0 };
      state.margin.set(asset, { ...held, total: tidy(held.total + amount) });
    } else if (wallet !== undefined) {
      const totals = wallet === 'funding' ? funding : state[wallet];
      totals.set(asset, tidy((totals.get(asset) ?? 0) + amount));
    }
    // The futures wallet keeps a record of its own.
    if (wallet === 'swap') note(account.ledger, 'TRANSFER', '', asset, amount);
  };
  const record = (type: string, asset: string, amount: number, status: number | string): Movement => {
    const one: Movement = {
      id: String(account.nextNumber()),
      type,
      asset,
      amount,
      at: now(),
      status,
      walletType: 0,
    };
    movements.push(one);
    return one;
  };
  return {
    movements,
    deposit(asset: string, amount: number): void {
      add('spot', asset, amount);
      record('deposit', asset, amount, 1);
    },
    withdraw(asset: string, amount: number): void {
      add('spot', asset, -amount);
      record('withdrawal', asset, amount, 6);
    },
    /** Between two wallets, such as `MAIN_UMFUTURE`; what is no wallet here is somewhere else. */
    transfer(type: string, asset: string, amount: number): void {
      const [from = '', to = ''] = type.split('_');
      add(SIDES[from], asset, -amount);
      add(SIDES[to], asset, amount);
      record(type, asset, amount, 'CONFIRMED');
    },
    /** A line whose state is another than done; the balance stays as it is. */
    list: record,
  };
}
