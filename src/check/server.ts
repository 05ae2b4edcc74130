/** The bot itself: whether it runs where the configuration says, what it listens on, and whether the engine obeys. */

import { createServer } from 'node:net';
import { z } from 'zod';
import { askJson, type JsonAnswer } from '../adapters/askJson.ts';
import { hashOfFile } from '../adapters/textFile.ts';
import { isLoopback } from '../configFile.ts';
import type { LiveParts } from '../configParts.ts';
import { count, fail, ok, once, PROBE_MS, type Probe, probe, type Said, unknown, warn } from './line.ts';

const Status = z.looseObject({
  /** SHA-256 of standdown.yml as the server read it; null: it has none. */
  configuration: z.string().nullish(),
  mode: z.enum(['live', 'rehearsal']),
  trading: z.looseObject({
    state: z.string(),
    unwritten: z.string().optional(),
    latch: z.unknown(),
    engine: z.array(z.looseObject({ id: z.string(), confirmed: z.boolean(), ageMs: z.number().nullable() })),
  }),
});
type Status = z.infer<typeof Status>;
/** Every error of ours is this. */
const OursRefused = z.looseObject({ error: z.string(), detail: z.string() });

export type ServerState =
  /** `notReady`: why it can do nothing for now, in its own words (GET /readyz). */
  | { state: 'up'; status: Status; notReady?: string }
  | { state: 'down' }
  | { state: 'stranger'; reason: string }
  | { state: 'unwilling'; reason: string }
  | { state: 'silent'; reason: string };

export function serverState(answer: JsonAnswer): ServerState {
  if (answer.state === 'failed')
    return answer.refused ? { state: 'down' } : { state: 'silent', reason: answer.reason };
  const read = Status.safeParse(answer.json);
  if (answer.status === 200 && read.success) return { state: 'up', status: read.data };
  const ours = OursRefused.safeParse(answer.json);
  return ours.success
    ? { state: 'unwilling', reason: `it answered ${answer.status}: ${ours.data.error}` }
    : { state: 'stranger', reason: `what answers with ${answer.status} is not this bot` };
}

export function judgeServer(found: ServerState, port: number, freePort: boolean): Said {
  switch (found.state) {
    case 'up':
      if (found.notReady !== undefined)
        return fail(
          `it runs, and is not ready: ${found.notReady}`,
          'Look at its log, and at the disk of STANDDOWN_DATA_DIR: nothing is accepted that cannot be stored.',
        );
      if (found.status.mode === 'live' && found.status.trading.unwritten !== undefined)
        return fail(
          `what it ordered is NOT in the control file: ${found.status.trading.unwritten}; it runs, trading is ${found.status.trading.state}`,
          'Let the control file and its folder be writable; until then set the switches by hand.',
        );
      return found.status.mode === 'live'
        ? ok(`it runs, trading is ${found.status.trading.state}`)
        : fail('a rehearsal runs there, not the live bot', 'Stop it, and start the live one.');
    case 'down':
      return freePort
        ? fail(
            `it does not run: nothing is watched, and nobody is paged; port ${port} is free`,
            'Start it. `standdown kill` works without it.',
          )
        : fail(
            `it does not run, and port ${port} cannot be listened on`,
            'Set PORT to a free one, or end what has it.',
          );
    case 'stranger':
      return fail(`port ${port}: ${found.reason}`, 'Set PORT to a free one, or end what has it.');
    case 'unwilling':
      return fail(found.reason, 'Set the same STANDDOWN_TOKEN here as for the server.');
    case 'silent':
      return fail(
        `it does not answer: ${found.reason}`,
        'Look at its log; restart it. `standdown kill` works without it.',
      );
    default: {
      const never: never = found;
      return never;
    }
  }
}

const HEARTBEAT_MEND =
  'Let it send {type: heartbeat, engine, control} to POST /telemetry every few seconds, with STANDDOWN_REV and the keys that it obeys.';

/** Whether what is ordered is obeyed: only a heartbeat tells. */
export function judgeEngine(id: string, found: ServerState, heartbeatSec: number): Said {
  const mend = HEARTBEAT_MEND;
  if (found.state !== 'up')
    return unknown('only a running server hears its heartbeats', 'Start the server, and check again.');
  const engine = found.status.trading.engine.find((one) => one.id === id);
  if (engine === undefined || engine.ageMs === null) return fail('no heartbeat of it was heard', mend);
  const age = `last heartbeat ${(engine.ageMs / 1_000).toFixed(1)} s ago`;
  // Three missed are silence, as for the bot (CONTRACT 5).
  if (engine.ageMs > 3 * heartbeatSec * 1_000) return fail(`it went silent, ${age}`, mend);
  return engine.confirmed
    ? ok(`read and confirmed the control file, ${age}`)
    : fail(`it does not confirm what the control file says, ${age}`, mend);
}

