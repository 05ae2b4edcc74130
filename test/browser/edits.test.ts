/** Messages that are edited while a person is busy with them: a menu, a modal, a confirm or half a sentence is open. */

import type { KnownBlock } from '@slack/types';
import type { Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import type { ConsoleState } from '../../src/rehearsal/console/state.ts';
import { fromBot } from './calm.ts';
import { confirm, controls, dialog, heldPages, plain } from './held.ts';

const { start, acts } = heldPages();

const withMessage = (state: ConsoleState) => {
  state.messages = [fromBot(controls(1))];
};
const edit = (number: number) => (state: ConsoleState) => {
  state.messages = [fromBot(controls(number)), ...state.messages.slice(1)];
};
const shows = (page: Page, words: string) => page.getByText(words).first().waitFor();
const active = (page: Page, property: string) => page.evaluate(`document.activeElement.${property}`);

describe('a menu whose list is open', () => {
  it.each([
    { label: 'More…', actionId: 'choose', value: 'one' },
    { label: 'More actions', actionId: 'more', value: 'resolve' },
  ])('stays open over two edits of its message: $label', async ({ label, actionId, value }) => {
    const { page, bench } = await start(withMessage);
    const menu = page.getByLabel(label);
    await menu.focus();
    await page.keyboard.press('Alt+ArrowDown');
    const isOpen = () => menu.evaluate((one) => one.matches(':open'));
    expect(await isOpen()).toBe(true);
    for (const number of [2, 3]) {
      bench.push(edit(number));
      await shows(page, `edit ${number}`);
      expect(await isOpen()).toBe(true);
    }
    await page.keyboard.press('ArrowDown');
    bench.push(edit(4));
    await shows(page, 'edit 4');
    expect(bench.acts).toEqual([]);
    await page.keyboard.press('Enter');
    expect((await acts(bench, 1))[0]).toMatchObject({ act: 'click', actionId, value });
    expect(await isOpen()).toBe(false);
  });

  it('is gone with its message, and asks for nothing', async () => {
    const { page, bench } = await start(withMessage);
    await page.getByLabel('More…').focus();
    await page.keyboard.press('Alt+ArrowDown');
    bench.push((state) => {
      state.messages = [];
    });
    await shows(page, 'A calm desk');
    await page.keyboard.press('Enter');
    expect(bench.acts).toEqual([]);
  });
});

describe('a confirm', () => {
  const button = (change: object): KnownBlock[] => [
    {
      type: 'actions',
      block_id: 'b1',
      elements: [
        {
          type: 'button',
          action_id: 'kill',
          text: plain('Kill…'),
          value: 'latch-1',
          style: 'danger',
          confirm,
          ...change,
        },
      ],
    },
  ];
  const other = { ...confirm, text: plain('Orders of another desk are cancelled.') };
  it.each<[string, KnownBlock[] | null]>([
    ['asks something else', button({ confirm: other })],
    ['asks nothing', button({ confirm: undefined })],
    ['has another name', button({ text: plain('Resume…') })],
    ['means something else', button({ value: 'latch-2' })],
    ['does something else', button({ action_id: 'resume' })],
    ['is gone with its message', null],
  ])('does not say yes for a button that now %s', async (_, blocks) => {
    const { page, bench } = await start((state) => {
      state.messages = [fromBot(button({})), fromBot([{ type: 'divider' }], '1764295002.000100')];
    });
    await page.getByRole('button', { name: 'Kill…' }).click();
    await shows(page, 'Every order is cancelled.');
    bench.push((state) => {
      state.messages = [
        ...(blocks === null ? [] : [fromBot(blocks)]),
        fromBot([{ type: 'header', text: plain('drawn again') }], '1764295002.000100'),
      ];
    });
    await page.getByRole('heading', { name: 'drawn again' }).waitFor({ state: 'attached' });
    // What was asked stands there still: an edit does not change a question under the reader's eyes.
    await shows(page, 'Every order is cancelled.');
    await page.getByRole('button', { name: 'Kill', exact: true }).click();
    await shows(page, 'changed while you were asked');
    expect(bench.acts).toEqual([]);
  });
});

describe('a thread', () => {
  it('that opens by itself begins with its headline; one that a person opens, with what is new in it', async () => {
    const { page, bench } = await start(undefined, { width: 1_280, height: 700 });
    await page.locator('#start-first').click();
    const long = fromBot(
      Array.from({ length: 60 }, (_, line) => ({ type: 'header', text: plain(`line ${line}`) })),
    );
    bench.push((state) => {
      state.messages = [{ ...long, replies: { count: 1, lastAt: long.at } }];
    });
    await page.locator('#region-thread').getByText('line 0', { exact: true }).waitFor();
    const box = page.locator('#thread-scroll');
    expect(await box.evaluate((one) => one.scrollTop)).toBe(0);
    await page.locator('#close-thread').click();
    await page.locator('.replies').click();
    await page.locator('#region-thread').getByText('line 0', { exact: true }).waitFor();
    const left = () => box.evaluate((one) => one.scrollHeight - one.scrollTop - one.clientHeight);
    await expect.poll(left).toBeLessThan(2);
  });
});

describe('half a sentence', () => {
  const half = '((box) => [box.value, box.selectionStart, box.selectionEnd])(document.activeElement)';

  it('in a modal stays, with its caret, while the message under it is edited and goes', async () => {
    const { page, bench } = await start((state) => {
      withMessage(state);
      state.modal = dialog('reason');
    });
    await page.getByLabel('Reason').fill('feed frozen');
    await page
      .getByLabel('Reason')
      .evaluate((one) =>
        (one as { setSelectionRange?(from: number, to: number): void }).setSelectionRange?.(2, 4),
      );
    await page.getByLabel('Day').fill('2026-11-28');
    await page.getByLabel('Reason').focus();
    for (const number of [2, 3]) {
      bench.push(edit(number));
      await page.getByRole('heading', { name: `edit ${number}` }).waitFor({ state: 'attached' });
      expect(await page.evaluate(half)).toEqual(['feed frozen', 2, 4]);
    }
    bench.push((state) => {
      state.messages = [];
    });
    await page.locator('#start-title').waitFor({ state: 'attached' });
    expect(await page.evaluate(half)).toEqual(['feed frozen', 2, 4]);
    await page.getByRole('button', { name: 'Cancel them' }).click();
    expect((await acts(bench, 1))[0]).toMatchObject({
      values: { reason: 'feed frozen', when: '2026-11-28' },
    });
  });

  it('in a reply stays, with its caret, while its thread grows', async () => {
    const { page, bench } = await start((state) => {
      withMessage(state);
      state.messages = state.messages.map((one) => ({ ...one, replies: { count: 1, lastAt: one.at } }));
    });
    await page.getByRole('button', { name: /1 reply/ }).click();
    await page.locator('#region-thread article').first().waitFor();
    await page.locator('#reply').fill('I am look');
    await page
      .locator('#reply')
      .evaluate((one) =>
        (one as { setSelectionRange?(from: number, to: number): void }).setSelectionRange?.(5, 5),
      );
    bench.push((state) => {
      edit(2)(state);
      state.thread = [...state.messages, fromBot([{ type: 'divider' }], '1764295003.000100')];
    });
    await expect.poll(() => page.locator('#region-thread article').count()).toBe(2);
    expect(await active(page, 'id')).toBe('reply');
    expect(await page.evaluate(half)).toEqual(['I am look', 5, 5]);
  });

  it('of an edit of one’s own stays what it edits when other messages come', async () => {
    const { page, bench } = await start((state) => {
      const own = fromBot(
        [{ type: 'section', text: { type: 'mrkdwn', text: 'The feed is up' } }],
        '1764295001.000100',
      );
      state.messages = [{ ...own, own: true, author: { id: 'U0ADA', name: 'Ada', isApp: false } }];
    });
    await page.getByRole('button', { name: 'Edit' }).click();
    await page.keyboard.type(' again');
    bench.push((state) => {
      state.messages = [fromBot(controls(1)), ...state.messages];
    });
    await shows(page, 'edit 1');
    await page.keyboard.press('Enter');
    expect((await acts(bench, 1))[0]).toMatchObject({
      act: 'edit',
      ts: '1764295001.000100',
      text: 'The feed is up again',
    });
  });
});
