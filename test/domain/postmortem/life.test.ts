import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { followedUntil } from '../../../src/domain/clocks.ts';
import { type Command, decide, Refusal } from '../../../src/domain/decide.ts';
import { dueNow } from '../../../src/domain/due.ts';
import {
  type Actor,
  evolve,
  type Incident,
  STANDDOWN,
  type StandingEvent,
} from '../../../src/domain/incident.ts';
import { FIELDS, type FieldEdit, isBehind, sortEdits } from '../../../src/domain/postmortem/life.ts';
import { lacksOf } from '../../../src/domain/postmortem/missing.ts';
import { react } from '../../../src/domain/react.ts';
import { missingToAsk } from '../../../src/domain/resume.ts';
import { loadPolicy } from '../../../src/policy.ts';

const loaded = loadPolicy();
if (!loaded.ok) throw new Error('the shipped policy does not load');
const { playbook } = loaded.policy;
const HOURS = { timezone: 'UTC', days: ['mon', 'tue', 'wed', 'thu', 'fri'], maintenance: [] } as never;

const ada: Actor = { via: 'slack', id: 'U1', name: 'Ada' };
const grace: Actor = { via: 'slack', id: 'U2', name: 'Grace' };
const T0 = Date.UTC(2026, 10, 22, 14);
const HOUR = 3_600_000;
const ID = 'INC-20261122-001';

type Unsigned<E> = E extends { at: number; by: Actor } ? Omit<E, 'at' | 'by'> : never;
const at = (when: number, event: Unsigned<StandingEvent>, by: Actor = ada): StandingEvent => ({
  ...event,
  at: when,
  by,
});

/** A log that commands are put to. */
function desk(...events: StandingEvent[]) {
  let incident: Incident | undefined;
  let now = T0;
  const log: StandingEvent[] = [];
  const add = (event: StandingEvent) => {
    log.push(event);
    incident = evolve(incident, event);
  };
  for (const event of events) add(event);
  const current = (): Incident => {
    if (incident === undefined) throw new Error('nothing happened yet');
    return incident;
  };
  return {
    log,
    add,
    now: current,
    later: (ms: number) => {
      now += ms;
    },
    do(command: Omit<Command, 'by'> & { by?: Actor }): StandingEvent[] {
      now += 1;
      const made = decide({ by: ada, ...command } as Command, incident, now, playbook);
      made.forEach(add);
      return made;
    },
    no(command: Omit<Command, 'by'> & { by?: Actor }): string {
      try {
        decide({ by: ada, ...command } as Command, incident, now, playbook);
      } catch (error) {
        if (error instanceof Refusal) return `${error.code}: ${error.message}`;
        throw error;
      }
      throw new Error('it was not refused');
    },
    look(when: number): void {
      now = when;
      for (const command of dueNow(current(), { playbook, hours: HOURS }, when))
        decide(command, incident, when, playbook).forEach(add);
    },
  };
}

const OPENED = at(T0, {
  type: 'IncidentOpened',
  id: ID,
  title: 'Feed gap',
  severity: 'P1',
  origin: 'person',
  runbook: null,
  drill: false,
});
const DRAFTED = at(
  T0,
  { type: 'PostmortemDrafted', id: 'PM_20261122_001', file: '/d/PM.md', sha256: 'a', shows: 2 },
  STANDDOWN,
);
const revised = (shows: number, revision = 2) =>
  at(T0, { type: 'PostmortemRevised', id: 'PM_20261122_001', revision, sha256: 'b', shows }, STANDDOWN);

function resolved(extra: object = { rootCause: 'a leak', category: 'data' }) {
  const one = desk(OPENED);
  one.do({ type: 'ResolveIncident', summary: 'It ended.', ...extra } as never);
  one.add(DRAFTED);
  return one;
}
const edit = (one: ReturnType<typeof desk>, field: FieldEdit['field'], text: string, by = ada) =>
  one.do({
    type: 'EditPostmortem',
    by,
    edits: [{ field, text, seen: one.now().statements[field]?.n ?? 0 }],
  } as never);

