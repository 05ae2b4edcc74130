import type { UntilOptions } from './changes.ts';
import type { KeepsTrading, OkxOrder, OkxPosition } from './okx/engine.ts';
import { createEngine } from './okx/engine.ts';
import type { OkxMarket } from './okx/markets.ts';
import { DEFAULT_MARKETS, DEFAULT_MARKS } from './okx/markets.ts';
import { okxProtocol } from './okx/protocol.ts';
import type { Desk, Params, Settings } from './okx/wire.ts';
import type { CallMatch, FaultHandle, FaultOptions } from './venue/faults.ts';
import { note } from './venue/ledger.ts';
import type { RequestEntry } from './venue/server.ts';
import { startVenueServer } from './venue/server.ts';
import type { MarginAsset, VenueOrder, VenuePosition } from './venue/state.ts';
import { tidy } from './venue/state.ts';
import { createVenueAccount } from './venue.ts';

export interface OkxOptions {
  apiKey: string;
  secret: string;
  passphrase: string;
  /** Epoch ms; default the computer's clock. Timestamps of requests are checked against it. */
  now?: () => number;
  /** Round trip added to every answer; default 0. */
  latencyMs?: number;
  markets?: readonly OkxMarket[];
  /** Cash by currency in the trading account; default 100,000 USDT. */
  balances?: Record<string, number>;
  /** What is held and owed on cross margin, on top of `balances`. */
  margin?: Record<string, Partial<MarginAsset>>;
  /** Regular and algo, placed in this order. */
  orders?: readonly OkxOrder[];
  positions?: readonly OkxPosition[];
  /** Price by instrument, in quote; default 60000 BTC, 3000 ETH, 150 SOL. */
  marks?: Record<string, number>;
  /** `long_short_mode` instead of `net_mode`. */
  hedgeMode?: boolean;
  settings?: Partial<Settings>;
  /** Refuse what goes above OKX's published limits, by the counterpart's clock; default no. */
  rateLimits?: boolean;
}

export interface OkxCounterpart {
  /** `http://127.0.0.1:PORT`: put it in place of scheme and host of every URL of ccxt. */
  readonly url: string;
  readonly port: number;
  /** Copies, in the order of placing. */
  openOrders: () => VenueOrder[];
  algoOrders: () => VenueOrder[];
  /** Only those that are not flat. Amounts in base. */
  positions: () => VenuePosition[];
  /** Cash by currency in the trading account. */
  balances: () => Record<string, number>;
  order: (id: string) => VenueOrder | undefined;

  /** @throws VenueRefusal as OKX would refuse it */
  placeOrder: (order: OkxOrder) => VenueOrder;
  /** Fills an open order, whole unless told; an algo order triggers first. Base units. */
  fill: (orderId: string, options?: { quantity?: number; price?: number }) => VenueOrder;
  setPosition: (position: OkxPosition) => void;
  /** Moves the price; fills the limits that it crosses, triggers the stops that it reaches. */
  setMark: (instId: string, price: number) => void;
  setBalance: (ccy: string, total: number) => void;
  /** Money in or out, with its bill: `1` a transfer, `2` a trade, `8` funding, by OKX's numbers. */
  addIncome: (type: string, ccy: string, amount: number) => void;
  setMarginAsset: (ccy: string, held: Partial<MarginAsset>) => void;
  /** An isolated margin position, as OKX prints it. */
  addMarginPosition: (row: Params) => void;
  /** An option position, as OKX prints it. */
  addOptionPosition: (row: Params) => void;
  /** The cancel of these orders is refused with this code until it is called with null. */
  refuseCancels: (ids: readonly string[], code: string | null) => void;
  set: (settings: Partial<Settings>) => void;

  /** What came over the wire, in the order of arrival; nothing of what it was signed with. */
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
  spot: { taker: 0.001, maker: 0.0008 },
  margin: { taker: 0.001, maker: 0.0008 },
  swap: { taker: 0.0005, maker: 0.0002 },
};
/** 19 digits, beyond 2^53: a client that reads them as a number cancels the wrong order. */
const FIRST_IDS = {
  spot: '1752588852617379841',
  margin: '1752688852617379841',
  swap: '1752788852617379841',
  conditional: '1753184812254216193',
};

