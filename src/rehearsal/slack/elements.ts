import type {
  ActionsBlockElement,
  ContextBlockElement,
  InputBlockElement,
  SectionBlockAccessory,
} from '@slack/types';
import { isObject, type JsonObject, list, str } from './json.ts';
import {
  anything,
  checkObject,
  flag,
  integer,
  listOf,
  object,
  oneOf,
  plain,
  type Report,
  type Rule,
  refuse,
  type Spec,
  string,
  text,
} from './rules.ts';

type ElementType = Exclude<
  (ActionsBlockElement | ContextBlockElement | InputBlockElement | SectionBlockAccessory)['type'],
  'plain_text' | 'mrkdwn'
>;

// Limits: docs.slack.dev/reference/block-kit (block elements, composition objects), as of @slack/types 3.2.0.
const confirm = object(['text'], {
  title: plain(100),
  text: text(300),
  confirm: plain(30),
  deny: plain(30),
  style: oneOf('primary', 'danger'),
});

const optionFields = { value: string(150), url: string(3000) };
const plainOption = object(['text', 'value'], { ...optionFields, text: plain(75), description: plain(75) });
const richOption = object(['text', 'value'], { ...optionFields, text: text(75), description: text(75) });
const group = object(['label', 'options'], { label: plain(75), options: listOf(plainOption, 1, 100) });

const base: Readonly<Record<string, Rule>> = { type: anything, action_id: string(255) };
const confirmable = { ...base, confirm };
const focusable = { ...confirmable, focus_on_load: flag };
const menu = { ...focusable, placeholder: plain(150) };
const many = { ...menu, max_selected_items: integer(1, 1000) };
const typed = {
  ...base,
  placeholder: plain(150),
  focus_on_load: flag,
  dispatch_action_config: object([], {
    trigger_actions_on: listOf(oneOf('on_enter_pressed', 'on_character_entered'), 1, 2),
  }),
};
const staticOptions = { options: listOf(plainOption, 1, 100), option_groups: listOf(group, 1, 100) };
const conversation = { default_to_current_conversation: flag, filter: anything };
const ids = listOf(string(255), 1, 1000);

function spec(fields: Readonly<Record<string, Rule>>, ...required: string[]): Spec {
  return { required: ['type', ...required], fields };
}

const ELEMENTS: Readonly<Record<ElementType, Spec>> = {
  button: spec(
    {
      ...confirmable,
      text: plain(75),
      value: string(2000, 0),
      url: string(3000),
      style: oneOf('primary', 'danger'),
      accessibility_label: string(75),
    },
    'text',
  ),
  workflow_button: spec(
    {
      ...confirmable,
      text: plain(75),
      workflow: anything,
      style: oneOf('primary', 'danger'),
      accessibility_label: string(75),
    },
    'text',
    'workflow',
  ),
  checkboxes: spec(
    { ...focusable, options: listOf(richOption, 1, 10), initial_options: listOf(richOption, 1, 10) },
    'options',
  ),
  radio_buttons: spec(
    { ...focusable, options: listOf(richOption, 1, 10), initial_option: richOption },
    'options',
  ),
  overflow: spec({ ...confirmable, options: listOf(plainOption, 1, 5) }, 'options'),
  static_select: spec({ ...menu, ...staticOptions, initial_option: plainOption }),
  multi_static_select: spec({ ...many, ...staticOptions, initial_options: listOf(plainOption, 1, 100) }),
  external_select: spec({ ...menu, initial_option: plainOption, min_query_length: integer(0, 100) }),
  multi_external_select: spec({
    ...many,
    initial_options: listOf(plainOption, 1, 100),
    min_query_length: integer(0, 100),
  }),
  users_select: spec({ ...menu, initial_user: string(255) }),
  multi_users_select: spec({ ...many, initial_users: ids }),
  conversations_select: spec({
    ...menu,
    ...conversation,
    initial_conversation: string(255),
    response_url_enabled: flag,
  }),
  multi_conversations_select: spec({ ...many, ...conversation, initial_conversations: ids }),
  channels_select: spec({ ...menu, initial_channel: string(255), response_url_enabled: flag }),
  multi_channels_select: spec({ ...many, initial_channels: ids }),
  datepicker: spec({ ...menu, initial_date: string(10) }),
  timepicker: spec({ ...menu, initial_time: string(5), timezone: string(255) }),
  datetimepicker: spec({ ...focusable, initial_date_time: integer(1_000_000_000, 9_999_999_999) }),
  image: spec(
    { type: anything, alt_text: string(2000), image_url: string(3000), slack_file: anything },
    'alt_text',
  ),
  plain_text_input: spec({
    ...typed,
    initial_value: string(3000, 0),
    multiline: flag,
    min_length: integer(0, 3000),
    max_length: integer(1, 3000),
  }),
  email_text_input: spec({ ...typed, initial_value: string(3000, 0) }),
  url_text_input: spec({ ...typed, initial_value: string(3000, 0) }),
  number_input: spec(
    {
      ...typed,
      is_decimal_allowed: flag,
      initial_value: string(255),
      min_value: string(255),
      max_value: string(255),
    },
    'is_decimal_allowed',
  ),
  rich_text_input: spec({
    ...typed,
    initial_value: anything,
    min_lines: integer(1, 100),
    max_lines: integer(1, 100),
  }),
  file_input: spec({ ...base, filetypes: listOf(string(20), 1, 100), max_files: integer(1, 10) }),
};

