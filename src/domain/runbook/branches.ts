/** Whether a step is the one to do now, and what it does by itself and when. Pure. */

import type { Incident } from '../incident.ts';
import { type Runbook, type RunbookStep, stepRef } from '../playbook.ts';
import type { Hold, HoldKey, Trading } from '../trading.ts';
import { finding } from './finding.ts';
import { gapWords, type SliReading } from './slis.ts';
import type { Choice, Deed, Operator, SliName, When } from './vocabulary.ts';

/** `applies` null: what it asks for is not known. `gist` is the text without what changes all the time. */
export interface BranchNow {
  applies: boolean | null;
  text: string;
  gist: string;
}

const compare: Record<Operator, (value: number, limit: number) => boolean> = {
  '<': (value, limit) => value < limit,
  '<=': (value, limit) => value <= limit,
  '>': (value, limit) => value > limit,
  '>=': (value, limit) => value >= limit,
};

/** Decide a `when` as it is at `now`, ms since the epoch. */
export function branchNow(
  when: When,
  openedAt: number,
  now: number,
  read: (name: SliName) => SliReading,
): BranchNow {
  const elapsedMin = (now - openedAt) / 60_000;
  const { value, found } =
    'sli' in when
      ? read(when.sli)
      : { value: elapsedMin, found: finding('ok', `open for ${gapWords(elapsedMin * 60)}`, '') };
  // What stands in brackets, as the limit does, is said by the check.
  const text = found.text.replace(/ \(.*$/s, '');
  if (value === null) return { applies: null, text, gist: found.gist };
  return { applies: compare[when.op](value, when.value), text, gist: found.gist };
}

/** The switch that a deed or a choice sets. A kill has a latch of its own. */
export const HOLD_OF = {
  pauseSignals: 'PAUSE_SIGNALS',
  haltOrders: 'HALT_NEW_ORDERS',
  switchFeed: 'DATA_FEED',
} as const satisfies Record<Exclude<Deed, 'kill'>, HoldKey>;

/**
 * Since when what the step measures has been so, ms since the epoch: a gap since its first missing bar, anything else since
 * the branch applies. Null where nothing of it is on record: then nothing is done by itself.
 */
export function anchorOf(incident: Incident, ref: string, when: When | undefined): number | null {
  if (when === undefined || !('sli' in when)) return null;
  if (when.sli === 'feedGapSec') return incident.gaps.findLast((gap) => gap.to === null)?.from ?? null;
  return incident.branches[ref]?.since ?? null;
}

/** What became of a timer. `chosen`: by whom, and what; `off`: it is not running, since nothing is measured or it was done. */
export type TimerState =
  | { state: 'running'; dueAt: number; do: Deed }
  | { state: 'chosen'; dueAt: number; do: Deed; what: string }
  | { state: 'off' };

/** The timer of a step, from the log and the trading state alone. */
export function timerOf(
  incident: Incident,
  runbook: Pick<Runbook, 'id'>,
  step: RunbookStep,
  trading: Trading,
): TimerState {
  const ref = stepRef(runbook, step);
  const anchor = anchorOf(incident, ref, step.when);
  if (step.timer === undefined || anchor === null) return { state: 'off' };
  if ((incident.acts[ref]?.at ?? Number.NEGATIVE_INFINITY) >= anchor) return { state: 'off' };
  const { afterMin, do: deed, unless } = step.timer;
  const dueAt = anchor + afterMin * 60_000;
  const what =
    standing(deed, trading) ?? firstOf(unless, (one) => choice(one, incident, ref, anchor, trading));
  return what === null ? { state: 'running', dueAt, do: deed } : { state: 'chosen', dueAt, do: deed, what };
}

function firstOf<T>(items: readonly T[], of: (item: T) => string | null): string | null {
  for (const item of items) {
    const found = of(item);
    if (found !== null) return found;
  }
  return null;
}

const heldBy = (hold: Hold | undefined, what: string): string | null =>
  hold === undefined ? null : `${what} by ${hold.by.name}`;

/** Why a deed is done already, whoever did it; null when it is not. A kill stands above everything. */
export function standing(deed: Deed, trading: Trading): string | null {
  if (trading.latch !== null) return `trading is killed by ${trading.latch.by.name}`;
  if (deed === 'kill') return null;
  const hold = trading.holds.find((one) => one.key === HOLD_OF[deed]);
  return heldBy(
    hold,
    { pauseSignals: 'signals paused', haltOrders: 'new orders halted', switchFeed: 'feed switched' }[deed],
  );
}

/** What a person chose since the anchor, in words; null when they did not. What the bot did itself is no choice. */
function choice(
  name: Choice,
  incident: Incident,
  ref: string,
  anchor: number,
  trading: Trading,
): string | null {
  if (name === 'kill') return null; // a latch counts whatever the step lists
  if (name === 'done' || name === 'skip') {
    const mark = incident.steps[ref];
    const wanted = name === 'done' ? 'done' : 'skipped';
    return mark?.mark === wanted && mark.at >= anchor ? `step ${wanted} by ${mark.by.name}` : null;
  }
  const hold = trading.holds.find(
    (one) => one.key === HOLD_OF[name] && one.at >= anchor && one.by.via !== 'standdown',
  );
  return heldBy(hold, { haltOrders: 'halted', pauseSignals: 'paused', switchFeed: 'feed switched' }[name]);
}

/** Something that a step does by itself now. `already`: why there is nothing to do, so that only this is put on record. */
export interface DueDeed {
  step: string;
  deed: Deed;
  how: 'auto' | 'timer';
  why: string;
  already: string | null;
}

/**
 * What the steps of a runbook do by themselves now. `applies` is each step's branch as it is now, by its reference. A
 * deed is done once for each time that what it measures begins; what is not known keeps a timer going, and starts nothing.
 */
export function deedsDue(
  incident: Incident,
  runbook: Runbook,
  trading: Trading,
  applies: ReadonlyMap<string, BranchNow>,
  now: number,
): DueDeed[] {
  return runbook.steps.flatMap((step): DueDeed[] => {
    const ref = stepRef(runbook, step);
    const anchor = anchorOf(incident, ref, step.when);
    const branch = applies.get(ref);
    if (anchor === null || branch === undefined) return [];
    if (step.auto !== undefined) {
      const acted = (incident.acts[ref]?.at ?? Number.NEGATIVE_INFINITY) >= anchor;
      if (acted || branch.applies !== true) return [];
      const hold = trading.holds.find((one) => step.auto !== undefined && one.key === HOLD_OF[step.auto]);
      const already = hold === undefined ? null : `it was so already, by ${hold.by.name}`;
      return [{ step: ref, deed: step.auto, how: 'auto', why: branch.text, already }];
    }
    const timer = timerOf(incident, runbook, step, trading);
    if (timer.state === 'off' || now < timer.dueAt || branch.applies === false) return [];
    const why = `${branch.text}: nobody chose within ${step.timer?.afterMin ?? 0} min`;
    // A choice that stands when the time is over is put on record: to take it back later is a person's decision, too.
    const already = timer.state === 'chosen' ? timer.what : null;
    return [{ step: ref, deed: timer.do, how: 'timer', why, already }];
  });
}
