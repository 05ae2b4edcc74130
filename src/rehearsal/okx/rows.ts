import { locked, swapMoney, unrealized } from '../venue/ledger.ts';
import type { VenueOrder, VenuePosition, Wallet } from '../venue/state.ts';
import { tidy } from '../venue/state.ts';
import type { OkxMarket } from './markets.ts';
import type { Desk, Params } from './wire.ts';
import { marketOf, text, unitOf } from './wire.ts';

/** OKX's word for the kind of instrument that an order trades: a spot market bought on margin is MARGIN. */
export const instTypeOf = (market: OkxMarket, wallet: Wallet): string =>
  wallet === 'margin' ? 'MARGIN' : market.instType;

const SIDES = { BOTH: 'net', LONG: 'long', SHORT: 'short' } as const;
const STATES: Record<VenueOrder['status'], string> = {
  open: 'live',
  partial: 'partially_filled',
  filled: 'filled',
  canceled: 'canceled',
  expired: 'canceled',
  rejected: 'canceled',
  triggered: 'effective',
};

const inUnits = (market: OkxMarket, base: number): string => text(tidy(base / unitOf(market)));
const orEmpty = (value: number | undefined): string =>
  value === undefined || value === 0 ? '' : text(value);

/** What regular and algo orders have in common. */
function shared(desk: Desk, order: VenueOrder): Record<string, unknown> {
  const market = marketOf(desk, order.symbol);
  const extras = desk.extras.get(order.id);
  return {
    instType: instTypeOf(market, order.wallet),
    instId: order.symbol,
    ccy: '',
    clOrdId: order.list === 'regular' ? order.clientId : '',
    ordType: order.type,
    side: order.side,
    posSide: SIDES[order.positionSide],
    tdMode: extras?.tdMode ?? 'cash',
    sz: order.quantity === 0 ? '' : inUnits(market, order.quantity),
    tgtCcy: '',
    lever: order.wallet === 'spot' ? '' : '20',
    // On spot and in long/short mode this is not the venue's word for it.
    reduceOnly: String(order.reduceOnly && order.wallet === 'swap'),
    state: STATES[order.status],
    tag: '',
    cTime: String(order.createdAt),
    uTime: String(order.updatedAt),
  };
}

/** @returns a row of orders-pending. */
export function orderRow(desk: Desk, order: VenueOrder): Record<string, unknown> {
  const market = marketOf(desk, order.symbol);
  return {
    ...shared(desk, order),
    ordId: order.id,
    px: orEmpty(order.price),
    accFillSz: inUnits(market, order.filled),
    avgPx: order.filled === 0 ? '' : text(order.filledQuote / order.filled),
    fillPx: '',
    fillSz: '0',
    fillTime: '',
    fee: '0',
    feeCcy: market.quote,
    pnl: '0',
    rebate: '0',
    rebateCcy: market.quote,
    category: 'normal',
    algoId: '',
    algoClOrdId: '',
    attachAlgoOrds: [],
    linkedAlgoOrd: { algoId: '' },
    slTriggerPx: '',
    slOrdPx: '',
    tpTriggerPx: '',
    tpOrdPx: '',
    tradeId: '',
  };
}

