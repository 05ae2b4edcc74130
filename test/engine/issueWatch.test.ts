/** What becomes of action items: a few at a time, in turn, for ninety days, whatever the tracker does. */

import { describe, expect, it } from 'vitest';
import type { Actor, StandingEvent } from '../../src/domain/incident.ts';
import { createIssueWatch } from '../../src/engine/issueWatch.ts';
import { createLedger } from '../../src/engine/ledger.ts';
import type { IssueSeen, Log, Sent, Tracker } from '../../src/ports.ts';
import { type FakeClock, fakeClock } from '../fakes/clock.ts';
import { fakeStore } from '../fakes/store.ts';
import { policy } from '../scenarios/desk.ts';

const { playbook } = policy();
const ADA: Actor = { via: 'slack', id: 'U0ADA', name: 'ada' };
const MIN = 60_000;
const DAY = 86_400_000;

const idOf = (n: number): string => `INC-20261127-${String(n).padStart(3, '0')}`;

/** A resolved incident with `count` items, filed from `first` on. */
function resolvedWith(n: number, at: number, first: number, count: number, due?: string): StandingEvent[] {
  const head: StandingEvent = {
    type: 'IncidentOpened',
    at,
    by: ADA,
    id: idOf(n),
    title: 't',
    severity: 'P2',
    origin: 'person',
    runbook: null,
    drill: false,
  };
  const items = Array.from({ length: count }, (_, k): StandingEvent[] => [
    {
      type: 'ActionItemAdded',
      at,
      by: ADA,
      id: `A${k + 1}`,
      text: 'x',
      ...(due === undefined ? {} : { due }),
    },
    { type: 'IssueFiled', at, by: ADA, item: `A${k + 1}`, number: first + k, url: 'https://g.invalid/1' },
  ]);
  return [head, ...items.flat(), { type: 'IncidentResolved', at, by: ADA, how: 'person', summary: 's' }];
}

async function watched(
  logs: StandingEvent[][],
  see: (number: number) => Sent<{ seen: IssueSeen }>,
  clock: FakeClock = fakeClock(),
) {
  const store = fakeStore(clock.now);
  for (const [n, events] of logs.entries()) await store.append(idOf(n + 1), 0, events, []);
  const warnings: string[] = [];
  const log: Log = {
    debug: () => {},
    info: () => {},
    warn: (_fields, message) => void warnings.push(message),
    error: () => {},
  };
  const ledger = createLedger({ store, clock, playbook, log });
  const asked: number[] = [];
  const tracker: Tracker = {
    findOrFile: () => Promise.reject(new Error('nothing is filed here')),
    comment: () => Promise.reject(new Error('nothing is said here')),
    see: (number) => {
      asked.push(number);
      return Promise.resolve(see(number));
    },
  };
  const watch = createIssueWatch({ ledger, store, tracker, clock, log });
  /** Another minute, and its look. */
  const minute = async () => {
    await clock.advance(MIN);
    await watch.look();
  };
  return { store, clock, asked, warnings, watch, minute };
}

const open: Sent<{ seen: IssueSeen }> = {
  state: 'done',
  seen: { state: 'open', changedAt: null, who: null },
};
const closed: Sent<{ seen: IssueSeen }> = {
  state: 'done',
  seen: { state: 'closed', changedAt: 5, who: 'grace' },
};

describe('issues', () => {
  it('are asked about ten a minute, each in its turn', async () => {
    const { asked, minute, watch } = await watched([resolvedWith(1, fakeClock().now(), 1, 25)], () => open);
    await minute();
    await watch.look();
    expect(asked).toHaveLength(10);
    await minute();
    await minute();
    expect(new Set(asked).size).toBe(25);
  });

  it('of many incidents all have their turn', async () => {
    const at = fakeClock().now();
    const logs = Array.from({ length: 45 }, (_, n) => resolvedWith(n + 1, at, n + 1, 1));
    const { asked, minute } = await watched(logs, () => open);
    for (let n = 0; n < 12; n += 1) await minute();
    expect(new Set(asked).size).toBe(45);
  });

  it('that are closed are put on record once, and asked about no more', async () => {
    const { asked, minute, store } = await watched([resolvedWith(1, fakeClock().now(), 1, 2)], (number) =>
      number === 1 ? closed : open,
    );
    for (let n = 0; n < 3; n += 1) await minute();
    expect(asked).toEqual([1, 2, 2, 2]);
    const seen = (await store.history(idOf(1))).filter(({ type }) => type === 'IssueStateSeen');
    expect(seen).toMatchObject([{ item: 'A1', state: 'closed', who: 'grace' }]);
  });

  it('that are opened again show as open, over a restart too, until the postmortem is final', async () => {
    const clock = fakeClock();
    const drafted: StandingEvent = {
      type: 'PostmortemDrafted',
      at: clock.now(),
      by: ADA,
      id: 'PM_20261122_001',
      file: 'f',
    };
    const shut: StandingEvent = {
      type: 'IssueStateSeen',
      at: clock.now(),
      by: ADA,
      item: 'A1',
      state: 'closed',
      changedAt: 5,
      who: 'grace',
    };
    const log = [...resolvedWith(1, clock.now(), 1, 1), drafted, shut];
    let answer = closed;
    const { asked, minute, store } = await watched([log], () => answer, clock);
    for (let n = 0; n < 61; n += 1) await minute();
    expect(asked).toEqual([1, 1]);
    answer = open;
    for (let n = 0; n < 60; n += 1) await minute();
    expect((await store.history(idOf(1))).at(-1)).toMatchObject({ type: 'IssueStateSeen', state: 'open' });
    const final: StandingEvent = {
      type: 'PostmortemFinalised',
      at: clock.now(),
      by: ADA,
      id: 'PM_20261122_001',
    };
    const frozen = await watched([[...log, final]], () => open, clock);
    await frozen.minute();
    expect(frozen.asked).toEqual([]);
  });

  it('are asked about for ninety days', async () => {
    const clock = fakeClock();
    const at = clock.now();
    const { asked, minute } = await watched([resolvedWith(1, at - 89 * DAY, 1, 1)], () => open, clock);
    await minute();
    expect(asked).toEqual([1]);
    await clock.advance(2 * DAY);
    await minute();
    await minute();
    expect(asked).toEqual([1]);
  });

  it('rest as long as the tracker asks for, said once; a due date does not', async () => {
    const limited: Sent<{ seen: IssueSeen }> = {
      state: 'failed',
      retry: true,
      maybe: false,
      reason: 'too many requests',
      retryAfterMs: 10 * MIN,
    };
    const { asked, minute, store, warnings } = await watched(
      [resolvedWith(1, fakeClock().now(), 1, 3, '2026-11-27')],
      () => limited,
    );
    for (let n = 0; n < 9; n += 1) await minute();
    expect(asked).toHaveLength(1);
    for (let n = 0; n < 4; n += 1) await minute();
    expect(asked).toHaveLength(2);
    expect(warnings).toEqual(['the state of an issue could not be read']);
    const reminded = (await store.history(idOf(1))).filter(({ type }) => type === 'ActionItemReminded');
    expect(reminded).toHaveLength(3);
  });
});