/** Everything that a final one asks for. */
function complete(one: ReturnType<typeof desk>): void {
  for (const field of ['money', 'user', 'system', 'data', 'lessons'] as const) edit(one, field, 'none');
  one.do({ type: 'AddActionItem', text: 'a canary' } as never);
  one.do({ type: 'MarkChecklist', item: 'sli-data' } as never);
  one.later(10);
  one.do({
    type: 'RecordRecovery',
    passed: true,
    exitCode: 0,
    reason: 'ok',
    output: 'ok',
    ms: 1,
  } as never);
}

describe('DRAFT → REVIEW → FINAL', () => {
  it('goes its way, with who did it; never from a draft to final, and never twice', () => {
    const one = resolved();
    expect(one.no({ type: 'FinalisePostmortem' } as never)).toMatch(/^not_in_review/);
    one.do({ type: 'ReviewPostmortem', by: grace } as never);
    expect(one.now().postmortem).toMatchObject({ state: 'REVIEW', review: { by: grace } });
    expect(one.no({ type: 'ReviewPostmortem' } as never)).toBe(
      'already_in_review: Grace already put it into review.',
    );
    complete(one);
    expect(one.now().postmortem?.state, 'an edit leaves it in review').toBe('REVIEW');
    one.do({ type: 'FinalisePostmortem' } as never);
    expect(one.now().postmortem).toMatchObject({
      state: 'FINAL',
      final: { by: ada },
      reviewers: ['Grace', 'Ada'],
    });
    expect(one.no({ type: 'EditPostmortem', edits: [] } as never)).toMatch(/^postmortem_final/);
    expect(one.no({ type: 'FinalisePostmortem' } as never)).toMatch(/^already_final/);
  });

  it('is not final while something is TODO, and each is named with who can supply it', () => {
    const one = resolved({});
    one.do({ type: 'ReviewPostmortem' } as never);
    const refusal = one.no({ type: 'FinalisePostmortem' } as never);
    for (const words of [
      'Impact: money is TODO',
      'Impact: users is TODO',
      'Root cause is TODO',
      'Root cause category is TODO',
      'Lessons is TODO',
      'no action item, and no reason for none',
      'SLI data updated: not done',
      'recovery check passed: not done (a responder: Run recovery check; it must pass)',
    ])
      expect(refusal).toContain(words);
    complete(one);
    edit(one, 'rootCause', 'a leak');
    expect(one.no({ type: 'FinalisePostmortem' } as never)).toMatch(
      /Missing:\n✗ Root cause category is TODO[^\n]*$/,
    );
    edit(one, 'category', 'data');
    expect(lacksOf(one.now(), playbook)).toEqual([]);
    one.do({ type: 'FinalisePostmortem' } as never);
  });

  it('goes back with a reason; a final one only for an approver', () => {
    const one = resolved();
    one.do({ type: 'ReviewPostmortem' } as never);
    expect(one.no({ type: 'ReturnPostmortem', reason: ' ', mayReopen: true } as never)).toMatch(
      /^reason_missing/,
    );
    one.do({ type: 'ReturnPostmortem', reason: 'wrong cause', mayReopen: false } as never);
    expect(one.now().postmortem).toMatchObject({ state: 'DRAFT', returned: { reason: 'wrong cause' } });
    expect(one.now().postmortem?.review).toBeUndefined();
    one.do({ type: 'ReviewPostmortem' } as never);
    complete(one);
    one.do({ type: 'FinalisePostmortem' } as never);
    expect(one.no({ type: 'ReturnPostmortem', reason: 'x', mayReopen: false } as never)).toMatch(
      /^not_an_approver/,
    );
    one.do({ type: 'ReturnPostmortem', reason: 'x', mayReopen: true } as never);
    expect(one.now().postmortem?.state).toBe('DRAFT');
  });

  it('one of an open incident is a draft, and stays one', () => {
    const one = desk(OPENED);
    expect(one.do({ type: 'AskPostmortem' } as never)).toMatchObject([{ type: 'PostmortemAsked' }]);
    one.add(DRAFTED);
    expect(one.no({ type: 'ReviewPostmortem' } as never)).toMatch(/^not_resolved/);
    edit(one, 'category', 'system');
    expect(one.now().checklist).toEqual({});
    one.do({ type: 'ResolveIncident', summary: 's' } as never);
    expect(one.now().resolution?.category, 'what was edited in while it was open counts').toBe('system');
    expect(one.now().checklist['root-cause']?.by).toEqual(ada);
  });
});

