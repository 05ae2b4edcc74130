/** Filing an action item: what one try comes to, and what is put on record of it. */

import { describe, expect, it } from 'vitest';
import { type Actor, evolveAll, type Incident, type StandingEvent } from '../../src/domain/incident.ts';
import { createIssues } from '../../src/engine/issues.ts';
import type { Attempt } from '../../src/engine/outbox.ts';
import type { Sent, Tracker } from '../../src/ports.ts';
import { issueComment, issueDraft } from '../../src/render/issue.ts';

const ADA: Actor = { via: 'slack', id: 'U0ADA', name: 'ada' };
const ID = 'INC-20261128-001';
const T0 = Date.parse('2026-11-28T12:00:00Z');

function incidentWith(drill: boolean, ...more: StandingEvent[]): Incident {
  const incident = evolveAll(undefined, [
    {
      type: 'IncidentOpened',
      at: T0,
      by: ADA,
      id: ID,
      title: 't',
      severity: 'P2',
      origin: 'person',
      runbook: null,
      drill,
    },
    { type: 'ActionItemAdded', at: T0 + 5, by: ADA, id: 'A1', text: 'x' },
    ...more,
  ]);
  if (incident === undefined) throw new Error('no incident');
  return incident;
}
const failedBefore = (maybe: boolean): StandingEvent => ({
  type: 'IssueFailed',
  at: T0,
  by: ADA,
  item: 'A1',
  reason: 'request 17 failed',
  gaveUp: false,
  maybe,
});

/** One try at a tracker that answers this. `sinces`: what it was asked to look through before it filed. */
async function trying(
  incident: Incident,
  answer: Sent<{ number: number; url: string }>,
  attempt: Partial<Attempt> = {},
  drillsFiled = false,
) {
  const sinces: (number | null)[] = [];
  let isMaybe = false;
  const tracker: Tracker = {
    findOrFile: (_draft, since) => {
      sinces.push(since);
      return Promise.resolve(answer);
    },
    comment: () => Promise.resolve({ state: 'done' }),
    see: () => Promise.reject(new Error('nothing is asked here')),
  };
  const silent = () => {};
  const { file } = createIssues({
    tracker,
    drillsFiled,
    draw: { issue: issueDraft, issueComment },
    log: { debug: silent, info: silent, warn: silent, error: silent },
  });
  const outcome = await file(
    {
      effect: { id: 'e', incident: ID, lane: 'tracker', target: 't', work: { kind: 'issue', item: 'A1' } },
      tries: 0,
      maybe: false,
      setMaybe: () => {
        isMaybe = true;
      },
      ...attempt,
    },
    incident,
    'A1',
  );
  return { outcome, sinces, isMaybe };
}

const DONE: Sent<{ number: number; url: string }> = { state: 'done', number: 7, url: 'https://g.invalid/7' };
const failing = (retry: boolean, maybe: boolean): Sent<{ number: number; url: string }> => ({
  state: 'failed',
  retry,
  maybe,
  reason: 'request 18 failed',
});

describe('a try', () => {
  it('that is taken is on record with its address', async () => {
    const { outcome, sinces } = await trying(incidentWith(false), DONE);
    expect(outcome).toEqual({
      done: true,
      facts: [{ type: 'IssueFiled', item: 'A1', number: 7, url: 'https://g.invalid/7' }],
    });
    expect(sinces).toEqual([null]);
  });

  it.each([
    ['in this process', incidentWith(false), { maybe: true }],
    ['on record', incidentWith(false, failedBefore(true)), {}],
  ])('after one that may have arrived (%s) looks for it first', async (_where, incident, attempt) => {
    expect((await trying(incident, DONE, attempt)).sinces).toEqual([T0 + 5]);
  });

  it('that may have arrived says so, to this process and on record', async () => {
    const { outcome, isMaybe } = await trying(incidentWith(false), failing(true, true));
    expect(isMaybe).toBe(true);
    expect(outcome).toMatchObject({
      done: false,
      facts: [{ type: 'IssueFailed', gaveUp: false, maybe: true }],
    });
  });

  it('that fails in other words is no news, and giving up is', async () => {
    const before = incidentWith(false, failedBefore(false));
    expect(await trying(before, failing(true, false))).toMatchObject({ outcome: { done: false, facts: [] } });
    expect(await trying(before, failing(true, true))).toMatchObject({
      outcome: { facts: [{ maybe: true }] },
    });
    expect(await trying(before, failing(false, false))).toMatchObject({
      outcome: { done: true, facts: [{ gaveUp: true }] },
    });
  });

  it('of what a drill found is made in a rehearsal alone', async () => {
    expect((await trying(incidentWith(true), DONE)).sinces).toEqual([]);
    expect((await trying(incidentWith(true), DONE, {}, true)).sinces).toEqual([null]);
  });

  it('of what is filed is not made', async () => {
    const filed: StandingEvent = {
      type: 'IssueFiled',
      at: T0,
      by: ADA,
      item: 'A1',
      number: 7,
      url: 'https://g.invalid/7',
    };
    expect((await trying(incidentWith(false, filed), DONE)).sinces).toEqual([]);
  });
});
