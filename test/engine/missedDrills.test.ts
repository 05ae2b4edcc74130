/** A bot that was down over several due times of a drill: each is said, once, over crashes, and readiness shows it. */

import { describe, expect, it } from 'vitest';
import { systemClock } from '../../src/adapters/clock.ts';
import { cronMinutes } from '../../src/adapters/cron.ts';
import type { StandingEvent } from '../../src/domain/incident.ts';
import { judgeReadiness } from '../../src/domain/readiness/judge.ts';
import { evolveMissed, isDrillWord, NOTHING_PROVED } from '../../src/domain/readiness/state.ts';
import { createSchedule } from '../../src/engine/drill/schedule.ts';
import { createLog } from '../../src/log.ts';
import { missedDrillWords } from '../../src/render/drillReport.ts';

const MIN = 60_000;
const HOUR = 60 * MIN;
const DAY = 24 * HOUR;
const nine = Date.UTC(2026, 10, 20, 9, 0);
const log = createLog('silent', (text) => text);

/** A log, a channel and a clock that outlive the processes on them. `crashAt`: the n-th write from now on never comes. */
function calendar(cron: string) {
  const history: StandingEvent[] = [];
  const started: number[] = [];
  const posts = new Map<string, string>();
  const at = { now: nine - HOUR, crashAt: 0, crashAfterPost: false, dead: false };
  const die = (): never => {
    at.dead = true;
    throw new Error('it died');
  };
  const start = () =>
    createSchedule({
      plans: [{ id: `paging ${cron}`, scenario: 'paging', by: 'leads', isDue: cronMinutes(cron, 'Etc/UTC') }],
      clock: { ...systemClock, now: () => at.now },
      log,
      ledger: {
        history: async () => [...history],
        async commit(_stream, command) {
          const [one] = [command].flat();
          if (one?.type !== 'NoteDrill') throw new Error('not a note');
          at.crashAt -= 1;
          if (at.dead || at.crashAt === 0) die();
          const event = { ...one.event, at: at.now, by: one.by };
          history.push(event);
          return { recorded: true, events: [event], incident: undefined };
        },
      },
      async start(_by, _scenario, dueAt) {
        started.push(dueAt);
      },
      badTime: () => null,
      wasBegun: (_scenario, dueAt) => started.includes(dueAt),
      async say(text, key) {
        if (at.dead) die();
        if (posts.has(key)) return true;
        posts.set(key, text);
        if (at.crashAfterPost) die();
        return true;
      },
      words: missedDrillWords,
    });
  /** A process that looks a few times, and may die. */
  const life = async (looks = 30) => {
    at.dead = false;
    const schedule = await start();
    for (let n = 0; n < looks; n += 1) await schedule.look().catch(() => undefined);
    return schedule;
  };
  return { history, started, posts, at, life };
}

/** What people read of it in #incidents. */
const told = (posts: Map<string, string>) => [...posts.values()].join('\n').replaceAll('\u2060', '');

