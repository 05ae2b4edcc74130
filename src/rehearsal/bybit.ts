import type { AccountSettings, Debt } from './bybit/account.ts';
import type { EngineOrder, EnginePosition, KeepsTrading } from './bybit/engine.ts';
import { createEngine } from './bybit/engine.ts';
import { DEFAULT_MARKETS, DEFAULT_MARKS } from './bybit/markets.ts';
import { bybitProtocol } from './bybit/protocol.ts';
import type { UntilOptions } from './changes.ts';
import type { CallMatch, FaultHandle, FaultOptions } from './venue/faults.ts';
import { locked, note } from './venue/ledger.ts';
import type { RequestEntry } from './venue/server.ts';
import { startVenueServer } from './venue/server.ts';
import type { VenueMarket, VenueOrder, VenuePosition } from './venue/state.ts';
import { tidy } from './venue/state.ts';
import { createVenueAccount } from './venue.ts';

export interface BybitOptions {
  apiKey: string;
  secret: string;
  /** Epoch ms; default the computer's clock. Timestamps of requests are checked against it. */
  now?: () => number;
  /** Round trip added to every answer, ms; default 0. */
  latencyMs?: number;
  markets?: readonly VenueMarket[];
  /** Totals by coin of the one wallet. Default: 100,000 USDT, 100,000 USDC. */
  balances?: Record<string, number>;
  debts?: Record<string, Partial<Debt>>;
  orders?: readonly EngineOrder[];
  positions?: readonly EnginePosition[];
  /** Price by symbol, in quote; default 60000 BTC, 3000 ETH, 150 SOL. */
  marks?: Record<string, number>;
  hedgeMode?: boolean;
  settings?: Partial<Omit<AccountSettings, 'apiKey' | 'debts'>>;
}

export interface BybitCounterpart {
  /** `http://127.0.0.1:PORT`: put it in place of scheme and host of every URL of ccxt. */
  readonly url: string;
  readonly port: number;
  readonly apiKey: string;
  readonly secret: string;

  /** Every open order of every kind and category: copies, in the order of placing. */
  openOrders: () => VenueOrder[];
  /** Only those that are not flat. */
  positions: () => VenuePosition[];
  balances: () => Record<string, { total: number; locked: number; borrowed: number }>;
  order: (id: string) => VenueOrder | undefined;

  /** @throws VenueRefusal as Bybit would refuse it */
  placeOrder: (order: EngineOrder) => VenueOrder;
  /** A one-cancels-the-other pair on spot. @returns both legs */
  placeOco: (above: EngineOrder, below: EngineOrder) => VenueOrder[];
  /** Fills an open order, whole unless told; a conditional one triggers first. */
  fill: (orderId: string, options?: { quantity?: number; price?: number }) => VenueOrder;
  setPosition: (position: EnginePosition) => void;
  /** Moves the price; fills the limits that it crosses, triggers the stops that it reaches. */
  setMark: (symbol: string, price: number) => void;
  setBalance: (coin: string, total: number) => void;
  /** Money in or out, with its line in the transaction log: `TRANSFER_IN`, `SETTLEMENT`, … */
  addIncome: (type: string, coin: string, amount: number) => void;
  setDebt: (coin: string, debt: Partial<Debt>) => void;
  setSettings: (settings: NonNullable<BybitOptions['settings']>) => void;

  /** What came over the wire, in the order of arrival; signatures are in headers, which are left out. */
  requests: (match?: CallMatch) => RequestEntry[];
  onChange: (listener: () => void) => () => void;
  /** Waits for a state without sleeping; looked at after every request and change. */
  until: (predicate: () => boolean, options: UntilOptions) => Promise<void>;

  fault: (options: FaultOptions) => FaultHandle;
  /** Takes every fault away; what a `slow` one holds goes on. */
  clearFaults: () => void;
  /** @returns the way to stop it */
  engineKeepsTrading: (options?: KeepsTrading) => () => void;

  close: () => Promise<void>;
}

/** Fees of the lowest tier. */
const FEES = {
  spot: { taker: 0.001, maker: 0.001 },
  margin: { taker: 0.001, maker: 0.001 },
  swap: { taker: 0.00055, maker: 0.0002 },
};
const FIRST_IDS = {
  spot: '1616024329462743808',
  margin: '1',
  swap: '1716024329462743808',
  conditional: '1816024329462743808',
};
/** The generic account settles what is priced in US dollars in US dollars: the inverse contracts never lack them. */
const INVERSE_MONEY = 1e12;

