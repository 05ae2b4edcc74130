/** The steps of a runbook in the thread, with who did what. Pure. */

import type { KnownBlock } from '@slack/types';
import type { Incident, StepMark } from '../domain/incident.ts';
import { type Runbook, type RunbookStep, type StepButton, stepRef } from '../domain/playbook.ts';
import { ACTION, buttonValue, STEP_ACTION } from './actions.ts';
import { actions, type ButtonSpec, context, divider, header, message, section } from './blocks.ts';
import { cancelButton, type DeskNames, flattenButton, haltButton, killButton } from './buttons.ts';
import { clockTime, inert } from './text.ts';

/** Without a runbook there are still the three buttons that stop things. */
export function runbookMessage(
  incident: Incident,
  runbook: Runbook | null,
  names: DeskNames,
): { text: string; blocks: KnownBlock[] } {
  const drill = incident.drill ? 'DRILL · ' : '';
  const stops = actions(
    killButton(incident.id, names),
    cancelButton(incident.id, names),
    haltButton(incident.id),
  );
  if (runbook === null) {
    const text = `${drill}No runbook matches this incident.`;
    return message(text, [section(`${text} What stops trading is here:`), stops]);
  }
  const title = `${drill}Runbook: ${runbook.title}`;
  const blocks: KnownBlock[] = [header(title)];
  if (runbook.summary !== '') blocks.push(context(inert(runbook.summary, 500)));
  for (const [index, step] of runbook.steps.entries()) {
    const mark = incident.steps[stepRef(runbook, step)];
    blocks.push(
      section(
        `${mark === undefined ? `*${index + 1}.*` : symbolOf(mark)} ${inert(step.text, 1_500)}${markWords(mark)}`,
      ),
    );
    const buttons = mark === undefined ? stepButtons(incident, runbook, step, names) : [];
    if (buttons.length > 0) blocks.push(actions(...buttons));
  }
  for (const note of runbook.notes) blocks.push(context(inert(note, 500)));
  blocks.push(divider, stops);
  return message(`${title}, ${runbook.steps.length} steps (${incident.id})`, blocks);
}

const symbolOf = (mark: StepMark): string => (mark.mark === 'done' ? '✓' : '↷');

function markWords(mark: StepMark | undefined): string {
  if (mark === undefined) return '';
  const why = mark.why === undefined ? '' : `: ${inert(mark.why, 300)}`;
  return `\n_${mark.mark} by ${inert(mark.by.name, 60)} at ${clockTime(mark.at)}${why}_`;
}

function stepButtons(
  incident: Incident,
  runbook: Runbook,
  step: RunbookStep,
  names: DeskNames,
): ButtonSpec[] {
  const own = buttonValue({ incident: incident.id, ref: stepRef(runbook, step) });
  const value = buttonValue({ incident: incident.id });
  const make: Record<StepButton, () => ButtonSpec> = {
    kill: () => killButton(incident.id, names),
    cancel: () => cancelButton(incident.id, names),
    haltOrders: () => haltButton(incident.id),
    pauseSignals: () => ({ action: ACTION.pauseSignals, label: 'Pause signals', value }),
    acknowledge: () => ({ action: ACTION.acknowledge, label: 'Acknowledge', value, style: 'primary' }),
    flatten: () => flattenButton(incident.id),
    done: () => ({ action: STEP_ACTION.done, label: 'Done', value: own }),
    skip: () => ({ action: STEP_ACTION.skip, label: 'Skip…', value: own }),
  };
  const offered = step.buttons.filter(
    (name) => name !== 'acknowledge' || incident.acknowledged === undefined,
  );
  return offered.map((name) => make[name]());
}
