/** Alerts in: which incident each belongs to, batch by batch, so that a storm of them holds up nothing else. */

import type { Command } from '../domain/decide.ts';
import {
  type Actor,
  type Alert,
  alertOf,
  groupOf,
  KILL_GROUP,
  OWN_SOURCE,
  type StandingEvent,
} from '../domain/incident.ts';
import { type Playbook, type Runbook, runbookFor } from '../domain/playbook.ts';
import { type Clock, DESK, type IncidentSummary, type Store } from '../ports.ts';
import type { Ledger } from './ledger.ts';

/** An alert as a source sent it, and whether it begins or ends. */
export interface TakenAlert {
  alert: Alert;
  status: 'firing' | 'resolved';
  endedAt?: number;
}

export interface Intake {
  /**
   * Take alerts into their incidents; resolves when all are durable. Throws StoreUnavailable. Returns an incident per
   * alert, null for a stray resolution.
   */
  take(taken: TakenAlert[], source: Actor): Promise<(string | null)[]>;
}

/** Alerts taken in one turn of the event loop: some 5 ms of work. */
const BATCH = 50;

/** The storm's incident is ours, whatever the sources of what it holds. */
const STORM = { source: OWN_SOURCE, groupKey: 'storm' };

const groupName = (alert: Alert): string => JSON.stringify(Object.values(groupOf(alert)));

/** In a storm alerts of many groups are in one incident, where the fingerprint alone names none. */
const heldAs = (alert: Alert): Alert => ({
  ...alert,
  key: JSON.stringify([alert.source, alert.groupKey, alert.key]),
  fingerprint: alert.fingerprint ?? alert.key,
});

