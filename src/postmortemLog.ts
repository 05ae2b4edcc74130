/** The log of all postmortems as a Markdown file: `data/postmortems/POSTMORTEM_LOG.md`. */

import { renderInTurns } from './adapters/liquid.ts';
import { newestFirst, type PostmortemRow } from './domain/postmortem/log.ts';

/** Every value is escaped by the engine (adapters/liquid.ts): no title becomes a cell, markup or a formula. */
const TEMPLATE = `# Postmortem log

Written by Standdown from its logs, the newest first: do not edit it.

| ID | Date | Incident | Severity / class | Title | Duration | SLOs | Budget consumed | Root cause | Status | Action items open / all |
|---|---|---|---|---|---|---|---|---|---|---|
{% for row in rows %}| {{ row.id }} | {{ row.date }} | {{ row.incident }} | {{ row.severity }} | {% if row.drill %}DRILL: {% endif %}{{ row.title }} | {% if row.duration %}{{ row.duration }}{% else %}still open{% endif %} | {% if row.slos %}{{ row.slos }}{% else %}none named{% endif %} | {% if row.budget %}{{ row.budget }}{% else %}not measured{% endif %} | {% if row.category %}{{ row.category }}{% else %}TODO{% endif %} | {{ row.status }} | {{ row.actions.open }} / {{ row.actions.all }} |
{% endfor %}`;

/** Rejects when it cannot be rendered, which is a fault of ours. */
export async function postmortemLog(rows: Iterable<PostmortemRow>): Promise<string> {
  const rendered = await renderInTurns(TEMPLATE, 'markdown', { rows: newestFirst(rows) }, 'rows');
  if (!rendered.ok) throw new Error(rendered.failure.what);
  return rendered.text;
}
