/** Readiness as a pure fold and a judgement: edges of expiry, the order of events, a clock that was put back. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Actor } from '../../../src/domain/incident.ts';
import type { KillState } from '../../../src/domain/kill.ts';
import type { ReadinessEvent, ReadinessState, TextVersion } from '../../../src/domain/readiness/events.ts';
import { changedSince, judgeReadiness, type ReadinessFacts } from '../../../src/domain/readiness/judge.ts';
import { provedByCancel, provedByDrill, provedByKill } from '../../../src/domain/readiness/proofs.ts';
import { holesOf, type Shift } from '../../../src/domain/readiness/rota.ts';
import { evolveReadiness, isTesting, NOTHING_PROVED } from '../../../src/domain/readiness/state.ts';

const DAY = 86_400_000;
const NOW = Date.UTC(2026, 10, 28);
const ada: Actor = { via: 'slack', id: 'U1', name: 'Ada' };
const facts: ReadinessFacts = {
  lines: [
    'kill-switch',
    'emergency-cancel',
    'on-call-rotation',
    'alerting',
    'backup-feed',
    'runbook-read',
  ].map((id) => ({ id, text: id })),
  rules: { soonDays: 7, validDays: { alerting: 30, 'on-call-rotation': 2, 'runbook-read': 180 } },
  rehearsal: false,
  venues: ['a', 'b'],
  exchanges: { a: 'binance', b: 'kraken' },
  engines: ['main'],
  pagedWith: 'key 1',
  feeds: [{ id: 'f', backup: 'g' }],
  ownerDocument: 'RUNBOOK.md',
  canAskPager: true,
};
const said = (event: ReadinessEvent, at = NOW, by = ada) => ({ ...event, at, by });
const fold = (...events: ReturnType<typeof said>[]): ReadinessState =>
  events.reduce(evolveReadiness, NOTHING_PROVED);
/** What each line's evidence has to be of, by these facts. */
const OF: Record<string, string[]> = {
  'kill-switch/': ['main'],
  'emergency-cancel/a': ['binance'],
  'emergency-cancel/b': ['kraken'],
  'alerting/': ['key 1'],
  'backup-feed/f': ['g'],
};
const proof = (
  line: string,
  provedAt: number,
  part = '',
  rehearsal = false,
  of = OF[`${line}/${part}`] ?? [],
): ReadinessEvent => ({
  type: 'ReadinessProved',
  line,
  part,
  evidence: `proved at ${provedAt}`,
  provedAt,
  rehearsal,
  of,
});
const stateOf = (state: ReadinessState, id: string, now: number, with_: Partial<ReadinessFacts> = {}) =>
  judgeReadiness(state, { ...facts, ...with_ }, now).find((line) => line.id === id);

