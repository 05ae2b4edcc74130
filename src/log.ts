/** Logging, and the mask that keeps secrets out of every sink. */

import pino from 'pino';
import type { Log } from './ports.ts';

/**
 * What secrets look like when their value is not known to us: tokens of other parts, signed URLs, keys in a library's error.
 * None takes a back-tick or an angle bracket along: the end of a code span or of a link, which would leave it open.
 * Each looks ahead a bounded way: the text may be 100,000 characters of one letter, and a kill waits for nothing here.
 */
const SHAPES: [RegExp, string][] = [
  [/xox[a-z]-[\w-]{8,}|xapp-[\w-]{8,}/g, '[token]'],
  [/gh[oprsu]_\w{20,255}|github_pat_\w{20,255}/g, '[token]'],
  [/(Bearer|Basic|Token token=)\s*"?[\w+/=.~-]{8,}/gi, '$1 [token]'],
  [
    /((?:signature|api[-_]?key|apikey|accesskeyid|access_key|secret|passphrase|password|token|routing_key|x-mbx-apikey|api-sign|x-bapi-sign)["']?\s*[=:]\s*["']?)(?!\$\{)[^"'`<>&\s,;}]{4,}/gi,
    '$1[masked]',
  ],
  [/(\w{1,32}:\/\/[^\s:/@]{1,256}:)[^\s@/`<>]{1,1024}@/g, '$1[masked]@'],
  [/(hooks\.slack\.com\/\S{0,256}?\/)[\w/-]{8,}/g, '$1[masked]'],
];

/** Never longer than what it stands for: what was within Slack's limits stays there. */
const markFor = (length: number): string =>
  ['[masked]', '[…]', '…'].find((mark) => mark.length <= length) ?? '';

/** Shorter values would mask ordinary words. */
const MIN_SECRET = 6;

/** A function that masks these values, in plain, URL-encoded, base64 and hex form, and everything of a secret's shape. */
export function createMask(secrets: string[]): (text: string) => string {
  const forms = secrets
    .filter((secret) => secret.length >= MIN_SECRET)
    .flatMap((secret) => [
      secret,
      encodeURIComponent(secret),
      JSON.stringify(secret).slice(1, -1),
      Buffer.from(secret).toString('base64').replace(/=+$/, ''),
      Buffer.from(secret).toString('hex'),
    ]);
  // The longest first, so that no part of a longer one is left over.
  const values = [...new Set(forms)].sort((a, b) => b.length - a.length);
  return (text) => {
    let masked = text;
    for (const value of values) masked = masked.replaceAll(value, markFor(value.length));
    for (const [shape, by] of SHAPES)
      masked = masked.replace(shape, (all: string, kept: unknown) => {
        const before = typeof kept === 'string' ? kept : '';
        const tail = by.slice(by.indexOf('[masked]') + '[masked]'.length);
        return by.includes('[masked]')
          ? `${before}${markFor(all.length - before.length - tail.length)}${tail}`
          : by.replace('$1', before);
      });
    return masked;
  };
}

/** A pino log whose every line goes through the mask, whatever field or string it stood in. */
export function createLog(
  level: string,
  mask: (text: string) => string,
  write: (line: string) => void = (line) => process.stderr.write(line),
): Log {
  const logger = pino(
    { level, base: null, timestamp: pino.stdTimeFunctions.isoTime },
    { write: (line: string) => write(mask(line)) },
  );
  return {
    debug: (fields, message) => logger.debug(fields, message),
    info: (fields, message) => logger.info(fields, message),
    warn: (fields, message) => logger.warn(fields, message),
    error: (fields, message) => logger.error(fields, message),
  };
}
