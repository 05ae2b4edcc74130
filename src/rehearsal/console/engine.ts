/** A small trading engine on the loopback: it reads its control file, trades a little, and says so as telemetry. */

import { readFile } from 'node:fs/promises';
import type { Stage } from '../stage.ts';
import { VenueRefusal } from '../venue/state.ts';

/** What the engine is configured as in the bot. */
export const ENGINE = { id: 'main', heartbeatSec: 5 } as const;
/** Bars of 5 seconds: four in a row take 20 seconds, and nothing is sped up. */
export const FEED = {
  id: 'binance-5s',
  intervalSec: 5,
  symbols: ['BTC/USDT:USDT', 'ETH/USDT:USDT'],
} as const;
const VENUE = 'binance-usdm';

/** How an engine can be bad. */
export type EngineFault = 'trades' | 'deaf' | 'frozen' | 'silent';

export interface LoopbackEngine {
  /** One second of its life: read the file, trade, tell. Never throws; what the bot did not take is sent again. */
  beat(): Promise<void>;
  /** Go wrong in this way; the returned function ends it. */
  turn(fault: EngineFault): () => void;
  /** What it obeys: the keys of its file as it read them last; null before it did. */
  obeys(): Record<string, string> | null;
  hears(): boolean;
  isSilent(): boolean;
  /** How long its signals take from now on, ms; null: as usual. */
  setSignalLatency(ms: number | null): void;
  /** Try to place this order, and report what the venue said. Without `bad` it is a fair one that does not rest. */
  tryOrder(bad?: 'tooSmall'): void;
  /** Buy at the market whatever its limits say, and report it. @returns the signed notional that it holds then, USDT */
  buy(quantity: number): number;
  /** Forget everything: the rehearsal starts over. */
  reset(): void;
}

export interface EngineOptions {
  stage(): Stage;
  controlFile: string;
  now(): number;
  /** Sends samples. @returns false when they were not taken, and are to be sent again */
  send(samples: readonly object[]): Promise<boolean>;
}

/** What is kept for a bot that is down: bars of ten minutes, and orders. */
const MOST_OWED = 500;
const BAR_MS = FEED.intervalSec * 1_000;
const SYMBOL = 'BTC/USDT:USDT';
const DAY_MS = 86_400_000;
const USUAL_SIGNAL_MS = 45;
const ORDER_EVERY = 5;

