/** Whether the market of the desk is open: trading days and announced maintenance, from the configuration. Pure. */

export interface TradingHours {
  /** An IANA zone: the days are the calendar days of that place. */
  timezone: string;
  days: readonly string[];
  /** ms since the epoch; `from` included, `to` excluded. */
  maintenance: readonly { from: number; to: number; name: string }[];
}

export type MarketState = { open: true } | { open: false; why: string };

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
  const day = dayOf(at, hours.timezone);
  if (!hours.days.includes(day))
    return { open: false, why: `outside the trading days (${hours.timezone}: ${day})` };
  return { open: true };
}
