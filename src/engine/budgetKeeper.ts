/**
 * Keeps the error budgets: looks once a second, raises and holds when a band is reached, writes down by the minute. It
 * decides nothing (domain/budget does), and it never loosens: a person does.
 */

import { type BudgetReading, type BudgetStatus, worstOf } from '../domain/budget/bands.ts';
import {
  type Adjustment,
  type Budgets,
  createBudgets,
  type Exclusion,
  type Moved,
  type PastReading,
  windowOf,
} from '../domain/budget/budgets.ts';
import { isKnown, looksNow } from '../domain/budget/looks.ts';
import { type MonthId, minuteOf, monthBefore, monthIdOf, monthSpan } from '../domain/budget/month.ts';
import { budgetActor, budgetGroup, changeOf, notHeld } from '../domain/budget/raise.ts';
import { createTally } from '../domain/budget/tally.ts';
import { Refusal } from '../domain/decide.ts';
import { type Actor, type Alert, type Incident, OWN_SOURCE, STANDDOWN } from '../domain/incident.ts';
import type { KillState } from '../domain/kill.ts';
import type { StopRules } from '../domain/measure/criteria.ts';
import type { TradingHours } from '../domain/measure/hours.ts';
import type { Playbook } from '../domain/playbook.ts';
import type { BudgetShare } from '../domain/postmortem/budget.ts';
import { type BudgetsFile, type Clock, DESK, type Log, type Store } from '../ports.ts';
import type { Desk } from './desk.ts';
import type { Ledger } from './ledger.ts';
import type { Monitor } from './monitor.ts';

/** All that is shown of a month. */
export interface BudgetReport {
  month: MonthId;
  now: number;
  status: BudgetStatus;
  readings: (BudgetReading & { why: string })[];
  exclusions: Exclusion[];
  adjustments: Adjustment[];
}

/** `readings`: none where only sums are kept. */
export interface PastMonth {
  month: MonthId;
  sums: PastReading[];
  readings: BudgetReading[];
}

/** What an adjustment moved: `in` each month that it touches, at least one. Minutes since the epoch, [from, to). */
export interface Adjusted {
  counted: { from: number; to: number };
  in: Moved[];
}

export interface BudgetKeeper {
  /** Once a second, after the monitor. */
  tick(): Promise<void>;
  /** As of the last look that judged, at most a minute ago: what is shown every second costs nothing. */
  report(): BudgetReport;
  /** Bad seconds by minute, of the month that runs or the one before it; of an older one there are none. */
  badByMinute(slo: string, month: MonthId): Uint8Array;
  /**
   * A month that is over: its sums, and where it is kept by the minute its readings as well; null: nothing is known of it.
   */
  past(month: MonthId): PastMonth | null;
  /**
   * Mark time that does not count. ms since the epoch; `slo` null: for every SLO. Resolves when it is kept. Throws Refusal,
   * StoreUnavailable.
   */
  exclude(
    by: Actor,
    asked: { from: number; to: number; name: string; slo: string | null },
  ): Promise<BudgetReport>;
  /** State the true times of an incident. `slo` null: the one that it is about. Throws Refusal, StoreUnavailable. */
  adjust(
    by: Actor,
    incident: Incident,
    asked: { from: number; to: number; reason: string; slo: string | null },
  ): Promise<Adjusted>;
  /** What an incident took of each budget, by the minute; only of those that were measured meanwhile. */
  sharesOf(incident: Incident): BudgetShare[];
  stop(): Promise<void>;
}

/** Who takes time out by announcing it. */
const CONFIGURATION: Actor = { via: 'standdown', id: 'configuration', name: 'The configuration' };

/** How long an earlier kill is looked at. A minute that is older stays as it was judged. */
const EARLIER_MS = 3_600_000;

/** The SLO of each runbook: what an incident is about. */
const SLO_OF_RUNBOOK: Record<string, string> = {
  'slo-01-data-feed': 'SLO-01',
  'slo-02-latency': 'SLO-02',
  'slo-03-order-execution': 'SLO-03',
  'position-mismatch': 'SLO-04',
  'risk-halt': 'SLO-05',
};

/** The SLO that an incident is about; null when it does not tell. */
export function sloOf({
  source,
  groupKey,
  runbook,
}: Pick<Incident, 'source' | 'groupKey' | 'runbook'>): string | null {
  if (source === OWN_SOURCE && groupKey?.startsWith('engine:') === true) return 'SLO-06';
  return runbook === null ? null : (SLO_OF_RUNBOOK[runbook] ?? null);
}

