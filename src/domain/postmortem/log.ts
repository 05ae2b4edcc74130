/** All postmortems in one table, in the shape of the playbook's. Pure, plain text, not escaped. */

import type { Incident } from '../incident.ts';
import type { Playbook } from '../playbook.ts';
import { openItems, todoItems } from '../tracker.ts';
import { span, utc } from '../words.ts';
import { shareWords } from './budget.ts';
import { sloTitle } from './draft.ts';
import type { PostmortemState } from './life.ts';

/** A row; null: not known. */
export interface PostmortemRow {
  id: string;
  incident: string;
  drill: boolean;
  /** YYYY-MM-DD of the opening, UTC. */
  date: string;
  /** `P0 / CRITICAL`. */
  severity: string;
  title: string;
  duration: string | null;
  slos: string | null;
  budget: string | null;
  category: string | null;
  status: PostmortemState;
  revision: number;
  file: string;
  sha256: string | null;
  /** Open ones of all. */
  actions: { open: number; all: number };
}

/** Null: the incident has no postmortem. */
export function rowOf(
  incident: Incident,
  playbook: Pick<Playbook, 'severities' | 'slos'>,
): PostmortemRow | null {
  const { postmortem, resolution, severity, openedAt, budget, statements } = incident;
  if (postmortem === undefined) return null;
  const consumed = (budget?.readings ?? []).filter(({ consumedSec }) => consumedSec > 0);
  return {
    id: postmortem.id,
    incident: incident.id,
    drill: incident.drill,
    date: utc(openedAt).slice(0, 10),
    severity: `${severity} / ${playbook.severities[severity].class}`,
    title: incident.title,
    duration: resolution === undefined ? null : span(resolution.at - openedAt),
    slos: sloTitle(incident, playbook),
    budget:
      budget === undefined
        ? null
        : consumed.length === 0
          ? 'nothing, as far as measured'
          : consumed.map(shareWords).join('; '),
    category: statements.category?.text || null,
    status: postmortem.state,
    revision: postmortem.revision,
    file: postmortem.file,
    sha256: postmortem.sha256,
    actions: { open: openItems(incident).length, all: todoItems(incident).length },
  };
}

/** The newest first: by day, then by number. */
export const newestFirst = (rows: Iterable<PostmortemRow>): PostmortemRow[] =>
  [...rows].toSorted((a, b) => later(a.id, b.id));

function later(a: string, b: string): number {
  const [, dayA = '', numberA = '0'] = a.split('_');
  const [, dayB = '', numberB = '0'] = b.split('_');
  return dayA === dayB ? Number(numberB) - Number(numberA) : dayA < dayB ? 1 : -1;
}
