/** The page as `npm start` serves it, on the real bot: a whole incident by mouse, and what the switches do. Needs `dist`. */

import { resolve } from 'node:path';
import type { Browser, Locator, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startChromium, styleOf, type Visit, violations, visit } from './chromium.ts';
import { type Desk, startDesk } from './desk.ts';
import { type Walk, walk } from './walk.ts';

let browser: Browser;
let desk: Desk;
let seen: Visit;
let page: Page;
let me: Walk;

beforeAll(async () => {
  browser = await startChromium();
});
afterAll(() => browser.close());
beforeEach(async () => {
  desk = await startDesk();
  seen = await visit(browser, desk.url);
  page = seen.page;
  me = walk(page);
  page.setDefaultTimeout(30_000);
  await page.locator('.bot-up').waitFor();
  await page.locator('#start-first').waitFor();
});
afterEach(async () => {
  await seen.context.close();
  await desk.stop();
  // Whatever the test is about: no request left the machine, nothing was thrown, nothing refused by the policy.
  const wrong = [...seen.foreign, ...seen.errors];
  if (wrong.length > 0) throw new Error(wrong.join('\n'));
});

/** For the README, when it is asked for: `CONSOLE_PICTURES=1 npm run test:browser`. */
async function picture(name: string, shown?: Locator): Promise<void> {
  if (process.env['CONSOLE_PICTURES'] === undefined) return;
  // On top of its pane.
  await shown?.evaluate((one) => one.scrollIntoView({ block: 'start' }));
  // Away from everything that looks different under the mouse.
  await page.mouse.move(700, 12);
  for (const scheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme: scheme });
    await page.screenshot({ path: resolve(import.meta.dirname, `../../docs/${name}-${scheme}.png`) });
  }
  await page.emulateMedia({ colorScheme: 'light' });
}

describe('an incident by mouse', () => {
  it('from the start to a postmortem in review', { timeout: 240_000 }, async () => {
    await picture('console-calm');
    await page.locator('#start-first').click();
    await me.shows(me.thread, /Runbook: SLO-03/);
    const head = me.headline('ExchangeOrderStuck');
    // Which of them is which is heard, too.
    const kills = (place: typeof head) => place.getByRole('button', { name: /^Kill…, / });
    await expect.poll(() => kills(head).count()).toBe(1);
    await page
      .getByRole('button', { name: /^Kill…, on the headline of INC-\d{8}-\d{3}$/ })
      .first()
      .waitFor();
    await me.thread.getByRole('button', { name: /^Kill…, under the runbook of INC-\d{8}-\d{3}$/ }).waitFor();
    await me.press(head, 'Acknowledge');
    await page.locator('#tab-people').click();
    await page.locator('.pager.acknowledged').first().waitFor();
    await page.locator('#reply').fill('Orders hang since the deploy. I am stopping it.');
    await me.press(page.locator('#reply-form'), 'Send');
    await me.shows(me.thread, 'Orders hang since the deploy');

    await me.as('Mallory');
    await me.press(head, 'Kill…');
    await me.confirm();
    const refusal = me.channel.locator('.ephemeral', { hasText: /No change|not|only/i });
    await refusal.first().waitFor();
    await me.as('Ada');
    await expect.poll(() => refusal.count()).toBe(0);
    expect(desk.console.stage().binance.openOrders()).not.toEqual([]);

    await me.press(head, 'Kill…');
    await page.locator('#confirm-no').click();
    await page.locator('#tab-desk').click();
    expect(desk.console.stage().binance.openOrders()).not.toEqual([]);
    await me.press(head, 'Kill…');
    await me.confirm();
    await me.verdict('RESIDUAL');
    await me.shows(page.locator('.control-line.changed'), 'KILL_SWITCH=1');
    await me.shows(page.locator('#next'), /Something is left/);
    await page.locator('#show-receipt').click();
    await expect
      .poll(() => page.evaluate('(document.activeElement.closest("article") ?? {}).textContent'))
      .toMatch(/VERDICT/);
    expect(await violations(page)).toEqual([]);

    await picture('console', me.receipt);
    await me.press(me.thread, 'Flatten…');
    await me.submit();
    await me.verdict('FLAT');

    await me.press(head, 'Resolve…');
    await expect
      .poll(async () =>
        (await page.locator('#toast').isVisible())
          ? page.locator('#toast').textContent()
          : page.locator('#modal form').count(),
      )
      .toBe(1);
    await me.submit();
    await me.shows(page.locator('#modal'), 'Please fill this in.');
    expect(await violations(page)).toEqual([]);
    await me
      .field('summary')
      .fill('The router stopped answering after a deploy. Killed, flattened, rolled back.');
    await me.field('rootCause').fill('A deploy without a canary.');
    await me.field('category').selectOption('system');
    await me.submit();
    await me.shows(me.thread, /Postmortem draft/);

    await me.press(me.thread, 'Edit…');
    for (const id of [
      'money',
      'user',
      'system',
      'data',
      'immediate',
      'contributing',
      'wentWell',
      'wentBadly',
      'lessons',
      'author',
    ])
      await me.field(id).fill('As written in the thread.');
    await me.submit();
    await me.shows(me.thread, /After the incident/);
    await me.press(me.thread, 'Put into review');
    await me.shows(me.thread, /is in review/);
    await picture('console-postmortem');
    expect(await violations(page)).toEqual([]);
    await me.shows(page.locator('#next'), /Then \/resume, which two other people approve/);
    const mails = page.locator('.mail');
    await me.look('people');
    await mails.first().locator('summary').first().click();
    const mail = mails.first().frameLocator('iframe');
    await mail.getByText('DRILL. Nothing of this is real.').waitFor();
    await expect.poll(() => styleOf(mail.locator('.drill'), 'backgroundColor')).toBe('rgb(255, 243, 205)');
  });

  it('App Home is each person’s own', async () => {
    await page.locator('#room-home').click();
    await me.shows(page.locator('#region-home'), /Trading/);
    expect(await violations(page)).toEqual([]);
  });
});

