/** What a person presses, chooses in or types into, as HTML controls. The page's script reads their data attributes. Pure. */

import type {
  ActionsBlockElement,
  ConfirmationDialog,
  ContextActionsBlockElement,
  InputBlockElement,
  Option,
  SectionBlockAccessory,
} from '@slack/types';
import { isObject } from '../../slack/json.ts';
import type { Choice, Drawing } from './drawing.ts';
import { escapeHtml, textHtml } from './mrkdwn.ts';

export type Control =
  | ActionsBlockElement
  | SectionBlockAccessory
  | InputBlockElement
  | ContextActionsBlockElement;

/** Where a control stands: in which block, at which place, and what it is called. */
export interface Place {
  readonly blockId: string;
  /** Of the block and the element, such as `2-0`. */
  readonly at: string;
  /** What a screen reader calls it; '' when a `<label>` names it. */
  readonly label: string;
  /** Chosen or typed, it waits for the submission of its modal. */
  readonly waits: boolean;
  /** Nothing in it is an error of its modal. */
  readonly isRequired: boolean;
}

/** The attributes of an element: `undefined` and `false` are left out, `true` stands alone. */
function attributes(all: Readonly<Record<string, string | number | boolean | undefined>>): string {
  return Object.entries(all)
    .filter(([, value]) => value !== undefined && value !== false)
    .map(([name, value]) => (value === true ? ` ${name}` : ` ${name}="${escapeHtml(String(value))}"`))
    .join('');
}

/** The DOM id of a control; undefined in a picture. */
export function controlId(actionId: string | undefined, at: string, drawing: Drawing): string | undefined {
  return drawing.id === null ? undefined : `${drawing.id}-${at}-${actionId ?? 'none'}`;
}

const confirmWords = (confirm: ConfirmationDialog): string =>
  JSON.stringify({
    title: confirm.title?.text ?? 'Are you sure?',
    text: confirm.text.text,
    yes: confirm.confirm?.text ?? 'Yes',
    no: confirm.deny?.text ?? 'No',
    style: confirm.style ?? 'primary',
  });

/** What the page's script needs to tell the counterpart which control was used. */
function wired(control: Control, place: Place, drawing: Drawing): string {
  if (drawing.id === null) return '';
  if (control.type === 'image') return '';
  const confirm = 'confirm' in control ? control.confirm : undefined;
  return attributes({
    id: controlId(control.action_id, place.at, drawing),
    'data-control': control.type,
    'data-block': place.blockId,
    'data-action': control.action_id ?? '',
    'data-waits': place.waits,
    'data-required': place.isRequired,
    'data-confirm': confirm === undefined ? undefined : confirmWords(confirm),
    // Never sent, only compared: a question that was answered yes is asked of the button as it was.
    'data-means': control.type === 'button' ? control.value : undefined,
  });
}

/** A control as a person uses it. What a rehearsal never shows stands as its name, so that it is not missed. */
export function controlHtml(control: Control, place: Place, drawing: Drawing): string {
  const wires = wired(control, place, drawing);
  const named = place.label === '' ? '' : attributes({ 'aria-label': place.label });
  const chosen = chosenIn(control, place.blockId, drawing);
  const [first] = chosen;
  const value = attributes({ value: first });
  switch (control.type) {
    case 'button': {
      const style = control.style === 'danger' || control.style === 'primary' ? ` ${control.style}` : '';
      const label = attributes({ 'aria-label': control.accessibility_label });
      return `<button type="button" class="button${style}"${label}${wires}>${escapeHtml(control.text.text)}</button>`;
    }
    case 'static_select':
    case 'multi_static_select': {
      const groups = (control.option_groups ?? []).map(
        (group) =>
          `<optgroup${attributes({ label: group.label.text })}>${optionsHtml(group.options, chosen)}</optgroup>`,
      );
      return menu(control, `${optionsHtml(control.options ?? [], chosen)}${groups.join('')}`, wires + named);
    }
    case 'users_select':
    case 'multi_users_select':
      return menu(control, choicesHtml(drawing.people, chosen), wires + named);
    case 'channels_select':
    case 'multi_channels_select':
    case 'conversations_select':
    case 'multi_conversations_select':
      return menu(control, choicesHtml(drawing.channels, chosen), wires + named);
    case 'overflow':
      return `<select class="menu overflow" aria-label="More actions"${wires}><option value="">⋯</option>${optionsHtml(control.options, [])}</select>`;
    case 'datepicker':
      return `<input type="date" class="field"${value}${wires}${named}>`;
    case 'timepicker':
      return `<input type="time" class="field"${value}${wires}${named}>`;
    case 'plain_text_input': {
      const limits = attributes({
        placeholder: control.placeholder?.text,
        minlength: control.min_length,
        maxlength: control.max_length,
      });
      return control.multiline === true
        ? `<textarea class="field" rows="4"${limits}${wires}${named}>\n${escapeHtml(first ?? '')}</textarea>`
        : `<input type="text" class="field" autocomplete="off"${value}${limits}${wires}${named}>`;
    }
    case 'email_text_input':
    case 'url_text_input':
    case 'number_input': {
      const type = { email_text_input: 'email', url_text_input: 'url', number_input: 'number' }[control.type];
      return `<input class="field" autocomplete="off"${attributes({ type })}${value}${wires}${named}>`;
    }
    case 'radio_buttons':
      return ticks('radio', control.options, chosen, place, drawing, wires + named);
    case 'checkboxes':
      return ticks('checkbox', control.options, chosen, place, drawing, wires + named);
    case 'datetimepicker':
    case 'external_select':
    case 'multi_external_select':
    case 'feedback_buttons':
    case 'file_input':
    case 'icon_button':
    case 'image':
    case 'rich_text_input':
    case 'workflow_button':
      return unshown(control.type);
    default: {
      const unknown: never = control;
      return unshown(String((unknown as { type?: unknown }).type));
    }
  }
}

