import { describe, expect, it } from 'vitest';
import type { Alert, StandingEvent } from '../../src/domain/incident.ts';
import { createMeasurements } from '../../src/domain/measure/measurements.ts';
import type { Runbook } from '../../src/domain/playbook.ts';
import type { HostLoad } from '../../src/domain/runbook/probes.ts';
import { createDesk } from '../../src/engine/desk.ts';
import { createLedger } from '../../src/engine/ledger.ts';
import { createProbes } from '../../src/engine/probes.ts';
import { createRunbookRunner } from '../../src/engine/runbookRunner.ts';
import { loadPolicy } from '../../src/policy.ts';
import type { Command, Control, ControlWritten, Log } from '../../src/ports.ts';
import { fakeClock } from '../fakes/clock.ts';
import { fakeStore } from '../fakes/store.ts';

const loaded = loadPolicy();
if (!loaded.ok) throw new Error('the shipped policy does not load');
const { policy } = loaded;
const SYMBOL = 'BTC/USDT:USDT';
const FEED = { id: 'binance-1m', intervalSec: 60, symbols: [SYMBOL], statusUrl: null, backup: null };
const ADA = { via: 'slack', id: 'U0ADA', name: 'Ada' } as const;
const SOURCE = { via: 'alert', id: 'standdown', name: 'Standdown’s own watch' } as const;
const HOURS = { timezone: 'UTC', days: ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'], maintenance: [] };
const quiet: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

interface Options {
  runbooks?: Runbook[];
  backup?: string | null;
  mode?: 'act' | 'observe';
  writes?: () => Promise<ControlWritten>;
  commands?: Record<string, Command>;
}

function world(options: Options = {}) {
  const clock = fakeClock();
  const store = fakeStore(clock.now);
  const ledger = createLedger({ store, clock, playbook: policy.playbook, log: quiet });
  const written: Record<string, string>[] = [];
  const control: Control = {
    read: async () => ({ state: 'missing', reason: 'none' }),
    write: async (values) => {
      written.push(values);
      return options.writes === undefined
        ? { state: 'written', values, rev: written.length }
        : options.writes();
    },
  };
  const desk = createDesk({
    store,
    ledger,
    clock,
    control,
    venues: [],
    playbook: policy.playbook,
    runbooks: options.runbooks ?? policy.runbooks,
    drill: true,
    protectiveOrders: 'cancel',
    rules: { approvals: 2, recoveryCheck: false, checklist: [] },
    criteriaNotOk: () => [],
    mayLoosen: () => undefined,
    recovery: null,
    commands: options.commands ?? {},
    log: quiet,
  });
  const measurements = createMeasurements([FEED]);
  let beat: { ageMs: number | null; host: HostLoad | null } = { ageMs: 1_000, host: null };
  const feeds = [{ ...FEED, backup: options.backup ?? null }];
  const runner = createRunbookRunner({
    ledger,
    desk,
    monitor: { measurements, criteria: () => [], conditions: () => [] },
    engines: {
      beats: () => [{ id: 'main', ageMs: beat.ageMs, everyMs: 5_000 }],
      hosts: () => new Map([['main', beat.host]]),
      status: () => [{ id: 'main', ageMs: beat.ageMs, confirmed: false }],
    },
    probes: createProbes({
      venues: [],
      feeds,
      host: { read: async () => ({ cpuPct: 1, memPct: 1, diskPct: 1, loopLagMs: 1 }) },
      statusPage: () => new Promise(() => undefined),
      clock,
      killing: () => false,
    }),
    clock,
    log: quiet,
    runbooks: options.runbooks ?? policy.runbooks,
    feeds,
    hours: HOURS,
    mode: options.mode ?? 'act',
  });
  const bar = (closedAt = clock.now()) =>
    measurements.take({ type: 'bar', at: clock.now(), feed: FEED.id, symbol: SYMBOL, closedAt }, clock.now());
  const alert = (change: Partial<Alert> = {}): Alert => ({
    source: 'standdown',
    groupKey: `feed:${FEED.id}`,
    key: `feedStale:${FEED.id}`,
    title: 'Feed gap',
    severity: 'P1',
    startsAt: clock.now(),
    startsAtGiven: true,
    labels: {},
    annotations: {},
    runbook: 'slo-01-data-feed',
    ...change,
  });
  return {
    clock,
    store,
    ledger,
    desk,
    runner,
    measurements,
    written,
    bar,
    beat: (next: typeof beat) => {
      beat = next;
    },
    async open(change: Partial<Alert> = {}) {
      const [id] = await desk.takeAlerts([{ alert: alert(change), status: 'firing' }], SOURCE);
      return id ?? '';
    },
    /** Seconds pass, with a look in each. */
    async run(seconds: number) {
      for (let second = 0; second < seconds; second += 1) {
        await clock.advance(1_000);
        await runner.tick();
        await clock.settle();
      }
    },
    events: async <T extends StandingEvent['type']>(id: string, type: T) =>
      (await store.history(id)).filter(
        (one): one is Extract<StandingEvent, { type: T }> => one.type === type,
      ),
    incident: (id: string) => {
      const found = ledger.peek(id);
      if (found === undefined) throw new Error(`no ${id}`);
      return found;
    },
  };
}

/** A gap of a little over 120 s, and the incident that the monitor opens for it. */
async function gapped(options: Options = {}) {
  const at = world(options);
  at.bar();
  await at.clock.advance(181_000);
  const id = await at.open();
  return { ...at, id };
}

describe('a gap of a feed', () => {
  it('is recorded, pauses signals by itself once, and halts at 10 minutes to the second when nobody chose', async () => {
    const at = await gapped();
    const from = at.clock.now() - 121_000;
    await at.run(1);
    expect(await at.events(at.id, 'FeedGapBegan')).toMatchObject([{ feed: FEED.id, symbol: SYMBOL, from }]);
    await at.run(1);
    expect(at.written).toEqual([{ PAUSE_SIGNALS: '1' }]);
    expect(at.incident(at.id).acts['slo-01-data-feed:pause-signals']).toMatchObject({
      did: 'pauseSignals',
      how: 'auto',
      ok: true,
      text: expect.stringContaining('PAUSE_SIGNALS=1 written and read back (gap 2 min'),
    });
    await at.run(476);
    expect(at.clock.now() - from).toBe(599_000);
    expect(at.written).toHaveLength(1);
    await at.run(1);
    expect(at.written).toEqual([{ PAUSE_SIGNALS: '1' }, { HALT_NEW_ORDERS: '1' }]);
    const [halt] = (await at.events(at.id, 'StepActed')).slice(-1);
    expect(halt).toMatchObject({ did: 'haltOrders', how: 'timer', ok: true });
    expect(halt?.text).toContain('gap 10 min: nobody chose within 10 min');
    await at.run(60);
    expect(at.written).toHaveLength(2);
    expect(at.ledger.trading().holds.map(({ key, owner, by }) => [key, owner, by.name])).toEqual([
      ['PAUSE_SIGNALS', 'runbook', 'Standdown'],
      ['HALT_NEW_ORDERS', 'runbook', 'Standdown'],
    ]);
  });

  it('is not halted when somebody switched the feed, which is put on record at the time', async () => {
    const at = await gapped({ backup: 'binance-1m-b' });
    await at.run(60);
    await at.desk.hold(ADA, 'DATA_FEED', 'provider down', 'operator', at.id);
    await at.run(500);
    expect(at.written).toEqual([{ PAUSE_SIGNALS: '1' }, { DATA_FEED: 'backup' }]);
    expect(at.incident(at.id).acts['slo-01-data-feed:gap-over-10']).toMatchObject({
      did: 'nothing',
      text: 'feed switched by Ada',
    });
  });

  it('does not pause again after somebody lifted it, and does in the next gap', async () => {
    const at = await gapped();
    await at.run(5);
    await at.desk.lift(ADA, 'PAUSE_SIGNALS', 'I watch it', () => true, at.id);
    await at.run(30);
    expect(at.written).toEqual([{ PAUSE_SIGNALS: '1' }, { PAUSE_SIGNALS: '0' }]);
    at.bar();
    await at.run(1);
    expect(await at.events(at.id, 'FeedGapEnded')).toHaveLength(1);
    await at.run(190);
    expect(at.written).toEqual([{ PAUSE_SIGNALS: '1' }, { PAUSE_SIGNALS: '0' }, { PAUSE_SIGNALS: '1' }]);
    expect(await at.events(at.id, 'FeedGapBegan')).toHaveLength(2);
  });

  it('writes its branches down when they turn, with the number of that moment', async () => {
    const at = await gapped();
    await at.run(500);
    const turned = (await at.events(at.id, 'StepBranched')).filter(({ step }) =>
      step.endsWith(':gap-over-10'),
    );
    expect(turned[0]).toMatchObject({ applies: false, text: 'gap 2 min 2 s' });
    expect(turned.find(({ applies }) => applies === true)).toMatchObject({ text: 'gap 10 min' });
  });

  it('does not fill the log: an hour of it is less than three hundred lines', async () => {
    const at = await gapped();
    await at.run(3_600);
    expect((await at.store.history(at.id)).length).toBeLessThan(300);
  });

  it('says so when the control file cannot be written, and does not try each second', async () => {
    const at = await gapped({ writes: async () => ({ state: 'failed', reason: 'disk full' }) });
    await at.run(20);
    expect(at.written).toHaveLength(1);
    expect(at.incident(at.id).acts['slo-01-data-feed:pause-signals']).toMatchObject({
      ok: false,
      text: expect.stringContaining('could NOT be written (disk full)'),
    });
  });

  it('with a control file that hangs, goes on looking, and at other incidents, too', async () => {
    const at = await gapped({ writes: () => new Promise(() => undefined) });
    await at.run(5);
    const other = await at.open({
      groupKey: 'x',
      key: 'x',
      source: 'alertmanager',
      runbook: 'slo-02-latency',
    });
    await at.run(2);
    expect(await at.events(other, 'StepChecked')).not.toEqual([]);
    expect(at.written).toHaveLength(1);
    // It is under way still: nothing is claimed of it, not even that it was so already.
    expect(at.incident(at.id).acts).toEqual({});
  });

  it('stops all the same when nothing can be stored', async () => {
    const at = await gapped();
    at.store.fail('the disk is gone');
    await at.run(3);
    expect(at.written).toEqual([{ PAUSE_SIGNALS: '1' }]);
    await at.run(480);
    expect(at.written).toEqual([{ PAUSE_SIGNALS: '1' }, { HALT_NEW_ORDERS: '1' }]);
  });
});

describe('an incident', () => {
  it('of another source stops nothing by itself, whatever it calls itself', async () => {
    const at = world();
    at.bar();
    await at.clock.advance(181_000);
    await at.open({ source: 'alertmanager', severity: 'P0', labels: { feed: FEED.id } });
    await at.run(700);
    expect(at.written).toEqual([]);
  });

  it('that is resolved is looked at no more', async () => {
    const at = await gapped();
    await at.run(5);
    await at.desk.command(at.id, { type: 'ResolveIncident', by: ADA, summary: 'back' });
    const before = (await at.store.history(at.id)).length;
    await at.run(700);
    expect((await at.store.history(at.id)).length).toBe(before);
    expect(at.written).toEqual([{ PAUSE_SIGNALS: '1' }]);
  });

  it('whose runbook is not there any more is left alone', async () => {
    const at = world({ runbooks: [] });
    const id = await at.open();
    const before = (await at.store.history(id)).length;
    await at.run(10);
    expect((await at.store.history(id)).length).toBe(before);
  });

  it('shows what each engine says of its machine, and unknown when it is silent', async () => {
    const at = world();
    const id = await at.open({ groupKey: 'latency', runbook: 'slo-02-latency' });
    at.beat({ ageMs: 1_000, host: { cpuPct: 95, memPct: 10, diskPct: 10, loopLagMs: 5 } });
    await at.run(1);
    const host = () => at.incident(id).checks['slo-02-latency:system-load']?.['engineHost'];
    expect(host()).toMatchObject({
      state: 'bad',
      text: expect.stringContaining('main: CPU 95 % (limit 90 %)'),
    });
    at.beat({ ageMs: 16_000, host: { cpuPct: 95 } });
    await at.run(6);
    expect(host()).toMatchObject({ state: 'unknown', text: expect.stringContaining('silent') });
  });
});

describe('a timer of a runbook of the desk’s own', () => {
  const book = (deed: 'kill' | 'switchFeed'): Runbook => ({
    id: 'own',
    title: 'Own',
    severity: 'P1',
    summary: 's',
    match: [],
    notes: [],
    steps: [
      {
        id: 'slow',
        text: 'slow',
        buttons: [],
        checks: [],
        when: { sli: 'latencyP99Ms', op: '>=', value: 2_000 },
        timer: { afterMin: 1, do: deed, unless: [] },
      },
    ],
  });
  async function slow(options: Options) {
    const at = world(options);
    const id = await at.open({ groupKey: 'latency', runbook: 'own' });
    at.measurements.take({ type: 'signal', at: at.clock.now(), latencyMs: 2_000 }, at.clock.now());
    await at.run(62);
    return { at, act: at.incident(id).acts['own:slow'], kills: Object.keys(at.incident(id).kills) };
  }

  it('kills where it says kill, and only says so where the hard stops observe', async () => {
    expect(await slow({ runbooks: [book('kill')] })).toMatchObject({
      kills: [expect.any(String)],
      act: { did: 'kill', how: 'timer' },
    });
    const { kills, act } = await slow({ runbooks: [book('kill')], mode: 'observe' });
    expect(kills).toEqual([]);
    expect(act).toMatchObject({ did: 'nothing', text: expect.stringContaining('OBSERVE') });
  });

  it('switches the feed where there is a backup, and halts where there is none', async () => {
    const with_ = await slow({ runbooks: [book('switchFeed')], backup: 'b' });
    expect(with_.at.written).toEqual([{ DATA_FEED: 'backup' }]);
    const without = await slow({ runbooks: [book('switchFeed')] });
    expect(without.at.written).toEqual([{ HALT_NEW_ORDERS: '1' }]);
    expect(without.act?.text).toContain('no backup feed is configured');
  });
});

describe('a command', () => {
  const command = (run: Command['run']): Record<string, Command> => ({
    restart: { words: 'restart', timeoutSec: 1, run },
  });
  const OK = { exitCode: 0, output: 'up', reason: null, ms: 5 };

  it('is on record before it starts, and with its end; a second press within ten seconds starts nothing', async () => {
    let runs = 0;
    const at = world({
      commands: command(async () => {
        runs += 1;
        return OK;
      }),
    });
    const id = await at.open();
    const { done } = await at.desk.runCommand(ADA, id, 'restart');
    await done;
    expect(await at.events(id, 'CommandFinished')).toMatchObject([
      { exitCode: 0, output: 'up', command: 'restart' },
    ]);
    await expect(at.desk.runCommand(ADA, id, 'restart')).rejects.toMatchObject({ code: 'command_just_ran' });
    await at.clock.advance(10_000);
    await (await at.desk.runCommand(ADA, id, 'restart')).done;
    expect(runs).toBe(2);
    await expect(at.desk.runCommand(ADA, id, 'constructor')).rejects.toMatchObject({
      code: 'no_such_command',
    });
  });

  it('runs once at a time over all incidents', async () => {
    let end: (value: typeof OK) => void = () => undefined;
    const at = world({
      commands: command(
        () =>
          new Promise((resolve) => {
            end = resolve;
          }),
      ),
    });
    const [one, two] = [await at.open(), await at.open({ groupKey: 'other' })];
    const { done } = await at.desk.runCommand(ADA, one, 'restart');
    await expect(at.desk.runCommand(ADA, two, 'restart')).rejects.toMatchObject({ code: 'command_running' });
    end(OK);
    await done;
    await at.clock.advance(10_000);
    await expect(at.desk.runCommand(ADA, two, 'restart')).resolves.toBeDefined();
  });

  it('is not started when it cannot be put on record', async () => {
    let runs = 0;
    const at = world({
      commands: command(async () => {
        runs += 1;
        return OK;
      }),
    });
    const id = await at.open();
    at.store.fail('no disk');
    await expect(at.desk.runCommand(ADA, id, 'restart')).rejects.toThrow('no disk');
    expect(runs).toBe(0);
  });

  it('that a crash interrupted is said to be unknown, and is not run again', async () => {
    let runs = 0;
    const at = world({
      commands: command(async () => {
        runs += 1;
        return OK;
      }),
    });
    const id = await at.open();
    await at.ledger.commit(id, { type: 'AskCommand', by: ADA, command: 'restart', run: 'X1' });
    await at.desk.resume();
    await at.clock.settle();
    expect(runs).toBe(0);
    expect(at.incident(id).unfinished).toEqual({});
    expect(at.incident(id).commands['restart']?.ended).toMatchObject({
      exitCode: null,
      reason: expect.stringContaining('UNKNOWN'),
    });
  });
});
