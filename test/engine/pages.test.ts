/** What is sent to PagerDuty, and how much of it a minute, with a clock that the test moves. */

import { describe, expect, it } from 'vitest';
import type { Lane, Work } from '../../src/domain/effects.ts';
import { evolve, type Incident, STANDDOWN, type StandingEvent } from '../../src/domain/incident.ts';
import type { Outcome } from '../../src/engine/outbox.ts';
import { createPages, type Pages, type PagesDeps } from '../../src/engine/pages.ts';
import type { Pager, Sent } from '../../src/ports.ts';

const DONE: Sent<object> = { state: 'done' };
const DOWN: Sent<object> = { state: 'failed', retry: true, maybe: false, reason: 'PagerDuty answered 500' };

interface World {
  pages: Pages;
  now(): number;
  sent: { at: number; what: string; key: string }[];
  isUp: boolean;
}

/** Only what these stories touch; anything else throws. */
function world(): World {
  let now = 0;
  const sent: World['sent'] = [];
  const event = (what: string) => async (key: string) => {
    sent.push({ at: now, what, key });
    return made.isUp ? DONE : DOWN;
  };
  const trigger = event('trigger');
  const pager = {
    canConfirm: false,
    trigger: async ({ dedupKey }: { dedupKey: string }) => trigger(dedupKey),
    acknowledge: event('acknowledge'),
    resolve: event('resolve'),
  } as unknown as Pager;
  const deps = {
    clock: { now: () => now, monotonic: () => now, wait: async () => undefined },
    pager,
    draw: { page: () => ({ severity: 'error', summary: 's', source: 's', links: [], customDetails: {} }) },
    channelLink: 'https://slack.com',
    log: { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} },
  } as unknown as PagesDeps;
  const made: World & { advance(ms: number): void } = {
    pages: createPages(deps),
    now: () => now,
    sent,
    isUp: true,
    advance: (ms) => {
      now += ms;
    },
  };
  return made;
}

const said = (event: object): StandingEvent => ({ at: 0, by: STANDDOWN, ...event }) as StandingEvent;
function incident(id: string, ...more: object[]): Incident {
  const opened = {
    type: 'IncidentOpened',
    id,
    title: 't',
    severity: 'P1',
    origin: 'alert',
    runbook: null,
    drill: false,
  };
  return [opened, { type: 'PageOwed', n: 1, severity: 'P1', why: 'opened' }, ...more]
    .map(said)
    .reduce<Incident | undefined>((sofar, event) => evolve(sofar, event), undefined) as Incident;
}

const attempt = (lane: Lane, work: Work, tries = 0) => ({
  effect: { id: 'e', incident: 'i', lane, target: 't', work },
  tries,
  maybe: false,
  setMaybe: () => undefined,
});

/** Try everything that is due again and again until nothing is owed, in time that passes only here. */
async function drain(
  at: World & { advance?(ms: number): void },
  owed: ((tries: number) => Promise<Outcome>)[],
): Promise<void> {
  const items = owed.map((run) => ({ run, tries: 0, due: 0, done: false }));
  while (items.some((one) => !one.done)) {
    for (const one of items.filter((item) => !item.done && item.due <= at.now())) {
      const outcome = await one.run(one.tries);
      one.done = outcome.done;
      one.tries += 1;
      if (!outcome.done) one.due = at.now() + outcome.retryInMs;
    }
    at.advance?.(500);
  }
}

/** The most events in any minute. */
const peak = (sent: World['sent']): number =>
  Math.max(...sent.map(({ at }) => sent.filter((one) => one.at > at - 60_000 && one.at <= at).length));

describe('PagerDuty', () => {
  it('gets under 120 events a minute, pages, acknowledgements and resolutions together, and all of them in the end', async () => {
    const made = world();
    const ids = Array.from({ length: 150 }, (_one, n) => `INC-20261122-${String(n + 1).padStart(3, '0')}`);
    await drain(made, [
      ...ids.map(
        (id) => (tries: number) =>
          made.pages.page(attempt('page', { kind: 'page', n: 1 }, tries), incident(id), 1),
      ),
      ...ids.map(
        (id) => (tries: number) =>
          made.pages.follow(
            attempt('page', { kind: 'pageResolve', n: 1 }, tries),
            incident(id),
            1,
            'resolve',
          ),
      ),
    ]);
    expect(made.sent).toHaveLength(300);
    expect(peak(made.sent)).toBeLessThan(120);
  });

  it('keeps room for a P0 page when the minute is full of others', async () => {
    const made = world();
    for (let n = 0; n < 200; n += 1)
      await made.pages.follow(
        attempt('pageP0', { kind: 'pageResolve', n: 1 }),
        incident(`INC-20261122-${n + 100}`),
        1,
        'resolve',
      );
    for (let n = 0; n < 200; n += 1)
      await made.pages.page(attempt('page', { kind: 'page', n: 1 }), incident(`INC-20261122-${n + 100}`), 1);
    const before = made.sent.length;
    const outcome = await made.pages.page(
      attempt('pageP0', { kind: 'page', n: 1 }),
      incident('INC-20261122-999'),
      1,
    );
    expect(outcome).toMatchObject({ done: true, facts: [{ type: 'PageQueued' }] });
    expect(made.sent).toHaveLength(before + 1);
  });

  it('is down for an hour while the incidents resolve: none of them is triggered afterwards', async () => {
    const made = world() as World & { advance(ms: number): void };
    made.isUp = false;
    const ids = Array.from({ length: 60 }, (_one, n) => `INC-20261122-${String(n + 1).padStart(3, '0')}`);
    let resolved = false;
    const now = (id: string) =>
      resolved ? incident(id, { type: 'IncidentResolved', how: 'alertsCleared' }) : incident(id);
    await drain(
      made,
      ids.map((id) => async (tries: number) => {
        if (made.now() > 3_000_000) resolved = true;
        if (made.now() > 3_600_000) made.isUp = true;
        return made.pages.page(attempt('page', { kind: 'page', n: 1 }, tries), now(id), 1);
      }),
    );
    made.isUp = true;
    const before = made.sent.length;
    await drain(
      made,
      ids.map(
        (id) => (tries: number) =>
          made.pages.follow(attempt('page', { kind: 'pageResolve', n: 1 }, tries), now(id), 1, 'resolve'),
      ),
    );
    const after = made.sent.slice(before);
    expect(after.every(({ what }) => what === 'resolve')).toBe(true);
    expect(after).toHaveLength(60);
    expect(peak(made.sent)).toBeLessThan(120);
    // Tried at once, then within 2 s.
    const first = made.sent.filter(({ key }) => key === `${ids[0]}/1`).map(({ at }) => at);
    expect(first[1]).toBeLessThanOrEqual(2_000);
  });
});
