/**
 * What the command line did without the server: a file of events a kill, written as well as the disk allows, and taken
 * into the log by the server at its next start.
 */

import { appendFile, mkdir, readdir, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { decideAll } from './domain/decide.ts';
import { evolve, type Incident, type StandingEvent } from './domain/incident.ts';
import type { Playbook } from './domain/playbook.ts';
import { evolveTrading, RUNNING, type Trading } from './domain/trading.ts';
import type { Desk } from './engine/desk.ts';
import { type Ledger, lineOf } from './engine/ledger.ts';
import type { Clock, Log } from './ports.ts';

export interface SideLedger extends Ledger {
  /** Why the side journal could not be written, or null. */
  failure(): string | null;
  /** Wait until all that was written is on disk, or failed. */
  flush(): Promise<void>;
}

/** A ledger in memory that writes each event to a file beside the store. It never throws for the disk: stopping goes on. */
export function createSideLedger(
  file: string,
  folder: string,
  clock: Clock,
  playbook: Playbook,
  onEvent: (event: StandingEvent) => void,
): SideLedger {
  const incidents = new Map<string, { incident: Incident; history: StandingEvent[] }>();
  let trading: Trading = RUNNING;
  let why: string | null = null;
  let writing: Promise<unknown> = mkdir(folder, { recursive: true, mode: 0o700 }).catch((error: unknown) => {
    why = String(error);
  });

  /** In order, and not waited for: a disk that hangs delays no cancel. */
  function write(events: StandingEvent[]): void {
    const lines = events.map((event) => `${JSON.stringify(event)}\n`).join('');
    writing = writing
      .then(() => appendFile(file, lines, { mode: 0o600, flush: true }))
      .catch((error: unknown) => {
        why = String(error);
      });
  }

  return {
    async commit(stream, command) {
      const before = incidents.get(stream);
      const events = decideAll([command].flat(), before?.incident, clock.now(), playbook);
      let incident = before?.incident;
      for (const event of events) {
        incident = evolve(incident, event);
        trading = evolveTrading(trading, event, stream);
        onEvent(event);
      }
      if (incident !== undefined)
        incidents.set(stream, { incident, history: [...(before?.history ?? []), ...events] });
      write(events);
      return { recorded: false, events, incident };
    },
    begin: async () => undefined,
    owe: async () => undefined,
    peek: (id) => incidents.get(id)?.incident,
    load: async (id) => incidents.get(id)?.incident,
    history: async (id) => incidents.get(id)?.history ?? [],
    trading: () => trading,
    open: () => [...incidents.values()].map((one) => one.incident),
    lines: () => [...incidents.values()].map((one) => lineOf(one.incident)),
    unrecorded: () => why,
    onVolatile: () => undefined,
    onChanged: () => undefined,
    failure: () => why,
    async flush() {
      await writing;
    },
  };
}

const line = z.looseObject({
  type: z.string(),
  at: z.number(),
  by: z.object({ via: z.string(), id: z.string(), name: z.string() }),
});

/**
 * The events of a side journal, as far as each line is one of ours that folds. What comes after the first that is not was
 * torn by a crash, or written by another version: `left` says how many lines were not taken.
 */
function readEvents(text: string): { events: StandingEvent[]; left: number } {
  const lines = text.split('\n').filter((raw) => raw !== '');
  const events: StandingEvent[] = [];
  let incident: Incident | undefined;
  for (const raw of lines) {
    try {
      const event = line.parse(JSON.parse(raw)) as unknown as StandingEvent;
      incident = evolve(incident, event);
      events.push(event);
    } catch {
      break;
    }
  }
  return { events, left: lines.length - events.length };
}

/** What lies beside the store. No folder is no file; one that cannot be read throws: a kill may be in it. */
export async function sideFiles(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if ((error as { code?: string }).code === 'ENOENT') return [];
    throw error;
  }
}

/**
 * Take what the command line left into incidents of its own, once each: a file that was taken is renamed. A crash in
 * between is found again by the kill's id, which is unique.
 */
export async function adoptSideJournals(
  folder: string,
  deps: { ledger: Ledger; desk: Pick<Desk, 'adopt'>; log: Log },
): Promise<void> {
  const names = await sideFiles(folder).catch((error: unknown) => {
    deps.log.error(
      { folder, error: String(error) },
      'the kills of the command line cannot be looked for: mend the folder and restart',
    );
    return [];
  });
  for (const name of names.filter((one) => one.endsWith('.ndjson')).sort()) {
    try {
      await adoptOne(folder, name, deps);
    } catch (error) {
      // One file that cannot be taken in keeps neither the others nor the start. It stays, for the next one.
      deps.log.error(
        { file: name, error: String(error) },
        'a kill of the command line could not be taken into the log: it is tried again at the next start',
      );
    }
  }
}

async function adoptOne(
  folder: string,
  name: string,
  deps: { ledger: Ledger; desk: Pick<Desk, 'adopt'>; log: Log },
): Promise<void> {
  const path = join(folder, name);
  const { events, left } = readEvents(await readFile(path, 'utf8'));
  if (left > 0)
    deps.log.warn(
      { file: name, lines: left },
      'the last lines of a side journal could not be read: they stay in its file',
    );
  const kill = events.find((event) => event.type === 'KillAsked');
  const known =
    kill !== undefined && deps.ledger.open().some((incident) => incident.kills[kill.kill] !== undefined);
  // One that was left before the latch was lifted is history: it must not latch again.
  const liftedAt = deps.ledger.trading().liftedAt;
  const stale = kill !== undefined && liftedAt !== null && kill.at < liftedAt;
  if (stale)
    deps.log.warn({ file: name }, 'a kill of the command line is older than the last lift: it was set aside');
  if (events[0]?.type === 'IncidentOpened' && !known && !stale) {
    const incident = await deps.desk.adopt(events);
    deps.log.warn({ incident, file: name }, 'a kill of the command line was taken into the log');
  }
  await rename(path, `${path}.adopted`);
}
