import type { EngineOrder, EnginePosition, KeepsTrading } from './binance/engine.ts';
import { createEngine } from './binance/engine.ts';
import type { Family } from './binance/gate.ts';
import { createWeightGate } from './binance/gate.ts';
import { DEFAULT_MARKETS, DEFAULT_MARKS } from './binance/markets.ts';
import { binanceProtocol } from './binance/protocol.ts';
import type { Movement } from './binance/transfers.ts';
import { createMovements } from './binance/transfers.ts';
import type { ApiRestrictions, WalletState } from './binance/wallet.ts';
import { TRADING_KEY } from './binance/wallet.ts';
import type { UntilOptions } from './changes.ts';
import type { CallMatch, FaultHandle, FaultOptions } from './venue/faults.ts';
import { locked, note } from './venue/ledger.ts';
import type { RequestEntry } from './venue/server.ts';
import { startVenueServer } from './venue/server.ts';
import type { MarginAsset, VenueMarket, VenueOrder, VenuePosition, Wallet } from './venue/state.ts';
import { tidy } from './venue/state.ts';
import { createVenueAccount } from './venue.ts';

export interface BinanceOptions {
  apiKey: string;
  secret: string;
  /** Epoch ms; default the computer's clock. Timestamps of requests are checked against it. */
  now?: () => number;
  /** Round trip added to every answer; default 0. */
  latencyMs?: number;
  markets?: readonly VenueMarket[];
  /** Totals by asset. Default: spot 100,000 USDT, 2 BTC, 20 ETH, 50 BNB; USD-M 100,000 USDT; no margin wallet. */
  balances?: {
    spot?: Record<string, number>;
    swap?: Record<string, number>;
    margin?: Record<string, Partial<MarginAsset>>;
    funding?: Record<string, number>;
  };
  /** Regular and conditional, any wallet, placed in this order. */
  orders?: readonly EngineOrder[];
  /** The same as `orders`, for those who keep the two lists apart. */
  conditionalOrders?: readonly EngineOrder[];
  positions?: readonly EnginePosition[];
  /** Price by symbol, in quote; default 60000 BTC, 3000 ETH, 600 BNB, 150 SOL. */
  marks?: Record<string, number>;
  hedgeMode?: boolean;
  restrictions?: Partial<ApiRestrictions>;
  /** Request weight a minute, by host. */
  weightLimits?: Partial<Record<Family, number>>;
}

export interface BinanceCounterpart {
  /** `http://127.0.0.1:PORT`: put it in place of scheme and host of every URL of ccxt. */
  readonly url: string;
  readonly port: number;
  readonly apiKey: string;
  readonly secret: string;

  /** Copies, in the order of placing. */
  openOrders: (wallet?: Wallet) => VenueOrder[];
  conditionalOrders: () => VenueOrder[];
  /** Only those that are not flat. */
  positions: () => VenuePosition[];
  balances: () => {
    spot: Record<string, Balance>;
    margin: Record<string, Balance>;
    swap: Record<string, number>;
  };
  order: (id: string) => VenueOrder | undefined;
  /** Price by symbol, in quote. */
  marks: () => Record<string, number>;

  /** @throws VenueRefusal as Binance would refuse it */
  placeOrder: (order: EngineOrder) => VenueOrder;
  /** A one-cancels-the-other pair on spot. @returns both legs */
  placeOco: (above: EngineOrder, below: EngineOrder) => VenueOrder[];
  /** Fills an open order, whole unless told; a conditional one triggers first. */
  fill: (orderId: string, options?: { quantity?: number; price?: number }) => VenueOrder;
  setPosition: (position: EnginePosition) => void;
  /** Moves the price; fills the limits that it crosses, triggers the stops that it reaches. */
  setMark: (symbol: string, price: number) => void;
  setBalance: (wallet: 'spot' | 'swap', asset: string, total: number) => void;
  /** Cross margin. */
  setMarginAsset: (asset: string, held: Partial<MarginAsset>) => void;
  /** Money in or out of the USD-M wallet that is neither profit nor fee (`TRANSFER`, `FUNDING_FEE`, …). */
  addIncome: (type: string, asset: string, amount: number, symbol?: string) => void;
  /** Money into the spot wallet from outside, with its line in the records. */
  deposit: (asset: string, amount: number) => void;
  withdraw: (asset: string, amount: number) => void;
  /** Between two wallets, such as `MAIN_UMFUTURE`. */
  transfer: (type: string, asset: string, amount: number) => void;
  /** A line of the records alone, in any state: no balance changes. */
  listMovement: (type: string, asset: string, amount: number, status: number | string) => Movement;
  setRestrictions: (restrictions: Partial<ApiRestrictions>) => void;
  setSystemStatus: (status: 'normal' | 'maintenance') => void;

  /** What came over the wire, in the order of arrival; signatures left out. */
  requests: (match?: CallMatch) => RequestEntry[];
  onChange: (listener: () => void) => () => void;
  /** Waits for a state without sleeping; looked at after every request and change. */
  until: (predicate: () => boolean, options: UntilOptions) => Promise<void>;

  fault: (options: FaultOptions) => FaultHandle;
  /** Takes every fault away; what a `slow` one holds goes on. */
  clearFaults: () => void;
  /** @returns the way to stop it */
  engineKeepsTrading: (options?: KeepsTrading) => () => void;
  setWeightLimit: (family: Family, perMinute: number) => void;
  /** Ends bans, empties the weight counters. */
  resetWeights: () => void;

  close: () => Promise<void>;
}

/** Amounts in the asset. */
interface Balance {
  total: number;
  locked: number;
}