describe('a bot that was down over several due times', () => {
  it('says every one, once', async () => {
    const desk = calendar('0 9 * * *');
    await desk.life();
    desk.at.now = nine + 3 * DAY + HOUR;
    const schedule = await desk.life();
    await desk.life();
    expect(desk.started).toEqual([]);
    expect(desk.posts.size).toBe(1);
    for (const day of [20, 21, 22, 23])
      expect(told(desk.posts).split(`2026-11-${day} 09:00`)).toHaveLength(2);
    expect(told(desk.posts)).not.toContain('more until');
    expect(schedule.planned()).toEqual([{ scenario: 'paging', dueAt: nine + 4 * DAY }]);
  });

  it('names twenty, and counts the others', async () => {
    const desk = calendar('*/15 * * * *');
    await desk.life(1);
    desk.at.now = nine + 5 * DAY + MIN;
    await desk.life();
    const [missed] = desk.history.filter((event) => event.type === 'DrillMissed');
    // 08:15 on the first day is the first of 483, and 09:00 on the last is not late yet.
    expect(missed?.further?.times).toHaveLength(19);
    expect(missed?.further).toMatchObject({ more: 4 * 120 + 3 - 20, until: nine + 5 * DAY - 15 * MIN });
    expect(told(desk.posts)).toContain('and 463 more until 2026-11-25 08:45');
    expect(desk.posts.size).toBe(1);
    // Nothing is made up for but what is due within two minutes.
    expect(desk.started).toEqual([nine + 5 * DAY]);
  });

  it.each([1, 2, 3, 4])(
    'is told once, over a death at write %i after it or after the post',
    async (crashAt) => {
      const desk = calendar('0 9 * * *');
      await desk.life();
      Object.assign(desk.at, { now: nine + 2 * DAY + HOUR, crashAt, crashAfterPost: true });
      await desk.life(5);
      expect(desk.at.dead).toBe(true);
      // Another due time goes by until it is started again.
      Object.assign(desk.at, { now: nine + 3 * DAY + HOUR, crashAt: 0, crashAfterPost: false });
      await desk.life();
      await desk.life();
      for (const day of [20, 21, 22, 23])
        expect(told(desk.posts).split(`2026-11-${day} 09:00`)).toHaveLength(2);
      expect(desk.started).toEqual([]);
    },
  );

  it('runs what comes next, in time', async () => {
    const desk = calendar('0 9 * * *');
    await desk.life();
    desk.at.now = nine + DAY + HOUR;
    await desk.life();
    desk.at.now = nine + 2 * DAY;
    await desk.life();
    expect(desk.started).toEqual([nine + 2 * DAY]);
  });
});

describe('readiness', () => {
  const facts = {
    lines: [
      { id: 'alerting', text: 'Alerting' },
      { id: 'emergency-cancel', text: 'Cancel' },
    ],
    rules: { soonDays: 3, validDays: {} },
    rehearsal: false,
    venues: ['v'],
    exchanges: {},
    engines: [],
    feeds: 'off' as const,
    ownerDocument: null,
    pagedWith: 'key',
    canAskPager: true,
  };
  const by = { via: 'standdown' as const, id: 'standdown', name: 'Standdown' };
  const missed = (dueAt: number, further?: { times: number[]; more: number; until: number }) => ({
    type: 'DrillMissed' as const,
    schedule: 's',
    scenario: 'paging' as const,
    dueAt,
    why: 'the bot was not running then',
    at: dueAt + HOUR,
    by,
    ...(further === undefined ? {} : { further }),
  });
  const ran = (at: number, ended: 'done' | 'realKill') => ({
    type: 'DrillNoted' as const,
    incident: 'INC-20261120-001',
    drill: 'DRILL_20261120_001',
    scenario: 'paging' as const,
    venues: [],
    times: [],
    kill: null,
    ended,
    why: '',
    passed: false,
    at,
    by,
  });
  const judged = (...events: (ReturnType<typeof missed> | ReturnType<typeof ran>)[]) => {
    const state = events.filter(isDrillWord).reduce(evolveMissed, NOTHING_PROVED);
    return judgeReadiness(state, facts, nine + 9 * DAY);
  };

  it('notes a missed drill on its line, and nowhere else, and judges nothing by it', () => {
    const [alerting, cancel] = judged(missed(nine));
    expect(alerting?.note).toBe(
      'drill (paging) of 2026-11-20 09:00:00 UTC was missed: the bot was not running then',
    );
    expect(cancel?.note).toBeUndefined();
    expect([alerting, cancel].map((line) => ({ ...line, note: null }))).toEqual(
      judged().map((line) => ({ ...line, note: null })),
    );
  });

  it('counts those of one downtime and of the next, each once', () => {
    const first = missed(nine, { times: [nine + DAY], more: 3, until: nine + 4 * DAY });
    const [alerting] = judged(first, first, missed(nine + 5 * DAY));
    expect(alerting?.note).toContain(
      '6 drills (paging) from 2026-11-20 09:00:00 UTC to 2026-11-25 09:00:00 UTC',
    );
  });

  it('forgets it once one ran to its end after it', () => {
    expect(judged(missed(nine), ran(nine + DAY, 'done'))[0]?.note).toBeUndefined();
    expect(judged(missed(nine), ran(nine + DAY, 'realKill'))[0]?.note).toBeDefined();
    expect(judged(ran(nine - DAY, 'done'), missed(nine))[0]?.note).toBeDefined();
  });
});
