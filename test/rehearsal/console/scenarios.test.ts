/** The stories that take minutes, played with a clock that jumps, against a bot that is only looked at. */

import { describe, expect, it } from 'vitest';
import {
  createScenarioBoard,
  type Scenario,
  type ScenarioDeps,
} from '../../../src/rehearsal/console/scenarios.ts';

function desk(over: Partial<ScenarioDeps> = {}) {
  const done: string[] = [];
  const on = new Set<string>();
  let time = 0;
  const deps = {
    now: () => time,
    async wait(ms: number, signal: AbortSignal) {
      signal.throwIfAborted();
      time += ms;
    },
    engine: {
      obeys: () => (time > 120_000 ? { PAUSE_SIGNALS: '1' } : { PAUSE_SIGNALS: '0' }),
      setSignalLatency: (ms: number | null) => void done.push(`latency ${ms}`),
    },
    faults: {
      isOn: (id: string) => on.has(id),
      async set(id: string, wanted: boolean) {
        done.push(`${id} ${wanted ? 'on' : 'off'}`);
        if (wanted) on.add(id);
        else on.delete(id);
        return true;
      },
    },
    status: async () => null,
    post: async (path: string) => {
      done.push(path);
      return { status: 202, json: {} };
    },
    ...over,
  } as unknown as ScenarioDeps;
  return { deps, done, on, at: () => time };
}

const scenario = (play: Scenario['play']): Scenario => ({
  id: 'own',
  title: '',
  about: '',
  watch: '',
  todo: '',
  steps: 1,
  play,
});

describe('a story', () => {
  it('of a feed gap waits for the pause at two minutes, and gives the feed back at five', async () => {
    const { deps, done, at } = desk();
    const board = createScenarioBoard(deps);
    board.start('feedGap');
    await board.settled();
    const shown = board.shown().find(({ id }) => id === 'feedGap');
    expect(shown).toMatchObject({ state: 'done', progress: 1 });
    expect(shown?.told.map((one) => one.at)).toEqual([0, 60_000, 120_500, 300_500]);
    expect(at()).toBe(300_500);
    expect(done).toEqual(['engine.frozen on', 'engine.frozen off']);
  });

  it('of latency gives the latency back', async () => {
    const { deps, done } = desk();
    const board = createScenarioBoard(deps);
    board.start('latency');
    await board.settled();
    expect(done).toEqual(['latency 3200', 'latency null']);
  });

  it('leaves a switch on that a person had on, and undoes everything though one step fails', async () => {
    const { deps, done, on } = desk();
    on.add('slack.down');
    const board = createScenarioBoard(deps, [
      scenario(async (play) => {
        await play.fault('slack.down');
        play.atEnd(() => done.push('first'));
        play.atEnd(() => {
          throw new Error('cannot');
        });
        await play.alert({ name: 'A', severity: 'info', summary: 'a' });
        throw new Error('of its own');
      }),
    ]);
    board.start('own');
    await board.settled();
    expect(board.shown()[0]).toMatchObject({
      state: 'failed',
      told: [{ text: 'It could not go on: of its own' }],
    });
    expect(done).toEqual(['/alerts/alertmanager', '/alerts/alertmanager', 'first']);
    expect(on.has('slack.down')).toBe(true);
  });

  /** Waits until it is ended. */
  const waiting: ScenarioDeps['wait'] = (_ms, signal) =>
    new Promise((_resolve, reject) => {
      if (signal.aborted) reject(signal.reason);
      signal.addEventListener('abort', () => reject(signal.reason));
    });

  it('that is stopped says who ended it and what was taken back, and no more', async () => {
    const { deps } = desk({ wait: waiting });
    const board = createScenarioBoard(deps, [
      scenario(async (play) => {
        play.tell('one');
        await play.wait(1).catch(() => undefined);
        play.tell('two');
      }),
    ]);
    board.start('own');
    expect(() => board.start('own')).toThrow('running');
    await board.stop('own');
    await board.stop('own');
    expect(board.shown()[0]).toMatchObject({
      state: 'stopped',
      told: [
        { text: 'one' },
        { text: 'Ended early, by Stop.' },
        { text: expect.stringContaining('are taken back. What was bought, placed, paged or killed stays') },
      ],
    });
    board.forget();
    expect(board.shown()[0]).toMatchObject({ state: 'ready', told: [] });
  });

  it('of a runaway position that Start over ends buys no more, though its look at the bot comes back later', async () => {
    let answer: (said: null) => void = () => undefined;
    let looked = 0;
    let bought = 0;
    const engine = { buy: () => (bought += 1) };
    const { deps } = desk({
      engine: engine as unknown as ScenarioDeps['engine'],
      status: () => {
        looked += 1;
        return new Promise((done) => (answer = done));
      },
    });
    const board = createScenarioBoard(deps);
    board.start('runaway');
    answer(null);
    await expect.poll(() => looked).toBe(2);
    const over = board.stopAll('Start over');
    answer(null);
    await over;
    expect(bought).toBe(1);
    expect(board.shown().find(({ id }) => id === 'runaway')).toMatchObject({
      state: 'stopped',
      told: [{}, { text: 'Ended early, by Start over.' }, {}],
    });
  });

  it('keeps every other one away until what it broke is taken back, so that no switch goes off under the next', async () => {
    let answer: (() => void) | null = null as (() => void) | null;
    const { deps, on } = desk({
      post: (_path, body) =>
        JSON.stringify(body).includes('"status":"resolved"')
          ? new Promise((done) => (answer = () => done({ status: 202, json: {} })))
          : Promise.resolve({ status: 202, json: {} }),
    });
    const board = createScenarioBoard(deps, [
      scenario(async (play) => {
        await play.fault('slack.down');
        await play.alert({ name: 'A', severity: 'info', summary: 'a' });
      }),
      { ...scenario((play) => play.fault('slack.down')), id: 'next' },
    ]);
    board.start('own');
    await expect.poll(() => answer).not.toBe(null);
    expect(on.has('slack.down')).toBe(true);
    expect(board.shown()[0]).toMatchObject({ state: 'running' });
    expect(() => board.start('next')).toThrow('running');
    answer?.();
    await board.settled();
    expect(on.has('slack.down')).toBe(false);
    expect(board.shown()[0]).toMatchObject({ state: 'done', progress: 1 });
    board.start('next');
    await board.settled();
    expect(board.shown()[1]).toMatchObject({ state: 'done' });
  });

  it('whose alert could not be resolved, since the bot is down, does not say that it was', async () => {
    let status = 202;
    const { deps } = desk({ wait: waiting, post: async () => ({ status, json: null }) });
    const board = createScenarioBoard(deps, [
      scenario(async (play) => {
        await play.fault('slack.down');
        await play.alert({ name: 'A', severity: 'info', summary: 'a' });
        status = 0;
        await play.wait(1);
      }),
    ]);
    board.start('own');
    await expect.poll(() => status).toBe(0);
    await board.stop('own');
    expect(board.shown()[0]?.told.at(-1)?.text).toContain('Not all of what it broke could be taken back');
    expect(deps.faults.isOn('slack.down'), 'each is undone by itself').toBe(false);
  });
});
