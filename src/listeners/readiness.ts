/** `/incident readiness`: the go-live list, its two buttons, and what a person says of a line that nothing measures. */

import type { App, BlockAction, ButtonAction } from '@slack/bolt';
import type { Actor } from '../domain/incident.ts';
import { ACTION, ON_DESK, readReadValue } from '../render/actions.ts';
import { readinessMessage } from '../render/readiness.ts';
import { fromSlack, inert, plain } from '../render/text.ts';
import {
  answered,
  ephemeral,
  inMarkup,
  type ListenerContext,
  type Reply,
  refusalFor,
  slackActor,
} from './context.ts';
import { onRecord } from './refused.ts';

/** What `/incident readiness …` asks for. */
export type ReadinessAsk =
  | { do: 'show' }
  | { do: 'refresh' }
  | { do: 'testPage' }
  /** `words`: all behind the line's id; its first may name a part. */
  | { do: 'mark'; line: string; words: string };

/** Null: unclear, and nothing is done. */
export function readReadinessAsk(text: string): ReadinessAsk | null {
  const said = plain(fromSlack(text), 600);
  if (said === '') return { do: 'show' };
  if (said === 'refresh') return { do: 'refresh' };
  if (said === 'test-page') return { do: 'testPage' };
  const [, line, words] = /^mark ([a-z0-9][a-z0-9-]{0,59}) (.+)$/.exec(said) ?? [];
  return line === undefined || words === undefined ? null : { do: 'mark', line, words };
}

export async function readinessVerb(
  ask: ReadinessAsk | null,
  by: Actor,
  context: ListenerContext,
): Promise<Reply> {
  const { readiness } = context;
  switch (ask?.do) {
    case 'testPage':
      return testPage(by, context);
    case 'mark': {
      const refused = await refusalFor(context, by.id, 'responder');
      if (refused !== null) return refused;
      const { line, words } = ask;
      const [, part, rest] = /^(\S+) (.+)$/.exec(words) ?? [];
      const isOfPart = line === 'backup-feed';
      const marked = await readiness.mark(
        by,
        line,
        isOfPart ? (part?.replace(/:$/, '') ?? null) : null,
        plain((isOfPart ? rest : words) ?? words, 400),
      );
      return `On record, by your word: “${inert(marked.text, 200)}” is ${marked.state.toUpperCase()} now.`;
    }
    case 'refresh':
      await readiness.refresh();
      return readinessReply(context);
    default:
      // The disk is near; PagerDuty may be slow, and is read once a day anyway.
      await readiness.readTexts();
      return readinessReply(context);
  }
}

export const readinessReply = ({ readiness, textsVersion, drill }: ListenerContext): Exclude<Reply, null> => {
  const report = readiness.report();
  return readinessMessage(report, textsVersion(report.texts), drill);
};

async function testPage(by: Actor, context: ListenerContext): Promise<Reply> {
  const refused = await refusalFor(context, by.id, 'responder');
  if (refused !== null) return refused;
  const page = await context.readiness.testPage(by);
  return `Test page ${page} is being sent. It counts when a person acknowledges it at PagerDuty within 30 min; \`/incident readiness\` shows what became of it.`;
}

async function haveRead(by: Actor, value: unknown, context: ListenerContext): Promise<Reply> {
  const refused = await refusalFor(context, by.id, 'responder');
  if (refused !== null) return refused;
  const version = readReadValue(value);
  if (version === null)
    return '⛔ That button is old or not ours: nothing was done. /incident readiness shows it as it is.';
  return context.readiness.haveRead(by, version);
}

/** The two buttons. They stand under an answer to one person, or on a Home: what they carry is checked here. */
export function registerReadiness(app: App, context: ListenerContext): void {
  const on = (action: string, run: (by: Actor, value: unknown) => Promise<Reply>) =>
    app.action<BlockAction<ButtonAction>>(
      { type: 'block_actions', action_id: action },
      async ({ ack, body, respond }) => {
        const by = slackActor(body.user.id, body.user.name ?? body.user.username);
        const isHome = body.view?.type === 'home';
        const asked = {
          by,
          what: `button ${action}`,
          command: action,
          where: isHome ? 'Home' : (body.channel?.id ?? 'nowhere'),
          incident: null,
        };
        const work = onRecord(context, asked, () => run(by, body.actions[0]?.value)).catch((error: unknown) =>
          inMarkup(error, context),
        );
        await answered(context, ack, work, (reply) => {
          if (reply === null) return;
          if (isHome)
            return context.home.said(by.id, typeof reply === 'string' ? reply : inert(reply.text, 500));
          respond?.({ ...ephemeral(reply, context), replace_original: false }).catch((error: unknown) =>
            context.log.warn({ error: String(error) }, 'an answer to a click could not be delivered'),
          );
        });
      },
    );
  on(ACTION.runbooksRead, (by, value) => haveRead(by, value, context));
  on(ACTION.testPage, async (by, value) =>
    value === ON_DESK
      ? testPage(by, context)
      : '⛔ That button is old or not ours: nothing was done. /incident readiness shows it as it is.',
  );
}
