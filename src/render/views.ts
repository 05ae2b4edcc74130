/** Modals, and reading back what was filled in. Pure. */

import type { ModalView } from '@slack/types';
import {
  type Incident,
  ROOT_CAUSE_CATEGORIES,
  type RootCauseCategory,
  SEVERITIES,
  type Severity,
} from '../domain/incident.ts';
import type { CancelScope } from '../domain/orders.ts';
import { CALLBACK } from './actions.ts';
import { section } from './blocks.ts';
import { cut, inert, plain } from './text.ts';

const words = (text: string) => ({ type: 'plain_text' as const, text: cut(text, 75), emoji: false });
const option = (value: string, label = value) => ({ text: words(label), value });

function modal(
  callback: string,
  title: string,
  submit: string,
  metadata: string,
  blocks: ModalView['blocks'],
): ModalView {
  return {
    type: 'modal',
    callback_id: callback,
    private_metadata: metadata,
    // Slack allows 24 characters.
    title: { type: 'plain_text', text: cut(title, 24), emoji: false },
    submit: { type: 'plain_text', text: cut(submit, 24), emoji: false },
    close: { type: 'plain_text', text: 'Cancel', emoji: false },
    blocks,
  };
}

const input = (
  id: string,
  label: string,
  multiline: boolean,
  optional: boolean,
  hint?: string,
  initial?: string,
): ModalView['blocks'][number] => ({
  type: 'input',
  block_id: id,
  optional,
  label: words(label),
  element: {
    type: 'plain_text_input',
    action_id: 'text',
    multiline,
    max_length: 3_000,
    ...(initial === undefined || initial === '' ? {} : { initial_value: initial.slice(0, 3_000) }),
  },
  ...(hint === undefined ? {} : { hint: words(hint) }),
});

const select = (
  id: string,
  label: string,
  options: ReturnType<typeof option>[],
  optional: boolean,
  initial?: ReturnType<typeof option>,
): ModalView['blocks'][number] => ({
  type: 'input',
  block_id: id,
  optional,
  label: words(label),
  element: {
    type: 'static_select',
    action_id: 'choice',
    options: options.slice(0, 100),
    ...(initial === undefined ? {} : { initial_option: initial }),
  },
});

export function resolveView(incident: Incident, text: string): ModalView {
  return modal(CALLBACK.resolve, `Resolve ${incident.id}`, 'Resolve', incident.id, [
    section(
      `${incident.drill ? '*DRILL* · ' : ''}*${inert(incident.title, 150)}*\nResolves the page, and drafts the postmortem from the timeline.`,
    ),
    input('summary', 'What happened, and how it ended', true, false, undefined, text),
    input('rootCause', 'Root cause, as far as it is known', true, true),
    select(
      'category',
      'Root cause category',
      ROOT_CAUSE_CATEGORIES.map((one) => option(one)),
      true,
    ),
  ]);
}

export function declareView(title: string): ModalView {
  const severities = SEVERITIES.map((one) => option(one));
  return modal(CALLBACK.declare, 'Declare an incident', 'Declare', '', [
    input('title', 'What is wrong', false, false, undefined, cut(title, 200)),
    select('severity', 'Severity', severities, false, option('P1')),
  ]);
}

/** `incident` is '' where the cancel belongs to none. */
export function cancelView(incident: string, venues: string[], text: string): ModalView {
  const every = option('*', 'every venue');
  const scope = option('all', 'all orders, stops included');
  return modal(CALLBACK.cancel, 'Cancel orders', 'Cancel orders', incident, [
    select(
      'scope',
      'Which orders',
      [scope, option('entries', 'entries only: keep reduce-only orders')],
      false,
      scope,
    ),
    select('venue', 'Where', [every, ...venues.map((venue) => option(venue))], false, every),
    input(
      'symbol',
      'Symbol (none: every symbol)',
      false,
      true,
      'As in the configuration, for example BTC/USDT',
    ),
    input('reason', 'Reason', false, true, undefined, text),
  ]);
}

export function acceptView(incident: string, kill: string): ModalView {
  return modal(CALLBACK.accept, 'Accept residual', 'Accept', `${incident}|${kill}`, [
    section('The exposure on the receipt stays open, and your name stands beside it.'),
    input('reason', 'Why this is acceptable', true, false),
  ]);
}

export function skipView(incident: string, step: string): ModalView {
  return modal(CALLBACK.skip, 'Skip this step', 'Skip', `${incident}|${step}`, [
    input('why', 'Why', false, false),
  ]);
}

type Values = Record<
  string,
  Record<string, { value?: string | null; selected_option?: { value: string } | null }>
>;

const textOf = (values: Values, block: string): string => values[block]?.['text']?.value?.trim() ?? '';
const choiceOf = (values: Values, block: string): string =>
  values[block]?.['choice']?.selected_option?.value ?? '';

export function readResolve(values: Values): {
  summary: string;
  rootCause?: string;
  category?: RootCauseCategory;
} {
  const rootCause = textOf(values, 'rootCause');
  const category = ROOT_CAUSE_CATEGORIES.find((one) => one === choiceOf(values, 'category'));
  return {
    summary: textOf(values, 'summary'),
    ...(rootCause === '' ? {} : { rootCause }),
    ...(category === undefined ? {} : { category }),
  };
}

export function readDeclare(values: Values): { title: string; severity: Severity } {
  return {
    title: textOf(values, 'title'),
    severity: SEVERITIES.find((one) => one === choiceOf(values, 'severity')) ?? 'P1',
  };
}

export function readCancel(values: Values): { scope: CancelScope; reason: string } {
  const venue = choiceOf(values, 'venue');
  // A symbol copied from a receipt carries the joiners that keep it from becoming markup.
  const symbol = plain(textOf(values, 'symbol'), 60);
  return {
    scope: {
      scope: choiceOf(values, 'scope') === 'entries' ? 'entries' : 'all',
      ...(venue === '' || venue === '*' ? {} : { venue }),
      ...(symbol === '' ? {} : { symbol }),
    },
    reason: textOf(values, 'reason') || 'none given',
  };
}

export const readReason = (values: Values): string => textOf(values, 'reason');
export const readWhy = (values: Values): string => textOf(values, 'why');
