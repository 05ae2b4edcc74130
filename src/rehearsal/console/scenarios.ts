/** Stories to start from the page: public acts over time, told as they happen, and ended by whoever started them. */

import type { Stage } from '../stage.ts';
import type { BotProcess } from './botProcess.ts';
import type { LoopbackEngine } from './engine.ts';
import type { FaultBoard } from './faults.ts';
import type { ShownScenario, StatusShown } from './state.ts';
import { SCENARIOS } from './stories.ts';

export interface ScenarioDeps {
  stage(): Stage;
  bot: BotProcess;
  engine: LoopbackEngine;
  faults: FaultBoard;
  now(): number;
  /** Resolves after so long, or rejects when the signal aborts. */
  wait(ms: number, signal: AbortSignal): Promise<void>;
  /** To the bot's own HTTP, with the rehearsal's token. Status 0: nobody answered. */
  post(path: string, body: unknown): Promise<{ status: number; json: unknown }>;
  /** The bot's `/status`; null while it does not answer. */
  status(): Promise<Pick<StatusShown, 'trading' | 'lastKill'> | null>;
}

/** What a story has in its hands. Each of them rejects when the scenario is stopped. */
export interface Play extends Omit<ScenarioDeps, 'wait' | 'faults'> {
  /** Say what happened; each telling is a step of the progress. */
  tell(text: string): void;
  wait(ms: number): Promise<void>;
  /** Look every half second until it holds; false when it does not within so long. */
  until(holds: () => boolean | Promise<boolean>, ms: number): Promise<boolean>;
  /** A switch of the page, turned back at the end unless somebody did so before. */
  fault(id: string): Promise<void>;
  unfault(id: string): Promise<void>;
  /** To be done at the end, however it comes. */
  atEnd(undo: () => unknown): void;
  /** Fire an alert as Alertmanager does; it is resolved at the end. */
  alert(alert: StoryAlert): Promise<void>;
}

export interface StoryAlert {
  name: string;
  severity: 'critical' | 'warning' | 'info';
  summary: string;
  labels?: Record<string, string>;
}

export interface Scenario extends Pick<ShownScenario, 'id' | 'title' | 'about' | 'watch' | 'todo'> {
  /** How often it tells, to the end. */
  steps: number;
  play(play: Play): Promise<void>;
}

export interface ScenarioBoard {
  shown(): ShownScenario[];
  /** @throws when there is none of this name, or one runs */
  start(id: string): void;
  /** Stop it, and wait until what it did to the outside is undone. Does nothing when it does not run. */
  stop(id: string): Promise<void>;
  /** The same for what runs. It still tells of itself, until `forget`. */
  stopAll(by: string): Promise<void>;
  /** Every story as if it had never been started. */
  forget(): void;
  /** Resolves when nothing runs. */
  settled(): Promise<void>;
  onChange(listener: () => void): () => void;
}

interface Run {
  state: ShownScenario['state'];
  told: ShownScenario['told'];
  abort: AbortController;
  over: Promise<void>;
}

const LOOK_MS = 500;
const TAKEN_BACK =
  'Its faults and its alerts are taken back. What was bought, placed, paged or killed stays, as in life.';
const NOT_TAKEN_BACK =
  'Not all of what it broke could be taken back, maybe because the bot is down: look at the switches, or start over.';

