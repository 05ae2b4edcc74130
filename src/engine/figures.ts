/**
 * What a postmortem needs of measured numbers, put on record before it is drafted: the incident's part of the trail, the money
 * by the venues' own records, and the picture. Each has a deadline, and none of them keeps a postmortem from being written.
 */

import { setImmediate as turn } from 'node:timers/promises';
import type { FactEvent } from '../domain/decide.ts';
import { type Incident, STANDDOWN, type StandingEvent } from '../domain/incident.ts';
import {
  keeping,
  newestOf,
  spanOf,
  type TrailEvent,
  type VenueMoney,
  type VenueUnrealised,
} from '../domain/trail/record.ts';
import type { Chat, Clock, Drafts, Draughtsman, Draw, Log, Sent, Venue } from '../ports.ts';
import { backoff } from './backoff.ts';
import type { Ledger } from './ledger.ts';
import type { Attempt, Outcome } from './outbox.ts';
import type { Trail } from './trail.ts';
import type { KillPhase } from './venueWatch.ts';

export interface Figures {
  /** Measure and draw for the postmortem `id`, unless that is on record. Never throws: what failed is on record too. */
  prepare(incident: Incident, id: string): Promise<void>;
  /** The picture into the incident's thread. */
  upload(attempt: Attempt, incident: Incident): Promise<Outcome>;
}

/** How files come into a thread; `alt` is for who does not see the picture. */
export type Upload = (
  channel: string,
  threadTs: string | null,
  comment: string,
  files: { name: string; title: string; bytes: Buffer; alt?: string }[],
) => Promise<Sent<object>>;

/** Of one venue, and of the trail. The postmortem waits that long at most. */
const ASK_MS = 6_000;
/** A line may begin long before what is shown of it. */
const BEFORE_MS = 10 * 60_000;
/** An upload that never succeeds is given up: the file is there. */
const TRIES = 6;

