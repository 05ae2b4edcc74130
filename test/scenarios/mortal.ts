/** The main story, lived through by a bot that dies, with somebody who insists until they are answered. */

import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { expect } from 'vitest';
import { CAST, CHANNEL } from '../../src/rehearsal/stage.ts';
import { type OwnProcess, spawnDesk } from './desk.ts';

type Answered = { ok: boolean; status: number; error?: string | undefined; body: string };

/** How one life of the process ends; null: it goes on living. */
export type Death =
  | null
  /** At a named step of the bot's own: `STANDDOWN_FAILPOINT`. */
  | { at: string }
  /** When the world outside has seen so many things: requests that come in, and what they change. */
  | { afterSeen: number };

/** How the kill is asked for. */
export type KillBy = 'command' | 'button' | 'http';

export interface Mortal {
  desk: OwnProcess;
  deaths(): number;
  /** What the counterparts have seen so far, in things. */
  seen(): number;
  /**
   * Do it, and again after each death of the bot, until it goes through. A death aborts `over`: who waited and goes on to act
   * asks it first, or one person would act with as many hands as the bot has died.
   */
  insist<T>(act: (over: AbortSignal) => Promise<T>): Promise<T>;
  /** Every time that #incidents said FLAT while something was left. */
  falseFlats: string[];
  close(): Promise<void>;
}

/** A crash of a process leaves what it wrote, on any disk: memory is fast, and no other test's syncs hold it up. */
const MEMORY = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();

const WAIT = { timeoutMs: 30_000 };

