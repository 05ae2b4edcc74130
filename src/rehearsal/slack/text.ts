import { isObject, type Json, type JsonObject, list, str } from './json.ts';

/** Names for the ids in mrkdwn. */
export interface Names {
  readonly user: (id: string) => string;
  readonly channel: (id: string) => string;
  readonly usergroup: (id: string) => string;
}

const BROADCAST: Readonly<Record<string, string>> = {
  '!channel': '@channel',
  '!here': '@here',
  '!everyone': '@everyone',
};

function reference(inner: string, names: Names): string {
  const [target = '', label] = inner.split(/\|(.*)/s);
  if (target.startsWith('@')) return `@${label || names.user(target.slice(1))}`;
  if (target.startsWith('#')) return `#${label || names.channel(target.slice(1))}`;
  if (target.startsWith('!subteam^'))
    return `@${label?.replace(/^@/, '') || names.usergroup(target.slice(9))}`;
  if (target.startsWith('!')) return label ?? BROADCAST[target] ?? target;
  return label || target;
}

// Slack bolds only where the marks stand at the edge of a word; anything looser would eat "2 * 3 * 4" and "a_b_c".
const EMPHASIS = /(^|[\s([{"'—–-])([*_~])(?=\S)([^\n]*?\S)\2(?=$|[\s.,;:!?)\]}"'—–-])/gm;

function unescapeEntities(text: string): string {
  return text.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&');
}

/** What a person reads of a mrkdwn text: links and mentions reduced to their words, marks of emphasis gone. */
export function mrkdwnAsText(text: string, names: Names): string {
  const parts = text.split(/(```[\s\S]*?```|`[^`\n]+`)/);
  const read = parts.map((part, index) => {
    const isCode = index % 2 === 1;
    let plain = isCode ? part.replace(/^`+|`+$/g, '') : part;
    if (!isCode) for (let nested = 0; nested < 3; nested += 1) plain = plain.replace(EMPHASIS, '$1$3');
    return plain.replace(/<([^<>\n]+)>/g, (_, inner: string) => reference(inner, names));
  });
  return unescapeEntities(read.join(''));
}

/** What a person reads of a text object; plain_text is shown as it stands. */
function textObject(value: Json | undefined, names: Names): string {
  if (!isObject(value)) return '';
  return value['type'] === 'mrkdwn' ? mrkdwnAsText(str(value['text']), names) : str(value['text']);
}

function richText(node: JsonObject, names: Names): string {
  switch (str(node['type'])) {
    case 'text':
      return str(node['text']);
    case 'link':
      return str(node['text']) || str(node['url']);
    case 'user':
      return `@${names.user(str(node['user_id']))}`;
    case 'usergroup':
      return `@${names.usergroup(str(node['usergroup_id']))}`;
    case 'channel':
      return `#${names.channel(str(node['channel_id']))}`;
    case 'broadcast':
      return `@${str(node['range'])}`;
    case 'emoji':
      return `:${str(node['name'])}:`;
    case 'rich_text_list':
      return objects(node['elements'])
        .map(
          (item, index) => `${node['style'] === 'ordered' ? `${index + 1}.` : '•'} ${richText(item, names)}`,
        )
        .join('\n');
    default: {
      const inner = objects(node['elements']).map((item) => richText(item, names));
      return inner.join(node['type'] === 'rich_text' ? '\n' : '');
    }
  }
}

function objects(value: Json | undefined): JsonObject[] {
  return list(value).filter(isObject);
}

/** A control as a person sees it: `[Label]`, `[Choose… ▾]`. */
function element(value: Json | undefined, names: Names): string {
  if (!isObject(value)) return '';
  switch (str(value['type'])) {
    case 'mrkdwn':
    case 'plain_text':
      return textObject(value, names);
    case 'image':
      return `(image: ${str(value['alt_text'])})`;
    case 'button':
    case 'workflow_button':
      return `[${textObject(value['text'], names)}]`;
    case 'overflow':
      return `[⋯ ${optionLabels(value['options'], names)}]`;
    case 'checkboxes':
    case 'radio_buttons':
      return `[${optionLabels(value['options'], names)}]`;
    default: {
      const initial = isObject(value['initial_option'])
        ? textObject(value['initial_option']['text'], names)
        : '';
      const shown = initial || str(value['initial_value']) || textObject(value['placeholder'], names);
      return `[${shown || str(value['type'])}${str(value['type']).endsWith('_select') ? ' ▾' : ''}]`;
    }
  }
}

function optionLabels(options: Json | undefined, names: Names): string {
  return objects(options)
    .map((option) => textObject(option['text'], names))
    .join(' | ');
}

function block(value: JsonObject, names: Names): string {
  const join = (key: string, by: string): string =>
    list(value[key])
      .map((item) => element(item, names))
      .filter((shown) => shown !== '')
      .join(by);
  switch (str(value['type'])) {
    case 'section':
      return [textObject(value['text'], names), join('fields', '\n'), element(value['accessory'], names)]
        .filter((part) => part !== '')
        .join('\n');
    case 'header':
    case 'alert':
      return textObject(value['text'], names);
    case 'markdown':
      return str(value['text']);
    case 'context':
    case 'actions':
      return join('elements', ' ');
    case 'divider':
      return '───';
    case 'image':
      return `${textObject(value['title'], names)}(image: ${str(value['alt_text'])})`;
    case 'input':
      return `${textObject(value['label'], names)}: ${element(value['element'], names)}`;
    case 'rich_text':
      return richText(value, names);
    case 'table':
      return list(value['rows'])
        .map((row) =>
          objects(row)
            .map((cell) => (cell['type'] === 'rich_text' ? richText(cell, names) : str(cell['text'])))
            .join(' | '),
        )
        .join('\n');
    case 'video':
      return `${textObject(value['title'], names)} (video: ${str(value['alt_text'])})`;
    default:
      return `(${str(value['type'])})`;
  }
}

/** What a person sees of a list of blocks, a line or more each. */
export function blocksAsText(blocks: readonly unknown[], names: Names): string {
  return blocks
    .filter(isObject)
    .map((item) => block(item, names))
    .filter((shown) => shown !== '')
    .join('\n');
}

/** What a person sees of a modal or of the App Home. */
export function viewAsText(view: JsonObject, names: Names): string {
  const controls = ['submit', 'close'].flatMap((key) =>
    isObject(view[key]) ? [`[${textObject(view[key], names)}]`] : [],
  );
  return [textObject(view['title'], names), blocksAsText(list(view['blocks']), names), controls.join(' ')]
    .filter((part) => part !== '')
    .join('\n');
}