export async function createBudgetKeeper(deps: {
  desk: Pick<Desk, 'takeAlerts' | 'hold' | 'command'>;
  ledger: Ledger;
  store: Pick<Store, 'history' | 'summaries'>;
  monitor: Pick<Monitor, 'seen' | 'measurements' | 'onTaken'>;
  clock: Clock;
  log: Log;
  playbook: Playbook;
  rules: Pick<StopRules, 'feeds'>;
  hours: TradingHours;
  graceMs: number;
  /** `observe`: nothing is held; the incident says what would be. */
  mode: 'act' | 'observe';
  file: BudgetsFile;
}): Promise<BudgetKeeper> {
  const { desk, ledger, monitor, clock, log, playbook, hours, mode, file } = deps;
  const before = (await file.load()) ?? undefined;
  const budgets: Budgets = createBudgets(playbook, before);
  const orders = playbook.slos.find(({ id }) => id === 'SLO-03');
  const tally = createTally(minuteOf(clock.now()), orders?.targetPct ?? 100, before?.pending);
  monitor.onTaken((samples) => {
    for (const sample of samples) tally.take(sample, clock.now());
  });
  await takeUp();
  let report: BudgetReport | null = null;
  let judgedMinute: number | null = null;
  let isChanged = true;
  let saving: Promise<void> = Promise.resolve();

  /** What people said went on record first, and may be newer than the file. */
  async function takeUp(): Promise<void> {
    const kept = monthSpan(monthBefore(monthIdOf(minuteOf(clock.now())))).from;
    for (const event of await deps.store.history(DESK)) {
      if (event.type === 'MaintenanceSeen') budgets.announce(event.window, event.at);
      if (event.type !== 'TimeExcluded') continue;
      const { exclusion: id, name, slo, by, at } = event;
      const [from, to] = minutesWithin(event);
      if (to > kept && from < to) budgets.exclude({ id, from, to, name, slo, by, at });
    }
    for (const { id, status, resolvedAt } of deps.store.summaries())
      if (status !== 'resolved' || (resolvedAt ?? 0) >= kept * 60_000) await takeUpOf(id);
  }

  /** Every adjustment on an incident's log: a crash between the log and the file loses none. */
  async function takeUpOf(id: string): Promise<void> {
    const history = await deps.store.history(id).catch((error: unknown) => {
      log.error({ incident: id, error: String(error) }, 'whether it has true times could not be read');
      return [];
    });
    for (const event of history) {
      if (event.type !== 'IncidentAdjusted' || !playbook.slos.some((one) => one.id === event.slo)) continue;
      const { slo, reason, by, at } = event;
      const [from, to] = wholeMinutes(event);
      const [wasFrom, wasTo] = wholeMinutes(event.was);
      budgets.adjust({ incident: id, slo, from, to, was: { from: wasFrom, to: wasTo }, reason, by, at });
    }
  }

  /** What stands in the configuration goes on record when it is first seen: it takes no minute before that out. */
  async function announce(now: number): Promise<void> {
    for (const window of budgets.unannounced(hours, now)) {
      const { from, to, name } = window;
      const event = { type: 'MaintenanceSeen' as const, window: windowOf(window), from, to, name };
      try {
        const { events } = await ledger.commit(DESK, { type: 'Note', by: CONFIGURATION, event });
        budgets.announce(event.window, events[0]?.at ?? now);
      } catch (error) {
        log.warn({ name, error: String(error) }, 'announced maintenance is not on record: it is tried again');
        return;
      }
    }
  }

  function look(now: number): void {
    const { facts, criteria, unknownSince } = monitor.seen();
    for (const one of criteria) if (isKnown(one)) budgets.wereKnown.add(one.id);
    const { lastKill } = ledger.trading();
    const kill = lastKill === null ? undefined : ledger.peek(lastKill.incident)?.kills[lastKill.kill];
    const looks = looksNow({
      now,
      measurements: monitor.measurements,
      rules: deps.rules,
      facts,
      criteria,
      unknownSince,
      graceMs: deps.graceMs,
      wereKnown: budgets.wereKnown,
      kill: kill ?? null,
      earlier: kill === undefined ? [] : killsBefore(kill, now),
    });
    budgets.maintain(hours, now);
    const ended = budgets.look(looks, now);
    for (const { what, minute, state } of tally.judged(now))
      budgets.settle(what === 'latency' ? 'SLO-02' : 'SLO-03', minute, state);
    if (ended !== null) log.info({ month: ended }, 'a month has ended: its budgets are closed');
  }

  /** Those of the last hour that are in memory, each with when the next one was asked for. */
  function killsBefore(newest: KillState, now: number): { kill: KillState; until: number }[] {
    const known = ledger.open().flatMap(({ kills }) => Object.values(kills));
    const recent = [...known.filter(({ id, at }) => id !== newest.id && now - at < EARLIER_MS), newest];
    const sorted = recent.toSorted((a, b) => a.at - b.at);
    return sorted.slice(0, -1).map((kill, index) => ({ kill, until: sorted[index + 1]?.at ?? now }));
  }

  function draw(now: number): BudgetReport {
    const month = monthIdOf(minuteOf(now));
    const readings = budgets.readings(now).map((one) => ({ ...one, why: budgets.why(one.slo) }));
    report = {
      month,
      now,
      status: worstOf(readings, playbook.budgets),
      readings,
      exclusions: budgets.exclusions(month),
      adjustments: budgets.adjustments(month),
    };
    return report;
  }

  async function act(readings: BudgetReading[], now: number): Promise<void> {
    for (const reading of readings) {
      const group = budgetGroup(reading.slo, reading.month);
      const isOpen = ledger
        .open()
        .some(
          ({ source, groupKey, status }) =>
            source === OWN_SOURCE && groupKey === group && status !== 'resolved',
        );
      const change = changeOf(reading, budgets.acted(reading.slo), playbook, now, isOpen);
      if (change === null) continue;
      const { firing, cleared, hold, acted } = change;
      const raised = await raise(firing, cleared, now);
      const by = budgetActor(reading.slo);
      if (mode === 'observe' && hold.length > 0)
        log.warn({ slo: reading.slo, status: reading.status }, 'OBSERVE: a budget would tighten now');
      else
        for (const { key, reason } of notHeld(hold, reading.slo, ledger.trading().holds))
          await desk.hold(by, key, reason, 'budget', raised.incident ?? undefined);
      // Not announced: the next look tries again, and what is held by then is held once.
      if (!raised.done) continue;
      budgets.note(reading.slo, acted);
      isChanged = true;
    }
  }

  /** Stopping does not wait for the record: what could not be announced is announced by the next look. */
  async function raise(
    firing: Alert[],
    cleared: Alert[],
    now: number,
  ): Promise<{ done: boolean; incident: string | null }> {
    try {
      const observed =
        mode === 'observe' ? firing.map((one) => ({ ...one, title: `OBSERVE: ${one.title}` })) : firing;
      const incidents = await desk.takeAlerts(
        [
          ...observed.map((alert) => ({ alert, status: 'firing' as const })),
          ...cleared.map((alert) => ({ alert, status: 'resolved' as const, endedAt: now })),
        ],
        STANDDOWN,
      );
      return { done: true, incident: firing.length === 0 ? null : (incidents[0] ?? null) };
    } catch (error) {
      log.error({ error: String(error) }, 'a budget could not be announced: it is tried again');
      return { done: false, incident: null };
    }
  }

  function save(): Promise<void> {
    isChanged = false;
    saving = saving
      .then(() => file.save({ ...budgets.snapshot(), pending: tally.snapshot() }))
      .catch((error: unknown) => {
        isChanged = true;
        log.warn({ error: String(error) }, 'the error budgets could not be written down: it is tried again');
      });
    return saving;
  }

  const known = (slo: string | null, names: string): void => {
    if (slo !== null && !playbook.slos.some(({ id }) => id === slo))
      throw new Refusal('no_such_slo', `There is no ${slo}: ${names}. Nothing was changed.`);
  };
  const sloNames = playbook.slos.map(({ id }) => id).join(', ');

  /** Throws Refusal for what lies before the months that are kept by the minute. */
  function mustBeKept(from: number, now: number): void {
    const kept = monthSpan(monthBefore(monthIdOf(minuteOf(now)))).from;
    if (minuteOf(from) < kept)
      throw new Refusal(
        'too_old',
        `Minutes are kept from ${new Date(kept * 60_000).toISOString().slice(0, 10)} on: nothing was changed.`,
      );
  }

  let exclusions = 0;
  return {
    async tick() {
      const now = clock.now();
      await announce(now);
      look(now);
      const minute = minuteOf(now);
      if (judgedMinute === minute && !isChanged) return;
      judgedMinute = minute;
      await act(draw(now).readings, now);
      await save();
    },
    report: () => report ?? draw(clock.now()),
    badByMinute: (slo, month) => budgets.badByMinute(slo, month),
    past(month) {
      const sums = budgets.past().filter((one) => one.month === month);
      const end = monthSpan(month).to * 60_000;
      const isKept = month === monthBefore(monthIdOf(minuteOf(clock.now())));
      return sums.length === 0 ? null : { month, sums, readings: isKept ? budgets.readings(end, month) : [] };
    },
    async exclude(by, asked) {
      const now = clock.now();
      known(asked.slo, sloNames);
      mustBeKept(asked.from, now);
      const [from, to] = minutesWithin(asked);
      if (from >= to && asked.from < asked.to)
        throw new Refusal('no_whole_minute', 'There is no whole minute in that time. Nothing was changed.');
      exclusions += 1;
      const id = `X-${now.toString(36)}-${exclusions}`;
      await ledger.commit(DESK, { type: 'ExcludeTime', by, exclusion: id, ...asked });
      budgets.exclude({ id, from, to, name: asked.name, slo: asked.slo, by, at: now });
      isChanged = true;
      await save();
      isChanged = true;
      return draw(now);
    },
    async adjust(by, incident, asked) {
      const now = clock.now();
      const slo = asked.slo ?? sloOf(incident);
      if (slo === null)
        throw new Refusal(
          'which_slo',
          `${incident.id} does not tell which SLO it is about: add slo=${sloNames.split(', ').join('|')}. Nothing was changed.`,
        );
      known(slo, sloNames);
      mustBeKept(asked.from, now);
      const [from, to] = wholeMinutes(asked);
      const was = measuredOf(incident, slo, now);
      const { reason } = asked;
      const adjustment = { incident: incident.id, slo, from, to, was, reason, by, at: now };
      const moved = budgets.preview(adjustment, now);
      // The log tells of the month in which it began; the answer of each.
      const first = moved.find(({ before: { month } }) => month === monthIdOf(from)) ?? moved[0];
      const { events } = await ledger.commit(incident.id, {
        type: 'AdjustIncident',
        by,
        slo,
        from: asked.from,
        to: asked.to,
        reason,
        was: { from: was.from * 60_000, to: was.to * 60_000, consumedSec: first?.before.consumedSec ?? 0 },
        consumedSec: first?.after.consumedSec ?? 0,
      });
      budgets.adjust({ ...adjustment, at: events[0]?.at ?? now });
      await save();
      isChanged = true;
      draw(now);
      return { counted: { from, to }, in: moved };
    },
    sharesOf(incident) {
      const now = clock.now();
      const about = sloOf(incident);
      const { adjusted } = incident;
      const [from, to] = timeOf(incident, now);
      return playbook.slos.flatMap(({ id }) => {
        // Bad minutes that touch it belong to the SLO that it is about; for the others only its own time counts.
        const [first, last] = adjusted?.slo === id ? wholeMinutes(adjusted) : [from, to];
        const stretch = id === about ? budgets.measuredFor(id, first, last) : { from: first, to: last };
        const share = budgets.shareOf(id, stretch.from, stretch.to, now);
        return share === null ? [] : [share];
      });
    },
    async stop() {
      await save();
    },
  };

  /** The minutes that were measured for an incident: from its gap or its opening to its end, and the bad ones that touch them. */
  function measuredOf(incident: Incident, slo: string, now: number): { from: number; to: number } {
    const [from, to] = timeOf(incident, now);
    // A gap counts from its beginning to its end. What is bad beside it is another feed's, which nobody spoke of.
    return slo === 'SLO-01' && incident.gaps.length > 0 ? { from, to } : budgets.measuredFor(slo, from, to);
  }
}

/** From its gap or its opening to its end, in whole minutes. */
function timeOf(incident: Incident, now: number): [from: number, to: number] {
  const begun = Math.min(incident.openedAt, ...incident.gaps.map((gap) => gap.from));
  const ends =
    incident.gaps.length > 0 ? incident.gaps.map((gap) => gap.to ?? now) : [incident.resolution?.at ?? now];
  return wholeMinutes({ from: begun, to: Math.max(...ends) });
}

/** The minutes that all of it covers: nothing is taken off that nobody named. */
const minutesWithin = ({ from, to }: { from: number; to: number }): [from: number, to: number] => [
  Math.ceil(from / 60_000),
  minuteOf(to),
];

/** The minutes that touch it. */
const wholeMinutes = ({ from, to }: { from: number; to: number }): [from: number, to: number] => [
  minuteOf(from),
  Math.ceil(to / 60_000),
];
