/**
 * Text templates that the desk may edit. Every value is escaped for the kind of text that it lands in, whatever the
 * template says: text from an alert or a person never becomes a link, a mention, markup, HTML or a formula.
 */

import { setImmediate as turn } from 'node:timers/promises';
import { Liquid, LiquidError } from 'liquidjs';

/** What a template makes. A `subject` is one line. */
export type TemplateKind = 'markdown' | 'html' | 'text' | 'subject';

const MAX_VALUE = 3000;
const LOOKED_AT = 10 * MAX_VALUE;
const MAX_SUBJECT = 200;

/** Text that a filter has already made safe for its kind. */
class Safe {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

/**
 * One line of plain text: no control, bidirectional or invisible characters, no lone surrogates, line breaks as spaces,
 * at most 3,000 characters with the number of those cut.
 */
export function cleanLine(text: string): string {
  // What is cut anyway costs nothing: a reason may be megabytes of somebody's HTML.
  const line = text
    .slice(0, LOOKED_AT)
    .replace(/[\p{Cs}]/gu, '\ufffd')
    .replace(/[\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff\u00ad]|[\u{e0000}-\u{e007f}]/gu, '')
    .replace(/[\p{Cc}\u2028\u2029\s]+/gu, ' ')
    .trim();
  const beyond = Math.max(0, text.length - LOOKED_AT);
  if (line.length <= MAX_VALUE && beyond === 0) return line;
  // Never end within a surrogate pair.
  const kept = line.slice(0, MAX_VALUE).replace(/[\ud800-\udbff]$/, '');
  return `${kept}… (${line.length - kept.length + beyond} more)`;
}

/** A zero-width space, which every viewer shows as nothing, stops it from making links and mentions by itself. */
const unlink = (text: string): string =>
  text
    .replace(/:\/\//g, ':\u200b//')
    .replace(/\b(www)\./gi, '$1\u200b.')
    .replace(/@/g, '@\u200b');

/** A spreadsheet would run a cell that starts so; a plain number may keep its sign. */
const unformula = (text: string): string =>
  /^[=+\-@]/.test(text) && !/^[+-]\d[\d.,]*(?: ?[A-Za-z%]{1,8})?$/.test(text) ? `'${text}` : text;

/** Escape a value for Markdown, inline or in a table cell: nothing in it is markup, and it cannot leave its line. */
export function escapeMarkdown(value: string): string {
  return (
    unlink(cleanLine(value))
      .replace(/[\\`*[\]|~$]/g, '\\$&')
      // An underscore inside a word is no markup: KILL_SWITCH stays readable.
      .replace(/(?<![\p{L}\p{N}])_|_(?![\p{L}\p{N}])/gu, '\\_')
      .replace(/&/g, '&amp;')
      .replace(/</g, '&lt;')
      .replace(/>/g, '&gt;')
      .replace(/^[#+=-]/, '\\$&')
      .replace(/^(\d+)([.)])(?=\s|$)/, '$1\\$2')
  );
}

/** Escape a value for HTML text or a quoted attribute. */
export function escapeHtml(value: string): string {
  return unlink(unformula(cleanLine(value)))
    .replace(/&/g, '&amp;')
    .replace(/</g, '&lt;')
    .replace(/>/g, '&gt;')
    .replace(/"/g, '&quot;')
    .replace(/'/g, '&#39;');
}

/** Make a value safe as plain text in a mail. */
export const escapeText = (value: string): string => unlink(unformula(cleanLine(value)));

const ESCAPES: Record<TemplateKind, (value: string) => string> = {
  markdown: escapeMarkdown,
  html: escapeHtml,
  text: escapeText,
  subject: (value) => cleanLine(value),
};

/** An http(s) address without a user in it, in a form that cannot end the link around it; null for anything else. */
function safeUrl(text: string): string | null {
  if (!URL.canParse(text) || text.length > 2000) return null;
  const url = new URL(text);
  if (!/^https?:$/.test(url.protocol) || url.username !== '' || url.password !== '') return null;
  return url.href.replace(/[()[\]|<>"'`\\*_~]/g, (char) =>
    char === '_' || char === '~'
      ? char
      : `%${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
  );
}

function plain(value: unknown): string {
  if (value === null || value === undefined) return '';
  if (typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  throw new Error('this is a list or a map: print its parts');
}

/** What `said` and `paragraphs` print: a text, and where it is on record. */
interface Said {
  text: string;
  n?: unknown;
  link?: unknown;
  author?: unknown;
  deleted?: unknown;
}

/** Null for a blank. Throws for what is no statement. */
function readSaid(value: unknown): Said | null {
  if (value === null || value === undefined) return null;
  const { text } = value as { text?: unknown };
  if (typeof text !== 'string') throw new Error('this is no statement: print it as it is');
  return text.trim() === '' ? null : { ...value, text };
}

function engine(kind: TemplateKind): Liquid {
  const escape = ESCAPES[kind];
  const safe = (value: unknown): Safe => (value instanceof Safe ? value : new Safe(escape(plain(value))));
  const liquid = new Liquid({
    strictVariables: true,
    strictFilters: true,
    ownPropertyOnly: true,
    outputEscape: (value: unknown) => safe(value).text,
    // No file is ever read: `include`, `render` and `layout` find nothing.
    templates: {},
    parseLimit: 200_000,
    renderLimit: 5_000,
    memoryLimit: 100_000_000,
  });
  // `raw` would switch the escaping off; here it is one more way to say "escape it".
  liquid.registerFilter('raw', safe);
  liquid.registerFilter('md', (value: unknown) => new Safe(escapeMarkdown(plain(value))));
  liquid.registerFilter('html', (value: unknown) => new Safe(escapeHtml(plain(value))));
  liquid.registerFilter('url', (value: unknown) => {
    const url = safeUrl(plain(value));
    if (url === null) return safe(value);
    if (kind === 'markdown') return new Safe(`<${url}>`);
    return new Safe(kind === 'html' ? url.replace(/&/g, '&amp;') : url);
  });
  // A statement with where it is on record; what nobody said stays a visible blank. In `paragraphs` its lines stay lines.
  const todo = (owner: unknown): Safe => new Safe(`TODO (owner: ${escape(plain(owner))})`);
  liquid.registerFilter('said', (value: unknown, owner: unknown) => {
    const said = readSaid(value);
    return said === null ? todo(owner) : new Safe(`${escape(said.text)} ${citeOf(said)}`.trimEnd());
  });
  liquid.registerFilter('paragraphs', (value: unknown, owner: unknown) => {
    const said = typeof value === 'string' ? { text: value } : readSaid(value);
    if (said === null) return todo(owner);
    const lines = said.text
      .split(/\r\n|[\r\n\u2028\u2029]/)
      .map(escape)
      .filter((line) => line !== '');
    return new Safe(`${lines.join('\n\n')} ${citeOf(said)}`.trimEnd());
  });
  /** `(by Ada, event 41)`, the event linked where its address is known. */
  function citeOf({ n, link, author, deleted }: Said): string {
    const url = typeof link === 'string' ? safeUrl(link) : null;
    const event = n === undefined || n === null ? 'its message' : `event ${plain(n)}`;
    const place = url === null ? event : kind === 'markdown' ? `[${event}](${url})` : `${event}, ${url}`;
    const known = url !== null || (n !== undefined && n !== null);
    const parts = [
      ...(typeof author === 'string' && author !== '' ? [`by ${escape(author)}`] : []),
      ...(deleted === true ? ['deleted'] : []),
      ...(known ? [place] : []),
    ];
    return parts.length === 0 ? '' : `(${parts.join(', ')})`;
  }
  // The name of a file beside the text; anything that is more than a plain name leads nowhere.
  liquid.registerFilter('file', (value: unknown) => {
    const name = plain(value);
    return /^[A-Za-z0-9][A-Za-z0-9._-]{0,120}$/.test(name) ? new Safe(name) : safe(value);
  });
  // What nobody said stays a visible blank.
  liquid.registerFilter('todo', (value: unknown, owner: unknown) => {
    const blank = value === null || value === undefined || value === '';
    return blank ? todo(owner) : value;
  });
  return liquid;
}

const ENGINES: Record<TemplateKind, Liquid> = {
  markdown: engine('markdown'),
  html: engine('html'),
  text: engine('text'),
  subject: engine('subject'),
};

export interface TemplateFailure {
  line: number | null;
  column: number | null;
  what: string;
  mend: string;
}

/**
 * Render a template from a view of plain strings, numbers, lists and nulls. Strict: an unknown variable or filter, a
 * list printed whole, and a file to include are failures, with their place in the template. Never throws.
 */
export function renderTemplate(
  template: string,
  kind: TemplateKind,
  view: object,
): { ok: true; text: string } | { ok: false; failure: TemplateFailure } {
  try {
    const text = String(ENGINES[kind].parseAndRenderSync(template, view));
    return { ok: true, text: kind === 'subject' ? cleanLine(text).slice(0, MAX_SUBJECT) : text };
  } catch (error) {
    return { ok: false, failure: explain(error) };
  }
}

/** Rows of a long list between which whoever else needs the thread has it: some milliseconds of escaping. */
const ROWS_AT_ONCE = 25;
/** By the wall clock, with all that the others did in between. */
const IN_TURNS_LIMIT_MS = 60_000;

/** The same for a view whose list `name` may be long: thousands of rows keep nobody else from the thread. */
export async function renderInTurns(
  template: string,
  kind: TemplateKind,
  view: object,
  name: string,
): Promise<{ ok: true; text: string } | { ok: false; failure: TemplateFailure }> {
  const rows = (view as Record<string, unknown>)[name];
  const paced = Array.isArray(rows) ? { ...view, [name]: rows.map(withTurn) } : view;
  try {
    const options = { renderLimit: IN_TURNS_LIMIT_MS };
    const text = String(await ENGINES[kind].parseAndRender(template, paced, options));
    return { ok: true, text: kind === 'subject' ? cleanLine(text).slice(0, MAX_SUBJECT) : text };
  } catch (error) {
    return { ok: false, failure: explain(error) };
  }
}

/** Of every so many rows one whose values are asked for, and come with the next turn. */
function withTurn(row: unknown, index: number): unknown {
  if (index % ROWS_AT_ONCE !== ROWS_AT_ONCE - 1 || typeof row !== 'object' || row === null) return row;
  return Object.fromEntries(
    Object.entries(row).map(([key, value]: [string, unknown]) => [key, () => turn(value)]),
  );
}

function explain(error: unknown): TemplateFailure {
  const message = error instanceof Error ? error.message : String(error);
  const position = LiquidError.is(error) ? error.token.getPosition() : null;
  return {
    line: position?.[0] ?? null,
    column: position?.[1] ?? null,
    what: `The template cannot be rendered: ${cleanLine(message.replace(/, (?:file:.*, )?line:\d+, col:\d+$/, ''))}.`,
    mend: 'Correct it here, or take the template that ships with Standdown.',
  };
}