const SINGLE: readonly ElementType[] = [
  'static_select',
  'external_select',
  'users_select',
  'conversations_select',
  'channels_select',
];
const MULTIPLE: readonly ElementType[] = [
  'multi_static_select',
  'multi_external_select',
  'multi_users_select',
  'multi_conversations_select',
  'multi_channels_select',
];
const PICKERS: readonly ElementType[] = ['datepicker', 'timepicker', 'checkboxes', 'radio_buttons'];

/** Which elements each kind of block takes. */
export const ALLOWED = {
  // Multi-selects are typed for actions blocks, but Slack answers "unsupported element: multiselect" to them there.
  actions: [
    'button',
    'workflow_button',
    'overflow',
    'datetimepicker',
    'rich_text_input',
    ...SINGLE,
    ...PICKERS,
  ],
  section: ['button', 'workflow_button', 'overflow', 'image', ...SINGLE, ...MULTIPLE, ...PICKERS],
  input: [
    'plain_text_input',
    'email_text_input',
    'url_text_input',
    'number_input',
    'rich_text_input',
    'file_input',
    'datetimepicker',
    ...SINGLE,
    ...MULTIPLE,
    ...PICKERS,
  ],
} satisfies Record<string, readonly ElementType[]>;

function sameOption(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

/** The options of a menu, those inside groups included. */
export function optionsOf(element: JsonObject): JsonObject[] {
  const grouped = list(element['option_groups']).flatMap((item) =>
    isObject(item) ? list(item['options']) : [],
  );
  return [...list(element['options']), ...grouped].filter(isObject);
}

function checkMenu(element: JsonObject, at: string, report: Report): void {
  const type = str(element['type']);
  if (
    type.endsWith('static_select') &&
    (element['options'] === undefined) === (element['option_groups'] === undefined)
  ) {
    refuse(report, 'must define either `options` or `option_groups`', at);
  }
  if (type.includes('external')) return;
  const chosen = [element['initial_option'], ...list(element['initial_options'])].filter(
    (option) => option !== undefined,
  );
  const offered = optionsOf(element);
  if (chosen.some((option) => !offered.some((other) => sameOption(option, other)))) {
    refuse(
      report,
      'must match one of the options',
      `${at}/initial_option${Array.isArray(element['initial_options']) ? 's' : ''}`,
    );
  }
}

/** An interactive element of one of the `allowed` types. */
export function element(allowed: readonly ElementType[]): Rule {
  return (value, at, report) => {
    const type = isObject(value) ? str(value['type']) : '';
    if (!isObject(value) || !allowed.some((known) => known === type)) {
      refuse(report, `unsupported element: ${type || 'none'}`, at);
      return;
    }
    if (type === 'image' && (value['image_url'] === undefined) === (value['slack_file'] === undefined)) {
      refuse(report, 'must define either `image_url` or `slack_file`', at);
    }
    if (type === 'file_input' && report.surface !== 'modal')
      refuse(report, `unsupported element: ${type}`, at);
    checkObject(value, ELEMENTS[type as ElementType], at, report);
    checkMenu(value, at, report);
  };
}

/** What a context block takes: text or a small image. */
export const contextElement: Rule = (value, at, report) => {
  const isImage = isObject(value) && value['type'] === 'image';
  (isImage ? element(['image']) : text(3000))(value, at, report);
};
