/** The command line's stopping: through the server while it answers, and without it when it does not. */

import { randomUUID } from 'node:crypto';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { systemClock } from './adapters/clock.ts';
import { openControlFile } from './adapters/controlFile.ts';
import { openStore } from './adapters/store.ts';
import { type LiveConfig, secretsOf } from './config.ts';
import type { Actor } from './domain/incident.ts';
import { KILL_PACE, type Verdict } from './domain/kill.ts';
import { describe } from './domain/timeline.ts';
import { createKillExecutor } from './engine/kill.ts';
import { createLedger } from './engine/ledger.ts';
import { cancelEverywhere } from './engine/orders.ts';
import { createLog, createMask } from './log.ts';
import type { Policy } from './policy.ts';
import { createSideLedger, sideFiles } from './sideJournal.ts';
import { openVenues } from './venues.ts';

/** CONTRACT 1: 0 done (kill: FLAT), 1 not started or refused, 2 usage, 3 RESIDUAL, 4 UNKNOWN. */
export const EXIT = { done: 0, refused: 1, usage: 2, residual: 3, unknown: 4 } as const;

const EXIT_OF: Record<Verdict, number> = { FLAT: EXIT.done, RESIDUAL: EXIT.residual, UNKNOWN: EXIT.unknown };

/** How long the server may take to answer before the command line acts by itself (CONTRACT 8). */
const SERVER_MS = 1_000;
/** How long a verdict of the server is waited for; after that it is read here. */
const VERDICT_MS = 12_000;

export interface Out {
  config: LiveConfig;
  policy: Policy;
  say(line: string): void;
}

type Asked =
  | { state: 'answered'; status: number; json: Record<string, unknown> }
  | { state: 'silent'; why: string };

export function caller(): Actor {
  const { username } = userInfo();
  return { via: 'cli', id: `cli:${username}`, name: `${username} (command line)` };
}

export async function ask(
  config: LiveConfig,
  method: 'GET' | 'POST',
  path: string,
  body: object | null,
  timeoutMs = SERVER_MS,
): Promise<Asked> {
  try {
    const host = config.host.includes(':') ? `[${config.host}]` : config.host;
    const response = await fetch(`http://${host}:${config.port}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${config.tokens.full[0] ?? ''}`,
        'content-type': 'application/json',
        ...(method === 'POST' ? { 'idempotency-key': randomUUID() } : {}),
      },
      ...(body === null ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(timeoutMs),
    });
    return {
      state: 'answered',
      status: response.status,
      json: (await response.json()) as Record<string, unknown>,
    };
  } catch (error) {
    return { state: 'silent', why: error instanceof Error ? error.message : String(error) };
  }
}

export const detailOf = (json: Record<string, unknown>): string =>
  typeof json['detail'] === 'string' ? json['detail'] : '';

/** `standdown kill`: the exit code says the verdict. */
export async function kill(out: Out, reason: string): Promise<number> {
  const by = caller();
  const asked = await ask(out.config, 'POST', '/kill', { reason, actor: by.name });
  if (asked.state === 'answered' && asked.status === 202) {
    out.say(
      `The server runs the kill in ${String(asked.json['incident'])} (${String(asked.json['state'])}).`,
    );
    for (const warning of (asked.json['warnings'] as string[] | undefined) ?? []) out.say(`! ${warning}`);
    const verdict = await serverVerdict(out, String(asked.json['kill']));
    if (verdict !== null) {
      out.say(`VERDICT ${verdict}`);
      return EXIT_OF[verdict];
    }
    out.say('The server says no verdict in time: acting without it.');
  } else {
    const why = asked.state === 'silent' ? asked.why : `it answered ${asked.status} ${detailOf(asked.json)}`;
    out.say(`The server does not do it (${why}): acting without it.`);
  }
  return killHere(out, by, reason);
}

