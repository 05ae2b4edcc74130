/** First retry within 2 s (RELIABILITY fault 4), then doubling up to `maxMs`; never before the far side wants it. */
export function backoff(tries: number, retryAfterMs: number | undefined, maxMs = 30_000): number {
  return Math.max(retryAfterMs ?? 0, Math.min(maxMs, 1_000 * 2 ** tries));
}
