/** The playbook's four hard stops, from what was measured. Missing data is never fine: it is unknown. Pure. */

import type { Playbook } from '../playbook.ts';
import { gapOf } from './gap.ts';
import type { MarketState } from './hours.ts';
import type { Measurements } from './measurements.ts';
import { confirmed, VOID_MS } from './money.ts';
import { REJECT_WINDOW_MS, type RejectTrip } from './rejects.ts';
import { FUTURE_MS, type PnlSample } from './samples.ts';
import { engineSizes, venueSizes } from './sizes.ts';

export type CriterionState = 'ok' | 'tripped' | 'unknown';

/** One criterion as it is now. `value` and `limit` are in `unit`; both null where they are not known. */
export interface Criterion {
  /** `dailyLoss`, `positionSize`, `rejectRate` or `dataFeedGap:<feed>`. */
  id: string;
  title: string;
  state: CriterionState;
  value: number | null;
  limit: number | null;
  /** limit − value. */
  headroom: number | null;
  unit: string;
  /** ms since the deciding reading; null without one. */
  ageMs: number | null;
  /** Who said it: `engine` or `venue`; null without a reading. */
  source: string | null;
  /** What a person should know beside the number: "3 of 10 orders", which rule applied, why it is unknown. */
  detail: string;
  evidence: Evidence;
}

/** What a trip is decided on, kept for good. */
export interface Evidence {
  formula: string;
  /** At most ten, newest first. */
  samples: string[];
}

export interface StopRules {
  criteria: Playbook['criteria'];
  limits: {
    maxDailyLoss: { unit: 'percent' | 'amount'; value: number };
    maxNotional: number;
    currency: string;
    /** By venue, where one is set. */
    perVenue: Record<string, number>;
  };
  minOrders: number;
  confirmations: number;
  /** What a gap does while the engine confirms that it obeys a pause or a halt. */
  whenPaused: 'wait' | 'kill';
  feeds: { id: string; intervalSec: number; symbols: string[] }[];
  venues: string[];
}

export interface Facts {
  market: MarketState;
  /** The engine said by heartbeat that it obeys a pause, a halt or the kill. */
  stopConfirmed: boolean;
  /** An engine that did send heartbeats has missed three. */
  engineSilent: boolean;
  /** ms since the newest heartbeat of any engine; null before the first. */
  heartbeatAgeMs: number | null;
}

const iso = (at: number): string => new Date(at).toISOString();
const round = (value: number): number => Number(value.toPrecision(12));

interface Draft {
  state: CriterionState;
  value: number | null;
  ageMs: number | null;
  source: string | null;
  detail: string;
  samples: string[];
}

const unknown = (detail: string, samples: string[] = []): Draft => ({
  state: 'unknown',
  value: null,
  ageMs: null,
  source: null,
  detail,
  samples,
});

function criterion(
  id: string,
  title: string,
  unit: string,
  maximum: number | null,
  formula: string,
  { samples, ...said }: Draft,
): Criterion {
  const limit = maximum === null || !Number.isFinite(maximum) ? null : maximum;
  const isNumber = (said.value === null || Number.isFinite(said.value)) && limit === maximum;
  // A sum that overflowed, or what is no number at all, compares as harmless: it never is.
  const draft: Omit<Draft, 'samples'> = {
    ...said,
    value: said.value !== null && Number.isFinite(said.value) ? said.value : null,
    ageMs: said.ageMs === null ? null : Math.max(0, said.ageMs),
    ...(isNumber || said.state === 'tripped'
      ? {}
      : { state: 'unknown', detail: 'what was measured is no number' }),
  };
  const headroom = limit === null || draft.value === null ? null : round(limit - draft.value);
  return { id, title, unit, limit, headroom, ...draft, evidence: { formula, samples: samples.slice(0, 10) } };
}

/** All criteria as they are at `now`. Asks the reject window to look, so that a trip is found once. */
export function judgeCriteria(of: Measurements, now: number, rules: StopRules, facts: Facts): Criterion[] {
  of.watch(now);
  return [
    dailyLoss(of, now, rules),
    positionSize(of, now, rules),
    rejectRate(of, now, rules, facts),
    ...rules.feeds.map((feed) => dataFeedGap(of, now, rules, facts, feed)),
  ];
}

// ── Daily loss ───────────────────────────────────────────────────────────────────────────────────────────────────────

interface Loss {
  at: number;
  /** Positive when money was lost. */
  loss: number;
  /** At 00:00 UTC; null when nobody said. */
  startEquity: number | null;
  text: string;
}