export async function startMortal(deaths: Death[]): Promise<Mortal> {
  const plan = [...deaths];
  const envOf = (death: Death | undefined): Record<string, string> =>
    death !== null && death !== undefined && 'at' in death ? { STANDDOWN_FAILPOINT: death.at } : {};
  let now = plan.shift() ?? null;
  const desk = await spawnDesk({ life: envOf(now), tmp: MEMORY });
  const { slack, pagerDuty, binance, mail } = desk.stage;
  let deathsSoFar = 0;
  let seen = 0;
  let struck = false;
  const falseFlats: string[] = [];

  /** Looked at after every request and change of a counterpart, before the bot has its answer. */
  function look(): false {
    seen += 1;
    if (now !== null && 'afterSeen' in now && seen >= now.afterSeen && !struck) {
      struck = true;
      desk.strike();
    }
    for (const message of slack.messages(CHANNEL)) {
      if (keyOf(message)?.includes('/receipt:') !== true || !/: FLAT \(INC-/.test(message.text)) continue;
      const left = leftAtTheExchange(desk);
      if (left !== '') falseFlats.push(`${message.text}, and at the exchange: ${left}`);
    }
    return false;
  }
  const watch = { timeoutMs: 600_000, what: 'the end of the test' };
  const watching = [slack, pagerDuty, binance, mail].map((one) =>
    one.until(look, watch).then(
      () => undefined,
      () => undefined,
    ),
  );

  async function revive(): Promise<void> {
    while (!desk.isUp()) {
      deathsSoFar += 1;
      now = plan.shift() ?? null;
      struck = false;
      try {
        await desk.start(envOf(now));
      } catch (error) {
        // It may die again while it starts; anything else that ends a start is a fault.
        if (!String(error).includes('SIGKILL')) throw error;
      }
    }
  }

  return {
    desk,
    deaths: () => deathsSoFar,
    seen: () => seen,
    falseFlats,
    async insist(act) {
      for (let tries = 0; tries < 12; tries += 1) {
        await revive();
        const over = new AbortController();
        const gone = desk.gone().then(() => {
          over.abort(new Error('the bot died'));
          return null;
        });
        const outcome = await Promise.race([
          act(over.signal).then(
            (value) => ({ value }),
            (error: unknown) => ({ error }),
          ),
          gone,
        ]);
        if (outcome === null) continue;
        if ('value' in outcome) return outcome.value;
        // A connection breaks a moment before its process is seen to be gone.
        const alive = new Promise<'alive'>((resolve) => setTimeout(resolve, 1_000, 'alive'));
        if ((await Promise.race([gone, alive])) === null) continue;
        // Slack gave up after 3 s, on a machine with too much to do: a person looks, and presses again.
        if (!String(outcome.error).includes('answered 0 timeout')) throw outcome.error;
      }
      throw new Error(`the bot died again and again:\n${desk.output()}`);
    },
    async close() {
      now = null;
      await desk.close();
      await Promise.all(watching);
    },
  };
}

/** The key that a message of the bot carries: its identity, over deaths. */
export function keyOf(message: { metadata: unknown }): string | undefined {
  return (message.metadata as { event_payload?: { key?: string } } | undefined)?.event_payload?.key;
}

/** The control file's disk stood still for over a second while this machine did something else: said, paged, and not ours. */
export const isOfTheMachine = ({ title }: { title: string }): boolean =>
  title.includes('The control file cannot be');

export const isDraft = (message: { metadata: unknown }): boolean =>
  keyOf(message)?.endsWith('/postmortemCard') === true;

export function leftAtTheExchange(desk: OwnProcess): string {
  const { binance } = desk.stage;
  const counts = {
    orders: binance.openOrders().length,
    conditional: binance.conditionalOrders().length,
    positions: binance.positions().length,
  };
  return Object.entries(counts)
    .filter(([, count]) => count > 0)
    .map(([what, count]) => `${count} ${what}`)
    .join(', ');
}

const mustBeOk = (answer: Answered): void => {
  if (!answer.ok) throw new Error(`answered ${answer.status} ${answer.error ?? ''} ${answer.body}`);
};

/** What the story was promised: everything that was answered with a 2xx. */
export interface Promised {
  incident: string;
  /** The incident that owns the kill. */
  killed: string;
  fingerprints: string[];
  messages: string[];
}

/**
 * Alert, page, headline, a word in the thread, acknowledgement, kill, flatten, resolve. Each until it went through. With
 * `restarts` an operator also restarts it twice, by SIGTERM: before the kill, and after its verdict.
 */
export async function live(mortal: Mortal, killBy: KillBy, restarts = false): Promise<Promised> {
  const { desk, insist } = mortal;
  const { slack, pagerDuty, binance } = desk.stage;
  const promised: Promised = {
    incident: '',
    killed: '',
    fingerprints: ['7af24487a712e7bb'],
    messages: [],
  };

  promised.incident = await insist(async () => {
    const { status, json } = await desk.alert();
    if (status !== 202) throw new Error(`the alert was answered with ${status} ${JSON.stringify(json)}`);
    return String(json['incidents']?.[0]);
  });
  const { incident } = promised;
  const posted = (key: string) => slack.messages(CHANNEL).find((message) => keyOf(message) === key);
  const shown = (key: string, what: string) =>
    insist(() => slack.until(() => posted(key), { ...WAIT, what }));
  const detail = (id: string) => insist(async () => (await desk.get(`/incidents/${id}`)).json);

  await insist(() =>
    pagerDuty.until(() => pagerDuty.incidents().some((one) => one.dedupKey === `${incident}/1`), {
      ...WAIT,
      what: 'the page',
    }),
  );
  const headline = await shown(`${incident}/headline`, 'the headline');

  // Slack sends a message again until it is taken: at once, after a minute, after five.
  const text = 'orders hang since the deploy';
  let told: Awaited<ReturnType<typeof slack.retry>> | undefined;
  await insist(async (over) => {
    told =
      told === undefined
        ? await slack.post(CAST.ada.id, CHANNEL, text, { threadTs: headline.ts })
        : await slack.retry(told);
    while (told.status === 500) {
      const calls = slack.calls.length;
      await slack.until(() => slack.calls.length > calls, { ...WAIT, what: 'the bot to go on posting' });
      over.throwIfAborted();
      told = await slack.retry(told);
    }
    mustBeOk(told);
  });
  promised.messages.push(text);
  await shown(`${incident}/runbook`, 'the runbook');

  await insist(async () => {
    if ((await desk.get(`/incidents/${incident}`)).json['acknowledged'] !== null) return;
    mustBeOk(await slack.click(CAST.ada.id, { channel: CHANNEL, ts: headline.ts, label: 'Acknowledge' }));
  });
  await insist(() =>
    pagerDuty.until(
      () => pagerDuty.incidents().some((one) => one.status === 'acknowledged' && one.notes.length > 0),
      { ...WAIT, what: 'the acknowledgement and the link to the thread' },
    ),
  );
  if (restarts) await desk.terminate();

  await insist(async () => {
    // A person who got no answer looks whether it worked before asking again.
    if ((await desk.get('/status')).json['trading']?.['state'] === 'killed') return;
    if (killBy === 'http') {
      const { status, json } = await desk.post('/kill', { reason: 'feed frozen', actor: 'grafana' });
      if (status !== 202) throw new Error(`POST /kill was answered with ${status} ${JSON.stringify(json)}`);
    } else if (killBy === 'command') mustBeOk(await slack.say(CAST.ada.id, '/kill feed frozen'));
    else mustBeOk(await slack.click(CAST.ada.id, { channel: CHANNEL, ts: headline.ts, label: 'Kill…' }));
  });
  await insist(() =>
    binance.until(() => !/orders|conditional/.test(leftAtTheExchange(desk)), {
      ...WAIT,
      what: 'no open order',
    }),
  );
  const receipt = await insist(() =>
    slack.until(
      () =>
        slack
          .messages(CHANNEL)
          .find(
            (message) => keyOf(message)?.includes('/receipt:') === true && /: RESIDUAL \(/.test(message.text),
          ),
      { ...WAIT, what: 'the verdict RESIDUAL' },
    ),
  );
  promised.killed = keyOf(receipt)?.split('/')[0] ?? '';
  const { killed } = promised;
  const pages = (await detail(killed))['pages'] as unknown as { key: string }[];
  await insist(() =>
    pagerDuty.until(
      () => pages.every(({ key }) => pagerDuty.incidents().some((one) => one.dedupKey === key)),
      { ...WAIT, what: `the pages ${pages.map(({ key }) => key).join(', ')}` },
    ),
  );
  if (restarts) await desk.terminate();

  await flattened(mortal, receipt);

  for (const id of new Set([killed, incident])) {
    await insist(async () => {
      if ((await desk.get(`/incidents/${id}`)).json['state'] === 'resolved') return;
      mustBeOk(await slack.say(CAST.ada.id, `/incident resolve ${id}`));
      const view = slack.openViews(CAST.ada.id).at(-1);
      if (view === undefined) throw new Error('no dialog opened');
      mustBeOk(
        await slack.submit(CAST.ada.id, view.id, {
          summary: 'Rolled back.',
          rootCause: 'No canary.',
          category: 'system',
        }),
      );
    });
    await insist(() =>
      slack.until(
        () =>
          slack.messages(CHANNEL).some((message) => isDraft(message) && keyOf(message)?.startsWith(`${id}/`)),
        { ...WAIT, what: `the postmortem draft of ${id}` },
      ),
    );
  }
  await insist(() =>
    pagerDuty.until(
      () => pagerDuty.incidents().every((one) => one.status === 'resolved' || isOfTheMachine(one)),
      { ...WAIT, what: 'every page resolved' },
    ),
  );
  await settle(mortal);
  expect((await detail(incident))['state']).toBe('resolved');
  return promised;
}

/** What a person reads on the receipt: that it is over, or a way to end it. Neither, for long, is a fault. */
const isFlat = (receipt: { text: string }): boolean => /: FLAT \(/.test(receipt.text);
const offersFlatten = (receipt: { blocks: unknown }): boolean =>
  JSON.stringify(receipt.blocks).includes('Flatten…');

/** Press Flatten… and do what the dialog says, as often as the receipt offers it, until the receipt says FLAT. */
async function flattened(
  { desk, insist }: Mortal,
  receipt: { ts: string; text: string; blocks: unknown },
): Promise<void> {
  const { slack } = desk.stage;
  const by = CAST.ada.id;
  const finished = () =>
    slack
      .messages(CHANNEL)
      .filter((message) => /flatten/i.test(message.text) && message.threadTs !== undefined).length;

  await insist(async (over) => {
    const until = async <T>(what: string, seen: () => T) => {
      const found = await slack.until(seen, { ...WAIT, what });
      over.throwIfAborted();
      return found;
    };
    for (;;) {
      // A dialog of before a death is of no use: its preview is gone.
      for (const view of slack.openViews(by)) await slack.dismiss(by, view.id);
      await until('FLAT on the receipt, or Flatten…', () => isFlat(receipt) || offersFlatten(receipt));
      if (isFlat(receipt)) return;
      const before = `${finished()} ${JSON.stringify(receipt.blocks)}`;
      mustBeOk(await slack.click(by, { channel: CHANNEL, ts: receipt.ts, label: 'Flatten…' }));
      const dialog = await until('the preview', () =>
        slack
          .openViews(by)
          .find(
            (view) => view.view['submit'] !== undefined || /⛔|no position/.test(JSON.stringify(view.view)),
          ),
      );
      const calls = slack.calls.length;
      const movedOn = () =>
        before !== `${finished()} ${JSON.stringify(receipt.blocks)}` || slack.calls.length > calls;
      let says = JSON.stringify(dialog.view);
      if (dialog.view['submit'] !== undefined) {
        const submitted = await slack.submit(by, dialog.id);
        over.throwIfAborted();
        mustBeOk(submitted);
        if (submitted.view?.action === 'close') {
          await until('flattened', () => isFlat(receipt) || finished() > Number.parseInt(before, 10));
          continue;
        }
        says = JSON.stringify(slack.openViews(by).map(({ view }) => view));
      }
      if (says.includes('no position')) {
        // A flatten of before a death had closed it: then it is true, and the receipt gets there by itself.
        expect(leftAtTheExchange(desk), 'what the dialog calls no position').toBe('');
        await until('the verdict FLAT', () => isFlat(receipt));
      }
      // A restart took the flatten or the kill up, or the venues are read again: a person looks when the thread has moved on.
      if (/running|read again/.test(says)) await until('what is running', movedOn);
    }
  });
}

/** Until nothing is owed any more. A page's check comes round by itself and changes nothing outside. */
export async function settle({ desk, insist }: Mortal): Promise<void> {
  const until = Date.now() + WAIT.timeoutMs;
  await insist(async () => {
    for (;;) {
      const response = await fetch(`${desk.url}/metrics`);
      const owed = [...(await response.text()).matchAll(/outbox_waiting\{lane="(\w+)"\} (\d+)/g)].filter(
        ([, lane, count]) => lane !== 'pageCheck' && count !== '0',
      );
      if (owed.length === 0) return;
      if (Date.now() > until) throw new Error(`still owed: ${owed.map(([line]) => line).join(', ')}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  });
}
