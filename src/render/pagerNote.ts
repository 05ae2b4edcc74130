/** What happens here, as short notes at the pager. Pure, plain text. */

import type { Incident, StandingEvent } from '../domain/incident.ts';
import { noteTag } from '../domain/paging.ts';
import { clockTime, plain } from './text.ts';

/** Null for events that are no note. `version`: the event's place in the log, which makes the note one of its own. */
export function pagerNote(incident: Incident, event: StandingEvent, version: number): string | null {
  const words = noteWords(event);
  if (words === null) return null;
  const drill = incident.drill ? 'DRILL · ' : '';
  return `${noteTag(incident.id, version)} ${drill}${clockTime(event.at)} UTC ${words}`;
}

function noteWords(event: StandingEvent): string | null {
  const who = plain(event.by.name, 60);
  switch (event.type) {
    case 'NoteAdded':
      return `Note by ${who}: ${plain(event.text, 1_500)}`;
    case 'CommanderAssigned':
      return `${plain(event.who.name, 60)} commands${event.handover === undefined ? '' : `: ${plain(event.handover, 500)}`}`;
    case 'IncidentMitigated':
      return `Mitigated, says ${who}: ${plain(event.text, 500)}`;
    case 'KillJudged':
      return `Kill verdict ${event.verdict}`;
    default:
      return null;
  }
}