describe('evidence that expires', () => {
  it('is green, soon, and expired at the very ms, whatever the days are', () => {
    fc.assert(
      fc.property(fc.integer({ min: 8, max: 400 }), fc.integer({ min: 0, max: 500 * DAY }), (days, age) => {
        const state = fold(said(proof('alerting', NOW)));
        const rules = { soonDays: 7, validDays: { alerting: days } };
        const expected = age >= days * DAY ? 'expired' : age >= (days - 7) * DAY ? 'soon' : 'green';
        expect(stateOf(state, 'alerting', NOW + age, { rules })?.state).toBe(expected);
      }),
    );
    const state = fold(said(proof('alerting', NOW)));
    expect(stateOf(state, 'alerting', NOW + 30 * DAY - 1)?.state).toBe('soon');
    expect(stateOf(state, 'alerting', NOW + 30 * DAY)?.state).toBe('expired');
    expect(stateOf(state, 'alerting', NOW + 23 * DAY - 1)?.state).toBe('green');
  });

  it('once expired comes back only with new evidence, however long nobody looks', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 5_000 }), (days) => {
        const state = fold(said(proof('alerting', NOW)));
        const later = NOW + (30 + days) * DAY;
        expect(stateOf(state, 'alerting', later)?.state).toBe('expired');
        const renewed = evolveReadiness(state, said(proof('alerting', later), later));
        expect(stateOf(renewed, 'alerting', later)?.state).toBe('green');
      }),
    );
  });

  it('is not believed when it is dated in the future: the clock was put back', () => {
    const state = fold(said(proof('alerting', NOW)));
    expect(stateOf(state, 'alerting', NOW - 60_000)?.state).toBe('green');
    expect(stateOf(state, 'alerting', NOW - DAY)?.state).toBe('unknown');
    // And it keeps no new evidence away until then.
    const again = evolveReadiness(state, said(proof('alerting', NOW - DAY), NOW - DAY));
    expect(stateOf(again, 'alerting', NOW - DAY)?.state).toBe('green');
  });

  it('is of its newest proof, in whatever order they come', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.integer({ min: 0, max: 100 * DAY }), { minLength: 1 }), (times) => {
        const state = fold(...times.map((at) => said(proof('alerting', NOW - at))));
        expect(state.proofs.map(({ provedAt }) => provedAt)).toEqual([NOW - Math.min(...times)]);
      }),
    );
  });

  it('of a rehearsal never counts on a live desk', () => {
    const state = fold(
      said(proof('alerting', NOW, '', true)),
      said(proof('emergency-cancel', NOW, 'a', true)),
    );
    expect(stateOf(state, 'alerting', NOW)?.state).toBe('missing');
    expect(stateOf(state, 'alerting', NOW, { rehearsal: true })?.state).toBe('green');
    // And it takes no live one away.
    const both = evolveReadiness(
      fold(said(proof('alerting', NOW - DAY))),
      said(proof('alerting', NOW, '', true)),
    );
    expect(stateOf(both, 'alerting', NOW)).toMatchObject({ state: 'green', parts: [{ at: NOW - DAY }] });
  });

  it('is none of what stands under the same name now: another exchange, backup, key, or one more engine', () => {
    const state = fold(
      said(proof('kill-switch', NOW)),
      said(proof('emergency-cancel', NOW, 'a')),
      said(proof('emergency-cancel', NOW, 'b')),
      said(proof('alerting', NOW)),
      said(proof('backup-feed', NOW, 'f')),
    );
    const tested = (id: string, with_: Partial<ReadinessFacts> = {}) =>
      stateOf(state, id, NOW, with_)?.parts[0];
    for (const id of ['kill-switch', 'emergency-cancel', 'alerting', 'backup-feed'])
      expect(tested(id)?.state).toBe('green');
    expect(tested('kill-switch', { engines: ['main', 'second'] })).toMatchObject({
      state: 'missing',
      says: expect.stringContaining('not of second: what is on record is of main'),
    });
    expect(tested('kill-switch', { engines: [] })?.state).toBe('green');
    expect(tested('emergency-cancel', { exchanges: { a: 'bybit', b: 'kraken' } })?.state).toBe('missing');
    expect(tested('alerting', { pagedWith: 'key 2' })?.state).toBe('missing');
    expect(tested('backup-feed', { feeds: [{ id: 'f', backup: 'h' }] })?.state).toBe('missing');
    // Before it was kept what a proof is of: nobody knows.
    const { of: _none, ...bare } = proof('alerting', NOW) as Extract<
      ReadinessEvent,
      { type: 'ReadinessProved' }
    >;
    expect(stateOf(fold(said(bare)), 'alerting', NOW)?.state).toBe('missing');
  });

  it('of one venue is none of another, and names what is untested', () => {
    const line = stateOf(fold(said(proof('emergency-cancel', NOW, 'a'))), 'emergency-cancel', NOW);
    expect(line?.state).toBe('missing');
    expect(line?.parts.map(({ name, state }) => [name, state])).toEqual([
      ['a', 'green'],
      ['b', 'missing'],
    ]);
  });
});

