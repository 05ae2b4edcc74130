/** What no listener should have to ask: is this ours, and is it the first time? Runs before every listener, in both modes. */

import type { AllMiddlewareArgs, AnyMiddlewareArgs, App } from '@slack/bolt';
import type { ListenerContext } from './context.ts';

type Body = {
  team_id?: unknown;
  team?: { id?: unknown } | null;
  api_app_id?: unknown;
  trigger_id?: unknown;
  user?: { team_id?: unknown } | null;
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

async function refuse(args: AllMiddlewareArgs & AnyMiddlewareArgs, text: string): Promise<void> {
  if (!('ack' in args) || typeof args.ack !== 'function') return;
  const isCommand = 'command' in args;
  await (args.ack as (answer?: unknown) => Promise<void>)(
    isCommand ? { response_type: 'ephemeral', text } : undefined,
  );
}
