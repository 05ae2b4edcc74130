/** The driver of a venue in the proven table: it cancels, reads and closes by the venue's own ids, and needs no markets. */

import { createHash } from 'node:crypto';
import type { ListReading, PositionsReading } from '../../domain/kill.ts';
import type { CancelledList, OrderLine, PositionLine } from '../../domain/orders.ts';
import type { Clock, Venue } from '../../ports.ts';
import type {
  AccountFacts,
  Call,
  ListFacts,
  PositionFacts,
  RawOrder,
  RawPosition,
  VenueFacts,
} from './facts.ts';
import { tidy } from './facts.ts';
import type { Ask } from './ledger.ts';
import { createProvenMeasure } from './measure.ts';
import { createResults } from './results.ts';
import { ownFailure, plain, pool, tally, VenueFailure, type Wire, wordsOf } from './wire.ts';

/** Cancels of whole symbols under way at once: every configured symbol of a large desk in one round trip. */
const SYMBOLS_AT_ONCE = 100;
/** Cancels by id under way at once. */
const IDS_AT_ONCE = 20;
/** How long a cancel by id waits for the cancel of its whole symbol, which may have made it needless. */
const SWEEP_GRACE_MS = 250;
/** A cancel begins no request after this long: then it is time to read, and to try again. */
export const ROUND_MS = 6_000;
/** A venue that goes on naming next pages is a failure, not a reason to read for ever. */
const MAX_PAGES = 200;
/** Prices only put a figure beside a balance: no reading waits long for them. */
const PRICES_MS = 1_000;

export interface DriverOptions {
  id: string;
  facts: VenueFacts;
  /** ccxt's unified names, from the configuration: a hint for speed. */
  symbols: string[];
  quoteAssets: string[];
  protectiveOrders: 'cancel' | 'keepWhilePosition';
  clock: Clock;
  /** Told of every whole reading, whoever asked for it, with when it began, ms since the epoch. Must not throw. */
  onReading?: OnReading;
}

export type OnReading = (startedAt: number, reading: Awaited<ReturnType<Venue['read']>>) => void;

/** What `closePosition` and the general driver share. */
export type CloseAnswer = Awaited<ReturnType<Venue['closePosition']>>;

/**
 * An order id that follows from the key alone, so that the same order is never two: 35 characters of `[a-z0-9-]`.
 * Source of the limit: Binance takes `^[\.A-Z\:/a-z0-9_-]{1,36}$`.
 */
export const clientIdOf = (venue: string, orderKey: string): string =>
  `sd-${createHash('sha256').update(`${venue}\n${orderKey}`).digest('hex').slice(0, 32)}`;

/** What a failed order means: refused only where the venue, or we, certainly did nothing. */
export function closeFailure(error: unknown): CloseAnswer {
  const reason = wordsOf(error);
  const outcome = error instanceof VenueFailure ? error.failure.outcome : 'unknown';
  return outcome === 'unknown' ? { state: 'unknown', reason } : { state: 'refused', reason };
}

/**
 * Build the driver. What it answers follows the `Venue` port: `cancel` says what the venue answered, `read` what it
 * shows, and neither throws.
 */
