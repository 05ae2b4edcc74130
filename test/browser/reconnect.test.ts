/** A stream that breaks, and a bot and a console that begin anew, while somebody is busy on the page. */

import type { Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import type { ConsoleState } from '../../src/rehearsal/console/state.ts';
import { fromBot } from './calm.ts';
import { heldPages, plain } from './held.ts';

const { start, acts } = heldPages();

const many = (count: number) => (state: ConsoleState) => {
  state.messages = Array.from({ length: count }, (_, index) =>
    fromBot([{ type: 'header', text: plain(`message ${index}`) }], `1764295000.${100_000 + index}`),
  );
};
const headings = (page: Page) => page.locator('#region-messages h3').allInnerTexts();
const named = (count: number) => Array.from({ length: count }, (_, index) => `message ${index}`);

/** Every text that the element had from now on. */
const watch = (page: Page, id: string) =>
  page.evaluate(`
    window.said ??= {};
    window.said[${JSON.stringify(id)}] = [];
    new MutationObserver(() => window.said[${JSON.stringify(id)}].push(document.getElementById(${JSON.stringify(id)}).textContent))
      .observe(document.getElementById(${JSON.stringify(id)}), { childList: true });`);
const said = (page: Page, id: string) => page.evaluate(`window.said[${JSON.stringify(id)}]`);

describe('a stream that breaks in the middle of a story', () => {
  it('loses no message and doubles none, however often it breaks, and says so', async () => {
    const { page, bench } = await start(many(3));
    await watch(page, 'connection');
    for (const count of [4, 5, 6]) {
      // What comes before the break, in it and after it.
      bench.push(many(count));
      bench.drop();
      many(count + 3)(bench.state);
      await expect.poll(() => headings(page)).toEqual(named(count + 3));
    }
    expect(await said(page, 'connection')).toEqual([
      'reconnecting…',
      'live',
      'reconnecting…',
      'live',
      'reconnecting…',
      'live',
    ]);
  });

  it('keeps the focus, half a sentence, the open thread and the place that a person scrolled to', async () => {
    const { page, bench } = await start(
      (state) => {
        many(60)(state);
        state.messages = state.messages.map((one) => ({ ...one, replies: { count: 1, lastAt: one.at } }));
      },
      { width: 1_600 },
    );
    await page.locator('.replies').last().click();
    await page.locator('#region-thread article').first().waitFor();
    const box = page.locator('#messages-scroll');
    await box.evaluate((one) => {
      one.scrollTop = 300;
    });
    await page.locator('#reply').fill('half a sen');
    await watch(page, 'connection');
    bench.drop();
    await expect.poll(() => said(page, 'connection')).toEqual(['reconnecting…', 'live']);
    expect(await page.evaluate('[document.activeElement.id, document.activeElement.value]')).toEqual([
      'reply',
      'half a sen',
    ]);
    expect(await box.evaluate((one) => one.scrollTop)).toBe(300);
    expect(await page.locator('#region-thread article').count()).toBe(1);
  });

  it('tells who does not see the page what came meanwhile, once, and the verdict at once', async () => {
    const { page, bench } = await start(many(3));
    await watch(page, 'news');
    await watch(page, 'alarm');
    bench.drop();
    many(4)(bench.state);
    bench.state.status.lastKill = { incident: 'INC-1', at: '', verdict: 'RESIDUAL' };
    await page.getByRole('heading', { name: 'message 3' }).waitFor();
    await expect.poll(() => said(page, 'news')).toEqual([expect.stringMatching(/message 3$/)]);
    expect(await said(page, 'alarm')).toEqual(['last kill: RESIDUAL']);
  });

  it('loses nothing that was sent while the console was away', async () => {
    const { page, bench } = await start(many(1));
    await page.locator('#composer').fill('/kill feed frozen');
    bench.refuse(true);
    await page.keyboard.press('Enter');
    await page.getByText('The console does not answer').waitFor();
    expect(await page.locator('#composer').inputValue()).toBe('/kill feed frozen');
    bench.refuse(false);
    await page.keyboard.press('Enter');
    expect(await acts(bench, 1)).toMatchObject([{ act: 'say', text: '/kill feed frozen' }]);
  });
});

it('a console that is silent is not called live, and an act that waits for it says so', async () => {
  const { page, bench } = await start(many(1), { fakeTime: true });
  const lamp = page.locator('#connection');
  bench.stall(true);
  await page.locator('#composer').fill('/kill feed frozen');
  await page.keyboard.press('Enter');
  await page.clock.runFor(15_000);
  await page.getByText('No answer yet').waitFor();
  expect(await lamp.textContent()).toBe('live');
  await page.clock.runFor(15_000);
  expect(await lamp.textContent()).toBe('reconnecting…');
  bench.stall(false);
  bench.push(many(2));
  await page.clock.runFor(26_000);
  await page.getByRole('heading', { name: 'message 1' }).waitFor();
  expect(await lamp.textContent()).toBe('live');
});

it('a tab that nobody sees holds no connection, and is whole as soon as somebody looks', async () => {
  const { page, bench } = await start(many(1));
  const look = (isHidden: boolean) =>
    page.evaluate(
      `Object.defineProperty(document, 'hidden', { configurable: true, value: ${isHidden} });
       document.dispatchEvent(new Event('visibilitychange'))`,
    );
  await look(true);
  await expect.poll(() => bench.listening()).toBe(0);
  expect(await page.locator('#connection').textContent()).toBe('reconnecting…');
  many(3)(bench.state);
  await look(false);
  await expect.poll(() => headings(page)).toEqual(named(3));
  expect(await page.locator('#connection').textContent()).toBe('live');
});
