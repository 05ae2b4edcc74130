/** Whatever is done to a log, the chain names the first row that it was done to. */

import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Chain,
  canonical,
  chainStart,
  faultAgainst,
  faultOf,
  headAt,
  link,
  linksOf,
} from '../../src/domain/chain.ts';

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
const LOG = 'INC-20261127-001';
const chainOf = (rows: unknown[], from = 0): Chain => ({
  from,
  hashes: linksOf(LOG, { from, hashes: [] }, rows.slice(from), sha256),
});

/** Rows that all differ: what was exchanged for its like is not changed. */
const log = fc
  .array(fc.record({ type: fc.string(), text: fc.string({ unit: 'binary' }), n: fc.double() }), {
    minLength: 1,
    maxLength: 20,
  })
  .map((rows) => rows.map((row, index) => JSON.parse(JSON.stringify({ ...row, index })) as object));
const logAndRow = log.chain((rows) =>
  fc.record({ rows: fc.constant(rows), index: fc.nat({ max: rows.length - 1 }) }),
);

describe('canonical JSON', () => {
  it('is one text, whatever the order of the keys, and survives JSON', () => {
    expect(canonical({ b: [1, { d: null, c: 'x' }], a: undefined })).toBe('{"b":[1,{"c":"x","d":null}]}');
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const again: unknown = JSON.parse(JSON.stringify(value));
        expect(canonical(again)).toBe(canonical(value));
        expect(JSON.parse(canonical(again))).toEqual(again);
      }),
    );
  });

  it('keeps a key that is named __proto__', () => {
    expect(canonical(JSON.parse('{"__proto__":1,"a":2}'))).toBe('{"__proto__":1,"a":2}');
  });
});

