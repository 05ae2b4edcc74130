/** The real bot as a process of its own, which can be killed and started while the outside goes on. */

import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import type { StatusShown } from './state.ts';

export interface BotProcess {
  /** Where it listens; null while it does not. */
  url(): string | null;
  shown(): StatusShown['bot'];
  /** Resolves when it listens. Does nothing when it is there already. @throws why it did not start */
  start(): Promise<void>;
  /** `kill -9`, and wait until it is gone. */
  kill9(): Promise<void>;
  /** SIGTERM, which lets it finish what is in flight, and wait until it is gone; after `graceMs` it is killed. */
  stop(): Promise<void>;
  onChange(listener: () => void): () => void;
}

export interface BotProcessOptions {
  /** The module that the process runs: it takes one message, and answers `BotAnswer`. */
  module: string;
  /** What it is told at each start, over IPC: its configuration never stands on a command line. */
  message(): unknown;
  /** The whole of its environment. */
  env: NodeJS.ProcessEnv;
  now(): number;
  graceMs?: number;
}

/** What the process says to its parent. */
export type BotAnswer = { url: string } | { failed: string };

const GRACE_MS = 6_000;

export function createBotProcess(options: BotProcessOptions): BotProcess {
  const { module, message, env, now, graceMs = GRACE_MS } = options;
  const listeners = new Set<() => void>();
  let child: ChildProcess | null = null;
  let over: Promise<unknown> = Promise.resolve();
  let url: string | null = null;
  let starting: Promise<void> | null = null;
  /** Resolves when the process that was told to end is gone; null: none was. */
  let ending: Promise<unknown> | null = null;
  /** How often it was told to end. */
  let ends = 0;
  let shown: StatusShown['bot'] = {
    state: 'down',
    since: now(),
    pid: null,
    detail: 'not started yet',
    starts: 0,
  };

  const change = (next: Partial<StatusShown['bot']>): void => {
    shown = { ...shown, since: now(), ...next };
    for (const listener of Array.from(listeners)) listener();
  };

  async function launch(): Promise<void> {
    const started = fork(module, [], {
      env,
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      serialization: 'advanced',
    });
    child = started;
    over = once(started, 'exit');
    change({ state: 'starting', pid: started.pid ?? null, detail: null, starts: shown.starts + 1 });
    const answer = await new Promise<BotAnswer>((resolve) => {
      started.once('message', (said) => resolve(said as BotAnswer));
      started.once('error', (error) => resolve({ failed: error.message }));
      started.once('exit', (code, signal) => {
        url = null;
        child = null;
        change({ state: 'down', pid: null, detail: `it ended with ${signal ?? `exit code ${code}`}` });
        resolve({ failed: `it ended with ${signal ?? `exit code ${code}`}` });
      });
      started.send(message() as object);
    });
    if ('failed' in answer) {
      started.kill('SIGKILL');
      await over;
      throw new Error(`The bot did not start: ${answer.failed}`);
    }
    url = answer.url;
    change({ state: 'up' });
  }

  async function end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    ends += 1;
    const told = child;
    if (told === null) return;
    const launching = starting;
    const gone = over;
    told.kill(signal);
    ending = gone;
    const limit = setTimeout(() => told.kill('SIGKILL'), graceMs);
    await gone;
    clearTimeout(limit);
    if (ending === gone) ending = null;
    // Who waited for it to start is told first, so that the next start is one of its own.
    await launching?.catch(() => undefined);
  }

  /** After the one that is about to go, unless it is told to end once more before its turn. */
  async function launchAfter(gone: Promise<unknown>): Promise<void> {
    const known = ends;
    await gone;
    if (ends !== known) throw new Error('The bot did not start: it was ended first.');
    await launch();
  }

  return {
    url: () => url,
    shown: () => ({ ...shown }),
    start() {
      if (url !== null && ending === null) return Promise.resolve();
      starting ??= (ending === null ? launch() : launchAfter(ending)).finally(() => {
        starting = null;
      });
      return starting;
    },
    kill9: () => end('SIGKILL'),
    stop: () => end('SIGTERM'),
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
