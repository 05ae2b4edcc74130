/** The only way into the log: load, decide, react, append, and again on a conflict. */

import { type Command, decideAll } from '../domain/decide.ts';
import type { Effect } from '../domain/effects.ts';
import { evolveAll, type Incident, type StandingEvent } from '../domain/incident.ts';
import type { Playbook } from '../domain/playbook.ts';
import { react } from '../domain/react.ts';
import { evolveTrading, type Trading } from '../domain/trading.ts';
import { type Clock, DESK, type IncidentSummary, type Log, type Store, StoreUnavailable } from '../ports.ts';

/** `recorded` false: it happened and is shown, but no disk holds it. Only stopping may go on like that. */
export interface Committed {
  recorded: boolean;
  events: StandingEvent[];
  incident: Incident | undefined;
}

export interface CommitOptions {
  /** Effects that these events settle. */
  settles?: string[];
  /** For stopping: when the store fails, go on in memory and say so, instead of throwing. */
  mustGoOn?: boolean;
  /** The log is known not to exist yet: nothing is looked up, so that the append happens before anything else can. */
  fresh?: boolean;
}

/** What a list shows of an incident. */
export type IncidentLine = Pick<
  IncidentSummary,
  'id' | 'severity' | 'status' | 'title' | 'alerts' | 'openedAt'
>;

export interface Ledger {
  /**
   * Decide a command on one log, or several on top of each other, and make what they come to durable in one append. Throws
   * Refusal, or StoreUnavailable unless `mustGoOn`; then none of them happened.
   */
  commit(stream: string, command: Command | Command[], options?: CommitOptions): Promise<Committed>;
  /** Begin a log with events that were decided elsewhere (a side journal). Throws StoreUnavailable. */
  begin(stream: string, events: StandingEvent[]): Promise<void>;
  /** Owe effects without an event (redraw a headline), or settle some. Never throws: what fails is tried by the next. */
  owe(stream: string, effects: Effect[], settles?: string[]): Promise<void>;
  peek(incident: string): Incident | undefined;
  load(incident: string): Promise<Incident | undefined>;
  history(incident: string): Promise<StandingEvent[]>;
  trading(): Trading;
  open(): Incident[];
  /** One line an incident, in the order of their opening, those that no disk holds included. */
  lines(): IncidentLine[];
  /** Why things go unrecorded, or null. */
  unrecorded(): string | null;
  /** Called with effects that are owed though nothing could be stored. */
  onVolatile(listener: (effects: Effect[]) => void): void;
  /** Called after every change, recorded or not. */
  onChanged(listener: (stream: string, events: StandingEvent[]) => void): void;
}

/**
 * How long stopping waits for a disk that does not answer before it goes on (DESIGN 5 lets a slash command wait 1 s). After
 * the first such wait nothing waits again, until the disk answers.
 */
const HANG_MS = 1_000;

/** How long everybody else waits: then it counts as not stored, and whoever asked asks again. */
const REFUSE_MS = 3_000;
const TURN_MS = 5;
const NO_ANSWER = 'the disk does not answer';

/** How often a command is decided again when another one was faster. Each try sees the other's events, so few are needed. */
const MAX_CONFLICTS = 50;