describe('the chain', () => {
  it('is what this page says: SHA-256 over the hash before, a line break, and the canonical JSON', () => {
    const start = sha256('standdown log INC-1 from row 1');
    expect(chainStart('INC-1', 0, sha256)).toBe(start);
    expect(link(start, { b: 1, a: 2 }, sha256)).toBe(sha256(`${start}\n{"a":2,"b":1}`));
  });

  it('finds nothing in what was written, however it was appended', () => {
    fc.assert(
      fc.property(logAndRow, ({ rows, index }) => {
        const first = chainOf(rows.slice(0, index));
        const then = linksOf(LOG, first, rows.slice(index), sha256);
        const chain = { from: 0, hashes: [...first.hashes, ...then] };
        expect(chain).toEqual(chainOf(rows));
        expect(faultOf(LOG, rows, chain, sha256)).toBeNull();
        const anchor = headAt(chain, index + 1);
        expect(anchor).not.toBeNull();
        if (anchor !== null) expect(faultAgainst(LOG, rows, chain, anchor, sha256)).toBeNull();
      }),
    );
  });

  it('names the row of any byte that was flipped, where it still is JSON and says something else', () => {
    fc.assert(
      fc.property(logAndRow, fc.nat(), fc.integer({ min: 1, max: 255 }), ({ rows, index }, at, flip) => {
        const bytes = Buffer.from(JSON.stringify(rows[index]));
        const place = at % bytes.length;
        bytes[place] = (bytes[place] ?? 0) ^ flip;
        let row: unknown;
        try {
          row = JSON.parse(bytes.toString('utf8'));
        } catch {
          row = undefined; // what a reader makes of it
        }
        fc.pre(canonical(row) !== canonical(rows[index]));
        expect(faultOf(LOG, rows.with(index, row as object), chainOf(rows), sha256)).toEqual({
          row: index + 1,
          what: 'changed',
        });
      }),
      { numRuns: 500 },
    );
  });

  it('names the row of any digit of a hash that was changed', () => {
    fc.assert(
      fc.property(logAndRow, fc.nat({ max: 63 }), ({ rows, index }, digit) => {
        const chain = chainOf(rows);
        const hash = chain.hashes[index] ?? '';
        const other = hash[digit] === '0' ? '1' : '0';
        chain.hashes[index] = hash.slice(0, digit) + other + hash.slice(digit + 1);
        expect(faultOf(LOG, rows, chain, sha256)).toEqual({ row: index + 1, what: 'changed' });
      }),
    );
  });

  it('names the first row that was removed, and how many; at the end they are cut off', () => {
    fc.assert(
      fc.property(logAndRow, fc.integer({ min: 1, max: 5 }), ({ rows, index }, count) => {
        const left = rows.toSpliced(index, count);
        const gone = rows.length - left.length;
        expect(faultOf(LOG, left, chainOf(rows), sha256)).toEqual({
          row: index + 1,
          what: index === left.length ? 'cut off' : 'removed',
          count: gone,
        });
      }),
    );
  });

  it('names the row that was removed together with its hash', () => {
    fc.assert(
      fc.property(logAndRow, ({ rows, index }) => {
        fc.pre(index < rows.length - 1);
        const chain = chainOf(rows);
        chain.hashes.splice(index, 1);
        expect(faultOf(LOG, rows.toSpliced(index, 1), chain, sha256)?.row).toBe(index + 1);
      }),
    );
  });

  it('names the first of two rows that changed places, and a row that was put in', () => {
    fc.assert(
      fc.property(logAndRow, fc.nat(), ({ rows, index }, other) => {
        const with_ = other % rows.length;
        fc.pre(index < with_);
        const swapped = rows.with(index, rows[with_] ?? {}).with(with_, rows[index] ?? {});
        expect(faultOf(LOG, swapped, chainOf(rows), sha256)).toEqual({ row: index + 1, what: 'moved' });
        const more = rows.toSpliced(index, 0, { put: 'in' });
        expect(faultOf(LOG, more, chainOf(rows), sha256)).toEqual({ row: index + 1, what: 'added' });
        expect(faultOf(LOG, [...rows, {}], chainOf(rows), sha256)).toEqual({
          row: rows.length + 1,
          what: 'added',
        });
      }),
    );
  });

  it('finds by an anchor what was made anew as a whole', () => {
    fc.assert(
      fc.property(logAndRow, ({ rows, index }) => {
        const anchor = headAt(chainOf(rows), rows.length);
        if (anchor === null) throw new Error('a chained log has a head');
        const forged = rows.with(index, { forged: true });
        const anew = chainOf(forged);
        expect(faultOf(LOG, forged, anew, sha256)).toBeNull();
        expect(faultAgainst(LOG, forged, anew, anchor, sha256)).toEqual({
          row: rows.length,
          what: 'changed',
        });
        const short = rows.slice(0, index);
        expect(faultAgainst(LOG, short, chainOf(short), anchor, sha256)).toEqual({
          row: index + 1,
          what: 'cut off',
          count: rows.length - index,
        });
        // Saying that it was never chained helps nobody.
        const unchained = { from: rows.length, hashes: [] };
        expect(faultAgainst(LOG, rows, unchained, anchor, sha256)).toBeNull();
        expect(faultAgainst(LOG, forged, unchained, anchor, sha256)?.what).toBe('changed');
      }),
    );
  });

  it('does not look at rows from before it began, and no log passes for another', () => {
    const rows = [{ n: 1 }, { n: 2 }, { n: 3 }];
    const chain = chainOf(rows, 1);
    expect(chain.hashes).toHaveLength(2);
    expect(faultOf(LOG, [{ n: 9 }, ...rows.slice(1)], chain, sha256)).toBeNull();
    expect(faultOf(LOG, [rows[0], { n: 9 }, rows[2]], chain, sha256)).toEqual({ row: 2, what: 'changed' });
    expect(faultOf('INC-20261127-002', rows, chain, sha256)).toEqual({ row: 2, what: 'changed' });
    expect(headAt(chain, 1)).toBeNull();
    expect(faultOf(LOG, [], chain, sha256)).toMatchObject({ row: 1, what: 'cut off' });
  });
});
