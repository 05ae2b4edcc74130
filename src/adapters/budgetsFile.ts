/** The error budgets as one file in the data directory: written whole, and set aside when it cannot be read. */

import { readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { BudgetsSnapshot } from '../domain/budget/budgets.ts';
import type { BudgetsFile, Log } from '../ports.ts';
import { nodeDisk, placeFile } from './disk.ts';
import { writeJson } from './windows.ts';

/** Far beyond any date; so that what a hand wrote into the file makes no endless loop. */
const LATEST_MINUTE = 200_000_000;
const minute = z.number().int().min(0).max(LATEST_MINUTE);
const month = z.string().regex(/^\d{4}-(0[1-9]|1[0-2])$/);
const status = z.enum(['GREEN', 'YELLOW', 'ORANGE', 'RED', 'CRITICAL', 'UNKNOWN']);
const actor = z.looseObject({ via: z.string(), id: z.string(), name: z.string() });
const span = { from: minute, to: minute };

/** Two months of minutes, each different from the one before it. */
const MOST_RUNS = 2 * 31 * 1_440;

/** Minutes of an hour, of signals and of orders, with room for clocks that differ. */
const MOST_PENDING = 200;

/** Of a month at most, and of no minute more than its 60 seconds. */
function areRuns(runs: number[]): boolean {
  for (let run = 0; run < runs.length; run += 5) {
    const [, count = 0, good = 60, bad = 60, off = 60] = runs.slice(run, run + 5);
    if (count < 1 || count > 44_640 || good + bad + off > 60) return false;
  }
  return true;
}

const schema = z.object({
  version: z.literal(1),
  accounts: z.array(
    z.tuple([
      z.string(),
      z.object({
        takenTo: z.number().int().nullable(),
        badTo: z.number().int(),
        runs: z
          .array(z.number().int().min(0).max(LATEST_MINUTE))
          .max(5 * MOST_RUNS)
          .refine(areRuns, 'they are no runs of minutes'),
      }),
    ]),
  ),
  exclusions: z.array(
    z.object({
      id: z.string(),
      ...span,
      name: z.string(),
      slo: z.string().nullable(),
      by: actor.nullable(),
      at: z.number(),
    }),
  ),
  adjustments: z.array(
    z.object({
      incident: z.string(),
      slo: z.string(),
      ...span,
      was: z.object(span),
      reason: z.string(),
      by: actor,
      at: z.number(),
    }),
  ),
  past: z.array(
    z.object({
      slo: z.string(),
      month,
      budgetSec: z.number(),
      consumedSec: z.number(),
      remainingPct: z.number(),
      status,
      measuredPct: z.number().nullable(),
    }),
  ),
  acted: z.array(
    z.tuple([
      z.string(),
      z.object({
        month,
        status,
        burn: z.object({ over: z.number(), month, since: z.number().nullable() }).nullable(),
      }),
    ]),
  ),
  wereKnown: z.array(z.string()),
  announced: z.array(z.tuple([z.string(), z.number()])).optional(),
  pending: z
    .array(
      z.object({
        what: z.enum(['latency', 'orders']),
        minute,
        all: z.number().int().min(0),
        failed: z.number().int().min(0),
      }),
    )
    .max(MOST_PENDING)
    .optional(),
});

/** `load` never throws: a file that cannot be read is set aside and named, and what it said is not measured. */
export function createBudgetsFile(dataDir: string, log: Log): BudgetsFile {
  const path = join(dataDir, 'budgets.json');
  return {
    async load() {
      try {
        return schema.parse(JSON.parse(await readFile(path, 'utf8'))) as BudgetsSnapshot;
      } catch (error) {
        if ((error as { code?: string }).code === 'ENOENT') return null;
        log.error(
          { path, error: String(error).slice(0, 500) },
          'the error budgets cannot be read: the file is set aside, and what it said counts as not measured',
        );
        await rename(path, `${path}.unreadable`).catch(() => undefined);
        return null;
      }
    },
    save: (state) => placeFile(nodeDisk, path, (file) => writeJson(file, state)),
  };
}