describe('the whole state', () => {
  const events: fc.Arbitrary<ReadinessEvent> = fc.oneof(
    fc
      .record({ days: fc.nat(100), part: fc.constantFrom('', 'a', '__proto__', 'toString') })
      .map(({ days, part }) => proof('emergency-cancel', NOW - days * DAY, part)),
    fc.constant<ReadinessEvent>({ type: 'RotaUnread', reason: '503' }),
    fc.nat(3).map((page): ReadinessEvent => ({ type: 'TestPageAsked', page, rehearsal: false })),
    fc.nat(3).map((page): ReadinessEvent => ({ type: 'TestPageQueued', page })),
    fc.nat(3).map((page): ReadinessEvent => ({ type: 'TestPageClosed', page })),
    fc
      .tuple(fc.nat(3), fc.boolean())
      .map(([page, person]): ReadinessEvent => ({ type: 'TestPageAcknowledged', page, who: 'x', person })),
    fc.constant<ReadinessEvent>({ type: 'RunbooksRead', texts: [{ name: '__proto__', sha256: 'a' }] }),
    fc.constant<ReadinessEvent>({ type: 'ReadinessReminderSet', dueAt: NOW }),
  );

  it('is the same from a restatement as from all that came before it', () => {
    fc.assert(
      fc.property(fc.array(events), fc.array(events), (before, after) => {
        const state = fold(...before.map((event) => said(event)));
        const restated = fold(
          said({ type: 'ReadinessRestated', state: JSON.parse(JSON.stringify(state)) as ReadinessState }),
          ...after.map((event) => said(event)),
        );
        const whole = after.map((event) => said(event)).reduce(evolveReadiness, state);
        expect({ ...restated, restatedAt: null }).toEqual(whole);
      }),
    );
  });

  it('judges whatever is folded, and never turns a line green without evidence of it', () => {
    fc.assert(
      fc.property(fc.array(events), (list) => {
        const state = fold(...list.map((event) => said(event)));
        for (const line of judgeReadiness(state, facts, NOW))
          if (line.id !== 'emergency-cancel') expect(line.state).not.toBe('green');
      }),
    );
  });

  it('has at most one test page on its way, and what a machine acknowledges ends none', () => {
    const asked = fold(said({ type: 'TestPageAsked', page: 2, rehearsal: false }));
    expect(isTesting(asked)).toBe(true);
    const byRobot = [
      said({ type: 'TestPageQueued', page: 2 }),
      said({ type: 'TestPageAcknowledged', page: 2, who: 'Robot', person: false }),
      said({ type: 'TestPageClosed', page: 1 }),
    ].reduce(evolveReadiness, asked);
    expect(byRobot.test).toMatchObject({ state: 'queued', acknowledged: { person: false } });
    expect(isTesting(evolveReadiness(byRobot, said({ type: 'TestPageClosed', page: 2 })))).toBe(false);
  });
});

