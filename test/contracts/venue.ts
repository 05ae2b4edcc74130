/** What every venue must do, proven or general, real adapter or fake. Run it with `venueContract(name, open)`. */

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { judgeVenue, type VenueReading, type VenueVerdict } from '../../src/domain/kill.ts';
import type { MeasureRequest, Venue, VenueMeasurement } from '../../src/ports.ts';

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
  /** Money at the far side, in its main currency. */
  money: {
    currency: string;
    /** Into a wallet that is measured, from outside (below zero: out of it), with its line in the records. */
    transfer(amount: number): void;
    /** A profit or loss of trading. */
    earn(amount: number): void;
    /** More transfers than fit on a page, of 1 each. Returns how many. */
    many(): number;
    /** A line of a kind that nobody knows. */
    strange(): void;
  };
  /** Paths that were asked so far. */
  asked(): string[];
  /** Every request fails until `heal`; with a path, those to it. */
  fail(path?: string): void;
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

    const ask = (more: Partial<MeasureRequest> = {}): MeasureRequest => ({
      sinceMs: Date.now() - 60_000,
      currency: world.money.currency,
      money: true,
      mayAsk: () => true,
      ...more,
    });
    const measure = async (more: Partial<MeasureRequest> = {}) => {
      const measured = await world.venue.measure(ask(more));
      if (measured.money === null) throw new Error('money was asked for');
      return { positions: measured.positions, ...measured.money };
    };
    type Parts = Awaited<ReturnType<typeof measure>>;
    const worth = ({ equity }: Parts): number => {
      if (equity.state === 'failed') throw new Error(equity.reason);
      return equity.amount;
    };
    const moved = ({ transfers }: Parts): number => {
      if (transfers.state === 'failed') throw new Error(transfers.reason);
      return transfers.rows.reduce((sum, { amount }) => sum + amount, 0);
    };
    const statesOf = (parts: Parts) => Object.values(parts).map(({ state }) => state);

    it('measures positions, worth, transfers, clock and state', async () => {
      world.hold(0.01);
      await world.venue.warm();
      const parts = await measure();
      expect(parts.positions).toMatchObject({
        state: 'read',
        positions: [{ side: 'long', notional: expect.closeTo(600, 6), currency: world.money.currency }],
      });
      expect(parts.clock).toMatchObject({ state: 'read', skewMs: expect.any(Number) });
      if (!world.venue.proven) {
        expect(parts.transfers).toMatchObject({ state: 'failed', reason: expect.stringContaining('proven') });
        return;
      }
      expect(statesOf(parts)).toEqual(['read', 'read', 'read', 'read', 'read']);
      expect(parts.status).toMatchObject({ ok: true });
      expect(moved(parts)).toBe(0);
      expect((await world.venue.measure(ask({ money: false }))).money).toBeNull();
    });

    it('lists what was moved in or out, and not what trading earned: the rest of the change is profit', async () => {
      if (!world.venue.proven) return;
      const before = worth(await measure());
      world.money.transfer(500);
      world.money.earn(-40);
      world.money.transfer(-200);
      const after = await measure();
      expect(moved(after)).toBeCloseTo(300, 6);
      expect(worth(after) - before).toBeCloseTo(260, 6);
    });

    it('tells profit and fees of the asked time by its own records, or says that they do not tell', async () => {
      const span = () => ({ fromMs: Date.now() - 60_000, untilMs: Date.now() + 1_000, mayAsk: () => true });
      world.money.transfer(500);
      world.money.earn(-40);
      const said = await world.venue.results(span());
      if (said.state === 'silent') {
        expect(said.reason).not.toBe('');
        return;
      }
      expect(said).toMatchObject({
        state: 'read',
        leftOut: 0,
        assets: [{ asset: world.money.currency, realised: -40, fees: 0, other: 0 }],
      });
      const past = { ...span(), fromMs: Date.now() - 90_000, untilMs: Date.now() - 80_000 };
      expect(await world.venue.results(past)).toMatchObject({ state: 'read', rows: 0, assets: [] });
      expect(await world.venue.results({ ...span(), mayAsk: () => false })).toMatchObject({
        state: 'failed',
      });
      world.money.strange();
      expect(await world.venue.results(span())).toMatchObject({
        state: 'failed',
        reason: expect.stringMatching(/unknown kind/),
      });
      world.fail();
      expect(await world.venue.results(span())).toMatchObject({ state: 'failed' });
    });

    it('reads transfers to the last page, once each, and only those since it was told', async () => {
      if (!world.venue.proven) return;
      const rows = world.money.many();
      expect(moved(await measure())).toBeCloseTo(rows, 6);
      const again = await measure();
      expect(moved(again)).toBeCloseTo(rows, 6);
      if (again.transfers.state === 'read')
        expect(new Set(again.transfers.rows.map(({ id }) => id)).size).toBe(rows);
      expect(moved(await measure({ sinceMs: Date.now() + 30_000 }))).toBe(0);
    });

    it('says nothing of transfers where one line is of a kind that nobody knows', async () => {
      if (!world.venue.proven) return;
      world.money.strange();
      expect((await measure()).transfers).toMatchObject({
        state: 'failed',
        reason: expect.stringMatching(/unknown kind/),
      });
    });

    it('says no worth in a currency that has no price', async () => {
      const { equity } = await measure({ currency: 'XYZ' });
      expect(equity).toMatchObject({ state: 'failed', reason: expect.stringContaining('no price in XYZ') });
    });

    it('never measures a failed call as nothing: what is read is what it was before', async () => {
      if (!world.venue.proven) return;
      world.hold(0.01);
      world.money.transfer(500);
      await world.venue.warm();
      const before = world.asked().length;
      const healthy = await measure();
      const paths = [...new Set(world.asked().slice(before))];
      for (const path of paths) {
        world.fail(path);
        const parts: Parts = await measure();
        world.heal();
        const failed = Object.values(parts).filter((part) => part.state === 'failed');
        for (const one of failed) expect(one).toMatchObject({ reason: expect.stringMatching(/./) });
        // Prices may be missing from a position; everything else fails aloud.
        const unpriced =
          parts.positions.state === 'read' &&
          parts.positions.positions.some(({ notional }) => notional === null);
        expect(failed.length > 0 || unpriced, path).toBe(true);
        if (parts.equity.state === 'read') expect(worth(parts), path).toBeCloseTo(worth(healthy), 6);
        if (parts.transfers.state === 'read') expect(moved(parts), path).toBeCloseTo(moved(healthy), 6);
        if (parts.positions.state === 'read') expect(parts.positions.positions, path).toHaveLength(1);
      }
    });

    it('asks nothing more of a venue that a kill needs', async () => {
      await world.venue.warm();
      const before = world.asked().length;
      const none: VenueMeasurement = await world.venue.measure(ask({ mayAsk: () => false }));
      expect(world.asked()).toHaveLength(before);
      expect(none).toMatchObject({
        positions: { state: 'failed' },
        money: { equity: { state: 'failed' }, transfers: { state: 'failed' }, clock: { state: 'failed' } },
      });
      let left = 2;
      await world.venue.measure(
        ask({
          mayAsk: () => {
            left -= 1;
            return left >= 0;
          },
        }),
      );
      expect(world.asked().length).toBeLessThanOrEqual(before + 2);
    });
  });
}