export function createProvenDriver(
  wire: Wire,
  options: DriverOptions,
): Pick<Venue, 'warm' | 'cancel' | 'read' | 'closePosition' | 'measure' | 'results'> {
  const { id, facts, quoteAssets, clock } = options;
  /** Optional wallets that were found, and why the others were not. */
  const covered = new Set<string>();
  /** Why a wallet is not covered: said for sure by the venue (`absent`), or not known yet (`missing`). */
  const missing = new Map<string, string>();
  const absent = new Map<string, string>();
  /** Venue symbols that each list showed last. */
  const lastSeen = new Map<string, Set<string>>();
  /** Ids that a cancel of their whole symbol should have taken: still listed in the next round, they go by id. */
  const claimedBefore = new Map<string, Set<string>>();
  const sentKeys = new Set<string>();
  /** Base units of one contract, where the venue was asked. */
  const contractSizes = new Map<string, number>();

  const spell = facts.spell ?? ((symbol: string) => symbol);
  /** The venue's name of a symbol; null where another account trades it. */
  function venueSymbol(symbol: string, account: AccountFacts): string | null {
    const known = wire.marketBySymbol(symbol)?.id;
    if (!symbol.includes('/')) return spell(known ?? symbol);
    const spelled = (account.venueSymbol ?? facts.venueSymbol)(symbol);
    if (spelled === null && account.venueSymbol !== undefined) return null;
    return spell(known ?? spelled ?? symbol);
  }
  /** The account of each list and of each scope of positions. */
  const homes = new Map<ListFacts | PositionFacts, AccountFacts>(
    facts.accounts.flatMap((account) =>
      [...account.lists, ...account.positions].map((part): [typeof part, AccountFacts] => [part, account]),
    ),
  );
  const kindOf = (part: ListFacts | PositionFacts) => homes.get(part)?.market ?? facts.market;
  const configured = new Map(
    facts.accounts.map((account) => [account, namesIn(options.symbols, (one) => venueSymbol(one, account))]),
  );
  const configuredIn = (part: ListFacts | PositionFacts): Map<string, string> =>
    configured.get(homes.get(part) as AccountFacts) ?? new Map();
  const shown = (part: ListFacts | PositionFacts, symbol: string): string =>
    wire.marketById(symbol, kindOf(part))?.symbol ?? configuredIn(part).get(symbol) ?? symbol;
  const accounts = () =>
    facts.accounts.filter((account) => account.probe === undefined || covered.has(account.name));

  const unsettledAccounts = (): AccountFacts[] =>
    facts.accounts.filter(
      ({ name, probe: call }) => call !== undefined && !covered.has(name) && !absent.has(name),
    );

  const notCovered = (): string[] => [
    ...facts.accounts
      .filter((account) => account.probe !== undefined && !covered.has(account.name))
      .map(
        (account) =>
          `${account.name} (${absent.get(account.name) ?? missing.get(account.name) ?? 'not looked for yet'})`,
      ),
    ...facts.notCovered.map((fact) => fact.what),
  ];

  // ── Reading ──────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Every page of one list. Throws VenueFailure. */
  async function readOrders(list: ListFacts): Promise<RawOrder[]> {
    const orders = (await everyPage(list.read)).flatMap((page) => page.orders);
    lastSeen.set(list.name, new Set(orders.map((order) => order.symbol)));
    return orders;
  }

  async function everyPage<P extends { next: string | null }>(
    callFor: (cursor: string | null) => Call<P>,
    ask: Ask = askNow,
  ): Promise<P[]> {
    const pages: P[] = [];
    let cursor: string | null = null;
    while (pages.length < MAX_PAGES) {
      const page: P = await ask(callFor(cursor));
      pages.push(page);
      if (page.next === null) return pages;
      cursor = page.next;
    }
    throw ownFailure(`the venue goes on after ${MAX_PAGES} pages`);
  }

  const askNow: Ask = (call, deadlineMs) => wire.call(call, deadlineMs);
  /** Balances in a quote asset are not positions. */
  const isPosition = (row: RawPosition): boolean =>
    row.kind !== 'balance' || !quoteAssets.includes(row.symbol);
  const readPositions = async (scope: PositionFacts): Promise<RawPosition[]> =>
    (await readRows(scope)).filter(isPosition);

  /** One scope of positions and balances, by the first path that the venue has. */
  async function readRows(scope: PositionFacts, ask: Ask = askNow): Promise<RawPosition[]> {
    if (scope.pages !== undefined)
      return (await everyPage(scope.pages, ask)).flatMap((page) => page.positions);
    for (const [index, call] of scope.reads.entries()) {
      try {
        return await ask(call);
      } catch (error) {
        const absent = error instanceof VenueFailure && error.failure.outcome === 'missing';
        if (!absent || index === scope.reads.length - 1) throw error;
      }
    }
    return [];
  }

  /** Base units of one contract, as far as the markets or an earlier question told. */
  const knownSize = (part: ListFacts | PositionFacts, symbol: string): number | null =>
    contractSizes.get(symbol) ?? wire.marketById(symbol, kindOf(part))?.contractSize ?? null;

  /** The same, asked of the venue where it is not known yet. Throws VenueFailure. */
  async function contractSize(scope: PositionFacts, symbol: string, ask: Ask): Promise<number> {
    const known = knownSize(scope, symbol);
    if (known !== null) return known;
    if (facts.contractSize === undefined) throw ownFailure(`the contract size of ${symbol} is not known`);
    const size = await ask(facts.contractSize(symbol));
    contractSizes.set(symbol, size);
    return size;
  }

  /** A position in base units. Throws VenueFailure where the size of its contracts cannot be found. */
  async function inBase(scope: PositionFacts, row: RawPosition, ask: Ask = askNow): Promise<RawPosition> {
    if (row.contracts !== true) return row;
    const size = await contractSize(scope, row.symbol, ask);
    const notional = row.notional === null ? null : tidy(row.notional * size);
    return { ...row, amount: tidy(row.amount * size), free: tidy(row.free * size), notional };
  }

  function orderLine(list: ListFacts, { contracts, ...order }: RawOrder): OrderLine {
    const size = contracts === true ? knownSize(list, order.symbol) : 1;
    const amount = order.amount === null || size === null ? null : tidy(order.amount * size);
    return { ...order, amount, list: list.name, symbol: shown(list, order.symbol) };
  }

  /** How a position is called: a contract by its symbol, a balance by its pair, a loan and another wallet by name. */
  function positionSymbol(scope: PositionFacts, row: RawPosition): string {
    if (row.kind === 'contract') return shown(scope, row.symbol);
    if (row.kind === 'loan') return `${row.symbol} loan (${scope.scope})`;
    if (scope.close === undefined) return `${row.symbol} (${scope.scope})`;
    return quoteAssets[0] === undefined ? row.symbol : `${row.symbol}/${quoteAssets[0]}`;
  }

  function positionLine(scope: PositionFacts, row: RawPosition, prices: Map<string, number>): PositionLine {
    const quote = quoteAssets.find((asset) => prices.has(facts.prices?.symbol(row.symbol, asset) ?? ''));
    const venueName = facts.prices?.symbol(row.symbol, quote ?? quoteAssets[0] ?? '') ?? row.symbol;
    const price = prices.get(venueName);
    const isQuote = row.kind === 'loan' && quoteAssets.includes(row.symbol);
    const notional = row.notional ?? (isQuote ? row.amount : price === undefined ? null : row.amount * price);
    const market = row.kind === 'balance' ? wire.marketById(venueName, kindOf(scope)) : undefined;
    const tooSmall = row.amount < (market?.minAmount ?? 0);
    const tooCheap = notional !== null && notional < (market?.minCost ?? 0);
    return {
      symbol: positionSymbol(scope, row),
      side: row.side,
      amount: row.amount,
      notional,
      currency: isQuote ? row.symbol : (row.currency ?? quote ?? quoteAssets[0] ?? row.symbol),
      unrealisedPnl: row.unrealisedPnl,
      dust: tooSmall || tooCheap,
    };
  }

  async function pricesFor(rows: RawPosition[], ask: Ask): Promise<Map<string, number>> {
    if (facts.prices === undefined || rows.every((row) => row.notional !== null)) return new Map();
    // Without a price the notional is unknown; what was read of the position stands all the same.
    return ask(facts.prices.call, PRICES_MS).catch(() => new Map<string, number>());
  }

  async function listReading(list: ListFacts): Promise<ListReading> {
    try {
      const orders = await readOrders(list);
      return { list: list.name, state: 'read', orders: orders.map((order) => orderLine(list, order)) };
    } catch (error) {
      return { list: list.name, state: 'failed', reason: wordsOf(error) };
    }
  }

  /** As they are shown. Throws VenueFailure where the size of a contract cannot be found. */
  async function linesOf(
    scope: PositionFacts,
    counted: RawPosition[],
    ask: Ask = askNow,
  ): Promise<PositionLine[]> {
    const rows = await Promise.all(counted.map((row) => inBase(scope, row, ask)));
    const prices = await pricesFor(rows, ask);
    return rows.map((row) => positionLine(scope, row, prices));
  }

  async function positionsReading(scope: PositionFacts): Promise<PositionsReading> {
    try {
      const positions = await linesOf(scope, await readPositions(scope));
      return { scope: scope.scope, state: 'read', positions };
    } catch (error) {
      return { scope: scope.scope, state: 'failed', reason: wordsOf(error) };
    }
  }

  const read: Venue['read'] = async () => {
    const startedAt = clock.now();
    const reading = await readOnce();
    options.onReading?.(startedAt, reading);
    return reading;
  };

  async function readOnce(): ReturnType<Venue['read']> {
    const readAll = (inUse: AccountFacts[]) =>
      Promise.all([
        Promise.all(inUse.flatMap((account) => account.lists).map(listReading)),
        Promise.all(inUse.flatMap((account) => account.positions).map(positionsReading)),
      ]);
    const unsettled = unsettledAccounts();
    const [[lists, positions]] = await Promise.all([
      readAll(accounts()),
      Promise.all(unsettled.map((account) => probe(account))),
    ]);
    if (unsettled.length > 0) {
      const [moreLists, morePositions] = await readAll(
        unsettled.filter((account) => covered.has(account.name)),
      );
      lists.push(...moreLists);
      positions.push(...morePositions);
      // Whether there is such a wallet is not known: it may hold orders, so nothing here is FLAT.
      for (const { name } of unsettledAccounts()) {
        lists.push({ list: name, state: 'failed', reason: missing.get(name) ?? 'not looked for yet' });
      }
    }
    return { venue: id, proven: true, lists, positions, notCovered: notCovered() };
  }

  // ── Cancelling ───────────────────────────────────────────────────────────────────────────────────────────────────

  const isGone = (code: string | null, text: string): boolean =>
    facts.codes.gone.some((one) => one.code === code && one.text.test(text));
  const gone = (error: unknown): boolean =>
    error instanceof VenueFailure && isGone(error.failure.venueCode, error.failure.venueText);

  interface Swept {
    ok: boolean;
    /** The orders that the venue named; null when it names none. */
    named: RawOrder[] | null;
    reason: string | null;
  }

  async function sweep(call: Call<RawOrder[] | null>): Promise<Swept> {
    try {
      return { ok: true, named: await wire.call(call), reason: null };
    } catch (error) {
      return gone(error)
        ? { ok: true, named: [], reason: null }
        : { ok: false, named: [], reason: wordsOf(error) };
    }
  }

  /** Cancel some orders of one symbol by id. An order that is gone is neither an answer nor a failure. */
  async function cancelIds(list: ListFacts, symbol: string, orders: RawOrder[], lateAt: number) {
    const ids = orders.map((order) => order.id);
    const failures: { what: string; reason: string }[] = [];
    let cancelled: string[] = [];
    try {
      if (clock.monotonic() > lateAt)
        throw ownFailure('not tried in this round, which took too long', 'notSent');
      const answer = await wire.call(list.cancel(symbol, ids, orders));
      cancelled = answer.cancelled;
      for (const one of answer.refused) {
        if (isGone(one.code, one.text)) continue;
        failures.push({
          what: `${symbol} ${one.id}`.trim(),
          reason: facts.codes.words[one.code] ?? `code ${one.code}`,
        });
      }
    } catch (error) {
      if (!gone(error))
        for (const one of ids) failures.push({ what: `${symbol} ${one}`.trim(), reason: wordsOf(error) });
    }
    return { cancelled, failures };
  }

  /** Which open positions an order may protect; null when they could not be read. */
  type Held = RawPosition[] | null;

  async function heldNow(account: AccountFacts): Promise<Held> {
    return Promise.all(account.positions.map(readPositions)).then(
      (rows) => rows.flat(),
      () => null,
    );
  }

  /** Where the positions cannot be read, a stop is kept: taking it might leave one without. */
  const protects = (order: RawOrder, held: Held): boolean =>
    order.protective &&
    (held === null ||
      held.some((row) =>
        row.kind === 'contract'
          ? row.symbol === order.symbol
          : order.symbol.startsWith(facts.prices?.symbol(row.symbol, '') ?? row.symbol),
      ));

  async function cancelList(
    list: ListFacts,
    scope: Parameters<Venue['cancel']>[0],
    only: string | null,
    held: Promise<Held> | null,
  ): Promise<CancelledList> {
    const lateAt = clock.monotonic() + ROUND_MS;
    const byIdOnly = scope.scope === 'entries' || held !== null;
    // The listing goes first, so that it shows what the cancels beside it take.
    const listing = readOrders(list).then(
      (orders) => ({ orders, reason: null }),
      (error: unknown) => ({ orders: [], reason: wordsOf(error) }),
    );
    const hints = only === null ? [...configuredIn(list).keys(), ...(lastSeen.get(list.name) ?? [])] : [only];
    const calls = byIdOnly ? [] : sweepCalls(list, only, [...new Set(hints)]);
    const sweeps = new Map<string | null, Promise<Swept>>();
    const sweeping = pool(
      SYMBOLS_AT_ONCE,
      calls.map(({ symbol, call }) => () => {
        const one = sweep(call);
        sweeps.set(symbol, one);
        return one;
      }),
    );

    const { orders, reason } = await listing;
    const holding = held === null ? null : await held;
    const targets = orders.filter(
      (order) =>
        (only === null || order.symbol === only) &&
        !(scope.scope === 'entries' && order.protective) &&
        !(held !== null && protects(order, holding)),
    );
    const claimed = await claimedOf(list, targets, sweeps);
    const groups = inGroups(
      targets.filter((order) => !claimed.has(order.id)),
      list,
    );
    const byId = await pool(
      IDS_AT_ONCE,
      groups.map(
        ({ symbol, orders: batch }) =>
          () =>
            cancelIds(list, symbol, batch, lateAt),
      ),
    );
    const swept = await sweeping;

    const found = new Map(targets.map((order) => [order.id, order]));
    for (const order of swept.flatMap((one) => one.named ?? []))
      if (!found.has(order.id)) found.set(order.id, order);
    const answered = new Set([
      ...claimed,
      ...swept.flatMap((one) => (one.named ?? []).map((order) => order.id)),
      ...byId.flatMap((one) => one.cancelled),
    ]);
    const failures = [
      ...(reason === null ? [] : [{ what: 'listing', reason }]),
      ...swept.flatMap((one, index) =>
        one.reason === null
          ? []
          : [{ what: `all of ${calls[index]?.symbol ?? 'the account'}`, reason: one.reason }],
      ),
      ...byId.flatMap((one) => one.failures),
    ];
    return {
      list: list.name,
      found: found.size,
      answered: [...found.keys()].filter((one) => answered.has(one)).length,
      protective: [...found.values()].filter((order) => order.protective).length,
      failures: tally(failures),
    };
  }

  /**
   * The orders that a cancel of their whole symbol has answered for, so that they need none by id. An order that one
   * answered for in the round before, and that is listed again, is not believed twice.
   */
  async function claimedOf(
    list: ListFacts,
    targets: RawOrder[],
    sweeps: Map<string | null, Promise<Swept>>,
  ): Promise<Set<string>> {
    const doubted = claimedBefore.get(list.name) ?? new Set<string>();
    const patience = new AbortController();
    const grace = clock.wait(SWEEP_GRACE_MS, patience.signal).then(() => null);
    const claimed = new Set<string>();
    for (const order of targets) {
      const swept = await Promise.race([sweeps.get(order.symbol) ?? sweeps.get(null) ?? null, grace]);
      const named = swept?.named?.some((one) => one.id === order.id) ?? true;
      if (swept?.ok === true && named && !doubted.has(order.id)) claimed.add(order.id);
    }
    patience.abort();
    const listed = targets.map((order) => order.id);
    claimedBefore.set(list.name, new Set([...claimed, ...listed.filter((one) => doubted.has(one))]));
    return claimed;
  }

  const cancel: Venue['cancel'] = async (scope) => {
    const keeping = options.protectiveOrders === 'keepWhilePosition' && scope.scope === 'all';
    const cancelIn = (account: AccountFacts) => {
      const only = scope.symbol === undefined ? null : venueSymbol(scope.symbol, account);
      if (scope.symbol !== undefined && only === null) return [];
      const held = keeping ? heldNow(account) : null;
      return account.lists.map((list) => cancelList(list, scope, only, held));
    };
    // A wallet that nobody has looked for yet is looked for beside the cancelling of the others.
    const found = unsettledAccounts().map(async (account): Promise<CancelledList[]> => {
      await probe(account);
      if (covered.has(account.name)) return Promise.all(cancelIn(account));
      const why = missing.get(account.name);
      return why === undefined
        ? []
        : [
            {
              list: account.name,
              found: 0,
              answered: 0,
              protective: 0,
              failures: [`whether there is one is not known: ${why}`],
            },
          ];
    });
    const [lists, more] = await Promise.all([Promise.all(accounts().flatMap(cancelIn)), Promise.all(found)]);
    return [...lists, ...more.flat()];
  };

  // ── Closing ──────────────────────────────────────────────────────────────────────────────────────────────────────

  const closePosition: Venue['closePosition'] = async (position, orderKey) => {
    if (!(position.amount > 0)) return { state: 'refused', reason: 'the amount is not above zero' };
    if (sentKeys.has(orderKey))
      return { state: 'refused', reason: 'this order was sent before, and is never sent twice' };
    sentKeys.add(orderKey);
    const answer = await closeOnce(position, orderKey);
    // Refused means that nothing was done: then the key may be used again.
    if (answer.state === 'refused') sentKeys.delete(orderKey);
    return answer;
  };

  async function closeOnce(
    position: Parameters<Venue['closePosition']>[0],
    orderKey: string,
  ): Promise<CloseAnswer> {
    try {
      for (const scope of accounts().flatMap((account) => account.positions)) {
        const rows = await readPositions(scope);
        const row = rows.find(
          (one) =>
            one.side === position.side &&
            (positionSymbol(scope, one) === position.symbol || one.symbol === position.symbol),
        );
        if (row !== undefined)
          return await closeRow(scope, await inBase(scope, row), position.amount, orderKey);
      }
    } catch (error) {
      // Nothing but reads has gone out so far: closeRow answers in values.
      return { state: 'refused', reason: `the position could not be read: ${wordsOf(error)}` };
    }
    return { state: 'refused', reason: `there is no ${position.side} ${position.symbol} any more` };
  }

  async function closeRow(
    scope: PositionFacts,
    row: RawPosition,
    amount: number,
    orderKey: string,
  ): Promise<CloseAnswer> {
    if (scope.close === undefined || row.kind === 'loan' || row.byHand === true)
      return { state: 'refused', reason: `${row.symbol} (${scope.scope}) is closed by hand: ${facts.page}` };
    const capped = Math.min(amount, row.free);
    if (!(capped > 0))
      return { state: 'refused', reason: 'all of it is locked in orders: cancel them first' };
    const sized = scope.closeNeedsStep
      ? await sizedForMarket(scope, row, capped)
      : sizedAsRead(scope, row, capped);
    if ('reason' in sized) return { state: 'refused', reason: sized.reason };
    const clientId = clientIdOf(id, orderKey);
    try {
      const { orderId } = await wire.call(scope.close({ ...sized, position: row, clientId }));
      return { state: 'sent', orderId };
    } catch (error) {
      return closeFailure(error);
    }
  }

  type Sized = { symbol: string; quantity: string } | { reason: string };

  /** As it was read; contracts as whole steps where the market is known. */
  function sizedAsRead(scope: PositionFacts, row: RawPosition, amount: number): Sized {
    const size = row.contracts === true ? knownSize(scope, row.symbol) : null;
    if (size === null) return { symbol: row.symbol, quantity: plain(amount) };
    const contracts = tidy(amount / size);
    const market = wire.marketById(row.symbol, kindOf(scope));
    const quantity = market === undefined ? plain(contracts) : wire.cutToStep(market.symbol, contracts);
    return quantity === null
      ? { reason: `${plain(amount)} of ${row.symbol} is below the least that can be closed` }
      : { symbol: row.symbol, quantity };
  }

  /** Rounded down to the step of the first market that sells this asset for a quote asset. */
  async function sizedForMarket(scope: PositionFacts, row: RawPosition, amount: number): Promise<Sized> {
    const find = () =>
      quoteAssets
        .map((quote) => wire.marketById(facts.prices?.symbol(row.symbol, quote) ?? row.symbol, kindOf(scope)))
        .find((market) => market !== undefined);
    try {
      if (find() === undefined) await wire.loadMarkets();
    } catch (error) {
      return { reason: `its step size is not known: ${wordsOf(error)}` };
    }
    const market = find();
    if (market === undefined)
      return { reason: `no market sells ${row.symbol} for ${quoteAssets.join(' or ')}` };
    const quantity = wire.cutToStep(market.symbol, amount);
    if (quantity === null || (market.minAmount !== null && Number(quantity) < market.minAmount))
      return { reason: `${plain(amount)} ${row.symbol} is below the least that can be sold` };
    return { symbol: market.id, quantity };
  }

  // ── Warming up ───────────────────────────────────────────────────────────────────────────────────────────────────

  async function probe(account: VenueFacts['accounts'][number], ask: Ask = askNow): Promise<void> {
    if (account.probe === undefined) return;
    try {
      await ask(account.probe);
      covered.add(account.name);
      missing.delete(account.name);
      absent.delete(account.name);
    } catch (error) {
      // Once found it stays covered: a wallet that cannot be read any more is UNKNOWN, not absent.
      const { outcome, passing } = error instanceof VenueFailure ? error.failure : ownFailure('').failure;
      // "No such wallet" and "not for this key" are answers; silence, a 500, a ban or our clock are none.
      if ((outcome === 'refused' || outcome === 'missing') && passing !== true)
        absent.set(account.name, wordsOf(error));
      else missing.set(account.name, wordsOf(error));
    }
  }

  const warm: Venue['warm'] = async () => {
    const reasons: string[] = [];
    // The reading opens the connections, shows whether the key works, and learns which symbols have orders.
    const [reading] = await Promise.all([
      read(),
      wire.loadMarkets().catch((error: unknown) => void reasons.push(`markets: ${wordsOf(error)}`)),
      ...facts.accounts.map((account) => probe(account)),
    ]);
    for (const list of reading.lists)
      if (list.state === 'failed') reasons.push(`${list.list}: ${list.reason}`);
    for (const scope of reading.positions)
      if (scope.state === 'failed') reasons.push(`${scope.scope}: ${scope.reason}`);
    return reasons.length === 0 ? { ok: true } : { ok: false, reason: reasons.join('; ') };
  };

  // ── Measuring ────────────────────────────────────────────────────────────────────────────────────────────────────

  const covers = (name: string): boolean =>
    facts.accounts.some((account) => account.name === name && accounts().includes(account));
  const measure = createProvenMeasure(wire, {
    facts,
    clock,
    positions: {
      async raw(ask) {
        for (const account of unsettledAccounts()) await probe(account, ask);
        const [unsettled] = unsettledAccounts();
        if (unsettled !== undefined)
          throw ownFailure(`${unsettled.name}: ${missing.get(unsettled.name) ?? 'not looked for yet'}`);
        const read: { scope: PositionFacts; rows: RawPosition[] }[] = [];
        for (const scope of accounts().flatMap((account) => account.positions))
          read.push({ scope, rows: await readRows(scope, ask) });
        return read;
      },
      async lines(read, ask) {
        const lines: PositionLine[] = [];
        for (const { scope, rows } of read)
          lines.push(...(await linesOf(scope, rows.filter(isPosition), ask)));
        return lines;
      },
      covers,
    },
  });
  const results = createResults(wire, { facts, covers });

  return { warm, cancel, read, closePosition, measure, results };
}