export function createScenarioBoard(
  deps: ScenarioDeps,
  scenarios: readonly Scenario[] = SCENARIOS,
): ScenarioBoard {
  const runs = new Map<string, Run>();
  const listeners = new Set<() => void>();
  const changed = () => {
    for (const listener of Array.from(listeners)) listener();
  };

  function handsOf(run: Run, undo: (() => unknown)[]): Play {
    const { signal } = run.abort;
    const tell = (text: string) => {
      signal.throwIfAborted();
      run.told.push({ at: deps.now(), text });
      changed();
    };
    const wait = async (ms: number) => {
      await deps.wait(ms, signal);
      signal.throwIfAborted();
    };
    const turned = new Set<string>();
    return {
      ...deps,
      tell,
      wait,
      atEnd: (what) => void undo.push(what),
      async status() {
        const said = await deps.status();
        // Who asks acts on the answer, and a story that was ended acts no more.
        signal.throwIfAborted();
        return said;
      },
      async until(holds, ms) {
        for (let waited = 0; ; waited += LOOK_MS) {
          signal.throwIfAborted();
          if (await holds()) return true;
          if (waited >= ms) return false;
          await wait(LOOK_MS);
        }
      },
      async fault(id) {
        signal.throwIfAborted();
        // What a person had switched on stays on.
        if (deps.faults.isOn(id)) return;
        await deps.faults.set(id, true);
        turned.add(id);
        undo.push(() => (turned.has(id) ? deps.faults.set(id, false) : undefined));
      },
      async unfault(id) {
        if (turned.delete(id)) await deps.faults.set(id, false);
      },
      async alert(alert) {
        signal.throwIfAborted();
        const startsAt = deps.now();
        const answer = await deps.post('/alerts/alertmanager', alertBody(alert, startsAt, null));
        if (answer.status !== 202)
          throw new Error(`the alert was answered with ${answer.status || 'nothing'}`);
        undo.push(async () => {
          const resolved = await deps.post('/alerts/alertmanager', alertBody(alert, startsAt, deps.now()));
          if (resolved.status !== 202) throw new Error('the alert was not resolved');
        });
      },
    };
  }

  async function carryOut(scenario: Scenario, run: Run): Promise<void> {
    const undo: (() => unknown)[] = [];
    let ended: ShownScenario['state'] = 'done';
    try {
      await scenario.play(handsOf(run, undo));
    } catch (error) {
      const { aborted, reason } = run.abort.signal;
      ended = aborted ? 'stopped' : 'failed';
      run.told.push({
        at: deps.now(),
        text: aborted ? `Ended early, by ${String(reason)}.` : `It could not go on: ${wordsOf(error)}`,
      });
    } finally {
      let kept = 0;
      for (const back of undo.toReversed()) {
        try {
          await back();
        } catch {
          // Each is undone by itself: one that fails, a bot that is down, keeps none of the others.
          kept += 1;
        }
      }
      if (ended === 'stopped')
        run.told.push({ at: deps.now(), text: kept === 0 ? TAKEN_BACK : NOT_TAKEN_BACK });
      // Only now may another one begin: what this one takes back, the other might have counted on.
      run.state = ended;
      changed();
    }
  }

  const running = () => [...runs.entries()].find(([, run]) => run.state === 'running');
  async function end(run: Run | undefined, by: string): Promise<void> {
    if (run === undefined) return;
    run.abort.abort(by);
    await run.over;
  }

  return {
    shown: () =>
      scenarios.map(({ id, title, about, watch, todo, steps }) => {
        const run = runs.get(id);
        const told = run?.told ?? [];
        return {
          id,
          title,
          about,
          watch,
          todo,
          state: run?.state ?? 'ready',
          told: [...told],
          progress: run?.state === 'done' ? 1 : Math.min(0.99, told.length / (steps + 1)),
        };
      }),
    start(id) {
      const scenario = scenarios.find((one) => one.id === id);
      if (scenario === undefined) throw new Error(`There is no scenario ${id}.`);
      const other = running();
      if (other !== undefined) throw new Error('A scenario is running: stop it first.');
      const run: Run = { state: 'running', told: [], abort: new AbortController(), over: Promise.resolve() };
      runs.set(id, run);
      run.over = carryOut(scenario, run);
      changed();
    },
    stop: (id) => end(runs.get(id), 'Stop'),
    async stopAll(by) {
      for (const run of runs.values()) await end(run, by);
    },
    forget() {
      runs.clear();
      changed();
    },
    async settled() {
      for (const run of runs.values()) await run.over;
    },
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

/** Alertmanager's webhook body (version 4) with one alert. */
function alertBody(
  { name, severity, summary, labels = {} }: StoryAlert,
  startsAt: number,
  endsAt: number | null,
): object {
  const status = endsAt === null ? 'firing' : 'resolved';
  const all = { alertname: name, severity, ...labels };
  return {
    receiver: 'standdown',
    status,
    version: '4',
    groupKey: `{}:{alertname="${name}"}`,
    truncatedAlerts: 0,
    groupLabels: { alertname: name },
    commonLabels: all,
    commonAnnotations: {},
    externalURL: 'http://alertmanager.example',
    alerts: [
      {
        status,
        labels: all,
        annotations: { summary },
        startsAt: new Date(startsAt).toISOString(),
        endsAt: endsAt === null ? '0001-01-01T00:00:00Z' : new Date(endsAt).toISOString(),
        generatorURL: 'http://prometheus.example/graph',
        fingerprint: fingerprintOf(all),
      },
    ],
  };
}

/** 16 hex digits, the same for the same labels. */
function fingerprintOf(labels: Record<string, string>): string {
  let hash = 0xcbf29ce484222325n;
  for (const byte of Buffer.from(JSON.stringify(labels))) {
    hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
  }
  return hash.toString(16).padStart(16, '0');
}

const wordsOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