export function createIntake(deps: {
  store: Store;
  ledger: Ledger;
  clock: Clock;
  playbook: Playbook;
  runbooks: Runbook[];
  drill: boolean;
  newIncidentId(): string;
  /** Resolves when nothing goes on that a storm must not slow down (engine/kill.ts). */
  calm(): Promise<void>;
}): Intake {
  const { store, ledger, clock, playbook, runbooks, newIncidentId, calm } = deps;
  const { storm } = playbook.grouping;

  // ── The storm ────────────────────────────────────────────────────────────────────────────────────────────────────
  /** When alerts opened an incident, monotonic ms, the oldest first: a restart in a storm does not begin to count anew. */
  const opened: number[] = store
    .summaries()
    .filter(({ source, groupKey }) => source !== null && groupKey !== STORM.groupKey)
    .map(({ openedAt }) => clock.now() - openedAt)
    .filter((ageMs) => ageMs >= 0 && ageMs < storm.withinMin * 60_000)
    .sort((a, b) => b - a)
    .map((ageMs) => clock.monotonic() - ageMs);
  /** Groups that a storm holds, and in which incident. */
  const held = new Map<string, string>();
  for (const incident of ledger.open())
    if (incident.origin === 'storm')
      for (const alert of Object.values(incident.alerts)) held.set(groupName(alert), incident.id);

  /** The open storm that holds this group. */
  function stormOf(group: string): string | undefined {
    const id = held.get(group);
    if (id === undefined) return undefined;
    if (ledger.peek(id)?.status !== 'resolved' && ledger.peek(id) !== undefined) return id;
    held.delete(group);
    return undefined;
  }

  function isStorm(): boolean {
    const since = clock.monotonic() - storm.withinMin * 60_000;
    while (opened[0] !== undefined && opened[0] <= since) opened.shift();
    return opened.length >= storm.groups;
  }

  // ── One group ────────────────────────────────────────────────────────────────────────────────────────────────────

  /** The newest incident that an alert belongs to. */
  function latestFor(alert: Alert): Pick<IncidentSummary, 'id' | 'resolvedAt'> | undefined {
    const { source, groupKey } = groupOf(alert);
    // A kill may stand in an incident that something else opened.
    const { lastKill } = ledger.trading();
    const killed =
      alert.ownGroup === KILL_GROUP && lastKill !== null ? ledger.peek(lastKill.incident) : undefined;
    return killed === undefined
      ? store.latestOfGroup(source, groupKey)
      : { id: killed.id, resolvedAt: killed.resolution?.at ?? null };
  }

  const firing = (incident: string, alert: Alert, by: Actor, held = false): Command => {
    const stray = store.strayResolution(`${alert.source}|${alert.groupKey}|${alert.key}|${alert.startsAt}`);
    return {
      type: 'TakeFiring',
      by,
      incident,
      alert: held ? heldAs(alert) : alert,
      runbook: held ? null : runbookFor(alert, runbooks),
      drill: deps.drill,
      ...(stray === undefined ? {} : { clearedAt: stray }),
      ...(held ? { storm: { ...STORM, title: stormTitle() } } : {}),
    };
  };

  const stormTitle = () =>
    `Alert storm: more than ${storm.groups} groups in ${storm.withinMin} min, the rest is held here`;

  /**
   * Alerts of one group that all begin, in one append. Up to the append this gives way only where a closed incident must
   * be read back, so that two batches of one group never open two incidents.
   */
  async function takeFirings(alerts: Alert[], by: Actor): Promise<string> {
    const [first] = alerts as [Alert, ...Alert[]];
    const group = groupName(first);
    const own = latestFor(first);
    const reopenFor = playbook.grouping.reopenWithinMin * 60_000;
    const joins = own !== undefined && (own.resolvedAt === null || clock.now() - own.resolvedAt <= reopenFor);
    if (joins)
      return commit(
        own.id,
        alerts.map((alert) => firing(own.id, alert, by)),
        false,
      );
    const inStorm = stormOf(group) ?? (worthOne(alerts) ? undefined : currentStorm());
    if (inStorm !== undefined) return hold(inStorm, alerts, group, by);
    const id = newIncidentId();
    opened.push(clock.monotonic());
    return commit(
      id,
      alerts.map((alert) => firing(id, alert, by)),
      true,
    );
  }

  /**
   * A P0 has an incident of its own in any storm. So has what the bot itself watches: it is of few groups, and a runbook that
   * pauses by itself needs its incident.
   */
  const worthOne = (alerts: Alert[]): boolean =>
    alerts.some(({ severity, source }) => severity === 'P0' || source === OWN_SOURCE) || !isStorm();

  /** The storm that is on, or the id of a new one. */
  function currentStorm(): string {
    const open = store.latestOfGroup(STORM.source, STORM.groupKey);
    return open === undefined || open.resolvedAt !== null ? newIncidentId() : open.id;
  }

  function hold(id: string, alerts: Alert[], group: string, by: Actor): Promise<string> {
    held.set(group, id);
    const commands = alerts.map((alert) => firing(id, alert, by, true));
    return commit(id, commands, store.version(id) === 0);
  }

  async function commit(id: string, commands: Command[], fresh: boolean): Promise<string> {
    await ledger.commit(id, commands, { fresh });
    return id;
  }

  /** One that may be a late copy of a firing that ended long ago: its closed incident is read back to tell. */
  async function takeLate(alert: Alert, by: Actor): Promise<string> {
    const latest = latestFor(alert);
    const before = latest === undefined ? undefined : await ledger.load(latest.id);
    // While that was read, another alert of this group may have opened an incident: look again.
    if (latest === undefined || latestFor(alert)?.id !== latest.id) return takeFirings([alert], by);
    const known = before === undefined ? undefined : alertOf(before, alert.key);
    const isCopy = known !== undefined && alert.startsAt <= known.startsAt;
    return isCopy ? commit(latest.id, [firing(latest.id, alert, by)], false) : takeFirings([alert], by);
  }

  const mayBeLate = (alert: Alert): boolean => {
    const latest = latestFor(alert);
    const reopenFor = playbook.grouping.reopenWithinMin * 60_000;
    return (
      alert.startsAtGiven &&
      latest !== undefined &&
      latest.resolvedAt !== null &&
      clock.now() - latest.resolvedAt > reopenFor
    );
  };

  // ── Endings ──────────────────────────────────────────────────────────────────────────────────────────────────────

  async function takeClearings(endings: TakenAlert[], by: Actor): Promise<(string | null)[]> {
    const [first] = endings as [TakenAlert, ...TakenAlert[]];
    const storm = stormOf(groupName(first.alert));
    const id = storm ?? latestFor(first.alert)?.id;
    const known = id === undefined ? undefined : (ledger.peek(id) ?? (await ledger.load(id)));
    const as = (alert: Alert) => (storm === undefined ? alert : heldAs(alert));
    const isKnown = ({ alert }: TakenAlert) =>
      known !== undefined && alertOf(known, as(alert).key) !== undefined;
    const ours = endings.filter(isKnown);
    const strays = endings.filter((one) => !isKnown(one));
    if (id !== undefined && ours.length > 0) {
      const commands = ours.map(
        ({ alert, endedAt }): Command => ({
          type: 'TakeClearing',
          by,
          alert: as(alert),
          endedAt: endedAt ?? clock.now(),
        }),
      );
      await ledger.commit(id, commands);
    }
    if (strays.length > 0) await noteStrays(strays, by);
    return endings.map((one) => (id !== undefined && ours.includes(one) ? id : null));
  }

  async function noteStrays(strays: TakenAlert[], by: Actor): Promise<void> {
    const now = clock.now();
    const events = strays.map(
      ({ alert, endedAt }): StandingEvent => ({
        type: 'ResolutionNoted',
        at: now,
        by,
        source: alert.source,
        groupKey: alert.groupKey,
        key: alert.key,
        startsAt: alert.startsAt,
        endedAt: endedAt ?? now,
      }),
    );
    while ((await store.append(DESK, store.version(DESK), events, [])) === 'conflict');
  }

  // ── A batch ──────────────────────────────────────────────────────────────────────────────────────────────────────

  /** The alerts of one group in their order: what begins and what ends in turns, each run of a kind in one append. */
  async function takeGroup(taken: TakenAlert[], by: Actor): Promise<(string | null)[]> {
    const found: (string | null)[] = [];
    for (let from = 0; from < taken.length; ) {
      const { status } = taken[from] as TakenAlert;
      const next = taken.findIndex((one, index) => index > from && one.status !== status);
      const run = taken.slice(from, next < 0 ? undefined : next);
      from += run.length;
      if (status === 'resolved') found.push(...(await takeClearings(run, by)));
      else if (run.some(({ alert }) => mayBeLate(alert)))
        for (const { alert } of run) found.push(await takeLate(alert, by));
      else {
        const id = await takeFirings(
          run.map(({ alert }) => alert),
          by,
        );
        found.push(...run.map(() => id));
      }
    }
    return found;
  }

  async function takeBatch(taken: TakenAlert[], by: Actor): Promise<(string | null)[]> {
    const groups = new Map<string, number[]>();
    for (const [index, { alert }] of taken.entries()) {
      const group = groupName(alert);
      groups.set(group, [...(groups.get(group) ?? []), index]);
    }
    const found: (string | null)[] = taken.map(() => null);
    const settled = await Promise.allSettled(
      [...groups.values()].map(async (indexes) => {
        const incidents = await takeGroup(
          indexes.map((index) => taken[index] as TakenAlert),
          by,
        );
        for (const [n, index] of indexes.entries()) found[index] = incidents[n] ?? null;
      }),
    );
    const failed = settled.find((one) => one.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
    return found;
  }

  let turn: Promise<void> = Promise.resolve();
  const nextTurn = () => new Promise<void>((resolve) => setImmediate(resolve));
  /**
   * One batch a turn of the event loop, whoever sent it: in between a click, a kill and the disk's answers get theirs. What
   * may page a P0 waits for none of the others.
   */
  function itsTurn(batch: TakenAlert[]): Promise<void> {
    if (batch.some(({ alert }) => alert.severity === 'P0')) return nextTurn();
    turn = turn.then(calm).then(nextTurn);
    return turn;
  }

  return {
    async take(taken, source) {
      const found: (string | null)[] = [];
      for (let from = 0; from < taken.length; from += BATCH) {
        const batch = taken.slice(from, from + BATCH);
        await itsTurn(batch);
        found.push(...(await takeBatch(batch, source)));
      }
      return found;
    },
  };
}
