import type { UntilOptions } from './changes.ts';
import type { KeepsTrading, KrakenOrder, KrakenPosition } from './kraken/engine.ts';
import { createEngine } from './kraken/engine.ts';
import type { RateLimit } from './kraken/gate.ts';
import { createGate } from './kraken/gate.ts';
import type { KrakenMarket } from './kraken/markets.ts';
import { DEFAULT_MARKETS, DEFAULT_MARKS } from './kraken/markets.ts';
import { type KeyInfo, krakenProtocol, TRADING_KEY } from './kraken/protocol.ts';
import { idOf, txidOf } from './kraken/wire.ts';
import type { CallMatch, FaultHandle, FaultOptions } from './venue/faults.ts';
import { note } from './venue/ledger.ts';
import type { RequestEntry } from './venue/server.ts';
import { startVenueServer } from './venue/server.ts';
import type { VenueOrder, VenuePosition } from './venue/state.ts';
import { tidy } from './venue/state.ts';
import { createVenueAccount } from './venue.ts';

export interface KrakenOptions {
  apiKey: string;
  /** Base64, as Kraken hands it out. */
  secret: string;
  /** Epoch ms; default the computer's clock. */
  now?: () => number;
  /** Round trip added to every answer; default 0. */
  latencyMs?: number;
  markets?: readonly KrakenMarket[];
  /** Totals by Kraken's asset names, such as `XXBT`, `ZUSD`, `XBT.M`. Default 100,000 ZUSD, 2 XXBT, 20 XETH. */
  balances?: Record<string, number>;
  /** Placed in this order. */
  orders?: readonly KrakenOrder[];
  /** On margin, at 2:1. */
  positions?: readonly KrakenPosition[];
  /** Price by pair id, in quote. */
  marks?: Record<string, number>;
  /** Default the Pro tier's: 20, falling by 1 a second. */
  rateLimit?: RateLimit;
}

export interface KrakenCounterpart {
  /** `http://127.0.0.1:PORT`: put it in place of scheme and host of every URL of ccxt. */
  readonly url: string;
  readonly port: number;
  readonly apiKey: string;
  readonly secret: string;

  /** Copies, in the order of placing, with Kraken's txids. */
  openOrders: () => VenueOrder[];
  /** Only those that are not flat. */
  positions: () => VenuePosition[];
  /** Totals by Kraken's asset names. */
  balances: () => Record<string, number>;
  /** @throws VenueRefusal as Kraken would refuse it */
  placeOrder: (order: KrakenOrder) => VenueOrder;
  /** Fills an open order, whole unless told. */
  fill: (txid: string, options?: { quantity?: number; price?: number }) => VenueOrder;
  setPosition: (position: KrakenPosition) => void;
  /** Moves the price of a pair id; fills the limits that it crosses, triggers the stops that it reaches. */
  setMark: (pair: string, price: number) => void;
  setBalance: (asset: string, total: number) => void;
  /** Money in or out, with its line in the ledger: `deposit`, `withdrawal`, `trade`, … */
  addIncome: (type: string, asset: string, amount: number) => void;
  setSystemStatus: (status: 'online' | 'maintenance') => void;
  /** What the key may do, and until when. */
  setKey: (key: Partial<KeyInfo>) => void;

  /** What came over the wire, in the order of arrival. */
  requests: (match?: CallMatch) => RequestEntry[];
  onChange: (listener: () => void) => () => void;
  /** Waits for a state without sleeping; looked at after every request and change. */
  until: (predicate: () => boolean, options: UntilOptions) => Promise<void>;

  fault: (options: FaultOptions) => FaultHandle;
  /** Takes every fault away; what a `slow` one holds goes on. */
  clearFaults: () => void;
  /** Places an order after each cancel. @returns the way to stop it */
  engineKeepsTrading: (options?: KeepsTrading) => () => void;
  setRateLimit: (limit: RateLimit) => void;
  close: () => Promise<void>;
}

const DEFAULT_BALANCES = { ZUSD: 100_000, XXBT: 2, XETH: 20 };
/** Kraken's lowest tier. */
const FEE = { taker: 0.004, maker: 0.0025 };

/**
 * Starts a Kraken of one account, spot and margin, on a port of 127.0.0.1. Everything in it is deterministic. Simpler
 * than the real one: the collateral of margin trades is kept apart from the balances, and is 100,000 USD.
 *
 * @throws VenueRefusal when an order to start with would be refused
 */
export async function startKrakenCounterpart(options: KrakenOptions): Promise<KrakenCounterpart> {
  const { apiKey, secret, now = Date.now } = options;
  const account = createVenueAccount({
    now,
    markets: [],
    // 16 digits make a txid.
    firstIds: {
      spot: '1000000000000001',
      margin: '2000000000000001',
      swap: '3000000000000001',
      conditional: '4000000000000001',
    },
    fees: { spot: FEE, margin: FEE, swap: FEE },
  });
  const { state } = account;
  state.spot = new Map(Object.entries(options.balances ?? DEFAULT_BALANCES));
  state.swap = new Map([
    ['ZUSD', 100_000],
    ['ZEUR', 100_000],
    ['XXBT', 2],
  ]);
  state.marks = new Map(Object.entries({ ...DEFAULT_MARKS, ...options.marks }));
  let status: 'online' | 'maintenance' = 'online';
  const key: KeyInfo = { ...TRADING_KEY };

  const engine = createEngine(account, [...(options.markets ?? DEFAULT_MARKETS)]);
  for (const position of options.positions ?? []) engine.setPosition(position);
  for (const order of options.orders ?? []) engine.place(order);
  const gate = createGate({ now, apiKey, secret, limit: options.rateLimit ?? { max: 20, perSecond: 1 } });
  const server = await startVenueServer({
    account,
    now,
    latencyMs: options.latencyMs ?? 0,
    protocol: krakenProtocol(
      { account, engine, now },
      gate,
      () => status,
      () => key,
    ),
  });
  /** Wraps a control, so that whoever waits looks again. */
  const changing =
    <A extends unknown[], R>(act: (...args: A) => R) =>
    (...args: A): R => {
      const result = act(...args);
      engine.settle();
      server.changed();
      return result;
    };
  const shown = (order: VenueOrder): VenueOrder => ({ ...order, id: txidOf(order.id) });

  return {
    url: server.url,
    port: server.port,
    apiKey,
    secret,
    openOrders: () => account.openOrders().map(shown),
    positions: () =>
      Array.from(state.positions.values())
        .filter((position) => position.amount !== 0)
        .map((position) => ({ ...position })),
    balances: () => Object.fromEntries(state.spot),
    placeOrder: changing((order: KrakenOrder) => shown(engine.place(order))),
    fill: changing((txid: string, how?: { quantity?: number; price?: number }) =>
      shown(account.fill(idOf(txid), how)),
    ),
    setPosition: changing(engine.setPosition),
    setMark: changing(account.setMark),
    setBalance: changing((asset: string, total: number) => void state.spot.set(asset, total)),
    addIncome: changing((type: string, asset: string, amount: number) => {
      state.spot.set(asset, tidy((state.spot.get(asset) ?? 0) + amount));
      note(account.ledger, type, '', asset, amount);
    }),
    setKey: (changed) => void Object.assign(key, changed),
    setSystemStatus: (wanted) => {
      status = wanted;
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
    setRateLimit: gate.setLimit,
    close: server.close,
  };
}
