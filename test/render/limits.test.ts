/**
 * Block Kit's limits hold, and nothing that somebody else wrote becomes markup, for whatever is put in (RELIABILITY,
 * hostile input). `STANDDOWN_LIMIT_RUNS` (default 30) says how many random incidents; a failure prints its seed.
 */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { clocksOf } from '../../src/domain/clocks.ts';
import type { Incident } from '../../src/domain/incident.ts';
import { FIELDS } from '../../src/domain/postmortem/life.ts';
import { createDraw } from '../../src/draw.ts';
import { createMask } from '../../src/log.ts';
import { problemsOfMessage, problemsOfView } from '../../src/rehearsal/slack/blocks.ts';
import { ACTION } from '../../src/render/actions.ts';
import type { DeskNames } from '../../src/render/buttons.ts';
import { chooseMessage } from '../../src/render/choose.ts';
import { declaredFrom } from '../../src/render/declared.ts';
import { homeView } from '../../src/render/home.ts';
import * as dialogs from '../../src/render/incidentViews.ts';
import { onCallText } from '../../src/render/onCall.ts';
import { pageOffer } from '../../src/render/pageOffer.ts';
import {
  conflictView,
  editView,
  postmortemCard,
  returnView,
  tidyStatement,
} from '../../src/render/postmortem.ts';
import * as replies from '../../src/render/replies.ts';
import { mailPreviewView, mailSaidView, summaryMessage } from '../../src/render/summary.ts';
import { unlinked } from '../../src/render/text.ts';
import { timelineReply } from '../../src/render/timelineReply.ts';
import { incidentHelp, USAGE, unclearText, VERB_USAGE } from '../../src/render/usage.ts';
import * as views from '../../src/render/views.ts';
import { policy } from '../scenarios/desk.ts';
import { actor, ID, MENTIONS, nasty, OURS, position, type Story, story, T0, trading } from './hostile.ts';

const RUNS = Number(process.env['STANDDOWN_LIMIT_RUNS'] ?? 30);
const SEED = process.env['STANDDOWN_LIMIT_SEED'];
const PATH = process.env['STANDDOWN_LIMIT_PATH'];
const TIMEOUT_MS = 120_000;
const POLICY = policy();
const CLOCKS = {
  playbook: POLICY.playbook,
  hours: { timezone: 'UTC', days: [1, 2, 3, 4, 5], from: '09:00', to: '17:00' },
} as unknown as Parameters<typeof clocksOf>[1];
const VENUE_PAGE = 'https://www.binance.com/en/my/orders';

// ── What Slack makes of a text ───────────────────────────────────────────────────────────────────────────────────────

/** Control characters, bidi marks and lone surrogates; U+2060 is ours. */
const UNSEEN =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2061-\u206f\ufeff]|\p{Surrogate}/u;

const isOurs = (inner: string): boolean => {
  const [target = '', label] = inner.split('|');
  if (target.startsWith('@')) return OURS.users.includes(target.slice(1)) && label === undefined;
  if (target.startsWith('!subteam^')) return OURS.groups.includes(target.slice(9)) && label === undefined;
  if (!/^https?:\/\/[^\s<>|]+$/.test(target)) return false;
  // A link always has words of ours, never its address or somebody's words.
  return (
    label === 'source' ||
    label === 'thread' ||
    label === 'a message' ||
    label === 'file' ||
    label === ID ||
    /^#\d+$/.test(label ?? '')
  );
};

/** Everything in a mrkdwn text that Slack would act on and that is not ours. */
function foreignMarkup(text: string): string[] {
  const found = [...text.matchAll(/<([^<>\n]*)>|[<>]|&(?!(?:amp|lt|gt);)/g)]
    .filter(([, inner]) => inner === undefined || !isOurs(inner))
    .map(({ 0: all, index }) => `${all} in …${text.slice(Math.max(0, index - 40), index + 40)}…`);
  // Within back-ticks Slack links nothing.
  const bare = text
    .replace(/```[\s\S]*?```|`[^`\n]*`/g, '')
    .replace(/<[^<>\n]*>/g, '')
    .replaceAll(VENUE_PAGE, '');
  if (/https?:\/\//.test(bare))
    found.push(`an address in ${bare.slice(Math.max(0, bare.search(/https?:/) - 150)).slice(0, 300)}`);
  // A block of code that is not closed takes the rest of the message into it.
  if ((text.split('```').length - 1) % 2 === 1) found.push('a fence that is not closed');
  return found;
}