describe('what the gate and the clock ask for', () => {
  const lacks = (incident: Incident): string[] =>
    missingToAsk(
      incident,
      { kill: null, incident: ID, by: ada, reason: 'r', at: T0 },
      {
        approvals: 2,
        recoveryCheck: true,
        checklist: playbook.checklist.map(({ id }) => id),
      },
    ).map(({ what }) => what);

  it('a review without a category does not count, and counts from when it has one', () => {
    const one = resolved({});
    one.do({ type: 'ReviewPostmortem' } as never);
    expect(one.now().checklist['postmortem']).toBeUndefined();
    expect(lacks(one.now())).toContain(
      'postmortem PM_20261122_001 is in review, but its root cause has no category',
    );
    one.later(HOUR);
    one.do({ type: 'NameRootCause', category: 'data', by: grace } as never);
    expect(one.now().checklist['postmortem']).toMatchObject({ by: ada, at: one.log.at(-1)?.at });
    edit(one, 'category', '');
    expect(one.now().checklist['postmortem'], 'taken back').toBeUndefined();
    expect(lacks(one.now())).toContain('the root cause has no category');
  });

  it('returned to a draft it is missing again; and so after a reopening, whatever it was', () => {
    const one = resolved();
    one.do({ type: 'ReviewPostmortem' } as never);
    expect(lacks(one.now())).not.toContain('postmortem PM_20261122_001 is not in review');
    one.do({ type: 'ReturnPostmortem', reason: 'x', mayReopen: false } as never);
    expect(lacks(one.now())).toContain('postmortem PM_20261122_001 is not in review');
    one.do({ type: 'ReviewPostmortem' } as never);
    complete(one);
    one.do({ type: 'FinalisePostmortem' } as never);
    one.do({ type: 'ReopenIncident', why: 'again' } as never);
    one.later(HOUR);
    one.do({ type: 'ResolveIncident', summary: 'now', category: 'data' } as never);
    expect(one.now().postmortem?.state).toBe('FINAL');
    expect(lacks(one.now())).toEqual(
      expect.arrayContaining([
        'postmortem PM_20261122_001 is FINAL from before the incident was reopened',
        'the recovery check did not run since the resolution',
      ]),
    );
  });

  it('a recovery check that began before the resolution does not count', () => {
    const one = desk(OPENED);
    const check = { type: 'RecordRecovery', passed: true, exitCode: 0, reason: 'ok', output: 'x', ms: 100 };
    one.do(check as never);
    one.do({ type: 'ResolveIncident', summary: 's' } as never);
    expect(one.now().checklist['recovery-check']).toBeUndefined();
    one.later(50);
    one.do(check as never);
    expect(one.now().checklist['recovery-check'], 'it ran over the resolution').toBeUndefined();
    one.later(100);
    one.do(check as never);
    expect(one.now().checklist['recovery-check']).toBeDefined();
  });

  it('has the minutes after its resolution asked for when they are over, once for each resolution', () => {
    const one = resolved();
    const asked = () =>
      one.log.flatMap((event) => (event.type === 'PostmortemLastMinutes' ? [event.until] : []));
    const until = (one.now().resolution?.at ?? 0) + 5 * 60_000;
    expect(followedUntil({ ...one.now(), clocks: { acknowledge: {} as never } })).toBe(until);
    one.look(until - 1);
    expect(asked()).toEqual([]);
    one.look(until);
    one.look(until + 1);
    expect(asked()).toEqual([until]);
    expect(isBehind(one.now().postmortem as never)).toBe(true);
    expect(one.do({ type: 'AskLastMinutes', until } as never)).toEqual([]);
    // Drafted after they were over, its first picture has them.
    const late = desk(OPENED);
    late.do({ type: 'ResolveIncident', summary: 's' } as never);
    late.add({ ...DRAFTED, at: T0 + HOUR });
    late.look(T0 + 2 * HOUR);
    expect(late.log.filter(({ type }) => type === 'PostmortemLastMinutes')).toEqual([]);
  });

  it('reminds a day before, and each day after, once each, over any gap in looking; then no more', () => {
    const one = resolved();
    const reminded = () =>
      one.log.flatMap((event) => (event.type === 'PostmortemReminded' ? [event.day] : []));
    const due = one.now().resolution?.owes?.find(({ clock }) => clock === 'postmortem')?.dueAt ?? 0;
    one.look(due - 24 * HOUR - 1);
    expect(reminded()).toEqual([]);
    for (let hour = -24; hour <= 24; hour += 1) one.look(due + hour * HOUR);
    expect(reminded()).toEqual([-1, 1]);
    expect(one.now().clocks['postmortem']?.state).toBe('missed');
    expect(followedUntil(one.now())).toBe(due + 48 * HOUR);
    // Nobody looked for four days: one reminder, not four.
    one.look(due + 5 * 24 * HOUR);
    one.look(due + 5 * 24 * HOUR + 1_000);
    expect(reminded()).toEqual([-1, 1, 5]);
    one.do({ type: 'ReviewPostmortem' } as never);
    one.look(due + 9 * 24 * HOUR);
    expect(reminded()).toEqual([-1, 1, 5]);
    expect(followedUntil(one.now())).toBeNull();
  });
});

