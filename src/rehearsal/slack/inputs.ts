import { interactiveElements } from './blocks.ts';
import { optionsOf } from './elements.ts';
import { isObject, type Json, type JsonObject, list, str } from './json.ts';
import type { InputValue } from './shapes.ts';

interface StateShape {
  /** The key of the chosen value in the state. */
  readonly key: string;
  /** The key of the element's own starting value. */
  readonly initial: string;
  readonly many?: true;
  /** Chosen from the element's own options. */
  readonly options?: true;
}

// docs.slack.dev/reference/interaction-payloads/view-interactions-payload: one key for each kind of input.
const STATE: Readonly<Record<string, StateShape>> = {
  plain_text_input: { key: 'value', initial: 'initial_value' },
  email_text_input: { key: 'value', initial: 'initial_value' },
  url_text_input: { key: 'value', initial: 'initial_value' },
  number_input: { key: 'value', initial: 'initial_value' },
  rich_text_input: { key: 'rich_text_value', initial: 'initial_value' },
  static_select: { key: 'selected_option', initial: 'initial_option', options: true },
  external_select: { key: 'selected_option', initial: 'initial_option' },
  radio_buttons: { key: 'selected_option', initial: 'initial_option', options: true },
  users_select: { key: 'selected_user', initial: 'initial_user' },
  conversations_select: { key: 'selected_conversation', initial: 'initial_conversation' },
  channels_select: { key: 'selected_channel', initial: 'initial_channel' },
  multi_static_select: { key: 'selected_options', initial: 'initial_options', many: true, options: true },
  multi_external_select: { key: 'selected_options', initial: 'initial_options', many: true },
  checkboxes: { key: 'selected_options', initial: 'initial_options', many: true, options: true },
  multi_users_select: { key: 'selected_users', initial: 'initial_users', many: true },
  multi_conversations_select: { key: 'selected_conversations', initial: 'initial_conversations', many: true },
  multi_channels_select: { key: 'selected_channels', initial: 'initial_channels', many: true },
  datepicker: { key: 'selected_date', initial: 'initial_date' },
  timepicker: { key: 'selected_time', initial: 'initial_time' },
  datetimepicker: { key: 'selected_date_time', initial: 'initial_date_time' },
  file_input: { key: 'files', initial: 'initial_files', many: true },
};

const OVERFLOW: StateShape = { key: 'selected_option', initial: '', options: true };

function labelOf(option: JsonObject): string {
  return isObject(option['text']) ? str(option['text']['text']) : '';
}

function chooseOption(element: JsonObject, wanted: Json): Json {
  const offered = optionsOf(element);
  const found = offered.find((option) => option['value'] === wanted || labelOf(option) === wanted);
  if (found) return found;
  const labels = offered.map((option) => `"${labelOf(option)}" (${str(option['value'])})`).join(', ');
  throw new Error(
    `${JSON.stringify(wanted)} is not offered by ${str(element['action_id'])}; it offers ${labels || 'nothing'}`,
  );
}

/**
 * The state of an element after a person chose `value`.
 * @throws when an option is not offered: a person could not have chosen it.
 */
export function chosen(element: JsonObject, value: InputValue): JsonObject {
  const type = str(element['type']);
  const shape = type === 'overflow' ? OVERFLOW : STATE[type];
  if (!shape) throw new Error(`a ${type} takes no value`);
  const one = (item: Json): Json => (shape.options && item !== null ? chooseOption(element, item) : item);
  if (shape.many) {
    const items: Json[] = Array.isArray(value)
      ? [...(value as readonly string[])]
      : value === null
        ? []
        : [value as string];
    return { type, [shape.key]: items.map(one) };
  }
  // Slack sends numbers of a number input as text.
  const single = type === 'number_input' && typeof value === 'number' ? String(value) : (value as Json);
  return { type, [shape.key]: one(single) };
}

/** True when the state of an input holds nothing: a required one cannot be submitted. */
export function isEmpty(state: JsonObject): boolean {
  const shape = STATE[str(state['type'])];
  const value = shape ? state[shape.key] : undefined;
  return (
    value === undefined || value === null || value === '' || (Array.isArray(value) && value.length === 0)
  );
}

/** The state of one element: what the person chose, else what it started with; undefined for a button. */
function stateOfElement(element: JsonObject, blockId: string, choices: JsonObject): JsonObject | undefined {
  const shape = STATE[str(element['type'])];
  if (!shape) return undefined;
  const block = choices[blockId];
  const choice = isObject(block) ? block[str(element['action_id'])] : undefined;
  // A choice survives an update of the view only while the element keeps its ids and its kind.
  if (isObject(choice) && choice['type'] === element['type']) return choice;
  return { type: element['type'], [shape.key]: element[shape.initial] ?? (shape.many ? [] : null) };
}

/** `state.values` of a view or message: block_id → action_id → state, for everything that holds a value. */
export function stateOf(blocks: Json | undefined, choices: JsonObject): JsonObject {
  const values: JsonObject = {};
  for (const block of list(blocks).filter(isObject)) {
    const blockId = str(block['block_id']);
    const states: JsonObject = {};
    for (const element of interactiveElements(block)) {
      const state = stateOfElement(element, blockId, choices);
      if (state) states[str(element['action_id'])] = state;
    }
    if (Object.keys(states).length > 0) values[blockId] = states;
  }
  return values;
}

/** The same choices with one more. */
export function withChoice(
  choices: JsonObject,
  blockId: string,
  actionId: string,
  state: JsonObject,
): JsonObject {
  const block = choices[blockId];
  return { ...choices, [blockId]: { ...(isObject(block) ? block : {}), [actionId]: state } };
}
