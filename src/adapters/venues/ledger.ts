/** Reads a venue's records of money on from where the last reading ended, to the last page, a few pages at a time. */

import type { Call, LedgerFacts, LedgerPage, LedgerRow } from './facts.ts';
import { ownFailure } from './wire.ts';

/** Read again each time, in case a venue lists a row late. */
const OVERLAP_MS = 60_000;

interface Walk {
  fromMs: number;
  untilMs: number;
  cursor: string | null;
  newestAt: number;
  rows: Map<string, LedgerRow>;
}

interface Progress {
  sinceMs: number;
  /** Every row up to here has been read. */
  throughMs: number;
  /** Transfers, and rows of unknown kind: results are not kept, there are too many. */
  rows: Map<string, LedgerRow>;
  /** A walk that was longer than one measurement may read. */
  walk: Walk | null;
}

export interface LedgerReader {
  /**
   * The transfers since `sinceMs`. Throws VenueFailure: where a page cannot be read, where there is more than may be read
   * at once (the next call reads on), and where a row is of a kind that nobody knows.
   */
  transfers(ledger: LedgerFacts, sinceMs: number, nowMs: number, ask: Ask): Promise<LedgerRow[]>;
}

/** One request, as `Wire.call`. */
export type Ask = <T>(call: Call<T>, deadlineMs?: number) => Promise<T>;

export function createLedgerReader(pagesAtOnce: number): LedgerReader {
  const progress = new Map<string, Progress>();

  /** Returns true after the last page. */
  async function walkOn(ledger: LedgerFacts, walk: Walk, ask: Ask): Promise<boolean> {
    for (let pages = 0; pages < pagesAtOnce; pages += 1) {
      const page: LedgerPage = await ask(ledger.read(walk, walk.cursor));
      for (const row of page.rows) {
        walk.newestAt = Math.max(walk.newestAt, row.at);
        if (row.kind !== 'result') walk.rows.set(row.id, row);
      }
      if (page.next === null) return true;
      if (page.next === walk.cursor) throw ownFailure(`${ledger.name}: the venue names the same page again`);
      walk.cursor = page.next;
    }
    return false;
  }

  return {
    async transfers(ledger, sinceMs, nowMs, ask) {
      const before = progress.get(ledger.name);
      const state: Progress =
        before?.sinceMs === sinceMs ? before : { sinceMs, throughMs: sinceMs, rows: new Map(), walk: null };
      progress.set(ledger.name, state);
      const fromMs = ledger.rereads ? sinceMs : Math.max(sinceMs, state.throughMs - OVERLAP_MS);
      // A venue whose clock is ahead of ours may date a row later than now.
      state.walk ??= {
        fromMs,
        untilMs: nowMs + OVERLAP_MS,
        cursor: null,
        newestAt: sinceMs,
        rows: new Map(),
      };
      const { walk } = state;
      if (!(await walkOn(ledger, walk, ask)))
        throw ownFailure(`${ledger.name}: still being read, there are many rows`);
      state.walk = null;
      state.rows = new Map([...(ledger.rereads ? [] : state.rows), ...walk.rows]);
      state.throughMs = Math.max(state.throughMs, walk.newestAt);
      const rows = [...state.rows.values()].filter(({ at }) => at >= sinceMs);
      const strange = rows.find(({ kind }) => kind === 'unknown');
      if (strange !== undefined)
        throw ownFailure(
          `${ledger.name}: a row of unknown kind (${strange.word.replace(/[^\w .-]/g, '').slice(0, 40)})`,
        );
      return rows;
    },
  };
}
