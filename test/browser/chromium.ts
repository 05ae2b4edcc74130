/** Debian's Chromium, driven by playwright-core, which brings no browser of its own. */

import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { type Browser, type BrowserContext, chromium, type Locator, type Page } from 'playwright-core';

const EXECUTABLE = process.env['CHROMIUM'] ?? '/usr/bin/chromium';
const AXE = createRequire(import.meta.url).resolve('axe-core');

/** Start it. The first start on a machine can take half a minute. */
export function startChromium(): Promise<Browser> {
  if (!existsSync(EXECUTABLE))
    throw new Error(
      `There is no ${EXECUTABLE}: these tests need Debian's packages chromium and fonts-noto-color-emoji ("bash .ci/run" fetches them), or CHROMIUM=/path/to/it.`,
    );
  return chromium.launch({ executablePath: EXECUTABLE, args: ['--no-sandbox'], timeout: 90_000 });
}

export interface Visit {
  readonly page: Page;
  readonly context: BrowserContext;
  /** Requests for anything but the page's own origin: none was let through. */
  readonly foreign: string[];
  /** What the page threw, and what its policy refused. */
  readonly errors: string[];
}

/** Open the page, in a profile of its own. */
export async function visit(
  browser: Browser,
  url: string,
  options: { dark?: boolean; width?: number; height?: number; density?: number; fakeTime?: boolean } = {},
): Promise<Visit> {
  const context = await browser.newContext({
    colorScheme: options.dark === true ? 'dark' : 'light',
    viewport: { width: options.width ?? 1_440, height: options.height ?? 1_000 },
    deviceScaleFactor: options.density ?? 1,
    reducedMotion: 'reduce',
  });
  const foreign: string[] = [];
  const errors: string[] = [];
  await context.route('**/*', (route) => {
    const asked = route.request().url();
    if (asked.startsWith(url) || asked.startsWith('data:')) return route.continue();
    foreign.push(asked);
    return route.abort();
  });
  const page = await context.newPage();
  // The test can move its timers on.
  if (options.fakeTime === true) await page.clock.install();
  page.on('pageerror', (error) => errors.push(error.message));
  page.on('console', (line) => {
    if (line.type() === 'error' && /Content Security Policy|Refused/.test(line.text()))
      errors.push(line.text());
  });
  await page.goto(url);
  return { page, context, foreign, errors };
}

interface Violation {
  id: string;
  nodes: { target: string[]; failureSummary?: string }[];
}

/** What axe finds wrong now, one line a rule and place. */
export async function violations(page: Page): Promise<string[]> {
  await page.evaluate(await readFile(AXE, 'utf8'));
  const found = await page.evaluate<Violation[]>(
    '(async () => (await axe.run(document, { resultTypes: ["violations"] })).violations)()',
  );
  return found.flatMap(({ id, nodes }) =>
    nodes.map((node) => `${id}: ${node.target.join(' ')} ${node.failureSummary ?? ''}`),
  );
}

/** How the browser draws it, such as `color`: 'rgb(255, 0, 0)'. */
export const styleOf = (place: Locator, property: string): Promise<string> =>
  place.evaluate(
    (one, name) => String(Reflect.get(Reflect.get(globalThis, 'getComputedStyle')(one), name)),
    property,
  );
