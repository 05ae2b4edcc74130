/** What breaks inside a drill, and a disk that answers too late: it ends in words, and the next one can begin. */

import { describe, expect, it } from 'vitest';
import type { Actor } from '../../src/domain/incident.ts';
import type { KillState } from '../../src/domain/kill.ts';
import type { Desk } from '../../src/engine/desk.ts';
import { createDrills, type Drills, type DrillsDeps } from '../../src/engine/drill/drills.ts';
import { drillVenues } from '../../src/engine/drill/venues.ts';
import { createLedger, type Ledger } from '../../src/engine/ledger.ts';
import type { Control, Store, Venue } from '../../src/ports.ts';
import { fakeClock } from '../fakes/clock.ts';
import { fakeStore } from '../fakes/store.ts';
import { policy } from '../scenarios/desk.ts';

const { playbook, runbooks } = policy();
const silent = { debug() {}, info() {}, warn() {}, error() {} };
const ada: Actor = { via: 'slack', id: 'U1', name: 'ada' };
const control: Control = {
  read: async () => ({ state: 'read', values: {}, rev: 0 }),
  write: async (values) => ({ state: 'written', values, rev: 1 }),
};

/** A disk that takes what it is given into memory, and says so only once it is let go. */
function stuckable(store: Store) {
  let held: Promise<void> | null = null;
  let release = (): void => undefined;
  const hanging: Store = {
    ...store,
    async append(...args) {
      const appended = store.append(...args);
      await held;
      return appended;
    },
    onAppended: (listener) =>
      store.onAppended(
        (...args) => void (held === null ? listener(...args) : held.then(() => listener(...args))),
      ),
  };
  return {
    store: hanging,
    hang() {
      held = new Promise((resolve) => {
        release = resolve;
      });
    },
    letGo() {
      held = null;
      release();
    },
  };
}

/** Drills on a real ledger. `broken.venue`: its name throws from now on. */
async function bench(change: (ledger: Ledger) => Ledger = (ledger) => ledger) {
  const clock = fakeClock(Date.UTC(2026, 10, 28, 9));
  const disk = stuckable(fakeStore(clock.now));
  const { store } = disk;
  const ledger = createLedger({ store, clock, playbook, log: silent });
  const broken = { venue: false };
  const cancels: string[] = [];
  const venue = new Proxy({ pollMs: 1_000, proven: true } as Venue, {
    get(target, name) {
      if (name === 'then') return undefined;
      if (name === 'id') {
        if (broken.venue) throw new Error('the venue is gone');
        return 'testnet';
      }
      if (name in target) return Reflect.get(target, name);
      return async () => {
        cancels.push(String(name));
        // It is asked again and again, until the kill of the drill is stopped.
        throw new Error('it does not answer');
      };
    },
  });
  let n = 0;
  const startDrill: Desk['startDrill'] = async (by, { title, runbook, page, gameDay }) => {
    const id = `INC-20261128-00${(n += 1)}`;
    const drill = `DRILL_20261128_00${n}`;
    const { incident } = await ledger.commit(id, {
      type: 'StartDrill',
      by,
      incident: id,
      title,
      runbook,
      page,
      gameDay: { ...gameDay, drill },
    });
    if (incident === undefined) throw new Error('it is not there');
    broken.venue = broken.venue || breakAtOpening;
    return incident;
  };
  let breakAtOpening = false;
  const deps: DrillsDeps = {
    ledger: change(ledger),
    desk: { startDrill, executor: { current: () => null } as Desk['executor'] },
    store,
    clock,
    log: silent,
    playbook,
    runbooks,
    venues: drillVenues([venue], [{ id: 'testnet', drill: true, apiKey: 'k', baseUrl: 'http://one.test' }]),
    noVenue: 'none',
    openControl: async () => control,
    protectiveOrders: 'cancel',
    page: 'P2',
    confirms: true,
    files: { save: async () => undefined },
    report: () => '',
  };
  const drills = createDrills(deps);
  await drills.tick();
  return {
    clock,
    disk,
    ledger,
    drills,
    cancels,
    breakVenueAtOpening() {
      breakAtOpening = true;
    },
  };
}