function lossOf({ at, dayPnl, equity, currency }: PnlSample): Loss {
  // Nothing is left, or less: that is a loss of everything, and no reason to say nothing.
  const start = equity === undefined ? null : equity - dayPnl;
  return {
    at,
    loss: 0 - dayPnl,
    startEquity: start !== null && start > 0 && Number.isFinite(start) ? start : null,
    text: `${iso(at)} engine: ${dayPnl} ${currency} today${equity === undefined ? '' : `, equity ${equity}`}`,
  };
}

function dailyLoss(of: Measurements, now: number, rules: StopRules): Criterion {
  const { limits } = rules;
  const { over, title } = rules.criteria.dailyLoss;
  const { unit, value } = limits.maxDailyLoss;
  const limitFor = (start: number | null): number | null =>
    unit === 'amount' ? over * value : start === null ? null : round((over * value * start) / 100);
  const formula =
    unit === 'amount'
      ? `loss since 00:00 UTC > ${over} × ${value} ${limits.currency}`
      : `loss since 00:00 UTC > ${over} × ${value} % of the equity at 00:00 UTC`;
  const made = (limit: number | null, draft: Draft) =>
    criterion('dailyLoss', title, limits.currency, limit, formula, draft);

  const venue = venueLoss(of, now, rules);
  const samples = of.money.pnl(now);
  const said = samples.filter((one) => one.currency === limits.currency).map(lossOf);
  const texts = said.map(({ text }) => text);
  const engine = engineLoss(samples, said, limitFor, rules);
  const venueLimit = venue === null || typeof venue === 'string' ? null : limitFor(venue.startEquity);
  if (venue !== null && typeof venue !== 'string' && venueLimit !== null) {
    const state = venue.loss > venueLimit ? 'tripped' : 'ok';
    // The venue is authoritative, and a mismatch says that they differ: but what the engine twice said to be lost stops all the same.
    if (state === 'tripped' || engine.draft.state !== 'tripped')
      return made(venueLimit, {
        state,
        value: venue.loss,
        ageMs: now - venue.at,
        source: 'venue',
        detail: '',
        samples: [venue.text, ...texts],
      });
  }
  /** Why the venues do not decide it. The engine may still trip it. */
  const silent =
    rules.venues.length === 0
      ? ''
      : typeof venue === 'string'
        ? venue
        : venueLimit === null
          ? 'the venues give no equity at 00:00 UTC'
          : 'the venues say less';
  const { draft, limit } = engine;
  return made(limit, {
    ...draft,
    ageMs:
      said[0] === undefined || (draft.state === 'unknown' && draft.value === null) ? null : now - said[0].at,
    detail: [draft.detail, silent].filter((text) => text !== '').join('; '),
    samples: texts,
  });
}

/** What the engine alone says of the day. */
function engineLoss(
  samples: PnlSample[],
  said: Loss[],
  limitFor: (start: number | null) => number | null,
  { limits, confirmations }: StopRules,
): { draft: Omit<Draft, 'ageMs' | 'samples'>; limit: number | null } {
  const no = (detail: string, limit: number | null = null) => ({
    draft: { state: 'unknown' as const, value: null, source: null, detail },
    limit,
  });
  const isOver = (one: Loss) => round(one.loss) > (limitFor(one.startEquity) ?? Number.POSITIVE_INFINITY);
  const isTripped = confirmed(said, confirmations)?.every(isOver) === true;
  const foreign = samples.find((one) => one.currency !== limits.currency);
  // A reading in another currency hides no loss that two others agree on.
  if (foreign !== undefined && !isTripped)
    return no(`the engine counts in ${foreign.currency}, the limit in ${limits.currency}`);
  const [newest] = said;
  if (newest === undefined)
    return no(`no reading of the engine's in the last ${VOID_MS / 1_000} s`, limitFor(null));
  const limit = limitFor(newest.startEquity);
  if (limit === null) return no('no usable equity: the limit is in percent of it');
  const draft = { value: newest.loss, source: 'engine', detail: '' };
  if (!isOver(newest)) return { limit, draft: { ...draft, state: 'ok' } };
  if (isTripped) return { limit, draft: { ...draft, state: 'tripped' } };
  const n = said.findIndex((one) => !isOver(one));
  const detail = `over the limit in ${n < 0 ? said.length : n} of ${confirmations} readings: not confirmed`;
  return { limit, draft: { ...draft, state: 'unknown', detail } };
}

/**
 * What the venues together say of the day; a text as soon as one of them says nothing fresh: what it won may be what the
 * others lost. Null without venues.
 */
