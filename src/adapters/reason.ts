/** Longer than this is no reason that a person reads: a proxy's page, a stack. */
const MAX_REASON = 300;
const MASK = '[secret]';
/** Less than this occurs in any text: masking it hides nothing, and makes the reason unreadable. */
const MIN_SECRET = 3;

function forms(secret: string): string[] {
  const bytes = Buffer.from(secret, 'utf8');
  return [
    secret,
    encodeURIComponent(secret),
    JSON.stringify(secret).slice(1, -1),
    bytes.toString('base64'),
    bytes.toString('base64').replace(/=+$/, ''),
    bytes.toString('base64url'),
    bytes.toString('hex'),
  ];
}

/**
 * Makes the function that every reason of an adapter goes through: it masks these secrets by value, in each encoding
 * that they are sent in, puts the text on one line, and cuts it to 300 characters. Masked before it is cut, so that
 * no half of a secret is left. It escapes nothing: that is up to who shows it.
 */
export function createReason(secrets: readonly (string | undefined)[]): (text: string) => string {
  const masked = secrets
    .filter((secret): secret is string => secret !== undefined && secret !== '')
    .flatMap(forms)
    .filter((form) => form.length >= MIN_SECRET)
    .sort((a, b) => b.length - a.length);
  return (text) => {
    const safe = masked.reduce((sofar, form) => sofar.replaceAll(form, MASK), text);
    const line = safe.replace(/[\s\p{Cc}]+/gu, ' ').trim();
    return line.length <= MAX_REASON
      ? line
      : `${line.slice(0, MAX_REASON - 1).replace(/\p{Surrogate}$/u, '')}…`;
  };
}
