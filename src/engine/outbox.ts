/**
 * The way out: claims what is owed, lane by lane, performs it through the ports, and records what really happened.
 * Lanes never wait for each other; within a lane, the things owed to one incident keep their order.
 */

import type { FactEvent } from '../domain/decide.ts';
import type { Effect, Lane } from '../domain/effects.ts';
import { STANDDOWN } from '../domain/incident.ts';
import { type Clock, type Log, type Store, type StoredEffect } from '../ports.ts';
import type { Ledger } from './ledger.ts';

/**
 * What performing an effect came to. `retryInMs`: it stays owed. `facts` are recorded either way. `laneRestsMs`: the far
 * side asked for quiet, so nothing of the lane leaves before that.
 */
export type Outcome =
  | { done: true; facts: FactEvent[] }
  | { done: false; retryInMs: number; facts: FactEvent[]; laneRestsMs?: number };

export interface Attempt {
  effect: Effect;
  /** 0 for the first try in this process. */
  tries: number;
  /** True when an earlier try may have reached the far side (a lost answer, or a crash): look before repeating. */
  maybe: boolean;
  /** Set by the performer when this try may have reached the far side. */
  setMaybe(): void;
}

export type Perform = (attempt: Attempt) => Promise<Outcome>;

export interface Outbox {
  start(): void;
  /** Wait until nothing is being performed right now, or `ms` are over. New effects are not begun after this call. */
  stop(ms: number): Promise<void>;
  /** Effects that are owed: being performed, waiting their turn, or waiting to be tried again; and since when the oldest is. */
  waiting(): { lane: Lane; count: number; oldestMs: number | null }[];
}

/** How many effects of a lane are in the air at once. Slack allows about one post a second a channel (FACTS 10). */
const CONCURRENCY: Record<Lane, number> = {
  pageP0: 8,
  page: 4,
  pageCheck: 4,
  slackUrgent: 2,
  slack: 2,
  mail: 2,
  tracker: 1,
};

/**
 * How many may leave a lane at once, and how long each place takes to come back. Slack's limit is about one post a second
 * a channel, with short bursts allowed (FACTS 10); what waits meanwhile is coalesced by target. What is urgent waits for
 * nothing but Slack's own 429. GitHub asks for a second between writes, one after the other.
 */
const PACE: Pace = { slack: { burst: 30, eachMs: 1_000 }, tracker: { burst: 10, eachMs: 1_000 } };

export type Pace = Partial<Record<Lane, { burst: number; eachMs: number }>>;

const MAX_REST_MS = 5_000;

/** Within a lane the post that people look for comes before what hangs in its thread. */
const LATER: ReadonlySet<Effect['work']['kind']> = new Set([
  'runbook',
  'notice',
  'postmortem',
  'postmortemCard',
  'postmortemFile',
  'picture',
]);

interface Item {
  effects: Map<string, Effect>;
  tries: number;
  maybe: boolean;
  notBefore: number;
  running: boolean;
  /** Monotonic ms since when it is owed; after a restart, since then. */
  since: number;
}

const newestOf = (item: Item): Effect | undefined => [...item.effects.values()].at(-1);