const results = (drills: Drills) =>
  drills.finished().map(({ result: { ended, why, passed } }) => ({ ended, why, passed }));

describe('a drill that breaks inside', () => {
  it('whose kill cannot be begun ends as failed, with its reason, and keeps no other away', async () => {
    const { drills, ledger, breakVenueAtOpening } = await bench();
    breakVenueAtOpening();
    const { id } = await drills.start(ada, 'kill');
    await drills.tick();
    expect(results(drills)).toEqual([{ ended: 'failed', why: 'the venue is gone', passed: false }]);
    expect(ledger.peek(id)?.status).toBe('resolved');
    await expect(drills.start(ada, 'paging')).resolves.toMatchObject({ status: 'open' });
  });

  it('that cannot be measured ends as failed, in words, without a restart', async () => {
    let breaks = false;
    const { drills, ledger } = await bench((real) => ({
      ...real,
      async history(id) {
        if (breaks) throw new Error('its log cannot be folded');
        return real.history(id);
      },
    }));
    const { id } = await drills.start(ada, 'paging');
    breaks = true;
    for (let looks = 0; looks < 3; looks += 1) await drills.tick();
    expect(results(drills)).toEqual([{ ended: 'failed', why: 'its log cannot be folded', passed: false }]);
    expect(ledger.peek(id)?.drillResult?.result.times).toEqual([]);
    await drills.start(ada, 'runbook');
  });

  it('that ends in what breaks its end ends as failed too', async () => {
    let breaks = false;
    const { drills } = await bench((real) => ({
      ...real,
      async load(id) {
        if (breaks) {
          breaks = false;
          throw new Error('it is not there');
        }
        return real.load(id);
      },
    }));
    await drills.start(ada, 'paging');
    await drills.stop(ada);
    breaks = true;
    for (let looks = 0; looks < 3; looks += 1) await drills.tick();
    expect(results(drills)).toEqual([{ ended: 'failed', why: 'it is not there', passed: false }]);
  });
});

describe('a disk that does not answer', () => {
  it('and takes a drill after it was refused: it is ended in words, without a restart', async () => {
    const { drills, disk, clock, ledger } = await bench();
    disk.hang();
    const asked = drills.start(ada, 'paging').catch((error: unknown) => String(error));
    await clock.advance(3_010);
    expect(await asked).toContain('the disk does not answer');
    await drills.tick();
    expect(ledger.open().map(({ drillResult }) => drillResult)).toEqual([undefined]);
    disk.letGo();
    await clock.advance(10);
    await drills.tick();
    await drills.tick();
    expect(results(drills)).toEqual([
      { ended: 'failed', why: 'the disk took it after it was refused: nothing of it was run', passed: false },
    ]);
    expect(ledger.open()).toEqual([]);
    await drills.start(ada, 'paging');
  });

  it('and hangs for good does not keep a real kill from ending the kill of a drill', async () => {
    const { drills, disk, clock, ledger, cancels } = await bench();
    await drills.start(ada, 'kill');
    await drills.tick();
    disk.hang();
    const kill: Pick<KillState, 'id'> = { id: 'K' };
    const killed = ledger.commit(
      'INC-20261128-009',
      [
        {
          type: 'DeclareIncident',
          by: ada,
          incident: 'INC-20261128-009',
          title: 't',
          severity: 'P0',
          runbook: null,
          drill: false,
        },
        {
          type: 'AskKill',
          by: ada,
          incident: 'INC-20261128-009',
          kill: kill.id,
          reason: 'for real',
          venues: ['v'],
          drill: false,
        },
      ],
      { mustGoOn: true },
    );
    await clock.advance(1_010);
    await killed;
    expect(ledger.trading().latch).not.toBeNull();
    const tick = drills.tick().catch((error: unknown) => String(error));
    await clock.advance(3_010);
    await tick;
    const before = cancels.length;
    expect(before).toBeGreaterThan(0);
    // The drill's kill tries its venue again and again until it is stopped.
    await clock.advance(60_000);
    expect(cancels.length).toBe(before);
    disk.letGo();
    await clock.advance(10);
    await drills.tick();
    await drills.tick();
    expect(results(drills)).toEqual([{ ended: 'realKill', why: 'INC-20261128-009', passed: false }]);
  });
});
