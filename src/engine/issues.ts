/** Filing an action item in the tracker, and telling its issue of the postmortem: once, however often it is tried. */

import type { FactEvent } from '../domain/decide.ts';
import type { Incident } from '../domain/incident.ts';
import { unfiled, untold } from '../domain/tracker.ts';
import type { Draw, Log, Tracker } from '../ports.ts';
import { backoff } from './backoff.ts';
import type { Attempt, Outcome } from './outbox.ts';

/** A tracker that is down is asked again at least this often, ms. */
const SLOWEST_MS = 15 * 60_000;

export function createIssues(deps: {
  tracker: Tracker | null;
  drillsFiled: boolean;
  draw: Pick<Draw, 'issue' | 'issueComment'>;
  log: Log;
}): {
  file(attempt: Attempt, incident: Incident, item: string): Promise<Outcome>;
  /** Tell its issue of a postmortem. */
  tell(attempt: Attempt, incident: Incident, item: string, postmortem: string): Promise<Outcome>;
} {
  const { tracker, drillsFiled, draw, log } = deps;

  async function file(attempt: Attempt, incident: Incident, item: string): Promise<Outcome> {
    const todo = unfiled(incident).find(({ id }) => id === item);
    const draft = draw.issue(incident, item);
    // Filed by now, or its message was deleted, or the incident is open again; or there is nowhere to file it.
    if (
      tracker === null ||
      todo === undefined ||
      draft === null ||
      (incident.drill && incident.gameDay === undefined && !drillsFiled)
    )
      return { done: true, facts: [] };
    const known = incident.issues[item];
    const maybe = attempt.maybe || known?.maybe === true;
    const filed = await tracker.findOrFile(draft, maybe ? todo.at : null);
    if (filed.state === 'done')
      return {
        done: true,
        facts: [{ type: 'IssueFiled', item, number: filed.number, url: filed.url }],
      };
    if (filed.maybe) attempt.setMaybe();
    const { reason, retry } = filed;
    const nowMaybe = maybe || filed.maybe;
    // GitHub's words hold an id of the request: another reason alone is no news.
    const isNews = !retry || known?.state !== 'retrying' || (nowMaybe && !known.maybe);
    const facts: FactEvent[] = isNews
      ? [{ type: 'IssueFailed', item, reason, gaveUp: !retry, maybe: nowMaybe }]
      : [];
    if (retry)
      return { done: false, retryInMs: backoff(attempt.tries, filed.retryAfterMs, SLOWEST_MS), facts };
    log.warn({ incident: incident.id, item, reason }, 'an action item was not filed, for good');
    return { done: true, facts };
  }

  async function tell(
    attempt: Attempt,
    incident: Incident,
    item: string,
    postmortem: string,
  ): Promise<Outcome> {
    const number = incident.issues[item]?.number;
    if (tracker === null || number === undefined || !untold(incident, postmortem).includes(item))
      return { done: true, facts: [] };
    const told = await tracker.comment(number, draw.issueComment(incident, item, postmortem), attempt.maybe);
    if (told.state === 'done') return { done: true, facts: [{ type: 'IssueCommented', item, postmortem }] };
    if (told.maybe) attempt.setMaybe();
    if (told.retry)
      return { done: false, retryInMs: backoff(attempt.tries, told.retryAfterMs, SLOWEST_MS), facts: [] };
    log.warn({ incident: incident.id, item, reason: told.reason }, 'an issue was not told of its postmortem');
    return { done: true, facts: [] };
  }

  return { file, tell };
}