export function createOutbox(deps: {
  store: Store;
  ledger: Ledger;
  clock: Clock;
  log: Log;
  perform: Perform;
  /** How fast each lane may go; default as Slack allows. */
  pace?: Pace;
}): Outbox {
  const { store, ledger, clock, log, perform } = deps;
  const paces = deps.pace ?? PACE;
  const lanes = new Map<Lane, Map<string, Item>>();
  const flying = new Map<Lane, number>();
  /** When what left a paced lane left, monotonic ms, the oldest first; and until when a lane rests. */
  const left = new Map<Lane, number[]>();
  const rests = new Map<Lane, number>();
  const timers = new Set<AbortController>();
  const busy = new Set<Promise<void>>();
  // Left without being recorded: should the disk answer after all, they must not leave again.
  const leftUnrecorded = new Set<string>();
  let running = false;

  function accept({ effect, recovered }: StoredEffect): void {
    if (leftUnrecorded.has(effect.id)) return;
    // A target stands in one lane at a time, that of its newest effect: in two lanes it would leave twice.
    const [from, items] = [...lanes].find(([, held]) => held.has(effect.target)) ?? [];
    const item = items?.get(effect.target);
    if (from === undefined || item === undefined) {
      put(effect.lane, effect.target, {
        effects: new Map([[effect.id, effect]]),
        tries: 0,
        maybe: recovered,
        notBefore: 0,
        running: false,
        since: clock.monotonic(),
      });
    } else {
      // Owed before a restart, and once more before the outbox began.
      if (recovered) item.maybe = true;
      item.effects.set(effect.id, effect);
      if (!item.running && moved(from, effect.target, item) !== from)
        wakeIn(effect.lane, item.notBefore - clock.monotonic());
    }
    pump(effect.lane);
  }

  function put(lane: Lane, target: string, item: Item): void {
    const items = lanes.get(lane) ?? new Map<string, Item>();
    lanes.set(lane, items);
    items.set(target, item);
  }

  /** Into the lane of its newest effect, which a raised severity may have changed. Returns it. */
  function moved(from: Lane, target: string, item: Item): Lane {
    const to = newestOf(item)?.lane ?? from;
    if (to !== from) {
      lanes.get(from)?.delete(target);
      put(to, target, item);
    }
    return to;
  }

  function pump(name: Lane): void {
    if (!running) return;
    const lane = lanes.get(name);
    if (lane === undefined) return;
    const now = clock.monotonic();
    // One thing at a time for an incident, in the order owed, so that a thread never stands before its headline.
    const taken = new Set(
      [...lane.values()].filter((item) => item.running).map((item) => newestOf(item)?.incident),
    );
    const isLater = (item: Item) => LATER.has(newestOf(item)?.work.kind ?? 'headline');
    const ready = [...lane].filter(([, item]) => !item.running && item.notBefore <= now);
    for (const [target, item] of [
      ...ready.filter(([, item]) => !isLater(item)),
      ...ready.filter(([, item]) => isLater(item)),
    ]) {
      if ((flying.get(name) ?? 0) >= CONCURRENCY[name]) return;
      const incident = newestOf(item)?.incident;
      if (taken.has(incident)) continue;
      const restMs = restOf(name, now);
      if (restMs > 0) return wakeIn(name, restMs);
      taken.add(incident);
      left.get(name)?.push(now);
      item.running = true;
      flying.set(name, (flying.get(name) ?? 0) + 1);
      const work: Promise<void> = run(name, target, item).finally(() => {
        busy.delete(work);
        flying.set(name, (flying.get(name) ?? 1) - 1);
        pump(name);
      });
      busy.add(work);
    }
  }

  /** How long a lane must wait before the next thing may leave it, ms; 0 when it may now. */
  function restOf(name: Lane, now: number): number {
    const resting = (rests.get(name) ?? 0) - now;
    const pace = paces[name];
    if (pace === undefined || resting > 0) return Math.max(0, resting);
    const since = left.get(name) ?? [];
    left.set(name, since);
    // A place comes back after `burst` × `eachMs`: in the long run that is one each `eachMs`.
    const back = pace.burst * pace.eachMs;
    while (since[0] !== undefined && since[0] <= now - back) since.shift();
    return since.length < pace.burst ? 0 : (since[0] ?? now) + back - now;
  }

  async function run(lane: Lane, target: string, item: Item): Promise<void> {
    const claimed = [...item.effects.values()];
    const newest = claimed.at(-1);
    if (newest === undefined) return;
    const attempt: Attempt = {
      effect: newest,
      tries: item.tries,
      maybe: item.maybe,
      setMaybe: () => {
        item.maybe = true;
      },
    };
    let outcome: Outcome;
    try {
      outcome = await perform(attempt);
    } catch (error) {
      // A performer answers in outcomes; a throw is a fault of ours. It stays owed: dropping it would be silent.
      log.error({ effect: newest.id, error: String(error) }, 'performing an effect threw: it is tried again');
      outcome = { done: false, retryInMs: 5_000, facts: [] };
    }
    if (outcome.done) {
      for (const { id } of claimed) item.effects.delete(id);
      const next = newestOf(item)?.lane;
      lanes.get(lane)?.delete(target);
      if (next !== undefined)
        put(next, target, {
          effects: item.effects,
          tries: 0,
          maybe: false,
          notBefore: 0,
          running: false,
          since: clock.monotonic(),
        });
      await record(
        newest.incident,
        outcome.facts,
        claimed.map((effect) => effect.id),
      );
      if (next !== undefined) pump(next);
      return;
    }
    await record(newest.incident, outcome.facts, []);
    // What is urgent tries all the same, each thing as long as it was told; and no 429 about one message stops the rest for long.
    if (outcome.laneRestsMs !== undefined && paces[lane] !== undefined)
      rests.set(lane, clock.monotonic() + Math.min(outcome.laneRestsMs, MAX_REST_MS));
    item.running = false;
    item.tries += 1;
    item.notBefore = clock.monotonic() + outcome.retryInMs;
    wakeIn(moved(lane, target, item), outcome.retryInMs);
  }

  /** Facts and the settling are one append, so that a crash between them cannot settle without the record. */
  async function record(incident: string, facts: FactEvent[], settles: string[]): Promise<void> {
    try {
      const [last, ...rest] = [...facts].reverse();
      for (const event of rest.reverse())
        await ledger.commit(incident, { type: 'Note', by: STANDDOWN, event }, { mustGoOn: true });
      if (last !== undefined)
        await ledger.commit(
          incident,
          { type: 'Note', by: STANDDOWN, event: last },
          { mustGoOn: true, settles },
        );
      else if (settles.length > 0) await ledger.owe(incident, [], settles);
    } catch (error) {
      log.error({ incident, error: String(error) }, 'what was performed could not be recorded');
    }
  }

  function wakeIn(lane: Lane, ms: number): void {
    const timer = new AbortController();
    timers.add(timer);
    void clock.wait(ms, timer.signal).then(() => {
      timers.delete(timer);
      pump(lane);
    });
  }

  store.onAppended((_stream, _events, effects) => {
    for (const effect of effects) accept({ effect, recovered: false });
  });
  ledger.onVolatile((effects) => {
    for (const effect of effects) {
      accept({ effect, recovered: false });
      leftUnrecorded.add(effect.id);
    }
  });

  return {
    start() {
      running = true;
      for (const stored of store.owed()) accept(stored);
      for (const lane of lanes.keys()) pump(lane);
    },
    async stop(ms) {
      running = false;
      for (const timer of timers) timer.abort();
      const limit = new AbortController();
      await Promise.race([Promise.allSettled(busy), clock.wait(ms, limit.signal)]);
      limit.abort();
    },
    waiting: () =>
      [...lanes].map(([lane, items]) => ({
        lane,
        count: [...items.values()].reduce((sum, item) => sum + item.effects.size, 0),
        oldestMs:
          items.size === 0
            ? null
            : clock.monotonic() - Math.min(...[...items.values()].map(({ since }) => since)),
      })),
  };
}
