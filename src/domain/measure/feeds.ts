/** How old the data of each feed is, which bars are missing, and the share of good hours. Pure; keeps its own state. */

import { type BarSample, FUTURE_MS } from './samples.ts';

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
  /** Configured symbols that never had a bar: how old their data are is unknown. */
  never: string[];
}

export interface Feeds {
  take(sample: BarSample): void;
  /** The worst gap over the configured symbols; null while none of them has had a bar: unknown. */
  gap(feed: string, now: number): Gap | null;
  /** Once a second, with whether the market was open at a moment: counts missing bars and closes hours. */
  tick(now: number, isOpen: (at: number) => boolean): void;
  /** Bars that never came though the feed went on, ms since the epoch: of the last hour, of long bars the last four. */
  missed(feed: string, now: number): { symbol: string; closedAt: number }[];
  /** Share of the month's measured hours with fewer than three missing bars, 0 to 1; null when none was measured. */
  uptime(feed: string, now: number): { share: number; hours: number } | null;
  snapshot(): FeedsSnapshot;
}

interface SymbolState {
  newest: number;
  /** closedAt of the bars of the last hours. */
  bars: Set<number>;
  /** Bars up to this one were looked for; until the first look, the oldest that came. */
  checkedTo: number;
  hasBeenChecked: boolean;
  missed: number[];
  /** Bars of the last hours that count as missing in their hour, whether the feed went on or not. */
  holes: number[];
  /** By hour (ms): how many bars were missing in it. */
  hours: Record<string, number>;
}

/** By feed, by symbol. Plain JSON. */
export type FeedsSnapshot = Record<string, Record<string, Omit<SymbolState, 'bars'> & { bars: number[] }>>;

const HOUR_MS = 3_600_000;
/** DESIGN 3: an hour with this many missing bars is a bad one. */
const BAD_HOUR = 3;
/** A bar is found missing two intervals late: an hour would never show a long one. */
const shownMs = (step: number): number => Math.max(HOUR_MS, 4 * step);
/** Not sooner forgotten than a bar of any length has been looked for, ms. */
const keepFor = (step: number): number => Math.max(2 * HOUR_MS, 4 * step);
const MOST_BARS = 100;
const monthOf = (now: number): number =>
  Date.UTC(new Date(now).getUTCFullYear(), new Date(now).getUTCMonth());
const hourOf = (due: number): string => String(Math.floor((due - 1) / HOUR_MS) * HOUR_MS);

