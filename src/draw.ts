/** The Draw port: render/ and the templates, put together from the policy. */

import { renderInTurns, renderTemplate, type TemplateKind } from './adapters/liquid.ts';
import { type ClockRules, clocksOf } from './domain/clocks.ts';
import { draftPostmortem } from './domain/postmortem/draft.ts';
import type { GateRules } from './domain/resume.ts';
import { mailView } from './domain/stakeholderMail.ts';
import type { Trading } from './domain/trading.ts';
import type { Policy } from './policy.ts';
import type { Draw } from './ports.ts';
import { postmortemLog } from './postmortemLog.ts';
import type { DeskNames } from './render/buttons.ts';
import { checklist } from './render/checklist.ts';
import { headline } from './render/headline.ts';
import { issueComment, issueDraft } from './render/issue.ts';
import { masked } from './render/masked.ts';
import { notice, type Told } from './render/notice.ts';
import { pageText } from './render/page.ts';
import { pagerNote } from './render/pagerNote.ts';
import { incidentPicture } from './render/picture/incidentPicture.ts';
import { postmortemCard } from './render/postmortem.ts';
import { receipt, type VenuePages } from './render/receipt.ts';
import { runbookMessage } from './render/runbook.ts';
import { summonMail, summonMessage } from './render/summon.ts';

export interface DrawDeps {
  policy: Policy;
  names: DeskNames;
  /** Where a person looks by hand, by venue. */
  venuePages: VenuePages;
  trading(): Trading;
  unrecorded(): string | null;
  rules: GateRules;
  /** Applied to every text that leaves: what a source or a person wrote may hold a secret of ours. */
  mask(text: string): string;
  engines(): { id: string; ageMs: number | null }[];
  /** Why what was ordered does not stand in the control file; null where it does. */
  unwritten(): string | null;
  clocks: ClockRules;
  /** Wall clock, ms since the epoch: what is left of a clock is as of then. */
  now(): number;
  /** Whether stakeholders can be mailed. */
  mail: boolean;
  mentions: Told['mentions'];
}

export function createDraw({
  policy,
  names,
  venuePages,
  trading,
  unrecorded,
  engines,
  unwritten,
  rules,
  mask,
  clocks,
  now,
  mail,
  mentions,
}: DrawDeps): Draw {
  const { playbook, runbooks } = policy;

  /** The templates were rendered from samples at the start; a view that still breaks one is a fault of ours. */
  const fill = (template: string, kind: TemplateKind, view: object): string =>
    filled(renderTemplate(template, kind, view));

  function filled(rendered: ReturnType<typeof renderTemplate>): string {
    if (!rendered.ok) throw new Error(`${rendered.failure.what} ${rendered.failure.mend}`);
    return rendered.text;
  }

  const draw: Draw = {
    headline(incident, trading) {
      const at = now();
      return headline(incident, trading, playbook, names, {
        clocks: clocksOf(incident, clocks, at),
        now: at,
        mail,
        unwritten: unwritten(),
      });
    },
    checklist: (incident) => checklist(incident, clocks.playbook, now()),
    runbook: (incident) =>
      runbookMessage(incident, runbooks.find((one) => one.id === incident.runbook) ?? null, trading(), names),
    receipt(incident, kill) {
      const state = incident.kills[kill];
      if (state === undefined) throw new Error(`${incident.id} has no kill ${kill}`);
      return receipt(
        incident,
        state,
        venuePages,
        unrecorded(),
        engines(),
        rules,
        trading().latch?.kill === kill,
      );
    },
    notice(incident, event, history) {
      return notice(incident, event, { history, playbook, mentions });
    },
    pagerNote,
    summon: summonMessage,
    summonMail,
    page: (incident, n, thread) => pageText(incident, n, thread, trading(), playbook),
    mail(what, incident, desk) {
      const view = mailView(what, incident, desk, clocksOf(incident, clocks, null));
      const { subject, text, html } = policy.mailTemplates.incident;
      return {
        subject: fill(subject, 'subject', view),
        text: fill(text, 'text', view),
        html: fill(html, 'html', view),
      };
    },
    issue: issueDraft,
    issueComment,
    picture: incidentPicture,
    async postmortem(incident, history, made) {
      const view = draftPostmortem(incident, history, playbook, made);
      return filled(await renderInTurns(policy.postmortemTemplate, 'markdown', view, 'timeline'));
    },
    postmortemCard: (incident) => postmortemCard(incident, playbook, now()),
    postmortemLog,
  };
  return {
    headline: (...args) => masked(draw.headline(...args), mask),
    runbook: (...args) => masked(draw.runbook(...args), mask),
    receipt: (...args) => masked(draw.receipt(...args), mask),
    notice: (...args) => masked(draw.notice(...args), mask),
    page: (...args) => masked(draw.page(...args), mask),
    pagerNote: (...args) => masked(draw.pagerNote(...args), mask),
    summon: (...args) => masked(draw.summon(...args), mask),
    summonMail: (...args) => masked(draw.summonMail(...args), mask),
    mail: (...args) => masked(draw.mail(...args), mask),
    issue: (...args) => masked(draw.issue(...args), mask),
    issueComment: (...args) => masked(draw.issueComment(...args), mask),
    checklist: (...args) => masked(draw.checklist(...args), mask),
    postmortem: async (...args) => masked(await draw.postmortem(...args), mask),
    picture: (...args) => masked(draw.picture(...args), mask),
    postmortemCard: (...args) => masked(draw.postmortemCard(...args), mask),
    postmortemLog: async (...args) => masked(await draw.postmortemLog(...args), mask),
  };
}
