/** The error budgets as a table, and in one line. Pure. */

import type { KnownBlock } from '@slack/types';
import { type BudgetReading, type BudgetStatus, worstOf } from '../domain/budget/bands.ts';
import type { Adjustment, Exclusion, PastReading } from '../domain/budget/budgets.ts';
import { type Playbook, RESTRICTIONS, type RestrictionKey } from '../domain/playbook.ts';
import type { Trading } from '../domain/trading.ts';
import { context, message, section, sections } from './blocks.ts';
import { dateTime, duration, inert, plain } from './text.ts';

/** What is shown of a month. */
interface Shown {
  month: string;
  now: number;
  status: BudgetStatus;
  readings: (BudgetReading & { why: string })[];
  exclusions: Exclusion[];
  adjustments: Adjustment[];
}

const MARK: Record<BudgetStatus, string> = {
  GREEN: '🟢',
  YELLOW: '🟡',
  ORANGE: '🟠',
  RED: '🔴',
  CRITICAL: '⛔',
  UNKNOWN: '❓',
};

const pct = (value: number, digits = 1): string => `${Number(value.toFixed(digits))} %`;
const spanOf = (seconds: number): string => `${seconds < 0 ? '−' : ''}${duration(Math.abs(seconds) * 1_000)}`;
const rate = (value: number | null): string => (value === null ? '?' : `${Number(value.toFixed(1))}×`);
/** Never "100 %" of what is not all of it. */
const measured = (value: number | null): string =>
  value === null ? 'none' : value > 99.9 && value < 100 ? '99.9 %' : pct(value);

/** `/incident budget`. `trading`: what a budget holds now. */
export function budgetMessage(
  report: Shown,
  playbook: Pick<Playbook, 'budgets' | 'burnRates'>,
  trading: Trading,
  pictures: string,
): { text: string; blocks: KnownBlock[] } {
  const { month, now, status, readings } = report;
  const band = playbook.budgets.find((one) => one.status === status);
  const allowed = band === undefined ? 'not all of it was measured: at best the first band' : band.allowed;
  const head = `${MARK[status]} *Error budgets ${month}: ${status}* · ${inert(allowed, 300)}`;
  const page = playbook.burnRates.at(-1);
  const windows =
    page === undefined
      ? ''
      : `burn rate over ${spanOf(page.slowMin * 60)} and ${spanOf(page.fastMin * 60)}, `;
  return message(head.replaceAll('*', ''), [
    section(head),
    section(`\`\`\`${table(readings, page?.over)}\`\`\``),
    ...sections([...unknowns(readings), ...holds(trading), ...notCounted(report)]),
    context(
      `As of ${dateTime(now)} · ${windows}1× spends it exactly by the end of the month · measured: share of the time that counts. ${pictures}`,
    ),
  ]);
}

const COLUMNS = ['SLO', 'target', 'budget', 'consumed', 'left', 'band', 'burn', 'measured'];

function table(readings: Shown['readings'], page: number | undefined): string {
  const rows = readings.map((one) => {
    const burn = one.burn.find(({ over }) => over === page);
    return [
      `${one.slo} ${plain(one.title, 24)}`,
      pct(one.targetPct, 3),
      spanOf(one.budgetSec),
      spanOf(one.consumedSec),
      `${spanOf(one.remainingSec)} ${pct(one.remainingPct)}`,
      one.status === 'UNKNOWN' ? `UNKNOWN, ${one.atBest} at best` : one.status,
      burn === undefined ? '?' : `${rate(burn.slow)} ${rate(burn.fast)}`,
      measured(one.measuredPct),
    ].map((cell) => cell.replaceAll('`', "'"));
  });
  return aligned([COLUMNS, ...rows]);
}

