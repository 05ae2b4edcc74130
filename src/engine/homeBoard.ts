/**
 * Who looks at their App Home, and when it is drawn again: after a change, at most once in a few seconds for each, for an hour
 * after they opened it. Nothing waits for it, and it waits for everything: it has a client of its own at Slack.
 */

import type { StandingEvent } from '../domain/incident.ts';
import { type Clock, DESK, type Log, type Sent } from '../ports.ts';
import type { Ledger } from './ledger.ts';

export interface Viewer {
  id: string;
  /** As they were when the Home was opened. A press asks again. */
  roles: { responder: boolean; approver: boolean };
  /** What came of the last press, ms since the epoch. */
  said: { at: number; text: string } | null;
}

export interface HomeBoard {
  /** Somebody opened their Home: draw it, and keep it up to date for an hour. Returns at once. */
  opened(userId: string): void;
  /** What came of a press: it is shown on top of their Home, now. */
  said(userId: string, text: string): void;
  /** Whether this is the view that they were shown last. */
  isCurrent(userId: string, hash: string): boolean;
  /** Every second: draw what is due. */
  tick(): Promise<void>;
}

export interface HomeBoardDeps {
  ledger: Pick<Ledger, 'onChanged'>;
  clock: Clock;
  log: Log;
  roles(userId: string): Promise<Viewer['roles']>;
  /** Publish what this viewer is to see. */
  publish(viewer: Viewer): Promise<Sent<{ hash: string }>>;
  /** What else is on the Home: when it changes, the Home does. */
  watched(): string;
}

const KEEP_MS = 60 * 60_000;
const EVERY_MS = 3_000;
const RETRY_MS = 10_000;
/** So many people at once are drawn for; who opened it longest ago goes first. */
const VIEWERS = 200;
/** Requests in the air. */
const AT_ONCE = 2;

interface Shown extends Viewer {
  openedAt: number;
  owed: boolean;
  /** Monotonic ms. */
  notBefore: number;
  drawing: boolean;
  hash: string | null;
}

export function createHomeBoard(deps: HomeBoardDeps): HomeBoard {
  const { ledger, clock, log, roles, publish, watched } = deps;
  const viewers = new Map<string, Shown>();
  let inAir = 0;
  let before = '';

  ledger.onChanged((stream, events) => {
    if (stream !== DESK || events.some(isSeen)) oweAll();
  });

  function oweAll(): void {
    for (const viewer of viewers.values()) viewer.owed = true;
  }

  function pump(): void {
    const now = clock.monotonic();
    for (const viewer of viewers.values()) {
      if (inAir >= AT_ONCE) return;
      if (now - viewer.openedAt > KEEP_MS) viewers.delete(viewer.id);
      else if (viewer.owed && !viewer.drawing && viewer.notBefore <= now) void draw(viewer);
    }
  }

  async function draw(viewer: Shown): Promise<void> {
    viewer.owed = false;
    viewer.drawing = true;
    inAir += 1;
    try {
      const sent = await publish(viewer);
      // To somebody without a role it shows nothing that changes.
      if (!viewer.roles.responder && !viewer.roles.approver) viewers.delete(viewer.id);
      if (sent.state === 'done') {
        viewer.hash = sent.hash;
        viewer.notBefore = clock.monotonic() + EVERY_MS;
      } else {
        log.warn({ reason: sent.reason }, 'an App Home could not be drawn');
        viewer.owed = sent.retry;
        viewer.notBefore = clock.monotonic() + Math.max(RETRY_MS, sent.retryAfterMs ?? 0);
      }
    } catch (error) {
      log.error({ error: String(error) }, 'drawing an App Home failed in a way that is ours to mend');
      viewer.notBefore = clock.monotonic() + RETRY_MS;
    } finally {
      viewer.drawing = false;
      inAir -= 1;
    }
    pump();
  }

  async function open(userId: string, said: Viewer['said'] = null): Promise<void> {
    const now = { roles: await roles(userId), openedAt: clock.monotonic(), owed: true, notBefore: 0, said };
    const viewer = viewers.get(userId) ?? { id: userId, drawing: false, hash: null, ...now };
    Object.assign(viewer, now);
    // Behind the others: who opened it longest ago is the first to go.
    viewers.delete(userId);
    viewers.set(userId, viewer);
    const [oldest] = viewers.keys();
    if (viewers.size > VIEWERS && oldest !== undefined) viewers.delete(oldest);
    pump();
  }

  function begin(userId: string, said: Viewer['said']): void {
    open(userId, said).catch((error: unknown) =>
      log.error({ error: String(error) }, 'an App Home could not be opened'),
    );
  }

  return {
    opened: (userId) => begin(userId, null),
    said(userId, text) {
      const said = { at: clock.now(), text };
      const viewer = viewers.get(userId);
      // Pressed on what was drawn before a restart, or more than an hour ago.
      if (viewer === undefined) return begin(userId, said);
      Object.assign(viewer, { said, owed: true, notBefore: 0 });
      pump();
    },
    isCurrent: (userId, hash) => viewers.get(userId)?.hash === hash,
    async tick() {
      if (viewers.size === 0) return;
      const seen = watched();
      if (seen !== before) oweAll();
      before = seen;
      pump();
    },
  };
}

/** The desk's own log holds much that is on no Home: requests that were taken, members that were read. */
const isSeen = ({ type }: StandingEvent): boolean =>
  type !== 'RequestTaken' && type !== 'MembersSeen' && type !== 'ReadinessRestated';
