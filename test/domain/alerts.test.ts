/** Alerts in any order and any number of copies give the same incidents (RELIABILITY, fault 11). */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Command, decide, decideAll } from '../../src/domain/decide.ts';
import {
  type Actor,
  type Alert,
  evolve,
  evolveAll,
  type Incident,
  OWN_SOURCE,
  type StandingEvent,
} from '../../src/domain/incident.ts';
import { react } from '../../src/domain/react.ts';
import { policy } from '../scenarios/desk.ts';

const { playbook } = policy();
const BY: Actor = { via: 'alert', id: 'alertmanager', name: 'alertmanager' };

interface Signal {
  key: string;
  startsAt: number;
  status: 'firing' | 'resolved';
  severity: 'P0' | 'P1' | 'P2' | 'P3';
}

const alertOf = (signal: Signal): Alert => ({
  source: 'alertmanager',
  groupKey: 'g',
  key: signal.key,
  title: signal.key,
  severity: signal.severity,
  startsAt: signal.startsAt,
  startsAtGiven: true,
  labels: {},
  annotations: {},
});

/** What the desk does for one group, without a disk: the same lookups, decisions and folds. */
function play(signals: Signal[]): { incidents: Incident[]; pages: Map<string, number> } {
  const incidents: Incident[] = [];
  const stray = new Set<string>();
  const pages = new Map<string, number>();
  const take = (incident: Incident | undefined, events: StandingEvent[]) => {
    let now = incident;
    for (const event of events) {
      now = evolve(now, event);
      for (const effect of react(event, now)) {
        if (effect.work.kind === 'page')
          pages.set(`${now.id}/${effect.work.n}`, (pages.get(`${now.id}/${effect.work.n}`) ?? 0) + 1);
      }
    }
    if (now === undefined) return;
    if (incident === undefined) incidents.push(now);
    else incidents[incidents.indexOf(incident)] = now;
  };
  for (const signal of signals) {
    const alert = alertOf(signal);
    const latest = incidents.at(-1);
    if (signal.status === 'resolved') {
      if (latest?.alerts[alert.key] === undefined) stray.add(`${alert.key}|${alert.startsAt}`);
      else
        take(
          latest,
          decide({ type: 'TakeClearing', by: BY, alert, endedAt: 2_000 }, latest, 2_000, playbook),
        );
      continue;
    }
    const clearedAt = stray.has(`${alert.key}|${alert.startsAt}`) ? { clearedAt: 2_000 } : {};
    const id = `INC-20261122-${String(incidents.length + 1).padStart(3, '0')}`;
    take(
      latest,
      decide(
        { type: 'TakeFiring', by: BY, incident: id, alert, runbook: null, drill: false, ...clearedAt },
        latest,
        1_000,
        playbook,
      ),
    );
  }
  return { incidents, pages };
}

/** One firing of one fingerprint each, some of them resolved: the truth that any delivery order must give. */
const truth = fc.uniqueArray(
  fc.record({
    key: fc.constantFrom('a', 'b', 'c', 'd'),
    startsAt: fc.constant(1_000),
    resolved: fc.boolean(),
    severity: fc.constantFrom<Signal['severity']>('P0', 'P1', 'P2', 'P3'),
  }),
  { selector: ({ key }) => key, minLength: 1 },
);

const delivery = truth.chain((alerts) => {
  const signals = alerts.flatMap(({ resolved, ...signal }): Signal[] => [
    { ...signal, status: 'firing' },
    ...(resolved ? [{ ...signal, status: 'resolved' } as const] : []),
  ]);
  return fc
    .array(fc.constantFrom(...signals), { maxLength: 6 })
    .chain((copies) =>
      fc.shuffledSubarray([...signals, ...copies], {
        minLength: signals.length + copies.length,
        maxLength: signals.length + copies.length,
      }),
    )
    .map((order) => ({ alerts, order }));
});