export function createLoopbackEngine(options: EngineOptions): LoopbackEngine {
  const { stage, now, controlFile, send } = options;
  const wrong = new Map<EngineFault, number>();
  const is = (fault: EngineFault) => (wrong.get(fault) ?? 0) > 0;
  let obeys: Record<string, string> | null = null;
  let owed: object[] = [];
  let lastBar = 0;
  let beats = 0;
  let orders = 0;
  let signalMs: number | null = null;
  /** What the day is counted from. */
  let baseline: { day: number; equity: number } | null = null;
  let worthBefore = 0;
  let sending = false;

  const stopped = () =>
    ['KILL_SWITCH', 'HALT_NEW_ORDERS', 'PAUSE_SIGNALS'].some((key) => obeys?.[key] === '1');

  function report(status: 'accepted' | 'rejected' | 'filled', more: object = {}): void {
    orders += 1;
    owed.push({
      type: 'order',
      at: now(),
      venue: VENUE,
      symbol: SYMBOL,
      orderId: `engine-${orders}`,
      status,
      ...more,
    });
  }

  /** In USDT, at the marks: both wallets, and what is open. */
  function equity(): number {
    const { binance } = stage();
    const { spot, swap } = binance.balances();
    const marks = binance.marks();
    const held = Object.entries(spot).reduce(
      (sum, [asset, { total }]) => sum + total * (asset === 'USDT' ? 1 : (marks[`${asset}USDT`] ?? 0)),
      swap['USDT'] ?? 0,
    );
    return binance
      .positions()
      .reduce((sum, one) => sum + one.amount * ((marks[one.symbol] ?? 0) - one.entryPrice), held);
  }

  function bars(): void {
    const closedAt = Math.floor(now() / BAR_MS) * BAR_MS;
    if (closedAt <= lastBar) return;
    // A process that was held up catches up; the first bar is the one that closed last.
    const from = lastBar === 0 ? closedAt : Math.max(lastBar + BAR_MS, closedAt - 20 * BAR_MS);
    lastBar = closedAt;
    if (is('frozen')) return;
    for (let at = from; at <= closedAt; at += BAR_MS) {
      for (const symbol of FEED.symbols) {
        owed.push({ type: 'bar', at: now(), feed: FEED.id, symbol, closedAt: at });
      }
    }
  }

  function figures(): void {
    const { binance } = stage();
    const marks = binance.marks();
    const worth = equity();
    // Since 00:00 UTC, as the bot's limit is; on its first day since there was a desk.
    const day = Math.floor(now() / DAY_MS);
    if (baseline?.day !== day) baseline = { day, equity: baseline === null ? worth : worthBefore };
    worthBefore = worth;
    owed.push({ type: 'pnl', at: now(), dayPnl: worth - baseline.equity, currency: 'USDT', equity: worth });
    for (const symbol of FEED.symbols) {
      const id = symbol.replace(/\/(\w+):.*/, '$1');
      const amount = binance
        .positions()
        .filter((one) => one.symbol === id)
        .reduce((sum, one) => sum + one.amount, 0);
      owed.push({ type: 'position', at: now(), venue: VENUE, symbol, notional: amount * (marks[id] ?? 0) });
    }
  }

  /** An order far from the market: `resting` stays in the book, the other one is gone at once. */
  function far(quantity: number, resting: boolean): void {
    const { binance } = stage();
    const price = Math.floor((binance.marks()['BTCUSDT'] ?? 0) * 0.9);
    const began = now();
    try {
      const how = resting ? {} : { timeInForce: 'IOC' };
      binance.placeOrder({ symbol: 'BTCUSDT', side: 'buy', quantity, price, ...how });
      report('accepted', { latencyMs: Math.max(1, now() - began), qty: quantity });
    } catch (error) {
      if (!(error instanceof VenueRefusal)) throw error;
      report('rejected', { reason: error.message, qty: quantity });
    }
  }

  async function tell(): Promise<void> {
    if (sending || owed.length === 0 || is('silent')) return;
    sending = true;
    const samples = owed;
    owed = [];
    try {
      if (!(await send(samples))) {
        // Heartbeats and figures of then say nothing later; a bar or an order does.
        const lasting = samples.filter((one) => ['bar', 'order'].includes((one as { type: string }).type));
        owed = [...lasting, ...owed].slice(-MOST_OWED);
      }
    } finally {
      sending = false;
    }
  }

  return {
    async beat() {
      beats += 1;
      if (!is('deaf')) {
        // A file that is away for a moment changes nothing: it goes on with what it read.
        const text = await readFile(controlFile, 'utf8').catch(() => null);
        if (text !== null) obeys = keysOf(text);
      }
      bars();
      if (!stopped()) {
        if (beats % ORDER_EVERY === 0) far(0.002, false);
        owed.push({ type: 'signal', at: now(), latencyMs: signalMs ?? USUAL_SIGNAL_MS });
      }
      if (is('trades')) far(0.002, true);
      figures();
      owed.push({
        type: 'heartbeat',
        at: now(),
        engine: ENGINE.id,
        ...(obeys === null ? {} : { control: obeys }),
      });
      await tell();
    },
    turn(fault) {
      wrong.set(fault, (wrong.get(fault) ?? 0) + 1);
      let ended = false;
      return () => {
        if (!ended) wrong.set(fault, (wrong.get(fault) ?? 1) - 1);
        ended = true;
      };
    },
    obeys: () => obeys,
    hears: () => !is('deaf'),
    isSilent: () => is('silent'),
    setSignalLatency(ms) {
      signalMs = ms;
    },
    tryOrder(bad) {
      // 0.001 BTC far from the market is worth less than the venue's least notional.
      far(bad === 'tooSmall' ? 0.001 : 0.002, false);
    },
    buy(quantity) {
      const { binance } = stage();
      const began = now();
      try {
        binance.placeOrder({ symbol: 'BTCUSDT', side: 'buy', quantity });
        report('filled', {
          latencyMs: Math.max(1, now() - began),
          qty: quantity,
          filledQty: quantity,
          slippageBps: 0,
        });
      } catch (error) {
        if (!(error instanceof VenueRefusal)) throw error;
        report('rejected', { reason: error.message, qty: quantity });
      }
      const held = binance.positions().find((one) => one.symbol === 'BTCUSDT');
      return (held?.amount ?? 0) * (binance.marks()['BTCUSDT'] ?? 0);
    },
    reset() {
      wrong.clear();
      obeys = null;
      owed = [];
      lastBar = 0;
      baseline = null;
      signalMs = null;
    },
  };
}

/** The keys of a control file that the engine knows: `KEY=value` lines, quotes and `export` taken off. */
export function keysOf(text: string): Record<string, string> {
  const found = text.matchAll(/^\s*(?:export\s+)?([A-Z_]{1,60})\s*=\s*["']?([^"'\n#]*?)["']?\s*(?:#.*)?$/gm);
  return Object.fromEntries(
    [...found].slice(0, 50).map(([, key, value]) => [key ?? '', (value ?? '').slice(0, 100)]),
  );
}