/** Ask the server until it has a verdict; null when it says none in time. */
async function serverVerdict(out: Out, killId: string): Promise<Verdict | null> {
  const until = systemClock.monotonic() + VERDICT_MS;
  while (systemClock.monotonic() < until) {
    const status = await ask(out.config, 'GET', '/status', null);
    const last =
      status.state === 'answered'
        ? (status.json['lastKill'] as { id: string; verdict: Verdict | null } | null)
        : null;
    if (last?.id === killId && last.verdict !== null) return last.verdict;
    await systemClock.wait(200);
  }
  return null;
}

async function killHere(out: Out, by: Actor, reason: string): Promise<number> {
  const { config, policy, say } = out;
  const triggeredAt = systemClock.monotonic();
  const mask = createMask(secretsOf(config));
  const log = createLog('silent', mask);
  const control = await openControlFile({ path: config.controlFile, now: systemClock.now });
  const venues = await openVenues(config, systemClock, mask);
  const id = `K-cli-${randomUUID().slice(0, 8)}`;
  const folder = join(config.dataDir, 'side');
  const ledger = createSideLedger(
    join(folder, `${id}.ndjson`),
    folder,
    systemClock,
    policy.playbook,
    (event) => {
      // Nobody is paged from here, and the incident has no number yet: the server does both when it takes this in.
      if (event.type !== 'PageOwed' && event.type !== 'IncidentOpened') say(describe(event));
    },
  );
  const incident = 'INC-00000000-000';
  say('This pages nobody: call on-call.');
  const executor = createKillExecutor({
    ledger,
    clock: systemClock,
    control,
    venues,
    log,
    protectiveOrders: config.kill.protectiveOrders,
  });
  const asked = ledger.commit(incident, {
    type: 'AskKill',
    by,
    incident,
    kill: id,
    reason,
    venues: venues.map((venue) => venue.id),
    drill: false,
  });
  const { latched, reason: why } = await executor.start({ incident, kill: id, triggeredAt, asked });
  if (!latched) say(`! KILL_SWITCH=1 is not confirmed: ${why ?? 'unknown'}. Stop the engine by hand.`);
  const until = triggeredAt + KILL_PACE.firstVerdictMs + 2_000;
  const verdict = () => ledger.peek(incident)?.kills[id]?.verdict ?? null;
  while (verdict() === null && systemClock.monotonic() < until) await systemClock.wait(50);
  executor.stop();
  const flushed = await Promise.race([
    ledger.flush().then(() => true),
    systemClock.wait(2_000).then(() => false),
  ]);
  const failed = flushed ? ledger.failure() : 'the disk does not answer';
  if (failed !== null) say(`! Not on record: ${failed}`);
  else say(`On record in ${folder}; the server takes it in at its next start.`);
  await Promise.all(venues.map((venue) => venue.close()));
  return EXIT_OF[verdict() ?? 'UNKNOWN'];
}

/** `standdown halt orders|signals`. Without the server the switch is written here; the server adopts it as a hold. */
export async function halt(out: Out, what: 'orders' | 'signals', reason: string): Promise<number> {
  const by = caller();
  const asked = await ask(out.config, 'POST', '/halt', { what, reason, actor: by.name });
  const key = what === 'orders' ? 'HALT_NEW_ORDERS' : 'PAUSE_SIGNALS';
  if (asked.state === 'answered' && asked.status === 202) {
    out.say(`${key}=1 is written and read back.`);
    return EXIT.done;
  }
  out.say(
    `The server does not do it (${asked.state === 'silent' ? asked.why : detailOf(asked.json)}): writing it here.`,
  );
  const control = await openControlFile({ path: out.config.controlFile, now: systemClock.now });
  const written = await control.write({ [key]: '1' });
  out.say(
    written.state === 'written'
      ? `${key}=1 is written and read back.`
      : `! It could not be written: ${written.reason}`,
  );
  return written.state === 'written' ? EXIT.done : EXIT.refused;
}