describe('the rota', () => {
  const HOUR = 3_600_000;
  const shift = (from: number | null, to: number | null, level = 1): Shift => ({
    person: 'P1',
    name: 'Ada',
    email: null,
    level,
    from,
    to,
  });

  it('has the holes that a slow look at each hour finds', () => {
    const hours = fc.integer({ min: -5, max: 30 });
    fc.assert(
      fc.property(fc.array(fc.tuple(hours, hours, fc.constantFrom(1, 2))), (list) => {
        const shifts = list.map(([from, to, level]) => shift(from * HOUR, to * HOUR, level));
        const covered = (hour: number) =>
          list.some(([from, to, level]) => level === 1 && from <= hour && hour < to);
        const slow = Array.from({ length: 24 }, (_one, hour) => hour).filter((hour) => !covered(hour));
        const quick = holesOf(shifts, { from: 0, to: 24 * HOUR }).flatMap(({ from, to }) =>
          Array.from({ length: (to - from) / HOUR }, (_one, index) => from / HOUR + index),
        );
        expect(quick).toEqual(slow);
      }),
    );
  });

  it('of nobody is one hole, and somebody for ever leaves none', () => {
    expect(holesOf([], { from: 0, to: 10 })).toEqual([{ from: 0, to: 10 }]);
    expect(holesOf([shift(null, null)], { from: 0, to: 10 })).toEqual([]);
    // Who is asked second fills no hole of the first.
    expect(holesOf([shift(0, 5), shift(null, null, 2)], { from: 0, to: 10 })).toEqual([{ from: 5, to: 10 }]);
    // Not even where the first has no shift left: its schedule was deleted.
    expect(holesOf([shift(null, null, 2)], { from: 0, to: 10 })).toEqual([{ from: 0, to: 10 }]);
  });

  it('sees a hole of a minute, and none where an override or a second layer fills it', () => {
    const span = { from: 0, to: 24 * HOUR };
    const until = shift(null, 5 * HOUR);
    const since = shift(5 * HOUR + 60_000, null);
    expect(holesOf([since, until], span)).toEqual([{ from: 5 * HOUR, to: 5 * HOUR + 60_000 }]);
    // An override is a shift of its own; of two layers both are told, one within the other.
    expect(holesOf([since, until, shift(4 * HOUR, 6 * HOUR)], span)).toEqual([]);
    expect(holesOf([shift(0, 24 * HOUR), shift(2 * HOUR, 3 * HOUR)], span)).toEqual([]);
    expect(holesOf([since, until, shift(5 * HOUR, 5 * HOUR)], span)).toHaveLength(1);
  });

  it('that is too old tells nobody who must read: whoever came onto it since is not known', () => {
    const texts = [{ name: 'RUNBOOK.md', sha256: 'a' }];
    const rota = (people: string[], at: number) =>
      said(
        {
          type: 'RotaRead',
          from: at,
          to: at + 14 * DAY,
          holes: [],
          people: people.map((id) => ({ id, name: id, slack: id, hasPhone: true })),
        },
        at,
      );
    const read = fold(
      said({ type: 'RunbooksSeen', texts }),
      rota(['U1'], NOW),
      said({ type: 'RunbooksRead', texts }),
    );
    const line = (state: ReadinessState, now: number) => stateOf(state, 'runbook-read', now);
    expect(line(read, NOW + DAY)?.state).toBe('green');
    expect(line(read, NOW + 2 * DAY)).toMatchObject({
      state: 'unknown',
      parts: [{ says: expect.stringContaining('who is on call now is not known') }, { state: 'green' }],
    });
    const joined = evolveReadiness(read, rota(['U1', 'U2'], NOW + DAY));
    expect(line(joined, NOW + DAY)).toMatchObject({
      state: 'missing',
      parts: [
        { name: 'U1', state: 'green' },
        { name: 'U2', state: 'missing' },
      ],
    });
    expect(line(evolveReadiness(read, rota([], NOW)), NOW)).toMatchObject({
      state: 'missing',
      parts: [{ says: 'nobody is on call' }],
    });
    // Another text: every earlier reading is void, whoever read it.
    const other = [{ name: 'RUNBOOK.md', sha256: 'b' }];
    const changed = evolveReadiness(read, said({ type: 'RunbooksSeen', texts: other }));
    expect(line(changed, NOW)?.state).toBe('expired');
    expect(stateOf(changed, 'kill-switch', NOW)?.parts.at(-1)).toMatchObject({
      name: 'documented',
      state: 'missing',
    });
  });

  it('is missing over a hole, forgets one that is past, and a person without a number is red', () => {
    const read = (holes: { from: number; to: number }[], hasPhone: boolean | null) =>
      fold(
        said({
          type: 'RotaRead',
          from: NOW,
          to: NOW + 14 * DAY,
          holes,
          people: [{ id: 'P1', name: 'Ada', slack: 'U1', hasPhone }],
        }),
      );
    const hole = [{ from: NOW + HOUR, to: NOW + 2 * HOUR }];
    expect(stateOf(read(hole, true), 'on-call-rotation', NOW)?.state).toBe('missing');
    expect(stateOf(read(hole, true), 'on-call-rotation', NOW + 2 * HOUR)?.state).toBe('green');
    expect(stateOf(read([], false), 'on-call-rotation', NOW)?.state).toBe('missing');
    expect(stateOf(read([], null), 'on-call-rotation', NOW)?.state).toBe('unknown');
    expect(stateOf(read([], true), 'on-call-rotation', NOW + 2 * DAY)?.state).toBe('expired');
    const unread = evolveReadiness(read([], true), said({ type: 'RotaUnread', reason: '503' }));
    expect(stateOf(unread, 'on-call-rotation', NOW + DAY)?.state).toBe('green');
    expect(stateOf(unread, 'on-call-rotation', NOW + 2 * DAY)?.state).toBe('unknown');
    expect(stateOf(NOTHING_PROVED, 'on-call-rotation', NOW, { canAskPager: false })?.state).toBe('unknown');
  });
});