type Texts = { type: string; text: string }[];
function textsIn(value: unknown, found: Texts = []): Texts {
  if (Array.isArray(value)) for (const one of value) textsIn(one, found);
  else if (typeof value === 'object' && value !== null) {
    const { type, text } = value as { type?: unknown; text?: unknown };
    if ((type === 'mrkdwn' || type === 'plain_text') && typeof text === 'string') found.push({ type, text });
    for (const one of Object.values(value)) textsIn(one, found);
  }
  return found;
}

function sound(texts: Texts, of: string): void {
  for (const { type, text } of texts) {
    if (UNSEEN.test(text))
      throw new Error(`${of}: an unseen character in ${JSON.stringify(text.slice(0, 300))}`);
    if (type !== 'mrkdwn') continue;
    const foreign = foreignMarkup(text);
    if (foreign.length > 0) throw new Error(`${of}: ${foreign.slice(0, 3).join('; ')}`);
  }
}

interface Message {
  text: string;
  blocks: unknown[];
}

/** Slack takes the message and shows nothing but what we meant. */
function good(message: Message | null, of: string): string {
  if (message === null) return '';
  expect(problemsOfMessage(message.blocks).join('; '), of).toBe('');
  expect(Buffer.byteLength(message.text), `${of}: the fallback`).toBeLessThanOrEqual(4_000);
  expect(message.text, of).not.toBe('');
  const texts = textsIn(message.blocks);
  expect(
    texts.reduce((sum, { text }) => sum + text.length, 0),
    `${of}: characters over all blocks (bolt-js #2509)`,
  ).toBeLessThanOrEqual(13_200);
  sound([...texts, { type: 'mrkdwn', text: message.text }], of);
  return JSON.stringify(message);
}

function goodView(view: { type: string }, of: string): string {
  expect(problemsOfView(view, view.type as 'modal' | 'home').join('; '), of).toBe('');
  sound(textsIn(view), of);
  return JSON.stringify(view);
}

/** An answer that only one person sees. Slack takes 40,000 characters of it; a person reads 4,000. */
function goodReply(text: string, of: string): void {
  expect(text.length, of).toBeLessThanOrEqual(4_000);
  expect(text, of).not.toBe('');
  sound([{ type: 'mrkdwn', text }], of);
}

const values = (message: Message | null, action: string): number =>
  message === null
    ? 0
    : message.blocks
        .flatMap((block) => (block as { elements?: { action_id?: string }[] }).elements ?? [])
        .filter(({ action_id: id }) => id === action).length;

const namesOf = (venues: string[]): DeskNames => ({
  venues,
  protectiveOrders: 'cancel',
  backups: venues.map((venue) => `${venue} → b`),
  restartOrderManager: { words: `systemctl restart ${'x'.repeat(300)}`, timeoutSec: 30 },
});

function drawFor(venues: string[], desk: ReturnType<typeof tradingOf>) {
  return createDraw({
    policy: POLICY,
    names: namesOf(venues),
    venuePages: Object.fromEntries(venues.map((venue) => [venue, VENUE_PAGE])),
    trading: () => desk,
    unrecorded: () => null,
    unwritten: () => null,
    rules: { approvals: 2, recoveryCheck: true, checklist: POLICY.playbook.checklist.map(({ id }) => id) },
    mask: createMask(['a-secret_of:ours']),
    engines: () => venues.map((id, n) => ({ id, ageMs: n % 2 === 0 ? null : n })),
    clocks: CLOCKS,
    now: () => T0 + 3_600_000,
    mail: true,
    mentions: MENTIONS,
  });
}
const tradingOf = (desk: Parameters<Parameters<typeof trading.map>[0]>[0]) => desk;