export function createLedger(deps: { store: Store; clock: Clock; playbook: Playbook; log: Log }): Ledger {
  const { store, clock, playbook, log } = deps;
  // What happened while nothing could be stored: folded over the store's last state, until the process ends.
  const volatileState = new Map<string, { incident: Incident; history: StandingEvent[] }>();
  let volatileTrading: Trading | null = null;
  let reason: string | null = null;
  let hanging = false;
  const volatileListeners: ((effects: Effect[]) => void)[] = [];
  const changeListeners: ((stream: string, events: StandingEvent[]) => void)[] = [];

  store.onAppended((stream, events) => {
    for (const listener of changeListeners) listener(stream, events);
  });

  const peek = (id: string) => volatileState.get(id)?.incident ?? store.peek(id);
  const load = async (id: string) => volatileState.get(id)?.incident ?? (await store.load(id));

  /** Events and the effects they owe, folded one by one so that each effect sees the incident as it was then. */
  function unfold(
    incident: Incident | undefined,
    events: StandingEvent[],
  ): { incident: Incident | undefined; effects: Effect[] } {
    const effects: Effect[] = [];
    const now =
      events.length === 0
        ? incident
        : evolveAll(incident, events, (event, then) => void effects.push(...react(event, then)));
    // The newest effect of a target stands for the older ones.
    const newest = new Map(effects.map((effect) => [effect.target, effect]));
    return { incident: now, effects: [...newest.values()] };
  }

  function keepInMemory(stream: string, events: StandingEvent[], why: string): Committed {
    if (reason === null)
      log.error({ why }, 'nothing can be recorded: stopping goes on, everything else is refused');
    reason = why;
    volatileTrading = events.reduce(
      (trading, event) => evolveTrading(trading, event, stream),
      volatileTrading ?? store.trading(),
    );
    let incident: Incident | undefined;
    if (stream !== DESK) {
      const before = peek(stream);
      const unfolded = unfold(before, events);
      incident = unfolded.incident;
      if (incident !== undefined) {
        const history = [...(volatileState.get(stream)?.history ?? []), ...events];
        volatileState.set(stream, { incident, history });
      }
      for (const listener of volatileListeners) listener(unfolded.effects);
    }
    for (const listener of changeListeners) listener(stream, events);
    return { recorded: false, events, incident };
  }

  async function commit(
    stream: string,
    command: Command | Command[],
    options: CommitOptions = {},
  ): Promise<Committed> {
    for (let tries = 0; tries < MAX_CONFLICTS; tries += 1) {
      const isNew = stream === DESK || (options.fresh === true && tries === 0);
      const before = peek(stream) ?? (isNew ? undefined : await load(stream));
      const events = decideAll([command].flat(), before, clock.now(), playbook);
      const settles = options.settles ?? [];
      if (events.length === 0 && settles.length === 0) return { recorded: true, events, incident: before };
      if (volatileState.has(stream) && options.mustGoOn === true)
        return keepInMemory(stream, events, reason ?? 'the store failed');
      const { incident, effects } =
        stream === DESK ? { incident: undefined, effects: [] } : unfold(before, events);
      try {
        const version = stream === DESK ? store.version(DESK) : (before?.version ?? 0);
        const appended = store.append(stream, version, events, effects, settles);
        const result = await orHang(appended, options.mustGoOn === true ? hurried() : REFUSE_MS);
        if (result === 'appended') return { recorded: true, events, incident };
        if (result === 'hangs' && options.mustGoOn !== true)
          throw new StoreUnavailable(NO_ANSWER, { maybe: true });
        if (result === 'hangs') {
          // The store's memory already holds these events: what is owed leaves now, and once only.
          for (const listener of volatileListeners) listener(effects);
          return { recorded: false, events, incident };
        }
      } catch (error) {
        if (!(error instanceof StoreUnavailable)) throw error;
        if (options.mustGoOn !== true) throw error;
        const folded = stream !== DESK && store.version(stream) > (before?.version ?? 0);
        if (!folded) return keepInMemory(stream, events, error.message);
        // The store's memory took the events before its disk failed: they are owed all the same, and not folded twice.
        reason = error.message;
        for (const listener of volatileListeners) listener(effects);
        for (const listener of changeListeners) listener(stream, events);
        return { recorded: false, events, incident };
      }
    }
    throw new StoreUnavailable(`${stream} changed under us ${MAX_CONFLICTS} times`);
  }

  const hurried = () => (hanging ? 0 : HANG_MS);

  async function orHang(
    appended: Promise<'appended' | 'conflict'>,
    ms: number,
  ): Promise<'appended' | 'conflict' | 'hangs'> {
    const limit = new AbortController();
    const answered = appended.finally(() => {
      hanging = false;
      limit.abort();
    });
    answered.catch(() => undefined); // the race below reports it; after a hang, the next append does
    // After a stall of this process itself the time is over before the answer was looked at: one more turn for it.
    const hang = clock
      .wait(ms, limit.signal)
      .then(() => clock.wait(TURN_MS, limit.signal))
      .then(() => 'hangs' as const);
    const first = await Promise.race([
      answered,
      hang.then(async (word) => (limit.signal.aborted ? await answered : word)),
    ]);
    if (first === 'hangs') {
      if (!hanging) log.error({}, 'the disk does not answer: stopping goes on unrecorded');
      hanging = true;
    }
    return first;
  }

  return {
    commit,
    peek,
    load,
    history: async (id) => [...(await store.history(id)), ...(volatileState.get(id)?.history ?? [])],
    trading: () => volatileTrading ?? store.trading(),
    open: () => [
      ...store.open().filter((incident) => !volatileState.has(incident.id)),
      ...[...volatileState.values()]
        .map((one) => one.incident)
        .filter((incident) => incident.status !== 'resolved'),
    ],
    lines() {
      const unheld = new Map([...volatileState].map(([id, { incident }]) => [id, lineOf(incident)]));
      const held = store.summaries().map((one): IncidentLine => {
        const newer = unheld.get(one.id);
        unheld.delete(one.id);
        return newer ?? one;
      });
      return [...held, ...unheld.values()];
    },
    unrecorded: () => reason ?? store.failure() ?? (hanging ? NO_ANSWER : null),
    onVolatile: (listener) => void volatileListeners.push(listener),
    onChanged: (listener) => void changeListeners.push(listener),
    async begin(stream, events) {
      const { effects } = unfold(undefined, events);
      if ((await store.append(stream, 0, events, effects)) === 'conflict')
        throw new StoreUnavailable(`${stream} is there already`);
    },
    async owe(stream, effects, settles = []) {
      for (let tries = 0; tries < MAX_CONFLICTS; tries += 1) {
        try {
          const appended = store.append(stream, store.version(stream), [], effects, settles);
          const result = await orHang(appended, hurried());
          if (result === 'appended') return;
          if (result === 'hangs') {
            for (const listener of volatileListeners) listener(effects);
            return;
          }
        } catch (error) {
          if (!(error instanceof StoreUnavailable)) throw error;
          for (const listener of volatileListeners) listener(effects);
          return;
        }
      }
    },
  };
}

export const lineOf = ({ id, severity, status, title, alerts, openedAt }: Incident): IncidentLine => ({
  id,
  severity,
  status,
  title,
  alerts: Object.keys(alerts).length,
  openedAt,
});
