/**
 * What becomes of action items after they were noted: issues that are closed in the tracker, or opened again, and due dates. Both are looked
 * at once a minute, a few incidents and a few issues each time, so that years of them cost no more than a day's.
 */

import { type Incident, STANDDOWN } from '../domain/incident.ts';
import { closedItems, dueItems, openItems } from '../domain/tracker.ts';
import type { Clock, Log, Store, Tracker } from '../ports.ts';
import type { Ledger } from './ledger.ts';

export interface IssueWatch {
  /** One look, at most one a minute. Never throws. */
  look(): Promise<void>;
}

const EVERY_MS = 60_000;
/** Incidents of a look, and issues: an issue that did not change costs nothing of GitHub's 5,000 requests an hour. */
const INCIDENTS = 20;
const ISSUES = 10;
/** Of them at most this many that were closed, each after so many looks: few are opened again. */
const CLOSED = 2;
const CLOSED_LOOKS = 60;
/** After this long nobody waits for it here any more. */
const FOLLOWED_MS = 90 * 86_400_000;

/** An issue to be asked about. */
interface Asked {
  incident: string;
  item: string;
  number: number;
}

const hasNothing = (incident: Incident): boolean =>
  openItems(incident).length === 0 && closedItems(incident).length === 0;

export function createIssueWatch(deps: {
  ledger: Pick<Ledger, 'commit' | 'load' | 'peek' | 'onChanged'>;
  store: Pick<Store, 'summaries'>;
  /** null: only due dates are looked at. */
  tracker: Tracker | null;
  clock: Clock;
  log: Log;
  /** Between two looks, ms; default a minute. */
  everyMs?: number;
}): IssueWatch {
  const { ledger, store, tracker, clock, log, everyMs = EVERY_MS } = deps;
  /** In the order in which they are looked at: the first is next. */
  const followed = new Set<string>();
  for (const { id, openItems: open = 0, postmortem, status, resolvedAt } of store.summaries())
    if (
      open > 0 ||
      status !== 'resolved' ||
      (postmortem !== null && clock.now() - (resolvedAt ?? 0) <= FOLLOWED_MS)
    )
      followed.add(id);
  ledger.onChanged((stream) => {
    const incident = ledger.peek(stream);
    if (incident === undefined) return;
    if (hasNothing(incident)) followed.delete(stream);
    else followed.add(stream);
  });
  /** When an issue was last asked about, monotonic ms, by incident and item. */
  const asked = new Map<string, number>();
  let next = Number.NEGATIVE_INFINITY;
  let restsUntil = Number.NEGATIVE_INFINITY;
  let complained = '';

  const isOver = (incident: Incident): boolean =>
    hasNothing(incident) ||
    (incident.resolution !== undefined && clock.now() - incident.resolution.at > FOLLOWED_MS);

  async function remind(incident: Incident): Promise<void> {
    for (const { id } of dueItems(incident, clock.now()))
      await ledger.commit(
        incident.id,
        { type: 'RemindActionItem', by: STANDDOWN, item: id },
        { mustGoOn: true },
      );
  }

  async function lookAtIssue(incident: string, item: string, number: number, of: Tracker): Promise<void> {
    asked.set(`${incident}/${item}`, clock.monotonic());
    const answer = await of.see(number);
    if (answer.state === 'failed') {
      restsUntil = clock.monotonic() + (answer.retryAfterMs ?? 0);
      if (complained !== answer.reason)
        log.warn({ incident, item, reason: answer.reason }, 'the state of an issue could not be read');
      complained = answer.reason;
      return;
    }
    complained = '';
    await ledger.commit(
      incident,
      { type: 'SeeIssueState', by: STANDDOWN, item, ...answer.seen },
      { mustGoOn: true },
    );
  }

  return {
    async look() {
      const now = clock.monotonic();
      if (now < next) return;
      next = now + everyMs;
      const open: Asked[] = [];
      const closed: Asked[] = [];
      for (const id of [...followed].slice(0, INCIDENTS)) {
        followed.delete(id);
        try {
          const incident = await ledger.load(id);
          if (incident === undefined || isOver(incident)) continue;
          followed.add(id);
          await remind(incident);
          for (const { id: item } of openItems(incident)) {
            const { state, number } = incident.issues[item] ?? {};
            if (state === 'open' && number !== undefined) open.push({ incident: id, item, number });
          }
          for (const { id: item } of closedItems(incident)) {
            const { number } = incident.issues[item] ?? {};
            if (number !== undefined) closed.push({ incident: id, item, number });
          }
        } catch (error) {
          followed.add(id);
          log.warn(
            { incident: id, error: String(error) },
            'action items could not be looked at: again in a minute',
          );
        }
      }
      if (tracker === null) return;
      const last = ({ incident, item }: Asked) =>
        asked.get(`${incident}/${item}`) ?? Number.NEGATIVE_INFINITY;
      const inTurn = (issues: Asked[]) => issues.sort((a, b) => (last(a) < last(b) ? -1 : 1));
      const again = inTurn(closed.filter((one) => now - last(one) >= CLOSED_LOOKS * everyMs)).slice(
        0,
        CLOSED,
      );
      for (const { incident, item, number } of [...inTurn(open).slice(0, ISSUES - again.length), ...again]) {
        if (clock.monotonic() < restsUntil) return;
        await lookAtIssue(incident, item, number, tracker);
      }
      if (asked.size > 10_000) asked.clear();
    },
  };
}
