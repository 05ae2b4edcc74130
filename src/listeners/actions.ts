/** Buttons: who pressed what, on which message, with which role; then one engine call and one answer. */

import type { App, BlockAction, ButtonAction, RespondFn } from '@slack/bolt';
import type { ModalView } from '@slack/types';
import type { WebClient } from '@slack/web-api';
import type { Actor, Incident } from '../domain/incident.ts';
import type { HoldKey } from '../domain/trading.ts';
import { ACTION, type ActionId, MENU, readButtonValue } from '../render/actions.ts';
import { actionView } from '../render/incidentViews.ts';
import { incidentStatus, killReply, switchReply } from '../render/replies.ts';
import {
  acceptView,
  declareView,
  flattenReadingView,
  flattenRefusedView,
  flattenView,
  noActionItemView,
  resolveView,
  rootCauseView,
  skipView,
} from '../render/views.ts';
import { mayLift } from './commands.ts';
import {
  answered,
  ephemeral,
  inMarkup,
  inWords,
  type ListenerContext,
  type Reply,
  refusalFor,
  slackActor,
} from './context.ts';
import { pressHome } from './home.ts';
import { noteRefused, onRecord } from './refused.ts';
import { mailPreview } from './summary.ts';
import { open } from './trigger.ts';

/** A button has no room for a reason; who pressed it, and where, is on record beside it. */
const BY_BUTTON = 'none given (button)';

interface Pressed {
  by: Actor;
  incident: Incident;
  /** The step or kill that the button belongs to. */
  ref: string | undefined;
  triggerId: string;
  client: WebClient;
}

/** What a button does. The answer goes to the person alone; null where the channel shows it anyway. */
type Handle = (pressed: Pressed) => Promise<Reply>;

