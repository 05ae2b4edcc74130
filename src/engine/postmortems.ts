/** The postmortem's file: written anew when it is behind the log, put into the thread, and listed with all the others. */

import type { ChainHead } from '../domain/chain.ts';
import type { FactEvent } from '../domain/decide.ts';
import { evolveAll, type Incident, STANDDOWN } from '../domain/incident.ts';
import type { Playbook } from '../domain/playbook.ts';
import { type BudgetShare, isBudgetNoted } from '../domain/postmortem/budget.ts';
import { isBehind } from '../domain/postmortem/life.ts';
import { type PostmortemRow, rowOf } from '../domain/postmortem/log.ts';
import type { Clock, Drafts, Draw, Log, Sent, Store } from '../ports.ts';
import { backoff } from './backoff.ts';
import type { Figures } from './figures.ts';
import type { Ledger } from './ledger.ts';
import type { Attempt, Outcome } from './outbox.ts';

export interface PostmortemDeps {
  store: Store;
  ledger: Ledger;
  clock: Clock;
  drafts: Drafts;
  draw: Draw;
  playbook: Playbook;
  /** What is measured and drawn for one, before it is written. */
  figures: Pick<Figures, 'prepare'>;
  /** What an incident took of the budgets, as measured: only those of which something was. */
  budget(incident: Incident): BudgetShare[];
  upload(
    channel: string,
    threadTs: string | null,
    comment: string,
    files: { name: string; title: string; bytes: Buffer }[],
  ): Promise<Sent<object>>;
  log: Log;
}

export interface Postmortems {
  /** Write the file anew if it is behind the log; it is on record when it was read back. */
  write(attempt: Attempt, incident: Incident): Promise<Outcome>;
  /** Put the file into the thread. */
  share(attempt: Attempt, incident: Incident, of: number): Promise<Outcome>;
}

/** How often an upload is tried before the message says where the file lies instead. */
const UPLOADS = 3;

