/**
 * The hash chain of a log: each row's hash is over its canonical JSON and the hash before it, so that a row that was
 * changed, removed, moved or cut off is found, and named. Pure: SHA-256 is handed in.
 */

/** SHA-256 of a text in UTF-8, as 64 hex digits. */
export type Sha256 = (text: string) => string;

/** The hashes of a log's rows. Those before row `from + 1` have none: they were written before logs were chained. */
export interface Chain {
  from: number;
  /** The hash of row `from + 1`, and so on: 64 hex digits each. */
  hashes: string[];
}

/** What is put outside of the log: how many rows it had, and the hash of the last of them. */
export interface ChainHead {
  head: string;
  length: number;
}

/** What is wrong with a log, and the number of the first row that it is wrong with, from 1. */
export interface ChainFault {
  row: number;
  what: 'changed' | 'removed' | 'moved' | 'added' | 'cut off';
  /** How many rows are gone, where it is known. */
  count?: number;
}

/** Text that JSON writes as it stands, in quotes. */
const PLAIN = /^[ !#-[\]-~]*$/;
const quoted = (text: string): string => (PLAIN.test(text) ? `"${text}"` : JSON.stringify(text));

/** One text for one value: keys sorted, no white space, what JSON leaves out is left out. */
export function canonical(value: unknown): string {
  if (typeof value === 'string') return quoted(value);
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  const record = value as Record<string, unknown>;
  let text = '{';
  for (const key of Object.keys(record).sort()) {
    const item = record[key];
    if (item !== undefined) text += `${text.length === 1 ? '' : ','}${quoted(key)}:${canonical(item)}`;
  }
  return `${text}}`;
}

/** What the first hash of a chain stands on: no log passes for another one. */
export const chainStart = (log: string, from: number, sha256: Sha256): string =>
  sha256(`standdown log ${log} from row ${from + 1}`);

/** The hash of a row after the one with the hash `previous`. */
export const link = (previous: string, row: unknown, sha256: Sha256): string =>
  sha256(`${previous}\n${canonical(row)}`);

/** The hashes of rows that are appended to a log. */
export function linksOf(log: string, chain: Chain, rows: unknown[], sha256: Sha256): string[] {
  let previous = chain.hashes.at(-1) ?? chainStart(log, chain.from, sha256);
  return rows.map((row) => {
    previous = link(previous, row, sha256);
    return previous;
  });
}

/** The head of a log as it was when it had `length` rows; null where they have no hash. */
export function headAt(chain: Chain, length: number): ChainHead | null {
  const head = chain.hashes[length - chain.from - 1];
  return head === undefined ? null : { head, length };
}

/** The first row that is not what was written, or null. Rows before `chain.from + 1` are not looked at. */
export function faultOf(log: string, rows: unknown[], chain: Chain, sha256: Sha256): ChainFault | null {
  const { from, hashes } = chain;
  const chained = from + hashes.length;
  let previous = chainStart(log, from, sha256);
  for (let index = from; index < chained; index += 1) {
    if (index >= rows.length) break;
    const hash = link(previous, rows[index], sha256);
    if (hash !== hashes[index - from]) return whatHappened(log, rows, chain, index, sha256);
    previous = hash;
  }
  if (rows.length < chained) return { row: rows.length + 1, what: 'cut off', count: chained - rows.length };
  return rows.length > chained ? { row: chained + 1, what: 'added' } : null;
}

/** The row at `index` does not have its hash: whether it is gone, has another place, or is another one. */
function whatHappened(
  log: string,
  rows: unknown[],
  { from, hashes }: Chain,
  index: number,
  sha256: Sha256,
): ChainFault {
  const row = index + 1;
  const before = (place: number): string => hashes[place - from - 1] ?? chainStart(log, from, sha256);
  const belongs = (found: number, place: number): boolean =>
    link(before(place), rows[found], sha256) === hashes[place - from];
  for (let found = index + 1; found < rows.length; found += 1)
    if (belongs(found, index)) return { row, what: rows.length > from + hashes.length ? 'added' : 'moved' };
  for (let place = index + 1; place < from + hashes.length; place += 1)
    if (belongs(index, place)) return { row, what: 'removed', count: place - index };
  return { row, what: 'changed' };
}

/**
 * Whether a log still begins with what an anchor counted. A row that `rows` do not reach is cut off; otherwise some row
 * up to the anchor is another one, which the chain itself names when it was not made anew.
 */
export function faultAgainst(
  log: string,
  rows: unknown[],
  chain: Chain,
  anchor: ChainHead,
  sha256: Sha256,
): ChainFault | null {
  if (rows.length < anchor.length)
    return { row: rows.length + 1, what: 'cut off', count: anchor.length - rows.length };
  // A chain that was said to begin later than it did is no way around the anchor.
  const starts = new Set([chain.from, 0]);
  for (const from of starts) {
    if (from >= anchor.length) continue;
    const counted = rows.slice(from, anchor.length);
    if (linksOf(log, { from, hashes: [] }, counted, sha256).at(-1) === anchor.head) return null;
  }
  return { row: anchor.length, what: 'changed' };
}
