/** What every store must do, the embedded one and a fake alike. */

import { afterEach, describe, expect, it } from 'vitest';
import { sha256 } from '../../src/adapters/sha256.ts';
import { linksOf } from '../../src/domain/chain.ts';
import type { Effect } from '../../src/domain/effects.ts';
import { type Actor, STANDDOWN, type StandingEvent } from '../../src/domain/incident.ts';
import { DESK, type Store } from '../../src/ports.ts';

export const ADA: Actor = { via: 'slack', id: 'U1', name: 'ada' };

/** Events to build logs of, all said by Ada. `at` is ms since the epoch. */
export const said = {
  opened: (id: string, at = 1, source = 'am', groupKey = 'g'): StandingEvent => ({
    type: 'IncidentOpened',
    at,
    by: ADA,
    id,
    title: `title of ${id}`,
    severity: 'P1',
    origin: 'alert',
    source,
    groupKey,
    runbook: null,
    drill: false,
  }),
  fired: (key: string, at = 2): StandingEvent => ({
    type: 'AlertFired',
    at,
    by: ADA,
    alert: {
      source: 'am',
      groupKey: 'g',
      key,
      title: 'gap',
      severity: 'P1',
      startsAt: at,
      startsAtGiven: true,
      labels: { feed: 'a' },
      annotations: {},
    },
  }),
  note: (text: string, at = 3): StandingEvent => ({ type: 'NoteAdded', at, by: ADA, text }),
  resolved: (at = 4): StandingEvent => ({ type: 'IncidentResolved', at, by: ADA, how: 'person' }),
  reopened: (at = 5): StandingEvent => ({ type: 'IncidentReopened', at, by: ADA, why: 'fired again' }),
  halted: (hold: string, at = 6): StandingEvent => ({
    type: 'HoldPlaced',
    at,
    by: ADA,
    hold,
    key: 'HALT_NEW_ORDERS',
    reason: 'halt',
    owner: 'operator',
  }),
  kill: (kill: string, at = 7): StandingEvent => ({
    type: 'KillAsked',
    at,
    by: ADA,
    kill,
    reason: 'feed frozen',
    venues: ['one'],
  }),
  stray: (key: string, at: number, endedAt = at): StandingEvent => ({
    type: 'ResolutionNoted',
    at,
    by: STANDDOWN,
    source: 'am',
    groupKey: 'g',
    key,
    startsAt: 1,
    endedAt,
  }),
};

export const headline = (incident: string, n: number): Effect => ({
  id: `${incident}/${n}/headline`,
  incident,
  lane: 'slack',
  target: `${incident}/headline`,
  work: { kind: 'headline' },
});

