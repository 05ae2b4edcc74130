/** How readiness folds from the desk's log. Pure. */

import type { Actor } from '../incident.ts';
import {
  AHEAD_MS,
  type DrillWord,
  type ReadinessEvent,
  type ReadinessState,
  type TestPage,
} from './events.ts';

export const NOTHING_PROVED: ReadinessState = {
  proofs: [],
  rota: null,
  unread: null,
  test: null,
  texts: null,
  reads: [],
  reminder: { dueAt: null, last: null },
  restatedAt: null,
};

type Said = { at: number; by: Actor };

const TYPES: ReadonlySet<string> = new Set<ReadinessEvent['type']>([
  'ReadinessProved',
  'RotaRead',
  'RotaUnread',
  'TestPageAsked',
  'TestPageQueued',
  'TestPageFailed',
  'TestPageAcknowledged',
  'TestPageClosed',
  'RunbooksSeen',
  'RunbooksRead',
  'ReadinessReminderSet',
  'ReadinessReminded',
  'ReadinessRestated',
]);
const DRILL_WORDS: ReadonlySet<string> = new Set<DrillWord['type']>(['DrillMissed', 'DrillNoted']);

/** Whether an event of the desk's log is about readiness. */
export const isReadiness = <E extends { type: string }>(event: E): event is E & ReadinessEvent & Said =>
  TYPES.has(event.type);

/** Whether an event of the desk's log tells of a drill that ran, or was due and did not. */
export const isDrillWord = <E extends { type: string }>(event: E): event is E & DrillWord & Said =>
  DRILL_WORDS.has(event.type);

/** A missed drill stands until one of its scenario ran to its end after it. */
export function evolveMissed(state: ReadinessState, event: DrillWord & Said): ReadinessState {
  const { scenario } = event;
  const missed = state.missed ?? [];
  const others = missed.filter((one) => one.scenario !== scenario);
  const before = missed.find((one) => one.scenario === scenario);
  if (event.type === 'DrillNoted')
    return before === undefined || event.ended !== 'done' || event.at < before.until
      ? state
      : { ...state, missed: others };
  const { dueAt, why, further } = event;
  const until = further?.until ?? dueAt;
  if (before !== undefined && dueAt <= before.until) return state;
  const more = further === undefined ? 0 : further.times.length + further.more;
  const count = (before?.count ?? 0) + 1 + more;
  return { ...state, missed: [...others, { scenario, dueAt: before?.dueAt ?? dueAt, until, count, why }] };
}

/** Fold one event. Total: an event about a test page that is not the newest one changes nothing. */
export function evolveReadiness(state: ReadinessState, event: ReadinessEvent & Said): ReadinessState {
  switch (event.type) {
    case 'ReadinessProved': {
      const { line, part, evidence, provedAt, rehearsal, by, at } = event;
      const isSame = (one: ReadinessState['proofs'][number]) =>
        one.line === line && one.part === part && one.rehearsal === rehearsal;
      // What was proved later counts, in whatever order it was put on record; not what a clock that was put back calls the future.
      if (state.proofs.some((one) => isSame(one) && one.provedAt > provedAt && one.provedAt <= at + AHEAD_MS))
        return state;
      const of = event.of === undefined ? {} : { of: event.of };
      const proof = { line, part, evidence, provedAt, rehearsal, ...of, by: by.name, at };
      return { ...state, proofs: [...state.proofs.filter((one) => !isSame(one)), proof] };
    }
    case 'RotaRead': {
      const { from, to, holes, people, at } = event;
      return { ...state, rota: { from, to, holes, people, at }, unread: null };
    }
    case 'RotaUnread':
      return { ...state, unread: { since: state.unread?.since ?? event.at, reason: event.reason } };
    case 'TestPageAsked': {
      const { page, by, at, rehearsal } = event;
      const asked = { page, by, at, rehearsal, queuedAt: null, acknowledged: null, reason: null };
      return { ...state, test: { ...asked, state: 'owed' } };
    }
    case 'TestPageQueued':
      return onTest(state, event.page, (test) => ({
        ...test,
        state: test.state === 'owed' ? 'queued' : test.state,
        queuedAt: test.queuedAt ?? event.at,
        reason: null,
      }));
    case 'TestPageFailed':
      return onTest(state, event.page, (test) => ({
        ...test,
        state: event.gaveUp ? 'failed' : test.state,
        reason: event.reason,
      }));
    case 'TestPageAcknowledged': {
      const { page, who, person, at } = event;
      return onTest(state, page, (test) =>
        // A person's word stands, whatever a machine says after it.
        test.acknowledged?.person === true
          ? test
          : { ...test, state: person ? 'acknowledged' : test.state, acknowledged: { who, at, person } },
      );
    }
    case 'TestPageClosed':
      return onTest(state, event.page, (test) => ({ ...test, state: 'closed' }));
    case 'RunbooksSeen':
      return { ...state, texts: { texts: event.texts, at: event.at } };
    case 'RunbooksRead': {
      const read = { who: event.by.id, name: event.by.name, texts: event.texts, at: event.at };
      return { ...state, reads: [...state.reads.filter(({ who }) => who !== read.who), read] };
    }
    case 'ReadinessReminderSet':
      return { ...state, reminder: { ...state.reminder, dueAt: event.dueAt } };
    case 'ReadinessReminded':
      return { ...state, reminder: { dueAt: event.dueAt, last: event.at } };
    case 'ReadinessRestated':
      return { ...event.state, restatedAt: event.at };
    default: {
      const unknown: never = event;
      throw new Error(`unknown readiness event ${JSON.stringify(unknown)}`);
    }
  }
}

function onTest(state: ReadinessState, page: number, change: (test: TestPage) => TestPage): ReadinessState {
  if (state.test?.page !== page || state.test.state === 'closed') return state;
  return { ...state, test: change(state.test) };
}

/** A test page that is on its way, or waits for somebody: there is one at most. */
export const isTesting = ({ test }: ReadinessState): boolean =>
  test !== null && test.state !== 'closed' && test.state !== 'failed';
