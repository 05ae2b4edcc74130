/** The watch over venues: each by itself, no oftener than allowed, less while latched, not at all during a kill. */

import { describe, expect, it } from 'vitest';
import { createVenueWatch, type KillPhase } from '../../src/engine/venueWatch.ts';
import type { Clock, MeasureRequest, Venue, VenueMeasurement } from '../../src/ports.ts';

/** Time that passes only when a test says so. */
function handClock() {
  let now = Date.parse('2026-11-22T12:00:00Z');
  const waits = new Set<{ until: number; end(): void }>();
  const clock: Clock = {
    now: () => now,
    monotonic: () => now,
    wait: (ms, signal) =>
      new Promise((resolve) => {
        const wait = {
          until: now + ms,
          end() {
            waits.delete(wait);
            signal?.removeEventListener('abort', wait.end);
            resolve();
          },
        };
        waits.add(wait);
        signal?.addEventListener('abort', wait.end);
      }),
  };
  const settle = async () => {
    for (let n = 0; n < 50; n += 1) await Promise.resolve();
  };
  return {
    clock,
    settle,
    /** One step after the other, so that loops that wait again are woken again. */
    async advance(ms: number) {
      const end = now + ms;
      await settle();
      for (;;) {
        const [next] = [...waits].map(({ until }) => until).toSorted((a, b) => a - b);
        if (next === undefined || next > end) break;
        now = Math.max(now, next);
        for (const wait of waits) if (wait.until <= now) wait.end();
        await settle();
      }
      now = end;
      await settle();
    },
  };
}

const READ: VenueMeasurement = {
  positions: { state: 'read', positions: [] },
  money: {
    equity: { state: 'read', amount: 1 },
    transfers: { state: 'read', rows: [], notSeen: [] },
    clock: { state: 'read', skewMs: 0, withinMs: 1 },
    status: { state: 'read', ok: true, text: 'normal' },
  },
};
const FAILED: VenueMeasurement = { positions: { state: 'failed', reason: 'HTTP 418' }, money: null };

interface Asked extends Venue {
  asked: MeasureRequest[];
}

function venueOf(id: string, measure: (request: MeasureRequest) => Promise<VenueMeasurement>): Asked {
  const asked: MeasureRequest[] = [];
  return {
    id,
    pollMs: 5_000,
    moneyPollMs: 30_000,
    asked,
    measure(request: MeasureRequest) {
      asked.push(request);
      return measure(request);
    },
  } as unknown as Asked;
}
const answering = (id: string, answer: VenueMeasurement = READ) =>
  venueOf(id, async ({ money }) => (money ? answer : { ...answer, money: null }));

function watching(venues: Venue[], more: { phase?: () => KillPhase; take?: () => Promise<void> } = {}) {
  const time = handClock();
  const warned: string[] = [];
  const taken: [string, number][] = [];
  const log = {
    debug: () => undefined,
    info: () => undefined,
    warn: (_: object, message: string) => void warned.push(message),
    error: (_: object, message: string) => void warned.push(message),
  };
  const watch = createVenueWatch({
    venues,
    take: async (venue, at) => {
      taken.push([venue, at]);
      await more.take?.();
    },
    killPhase: more.phase ?? (() => 'none'),
    currency: 'USDT',
    clock: time.clock,
    log,
  });
  return { ...time, watch, warned, taken };
}

describe('the watch', () => {
  it('asks as often as the venue bears, and for money more seldom', async () => {
    const venue = answering('a');
    const at = watching([venue]);
    await at.advance(60_000);
    expect(venue.asked.length).toBe(13);
    expect(venue.asked.filter(({ money }) => money).length).toBe(3);
    expect(venue.asked[0]?.sinceMs).toBe(Date.parse('2026-11-21T23:55:00Z'));
    at.watch.stop();
    await at.advance(60_000);
    expect(venue.asked.length).toBe(13);
  });

  it('is not held up at one venue by another that hangs, nor ended by one that throws', async () => {
    const hangs = venueOf('hangs', () => new Promise(() => undefined));
    const throws = venueOf('throws', () => Promise.reject(new Error('a fault of ours')));
    const well = answering('well');
    const at = watching([hangs, throws, well]);
    await at.advance(20_000);
    expect([hangs.asked.length, throws.asked.length, well.asked.length]).toEqual([1, 2, 5]);
    expect(at.warned).toEqual(['measuring a venue threw: it is tried again']);
  });

  it('asks a venue that answers nothing less and less often, says it once, and is back when it answers', async () => {
    let answer = FAILED;
    const venue = venueOf('a', async () => answer);
    const at = watching([venue]);
    await at.advance(600_000);
    // 5 s, 10, 20, 40, then every 60.
    expect(venue.asked.length).toBeLessThanOrEqual(16);
    expect(at.warned).toEqual(['a venue’s positions cannot be measured']);
    answer = READ;
    await at.advance(60_000);
    const before = venue.asked.length;
    await at.advance(20_000);
    expect(venue.asked.length - before).toBe(4);
  });

  it('leaves the venue to a kill, also in the middle, throws away what it had, and goes on seldom while latched', async () => {
    let phase: KillPhase = 'none';
    let finish = (): void => undefined;
    const venue = venueOf(
      'a',
      () =>
        new Promise((resolve) => {
          finish = () => resolve(READ);
        }),
    );
    const at = watching([venue], { phase: () => phase });
    await at.settle();
    expect(venue.asked[0]?.mayAsk()).toBe(true);
    phase = 'running';
    expect(venue.asked[0]?.mayAsk()).toBe(false);
    finish();
    await at.advance(60_000);
    expect(venue.asked.length).toBe(1);
    expect(at.taken).toEqual([]);
    phase = 'latched';
    await at.advance(5_000);
    expect(venue.asked.length).toBe(2);
    finish();
    await at.advance(14_000);
    expect(venue.asked.length).toBe(2);
    await at.advance(2_000);
    expect(venue.asked.length).toBe(3);
  });

  it('says that our clock is off only where the answer cannot be late, and what state the venue is in', async () => {
    const off = (skewMs: number, withinMs: number): VenueMeasurement => ({
      ...READ,
      money: {
        ...(READ.money as NonNullable<VenueMeasurement['money']>),
        clock: { state: 'read', skewMs, withinMs },
        status: { state: 'read', ok: false, text: 'maintenance' },
      },
    });
    const at = watching([answering('late', off(1_500, 600)), answering('off', off(-1_500, 400))]);
    await at.advance(60_000);
    expect(at.warned.toSorted()).toEqual([
      'a venue is not in its normal state',
      'a venue is not in its normal state',
      'our clock differs from a venue’s',
    ]);
  });
});
