/** What the outside world is owed. Pure data: the outbox performs it, and appends what really happened. */

import type { MailWhat } from './incident.ts';

/** One thing owed. `id` is `<incident>/<sequence>/<kind>`: the idempotency key. Effects of one `target` coalesce. */
export interface Effect {
  id: string;
  incident: string;
  lane: Lane;
  /** What the effect brings up to date: the newest owed effect of a target stands for all of them. */
  target: string;
  work: Work;
}

/**
 * Lanes never wait for each other: a slow Slack delays no page, a P1 page delays no P0 page, and a headline edit
 * delays no kill receipt.
 */
export type Lane = 'pageP0' | 'page' | 'pageCheck' | 'slackUrgent' | 'slack' | 'mail' | 'tracker';

export type Work =
  | { kind: 'page'; n: number }
  | { kind: 'pageAcknowledge'; n: number }
  | { kind: 'pageResolve'; n: number }
  | { kind: 'pageCheck'; n: number }
  | { kind: 'pageNote'; n: number; text: string }
  /** The event at this version of the incident's log, as a note at PagerDuty. */
  | { kind: 'pageMirror'; n: number; version: number }
  /** The next ways to on-call for page `n`: a mention in #incidents, and mail. */
  | { kind: 'summon'; n: number }
  | { kind: 'summonMail'; n: number }
  /** The headline, posted or edited in place, drawn from the incident as it is when the effect runs. */
  | { kind: 'headline' }
  | { kind: 'runbook' }
  | { kind: 'receipt'; kill: string }
  /** One line in the thread about the event at this version of the incident's log. */
  | { kind: 'notice'; version: number }
  /** The postmortem's file, written anew. */
  | { kind: 'postmortem' }
  /** The drawn picture of the incident, into its thread. */
  | { kind: 'picture' }
  /** Its message in the thread, edited in place. */
  | { kind: 'postmortemCard' }
  /** The file put into the thread, for the change of state that event `of` is. */
  | { kind: 'postmortemFile'; of: number }
  /** What the playbook asks for after a P0 or P1, posted once and edited in place. */
  | { kind: 'checklist' }
  /** An action item as an issue in the tracker. */
  | { kind: 'issue'; item: string }
  /** Tell its issue of the postmortem. */
  | { kind: 'issueComment'; item: string; postmortem: string }
  /** To the stakeholders. All that an incident owes them is one target: what leaves late says how it stands by then. */
  | { kind: 'mail'; what: MailWhat; key: string };
