/** Text for people: foreign words made harmless, cut to size; times, money and durations with their units. Pure. */

/** Control characters, bidi marks and lone surrogates: they hide, reorder or break what a person reads. */
const INVISIBLE =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\u{e0000}-\u{e007f}]|\p{Surrogate}/gu;

/** Cut at a whole character, and say that it was cut. */
export function cut(text: string, max: number): string {
  if (text.length <= max) return text;
  const kept = text.slice(0, Math.max(0, max - 1));
  // Never end within a surrogate pair.
  return `${/[\uD800-\uDBFF]$/.test(kept) ? kept.slice(0, -1) : kept}…`;
}

/** The same for mrkdwn, which must not end within an escape, a mention, a link or a block of code. */
export function cutMarkup(mrkdwn: string, max: number): string {
  if (mrkdwn.length <= max) return mrkdwn;
  const kept = cut(mrkdwn, max - FENCE.length)
    .slice(0, -1)
    .replace(/&[a-z]{0,3}$/, '')
    .replace(/<[^<>]*$/, '');
  const open = kept.split(FENCE).length % 2 === 0;
  if (open) return `${kept.replace(/`+$/, '')}…${FENCE}`;
  // A mark without its other half is no code to Slack: what stands in it would be a link or a mention again.
  return (kept.match(/`/g) ?? []).length % 2 === 0 ? `${kept}…` : `${kept}…\``;
}
const FENCE = '```';

/** One line of somebody else's text, for plain_text elements: no control characters, no line breaks. */
export function plain(text: string, max = 300): string {
  return cut(text.replace(INVISIBLE, '').replace(/\s+/g, ' ').trim(), max);
}

/**
 * One line of somebody else's text inside mrkdwn: no mention, link, emoji or markup comes of it. `&`, `<` and `>` are
 * Slack's own escapes; the marks get a word joiner, which shows as nothing and breaks the pattern.
 */
export function inert(text: string, max = 300): string {
  const escaped = plain(text, max)
    .replace(/&/g, '&amp;')
    .replace(/</g, '&lt;')
    .replace(/>/g, '&gt;')
    // One would pair with a mark of ours, and open what that closes.
    .replaceAll('`', "'")
    .replace(/[*_~:@#|]/g, '$&\u2060');
  // What is nothing but marks must not crowd out what stands beside it.
  return cutMarkup(escaped, 2 * max);
}

/** Words of ours with somebody's in them: no mention or link comes of it; lines and back-ticks stay. */
export const unlinked = (text: string, max = 2_800): string =>
  cutMarkup(
    text
      .replace(INVISIBLE, '')
      .replace(/&/g, '&amp;')
      .replace(/</g, '&lt;')
      .replace(/>/g, '&gt;')
      // Three of them would open a block that swallows what follows; `//` makes Slack link by itself.
      .replaceAll('```', "'''")
      .replaceAll('://', ':\u2060//'),
    max,
  );

/** Lines of somebody else's for plain_text elements: what hides, reorders or breaks a text is gone. */
export const printable = (text: string): string => text.replace(INVISIBLE, '');

/** A text in pieces of at most `max` characters, none of which ends within one. */
export function pieces(text: string, max: number): string[] {
  const found: string[] = [];
  for (let from = 0; from < text.length; ) {
    const to = /[\uD800-\uDBFF]/.test(text[from + max - 1] ?? '') ? from + max - 1 : from + max;
    found.push(text.slice(from, to));
    from = to;
  }
  return found.length === 0 ? [''] : found;
}

/** One line inside back-ticks: nothing in it becomes markup there, and it can be copied as it is. */
export const code = (text: string, max = 300): string =>
  plain(text, max).replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;').replaceAll('`', "'");

/** What Slack sends in a message: its three escapes undone, references reduced to what they name. */
export function fromSlack(text: string): string {
  return text
    .replace(
      /<([@#!])([^>|]*)(?:\|([^>]*))?>/g,
      (_all, kind: string, id: string, label?: string) => `${kind === '!' ? '@' : kind}${label ?? id}`,
    )
    .replace(/<([^>|]+)(?:\|([^>]*))?>/g, (_all, url: string, label?: string) =>
      label === undefined || label === url ? url : `${label} (${url})`,
    )
    .replace(/&lt;/g, '<')
    .replace(/&gt;/g, '>')
    .replace(/&amp;/g, '&');
}

/** An http(s) address without a user part, or null: nothing else is ever shown as a link. Never fetched. */
export function safeLink(href: string | undefined): string | null {
  if (href === undefined || href.length > 2_000) return null;
  try {
    const url = new URL(href);
    if ((url.protocol !== 'http:' && url.protocol !== 'https:') || url.username !== '' || url.password !== '')
      return null;
    return url.href.replace(/[<>|]/g, (mark) => encodeURIComponent(mark));
  } catch {
    return null;
  }
}

/** 14:05:02 UTC's clock part; times are always UTC with seconds. */
export const clockTime = (at: number): string => new Date(at).toISOString().slice(11, 19);
export const dateTime = (at: number): string =>
  `${new Date(at).toISOString().slice(0, 19).replace('T', ' ')} UTC`;

/** `+0.03 s`: the time since a trigger. */
export const since = (ms: number): string => `+${(ms / 1_000).toFixed(2)} s`;

/** A duration in its two largest units: `2 min 40 s`. */
export function duration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1_000));
  const [days, hours, minutes, rest] = [
    Math.floor(seconds / 86_400),
    Math.floor(seconds / 3_600) % 24,
    Math.floor(seconds / 60) % 60,
    seconds % 60,
  ];
  const parts = [
    [days, 'd'],
    [hours, 'h'],
    [minutes, 'min'],
    [rest, 's'],
  ].filter(([n]) => n !== 0);
  if (parts.length === 0) return '0 s';
  return parts
    .slice(0, 2)
    .map(([n, unit]) => `${n} ${unit}`)
    .join(' ');
}

/** An amount with its currency; null is said as unknown. */
export function money(amount: number | null, currency: string): string {
  const unit = inert(currency, 20);
  if (amount === null || !Number.isFinite(amount)) return `unknown ${unit}`;
  const sign = amount < 0 ? '−' : '';
  // Nobody has that much: a figure of three hundred digits would only hide the others.
  const figure = Math.abs(amount) < 1e15 ? Math.abs(amount).toFixed(2) : Math.abs(amount).toExponential(2);
  return `${sign}${figure} ${unit}`;
}

/** A size without the noise of binary fractions. */
export const size = (amount: number): string => String(Number(amount.toPrecision(12)));

/** The first of a list in words, and how many more there are: `a, b and 3 more`. */
export function listed(words: string[], most: number): string {
  const more = words.length - most;
  return more <= 0 ? words.join(', ') : `${words.slice(0, most).join(', ')} and ${more} more`;
}

/**
 * As many lines as `max` characters hold, each cut to `each`, then how many are left. At least the first stands.
 */
export function linesWithin(
  lines: string[],
  max: number,
  more: (count: number) => string,
  each = 1_000,
): string[] {
  const shown: string[] = [];
  let length = 0;
  for (const line of lines.map((one) => cutMarkup(one, each))) {
    length += line.length + 1;
    if (shown.length > 0 && length > max) break;
    shown.push(line);
  }
  const left = lines.length - shown.length;
  return left === 0 ? shown : [...shown, more(left)];
}

/** `3 orders`, `1 order`. */
export const count = (n: number, noun: string, plural = `${noun}s`): string =>
  `${n} ${n === 1 ? noun : plural}`;
