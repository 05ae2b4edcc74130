/** What a person does on the page with mouse and keyboard, and what is read there. */

import type { Locator, Page } from 'playwright-core';

export interface Walk {
  readonly page: Page;
  readonly channel: Locator;
  readonly thread: Locator;
  readonly status: Locator;
  /** The newest receipt of a kill. */
  readonly receipt: Locator;
  headline(words: string): Locator;
  as(name: string): Promise<void>;
  /** Written into the channel: a slash command when it begins with one. */
  say(words: string): Promise<void>;
  press(place: Locator, label: string): Promise<void>;
  confirm(): Promise<void>;
  shows(place: Locator, words: string | RegExp): Promise<void>;
  /** A modal's field, by the id that the bot gave it. */
  field(id: string): Locator;
  submit(): Promise<void>;
  verdict(word: string): Promise<void>;
  /** One of the tabs on the right. */
  look(tab: 'desk' | 'people' | 'faults'): Promise<Locator>;
  turn(fault: string, on: boolean): Promise<void>;
}

/** By its label, whatever is said of where it belongs. */
const called = (label: string): RegExp =>
  new RegExp(`^${label.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}(, |$)`);

export function walk(page: Page): Walk {
  const thread = page.locator('#region-thread');
  return {
    page,
    channel: page.locator('#region-messages'),
    thread,
    status: page.locator('#region-status'),
    receipt: thread.locator('article', { hasText: /VERDICT/ }).last(),
    headline: (words) => page.locator('#region-messages article', { hasText: words }).first(),
    as: (name) => page.locator('.person', { hasText: name }).click(),
    async say(words) {
      await page.locator('#composer').fill(words);
      await page.keyboard.press('Enter');
    },
    press: (place, label) =>
      place
        .getByRole('button', { name: called(label) })
        .last()
        .click(),
    confirm: () => page.locator('#confirm-yes').click(),
    shows: (place, words) => place.getByText(words).last().waitFor(),
    field: (id) => page.locator(`#modal [data-action="${id}"], #modal [data-block="${id}"]`).first(),
    submit: () => page.locator('#modal button[type=submit]').click(),
    verdict: (word) => page.locator(`.verdict-${word}`).waitFor({ timeout: 45_000 }),
    async look(tab) {
      await page.locator(`#tab-${tab}`).click();
      return page.locator(`#panel-${tab}`);
    },
    async turn(fault, on) {
      await page.locator('#tab-faults').click();
      const one = page.locator(`[id="fault-${fault}"]`);
      if ((await one.getAttribute('aria-checked')) === String(on))
        throw new Error(`${fault} is there already`);
      await one.click();
      await page.locator(`[id="fault-${fault}"][aria-checked="${on}"]`).waitFor();
    },
  };
}
