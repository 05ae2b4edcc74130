import type { KnownBlock } from '@slack/types';
import { ALLOWED, contextElement, element } from './elements.ts';
import { isObject, type Json, type JsonObject, list, str } from './json.ts';
import {
  anything,
  checkObject,
  flag,
  listOf,
  oneOf,
  plain,
  type Report,
  type Rule,
  refuse,
  type Spec,
  type Surface,
  string,
  text,
} from './rules.ts';

interface BlockSpec extends Spec {
  readonly surfaces: readonly Surface[];
}

const EVERYWHERE: readonly Surface[] = ['message', 'modal', 'home'];
const common: Readonly<Record<string, Rule>> = { type: anything, block_id: string(255) };

function spec(
  fields: Readonly<Record<string, Rule>>,
  required: readonly string[],
  surfaces: readonly Surface[] = EVERYWHERE,
): BlockSpec {
  return { required: ['type', ...required], fields: { ...common, ...fields }, surfaces };
}

/** Block types that Slack knows and this counterpart does not model: refused, so that nobody believes them tested. */
type Unmodelled = 'card' | 'carousel' | 'container' | 'context_actions' | 'data_table' | 'plan' | 'task_card';

const BLOCKS: Readonly<Record<Exclude<KnownBlock['type'], Unmodelled>, BlockSpec>> = {
  section: spec(
    {
      text: text(3000),
      fields: listOf(text(2000), 1, 10),
      accessory: element(ALLOWED.section),
      expand: flag,
    },
    [],
  ),
  header: spec({ text: plain(150) }, ['text']),
  divider: spec({}, []),
  context: spec({ elements: listOf(contextElement, 1, 10) }, ['elements']),
  actions: spec({ elements: listOf(element(ALLOWED.actions), 1, 25) }, ['elements']),
  image: spec({ alt_text: string(2000), image_url: string(3000), slack_file: anything, title: plain(2000) }, [
    'alt_text',
  ]),
  input: spec(
    {
      label: plain(2000),
      hint: plain(2000),
      optional: flag,
      dispatch_action: flag,
      element: element(ALLOWED.input),
    },
    ['label', 'element'],
  ),
  rich_text: spec({ elements: listOf(anything, 0, 1000) }, ['elements']),
  markdown: spec({ text: string(12_000) }, ['text'], ['message']),
  table: spec(
    { rows: listOf(listOf(anything, 1, 20), 1, 100), column_settings: listOf(anything, 0, 20) },
    ['rows'],
    ['message'],
  ),
  alert: spec(
    { text: text(200), level: oneOf('default', 'info', 'warning', 'error', 'success') },
    ['text'],
    ['message', 'modal'],
  ),
  file: spec({ source: string(255), external_id: string(255) }, ['source', 'external_id'], ['message']),
  video: spec(
    {
      video_url: string(3000),
      thumbnail_url: string(3000),
      alt_text: string(2000),
      title: plain(200),
      title_url: string(3000),
      author_name: string(50),
      provider_name: string(200),
      provider_icon_url: string(3000),
      description: plain(200),
    },
    ['video_url', 'thumbnail_url', 'alt_text', 'title'],
  ),
};

/** The elements of a block that a person can act on. */
export function interactiveElements(block: JsonObject): JsonObject[] {
  const all = [...list(block['elements']), block['accessory'], block['element']].filter(isObject);
  const passive = ['image', 'mrkdwn', 'plain_text'];
  return block['type'] === 'rich_text' ? [] : all.filter((item) => !passive.includes(str(item['type'])));
}

