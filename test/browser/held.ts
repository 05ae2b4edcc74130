/** Pages of which a test holds the state, and what stands on them. */

import type { KnownBlock } from '@slack/types';
import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect } from 'vitest';
import type { ConsoleState } from '../../src/rehearsal/console/state.ts';
import { type Bench, startBench } from './bench.ts';
import { calmState } from './calm.ts';
import { startChromium, type Visit, visit } from './chromium.ts';

export const plain = (text: string) => ({ type: 'plain_text' as const, text });

export const confirm = {
  title: plain('Stop everything?'),
  text: plain('Every order is cancelled.'),
  confirm: plain('Kill'),
  deny: plain('Back'),
  style: 'danger' as const,
};

/** A message with one of each; the bot gives its blocks a new id with every edit. */
export const controls = (edit: number): KnownBlock[] => [
  { type: 'header', text: plain(`DRILL · edit ${edit}`) },
  {
    type: 'actions',
    block_id: `b${edit}`,
    elements: [
      { type: 'button', action_id: 'kill', text: plain('Kill…'), style: 'danger', confirm },
      {
        type: 'static_select',
        action_id: 'choose',
        placeholder: plain('More…'),
        options: ['one', 'two'].map((value) => ({ text: plain(value), value })),
      },
      { type: 'overflow', action_id: 'more', options: [{ text: plain('Resolve'), value: 'resolve' }] },
    ],
  },
];

export const dialog = (id: string, errors: Record<string, string> = {}): ConsoleState['modal'] => ({
  id: 'V1',
  choices: {},
  errors,
  depth: 1,
  view: {
    type: 'modal',
    title: { type: 'plain_text', text: 'Cancel orders' },
    submit: { type: 'plain_text', text: 'Cancel them' },
    blocks: [
      {
        type: 'input',
        block_id: id,
        label: { type: 'plain_text', text: 'Reason' },
        hint: { type: 'plain_text', text: 'Goes on record.' },
        element: { type: 'plain_text_input', action_id: 'reason' },
      },
      {
        type: 'input',
        block_id: 'when',
        optional: true,
        label: { type: 'plain_text', text: 'Day' },
        element: { type: 'datepicker', action_id: 'day' },
      },
    ],
  },
});

export interface HeldPages {
  /** A new page on a calm desk, changed before it opens. It closes with its test. */
  start(
    change?: (state: ConsoleState) => void,
    options?: Parameters<typeof visit>[2],
  ): Promise<Visit & { bench: Bench }>;
  /** Waits until the page has asked for so many acts. */
  acts(bench: Bench, count: number): Promise<Record<string, unknown>[]>;
}

/** One browser for the test file that calls it. */
export function heldPages(): HeldPages {
  let browser: Browser;
  const open: { visited: Visit; bench: Bench }[] = [];
  beforeAll(async () => {
    browser = await startChromium();
  });
  afterEach(async () => {
    for (const { visited, bench } of open.splice(0).reverse()) {
      await visited.context.close();
      await bench.close();
      // Of every page, whatever its test is about: no request leaves the machine, nothing is thrown or refused.
      expect([...visited.foreign, ...visited.errors]).toEqual([]);
    }
  });
  afterAll(() => browser.close());
  return {
    async start(change = () => undefined, options = {}) {
      const state = calmState();
      change(state);
      const bench = await startBench(state);
      const visited = await visit(browser, bench.url, options);
      open.push({ visited, bench });
      await visited.page.waitForSelector('#connection[data-state="live"]');
      return { ...visited, bench };
    },
    async acts(bench, count) {
      await expect.poll(() => bench.acts.length).toBe(count);
      return bench.acts;
    },
  };
}