describe('what is broken', () => {
  it('an exchange that lies: the kill does not believe it', async () => {
    await me.turn('venue.lies', true);
    await me.say('/kill feed frozen');
    await me.verdict('RESIDUAL');
    await me.shows(me.thread, /RESIDUAL/);
    await me.shows(me.receipt, /RESIDUAL/);
    await picture('console-lies', me.receipt);
    expect(desk.console.stage().binance.openOrders()).not.toEqual([]);
  });

  it('an exchange that hangs: the verdict is UNKNOWN, and says why', async () => {
    await me.turn('venue.hangs', true);
    await me.say('/kill feed frozen');
    await me.verdict('UNKNOWN');
    await me.shows(me.thread, /UNKNOWN/);
  });

  it('every switch can be turned on and off again', { timeout: 240_000 }, async () => {
    await page.locator('#tab-faults').click();
    const ids = await page
      // What would do nothing here says so, and cannot be pressed.
      .locator('[role="switch"]:enabled')
      .evaluateAll((all) => all.map((one) => one.getAttribute('data-fault') ?? ''));
    expect(ids.length).toBeGreaterThan(15);
    for (const id of ids) {
      await me.turn(id, true);
      await me.shows(page.locator('.panel .lead'), '1 broken now.');
      await page.locator(`[id="fault-${id}"]`).click();
      await page.locator(`[id="fault-${id}"][aria-checked="false"]`).waitFor();
    }
    expect(await violations(page)).toEqual([]);
  });

  it('a bot that was killed: the page says so, loses nothing that was typed, and starts it', async () => {
    await page.locator('#tab-faults').click();
    await page.locator('[id="fault-bot.kill9"]').click();
    await page.locator('.bot-down').waitFor();
    await page.locator('#composer').fill('/incident status');
    await page.keyboard.press('Enter');
    await me.shows(page.locator('#toast'), /down/);
    expect(await page.locator('#composer').inputValue()).toBe('/incident status');
    expect(await violations(page)).toEqual([]);
    await page.locator('#bot-start').click();
    await page.locator('.bot-up').waitFor();
    await me.say('/kill feed frozen');
    await me.verdict('RESIDUAL');
  });

  it('a bot killed and a network cut in the middle of a story: nothing is lost, nothing is there twice', async () => {
    await page.locator('#start-first').click();
    await me.headline('ExchangeOrderStuck').waitFor();
    await me.look('faults');
    await page.locator('[id="fault-bot.kill9"]').click();
    await page.locator('.bot-down').waitFor();
    await seen.context.setOffline(true);
    await page.locator('#composer').fill('half a sentence');
    // A stream that is open stays so: it ends when the page asks anew.
    await me.as('Grace');
    await me.shows(page.locator('#connection[data-state="lost"]'), 'reconnecting…');
    await seen.context.setOffline(false);
    await page.locator('#connection[data-state="live"]').waitFor();
    expect(await page.locator('#composer').inputValue()).toBe('half a sentence');
    await me.as('Ada');
    await page.locator('#bot-start').click();
    await page.locator('.bot-up').waitFor();
    await me.press(me.headline('ExchangeOrderStuck'), 'Kill…');
    await me.confirm();
    await me.verdict('RESIDUAL');
    await page.locator('#show-receipt').click();
    await me.shows(me.thread, /Runbook: SLO-03/);
    expect(await page.locator('#region-messages article:not(.ephemeral)').count()).toBe(1);
    for (const words of [/Runbook: SLO-03/, /VERDICT/])
      expect(await me.thread.locator('article', { hasText: words }).count()).toBe(1);
  });

  it('a console that was started anew: the page finds it again, calm', async () => {
    const { port } = new URL(desk.url);
    await page.locator('#composer').fill('half a sentence');
    await desk.stop();
    await page.locator('.connection[data-state="lost"]').waitFor();
    desk = await startDesk(Number(port));
    await page.locator('.connection[data-state="live"]').waitFor();
    await page.locator('.bot-up').waitFor();
    expect(await page.locator('#composer').inputValue()).toBe('half a sentence');
  });
});

