/** The whole rehearsal as `npm start` has it: the console, its counterparts, and the real bot as a process. Needs `dist`. */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

type Rehearse = typeof import('../../src/rehearse.ts');
type Config = typeof import('../../src/config.ts');

const built = (name: string): Promise<unknown> =>
  import(new URL(`../../dist/${name}`, import.meta.url).href) as Promise<unknown>;

export interface Desk {
  readonly url: string;
  readonly console: Awaited<ReturnType<Rehearse['startConsole']>>['console'];
  stop(): Promise<void>;
}

/** Start it on a port of the system's choosing, or on the one that is given: a page finds it again there. */
export async function startDesk(port = 0): Promise<Desk> {
  const { loadConfig } = (await built('config.js')) as Config;
  const { startConsole } = (await built('rehearse.js')) as Rehearse;
  const folder = await mkdtemp(join(tmpdir(), 'standdown-browser-'));
  const loaded = loadConfig({
    env: { STANDDOWN_REHEARSAL: '1', PORT: String(port), LOG_LEVEL: 'silent' },
    cwd: folder,
  });
  if (!loaded.ok || loaded.config.mode !== 'rehearsal') throw new Error('no configuration of a rehearsal');
  const { console } = await startConsole(loaded.config);
  return {
    url: `${console.url.replace(/\/$/, '')}/`,
    console,
    async stop() {
      await console.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
