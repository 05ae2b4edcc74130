/** Calendar days of a place: when the next business day ends there, over DST changes. Pure. */

/** `timezone` is an IANA name; `days` are the business days of that place (`mon` to `sun`). */
export interface BusinessHours {
  timezone: string;
  days: readonly string[];
}

const WEEKDAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

const formats = new Map<string, Intl.DateTimeFormat>();

/** The date on the wall there, as the UTC time of its midnight: a number of days that can be counted on. */
function localDate(at: number, timezone: string): number {
  const format =
    formats.get(timezone) ??
    new Intl.DateTimeFormat('en-US', {
      timeZone: timezone,
      calendar: 'iso8601',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
    });
  formats.set(timezone, format);
  const parts = Object.fromEntries(format.formatToParts(at).map(({ type, value }) => [type, Number(value)]));
  return Date.UTC(parts['year'] ?? 1970, (parts['month'] ?? 1) - 1, parts['day'] ?? 1);
}

/** The first instant of a local date: midnight there, or where DST skips midnight, the instant after the gap. */
function dayBegins(date: number, timezone: string): number {
  const key = `${timezone} ${date}`;
  const known = beginnings.get(key) ?? searched(date, timezone);
  beginnings.set(key, known);
  return known;
}

/** Asked every second for each open P3. */
const beginnings = new Map<string, number>();

function searched(date: number, timezone: string): number {
  // No zone is more than 14 hours from UTC.
  let before = date - 15 * HOUR_MS;
  let after = date + 15 * HOUR_MS;
  while (after - before > 1) {
    const middle = Math.floor((before + after) / 2);
    if (localDate(middle, timezone) >= date) after = middle;
    else before = middle;
  }
  return after;
}

/**
 * The end of the next business day after `at`: the midnight that ends it, ms since the epoch. The next one is never the
 * day of `at` itself. Where no day is a business day, every day is. An unknown zone throws RangeError: the configuration
 * checks it.
 */
export function endOfNextBusinessDay(at: number, { timezone, days }: BusinessHours): number {
  const today = localDate(at, timezone);
  for (let ahead = 1; ahead <= 7; ahead += 1) {
    const date = today + ahead * DAY_MS;
    const weekday = WEEKDAYS[new Date(date).getUTCDay()] ?? '';
    if (days.length === 0 || days.includes(weekday)) return dayBegins(date + DAY_MS, timezone);
  }
  return dayBegins(today + 2 * DAY_MS, timezone);
}
