/** The P0 to P3 conditions of the playbook's severity table and runbooks, as they are now. Pure. */

import type { Severity } from '../incident.ts';
import type { Criterion, Facts, StopRules } from './criteria.ts';
import { gapOf } from './gap.ts';
import { SLOWEST_MS } from './latency.ts';
import { type Measurements, SLOW_SIGNAL_MS } from './measurements.ts';
import type { Mismatch } from './mismatch.ts';

/** Something that is wrong now. It opens or joins an incident, and clears by itself when it is gone. */
export interface Condition {
  /** The same for as long as it is the same thing. */
  key: string;
  /** Conditions of one group are one incident. */
  group: string;
  severity: Severity;
  /** A runbook of templates/runbooks; null where none fits. */
  runbook: string | null;
  title: string;
  /** The number, with its unit. */
  value: string;
}

/** What came back this soon after it was over hovers at its limit, ms: the time in which its incident would reopen. */
export const HOVERS_MS = 30 * 60_000;
/**
 * How long what hovers must be gone before it is over, ms. A P0 or P1 stays open until a person closes it, so it may clear
 * soon; a P2 or P3 closes by itself, and would come back with another post and another page.
 */
const CLEARS_AFTER_MS: Record<Severity, number> = { P0: 60_000, P1: 60_000, P2: 600_000, P3: 600_000 };

/**
 * Whether what was raised, and was seen last at `seenAt`, is over. At once, unless it `hovers`: then it is one alert, and not
 * one a second. What cannot be told now is not over.
 */
export function isOver(
  { key, severity }: Pick<Condition, 'key' | 'severity'>,
  seenAt: number,
  now: number,
  hovers: boolean,
  facts: Pick<Facts, 'engineSilent'>,
): boolean {
  // Without heartbeats a gap is unknown: no all-clear.
  if (facts.engineSilent && /^feed(?:Stale|Lost):/.test(key)) return false;
  return !hovers || now - seenAt >= CLEARS_AFTER_MS[severity];
}

/** An engine that is not heard: ms since its last heartbeat, or, when it was `never` heard, since the start. */
export interface SilentEngine {
  id: string;
  ageMs: number;
  never: boolean;
}

/** The numbers of DESIGN 3 and of the playbook. */
export const SLI = {
  /** Seconds: the P1 of SLO-01, whose runbook pauses signals. */
  staleSec: 120,
  /** Seconds: the runbook halts new orders when nobody chose. At exactly this the stricter side. */
  haltSec: 600,
  uptimePct: 99.5,
  successPct: 99.5,
  /** "more than 5 consecutive orders". */
  successOrders: 6,
  rejectSharePct: 1,
  rejectsInARow: 3,
  p95Ms: 1_000,
  /** "more than 3 consecutive bars". */
  slowBars: 4,
  /** At exactly this the stricter side. */
  pauseOrdersMs: 2_000,
  fillP2Pct: 99,
  fillP1Pct: 95,
  slippageBps: 5,
} as const;

/** Without the dust of binary numbers: what is exactly at a limit is at it. */
const tidy = (value: number): number => Number(value.toPrecision(12));
const pct = (share: number): string => `${Number((share * 100).toFixed(3))} %`;

/** What is slower than the histogram is long is not known closer. */
const latency = (ms: number): string => (ms >= SLOWEST_MS ? `${SLOWEST_MS} ms or more` : `${ms} ms`);

