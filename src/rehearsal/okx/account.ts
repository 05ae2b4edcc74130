import { balanceRow, positionRow } from './rows.ts';
import type { Desk, Params, Routes } from './wire.ts';
import { need, OkxError, ok, parameterError, signed, text } from './wire.ts';

/** OKX's numbers for what the generic account calls by word. */
const BILL_TYPES: Record<string, string> = { REALIZED_PNL: '2', COMMISSION: '2', FUNDING_FEE: '8' };

/** @returns /api/v5/account, and what /api/v5/asset says of the funding account. */
export function accountRoutes(desk: Desk): Routes {
  const { account, settings } = desk;
  const { state } = account;
  const positions = (): Record<string, unknown>[] => [
    ...Array.from(state.positions.values())
      .filter((position) => position.amount !== 0)
      .map((position) => positionRow(desk, position)),
    ...settings.marginPositions,
    ...settings.optionPositions,
  ];
  const wanted = (row: Record<string, unknown>, params: Params) =>
    (params['instType'] === undefined || row['instType'] === params['instType']) &&
    (params['instId'] === undefined || params['instId'].split(',').includes(String(row['instId'])));
  return {
    'GET /api/v5/account/balance': signed(10, (params) => ok([balanceRow(desk, params)])),
    'GET /api/v5/account/positions': signed(10, (params) =>
      ok(positions().filter((row) => wanted(row, params))),
    ),
    'GET /api/v5/account/bills': signed(10, (params) => {
      const from = Number(params['begin'] ?? 0);
      const until = Number(params['end'] ?? Number.POSITIVE_INFINITY);
      const after = params['after'] === undefined ? Number.POSITIVE_INFINITY : Number(params['after']);
      const limit = Math.min(Number(params['limit'] ?? 100), 100);
      return ok(
        state.income
          .filter((row) => row.at >= from && row.at <= until && row.id < after)
          .reverse()
          .slice(0, limit)
          .map((row) => ({
            billId: String(row.id),
            ts: String(row.at),
            ccy: row.asset,
            balChg: text(row.amount),
            bal: '',
            type: BILL_TYPES[row.type] ?? row.type,
            subType: '',
            instId: row.symbol,
          })),
      );
    }),
    'GET /api/v5/account/config': signed(5, () =>
      ok([
        {
          uid: '44705892343619584',
          mainUid: '44705892343619584',
          acctLv: settings.acctLv,
          posMode: state.hedgeMode ? 'long_short_mode' : 'net_mode',
          perm: settings.perm,
          autoLoan: false,
          greeksType: 'PA',
          level: 'Lv1',
          label: 'rehearsal',
          ip: '',
          ctIsoMode: 'automatic',
          mgnIsoMode: 'automatic',
          roleType: '0',
          enableSpotBorrow: false,
        },
      ]),
    ),
    'POST /api/v5/account/set-position-mode': signed(5, (params) => {
      const mode = need(params, 'posMode');
      if (mode !== 'long_short_mode' && mode !== 'net_mode') throw parameterError('posMode');
      if (account.openOrders({ wallet: 'swap' }).length > 0 || positions().length > 0)
        throw new OkxError(
          '59000',
          'Setting failed. Cancel any open orders, close positions, and stop trading bots first.',
          200,
        );
      state.hedgeMode = mode === 'long_short_mode';
      return ok([{ posMode: mode }]);
    }),
    'GET /api/v5/asset/balances': signed(6, () =>
      ok(
        Array.from(settings.funding, ([ccy, amount]) => ({
          ccy,
          bal: text(amount),
          availBal: text(amount),
          frozenBal: '0',
        })),
      ),
    ),
    'GET /api/v5/asset/currencies': signed(6, () =>
      ok(
        Array.from(
          new Set(Array.from(desk.book.values()).flatMap((market) => [market.base, market.quote])),
          (ccy) => ({
            ccy,
            name: ccy,
            chain: `${ccy}-Main`,
            canDep: true,
            canWd: true,
            canInternal: true,
            mainNet: true,
            minWd: '1',
            maxWd: '1000000',
            minFee: '0.1',
            maxFee: '0.2',
            wdTickSz: '8',
          }),
        ),
      ),
    ),
  };
}
