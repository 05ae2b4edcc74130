/** What a runbook shows now: its checks, its branches, and what goes on record of them. Pure. */

import { newestKill } from '../decide.ts';
import type { FeedGap, Incident } from '../incident.ts';
import { isRunning } from '../kill.ts';
import { SLI } from '../measure/conditions.ts';
import type { Criterion } from '../measure/criteria.ts';
import { gapOf } from '../measure/gap.ts';
import { isAnswered } from '../paging.ts';
import { type Runbook, stepRef } from '../playbook.ts';
import type { Trading } from '../trading.ts';
import { span, utc } from '../words.ts';
import { type BranchNow, branchNow } from './branches.ts';
import { type Finding, finding, roughly, together } from './finding.ts';
import { type HostLoad, hostFinding } from './probes.ts';
import { gapWords, type Measured, readSli, type SliReading } from './slis.ts';
import { type CheckName, PROBES, type ProbeName, SLIS, type SliName } from './vocabulary.ts';

/** All that is known at one moment, for every incident alike. */
export interface Seen extends Measured {
  trading: Trading;
  /** `ageMs` null: no heartbeat yet. `confirmed`: it obeys what is in force, by its own word. */
  engines: { id: string; ageMs: number | null; everyMs: number; confirmed: boolean; host: HostLoad | null }[];
  criteria: Criterion[];
  /** Where the engine and a venue disagree, in words. */
  mismatches: string[];
  /** What the probes found; null while one of them has not answered for the first time. */
  probes: Record<ProbeName, Finding | null>;
}

const OWN = 'standdown';

/** The feed that an incident is about: of the bot's own watch by its group, of a source by a label; null: it does not say. */
export function feedOf(incident: Incident, feeds: readonly { id: string }[]): string | null {
  const own = incident.source === OWN ? /^(?:feed|missedBar):(.+)$/.exec(incident.groupKey ?? '')?.[1] : null;
  const named =
    own ??
    Object.values(incident.alerts).find((alert) => Object.hasOwn(alert.labels, 'feed'))?.labels['feed'];
  return feeds.some(({ id }) => id === named) ? (named ?? null) : null;
}

export interface RunbookNow {
  /** By step reference. */
  checks: Map<string, { check: CheckName; found: Finding }[]>;
  branches: Map<string, BranchNow>;
}

/** Look at every step that is not ticked. A branch is looked at all the same: its timer goes on. */
export function lookAt(incident: Incident, runbook: Runbook, seen: Seen): RunbookNow {
  const feed = feedOf(incident, seen.feeds);
  const known = new Map<SliName, SliReading>();
  const sli = (name: SliName): SliReading => {
    const reading = known.get(name) ?? readSli(name, seen, feed, incident.gaps);
    known.set(name, reading);
    return reading;
  };
  const now: RunbookNow = { checks: new Map(), branches: new Map() };
  for (const step of runbook.steps) {
    const ref = stepRef(runbook, step);
    if (step.when !== undefined)
      now.branches.set(ref, branchNow(step.when, incident.openedAt, seen.now, sli));
    if (incident.steps[ref] !== undefined) continue;
    const found = step.checks.flatMap((check) => {
      const one = checkNow(check, incident, seen, sli);
      return one === null ? [] : [{ check, found: one }];
    });
    now.checks.set(ref, found);
  }
  return now;
}

