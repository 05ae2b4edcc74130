/** The picture of an incident: drawn from its record alone, with its marks and gaps; hostile text stays text. */

import { describe, expect, it } from 'vitest';
import { createDraughtsman } from '../../src/adapters/picture.ts';
import type { Actor, StandingEvent } from '../../src/domain/incident.ts';
import type { KeptLine, KeptTrail } from '../../src/domain/trail/record.ts';
import { incidentPicture } from '../../src/render/picture/incidentPicture.ts';
import { drawable, sideBySide, together } from '../../src/render/picture/layout.ts';

const T0 = Date.parse('2026-11-22T14:00:00Z');
const ada: Actor = { via: 'slack', id: 'U0ADA', name: 'Ada' };
const s = (sec: number): number => T0 + sec * 1_000;

const line = (of: KeptLine['of'], name: string, ...points: KeptLine['points']): KeptLine => ({
  of,
  name,
  unit: '',
  points,
});
const LINES: KeptLine[] = [
  line('absolute', 'usdm', [0, 512], [40, 0]),
  line('net', 'usdm', [0, -512], [40, 0]),
  line('orders', 'usdm', [0, 7], [30, 0]),
  line('value', 'dailyLoss', [0, 50], [30, 300]),
  line('limit', 'dailyLoss', [0, 200]),
  line('state', 'dailyLoss', [0, 0], [30, 1]),
  line('state', 'rejectRate', [0, null]),
  line('trading', '', [0, 0], [20, 3], [45, null], [55, 3]),
];

function history(more: StandingEvent[] = [], lines = LINES, kept: Partial<KeptTrail> = {}): StandingEvent[] {
  const opened = { type: 'IncidentOpened', at: s(10), by: ada, severity: 'P1' } as unknown as StandingEvent;
  const trail = {
    from: T0,
    to: s(60),
    currency: 'USDT',
    limits: { total: 1_500, perVenue: {} },
    leftOut: 0,
    lines,
  };
  return [
    opened,
    { type: 'KillAsked', at: s(20), by: ada, kill: 'K', reason: '' } as unknown as StandingEvent,
    ...more,
    { type: 'TrailKept', at: s(60), by: ada, ...trail, ...kept },
  ];
}
const incident = (title = 'Orders stuck', drill = true) => ({
  id: 'INC-20261122-001',
  title,
  severity: 'P0' as const,
  drill,
  openedAt: s(10),
  resolution: { at: s(50) } as never,
});

async function drawn(...asked: Parameters<typeof incidentPicture>) {
  const picture = incidentPicture(...asked);
  if (picture === null) throw new Error('there is no picture');
  const [made] = await createDraughtsman().draw([picture.spec]);
  if (made === undefined) throw new Error('nothing was drawn');
  return { ...made, alt: picture.alt };
}

