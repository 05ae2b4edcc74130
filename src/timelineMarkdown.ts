/** The timeline as a Markdown file: what `GET /incidents/:id/timeline.md` answers. */

import { renderTemplate } from './adapters/liquid.ts';
import type { ChainHead } from './domain/chain.ts';
import type { Incident, StandingEvent } from './domain/incident.ts';
import { timeline } from './domain/timelineRows.ts';

/** Every value is escaped by the engine (adapters/liquid.ts): nothing that was said becomes markup. */
const TEMPLATE = `# {% if drill %}DRILL: {% endif %}Timeline of {{ id }}: {{ title }}

All times are UTC. Log, its hash and rows: {% if chain %}{{ id }} {{ chain }}{% else %}not chained{% endif %}

| # | Time | Who | From | What | Message |
|---|---|---|---|---|---|
{% for row in rows %}| {{ row.n }} | {{ row.at }} | {{ row.who }} | {{ row.from }} | {{ row.what }}{% for file in row.files %} · file {{ file.name }}{% if file.link %} {{ file.link | url }}{% endif %}{% endfor %} | {% if row.link %}{{ row.link | url }}{% else %}event {{ row.n }}{% endif %} |
{% endfor %}`;

/** Throws when it cannot be rendered, which is a fault of ours. */
export function timelineMarkdown(
  { id, title, drill }: Incident,
  history: StandingEvent[],
  chain: ChainHead | null,
): string {
  const rows = timeline(history).map((row) => ({
    ...row,
    files: row.files.map(({ name, link }) => ({ name, link: link ?? null })),
  }));
  const anchor = chain === null ? null : `${chain.head}:${chain.length}`;
  const rendered = renderTemplate(TEMPLATE, 'markdown', { id, title, drill, rows, chain: anchor });
  if (!rendered.ok) throw new Error(rendered.failure.what);
  return rendered.text;
}