function aligned(rows: string[][]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows
    .map((row) =>
      row
        .map((cell, index) => cell.padEnd(widths[index] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** `/incident budget 2026-10`: a month that is over, by its sums. */
export function pastBudgetMessage(
  month: string,
  sums: readonly PastReading[],
  { slos, budgets }: Pick<Playbook, 'slos' | 'budgets'>,
  pictures: string,
): { text: string; blocks: KnownBlock[] } {
  const titles = new Map(slos.map(({ id, title }) => [id, title]));
  const rows = sums.map((one) =>
    [
      `${one.slo} ${plain(titles.get(one.slo) ?? '', 24)}`.trimEnd(),
      spanOf(one.budgetSec),
      spanOf(one.consumedSec),
      `${spanOf(one.budgetSec - one.consumedSec)} ${pct(one.remainingPct)}`,
      one.status,
      measured(one.measuredPct),
    ].map((cell) => cell.replaceAll('`', "'")),
  );
  const status = worstOf(sums, budgets);
  const head = `${MARK[status]} *Error budgets ${month}: ${status}* · the month is over`;
  return message(head.replaceAll('*', ''), [
    section(head),
    section(`\`\`\`${aligned([['SLO', 'budget', 'consumed', 'left', 'band', 'measured'], ...rows])}\`\`\``),
    context(`Measured: share of the time that counts. ${pictures}`),
  ]);
}

const unknowns = (readings: Shown['readings']): string[] =>
  readings
    .filter(({ unmeasuredSec }) => unmeasuredSec > 0)
    .map(
      ({ slo, unmeasuredSec, why }) =>
        `❓ ${slo}: ${spanOf(unmeasuredSec)} of this month not measured${why === '' ? '' : `; now: ${inert(why, 200)}`}`,
    );

function holds({ holds: all }: Trading): string[] {
  const held = all.filter(({ owner }) => owner === 'budget');
  return held.map(
    ({ key, reason, at }) =>
      `🔒 ${key}=${RESTRICTIONS[key as RestrictionKey] ?? ''} since ${dateTime(at)}: “${inert(reason, 200)}” · an approver lifts it: \`/resume ${LIFTS[key] ?? ''}\``,
  );
}

/** The word of `/resume` for each key. */
const LIFTS: Partial<Record<string, string>> = {
  HALT_NEW_ORDERS: 'orders',
  PAUSE_SIGNALS: 'signals',
  POSITION_SIZE_FACTOR: 'sizes',
  ALLOW_NEW_STRATEGIES: 'strategies',
  ALLOW_PROMOTIONS: 'promotions',
};

const minuteTime = (minute: number): string => dateTime(minute * 60_000).slice(0, 16);

const notCounted = ({ exclusions, adjustments }: Shown): string[] => [
  ...exclusions
    .slice(-10)
    .map(
      ({ from, to, name, slo, by }) =>
        `⊘ not counted${slo === null ? '' : ` for ${slo}`}: ${inert(name, 100)}, ${minuteTime(from)} to ${minuteTime(to)} UTC, by ${by === null ? 'the configuration' : inert(by.name, 60)}`,
    ),
  ...adjustments
    .slice(-10)
    .map(
      ({ incident, slo, from, to, was, by, reason }) =>
        `🕰 ${plain(incident, 40)} (${slo}): ${minuteTime(from)} to ${minuteTime(to)} UTC, was ${minuteTime(was.from)} to ${minuteTime(was.to)}, by ${inert(by.name, 60)}: “${inert(reason, 100)}”`,
    ),
];

/** For the App Home. */
export function budgetLine({
  month,
  status,
  readings,
}: Pick<Shown, 'month' | 'status' | 'readings'>): string {
  const left = (one: BudgetReading): string =>
    (one.measuredPct ?? 0) === 0 && one.consumedSec === 0
      ? 'not measured'
      : `${one.status === 'UNKNOWN' ? 'at best ' : ''}${pct(Math.max(0, one.remainingPct), 0)}`;
  const each = readings.map((one) => `${MARK[one.status]} ${one.slo} ${left(one)}`);
  return `*Error budgets ${month}: ${status}* · left: ${each.join(' · ')} · \`/incident budget\``;
}
