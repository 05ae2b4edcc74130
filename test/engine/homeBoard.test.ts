/** Drawing App Homes: often enough, never too often, and for as long as somebody looks. */

import { describe, expect, it } from 'vitest';
import type { StandingEvent } from '../../src/domain/incident.ts';
import { createHomeBoard, type Viewer } from '../../src/engine/homeBoard.ts';
import { createPeople } from '../../src/engine/people.ts';
import { DESK, type Person, type Sent } from '../../src/ports.ts';

const quiet = { debug() {}, info() {}, warn() {}, error() {} };
const EVENT = {
  type: 'NoteAdded',
  at: 0,
  by: { via: 'slack', id: 'U', name: 'u' },
  text: 'x',
} as StandingEvent;
const TAKEN = { ...EVENT, type: 'RequestTaken', name: 'x' } as StandingEvent;
/** What was promised and is settled by now. */
const settle = () => new Promise((done) => setImmediate(done));

function stage() {
  let now = 0;
  let watched = 'a';
  let answer: Sent<{ hash: string }> = { state: 'done', hash: 'h' };
  const drawn: string[] = [];
  let held: (() => void) | null = null;
  let holding = false;
  let change: (stream: string, events: StandingEvent[]) => void = () => undefined;
  const board = createHomeBoard({
    ledger: {
      onChanged: (listener) => {
        change = listener;
      },
    },
    clock: { now: () => now, monotonic: () => now, wait: async () => undefined },
    log: quiet,
    roles: async () => ({ responder: true, approver: false }),
    async publish(viewer: Viewer) {
      drawn.push(viewer.id);
      if (holding)
        await new Promise<void>((done) => {
          held = done;
        });
      return answer;
    },
    watched: () => watched,
  });
  return {
    board,
    drawn,
    change: (stream = 'INC-1', event = EVENT) => change(stream, [event]),
    watch: (value: string) => {
      watched = value;
    },
    answers: (value: Sent<{ hash: string }>) => {
      answer = value;
    },
    hold: () => {
      holding = true;
    },
    release: () => {
      holding = false;
      held?.();
    },
    /** Seconds pass, one tick each. */
    async pass(seconds: number) {
      for (let n = 0; n < seconds; n += 1) {
        now += 1_000;
        await board.tick();
        await settle();
      }
    },
  };
}

describe('an App Home', () => {
  it('is drawn when it is opened, and not again while nothing happens', async () => {
    const { board, drawn, pass } = stage();
    board.opened('U1');
    await settle();
    expect(drawn).toEqual(['U1']);
    // The first look at what else is watched is no news of its own, but cannot be told from one.
    await pass(10);
    const after = drawn.length;
    await pass(100);
    expect(drawn).toHaveLength(after);
    expect(board.isCurrent('U1', 'h')).toBe(true);
    expect(board.isCurrent('U1', 'other')).toBe(false);
    expect(board.isCurrent('U2', 'h')).toBe(false);
  });

  it('is drawn at most once in three seconds, however much happens', async () => {
    const { board, drawn, pass, change } = stage();
    board.opened('U1');
    await pass(10);
    const before = drawn.length;
    for (let second = 0; second < 30; second += 1) {
      for (let n = 0; n < 1_000; n += 1) change();
      await pass(1);
    }
    expect(drawn.length - before).toBeGreaterThanOrEqual(9);
    expect(drawn.length - before).toBeLessThanOrEqual(11);
  });

  it('shows what a press came to at once', async () => {
    const { board, drawn, pass, change } = stage();
    board.opened('U1');
    await pass(10);
    change();
    await pass(1);
    const before = drawn.length;
    board.said('U1', 'done');
    await settle();
    expect(drawn).toHaveLength(before + 1);
  });

  it('is not drawn for what is on no Home', async () => {
    const { board, drawn, pass, change } = stage();
    board.opened('U1');
    await pass(10);
    const before = drawn.length;
    change(DESK, TAKEN);
    await pass(10);
    expect(drawn).toHaveLength(before);
  });

  it('is drawn when a hard stop or an engine changes its state', async () => {
    const { board, drawn, pass, watch } = stage();
    board.opened('U1');
    await pass(10);
    const before = drawn.length;
    watch('b');
    await pass(10);
    expect(drawn).toHaveLength(before + 1);
  });

  it('is let be an hour after it was opened', async () => {
    const { board, drawn, pass, change } = stage();
    board.opened('U1');
    await pass(3_601);
    const before = drawn.length;
    change();
    await pass(10);
    expect(drawn).toHaveLength(before);
  });

  it('is drawn again ten seconds after it failed, or when Slack says, and never when it is refused for good', async () => {
    const { board, drawn, pass, answers } = stage();
    answers({ state: 'failed', retry: true, maybe: false, reason: 'slow down', retryAfterMs: 30_000 });
    board.opened('U1');
    await pass(29);
    expect(drawn).toHaveLength(1);
    answers({ state: 'failed', retry: false, maybe: false, reason: 'no' });
    await pass(100);
    expect(drawn).toHaveLength(2);
  });

  it('that hangs keeps two others at most from being drawn, and what comes meanwhile is not lost', async () => {
    const { board, drawn, pass, change, hold, release } = stage();
    hold();
    for (const id of ['U1', 'U2', 'U3']) board.opened(id);
    await settle();
    expect(drawn).toEqual(['U1', 'U2']);
    change();
    release();
    await pass(5);
    expect(drawn).toContain('U3');
  });

  it('of more than 200 people is drawn for the last 200', async () => {
    const { board, drawn, pass, change } = stage();
    for (let n = 0; n < 250; n += 1) board.opened(`U${n}`);
    await pass(200);
    drawn.length = 0;
    change();
    await pass(200);
    expect(new Set(drawn).size).toBe(200);
    expect(drawn).not.toContain('U0');
  });
});

describe('who somebody is', () => {
  function asked(answers: (Person | null | undefined)[]) {
    let now = 0;
    const calls: string[] = [];
    const people = createPeople({
      clock: { now: () => now, monotonic: () => now, wait: () => new Promise((done) => setImmediate(done)) },
      log: quiet,
      async ask(id) {
        calls.push(id);
        const answer = answers.shift();
        if (answer === undefined && answers.length === 0) return new Promise(() => undefined);
        return answer;
      },
    });
    return {
      people,
      calls,
      pass: (ms: number) => {
        now += ms;
      },
    };
  }
  const person = (kind: Person['kind']): Person => ({ id: 'U1', name: 'u', kind });

  it('is asked once, and used for ten minutes', async () => {
    const { people, calls } = asked([person('member'), person('guest'), null]);
    for (let n = 0; n < 5; n += 1) expect(await people.of('U1')).toEqual(person('member'));
    expect(calls).toHaveLength(1);
  });

  it('is used at once and asked again after that: nobody waits', async () => {
    const { people, calls, pass } = asked([person('member'), person('guest'), null]);
    await people.of('U1');
    pass(600_001);
    expect(await people.of('U1')).toEqual(person('member'));
    await settle();
    expect(await people.of('U1')).toEqual(person('guest'));
    expect(calls).toHaveLength(2);
  });

  it('is not known when Slack hangs, and is not waited for long', async () => {
    const { people } = asked([]);
    expect(await people.of('U1')).toBeUndefined();
  });

  it('is known ahead of time where it was warmed', async () => {
    const { people, calls } = asked([person('member'), person('bot'), null]);
    await people.warm(['U1', 'U2']);
    expect(await people.of('U2')).toEqual(person('bot'));
    expect(calls).toEqual(['U1', 'U2']);
  });
});
