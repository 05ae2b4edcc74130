/** What can go wrong in a rehearsal, as switches: each reaches one counterpart, and says what should be seen then. */

import { chmod, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { PagerFault, PagerFaultTarget } from '../pagerduty/faults.ts';
import type { Stage } from '../stage.ts';
import type { FaultOptions } from '../venue/faults.ts';
import type { BotProcess } from './botProcess.ts';
import type { LoopbackEngine } from './engine.ts';
import type { FaultGroup, ShownFault } from './state.ts';

export interface FaultTargets {
  stage(): Stage;
  engine: LoopbackEngine;
  bot: Pick<BotProcess, 'kill9'>;
  /** In a folder of its own: nothing else is hit when its disk is. */
  controlFile: string;
  /** Root writes where nobody may, as a rule: a read-only folder holds nothing up then. */
  writesAnywhere: boolean;
}

export interface FaultBoard {
  shown(): ShownFault[];
  isOn(id: string): boolean;
  /**
   * What is pressed, not switched, happens at `on`.
   * @returns false when there is no such switch
   * @throws why it cannot be switched on here
   */
  set(id: string, on: boolean): Promise<boolean>;
  /** Every switch off. @throws the reason of the first one that cannot be lifted; the others are off all the same */
  clear(): Promise<void>;
  /** Nothing is on any more: the outside that it was put on is gone. */
  forget(): void;
  onChange(listener: () => void): () => void;
}

/** The way back. */
type Lift = () => unknown;

interface Fault {
  id: string;
  group: FaultGroup;
  label: string;
  does: string;
  expect: string;
  /** Absent: it is a switch. */
  kind?: 'press';
  /** Why it would do nothing here; null: it does. */
  unavailable?(targets: FaultTargets): string | null;
  put(targets: FaultTargets): Lift | Promise<Lift>;
}

const ALWAYS = Number.POSITIVE_INFINITY;
const CANCELS = { method: 'DELETE' };

/** Longer than a page may take, shorter than its client waits. */
const SLOW_PAGER_MS = 3_000;
const SLOW_SLACK_MS = 1_500;

/** Where a folder is while its disk is gone: a rehearsal that was killed meanwhile leaves it there. */
export const awayOf = (folder: string): string => `${folder}.away`;

const venue =
  (fault: Omit<FaultOptions, 'times'>): Fault['put'] =>
  ({ stage }) => {
    const handle = stage().binance.fault({ ...fault, times: ALWAYS });
    return () => {
      handle.clear();
      handle.release();
    };
  };

/** Of its events and of what is read there, unless it is said which. */
const pager =
  (
    fault: Omit<PagerFault, 'times'>,
    targets: readonly PagerFaultTarget[] = ['events', 'rest'],
  ): Fault['put'] =>
  ({ stage }) => {
    const lifts = targets.map((target) => stage().pagerDuty.fault(target, { ...fault, times: ALWAYS }));
    return () => lifts.forEach((lift) => lift());
  };

const FAULTS: readonly Fault[] = [
  {
    id: 'venue.lies',
    group: 'venue',
    label: 'Lies about cancels',
    does: 'The exchange answers each cancel with “done”, and cancels nothing.',
    expect: 'The receipt of a kill counts the orders that are still there, and never says FLAT.',
    put: venue({ kind: 'lie', match: CANCELS }),
  },
  {
    id: 'venue.partial',
    group: 'venue',
    label: 'Cancels every other order',
    does: 'The exchange says that it cancelled all of them; every other one is still open.',
    expect:
      'The kill reads back, sees the rest, and asks again. The last one of a list stands each time: it is named as live, never FLAT.',
    put: venue({ kind: 'partial', match: CANCELS }),
  },
  {
    id: 'venue.fills',
    group: 'venue',
    label: 'Fills while cancelling',
    does: 'The first order of each cancel fills just before it is cancelled.',
    expect: 'The position grows while the kill runs, and the verdict names the position as it is at the end.',
    put: venue({ kind: 'fillDuringCancel', match: CANCELS }),
  },
  {
    id: 'venue.lost',
    group: 'venue',
    label: 'Loses its answers',
    does: 'The exchange does what it is asked to cancel, and cuts the connection before it answers.',
    expect: 'The kill does not believe the error: it reads what is there, and finds it cancelled.',
    put: venue({ kind: 'appliedThenReset', match: CANCELS }),
  },
  {
    id: 'venue.hangs',
    group: 'venue',
    label: 'Hangs',
    does: 'The exchange takes every request and never answers.',
    expect: 'The verdict is UNKNOWN within 10 s, with what could not be read, and the page says it.',
    put: venue({ kind: 'timeout' }),
  },
  {
    id: 'venue.limits',
    group: 'venue',
    label: 'Rate limit (429)',
    does: 'The exchange answers every request with 429, try again in 5 s.',
    expect: 'The bot waits as long as it is told, says UNKNOWN meanwhile, and goes on trying.',
    put: venue({ kind: 'http429' }),
  },
  {
    id: 'venue.bans',
    group: 'venue',
    label: 'Bans this address (418)',
    does: 'The exchange answers every request with 418: banned for 2 minutes.',
    expect: 'UNKNOWN, and the receipt says that a person must look at the exchange by hand.',
    put: venue({ kind: 'http418' }),
  },
  {
    id: 'venue.html',
    group: 'venue',
    label: 'Answers with a web page',
    does: 'A firewall in front of the exchange answers every request with a page of HTML.',
    expect: 'No page of HTML is taken for an empty list: the verdict is UNKNOWN.',
    put: venue({ kind: 'html' }),
  },
  {
    id: 'venue.maintenance',
    group: 'venue',
    label: 'Maintenance',
    does: 'The exchange refuses every request: it is in maintenance.',
    expect: 'UNKNOWN, with the exchange’s own words as the reason.',
    put: venue({ kind: 'maintenance' }),
  },
  {
    id: 'venue.key',
    group: 'venue',
    label: 'API key revoked',
    does: 'The exchange knows the bot’s key no more.',
    expect: 'Nothing can be cancelled: UNKNOWN, and the reason names the key.',
    put: venue({ kind: 'revokedKey' }),
  },
  {
    id: 'venue.clock',
    group: 'venue',
    label: 'Clock differs',
    does: 'The exchange says that the time stamp of every request is outside its window.',
    expect: 'UNKNOWN, and the reason names the clock.',
    put: venue({ kind: 'clockSkew' }),
  },
  {
    id: 'engine.trades',
    group: 'engine',
    label: 'Engine goes on trading',
    does: 'The engine places an order each second, whatever its control file says.',
    expect:
      'After a kill the new orders are seen and cancelled; the receipt says that the engine may still be trading, and on-call is paged again.',
    put: ({ engine }) => engine.turn('trades'),
  },
  {
    id: 'engine.deaf',
    group: 'engine',
    label: 'Engine does not read its file',
    does: 'The engine keeps to the switches that it read last.',
    expect:
      'A kill is written, and the engine does not confirm it: the receipt says so, and to stop it by hand.',
    put: ({ engine }) => engine.turn('deaf'),
  },
  {
    id: 'engine.frozen',
    group: 'engine',
    label: 'Market data freezes',
    does: 'No new bar comes; heartbeats go on.',
    expect:
      'The headroom of the data gap shrinks. After 2 minutes a P1 opens and signals are paused by themselves.',
    put: ({ engine }) => engine.turn('frozen'),
  },
  {
    id: 'engine.silent',
    group: 'engine',
    label: 'Heartbeats stop',
    does: 'The engine sends nothing any more.',
    expect: 'After three missed heartbeats, about 15 s, a P0 opens, pages, and offers the kill.',
    put: ({ engine }) => engine.turn('silent'),
  },
  {
    id: 'slack.down',
    group: 'slack',
    label: 'Slack is down',
    does: 'Every call of the bot to Slack fails with 500. What you type here still reaches the bot.',
    expect: 'Pages, mails and the kill go on. Messages come when it is back, each once.',
    put: ({ stage }) => stage().slack.fault('*', { kind: 'http500' }),
  },
  {
    id: 'slack.slow',
    group: 'slack',
    label: 'Slack is slow',
    does: 'Slack takes 1.5 s for every call.',
    expect: 'Messages come late; pages and the kill take no longer than before.',
    put: ({ stage }) => stage().slack.fault('*', { kind: 'slow', ms: SLOW_SLACK_MS }),
  },
  {
    id: 'slack.limits',
    group: 'slack',
    label: 'Slack limits (429)',
    does: 'Slack answers every call with 429, try again in 5 s.',
    expect: 'The bot waits as it is told. Nothing is lost, nothing is said twice.',
    put: ({ stage }) => stage().slack.fault('*', { kind: 'rateLimited', retryAfterSec: 5 }),
  },
  {
    id: 'pager.down',
    group: 'pagerduty',
    label: 'PagerDuty is down',
    does: 'PagerDuty answers everything with 500.',
    expect:
      'The headline says that the page is not sent yet, and whom to call; it is tried again until it is through. After 10 s on-call is mentioned in the channel, and mailed.',
    put: pager({ kind: 'http500' }),
  },
  {
    id: 'pager.slow',
    group: 'pagerduty',
    label: 'PagerDuty is slow',
    does: 'PagerDuty takes 3 s for everything.',
    expect: '“Not sent yet” stands on the headline for longer; Slack and the kill do not wait for it.',
    put: pager({ kind: 'slow', ms: SLOW_PAGER_MS }),
  },
  {
    id: 'pager.hangs',
    group: 'pagerduty',
    label: 'PagerDuty hangs',
    does: 'PagerDuty takes every request and never answers.',
    expect:
      'The headline says that the page is not sent yet, and whom to call; it is tried again with the same key, so that it pages once.',
    put: pager({ kind: 'hang' }),
  },
  {
    id: 'pager.limits',
    group: 'pagerduty',
    label: 'PagerDuty limits (429)',
    does: 'PagerDuty answers everything with 429, try again in 5 s.',
    expect: 'The headline says that the page is not sent yet, and whom to call; it is tried again.',
    put: pager({ kind: 'http429', retryAfterSec: 5 }),
  },
  {
    id: 'pager.forgets',
    group: 'pagerduty',
    label: 'PagerDuty takes it, and pages nobody',
    does: 'PagerDuty answers each event with 202, and makes no incident of it.',
    expect:
      '“Queued, nobody yet” stays on the headline: 202 is not somebody who was paged. After a minute on-call is mentioned in the channel, and mailed.',
    put: pager({ kind: 'acceptThenForget' }, ['events']),
  },
  {
    id: 'mail.down',
    group: 'mail',
    label: 'Mail server is down',
    does: 'The mail server drops every connection.',
    expect: 'No mail is called sent. It goes out when the server is back.',
    put: ({ stage }) => stage().mail.fault({ kind: 'drop', times: ALWAYS }),
  },
  {
    id: 'mail.refuses',
    group: 'mail',
    label: 'Mail server refuses who it is for (550)',
    does: 'The mail server answers 550 for every recipient: no such mailbox.',
    expect:
      'The thread says that the mail was refused, and why. It is not tried again: tell them by another way.',
    put: ({ stage }) => stage().mail.fault({ kind: 'refuseAll', times: ALWAYS }),
  },
  {
    id: 'mail.greylists',
    group: 'mail',
    label: 'Mail server says “later” (450)',
    does: 'The mail server answers 450 for every recipient: try again later.',
    expect: 'No mail is called sent. It is tried again, and goes out once it is taken.',
    put: ({ stage }) => stage().mail.fault({ kind: 'refuseAll', code: 450, times: ALWAYS }),
  },
  {
    id: 'mail.hangs',
    group: 'mail',
    label: 'Mail server hangs',
    does: 'The mail server takes each connection and never says a word.',
    expect: 'The mail waits and is tried again; pages, messages and the kill do not wait for it.',
    put: ({ stage }) => stage().mail.fault({ kind: 'hang', times: ALWAYS }),
  },
  {
    id: 'disk.gone',
    group: 'disk',
    label: 'Control file’s disk is gone',
    does: 'The folder of the control file is away, as when its disk was not mounted.',
    expect: 'It is said loudly within seconds. A kill cancels all the same, and says that it is not latched.',
    async put({ controlFile }) {
      const folder = dirname(controlFile);
      await rename(folder, awayOf(folder));
      return () => rename(awayOf(folder), folder);
    },
  },
  {
    id: 'disk.readonly',
    group: 'disk',
    label: 'Control file’s disk is read-only',
    does: 'Nothing can be written into the folder of the control file; it can be read.',
    expect: 'A kill cancels all the same, and says that the switch could not be written.',
    unavailable: ({ writesAnywhere }) =>
      writesAnywhere
        ? 'Not here: this rehearsal runs as root, whom a read-only folder does not hold up. Start it as another user to try this.'
        : null,
    async put({ controlFile }) {
      const folder = dirname(controlFile);
      await chmod(folder, 0o500);
      return () => chmod(folder, 0o700);
    },
  },
  {
    id: 'bot.kill9',
    group: 'bot',
    label: 'Kill the bot (kill -9)',
    kind: 'press',
    does: 'The bot’s process ends at this instant, in the middle of whatever it does.',
    expect: 'Start it again: it takes up what it owed, and does nothing twice.',
    async put({ bot }) {
      await bot.kill9();
      return () => undefined;
    },
  },
];

/** All switches, off. */
export function createFaultBoard(targets: FaultTargets): FaultBoard {
  const on = new Map<string, Lift>();
  const listeners = new Set<() => void>();
  // One after the other: a switch that is turned twice quickly ends where it was turned last.
  let turn: Promise<unknown> = Promise.resolve();

  async function change(fault: Fault, wanted: boolean): Promise<void> {
    const lift = on.get(fault.id);
    if (wanted === (lift !== undefined)) return;
    if (lift !== undefined) {
      // One that cannot be lifted still shows as on: it is.
      await lift();
      on.delete(fault.id);
    } else {
      const why = fault.unavailable?.(targets) ?? null;
      if (why !== null) throw new Error(why);
      const back = await fault.put(targets);
      if (fault.kind !== 'press') on.set(fault.id, back);
    }
    for (const listener of Array.from(listeners)) listener();
  }
  const inTurn = (fault: Fault, wanted: boolean): Promise<void> => {
    const done = turn.then(() => change(fault, wanted));
    turn = done.catch(() => undefined);
    return done;
  };

  return {
    shown: () =>
      FAULTS.map(({ id, group, label, does, expect, kind, unavailable }) => ({
        id,
        group,
        kind: kind ?? 'switch',
        label,
        does,
        expect,
        on: on.has(id),
        unavailable: unavailable?.(targets) ?? null,
      })),
    isOn: (id) => on.has(id),
    async set(id, wanted) {
      const fault = FAULTS.find((one) => one.id === id);
      if (fault === undefined) return false;
      await inTurn(fault, wanted);
      return true;
    },
    async clear() {
      // One that cannot be lifted keeps no other on.
      const lifts = await Promise.allSettled(FAULTS.map((fault) => inTurn(fault, false)));
      const stuck = lifts.find((lift) => lift.status === 'rejected');
      if (stuck !== undefined) throw stuck.reason;
    },
    forget() {
      on.clear();
      for (const listener of Array.from(listeners)) listener();
    },
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
