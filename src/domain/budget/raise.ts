/** What is raised and what is held when a budget reaches a band, or burns. Pure. */

import { type Actor, type Alert, BUDGET_GROUP, OWN_SOURCE } from '../incident.ts';
import type { BudgetBand, BurnRate, Playbook, RestrictionKey } from '../playbook.ts';
import type { Hold } from '../trading.ts';
import { span } from '../words.ts';
import { type BudgetReading, rankOf } from './bands.ts';
import type { Acted } from './budgets.ts';
import type { MonthId } from './month.ts';

/** How long a burn must be below every rate before it is over, ms: the time in which its incident would reopen. */
const BURN_OVER_MS = 30 * 60_000;

/** The group of what is raised for an SLO in a month: one incident has it all. */
export const budgetGroup = (slo: string, month: MonthId): string => `${BUDGET_GROUP}${slo}:${month}`;

/** Who holds for the budget of this SLO: each has its own holds, so that lifting one says nothing of another. */
export const budgetActor = (slo: string): Actor => ({
  via: 'standdown',
  id: `budget:${slo}`,
  name: `Error budget of ${slo}`,
});

export interface Change {
  firing: Alert[];
  /** What was raised before and does not hold any more. */
  cleared: Alert[];
  /** What the band tightens, where it is worse than what was acted on. */
  hold: { key: RestrictionKey; reason: string }[];
  acted: Acted;
}

/**
 * What is new for one SLO at `now`, ms since the epoch; null: nothing. `before`: what was acted on; `isOpen`: its incident of
 * this month is not resolved.
 */
export function changeOf(
  reading: BudgetReading,
  before: Acted | undefined,
  playbook: Pick<Playbook, 'budgets' | 'burnRates'>,
  now: number,
  isOpen: boolean,
): Change | null {
  const { slo, month } = reading;
  const bands = playbook.budgets;
  const sameMonth = before?.month === month;
  const was = sameMonth ? before.status : 'UNKNOWN';
  const burn = burnNow(reading, before, now);
  const moved = rankOf(reading.status, bands) !== rankOf(was, bands);
  const acted: Acted = { month, status: reading.status, burn: burn.acted };
  if (!moved && burn.firing === null && burn.cleared === null && sameMonth)
    return JSON.stringify(acted) === JSON.stringify(before)
      ? null
      : { firing: [], cleared: [], hold: [], acted };
  const band = bands.find(({ status }) => status === reading.status);
  const old = before === undefined ? undefined : bands.find(({ status }) => status === before.status);
  const worse = rankOf(reading.status, bands) > rankOf(was, bands);
  return {
    firing: [
      // A better band is said where the worse one stands open. It opens nothing again, and pages nobody.
      ...(moved && (worse || isOpen) && band !== undefined && band.severity !== null
        ? [bandAlert(reading, band, now)]
        : []),
      ...(burn.firing === null ? [] : [burnAlert(reading, burn.firing, now)]),
    ],
    cleared: [
      ...(before !== undefined && (moved || !sameMonth) && old !== undefined && old.severity !== null
        ? [alert(slo, before.month, `band:${old.status}`, old.severity, '', '', now)]
        : []),
      ...(burn.cleared === null
        ? []
        : [alert(slo, burn.cleared.month, `burn:${burn.cleared.over}`, 'P3', '', '', now)]),
    ],
    hold:
      worse && band !== undefined
        ? (Object.keys(band.control) as RestrictionKey[]).map((key) => ({
            key,
            reason: reasonOf(reading, band),
          }))
        : [],
    acted,
  };
}

type Burn = NonNullable<Acted['burn']>;

function burnNow(
  { burning, month }: BudgetReading,
  before: Acted | undefined,
  now: number,
): { acted: Burn | null; firing: BurnRate | null; cleared: Burn | null } {
  const known = before?.burn ?? null;
  if (burning !== null) {
    const worse = known === null || burning.over > known.over;
    if (worse) return { acted: { over: burning.over, month, since: null }, firing: burning, cleared: known };
    return { acted: { ...known, since: null }, firing: null, cleared: null };
  }
  if (known === null) return { acted: null, firing: null, cleared: null };
  const since = known.since === null || known.since > now ? now : known.since;
  if (now - since >= BURN_OVER_MS) return { acted: null, firing: null, cleared: known };
  return { acted: { ...known, since }, firing: null, cleared: null };
}

