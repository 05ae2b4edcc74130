/** Who is on call on the schedules that hold a role, asked of the pager and remembered for a minute. */

import type { Clock, Pager } from '../ports.ts';

export type OnCall =
  | { state: 'known'; people: string[]; at: number }
  /** `reason` in words: no schedule is named, no token, no answer. */
  | { state: 'unknown'; reason: string };

const FRESH_MS = 60_000;
/** How long somebody who looks at it waits. */
const WAIT_MS = 1_500;

export function createOnCall(deps: {
  pager: Pick<Pager, 'onCall' | 'canConfirm'>;
  /** Without `pd:`. */
  schedules: string[];
  clock: Clock;
}): () => Promise<OnCall> {
  const { pager, schedules, clock } = deps;
  let last: Extract<OnCall, { state: 'known' }> | null = null;

  return async () => {
    if (schedules.length === 0) return { state: 'unknown', reason: 'no PagerDuty schedule holds a role' };
    if (!pager.canConfirm) return { state: 'unknown', reason: 'without a REST token PagerDuty is not asked' };
    if (last !== null && clock.now() - last.at < FRESH_MS) return last;
    const over = new AbortController();
    const people = await Promise.race([
      pager.onCall(schedules),
      clock.wait(WAIT_MS, over.signal).then(() => null),
    ]).finally(() => over.abort());
    if (people === null) return { state: 'unknown', reason: 'PagerDuty did not say' };
    last = { state: 'known', people: people.map(({ name }) => name), at: clock.now() };
    return last;
  };
}
