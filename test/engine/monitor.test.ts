/** What the watch makes of what it measures: who is told, how often, and what a restart remembers. */

import { describe, expect, it } from 'vitest';
import { STANDDOWN } from '../../src/domain/incident.ts';
import type { Sample } from '../../src/domain/measure/samples.ts';
import type { HoldKey } from '../../src/domain/trading.ts';
import type { Desk } from '../../src/engine/desk.ts';
import { createEngines } from '../../src/engine/engines.ts';
import { createLedger } from '../../src/engine/ledger.ts';
import { createMonitor } from '../../src/engine/monitor.ts';
import { type Clock, DESK, type Log, type WindowsState } from '../../src/ports.ts';
import { bar, MIN, order, pnl, rules, T0 } from '../domain/measure/stream.ts';
import { fakeStore } from '../fakes/store.ts';
import { policy } from '../scenarios/desk.ts';

const SEC = 1_000;
const silent: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

/** A bot as far as it watches: time is moved by hand, and what it asks of the desk is noted. */
async function watching(
  options: {
    engines?: { id: string; everyMs: number }[];
    before?: WindowsState | null;
    mode?: 'act' | 'observe';
  } = {},
) {
  let wall = T0;
  let passed = 0;
  const clock: Clock = { now: () => wall, monotonic: () => passed, wait: () => Promise.resolve() };
  const store = fakeStore(clock.now);
  const ledger = createLedger({ store, clock, playbook: policy().playbook, log: silent });
  const engines = createEngines({ ledger, clock, log: silent, expected: options.engines ?? [] });
  const said: string[] = [];
  let kept: WindowsState | null = options.before ?? null;
  let hangs = false;
  const busy = new Set<string>();
  const desk: Pick<Desk, 'kill' | 'takeAlerts'> = {
    kill: async (_by, reason) => {
      said.push(`kill ${reason.split(' ')[0]}`);
      return { incident: 'INC', kill: 'K', state: 'started', warnings: [] };
    },
    takeAlerts: async (taken) => {
      if (hangs) return new Promise(() => undefined);
      said.push(...taken.map(({ alert, status }) => `${status} ${alert.key} ${alert.severity}`));
      return taken.map(() => 'INC');
    },
  };
  const monitor = await createMonitor({
    desk,
    ledger,
    engines,
    clock,
    log: silent,
    rules: rules(),
    hours: { timezone: 'UTC', days: ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'], maintenance: [] },
    mode: options.mode ?? 'act',
    windows: {
      load: () => Promise.resolve(kept),
      save: (state) => {
        kept = JSON.parse(JSON.stringify(state)) as WindowsState;
        return Promise.resolve();
      },
    },
    unknownGraceMs: 2 * MIN,
  });
  return {
    monitor,
    engines,
    /** What was said since the last look. */
    said: () => said.splice(0),
    /** Move on, a look a second, sending what `each` says. */
    async pass(ms: number, each: (now: number) => Sample[] = () => []) {
      for (let left = ms; left > 0; left -= SEC) {
        wall += SEC;
        passed += SEC;
        const samples = each(wall);
        if (samples.length > 0) await monitor.take(samples);
        await monitor.tick();
        await monitor.raise();
      }
    },
    /** No alert is answered any more: the disk hangs. */
    hang: () => void (hangs = true),
    /** One second, without waiting for it: like the bot's beat, which asks nothing again that has not answered. */
    beat() {
      wall += SEC;
      passed += SEC;
      for (const one of ['tick', 'raise'] as const) {
        if (busy.has(one)) continue;
        busy.add(one);
        void monitor[one]().then(() => busy.delete(one));
      }
    },
    /** The wall clock is put forward or back. */
    setBy: (ms: number) => void (wall += ms),
    moveTo: (at: number) => void (wall = at),
    now: () => wall,
    /** What the runbook does about it, or a person. */
    hold: (key: HoldKey) =>
      ledger.commit(DESK, {
        type: 'PlaceHold',
        by: STANDDOWN,
        hold: key,
        key,
        reason: 'test',
        owner: 'runbook',
      }),
    /** As a kill does it, and as approvers do. */
    async latch() {
      await ledger.commit('INC', {
        type: 'AskKill',
        by: STANDDOWN,
        incident: 'INC',
        kill: 'K',
        reason: 'test',
        venues: [],
        drill: true,
      });
    },
    async lift() {
      await ledger.commit('INC', {
        type: 'LiftLatch',
        by: STANDDOWN,
        kill: 'K',
        how: 'approved',
        reason: 'test',
      });
    },
    async stop() {
      await monitor.stop();
      if (kept === null) throw new Error('nothing was kept');
      return kept;
    },
  };
}
type Watch = Awaited<ReturnType<typeof watching>>;

const beat = (at: number, control?: Record<string, string>): Sample => ({
  type: 'heartbeat',
  at,
  engine: 'main',
  ...(control === undefined ? {} : { control }),
});
const MAIN = [{ id: 'main', everyMs: 5 * SEC }];
const beating = (now: number): Sample[] => (now % (5 * SEC) === 0 ? [beat(now)] : []);
const about = (lines: string[], key: string) => lines.filter((line) => line.includes(key));

describe('a condition at its limit', () => {
  it('is two alerts, however often it comes and goes, and clears once it has stayed away', async () => {
    const watch = await watching();
    let n = 0;
    /** One order ends each second; of the last hundred one or two were not filled: 99 % is enough, 98 % is not. */
    const ended = (unfilled: (k: number) => boolean) => (now: number) => {
      n += 1;
      return [order(`o${n}`, now, unfilled(n) ? 'canceled' : 'filled')];
    };
    await watch.pass(
      20 * MIN,
      ended((k) => k % 60 === 0),
    );
    // Over at once, the first time; then it hovers.
    expect(about(watch.said(), 'fillRate')).toEqual([
      'firing fillRate P2',
      'resolved fillRate P2',
      'firing fillRate P2',
    ]);
    await watch.pass(
      10 * MIN,
      ended(() => false),
    );
    expect(about(watch.said(), 'fillRate')).toEqual([]);
    await watch.pass(
      2 * MIN,
      ended(() => false),
    );
    expect(about(watch.said(), 'fillRate')).toEqual(['resolved fillRate P2']);
  });
});

describe('an engine', () => {
  it('that falls silent is a P0; a restart neither clears that nor raises it again', async () => {
    const watch = await watching({ engines: MAIN });
    await watch.pass(20 * SEC, beating);
    watch.said();
    await watch.pass(20 * SEC);
    expect(about(watch.said(), 'engine')).toEqual(['firing engineSilent:main P0']);
    const after = await watching({ engines: MAIN, before: await watch.stop() });
    after.moveTo(watch.now() + 10 * MIN);
    await after.pass(5 * MIN);
    expect(about(after.said(), 'engine')).toEqual([]);
    await after.pass(2 * MIN, beating);
    expect(about(after.said(), 'engine')).toEqual(['resolved engineSilent:main P0']);
  });

  it('that beats on over a restart of ten minutes is not silent', async () => {
    const watch = await watching({ engines: MAIN });
    await watch.pass(20 * SEC, beating);
    const after = await watching({ engines: MAIN, before: await watch.stop() });
    after.moveTo(watch.now() + 10 * MIN);
    await after.pass(10 * SEC);
    await after.pass(MIN, beating);
    expect(about(after.said(), 'engineSilent')).toEqual([]);
  });

  it('that is configured and never heard is a P0 after the grace time, and its gap kills all the same', async () => {
    const watch = await watching({ engines: MAIN });
    await watch.pass(SEC, (now) => [bar(now)]);
    await watch.pass(2 * MIN - 2 * SEC);
    expect(about(watch.said(), 'engineSilent')).toEqual([]);
    await watch.pass(2 * SEC);
    expect(about(watch.said(), 'engineSilent')).toEqual(['firing engineSilent:main P0']);
    await watch.pass(5 * MIN);
    expect(about(watch.said(), 'kill')).toEqual(['kill dataFeedGap:f']);
  });

  it('that is silent is not heard of through a heartbeat of a clock that was an hour ahead', async () => {
    const watch = await watching({ engines: MAIN });
    watch.setBy(60 * MIN);
    await watch.pass(10 * SEC, beating);
    watch.setBy(-60 * MIN);
    watch.said();
    await watch.pass(20 * SEC);
    expect(about(watch.said(), 'engineSilent')).toEqual(['firing engineSilent:main P0']);
    await watch.pass(2 * MIN, beating);
    expect(about(watch.said(), 'engineSilent')).toEqual(['resolved engineSilent:main P0']);
  });

  it('no gap is said to be over because the engine fell silent too', async () => {
    const watch = await watching({ engines: MAIN });
    await watch.pass(SEC, (now) => [bar(now), beat(now)]);
    await watch.pass(4 * MIN, beating);
    watch.said();
    await watch.pass(10 * MIN);
    expect(about(watch.said(), 'feedStale')).toEqual([]);
  });

  it('of which nobody configured the name is watched, up to twenty of them', async () => {
    const watch = await watching();
    await watch.monitor.take(
      Array.from({ length: 500 }, (_, n) => ({ ...beat(T0), engine: `e${n}` }) as Sample),
    );
    expect(watch.engines.beats().length).toBe(20);
  });
});

describe('an engine that obeys the pause', () => {
  const paused = (now: number): Sample[] =>
    now % (5 * SEC) === 0 ? [beat(now, { PAUSE_SIGNALS: '1' })] : [];
  /** Bars have stopped for four minutes, and the engine obeys the pause that the bot has set. */
  async function pausedWatch(everyMs = 5 * SEC): Promise<Watch> {
    const watch = await watching({ engines: [{ id: 'main', everyMs }] });
    await watch.pass(SEC, (now) => [bar(now), beat(now)]);
    await watch.pass(4 * MIN, beating);
    await watch.hold('PAUSE_SIGNALS');
    await watch.pass(MIN, paused);
    return watch;
  }

  it('is not killed when the bot halts new orders after ten minutes, before it has read that', async () => {
    const watch = await pausedWatch();
    await watch.pass(5 * MIN, paused);
    await watch.hold('HALT_NEW_ORDERS');
    await watch.pass(3 * MIN, paused);
    expect(about(watch.said(), 'kill')).toEqual([]);
  });

  it('is not killed between two heartbeats that are meant to come every half minute', async () => {
    const watch = await pausedWatch(30 * SEC);
    await watch.pass(5 * MIN, (now) => (now % (30 * SEC) === 0 ? [beat(now, { PAUSE_SIGNALS: '1' })] : []));
    expect(about(watch.said(), 'kill')).toEqual([]);
  });

  it('is killed when it says that it obeys no more, and when another engine was never heard', async () => {
    const watch = await pausedWatch();
    await watch.pass(2 * MIN, paused);
    expect(about(watch.said(), 'kill')).toEqual([]);
    await watch.pass(10 * SEC, beating);
    expect(about(watch.said(), 'kill')).toEqual(['kill dataFeedGap:f']);

    const two = await watching({ engines: [...MAIN, { id: 'other', everyMs: 5 * SEC }] });
    await two.pass(SEC, (now) => [bar(now), beat(now)]);
    await two.pass(4 * MIN, beating);
    await two.hold('PAUSE_SIGNALS');
    await two.pass(3 * MIN, paused);
    expect(about(two.said(), 'kill')).toEqual(['kill dataFeedGap:f']);
  });
});

describe('a hard stop', () => {
  const losing = (now: number): Sample[] => [beat(now), pnl(now, -21), bar(now)];
  const winning = (now: number): Sample[] => [beat(now), pnl(now, 5), bar(now)];

  it('that was only observed is acted on when the bot starts in earnest', async () => {
    const observing = await watching({ engines: MAIN, mode: 'observe' });
    await observing.pass(10 * SEC, losing);
    expect(observing.said()).toEqual(['firing observe:dailyLoss P1']);
    const acting = await watching({ engines: MAIN, before: await observing.stop() });
    await acting.pass(3 * SEC, losing);
    expect(about(acting.said(), 'kill')).toEqual(['kill dailyLoss']);
  });

  it('trips while raising an incident hangs', async () => {
    const watch = await watching({ engines: MAIN });
    await watch.pass(SEC, (now) => [bar(now), beat(now)]);
    watch.hang();
    for (let second = 0; second < 8 * 60; second += 1) {
      // Not by `take`: nothing but the beat judges.
      watch.engines.heartbeat({ engine: 'main', at: watch.now() });
      watch.beat();
      await Promise.resolve();
    }
    expect(watch.said()).toEqual(['kill dataFeedGap:f']);
  });

  it('that hovers at its limit while the desk is latched is one kill', async () => {
    const watch = await watching({ engines: MAIN });
    await watch.pass(3 * SEC, losing);
    await watch.latch();
    for (let times = 0; times < 5; times += 1) {
      await watch.pass(3 * SEC, winning);
      await watch.pass(3 * SEC, losing);
    }
    expect(about(watch.said(), 'kill')).toEqual(['kill dailyLoss']);
  });

  it('that was unknown when the latch was lifted trips anew; one that was tripped was accepted', async () => {
    const watch = await watching({ engines: MAIN });
    await watch.pass(3 * SEC, losing);
    await watch.latch();
    await watch.pass(3 * SEC, losing);
    await watch.lift();
    await watch.pass(10 * SEC, losing);
    expect(about(watch.said(), 'kill')).toEqual(['kill dailyLoss']);
    await watch.latch();
    // Nothing is said any more: unknown.
    await watch.pass(3 * MIN);
    await watch.lift();
    await watch.pass(3 * SEC, winning);
    await watch.pass(3 * SEC, losing);
    expect(about(watch.said(), 'kill')).toEqual(['kill dailyLoss']);
  });

  it('whose feed is dead still when the latch is lifted kills the engine that trades blind', async () => {
    const watch = await watching({ engines: MAIN });
    await watch.pass(SEC, (now) => [bar(now), beat(now)]);
    await watch.pass(7 * MIN, beating);
    expect(about(watch.said(), 'kill')).toEqual(['kill dataFeedGap:f']);
    await watch.latch();
    // The engine is stopped: whether its feed lives is unknown.
    await watch.pass(MIN);
    await watch.lift();
    await watch.pass(MIN);
    await watch.pass(10 * SEC, beating);
    expect(about(watch.said(), 'kill')).toEqual(['kill dataFeedGap:f']);
  });
});
