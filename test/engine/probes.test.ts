import { describe, expect, it } from 'vitest';
import { createProbes } from '../../src/engine/probes.ts';
import type { Venue } from '../../src/ports.ts';
import { fakeClock } from '../fakes/clock.ts';

type Asked = Pick<Venue, 'id' | 'pollMs' | 'status' | 'read' | 'keyPermissions'>;

function venue(id: string, change: Partial<Asked> = {}): Asked {
  return {
    id,
    pollMs: 5_000,
    status: async () => ({ state: 'ok', ms: 10 }),
    read: async () => ({
      venue: id,
      proven: true,
      lists: [{ list: 'regular', state: 'read', orders: [] }],
      positions: [{ scope: 'all', state: 'read', positions: [] }],
      notCovered: [],
    }),
    keyPermissions: async () => ({ state: 'unknown', reason: 'x' }),
    ...change,
  };
}

function world(venues: Asked[], killing = () => false) {
  const clock = fakeClock();
  const asked: string[] = [];
  const probes = createProbes({
    venues,
    feeds: [
      { id: 'f', statusUrl: 'https://status.example/api/v2/status.json' },
      { id: 'g', statusUrl: null },
    ],
    host: { read: async () => ({ cpuPct: 1, memPct: 1, diskPct: 1, loopLagMs: 1 }) },
    statusPage: async (url) => {
      asked.push(url);
      return { state: 'answered', status: 200, description: 'All good', indicator: 'none' };
    },
    clock,
    killing,
  });
  return { clock, asked, probes };
}

describe('what is looked up', () => {
  it('is only what is wanted, and no sooner again than its time', async () => {
    const { clock, asked, probes } = world([venue('a')]);
    probes.look(new Set(['botHost']));
    await clock.settle();
    expect(asked).toEqual([]);
    expect(probes.found()).toMatchObject({
      botHost: { state: 'ok' },
      providerStatus: null,
      venueStatus: null,
    });
    for (let second = 0; second < 61; second += 1) {
      probes.look(new Set(['providerStatus']));
      await clock.advance(1_000);
    }
    expect(asked).toHaveLength(3);
    expect(probes.found().providerStatus).toMatchObject({
      state: 'ok',
      text: 'f: HTTP 200, it says: All good',
    });
  });

  it('one that hangs delays no other, is unknown after its deadline, and is asked no second time meanwhile', async () => {
    let times = 0;
    const hangs = venue('hangs', {
      status: () => {
        times += 1;
        return new Promise(() => undefined);
      },
    });
    const { clock, probes } = world([hangs, venue('b')]);
    probes.look(new Set(['venueStatus', 'botHost']));
    await clock.settle();
    expect(probes.found()).toMatchObject({ botHost: { state: 'ok' }, venueStatus: null });
    await clock.advance(9_999);
    probes.look(new Set(['venueStatus']));
    expect(times).toBe(1);
    await clock.advance(1);
    expect(probes.found().venueStatus).toMatchObject({
      state: 'unknown',
      text: 'hangs: no answer within 10 s; b: up, by its own word (answered in 10 ms)',
    });
  });

  it('one that throws is unknown, and a venue that cannot be read is bad', async () => {
    const { clock, probes } = world([
      venue('a', {
        status: () => Promise.reject(new Error('secret url')),
        read: async () => ({
          venue: 'a',
          proven: true,
          lists: [{ list: 'regular', state: 'failed', reason: 'timeout' }],
          positions: [],
          notCovered: [],
        }),
      }),
    ]);
    probes.look(new Set(['venueStatus', 'venueRead']));
    await clock.settle();
    const { venueStatus, venueRead } = probes.found();
    expect(venueStatus).toMatchObject({ state: 'unknown', text: expect.not.stringContaining('secret') });
    expect(venueRead).toMatchObject({ state: 'bad', text: 'a: cannot be read: timeout' });
  });

  it('asks a venue nothing signed while a kill needs it, and says how old what it shows is', async () => {
    let killing = true;
    let reads = 0;
    const one = venue('a');
    const { clock, probes } = world(
      [
        {
          ...one,
          read: () => {
            reads += 1;
            return one.read();
          },
        },
      ],
      () => killing,
    );
    probes.look(new Set(['venueRead', 'venueStatus']));
    await clock.settle();
    expect(reads).toBe(0);
    expect(probes.found()).toMatchObject({
      venueRead: { state: 'unknown', text: 'a: not asked while a kill needs the venue' },
      venueStatus: { state: 'ok' },
    });
    killing = false;
    probes.look(new Set(['venueRead']));
    await clock.settle();
    expect(probes.found().venueRead).toMatchObject({
      state: 'ok',
      text: expect.stringContaining('a: 1 order list and 1 wallet read in'),
    });
    killing = true;
    expect(probes.found().venueRead?.text).toContain('before the kill');
  });

  it('nothing is unknown, never fine, and nothing begins after the stop', async () => {
    const { clock, asked, probes } = world([]);
    expect(probes.found()).toMatchObject({ apiKeys: { state: 'unknown', text: 'no venue is configured' } });
    probes.stop();
    probes.look(new Set(['providerStatus']));
    await clock.settle();
    expect(asked).toEqual([]);
  });
});
