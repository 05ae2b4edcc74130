/** What keeps readiness, with a clock and a PagerDuty in hand: what has grown since, what is only unknown for a while. */

import { describe, expect, it } from 'vitest';
import { systemClock } from '../../src/adapters/clock.ts';
import { createOnCallReader } from '../../src/adapters/pagerduty/onCall.ts';
import type { StandingEvent } from '../../src/domain/incident.ts';
import type { ReadinessFacts } from '../../src/domain/readiness/judge.ts';
import type { RotaAhead } from '../../src/domain/readiness/rota.ts';
import { createReadiness, type ReadinessDeps } from '../../src/engine/readiness.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const START = Date.UTC(2026, 10, 28, 12);

/** One desk of nothing but these lines. */
async function make(
  lines: string[],
  deps: Partial<ReadinessDeps> & { rota?: () => RotaAhead; feeds?: ReadinessFacts['feeds'] } = {},
) {
  let now = START;
  const log: StandingEvent[] = [];
  const hear: ((stream: string, events: StandingEvent[]) => void)[] = [];
  const posts: number[] = [];
  const { rota, feeds = 'off', ...others } = deps;
  const facts: ReadinessFacts = {
    lines: lines.map((id) => ({ id, text: id })),
    rules: { soonDays: 7, validDays: { 'on-call-rotation': 2 } },
    rehearsal: false,
    venues: [],
    exchanges: {},
    engines: [],
    pagedWith: 'key 1',
    feeds,
    ownerDocument: null,
    canAskPager: true,
  };
  const readiness = await createReadiness({
    ledger: {
      commit: async (stream: string, command: { by: unknown; event: object }) => {
        const event = { ...command.event, by: command.by, at: now } as StandingEvent;
        log.push(event);
        for (const tell of hear) tell(stream, [event]);
        return { recorded: true, events: [event], incident: undefined };
      },
      onChanged: (tell: (typeof hear)[number]) => void hear.push(tell),
      open: () => [],
      trading: () => ({ lastKill: null }),
      load: async () => undefined,
    } as unknown as ReadinessDeps['ledger'],
    store: { history: async () => [] },
    clock: { ...systemClock, now: () => now, monotonic: () => now },
    log: { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} },
    pager: {
      canConfirm: true,
      rotaAhead: async () => rota?.() ?? { state: 'unavailable', reason: 'PagerDuty answered 500' },
    } as unknown as ReadinessDeps['pager'],
    chat: {
      find: async () => ({ state: 'done', ts: null }),
      post: async () => {
        posts.push(now);
        return { state: 'done', ts: '1.1' };
      },
    } as unknown as ReadinessDeps['chat'],
    channel: 'C1',
    texts: { read: async () => [] },
    facts,
    policy: { remindEveryDays: 7, aheadDays: 14 },
    required: false,
    schedules: [],
    barMs: {},
    userByEmail: async () => null,
    versionOf: () => '',
    draw: () => ({ text: '', blocks: [] }),
    ...others,
  });
  return {
    readiness,
    log,
    posts,
    async at(ms: number) {
      now = START + ms;
      await readiness.refresh();
      await readiness.tick();
      return readiness.report().lines[0]?.state;
    },
  };
}

const shift = (from: number | null, to: number | null) => ({
  person: 'P1',
  name: 'Ada',
  email: null,
  level: 1,
  from,
  to,
});

describe('a hole', () => {
  it('that has grown since is on record: it is none that is over', async () => {
    let filledFrom = START + 2 * HOUR;
    const { at, readiness } = await make(['on-call-rotation'], {
      rota: () => ({
        state: 'known',
        shifts: [shift(null, START + HOUR), shift(filledFrom, null)],
        hasPhone: [{ person: 'P1', hasPhone: true }],
      }),
    });
    expect(await at(0)).toBe('missing');
    filledFrom = START + 3 * DAY;
    expect(await at(90 * 60_000)).toBe('missing');
    // The first one would be over now, and the next look is not due.
    expect(await at(90 * 60_000)).toBe('missing');
    expect(readiness.report().state.rota?.holes).toEqual([expect.objectContaining({ to: START + 3 * DAY })]);
  });
});