/** `watchedTo`: until when an earlier process watched, ms; what nobody watched is not measured. */
export function createFeeds(
  rules: FeedRule[],
  before: FeedsSnapshot = {},
  watchedTo: number | null = null,
): Feeds {
  const states: Record<string, Record<string, SymbolState>> = {};
  for (const [feed, symbols] of Object.entries(structuredClone(before)))
    for (const [symbol, state] of Object.entries(symbols))
      (states[feed] ??= {})[symbol] = { ...state, bars: new Set(state.bars) };
  let away: { from: number; to: number } | null = null;
  let hasTicked = false;
  const steps = new Map(rules.map(({ id, intervalSec }) => [id, intervalSec * 1_000]));
  /** What is configured: what is no more is measured no more. */
  const statesOf = (feed: string): [symbol: string, state: SymbolState][] =>
    (rules.find(({ id }) => id === feed)?.symbols ?? []).flatMap((symbol) => {
      const state = states[feed]?.[symbol];
      return state === undefined ? [] : [[symbol, state]];
    });

  function check(rule: FeedRule, state: SymbolState, now: number, isOpen: (at: number) => boolean): void {
    const step = rule.intervalSec * 1_000;
    const keepMs = keepFor(step);
    // What is older than the month counts nowhere, however long nothing ran. And one old bar, as the first, is no reason to
    // miss all that would have come before anybody watched.
    const from = state.hasBeenChecked ? Math.min(monthOf(now), now - keepMs) : now - keepMs;
    if (state.checkedTo < from) state.checkedTo += Math.ceil((from - state.checkedTo) / step) * step;
    state.hasBeenChecked = true;
    // The clock went back: look again, and count nothing twice.
    if (state.checkedTo > now) state.checkedTo -= Math.ceil((state.checkedTo - now) / step) * step;
    // A bar counts as missing when it is two intervals late, whether the feed goes on or nothing comes at all.
    while (state.checkedTo + 3 * step <= now) {
      const due = state.checkedTo + step;
      const wentOn = state.checkedTo < state.newest;
      state.checkedTo = due;
      const came = hasBeside(state.bars, due, step / 2);
      const unwatched = away !== null && due > away.from && due <= away.to;
      // A bar is of the time before its close.
      if (!isOpen(due - 1) || (!came && unwatched)) continue;
      if (state.holes.includes(due)) continue;
      state.hours[hourOf(due)] = (state.hours[hourOf(due)] ?? 0) + (came ? 0 : 1);
      if (came) continue;
      if (due > now - keepMs) state.holes.push(due);
      if (wentOn) state.missed.push(due);
    }
    for (const bar of state.bars) if (bar <= now - keepMs) state.bars.delete(bar);
    state.holes = state.holes.filter((due) => due > now - keepMs);
    state.missed = state.missed.filter((due) => due > now - shownMs(step));
    const month = monthOf(now);
    for (const hour of Object.keys(state.hours)) if (Number(hour) < month) delete state.hours[hour];
  }

  return {
    take({ feed, symbol, closedAt, at, availableAt = at }) {
      const step = steps.get(feed);
      if (step === undefined) return;
      const of = (states[feed] ??= {});
      const state = of[symbol];
      if (state === undefined) {
        of[symbol] = {
          newest: closedAt,
          bars: new Set([closedAt]),
          checkedTo: closedAt,
          hasBeenChecked: false,
          missed: [],
          holes: [],
          hours: {},
        };
        return;
      }
      // Only an advancing close says that the feed lives; a late one fills its hole.
      if (closedAt > state.newest) state.newest = closedAt;
      if (!state.hasBeenChecked) state.checkedTo = Math.min(state.checkedTo, closedAt);
      state.bars.add(closedAt);
      // A sender may invent closes: of all of them no more are kept than a feed of this interval has.
      if (state.bars.size > MOST_BARS + (2 * keepFor(step)) / step)
        for (const oldest of state.bars) {
          state.bars.delete(oldest);
          break;
        }
      const isThis = (due: number) => Math.abs(closedAt - due) <= step / 2;
      state.missed = state.missed.filter((due) => !isThis(due));
      // Only what the engine had in time, and told late, was not missing in its hour.
      if (availableAt > closedAt + 2 * step) return;
      for (const due of state.holes.filter(isThis))
        state.hours[hourOf(due)] = (state.hours[hourOf(due)] ?? 1) - 1;
      state.holes = state.holes.filter((due) => !isThis(due));
    },
    gap(feed, now) {
      const rule = rules.find((one) => one.id === feed);
      if (rule === undefined) return null;
      let worst: Omit<Gap, 'never'> | null = null;
      const never: string[] = [];
      for (const symbol of rule.symbols) {
        const closedAt = newestOf(states[feed]?.[symbol], now);
        if (closedAt === null) {
          never.push(symbol);
          continue;
        }
        const ms = Math.max(0, now - (closedAt + rule.intervalSec * 1_000));
        if (worst === null || ms > worst.ms) worst = { ms, symbol, closedAt };
      }
      return worst === null ? null : { ...worst, never };
    },
    tick(now, isOpen) {
      if (!hasTicked && watchedTo !== null) away = { from: watchedTo, to: now };
      hasTicked = true;
      for (const rule of rules)
        for (const symbol of rule.symbols) {
          const state = states[rule.id]?.[symbol];
          if (state !== undefined) check(rule, state, now, isOpen);
        }
    },
    missed: (feed, now) =>
      statesOf(feed).flatMap(([symbol, state]) =>
        state.missed
          .filter((due) => due > now - shownMs(steps.get(feed) ?? 0))
          .map((closedAt) => ({ symbol, closedAt })),
      ),
    uptime(feed, now) {
      const current = Math.floor(now / HOUR_MS) * HOUR_MS;
      const hours = statesOf(feed).flatMap(([, state]) =>
        Object.entries(state.hours).filter(
          ([hour]) => Number(hour) >= monthOf(now) && Number(hour) < current,
        ),
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
            Object.entries(symbols).map(([symbol, state]) => [
              symbol,
              structuredClone({ ...state, bars: [...state.bars] }),
            ]),
          ),
        ]),
      ),
  };
}

/** The newest close that is not of a clock that was ahead; null without one. */
function newestOf(state: SymbolState | undefined, now: number): number | null {
  if (state === undefined) return null;
  if (state.newest <= now + FUTURE_MS) return state.newest;
  const sane = [...state.bars].filter((bar) => bar <= now + FUTURE_MS);
  return sane.length === 0 ? null : Math.max(...sane);
}

function hasBeside(bars: ReadonlySet<number>, due: number, within: number): boolean {
  if (bars.has(due)) return true;
  for (const bar of bars) if (Math.abs(bar - due) <= within) return true;
  return false;
}