describe('alerts of one group', () => {
  it('end in one incident with the same alerts, whatever the order and the number of copies', () => {
    fc.assert(
      fc.property(delivery, ({ alerts, order }) => {
        const { incidents, pages } = play(order);
        expect(incidents).toHaveLength(1);
        const states = Object.fromEntries(
          Object.values(incidents[0]?.alerts ?? {}).map((alert) => [alert.key, alert.state]),
        );
        expect(states).toEqual(
          Object.fromEntries(alerts.map(({ key, resolved }) => [key, resolved ? 'resolved' : 'firing'])),
        );
        const worst = alerts.map(({ severity }) => severity).sort()[0];
        expect(incidents[0]?.severity).toBe(worst);
        expect(
          [...pages.values()].every((count) => count === 1),
          'one page a step',
        ).toBe(true);
      }),
      { numRuns: Number(process.env['STANDDOWN_CASES'] ?? 20_000) },
    );
  });

  it('a copy of a firing neither pages nor posts again', () => {
    const signal: Signal = { key: 'a', startsAt: 1_000, status: 'firing', severity: 'P1' };
    const { incidents, pages } = play([signal, signal, signal]);
    expect([...pages]).toEqual([['INC-20261122-001/1', 1]]);
    expect(incidents[0]?.alerts['a']?.repeats).toBe(2);
  });

  it('P2 and P3 resolve by themselves, P0 and P1 do not', () => {
    for (const severity of ['P0', 'P1', 'P2', 'P3'] as const) {
      const { incidents } = play([
        { key: 'a', startsAt: 1, status: 'firing', severity },
        { key: 'a', startsAt: 1, status: 'resolved', severity },
      ]);
      expect(incidents[0]?.status).toBe(severity === 'P2' || severity === 'P3' ? 'resolved' : 'open');
    }
  });

  it('of a budget that asks for a review do not resolve by themselves, whatever somebody made of the severity', () => {
    const alert: Alert = {
      ...alertOf({ key: 'budget:SLO-01:2026-11:band:RED', startsAt: 1, status: 'firing', severity: 'P1' }),
      source: OWN_SOURCE,
      groupKey: 'budget:SLO-01:2026-11',
      labels: { band: 'RED' },
    };
    let incident: Incident | undefined;
    const say = (command: Command, at: number): void => {
      const events = decide(command, incident, at, playbook);
      incident = evolveAll(incident, events);
    };
    const ends: Command = { type: 'TakeClearing', by: BY, alert, endedAt: 4 };
    const firing = { type: 'TakeFiring', by: BY, incident: 'INC-20261122-001', alert } as const;
    say({ ...firing, runbook: null, drill: false }, 2);
    say({ type: 'ChangeSeverity', by: BY, to: 'P3', why: 'it is quiet' }, 3);
    say(ends, 4);
    expect(incident).toMatchObject({ status: 'open', firing: 0 });
    expect(() => say({ type: 'ResolveIncident', by: BY, summary: 's' }, 5)).toThrow(
      'asks for an incident review',
    );
    say({ type: 'ReviewIncident', by: BY, text: 'the feed is thin' }, 6);
    say({ type: 'ResolveIncident', by: BY, summary: 's' }, 7);
    expect(incident).toMatchObject({ status: 'resolved' });
  });

  it('a later firing of the same fingerprint is a new one; a late copy of the old one is not', () => {
    const first: Signal = { key: 'a', startsAt: 1, status: 'firing', severity: 'P1' };
    const cleared: Signal = { ...first, status: 'resolved' };
    expect(play([first, cleared, first]).incidents[0]?.alerts['a']?.state).toBe('resolved');
    expect(play([first, cleared, { ...first, startsAt: 2 }]).incidents[0]?.alerts['a']?.state).toBe('firing');
  });
});

describe('alerts that are folded together', () => {
  const signals = fc.array(
    fc.record({
      key: fc.constantFrom('a', 'b', '__proto__', 'toString'),
      startsAt: fc.integer({ min: 1, max: 3 }),
      status: fc.constantFrom('firing' as const, 'resolved' as const),
      severity: fc.constantFrom('P0' as const, 'P1' as const, 'P2' as const, 'P3' as const),
    }),
    { minLength: 1, maxLength: 30 },
  );
  const command = (signal: Signal): Command =>
    signal.status === 'firing'
      ? {
          type: 'TakeFiring',
          by: BY,
          incident: 'INC-20261122-001',
          alert: alertOf(signal),
          runbook: null,
          drill: false,
        }
      : { type: 'TakeClearing', by: BY, alert: alertOf(signal), endedAt: 2_000 };
  const open = command({ key: 'a', startsAt: 1, status: 'firing', severity: 'P3' });

  it('come to what they come to one by one, count what fires, and leave the incident before as it was', () => {
    fc.assert(
      fc.property(signals, signals, (first, second) => {
        const before = evolveAll(undefined, decideAll([open, ...first.map(command)], undefined, 1, playbook));
        const kept = structuredClone(before);
        const events = decideAll(second.map(command), before, 2, playbook);
        let one: Incident | undefined = before;
        let together: Incident = before;
        for (const signal of second)
          for (const event of decide(command(signal), one, 2, playbook)) one = evolve(one, event);
        if (events.length > 0) together = evolveAll(before, events);
        expect(together).toEqual(one);
        expect(before).toEqual(kept);
        expect(together.firing).toBe(
          Object.values(together.alerts).filter(({ state }) => state === 'firing').length,
        );
      }),
    );
  });
});
