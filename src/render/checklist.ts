/** What the playbook asks for after an incident: who supplied what, what is missing, and the buttons for it. Pure. */

import type { KnownBlock } from '@slack/types';
import { checklistOf } from '../domain/clocks.ts';
import type { ChecklistMark, Incident } from '../domain/incident.ts';
import type { Playbook } from '../domain/playbook.ts';
import { ACTION, buttonValue } from './actions.ts';
import { actions, type ButtonSpec, context, header, message, section } from './blocks.ts';
import { fileAgainButtons, itemName } from './issueNotice.ts';
import { dateTime, inert } from './text.ts';

/** Null where the incident owes nothing. `now` is ms since the epoch. */
export function checklist(
  incident: Incident,
  playbook: Playbook,
  now: number,
): { text: string; blocks: KnownBlock[] } | null {
  const drill = incident.drill ? 'DRILL · ' : '';
  if (incident.status !== 'resolved') {
    const text = `${drill}${incident.id} is open again: its checklist begins anew with its next resolution.`;
    return message(text, [section(text)]);
  }
  const items = checklistOf(incident, playbook);
  if (items.length === 0) return null;
  const done = items.filter(({ id }) => incident.checklist[id] !== undefined).length;
  const title = `${drill}After the incident: ${done} of ${items.length} done`;
  const blocks: KnownBlock[] = [header(title)];
  for (const { id, text, dueAt } of items) {
    const mark = incident.checklist[id];
    blocks.push(
      section(
        `${mark === undefined ? '☐' : '✓'} *${inert(text, 300)}*\n${stateOf(incident, id, mark, dueAt, now)}${id === 'action-items' ? notFiled(incident) : ''}`,
      ),
    );
    const buttons = [
      ...(mark === undefined ? buttonsOf(incident, id) : []),
      ...(id === 'action-items' ? fileAgainButtons(incident) : []),
    ];
    if (buttons.length > 0) blocks.push(actions(...buttons));
  }
  if (playbook.checklist.every(({ id }) => id !== 'recovery-check'))
    blocks.push(
      context('The recovery check is off in the configuration: nothing proves that the system recovered.'),
    );
  return message(`${title} (${incident.id})`, blocks);
}

function stateOf(
  incident: Incident,
  id: string,
  mark: ChecklistMark | undefined,
  dueAt: number | null,
  now: number,
): string {
  const due = dueAt === null ? '' : `due ${dateTime(dueAt)}`;
  const record = incident.clocks[id];
  if (mark !== undefined) {
    const late = dueAt !== null && mark.at >= dueAt ? ` · *late*, ${due}` : '';
    const said = mark.text === undefined ? '' : ` · ${inert(mark.text, 500)}`;
    return `_by ${inert(mark.by.name, 60)} at ${dateTime(mark.at)}${said}_${late}`;
  }
  const missed = record?.state === 'missed' || (dueAt !== null && now >= dueAt);
  const recovery = incident.recovery;
  const failed =
    id === 'recovery-check' && recovery !== undefined && !recovery.passed
      ? ` · did not pass: ${inert(recovery.reason, 300)}`
      : '';
  // In review already, and nobody presses that again: what it lacks is told.
  const waits =
    id !== 'postmortem' || incident.postmortem === undefined
      ? ''
      : incident.postmortem.state === 'REVIEW'
        ? ' · in review, and waits for the root-cause category'
        : incident.postmortem.state === 'FINAL'
          ? ' · FINAL from before the reopening: an approver returns it to a draft'
          : '';
  return `${missed ? `❗ *Missed*, ${due}` : due === '' ? 'no due time' : due}${failed}${waits}`;
}

/** The action items that the tracker does not have, each with why. */
const notFiled = ({ issues }: Incident): string =>
  Object.entries(issues)
    .flatMap(([item, { state, reason }]) =>
      state === 'failed' || state === 'retrying'
        ? [
            `\n❗ ${itemName(item)} is ${state === 'failed' ? '*not filed*' : 'not filed yet'}: ${inert(reason ?? '', 200)}`,
          ]
        : [],
    )
    .slice(0, 5)
    .join('');

function buttonsOf(incident: Incident, id: string): ButtonSpec[] {
  const value = buttonValue({ incident: incident.id });
  const own = buttonValue({ incident: incident.id, ref: id });
  switch (id) {
    case 'postmortem':
      return incident.postmortem?.state === 'DRAFT'
        ? [{ action: ACTION.review, label: 'Put into review', value }]
        : [];
    case 'root-cause':
      return [{ action: ACTION.rootCause, label: 'Name the category…', value }];
    case 'action-items':
      return [
        { action: ACTION.actionItem, label: 'Add an action item…', value },
        { action: ACTION.noActionItem, label: 'None needed…', value },
      ];
    case 'recovery-check':
      return [{ action: ACTION.recovery, label: 'Run recovery check', value }];
    case 'sli-data':
      return [{ action: ACTION.checklistDone, label: 'SLI data is updated', value: own }];
    default:
      return [{ action: ACTION.checklistDone, label: 'Done', value: own }];
  }
}
