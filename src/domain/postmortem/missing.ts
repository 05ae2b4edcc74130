/** What a postmortem lacks before it is final, each with who can supply it. Pure. */

import { checklistOf, titleOf } from '../clocks.ts';
import type { Incident } from '../incident.ts';
import type { Playbook } from '../playbook.ts';
import type { Field } from './life.ts';

export interface Lack {
  what: string;
  who: string;
}

export const FIELD_WORDS: Record<Field, string> = {
  summary: 'Summary',
  money: 'Impact: money',
  user: 'Impact: users',
  system: 'Impact: systems',
  data: 'Impact: data',
  immediate: 'Immediate cause',
  contributing: 'Contributing factors',
  rootCause: 'Root cause',
  category: 'Root cause category',
  wentWell: 'What went well',
  wentBadly: 'What did not',
  lessons: 'Lessons',
  author: 'Author',
  reviewers: 'Reviewers',
};

/** What must be said, if only as an explicit "none". */
const REQUIRED: Field[] = ['summary', 'money', 'user', 'system', 'data', 'rootCause', 'category', 'lessons'];

/** The required fields that nobody filled in. */
const blankFields = ({ statements }: Pick<Incident, 'statements'>): Field[] =>
  REQUIRED.filter((field) => (statements[field]?.text ?? '').trim() === '');

/** All of it. Empty: it can be final. */
export function lacksOf(incident: Incident, playbook: Pick<Playbook, 'checklist'>): Lack[] {
  const lacks: Lack[] = [];
  if (incident.status !== 'resolved')
    lacks.push({ what: `${incident.id} is not resolved`, who: 'a responder: /incident resolve' });
  for (const field of blankFields(incident))
    lacks.push({ what: `${FIELD_WORDS[field]} is TODO`, who: 'a responder: Edit… at the postmortem' });
  if (incident.actionItems.length === 0 && incident.checklist['action-items'] === undefined)
    lacks.push({
      what: 'no action item, and no reason for none',
      who: 'a responder: Add an action item…, or None needed…, at the checklist',
    });
  for (const { id } of checklistOf(incident, playbook)) {
    // What is above is not said twice; the postmortem itself is what becomes final.
    if (id === 'postmortem' || id === 'root-cause' || id === 'action-items') continue;
    if (incident.checklist[id] === undefined)
      lacks.push({
        what: `${titleOf(id, playbook)}: not done`,
        who:
          id === 'recovery-check'
            ? 'a responder: Run recovery check; it must pass'
            : 'a responder: the button at the checklist',
      });
  }
  return lacks;
}

export const lackWords = ({ what, who }: Lack): string => `✗ ${what} (${who})`;
