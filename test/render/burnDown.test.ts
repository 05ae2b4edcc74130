/** The burn-down picture: its line is what is consumed, and it is drawn without a browser, a file or an address. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createDraughtsman } from '../../src/adapters/picture.ts';
import { createAccount } from '../../src/domain/budget/account.ts';
import { readBudget } from '../../src/domain/budget/bands.ts';
import { monthSpan } from '../../src/domain/budget/month.ts';
import { burnDown, burnDownPoints } from '../../src/render/burnDown.ts';
import { policy } from '../scenarios/desk.ts';

const { playbook } = policy();
const { from, to } = monthSpan('2026-11');
const slo = { id: 'SLO-01', title: 'Data feed', targetPct: 99.5 };

function pictured(spans: [from: number, length: number][], until: number) {
  const account = createAccount();
  let at = 0;
  for (const [start, length] of spans) {
    account.take(from * 60 + at, from * 60 + start, 'good');
    account.take(from * 60 + start, from * 60 + start + length, 'bad');
    at = start + length;
  }
  account.take(from * 60 + at, from * 60 + until, 'good');
  const now = from * 60 + until;
  return {
    reading: readBudget(account, slo, '2026-11', now, playbook, []),
    bad: account.badByMinute(from, to),
    bands: playbook.budgets,
    monthFrom: from * 60_000,
    now: now * 1_000,
    drill: true,
  };
}

describe('a burn-down', () => {
  it('ends at what is left, and never rises (property)', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: 0, max: 5_000 }), fc.integer({ min: 1, max: 3_000 })), {
          maxLength: 6,
        }),
        (gaps) => {
          let at = 0;
          const spans = gaps.map(([good, bad]): [number, number] => {
            const start = at + good;
            at = start + bad;
            return [start, bad];
          });
          const asked = pictured(spans, at + 600);
          const points = burnDownPoints(asked);
          expect(points.at(-1)?.left).toBeCloseTo(asked.reading.remainingPct, 6);
          expect(points.every(({ left }, index) => left <= (points[index - 1]?.left ?? 100))).toBe(true);
          expect(
            points.every(({ at: one }, index) => index === 0 || one > (points[index - 1]?.at ?? 0)),
          ).toBe(true);
        },
      ),
      { numRuns: 100 },
    );
  });

  it('is drawn as SVG with its words, and as PNG, one a specification', async () => {
    const asked = pictured([[3_600, 7_000]], 86_400);
    const [first, second, ...rest] = await createDraughtsman().draw([
      burnDown(asked),
      burnDown(pictured([], 60)),
    ]);
    expect(rest).toEqual([]);
    expect(first?.svg).toContain('DRILL · SLO-01 Data feed · 2026-11 · YELLOW');
    expect(first?.svg).toContain('46.0 % left of 3 h 36 min · 1 h 56 min consumed · 100.0 % measured');
    expect(second?.svg).toContain('GREEN');
    expect(first?.png.subarray(1, 4).toString()).toBe('PNG');
    // Its size is in its first chunk: 720 wide with axes and padding, twice.
    expect(first?.png.readUInt32BE(16)).toBeGreaterThan(1_440);
    expect(first?.png.length).toBeGreaterThan(10_000);
  });

  it('rejects what cannot be drawn, and what would load something', async () => {
    const draughtsman = createDraughtsman();
    await expect(draughtsman.draw([{ marks: [{ type: 'no such mark' }] }])).rejects.toBeInstanceOf(Error);
    const loads = await draughtsman
      .draw([{ width: 10, height: 10, data: [{ name: 'x', url: 'file:///etc/passwd' }], marks: [] }])
      .then(
        ([picture]) => picture?.svg ?? '',
        (error: Error) => error.message,
      );
    expect(loads).not.toContain('root:');
  });
});
