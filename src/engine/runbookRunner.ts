/**
 * Goes through the runbooks of the open incidents: writes what their checks find into the steps, records gaps and branches,
 * and does what a step does by itself. It decides nothing (domain/runbook does), and it is the only place that pauses or
 * halts because of a feed: the monitor raises the incident, and kills.
 */

import type { FactEvent } from '../domain/decide.ts';
import { type Incident, STANDDOWN } from '../domain/incident.ts';
import { marketAt, type TradingHours } from '../domain/measure/hours.ts';
import { type Runbook, stepRef } from '../domain/playbook.ts';
import { type DueDeed, deedsDue, HOLD_OF } from '../domain/runbook/branches.ts';
import { gapChange, lookAt, type RunbookNow, type Seen } from '../domain/runbook/evaluate.ts';
import { type Finding, isNews } from '../domain/runbook/finding.ts';
import { type CheckName, PROBES, type ProbeName } from '../domain/runbook/vocabulary.ts';
import { SWITCHES } from '../domain/trading.ts';
import type { Clock, Log } from '../ports.ts';
import type { Desk } from './desk.ts';
import type { Engines } from './engines.ts';
import type { Ledger } from './ledger.ts';
import type { Monitor } from './monitor.ts';
import type { Probes } from './probes.ts';

export interface RunbookRunner {
  /** One look, once a second. Never waits for a probe or for what a step does. */
  tick(): Promise<void>;
  stop(): void;
}

export interface RunbookRunnerDeps {
  ledger: Ledger;
  desk: Pick<Desk, 'hold' | 'kill'>;
  monitor: Pick<Monitor, 'measurements' | 'criteria' | 'conditions'>;
  engines: Pick<Engines, 'beats' | 'hosts' | 'status'>;
  probes: Probes;
  clock: Clock;
  log: Log;
  runbooks: Runbook[];
  feeds: readonly { id: string; intervalSec: number; backup: string | null }[];
  hours: TradingHours;
  /** `observe`: nothing is stopped by itself, not by a timer either; the step says what would have been. */
  mode: 'act' | 'observe';
}

