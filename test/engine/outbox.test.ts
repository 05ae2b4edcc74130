/** What leaves, in which order and how fast. */

import { afterEach, describe, expect, it } from 'vitest';
import type { Effect, Work } from '../../src/domain/effects.ts';
import type { Ledger } from '../../src/engine/ledger.ts';
import { createOutbox, type Outbox, type Outcome } from '../../src/engine/outbox.ts';
import { fakeClock } from '../fakes/clock.ts';
import { fakeStore } from '../fakes/store.ts';

const silent = { debug() {}, info() {}, warn() {}, error() {} };
const DONE: Outcome = { done: true, facts: [] };

let outbox: Outbox | undefined;
afterEach(() => outbox?.stop(0));

async function start(perform: (effect: Effect) => Outcome = () => DONE) {
  const clock = fakeClock();
  const store = fakeStore(clock.now);
  const left: string[] = [];
  const ledger = {
    owe: async (_incident: string, _effects: Effect[], settles: string[] = []) =>
      void (await store.append('INC-20261127-001', 0, [], [], settles)),
    onVolatile: () => undefined,
  } as unknown as Ledger;
  outbox = createOutbox({
    store,
    ledger,
    clock,
    log: silent,
    perform: async ({ effect }) => {
      const outcome = perform(effect);
      if (outcome.done) left.push(effect.id);
      return outcome;
    },
  });
  outbox.start();
  let n = 0;
  const owe = async (lane: Effect['lane'], incident: string, kind: 'headline' | 'runbook', count = 1) => {
    const work: Work = { kind };
    for (let times = 0; times < count; times += 1) {
      n += 1;
      const effect = { id: `${n}`, incident, lane, target: `${incident}/${kind}`, work };
      await store.append('INC-20261127-001', store.version('INC-20261127-001'), [], [effect]);
    }
  };
  return { clock, left, owe, waiting: () => outbox?.waiting() };
}

describe('the ordinary lane to Slack', () => {
  it('lets 30 leave at once, then one a second in the long run', async () => {
    const { clock, left, owe } = await start();
    for (let n = 0; n < 100; n += 1) await owe('slack', `INC-${n}`, 'headline');
    await clock.advance(10);
    expect(left).toHaveLength(30);
    await clock.advance(29_000);
    expect(left).toHaveLength(30);
    await clock.advance(61_000);
    expect(left).toHaveLength(100);
  });

  it('coalesces what waits: many edits of one headline are one', async () => {
    const { clock, left, owe, waiting } = await start();
    for (let n = 0; n < 30; n += 1) await owe('slack', `INC-${n}`, 'headline');
    await clock.advance(10);
    await owe('slack', 'INC-500', 'headline', 200);
    expect(waiting()).toMatchObject([{ lane: 'slack', count: 200 }]);
    await clock.advance(31_000);
    expect(left).toHaveLength(31);
    expect(left.at(-1)).toBe('230');
    expect(waiting()).toMatchObject([{ lane: 'slack', count: 0 }]);
  });

  it('lets headlines leave before what hangs in their threads', async () => {
    const { clock, left, owe } = await start();
    for (let n = 0; n < 30; n += 1) await owe('slack', `INC-${n}`, 'headline');
    await clock.advance(10);
    for (let n = 0; n < 5; n += 1) await owe('slack', `INC-${n}`, 'runbook');
    for (let n = 100; n < 105; n += 1) await owe('slack', `INC-${n}`, 'headline');
    await clock.advance(60_000);
    expect(left.slice(30)).toEqual(['36', '37', '38', '39', '40', '31', '32', '33', '34', '35']);
  });

  it('rests after a 429, and nothing urgent does', async () => {
    let limited = true;
    const { clock, left, owe } = await start((effect) =>
      effect.incident === 'INC-1' && limited
        ? { done: false, retryInMs: 3_000, facts: [], laneRestsMs: 3_000 }
        : DONE,
    );
    await owe('slack', 'INC-1', 'headline');
    await clock.advance(10);
    await owe('slack', 'INC-2', 'headline');
    await owe('slackUrgent', 'INC-3', 'headline');
    await clock.advance(10);
    expect(left).toEqual(['3']);
    limited = false;
    await clock.advance(3_100);
    expect(left.toSorted()).toEqual(['1', '2', '3']);
  });

  it('rests for five seconds at most, whatever one message was told', async () => {
    const { clock, left, owe } = await start((effect) =>
      effect.incident === 'INC-1'
        ? { done: false, retryInMs: 600_000, facts: [], laneRestsMs: 600_000 }
        : DONE,
    );
    await owe('slack', 'INC-1', 'headline');
    await clock.advance(10);
    await owe('slack', 'INC-2', 'headline');
    await clock.advance(5_100);
    expect(left).toEqual(['2']);
  });
});

describe('lanes', () => {
  it('never wait for each other', async () => {
    const { clock, left, owe } = await start((effect) =>
      effect.lane === 'slack' ? { done: false, retryInMs: 60_000, facts: [] } : DONE,
    );
    await owe('slack', 'INC-1', 'headline');
    await owe('pageP0', 'INC-2', 'headline');
    await clock.advance(10);
    expect(left).toEqual(['2']);
  });

  it('hold a target once: raised while it waits, it leaves by the urgent lane, once', async () => {
    const { clock, left, owe } = await start();
    for (let n = 0; n < 30; n += 1) await owe('slack', `INC-${n}`, 'headline');
    await clock.advance(10);
    await owe('slack', 'INC-40', 'headline');
    await owe('slackUrgent', 'INC-40', 'headline');
    await clock.advance(10);
    expect(left.slice(30)).toEqual(['32']);
    await clock.advance(60_000);
    expect(left).toHaveLength(31);
  });
});
