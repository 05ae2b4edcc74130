/** The error budgets as one file in the data directory: written whole, and set aside when it cannot be read. */

import { readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { BudgetsSnapshot } from '../domain/budget/budgets.ts';
import type { BudgetsFile, Log } from '../ports.ts';
import { nodeDisk, placeFile } from './disk.ts';
import { jsonParts } from './windows.ts';

/** Far beyond any date; so that what a hand wrote into the file makes no endless loop. */
const minute = z.number().int().min(0).max(200_000_000);
const seconds = z.number().int().min(0).max(60);
const month = z.string().regex(/^\d{4}-(0[1-9]|1[0-2])$/);
const status = z.enum(['GREEN', 'YELLOW', 'ORANGE', 'RED', 'CRITICAL', 'UNKNOWN']);
const actor = z.looseObject({ via: z.string(), id: z.string(), name: z.string() });
const span = { from: minute, to: minute };

/** Two months of minutes, each different from the one before it. */
const MOST_RUNS = 2 * 31 * 1_440;

const schema = z.object({
  version: z.literal(1),
  accounts: z.array(
    z.tuple([
      z.string(),
      z.object({
        takenTo: z.number().int().nullable(),
        badTo: z.number().int(),
        runs: z
          .array(z.tuple([minute, z.number().int().min(1).max(44_640), seconds, seconds, seconds]))
          .max(MOST_RUNS)
          .refine(
            (runs) => runs.every(([, , good, bad, off]) => good + bad + off <= 60),
            'a minute of over 60 s',
          ),
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
    save: (state) =>
      placeFile(nodeDisk, path, async (file) => {
        let text = '';
        for (const part of jsonParts(state)) text += part;
        await file.write(Buffer.from(text));
      }),
  };
}