function checkNow(
  check: CheckName,
  incident: Incident,
  seen: Seen,
  sli: (name: SliName) => SliReading,
): Finding | null {
  if (Object.hasOwn(SLIS, check)) return sli(check as SliName).found;
  if (Object.hasOwn(PROBES, check)) return seen.probes[check as ProbeName];
  switch (check as Exclude<CheckName, SliName | ProbeName>) {
    case 'gapRecord':
      return gapRecord(incident, seen.now);
    case 'engineAlive':
      return together(
        seen.engines.map(({ id, ageMs, everyMs }) => ({ about: id, found: alive(ageMs, everyMs) })),
        'no engine sends heartbeats',
      );
    case 'engineHost':
      return together(
        seen.engines.map(({ id, host, ageMs, everyMs }) => ({
          about: id,
          found:
            host === null
              ? finding('unknown', 'its heartbeats say nothing of it')
              : recent(hostFinding(host), ageMs, everyMs),
        })),
        'no engine sends heartbeats',
      );
    case 'hardStops':
      return hardStops(seen.criteria);
    case 'killLatched':
      return latched(incident, seen);
    case 'killVerdict':
      return killVerdict(incident);
    case 'paged':
      return paged(incident);
    case 'mismatches':
      return seen.mismatches.length === 0
        ? finding('unknown', 'the bot measures no mismatch now: compare by hand')
        : finding('bad', seen.mismatches.slice(0, 5).join('; '));
    default:
      return finding('unknown', 'this version has no such check');
  }
}

const isSilent = (ageMs: number | null, everyMs: number): boolean => ageMs === null || ageMs > 3 * everyMs;

/** What a silent engine said last is not how it is now. */
function recent(found: Finding, ageMs: number | null, everyMs: number): Finding {
  return isSilent(ageMs, everyMs)
    ? finding('unknown', `silent; it said: ${found.text}`, `silent ${found.gist}`)
    : found;
}

function alive(ageMs: number | null, everyMs: number): Finding {
  if (ageMs === null) return finding('unknown', 'no heartbeat yet');
  const age = span(ageMs) ?? '';
  return isSilent(ageMs, everyMs)
    ? finding('bad', `silent, its last heartbeat was ${age} ago`, `silent ${roughly(ageMs / 1_000)}`)
    : finding('ok', `its last heartbeat was ${age} ago`, 'alive');
}

/** `gap of binance-1m since 2026-11-22 14:00:30 UTC, still open, 4 min 10 s`. */
function gapRecord(incident: Incident, now: number): Finding {
  if (incident.gaps.length === 0)
    return finding(
      'unknown',
      `opened ${utc(incident.openedAt)}; the bot measured no gap: write its times here`,
    );
  const words = incident.gaps.slice(-3).map(({ feed, symbol, from, to }) => {
    const length = gapWords(((to ?? now) - from) / 1_000);
    const end = to === null ? `still open, ${length}` : `until ${utc(to)}, ${length}`;
    return `gap of ${feed} (${symbol}) since ${utc(from)}, ${end}`;
  });
  const open = incident.gaps.find((gap) => gap.to === null);
  const length = open === undefined ? '' : roughly((now - open.from) / 1_000);
  const text = `opened ${utc(incident.openedAt)}; ${words.join('; ')}`;
  return finding(open === undefined ? 'ok' : 'bad', text, `${incident.gaps.length} ${length}`);
}

function hardStops(criteria: Criterion[]): Finding {
  const parts = criteria.map(({ id, state, value, limit, unit, detail }) => {
    const number =
      value === null || limit === null
        ? detail
        : `${Number(value.toFixed(2))} of ${Number(limit.toFixed(2))} ${unit}`;
    const word = { ok: 'ok', tripped: 'bad', unknown: 'unknown' } as const;
    const gist =
      value === null || limit === null || limit === 0 ? '' : String(Math.round((10 * value) / limit));
    return {
      about: id,
      found: finding(word[state], `${state === 'tripped' ? 'TRIPPED, ' : ''}${number}`, gist),
    };
  });
  return together(parts, 'no criterion is watched') ?? finding('unknown', 'no criterion is watched');
}

