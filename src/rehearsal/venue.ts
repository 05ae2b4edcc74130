import type { NewOrder } from './venue/intake.ts';
import { check, crosses, reached } from './venue/intake.ts';
import type { LedgerContext } from './venue/ledger.ts';
import { execute, onlyReduces, positionOf, reducible } from './venue/ledger.ts';
import type { OrderList, VenueMarket, VenueOrder, VenuePosition, VenueState, Wallet } from './venue/state.ts';
import { emptyState, isOpen, tidy, VenueRefusal } from './venue/state.ts';

export interface AccountOptions {
  /** Epoch ms. */
  now: () => number;
  markets: readonly VenueMarket[];
  /** The first id of each counter; every next one is one more. Decimal digits, beyond 2^53 where the venue's are. */
  firstIds: Record<Wallet | 'conditional', string>;
  fees: LedgerContext['fees'];
}

interface OrderFilter {
  wallet?: Wallet;
  list?: OrderList;
  symbol?: string;
}

/** One account at one venue: orders, positions, money, and a market that is a single price a symbol. */
export interface VenueAccount {
  readonly ledger: LedgerContext;
  readonly state: VenueState;
  readonly markets: readonly VenueMarket[];
  /** @throws VenueRefusal unknownSymbol */
  market: (wallet: Wallet, symbol: string) => VenueMarket;
  knows: (wallet: Wallet, symbol: string) => boolean;
  addMarket: (market: VenueMarket) => void;
  nextNumber: () => number;
  /** What can still fill, trigger or be cancelled, in the order of placing. */
  openOrders: (filter?: OrderFilter) => VenueOrder[];
  /** @throws VenueRefusal; then nothing has changed */
  place: (order: NewOrder) => VenueOrder;
  /** Cancels what is still open, and the other legs of its lists. @returns everything that was cancelled. */
  cancel: (orders: readonly VenueOrder[]) => VenueOrder[];
  /** Fills an open order, at its own price unless another is given; a conditional one triggers first. */
  fill: (orderId: string, options?: { quantity?: number; price?: number }) => VenueOrder;
  /** Moves the price, fills what it crosses and triggers what it reaches. */
  setMark: (symbol: string, price: number) => void;
  /** @throws Error when the symbol never had a price */
  mark: (symbol: string) => number;
  setPosition: (position: Partial<VenuePosition> & Pick<VenuePosition, 'symbol' | 'amount'>) => void;
  /** Carries out what was due by now, such as a dead man's switch. */
  sweep: () => void;
  /** Remembers everything as it is. @returns the way back to it; the counters of ids do not go back. */
  checkpoint: () => () => void;
}