export function registerActions(app: App, context: ListenerContext): void {
  const { desk } = context;
  const handlers: Record<Exclude<ActionId, ElsewhereId>, Handle> = {
    [ACTION.acknowledge]: async ({ by, incident }) => {
      await desk.command(incident.id, { type: 'AcknowledgeIncident', by });
      return null;
    },
    [ACTION.takeCommand]: async ({ by, incident }) => {
      await desk.command(incident.id, { type: 'AssignCommander', by, who: by, ifNobody: true });
      return null;
    },
    [ACTION.declare]: ({ triggerId, client }) => open(client, triggerId, declareView(''), context),
    [ACTION.kill]: async ({ by, incident }) => {
      const reason = BY_BUTTON;
      return killReply(
        await desk.kill(by, reason, incident.id),
        desk.venues.map((venue) => venue.id),
      );
    },
    [ACTION.cancel]: async ({ by, incident }) => {
      await desk.cancel(by, { scope: 'all' }, BY_BUTTON, incident.id).asked;
      return 'Cancelling at every venue. The result is posted in the thread after it was read back.';
    },
    [ACTION.haltOrders]: async ({ by, incident }) =>
      switchReply(
        'HALT_NEW_ORDERS',
        true,
        await desk.hold(by, 'HALT_NEW_ORDERS', BY_BUTTON, 'operator', incident.id),
      ),
    [ACTION.pauseSignals]: async ({ by, incident }) =>
      switchReply(
        'PAUSE_SIGNALS',
        true,
        await desk.hold(by, 'PAUSE_SIGNALS', BY_BUTTON, 'operator', incident.id),
      ),
    [ACTION.switchFeed]: async ({ by, incident }) =>
      switchReply('DATA_FEED', true, await desk.hold(by, 'DATA_FEED', BY_BUTTON, 'operator', incident.id)),
    [ACTION.primaryFeed]: (pressed) => lift(pressed, 'DATA_FEED'),
    [ACTION.restartOrderManager]: async ({ by, incident }) => {
      await desk.runCommand(by, incident.id, 'restartOrderManager');
      return 'The order manager is being restarted. How it ended, and what it said, is posted in the thread.';
    },
    [ACTION.resumeOrders]: (pressed) => lift(pressed, 'HALT_NEW_ORDERS'),
    [ACTION.resumeSignals]: (pressed) => lift(pressed, 'PAUSE_SIGNALS'),
    [ACTION.flatten]: async ({ incident, triggerId, client }) => {
      if (incident.status === 'resolved')
        return `⛔ ${incident.id} is resolved: its receipt no longer closes positions. Nothing was done.`;
      const opened = await client.views.open({
        trigger_id: triggerId,
        view: flattenReadingView(context.drill),
      });
      // Reading takes longer than Slack waits: the dialog is there, and fills when it is done.
      fillPreview(incident.id, opened.view?.id ?? '', client).catch((error: unknown) =>
        context.log.warn({ error: String(error) }, 'a preview could not be shown: nothing was sent'),
      );
      return null;
    },
    [ACTION.accept]: async ({ incident, ref, triggerId, client }) => {
      if (ref === undefined || !Object.hasOwn(incident.kills, ref)) return STALE;
      await client.views.open({ trigger_id: triggerId, view: acceptView(incident.id, ref) });
      return null;
    },
    [ACTION.resolve]: async ({ incident, triggerId, client }) => {
      if (incident.status === 'resolved') return `${incident.id} is already resolved.`;
      await client.views.open({ trigger_id: triggerId, view: resolveView(incident, '') });
      return null;
    },
    [ACTION.recovery]: async ({ by, incident }) => {
      // It may take minutes: its result is posted in the thread.
      desk.latch
        .runRecovery(by, incident.id)
        .catch((error: unknown) =>
          context.log.warn({ error: String(error) }, 'the recovery check did not run'),
        );
      return 'The recovery check runs; its result is posted in the thread.';
    },
    [ACTION.approveResume]: async ({ by, incident, ref }) => {
      if (ref === undefined) return STALE;
      const { enough } = await desk.latch.approve(by, incident.id, ref);
      return enough
        ? 'Approved. The venues are read again now; the result is posted in the thread.'
        : 'Approved. More approvals are needed.';
    },
    [ACTION.previewMail]: async ({ incident, triggerId, client }) => {
      await client.views.open({ trigger_id: triggerId, view: await mailPreview(incident, context) });
      return null;
    },
    [ACTION.rootCause]: (pressed) => ask(pressed, rootCauseView(pressed.incident)),
    [ACTION.actionItem]: (pressed) => ask(pressed, actionView(pressed.incident)),
    [ACTION.noActionItem]: (pressed) => ask(pressed, noActionItemView(pressed.incident)),
    [ACTION.fileIssueAgain]: async ({ by, incident, ref }) => {
      if (ref === undefined || incident.issues[ref]?.state !== 'failed') return STALE;
      await desk.command(incident.id, { type: 'FileIssueAgain', by, item: ref });
      return 'It is tried again. What comes of it is posted in the thread.';
    },
    [ACTION.checklistDone]: async ({ by, incident, ref }) => {
      if (ref === undefined) return STALE;
      await desk.command(incident.id, { type: 'MarkChecklist', by, item: ref });
      return null;
    },
    [ACTION.stepDone]: async ({ by, incident, ref }) => {
      if (ref === undefined || !desk.hasStep(incident, ref)) return STALE;
      await desk.command(incident.id, { type: 'MarkStep', by, step: ref, mark: 'done' });
      return null;
    },
    [ACTION.stepSkip]: async ({ incident, ref, triggerId, client }) => {
      if (ref === undefined || !desk.hasStep(incident, ref)) return STALE;
      await client.views.open({ trigger_id: triggerId, view: skipView(incident.id, ref) });
      return null;
    },
  };

  async function ask({ incident, triggerId, client }: Pressed, view: ModalView): Promise<string | null> {
    if (incident.status !== 'resolved') return STALE;
    await client.views.open({ trigger_id: triggerId, view });
    return null;
  }

  async function fillPreview(incident: string, viewId: string, client: WebClient): Promise<void> {
    const view = await desk.previewFlatten(incident).then(
      ({ id, positions, unread }) => flattenView(incident, context.drill, id, positions, unread),
      (error: unknown) => flattenRefusedView(context.drill, inWords(error, context)),
    );
    await client.views.update({ view_id: viewId, view });
  }

  async function lift({ by, incident }: Pressed, key: HoldKey): Promise<string> {
    // What loosens is done where the state is seen: an old headline may be somebody else's hold by now.
    if (incident.status === 'resolved')
      return `⛔ ${incident.id} is resolved, and its buttons no longer lift anything: nothing was done. \`/resume\` does.`;
    const may = await mayLift(context, by.id, key);
    if (typeof may === 'string') return may;
    const answer = await desk.lift(by, key, BY_BUTTON, may, incident.id);
    return switchReply(key, answer.left.length > 0, answer, answer.left);
  }

  for (const [action, handle] of Object.entries(handlers)) {
    app.action<BlockAction<ButtonAction>>(
      { type: 'block_actions', action_id: action },
      async ({ ack, body, client, respond }) => {
        if (body.view?.type === 'home') {
          // A Home has no address to answer to: the answer stands on top of it.
          await answered(context, ack, pressHome(body, client, context), (text) =>
            context.home.said(body.user.id, text),
          );
          return;
        }
        await answered(context, ack, press(body, client, handle), (reply) =>
          say(respond, reply, readButtonValue(body.actions[0]?.value)?.incident),
        );
      },
    );
  }
  // A button that this version does not know: an old message, or somebody's invention.
  app.action(/.*/, async ({ ack, body, respond }) => {
    const [pressed] = (body as { actions?: { action_id?: string }[] }).actions ?? [];
    const id = pressed?.action_id;
    if (id !== undefined && (Object.hasOwn(handlers, id) || id === MENU.chooseIncident || ELSEWHERE.has(id)))
      return;
    await ack();
    const { view, user } = body as { view?: { type?: string }; user?: { id?: string; name?: string } };
    noteRefused(
      context,
      {
        by: slackActor(user?.id ?? 'unknown', user?.name),
        what: `button ${id ?? 'unknown'}`,
        command: 'unknown button',
        where: body.channel?.id ?? 'nowhere',
        incident: null,
      },
      'unknown_button',
      'That button is old or not ours: nothing was done.',
    );
    if (view?.type === 'home') context.home.said(user?.id ?? '', STALE);
    else say(respond, STALE);
  });

  async function press(body: BlockAction<ButtonAction>, client: WebClient, handle: Handle): Promise<Reply> {
    const [action] = body.actions;
    const name = action?.action_id ?? 'unknown';
    const asked = {
      by: slackActor(body.user.id, body.user.name ?? body.user.username),
      what: `button ${name}`,
      command: name,
      where: body.channel?.id ?? 'nowhere',
      incident: readButtonValue(action?.value)?.incident ?? null,
      kills: name === ACTION.kill,
    };
    return onRecord(context, asked, () => pressed(body, client, handle)).catch((error: unknown) =>
      inMarkup(error, context),
    );
  }

  async function pressed(body: BlockAction<ButtonAction>, client: WebClient, handle: Handle): Promise<Reply> {
    const [action] = body.actions;
    const value = readButtonValue(action?.value);
    const incident = value === null ? undefined : await context.ledger.load(value.incident);
    const ts = body.message?.ts;
    const ours =
      incident !== undefined &&
      Object.values(incident.posts).some((post) => post.ts === ts && post.channel === body.channel?.id);
    // The runbook or a receipt in the incident's own thread is ours, too, before we have Slack's answer to its post.
    const headline = incident?.posts['headline'];
    const parts = ['runbook', ...Object.keys(incident?.kills ?? {}).map((kill) => `receipt:${kill}`)];
    const inThread =
      parts.some((part) => incident?.posts[part] === undefined) &&
      headline !== undefined &&
      body.channel?.id === headline.channel &&
      body.message?.['thread_ts'] === headline.ts;
    // Slack shows a headline before we have its answer: what stops must work from the first moment.
    const posting = incident?.posts['headline'] === undefined && body.channel?.id === context.channel;
    const stops = action !== undefined && STOPS.has(action.action_id);
    if (value === null || incident === undefined) return STALE;
    // A preview only shows, and stands under an answer to one person as well, which is nobody's post.
    const shows = action?.action_id === ACTION.previewMail;
    const role = action?.action_id === ACTION.approveResume ? 'approver' : 'responder';
    const refused = await refusalFor(context, body.user.id, role);
    if (refused !== null) return refused;
    if (!(ours || inThread || shows || (posting && stops)))
      return `${STALE}\n${incidentStatus(incident, context.ledger.trading())}`;
    // What stops or starts acts on the real desk: no button of a drill does, not even one that somebody made up.
    if (incident.gameDay !== undefined && !IN_DRILL.has(action?.action_id ?? ''))
      return `⛔ ${incident.id} is a drill: nothing was done. \`/kill\`, \`/halt\` and \`/cancel\` act for real at any time.`;
    const by = slackActor(body.user.id, body.user.name ?? body.user.username);
    return handle({ by, incident, ref: value.ref, triggerId: body.trigger_id, client });
  }

  /** `respond` has no time limit of its own (FACTS 1): nothing waits for it. An action without an address is not answered. */
  function say(respond: RespondFn | undefined, reply: Reply, incident: string | null = null): void {
    if (reply === null || respond === undefined) return;
    respond({ ...ephemeral(reply, context, incident), replace_original: false }).catch((error: unknown) =>
      context.log.warn({ error: String(error) }, 'an answer to a click could not be delivered'),
    );
  }
}

