/**
 * The trail as files in the data directory: one for each hour, a line a point, as it was for a day and thinned for two weeks.
 * Lines are appended without a sync: what a crash of the machine takes is a hole in a picture.
 */

import { appendFile, mkdir, readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import type { TrailPoint } from '../domain/trail/point.ts';
import { HOLE_MS } from '../domain/trail/series.ts';
import type { Log, TrailFiles } from '../ports.ts';
import { nodeDisk, placeFile } from './disk.ts';

const HOUR_MS = 3_600_000;
/** Files older than this are thinned, and removed. */
const WHOLE_MS = 24 * HOUR_MS;
const KEPT_MS = 14 * 24 * HOUR_MS;
/** Between two samples of an old hour. Every second reading that keeps a venue warm is nearer than its number is void. */
const COARSE_MS = 100_000;
/** An hour of ten venues and twenty feeds is 1.2 MB: more than this is not what we wrote. */
const MAX_BYTES = 16 * 1024 * 1024;

/** So many characters are read as lines before whoever else needs the thread has it: about a millisecond. */
const AT_ONCE = 100_000;

const NAME = /^(\d{4}-\d\d-\d\dT\d\d)\.(ndjson|coarse\.ndjson)$/;
const hourOf = (at: number): string => new Date(at).toISOString().slice(0, 13);
const beginOf = (hour: string): number => Date.parse(`${hour}:00:00.000Z`);

export function createTrailFiles(dataDir: string, now: () => number, log: Log): TrailFiles {
  const folder = join(dataDir, 'trail');
  let tidied = '';

  async function append(points: TrailPoint[]): Promise<void> {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const hours = new Map<string, string[]>();
    for (const point of points) {
      const hour = hourOf(point.at);
      hours.set(hour, [...(hours.get(hour) ?? []), JSON.stringify(point)]);
    }
    for (const [hour, lines] of hours) {
      const path = join(folder, `${hour}.ndjson`);
      // A crash may have cut a line: what follows begins on a line of its own.
      await appendFile(path, `\n${lines.join('\n')}\n`, { mode: 0o600 });
    }
    const hour = hourOf(now());
    if (hour !== tidied) {
      tidied = hour;
      await tidy();
    }
  }

  /** What is old is thinned, what is very old is removed. */
  async function tidy(): Promise<void> {
    for (const name of await readdir(folder)) {
      const [, hour = '', kind] = NAME.exec(name) ?? [];
      const age = now() - beginOf(hour);
      if (hour === '' || !(age > WHOLE_MS)) continue;
      const path = join(folder, name);
      if (age > KEPT_MS) await rm(path, { force: true });
      else if (kind === 'ndjson') {
        const lines = coarse(await pointsOf(path)).map((point) => `${JSON.stringify(point)}\n`);
        await placeFile(nodeDisk, join(folder, `${hour}.coarse.ndjson`), (file) =>
          file.write(Buffer.from(lines.join(''))),
        );
        await rm(path, { force: true });
      }
    }
  }

  /** The points of a file; a line that is none (cut by a crash) is left out. */
  async function pointsOf(path: string): Promise<TrailPoint[]> {
    if ((await stat(path)).size > MAX_BYTES) {
      log.warn({ path }, 'a file of the trail is far too large: it is left out');
      return [];
    }
    const points: TrailPoint[] = [];
    let since = 0;
    for (const line of linesIn(await readFile(path))) {
      const point = parsed(line);
      if (point !== null) points.push(point);
      since += line.length;
      if (since > AT_ONCE) {
        since = 0;
        await turn();
      }
    }
    return points;
  }

  return {
    append,
    async read(from, to) {
      const names = await readdir(folder).catch((error: unknown) => {
        if ((error as { code?: string }).code === 'ENOENT') return [];
        throw error;
      });
      const points: TrailPoint[] = [];
      for (const name of names.sort((a, b) => (a < b ? -1 : 1))) {
        const [, hour = ''] = NAME.exec(name) ?? [];
        const begin = beginOf(hour);
        // A reading is filed under when it began.
        if (hour === '' || begin + HOUR_MS < from || begin > to) continue;
        for (const point of await pointsOf(join(folder, name)))
          if (point.at >= from && point.at <= to) points.push(point);
      }
      return points;
    },
  };
}

/**
 * One sample in each stretch, both sides of every hole, and of the readings those that found something else than the one
 * before, or come as seldom.
 */
function coarse(points: TrailPoint[]): TrailPoint[] {
  const kept = new Set<TrailPoint>();
  let sample: { newest: TrailPoint; keptAt: number } | null = null;
  const readings = new Map<string, { found: string; keptAt: number }>();
  const thinned = points.map((point): TrailPoint => {
    if (point.kind === 'ordered') {
      kept.add(point);
      return point;
    }
    if (point.kind === 'reading') {
      const [venue = ''] = Object.keys(point.venues);
      const found = JSON.stringify({ ...point.venues[venue], at: 0 });
      const last = readings.get(venue);
      if (last?.found === found && point.at - last.keptAt < COARSE_MS) return point;
      readings.set(venue, { found, keptAt: point.at });
      kept.add(point);
      return point;
    }
    const isHole = point.kind === 'start' || point.at - (sample?.newest.at ?? point.at) > HOLE_MS;
    const one: TrailPoint = { ...point, kind: isHole ? 'start' : 'sample', stepMs: COARSE_MS };
    if (isHole && sample !== null) kept.add(sample.newest);
    const isDue = sample === null || isHole || one.at - sample.keptAt >= COARSE_MS;
    if (isDue) kept.add(one);
    sample = { newest: one, keptAt: isDue ? one.at : (sample?.keptAt ?? one.at) };
    return one;
  });
  return thinned.filter((point) => kept.has(point));
}

/** The lines of a file, one at a time. */
function* linesIn(bytes: Buffer): Generator<string> {
  for (let from = 0; from < bytes.length; ) {
    const found = bytes.indexOf(10, from);
    const to = found < 0 ? bytes.length : found;
    yield bytes.toString('utf8', from, to);
    from = to + 1;
  }
}

/** One line, or null where it is none of ours. */
function parsed(line: string): TrailPoint | null {
  if (line === '') return null;
  try {
    const point = JSON.parse(line) as Partial<TrailPoint> | null;
    if (typeof point !== 'object' || point === null) return null;
    const { kind, at, venues } = point;
    if (!Number.isFinite(at) || typeof venues !== 'object' || venues === null || Array.isArray(venues))
      return null;
    if (kind === 'reading' || kind === 'ordered') return point as TrailPoint;
    return (kind === 'sample' || kind === 'start') && 'criteria' in point && Array.isArray(point.criteria)
      ? (point as TrailPoint)
      : null;
  } catch {
    return null;
  }
}