/** A counterexample is megabytes: the seed and the path of a failure bring it back. */
const check = <T>(arbitrary: fc.Arbitrary<T>, property: (value: T) => void, runs = RUNS) =>
  fc.assert(fc.property(arbitrary, property), {
    numRuns: runs,
    endOnFailure: true,
    ...(SEED === undefined ? {} : { seed: Number(SEED) }),
    ...(PATH === undefined ? {} : { path: PATH }),
    reporter({ failed, seed, counterexamplePath, errorInstance }) {
      if (failed)
        throw new Error(
          `STANDDOWN_LIMIT_SEED=${seed} STANDDOWN_LIMIT_PATH=${counterexamplePath}: ${String(errorInstance).slice(0, 2_000)}`,
        );
    },
  });

const told = fc.tuple(story, trading);

// ── The messages ─────────────────────────────────────────────────────────────────────────────────────────────────────

describe('whatever is in an incident, Slack takes', { timeout: TIMEOUT_MS }, () => {
  it('its headline, with the buttons that stop things', () => {
    check(told, ([{ incident, venues }, desk]) => {
      const message = drawFor(venues, desk).headline(incident, desk);
      good(message, 'headline');
      if (incident.status !== 'resolved') expect(values(message, ACTION.kill)).toBe(1);
    });
  });

  it('its runbook, with the buttons that stop things', () => {
    check(told, ([{ incident, venues }, desk]) => {
      const message = drawFor(venues, desk).runbook(incident);
      good(message, 'runbook');
      expect(values(message, ACTION.kill)).toBeGreaterThanOrEqual(1);
    });
  });

  it('the receipt of a kill: the verdict stands, and what is left is counted', () => {
    check(told, ([{ incident, venues }, desk]) => {
      for (const [id, kill] of Object.entries(incident.kills)) {
        const message = drawFor(venues, desk).receipt(incident, id, desk);
        const text = good(message, 'receipt');
        expect(text).toContain(
          kill.verdict === null ? '*VERDICT*  not in yet' : `*VERDICT*  *${kill.verdict}*`,
        );
        expect(text).toMatch(/To resume|no longer holds/);
        if (kill.verdict === 'RESIDUAL' && kill.accepted === null && incident.status !== 'resolved')
          expect(values(message, ACTION.accept)).toBe(1);
        // Every venue is either there or counted.
        const shown = venues.filter((venue) => text.includes(venue)).length;
        if (shown < venues.length) expect(text).toMatch(/\d+ more/);
      }
    });
  });

  it('a notice of every event in its log', () => {
    const seen = new Set<string>();
    check(told, ([{ incident, history, venues }, desk]) => {
      const draw = drawFor(venues, desk);
      for (const [index, event] of history.entries()) {
        if (event.type === 'AlertFired' || event.type === 'VenueJudged') continue;
        const message = draw.notice(incident, event, history.slice(0, index + 1));
        good(message, `notice of ${event.type}`);
        if (message !== null) seen.add(event.type);
      }
    });
    // Which kinds come is random: of some thirty, 30 runs have had 25 and more.
    expect(seen.size).toBeGreaterThan(15);
  });

  it('its checklist, its mention of on-call, its summary and what PagerDuty is sent', () => {
    check(
      fc.tuple(told, fc.array(nasty, { maxLength: 3 }), fc.constantFrom(0, 1, 50, 2_000)),
      ([[{ incident, venues }, desk], ids, others]) => {
        const draw = drawFor(venues, desk);
        good(draw.checklist(incident), 'checklist');
        const users = [...OURS.users, ...ids];
        const summon = draw.summon(
          incident,
          1,
          { users, groups: [...OURS.groups, ...ids] },
          Array.from({ length: others }, () => incident),
        );
        const text = good(summon, 'summon');
        expect(values(summon, ACTION.acknowledge)).toBe(1);
        if (others > 50) expect(text).toMatch(/\d+ more/);
        const letter = draw.mail('update', incident, desk);
        good(summaryMessage(incident, letter, null), 'summary');
        good(summaryMessage(incident, letter, ids), 'summary');
        const page = draw.page(incident, 1, 'https://slack.example/thread');
        expect(UNSEEN.test(JSON.stringify(page))).toBe(false);
      },
    );
  });
});

// ── What one person sees ─────────────────────────────────────────────────────────────────────────────────────────────