function latched(incident: Incident, { trading: { latch }, engines }: Seen): Finding {
  if (latch === null) return finding('bad', 'trading is not killed: KILL_SWITCH=0');
  const written = latch.kill === null ? undefined : incident.kills[latch.kill]?.latch;
  if (written?.ok === false)
    return finding(
      'bad',
      `KILL_SWITCH=1 is NOT written: ${written.reason ?? 'unknown'}. Stop the engine by hand`,
    );
  const open = engines.filter((engine) => !engine.confirmed).map(({ id }) => id);
  const by = `killed by ${latch.by.name} at ${utc(latch.at)}`;
  if (engines.length === 0) return finding('unknown', `${by}; no engine sends heartbeats that confirm it`);
  return open.length === 0
    ? finding('ok', `${by}; every engine confirms that it obeys`)
    : finding('unknown', `${by}; not confirmed by ${open.join(', ')}`);
}

function killVerdict(incident: Incident): Finding {
  const kill = newestKill(incident);
  if (kill === undefined) return finding('unknown', 'no kill was run here: what is open is not read');
  if (isRunning(kill) || kill.verdict === null) return finding('unknown', 'the kill still runs');
  const left = Object.values(kill.venues).reduce(
    (sum, { verdict }) => sum + (verdict?.orders.length ?? 0) + (verdict?.positions.length ?? 0),
    0,
  );
  const accepted = kill.accepted === null ? '' : `, accepted by ${kill.accepted.by.name}`;
  const at = kill.judgedAt === null ? '' : `, read at ${utc(kill.judgedAt)}`;
  if (kill.verdict === 'FLAT') return finding('ok', `FLAT${at}`);
  if (kill.verdict === 'UNKNOWN')
    return finding('unknown', `UNKNOWN${at}${accepted}: look on the venue's page`);
  return finding('bad', `RESIDUAL, ${left} left${at}${accepted}`);
}

function paged(incident: Incident): Finding {
  const page = incident.pages.at(-1);
  if (page === undefined)
    return finding('unknown', 'nobody was paged: this severity is not, or it is not owed yet');
  const people = page.assignedTo.join(', ');
  if (incident.acknowledged !== undefined && isAnswered(incident, page))
    return finding(
      'ok',
      `acknowledged by ${incident.acknowledged.by.name} at ${utc(incident.acknowledged.at)}`,
    );
  if (page.state === 'acknowledged' || page.state === 'assigned')
    return finding(
      page.state === 'acknowledged' ? 'ok' : 'unknown',
      `page ${page.n} is with ${people === '' ? 'somebody' : people}, ${page.state}`,
    );
  if (page.state === 'failed' || page.state === 'retrying')
    return finding('bad', `page ${page.n} did not leave: ${page.reason ?? 'unknown'}`);
  return finding('unknown', `page ${page.n} is ${page.state}: nobody is confirmed as paged`);
}

// ── The gap, recorded without anybody typing ───────────────────────────────────────────────────────────────────────

export type GapChange =
  | { type: 'FeedGapBegan'; feed: string; symbol: string; from: number }
  | { type: 'FeedGapEnded'; feed: string; symbol: string; from: number; to: number };

/**
 * Whether a gap begins or ends in an incident of the bot's own watch. It begins with its first missing bar, once it is as
 * long as SLO-01 allows; it ends when bars come again, or the market closes. While it cannot be measured it goes on.
 */
export function gapChange(incident: Incident, seen: Measured): GapChange | null {
  const feed = incident.source === OWN ? /^feed:(.+)$/.exec(incident.groupKey ?? '')?.[1] : undefined;
  if (feed === undefined) return null;
  const open: FeedGap | undefined = incident.gaps.find((gap) => gap.to === null);
  const rule = seen.feeds.find(({ id }) => id === feed);
  const gap = rule === undefined ? null : gapOf(seen.measurements, rule, seen.now, seen.market);
  if (open !== undefined) {
    const { symbol, from } = open;
    const ended = !seen.market.open || (gap !== null && gap.ms <= SLI.staleSec * 1_000);
    return ended ? { type: 'FeedGapEnded', feed: open.feed, symbol, from, to: seen.now } : null;
  }
  if (!seen.market.open || seen.engineSilent || gap === null || gap.ms <= SLI.staleSec * 1_000) return null;
  return { type: 'FeedGapBegan', feed, symbol: gap.symbol, from: seen.now - gap.ms };
}
