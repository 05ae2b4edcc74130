/** Every refusal of a command or a click goes on the log: who, from where, what, and why not. */

import { Refusal } from '../domain/decide.ts';
import type { Actor } from '../domain/incident.ts';
import { plain } from '../render/text.ts';
import { type ListenerContext, roleCode } from './context.ts';

/** What somebody asked for. */
export interface AskedFor {
  by: Actor;
  /** As it was typed, or the button's name. */
  what: string;
  /** The command without its text. */
  command: string;
  where: string;
  incident: string | null;
  kills?: boolean;
}

/** How every refusal in words begins. */
const NO = '⛔';

/** The work's answer, or its error, as it is. When it is a refusal, that is on record: nobody waits for it. */
export async function onRecord<R>(
  context: ListenerContext,
  asked: AskedFor,
  work: () => Promise<R>,
): Promise<R> {
  try {
    const reply = await work();
    if (typeof reply === 'string' && reply.startsWith(NO)) {
      const [said = ''] = reply.slice(NO.length).split('\n');
      noteRefused(context, asked, roleCode(reply) ?? 'refused', said);
    }
    return reply;
  } catch (error) {
    if (error instanceof Refusal) noteRefused(context, asked, error.code, error.message);
    throw error;
  }
}

/** Cut and masked: what somebody typed may be huge, and may hold a secret of ours. Never throws. */
export function noteRefused(
  { refusals, mask }: ListenerContext,
  { by, what, command, where, incident, kills = false }: AskedFor,
  code: string,
  words: string,
): void {
  const cut = (text: string, most: number) => plain(mask(text), most);
  refusals.note({
    by: { ...by, id: cut(by.id, 40), name: cut(by.name, 80) },
    incident,
    command: cut(command, 60),
    kills,
    event: {
      type: 'CommandRefused',
      what: cut(what, 200),
      where: cut(where, 60),
      code: cut(code, 60),
      words: cut(words, 300),
    },
  });
}