const DEFAULT_SPOT = { USDT: 100_000, BTC: 2, ETH: 20, BNB: 50 };
const DEFAULT_SWAP = { USDT: 100_000 };
/** Fees of the lowest tier. */
const FEES = {
  spot: { taker: 0.001, maker: 0.001 },
  margin: { taker: 0.001, maker: 0.001 },
  swap: { taker: 0.0005, maker: 0.0002 },
};
/** USD-M ids have 19 digits, beyond 2^53: a client that reads them as a number cancels the wrong order. */
const FIRST_IDS = {
  spot: '28457830001',
  margin: '29561230001',
  swap: '8389765600000000001',
  conditional: '2000000012345001',
};

/**
 * Starts a Binance of one account, spot, cross margin and USD-M on one port of 127.0.0.1. Everything in it is
 * deterministic: ids count up, the price of a symbol is what was set, time is `now`.
 *
 * @throws VenueRefusal when an order to start with would be refused
 */
export async function startBinanceCounterpart(options: BinanceOptions): Promise<BinanceCounterpart> {
  const { apiKey, secret, now = Date.now } = options;
  const account = createVenueAccount({
    now,
    markets: options.markets ?? DEFAULT_MARKETS,
    firstIds: FIRST_IDS,
    fees: FEES,
  });
  const { state } = account;
  const wallet: WalletState = {
    restrictions: { ...TRADING_KEY, ...options.restrictions },
    funding: new Map(Object.entries(options.balances?.funding ?? {})),
    systemStatus: 0,
  };
  state.hedgeMode = options.hedgeMode ?? false;
  state.spot = new Map(Object.entries(options.balances?.spot ?? DEFAULT_SPOT));
  state.swap = new Map(Object.entries(options.balances?.swap ?? DEFAULT_SWAP));
  const setMarginAsset = (asset: string, held: Partial<MarginAsset>) =>
    void state.margin.set(asset, { total: 0, borrowed: 0, interest: 0, ...state.margin.get(asset), ...held });
  for (const [asset, held] of Object.entries(options.balances?.margin ?? {})) setMarginAsset(asset, held);
  state.marks = new Map(Object.entries({ ...DEFAULT_MARKS, ...options.marks }));

  const money = createMovements(account, now, wallet.funding);
  const engine = createEngine(account);
  for (const position of options.positions ?? []) engine.setPosition(position);
  for (const order of [...(options.orders ?? []), ...(options.conditionalOrders ?? [])]) engine.place(order);

  const gate = createWeightGate(now, options.weightLimits);
  const server = await startVenueServer({
    account,
    now,
    latencyMs: options.latencyMs ?? 0,
    protocol: binanceProtocol({
      account,
      now,
      wallet,
      movements: money.movements,
      gate,
      apiKey,
      secret,
      after: engine.react,
    }),
  });
  /** Wraps a control, so that whoever waits looks again. */
  const changing =
    <A extends unknown[], R>(act: (...args: A) => R) =>
    (...args: A): R => {
      const result = act(...args);
      server.changed();
      return result;
    };
  const listed = (list: 'regular' | 'conditional', from?: Wallet) => {
    account.sweep();
    return account.openOrders(from ? { list, wallet: from } : { list }).map((order) => ({ ...order }));
  };
  const inWallet = (from: 'spot' | 'margin', totals: Iterable<[string, number]>) =>
    Object.fromEntries(
      Array.from(totals, ([asset, total]) => [asset, { total, locked: locked(account.ledger, from, asset) }]),
    );

  return {
    url: server.url,
    port: server.port,
    apiKey,
    secret,
    openOrders: (from) => listed('regular', from),
    conditionalOrders: () => listed('conditional'),
    positions: () =>
      Array.from(state.positions.values())
        .filter((position) => position.amount !== 0)
        .map((position) => ({ ...position })),
    balances: () => ({
      spot: inWallet('spot', state.spot),
      margin: inWallet(
        'margin',
        Array.from(state.margin, ([asset, held]): [string, number] => [asset, held.total]),
      ),
      swap: Object.fromEntries(state.swap),
    }),
    order: (id) => {
      const order = state.orders.get(id);
      return order && { ...order };
    },
    marks: () => Object.fromEntries(state.marks),
    placeOrder: changing((order: EngineOrder) => ({ ...engine.place(order) })),
    placeOco: changing((above: EngineOrder, below: EngineOrder) => {
      const listId = String(90_000 + account.nextNumber());
      return [above, below].map((leg) => ({ ...engine.place({ wallet: 'spot', ...leg, listId }) }));
    }),
    fill: changing((orderId: string, how?: { quantity?: number; price?: number }) => ({
      ...account.fill(orderId, how),
    })),
    setPosition: changing(engine.setPosition),
    setMark: changing(account.setMark),
    setBalance: changing(
      (from: 'spot' | 'swap', asset: string, total: number) => void state[from].set(asset, total),
    ),
    setMarginAsset: changing(setMarginAsset),
    addIncome: changing((type: string, asset: string, amount: number, symbol = '') => {
      state.swap.set(asset, tidy((state.swap.get(asset) ?? 0) + amount));
      note(account.ledger, type, symbol, asset, amount);
    }),
    deposit: changing(money.deposit),
    withdraw: changing(money.withdraw),
    transfer: changing(money.transfer),
    listMovement: changing(money.list),
    setRestrictions: (restrictions) => void Object.assign(wallet.restrictions, restrictions),
    setSystemStatus: (status) => {
      wallet.systemStatus = status === 'normal' ? 0 : 1;
    },
    requests: server.requests,
    onChange: server.onChange,
    until: server.until,
    fault: server.faults.set,
    clearFaults: () => {
      server.faults.clear();
      server.faults.releaseAll();
    },
    engineKeepsTrading: engine.keepTrading,
    setWeightLimit: gate.setLimit,
    resetWeights: gate.reset,
    close: server.close,
  };
}
