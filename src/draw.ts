/** The Draw port: render/ and the templates, put together from the policy. */

import { renderTemplate, type TemplateKind } from './adapters/liquid.ts';
import { draftPostmortem } from './domain/postmortem.ts';
import type { GateRules } from './domain/resume.ts';
import { mailView } from './domain/stakeholderMail.ts';
import type { Trading } from './domain/trading.ts';
import type { Policy } from './policy.ts';
import type { Draw } from './ports.ts';
import type { DeskNames } from './render/buttons.ts';
import { headline } from './render/headline.ts';
import { notice } from './render/notice.ts';
import { pageText } from './render/page.ts';
import { receipt, type VenuePages } from './render/receipt.ts';
import { runbookMessage } from './render/runbook.ts';

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
}

export function createDraw({
  policy,
  names,
  venuePages,
  trading,
  unrecorded,
  engines,
  rules,
  mask,
}: DrawDeps): Draw {
  const { playbook, runbooks } = policy;

  /** The templates were rendered from samples at the start; a view that still breaks one is a fault of ours. */
  function fill(template: string, kind: TemplateKind, view: object): string {
    const rendered = renderTemplate(template, kind, view);
    if (!rendered.ok) throw new Error(`${rendered.failure.what} ${rendered.failure.mend}`);
    return rendered.text;
  }

  const postmortem: Draw['postmortem'] = (id, incident, history) =>
    fill(policy.postmortemTemplate, 'markdown', draftPostmortem(incident, history, playbook, { id }));

  const draw: Draw = {
    headline: (incident, now) => headline(incident, now, playbook, names),
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
      const draft =
        event.type === 'PostmortemDrafted' ? postmortem(event.id, incident, history.slice(0, -1)) : null;
      return notice(incident, event, draft);
    },
    page: (incident, n, thread) => pageText(incident, n, thread, trading(), playbook),
    mail(what, incident, now) {
      const view = mailView(what, incident, now);
      const { subject, text, html } = policy.mailTemplates.incident;
      return {
        subject: fill(subject, 'subject', view),
        text: fill(text, 'text', view),
        html: fill(html, 'html', view),
      };
    },
    postmortem,
  };
  return {
    headline: (...args) => masked(draw.headline(...args)),
    runbook: (...args) => masked(draw.runbook(...args)),
    receipt: (...args) => masked(draw.receipt(...args)),
    notice: (...args) => masked(draw.notice(...args)),
    page: (...args) => masked(draw.page(...args)),
    mail: (...args) => masked(draw.mail(...args)),
    postmortem: (...args) => masked(draw.postmortem(...args)),
  };

  /** The same value with each of its strings masked. */
  function masked<T>(value: T): T {
    if (typeof value === 'string') return mask(value) as T;
    if (Array.isArray(value)) return value.map((one) => masked(one)) as T;
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, masked(one)])) as T;
  }
}
