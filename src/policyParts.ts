/** The pieces that the schemas of the policy's files share. */

import { z } from 'zod';
import type { Problem } from './adapters/yaml.ts';
import { SEVERITIES } from './domain/incident.ts';

export type Parsed<T> = { ok: true; value: T } | { ok: false; problems: Problem[] };

export const sentence = z.string().min(1).max(500);
export const id = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9-]{0,59}$/, 'An id has letters, digits and hyphens, at most 60.');
export const severity = z.enum(SEVERITIES);

/** Entries whose `id` may stand there once. */
export function unique<T extends { id: string }>(items: z.ZodType<T>, least: number) {
  return z
    .array(items)
    .min(least)
    .superRefine((list, context) => {
      list.forEach((one, index) => {
        if (list.findIndex((other) => other.id === one.id) !== index)
          context.addIssue({
            code: 'custom',
            path: [index, 'id'],
            message: `The id ${one.id} is here twice.`,
          });
      });
    });
}
