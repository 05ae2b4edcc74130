/**
 * Keeps what makes the desk ready on the desk's own log: reads the rota, the runbooks and what kills proved, follows test
 * pages, and reminds. It decides nothing: domain/readiness judges.
 */

import type { FactEvent } from '../domain/decide.ts';
import { Refusal } from '../domain/decide.ts';
import { type Actor, STANDDOWN, type StandingEvent } from '../domain/incident.ts';
import {
  AHEAD_MS,
  type Proof,
  type ReadinessState,
  type RotaReading,
  type TextVersion,
} from '../domain/readiness/events.ts';
import {
  changedSince,
  isGreen,
  isRed,
  judgeReadiness,
  type ReadinessFacts,
  type ReadinessLine,
  subjectOf,
} from '../domain/readiness/judge.ts';
import {
  type DrillNote,
  drillNoteOf,
  provedByCancel,
  provedByDrill,
  provedByKill,
} from '../domain/readiness/proofs.ts';
import { rotaReading } from '../domain/readiness/rota.ts';
import {
  evolveMissed,
  evolveReadiness,
  isDrillWord,
  isReadiness,
  NOTHING_PROVED,
} from '../domain/readiness/state.ts';
import type { Chat, Store } from '../ports.ts';
import { type ChatMessage, type Clock, DESK, type Log, type Pager, type RunbookTexts } from '../ports.ts';
import type { Ledger } from './ledger.ts';
import { createTestPages, type TestPages } from './testPage.ts';

/** All that is shown of it. */
export interface ReadinessReport {
  now: number;
  lines: ReadinessLine[];
  state: ReadinessState;
  /** What is to be read, as it stands. */
  texts: TextVersion[];
  /** A line that is not green refuses what loosens. */
  required: boolean;
}

export interface Readiness {
  report(): ReadinessReport;
  /** Read the rota and the texts now. What cannot be read is on record as that. */
  refresh(): Promise<void>;
  /** Read the texts now. Never throws. */
  readTexts(): Promise<void>;
  /** Throws Refusal where readiness is required and a line is not green. For what loosens, never for what stops. */
  mayLoosen(): void;
  /** Throws Refusal, StoreUnavailable. */
  testPage(by: Actor): Promise<number>;
  hearTestPage: TestPages['hear'];
  /** This person read the texts, as they stood when `version` was shown. Throws Refusal where they changed since. */
  haveRead(by: Actor, version: string): Promise<string>;
  /** A person says that a line which nothing measures is done. Throws Refusal. */
  mark(by: Actor, line: string, part: string | null, evidence: string): Promise<ReadinessLine>;
  /** Bars that came in. */
  sawBar(feed: string, closedAt: number): void;
  /** Once a second. Never throws. */
  tick(): Promise<void>;
}

export interface ReadinessDeps {
  ledger: Pick<Ledger, 'commit' | 'onChanged' | 'open' | 'trading' | 'load'>;
  store: Pick<Store, 'history'>;
  clock: Clock;
  log: Log;
  pager: Pick<Pager, 'trigger' | 'resolve' | 'find' | 'canConfirm' | 'rotaAhead'>;
  chat: Pick<Chat, 'post' | 'find'>;
  channel: string;
  texts: RunbookTexts;
  facts: ReadinessFacts;
  policy: { remindEveryDays: number; aheadDays: number };
  required: boolean;
  /** PagerDuty schedules of the configuration, for where our service cannot be told. */
  schedules: string[];
  /** How long bars of a feed last, ms, by the feed's id. */
  barMs: Readonly<Record<string, number>>;
  userByEmail(email: string): Promise<string | null | undefined>;
  /** The hash of what is to be read, short enough for a button. */
  versionOf(texts: TextVersion[]): string;
  /** The weekly message. */
  draw(report: ReadinessReport): ChatMessage;
}

const DAY_MS = 86_400_000;
/** Somebody who is put on call is asked to read within this; on record it goes when it changed, and once a day. */
const ROTA_MS = 60 * 60_000;
/** Between two tries to read the rota, where PagerDuty does not answer. */
const ROTA_AGAIN_MS = 15 * 60_000;
const TEXTS_MS = 60_000;
const POST_AGAIN_MS = 60_000;
/** Bars that are older say nothing of a feed that would have to serve now (the playbook's staleness). */
const STALE_MS = 120_000;

type RotaOnRecord = RotaReading & { at: number };

/** Whether the rota on record, of less than a day ago, says the same; its span moves on with the clock. */
function isSameRota(rota: RotaOnRecord, read: RotaReading, now: number): boolean {
  const told = ({ holes, people, to: end }: RotaReading) =>
    JSON.stringify([
      // One that has grown ends later, though it begins where it did; the last one ends where the reading does.
      holes
        .filter(({ to }) => to > now)
        .map(({ from, to }) => [Math.max(from, now), to >= end ? 'open' : to]),
      people.toSorted((a, b) => (a.id < b.id ? -1 : 1)),
    ]);
  return rota.at <= now && now - rota.at < DAY_MS && told(rota) === told(read);
}

