/** Block Kit as HTML: every word escaped, links http(s) only, nothing fetched. Pure; styles are the page's. */

import type {
  ContextBlockElement,
  ImageBlock,
  ImageElement,
  InputBlock,
  KnownBlock,
  RawNumberElement,
  RawTextElement,
  RichTextBlock,
  RichTextBlockElement,
  RichTextElement,
} from '@slack/types';
import { controlHtml, controlId, unshown } from './controls.ts';
import type { Drawing } from './drawing.ts';
import { escapeHtml, mrkdwnHtml, textHtml } from './mrkdwn.ts';

/** The blocks of a message or view, one element each. What a rehearsal never shows stands as its name, so that it is not missed. */
export const blocksHtml = (blocks: readonly KnownBlock[], drawing: Drawing): string =>
  blocks.map((block, index) => blockHtml(block, index, drawing)).join('\n');

function blockHtml(block: KnownBlock, index: number, drawing: Drawing): string {
  const { names } = drawing;
  const blockId = block.block_id ?? '';
  const place = (element: number, label: string) => ({
    blockId,
    at: `${index}-${element}`,
    label,
    waits: false,
    isRequired: false,
  });
  switch (block.type) {
    case 'header':
      return `<h3 class="header">${textHtml(block.text, names)}</h3>`;
    case 'section': {
      const fields = (block.fields ?? []).map((field) => `<div>${textHtml(field, names)}</div>`).join('');
      const words = block.text?.text.replace(/[*_`~]/g, '').slice(0, 80) ?? 'Choose';
      const accessory =
        block.accessory === undefined
          ? ''
          : block.accessory.type === 'image'
            ? pictureHtml(block.accessory, drawing)
            : controlHtml(block.accessory, place(0, words), drawing);
      return [
        '<div class="section">',
        block.text === undefined ? '' : `<div>${textHtml(block.text, names)}</div>`,
        fields === '' ? '' : `<div class="fields">${fields}</div>`,
        accessory,
        '</div>',
      ].join('');
    }
    case 'context': {
      const parts = block.elements.map((element) => `<span>${contextHtml(element, drawing)}</span>`);
      return `<div class="context">${parts.join('')}</div>`;
    }
    case 'actions': {
      const controls = block.elements.map((element, at) => {
        const label = 'placeholder' in element ? (element.placeholder?.text ?? 'Choose') : 'Choose';
        return controlHtml(element, place(at, label), drawing);
      });
      return `<div class="actions">${controls.join('')}</div>`;
    }
    case 'input':
      return inputHtml(block, index, drawing);
    case 'divider':
      return '<hr class="divider">';
    case 'image':
      return pictureHtml(block, drawing);
    case 'markdown':
      return `<div class="markdown">${markdownHtml(block.text)}</div>`;
    case 'rich_text':
      return richHtml(block, drawing);
    case 'table':
      return tableHtml(block.rows, '', drawing);
    case 'data_table':
      return tableHtml(block.rows, `<caption>${escapeHtml(block.caption)}</caption>`, drawing);
    case 'alert':
    case 'card':
    case 'carousel':
    case 'container':
    case 'context_actions':
    case 'file':
    case 'plan':
    case 'task_card':
    case 'video':
      return unshown(block.type);
    default: {
      const unknown: never = block;
      return unshown(String((unknown as { type?: unknown }).type));
    }
  }
}

/** Only what was uploaded here is shown: an address elsewhere is never asked. */
function pictureHtml(image: ImageElement | ImageBlock, drawing: Drawing): string {
  const file = 'slack_file' in image && 'id' in image.slack_file ? image.slack_file.id : null;
  const data = file === null ? null : drawing.image(file);
  const title = 'title' in image && image.title !== undefined ? escapeHtml(image.title.text) : '';
  if (data === null) return unshown(`image: ${image.alt_text}`);
  return `<figure>${title === '' ? '' : `<figcaption>${title}</figcaption>`}<img src="${escapeHtml(data)}" alt="${escapeHtml(image.alt_text)}"></figure>`;
}

function contextHtml(element: ContextBlockElement, drawing: Drawing): string {
  return element.type === 'image'
    ? `<span class="unshown">image: ${escapeHtml(element.alt_text)}</span>`
    : textHtml(element, drawing.names);
}

function inputHtml(block: InputBlock, index: number, drawing: Drawing): string {
  const blockId = block.block_id ?? '';
  const isGroup = block.element.type === 'radio_buttons' || block.element.type === 'checkboxes';
  const error = drawing.errors[blockId];
  const control = controlHtml(
    block.element,
    {
      blockId,
      at: `${index}-0`,
      label: isGroup ? block.label.text : '',
      waits: block.dispatch_action !== true,
      isRequired: block.optional !== true,
    },
    drawing,
  );
  const words = `${escapeHtml(block.label.text)}${block.optional === true ? ' <small>(optional)</small>' : ''}`;
  const id = controlId(block.element.action_id, `${index}-0`, drawing);
  return [
    `<div class="input${error === undefined ? '' : ' wrong'}">`,
    isGroup || id === undefined
      ? `<div class="label">${words}</div>`
      : `<label class="label" for="${escapeHtml(id)}">${words}</label>`,
    control,
    error === undefined ? '' : `<p class="error" role="alert">${escapeHtml(error)}</p>`,
    block.hint === undefined ? '' : `<p class="hint">${escapeHtml(block.hint.text)}</p>`,
    '</div>',
  ].join('');
}

/** Markdown's bold, code and headings; the rest stands as it was written. */
function markdownHtml(text: string): string {
  return escapeHtml(text)
    .replace(/^#{1,6} (.+)$/gm, '<b>$1</b>')
    .replace(/\*\*([^*\n]+)\*\*/g, '<b>$1</b>')
    .replace(/`([^`\n]+)`/g, '<code>$1</code>')
    .replaceAll('\n', '<br>');
}

type Cell = RawTextElement | RawNumberElement | RichTextBlock;

/** The first row is the head. */
function tableHtml(rows: readonly (readonly Cell[])[], caption: string, drawing: Drawing): string {
  const cell = (one: Cell) =>
    one.type === 'rich_text'
      ? richHtml(one, drawing)
      : one.type === 'raw_number'
        ? `<span class="number">${escapeHtml(one.text)}</span>`
        : escapeHtml(one.text);
  const row = (tag: 'th' | 'td') => (cells: readonly Cell[]) =>
    `<tr>${cells.map((one) => `<${tag}>${cell(one)}</${tag}>`).join('')}</tr>`;
  const [head = [], ...body] = rows;
  return `<table class="table">${caption}<thead>${row('th')(head)}</thead><tbody>${body.map(row('td')).join('')}</tbody></table>`;
}

function richHtml(block: RichTextBlock, drawing: Drawing): string {
  return `<div class="rich">${block.elements.map((part) => richPart(part, drawing)).join('')}</div>`;
}

function richPart(part: RichTextBlockElement, drawing: Drawing): string {
  switch (part.type) {
    case 'rich_text_section':
      return `<div>${richWords(part.elements, drawing)}</div>`;
    case 'rich_text_quote':
      return `<blockquote>${richWords(part.elements, drawing)}</blockquote>`;
    case 'rich_text_preformatted':
      return `<pre>${richWords(part.elements, drawing)}</pre>`;
    case 'rich_text_list': {
      const tag = part.style === 'ordered' ? 'ol' : 'ul';
      return `<${tag}>${part.elements.map((item) => `<li>${richWords(item.elements, drawing)}</li>`).join('')}</${tag}>`;
    }
    default: {
      const unknown: never = part;
      return unshown(String((unknown as { type?: unknown }).type));
    }
  }
}

/** Rich text has mrkdwn's references under other names. */
function richWords(elements: readonly RichTextElement[], drawing: Drawing): string {
  const reference = (inner: string) => mrkdwnHtml(`<${inner}>`, drawing.names);
  return elements
    .map((element) => {
      switch (element.type) {
        case 'text': {
          const words = escapeHtml(element.text).replaceAll('\n', '<br>');
          const { bold = false, code = false, italic = false } = element.style ?? {};
          const inner = code ? `<code>${words}</code>` : words;
          const slanted = italic ? `<i>${inner}</i>` : inner;
          return bold ? `<b>${slanted}</b>` : slanted;
        }
        case 'link':
          return reference(
            `${element.url.replace(/[<>|\n]/g, '')}|${(element.text ?? element.url).replace(/[<>\n]/g, '')}`,
          );
        case 'user':
          return reference(`@${element.user_id.replace(/[<>|\n]/g, '')}`);
        case 'channel':
          return reference(`#${element.channel_id.replace(/[<>|\n]/g, '')}`);
        case 'usergroup':
          return reference(`!subteam^${element.usergroup_id.replace(/[<>|\n]/g, '')}`);
        case 'broadcast':
          return reference(`!${element.range}`);
        case 'emoji':
          return escapeHtml(`:${element.name}:`);
        case 'date':
          return escapeHtml(element.fallback ?? new Date(element.timestamp * 1_000).toISOString());
        case 'color':
          return escapeHtml(element.value);
        case 'team':
          return escapeHtml(element.team_id);
        default: {
          const unknown: never = element;
          return unshown(String((unknown as { type?: unknown }).type));
        }
      }
    })
    .join('');
}