function venueLoss(of: Measurements, now: number, { venues, limits }: StopRules): Loss | string | null {
  if (venues.length === 0) return null;
  let loss = 0;
  let start = 0;
  let at = now;
  for (const id of venues) {
    const reading = of.money.venuePnlNow(id, now);
    if (reading === null) return `${id}: ${of.money.whyNot(id, 'pnl')}`;
    if (reading.currency !== limits.currency)
      return `${id} counts in ${reading.currency}, the limit in ${limits.currency}`;
    loss -= reading.dayPnl;
    start += reading.startEquity;
    at = Math.min(at, reading.at);
  }
  return {
    at,
    loss: round(loss),
    startEquity: start > 0 ? round(start) : null,
    text: `${iso(at)} venue: ${round(-loss)} ${limits.currency} today`,
  };
}

// ── Position size ────────────────────────────────────────────────────────────────────────────────────────────────────

function positionSize(of: Measurements, now: number, rules: StopRules): Criterion {
  const { limits, confirmations } = rules;
  const { over, title } = rules.criteria.positionSize;
  const limit = round(over * limits.maxNotional);
  const perVenue = Object.entries(limits.perVenue);
  const formula = `sum of absolute notionals > ${over} × ${limits.maxNotional} ${limits.currency}${perVenue
    .map(([venue, max]) => `, or at ${venue} > ${over} × ${max}`)
    .join('')}`;
  const made = (draft: Draft) => criterion('positionSize', title, limits.currency, limit, formula, draft);
  const sumOf = (byVenue: Map<string, number>) =>
    round([...byVenue.values()].reduce((sum, one) => sum + one, 0));
  /** The first limit that these sizes are over, as a text; null when none. */
  const overWhat = (byVenue: Map<string, number>): string | null => {
    const total = sumOf(byVenue);
    if (total > limit) return `${total} in all`;
    const [venue] = perVenue.find(([id, max]) => round(byVenue.get(id) ?? 0) > round(over * max)) ?? [];
    return venue === undefined ? null : `${round(byVenue.get(venue) ?? 0)} at ${venue}`;
  };

  const said = venueSizes(of, now, rules);
  const known = said.byVenue;
  const silent = said.silent.map(([id, why]) => `${id}: ${why}`).join('; ');
  const draftOf = (byVenue: Map<string, number>, at: number, source: string, more: string[] = []) => ({
    value: sumOf(byVenue),
    ageMs: now - at,
    source,
    samples: [...said.texts, ...more],
  });
  // What is known is over the limit, whatever the others hold.
  const overKnown = overWhat(known);
  if (overKnown !== null)
    return made({ ...draftOf(known, said.at, 'venue'), state: 'tripped', detail: overKnown });
  // The venue is authoritative, and a mismatch says that they differ: but what the engine twice said to be open stops all the same.
  const all = engineSizes(of, now, confirmations, null);
  const claimed = 'sure' in all ? overWhat(all.sure) : null;
  if ('sure' in all && claimed !== null)
    return made({ ...draftOf(all.latest, all.at, 'engine', all.texts), state: 'tripped', detail: claimed });
  if (rules.venues.length > 0 && silent === '')
    return made({ ...draftOf(known, said.at, 'venue'), state: 'ok', detail: '' });

  const engine = rules.venues.length === 0 ? all : engineSizes(of, now, confirmations, said.silent);
  // A venue that is clear in part is as large as the larger of both figures.
  const together = (more: Map<string, number>) =>
    new Map([
      ...known,
      ...[...more].map(([id, size]): [string, number] => [id, Math.max(size, known.get(id) ?? 0)]),
    ]);
  const also = (detail: string): string => [detail, silent].filter((text) => text !== '').join('; ');
  if ('sure' in engine) {
    const source = known.size === 0 ? 'engine' : 'venue and engine';
    const at = known.size === 0 ? engine.at : Math.min(said.at, engine.at);
    const draft = draftOf(together(engine.latest), at, source, engine.texts);
    const what = overWhat(together(engine.sure));
    if (what !== null) return made({ ...draft, state: 'tripped', detail: what });
    const once = overWhat(together(engine.latest));
    if (once !== null)
      return made({ ...draft, state: 'unknown', detail: also(`${once} in one reading: not confirmed`) });
    if (engine.gap === null) return made({ ...draft, state: 'ok', detail: silent });
    return made(unknown(also(engine.gap), draft.samples));
  }
  return made(unknown(also(engine.gap), said.texts));
}

// ── Reject rate ──────────────────────────────────────────────────────────────────────────────────────────────────────