/** "2 min 40 s". */
function span(seconds: number): string {
  const whole = Math.floor(seconds);
  return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`;
}

/**
 * What holds at `now`. `unknownSince` is since when each criterion is unknown, ms; `graceMs` how long that is nobody's
 * business. `silent` names the engines that have missed three heartbeats.
 */
export function conditionsNow(
  of: Measurements,
  now: number,
  rules: StopRules,
  facts: Facts & { silent: SilentEngine[]; mismatches: Mismatch[] },
  criteria: Criterion[],
  unknownSince: ReadonlyMap<string, number>,
  graceMs: number,
): Condition[] {
  return [
    ...facts.silent.map(
      ({ id, ageMs, never }): Condition => ({
        key: `engineSilent:${id}`,
        group: `engine:${id}`,
        severity: 'P0',
        runbook: 'kill-switch',
        title: `Engine ${id} ${never ? 'was never heard' : 'is silent'}: whether it trades is unknown`,
        value: `no heartbeat ${never ? 'in' : 'for'} ${span(ageMs / 1_000)}${never ? ' since the start' : ''}`,
      }),
    ),
    ...(facts.market.open ? rules.feeds.flatMap((feed) => feedConditions(of, now, feed, facts)) : []),
    ...orderConditions(of),
    ...latencyConditions(of, now),
    ...criteria.flatMap((one): Condition[] => {
      const since = unknownSince.get(one.id);
      if (one.state !== 'unknown' || since === undefined || now - since < graceMs) return [];
      return [
        {
          key: `unknown:${one.id}`,
          group: 'hard stops',
          severity: 'P1',
          runbook: null,
          title: 'A hard stop cannot be measured',
          value: `${one.id}: ${one.detail}`,
        },
      ];
    }),
    ...facts.mismatches.map(
      ({ key, what, text }): Condition => ({
        key: `mismatch:${key}`,
        group: 'mismatch',
        severity: 'P1',
        runbook: 'position-mismatch',
        title: `${what === 'pnl' ? 'P&L' : 'Position'} mismatch: the engine and the venue disagree`,
        value: text,
      }),
    ),
  ];
}

function feedConditions(
  of: Measurements,
  now: number,
  { id: feed, intervalSec }: StopRules['feeds'][number],
  facts: Facts,
): Condition[] {
  const base = { group: `feed:${feed}`, runbook: 'slo-01-data-feed' };
  const found: Condition[] = [];
  const gap = gapOf(of, { id: feed, intervalSec }, now, facts.market);
  const seconds = gap === null ? 0 : (gap.watched ?? gap).ms / 1_000;
  if (gap !== null && seconds > SLI.staleSec && !facts.engineSilent) {
    found.push({
      ...base,
      key: `feedStale:${feed}`,
      severity: 'P1',
      title: `Feed gap: ${feed}`,
      value: `gap ${span(seconds)}, ${gap.symbol}`,
    });
    if (seconds >= SLI.haltSec)
      found.push({
        ...base,
        key: `feedLost:${feed}`,
        severity: 'P1',
        title: `Feed gap: ${feed}`,
        value: `gap ${span(seconds)}: the runbook says backup feed, or halt`,
      });
  }
  const late = of.staleness.p99(feed, now, facts.market.open ? facts.market.since : null);
  if (late !== null && late.ms > SLI.staleSec * 1_000)
    found.push({
      ...base,
      key: `feedStaleness:${feed}`,
      severity: 'P1',
      title: `Bars are late: ${feed}`,
      value: `p99 ${span(late.ms / 1_000)} after their close, ${late.bars} bars of the last hour`,
    });
  const uptime = of.feeds.uptime(feed, now);
  if (uptime !== null && tidy(uptime.share * 100) < SLI.uptimePct)
    found.push({
      ...base,
      key: `feedUptime:${feed}`,
      severity: 'P1',
      title: `Feed uptime below ${SLI.uptimePct} %: ${feed}`,
      value: `${pct(uptime.share)} of ${uptime.hours} hours this month`,
    });
  const missed = of.feeds.missed(feed, now);
  if (missed.length > 0)
    found.push({
      group: `missedBar:${feed}`,
      runbook: 'slo-01-data-feed',
      key: `missedBar:${feed}`,
      severity: 'P3',
      title: `Missed bar: ${feed}`,
      value: `${missed.length} of late, the newest due at ${new Date(missed.at(-1)?.closedAt ?? 0).toISOString()}`,
    });
  return found;
}

function orderConditions(of: Measurements): Condition[] {
  const base = { group: 'orders', runbook: 'slo-03-order-execution' };
  const found: Condition[] = [];
  const inARow = of.run.rejectedInARow();
  if (inARow >= SLI.rejectsInARow)
    found.push({
      ...base,
      key: 'rejectsInARow',
      severity: 'P1',
      title: 'Orders are rejected',
      value: `${inARow} rejected in a row`,
    });
  const under = of.run.underSuccess(SLI.successPct);
  const rejects = of.run.rejectShare();
  if (under >= SLI.successOrders && rejects !== null)
    found.push({
      ...base,
      key: 'successRate',
      severity: 'P1',
      title: `Order success below ${SLI.successPct} %`,
      value: `${pct(1 - rejects.share)} of the last ${rejects.orders} orders`,
    });
  if (rejects !== null && tidy(rejects.share * 100) > SLI.rejectSharePct)
    found.push({
      ...base,
      key: 'rejectShare',
      severity: 'P1',
      title: `Reject rate over ${SLI.rejectSharePct} %: the runbook says kill`,
      value: `${pct(rejects.share)} of the last ${rejects.orders} orders`,
    });
  const fills = of.run.fillShare();
  if (fills !== null && tidy(fills.share * 100) < SLI.fillP2Pct)
    found.push({
      ...base,
      group: 'fills',
      key: 'fillRate',
      severity: tidy(fills.share * 100) < SLI.fillP1Pct ? 'P1' : 'P2',
      title: 'Fill rate is low',
      value: `${pct(fills.share)} of the last ${fills.orders} orders`,
    });
  const slippage = of.run.meanSlippageBps();
  if (slippage !== null && tidy(slippage.bps) > SLI.slippageBps)
    found.push({
      ...base,
      group: 'slippage',
      key: 'slippage',
      severity: 'P3',
      title: `Fills are off by more than ${SLI.slippageBps / 100} %`,
      value: `${slippage.bps.toFixed(1)} bps, mean of the last ${slippage.fills} fills`,
    });
  return found;
}

function latencyConditions(of: Measurements, now: number): Condition[] {
  const slowBars = of.slowBars(now);
  const p95 = of.signals.percentile(now, 0.95);
  const p99 = of.signals.percentile(now, 0.99);
  if (p95 === null || p99 === null) return [];
  const slow = slowBars >= SLI.slowBars;
  if (p95 <= SLI.p95Ms && !slow) return [];
  return [
    {
      key: 'signalLatency',
      group: 'latency',
      severity: 'P2',
      runbook: 'slo-02-latency',
      title: `Signal latency over ${SLOW_SIGNAL_MS} ms`,
      value: `p95 ${latency(p95)}, p99 ${latency(p99)} over the last hour${slow ? `, at ${slowBars} bars in a row` : ''}${p99 >= SLI.pauseOrdersMs ? ': the runbook says pause new orders' : ''}`,
    },
  ];
}
