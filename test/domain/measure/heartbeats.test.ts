/** Who is silent, and who says that it is stopped. */

import { describe, expect, it } from 'vitest';
import { createHeartbeats, engineFacts } from '../../../src/domain/measure/heartbeats.ts';

const T0 = Date.parse('2026-11-22T12:00:00Z');
const beat = (at: number, control?: Record<string, string>, engine = 'main') => ({
  engine,
  at,
  ...(control === undefined ? {} : { control }),
});
const JUST_STARTED = { ms: 0, graceMs: 120_000 };
const start = () => createHeartbeats([{ id: 'main', everyMs: 5_000 }]);

describe('heartbeats', () => {
  it('are unknown before the first, silent after three that are missed', () => {
    const beats = start();
    expect(beats.beats(T0)).toEqual([{ id: 'main', ageMs: null, everyMs: 5_000 }]);
    expect(engineFacts(beats.beats(T0), JUST_STARTED)).toEqual({
      silent: [],
      engineSilent: false,
      heartbeatAgeMs: null,
    });
    beats.take(beat(T0), T0);
    expect(engineFacts(beats.beats(T0 + 15_000), JUST_STARTED).engineSilent).toBe(false);
    expect(engineFacts(beats.beats(T0 + 15_001), JUST_STARTED)).toMatchObject({
      engineSilent: true,
      silent: [{ id: 'main', ageMs: 15_001 }],
    });
    // One of two is silent: it is named, and the other one speaks for the desk.
    beats.take(beat(T0 + 15_000, undefined, 'other'), T0 + 15_000);
    expect(engineFacts(beats.beats(T0 + 15_001), JUST_STARTED)).toMatchObject({
      engineSilent: false,
      heartbeatAgeMs: 1,
    });
  });

  it('in any order: the newest stands', () => {
    const beats = start();
    expect(beats.take(beat(T0, { KILL_SWITCH: '1' }), T0)).toBe(true);
    expect(beats.take(beat(T0 - 1_000, { KILL_SWITCH: '0' }), T0)).toBe(false);
    expect(beats.newest('main')).toMatchObject(beat(T0, { KILL_SWITCH: '1' }));
  });

  it('over ten minutes old say nothing, at ten minutes they do', () => {
    const beats = start();
    expect(beats.take(beat(T0 - 600_001), T0)).toBe(false);
    expect(beats.beats(T0)[0]?.ageMs).toBeNull();
    expect(beats.take(beat(T0 - 600_000), T0)).toBe(true);
  });

  it('dated by a clock that was ahead give way', () => {
    const beats = start();
    beats.take(beat(T0 + 3_600_000), T0 + 3_600_000);
    expect(beats.take(beat(T0), T0)).toBe(true);
    expect(beats.newest('main')?.at).toBe(T0);
  });

  it('leave out of the stop no engine that is configured and was never heard', () => {
    const beats = createHeartbeats([
      { id: 'main', everyMs: 5_000 },
      { id: 'second', everyMs: 5_000 },
    ]);
    beats.take(beat(T0, { PAUSE_SIGNALS: '1' }), T0);
    expect(beats.obeysStop(() => true)).toBe(false);
    beats.take(beat(T0, { PAUSE_SIGNALS: '1' }, 'second'), T0);
    expect(beats.obeysStop(() => true)).toBe(true);
    expect(beats.obeysStop((_, stop) => stop === 'KILL_SWITCH')).toBe(false);
  });

  it('that never come are silence once the grace time is over, and no engine that fell silent', () => {
    const beats = start().beats(T0);
    expect(engineFacts(beats, { ms: 119_999, graceMs: 120_000 }).silent).toEqual([]);
    expect(engineFacts(beats, { ms: 120_000, graceMs: 120_000 })).toEqual({
      silent: [{ id: 'main', ageMs: 120_000, never: true }],
      engineSilent: false,
      heartbeatAgeMs: null,
    });
  });

  it('confirm a stop when all of them say so, in heartbeats that count', () => {
    const beats = start();
    const all = () => true;
    expect(beats.obeysStop(all)).toBe(false);
    beats.take(beat(T0, { PAUSE_SIGNALS: '1' }), T0);
    expect(beats.obeysStop(all)).toBe(true);
    expect(beats.obeysStop(() => false)).toBe(false);
    beats.take(beat(T0, { KILL_SWITCH: '0' }, 'other'), T0);
    expect(beats.obeysStop(all)).toBe(false);
    beats.take(beat(T0 + 1, { HALT_NEW_ORDERS: '1' }, 'other'), T0 + 1);
    expect(beats.obeysStop(all)).toBe(true);
    beats.take(beat(T0 + 2, undefined, 'other'), T0 + 2);
    expect(beats.obeysStop(all)).toBe(false);
  });
});