/**
 * Starts a Bybit of one unified account on a port of 127.0.0.1: spot, linear contracts settled in USDT and USDC, and
 * inverse ones in one wallet, and no options. Everything in it is deterministic: ids count up, the price of a symbol is
 * what was set, time is `now`. Left out: rate limits (see the faults), profit and margin of inverse contracts.
 *
 * @throws VenueRefusal when an order to start with would be refused
 */
export async function startBybitCounterpart(options: BybitOptions): Promise<BybitCounterpart> {
  const { apiKey, secret, now = Date.now } = options;
  const account = createVenueAccount({
    now,
    markets: options.markets ?? DEFAULT_MARKETS,
    firstIds: FIRST_IDS,
    fees: FEES,
  });
  const { state } = account;
  const settings: AccountSettings = {
    apiKey,
    debts: new Map(),
    unifiedMarginStatus: 6,
    optionsAllowed: true,
    walletPermissions: ['AccountTransfer'],
    ...options.settings,
  };
  const setDebt = (coin: string, debt: Partial<Debt>) =>
    void settings.debts.set(coin, { borrowed: 0, interest: 0, ...settings.debts.get(coin), ...debt });
  for (const [coin, debt] of Object.entries(options.debts ?? {})) setDebt(coin, debt);
  state.hedgeMode = options.hedgeMode ?? false;
  // One wallet for spot and contracts: the same map, which a copy of the state keeps the same.
  const coins = options.balances ?? { USDT: 100_000, USDC: 100_000 };
  state.spot = new Map(Object.entries({ ...coins, USD: INVERSE_MONEY }));
  state.swap = state.spot;
  state.marks = new Map(Object.entries({ ...DEFAULT_MARKS, ...options.marks }));

  const engine = createEngine(account);
  for (const position of options.positions ?? []) engine.setPosition(position);
  for (const order of options.orders ?? []) engine.place(order);

  const server = await startVenueServer({
    account,
    now,
    latencyMs: options.latencyMs ?? 0,
    protocol: bybitProtocol({ account, now, settings, apiKey, secret, after: engine.react }),
  });
  /** Wraps a control, so that whoever waits looks again. */
  const changing =
    <A extends unknown[], R>(act: (...args: A) => R) =>
    (...args: A): R => {
      const result = act(...args);
      server.changed();
      return result;
    };

  return {
    url: server.url,
    port: server.port,
    apiKey,
    secret,
    openOrders: () => account.openOrders().map((order) => ({ ...order })),
    positions: () =>
      Array.from(state.positions.values())
        .filter((position) => position.amount !== 0)
        .map((position) => ({ ...position })),
    balances: () =>
      Object.fromEntries(
        Array.from(state.spot)
          .filter(([coin]) => coin !== 'USD')
          .map(([coin, total]) => [
            coin,
            {
              total,
              locked: locked(account.ledger, 'spot', coin),
              borrowed: settings.debts.get(coin)?.borrowed ?? 0,
            },
          ]),
      ),
    order: (id) => {
      const order = state.orders.get(id);
      return order && { ...order };
    },
    placeOrder: changing((order: EngineOrder) => ({ ...engine.place(order) })),
    placeOco: changing((above: EngineOrder, below: EngineOrder) => {
      const listId = String(90_000 + account.nextNumber());
      return [above, below].map((leg) => ({
        ...engine.place({ spot: true, kind: 'OcoOrder', ...leg, listId }),
      }));
    }),
    fill: changing((orderId: string, how?: { quantity?: number; price?: number }) => ({
      ...account.fill(orderId, how),
    })),
    setPosition: changing(engine.setPosition),
    setMark: changing(account.setMark),
    setBalance: changing((coin: string, total: number) => void state.spot.set(coin, total)),
    addIncome: changing((type: string, coin: string, amount: number) => {
      state.spot.set(coin, tidy((state.spot.get(coin) ?? 0) + amount));
      note(account.ledger, type, '', coin, amount);
    }),
    setDebt: changing(setDebt),
    setSettings: (changed) => void Object.assign(settings, changed),
    requests: server.requests,
    onChange: server.onChange,
    until: server.until,
    fault: server.faults.set,
    clearFaults: () => {
      server.faults.clear();
      server.faults.releaseAll();
    },
    engineKeepsTrading: engine.keepTrading,
    close: server.close,
  };
}
