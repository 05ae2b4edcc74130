/** What a venue's own records say of profit and fees between two moments. Asked for after an incident, never on the way to a stop. */

import type { AssetMoney, LedgerResults } from '../../domain/trail/record.ts';
import type { Venue } from '../../ports.ts';
import { type LedgerRow, tidy, type VenueFacts } from './facts.ts';
import type { Ask } from './ledger.ts';
import { askWhile } from './measure.ts';
import { ownFailure, type Wire, wordsOf } from './wire.ts';

/** More pages than this of one ledger: the sum would not be whole, so none is said. */
const MAX_PAGES = 20;

export function createResults(
  wire: Wire,
  deps: { facts: VenueFacts; covers(account: string): boolean },
): Venue['results'] {
  const { money } = deps.facts;

  /** Every row between the two, each once. Throws VenueFailure. */
  async function rowsOf(fromMs: number, untilMs: number, ask: Ask): Promise<LedgerRow[]> {
    const found = new Map<string, LedgerRow>();
    for (const ledger of money.ledgers(deps.covers)) {
      let cursor: string | null = null;
      for (let pages = 0; ; pages += 1) {
        if (pages >= MAX_PAGES) throw ownFailure(`${ledger.name}: more than ${MAX_PAGES} pages`);
        const page: { rows: LedgerRow[]; next: string | null } = await ask(
          ledger.read({ fromMs, untilMs }, cursor),
        );
        for (const row of page.rows)
          if (row.at >= fromMs && row.at <= untilMs) found.set(`${ledger.name} ${row.id}`, row);
        if (page.next === null) break;
        if (page.next === cursor) throw ownFailure(`${ledger.name}: the venue names the same page again`);
        cursor = page.next;
      }
    }
    return [...found.values()];
  }

  return async ({ fromMs, untilMs, mayAsk }) => {
    if (!money.results.told) return { state: 'silent', reason: money.results.why };
    try {
      const rows = await rowsOf(fromMs, untilMs, askWhile(wire, mayAsk));
      const ledger = money
        .ledgers(deps.covers)
        .map(({ name }) => name)
        .join(', ');
      return summed(rows, ledger);
    } catch (error) {
      return { state: 'failed', reason: wordsOf(error) };
    }
  };
}

/** A row of a kind that nobody knows may be a loss: then no sum is said at all. */
function summed(rows: LedgerRow[], ledger: string): LedgerResults {
  const strange = rows.find(({ kind }) => kind === 'unknown');
  if (strange !== undefined)
    return {
      state: 'failed',
      reason: `${ledger}: a row of unknown kind (${strange.word.replace(/[^\w .-]/g, '').slice(0, 40)})`,
    };
  const results = rows.filter(({ kind }) => kind === 'result');
  const assets = new Map<string, AssetMoney>();
  let leftOut = 0;
  for (const { asset, parts } of results) {
    if (parts === undefined) {
      leftOut += 1;
      continue;
    }
    const sums = assets.get(asset) ?? { asset, realised: 0, fees: 0, other: 0 };
    assets.set(asset, {
      asset,
      realised: tidy(sums.realised + parts.realised),
      fees: tidy(sums.fees + parts.fees),
      other: tidy(sums.other + parts.other),
    });
  }
  return { state: 'read', ledger, rows: results.length, leftOut, assets: [...assets.values()] };
}
