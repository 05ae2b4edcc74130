/** Whether the market of the desk is open: trading days and announced maintenance, from the configuration. Pure. */

export interface TradingHours {
  /** An IANA zone: the days are the calendar days of that place. */
  timezone: string;
  days: readonly string[];
  /** ms since the epoch; `from` included, `to` excluded. */
  maintenance: readonly { from: number; to: number; name: string }[];
}

/** `since`: when it opened last, ms since the epoch; null where it never closes, or has not for a week. */
export type MarketState = { open: true; since: number | null } | { open: false; why: string };

const EVERY_DAY = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'];
const STEP_MS = 12 * 3_600_000;
const WEEK_MS = 7 * 86_400_000;

const formats = new Map<string, Intl.DateTimeFormat>();

function dayOf(at: number, timezone: string): string {
  const format =
    formats.get(timezone) ?? new Intl.DateTimeFormat('en-US', { timeZone: timezone, weekday: 'short' });
  formats.set(timezone, format);
  return format.format(at).toLowerCase();
}

/** Says which rule closes the market, in words for a headline. An unknown zone throws RangeError: the configuration checks it. */
export function marketAt(at: number, hours: TradingHours): MarketState {
  const pause = hours.maintenance.find(({ from, to }) => at >= from && at < to);
  if (pause !== undefined)
    return {
      open: false,
      why: `maintenance “${pause.name}” until ${new Date(pause.to).toISOString().slice(0, 16)}Z`,
    };
  if (!isTradingDay(at, hours))
    return {
      open: false,
      why: `outside the trading days (${hours.timezone}: ${dayOf(at, hours.timezone)})`,
    };
  const opened = [
    ...hours.maintenance.flatMap(({ to }) => (to <= at ? [to] : [])),
    ...daysOpenedAt(at, hours),
  ];
  return { open: true, since: opened.length === 0 ? null : Math.max(...opened) };
}

const isTradingDay = (at: number, { days, timezone }: TradingHours): boolean =>
  EVERY_DAY.every((day) => days.includes(day)) || days.includes(dayOf(at, timezone));

/** The midnight, of that place, at which the running stretch of trading days began; nothing when there is none in a week. */
function daysOpenedAt(at: number, hours: TradingHours): number[] {
  // The longest day has 25 hours, so that steps of 12 pass over none.
  let open = at;
  let closed = at - STEP_MS;
  while (isTradingDay(closed, hours)) {
    if (closed < at - WEEK_MS) return [];
    open = closed;
    closed -= STEP_MS;
  }
  while (open - closed > 1) {
    const middle = Math.floor((open + closed) / 2);
    if (isTradingDay(middle, hours)) open = middle;
    else closed = middle;
  }
  return [open];
}