export function createRunbookRunner(deps: RunbookRunnerDeps): RunbookRunner {
  const { ledger, desk, monitor, engines, probes, clock, log, runbooks, feeds } = deps;
  /** The gist of what is on record, by incident and then by step and check. Gone with the process: then the text decides. */
  const gists = new Map<string, Map<string, string>>();
  /** Deeds under way, so that the next look does not begin them again. */
  const doing = new Set<string>();
  let stopped = false;

  const runbookOf = (incident: Incident): Runbook | undefined =>
    runbooks.find((one) => one.id === incident.runbook);

  /** The engines say nothing: those that did send heartbeats have all missed three. */
  function engineSilent(): boolean {
    const heard = engines
      .beats()
      .flatMap((beat) => (beat.ageMs === null ? [] : [{ ...beat, ageMs: beat.ageMs }]));
    return heard.length > 0 && heard.every(({ ageMs, everyMs }) => ageMs > 3 * everyMs);
  }

  function see(now: number, checks: ReadonlySet<CheckName>): Seen {
    const confirmed = new Map(engines.status().map((one) => [one.id, one.confirmed]));
    const hosts = engines.hosts();
    return {
      now,
      measurements: monitor.measurements,
      feeds,
      market: marketAt(now, deps.hours),
      engineSilent: engineSilent(),
      trading: ledger.trading(),
      engines: engines.beats().map((beat) => ({
        ...beat,
        confirmed: confirmed.get(beat.id) ?? false,
        host: hosts.get(beat.id) ?? null,
      })),
      criteria: checks.has('hardStops') ? monitor.criteria() : [],
      mismatches: checks.has('mismatches')
        ? monitor.conditions().flatMap(({ key, value }) => (key.startsWith('mismatch:') ? [value] : []))
        : [],
      probes: probes.found(),
    };
  }

  /** What the steps that are not ticked ask for. */
  const wanted = (open: { incident: Incident; runbook: Runbook }[]): Set<CheckName> =>
    new Set(
      open.flatMap(({ incident, runbook }) =>
        runbook.steps
          .filter((step) => incident.steps[stepRef(runbook, step)] === undefined)
          .flatMap((step) => step.checks),
      ),
    );

  const note = (incident: string, event: FactEvent, mustGoOn: boolean) =>
    ledger.commit(incident, { type: 'Note', by: STANDDOWN, event }, { mustGoOn });

  // ── What a step does by itself ───────────────────────────────────────────────────────────────────────────────────

  function begin(incident: Incident, runbook: Runbook, due: DueDeed): void {
    const key = `${incident.id} ${due.step}`;
    if (doing.has(key)) return;
    doing.add(key);
    // Not waited for: a disk or a control file that hangs holds up no other incident.
    perform(incident.id, runbook, due)
      .catch((error: unknown) =>
        log.error(
          { incident: incident.id, step: due.step, error: String(error) },
          'a step could not act by itself',
        ),
      )
      .finally(() => doing.delete(key));
  }

  async function perform(incident: string, runbook: Runbook, due: DueDeed): Promise<void> {
    const { did, ok, text } = await outcome(incident, runbook, due);
    const { step, how } = due;
    await note(incident, { type: 'StepActed', step, did, how, ok, text }, true);
  }

  async function outcome(
    incident: string,
    runbook: Runbook,
    { deed, why, already }: DueDeed,
  ): Promise<{ did: DueDeed['deed'] | 'nothing'; ok: boolean; text: string }> {
    if (already !== null) return { did: 'nothing', ok: true, text: already };
    const reason = `${runbook.title}: ${why}`;
    if (deps.mode === 'observe') {
      const would = deed === 'kill' ? 'kill' : `set ${HOLD_OF[deed]}=${SWITCHES[HOLD_OF[deed]].tight}`;
      return { did: 'nothing', ok: true, text: `OBSERVE: this would ${would} now (${why})` };
    }
    if (deed === 'kill') {
      const { warnings } = await desk.kill(STANDDOWN, reason, incident);
      return {
        did: deed,
        ok: warnings.length === 0,
        text: [`kill asked for (${why})`, ...warnings].join('; '),
      };
    }
    // Without a backup there is nothing to switch to: it stops instead.
    const noBackup = deed === 'switchFeed' && !feeds.some(({ backup }) => backup !== null);
    const did = noBackup ? 'haltOrders' : deed;
    const key = HOLD_OF[did];
    const { written } = await desk.hold(STANDDOWN, key, reason, 'runbook', incident);
    const set = `${key}=${SWITCHES[key].tight}`;
    const instead = noBackup ? 'no backup feed is configured: ' : '';
    if (written.state === 'written')
      return { did, ok: true, text: `${instead}${set} written and read back (${why})` };
    log.error({ key, reason: written.reason }, 'a switch could not be written: tell the engine by hand');
    return {
      did,
      ok: false,
      text: `${instead}${set} could NOT be written (${written.reason}): tell the engine by hand`,
    };
  }

  // ── What goes on record ──────────────────────────────────────────────────────────────────────────────────────────

  function news(
    incident: Incident,
    looked: RunbookNow,
    now: number,
  ): { event: FactEvent; key: string; gist: string }[] {
    const known = gists.get(incident.id);
    const found: { event: FactEvent; key: string; gist: string }[] = [];
    for (const [step, checks] of looked.checks)
      for (const { check, found: one } of checks) {
        const key = `${step} ${check}`;
        if (isNews(incident.checks[step]?.[check], known?.get(key), one, now))
          found.push({
            event: { type: 'StepChecked', step, check, state: one.state, text: one.text },
            key,
            gist: one.gist,
          });
      }
    for (const [step, branch] of looked.branches) {
      const before = incident.branches[step];
      const asFinding = { ...branch, state: String(branch.applies) as Finding['state'] };
      const was = before === undefined ? undefined : { ...before, state: String(before.applies) };
      if (isNews(was, known?.get(step), asFinding, now))
        found.push({
          event: { type: 'StepBranched', step, applies: branch.applies, text: branch.text },
          key: step,
          gist: branch.gist,
        });
    }
    return found;
  }

  /** Throws StoreUnavailable: what a check found is not worth going on without a disk. */
  async function record(id: string, looked: RunbookNow, now: number): Promise<void> {
    const incident = ledger.peek(id);
    if (incident === undefined || incident.status === 'resolved') return;
    const known = gists.get(id) ?? new Map<string, string>();
    gists.set(id, known);
    for (const { event, key, gist } of news(incident, looked, now)) {
      if (stopped || ledger.peek(id)?.status === 'resolved') return;
      await note(id, event, false);
      known.set(key, gist);
    }
  }

  async function recordGap(incident: Incident, seen: Seen): Promise<void> {
    const change = gapChange(incident, seen);
    if (change !== null) await note(incident.id, change, true);
  }

  return {
    async tick() {
      if (stopped) return;
      const now = clock.now();
      const open = ledger.open().flatMap((incident) => {
        // In a drill only people tick: nothing is done by itself, and nothing is looked up.
        const runbook = incident.gameDay === undefined ? runbookOf(incident) : undefined;
        return runbook === undefined ? [] : [{ incident, runbook }];
      });
      for (const id of gists.keys()) if (!open.some(({ incident }) => incident.id === id)) gists.delete(id);
      if (open.length === 0) return;
      const checks = wanted(open);
      probes.look(new Set([...checks].filter((name): name is ProbeName => Object.hasOwn(PROBES, name))));
      const seen = see(now, checks);
      const looks: { id: string; looked: RunbookNow }[] = [];
      // First what stops, in every incident; then what is only written down.
      for (const { incident: before, runbook } of open) {
        await recordGap(before, seen);
        const incident = ledger.peek(before.id) ?? before;
        if (incident.status === 'resolved') continue;
        const looked = lookAt(incident, runbook, seen);
        looks.push({ id: incident.id, looked });
        for (const due of deedsDue(incident, runbook, ledger.trading(), looked.branches, seen.now))
          begin(incident, runbook, due);
      }
      for (const { id, looked } of looks) {
        try {
          await record(id, looked, seen.now);
        } catch (error) {
          log.warn({ incident: id, error: String(error) }, 'what the checks found could not be recorded');
          return;
        }
      }
    },
    stop() {
      stopped = true;
      probes.stop();
    },
  };
}
