/** Dialogs of `/incident` verbs that were given too few words, and reading back what was filled in. Pure. */

import type { ModalView } from '@slack/types';
import { type Incident, SEVERITIES, type Severity } from '../domain/incident.ts';
import { CALLBACK } from './actions.ts';
import { input, modal, option, select, type Values, words } from './views.ts';

const titled = (what: string, incident: Incident): string => `${what} ${incident.id}`;

const person = (
  id: string,
  label: string,
  optional: boolean,
  initial?: string,
): ModalView['blocks'][number] => ({
  type: 'input',
  block_id: id,
  optional,
  label: words(label),
  element: {
    type: 'users_select',
    action_id: 'user',
    ...(initial === undefined ? {} : { initial_user: initial }),
  },
});

export function severityView(incident: Incident): ModalView {
  const others = SEVERITIES.filter((one) => one !== incident.severity);
  return modal(CALLBACK.severity, 'Change severity', 'Change', incident.id, [
    select(
      'severity',
      `${incident.id} is ${incident.severity}; it becomes`,
      others.map((one) => option(one)),
      false,
    ),
    input('why', 'Why', false, false, 'A raise pages on-call.'),
  ]);
}

export function handoverView(incident: Incident, to: string | undefined): ModalView {
  return modal(CALLBACK.handover, 'Hand over command', 'Hand over', incident.id, [
    person('who', `Who commands ${incident.id} from now on`, false, to),
    input('text', 'What they must know: state, next step, what is promised', true, false),
  ]);
}

/** The modal's title holds 24 characters: the incident's id goes in where it fits. */
export function mitigateView(incident: Incident): ModalView {
  return modal(CALLBACK.mitigate, 'Mitigated', 'Mitigated', incident.id, [
    input('text', `${incident.id}: what stopped the harm`, true, false),
  ]);
}

export function reopenView(incident: Incident): ModalView {
  return modal(CALLBACK.reopen, titled('Reopen', incident), 'Reopen', incident.id, [
    input('why', 'Why it is not over', false, false, 'Its severity pages again.'),
  ]);
}

export function actionView(incident: Incident): ModalView {
  return modal(CALLBACK.action, 'Add an action item', 'Add', incident.id, [
    input('text', `${incident.id}: what is to be done`, true, false),
    person('owner', 'Owner', true),
    {
      type: 'input',
      block_id: 'due',
      optional: true,
      label: words('Due'),
      element: { type: 'datepicker', action_id: 'date' },
    },
    select(
      'priority',
      'Priority',
      ['high', 'medium', 'low'].map((one) => option(one)),
      true,
    ),
  ]);
}

const textOf = (values: Values, block: string): string => values[block]?.['text']?.value?.trim() ?? '';
const userOf = (values: Values, block: string): string => values[block]?.['user']?.selected_user ?? '';
const choiceOf = (values: Values, block: string): string =>
  values[block]?.['choice']?.selected_option?.value ?? '';

/** Null: nothing that we offered was chosen. */
export function readSeverityForm(values: Values): { to: Severity; why: string } | null {
  const to = SEVERITIES.find((one) => one === choiceOf(values, 'severity'));
  return to === undefined ? null : { to, why: textOf(values, 'why') };
}

export const readHandoverForm = (values: Values): { user: string; text: string } => ({
  user: userOf(values, 'who'),
  text: textOf(values, 'text'),
});

export const readTextForm = (values: Values): string => textOf(values, 'text');
export const readWhyForm = (values: Values): string => textOf(values, 'why');

export function readActionForm(values: Values): {
  text: string;
  owner: string;
  due: string;
  priority: string;
} {
  return {
    text: textOf(values, 'text'),
    owner: userOf(values, 'owner'),
    due: values['due']?.['date']?.selected_date ?? '',
    priority: choiceOf(values, 'priority'),
  };
}