const criterion = fc.record({
  id: nasty,
  title: nasty,
  state: fc.constantFrom('ok', 'tripped', 'unknown'),
  value: fc.option(fc.double(), { nil: null }),
  limit: fc.option(fc.double(), { nil: null }),
  headroom: fc.option(fc.double(), { nil: null }),
  unit: nasty,
  ageMs: fc.option(fc.nat(), { nil: null }),
  source: fc.option(nasty, { nil: null }),
  detail: nasty,
  evidence: fc.constant({ formula: '', samples: [] }),
});

const person = fc.record({
  id: nasty,
  name: nasty,
  email: fc.option(nasty, { nil: null }),
  level: fc.nat(),
  schedule: fc.option(nasty, { nil: null }),
  until: fc.option(fc.constant(T0), { nil: null }),
  next: fc.option(nasty, { nil: null }),
  contacts: fc.option(
    fc.array(
      fc.record({
        kind: fc.constantFrom('phone', 'sms', 'email', 'push', 'other'),
        label: nasty,
        address: fc.option(nasty, { nil: null }),
      }),
      { maxLength: 30 },
    ),
    { nil: null },
  ),
});

const onCall = fc.oneof(
  fc.record({ state: fc.constant('unavailable'), reason: nasty, ageMs: fc.nat() }),
  fc.record({ state: fc.constant('known'), people: fc.array(person, { maxLength: 30 }), ageMs: fc.nat() }),
) as unknown as fc.Arbitrary<Parameters<typeof onCallText>[0]>;