/** @returns a row of orders-algo-pending. */
export function algoRow(desk: Desk, order: VenueOrder): Record<string, unknown> {
  const extras = desk.extras.get(order.id);
  const stop = order.type === 'conditional' || order.type === 'oco';
  const work = order.type === 'iceberg' || order.type === 'twap' || order.type === 'smart_iceberg';
  return {
    ...shared(desk, order),
    algoId: order.id,
    algoClOrdId: order.clientId,
    ordId: '',
    ordIdList: [],
    closeFraction: extras?.closeFraction ?? '',
    ordPx: order.type === 'trigger' ? orEmpty(order.price) || '-1' : '',
    triggerPx: order.type === 'trigger' ? orEmpty(order.triggerPrice) : '',
    triggerPxType: order.type === 'trigger' ? 'last' : '',
    slTriggerPx: stop ? orEmpty(order.triggerPrice) : '',
    slOrdPx: stop ? orEmpty(order.price) || '-1' : '',
    tpTriggerPx: orEmpty(extras?.takeProfit),
    tpOrdPx: extras?.takeProfit === undefined ? '' : '-1',
    callbackRatio: order.callbackRate === undefined ? '' : text(order.callbackRate),
    callbackSpread: '',
    activePx: '',
    moveTriggerPx: order.callbackRate === undefined ? '' : text(desk.account.mark(order.symbol)),
    pxLimit: work ? orEmpty(order.price) : '',
    pxSpread: work ? '1' : '',
    pxVar: '',
    szLimit: work ? '1' : '',
    timeInterval: order.type === 'twap' ? '30' : '',
    chaseType: order.type === 'chase' ? 'distance' : '',
    chaseVal: order.type === 'chase' ? '10' : '',
    linkedOrd: { ordId: '' },
    last: text(desk.account.mark(order.symbol)),
    actualPx: '',
    actualSide: '',
    actualSz: '0',
    failCode: '',
    triggerTime: '',
  };
}

/** @returns a row of /account/positions for a future or a perpetual. */
export function positionRow(desk: Desk, position: VenuePosition): Record<string, unknown> {
  const market = marketOf(desk, position.symbol);
  const mark = desk.account.mark(position.symbol);
  const size = position.side === 'BOTH' ? position.amount : Math.abs(position.amount);
  return {
    instType: market.instType,
    instId: position.symbol,
    mgnMode: position.isolated ? 'isolated' : 'cross',
    posId: `30717303605${position.side.length}${market.id.length}`,
    posSide: SIDES[position.side],
    pos: inUnits(market, size),
    posCcy: '',
    availPos: '',
    avgPx: text(position.entryPrice),
    markPx: text(mark),
    idxPx: text(mark),
    last: text(mark),
    upl: text(unrealized(desk.account.state, position)),
    uplRatio: '0',
    lever: String(position.leverage),
    liqPx: '',
    imr: '',
    mmr: '0',
    margin: '',
    mgnRatio: '',
    liab: '',
    liabCcy: '',
    interest: '',
    optVal: '',
    notionalUsd: text(Math.abs(position.amount) * mark),
    adl: '1',
    ccy: market.quote,
    tradeId: '1',
    cTime: String(position.updatedAt),
    uTime: String(position.updatedAt),
  };
}

/** @returns the one row of /account/balance: spot, margin and the money behind contracts are one account. */
export function balanceRow(desk: Desk, params: Params): Record<string, unknown> {
  const { account, now, settings } = desk;
  const { state } = account;
  const wanted = params['ccy']?.split(',');
  const assets = new Set([...state.spot.keys(), ...state.margin.keys()]);
  const details = Array.from(assets)
    .filter((ccy) => wanted?.includes(ccy) ?? true)
    .map((ccy) => {
      const held = state.margin.get(ccy) ?? { total: 0, borrowed: 0, interest: 0 };
      const cash = tidy((state.spot.get(ccy) ?? 0) + held.total);
      const frozen = tidy(locked(account.ledger, 'spot', ccy) + locked(account.ledger, 'margin', ccy));
      const { unrealized: upl, positionMargin, orderMargin } = swapMoney(account.ledger, ccy);
      const used = tidy(frozen + positionMargin + orderMargin);
      const eq = tidy(cash + upl - held.borrowed - held.interest);
      const borrows = settings.acctLv !== '2';
      return {
        ccy,
        eq: text(eq),
        cashBal: text(cash),
        availBal: text(Math.max(0, tidy(cash - used))),
        // Futures mode and the margin modes only.
        availEq: settings.acctLv === '1' ? '' : text(Math.max(0, tidy(eq - used))),
        frozenBal: text(used),
        ordFrozen: text(tidy(frozen + orderMargin)),
        liab: borrows ? text(held.borrowed) : '',
        interest: borrows ? text(held.interest) : '',
        upl: text(upl),
        isoEq: '0',
        uTime: String(now()),
      };
    })
    .filter((row) => row.cashBal !== '0' || row.eq !== '0');
  return { uTime: String(now()), totalEq: '0', adjEq: '', isoEq: '0', imr: '', mmr: '', details };
}
