/** The two things that keep a drill from what is real: which venues it is given, and when the calendar lets it run. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../src/adapters/clock.ts';
import { cronMinutes, isCron } from '../../src/adapters/cron.ts';
import { type Command, Refusal } from '../../src/domain/decide.ts';
import type { StandingEvent } from '../../src/domain/incident.ts';
import { createDrills, type DrillsDeps } from '../../src/engine/drill/drills.ts';
import { startDrillKill } from '../../src/engine/drill/kill.ts';
import { createSchedule } from '../../src/engine/drill/schedule.ts';
import { drillVenues, type Marked, noDrillVenue } from '../../src/engine/drill/venues.ts';
import type { Ledger } from '../../src/engine/ledger.ts';
import { createLog } from '../../src/log.ts';
import { loadPolicy } from '../../src/policy.ts';
import type { Control, Venue } from '../../src/ports.ts';

const loaded = loadPolicy();
if (!loaded.ok) throw new Error('the policy does not load');
const { playbook } = loaded.policy;
const log = createLog('silent', (text) => text);

const marked = fc.record<Marked>({
  id: fc.constantFrom('a', 'b', 'c', 'd'),
  drill: fc.boolean(),
  apiKey: fc.constantFrom('k1', 'k2', 'k3'),
  baseUrl: fc.constantFrom(null, 'http://one.test', 'http://two.test/path', 'http://one.test/other'),
});

/** A venue that writes down who was asked for anything. */
function spy(id: string, calls: string[]): Venue {
  const empty = { verdict: 'FLAT', lists: [], orders: [], positions: [], notCovered: [], proven: true };
  return new Proxy({ id, pollMs: 1_000, proven: true } as Venue, {
    get(target, name) {
      if (name in target) return Reflect.get(target, name);
      if (name === 'then') return undefined;
      return async () => {
        calls.push(id);
        return name === 'cancel' ? [] : empty;
      };
    },
  });
}

const control: Control = {
  read: async () => ({ state: 'read', values: {}, rev: 0 }),
  write: async (values) => ({ state: 'written', values, rev: 1 }),
};

