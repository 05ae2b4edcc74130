/** Bodies of telemetry: CONTRACT 5 to the letter, and whatever else may arrive. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HttpRefusal } from '../../src/webhooks/body.ts';
import { quickSample } from '../../src/webhooks/quickSample.ts';
import { instantOf, shapedSample } from '../../src/webhooks/sample.ts';
import { parseTelemetry } from '../../src/webhooks/telemetry.ts';

const NOW = Date.parse('2026-11-22T14:03:12.500Z');
const KNOWN = {
  venues: ['binance-usdm'],
  feeds: { 'binance-1m': ['BTC/USDT:USDT'] },
  engines: ['main'],
};
const signal = { type: 'signal', at: NOW, latencyMs: 12 };
const order = {
  type: 'order',
  at: NOW,
  venue: 'binance-usdm',
  symbol: 'BTC/USDT:USDT',
  orderId: 'o1',
  status: 'accepted',
};
const bar = {
  type: 'bar',
  at: NOW,
  feed: 'binance-1m',
  symbol: 'BTC/USDT:USDT',
  closedAt: NOW - 12_500,
};
const pnl = { type: 'pnl', at: NOW, dayPnl: -3.5, currency: 'USDT' };
const position = {
  type: 'position',
  at: NOW,
  venue: 'binance-usdm',
  symbol: 'BTC/USDT:USDT',
  notional: -12.5,
};
const heartbeat = { type: 'heartbeat', at: NOW, engine: 'main' };

const parseText = (text: string, known = KNOWN, heard: string[] = []) =>
  parseTelemetry(Buffer.from(text), known, heard, NOW);
const parse = (...items: unknown[]) => parseText(JSON.stringify(items));
const refusalOf = (act: () => unknown): HttpRefusal => {
  try {
    act();
  } catch (error) {
    if (error instanceof HttpRefusal) return error;
    throw error;
  }
  throw new Error('it was not refused');
};
/** What is said of one bad sample beside a good one, which is kept. */
function whyNot(bad: unknown): string {
  const { samples, rejected, refused } = parse(bad, signal);
  expect(samples).toEqual([signal]);
  expect(refused).toBe(1);
  expect(rejected).toHaveLength(1);
  expect(rejected[0]?.index).toBe(0);
  return `${rejected[0]?.path}: ${rejected[0]?.reason}`;
}

