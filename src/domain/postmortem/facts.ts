/** What was done, from the log alone: alerts, pages, kills, holds. Pure. */

import type { AlertState, Page, StandingEvent } from '../incident.ts';
import type { KillState } from '../kill.ts';
import { verdictWords } from '../timeline.ts';
import { counted, listed, span, utc } from '../words.ts';
import { fact, lastNumberOf, numberOf } from './cite.ts';
import type { Fact, KillView, PostmortemView } from './view.ts';

export function alertView(alert: AlertState): PostmortemView['alerts'][number] {
  return {
    title: alert.title,
    source: alert.source,
    severity:
      alert.severityGuess === undefined ? alert.severity : `${alert.severity} (${alert.severityGuess})`,
    since: alert.startsAtGiven ? utc(alert.startsAt) : null,
    cleared: alert.resolvedAt === undefined ? null : utc(alert.resolvedAt),
    repeats: alert.repeats,
  };
}

const PAGE_WORDS: Record<Page['state'], string> = {
  owed: 'not sent yet',
  queued: 'queued at PagerDuty, nobody confirmed',
  assigned: 'assigned, not acknowledged',
  acknowledged: 'acknowledged',
  retrying: 'failed, will retry',
  failed: 'failed, gave up',
  superseded: 'not needed any more',
  closed: 'closed',
};

export function pageView(page: Page): PostmortemView['pages'][number] {
  const reason = page.reason === undefined ? '' : `: ${page.reason}`;
  const by = page.acknowledgedBy === undefined ? '' : `, acknowledged by ${page.acknowledgedBy}`;
  return {
    n: page.n,
    why: page.why,
    owedAt: utc(page.owedAt),
    state: `${PAGE_WORDS[page.state]}${reason}`,
    people: page.assignedTo.length === 0 ? null : `${listed(page.assignedTo, '')}${by}`,
  };
}

export function killView(kill: KillState, history: StandingEvent[]): KillView {
  const { id, latch, timings, accepted } = kill;
  const latched =
    latch === null
      ? 'not tried, or not recorded'
      : latch.ok
        ? `KILL_SWITCH=1 written and read back after ${span(latch.ms) ?? 'an unknown time'}`
        : `KILL_SWITCH=1 could NOT be written: ${latch.reason ?? 'reason unknown'}`;
  const venues = Object.entries(kill.venues);
  const last = (type: 'KillLatched' | 'KillJudged' | 'ResidualAccepted') =>
    lastNumberOf(history, (event) => event.type === type && event.kill === id);
  const ofVenue = (type: 'VenueCancelled' | 'VenueJudged', venue: string) =>
    lastNumberOf(history, (event) => event.type === type && event.kill === id && event.venue === venue);
  return {
    id,
    by: kill.by.name,
    at: utc(kill.at),
    reason: kill.reason,
    joined:
      listed(
        kill.joined.map(({ by }) => by.name),
        '',
      ) || null,
    latch: fact(latched, last('KillLatched')),
    lastCancel: span(timings?.lastCancelMs),
    toVerdict: span(timings?.verdictMs),
    verdict: kill.verdict === null ? null : fact(kill.verdict, last('KillJudged')),
    cancelled: venues.map(([name, venue]) => {
      const lists = Object.entries(venue.lists).map(
        ([list, { found, answered, protective }]) =>
          `${answered} of ${found} in ${list}${protective > 0 ? ` (${protective} protective)` : ''}`,
      );
      return fact(
        `${name}: ${listed(lists, 'no cancel is on record')}, in ${counted(venue.rounds, 'round')}${venue.rounds > 1 ? ' (an order that stood counts in each)' : ''}`,
        ofVenue('VenueCancelled', name),
      );
    }),
    venues: venues.map(([name, venue]) =>
      fact(
        venue.verdict === null ? `${name}: no verdict is on record` : verdictWords(venue.verdict),
        ofVenue('VenueJudged', name),
      ),
    ),
    accepted:
      accepted === null
        ? null
        : fact(`${accepted.by.name} at ${utc(accepted.at)}: ${accepted.reason}`, last('ResidualAccepted')),
  };
}

/** What was done to trading. */
export function tradingFacts(kills: KillState[], history: StandingEvent[]): Fact[] {
  const facts: Fact[] = [];
  for (const kill of kills) {
    const lists = Object.values(kill.venues).flatMap((venue) => Object.values(venue.lists));
    const answered = lists.reduce((sum, list) => sum + list.answered, 0);
    facts.push(
      fact(
        `Trading was killed at ${utc(kill.at)}; ${counted(answered, 'cancel')} answered with success; verdict ${kill.verdict ?? 'not on record'}.`,
        numberOf(history, (event) => event.type === 'KillAsked' && event.kill === kill.id),
      ),
    );
  }
  for (const [index, event] of history.entries()) {
    const words = tradingWords(event);
    if (words !== null) facts.push(fact(words, index + 1));
  }
  return facts;
}

function tradingWords(event: StandingEvent): string | null {
  switch (event.type) {
    case 'HoldPlaced':
      return `${event.key} was held at ${utc(event.at)}: ${event.reason}.`;
    case 'HoldLifted':
      return `A hold on ${event.key} was lifted at ${utc(event.at)}.`;
    case 'CancelFinished': {
      const left = event.results.filter(({ verdict }) => verdict !== 'cancelled').length;
      const answered = event.results
        .flatMap(({ lists }) => lists)
        .reduce((sum, list) => sum + list.answered, 0);
      const read =
        left === 0
          ? 'read back, none left'
          : `${left} of ${counted(event.results.length, 'venue')} not all cancelled or unknown`;
      return `Orders were cancelled at ${utc(event.at)}: ${counted(answered, 'cancel')} answered with success; ${read}.`;
    }
    case 'FlattenFinished':
      return `Positions were flattened at ${utc(event.at)}: ${counted(event.results.filter(({ state }) => state === 'closed').length, 'position')} closed of ${event.results.length}; verdict ${event.verdict}.`;
    case 'LatchLifted':
      return `The kill latch was lifted at ${utc(event.at)}.`;
    default:
      return null;
  }
}
