/** `/status` and `/incidents`, as CONTRACT 5 fixes them. */

import type { ChainHead } from '../domain/chain.ts';
import type { IncidentClock } from '../domain/clocks.ts';
import type { Incident, StandingEvent } from '../domain/incident.ts';
import type { KillState } from '../domain/kill.ts';
import type { Criterion } from '../domain/measure/criteria.ts';
import type { ReadinessLine } from '../domain/readiness/judge.ts';
import { describe } from '../domain/timeline.ts';
import { eventLink } from '../domain/timelineRows.ts';
import type { Trading } from '../domain/trading.ts';
import type { BudgetReport } from '../engine/budgetKeeper.ts';
import type { EngineStatus } from '../engine/engines.ts';
import type { IncidentLine, Ledger } from '../engine/ledger.ts';
import { tradingState } from '../render/trading.ts';

const iso = (at: number): string => new Date(at).toISOString();

export async function status(
  ledger: Ledger,
  mode: 'live' | 'rehearsal',
  criteria: Criterion[],
  engines: EngineStatus[],
  unwritten: string | null,
): Promise<object> {
  const trading = ledger.trading();
  const open = ledger.lines().filter((one) => one.status !== 'resolved');
  return {
    mode,
    trading: {
      ...tradingStatus(trading, engines),
      // What was ordered stands in no file then.
      ...(unwritten === null ? {} : { unwritten }),
    },
    incidents: open.map(line),
    lastKill: await lastKill(ledger),
    criteria: criteria.map(({ id, state, value, limit, headroom, unit, ageMs, source, detail }) => ({
      id,
      state,
      value,
      limit,
      headroom,
      unit,
      ageMs,
      source,
      detail,
    })),
    ...(ledger.unrecorded() === null ? {} : { unrecorded: ledger.unrecorded() }),
  };
}

function tradingStatus(trading: Trading, engines: EngineStatus[]): object {
  return {
    state: tradingState(trading),
    signals: trading.holds.some((hold) => hold.key === 'PAUSE_SIGNALS') ? 'paused' : 'running',
    holds: trading.holds.map(({ key, reason, by, at }) => ({ key, reason, by: by.name, at: iso(at) })),
    latch:
      trading.latch === null
        ? null
        : { by: trading.latch.by.name, at: iso(trading.latch.at), reason: trading.latch.reason },
    engine: engines,
  };
}

/** `readiness`: a line each, with what proves it or what is missing; `note`: a drill that was missed. Times are ISO 8601, or null. */
export const readinessStatus = (lines: ReadinessLine[]): object[] =>
  lines.map(({ id, text, state, parts, expiresAt, mend, note }) => ({
    id,
    text,
    state,
    expiresAt: expiresAt === null ? null : iso(expiresAt),
    mend,
    note: note ?? null,
    parts: parts.map((part) => ({
      name: part.name,
      state: part.state,
      evidence: part.says,
      who: part.who,
      at: part.at === null ? null : iso(part.at),
      expiresAt: part.expiresAt === null ? null : iso(part.expiresAt),
    })),
  }));

/** `budgets`: shares in percent, times in seconds; UNKNOWN is never GREEN. */
export const budgetStatus = ({ month, status: band, readings }: BudgetReport): object => ({
  month,
  status: band,
  slos: readings.map((one) => ({
    id: one.slo,
    status: one.status,
    targetPct: one.targetPct,
    budgetSec: one.budgetSec,
    consumedSec: one.consumedSec,
    remainingPct: one.remainingPct,
    measuredPct: one.measuredPct,
    burn: one.burn,
  })),
});

const line = (one: IncidentLine): object => ({
  id: one.id,
  severity: one.severity,
  state: one.status,
  title: one.title,
  alerts: one.alerts,
  openedAt: iso(one.openedAt),
});

/** The newest kill of the desk, also when its incident was closed and put away long ago. */
async function lastKill(ledger: Ledger): Promise<object | null> {
  const { lastKill: last } = ledger.trading();
  if (last === null) return null;
  const kill = (await ledger.load(last.incident))?.kills[last.kill];
  return kill === undefined ? null : killStatus(last.incident, kill);
}

