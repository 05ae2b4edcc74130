/** The rehearsal as `npm start` has it: the page's server in front, the real bot as a process behind it. Needs `npm run build`. */

import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { RehearsalConfig } from '../../src/config.ts';
import type { Looking } from '../../src/rehearsal/console/state.ts';
import { CHANNEL } from '../../src/rehearsal/stage.ts';
import { startConsole } from '../../src/rehearse.ts';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** As it starts, but that a story's longer waits are cut: what it waits for is what the bot does. */
export async function openRehearsal(folder: string, port = 0) {
  const config: RehearsalConfig = {
    mode: 'rehearsal',
    dataDir: join(folder, 'data', 'rehearsal'),
    controlFile: '',
    playbookFile: join(ROOT, 'templates', 'playbook.yml'),
    warnings: [],
    host: '127.0.0.1',
    port,
    logLevel: 'silent',
  };
  const started = await startConsole(config, {
    botModule: join(ROOT, 'dist', 'rehearsalBot.js'),
    wait: (ms, signal) => delay(Math.min(ms, 500), undefined, { signal }),
  });
  const { console: page, token } = started;
  const looking: Looking = {
    as: { id: 'U0ADA', name: 'Ada', role: '', pagerDuty: null },
    channel: CHANNEL,
    thread: null,
    tab: 'messages',
  };
  return {
    ...started,
    state: (over: Partial<Looking> = {}) => page.stateFor({ ...looking, ...over }),
    get: async (path: string) => {
      const response = await fetch(`${page.url}${path}`, { headers: { authorization: `Bearer ${token}` } });
      return { status: response.status, json: (await response.json()) as Record<string, unknown> };
    },
    async act(act: object) {
      const response = await fetch(`${page.url}/console/act`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', origin: page.url },
        body: JSON.stringify(act),
      });
      return (await response.json()) as { ok: boolean; error?: string; ts?: string };
    },
    /** Play it to its end. */
    async play(id: string) {
      page.scenarios.start(id);
      await page.scenarios.settled();
      const shown = page.scenarios.shown().find((one) => one.id === id);
      if (shown === undefined) throw new Error(`no scenario ${id}`);
      return shown;
    },
  };
}
export type Rehearsed = Awaited<ReturnType<typeof openRehearsal>>;

export async function withRehearsal(
  folder: string,
  story: (desk: Rehearsed) => Promise<void>,
): Promise<void> {
  const desk = await openRehearsal(folder);
  try {
    await story(desk);
  } finally {
    await desk.console.stop();
  }
}

/** Its messages come from a process: looked at after every change of Slack. */
export const shows = (desk: Rehearsed, words: string) => {
  const { slack } = desk.console.stage();
  return slack.until(() => slack.asText(CHANNEL).includes(words), { timeoutMs: 30_000, what: words });
};
