/** How old the data of each feed is, which bars are missing, and the share of good hours. Pure; keeps its own state. */

import type { BarSample } from './samples.ts';

export interface FeedRule {
  id: string;
  intervalSec: number;
  symbols: string[];
}

export interface Gap {
  /** now − (newest closedAt + interval), never negative. */
  ms: number;
  symbol: string;
  closedAt: number;
}

export interface Feeds {
  take(sample: BarSample): void;
  /** The worst gap over the configured symbols; null while one of them has never had a bar: unknown. */
  gap(feed: string, now: number): Gap | null;
  /** Once a second, with whether the market is open: counts missing bars and closes hours. */
  tick(now: number, open: boolean): void;
  /** Bars that never came though the feed went on, of the last hour, ms since the epoch. */
  missed(feed: string, now: number): { symbol: string; closedAt: number }[];
  /** Share of the month's measured hours with fewer than three missing bars, 0 to 1; null when none was measured. */
  uptime(feed: string, now: number): { share: number; hours: number } | null;
  snapshot(): FeedsSnapshot;
}

interface SymbolState {
  newest: number;
  /** When the bars of the last hours were due: a close a little beside it is that bar's. */
  bars: Set<number>;
  /** Bars up to this one were looked for. */
  checkedTo: number;
  missed: number[];
  /** By hour (ms): how many bars were missing in it. */
  hours: Record<string, number>;
}

/** By feed, by symbol. Plain JSON. */
export type FeedsSnapshot = Record<string, Record<string, Omit<SymbolState, 'bars'> & { bars: number[] }>>;

const HOUR_MS = 3_600_000;
/** DESIGN 3: an hour with this many missing bars is a bad one. */
const BAD_HOUR = 3;

export function createFeeds(rules: FeedRule[], before: FeedsSnapshot = {}): Feeds {
  const states: Record<string, Record<string, SymbolState>> = {};
  for (const [feed, symbols] of Object.entries(structuredClone(before)))
    for (const [symbol, state] of Object.entries(symbols))
      (states[feed] ??= {})[symbol] = { ...state, bars: new Set(state.bars) };
  const steps = new Map(rules.map(({ id, intervalSec }) => [id, intervalSec * 1_000]));
  const stateOf = (feed: string, symbol: string): SymbolState | undefined => states[feed]?.[symbol];

  function check(rule: FeedRule, state: SymbolState, now: number, open: boolean): void {
    const step = rule.intervalSec * 1_000;
    const month = Date.UTC(new Date(now).getUTCFullYear(), new Date(now).getUTCMonth());
    // What is older than the month counts nowhere: no need to walk through it, however long nothing ran.
    const skipped = Math.floor((Math.min(month, now - 2 * HOUR_MS) - state.checkedTo) / step);
    if (skipped > 0) state.checkedTo += skipped * step;
    // A bar counts as missing when it is two intervals late. While nothing comes at all, every bar of every hour is.
    while (state.checkedTo + 3 * step <= now) {
      const due = state.checkedTo + step;
      const wentOn = state.checkedTo < state.newest;
      state.checkedTo = due;
      if (!open) continue;
      const hour = String(Math.floor((due - 1) / HOUR_MS) * HOUR_MS);
      const came = state.bars.has(due);
      state.hours[hour] = (state.hours[hour] ?? 0) + (came ? 0 : 1);
      if (!came && wentOn) state.missed.push(due);
    }
    for (const bar of state.bars) if (bar <= now - 2 * HOUR_MS) state.bars.delete(bar);
    state.missed = state.missed.filter((bar) => bar > now - HOUR_MS);
    for (const hour of Object.keys(state.hours)) if (Number(hour) < month) delete state.hours[hour];
  }

  return {
    take({ feed, symbol, closedAt }) {
      const step = steps.get(feed);
      if (step === undefined) return;
      const of = (states[feed] ??= {});
      const state = of[symbol];
      if (state === undefined) {
        of[symbol] = {
          newest: closedAt,
          bars: new Set([closedAt]),
          checkedTo: closedAt,
          missed: [],
          hours: {},
        };
        return;
      }
      // Only an advancing close says that the feed lives; a late one fills its hole.
      if (closedAt > state.newest) state.newest = closedAt;
      const due = state.checkedTo + Math.round((closedAt - state.checkedTo) / step) * step;
      if (2 * Math.abs(closedAt - due) === step || state.bars.has(due)) return; // halfway it is no bar's
      state.bars.add(due);
      if (state.missed.length > 0) state.missed = state.missed.filter((bar) => bar !== due);
    },
    gap(feed, now) {
      const rule = rules.find((one) => one.id === feed);
      if (rule === undefined) return null;
      let worst: Gap | null = null;
      for (const symbol of rule.symbols) {
        const state = stateOf(feed, symbol);
        if (state === undefined) return null;
        const ms = Math.max(0, now - (state.newest + rule.intervalSec * 1_000));
        if (worst === null || ms > worst.ms) worst = { ms, symbol, closedAt: state.newest };
      }
      return worst;
    },
    tick(now, open) {
      for (const rule of rules)
        for (const symbol of rule.symbols) {
          const state = stateOf(rule.id, symbol);
          if (state !== undefined) check(rule, state, now, open);
        }
    },
    missed: (feed, now) =>
      Object.entries(states[feed] ?? {}).flatMap(([symbol, state]) =>
        state.missed.filter((bar) => bar > now - HOUR_MS).map((closedAt) => ({ symbol, closedAt })),
      ),
    uptime(feed, now) {
      const current = Math.floor(now / HOUR_MS) * HOUR_MS;
      const hours = Object.values(states[feed] ?? {}).flatMap((state) =>
        Object.entries(state.hours).filter(([hour]) => Number(hour) < current),
      );
      if (hours.length === 0) return null;
      return {
        share: hours.filter(([, missing]) => missing < BAD_HOUR).length / hours.length,
        hours: hours.length,
      };
    },
    snapshot: () =>
      Object.fromEntries(
        Object.entries(states).map(([feed, symbols]) => [
          feed,
          Object.fromEntries(
            Object.entries(symbols).map(([symbol, { bars, ...state }]) => [
              symbol,
              { ...structuredClone(state), bars: [...bars] },
            ]),
          ),
        ]),
      ),
  };
}