describe('samples', () => {
  it('of every kind are read, with all that they may carry', () => {
    const full = [
      { ...order, latencyMs: 4.5, reason: 'r', strategy: 's', qty: 2, filledQty: 0, slippageBps: -3 },
      { ...bar, availableAt: NOW },
      { ...pnl, equity: 1_000 },
      position,
      signal,
      { ...heartbeat, control: { KILL_SWITCH: '1', STANDDOWN_REV: 7 }, host: { cpuPct: 12.5 } },
    ];
    const { samples, rejected } = parse(...full);
    expect(rejected).toEqual([]);
    expect(samples).toEqual([
      ...full.slice(0, 5),
      { ...heartbeat, control: { KILL_SWITCH: '1', STANDDOWN_REV: '7' }, host: { cpuPct: 12.5 } },
    ]);
  });

  it('keep nothing that is not theirs', () => {
    const [read] = parseText(
      '{"type":"signal","at":1795356192500,"latencyMs":1,"secret":"x","__proto__":{"polluted":1}}',
    ).samples;
    expect(Object.keys(read ?? {})).toEqual(['type', 'at', 'latencyMs']);
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
    const [beat] = parseText(
      `{"type":"heartbeat","at":${NOW},"engine":"main","control":{"__proto__":"1","A":"2"}}`,
    ).samples;
    expect(beat).toEqual({ ...heartbeat, control: { A: '2' } });
    expect(Object.getPrototypeOf((beat as { control: object }).control)).toBe(Object.prototype);
  });

  it.each([
    ['an unknown type', { ...signal, type: 'tick' }, /^type: is none of order, bar/],
    ['a type of every object', { ...signal, type: 'constructor' }, /^type: is none of/],
    ['no type', { at: NOW }, /^type: is none of/],
    ['a number', 7, /^: is not an object/],
    ['null', null, /^: is not an object/],
    ['a list', [signal], /^: is not an object/],
    ['a text', 'order', /^: is not an object/],
    ['no time', { type: 'signal', latencyMs: 1 }, /^at: is neither ISO 8601/],
    ['a time in a text', { ...signal, at: String(NOW) }, /^at: is neither/],
    ['a time with half a ms', { ...signal, at: NOW + 0.5 }, /^at: is neither/],
    ['a time of zero', { ...signal, at: 0 }, /^at: is neither/],
    ['a time of 1e308', { ...signal, at: 1e308 }, /^at: is neither/],
    ['seconds', { ...signal, at: Math.floor(NOW / 1_000) }, /^at: .*looks like seconds/],
    ['microseconds', { ...signal, at: NOW * 1_000 }, /^at: .*micro- or nanoseconds/],
    ['over 5 s ahead', { ...signal, at: NOW + 5_001 }, /^at: it is dated in the future/],
    ['hours ahead', { ...signal, at: NOW + 7_200_000 }, /^at: it is dated in the future/],
    ['over a day old', { ...signal, at: NOW - 86_400_001 }, /^at: it is more than a day old/],
    ['a local time', { ...signal, at: '2026-11-22T14:03:12' }, /^at: is neither/],
    ['an unknown venue', { ...order, venue: 'kraken' }, /^venue: "kraken" is not configured: binance-usdm/],
    ['no venue', { ...position, venue: '' }, /^venue: /],
    ['an unknown feed', { ...bar, feed: 'x' }, /^feed: "x" is not configured/],
    ['a feed of every object', { ...bar, feed: 'toString' }, /^feed: "toString" is not configured/],
    ["a symbol that is not the feed's", { ...bar, symbol: 'ETH' }, /^symbol: "ETH" is not one of the feed's/],
    ['a bar that closes ahead', { ...bar, closedAt: NOW + 60_000 }, /^closedAt: it is dated in the future/],
    ['a bar of 1970', { ...bar, closedAt: 1 }, /^closedAt: .*looks like seconds/],
    [
      'a bar of last week',
      { ...bar, closedAt: NOW - 7 * 86_400_000 },
      /^closedAt: it is more than a day old/,
    ],
    ['available ahead', { ...bar, availableAt: NOW + 60_000 }, /^availableAt: it is dated/],
    ['an unknown engine', { ...heartbeat, engine: 'other' }, /^engine: "other" is not configured: main/],
    ['a text for a number', { ...pnl, dayPnl: '-3' }, /^dayPnl: .*expected number/],
    ['1e308', { ...position, notional: 1e308 }, /^notional: Too big/],
    ['-1e308', { ...pnl, dayPnl: -1e308 }, /^dayPnl: Too small/],
    ['a negative size', { ...order, qty: -1 }, /^qty: Too small/],
    ['a negative latency', { ...signal, latencyMs: -1 }, /^latencyMs: Too small/],
    ['null where nothing is meant', { ...order, qty: null }, /^qty: .*expected number/],
    ['another status', { ...order, status: 'open' }, /^status: /],
    ['an id of 201 characters', { ...order, orderId: 'x'.repeat(201) }, /^orderId: Too big/],
    [
      'a heartbeat with 51 keys',
      { ...heartbeat, control: Object.fromEntries(Array.from({ length: 51 }, (_, n) => [n, '1'])) },
      /^control: has more than 50 keys/,
    ],
    ['a host that is no number', { ...heartbeat, host: { cpuPct: 'low' } }, /^host.cpuPct: /],
  ])('%s is named, and the good one beside it is kept', (_, bad, reason) => {
    expect(whyNot(bad)).toMatch(reason);
  });

  it('NaN and Infinity do not exist in JSON: the line is refused, 1e400 is no number either', () => {
    const lines = [
      '{"type":"position","at":1,"venue":"binance-usdm","symbol":"s","notional":NaN}',
      `{"type":"position","at":${NOW},"venue":"binance-usdm","symbol":"s","notional":1e400}`,
      JSON.stringify(signal),
    ];
    const { samples, rejected } = parseText(lines.join('\n'));
    expect(samples).toEqual([signal]);
    expect(rejected).toEqual([
      { index: 0, path: '', reason: 'the line is not JSON' },
      { index: 1, path: 'notional', reason: expect.stringContaining('expected number') },
    ]);
  });

  it('at the edge of the clock are taken: 5 s ahead, a day old', () => {
    expect(parse({ ...signal, at: NOW + 5_000 }, { ...signal, at: NOW - 86_400_000 }).samples).toHaveLength(
      2,
    );
  });

  it('of engines that nobody configured are taken, up to twenty of them', () => {
    const any = { ...KNOWN, engines: [] };
    const beats = (from: number, n: number) =>
      JSON.stringify(Array.from({ length: n }, (_, k) => ({ ...heartbeat, engine: `e${from + k}` })));
    expect(parseText(beats(0, 20), any).samples).toHaveLength(20);
    const { samples, rejected } = parseText(
      beats(10, 20),
      any,
      Array.from({ length: 20 }, (_, n) => `e${n}`),
    );
    expect(samples).toHaveLength(10);
    expect(rejected[0]).toMatchObject({ path: 'engine', reason: expect.stringContaining('name yours') });
    // Within one body as well.
    expect(parseText(beats(0, 50), any)).toMatchObject({ refused: 30 });
  });
});

describe('a time', () => {
  it.each([
    ['2026-11-22T14:03:12.500Z', 0],
    ['2026-11-22T14:03:12.500999999Z', 0],
    ['2026-11-22t14:03:12.5z', 0],
    ['2026-11-22 14:03:12.5+00:00', 0],
    ['2026-11-22T14:03:12,5Z', 0],
    ['2026-11-22T15:03:12.5+01', 0],
    ['2026-11-22T15:03:12.5+0100', 0],
    ['2026-11-22T08:33:12.5-05:30', 0],
    ['2026-11-22T14:03:12.5-00:00', 0],
    ['2026-11-22T14:03Z', -12_500],
    ['2026-11-22T14:02:60Z', -12_500], // a leap second
    ['2026-11-23T00:03:12.5+10:00', 0],
  ])('%s is read', (text, offset) => {
    expect(instantOf(text)).toBe(NOW + offset);
  });

  it.each([
    '',
    'now',
    '2026-11-22',
    '2026-11-22T14:03:12',
    '2026-11-22T14:03:12.Z',
    '2026-02-30T00:00:00Z',
    '2026-13-01T00:00:00Z',
    '2026-00-10T00:00:00Z',
    '2026-11-22T24:00:00Z',
    '2026-11-22T14:60:00Z',
    '2026-11-22T14:03:61Z',
    '2026-11-22T14:03:12+24:00',
    '2026-11-22T14:03:12+01:60',
    '20261122T140312Z',
    '2026-W47-7T14:03:12Z',
    '2026-326T14:03:12Z',
    '+002026-11-22T14:03:12Z',
    '2026-11-22T14:03:12Z\n',
    ' 2026-11-22T14:03:12Z',
    'Sun, 22 Nov 2026 14:03:12 GMT',
    '２０２６-11-22T14:03:12Z',
    `2026-11-22T14:03:12.${'5'.repeat(31)}Z`,
  ])('%s is not', (text) => {
    expect(instantOf(text)).toBeNull();
  });

  it('of this century is read as Date reads it', () => {
    fc.assert(
      fc.property(
        fc.date({ min: new Date('2000-01-01'), max: new Date('2099-12-31'), noInvalidDate: true }),
        (date) => {
          expect(instantOf(date.toISOString())).toBe(date.getTime());
        },
      ),
    );
  });
});

describe('a body', () => {
  const one = JSON.stringify(signal);

  it.each([
    ['an object', one],
    ['a pretty object', JSON.stringify(signal, null, 2)],
    ['an object with CRLF', `${JSON.stringify(signal, null, 2).replaceAll('\n', '\r\n')}\r\n`],
    ['an array', `[${one}]`],
    ['an object with a byte order mark', `\uFEFF${one}`],
    ['a line', `${one}\n`],
    ['blank lines around it', `\n\r\n  ${one}\n\n \t\r\n`],
  ])('may be %s', (_, text) => {
    expect(parseText(text)).toEqual({ samples: [signal], rejected: [], refused: 0 });
  });

  it.each([
    ['LF', '\n'],
    ['CRLF', '\r\n'],
    ['blank lines', '\n\n \r\n\n'],
    ['a byte order mark each', '\n\uFEFF'],
  ])('may be lines, with %s', (_, separator) => {
    const text = [one, JSON.stringify(pnl), '{"broken":', '[[[', one].join(separator);
    const { samples, rejected } = parseText(`\uFEFF${text}${separator}`);
    expect(samples).toEqual([signal, pnl, signal]);
    expect(rejected.map(({ index }) => index)).toEqual([2, 3]);
  });

  it('of lines may begin with a broken one', () => {
    for (const broken of ['{"type":"signal","at":17', 'garbage', '[1,2', '"', ']', '\u0000', '{]}']) {
      const { samples, rejected } = parseText(`${broken}\n${one}\n${one}\n`);
      expect(samples).toEqual([signal, signal]);
      expect(rejected).toEqual([{ index: 0, path: '', reason: 'the line is not JSON' }]);
    }
  });

  it('of lines may hold one that nests deeply', () => {
    const deep = `{"type":"signal","at":${NOW},"latencyMs":1,"x":${'['.repeat(100_000)}${']'.repeat(100_000)}}`;
    expect(parseText(`${one}\n${deep}\n${one}`)).toMatchObject({ samples: [signal, signal], refused: 1 });
  });

  it.each([
    ['nothing', '', 'wrong_shape'],
    ['blanks', ' \n \r\n', 'wrong_shape'],
    ['a byte order mark', '\uFEFF', 'wrong_shape'],
    ['null', 'null', 'wrong_shape'],
    ['a number', '7', 'wrong_shape'],
    ['an empty array', '[]', 'wrong_shape'],
    ['no JSON', 'no json', 'not_json'],
    ['half an object', '{"type":', 'not_json'],
    ['half an array', `[${one},`, 'not_json'],
    ['two objects in one line', `${one}${one}`, 'not_json'],
    ['another encoding', Buffer.from(one, 'utf16le').toString('latin1'), 'not_json'],
    ['nothing but bad ones', '[7,null,{}]', 'no_valid_sample'],
    ['depth', `${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`, 'too_deep'],
  ])('of %s is refused as 400, in words', (_, text, code) => {
    const refusal = refusalOf(() => parseText(text));
    expect(refusal).toMatchObject({ status: 400, code });
    expect(refusal.message.length).toBeGreaterThan(10);
    expect(refusal.message.length).toBeLessThan(2_000);
  });

  it('of 10,001 samples is refused as 413 in words, of 10,000 it is read', () => {
    const many = (n: number, between: string) => Array.from({ length: n }, () => one).join(between);
    for (const text of [`[${many(10_001, ',')}]`, many(10_001, '\n'), `[${'null,'.repeat(99_999)}null]`])
      expect(refusalOf(() => parseText(text))).toMatchObject({
        status: 413,
        message: expect.stringContaining('10000 are read at once'),
      });
    expect(parseText(`[${many(10_000, ',')}]`).samples).toHaveLength(10_000);
    expect(parseText(many(10_000, '\n\n')).samples).toHaveLength(10_000);
  });

  it('of a million blank lines costs nothing', () => {
    expect(parseText(`${'\n'.repeat(1_000_000)}${one}\n`).samples).toEqual([signal]);
    expect(refusalOf(() => parseText('\n'.repeat(4_000_000)))).toMatchObject({ status: 400 });
  });

  it('of many bad ones is answered in a bounded way: a hundred are named, the rest is counted', () => {
    const bad = Array.from({ length: 5_000 }, () => ({ ...order, venue: 'x'.repeat(200) }));
    const { rejected, refused, samples } = parse(...bad, signal);
    expect(samples).toHaveLength(1);
    expect(refused).toBe(5_000);
    expect(rejected).toHaveLength(101);
    expect(rejected.at(-1)).toEqual({ index: 100, path: '', reason: 'and 4900 more from here on' });
    expect(JSON.stringify(rejected).length).toBeLessThan(40_000);
    const refusal = refusalOf(() => parse(...bad));
    expect(refusal.message).toContain('and 4995 more');
    expect(refusal.message.length).toBeLessThan(2_000);
  });

  it('with one key twice is read as JSON reads it: the last counts', () => {
    const { samples } = parseText(`{"type":"signal","at":1,"at":${NOW},"latencyMs":5,"latencyMs":12}`);
    expect(samples).toEqual([signal]);
  });

  it('with lone surrogates and NUL keeps them as they are', () => {
    const id = '"\\ud800\\u0000<!channel>"';
    const [sample] = parseText(JSON.stringify(order).replace('"o1"', id)).samples;
    expect(sample).toMatchObject({ orderId: '\ud800\u0000<!channel>' });
  });
});

describe('whatever arrives', () => {
  const survives = (text: string) => {
    try {
      const { samples, rejected, refused } = parseText(text);
      expect(samples.length).toBeGreaterThan(0);
      expect(rejected.length).toBeLessThanOrEqual(101);
      expect(refused === 0).toBe(rejected.length === 0);
      for (const sample of samples)
        for (const at of ['at', 'closedAt'] as const)
          if (at in sample)
            expect(Number.isSafeInteger((sample as unknown as Record<string, number>)[at])).toBe(true);
    } catch (error) {
      expect(error).toBeInstanceOf(HttpRefusal);
      expect([400, 413]).toContain((error as HttpRefusal).status);
    }
  };

  it('any JSON, any text and any bytes end in samples or in a refusal', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => survives(JSON.stringify(value))),
      { numRuns: 2_000 },
    );
    fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 200 }), survives), { numRuns: 1_000 });
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        survives(Buffer.from(bytes).toString('latin1'));
      }),
      { numRuns: 500 },
    );
  });

  /** Values as a confused sender would write them. */
  const odd = fc.oneof(
    fc.constantFrom<unknown>(
      null,
      '',
      '7',
      true,
      -0,
      0,
      1e308,
      -1e308,
      5e-324,
      NOW,
      NOW + 1e9,
      [],
      {},
      '\ud800',
    ),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.jsonValue({ maxDepth: 2 }),
  );
  const good = [order, bar, pnl, position, signal, heartbeat];
  const mangled = fc
    .record({
      base: fc.constantFrom(...good),
      changes: fc.dictionary(
        fc.constantFrom(
          'type',
          'at',
          'venue',
          'symbol',
          'orderId',
          'status',
          'latencyMs',
          'reason',
          'strategy',
          'qty',
          'filledQty',
          'slippageBps',
          'feed',
          'closedAt',
          'availableAt',
          'dayPnl',
          'currency',
          'equity',
          'notional',
          'engine',
          'control',
          'host',
          'constructor',
          '__proto__',
        ),
        odd,
        { maxKeys: 4 },
      ),
    })
    .map(({ base, changes }) => ({ ...base, ...changes }));

  it('what is read of a mangled sample is finite, of a known name, and dated within the day', () => {
    fc.assert(
      fc.property(fc.array(mangled, { minLength: 1, maxLength: 8 }), (items) => {
        const { samples } = parse(...items, signal);
        for (const sample of samples) {
          for (const value of Object.values(sample))
            if (typeof value === 'number') expect(Math.abs(value)).toBeLessThanOrEqual(1e15);
          expect(sample.at).toBeLessThanOrEqual(NOW + 5_000);
          expect(sample.at).toBeGreaterThanOrEqual(NOW - 86_400_000);
          if ('venue' in sample) expect(KNOWN.venues).toContain(sample.venue);
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it('what is read by hand is what the schema reads', () => {
    let quick = 0;
    const edges = fc.constantFrom<unknown>(
      0,
      -0,
      1,
      -1,
      1e15,
      -1e15,
      1.0000001e15,
      3_600_000,
      3_600_001,
      2 ** 53,
      '',
      'x'.repeat(200),
      'x'.repeat(201),
      'x'.repeat(1_000),
      'x'.repeat(1_001),
      'filled',
      'open',
    );
    const near = fc
      .tuple(
        fc.constantFrom<object>(...good),
        fc.array(fc.tuple(fc.nat({ max: 20 }), edges), { maxLength: 2 }),
      )
      .map(([base, changes]) => {
        const full: Record<string, unknown> = { equity: 5, qty: 1, reason: 'r', ...base };
        const keys = [...Object.keys(full), 'filledQty', 'slippageBps', 'strategy', 'latencyMs'];
        for (const [key, value] of changes) full[keys[key % keys.length] ?? ''] = value;
        return full;
      });
    fc.assert(
      fc.property(fc.oneof(mangled, near), (item) => {
        // As it comes out of a body.
        const read = JSON.parse(JSON.stringify(item)) as Record<string, unknown>;
        const sample = quickSample(read);
        if (sample === null) return;
        quick += 1;
        expect(shapedSample(read)).toEqual({ success: true, data: sample });
      }),
      { numRuns: 5_000 },
    );
    expect(quick).toBeGreaterThan(500);
    for (const one of [order, pnl, position, signal]) expect(quickSample(one)).toEqual(one);
  });

  it('an order that was rejected counts, however long the venue’s reason is', () => {
    const page = `<html>${'x'.repeat(5_000)}`;
    const { samples, rejected } = parse({ ...order, status: 'rejected', reason: page });
    expect(rejected).toEqual([]);
    expect(samples).toEqual([{ ...order, status: 'rejected', reason: page.slice(0, 1_000) }]);
  });

  it('good samples survive among any junk, in their order, in lines and in an array', () => {
    const junkLine = fc.oneof(
      fc.string({ maxLength: 60 }).map((text) => text.replaceAll(/[\n\r]/g, ' ')),
      fc.jsonValue({ maxDepth: 3 }).map((value) => JSON.stringify(value)),
      mangled.map((value) => JSON.stringify(value).slice(0, 40)),
    );
    const line = fc.oneof(
      fc
        .integer({ min: 0, max: 9_999 })
        .map((n) => ({ text: JSON.stringify({ ...order, orderId: `good${n}` }), id: `good${n}` })),
      junkLine.map((text) => ({ text, id: null })),
    );
    fc.assert(
      fc.property(
        fc.array(line, { minLength: 2, maxLength: 20 }),
        fc.constantFrom('\n', '\r\n', '\n\n'),
        (lines, separator) => {
          const ids = lines.flatMap(({ id }) => (id === null ? [] : [id]));
          // A single good line between junk that is no line of JSON may be anything: two of them are lines for sure.
          fc.pre(ids.length > 0);
          const { samples } = parseText(
            [...lines.map(({ text }) => text), JSON.stringify({ ...order, orderId: 'last' })].join(separator),
          );
          const read = samples.flatMap((one) =>
            one.type === 'order' && one.orderId.startsWith('good') ? [one.orderId] : [],
          );
          expect(read).toEqual(ids);
        },
      ),
      { numRuns: 2_000 },
    );
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.constant(signal), fc.jsonValue({ maxDepth: 3 }), mangled), { maxLength: 20 }),
        (items) => {
          const expected = items.filter((one) => one === signal).length;
          expect(
            parse(...items, pnl).samples.filter((one) => one.type === 'signal' && one.latencyMs === 12)
              .length,
          ).toBeGreaterThanOrEqual(expected);
        },
      ),
    );
  });
});