export function createFigures(deps: {
  trail: Pick<Trail, 'points'>;
  venues: Venue[];
  ledger: Ledger;
  clock: Clock;
  log: Log;
  pictures: Draughtsman;
  drafts: Pick<Drafts, 'savePicture' | 'loadPicture'>;
  draw: Pick<Draw, 'picture'>;
  upload: Upload;
  find: Chat['find'];
  currency: string;
  limits: { total: number; perVenue: Record<string, number> };
  killPhase(): KillPhase;
  /** Resolves when no kill needs the machine for its first steps. */
  calm(): Promise<void>;
}): Figures {
  const { trail, venues, ledger, clock, log, pictures, drafts, draw, currency, limits } = deps;

  async function within<T>(work: Promise<T>): Promise<T> {
    const over = new AbortController();
    try {
      return await Promise.race([
        work,
        clock.wait(ASK_MS, over.signal).then((): never => {
          throw new Error(`no answer within ${ASK_MS / 1_000} s`);
        }),
      ]);
    } finally {
      over.abort();
    }
  }

  const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

  async function ledgerOf(venue: Venue, fromMs: number, untilMs: number): Promise<VenueMoney> {
    const about = { venue: venue.id, at: clock.now() };
    const mayAsk = () => deps.killPhase() !== 'running';
    try {
      return { ...about, ...(await within(venue.results({ fromMs, untilMs, mayAsk }))) };
    } catch (error) {
      return { ...about, state: 'failed', reason: reasonOf(error) };
    }
  }

  async function unrealisedOf(venue: Venue): Promise<VenueUnrealised> {
    const about = { venue: venue.id, at: clock.now() };
    if (deps.killPhase() === 'running')
      return { ...about, state: 'failed', reason: 'not asked: a kill has the venue to itself' };
    try {
      const { positions } = await within(venue.read());
      const failed = positions.find((scope) => scope.state === 'failed');
      if (failed?.state === 'failed') return { ...about, state: 'failed', reason: failed.reason };
      const sums = new Map<string, number | null>();
      for (const scope of positions) {
        for (const { currency: own, unrealisedPnl } of scope.state === 'read' ? scope.positions : []) {
          const sum = sums.has(own) ? (sums.get(own) ?? null) : 0;
          sums.set(own, sum === null || unrealisedPnl === null ? null : sum + unrealisedPnl);
        }
      }
      return {
        ...about,
        state: 'read',
        sums: [...sums].map(([own, amount]) => ({ currency: own, amount })),
      };
    } catch (error) {
      return { ...about, state: 'failed', reason: reasonOf(error) };
    }
  }

  async function moneyOf(incident: Incident): Promise<TrailEvent> {
    const [from, to] = [incident.openedAt, incident.resolution?.at ?? clock.now()];
    const [ledgers, unrealised] = await Promise.all([
      Promise.all(venues.map((venue) => ledgerOf(venue, from, to))),
      Promise.all(venues.map(unrealisedOf)),
    ]);
    return { type: 'MoneyMeasured', from, to, ledgers, unrealised };
  }

  async function trailOf(incident: Incident): Promise<TrailEvent> {
    const { from, to } = spanOf(incident, clock.now());
    try {
      const points = await within(trail.points(from - BEFORE_MS, to));
      if (points.length === 0) return { type: 'TrailMissing', reason: 'nothing was kept of this time' };
      const steps = keeping(points, { from, to, currency, limits });
      for (;;) {
        const step = steps.next();
        if (step.done === true) return { type: 'TrailKept', ...step.value };
        await turn();
      }
    } catch (error) {
      log.warn({ incident: incident.id, error: String(error) }, 'the trail of an incident could not be read');
      return { type: 'TrailMissing', reason: reasonOf(error) };
    }
  }

  async function pictureOf(incident: Incident, id: string, history: StandingEvent[]): Promise<TrailEvent> {
    try {
      const picture = draw.picture(incident, history);
      if (picture === null) {
        const missing = newestOf(history, 'TrailMissing')?.event.reason ?? 'nothing was kept of this time';
        return { type: 'PictureFailed', reason: missing };
      }
      const [drawn] = await pictures.draw([picture.spec]);
      if (drawn === undefined) throw new Error('no picture came of it');
      return { type: 'PictureDrawn', ...(await drafts.savePicture(id, drawn)), alt: picture.alt };
    } catch (error) {
      log.warn(
        { incident: incident.id, error: String(error) },
        'the picture of an incident could not be drawn',
      );
      return { type: 'PictureFailed', reason: reasonOf(error) };
    }
  }

  const note = (incident: string, events: TrailEvent[]) =>
    ledger.commit(
      incident,
      events.map((event) => ({ type: 'Note' as const, by: STANDDOWN, event: event satisfies FactEvent })),
      { mustGoOn: true },
    );

  async function prepare(incident: Incident, id: string): Promise<void> {
    if (!isOwed(incident, await ledger.history(incident.id), clock.now())) return;
    await deps.calm();
    // First, so that what the venues are found to hold stands at the end of the trail.
    const money = await moneyOf(incident);
    await note(incident.id, [money, await trailOf(incident)]);
    await deps.calm();
    await note(incident.id, [await pictureOf(incident, id, await ledger.history(incident.id))]);
  }

  return {
    async prepare(incident, id) {
      try {
        await prepare(incident, id);
      } catch (error) {
        log.error(
          { incident: incident.id, error: String(error) },
          'the figures of a postmortem could not be had',
        );
      }
    },
    async upload(attempt, incident) {
      const history = await ledger.history(incident.id);
      const drawn = newestOf(history, 'PictureDrawn');
      const headline = incident.posts['headline'];
      // A second picture of the same end shows a few minutes more: it replaces the file, and nobody is told twice.
      const isTold = newestOf(history, 'PictureUploaded')?.event.at ?? Number.NEGATIVE_INFINITY;
      if (drawn === null || isTold >= (incident.resolution?.at ?? 0)) return { done: true, facts: [] };
      if (headline === undefined) return { done: false, retryInMs: 2_000, facts: [] };
      const { png, svg, pngSha256, svgSha256, alt } = drawn.event;
      const sent = await loaded(async () => {
        if (attempt.maybe) {
          // An earlier try may have reached Slack: look for it before it stands there twice.
          const found = await deps.find(headline.channel, headline.ts, png, incident.openedAt);
          if (found.state === 'failed') return found;
          if (found.ts !== null) return { state: 'done' };
        }
        const files = [
          {
            name: png,
            bytes: await drafts.loadPicture(png, pngSha256),
            title: `${png}: ${incident.id}`,
            alt,
          },
          { name: svg, bytes: await drafts.loadPicture(svg, svgSha256), title: `${svg}: ${incident.id}` },
        ];
        const comment = `${incident.drill ? 'DRILL · ' : ''}The incident in one picture, from what was measured`;
        return deps.upload(headline.channel, headline.ts, comment, files);
      });
      if (sent.state === 'done') return { done: true, facts: [{ type: 'PictureUploaded', png }] };
      if (sent.maybe) attempt.setMaybe();
      const gaveUp = !sent.retry || attempt.tries >= TRIES;
      const known = newestOf(history, 'PictureUploadFailed')?.event;
      const isNews = gaveUp || known?.reason !== sent.reason;
      const facts: FactEvent[] = isNews
        ? [{ type: 'PictureUploadFailed', png, reason: sent.reason, gaveUp }]
        : [];
      if (gaveUp) return { done: true, facts };
      const retryInMs = backoff(attempt.tries, sent.retryAfterMs);
      return sent.limited === true
        ? { done: false, retryInMs, facts, laneRestsMs: sent.retryAfterMs ?? retryInMs }
        : { done: false, retryInMs, facts };
    },
  };

  /** A file that is gone, or is another one, will not come back by itself. */
  async function loaded(work: () => ReturnType<Upload>): ReturnType<Upload> {
    try {
      return await work();
    } catch (error) {
      return { state: 'failed', retry: false, maybe: false, reason: reasonOf(error) };
    }
  }
}

/** Nothing was measured since the end, or not since the minutes after it were asked for. */
function isOwed(incident: Incident, history: StandingEvent[], now: number): boolean {
  const endedAt = incident.resolution?.at ?? now;
  const triedIn = history.findLastIndex(({ type }) => type === 'PictureDrawn' || type === 'PictureFailed');
  const triedAt = history[triedIn]?.at ?? Number.NEGATIVE_INFINITY;
  return triedAt < endedAt || triedIn < history.findLastIndex(({ type }) => type === 'PostmortemLastMinutes');
}
