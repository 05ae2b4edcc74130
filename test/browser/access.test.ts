/** The page for everybody: by keyboard, by ear, enlarged, without movement; and what its policy lets out: nothing. */

import type { KnownBlock } from '@slack/types';
import { describe, expect, it } from 'vitest';
import type { ConsoleState } from '../../src/rehearsal/console/state.ts';
import { CSP } from './bench.ts';
import { fromBot } from './calm.ts';
import { styleOf, violations } from './chromium.ts';
import { controls, dialog, heldPages, plain } from './held.ts';

const { start } = heldPages();

const withThread = (state: ConsoleState) => {
  state.messages = [fromBot(controls(1))].map((one) => ({ ...one, replies: { count: 2, lastAt: one.at } }));
};
const killed =
  (verdict: 'FLAT' | 'RESIDUAL' | 'UNKNOWN' | null, incidents = ['open']) =>
  (state: ConsoleState) => {
    withThread(state);
    state.messages = state.messages.map((one) => ({
      ...one,
      blocks: [...one.blocks, { type: 'header', text: plain('INC-1') }],
    }));
    state.status.trading = { state: 'killed', signals: 'running', holds: [], latch: null, engine: [] };
    state.status.lastKill = { incident: 'INC-1', at: '', verdict };
    state.status.incidents = incidents.map((one) => ({
      id: 'INC-1',
      severity: 'P0',
      state: one,
      title: 'Feed gap',
      alerts: 1,
      openedAt: '',
    }));
  };

const STATES: Record<string, (state: ConsoleState) => void> = {
  calm: () => undefined,
  'a story runs': (state) => {
    withThread(state);
    state.scenarios = state.scenarios.map((one) => ({
      ...one,
      state: 'running',
      progress: 0.4,
      told: [{ at: 0, text: 'The feed stops.' }],
    }));
  },
  'only for one person': (state) => {
    state.messages = [{ ...fromBot([]), ephemeral: true, text: 'Only `this`.' }];
  },
  'a kill runs': killed(null),
  RESIDUAL: killed('RESIDUAL'),
  UNKNOWN: killed('UNKNOWN'),
  'after it': killed('FLAT', []),
  'a fault is on': (state) => {
    state.faults = state.faults.map((one) => ({ ...one, on: one.kind === 'switch' }));
  },
  'the bot is dead': (state) => {
    state.status.bot = { ...state.status.bot, state: 'down', detail: 'It ended by SIGKILL.' };
    state.status.trading = null;
    state.criteria = [];
  },
  'a modal is open': (state) => {
    withThread(state);
    state.modal = dialog('reason', { reason: 'Too short.' });
  },
};

const home: KnownBlock[] = [{ type: 'header', text: plain('Trading runs') }, ...controls(3)];

describe.each([{ dark: false }, { dark: true }])('axe finds nothing, dark: $dark', ({ dark }) => {
  it.each(Object.entries(STATES))('%s', async (_, change) => {
    const { page } = await start(change, { dark });
    expect(await violations(page)).toEqual([]);
  });

  it('App Home, an open thread, a mail, a toast, the list of commands', async () => {
    const { page, bench } = await start(
      (state) => {
        withThread(state);
        state.home = {
          id: 'H1',
          choices: {},
          errors: {},
          depth: 1,
          view: { type: 'home', blocks: JSON.parse(JSON.stringify(home)) },
        };
        state.mailbox = state.mailbox.map((mail) => ({
          ...mail,
          html: '<p style="color: #111111">Feed gap.</p>',
        }));
      },
      { dark },
    );
    await page.getByRole('button', { name: /2 replies/ }).click();
    await page.locator('#region-thread article').first().waitFor();
    expect(await violations(page)).toEqual([]);
    await page.locator('#close-thread').click();
    await page.locator('#tab-people').click();
    await page.locator('.mail summary').first().click();
    await page.frameLocator('.mail iframe').getByText('Feed gap.').waitFor();
    expect(await violations(page)).toEqual([]);
    await page.locator('#composer').fill('/incident de');
    expect(await violations(page)).toEqual([]);
    bench.refuse(true);
    await page.locator('#composer').fill('hello');
    await page.keyboard.press('Enter');
    await page.getByText('The console does not answer').waitFor();
    expect(await violations(page)).toEqual([]);
    bench.refuse(false);
    await page.locator('#room-home').click();
    await page.getByRole('heading', { name: 'Trading runs' }).waitFor();
    expect(await violations(page)).toEqual([]);
  });
});

describe('what a page may do', () => {
  it('is said in its policy: nothing but its own files and its own events', async () => {
    const { page } = await start();
    const policy = (await page.reload())?.headers()['content-security-policy'] ?? '';
    expect(policy).toBe(CSP);
    expect(policy.split('; ')[0]).toBe("default-src 'none'");
    expect(policy).not.toMatch(/unsafe|\*|https?:|blob:/);
    expect(policy.match(/data:/g)).toEqual(['data:']);
  });

  it('holds for a mail that wants more: no script, no picture, no link and no form of it gets out', async () => {
    const { page, foreign, errors } = await start((state) => {
      state.mailbox = state.mailbox.map((mail) => ({
        ...mail,
        html: '<style>p{background:url(https://evil.example/s.png)}</style><p style="color: red; background: url(https://evil.example/b.png)">Read me</p><script>parent.hit = 1</script><svg onload="parent.hit = 1"></svg>',
      }));
    });
    await page.locator('#tab-people').click();
    await page.locator('.mail summary').first().click();
    const words = page.frameLocator('.mail iframe').getByText('Read me');
    await words.waitFor();
    await expect.poll(() => styleOf(words, 'color')).toBe('rgb(255, 0, 0)');
    expect(await page.evaluate('window.hit')).toBeUndefined();
    expect(foreign).toEqual([]);
    // Refused, each, and said so.
    expect(errors.splice(0).filter((one) => !one.includes('The action has been blocked'))).toEqual([]);
  });
});

describe('enlarged to 200 %, or on a phone', () => {
  it.each([
    { name: '1280 × 800 at 200 %', width: 640, height: 400 },
    { name: 'a phone', width: 390, height: 844 },
  ])('nothing is cut off at the side and everything can be pressed: $name', async ({ width, height }) => {
    const { page } = await start(killed('RESIDUAL'), { width, height });
    expect(await page.evaluate('document.documentElement.scrollWidth - innerWidth')).toBeLessThanOrEqual(0);
    for (const id of ['room-home', 'as-U0ADA', 'reset', 'show-receipt', 'composer', 'tab-faults']) {
      await page.locator(`#${id}`).scrollIntoViewIfNeeded();
      await page.locator(`#${id}`).click({ trial: true });
      const box = await page.locator(`#${id}`).boundingBox();
      expect(box?.width).toBeGreaterThan(20);
      expect((box?.x ?? 0) + (box?.width ?? 0)).toBeLessThanOrEqual(width);
    }
    expect(await violations(page)).toEqual([]);
  });
});

it('moves nothing for who wants nothing to move', async () => {
  const { page } = await start();
  await page.locator('#tab-faults').click();
  const moves = () => styleOf(page.locator('.knob').first(), 'transitionDuration');
  expect(await moves()).toBe('0s');
  await page.emulateMedia({ reducedMotion: 'no-preference' });
  expect(await moves()).not.toBe('0s');
});