describe('the texts', () => {
  it('that changed are those that a slow comparison names', () => {
    const texts = fc.uniqueArray(
      fc.record({
        name: fc.constantFrom('a', 'b', 'c', '__proto__'),
        sha256: fc.constantFrom('1', '2', null),
      }),
      { selector: ({ name }) => name },
    );
    fc.assert(
      fc.property(texts, texts, (now: TextVersion[], then: TextVersion[]) => {
        const of = (list: TextVersion[]) => new Map(list.map(({ name, sha256 }) => [name, sha256]));
        const [a, b] = [of(now), of(then)];
        const slow = [...new Set([...a.keys(), ...b.keys()])].filter((name) => a.get(name) !== b.get(name));
        expect(changedSince(now, then).toSorted()).toEqual(slow.toSorted());
      }),
    );
  });
});

describe('what proves', () => {
  const kill = (with_: Partial<KillState> = {}): KillState => ({
    id: 'K1',
    by: ada,
    at: NOW,
    reason: 'test',
    joined: [],
    latch: { ok: true, rev: 7, ms: 12 },
    engines: { main: 340 },
    venues: {
      a: {
        rounds: 1,
        cancelledMs: 80,
        lists: { regular: { found: 2, answered: 2, protective: 0 } },
        first: { regular: { found: 2, answered: 2, protective: 0 } },
        newest: { regular: { found: 2, answered: 2, protective: 0 } },
        failures: [],
        verdict: { venue: 'a', verdict: 'FLAT', orders: [], positions: [], listsRead: [], notCovered: [] },
        judgedAt: NOW,
      },
    },
    verdict: 'FLAT',
    timings: { latchMs: 12, lastCancelMs: 80, verdictMs: 900 },
    judgedAt: NOW,
    accepted: null,
    over: null,
    ...with_,
  });
  const incident = { id: 'INC-20261128-001', drill: false };
  const lines = (state: KillState) =>
    provedByKill(incident, state, ['main']).map(({ line, part }) => `${line}/${part}`);

  it('is a kill that was latched, confirmed and read back', () => {
    expect(lines(kill())).toEqual(['kill-switch/', 'emergency-cancel/a']);
    expect(provedByKill({ ...incident, drill: true }, kill(), ['main'])[0]?.evidence).toMatch(
      /^DRILL kill in INC/,
    );
  });

  it('is none whose latch failed, that no engine confirmed, or that has no verdict', () => {
    expect(lines(kill({ latch: { ok: false, rev: null, ms: 3 } }))).toEqual(['emergency-cancel/a']);
    expect(lines(kill({ engines: {} }))).toEqual(['emergency-cancel/a']);
    expect(lines(kill({ verdict: null, timings: null }))).toEqual(['emergency-cancel/a']);
  });

  it('is none of the switch while one of the engines did not confirm, and is of those that did', () => {
    const two = ['main', 'second'];
    const of = (state: KillState) =>
      provedByKill(incident, state, two).flatMap((one) => (one.line === 'kill-switch' ? [one.of] : []));
    expect(of(kill())).toEqual([]);
    expect(of(kill({ engines: { main: 340, second: 500 } }))).toEqual([two]);
  });

  it('is no cancel whose orders went by themselves, and counts what was cancelled', () => {
    const { a } = kill().venues;
    if (a === undefined) throw new Error('there is no venue a');
    const by = (answered: number) =>
      provedByKill(
        incident,
        kill({ venues: { a: { ...a, lists: { regular: { found: 2, answered, protective: 0 } } } } }),
        ['main'],
      ).find(({ line }) => line === 'emergency-cancel')?.evidence;
    expect(by(0)).toBeUndefined();
    expect(by(1)).toContain('1 of 2 order(s) cancelled');
    expect(by(2)).toContain(': 2 order(s) cancelled');
    const list = { list: 'regular', found: 1, answered: 0, protective: 0, failures: ['refused'] };
    expect(
      provedByCancel('DESK', false, [{ venue: 'a', verdict: 'cancelled', lists: [list], left: 0 }], NOW),
    ).toEqual([]);
  });

  it('is no cancel that found nothing, left something, or could not be read', () => {
    const { a } = kill().venues;
    if (a?.verdict == null) throw new Error('there is no venue a');
    const order = {
      id: '1',
      list: 'regular',
      symbol: 'X',
      side: 'buy',
      amount: 1,
      price: 1,
      protective: false,
    } as const;
    expect(lines(kill({ venues: { a: { ...a, lists: {} } } }))).toEqual(['kill-switch/']);
    // An order that stood was found in each round: its count is no number of orders.
    const [, again] = provedByKill(incident, kill({ venues: { a: { ...a, rounds: 7 } } }), []);
    expect(again?.evidence).toContain('orders, in 7 rounds, cancelled in');
    expect(lines(kill({ venues: { a: { ...a, verdict: { ...a.verdict, verdict: 'UNKNOWN' } } } }))).toEqual([
      'kill-switch/',
    ]);
    expect(
      lines(
        kill({ venues: { a: { ...a, verdict: { ...a.verdict, verdict: 'RESIDUAL', orders: [order] } } } }),
      ),
    ).toEqual(['kill-switch/']);
    const list = { list: 'regular', found: 1, answered: 1, protective: 0, failures: [] };
    const cancel = (with_: object) =>
      provedByCancel(
        'DESK',
        false,
        [{ venue: 'a', verdict: 'cancelled', lists: [list], left: 0, ...with_ }],
        NOW,
      );
    expect(cancel({})).toHaveLength(1);
    expect(cancel({ verdict: 'unknown', left: null })).toEqual([]);
    expect(cancel({ lists: [] })).toEqual([]);
  });

  it('is a drill’s kill for its own venue, and for that alone', () => {
    const drill = {
      type: 'DrillNoted' as const,
      drill: 'DRILL_20261128_001',
      venues: ['test'],
      kill: { verdict: 'FLAT', venues: [{ venue: 'test', verdict: 'FLAT', orders: 0 }], found: 2 },
    };
    expect(provedByDrill(drill, NOW)).toMatchObject([{ line: 'emergency-cancel', part: 'test' }]);
    expect(provedByDrill(drill, NOW)).toMatchObject([{ provedAt: NOW }]);
    // Noted after an outage: it proves what was then.
    const DAY = 86_400_000;
    expect(provedByDrill({ ...drill, endedAt: NOW - 6 * DAY }, NOW)).toMatchObject([
      { provedAt: NOW - 6 * DAY },
    ]);
    // Found, and gone by itself: no cancel was answered.
    const answering = (answered: number) =>
      provedByDrill(
        {
          ...drill,
          kill: {
            verdict: 'FLAT',
            venues: [{ venue: 'test', verdict: 'FLAT', orders: 0, found: 2, answered }],
            found: 2,
          },
        },
        NOW,
      ).map(({ evidence }) => evidence);
    expect(answering(0)).toEqual([]);
    expect(answering(1)).toEqual([expect.stringContaining('1 of 2 order(s) cancelled')]);
    expect(provedByDrill({ ...drill, kill: { ...drill.kill, found: 0 } }, NOW)).toEqual([]);
    expect(provedByDrill({ ...drill, kill: null }, NOW)).toEqual([]);
    // Written before orders were counted by venue: of two, nobody knows where they were.
    const both = [...drill.kill.venues, { venue: 'other', verdict: 'FLAT', orders: 0 }];
    expect(provedByDrill({ ...drill, kill: { ...drill.kill, venues: both } }, NOW)).toEqual([]);
  });

  it('is a drill’s kill for each venue where it found orders, and left none', () => {
    const at = (venue: string, found: number, with_: object = {}) => ({
      venue,
      verdict: 'FLAT',
      orders: 0,
      found,
      ...with_,
    });
    const venues = [
      at('a', 2),
      at('empty', 0),
      at('unread', 3, { verdict: 'UNKNOWN' }),
      at('left', 4, { verdict: 'RESIDUAL', orders: 1 }),
      at('position', 1, { verdict: 'RESIDUAL' }),
    ];
    const proved = provedByDrill(
      {
        type: 'DrillNoted',
        drill: 'DRILL_20261128_001',
        venues: venues.map(({ venue }) => venue),
        kill: { verdict: 'UNKNOWN', venues, found: 10 },
      },
      NOW,
    );
    expect(proved.map(({ part, evidence }) => [part, /\d+ order/.exec(evidence)?.[0]])).toEqual([
      ['a', '2 order'],
      ['position', '1 order'],
    ]);
  });
});
