/** A mail as a reader sees it. Header names are lower case; a header that occurs twice keeps its first value. */
export interface ParsedMail {
  readonly headers: ReadonlyMap<string, string>;
  readonly subject: string;
  /** Null when the mail has no such part. */
  readonly text: string | null;
  readonly html: string | null;
}

interface Part {
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}

function decodeQuotedPrintable(text: string): Buffer {
  // Blanks before a soft line break belong to the text; those after it were put there on the way (RFC 2045 6.7).
  const joined = text.replace(/=[ \t]*\r?\n/g, '');
  const bytes: number[] = [];
  for (let i = 0; i < joined.length; i += 1) {
    const hex = joined[i] === '=' ? /^[0-9A-Fa-f]{2}/.exec(joined.slice(i + 1, i + 3))?.[0] : undefined;
    if (hex === undefined) {
      bytes.push(joined.charCodeAt(i) & 0xff);
    } else {
      bytes.push(Number.parseInt(hex, 16));
      i += 2;
    }
  }
  return Buffer.from(bytes);
}

/** RFC 2047, in UTF-8, which is all that the bot writes; another charset is shown as Latin-1. */
function decodeWords(value: string): string {
  const joined = value.replace(/\?=[ \t]+=\?/g, '?==?');
  // Neighbouring words may split a character between them: join the bytes before they are decoded.
  return joined.replace(/(?:=\?[^?]+\?[bBqQ]\?[^?]*\?=)+/g, (run) => {
    let charset = 'utf-8';
    const bytes = [...run.matchAll(/=\?([^?]+)\?([bBqQ])\?([^?]*)\?=/g)].map(([, name, how, text]) => {
      charset = name ?? charset;
      if (how?.toUpperCase() === 'B') return Buffer.from(text ?? '', 'base64');
      return decodeQuotedPrintable((text ?? '').replaceAll('_', ' '));
    });
    return Buffer.concat(bytes).toString(charset.toLowerCase() === 'utf-8' ? 'utf8' : 'latin1');
  });
}

/** `raw` is one character a byte. */
function split(raw: string): Part {
  const end = /\r?\n\r?\n/.exec(raw);
  const head = end ? raw.slice(0, end.index) : raw;
  const body = end ? raw.slice(end.index + end[0].length) : '';
  const headers = new Map<string, string>();
  for (const line of head.replace(/\r?\n[ \t]+/g, ' ').split(/\r?\n/)) {
    const colon = line.indexOf(':');
    const name = line.slice(0, colon).toLowerCase();
    if (colon > 0 && !headers.has(name)) headers.set(name, line.slice(colon + 1).trim());
  }
  return { headers, body };
}

function leaves(part: Part): Part[] {
  const type = part.headers.get('content-type') ?? '';
  const boundary = /boundary="?([^";]+)"?/i.exec(type)?.[1];
  if (!/^multipart\//i.test(type) || boundary === undefined) return [part];
  const pieces = `\r\n${part.body}`.split(`\n--${boundary}`).slice(1);
  return pieces
    .filter((piece) => !piece.startsWith('--'))
    .flatMap((piece) => leaves(split(piece.replace(/^[ \t]*\r?\n/, '').replace(/\r$/, ''))));
}

function decodeBody(part: Part): string {
  const encoding = (part.headers.get('content-transfer-encoding') ?? '').toLowerCase();
  if (encoding === 'base64') return Buffer.from(part.body, 'base64').toString('utf8');
  if (encoding === 'quoted-printable') return decodeQuotedPrintable(part.body).toString('utf8');
  return Buffer.from(part.body, 'latin1').toString('utf8');
}

/** Reads a mail as it came over the wire: headers, and the first text and HTML parts at any depth. */
export function parseMail(raw: Buffer): ParsedMail {
  const whole = split(raw.toString('latin1'));
  const parts = leaves(whole);
  const first = (type: string, isDefault: boolean): string | null => {
    const found = parts.find((part) => {
      const own = part.headers.get('content-type');
      return own === undefined ? isDefault : own.toLowerCase().startsWith(type);
    });
    return found ? decodeBody(found) : null;
  };
  const headers = new Map([...whole.headers].map(([name, value]) => [name, decodeWords(value)]));
  return {
    headers,
    subject: headers.get('subject') ?? '',
    text: first('text/plain', true),
    html: first('text/html', false),
  };
}
