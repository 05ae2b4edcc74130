/** The crash model: a workload over a disk in memory, and what must hold after each crash of it. */

import { openStore } from '../../src/adapters/store.ts';
import type { Effect } from '../../src/domain/effects.ts';
import type { StandingEvent } from '../../src/domain/incident.ts';
import { DESK, type Store } from '../../src/ports.ts';
import { headline, said } from '../contracts/store.ts';
import { type Crash, type Lies, type MemoryDisk, memoryDisk, seeded } from './memoryDisk.ts';

const DIR = '/data';

export function openOn(disk: MemoryDisk, snapshotEvery: number, segmentBytes?: number): Promise<Store> {
  return openStore({
    dataDir: DIR,
    now: () => 1_000,
    fs: disk,
    lock: () => Promise.resolve(() => Promise.resolve()),
    snapshotEvery,
    ...(segmentBytes === undefined ? {} : { segmentBytes }),
  });
}

interface Appended {
  stream: string;
  events: StandingEvent[];
  effects: Effect[];
  settles: string[];
}

export interface Run {
  disk: MemoryDisk;
  /** What was appended, in the order of the journal. */
  records: Appended[];
  /** The state after each number of records, to how many they were. */
  states: Map<string, number>;
  /** For each record, when it was appended and when it was acknowledged, in operations of the disk. */
  submittedAt: number[];
  acknowledgedAt: number[];
  snapshotEvery: number;
}

/** Everything that a store shows. */
export async function stateOf(store: Store): Promise<string> {
  const summaries = store.summaries();
  const logs = await Promise.all(summaries.map(({ id }) => store.history(id)));
  const folded = await Promise.all(summaries.map(({ id }) => store.load(id)));
  return JSON.stringify([
    summaries,
    logs,
    folded,
    store
      .open()
      .map(({ id }) => id)
      .sort(),
    store.trading(),
    store.owed().map(({ effect }) => effect.id),
    store.version(DESK),
    await store.history(DESK),
    store.strayResolution('am|g|k0|1') ?? null,
    store.latestOfGroup('am', 'g0') ?? null,
  ]);
}

/** Append `count` records in all ways, a few at a time, by seed. */
export async function runWorkload(seed: number, count: number, lies: Lies = {}): Promise<Run> {
  const random = seeded(seed);
  const below = (n: number) => Math.floor(random() * n);
  const snapshotEvery = 4 + below(6);
  const disk = memoryDisk(new Map(), () => below(4), lies);
  const store = await openOn(disk, snapshotEvery, random() < 0.5 ? 2_000 : undefined);
  const bySerial = new Map<string, Appended & { submittedAt: number; acknowledgedAt: number }>();
  const order: string[] = [];
  // Each record carries a note with a number of its own, by which the listener tells the journal's order.
  store.onAppended((_stream, events) => {
    const note = events.at(-1);
    if (note?.type === 'NoteAdded') order.push(note.text);
  });

  const busy = new Set<Promise<void>>();
  const closed = new Set<string>();
  const ids: string[] = [];
  let effects = 0;
  for (let n = 0; n < count; n += 1) {
    const serial = `#${n}`;
    const kind = random();
    let record: Appended;
    if (ids.length === 0 || kind < 0.2) {
      const id = `INC-${ids.length}`;
      ids.push(id);
      record = { stream: id, events: [said.opened(id, n, 'am', `g${below(2)}`)], effects: [], settles: [] };
    } else if (kind < 0.35) {
      const event = random() < 0.5 ? said.stray(`k${below(2)}`, n) : said.halted(`h${below(3)}`, n);
      record = { stream: DESK, events: [event], effects: [], settles: [] };
    } else {
      const id = ids[below(ids.length)] as string;
      const event = closed.has(id)
        ? said.reopened(n)
        : kind < 0.6
          ? said.resolved(n)
          : said.fired(`a${below(3)}`, n);
      if (event.type === 'IncidentResolved') closed.add(id);
      else closed.delete(id);
      record = { stream: id, events: [event], effects: [], settles: [] };
    }
    record.events.push(said.note(serial, n));
    if (random() < 0.4) record.effects = [headline('INC', (effects += 1))];
    if (random() < 0.3) record.settles = [`INC/${1 + below(effects + 1)}/headline`];
    const tracked = { ...record, submittedAt: disk.ops(), acknowledgedAt: Number.POSITIVE_INFINITY };
    bySerial.set(serial, tracked);
    const work: Promise<void> = (async () => {
      // A put-away incident is read first, so that another append may come in between.
      while (
        (await store.append(
          record.stream,
          store.version(record.stream),
          record.events,
          record.effects,
          record.settles,
        )) === 'conflict'
      );
      tracked.acknowledgedAt = disk.ops();
    })().finally(() => busy.delete(work));
    busy.add(work);
    if (random() < 0.5) await Promise.all(busy);
    else for (let turns = below(30); turns > 0; turns -= 1) await Promise.resolve();
  }
  await Promise.all(busy);
  await store.close();

  const records = order.map((serial) => bySerial.get(serial) as NonNullable<ReturnType<typeof bySerial.get>>);
  return {
    disk,
    records,
    states: await statesOf(records),
    submittedAt: records.map(({ submittedAt }) => submittedAt),
    acknowledgedAt: records.map(({ acknowledgedAt }) => acknowledgedAt),
    snapshotEvery,
  };
}

async function statesOf(records: Appended[]): Promise<Map<string, number>> {
  const store = await openOn(memoryDisk(), Number.POSITIVE_INFINITY);
  const states = new Map([[await stateOf(store), 0]]);
  for (const [index, { stream, events, effects, settles }] of records.entries()) {
    await store.append(stream, store.version(stream), events, effects, settles);
    states.set(await stateOf(store), index + 1);
  }
  await store.close();
  return states;
}

/** What is wrong after a crash, or null: every acknowledged record there, and nothing that was never appended. */
export async function judge(run: Run, crash: Crash, again?: () => number): Promise<string | null> {
  let disk = run.disk.crashed(crash);
  if (again !== undefined) {
    // Crash a second time, while recovering from the first.
    await openOn(disk, run.snapshotEvery).catch(() => undefined);
    disk = disk.crashed({ after: Math.floor(again() * (disk.ops() + 1)), keep: again });
  }
  let store: Store;
  try {
    store = await openOn(disk, run.snapshotEvery);
  } catch (error) {
    return `does not start: ${String(error)}`;
  }
  let state: string;
  try {
    state = await stateOf(store);
  } catch (error) {
    return `cannot be read: ${String(error)}`;
  }
  const found = run.states.get(state);
  if (found === undefined) return 'a state that never was';
  const acknowledged = run.acknowledgedAt.findLastIndex((at) => at <= crash.after) + 1;
  if (found < acknowledged) return `${found} records of ${acknowledged} acknowledged ones`;
  const submitted = run.submittedAt.findLastIndex((at) => at <= crash.after) + 1;
  if (found > submitted) return `${found} records, though only ${submitted} were appended`;
  const damage = store.report().notes.find((note) => !note.includes('not a whole record'));
  return damage === undefined ? null : `says ${damage}`;
}
