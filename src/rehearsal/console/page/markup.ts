import { escapeHtml } from './mrkdwn.ts';

/** HTML that was made here, in which every foreign word is escaped. */
export interface Html {
  readonly html: string;
}

type Part = Html | string | number | null | false | undefined | readonly Html[];

const partHtml = (part: Part): string => {
  if (part === null || part === undefined || part === false) return '';
  if (typeof part === 'string' || typeof part === 'number') return escapeHtml(String(part));
  return 'html' in part ? part.html : part.map((one) => one.html).join('');
};

/** A piece of the page: words that are put in are escaped, pieces are not escaped again, null and false are nothing. */
export function html(words: TemplateStringsArray, ...parts: readonly Part[]): Html {
  return { html: words.map((word, index) => word + partHtml(parts[index])).join('') };
}

/** HTML that another pure function escaped already. */
export const drawn = (text: string): Html => ({ html: text });

const two = (value: number): string => String(value).padStart(2, '0');

/** `02:14:07`, UTC. */
export function clock(at: number): string {
  const date = new Date(at);
  return `${two(date.getUTCHours())}:${two(date.getUTCMinutes())}:${two(date.getUTCSeconds())}`;
}

/** `1,234.5`, with at most so many decimals. */
export const figure = (value: number, decimals = 8): string =>
  value.toLocaleString('en-US', { maximumFractionDigits: decimals });