it('a kill by keyboard alone', async () => {
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  await page.keyboard.type('/kill by hand');
  await page.keyboard.press('Enter');
  await me.verdict('RESIDUAL');
  await expect.poll(() => page.locator('#alarm').textContent()).toMatch(/RESIDUAL/);
});

it('a whole incident by keyboard alone, from the first Tab to the postmortem in review', {
  timeout: 240_000,
}, async () => {
  /** Tab until the focus is where this is true of `one`: whoever sees no mouse finds it so. */
  const tabTo = async (wanted: string) => {
    for (let tabs = 0; tabs < 250; tabs += 1) {
      if (await page.evaluate(`((one) => ${wanted})(document.activeElement)`)) return;
      await page.keyboard.press('Tab');
    }
    throw new Error(`no Tab comes to ${wanted}`);
  };
  const button = (words: string, region: string) =>
    `one.textContent === ${JSON.stringify(words)} && one.closest('#region-${region}') !== null`;
  const enter = async (wanted: string) => {
    await tabTo(wanted);
    await page.keyboard.press('Enter');
  };
  /** Every field of the modal gets words, every menu its first choice, and it is sent. */
  const fill = async (words: string) => {
    await page.locator('#modal form').waitFor();
    await page.locator('#modal :focus').waitFor();
    while (!(await page.evaluate("document.activeElement.type === 'submit'"))) {
      const kind = await page.evaluate('`${document.activeElement.tagName} ${document.activeElement.type}`');
      if (kind === 'TEXTAREA textarea' || kind === 'INPUT text') await page.keyboard.type(words);
      if (kind === 'SELECT select-one') await page.keyboard.press('ArrowDown');
      await page.keyboard.press('Tab');
    }
    await page.keyboard.press('Enter');
    await page.locator('#modal form').waitFor({ state: 'detached' });
  };

  await enter("one.id === 'start-first'");
  await me.shows(me.thread, /Runbook: SLO-03/);
  await enter(button('Acknowledge', 'messages'));
  // The headline that says so is another one: a yes to a button of the old one is asked for again.
  await page.locator('#region-messages', { hasText: 'in time: acknowledge' }).waitFor();
  await enter(button('Kill…', 'messages'));
  await enter("one.id === 'confirm-yes'");
  await me.verdict('RESIDUAL');
  await enter("one.id === 'show-receipt'");
  await enter(button('Flatten…', 'thread'));
  await fill('');
  await me.verdict('FLAT');
  await enter(button('Resolve…', 'messages'));
  await fill('A deploy without a canary.');
  await me.shows(me.thread, /Postmortem draft/);
  await enter(button('Edit…', 'thread'));
  await fill('As written in the thread.');
  await enter(button('Put into review', 'thread'));
  await me.shows(me.thread, /is in review/);
});
