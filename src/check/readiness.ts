/** Where the go-live checklist joins in. */

import type { Line } from './line.ts';

/** The go-live checklist as lines: none until the readiness part supplies them. */
export async function readinessLines(): Promise<Line[]> {
  return [];
}