function rejectRate(of: Measurements, now: number, rules: StopRules, facts: Facts): Criterion {
  const { over, title } = rules.criteria.rejectRate;
  const formula = `rejected ÷ orders in any ${REJECT_WINDOW_MS / 60_000} minutes > ${over} %, of at least ${rules.minOrders} orders`;
  const made = (draft: Draft) => criterion('rejectRate', title, '%', over, formula, draft);
  const found = of.rejects.look(now, over, rules.minOrders);
  if (found !== null) of.rejectTrip = { trip: found, foundAt: now };
  const { orders, rejected } = of.rejects.at(now);
  const pct = orders === 0 ? null : round((rejected * 100) / orders);
  // Found by a clock that was ahead: it stands for five minutes of this one.
  if (of.rejectTrip !== null && of.rejectTrip.foundAt > now)
    of.rejectTrip = { ...of.rejectTrip, foundAt: now };
  const standing = of.rejectTrip;
  if (standing !== null && now - standing.foundAt < REJECT_WINDOW_MS) {
    const { trip } = standing;
    return made({
      state: 'tripped',
      value: round((trip.rejected * 100) / trip.orders),
      ageMs: Math.max(0, now - trip.to),
      source: 'engine',
      detail: `${trip.rejected} of ${trip.orders} orders from ${iso(trip.from)} to ${iso(trip.to)}`,
      samples: tripSamples(trip),
    });
  }
  const { newestOrderAt } = of;
  const age = newestOrderAt === null || newestOrderAt > now + FUTURE_MS ? null : now - newestOrderAt;
  // No order is fine only while somebody who would send one is there.
  if (facts.engineSilent)
    return made(
      unknown(`${rejected} of ${orders} orders, and no heartbeat any more: what else there was is unknown`),
    );
  if (orders === 0 && facts.heartbeatAgeMs === null)
    return made(
      unknown('no order in five minutes, and no heartbeat that would say that the engine is there'),
    );
  const few = orders < rules.minOrders;
  return made({
    state: 'ok',
    value: few ? null : pct,
    ageMs: age,
    source: 'engine',
    detail: few ? `${orders} of ${rules.minOrders} orders` : `${rejected} of ${orders} orders`,
    samples: [],
  });
}

const tripSamples = ({ ids, reasons }: RejectTrip): string[] => [
  ...reasons.map(([reason, count]) => `${count} × ${reason === '' ? 'no reason given' : reason}`),
  ...(ids.length === 0 ? [] : [`rejected: ${ids.join(', ')}`]),
];

// ── Data feed gap ────────────────────────────────────────────────────────────────────────────────────────────────────

function dataFeedGap(
  of: Measurements,
  now: number,
  rules: StopRules,
  facts: Facts,
  feed: StopRules['feeds'][number],
): Criterion {
  const { over, title } = rules.criteria.dataFeedGap;
  const limit = over * 60;
  const formula = `now − (newest close + ${feed.intervalSec} s) > ${limit} s`;
  const made = (draft: Draft) => criterion(`dataFeedGap:${feed.id}`, title, 's', limit, formula, draft);
  const gap = gapOf(of, feed, now, facts.market);
  if (!facts.market.open) {
    const value = gap === null ? null : round(gap.ms / 1_000);
    return made({
      state: 'ok',
      value,
      ageMs: gap === null ? null : now - gap.closedAt,
      source: gap === null ? null : 'engine',
      detail: `no stop: ${facts.market.why}`,
      samples: [],
    });
  }
  if (gap === null) return made(unknown('no bar yet of one of its symbols'));
  const draft = {
    value: round(gap.ms / 1_000),
    ageMs: now - gap.closedAt,
    source: 'engine',
    samples: [`${gap.symbol}: newest close ${iso(gap.closedAt)}`],
  };
  if (gap.ms <= limit * 1_000) {
    if (gap.never.length > 0) return made(unknown(`no bar yet of ${gap.never.join(', ')}`, draft.samples));
    return made({ ...draft, state: 'ok', detail: '' });
  }
  if (facts.engineSilent)
    return made({
      ...draft,
      state: 'unknown',
      detail: 'no heartbeats either: the engine, not the feed, may be gone',
    });
  if (facts.stopConfirmed && rules.whenPaused === 'wait')
    return made({
      ...draft,
      state: 'ok',
      detail: 'no stop: the engine confirms that it is paused, halted or killed',
    });
  if (gap.watched !== null && gap.watched.ms <= limit * 1_000)
    return made({
      ...draft,
      state: 'unknown',
      detail: `nothing watched from ${iso(gap.watched.from)} to ${iso(gap.watched.to)}: the next bar tells`,
    });
  return made({ ...draft, state: 'tripped', detail: gap.symbol });
}
