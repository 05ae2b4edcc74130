/** What the headline and the App Home say of the clocks: what helps now, and nothing else. */

import { describe, expect, it } from 'vitest';
import type { IncidentClock } from '../../src/domain/clocks.ts';
import { evolve, type Incident, type StandingEvent } from '../../src/domain/incident.ts';
import { RUNNING } from '../../src/domain/trading.ts';
import { clockLines, metWords } from '../../src/render/clocks.ts';
import { homeView } from '../../src/render/home.ts';
import { policy } from '../scenarios/desk.ts';

const MIN = 60_000;
const HOUR = 60 * MIN;
const NOW = Date.UTC(2026, 10, 22, 14, 0, 0);

const clock = (id: string, dueAt: number, rest: Partial<IncidentClock> = {}): IncidentClock => ({
  id,
  title: id,
  dueAt,
  state: 'running',
  doneAt: null,
  recorded: false,
  ...rest,
});

describe('the clocks of a headline', () => {
  it('do not tell of a limit that is two days away, and do in its last hours', () => {
    expect(clockLines([clock('still-open', NOW + 48 * HOUR)], NOW)).toEqual([]);
    expect(clockLines([clock('still-open', NOW + 6 * HOUR)], NOW)[0]).toContain('still-open by 20:00:00 UTC');
    const missed = clock('still-open', NOW - HOUR, { state: 'missed' });
    expect(clockLines([missed], NOW)[0]).toContain('Missed: still-open');
  });

  it('say what was met of the call and the mail; not that the headline stands, nor the checklist again', () => {
    const met = (id: string) => clock(id, NOW + HOUR, { state: 'met', doneAt: NOW });
    expect(metWords(['incidents-channel', 'root-cause', 'sli-data'].map(met), NOW)).toBeNull();
    expect(metWords(['acknowledge', 'incidents-channel', 'stakeholder-mail'].map(met), NOW)).toBe(
      '✓ in time: acknowledge 14:00:00 UTC · stakeholder-mail 14:00:00 UTC',
    );
  });
});

describe('the App Home', () => {
  it('counts an incident’s clocks as its headline does: from the raise, not from the opening', () => {
    const { playbook } = policy();
    const by = { via: 'slack' as const, id: 'U0ADA', name: 'ada' };
    const log = [
      {
        type: 'IncidentOpened',
        id: 'INC-20261122-001',
        title: 't',
        severity: 'P2',
        origin: 'person',
        runbook: null,
        drill: false,
        at: NOW - 50 * MIN,
        by,
      },
      { type: 'SeverityChanged', from: 'P2', to: 'P1', why: 'w', at: NOW - 5 * MIN, by },
    ] as StandingEvent[];
    const incident = log.reduce<Incident | undefined>(evolve, undefined) as Incident;
    const view = homeView({
      now: NOW,
      drill: false,
      viewer: { id: 'U0ADA', roles: { responder: true, approver: true }, said: null },
      responders: '',
      trading: RUNNING,
      unrecorded: null,
      engines: [],
      criteria: [],
      incidents: [incident],
      lastKill: null,
      latched: null,
      onCall: { state: 'unavailable', reason: '', ageMs: 0 } as never,
      playbook,
      clocks: { playbook, hours: { timezone: 'UTC', days: ['mon'] } },
      budgets: { month: '2026-11', status: 'UNKNOWN', readings: [] },
      readiness: { now: 0, lines: [], state: { test: null }, texts: [], required: false },
      textsVersion: '0'.repeat(16),
      names: { venues: [], protectiveOrders: 'cancel', backups: [], restartOrderManager: null },
      openItems: 0,
      lastDrill: null,
    });
    expect(JSON.stringify(view.blocks)).toContain(
      'acknowledge by 14:10:00 UTC (in 10 min) · next update by 14:25:00 UTC',
    );
  });
});
