/** The App Home: drawn when it is opened, and what its buttons do. They belong to no message: what they carry is checked here. */

import type { App, BlockAction, ButtonAction } from '@slack/bolt';
import type { HomeView } from '@slack/types';
import type { WebClient } from '@slack/web-api';
import type { Actor } from '../domain/incident.ts';
import type { Viewer } from '../engine/homeBoard.ts';
import { ACTION, type ActionId, ON_DESK, readButtonValue } from '../render/actions.ts';
import { homeView } from '../render/home.ts';
import { masked } from '../render/masked.ts';
import { killReply, switchReply } from '../render/replies.ts';
import { inert } from '../render/text.ts';
import { cancelView, declareView } from '../render/views.ts';
import { mayLift } from './commands.ts';
import { inMarkup, type ListenerContext, onlyOpen, type Reply, refusalFor, slackActor } from './context.ts';
import { onRecord } from './refused.ts';
import { open } from './trigger.ts';

export function registerHome(app: App, context: ListenerContext): void {
  app.event('app_home_opened', async ({ event }) => {
    // Not waited for: Slack is acknowledged at once, and nothing is lost when a Home is not drawn.
    if (event.tab === 'home') context.home.opened(event.user);
  });
}

/** What one viewer sees now. */
export async function drawHome(context: ListenerContext, viewer: Viewer): Promise<HomeView> {
  const { ledger, access, playbook, names, clock, drill } = context;
  const trading = ledger.trading();
  const { latch, lastKill: last } = trading;
  const [onCall, killed, latched] = await Promise.all([
    context.onCall.now(),
    last === null ? undefined : ledger.load(last.incident),
    latch === null ? undefined : ledger.load(latch.incident),
  ]);
  const kill = last === null ? undefined : killed?.kills[last.kill];
  const view = homeView({
    now: clock.now(),
    drill,
    viewer,
    responders: access.whoCan('responder'),
    trading,
    unrecorded: ledger.unrecorded(),
    engines: context.engines(),
    criteria: context.criteria(),
    incidents: ledger.open(),
    lastKill: last === null || kill === undefined ? null : { incident: last.incident, kill },
    latched: latched ?? null,
    onCall,
    budgets: context.budgets.report(),
    readiness: context.readiness.report(),
    textsVersion: context.textsVersion(context.readiness.report().texts),
    playbook,
    clocks: context.clocks,
    names,
    lastDrill: context.drilling.drills.finished()[0] ?? null,
    openItems: context.store.summaries().reduce((sum, { openItems = 0 }) => sum + openItems, 0),
  });
  return masked(view, context.mask);
}

interface Pressed {
  by: Actor;
  /** The incident's id, or ON_DESK. */
  incident: string;
  ref: string | undefined;
  triggerId: string;
  client: WebClient;
  context: ListenerContext;
}
interface Press {
  /** What the press is about: the button of another one is not ours. */
  on: 'desk' | 'incident';
  /** What lets something go on is done only on the state as it is now. */
  loosens?: true;
  /** `lift`: whom the holds ask for. */
  role: 'responder' | 'approver' | 'lift';
  run(pressed: Pressed): Promise<Reply>;
}

const BY_HOME = 'none given (App Home)';

const PRESSES: Partial<Record<ActionId, Press>> = {
  [ACTION.kill]: {
    on: 'desk',
    role: 'responder',
    run: async ({ by, context }) =>
      killReply(
        await context.desk.kill(by, BY_HOME),
        context.desk.venues.map((venue) => venue.id),
      ),
  },
  [ACTION.haltOrders]: { on: 'desk', role: 'responder', run: (pressed) => hold(pressed, 'HALT_NEW_ORDERS') },
  [ACTION.pauseSignals]: { on: 'desk', role: 'responder', run: (pressed) => hold(pressed, 'PAUSE_SIGNALS') },
  [ACTION.cancel]: {
    on: 'desk',
    role: 'responder',
    run: ({ client, triggerId, context }) =>
      open(
        client,
        triggerId,
        cancelView(
          onlyOpen(context) ?? '',
          context.desk.venues.map((venue) => venue.id),
          '',
        ),
        context,
      ),
  },
  [ACTION.declare]: {
    on: 'desk',
    role: 'responder',
    run: ({ client, triggerId, context }) => open(client, triggerId, declareView(''), context),
  },
  [ACTION.resumeOrders]: {
    on: 'desk',
    role: 'lift',
    loosens: true,
    run: (pressed) => lift(pressed, 'HALT_NEW_ORDERS'),
  },
  [ACTION.resumeSignals]: {
    on: 'desk',
    role: 'lift',
    loosens: true,
    run: (pressed) => lift(pressed, 'PAUSE_SIGNALS'),
  },
  [ACTION.acknowledge]: {
    on: 'incident',
    role: 'responder',
    async run({ by, incident, context }) {
      await context.desk.command(incident, { type: 'AcknowledgeIncident', by });
      return `You acknowledged ${incident}. PagerDuty is being told.`;
    },
  },
  [ACTION.approveResume]: {
    on: 'incident',
    role: 'approver',
    loosens: true,
    async run({ by, incident, ref, context }) {
      const { enough } = await context.desk.latch.approve(by, incident, ref ?? '');
      return enough
        ? 'Approved. The venues are read again now; the result is posted in the thread.'
        : 'Approved. More approvals are needed.';
    },
  },
};