function killStatus(incident: string, kill: KillState): object {
  return {
    id: kill.id,
    incident,
    at: iso(kill.at),
    verdict: kill.verdict,
    venues: Object.entries(kill.venues).map(([id, { verdict }]) => ({
      id,
      verdict: verdict?.verdict ?? null,
      orders: verdict?.orders.length ?? null,
      exposure: exposure(verdict?.positions ?? null),
      reason: verdict?.reason ?? null,
    })),
    timings: {
      ...(kill.timings ?? { lastCancelMs: null, verdictMs: null }),
      // It may be written after the first verdict.
      latchMs: kill.timings?.latchMs ?? (kill.latch?.ok === true ? kill.latch.ms : null),
    },
  };
}

/** The sum of notionals; null as soon as one is unknown, 0 when there is none. */
function exposure(positions: { notional: number | null }[] | null): number | null {
  if (positions === null) return null;
  return positions.reduce<number | null>(
    (sum, { notional }) => (sum === null || notional === null ? null : sum + Math.abs(notional)),
    0,
  );
}

export const incidentsList = (ledger: Ledger): object => ({ incidents: ledger.lines().map(line) });

export function incidentDetail(
  incident: Incident,
  history: StandingEvent[],
  clocks: IncidentClock[],
  chain: ChainHead | null,
): object {
  const headline = incident.posts['headline'];
  return {
    id: incident.id,
    severity: incident.severity,
    severityNote: incident.severityNote ?? null,
    state: incident.status,
    title: incident.title,
    runbook: incident.runbook,
    drill: incident.drill,
    openedAt: iso(incident.openedAt),
    acknowledged:
      incident.acknowledged === undefined
        ? null
        : { by: incident.acknowledged.by.name, at: iso(incident.acknowledged.at) },
    resolved:
      incident.resolution === undefined
        ? null
        : { by: incident.resolution.by.name, at: iso(incident.resolution.at), how: incident.resolution.how },
    commander:
      incident.commander === undefined
        ? null
        : { name: incident.commander.who.name, since: iso(incident.commander.at) },
    mitigated:
      incident.mitigated === undefined
        ? null
        : {
            by: incident.mitigated.by.name,
            at: iso(incident.mitigated.at),
            text: incident.mitigated.text,
          },
    actionItems: incident.actionItems.map(({ id, text, owner, priority, due }) => ({
      id,
      text,
      owner: owner ?? null,
      priority: priority ?? null,
      due: due ?? null,
    })),
    alerts: Object.values(incident.alerts).map((alert) => ({
      source: alert.source,
      fingerprint: alert.fingerprint ?? alert.key,
      state: alert.state,
      title: alert.title,
      severity: alert.severity,
      startsAt: iso(alert.startsAt),
      receivedAt: iso(alert.receivedAt),
      resolvedAt: alert.resolvedAt === undefined ? null : iso(alert.resolvedAt),
      repeats: alert.repeats,
      labels: alert.labels,
    })),
    pages: incident.pages.map(({ n, severity, state, why, assignedTo, owedAt }) => ({
      key: `${incident.id}/${n}`,
      severity,
      state,
      why,
      assignedTo,
      at: iso(owedAt),
    })),
    clocks: clocks.map(({ id, title, state, dueAt, doneAt }) => ({
      id,
      title,
      state,
      dueAt: iso(dueAt),
      doneAt: doneAt === null ? null : iso(doneAt),
    })),
    kills: Object.values(incident.kills).map((kill) => killStatus(incident.id, kill)),
    thread: incident.posts['headline'] ?? null,
    postmortem: incident.postmortem ?? null,
    /** The head of its log, which `standdown verify-log` compares; null: it has no hash. */
    chain,
    timeline: history.map((event, index) => ({
      n: index + 1,
      at: iso(event.at),
      type: event.type,
      by: event.by.name,
      via: event.by.via,
      text: describe(event),
      link: eventLink(event, headline),
      ...(event.type === 'MessageLogged' && event.files !== undefined ? { files: event.files } : {}),
    })),
  };
}