describe('the backup feed', () => {
  it.each([
    ['one fresh bar after an hour of silence', [-HOUR, 0], 'missing'],
    ['one bar of two symbols, a moment apart', [-500, 0], 'missing'],
    ['two bars of an hour ago', [-HOUR - 60_000, -HOUR], 'missing'],
    ['two fresh bars', [-60_000, 0], 'green'],
    ['two fresh bars after silence, each of two symbols', [-HOUR, -60_000, -59_900, 0], 'green'],
  ])('by %s', async (_what, bars, state) => {
    const { at, readiness } = await make(['backup-feed'], {
      feeds: [{ id: 'f', backup: 'b' }],
      barMs: { f: 60_000 },
    });
    await at(0);
    for (const closed of bars) readiness.sawBar('b', START + closed);
    expect(await at(0)).toBe(state);
  });
});

describe('whose rota it is', () => {
  it('is asked each time it is read: the service may have another escalation policy meanwhile', async () => {
    let policy = 'POLD';
    const asked: unknown[] = [];
    const reader = createOnCallReader({
      routingKey: 'r',
      list: async (endpoint, query, read) => {
        const body =
          endpoint === '/services'
            ? { services: [{ escalation_policy: { id: policy }, integrations: [{ integration_key: 'r' }] }] }
            : { oncalls: [] };
        if (endpoint === '/oncalls') asked.push(query['escalation_policy_ids[]']);
        return { state: 'listed', items: [...(read(body)?.items ?? [])] };
      },
      one: async () => null,
    });
    await reader.ahead(START, START + DAY, []);
    policy = 'PNEW';
    await reader.ahead(START, START + DAY, []);
    await reader.now(START, []);
    expect(asked).toEqual([['POLD'], ['PNEW'], ['PNEW']]);
  });
});

describe('the weekly reminder', () => {
  it('comes though a line is only unknown now and then', async () => {
    let answer: RotaAhead = { state: 'known', shifts: [], hasPhone: [] };
    const { at, posts } = await make(['on-call-rotation'], { rota: () => answer });
    for (let day = 0; day <= 8; day += 1) {
      answer =
        day % 3 === 2
          ? { state: 'known', shifts: [shift(null, null)], hasPhone: [{ person: 'P1', hasPhone: null }] }
          : { state: 'known', shifts: [], hasPhone: [] };
      expect(await at(day * DAY)).toBe(day % 3 === 2 ? 'unknown' : 'missing');
    }
    expect(posts).toEqual([START + 7 * DAY]);
  });

  it.each([
    ['before it was posted', false],
    ['after it was posted, before it was on record', true],
  ])('is posted once, though the bot dies %s', async (_when, wasPosted) => {
    const inChannel = new Map<string, string>();
    const posted: string[] = [];
    const chat = {
      find: async (_channel: string, _thread: null, key: string) => ({
        state: 'done',
        ts: inChannel.get(key) ?? null,
      }),
      async post(_channel: string, _thread: null, _message: object, key: string) {
        posted.push(key);
        inChannel.set(key, '1.1');
        return { state: 'done', ts: '1.1' };
      },
    } as unknown as ReadinessDeps['chat'];
    const rota = (): RotaAhead => ({ state: 'known', shifts: [], hasPhone: [] });
    const first = await make(['on-call-rotation'], { chat, rota });
    await first.at(0);
    if (wasPosted) await first.at(7 * DAY);
    expect(posted).toHaveLength(wasPosted ? 1 : 0);
    // What the dead process had on disk: up to where it would have noted that it reminded.
    const noted = first.log.findIndex(({ type }) => type === 'ReadinessReminded');
    expect(noted !== -1).toBe(wasPosted);
    const onDisk = wasPosted ? first.log.slice(0, noted) : first.log;
    const store = { history: async () => onDisk };
    const second = await make(['on-call-rotation'], { chat, rota, store });
    await second.at(7 * DAY + HOUR);
    await second.at(7 * DAY + 2 * HOUR);
    expect(posted).toHaveLength(1);
    expect(second.log.filter(({ type }) => type === 'ReadinessReminded')).toHaveLength(1);
  });
});

describe('what must outlast a week', () => {
  it('is written down again though it was last done by a clock that ran ahead', async () => {
    const { at, log } = await make(['on-call-rotation']);
    const restated = () => log.filter(({ type }) => type === 'ReadinessRestated').length;
    await at(0);
    await at(400 * DAY);
    expect(restated()).toBe(1);
    await at(3 * DAY);
    expect(restated()).toBe(2);
    await at(3 * DAY + HOUR);
    expect(restated()).toBe(2);
  });
});