describe('an edit', () => {
  it('is one event a changed field, with the text that stood before; the same text is no news', () => {
    const one = resolved();
    const n = one.now().statements.rootCause?.n ?? 0;
    const made = one.do({
      type: 'EditPostmortem',
      edits: [
        { field: 'rootCause', text: 'a deploy', seen: n },
        { field: 'summary', text: 'It ended.', seen: one.now().statements.summary?.n ?? 0 },
        { field: 'lessons', text: 'test it', seen: 0 },
      ],
    } as never);
    expect(made).toMatchObject([
      { type: 'PostmortemEdited', field: 'rootCause', text: 'a deploy', was: 'a leak' },
      { type: 'PostmortemEdited', field: 'lessons', text: 'test it', was: null },
    ]);
    expect(one.now().resolution?.rootCause).toBe('a deploy');
  });

  it('over a text that somebody changed meanwhile is refused, the others are saved', () => {
    const one = resolved();
    edit(one, 'lessons', 'by grace', grace);
    const edits: FieldEdit[] = [
      { field: 'lessons', text: 'mine', seen: 0 },
      { field: 'user', text: 'none', seen: 0 },
    ];
    expect(one.do({ type: 'EditPostmortem', edits } as never)).toMatchObject([{ field: 'user' }]);
    expect(sortEdits(edits, one.now().statements).refused).toEqual([edits[0]]);
    expect(one.now().statements.lessons).toMatchObject({ text: 'by grace', by: grace });
  });

  it('never loses a text without its writer having seen it', () => {
    const change = fc.record({
      who: fc.constantFrom(ada, grace),
      field: fc.constantFrom(...FIELDS.filter((field) => field !== 'category')),
      text: fc.string({ maxLength: 8 }),
      /** Whether the dialog was opened just now, or before the last changes. */
      isFresh: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(change, { maxLength: 25 }), (changes) => {
        const one = resolved();
        const opened = structuredClone(one.now().statements);
        for (const { who, field, text, isFresh } of changes) {
          const before = one.now().statements[field];
          const seen = (isFresh ? before : opened[field])?.n ?? 0;
          const made = one.do({ type: 'EditPostmortem', by: who, edits: [{ field, text, seen }] } as never);
          const after = one.now().statements[field];
          if (made.length > 0) {
            expect(seen).toBe(before?.n ?? 0);
            expect(made).toMatchObject([{ was: before?.text ?? null, text }]);
            expect(after).toMatchObject({ text, by: who, n: one.now().version });
          } else expect(after).toEqual(before);
        }
      }),
      { numRuns: 200 },
    );
  });

  it('after a reopening the new summary stands below what was written', () => {
    const one = resolved();
    edit(one, 'summary', 'Written with care.');
    one.do({ type: 'ReopenIncident', why: 'again' } as never);
    one.do({ type: 'ResolveIncident', summary: 'Over now.' } as never);
    expect(one.now().statements.summary?.text).toBe('Written with care.\nOver now.');
    expect(one.now().checklist['root-cause'], 'its category was of the time before').toBeUndefined();
  });
});

