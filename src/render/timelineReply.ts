/** `/incident timeline`: the newest rows, and buttons that go through all of them. For one person alone. Pure. */

import type { KnownBlock } from '@slack/types';
import type { ChainHead } from '../domain/chain.ts';
import type { Incident, StandingEvent } from '../domain/incident.ts';
import { type TimelineRow, timeline } from '../domain/timelineRows.ts';
import { ACTION, buttonValue } from './actions.ts';
import { actions, type ButtonSpec, context, message, section } from './blocks.ts';
import { inert, safeLink } from './text.ts';

/** Characters of rows in one answer: a section has at most 3,000. */
const SHOWN = 2_700;

/** `before`: only rows of events before this one, for who goes back; undefined: the newest. */
export function timelineReply(
  incident: Incident,
  history: StandingEvent[],
  chain: ChainHead | null,
  before?: number,
): { text: string; blocks: KnownBlock[] } {
  const rows = timeline(history);
  const upTo = before === undefined ? rows : rows.filter(({ n }) => n < before);
  const shown: string[] = [];
  let length = 0;
  let first = upTo.length;
  while (first > 0) {
    const row = upTo[first - 1] as TimelineRow;
    const line = words(row);
    length += line.length + 15; // with a line for its day
    if (length > SHOWN && shown.length > 0) break;
    const day = row.at.slice(0, 10);
    const next = upTo[first]?.at.slice(0, 10);
    if (shown.length > 0 && next !== day) shown.unshift(`_${next}_`);
    shown.unshift(line);
    first -= 1;
  }
  const oldest = upTo[first];
  const lead = `*${incident.id}* timeline, UTC · rows ${first + 1} to ${upTo.length} of ${rows.length}`;
  const day = oldest === undefined ? [] : [`_${oldest.at.slice(0, 10)}_`];
  const text = [lead, ...day, ...shown].join('\n');
  const buttons: ButtonSpec[] = [];
  if (first > 0 && oldest !== undefined)
    buttons.push({
      action: ACTION.timelineEarlier,
      label: `Earlier rows (${first})`,
      value: buttonValue({ incident: incident.id, ref: String(oldest.n) }),
    });
  if (before !== undefined)
    buttons.push({
      action: ACTION.timelineNewest,
      label: 'Newest rows',
      value: buttonValue({ incident: incident.id }),
    });
  const whole = `The whole: GET /incidents/${incident.id}/timeline.md, or without /timeline.md as JSON.`;
  const proof =
    chain === null
      ? 'The log has no hash.'
      : `Log: \`${chain.head}:${chain.length}\` (standdown verify-log ${incident.id} --anchor …)`;
  return message(text, [
    section(text),
    ...(buttons.length === 0 ? [] : [actions(...buttons)]),
    context(`${whole} ${proof}`),
  ]);
}

function words({ n, at, who, from, what, link, files }: TimelineRow): string {
  const href = safeLink(link ?? undefined);
  const number = href === null ? `#${n}` : `<${href}|#${n}>`;
  const shared = files.map((file) => {
    const url = safeLink(file.link);
    return ` ${url === null ? 'file' : `<${url}|file>`} ${inert(file.name, 60)}`;
  });
  return `${at.slice(11, 19)} ${number} ${inert(who, 40)} (${from}): ${inert(what, 300)}${shared.slice(0, 5).join('')}`;
}
