/** The numbers that the runbooks decide on, each with its words and whether it is fine. Pure. */

import type { FeedGap } from '../incident.ts';
import { SLI } from '../measure/conditions.ts';
import { gapOf } from '../measure/gap.ts';
import type { MarketState } from '../measure/hours.ts';
import { type Measurements, SLOW_SIGNAL_MS } from '../measure/measurements.ts';
import { counted } from '../words.ts';
import { type Finding, finding, roughly } from './finding.ts';
import { SLIS, type SliName } from './vocabulary.ts';

/** What was measured, for all incidents alike. */
export interface Measured {
  /** ms since the epoch. */
  now: number;
  measurements: Measurements;
  feeds: readonly { id: string; intervalSec: number }[];
  market: MarketState;
  /** Engines did send heartbeats, and none does now: what they would send is not known. */
  engineSilent: boolean;
}

/** `value` is in the unit that the SLI's name ends with; null: not known, and `found` says why. */
export interface SliReading {
  value: number | null;
  found: Finding;
}

/** `12 min`, `2 min 40 s`, `40 s`: seconds in words, never rounded up, so that 599.9 s is no ten minutes. */
export function gapWords(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const [hours, minutes, rest] = [Math.floor(whole / 3_600), Math.floor(whole / 60) % 60, whole % 60];
  const parts = [
    [hours, 'h'],
    [minutes, 'min'],
    [rest, 's'],
  ].filter(([n]) => n !== 0);
  return parts.length === 0
    ? '0 s'
    : parts
        .slice(0, 2)
        .map(([n, unit]) => `${n} ${unit}`)
        .join(' ');
}

/** A share without the dust of binary fractions, in percent. */
const pctOf = (share: number): number => Number((share * 100).toPrecision(12));
const pct = (value: number): string => `${Number(value.toFixed(2))} %`;

const unknown = (why: string): SliReading => ({ value: null, found: finding('unknown', why) });
const read = (value: number, bad: boolean, text: string, gist = roughly(value)): SliReading => ({
  value,
  found: finding(bad ? 'bad' : 'ok', text, gist),
});

/**
 * Read one SLI as it is now. `feed` narrows it to one feed, where the incident is about one; `gaps` are those on record
 * in the incident. The limits are those of the playbook (SLI in measure/conditions.ts).
 */
export function readSli(
  name: SliName,
  seen: Measured,
  feed: string | null,
  gaps: readonly FeedGap[],
): SliReading {
  const reading = readAs(name, seen, feed, gaps);
  if (reading.value !== null) return reading;
  const text = `${SLIS[name].short}: ${reading.found.text}`;
  return { value: null, found: { ...reading.found, text } };
}

function readAs(name: SliName, seen: Measured, feed: string | null, gaps: readonly FeedGap[]): SliReading {
  const { measurements: of, now } = seen;
  switch (name) {
    case 'feedGapSec':
      return worstFeed(seen, feed, (id) => feedGap(seen, id));
    case 'recordedGapMin':
      return longestGap(gaps, now);
    case 'feedUptimePct':
      return worstFeed(
        seen,
        feed,
        (id) => {
          const uptime = of.feeds.uptime(id, now);
          if (uptime === null) return unknown('no hour of this month is measured yet');
          const value = pctOf(uptime.share);
          const text = `uptime ${pct(value)} of ${counted(uptime.hours, 'hour')} this month (limit ${SLI.uptimePct} %)`;
          return read(value, value < SLI.uptimePct, text, value.toFixed(1));
        },
        true,
      );
    case 'stalenessP99Sec':
      return worstFeed(seen, feed, (id) => {
        const stale = of.staleness.p99(id, now, seen.market.open ? seen.market.since : null);
        if (stale === null) return unknown('no bar of the last hour says how late it was');
        const seconds = stale.ms / 1_000;
        const text = `staleness p99 ${gapWords(seconds)} over ${counted(stale.bars, 'bar')} (limit ${SLI.staleSec} s)`;
        return read(seconds, seconds > SLI.staleSec, text);
      });
    case 'orderSuccessPct':
    case 'rejectSharePct':
    case 'rejectsInARow':
    case 'fillRatePct':
      return orders(name, of);
    case 'latencyP95Ms': {
      const p95 = of.signals.percentile(now, 0.95);
      if (p95 === null) return unknown('no signal latency was sent in the last hour');
      return read(p95, p95 > SLI.p95Ms, `latency p95 ${p95} ms over the last hour (limit ${SLI.p95Ms} ms)`);
    }
    case 'latencyP99Ms': {
      const p99 = of.signals.percentile(now, 0.99);
      if (p99 === null) return unknown('no signal latency was sent in the last hour');
      const slowBars = of.slowBars(now);
      const bars = slowBars === 0 ? '' : `, slow at ${counted(slowBars, 'bar')} in a row`;
      const text = `latency p99 ${p99} ms over the last hour${bars} (limit ${SLOW_SIGNAL_MS} ms)`;
      return read(p99, p99 > SLOW_SIGNAL_MS, text, `${roughly(p99)} ${Math.min(slowBars, SLI.slowBars)}`);
    }
    default: {
      const never: never = name;
      throw new Error(`unknown SLI ${String(never)}`);
    }
  }
}

