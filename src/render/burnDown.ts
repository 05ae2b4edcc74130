/** A burn-down picture of an SLO's error budget, as a Vega specification: what is left, minute by minute. Pure. */

import type { BudgetReading } from '../domain/budget/bands.ts';
import type { BudgetBand } from '../domain/playbook.ts';
import { duration } from './text.ts';

/** A picture as data: a Vega specification, or any other JSON that an adapter draws. */
export type PictureSpec = Record<string, unknown>;

/** Points of the line: one an hour at most, and each minute at which the budget turns from good to bad or back. */
const EVERY_MIN = 60;
const MINUTE_MS = 60_000;

const COLOURS: Record<BudgetBand['status'], string> = {
  GREEN: '#e3f1e3',
  YELLOW: '#fbf3cf',
  ORANGE: '#fbe3c8',
  RED: '#f8d4d2',
  CRITICAL: '#e6c3c9',
};

export interface BurnDown {
  reading: BudgetReading;
  /** Bad seconds of each minute of the month. */
  bad: Uint8Array;
  bands: readonly BudgetBand[];
  /** ms since the epoch. */
  monthFrom: number;
  now: number;
  drill: boolean;
}

/** What is left in percent at the end of some minutes, from the month's beginning to now. */
export function burnDownPoints({ reading, bad, monthFrom, now }: Omit<BurnDown, 'bands' | 'drill'>): {
  at: number;
  left: number;
}[] {
  const last = Math.min(bad.length, Math.ceil((now - monthFrom) / MINUTE_MS));
  const points = [{ at: monthFrom, left: 100 }];
  let consumed = 0;
  const leftNow = () => ((reading.budgetSec - consumed) * 100) / reading.budgetSec;
  for (let minute = 0; minute < last; minute += 1) {
    const turns = (bad[minute] ?? 0) > 0 !== (bad[minute + 1] ?? 0) > 0;
    consumed += bad[minute] ?? 0;
    if (turns || minute % EVERY_MIN === EVERY_MIN - 1 || minute === last - 1)
      points.push({ at: monthFrom + (minute + 1) * MINUTE_MS, left: leftNow() });
  }
  return points;
}

export function burnDown(asked: BurnDown): PictureSpec {
  const { reading, bad, bands, monthFrom, drill } = asked;
  const monthTo = monthFrom + bad.length * MINUTE_MS;
  const points = burnDownPoints(asked);
  const lowest = Math.min(0, ...points.map(({ left }) => left));
  const share =
    reading.measuredPct === null ? 'nothing measured' : `${reading.measuredPct.toFixed(1)} % measured`;
  return {
    width: 720,
    height: 260,
    padding: 12,
    background: '#ffffff',
    title: {
      text: `${drill ? 'DRILL · ' : ''}${reading.slo} ${reading.title} · ${reading.month} · ${reading.status}`,
      subtitle: [
        `${reading.remainingPct.toFixed(1)} % left of ${duration(reading.budgetSec * 1_000)} · ${duration(reading.consumedSec * 1_000)} consumed · ${share}`,
        'the grey line spends it evenly',
      ],
      anchor: 'start',
    },
    data: [
      { name: 'left', values: points },
      {
        name: 'even',
        values: [
          { at: monthFrom, left: 100 },
          { at: monthTo, left: 0 },
        ],
      },
      { name: 'bands', values: stripes(bands, lowest) },
    ],
    scales: [
      { name: 'x', type: 'utc', domain: [monthFrom, monthTo], range: 'width' },
      { name: 'y', type: 'linear', domain: [Math.floor(lowest / 10) * 10, 100], range: 'height' },
    ],
    axes: [
      { orient: 'bottom', scale: 'x', format: '%d %b', title: 'UTC' },
      { orient: 'left', scale: 'y', title: '% of the budget left', tickCount: 6 },
    ],
    marks: [
      {
        type: 'rect',
        from: { data: 'bands' },
        encode: {
          enter: {
            x: { value: 0 },
            x2: { signal: 'width' },
            y: { scale: 'y', field: 'to' },
            y2: { scale: 'y', field: 'from' },
            fill: { field: 'colour' },
          },
        },
      },
      {
        type: 'text',
        from: { data: 'bands' },
        encode: {
          enter: {
            x: { signal: 'width - 4' },
            y: { scale: 'y', field: 'from', offset: -3 },
            align: { value: 'right' },
            baseline: { value: 'bottom' },
            fontSize: { value: 9 },
            fill: { value: '#555555' },
            text: { field: 'status' },
          },
        },
      },
      line('even', '#999999', 1),
      line('left', '#1a4f8b', 2),
    ],
  };
}

const line = (data: string, colour: string, width: number) => ({
  type: 'line',
  from: { data },
  encode: {
    enter: {
      x: { scale: 'x', field: 'at' },
      y: { scale: 'y', field: 'left' },
      stroke: { value: colour },
      strokeWidth: { value: width },
    },
  },
});

function stripes(bands: readonly BudgetBand[], lowest: number) {
  let to = 100;
  return bands
    .map(({ status, abovePct }) => {
      const from = abovePct ?? Math.floor(lowest / 10) * 10;
      const stripe = { status, from, to, colour: COLOURS[status] };
      to = from;
      return stripe;
    })
    .filter((stripe) => stripe.from < stripe.to);
}
