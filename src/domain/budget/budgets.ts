/** The error budgets of all SLOs: accounts by the minute, what does not count, what was done about it. Pure; keeps its own state. */

import type { Actor } from '../incident.ts';
import type { TradingHours } from '../measure/hours.ts';
import type { Playbook } from '../playbook.ts';
import type { BudgetShare } from '../postmortem/budget.ts';
import { type Account, type AccountSnapshot, createAccount, type Overlay } from './account.ts';
import { type BudgetReading, type BudgetStatus, readBudget } from './bands.ts';
import type { Look } from './looks.ts';
import { budgetSec, type MonthId, minuteOf, monthBefore, monthIdOf, monthSpan } from './month.ts';
import type { PendingMinute } from './tally.ts';

/** Time that does not count. Minutes since the epoch, [from, to); `slo` null: for all of them. */
export interface Exclusion {
  id: string;
  from: number;
  to: number;
  name: string;
  slo: string | null;
  /** Who said so; `null`: announced in the configuration. */
  by: Actor | null;
  at: number;
}

/** The true times of an incident. Minutes since the epoch, [from, to). */
export interface Adjustment {
  incident: string;
  slo: string;
  from: number;
  to: number;
  /** The minutes that were measured for it: what of them is not in the true ones is good. */
  was: { from: number; to: number };
  reason: string;
  by: Actor;
  at: number;
}

/** What was done for an SLO: the band that holds were set for, and the burn rate that was raised. */
export interface Acted {
  month: MonthId;
  status: BudgetStatus;
  /** `since`: from when it is below every rate again, ms; null while it burns. */
  burn: { over: number; month: MonthId; since: number | null } | null;
}

/** An SLO in one month before and after an adjustment. */
export interface Moved {
  before: BudgetReading;
  after: BudgetReading;
}

type Maintenance = TradingHours['maintenance'][number];

/** The name under which it is known that a window was seen: another beginning or end is another window. */
export const windowOf = ({ from, to, name }: Maintenance): string => `maintenance:${from}:${to}:${name}`;

/** One SLO of a month that is over. */
export type PastReading = Pick<
  BudgetReading,
  'slo' | 'month' | 'budgetSec' | 'consumedSec' | 'remainingPct' | 'status' | 'measuredPct'
>;

export interface Budgets {
  /**
   * What each SLO is at `now`, ms since the epoch. The first look of a process takes nothing: what was before it was not
   * watched. Returns the month that has ended with it, or null.
   */
  look(looks: Record<string, Look>, now: number): MonthId | null;
  settle(slo: string, minute: number, state: 'good' | 'bad'): void;
  /** Maintenance of the configuration that was never seen before: it takes nothing out until it is announced. */
  unannounced(hours: Pick<TradingHours, 'maintenance'>, now: number): Maintenance[];
  /** This window (`windowOf`) is on record as seen at `at`, ms since the epoch. The earliest counts. */
  announce(window: string, at: number): void;
  /**
   * Note announced maintenance as it happens: it stays on record when the configuration forgets it. No minute before it was
   * first seen: what is past, a person takes out.
   */
  maintain(hours: Pick<TradingHours, 'maintenance'>, now: number): void;
  exclude(exclusion: Exclusion): void;
  adjust(adjustment: Adjustment): void;
  /** The bad minutes that touch [from, to), minutes: what was measured for an incident of that time. */
  measuredFor(slo: string, from: number, to: number): { from: number; to: number };
  /** What the minutes [from, to) took of one, as overlays leave them; null: nothing of them was measured. */
  shareOf(slo: string, from: number, to: number, now: number): BudgetShare | null;
  readings(now: number, month?: MonthId): BudgetReading[];
  /** What each month that it touches would read if this adjustment were made, without making it. */
  preview(adjustment: Adjustment, now: number): Moved[];
  badByMinute(slo: string, month: MonthId): Uint8Array;
  exclusions(month: MonthId): Exclusion[];
  adjustments(month: MonthId): Adjustment[];
  past(): PastReading[];
  acted(slo: string): Acted | undefined;
  note(slo: string, acted: Acted): void;
  /** Criteria that were known once. */
  wereKnown: Set<string>;
  why(slo: string): string;
  snapshot(): BudgetsSnapshot;
}

/** Plain JSON. */
export interface BudgetsSnapshot {
  version: 1;
  accounts: [slo: string, account: AccountSnapshot][];
  exclusions: Exclusion[];
  adjustments: Adjustment[];
  past: PastReading[];
  acted: [slo: string, acted: Acted][];
  wereKnown: string[];
  /** Maintenance windows, and when each was first seen, ms; absent: an older version wrote it. */
  announced?: [window: string, at: number][];
  /** Minutes of signals and orders that are not judged yet; absent: an older version wrote it. */
  pending?: PendingMinute[];
}

/** Two looks this far apart still watched what is between them, s. */
const WATCHED_SEC = 60;
/** A clock that leapt is believed when it was looked at for so long, s: only then is anything let go of. */
const BELIEVED_SEC = 3_600;
const PAST_MONTHS = 12;