/** Run the suite against a store. `open` gives an empty one, whose wall clock is `clock.now`. */
export function storeContract(name: string, open: (clock: { now: number }) => Promise<Store>): void {
  describe(`${name} keeps the store's contract`, () => {
    const opened: Store[] = [];
    const clock = { now: 1_000 };
    const start = async () => {
      clock.now = 1_000;
      const store = await open(clock);
      opened.push(store);
      return store;
    };
    afterEach(async () => {
      for (const store of opened.splice(0)) await store.close();
    });

    it('starts empty', async () => {
      const store = await start();
      expect(store.version('INC-1')).toBe(0);
      expect(store.peek('INC-1')).toBeUndefined();
      expect(await store.load('INC-1')).toBeUndefined();
      expect(await store.history('INC-1')).toEqual([]);
      expect(store.summaries()).toEqual([]);
      expect(store.trading()).toEqual({ holds: [], latch: null, liftedAt: null, lastKill: null });
      expect(store.failure()).toBeNull();
      expect(store.report().events).toBe(0);
    });

    it('folds what is appended, and shows its log', async () => {
      const store = await start();
      const events = [said.opened('INC-1'), said.fired('a'), said.fired('b'), said.fired('a', 9)];
      expect(await store.append('INC-1', 0, events, [])).toBe('appended');
      expect(store.version('INC-1')).toBe(4);
      expect(store.peek('INC-1')).toMatchObject({ version: 4, status: 'open', title: 'title of INC-1' });
      expect(await store.load('INC-1')).toEqual(store.peek('INC-1'));
      expect(await store.history('INC-1')).toEqual(events);
      expect(store.open().map(({ id }) => id)).toEqual(['INC-1']);
      expect(store.summaries()).toEqual([
        {
          id: 'INC-1',
          severity: 'P1',
          status: 'open',
          title: 'title of INC-1',
          alerts: 2,
          openedAt: 1,
          resolvedAt: null,
          source: 'am',
          groupKey: 'g',
          postmortem: null,
          thread: null,
          drill: false,
          dueAt: null,
          openItems: 0,
        },
      ]);
    });

    it('answers conflict to another version, and changes nothing', async () => {
      const store = await start();
      await store.append('INC-1', 0, [said.opened('INC-1')], []);
      const before = store.peek('INC-1');
      expect(await store.append('INC-1', 0, [said.note('late')], [headline('INC-1', 1)])).toBe('conflict');
      expect(await store.append('INC-1', 7, [said.note('early')], [])).toBe('conflict');
      expect(await store.append('INC-1', 0, [], [headline('INC-1', 1)])).toBe('conflict');
      expect(store.peek('INC-1')).toBe(before);
      expect(store.owed()).toEqual([]);
    });

    it('lets one of two commands at the same version through', async () => {
      const store = await start();
      const both = await Promise.all([
        store.append('INC-1', 0, [said.opened('INC-1')], []),
        store.append('INC-1', 0, [said.opened('INC-1', 99)], []),
      ]);
      expect(both).toEqual(['appended', 'conflict']);
      expect(store.peek('INC-1')?.openedAt).toBe(1);
    });

    it('shows an append in memory at once, and to listeners and the outbox only when it is stored', async () => {
      const store = await start();
      const heard: string[] = [];
      store.onAppended((stream, events, effects) =>
        heard.push(`${stream} ${events.length} ${effects.map(({ id }) => id).join()}`),
      );
      const appended = store.append('INC-1', 0, [said.opened('INC-1')], [headline('INC-1', 1)]);
      expect(store.version('INC-1')).toBe(1);
      expect(store.owed()).toEqual([]);
      expect(heard).toEqual([]);
      await appended;
      expect(heard).toEqual(['INC-1 1 INC-1/1/headline']);
      expect(store.owed()).toEqual([{ effect: headline('INC-1', 1), recovered: false }]);
    });

    it('tells listeners in the order of the appends', async () => {
      const store = await start();
      const heard: string[] = [];
      store.onAppended((stream) => heard.push(stream));
      const ids = Array.from({ length: 30 }, (_, n) => `INC-${n}`);
      await Promise.all(ids.map((id) => store.append(id, 0, [said.opened(id)], [])));
      expect(heard).toEqual(ids);
    });

    it('owes effects, oldest first, until they are settled', async () => {
      const store = await start();
      await store.append(
        'INC-1',
        0,
        [said.opened('INC-1')],
        [1, 2, 3].map((n) => headline('INC-1', n)),
      );
      await store.append('INC-1', 1, [said.note('done')], [headline('INC-1', 4)], ['INC-1/2/headline']);
      expect(store.owed().map(({ effect }) => effect.id)).toEqual(
        [1, 3, 4].map((n) => `INC-1/${n}/headline`),
      );
      // Settling stands alone, and asks for no version.
      expect(await store.append('INC-1', 0, [], [], ['INC-1/1/headline', 'INC-1/3/headline'])).toBe(
        'appended',
      );
      expect(store.owed().map(({ effect }) => effect.id)).toEqual(['INC-1/4/headline']);
      expect(store.version('INC-1')).toBe(2);
    });

    it('keeps a closed incident readable, and takes it up again', async () => {
      const store = await start();
      await store.append('INC-1', 0, [said.opened('INC-1'), said.resolved()], []);
      expect(store.open()).toEqual([]);
      expect(store.latestOfGroup('am', 'g')).toMatchObject({
        id: 'INC-1',
        status: 'resolved',
        resolvedAt: 4,
      });
      expect((await store.load('INC-1'))?.status).toBe('resolved');
      expect(await store.append('INC-1', 2, [said.reopened()], [])).toBe('appended');
      expect(store.open().map(({ id }) => id)).toEqual(['INC-1']);
      expect(await store.history('INC-1')).toHaveLength(3);
    });

    it('says of a resolved incident when its clocks are to be looked at, and of the others nothing', async () => {
      const store = await start();
      const due = () => store.summaries().map(({ dueAt }) => dueAt);
      await store.append('INC-1', 0, [said.opened('INC-1')], []);
      expect(due()).toEqual([null]);
      // A log of an older version, which says nothing of what is owed.
      await store.append('INC-1', 1, [said.resolved(4)], []);
      expect(due()).toEqual([null]);
      const owes = [
        { clock: 'postmortem', dueAt: 100 },
        { clock: 'sli-data', dueAt: 90 },
      ];
      await store.append('INC-1', 2, [said.reopened(), { ...said.resolved(6), owes } as StandingEvent], []);
      expect(due()).toEqual([6]);
      const met = (clock: string, dueAt: number): StandingEvent => ({
        type: 'ClockMet',
        at: 7,
        by: STANDDOWN,
        clock,
        dueAt,
      });
      await store.append('INC-1', 4, [met('acknowledge', 50)], []);
      expect(due()).toEqual([90]);
      await store.append('INC-1', 5, [met('sli-data', 90)], []);
      expect(due()).toEqual([100]);
      await store.append('INC-1', 6, [met('postmortem', 100)], []);
      expect(due()).toEqual([null]);
    });

    it('knows the newest incident of a group', async () => {
      const store = await start();
      await store.append('INC-1', 0, [said.opened('INC-1', 1, 'am', 'g')], []);
      await store.append('INC-2', 0, [said.opened('INC-2', 2, 'am', 'g')], []);
      await store.append('INC-3', 0, [said.opened('INC-3', 3, 'am|g', '')], []);
      await store.append('INC-1', 1, [said.resolved(), said.reopened()], []);
      expect(store.latestOfGroup('am', 'g')?.id).toBe('INC-2');
      expect(store.latestOfGroup('am|g', '')?.id).toBe('INC-3');
      expect(store.latestOfGroup('am', 'g|')).toBeUndefined();
    });

    it('folds the holds and kills of every log into the trading state', async () => {
      const store = await start();
      await store.append(DESK, 0, [said.halted('h1')], []);
      await store.append('INC-1', 0, [said.opened('INC-1'), said.kill('k1'), said.halted('h2')], []);
      expect(store.trading().holds.map(({ id }) => id)).toEqual(['h1', 'h2']);
      expect(store.trading().latch).toMatchObject({ kill: 'k1', incident: 'INC-1' });
      expect(store.version(DESK)).toBe(1);
      expect(await store.history(DESK)).toEqual([said.halted('h1')]);
      expect(await store.load(DESK)).toBeUndefined();
      expect(store.summaries()).toHaveLength(1);
    });

    it('keeps a resolution that came first, for a day', async () => {
      const store = await start();
      await store.append(DESK, 0, [said.stray('a', 1_000, 900)], []);
      expect(store.strayResolution('am|g|a|1')).toBe(900);
      expect(store.strayResolution('am|g|b|1')).toBeUndefined();
      clock.now = 1_000 + 24 * 3_600_000;
      expect(store.strayResolution('am|g|a|1')).toBeUndefined();
    });

    it('refuses a log that does not begin with its opening, and stays as it was', async () => {
      const store = await start();
      await expect(store.append('INC-1', 0, [said.note('first')], [])).rejects.toThrow('IncidentOpened');
      expect(store.version('INC-1')).toBe(0);
      expect(await store.append('INC-1', 0, [said.opened('INC-1')], [])).toBe('appended');
    });

    it('shares nothing with its caller', async () => {
      const store = await start();
      const event = said.fired('a');
      await store.append('INC-1', 0, [said.opened('INC-1'), event], []);
      if (event.type === 'AlertFired') event.alert.labels['feed'] = 'changed';
      expect(store.peek('INC-1')?.alerts['a']?.labels).toEqual({ feed: 'a' });
      (await store.history('INC-1')).pop();
      expect(await store.history('INC-1')).toHaveLength(2);
    });

    it('chains each log by itself, from its first event on, and tells the head of what is stored', async () => {
      const store = await start();
      expect(await store.chain('INC-1')).toBeNull();
      const events = [said.opened('INC-1'), said.fired('a'), said.note('x'), said.resolved()];
      const head = (log: string, rows: StandingEvent[]) => ({
        head: linksOf(log, { from: 0, hashes: [] }, rows, sha256).at(-1),
        length: rows.length,
      });
      await store.append('INC-1', 0, events.slice(0, 1), []);
      await store.append(DESK, 0, [said.halted('h1')], []);
      const appended = store.append('INC-1', 1, events.slice(1, 3), []);
      expect(await Promise.race([store.chain('INC-1'), appended])).toEqual(head('INC-1', events.slice(0, 1)));
      await appended;
      expect(await store.chain('INC-1')).toEqual(head('INC-1', events.slice(0, 3)));
      await store.append('INC-1', 0, [], [headline('INC-1', 1)], []);
      await store.append('INC-1', 3, events.slice(3), []);
      await store.append('INC-1', 4, [said.reopened()], []);
      expect(await store.chain('INC-1')).toEqual(head('INC-1', [...events, said.reopened()]));
      expect(await store.chain(DESK)).toEqual(head(DESK, [said.halted('h1')]));
    });

    it('refuses appends after close', async () => {
      const store = await start();
      await store.close();
      await expect(store.append('INC-1', 0, [said.opened('INC-1')], [])).rejects.toMatchObject({
        code: 'store_unavailable',
      });
    });
  });
}