export async function createReadiness(deps: ReadinessDeps): Promise<Readiness> {
  const { ledger, clock, log, pager, facts, policy } = deps;
  let state: ReadinessState = NOTHING_PROVED;
  let firstAt: number | null = null;
  // Before anything is shown: the button carries what is to be read. It goes on record with the first look.
  let texts: TextVersion[] = await deps.texts.read();
  const fold = (event: StandingEvent) => {
    if (isDrillWord(event)) state = evolveMissed(state, event);
    if (!isReadiness(event)) return;
    firstAt ??= event.at;
    state = evolveReadiness(state, event);
  };

  /** Logs in which something happened that may prove a line; looked at by the tick, so that no kill waits for it. */
  const toLook = new Set<string>();
  const cancels: { stream: string; event: Extract<StandingEvent, { type: 'CancelFinished' }> }[] = [];
  const drills: { note: DrillNote; at: number }[] = [];
  function hearDesk(event: StandingEvent): void {
    fold(event);
    const note = drillNoteOf(event);
    if (note !== null) drills.push({ note, at: event.at });
    if (event.type === 'CancelFinished') cancels.push({ stream: DESK, event });
  }
  for (const event of await deps.store.history(DESK)) hearDesk(event);
  ledger.onChanged((stream, events) => {
    for (const event of events) {
      if (stream === DESK) hearDesk(event);
      if (stream !== DESK && event.type === 'CancelFinished') cancels.push({ stream, event });
      if (event.type === 'KillJudged' || event.type === 'VenueJudged' || event.type === 'EngineConfirmed')
        toLook.add(stream);
    }
  });
  // What an earlier process did not get to. The newest kill proves as much as those before it.
  for (const { id, kills } of ledger.open()) if (Object.keys(kills).length > 0) toLook.add(id);
  const { lastKill } = ledger.trading();
  if (lastKill !== null) toLook.add(lastKill.incident);

  async function commit(by: Actor, ...events: FactEvent[]): Promise<void> {
    // One after the other: the desk's log is no incident that several commands could be folded onto.
    for (const event of events) await ledger.commit(DESK, { type: 'Note', by, event });
  }
  const judge = (now: number) => judgeReadiness(state, facts, now);
  const report = (): ReadinessReport => {
    const now = clock.now();
    return { now, lines: judge(now), state, texts, required: deps.required };
  };
  const pages = createTestPages({
    state: () => state,
    commit,
    pager,
    clock,
    log,
    rehearsal: facts.rehearsal,
    of: subjectOf('alerting', '', facts),
  });

  // ── What proves by itself ──────────────────────────────────────────────────────────────────────────────────────

  async function prove(proofs: Omit<Proof, 'rehearsal'>[], by: Actor = STANDDOWN): Promise<void> {
    const fresh = proofs.filter(
      ({ line, part, provedAt }) =>
        !state.proofs.some(
          (one) =>
            one.line === line &&
            one.part === part &&
            one.rehearsal === facts.rehearsal &&
            one.provedAt >= provedAt &&
            // What is dated in the future proves nothing, and keeps nothing new away.
            one.provedAt <= clock.now() + AHEAD_MS,
        ),
    );
    if (fresh.length === 0) return;
    await commit(
      by,
      ...fresh.map((proof) => ({
        type: 'ReadinessProved' as const,
        of: subjectOf(proof.line, proof.part, facts),
        ...proof,
        rehearsal: facts.rehearsal,
      })),
    );
  }

  async function lookAtKills(): Promise<void> {
    const ids = [...toLook];
    toLook.clear();
    for (const id of ids) {
      const incident = id === DESK ? undefined : await ledger.load(id).catch(() => undefined);
      for (const kill of Object.values(incident?.kills ?? {}))
        if (incident !== undefined) await prove(provedByKill(incident, kill, facts.engines), kill.by);
    }
    for (const { note, at } of drills.splice(0)) await prove(provedByDrill(note, at));
    for (const { stream, event } of cancels.splice(0)) {
      const drill = stream === DESK ? false : ((await ledger.load(stream))?.drill ?? false);
      await prove(provedByCancel(stream, drill, event.results, event.at), event.by);
    }
  }

  const newestBar = new Map<string, number>();
  const toProve = new Map<string, Omit<Proof, 'rehearsal'>>();

  function sawBar(name: string, closedAt: number): void {
    if (facts.feeds === 'off') return;
    const feeds = facts.feeds.filter(({ backup }) => backup === name);
    if (feeds.length === 0) return;
    const before = newestBar.get(name);
    if (before !== undefined && closedAt <= before) return;
    newestBar.set(name, closedAt);
    const now = clock.now();
    for (const { id } of feeds) {
      const barMs = deps.barMs[id] ?? STALE_MS;
      // Both of them: one that follows an hour of silence is no feed that runs. The same bar of two symbols is one.
      const isFresh = before !== undefined && now - before <= Math.max(STALE_MS, 2 * barMs) + barMs / 2;
      const isNext = before !== undefined && closedAt - before >= barMs / 2;
      const known = state.proofs.find(
        ({ line, part, of }) => line === 'backup-feed' && part === id && of?.includes(name) === true,
      );
      // Two bars, one after the other, and once a day: it is not the load of a feed that is proved.
      if (!isFresh || !isNext || (known !== undefined && now - known.provedAt < DAY_MS)) continue;
      const evidence = `bars of ${name} came in, the newest of ${new Date(closedAt).toISOString().slice(0, 19)}Z, ${Math.max(0, Math.round((now - closedAt) / 1_000))} s old`;
      toProve.set(id, { line: 'backup-feed', part: id, evidence, provedAt: now });
    }
  }

  // ── What is read ───────────────────────────────────────────────────────────────────────────────────────────────

  let rotaNotBefore = 0;
  let rotaSeenAt: number | null = null;
  let reading: Promise<void> | null = null;
  const readRota = (): Promise<void> => {
    reading ??= askRota().finally(() => {
      reading = null;
    });
    return reading;
  };

  async function askRota(): Promise<void> {
    rotaNotBefore = clock.monotonic() + ROTA_AGAIN_MS;
    if (!pager.canConfirm) return;
    const from = clock.now();
    const span = { from, to: from + policy.aheadDays * DAY_MS };
    const ahead = await pager.rotaAhead(span.from, span.to, deps.schedules);
    if (ahead.state === 'unavailable') {
      if (state.unread?.reason !== ahead.reason)
        await commit(STANDDOWN, { type: 'RotaUnread', reason: ahead.reason });
      return;
    }
    const emails = [...new Set(ahead.shifts.flatMap(({ email }) => (email === null ? [] : [email])))];
    const users = new Map<string, string | null | undefined>();
    for (const email of emails) users.set(email, await deps.userByEmail(email));
    const read = rotaReading(ahead, span, (email) => users.get(email));
    rotaSeenAt = from;
    if (state.unread === null && state.rota !== null && isSameRota(state.rota, read, from)) return;
    await commit(STANDDOWN, { type: 'RotaRead', ...read });
  }

  /** Every hour; at once where the clock was put back before the last reading. */
  const isRotaDue = (rota: RotaOnRecord | null, now: number): boolean =>
    rota === null ||
    state.unread !== null ||
    rotaSeenAt === null ||
    now - rotaSeenAt >= ROTA_MS ||
    rotaSeenAt > now;

  async function readTexts(): Promise<void> {
    texts = await deps.texts.read();
    if (state.texts === null || changedSince(texts, state.texts.texts).length > 0)
      await commit(STANDDOWN, { type: 'RunbooksSeen', texts });
  }

  // ── Reminders, and what must outlast a week ────────────────────────────────────────────────────────────────────

  let postNotBefore = 0;

  async function remind(now: number): Promise<void> {
    const every = policy.remindEveryDays * DAY_MS;
    const { dueAt } = state.reminder;
    const lines = judge(now);
    const red = lines.filter(isRed);
    // What is unknown for a while is reminded of in its turn, and starts no week anew when it is red again.
    if (red.length === 0) {
      if (dueAt !== null && lines.every(isGreen))
        await commit(STANDDOWN, { type: 'ReadinessReminderSet', dueAt: null });
      return;
    }
    // Never set, or by a clock that was put back since.
    if (dueAt === null || dueAt > now + every)
      return commit(STANDDOWN, { type: 'ReadinessReminderSet', dueAt: now + every });
    if (now < dueAt || clock.monotonic() < postNotBefore) return;
    postNotBefore = clock.monotonic() + POST_AGAIN_MS;
    const key = `${DESK}/readiness/${dueAt}`;
    // An earlier process may have posted it, and ended before it was on record.
    const found = await deps.chat.find(deps.channel, null, key, dueAt);
    if (found.state === 'failed') {
      log.warn(
        { reason: found.reason },
        'whether #incidents was reminded of readiness is not known: it waits',
      );
      return;
    }
    if (found.ts === null) {
      const sent = await deps.chat.post(deps.channel, null, deps.draw(report()), key);
      if (sent.state === 'failed') {
        log.warn({ reason: sent.reason }, '#incidents could not be reminded of readiness: it is tried again');
        return;
      }
    }
    await commit(STANDDOWN, {
      type: 'ReadinessReminded',
      lines: red.map(({ id }) => id),
      dueAt: now + every,
    });
  }

  async function restate(now: number): Promise<void> {
    const since = state.restatedAt ?? firstAt;
    // In the future: a clock that was put back. Waiting for that day would let the log forget it all.
    if (since === null || (now - since < DAY_MS && since <= now + AHEAD_MS)) return;
    await commit(STANDDOWN, { type: 'ReadinessRestated', state });
  }

  /** One part that fails keeps no other from its turn. */
  async function attempt(what: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      log.warn({ what, error: String(error) }, 'a part of readiness waits: it is tried again');
    }
  }

  let textsNotBefore = 0;
  let ticking = false;

  return {
    report,
    async refresh() {
      await attempt('texts', readTexts);
      await attempt('rota', readRota);
      await attempt('kills', lookAtKills);
    },
    readTexts: () => attempt('texts', readTexts),
    mayLoosen() {
      if (!deps.required) return;
      const red = judge(clock.now()).filter((line) => !isGreen(line));
      if (red.length === 0) return;
      const names = red.map(({ id, state: is }) => `${id} (${is})`).join(', ');
      throw new Refusal(
        'not_ready',
        `Readiness is required (readiness: required), and not green: ${names}. Nothing was loosened. /incident readiness says how to mend each. Stopping works all the same.`,
      );
    },
    testPage: (by) => pages.ask(by),
    hearTestPage: (...heard) => pages.hear(...heard),
    async haveRead(by, version) {
      await attempt('texts', readTexts);
      if (deps.versionOf(texts) !== version)
        throw new Refusal(
          'texts_changed',
          'The runbooks changed since that was shown: read them as they are now. Nothing was put on record. /incident readiness shows them.',
        );
      const broken = texts.filter(({ sha256 }) => sha256 === null).map(({ name }) => name);
      if (broken.length > 0)
        throw new Refusal(
          'texts_unreadable',
          `${broken.join(', ')} cannot be read: nobody can have read it. Nothing was put on record.`,
        );
      await commit(by, { type: 'RunbooksRead', texts });
      return `It is on record that you read ${texts.length} texts, as they stand now. When one changes you are asked again.`;
    },
    async mark(by, line, part, evidence) {
      const known = facts.lines.find(({ id }) => id === line);
      if (known === undefined)
        throw new Refusal(
          'no_such_line',
          `There is no line ${line}. Lines: ${facts.lines.map(({ id }) => id).join(', ')}. Nothing was marked.`,
        );
      const of = markable(line, part, facts);
      await prove([{ line, part: of, evidence: `said by a person: ${evidence}`, provedAt: clock.now() }], by);
      const judged = judge(clock.now()).find(({ id }) => id === line);
      if (judged === undefined) throw new Error(`${line} was marked but is not there`);
      return judged;
    },
    sawBar,
    async tick() {
      if (ticking) return;
      ticking = true;
      try {
        const now = clock.now();
        if (clock.monotonic() >= textsNotBefore) {
          textsNotBefore = clock.monotonic() + TEXTS_MS;
          await attempt('texts', readTexts);
        }
        // Not waited for: PagerDuty may hang, and reminders and test pages do not.
        if (isRotaDue(state.rota, now) && clock.monotonic() >= rotaNotBefore) void attempt('rota', readRota);
        await attempt('kills', lookAtKills);
        if (toProve.size > 0) {
          const proofs = [...toProve.values()];
          toProve.clear();
          await attempt('feeds', () => prove(proofs));
        }
        await pages.tick();
        await attempt('reminder', () => remind(clock.now()));
        await attempt('restating', () => restate(clock.now()));
      } finally {
        ticking = false;
      }
    },
  };
}

/** The part of a line that a person may mark. Throws Refusal for what is measured: there a word is no proof. */
function markable(line: string, part: string | null, { feeds }: ReadinessFacts): string {
  switch (line) {
    case 'kill-switch':
    case 'emergency-cancel':
    case 'on-call-rotation':
    case 'alerting':
    case 'runbook-read':
      throw new Refusal(
        'measured',
        `${line} is measured, and not marked: /incident readiness says what proves it. Nothing was marked.`,
      );
    case 'backup-feed': {
      const named = feeds === 'off' ? [] : feeds.filter(({ backup }) => backup !== null).map(({ id }) => id);
      if (part === null || !named.includes(part))
        throw new Refusal(
          'no_such_feed',
          named.length === 0
            ? 'No feed has a backup in the configuration: there is nothing to mark.'
            : `Name the feed whose backup you tested: ${named.join(', ')}. Nothing was marked.`,
        );
      return part;
    }
    default:
      return '';
  }
}