export function createPostmortems(deps: PostmortemDeps): Postmortems {
  const { store, ledger, clock, drafts, draw, log } = deps;

  const note = async (incident: string, event: FactEvent): Promise<Incident | undefined> =>
    (await ledger.commit(incident, { type: 'Note', by: STANDDOWN, event }, { mustGoOn: true })).incident;

  /** `PM_YYYYMMDD_NNN`: the day of the resolution (of an open one: today), and the next number of that day. */
  function idFor(incident: Incident): string {
    if (incident.postmortem !== undefined) return incident.postmortem.id;
    const day = new Date(incident.resolution?.at ?? clock.now())
      .toISOString()
      .slice(0, 10)
      .replaceAll('-', '');
    const taken = store
      .summaries()
      .flatMap((one) =>
        one.postmortem?.startsWith(`PM_${day}_`) === true ? [Number(one.postmortem.split('_')[2])] : [],
      );
    return `PM_${day}_${String(Math.max(0, ...taken) + 1).padStart(3, '0')}`;
  }

  /** The incident with what it took of the budgets on its log, so that the file is a reading of that. */
  async function measured(incident: Incident): Promise<Incident> {
    const readings = deps.budget(incident);
    // What was measured once and is kept by the minute no longer stays as it was noted.
    if (readings.length === 0 || isBudgetNoted(incident.budget, readings)) return incident;
    return (await note(incident.id, { type: 'BudgetNoted', readings })) ?? incident;
  }

  async function revise(id: string): Promise<void> {
    const before = await ledger.load(id);
    if (before === undefined) return;
    const known = before.postmortem;
    if (known !== undefined && !isBehind(known)) return list(before);
    const { final } = known ?? {};
    const pm = idFor(before);
    if (final === undefined) await deps.figures.prepare(before, pm);
    const now = final === undefined ? await measured((await ledger.load(id)) ?? before) : before;
    const chain = await store.chain(id).catch((error: unknown): ChainHead | null => {
      log.warn({ incident: id, error: String(error) }, 'the head of a log could not be read');
      return null;
    });
    // A final one shows what was there when it was made final, whenever that is written.
    const shows = final?.n ?? now.version;
    const history = (await ledger.history(id)).slice(0, shows);
    const shown = final === undefined ? now : evolveAll(undefined, history);
    const revision = (known?.revision ?? 0) + 1;
    const markdown = await draw.postmortem(shown, history, { id: pm, revision, chain });
    const { path, sha256, copies } = await drafts.save(pm, markdown, known?.sha256 ?? null);
    const byHand = copies.filter((copy) => known?.byHand.includes(copy) !== true);
    const made = {
      id: pm,
      sha256,
      shows,
      ...(chain === null ? {} : { chain }),
      ...(byHand.length === 0 ? {} : { byHand }),
    };
    const written = await note(
      id,
      known === undefined
        ? { type: 'PostmortemDrafted', file: path, ...made }
        : { type: 'PostmortemRevised', revision, ...made },
    );
    if (written !== undefined) await list(written);
  }

  // ── The table of all of them ─────────────────────────────────────────────────────────────────────────────────────

  /** A row an incident, by its id; null: not read yet. */
  let listed: Map<string, PostmortemRow> | null = null;

  function put(rows: Map<string, PostmortemRow>, incident: Incident): void {
    const row = rowOf(incident, deps.playbook);
    if (row !== null) rows.set(incident.id, row);
  }

  async function list(incident: Incident): Promise<void> {
    if (listed === null) {
      listed = new Map();
      for (const { id, postmortem } of store.summaries()) {
        const one = postmortem === null ? undefined : await ledger.load(id);
        if (one !== undefined) put(listed, one);
      }
    }
    put(listed, incident);
    await draw
      .postmortemLog(listed.values())
      .then((markdown) => drafts.saveLog(markdown))
      // The next revision writes it anew, and so does `standdown postmortem log`.
      .catch((error: unknown) =>
        log.error({ error: String(error) }, 'the log of the postmortems could not be written'),
      );
  }

  // One after the other: two drafts of one day must not take the same number, and the table is one file.
  let turn: Promise<unknown> = Promise.resolve();

  return {
    async write(attempt, incident) {
      const mine = turn.then(() => revise(incident.id));
      turn = mine.catch(() => undefined);
      try {
        await mine;
        return { done: true, facts: [] };
      } catch (error) {
        log.error({ incident: incident.id, error: String(error) }, 'the postmortem could not be written');
        return { done: false, retryInMs: backoff(attempt.tries, undefined), facts: [] };
      }
    },

    async share(attempt, incident, of) {
      const { postmortem, posts } = incident;
      const headline = posts['headline'];
      const state = postmortem?.final?.n === of ? 'FINAL' : 'in REVIEW';
      const isCurrent = (postmortem?.final ?? postmortem?.review)?.n === of;
      if (postmortem === undefined || headline === undefined || !isCurrent || postmortem.shared?.of === of)
        return { done: true, facts: [] };
      const { id, revision } = postmortem;
      const sent = await drafts.read(id).then(
        ({ bytes }) =>
          deps.upload(
            headline.channel,
            headline.ts,
            `${incident.drill ? 'DRILL · ' : ''}${id}, ${state}, revision ${revision}`,
            [{ name: `${id}.md`, title: `${id}, revision ${revision}`, bytes }],
          ),
        (error: unknown) => ({ state: 'failed' as const, retry: true, reason: String(error) }),
      );
      const shared = { type: 'PostmortemShared' as const, id, revision, of };
      if (sent.state === 'done') return { done: true, facts: [shared] };
      if (sent.retry && attempt.tries + 1 < UPLOADS)
        return { done: false, retryInMs: backoff(attempt.tries, undefined), facts: [] };
      log.warn({ postmortem: id, reason: sent.reason }, 'a postmortem could not be put into the thread');
      return { done: true, facts: [{ ...shared, failed: sent.reason }] };
    },
  };
}
