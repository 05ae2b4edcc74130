/** What every venue must do, proven or general, real adapter or fake. Run it with `venueContract(name, open)`. */

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { judgeVenue, type VenueReading, type VenueVerdict } from '../../src/domain/kill.ts';
import type { Venue } from '../../src/ports.ts';

/** A venue and the far side that it talks to. Ids are the far side's. */
export interface VenueWorld {
  venue: Venue;
  /** Place an order at the far side; null when it keeps no such kind. */
  place(kind: 'entry' | 'protective' | 'conditional' | 'unlisted'): string | null;
  /** Every order open at the far side, in every list. */
  open(): string[];
  /** Open a long position of this many base units. */
  hold(amount: number): void;
  /** Market orders that the far side has carried out. */
  closes(): number;
  /** Every request fails until `heal`. */
  fail(): void;
  heal(): void;
  close(): Promise<void>;
}

let tick = 0;
const stamped = async (venue: Venue): Promise<VenueReading> => {
  tick += 1;
  const startedAt = tick;
  const reading = await venue.read();
  tick += 1;
  return { ...reading, startedAt, endedAt: tick };
};

/** Two readings in a row, judged as a kill would judge them. */
export async function verdictOf(venue: Venue): Promise<VenueVerdict> {
  const writeEndedAt = tick;
  return judgeVenue(await stamped(venue), await stamped(venue), writeEndedAt);
}

export function venueContract(name: string, open: () => Promise<VenueWorld>): void {
  describe(`${name} keeps the venue contract`, () => {
    let world: VenueWorld;
    beforeEach(async () => {
      world = await open();
    });
    afterEach(() => world.close());

    it('cancels every order of every list, and reads back that none is left', async () => {
      for (const kind of ['entry', 'protective', 'conditional', 'unlisted'] as const) world.place(kind);
      const before = world.open().length;
      const lists = await world.venue.cancel({ scope: 'all' });
      expect(world.open()).toEqual([]);
      expect(lists.flatMap((list) => list.failures)).toEqual([]);
      expect(lists.reduce((sum, list) => sum + list.found, 0)).toBeLessThanOrEqual(before);
      const reading = await world.venue.read();
      for (const list of reading.lists) expect(list).toMatchObject({ state: 'read', orders: [] });
    });

    it('reads every open order once, by the id of the far side', async () => {
      for (const kind of ['entry', 'protective', 'conditional', 'unlisted'] as const) world.place(kind);
      const reading = await world.venue.read();
      const ids = reading.lists
        .flatMap((list) => (list.state === 'read' ? list.orders : []))
        .map((one) => one.id);
      expect(ids.toSorted()).toEqual(world.open().toSorted());
    });

    it('leaves protective orders alone when only entries are cancelled', async () => {
      world.hold(0.01);
      const kept = world.place('protective');
      world.place('entry');
      await world.venue.cancel({ scope: 'entries' });
      expect(world.open()).toEqual(kept === null ? [] : [kept]);
    });

    it('says FLAT for an empty account only where its lists are proven to be all', async () => {
      const { verdict } = await verdictOf(world.venue);
      expect(verdict).toBe(world.venue.proven ? 'FLAT' : 'UNKNOWN');
    });

    it('shows a position with its side and a positive amount', async () => {
      world.hold(0.01);
      const { positions, verdict } = await verdictOf(world.venue);
      expect(positions).toEqual([expect.objectContaining({ side: 'long', amount: 0.01 })]);
      expect(verdict).not.toBe('FLAT');
    });

    it('never reads a failure as empty, never throws, and says why', async () => {
      world.place('entry');
      world.fail();
      const lists = await world.venue.cancel({ scope: 'all' });
      expect(lists.flatMap((list) => list.failures)).not.toEqual([]);
      const reading = await world.venue.read();
      const parts = [...reading.lists, ...reading.positions];
      expect(parts).toEqual(
        parts.map(() => expect.objectContaining({ state: 'failed', reason: expect.stringMatching(/./) })),
      );
      expect((await verdictOf(world.venue)).verdict).toBe('UNKNOWN');
      expect((await world.venue.warm()).ok).toBe(false);
      world.heal();
      await world.venue.cancel({ scope: 'all' });
      expect(world.open()).toEqual([]);
    });

    it('closes a position once for one key', async () => {
      world.hold(0.01);
      const line = (await verdictOf(world.venue)).positions[0];
      if (line === undefined) throw new Error('no position was read');
      const answers = [
        await world.venue.closePosition(line, 'INC-20261122-001-F1-0'),
        await world.venue.closePosition(line, 'INC-20261122-001-F1-0'),
      ];
      expect(answers.map((answer) => answer.state)).toEqual(['sent', 'refused']);
      expect(world.closes()).toBe(1);
      expect((await verdictOf(world.venue)).positions).toEqual([]);
    });

    it('estimates what a close costs from the order book, and gives no figure where it cannot read one', async () => {
      world.hold(0.01);
      const line = (await verdictOf(world.venue)).positions[0];
      if (line === undefined) throw new Error('no position was read');
      expect(await world.venue.estimateClose(line)).toMatchObject({
        state: expect.stringMatching(/./),
      });
      await world.venue.warm();
      // The counterparts' books: 0.01 % from the mark to the first level.
      expect(await world.venue.estimateClose(line)).toMatchObject({
        state: 'estimated',
        bps: expect.closeTo(1, 3),
      });
      expect(await world.venue.estimateClose({ ...line, amount: 1e9 })).toMatchObject({
        state: 'unknown',
        reason: expect.stringContaining('shows only'),
      });
      expect(await world.venue.estimateClose({ ...line, symbol: 'NOPE' })).toEqual({
        state: 'unknown',
        reason: 'its market is not known',
      });
      world.fail();
      expect((await world.venue.estimateClose(line)).state).toBe('unknown');
    });

    it('does not know what became of a close whose answer failed, and sends it no second time', async () => {
      world.hold(0.01);
      const line = (await verdictOf(world.venue)).positions[0];
      if (line === undefined) throw new Error('no position was read');
      world.fail();
      const answer = await world.venue.closePosition(line, 'key');
      expect(answer.state).not.toBe('sent');
      expect(world.closes()).toBe(0);
    });
  });
}
