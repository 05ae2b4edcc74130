/** What no listener should have to ask: is this ours, and is it the first time? Runs before every listener, in both modes. */

import type { AllMiddlewareArgs, AnyMiddlewareArgs, App } from '@slack/bolt';
import { ACTION } from '../render/actions.ts';
import { type ListenerContext, slackActor } from './context.ts';
import { type AskedFor, noteRefused } from './refused.ts';

type Body = {
  team_id?: unknown;
  team?: { id?: unknown } | null;
  api_app_id?: unknown;
  trigger_id?: unknown;
  user?: { team_id?: unknown; id?: unknown; name?: unknown } | null;
  user_id?: unknown;
  user_name?: unknown;
  command?: unknown;
  text?: unknown;
  actions?: { action_id?: unknown }[];
  view?: { callback_id?: unknown } | null;
  callback_id?: unknown;
};

export function registerGuard(app: App, context: ListenerContext): void {
  app.use(async (args: AllMiddlewareArgs & AnyMiddlewareArgs) => {
    const body = args.body as Body;
    const identity = context.identity();
    const team = typeof body.team_id === 'string' ? body.team_id : body.team?.id;
    const foreign =
      identity !== null &&
      ((typeof team === 'string' && team !== identity.teamId) ||
        (typeof body.user?.team_id === 'string' && body.user.team_id !== identity.teamId) ||
        (identity.appId !== null &&
          typeof body.api_app_id === 'string' &&
          body.api_app_id !== identity.appId));
    if (foreign) {
      context.log.warn({ team: String(team) }, 'a Slack request of another team or app was refused');
      const asked = askedFor(body, `another workspace or app (${String(team)})`);
      // What happens in the other workspace is none of ours; what somebody there pressed or typed at us is.
      if (asked !== null)
        noteRefused(context, asked, 'foreign', 'The request comes from another workspace or app.');
      return refuse(args, '⛔ This request comes from another workspace or app: nothing was done.');
    }
    // Slack sends again what it believes lost, and a retry is not always marked. Messages are told apart by their own time
    // stamp; everything that a person does has a trigger of its own, and runs once.
    if (typeof body.trigger_id === 'string' && context.once.take(`slack:${body.trigger_id}`) !== null) {
      return refuse(args, 'Already done: this is a repetition of a request that was taken before.');
    }
    await args.next();
  });
}

/** What a person asked for; null: it is no command and no click. */
function askedFor(body: Body, where: string): AskedFor | null {
  const text = (value: unknown): string => (typeof value === 'string' ? value : '');
  const action = Array.isArray(body.actions) ? text(body.actions[0]?.action_id) : '';
  const command = text(body.command) || action || text(body.view?.callback_id) || text(body.callback_id);
  if (command === '') return null;
  const id = text(body.user_id) || text(body.user?.id) || 'unknown';
  return {
    by: slackActor(id, text(body.user_name) || text(body.user?.name)),
    what: action === '' ? `${command} ${text(body.text)}` : `button ${action}`,
    command,
    where,
    incident: null,
    kills: command === '/kill' || command === ACTION.kill,
  };
}

async function refuse(args: AllMiddlewareArgs & AnyMiddlewareArgs, text: string): Promise<void> {
  if (!('ack' in args) || typeof args.ack !== 'function') return;
  const isCommand = 'command' in args;
  await (args.ack as (answer?: unknown) => Promise<void>)(
    isCommand ? { response_type: 'ephemeral', text } : undefined,
  );
}