describe('the venues of a drill', () => {
  it('are never one that is real, that has the key or the place of a real one, or that is the exchange itself', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(marked, { maxLength: 6 }), async (configured) => {
        const calls: string[] = [];
        const venues = drillVenues(
          configured.map(({ id }) => spy(id, calls)),
          configured,
        );
        const run = await startDrillKill(
          { clock: systemClock, log, playbook, control, venues, protectiveOrders: 'cancel' },
          { via: 'slack', id: 'U', name: 'u' },
          'D',
        );
        await run.latchTried;
        for (let turns = 0; turns < 20; turns += 1) await Promise.resolve();
        run.stop();
        const origin = (url: string | null) => (url === null ? null : new URL(url).origin);
        for (const id of [...calls, ...venues.map((venue) => venue.id)]) {
          const named = configured.filter((one) => one.id === id);
          expect(named).toHaveLength(1);
          const [own] = named;
          expect(own?.drill).toBe(true);
          expect(own?.baseUrl).not.toBeNull();
          for (const real of configured.filter(({ drill }) => !drill)) {
            expect(real.apiKey).not.toBe(own?.apiKey);
            expect(origin(real.baseUrl)).not.toBe(origin(own?.baseUrl ?? null));
          }
        }
        if (venues.length === 0) expect(noDrillVenue(configured)).toMatch(/Nothing was done\.$/);
      }),
      { numRuns: 300 },
    );
  });

  it.each([
    ['https://api.binance.com', 0],
    ['https://fapi.binance.com/', 0],
    ['https://api.bybit.com', 0],
    ['https://www.okx.com', 0],
    ['https://futures.kraken.com', 0],
    ['https://testnet.binancefuture.com', 1],
    ['https://demo-fapi.binance.com', 1],
    ['https://api-testnet.bybit.com', 1],
    ['https://demo-futures.kraken.com', 1],
    ['http://127.0.0.1:9101', 1],
    ['https://testnet.binance.vision', 1],
    ['https://bybit.simulator.internal', 1],
    // By another spelling, or of another region.
    ['https://API.Binance.com.', 0],
    ['https://api.binance.com%2e', 0],
    ['https://u:p@fapi.binance.com:443/x', 0],
    ['https://fapi1.binance.com', 0],
    ['https://okx.com', 0],
    ['https://api.bybit-tr.com', 0],
    ['https://api.byhkbit.com', 0],
    ['https://api.kraken.com.', 0],
    ['not a url', 0],
  ])('of %s: %i', (baseUrl, count) => {
    const one = { id: 'v', drill: true, apiKey: 'k', baseUrl };
    expect(drillVenues([spy('v', [])], [one])).toHaveLength(count);
    if (count === 0) expect(noDrillVenue([one])).toContain('has no baseUrl of a testnet');
  });

  const real: Marked = { id: 'real', drill: false, apiKey: 'real-key', baseUrl: 'http://127.0.0.1:9101' };
  const own: Marked = { id: 'v', drill: true, apiKey: 'drill-key', baseUrl: 'http://127.0.0.1:9102' };
  it.each<[string, Partial<Marked>, Partial<Marked>]>([
    ...['localhost', 'LOCALHOST.', 'a.localhost', '127.0.0.2', '127.1', '0.0.0.0', '[::1]', '[::]'].map(
      (host): [string, Partial<Marked>, Partial<Marked>] => [
        `at ${host}`,
        { baseUrl: `http://${host}:9101/x` },
        {},
      ],
    ),
    ['at an IPv4 address in IPv6', { baseUrl: 'http://[::ffff:127.0.0.1]:9101' }, {}],
    ['over https', { baseUrl: 'https://127.0.0.1:9101' }, {}],
    [
      'at the other port of a gateway',
      { baseUrl: 'http://gate.internal.' },
      { baseUrl: 'https://GATE.internal' },
    ],
    ['with its key and a space', { apiKey: ' real-key\n' }, {}],
    [
      'with the key of one that is marked and is the exchange itself',
      { apiKey: 'real-key' },
      { drill: true, baseUrl: null },
    ],
  ])('are never the place or the key of a real one %s', (_what, of, realOf) => {
    const configured = [
      { ...real, ...realOf },
      { ...own, ...of },
    ];
    expect(drillVenues([spy('v', [])], configured)).toEqual([]);
    expect(noDrillVenue(configured)).toContain('v shares its key');
    expect(drillVenues([spy('v', [])], [real, own])).toHaveLength(1);
  });

  it('are asked: the property above is not empty', async () => {
    const calls: string[] = [];
    const configured = [{ id: 'a', drill: true, apiKey: 'k', baseUrl: 'http://one.test' }];
    const venues = drillVenues([spy('a', calls), spy('real', calls)], configured);
    const run = await startDrillKill(
      { clock: systemClock, log, playbook, control, venues, protectiveOrders: 'cancel' },
      { via: 'slack', id: 'U', name: 'u' },
      'D',
    );
    await run.latchTried;
    for (let turns = 0; turns < 20; turns += 1) await Promise.resolve();
    run.stop();
    expect(new Set(calls)).toEqual(new Set(['a']));
  });
});

describe('a drill that ended before a crash', () => {
  it('is noted after it with the time when it ended, days before', async () => {
    const endedAt = Date.UTC(2026, 10, 23, 9);
    const result = { drill: 'DRILL_20261123_001', scenario: 'kill', times: [], earlier: [] };
    const incident = { gameDay: { ...result, limits: {} }, drillResult: { result, at: endedAt } };
    const notes: Command[] = [];
    const drills = createDrills({
      ledger: {
        onChanged: () => undefined,
        history: async () => [],
        load: async () => incident,
        commit: async (_stream: string, command: Command) => void notes.push(command),
      } as unknown as Ledger,
      store: { summaries: () => [{ id: 'INC-20261123-001', drill: true, openedAt: endedAt }] },
      clock: { ...systemClock, now: () => endedAt + 5 * 24 * 60 * 60_000 },
      log,
      report: () => '',
      files: { save: async () => undefined },
    } as unknown as DrillsDeps);
    await drills.tick();
    expect(notes).toMatchObject([{ type: 'NoteDrill', event: { type: 'DrillNoted', endedAt } }]);
  });
});

describe('the kill of a drill', () => {
  it('that is stopped while its control file does not answer sends nothing to its venue', async () => {
    const calls: string[] = [];
    const configured = [{ id: 'a', drill: true, apiKey: 'k', baseUrl: 'http://one.test' }];
    const venues = drillVenues([spy('a', calls)], configured);
    const hangs: Control = { ...control, write: () => new Promise(() => undefined) };
    const run = await startDrillKill(
      { clock: systemClock, log, playbook, control: hangs, venues, protectiveOrders: 'cancel' },
      { via: 'slack', id: 'U', name: 'u' },
      'D',
    );
    run.stop();
    await run.latchTried;
    for (let turns = 0; turns < 20; turns += 1) await Promise.resolve();
    expect(calls).toEqual([]);
  });
});

