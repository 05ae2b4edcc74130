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
  /** closedAt of the bars of the last hours. */
  bars: number[];
  /** Bars up to this one were looked for. */
  checkedTo: number;
  missed: number[];
  /** By hour (ms): how many bars were missing in it. */
  hours: Record<string, number>;
}

/** By feed, by symbol. Plain JSON. */
export type FeedsSnapshot = Record<string, Record<string, SymbolState>>;

const HOUR_MS = 3_600_000;
/** DESIGN 3: an hour with this many missing bars is a bad one. */
const BAD_HOUR = 3;

export function createFeeds(rules: FeedRule[], before: FeedsSnapshot = {}): Feeds {
  const states: FeedsSnapshot = structuredClone(before);
  const stateOf = (feed: string, symbol: string): SymbolState | undefined => states[feed]?.[symbol];

  function check(rule: FeedRule, state: SymbolState, now: number, open: boolean): void {
    const step = rule.intervalSec * 1_000;
    // A bar counts as missing when it is two intervals late: the one after it has come, and it has not.
    while (state.checkedTo + 3 * step <= now && state.checkedTo < state.newest) {
      const due = state.checkedTo + step;
      state.checkedTo = due;
      if (!open) continue;
      const hour = String(Math.floor((due - 1) / HOUR_MS) * HOUR_MS);
      const came = state.bars.some((bar) => Math.abs(bar - due) < step / 2);
      state.hours[hour] = (state.hours[hour] ?? 0) + (came ? 0 : 1);
      if (!came) state.missed.push(due);
    }
    // While nothing comes at all, the hours go on, and every bar of them is missing.
    while (open && state.checkedTo + 3 * step <= now) {
      const due = state.checkedTo + step;
      state.checkedTo = due;
      const hour = String(Math.floor((due - 1) / HOUR_MS) * HOUR_MS);
      state.hours[hour] = (state.hours[hour] ?? 0) + 1;
    }
    state.bars = state.bars.filter((bar) => bar > now - 2 * HOUR_MS);
    state.missed = state.missed.filter((bar) => bar > now - HOUR_MS);
    const month = Date.UTC(new Date(now).getUTCFullYear(), new Date(now).getUTCMonth());
    for (const hour of Object.keys(state.hours)) if (Number(hour) < month) delete state.hours[hour];
  }

  return {
    take({ feed, symbol, closedAt }) {
      const of = (states[feed] ??= {});
      const state = of[symbol];
      if (state === undefined) {
        of[symbol] = { newest: closedAt, bars: [closedAt], checkedTo: closedAt, missed: [], hours: {} };
        return;
      }
      // Only an advancing close says that the feed lives; a late one fills its hole.
      if (closedAt > state.newest) state.newest = closedAt;
      if (!state.bars.includes(closedAt)) state.bars.push(closedAt);
      state.missed = state.missed.filter((bar) => bar !== closedAt);
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
    snapshot: () => structuredClone(states),
  };
}
