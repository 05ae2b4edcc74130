/** Modals, and reading back what was filled in. Pure. */

import type { ModalView } from '@slack/types';
import {
  type Incident,
  ROOT_CAUSE_CATEGORIES,
  type RootCauseCategory,
  SEVERITIES,
  type Severity,
} from '../domain/incident.ts';
import type { CancelScope, PositionLine } from '../domain/orders.ts';
import type { CloseEstimate } from '../domain/slippage.ts';
import { CALLBACK } from './actions.ts';
import { section } from './blocks.ts';
import { count, cut, inert, linesWithin, money, plain, size } from './text.ts';

export const words = (text: string) => ({ type: 'plain_text' as const, text: cut(text, 75), emoji: false });
export const option = (value: string, label = value) => ({ text: words(label), value });

/** `submit` null: there is nothing to submit. */
export function modal(
  callback: string,
  title: string,
  submit: string | null,
  metadata: string,
  blocks: ModalView['blocks'],
): ModalView {
  return {
    type: 'modal',
    callback_id: callback,
    private_metadata: metadata,
    // Slack allows 24 characters.
    title: { type: 'plain_text', text: cut(title, 24), emoji: false },
    ...(submit === null ? {} : { submit: { type: 'plain_text', text: cut(submit, 24), emoji: false } }),
    close: { type: 'plain_text', text: 'Cancel', emoji: false },
    blocks,
  };
}

export const input = (
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

export const select = (
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
    select('category', 'Root cause category', categories, true),
  ]);
}

/** What a submitted dialog turns into when its answer takes longer than Slack waits, and then when it is there. */
export const laterView = (text: string, drill: boolean): ModalView => ({
  ...modal('later', 'Standdown', null, '', [section(`${drill ? '*DRILL* · ' : ''}${text}`)]),
  close: { type: 'plain_text', text: 'Close', emoji: false },
});

/** `from`: where the message stands that it is declared from, as `declaredFrom` wrote it. */
export function declareView(title: string, from = ''): ModalView {
  const severities = SEVERITIES.map((one) => option(one));
  return modal(CALLBACK.declare, 'Declare an incident', 'Declare', from, [
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

const categories = ROOT_CAUSE_CATEGORIES.map((one) => option(one));

export const rootCauseView = (incident: Incident): ModalView =>
  modal(CALLBACK.rootCause, 'Root cause', 'Save', incident.id, [
    select('category', 'Root cause category', categories, false),
    input('rootCause', 'Root cause', true, true, undefined, incident.resolution?.rootCause),
  ]);

export const noActionItemView = (incident: Incident): ModalView =>
  modal(CALLBACK.noActionItem, 'No action item', 'Save', incident.id, [
    input('why', 'Why nothing needs to be done', true, false),
  ]);

/** Slack's limit is 100 blocks; who has more positions than this closes them at the venue. */
const ROWS = 40;

const flattenModal = (
  submit: string | null,
  metadata: string,
  drill: boolean,
  ...text: string[]
): ModalView =>
  modal(
    CALLBACK.flatten,
    'Close positions',
    submit,
    metadata,
    text.map((one, index) => section(drill && index === 0 ? `*DRILL* · ${one}` : one)),
  );

/** While the venues are read: Slack lets a dialog be opened for three seconds only. */
export const flattenReadingView = (drill: boolean): ModalView =>
  flattenModal(null, '', drill, 'Reading every position and its order book…');

export const flattenRefusedView = (drill: boolean, why: string): ModalView =>
  flattenModal(null, '', drill, inert(why, 2_000));

/** What would be closed, line by line, with what it is likely to cost. Submitting it is the confirm. */
export function flattenView(
  incident: string,
  drill: boolean,
  preview: string,
  positions: { venue: string; line: PositionLine; estimate: CloseEstimate }[],
  unread: { venue: string; reason: string }[],
): ModalView {
  const failed = linesWithin(
    unread.map(
      ({ venue, reason }) =>
        `❓ *${inert(venue, 60)}* could not be read (${inert(reason, 200)}): nothing there is closed.`,
    ),
    2_800,
    (left) => `❓ ${left} more venues could not be read: nothing there is closed.`,
  ).join('\n');
  const notRead = failed === '' ? [] : [failed];
  if (positions.length === 0)
    return flattenModal(null, '', drill, 'There is no position that an order could close.', ...notRead);
  if (positions.length > ROWS)
    return flattenModal(
      null,
      '',
      drill,
      `${positions.length} positions are open: more than a person can look at here. Close them at the venue.`,
    );
  return flattenModal(
    `Close ${count(positions.length, 'position')}`,
    `${incident}|${preview}`,
    drill,
    'Reduce-only market orders, each sent once and read back. Read again when you submit: more than this is not closed.',
    ...positions.map(flattenRow),
    ...notRead,
  );
}

function flattenRow({
  venue,
  line,
  estimate,
}: {
  venue: string;
  line: PositionLine;
  estimate: CloseEstimate;
}): string {
  const cost =
    estimate.state === 'estimated' && line.notional !== null ? (line.notional * estimate.bps) / 10_000 : null;
  const slippage =
    estimate.state === 'unknown'
      ? `slippage unknown: ${inert(estimate.reason, 200)}`
      : `slippage about ${estimate.bps.toFixed(1)} bps, ${money(cost, line.currency)}, by the order book now`;
  return `*${inert(venue, 60)}* ${inert(line.symbol, 60)} ${line.side} ${size(line.amount)} · ${money(line.notional, line.currency)}\n${slippage}`;
}

export type Values = Record<
  string,
  Record<
    string,
    {
      value?: string | null;
      selected_option?: { value: string } | null;
      selected_user?: string | null;
      selected_date?: string | null;
    }
  >
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

export function readRootCause(values: Values): { category?: RootCauseCategory; text?: string } {
  const text = textOf(values, 'rootCause');
  const category = ROOT_CAUSE_CATEGORIES.find((one) => one === choiceOf(values, 'category'));
  return { ...(category === undefined ? {} : { category }), ...(text === '' ? {} : { text }) };
}

export const readReason = (values: Values): string => textOf(values, 'reason');
export const readWhy = (values: Values): string => textOf(values, 'why');