describe('the file', () => {
  const owed = (one: ReturnType<typeof desk>): string[] =>
    react(one.log.at(-1) as StandingEvent, one.now()).map(({ work }) => work.kind);

  it('is owed anew for what it shows, and not for the bot’s own doings', () => {
    const one = resolved();
    one.add(revised(one.now().version));
    one.add(at(T0, { type: 'Posted', what: 'headline', channel: 'C', ts: '1' }, STANDDOWN));
    expect(isBehind(one.now().postmortem as never)).toBe(false);
    one.do({ type: 'AddNote', text: 'n' } as never);
    expect(owed(one)).toEqual(expect.arrayContaining(['postmortem', 'postmortemCard']));
    expect(isBehind(one.now().postmortem as never)).toBe(true);
    one.add(revised(one.now().version - 1, 3));
    expect(isBehind(one.now().postmortem as never), 'something came while it was written').toBe(true);
    one.add(revised(one.now().version, 4));
    expect(owed(one)).toEqual(['postmortemCard']);
    expect(isBehind(one.now().postmortem as never)).toBe(false);
  });

  it('of an open incident is not written for every alert and step', () => {
    const one = desk(OPENED, DRAFTED);
    one.do({ type: 'AcknowledgeIncident' } as never);
    expect(isBehind(one.now().postmortem as never)).toBe(false);
    one.do({ type: 'AskPostmortem' } as never);
    expect(isBehind(one.now().postmortem as never)).toBe(true);
  });

  it('goes into the thread once for each change of state, with what it shows', () => {
    const one = resolved();
    one.add(at(T0, { type: 'Posted', what: 'headline', channel: 'C', ts: '1' }, STANDDOWN));
    one.do({ type: 'ReviewPostmortem' } as never);
    const of = one.now().version;
    one.add(revised(of - 1));
    expect(owed(one), 'it does not show the review').not.toContain('postmortemFile');
    one.add(revised(of));
    expect(owed(one)).toContain('postmortemFile');
    one.add(at(T0, { type: 'PostmortemShared', id: 'PM_20261122_001', revision: 3, of }, STANDDOWN));
    one.add(revised(one.now().version));
    expect(owed(one)).not.toContain('postmortemFile');
  });

  it('that is final is frozen: what comes later is counted, and written nowhere', () => {
    const one = resolved();
    one.do({ type: 'ReviewPostmortem' } as never);
    complete(one);
    one.do({ type: 'FinalisePostmortem' } as never);
    expect(owed(one)).toContain('postmortem');
    one.add(revised(one.now().version));
    one.do({ type: 'AddNote', text: 'later' } as never);
    expect(owed(one)).not.toContain('postmortem');
    expect(isBehind(one.now().postmortem as never)).toBe(false);
    expect(one.now().postmortem?.later).toBe(1);
    one.do({ type: 'ReturnPostmortem', reason: 'x', mayReopen: true } as never);
    expect(isBehind(one.now().postmortem as never)).toBe(true);
  });
});