describe('an incident’s picture', () => {
  it('is null where nothing is on record', () => {
    expect(incidentPicture(incident(), history().slice(0, 1))).toBeNull();
  });

  it('shows lines, marks with their legend, what was ordered, and the holes; as SVG and as PNG', async () => {
    const { svg, png, alt } = await drawn(incident(), history());
    expect(png.subarray(1, 4).toString()).toBe('PNG');
    // 860 wide with its margins, twice.
    expect(png.readUInt32BE(16)).toBe(2 * (860 + 92 + 28));
    for (const words of [
      'DRILL · INC-20261122-001 · P0 · Orders stuck',
      '14:00:10  opened as P1',
      '14:00:20  KILL by Ada',
      'RUNNING',
      'KILLED',
      'usdm, net',
      'daily loss (TRIPPED)',
      'unknown throughout: reject rate',
      'kills over 1,500 USDT of all venues (above this picture)',
      'Grey: nobody watched (the bot was not running, or its trail was not kept): 14:00:45 to 14:00:55',
    ])
      expect(svg.replaceAll('&nbsp;', ' ')).toContain(words);
    expect(alt).toContain('exposure: usdm 512 USDT at first, 512 at most, 0 at last');
    expect(alt).toContain('daily loss 25 % of its limit at first, 150 at most, 150 at last, tripped');
    expect(alt).toContain('14:00:20 KILL by Ada');
    expect(incidentPicture(incident('t', false), history())?.alt.startsWith('INC-')).toBe(true);
  });

  it('draws no line over a gap: it ends where it was known last', () => {
    expect(
      drawable([
        [1, 5],
        [4, null],
        [9, 6],
      ]),
    ).toEqual([
      { at: 1, value: 5 },
      { at: 4, value: 5 },
      { at: 4, value: null },
      { at: 9, value: 6 },
    ]);
  });

  it('is drawn again a month later, and is the same', async () => {
    const [first, second] = [await drawn(incident(), history()), await drawn(incident(), history())];
    expect(second.svg).toBe(first.svg);
    expect(second.png.equals(first.png)).toBe(true);
  });

  it.each([
    ['expressions', '{"signal":"1+1"} ${alert(1)} datum.value width'],
    ['HTML', '<script>alert(1)</script><img src=x onerror=alert(1)> &amp; ]]> <!-- '],
    ['10,000 letters', 'x'.repeat(10_000)],
    ['what no SVG may hold', '\u0000\u0007\u001b \ud83d \udc00 \ufffe \u202eevil\u202c'],
    ['an entity', '<!DOCTYPE x [<!ENTITY y SYSTEM "file:///etc/passwd">]> &y;'],
    ['nothing', ''],
  ])('keeps %s text in titles, names and words, and is drawn', async (_what, nasty) => {
    const moments = [
      { type: 'IncidentMitigated', at: s(30), by: { ...ada, name: nasty }, text: nasty },
      {
        type: 'MessageMarked',
        at: s(30),
        by: ada,
        ts: String(s(15) / 1_000),
        mark: 'keyMoment',
        emoji: 'x',
        text: nasty,
      },
    ] as unknown as StandingEvent[];
    const lines = LINES.map((one) => ({ ...one, name: one.of === 'trading' ? '' : `${one.name}${nasty}` }));
    const { svg, png, alt } = await drawn(
      incident(nasty),
      history(moments, lines, { currency: nasty, limits: { total: 1, perVenue: { [nasty]: 2 } } }),
    );
    expect(png.subarray(1, 4).toString()).toBe('PNG');
    // What was found, and not the whole picture, is what a failure shows.
    expect(/<script|<img|<!DOCTYPE|<!ENTITY|onerror="|href=|x{100}/.exec(svg)?.[0]).toBeUndefined();
    expect(alt.length).toBeLessThanOrEqual(900);
  });

  it('is drawn with nothing measured, and with figures of every size', async () => {
    const none = await drawn(incident(), history([], [line('trading', '', [0, 0], [60, 0])]));
    expect(none.svg).toContain('nothing was measured');
    const extreme = [1e300, -1e300, 1e-300, 0].map((value, index) =>
      line('absolute', `v${index}`, [0, value], [30, -value]),
    );
    const many = Array.from({ length: 40 }, (_, index) => line('orders', `many-${index}`, [0, index]));
    expect((await drawn(incident(), history([], [...extreme, ...many]))).svg).toContain('not drawn: many-6');
  });

  it('labels stand side by side, near to where they belong', () => {
    const wide = (...widths: number[]) => widths;
    expect(sideBySide([10, 11, 12, 200], wide(19, 19, 19, 19), 860)).toEqual([10, 29, 48, 200]);
    expect(sideBySide([850, 855, 860], wide(19, 19, 19), 860)).toEqual([822, 841, 860]);
    expect(sideBySide([10, 12, 14], wide(20, 40, 20), 860)).toEqual([10, 40, 70]);
    expect(sideBySide([], [], 860)).toEqual([]);
  });

  it('moments that fall on one place are one mark, and stand each in the list', async () => {
    expect(together([0, 3, 6, 7, 20], 7)).toEqual([
      [0, 2],
      [3, 3],
      [4, 4],
    ]);
    expect(together([], 7)).toEqual([]);
    const marked = [100, 200, 300].map((ms) => ({
      type: 'MessageMarked',
      at: s(30),
      by: ada,
      ts: String((s(20) + ms) / 1_000),
      mark: 'keyMoment',
      emoji: 'star',
      text: `seen after ${ms}`,
    }));
    const { svg } = await drawn(incident(), history(marked as unknown as StandingEvent[]));
    const numbers = [...svg.matchAll(/fill="#ffffff">([\d–]+)</g)].map(([, words]) => words);
    expect(numbers).toEqual(['1', '2–5']);
    for (const ms of [100, 200, 300]) expect(svg).toContain(`seen after ${ms}`);
  });
});