const MIN = 60_000;
const begin = Date.UTC(2026, 10, 28, 8, 0);
const nine = Date.UTC(2026, 10, 28, 9, 0);

/** A desk's log that outlives the schedules on it. */
function calendar(cron = '0 9 * * *') {
  const history: StandingEvent[] = [];
  const started: number[] = [];
  const said: string[] = [];
  const at = { now: begin };
  const rules = { bad: null as string | null, refuses: false, slackUp: true };
  const make = () =>
    createSchedule({
      plans: [{ id: `paging ${cron}`, scenario: 'paging', by: 'leads', isDue: cronMinutes(cron, 'Etc/UTC') }],
      clock: { ...systemClock, now: () => at.now },
      log,
      ledger: {
        history: async () => history,
        async commit(_stream, command) {
          const [one] = [command].flat();
          if (one?.type !== 'NoteDrill') throw new Error('not a note');
          const event = { ...one.event, at: at.now, by: one.by };
          history.push(event);
          return { recorded: true, events: [event], incident: undefined };
        },
      },
      async start(_by, _scenario, dueAt) {
        if (rules.refuses) throw new Refusal('real_incident', 'INC-1 is open, and is real.');
        started.push(dueAt);
      },
      badTime: () => rules.bad,
      wasBegun: (_scenario, dueAt) => started.includes(dueAt),
      async say(text) {
        if (rules.slackUp) said.push(text);
        return rules.slackUp;
      },
      words: ({ why }) => why,
    });
  return { history, started, said, at, rules, make };
}

describe('the calendar', () => {
  it('begins a drill once at its time, over any restarts', async () => {
    const desk = calendar();
    for (const now of [begin, nine - 1, nine, nine + 1_000, nine + 90_000]) {
      desk.at.now = now;
      const schedule = await desk.make();
      await schedule.look();
      await schedule.look();
    }
    expect(desk.started).toEqual([nine]);
    expect(desk.said).toEqual([]);
  });

  it('says a missed one once, also when Slack is down first, and never makes up for it', async () => {
    const desk = calendar();
    await (await desk.make()).look();
    desk.at.now = nine + 3 * 60 * MIN;
    desk.rules.slackUp = false;
    await (await desk.make()).look();
    desk.rules.slackUp = true;
    const schedule = await desk.make();
    await schedule.look();
    await schedule.look();
    await (await desk.make()).look();
    expect(desk.started).toEqual([]);
    expect(desk.said).toEqual(['the bot was not running then']);
    expect(schedule.planned()).toEqual([{ scenario: 'paging', dueAt: nine + 24 * 60 * MIN }]);
  });

  it('does not run beside a real incident, or with a budget that is RED', async () => {
    const desk = calendar();
    await (await desk.make()).look();
    desk.at.now = nine;
    desk.rules.refuses = true;
    await (await desk.make()).look();
    desk.rules.refuses = false;
    desk.rules.bad = 'the error budget is RED';
    desk.at.now = nine + 24 * 60 * MIN;
    await (await desk.make()).look();
    expect(desk.started).toEqual([]);
    expect(desk.said).toEqual(['INC-1 is open, and is real.', 'the error budget is RED']);
  });

  it('keeps its plan on a log that forgets what is a week old', async () => {
    const desk = calendar('0 9 1 1 *');
    const schedule = await desk.make();
    for (let tries = 0; tries < 40 && schedule.planned().length === 0; tries += 1) await schedule.look();
    expect(schedule.planned()).toEqual([{ scenario: 'paging', dueAt: Date.UTC(2027, 0, 1, 9) }]);
    desk.at.now += 25 * 60 * MIN;
    await schedule.look();
    expect(desk.history.filter(({ type }) => type === 'DrillPlanned')).toHaveLength(2);
  });
});

describe('a cron pattern', () => {
  it('has five fields that node-cron knows', () => {
    for (const pattern of ['0 9 * * 1', '*/15 8-17 * * 1-5']) expect(isCron(pattern)).toBe(true);
    for (const pattern of ['', '* * * * * *', '61 9 * * 1', 'x', '0 9 * *', '* '.repeat(5_000)])
      expect(isCron(pattern)).toBe(false);
  });
});