/** Every engine that the server knows reads and obeys the control file; false where there is none. */
export const everyEngineConfirms = (found: ServerState): boolean =>
  found.state === 'up' &&
  found.status.trading.engine.length > 0 &&
  found.status.trading.engine.every(({ confirmed }) => confirmed);

export function judgeListening(host: string): Said {
  return isLoopback(host)
    ? ok(`${host}: this machine alone`)
    : warn(
        `${host}: the bot speaks plain HTTP, so tokens pass in the open unless a TLS proxy stands before it`,
        'Put a TLS proxy before it, and let HOST be what the proxy alone reaches.',
      );
}

/** What is checked here is the file as it is; the server has it as it was when it started. `now`: its hash; null: unreadable. */
export function judgeConfiguration(found: ServerState, now: string | null): Said {
  if (found.state !== 'up')
    return unknown('only a running server tells', 'Start the server, and check again.');
  const { configuration } = found.status;
  if (configuration === undefined)
    return unknown('the server does not say', 'Let server and command line be one version.');
  if (configuration !== null && configuration === now)
    return ok('the server runs with standdown.yml as it is; its environment is not compared');
  return fail(
    'standdown.yml is not what the server started with: a venue, a person or a limit that is new in it is not in force',
    'Restart the server.',
  );
}

/** CONTRACT 2: `STANDDOWN_TOKEN` does everything. */
export function judgeTokens(tokens: string[], host: string): Said {
  const mend = 'Set a long random one (openssl rand -hex 32).';
  if (tokens.length === 0) return fail('STANDDOWN_TOKEN is not set', mend);
  const shortest = Math.min(...tokens.map(({ length }) => length));
  const words = `${count(tokens.length, 'token')}, the shortest of ${shortest} characters`;
  if (shortest >= 24) return ok(words);
  return isLoopback(host)
    ? warn(`${words}: it can be guessed`, mend)
    : fail(`${words}, and HOST is ${host}`, mend);
}

/** Listen and stop at once. A port that is not free, or not ours to have, is false. */
export function canListen(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const trial = createServer();
    trial.once('error', () => resolve(false));
    trial.listen(port, host, () => trial.close(() => resolve(true)));
  });
}

/** What answers where the configuration says; asked once. */
export function serverFound({
  host,
  port,
  tokens,
}: Pick<LiveParts, 'host' | 'port' | 'tokens'>): () => Promise<ServerState> {
  // Where it listens on every address, this machine's own reaches it.
  const reached = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host;
  const address = reached.includes(':') && !reached.startsWith('[') ? `[${reached}]` : reached;
  const timeoutMs = PROBE_MS - 1_000;
  return once(async () => {
    const [status, ready] = await Promise.all([
      askJson(`http://${address}:${port}/status`, {
        headers: { authorization: `Bearer ${tokens[0] ?? ''}` },
        timeoutMs,
      }),
      askJson(`http://${address}:${port}/readyz`, { timeoutMs }),
    ]);
    const found = serverState(status);
    const notReady = whyNotReady(ready);
    return found.state === 'up' && notReady !== null ? { ...found, notReady } : found;
  });
}

/** What `/readyz` says against it; null: it is ready. */
export function whyNotReady(answer: JsonAnswer): string | null {
  if (answer.state === 'failed') return `/readyz does not answer: ${answer.reason}`;
  if (answer.status === 200) return null;
  const said = OursRefused.safeParse(answer.json);
  return said.success ? said.data.detail : `/readyz answered ${answer.status}`;
}

export function serverProbes(
  parts: Pick<LiveParts, 'host' | 'port' | 'tokens' | 'engines' | 'file'>,
  found: () => Promise<ServerState>,
): Probe[] {
  const { host, port, tokens } = parts;
  return [
    probe('server.tokens', 'Tokens', async () => judgeTokens(tokens, host)),
    probe('server.host', 'Listens on', async () => judgeListening(host)),
    probe('server.running', 'The bot', async () => {
      if (port === 0) return unknown('PORT is 0: it listens anywhere, and is not found', 'Set PORT.');
      const state = await found();
      return judgeServer(state, port, state.state === 'down' && (await canListen(host, port)));
    }),
    probe('server.configuration', 'What the bot runs with', async () =>
      judgeConfiguration(await found(), hashOfFile(parts.file)),
    ),
    ...(parts.engines.length > 0
      ? []
      : [
          probe('engine.none', 'Engine', async () =>
            unknown(
              'none is configured: whether it reads the control file and stops nobody knows, and every receipt says so',
              `Add "engines: [{ id: main, heartbeatSec: 5 }]". ${HEARTBEAT_MEND}`,
            ),
          ),
        ]),
    ...parts.engines.map(({ id, heartbeatSec }) =>
      probe(`engine.${id}`, `Engine ${id}`, async () => judgeEngine(id, await found(), heartbeatSec)),
    ),
  ];
}