/** The venue's name → ours, of the symbols that it has a name for. */
function namesIn(symbols: string[], venueSymbol: (symbol: string) => string | null): Map<string, string> {
  return new Map(
    symbols.flatMap((symbol): [string, string][] => {
      const name = venueSymbol(symbol);
      return name === null ? [] : [[name, symbol]];
    }),
  );
}

/** The requests that cancel a list without naming orders: one for all of it where the venue has that, else a symbol each. */
function sweepCalls(
  list: ListFacts,
  only: string | null,
  symbols: string[],
): { symbol: string | null; call: Call<RawOrder[] | null> }[] {
  const { sweep, sweepAll } = list;
  if (only === null && sweepAll !== undefined) return [{ symbol: null, call: sweepAll() }];
  return sweep === undefined ? [] : symbols.map((symbol) => ({ symbol, call: sweep(symbol) }));
}

/** Orders of one symbol together unless the venue takes them mixed, at most a batch of ids each. */
function inGroups(orders: RawOrder[], list: ListFacts): { symbol: string; orders: RawOrder[] }[] {
  const bySymbol = new Map<string, RawOrder[]>();
  for (const order of orders) {
    const symbol = list.mixed === true ? '' : order.symbol;
    bySymbol.set(symbol, [...(bySymbol.get(symbol) ?? []), order]);
  }
  return [...bySymbol].flatMap(([symbol, all]) =>
    Array.from({ length: Math.ceil(all.length / list.batch) }, (_, index) => ({
      symbol,
      orders: all.slice(index * list.batch, (index + 1) * list.batch),
    })),
  );
}
