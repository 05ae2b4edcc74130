/** `/incident drill`: what can be played, begin one, end the one that runs. */

import { SCENARIOS, type Scenario } from '../../domain/drill/gameDay.ts';
import { drillListLines } from '../../render/drillReport.ts';
import { inert } from '../../render/text.ts';
import type { Reply } from '../context.ts';
import type { Asked } from './verbs.ts';

type DrillWord = Scenario | 'list' | 'stop';
const WORDS: ReadonlySet<string> = new Set([...SCENARIOS, 'list', 'stop']);
const isWord = (text: string): text is DrillWord => WORDS.has(text);

/** Exactly one known word; none means the list. Null: unclear. */
export function readDrill(text: string): DrillWord | null {
  const word = text.trim() === '' ? 'list' : text.trim();
  return isWord(word) ? word : null;
}

export async function drillReply({ by, text, context }: Asked): Promise<Reply> {
  const { drills, schedule } = context.drilling;
  const word = readDrill(text) ?? 'list';
  if (word === 'list')
    return drillListLines(drills.finished(), schedule.planned(), schedule.missed())
      .map((line) => `• ${inert(line, 600)}`)
      .join('\n');
  if (word === 'stop')
    return `The drill in ${await drills.stop(by)} ends now. Its report follows in its thread.`;
  const { id } = await drills.start(by, word);
  return `DRILL · ${id} has begun: ${word}. Its headline follows in <#${context.channel}>, its report in the thread.`;
}