describe('whatever is in it, Slack takes', { timeout: TIMEOUT_MS }, () => {
  it('the App Home', () => {
    check(
      fc.tuple(told, fc.array(criterion, { maxLength: 60 }), onCall, nasty, fc.constantFrom(0, 1, 30, 500)),
      ([[{ incident, venues }, desk], criteria, now, said, open]) => {
        const roles = { responder: true, approver: true };
        const home = homeView({
          now: T0,
          drill: true,
          viewer: { id: 'U0ADA', roles, said: { at: T0, text: unlinked(said) } },
          responders: MENTIONS.responders,
          trading: desk,
          unrecorded: said,
          engines: venues.map((id) => ({ id, confirmed: false, ageMs: null })),
          criteria: criteria as never,
          incidents: Array.from({ length: open }, () => incident),
          lastKill: null,
          latched: incident,
          onCall: now,
          clocks: CLOCKS,
          budgets: { month: '2026-11', status: 'UNKNOWN', readings: [] },
          readiness: { now: 0, lines: [], state: { test: null }, texts: [], required: false },
          textsVersion: '0'.repeat(16),
          playbook: POLICY.playbook,
          names: namesOf(venues),
          openItems: 0,
          lastDrill: null,
        });
        const text = goodView(home, 'home');
        expect(text).toContain(ACTION.kill);
        if (open > 20) expect(text).toContain(`${open - 20} more`);
      },
    );
  });

  it('every dialog', () => {
    check(
      fc.tuple(told, nasty, nasty, fc.array(position, { maxLength: 60 }), fc.constantFrom(0, 3, 200)),
      ([[{ incident, venues }, desk], one, other, lines, unread]) => {
        const letter = drawFor(venues, desk).mail('update', incident, desk);
        const positions = lines.map((line, index) => ({
          venue: one,
          line,
          estimate:
            index % 2 === 0
              ? ({ state: 'unknown', reason: other } as const)
              : ({ state: 'estimated', bps: 1e300, averagePrice: 1 } as const),
        }));
        const all: [string, { type: string }][] = [
          ['resolve', views.resolveView(incident, one)],
          ['later', views.laterView(unlinked(one), true)],
          [
            'declare',
            views.declareView(one, declaredFrom({ channel: 'C0INC', ts: '1.2', author: other, text: one })),
          ],
          ['cancel', views.cancelView(ID, venues, one)],
          ['accept', views.acceptView(ID, 'k1')],
          ['skip', views.skipView(ID, 'book:s1')],
          ['root cause', views.rootCauseView(incident)],
          ['no action item', views.noActionItemView(incident)],
          ['flatten, reading', views.flattenReadingView(true)],
          ['flatten, refused', views.flattenRefusedView(true, one)],
          [
            'flatten',
            views.flattenView(
              ID,
              true,
              'p1',
              positions,
              Array.from({ length: unread }, () => ({ venue: one, reason: other })),
            ),
          ],
          ['severity', dialogs.severityView(incident)],
          ['handover', dialogs.handoverView(incident, 'U0ADA')],
          ['mitigate', dialogs.mitigateView(incident)],
          ['reopen', dialogs.reopenView(incident)],
          ['action', dialogs.actionView(incident)],
          [
            'mail',
            mailPreviewView(
              incident,
              letter,
              Array.from({ length: 200 }, () => one),
              'seal',
              true,
            ),
          ],
          ['mail said', mailSaidView(one)],
          ['postmortem edited', editView(incident)],
          ['postmortem returned', returnView(incident)],
          [
            'postmortem in conflict',
            conflictView(
              incident,
              FIELDS.map((field) => ({ field, text: tidyStatement(`${one}${other}`.repeat(50)), seen: 0 })),
              FIELDS.map((field) => ({ field, text: one, seen: 0 })),
            ),
          ],
        ];
        for (const [of, view] of all) goodView(view, of);
      },
    );
  });

  it('every answer to a command', () => {
    check(
      fc.tuple(told, onCall, nasty, actor, fc.constantFrom(0, 1, 25, 300)),
      ([[{ incident, history, venues }, desk], now, one, by, count]) => {
        const many: Incident[] = Array.from({ length: count }, () => incident);
        const written = { state: 'failed', reason: one } as const;
        const answers: [string, string][] = [
          ['kill', replies.killReply({ incident: ID, state: 'started', warnings: [one, one] }, venues)],
          [
            'kill joined',
            replies.killReply(
              { incident: ID, state: 'joined', warnings: [one], first: { by, at: T0 } },
              venues,
            ),
          ],
          ['switch failed', replies.switchReply('DATA_FEED', true, { written, recorded: false })],
          [
            'switch',
            replies.switchReply(
              'DATA_FEED',
              true,
              { written: { state: 'written', rev: 1 }, recorded: true },
              desk.holds,
            ),
          ],
          ['list', replies.incidentList(many)],
          ['status', replies.incidentStatus(incident, desk)],
          ['on call', onCallText(now)],
          ['what somebody wrote', unlinked(one)],
          ['help', incidentHelp()],
          ...Object.values(USAGE).map((text): [string, string] => ['usage', text]),
          ...Object.keys(VERB_USAGE).map((verb): [string, string] => ['usage', unclearText(verb as never)]),
        ];
        for (const [of, text] of answers) if (text !== '') goodReply(text, of);
        const head = { head: 'a'.repeat(64), length: history.length };
        const pm = postmortemCard(incident, POLICY.playbook, T0);
        if (pm !== null) good(pm, 'the postmortem');
        good(timelineReply(incident, history, head), 'the newest rows');
        good(timelineReply(incident, history, head, history.length), 'earlier rows');
        if (count > 20 && incident.status !== 'resolved')
          expect(replies.incidentList(many)).toMatch(/\d+ more/);
        if (count > 0) {
          const choose = chooseMessage('ack', 'c1', many, unlinked(one), true);
          const text = good(choose, 'the list to choose from');
          if (count > 20) expect(text).toMatch(/\d+ more/);
        }
        good(pageOffer(`⛔ ${MENTIONS.responders.repeat(300)} can.`, null), 'the offer of a page');
      },
    );
  });
});

describe('the mask', () => {
  it('makes no text longer, so that what was within Slack’s limits stays there', () => {
    const mask = createMask(['sixsix', 'a-secret_of:ours']);
    check(
      fc.array(
        fc.oneof(nasty, fc.constantFrom('sixsix', 'token=abcd', 'Bearer abcdefgh', 'x://u:p@h', ' ')),
        {
          maxLength: 6,
        },
      ),
      (parts) => {
        const text = parts.join('');
        expect(mask(text).length).toBeLessThanOrEqual(text.length);
      },
      300,
    );
  });
});

export type { Story };