/** @returns an account with no orders, positions or money. Nothing in it is random or asynchronous. */
export function createVenueAccount(options: AccountOptions): VenueAccount {
  const { now } = options;
  const state = emptyState();
  const markets = [...options.markets];
  const counters = new Map<string, bigint>(
    Object.entries(options.firstIds).map(([key, id]) => [key, BigInt(id)]),
  );
  let number = 0;

  const kindOf = (wallet: Wallet) => (wallet === 'swap' ? 'swap' : 'spot');
  const find = (wallet: Wallet, symbol: string) =>
    markets.find((market) => market.id === symbol && market.kind === kindOf(wallet));
  const nextNumber = () => ++number;
  const nextId = (counter: Wallet | 'conditional') => {
    const id = counters.get(counter) ?? 1n;
    counters.set(counter, id + 1n);
    return id.toString();
  };
  const market = (wallet: Wallet, symbol: string) => {
    const known = find(wallet, symbol);
    if (!known) throw new VenueRefusal('unknownSymbol', symbol);
    return known;
  };
  const ledger: LedgerContext = { state, now, nextNumber, market, fees: options.fees };

  const mark = (symbol: string) => {
    const price = state.marks.get(symbol);
    if (price === undefined) throw new Error(`${symbol} has no price: call setMark first`);
    return price;
  };
  const openOrders = (filter: OrderFilter = {}) =>
    Array.from(state.orders.values()).filter(
      (order) =>
        isOpen(order) &&
        (filter.wallet === undefined || order.wallet === filter.wallet) &&
        (filter.list === undefined || order.list === filter.list) &&
        (filter.symbol === undefined || order.symbol === filter.symbol),
    );
  const close = (order: VenueOrder, status: VenueOrder['status']) => {
    order.status = status;
    order.updatedAt = now();
  };
  const siblings = (order: VenueOrder) =>
    order.listId === undefined
      ? []
      : openOrders({ wallet: order.wallet }).filter(
          (other) => other.listId === order.listId && other.id !== order.id,
        );

  /** Executes and settles the status: what a reducing order could not close expires. */
  const settle = (order: VenueOrder, quantity: number, price: number, maker: boolean) => {
    const done = execute(ledger, order, quantity, price, maker);
    if (done < quantity && isOpen(order)) {
      // Binance cuts a reduce-only order to the position; with nothing to reduce it expires.
      if (order.filled > 0) order.quantity = order.filled;
      close(order, order.filled > 0 ? 'filled' : 'expired');
    }
    for (const leg of siblings(order)) close(leg, 'expired');
  };

  /** Gives a working order its first look at the market. */
  const work = (order: VenueOrder) => {
    const price = mark(order.symbol);
    if (order.price === 0 || crosses(order, price))
      settle(order, order.quantity - order.filled, price, false);
    else if (order.timeInForce === 'IOC' || order.timeInForce === 'FOK') close(order, 'expired');
  };

  const record = (request: NewOrder): VenueOrder => {
    const id = nextId(request.list === 'conditional' ? 'conditional' : request.wallet);
    const at = now();
    const order: VenueOrder = {
      id,
      clientId: request.clientId ?? `engine-${id}`,
      wallet: request.wallet,
      list: request.list,
      symbol: request.symbol,
      side: request.side,
      type: request.type,
      price: request.price ?? 0,
      triggerPrice: request.triggerPrice ?? 0,
      quantity: request.quantity,
      filled: 0,
      filledQuote: 0,
      reduceOnly: request.reduceOnly ?? false,
      closePosition: request.closePosition ?? false,
      positionSide: request.positionSide ?? 'BOTH',
      timeInForce: request.timeInForce ?? 'GTC',
      status: 'open',
      createdAt: at,
      updatedAt: at,
      triggeredAt: 0,
    };
    if (request.triggerWhen) Object.assign(order, { triggerWhen: request.triggerWhen });
    if (request.listId !== undefined) Object.assign(order, { listId: request.listId });
    if (request.callbackRate !== undefined) Object.assign(order, { callbackRate: request.callbackRate });
    state.orders.set(id, order);
    return order;
  };

  const trigger = (order: VenueOrder) => {
    order.triggeredAt = now();
    if (order.list === 'regular') {
      // A spot stop stays the same order and starts to work; its list is decided.
      for (const leg of siblings(order)) close(leg, 'expired');
      return work(order);
    }
    close(order, 'triggered');
    const quantity = order.closePosition ? reducible(state, order) : order.quantity;
    if (onlyReduces(order) && reducible(state, order) === 0) return close(order, 'expired');
    const { wallet, symbol, side, price, positionSide, timeInForce, clientId } = order;
    const child = record({
      wallet,
      list: 'regular',
      symbol,
      side,
      type: price > 0 ? 'LIMIT' : 'MARKET',
      quantity,
      price,
      reduceOnly: order.reduceOnly || order.closePosition,
      positionSide,
      timeInForce,
      clientId,
    });
    order.becameId = child.id;
    work(child);
  };

  const fill: VenueAccount['fill'] = (orderId, { quantity, price } = {}) => {
    const order = state.orders.get(orderId);
    if (!order || !isOpen(order)) throw new Error(`${orderId} is not an open order`);
    if (order.list === 'conditional') {
      trigger(order);
      const child = order.becameId === undefined ? undefined : state.orders.get(order.becameId);
      if (child && isOpen(child)) settle(child, child.quantity - child.filled, price ?? child.price, true);
      return order;
    }
    const rest = tidy(order.quantity - order.filled);
    settle(order, Math.min(quantity ?? rest, rest), price ?? (order.price || mark(order.symbol)), true);
    return order;
  };

  const sweep = () => {
    for (const [symbol, at] of Array.from(state.deadlines)) {
      if (now() < at) continue;
      state.deadlines.delete(symbol);
      for (const order of openOrders({ wallet: 'swap', list: 'regular', symbol })) close(order, 'canceled');
    }
  };

  return {
    ledger,
    state,
    markets,
    market,
    knows: (wallet, symbol) => find(wallet, symbol) !== undefined,
    addMarket: (added) => void markets.push(added),
    nextNumber,
    openOrders,
    place: (request) => {
      const where = market(request.wallet, request.symbol);
      const price = mark(request.symbol);
      check(ledger, request, where, price, openOrders());
      const order = record(request);
      if (order.triggerPrice === 0 && order.callbackRate === undefined) work(order);
      return order;
    },
    cancel: (orders) => {
      const gone: VenueOrder[] = [];
      for (const order of orders) {
        for (const leg of [order, ...siblings(order)]) {
          if (!isOpen(leg)) continue;
          close(leg, 'canceled');
          gone.push(leg);
        }
      }
      return gone;
    },
    fill,
    setMark: (symbol, price) => {
      state.marks.set(symbol, price);
      for (const order of openOrders({ symbol })) {
        // An earlier order of this round may have filled or cancelled it.
        if (!isOpen(order)) continue;
        const waits = order.triggerPrice > 0 && order.triggeredAt === 0;
        if (waits && reached(order, price)) trigger(order);
        else if (!waits && order.callbackRate === undefined && crosses(order, price)) fill(order.id);
      }
    },
    mark,
    setPosition: (wanted) => {
      market('swap', wanted.symbol);
      const position = positionOf(state, wanted.symbol, wanted.side ?? (state.hedgeMode ? 'LONG' : 'BOTH'));
      if (position.entryPrice === 0) position.entryPrice = mark(wanted.symbol);
      Object.assign(position, wanted, { updatedAt: now() });
      if (position.amount === 0) position.entryPrice = 0;
    },
    sweep,
    checkpoint: () => {
      const copy = structuredClone(state);
      return () => void Object.assign(state, structuredClone(copy));
    },
  };
}