function checkBlock(value: unknown, at: string, report: Report): void {
  const type = isObject(value) ? str(value['type']) : '';
  const known = Object.hasOwn(BLOCKS, type) ? BLOCKS[type as keyof typeof BLOCKS] : undefined;
  if (!isObject(value) || !known?.surfaces.includes(report.surface)) {
    refuse(report, `unsupported type: ${type || 'none'}`, `${at}/type`);
    return;
  }
  checkObject(value, known, at, report);
  if (type === 'section' && value['text'] === undefined && value['fields'] === undefined) {
    refuse(report, 'missing required field: text', at);
  }
  if (type === 'image' && (value['image_url'] === undefined) === (value['slack_file'] === undefined)) {
    refuse(report, 'must define either `image_url` or `slack_file`', at);
  }
  const seen = new Set<string>();
  for (const item of interactiveElements(value)) {
    const id = str(item['action_id']);
    if (id !== '' && seen.has(id)) {
      refuse(report, `\`action_id\` "${id}" already exists for block_id "${str(value['block_id'])}"`, at);
    }
    seen.add(id);
  }
}

function checkBlocks(value: unknown, at: string, max: number, report: Report): void {
  listOf(checkBlock, 0, max)(value, at, report);
  const seen = new Set<string>();
  list(value).forEach((item, index) => {
    const id = isObject(item) ? str(item['block_id']) : '';
    if (id !== '' && seen.has(id))
      refuse(report, `\`block_id\` "${id}" already exists`, `${at}/${index}/block_id`);
    seen.add(id);
  });
}

/** What Slack would refuse about the blocks of a message; empty when it would take them. */
export function problemsOfMessage(blocks: unknown): string[] {
  const report: Report = { surface: 'message', problems: [] };
  checkBlocks(blocks, '/blocks', 50, report);
  const markdown = list(blocks).reduce<number>(
    (sum, item) => sum + (isObject(item) && item['type'] === 'markdown' ? str(item['text']).length : 0),
    0,
  );
  if (markdown > 12_000)
    refuse(report, 'must be less than 12001 characters in all markdown blocks', '/blocks');
  return report.problems;
}

const view = {
  type: anything,
  callback_id: string(255, 0),
  external_id: string(255, 0),
  private_metadata: string(3000, 0),
};
const HOME: Spec = { required: ['type', 'blocks'], fields: { ...view, blocks: anything } };
const MODAL: Spec = {
  required: ['type', 'title', 'blocks'],
  fields: {
    ...view,
    blocks: anything,
    title: plain(24),
    submit: plain(24),
    close: plain(24),
    clear_on_close: flag,
    notify_on_close: flag,
    submit_disabled: flag,
  },
};

/** What Slack would refuse about a modal or home view; empty when it would take it. */
export function problemsOfView(value: unknown, surface: 'modal' | 'home'): string[] {
  const report: Report = { surface, problems: [] };
  if (!isObject(value) || value['type'] !== surface) {
    refuse(report, `must be one of ${surface}`, '/view/type');
    return report.problems;
  }
  checkObject(value, surface === 'modal' ? MODAL : HOME, '/view', report);
  checkBlocks(value['blocks'], '/view/blocks', 100, report);
  list(value['blocks']).forEach((item, index) => {
    if (surface === 'modal' && isObject(item) && item['type'] === 'input' && value['submit'] === undefined) {
      refuse(report, 'must define `submit` to use an `input` block in modals', `/view/blocks/${index}/input`);
    }
  });
  return report.problems;
}

/** The same blocks with the block_id and action_id that Slack makes up where they were left out. */
export function withIds(blocks: readonly Json[], nextId: () => string): KnownBlock[] {
  return blocks.filter(isObject).map((item) => {
    const named = (value: Json): Json =>
      isObject(value) && interactiveElements({ elements: [value] }).length > 0
        ? { ...value, action_id: value['action_id'] ?? nextId() }
        : value;
    const copy: JsonObject = { ...item, block_id: item['block_id'] ?? nextId() };
    if (item['type'] === 'actions') copy['elements'] = list(item['elements']).map(named);
    if (item['accessory'] !== undefined) copy['accessory'] = named(item['accessory']);
    if (item['element'] !== undefined) copy['element'] = named(item['element']);
    return copy as unknown as KnownBlock;
  });
}