/** `standdown cancel`: always here, since the exit code needs the reading. */
export async function cancel(
  out: Out,
  scope: { scope: 'all' | 'entries'; venue?: string; symbol?: string },
): Promise<number> {
  const { config, say } = out;
  if (scope.venue !== undefined && !config.venues.some((venue) => venue.id === scope.venue)) {
    say(
      `There is no venue "${scope.venue}". Configured: ${config.venues.map((venue) => venue.id).join(', ')}.`,
    );
    return EXIT.usage;
  }
  const venues = await openVenues(config, systemClock, createMask(secretsOf(config)));
  const results = await cancelEverywhere(scope, venues, systemClock);
  for (const result of results) {
    const found = result.lists.reduce((sum, list) => sum + list.found, 0);
    say(
      `${result.venue}: ${result.verdict}, ${found} found, ${result.left ?? 'unknown'} left${result.reason === undefined ? '' : `: ${result.reason}`}`,
    );
  }
  await Promise.all(venues.map((venue) => venue.close()));
  if (results.some((result) => result.verdict === 'unknown')) return EXIT.unknown;
  return results.some((result) => result.verdict === 'left') ? EXIT.residual : EXIT.done;
}

/** `standdown status`: what the server says, or what the control file says when it does not answer. */
export async function status(out: Out): Promise<number> {
  const asked = await ask(out.config, 'GET', '/status', null);
  if (asked.state === 'answered' && asked.status === 200) {
    out.say(JSON.stringify(asked.json, null, 2));
    return EXIT.done;
  }
  out.say(`The server does not answer (${asked.state === 'silent' ? asked.why : asked.status}).`);
  const control = await openControlFile({ path: out.config.controlFile, now: systemClock.now });
  const reading = await control.read();
  out.say(
    reading.state === 'read'
      ? `The control file says ${Object.entries(reading.values)
          .map(([key, value]) => `${key}=${value}`)
          .join(' ')}`
      : `The control file cannot be read: ${reading.reason}`,
  );
  return EXIT.refused;
}

/**
 * `standdown resume --break-glass`: lift the latch when Slack is down for good. Only while the server is stopped (its lock
 * is taken), with a name and a reason, both on record before 0 is written.
 */
export async function breakGlass({ config, policy, say }: Out, reason: string): Promise<number> {
  const asked = await ask(config, 'GET', '/healthz', null);
  if (asked.state === 'answered') {
    say(
      'The server is running: use /resume in Slack. Break-glass is for when it cannot be used; stop the server first.',
    );
    return EXIT.refused;
  }
  const side = (await sideFiles(join(config.dataDir, 'side'))).filter((name) => name.endsWith('.ndjson'));
  if (side.length > 0) {
    say(
      `A kill of the command line is not in the log yet (${side.join(', ')}): it would latch again. Start the server once, stop it, and break the glass then.`,
    );
    return EXIT.refused;
  }
  const by = caller();
  const log = createLog('warn', createMask(secretsOf(config)));
  const store = await openStore({ dataDir: config.dataDir, now: systemClock.now, log });
  try {
    const ledger = createLedger({ store, clock: systemClock, playbook: policy.playbook, log });
    const { latch } = ledger.trading();
    if (latch !== null) {
      await ledger.commit(latch.incident, {
        type: 'LiftLatch',
        by,
        kill: latch.kill,
        how: 'breakGlass',
        reason,
      });
      say(`On record in ${latch.incident}: ${by.name} lifted the latch by break-glass: ${reason}`);
    } else say('No latch is on record; writing the switch all the same.');
    const control = await openControlFile({ path: config.controlFile, now: systemClock.now });
    const written = await control.write({ KILL_SWITCH: '0' });
    say(
      written.state === 'written'
        ? 'KILL_SWITCH=0 is written and read back. The engine may trade.'
        : `! It could not be written: ${written.reason}`,
    );
    return written.state === 'written' ? EXIT.done : EXIT.refused;
  } finally {
    await store.close();
  }
}
