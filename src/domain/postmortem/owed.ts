/** What the outside is owed for a postmortem after an event: its file, its message, and the file in the thread. Pure. */

import type { Effect, Lane, Work } from '../effects.ts';
import type { Incident, StandingEvent } from '../incident.ts';
import { changesPostmortem } from './life.ts';

/** Given the incident after the event. Each target once: many edits are one revision and one edit of the message. */
export function postmortemOwed(event: StandingEvent, incident: Incident): Effect[] {
  const lane: Lane = 'slack';
  const owe = (target: string, work: Work): Effect => ({
    id: `${incident.id}/${incident.version}/${target}`,
    incident: incident.id,
    lane,
    target: `${incident.id}/${target}`,
    work,
  });
  const file = owe('postmortem', { kind: 'postmortem' });
  const { postmortem } = incident;
  if (postmortem === undefined) return event.type === 'PostmortemAsked' ? [file] : [];
  const card =
    incident.posts['headline'] === undefined ? [] : [owe('postmortemCard', { kind: 'postmortemCard' })];
  switch (event.type) {
    case 'Posted':
      return event.what === 'headline' ? card : [];
    case 'PostmortemDrafted':
    case 'PostmortemShared':
      return card;
    case 'PostmortemRevised': {
      const of = (postmortem.final ?? postmortem.review)?.n;
      const owed = of !== undefined && event.shows >= of && postmortem.shared?.of !== of;
      return owed && card.length > 0
        ? [...card, owe('postmortemFile', { kind: 'postmortemFile', of })]
        : card;
    }
    default: {
      if (!changesPostmortem(event, incident)) return [];
      // A final one is written no more: its message says that something came later.
      return postmortem.changed === incident.version ? [file, ...card] : card;
    }
  }
}
