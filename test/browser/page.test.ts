/** The page and its script, with a state that the test holds. What the bot does in it is in incident.test.ts. */

import type { KnownBlock } from '@slack/types';
import type { Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import type { ConsoleState } from '../../src/rehearsal/console/state.ts';
import { fromBot } from './calm.ts';
import { violations } from './chromium.ts';
import { confirm, controls, dialog, heldPages, plain } from './held.ts';

const { start, acts } = heldPages();

const withMessage = (state: ConsoleState) => {
  state.messages = [fromBot(controls(1))];
};
const edit = (number: number) => (state: ConsoleState) => {
  state.messages = [fromBot(controls(number)), ...state.messages.slice(1)];
};
const shows = (page: Page, words: string) => page.getByText(words).first().waitFor();

describe('a control', () => {
  it('asks first when the bot wants it: a no does nothing, a yes holds through an edit', async () => {
    const { page, bench } = await start(withMessage);
    await page.getByRole('button', { name: 'Kill…' }).click();
    await shows(page, 'Every order is cancelled.');
    await page.getByRole('button', { name: 'Back' }).click();
    await page.getByRole('button', { name: 'Kill…' }).click();
    await page.keyboard.press('Escape');
    expect(bench.acts).toEqual([]);
    await page.getByRole('button', { name: 'Kill…' }).click();
    bench.push(edit(2));
    await shows(page, 'edit 2');
    await page.getByRole('button', { name: 'Kill', exact: true }).click();
    expect(await acts(bench, 1)).toEqual([
      {
        act: 'click',
        as: 'U0ADA',
        channel: 'C0INCIDENTS',
        ts: '1764295000.000100',
        actionId: 'kill',
      },
    ]);
  });

  it('keeps the focus while its message is edited, and a choice goes to the bot at once', async () => {
    const { page, bench } = await start(withMessage);
    const menu = page.getByLabel('More…');
    await menu.focus();
    for (const number of [2, 3]) {
      bench.push(edit(number));
      await shows(page, `edit ${number}`);
      expect(await page.evaluate('document.activeElement.dataset.action')).toBe('choose');
    }
    await menu.selectOption('two');
    const [sent] = await acts(bench, 1);
    expect(sent).toMatchObject({ act: 'click', actionId: 'choose', value: 'two' });
    await page.getByLabel('More actions').selectOption('resolve');
    expect((await acts(bench, 2))[1]).toMatchObject({ actionId: 'more', value: 'resolve' });
  });
});

describe('what a person types', () => {
  it('stays, with its caret, while messages come and are edited', async () => {
    const { page, bench } = await start(withMessage);
    await page.locator('#composer').fill('half a sentence');
    await page.evaluate('document.getElementById("composer").setSelectionRange(2, 6)');
    bench.push((state) => {
      edit(2)(state);
      state.messages.push(fromBot([{ type: 'divider' }], '1764295001.000100'));
    });
    await shows(page, 'edit 2');
    const caret = await page.evaluate(
      '((box) => [document.activeElement === box, box.value, box.selectionStart, box.selectionEnd])(document.getElementById("composer"))',
    );
    expect(caret).toEqual([true, 'half a sentence', 2, 6]);
    await page.keyboard.press('End');
    await page.keyboard.press('Enter');
    const [sent] = await acts(bench, 1);
    expect(sent).toEqual({ act: 'say', as: 'U0ADA', channel: 'C0INCIDENTS', text: 'half a sentence' });
  });

  it('in a modal stays through its errors, and is gone when the bot gives the block a new id', async () => {
    const { page, bench } = await start((state) => {
      state.modal = dialog('reason');
    });
    const reason = page.getByLabel('Reason');
    expect(await reason.evaluate((one) => one === one.ownerDocument.activeElement)).toBe(true);
    await reason.fill('feed frozen');
    bench.push((state) => {
      state.modal = dialog('reason', { reason: 'Too short.', gone: 'The incident is closed.' });
    });
    await shows(page, 'Too short.');
    await shows(page, 'The incident is closed.');
    expect(await reason.inputValue()).toBe('feed frozen');
    await page.getByRole('button', { name: 'Cancel them' }).click();
    expect((await acts(bench, 1))[0]).toEqual({
      act: 'submit',
      as: 'U0ADA',
      viewId: 'V1',
      values: { reason: 'feed frozen', when: null },
    });
    bench.push((state) => {
      state.modal = dialog('another');
    });
    await expect.poll(() => reason.inputValue()).toBe('');
    await page.keyboard.press('Escape');
    expect((await acts(bench, 2))[1]).toEqual({ act: 'dismiss', as: 'U0ADA', viewId: 'V1' });
    bench.push((state) => {
      state.modal = null;
    });
    await expect.poll(() => page.locator('#modal').evaluate((one) => one.hasAttribute('open'))).toBe(false);
  });

  it('is completed by the keyboard alone', async () => {
    const { page, bench } = await start();
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    expect(await page.evaluate('document.activeElement.id')).toBe('composer');
    await page.keyboard.type('/incident de');
    await shows(page, 'open an incident');
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    expect(await page.locator('#composer').inputValue()).toBe('/incident declare P1 ');
    await page.locator('#composer').fill('');
    await page.keyboard.type('/kill feed frozen');
    await page.keyboard.press('Enter');
    expect((await acts(bench, 1))[0]).toMatchObject({ act: 'say', text: '/kill feed frozen' });
  });
});

describe('the page', () => {
  it('says that the connection is lost, and is whole again afterwards', async () => {
    const { page, bench } = await start(withMessage);
    await page.evaluate(`
      window.seen = [];
      new MutationObserver(() => window.seen.push(document.getElementById('connection').textContent))
        .observe(document.getElementById('connection'), { childList: true });`);
    bench.drop();
    await expect.poll(() => page.evaluate('window.seen')).toEqual(['reconnecting…', 'live']);
    bench.push(edit(7));
    await shows(page, 'edit 7');
  });

  it('stays where a person scrolled to, and follows only from the end', async () => {
    const many = (count: number) => (state: ConsoleState) => {
      state.messages = Array.from({ length: count }, (_, index) =>
        fromBot([{ type: 'header', text: plain(`message ${index}`) }], `1764295000.${100_000 + index}`),
      );
    };
    const { page, bench } = await start(many(60));
    const box = page.locator('#messages-scroll');
    const end = () => box.evaluate((one) => one.scrollHeight - one.scrollTop - one.clientHeight);
    await expect.poll(end).toBeLessThan(2);
    bench.push(many(61));
    await shows(page, 'message 60');
    await expect.poll(end).toBeLessThan(2);
    await box.evaluate((one) => {
      one.scrollTop = 300;
    });
    bench.push(many(62));
    await page.getByRole('heading', { name: 'message 61' }).waitFor({ state: 'attached' });
    expect(await box.evaluate((one) => one.scrollTop)).toBe(300);
    expect(await page.locator('#news').textContent()).toContain('message 61');
  });

  it('says a verdict at once to who does not see it', async () => {
    const { page, bench } = await start();
    bench.push((state) => {
      state.status.lastKill = { incident: 'INC-1', at: '', verdict: 'RESIDUAL' };
    });
    await expect.poll(() => page.locator('#alarm').textContent()).toBe('last kill: RESIDUAL');
  });

  it('shows hostile words as words, and asks nobody but this machine', async () => {
    const evil =
      '<img src=x onerror="window.hit=1"><script>window.hit=1</script>"><svg onload=window.hit=1> <https://evil.example/x|click> <javascript:window.hit=1|js>';
    const { page, foreign, errors } = await start((state) => {
      const blocks: KnownBlock[] = [
        { type: 'header', text: plain(evil) },
        { type: 'section', text: { type: 'mrkdwn', text: evil } },
        { type: 'image', image_url: 'https://evil.example/x.png', alt_text: evil },
        {
          type: 'actions',
          block_id: evil,
          elements: [{ type: 'button', action_id: evil, text: plain(evil), confirm }],
        },
      ];
      state.messages = [{ ...fromBot(blocks), author: { id: evil, name: evil, isApp: false } }];
      state.pagerduty.pages = state.pagerduty.pages.map((one) => ({ ...one, title: evil }));
      state.mailbox = state.mailbox.map((mail) => ({ ...mail, subject: evil, text: evil, html: evil }));
      state.control.lines = [{ text: evil, key: evil, value: evil, changed: true }];
      state.status.bot.detail = evil;
    });
    await page.locator('#tab-people').click();
    await shows(page, 'click');
    expect(await page.evaluate('window.hit')).toBeUndefined();
    expect(await page.locator('a[href^="javascript"]').count()).toBe(0);
    expect(foreign).toEqual([]);
    expect(errors).toEqual([]);
  });

  it.each([{ dark: false }, { dark: true }])('is clean for axe, dark: $dark', async ({ dark }) => {
    const { page, bench, errors } = await start(undefined, { dark });
    expect(await violations(page)).toEqual([]);
    bench.push((state) => {
      state.messages = [
        { ...fromBot(controls(1)), reactions: [{ name: 'star', users: ['U0ADA'], own: true }], pinned: true },
        {
          ...fromBot([], '1764295001.000100'),
          ephemeral: true,
          text: 'Only `this`. <https://a.example|link>',
        },
      ];
      state.status.bot.state = 'down';
      state.status.lastKill = { incident: 'INC-1', at: '', verdict: 'UNKNOWN' };
      state.status.trading = {
        state: 'killed',
        signals: 'paused',
        holds: [],
        latch: null,
        engine: [],
      };
      state.criteria = state.criteria.map((one) => ({ ...one, state: 'tripped' }));
      state.faults = state.faults.map((one) => ({ ...one, on: one.kind === 'switch' }));
      state.scenarios = state.scenarios.map((one) => ({ ...one, state: 'running', progress: 0.5 }));
    });
    await shows(page, 'Only visible to you');
    expect(await violations(page)).toEqual([]);
    for (const tab of ['people', 'faults']) {
      await page.locator(`#tab-${tab}`).click();
      expect(await violations(page)).toEqual([]);
    }
    await page.getByRole('button', { name: 'Kill…' }).click();
    expect(await violations(page)).toEqual([]);
    await page.keyboard.press('Escape');
    bench.push((state) => {
      state.modal = dialog('reason', { reason: 'Too short.' });
    });
    await shows(page, 'Too short.');
    expect(await violations(page)).toEqual([]);
    expect(errors).toEqual([]);
  });
});
