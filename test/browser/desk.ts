/** The whole rehearsal as `npm start` has it: the console, its counterparts, and the real bot as a process. Needs `dist`. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

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

/** Root, but for the one capability that lets it write where a folder's mode forbids it (util-linux has setpriv). */
const AS_OTHERS = ['setpriv', '--bounding-set=-dac_override', '--inh-caps=-dac_override'] as const;

/** As `startDesk`, by its command, and held up by a read-only folder whoever runs these tests. */
export async function startDeskAsOthers(): Promise<Pick<Desk, 'url' | 'stop'>> {
  const folder = await mkdtemp(join(tmpdir(), 'standdown-browser-'));
  const cli = fileURLToPath(new URL('../../dist/cli.js', import.meta.url));
  const start = [process.execPath, cli, 'start'] as const;
  const [program, ...args] = process.getuid?.() === 0 ? ([...AS_OTHERS, ...start] as const) : start;
  const child = spawn(program, args, {
    cwd: folder,
    env: { STANDDOWN_REHEARSAL: '1', PORT: '0', LOG_LEVEL: 'silent', PATH: process.env['PATH'] ?? '' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(child, 'exit');
  let url: string | undefined;
  for await (const line of createInterface({ input: child.stdout })) {
    url = /open (http:\S+\/) in a browser/.exec(line)?.[1];
    if (url !== undefined) break;
  }
  if (url === undefined) throw new Error(`${program} ${cli} ended before it said where it is`);
  child.stdout.resume();
  return {
    url,
    async stop() {
      child.kill();
      await ended;
      await rm(folder, { recursive: true, force: true });
    },
  };
}