type Switch = 'HALT_NEW_ORDERS' | 'PAUSE_SIGNALS';

async function hold({ by, context }: Pressed, key: Switch): Promise<Reply> {
  return switchReply(key, true, await context.desk.hold(by, key, BY_HOME, 'operator', onlyOpen(context)));
}

async function lift({ by, context }: Pressed, key: Switch): Promise<Reply> {
  const may = await mayLift(context, by.id, key);
  if (typeof may === 'string') return may;
  const answer = await context.desk.lift(by, key, BY_HOME, may, onlyOpen(context));
  return switchReply(key, answer.left.length > 0, answer, answer.left);
}

const STALE =
  '⛔ That Home was drawn before the state changed: nothing was done. This is the state as it is now.';
const NOT_OURS = '⛔ That button is old or not ours: nothing was done. This is the state as it is now.';

/** A button of a Home was pressed. Never rejects; the answer is in words that are safe to show. */
export async function pressHome(
  body: BlockAction<ButtonAction>,
  client: WebClient,
  context: ListenerContext,
): Promise<string> {
  const [action] = body.actions;
  const name = action?.action_id ?? 'unknown';
  const named = readButtonValue(action?.value)?.incident ?? null;
  const asked = {
    by: slackActor(body.user.id, body.user.name ?? body.user.username),
    what: `button ${name}`,
    command: name,
    where: 'Home',
    incident: named === ON_DESK ? null : named,
    kills: name === ACTION.kill,
  };
  return onRecord(context, asked, () => pressed(body, client, context)).catch((error: unknown) =>
    inMarkup(error, context),
  );
}

async function pressed(
  body: BlockAction<ButtonAction>,
  client: WebClient,
  context: ListenerContext,
): Promise<string> {
  const [action] = body.actions;
  const press = action === undefined ? undefined : PRESSES[action.action_id as ActionId];
  const value = action?.value === ON_DESK ? { incident: ON_DESK } : readButtonValue(action?.value);
  const about = value?.incident === ON_DESK ? 'desk' : 'incident';
  if (press === undefined || value === null || press.on !== about || !isOurs(body, context)) return NOT_OURS;
  const known = about === 'desk' || (await context.ledger.load(value.incident)) !== undefined;
  if (!known) return NOT_OURS;
  const refused = press.role === 'lift' ? null : await refusalFor(context, body.user.id, press.role);
  if (refused !== null) return refused;
  if (press.loosens === true && !context.home.isCurrent(body.user.id, body.view?.hash ?? '')) return STALE;
  const by = slackActor(body.user.id, body.user.name ?? body.user.username);
  const ref = 'ref' in value ? value.ref : undefined;
  const reply = await press.run({
    by,
    incident: value.incident,
    ref,
    triggerId: body.trigger_id,
    client,
    context,
  });
  return reply === null ? 'The dialog is open.' : typeof reply === 'string' ? reply : inert(reply.text, 500);
}

/** A Home of this very app. Another app of the same workspace has buttons, too. */
function isOurs({ view }: BlockAction<ButtonAction>, context: ListenerContext): boolean {
  const appId = context.identity()?.appId ?? null;
  return view?.type === 'home' && (appId === null || view.app_id === appId);
}
