/** Slack's mrkdwn as HTML: every word escaped, links http(s) only, nothing fetched. Pure. */

import type { Names } from '../../slack/text.ts';

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Any text as HTML, safe between tags and inside a quoted attribute. */
export const escapeHtml = (text: string): string => text.replace(/[&<>"']/g, (mark) => ENTITIES[mark] ?? '');

/** A text object: mrkdwn, or words as they stand. */
export function textHtml(text: { type: string; text: string }, names: Names): string {
  return text.type === 'mrkdwn' ? mrkdwnHtml(text.text, names) : lines(escapeHtml(text.text));
}

/** New lines kept. Takes HTML. */
const lines = (html: string): string => html.replaceAll('\n', '<br>');

/** Marks of emphasis, and what they become. */
const EMPHASIS: Readonly<Record<string, string>> = { '*': 'b', _: 'i', '~': 's' };
/** Slack emphasises only where the marks stand at a word's edge: `2 * 3 * 4` and `a_b_c` stay as they are. */
const OPENS_AFTER = /[\s([{"'“—–-]/;
const CLOSES_BEFORE = /[\s.,;:!?)\]}"'”—–-]/;
const DEPTH = 3;

/** Slack's mrkdwn. Its own escapes are undone, and everything is escaped again for HTML. */
export const mrkdwnHtml = (text: string, names: Names): string => lines(inline(text, names, 0));

function inline(text: string, names: Names, depth: number): string {
  const html: string[] = [];
  let at = 0;
  while (at < text.length) {
    const found = span(text, at, names, depth);
    html.push(found.html);
    at = found.end;
  }
  return html.join('');
}

/** What stands at one place: code, a reference, an emphasis, an escape, or one character. */
function span(text: string, at: number, names: Names, depth: number): { html: string; end: number } {
  const mark = text[at] ?? '';
  const rest = text.slice(at);
  if (mark === '`') {
    const code = /^```([\s\S]+?)```/.exec(rest) ?? /^`([^`\n]+)`/.exec(rest);
    if (code !== null) {
      const tag = code[0].startsWith('```') ? 'pre' : 'code';
      return { html: `<${tag}>${escapeHtml(unescape(code[1] ?? ''))}</${tag}>`, end: at + code[0].length };
    }
  }
  if (mark === '<') {
    const reference = /^<([^<>\n]+)>/.exec(rest);
    if (reference !== null)
      return { html: referenceHtml(reference[1] ?? '', names), end: at + reference[0].length };
  }
  const tag = EMPHASIS[mark];
  if (tag !== undefined && depth < DEPTH && (at === 0 || OPENS_AFTER.test(text[at - 1] ?? ''))) {
    const end = closing(text, at, mark);
    if (end !== null) {
      const inner = inline(text.slice(at + 1, end), names, depth + 1);
      return { html: `<${tag}>${inner}</${tag}>`, end: end + 1 };
    }
  }
  if (mark === '&') {
    const escape = /^&(?:amp|lt|gt);/.exec(rest);
    if (escape !== null) return { html: escape[0], end: at + escape[0].length };
  }
  return { html: escapeHtml(mark), end: at + 1 };
}

/** Where an emphasis that opens at `open` ends, on the same line, or null. */
function closing(text: string, open: number, mark: string): number | null {
  if (/\s/.test(text[open + 1] ?? ' ')) return null;
  for (let at = open + 2; at < text.length && text[at] !== '\n'; at += 1) {
    const after = text[at + 1];
    const isEdge = after === undefined || CLOSES_BEFORE.test(after) || EMPHASIS[after] !== undefined;
    if (text[at] === mark && isEdge && !/\s/.test(text[at - 1] ?? ' ')) return at;
  }
  return null;
}

const unescape = (text: string): string =>
  text.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&');

/** `<@U1>`, `<#C1>`, `<!subteam^S1>`, `<!here>`, `<https://…|words>`: what is inside the angle brackets. */
function referenceHtml(inner: string, names: Names): string {
  const bar = inner.indexOf('|');
  const target = bar === -1 ? inner : inner.slice(0, bar);
  const label = bar === -1 ? '' : unescape(inner.slice(bar + 1));
  const mention = (words: string) => `<span class="mention">${escapeHtml(words)}</span>`;
  if (target.startsWith('@')) return mention(`@${label || names.user(target.slice(1))}`);
  if (target.startsWith('#')) return mention(`#${label || names.channel(target.slice(1))}`);
  if (target.startsWith('!subteam^'))
    return mention(`@${label.replace(/^@/, '') || names.usergroup(target.slice('!subteam^'.length))}`);
  if (target.startsWith('!date^')) return dateHtml(target, label);
  if (target.startsWith('!')) return mention(label || `@${target.slice(1)}`);
  const address = unescape(target);
  const words = escapeHtml(label || address);
  return isWebAddress(address)
    ? `<a href="${escapeHtml(address)}" rel="noreferrer noopener">${words}</a>`
    : words;
}

function isWebAddress(address: string): boolean {
  if (!URL.canParse(address)) return false;
  const { protocol } = new URL(address);
  return protocol === 'http:' || protocol === 'https:';
}

const two = (value: number): string => String(value).padStart(2, '0');

/** `!date^1392734382^{date_num} {time_secs}`: a moment, as Slack writes it for the reader; this desk's readers are in UTC. */
function dateHtml(target: string, fallback: string): string {
  const [, seconds = '', format = ''] = target.split('^');
  const at = new Date(Number(seconds) * 1_000);
  if (seconds === '' || Number.isNaN(at.getTime())) return escapeHtml(fallback || target);
  const date = at.toISOString().slice(0, 10);
  const time = `${two(at.getUTCHours())}:${two(at.getUTCMinutes())}`;
  const words = format
    .replace(/\{date[a-z_]*\}/g, date)
    .replaceAll('{time_secs}', `${time}:${two(at.getUTCSeconds())} UTC`)
    .replaceAll('{time}', `${time} UTC`)
    .replace(/\{[a-z_]+\}/g, `${date} ${time} UTC`);
  return `<time datetime="${at.toISOString()}">${escapeHtml(unescape(words))}</time>`;
}