/**
 * Starts an OKX of one trading account, spot, cross margin, perpetuals and futures, on one port of 127.0.0.1. Everything
 * in it is deterministic: ids count up, the price of an instrument is what was set, time is `now`. Contracts are linear.
 *
 * @throws VenueRefusal when an order to start with would be refused
 */
export async function startOkxCounterpart(options: OkxOptions): Promise<OkxCounterpart> {
  const { apiKey, secret, passphrase, now = Date.now } = options;
  const markets = options.markets ?? DEFAULT_MARKETS;
  const account = createVenueAccount({ now, markets, firstIds: FIRST_IDS, fees: FEES });
  const { state } = account;
  const settings: Settings = {
    acctLv: '2',
    perm: 'read_only,trade',
    marginPositions: [],
    optionPositions: [],
    funding: new Map(),
    refused: new Map(),
    unknownAlgoTypes: new Set(),
    ...options.settings,
  };
  const desk: Desk = {
    account,
    now,
    book: new Map(markets.map((market) => [market.id, market])),
    extras: new Map(),
    settings,
  };
  state.hedgeMode = options.hedgeMode ?? false;
  state.spot = new Map(Object.entries(options.balances ?? { USDT: 100_000 }));
  // One account: what is on spot is the margin of contracts too.
  state.swap = state.spot;
  const setMarginAsset = (ccy: string, held: Partial<MarginAsset>) =>
    void state.margin.set(ccy, { total: 0, borrowed: 0, interest: 0, ...state.margin.get(ccy), ...held });
  for (const [ccy, held] of Object.entries(options.margin ?? {})) setMarginAsset(ccy, held);
  state.marks = new Map(Object.entries({ ...DEFAULT_MARKS, ...options.marks }));

  const engine = createEngine(desk);
  for (const position of options.positions ?? []) engine.setPosition(position);
  for (const order of options.orders ?? []) engine.place(order);

  const server = await startVenueServer({
    account,
    now,
    latencyMs: options.latencyMs ?? 0,
    protocol: okxProtocol({
      desk,
      engine,
      credentials: { apiKey, secret, passphrase },
      rateLimits: options.rateLimits ?? false,
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
  const listed = (list: 'regular' | 'conditional') =>
    account.openOrders({ list }).map((order) => ({ ...order }));

  return {
    url: server.url,
    port: server.port,
    openOrders: () => listed('regular'),
    algoOrders: () => listed('conditional'),
    positions: () =>
      Array.from(state.positions.values())
        .filter((position) => position.amount !== 0)
        .map((position) => ({ ...position })),
    balances: () => Object.fromEntries(state.spot),
    order: (id) => {
      const order = state.orders.get(id);
      return order && { ...order };
    },
    placeOrder: changing((order: OkxOrder) => ({ ...engine.place(order) })),
    fill: changing((orderId: string, how?: { quantity?: number; price?: number }) => ({
      ...account.fill(orderId, how),
    })),
    setPosition: changing(engine.setPosition),
    setMark: changing(account.setMark),
    setBalance: changing((ccy: string, total: number) => void state.spot.set(ccy, total)),
    addIncome: changing((type: string, ccy: string, amount: number) => {
      state.spot.set(ccy, tidy((state.spot.get(ccy) ?? 0) + amount));
      note(account.ledger, type, '', ccy, amount);
    }),
    setMarginAsset: changing(setMarginAsset),
    addMarginPosition: changing(
      (row: Params) => void settings.marginPositions.push({ instType: 'MARGIN', ...row }),
    ),
    addOptionPosition: changing(
      (row: Params) => void settings.optionPositions.push({ instType: 'OPTION', ...row }),
    ),
    refuseCancels: (ids, code) => {
      for (const id of ids) {
        if (code === null) settings.refused.delete(id);
        else settings.refused.set(id, code);
      }
    },
    set: changing((changed: Partial<Settings>) => void Object.assign(settings, changed)),
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
