/** Times, durations and counts in words, for records that people read. Pure, no escaping: whoever renders escapes. */

/** `2026-11-22 14:05:02 UTC`; a number that is no time is said to be unknown. */
export function utc(at: number): string {
  const date = new Date(at);
  if (Number.isNaN(date.getTime())) return 'time unknown';
  return `${date.toISOString().slice(0, 19).replace('T', ' ')} UTC`;
}

/** `2 h 5 min`, `2 min 40 s`, `0.84 s`: the two largest units. Null for a negative or unknown span. */
export function span(ms: number | null | undefined): string | null {
  if (ms === null || ms === undefined || !Number.isFinite(ms) || ms < 0) return null;
  if (ms < 60_000) return ms < 10_000 ? `${(ms / 1000).toFixed(2)} s` : `${Math.round(ms / 1000)} s`;
  const seconds = Math.round(ms / 1000);
  const parts = [
    [Math.floor(seconds / 86_400), 'd'],
    [Math.floor(seconds / 3600) % 24, 'h'],
    [Math.floor(seconds / 60) % 60, 'min'],
    [seconds % 60, 's'],
  ].filter(([count]) => count !== 0);
  return parts
    .slice(0, 2)
    .map(([count, unit]) => `${count} ${unit}`)
    .join(' ');
}

/** `1 order`, `3 orders`. */
export const counted = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`;

/** A list in words, or what to say when it is empty. */
export const listed = (items: string[], none: string): string =>
  items.length === 0 ? none : items.join(', ');