/** Where a control starts, and where Slack's state of it holds what was chosen. */
const HELD = [
  'value',
  'option',
  'options',
  'user',
  'users',
  'channel',
  'channels',
  'conversation',
  'conversations',
  'date',
  'time',
];

/** The values that a control holds: what was chosen, else what it starts with. */
function chosenIn(control: Control, blockId: string, drawing: Drawing): string[] {
  if (control.type === 'image' || control.type === 'button' || control.type === 'overflow') return [];
  const block = drawing.choices[blockId];
  const state = isObject(block) ? block[control.action_id ?? ''] : undefined;
  const at = (name: string): string =>
    isObject(state) && name === 'value' ? name : `${isObject(state) ? 'selected' : 'initial'}_${name}`;
  const from: object = isObject(state) ? state : control;
  return HELD.flatMap((name): unknown => Reflect.get(from, at(name)) ?? []).flatMap((one) =>
    isOption(one) ? valueOf(one) : typeof one === 'string' ? one : [],
  );
}

const isOption = (one: unknown): one is Option => typeof one === 'object' && one !== null && 'text' in one;

/** The name of what is not drawn. */
export const unshown = (words: string): string => `<div class="unshown">${escapeHtml(words)}</div>`;

function menu(
  control: { type: string; placeholder?: { text: string } },
  options: string,
  rest: string,
): string {
  if (control.type.startsWith('multi_')) return `<select class="menu" multiple${rest}>${options}</select>`;
  const first = `<option value="">${escapeHtml(control.placeholder?.text ?? 'Choose…')}</option>`;
  return `<select class="menu"${rest}>${first}${options}</select>`;
}

/** An option without a value is chosen by its words, as the counterpart takes it. */
const valueOf = (option: Option): string => option.value ?? option.text.text;

const optionsHtml = (options: readonly Option[], chosen: readonly string[]): string =>
  options
    .map(
      (option) =>
        `<option${attributes({ value: valueOf(option), selected: chosen.includes(valueOf(option)) })}>${escapeHtml(option.text.text)}</option>`,
    )
    .join('');

const choicesHtml = (all: readonly Choice[], chosen: readonly string[]): string =>
  all
    .map(
      ({ id, name }) =>
        `<option${attributes({ value: id, selected: chosen.includes(id) })}>${escapeHtml(name)}</option>`,
    )
    .join('');

function ticks(
  type: 'radio' | 'checkbox',
  options: readonly Option[],
  ticked: readonly string[],
  place: Place,
  drawing: Drawing,
  rest: string,
): string {
  const name = `${drawing.id ?? 'still'}-${place.at}`;
  const lines = options.map((option, index) => {
    const input = attributes({
      type,
      name,
      id: `${name}-${index}`,
      value: valueOf(option),
      checked: ticked.includes(valueOf(option)),
    });
    return `<label class="tick"><input${input}><span>${textHtml(option.text, drawing.names)}</span></label>`;
  });
  return `<div class="ticks" role="${type === 'radio' ? 'radiogroup' : 'group'}"${rest}>${lines.join('')}</div>`;
}