/** Buttons that may stand under an answer to one person, which have files of their own. */
type ElsewhereId =
  | typeof ACTION.pageOnCall
  | typeof ACTION.timelineEarlier
  | typeof ACTION.timelineNewest
  | typeof ACTION.review
  | typeof ACTION.postmortemEdit
  | typeof ACTION.postmortemFinalise
  | typeof ACTION.postmortemReturn
  | typeof ACTION.runbooksRead
  | typeof ACTION.testPage;
const ELSEWHERE: ReadonlySet<string> = new Set<ElsewhereId>([
  ACTION.pageOnCall,
  ACTION.timelineEarlier,
  ACTION.timelineNewest,
  ACTION.review,
  ACTION.postmortemEdit,
  ACTION.postmortemFinalise,
  ACTION.postmortemReturn,
  ACTION.runbooksRead,
  ACTION.testPage,
]);

const STOPS: ReadonlySet<string> = new Set([ACTION.kill, ACTION.cancel, ACTION.haltOrders]);

/** The buttons of a drill's incident. */
const IN_DRILL: ReadonlySet<string> = new Set([
  ACTION.acknowledge,
  ACTION.takeCommand,
  ACTION.stepDone,
  ACTION.stepSkip,
  ACTION.fileIssueAgain,
]);

const STALE =
  '⛔ That button is old or not ours: nothing was done. The headline shows the state as it is now.';
