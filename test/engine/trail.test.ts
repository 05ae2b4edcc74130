/** Keeping the trail: nothing waits for it, a disk that hangs costs a hole and no memory, and a reading never throws. */

import { expect, it } from 'vitest';
import type { TrailPoint } from '../../src/domain/trail/point.ts';
import { createTrail } from '../../src/engine/trail.ts';
import type { Log, TrailFiles } from '../../src/ports.ts';
import { fakeClock } from '../fakes/clock.ts';

const quiet: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

function world(append: (points: TrailPoint[]) => Promise<void>) {
  const clock = fakeClock();
  let latch: object | null = null;
  let changed: () => void = () => undefined;
  const files: TrailFiles = { append, read: async () => [] };
  const trail = createTrail({
    ledger: {
      trading: () => ({ holds: [], latch, liftedAt: null, lastKill: null }),
      onChanged: (listener: () => void) => {
        changed = listener;
      },
    } as never,
    engines: { status: () => [] } as never,
    monitor: {
      measurements: { money: { positions: () => new Map(), venuePositions: () => null, pnl: () => [] } },
      seen: () => ({ criteria: [] }),
    } as never,
    clock,
    log: quiet,
    rules: { venues: ['usdm'], limits: { currency: 'USDT' } } as never,
    files,
  });
  const reading = { venue: 'usdm', proven: true, lists: [], positions: [], notCovered: [] };
  return {
    clock,
    trail,
    read: () => trail.note('usdm', clock.now(), reading),
    kill: () => {
      latch = {};
      changed();
    },
  };
}

it('a start comes first, a sample each ten seconds, and what is ordered at once', async () => {
  const kept: TrailPoint[] = [];
  const { clock, trail, read, kill } = world(async (points) => void kept.push(...points));
  read();
  for (let second = 0; second < 12; second += 1) {
    await trail.tick();
    if (second === 5) kill();
    await clock.advance(1_000);
  }
  await trail.stop();
  expect(kept.map(({ kind }) => kind)).toEqual(['start', 'reading', 'sample', 'ordered', 'sample']);
  expect(kept.at(-1)).toMatchObject({ trading: 'killed', venues: { usdm: { absolute: null } } });
});

it('the same reading twice in half a second is one; one that says something else is another', async () => {
  const kept: TrailPoint[] = [];
  const { clock, trail, read } = world(async (points) => void kept.push(...points));
  read();
  await clock.advance(100);
  read();
  trail.note('usdm', clock.now(), {
    venue: 'usdm',
    proven: true,
    notCovered: [],
    positions: [],
    lists: [{ list: 'regular', state: 'read', orders: [] }],
  });
  await trail.stop();
  expect(kept.map(({ kind }) => kind)).toEqual(['start', 'reading', 'reading']);
});

it('a disk that hangs holds up no tick, and gathers a bounded heap', async () => {
  let written = 0;
  let free: () => void = () => undefined;
  const { clock, trail, read } = world((points) => {
    written += points.length;
    return new Promise((resolve) => {
      free = resolve;
    });
  });
  await trail.tick();
  for (let n = 0; n < 5_000; n += 1) {
    await clock.advance(600);
    read();
    await trail.tick();
  }
  expect(written).toBe(2);
  free();
  await clock.settle();
  await trail.tick();
  expect(written).toBe(1_002);
  free();
});

it('a reading that breaks a rule of ours is left out, and throws nothing', () => {
  const { trail } = world(async () => undefined);
  expect(() => trail.note('usdm', 0, null as never)).not.toThrow();
});