function feedGap(seen: Measured, id: string): SliReading {
  if (!seen.market.open) return unknown(`the market is closed: ${seen.market.why}`);
  if (seen.engineSilent) return unknown('no engine sends heartbeats: whether bars come is not known');
  const feed = seen.feeds.find((one) => one.id === id);
  const gap = feed === undefined ? null : gapOf(seen.measurements, feed, seen.now, seen.market);
  if (gap === null) return unknown('it never had a bar');
  const seconds = (gap.watched?.ms ?? gap.ms) / 1_000;
  if (gap.never.length > 0 && seconds <= SLI.staleSec)
    return unknown(`${gap.never.join(', ')} never had a bar`);
  return read(seconds, seconds > SLI.staleSec, `gap ${gapWords(seconds)} (${gap.symbol})`);
}

function longestGap(gaps: readonly FeedGap[], now: number): SliReading {
  if (gaps.length === 0) return unknown('no gap is on record here');
  const longest = Math.max(...gaps.map((gap) => (gap.to ?? now) - gap.from)) / 60_000;
  return { value: longest, found: finding('ok', `gap ${gapWords(longest * 60)}`, roughly(longest)) };
}

/**
 * The worst of the feeds that it may be about. What is known to be bad stands whatever the others are; otherwise one that
 * is not known makes all of it unknown.
 */
function worstFeed(
  seen: Measured,
  feed: string | null,
  readFeed: (id: string) => SliReading,
  lowIsBad = false,
): SliReading {
  const ids = seen.feeds.map(({ id }) => id).filter((id) => feed === null || id === feed);
  if (ids.length === 0) return unknown(feed === null ? 'no feed is configured' : `there is no feed ${feed}`);
  const readings = ids.map((id) => {
    const { value, found } = readFeed(id);
    if (ids.length === 1) return { value, found };
    return { value, found: { ...found, text: `${id}: ${found.text}`, gist: `${id} ${found.gist}` } };
  });
  const known = readings
    .filter((one): one is { value: number; found: Finding } => one.value !== null)
    .sort((a, b) => (lowIsBad ? a.value - b.value : b.value - a.value));
  const [worst] = known;
  const unread = readings.find((one) => one.value === null);
  if (worst === undefined || (unread !== undefined && worst.found.state !== 'bad'))
    return unread ?? unknown('');
  return worst;
}

function orders(
  name: 'orderSuccessPct' | 'rejectSharePct' | 'rejectsInARow' | 'fillRatePct',
  { run, newestOrderAt }: Measurements,
): SliReading {
  if (newestOrderAt === null) return unknown('no order was sent by telemetry yet');
  if (name === 'rejectsInARow') {
    const inARow = run.rejectedInARow();
    const text = `${inARow} rejected in a row (limit ${SLI.rejectsInARow})`;
    return read(inARow, inARow >= SLI.rejectsInARow, text, String(inARow));
  }
  if (name === 'fillRatePct') {
    const fills = run.fillShare();
    if (fills === null) return unknown('fewer than 50 orders have ended: no rate yet');
    const value = pctOf(fills.share);
    const text = `fill rate ${pct(value)} of the last ${fills.orders} orders (limit ${SLI.fillP2Pct} %)`;
    return read(value, value < SLI.fillP2Pct, text, value.toFixed(0));
  }
  const rejects = run.rejectShare();
  if (rejects === null) return unknown('fewer than 50 orders: no rate yet');
  const rejected = pctOf(rejects.share);
  if (name === 'rejectSharePct') {
    const text = `reject rate ${pct(rejected)} of the last ${rejects.orders} orders (limit ${SLI.rejectSharePct} %)`;
    return read(rejected, rejected > SLI.rejectSharePct, text, rejected.toFixed(0));
  }
  const good = Number((100 - rejected).toPrecision(12));
  const under = run.underSuccess(SLI.successPct);
  const after = under === 0 ? '' : `, below ${SLI.successPct} % after each of the last ${under}`;
  const text = `order success ${pct(good)} of the last ${rejects.orders} orders${after} (limit ${SLI.successPct} % for more than 5 in a row)`;
  return read(good, good < SLI.successPct, text, `${good.toFixed(0)} ${Math.min(under, SLI.successOrders)}`);
}
