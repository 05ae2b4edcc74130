/** What the receipt says of the cancels: only what was answered, and in which round it was listed. */

import { describe, expect, it } from 'vitest';
import { evolve, type Incident, type StandingEvent } from '../../src/domain/incident.ts';
import type { KillState } from '../../src/domain/kill.ts';
import type { CancelledList } from '../../src/domain/orders.ts';
import type { GateRules } from '../../src/domain/resume.ts';
import { problemsOfMessage } from '../../src/rehearsal/slack/blocks.ts';
import { receipt } from '../../src/render/receipt.ts';

const ID = 'INC-20261122-001';
const T0 = Date.parse('2026-11-22T14:00:00Z');
const RULES = { recoveryCheck: false, checklist: [], approvals: 2 } as unknown as GateRules;
const by = { via: 'slack', id: 'U0ADA', name: 'ada' } as const;

const at = (ms: number, event: object): StandingEvent => ({ at: T0 + ms, by, ...event }) as StandingEvent;
const list = (name: string, found: number, answered: number, ...failures: string[]): CancelledList => ({
  list: name,
  found,
  answered,
  protective: 0,
  failures,
});
const cancelled = (round: number, ms: number, ...lists: CancelledList[]) =>
  at(ms, { type: 'VenueCancelled', kill: 'K1', venue: 'v', round, ms, lists });
const judged = (ms: number) =>
  at(ms, {
    type: 'KillJudged',
    kill: 'K1',
    verdict: 'UNKNOWN',
    timings: { latchMs: 1, lastCancelMs: 1, verdictMs: ms },
  });

/** The receipt's text after these events. */
function said(...events: StandingEvent[]): string {
  const incident = [
    at(0, {
      type: 'IncidentOpened',
      id: ID,
      title: 'feed frozen',
      severity: 'P0',
      origin: 'kill',
      runbook: null,
      drill: true,
    }),
    at(0, { type: 'KillAsked', kill: 'K1', reason: 'feed frozen', venues: ['v'] }),
    ...events,
  ].reduce<Incident | undefined>((sofar, event) => evolve(sofar, event), undefined) as Incident;
  const kill = incident.kills['K1'] as KillState;
  const message = receipt(incident, kill, {}, null, [], RULES, true);
  expect(problemsOfMessage(message.blocks as never)).toEqual([]);
  return JSON.stringify(message.blocks);
}

const TIMEOUT = 'listing: no whole answer within 3000 ms';

describe('what a venue answered to a cancel', () => {
  it('is an answer where each list was listed, and each cancel answered', () => {
    expect(said(cancelled(1, 610, list('regular', 5, 5), list('conditional', 0, 0)))).toContain(
      '✓ *cancel answered* by v, listed 5 regular · +0.61',
    );
    expect(said(cancelled(1, 610, list('regular', 0, 0)))).toContain('listed no order ·');
  });

  it('is none where it only timed out, and no list is called empty', () => {
    const text = said(cancelled(1, 3_000, list('regular', 0, 0, TIMEOUT)));
    expect(text).toContain('❗ *cancel not answered as done* by v, listed none ·');
    expect(text).toContain('no whole answer within 3000 ms');
    expect(text).not.toMatch(/cancel answered|no order/);
  });

  it('is none where the orders were listed, and the cancels refused', () => {
    expect(said(cancelled(1, 900, list('regular', 5, 0, 'BTCUSDT: it refuses the key')))).toContain(
      '❗ *cancel not answered as done* by v, listed 5 regular ·',
    );
  });

  it('is one in part where one list was answered and another was not', () => {
    expect(said(cancelled(1, 900, list('regular', 5, 5), list('conditional', 0, 0, TIMEOUT)))).toContain(
      '❗ *cancel answered in part* by v, listed 5 regular ·',
    );
  });
});

describe('rounds', () => {
  it('are not added up: what the first one listed, and what the newest one did', () => {
    const text = said(
      ...[1, 2, 3, 4, 5, 6, 7].map((round) => cancelled(round, round * 300, list('regular', 5, 5))),
    );
    expect(text).toContain(
      'listed 5 regular in its first round · 7 rounds, the newest listed 5 regular: an order that stood is listed again',
    );
    expect(text).not.toContain('35');
  });

  it('the newest one is the one whose answer is told', () => {
    const text = said(
      cancelled(1, 3_000, list('regular', 0, 0, TIMEOUT)),
      cancelled(2, 4_000, list('regular', 5, 5)),
    );
    expect(text).toContain(
      '✓ *cancel answered* by v, listed none in its first round · 2 rounds, the newest listed 5 regular:',
    );
    expect(text).not.toContain('no whole answer');
  });

  it('one after the first verdict says what that means; one before it does not', () => {
    const late =
      /the newest round came after the first verdict: an order had stood, or the engine is still trading/;
    const first = cancelled(1, 300, list('regular', 5, 5));
    expect(said(first, judged(2_000), cancelled(2, 7_000, list('regular', 1, 1)))).toMatch(late);
    expect(said(first, cancelled(2, 1_000, list('regular', 1, 1)), judged(2_000))).not.toMatch(late);
    expect(said(first, judged(200))).not.toMatch(late);
  });
});