/** What is not held yet. Pressed twice is one hold, and what a person lifted is placed only when the band worsens. */
export const notHeld = <T extends { key: RestrictionKey }>(
  wanted: T[],
  slo: string,
  holds: readonly Hold[],
): T[] =>
  wanted.filter(
    ({ key }) =>
      !holds.some(
        (hold) => hold.key === key && hold.owner === 'budget' && hold.by.id === budgetActor(slo).id,
      ),
  );

const pct = (value: number): string => `${Number(value.toFixed(1))} %`;
const spanOf = (seconds: number): string => span(Math.abs(seconds) * 1_000) ?? '0 s';

/** "25 % left of 3 h 36 min: 2 h 42 min consumed in 2026-11, 98.2 % of the time measured". */
export const budgetWords = (reading: BudgetReading): string => {
  const { remainingPct, remainingSec, budgetSec, consumedSec, month, measuredPct } = reading;
  const left = remainingSec < 0 ? `overspent by ${spanOf(remainingSec)}, of` : `${pct(remainingPct)} left of`;
  const measured = measuredPct === null ? 'nothing measured' : `${pct(measuredPct)} of the time measured`;
  return `${left} ${spanOf(budgetSec)}: ${spanOf(consumedSec)} consumed in ${month}, ${measured}`;
};

const reasonOf = (reading: BudgetReading, band: BudgetBand): string =>
  `error budget ${band.status}, ${reading.slo} ${reading.title}: ${budgetWords(reading)}`;

const bandAlert = (reading: BudgetReading, band: BudgetBand, now: number): Alert => ({
  ...alert(
    reading.slo,
    reading.month,
    `band:${band.status}`,
    band.severity ?? 'P3',
    `Error budget ${band.status}: ${reading.slo} ${reading.title}`,
    `${budgetWords(reading)}. ${band.allowed}`,
    now,
  ),
  labels: { alertname: 'StanddownErrorBudget', budget_of: reading.slo, band: band.status },
});

/** The band that this alert says was reached, where it halts trading and asks for a review (RED, CRITICAL); else null. */
export function haltedBand(
  { source, groupKey, labels }: Alert,
  { budgets }: Pick<Playbook, 'budgets'>,
): BudgetBand['status'] | null {
  if (source !== OWN_SOURCE || !groupKey.startsWith(BUDGET_GROUP)) return null;
  return budgets.find(({ status, review }) => status === labels['band'] && review === true)?.status ?? null;
}

const burnAlert = (
  reading: BudgetReading,
  { over, slowMin, fastMin, severity }: BurnRate,
  now: number,
): Alert => {
  const { slow = null, fast = null } = reading.burn.find((one) => one.over === over) ?? {};
  const times = (rate: number | null) => (rate === null ? 'unknown' : `${Number(rate.toFixed(1))}×`);
  const window = (minutes: number) => span(minutes * 60_000) ?? '';
  return alert(
    reading.slo,
    reading.month,
    `burn:${over}`,
    severity,
    `Error budget burns ${over}× or faster: ${reading.slo} ${reading.title}`,
    `${times(slow)} over ${window(slowMin)}, ${times(fast)} over ${window(fastMin)}; 1× spends it exactly by the end of the month. ${budgetWords(reading)}`,
    now,
  );
};

function alert(
  slo: string,
  month: MonthId,
  what: string,
  severity: Alert['severity'],
  title: string,
  value: string,
  now: number,
): Alert {
  return {
    source: OWN_SOURCE,
    groupKey: budgetGroup(slo, month),
    key: `${budgetGroup(slo, month)}:${what}`,
    title,
    severity,
    startsAt: now,
    startsAtGiven: true,
    labels: { alertname: 'StanddownErrorBudget', budget_of: slo },
    annotations: {},
    value,
  };
}