export function createBudgets(
  playbook: Pick<Playbook, 'slos' | 'budgets' | 'burnRates'>,
  before?: BudgetsSnapshot,
): Budgets {
  const kept = new Map(before?.accounts);
  const accounts = new Map<string, Account>(playbook.slos.map(({ id }) => [id, createAccount(kept.get(id))]));
  let exclusions = structuredClone(before?.exclusions ?? []);
  let adjustments = structuredClone(before?.adjustments ?? []);
  let past = structuredClone(before?.past ?? []);
  const acted = new Map(before?.acted);
  const wereKnown = new Set(before?.wereKnown);
  const announced = new Map(before?.announced);
  const whys = new Map<string, string>();
  /** The last second that was looked at, when this process began to look, and when it last began anew after a leap. */
  let lookedTo: number | null = null;
  let begun = 0;
  let watchedFrom = 0;

  const sloOf = (id: string) => playbook.slos.find((one) => one.id === id);
  const account = (slo: string): Account => {
    const found = accounts.get(slo);
    if (found === undefined) throw new Error(`there is no SLO ${slo}`);
    return found;
  };

  /** What people said stands over what was measured, and what does not count over both. */
  function overlaysOf(slo: string, more: Adjustment[] = []): Overlay[] {
    const newest = new Map(
      [...adjustments, ...more].filter((one) => one.slo === slo).map((one) => [one.incident, one]),
    );
    return [
      ...[...newest.values()].map(({ was }): Overlay => ({ ...was, as: 'good' })),
      ...[...newest.values()].map(({ from, to }): Overlay => ({ from, to, as: 'bad' })),
      ...exclusions
        .filter((one) => one.slo === null || one.slo === slo)
        .map(({ from, to }): Overlay => ({ from, to, as: 'excluded' })),
    ];
  }

  const read = (id: string, now: number, month: MonthId, more: Adjustment[] = []): BudgetReading => {
    const slo = sloOf(id);
    if (slo === undefined) throw new Error(`there is no SLO ${id}`);
    return readBudget(account(id), slo, month, Math.floor(now / 1_000), playbook, overlaysOf(id, more));
  };

  const within =
    (month: MonthId) =>
    ({ from, to }: { from: number; to: number }): boolean =>
      from < monthSpan(month).to && to > monthSpan(month).from;

  function close(month: MonthId): void {
    const end = monthSpan(month).to * 60_000;
    const closed = playbook.slos.map(({ id }): PastReading => {
      const { slo, budgetSec, consumedSec, remainingPct, status, measuredPct } = read(id, end, month);
      return { slo, month, budgetSec, consumedSec, remainingPct, status, measuredPct };
    });
    const months = [...new Set([...past.map((one) => one.month), month])].toSorted().slice(-PAST_MONTHS);
    past = [...past.filter((one) => one.month !== month && months.includes(one.month)), ...closed];
  }

  /** What reaches into no month that is kept by the minute changes nothing any more. */
  function forget(month: MonthId): void {
    const from = monthSpan(monthBefore(month)).from;
    exclusions = exclusions.filter((one) => one.to > from);
    adjustments = adjustments.filter((one) => one.to > from || one.was.to > from);
  }

  /** A month that is over reads anew: a gap that began in it, a late minute, or what somebody said may come after its end. */
  function closeAgain(): void {
    for (const month of new Set(past.map((one) => one.month))) if (isOver(month)) close(month);
  }

  /** Whether it is over, and still kept by the minute. */
  const isOver = (month: MonthId): boolean => {
    const newest = Math.max(0, ...[...accounts.values()].map((one) => one.takenTo() ?? 0));
    const current = monthIdOf(Math.floor(newest / 60));
    return month === monthBefore(current);
  };

  /** The clock is behind what was looked at: it was wrong then, or is now. Nothing waits until it is there again. */
  function putBack(second: number): void {
    for (const one of accounts.values()) one.putBack(second);
    if (lookedTo === null) return;
    lookedTo = second;
    begun = Math.min(begun, second);
    watchedFrom = Math.min(watchedFrom, second);
  }

  return {
    wereKnown,
    look(looks, now) {
      const second = Math.floor(now / 1_000);
      const newest = Math.max(...[...accounts.values()].map((one) => one.takenTo() ?? 0));
      if (newest - second > WATCHED_SEC) putBack(second);
      if (lookedTo === null) begun = watchedFrom = second;
      else if (second - lookedTo > WATCHED_SEC) watchedFrom = second;
      const before = Math.max(0, ...[...accounts.values()].map((one) => one.takenTo() ?? 0));
      for (const [slo, one] of accounts) {
        const {
          state,
          since,
          badMinutes = [],
          why,
        } = looks[slo] ?? { state: 'unknown', why: 'nothing measures it' };
        whys.set(slo, why);
        const from = one.takenTo() ?? second;
        // What nobody watched is taken as such, so that it is taken once.
        if (watchedFrom > from) one.take(from, watchedFrom, 'unknown');
        if (one.takenTo() === null) one.take(second - 1, second, 'unknown');
        // A gap is what the bars say, also over a leap of the clock; everything else was watched or was not.
        if (state === 'bad' && since !== undefined)
          one.badSince(Math.floor(since / 1_000), slo === 'SLO-01' ? begun : watchedFrom);
        one.take(Math.max(from, watchedFrom), second, state);
        for (const minute of badMinutes) one.settle(minute, 'bad');
      }
      lookedTo = Math.max(lookedTo ?? second, second);
      const [last, current] = [monthIdOf(Math.floor(before / 60)), monthIdOf(Math.floor(second / 60))];
      if (second - watchedFrom >= BELIEVED_SEC) {
        for (const one of accounts.values()) one.forget(second);
        forget(current);
      }
      if (before === 0 || current <= last) return null;
      close(last);
      return last;
    },
    settle: (slo, minute, state) => accounts.get(slo)?.settle(minute, state),
    unannounced: ({ maintenance }, now) =>
      maintenance.filter((one) => one.to > now && !announced.has(windowOf(one))),
    announce(window, at) {
      announced.set(window, Math.min(at, announced.get(window) ?? at));
    },
    maintain({ maintenance }, now) {
      const minute = minuteOf(now) + 1;
      const oldest = monthSpan(monthBefore(monthIdOf(minute))).from;
      for (const window of maintenance) {
        const { from, to, name } = window;
        const seen = announced.get(windowOf(window));
        if (seen === undefined) continue;
        const begins = seen > from ? Math.ceil(seen / 60_000) : minuteOf(from);
        // Only what has happened: an announcement that is taken back takes nothing off the record.
        const ends = Math.min(Math.ceil(to / 60_000), minute);
        if (from > now || ends <= oldest || ends <= begins) continue;
        const id = windowOf(window);
        const known = exclusions.find((one) => one.id === id);
        if (known === undefined)
          exclusions.push({ id, from: begins, to: ends, name, slo: null, by: null, at: seen });
        else known.to = Math.max(known.to, ends);
      }
    },
    exclude(exclusion) {
      if (exclusions.some(({ id }) => id === exclusion.id)) return;
      exclusions.push(exclusion);
    },
    adjust(adjustment) {
      const { incident, slo, at } = adjustment;
      if (adjustments.some((one) => one.incident === incident && one.slo === slo && one.at === at)) return;
      // The newest of an incident stands, in whatever order they are told.
      adjustments = [...adjustments, adjustment].toSorted((a, b) => a.at - b.at);
    },
    measuredFor(slo, from, to) {
      const first = monthSpan(monthBefore(monthIdOf(to))).from;
      const last = Math.max(to, Math.ceil((account(slo).takenTo() ?? 0) / 60));
      const bad = account(slo).badByMinute(first, last);
      const isBad = (minute: number) => (bad[minute - first] ?? 0) > 0;
      let [start, end] = [Math.max(from, first), to];
      while (start > first && isBad(start - 1)) start -= 1;
      while (end < last && isBad(end)) end += 1;
      return { from: start, to: end };
    },
    shareOf(id, from, to, now) {
      const slo = sloOf(id);
      if (slo === undefined || to <= from) return null;
      const spent = account(id).spent(from, to, overlaysOf(id), Math.floor(now / 1_000));
      if (spent.good + spent.bad + spent.off === 0) return null;
      const month = monthIdOf(from);
      return {
        slo: id,
        month,
        consumedSec: spent.bad,
        budgetSec: budgetSec(month, slo.targetPct),
        unmeasuredSec: spent.unmeasured,
      };
    },
    readings: (now, month = monthIdOf(minuteOf(now))) => playbook.slos.map(({ id }) => read(id, now, month)),
    preview(adjustment, now) {
      const { slo, from, to, was } = adjustment;
      const first = monthSpan(monthBefore(monthIdOf(minuteOf(now)))).from;
      const minutes = [from, to - 1, ...(was.to > was.from ? [was.from, was.to - 1] : [])];
      const months = [...new Set(minutes.map((one) => monthIdOf(Math.max(one, first))))].toSorted();
      return months.map((month) => {
        const at = Math.min(now, monthSpan(month).to * 60_000);
        return { before: read(slo, at, month), after: read(slo, at, month, [adjustment]) };
      });
    },
    badByMinute: (slo, month) =>
      account(slo).badByMinute(monthSpan(month).from, monthSpan(month).to, overlaysOf(slo)),
    exclusions: (month) => structuredClone(exclusions.filter(within(month))),
    adjustments: (month) => structuredClone(adjustments.filter(within(month))),
    past() {
      closeAgain();
      return structuredClone(past);
    },
    acted: (slo) => acted.get(slo),
    note: (slo, what) => void acted.set(slo, what),
    why: (slo) => whys.get(slo) ?? '',
    snapshot() {
      closeAgain();
      return {
        version: 1,
        accounts: [...accounts].map(([slo, one]) => [slo, one.snapshot()]),
        exclusions: structuredClone(exclusions),
        adjustments: structuredClone(adjustments),
        past: structuredClone(past),
        acted: [...acted],
        wereKnown: [...wereKnown],
        announced: [...announced],
      };
    },
  };
}
