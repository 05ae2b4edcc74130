import { interactiveElements } from './blocks.ts';
import { changeEvent, messageEvent } from './chat.ts';
import { actionOf, controlsIn, pick } from './controls.ts';
import type { Delivery } from './delivery.ts';
import { chosen, isEmpty, stateOf, withChoice } from './inputs.ts';
import { isObject, type JsonObject, list, str, toJson } from './json.ts';
import { appLevel, eventCallback, interaction, viewOutcome } from './payloads.ts';
import { afterCommand } from './response-url.ts';
import type { Answer, ClickTarget, InputValue, SlackUser, StoredMessage, StoredView } from './shapes.ts';
import { closeViews } from './views.ts';
import { wireMessage, wireView } from './wire-shapes.ts';
import type { Channel, Workspace } from './workspace.ts';

/**
 * What a person does in Slack. Each resolves with what the bot answered, also when it answered badly or not at all, and
 * throws when a person could not have done it (no such button, not their message, a required input left empty).
 */
export interface People {
  /** Types a slash command, `/kill feed frozen`; in the first channel unless said otherwise. */
  say(userId: string, text: string, where?: { readonly channel?: string }): Promise<Answer>;
  /** Presses a button or chooses in a menu; of a message, an open modal, or the App Home. A `confirm` is confirmed. */
  click(userId: string, target: ClickTarget): Promise<Answer>;
  /** Fills in the modal on top (keys are block or action ids) and submits it; `view` of the answer says what followed. */
  submit(userId: string, viewId: string, values?: Readonly<Record<string, InputValue>>): Promise<Answer>;
  /** Closes a modal; undefined when the bot did not ask to be told. */
  dismiss(userId: string, viewId: string): Promise<Answer | undefined>;
  /** Posts a message, with files by their names where there are any. The text is Slack's wire form: `<@U1>` is a mention, and a typed `<` is `&lt;`. */
  post(
    userId: string,
    channel: string,
    text: string,
    where?: { readonly threadTs?: string; readonly files?: readonly string[] },
  ): Promise<Answer & { ts: string }>;
  edit(userId: string, channel: string, ts: string, text: string): Promise<Answer>;
  remove(userId: string, channel: string, ts: string): Promise<Answer>;
  /** Reacts with an emoji, named without colons. */
  react(userId: string, channel: string, ts: string, name: string): Promise<Answer>;
  /** Takes a reaction of one's own away. */
  unreact(userId: string, channel: string, ts: string, name: string): Promise<Answer>;
  /** Pins a message to its channel. */
  pin(userId: string, channel: string, ts: string): Promise<Answer>;
  unpin(userId: string, channel: string, ts: string): Promise<Answer>;
  /** Uses a shortcut: of a message when `on` names one, else the global one. */
  shortcut(
    userId: string,
    callbackId: string,
    on?: { readonly channel: string; readonly ts: string },
  ): Promise<Answer>;
  openHome(userId: string): Promise<Answer>;
}

/** People who act through `delivery` on what the workspace shows. */
export function createPeople(workspace: Workspace, delivery: Delivery): People {
  const { options } = workspace;

  const person = (id: string): SlackUser => {
    const user = workspace.users.get(id);
    if (!user) throw new Error(`no user ${id} in this workspace`);
    return user;
  };
  const place = (id: string | undefined): Channel => {
    const wanted = id ?? options.channels[0]?.id ?? '';
    const channel = workspace.channels.get(wanted);
    if (!channel) throw new Error(`no channel ${wanted} in this workspace`);
    return channel;
  };
  const shown = (channel: string, ts: string, reader: string): StoredMessage => {
    const message = workspace.find(place(channel).id, ts, reader);
    if (!message) throw new Error(`${reader} sees no message ${ts} in ${channel}`);
    return message;
  };
  const own = (channel: string, ts: string, userId: string): StoredMessage => {
    const message = shown(channel, ts, userId);
    if (message.user !== userId) throw new Error(`the message ${ts} is not ${userId}'s`);
    return message;
  };
  const opened = (userId: string, viewId: string): StoredView => {
    const view = workspace.views.get(viewId);
    if (view?.user !== userId) throw new Error(`${userId} has no open view ${viewId}`);
    return view;
  };
  const event = (body: JsonObject, by: string): Promise<Answer> =>
    delivery.deliver('events_api', eventCallback(workspace, body, by));

  const reactionEvent = (
    type: 'reaction_added' | 'reaction_removed',
    message: StoredMessage,
    user: string,
    reaction: string,
  ): JsonObject => ({
    type,
    user,
    reaction,
    // Nothing more: in which thread the message stands, Slack does not say here.
    item: { type: 'message', channel: message.channel, ts: message.ts },
    item_user: message.user,
    event_ts: workspace.nextTs(),
  });

  const setPinned = async (userId: string, channel: string, ts: string, pinned: boolean): Promise<Answer> => {
    const user = person(userId);
    const message = shown(channel, ts, userId);
    if (message.pinned === pinned) throw new Error(`the message ${ts} is ${pinned ? '' : 'not '}pinned`);
    message.pinned = pinned;
    workspace.changed();
    const body = {
      type: pinned ? 'pin_added' : 'pin_removed',
      user: user.id,
      channel_id: message.channel,
      item: {
        type: 'message',
        channel: message.channel,
        message: wireMessage(workspace, message, false),
        created: Math.floor(options.now() / 1000),
        created_by: user.id,
      },
      item_user: message.user,
      ...(pinned ? {} : { has_pins: false }),
      event_ts: workspace.nextTs(),
    };
    return event(body, userId);
  };

  const sharedFile = (userId: string, name: string): JsonObject => {
    const id = workspace.nextId('F');
    return {
      id,
      name,
      title: name,
      user: userId,
      size: 1,
      permalink: `https://${options.teamId.toLowerCase()}.slack.com/files/${userId}/${id}/${encodeURIComponent(name)}`,
    };
  };

  const clickInMessage = (user: SlackUser, target: ClickTarget): Promise<Answer> => {
    const message = shown(target.channel ?? '', target.ts ?? '', user.id);
    const version = target.version === undefined ? message : message.history[target.version];
    if (!version) throw new Error(`the message ${message.ts} has no version ${target.version}`);
    const attached = message.attachments.flatMap((attachment) => list(attachment['blocks']));
    const blocks = [...version.blocks.map(toJson), ...attached];
    const control = pick(controlsIn(blocks), target);
    const state = target.value === undefined ? undefined : chosen(control.element, target.value);
    if (state) {
      const before = message.choices.get(user.id) ?? {};
      message.choices.set(
        user.id,
        withChoice(before, control.blockId, str(control.element['action_id']), state),
      );
    }
    const channel = place(message.channel);
    const isEphemeral = message.ephemeralTo !== undefined;
    const thread = message.threadTs === undefined ? {} : { thread_ts: message.threadTs };
    return delivery.deliver('interactive', {
      ...interaction(workspace, 'block_actions', user),
      container: {
        type: 'message',
        message_ts: message.ts,
        channel_id: channel.id,
        is_ephemeral: isEphemeral,
        ...thread,
      },
      channel: { id: channel.id, name: channel.name },
      // Slack keeps no ephemeral message, so it cannot send it along either.
      ...(isEphemeral
        ? {}
        : { message: { ...wireMessage(workspace, message, true), blocks: version.blocks.map(toJson) } }),
      state: { values: stateOf(blocks, message.choices.get(user.id) ?? {}) },
      response_url: workspace.issueResponseUrl(user.id, channel.id, message),
      actions: [actionOf(workspace, control, target, state)],
    });
  };

  const clickInView = (user: SlackUser, target: ClickTarget): Promise<Answer> => {
    const home = workspace.homes.get(user.id);
    if (target.home && !home) throw new Error(`nothing is published on the home of ${user.id}`);
    const view = target.home && home ? home : opened(user.id, target.viewId ?? '');
    const control = pick(controlsIn(list(view.view['blocks'])), target);
    const state = target.value === undefined ? undefined : chosen(control.element, target.value);
    if (state)
      view.choices = withChoice(view.choices, control.blockId, str(control.element['action_id']), state);
    return delivery.deliver('interactive', {
      ...interaction(workspace, 'block_actions', user),
      container: { type: 'view', view_id: view.id },
      view: wireView(workspace, view),
      actions: [actionOf(workspace, control, target, state)],
    });
  };

  const fillIn = (view: StoredView, values: Readonly<Record<string, InputValue>>): void => {
    const inputs = list(view.view['blocks'])
      .filter(isObject)
      .flatMap((block) => interactiveElements(block).map((element) => ({ block, element })));
    for (const [name, value] of Object.entries(values)) {
      const found = inputs.find(
        ({ block, element }) => block['block_id'] === name || element['action_id'] === name,
      );
      if (!found) throw new Error(`the view ${view.id} has no input ${name}`);
      const { block, element } = found;
      view.choices = withChoice(
        view.choices,
        str(block['block_id']),
        str(element['action_id']),
        chosen(element, value),
      );
    }
    const states = stateOf(view.view['blocks'], view.choices);
    const missing = inputs.find(({ block, element }) => {
      const ofBlock = states[str(block['block_id'])];
      const state = isObject(ofBlock) ? ofBlock[str(element['action_id'])] : undefined;
      return block['type'] === 'input' && block['optional'] !== true && isObject(state) && isEmpty(state);
    });
    if (missing)
      throw new Error(`Slack would not submit: ${str(missing.block['block_id'])} is required and empty`);
  };

  return {
    async say(userId, text, where = {}) {
      const user = person(userId);
      const channel = place(where.channel);
      const [, command = '', rest = ''] = /^(\/\S+)\s*(.*)$/s.exec(text) ?? [];
      if (command === '') throw new Error(`a slash command starts with /, not "${text}"`);
      const answer = await delivery.deliver('slash_commands', {
        ...appLevel(workspace),
        team_id: options.teamId,
        team_domain: options.teamId.toLowerCase(),
        channel_id: channel.id,
        channel_name: channel.name,
        user_id: user.id,
        user_name: user.name,
        command,
        text: rest.trim(),
        is_enterprise_install: 'false',
        response_url: workspace.issueResponseUrl(user.id, channel.id, undefined),
        trigger_id: workspace.issueTrigger(user.id),
      });
      return afterCommand(workspace, user, channel, command, answer);
    },
    async click(userId, target) {
      const user = person(userId);
      return target.home || target.viewId !== undefined
        ? clickInView(user, target)
        : clickInMessage(user, target);
    },
    async submit(userId, viewId, values = {}) {
      const user = person(userId);
      const view = opened(userId, viewId);
      if (workspace.stacks.get(userId)?.at(-1) !== view) throw new Error(`the view ${viewId} is not on top`);
      fillIn(view, values);
      const answer = await delivery.deliver('interactive', {
        ...interaction(workspace, 'view_submission', user),
        view: wireView(workspace, view),
        response_urls: [],
      });
      return viewOutcome(workspace, view, answer);
    },
    async dismiss(userId, viewId) {
      const user = person(userId);
      const view = opened(userId, viewId);
      const isCleared = view.view['clear_on_close'] === true;
      const shownLast = wireView(workspace, view);
      closeViews(workspace, userId, isCleared ? undefined : view);
      if (view.view['notify_on_close'] !== true) return undefined;
      // A closed view gives no trigger: nothing can be opened in answer to it.
      return delivery.deliver('interactive', {
        ...interaction(workspace, 'view_closed', user),
        trigger_id: undefined,
        view: shownLast,
        is_cleared: isCleared,
      });
    },
    async post(userId, channel, text, where = {}) {
      const user = person(userId);
      const room = place(channel);
      if (!room.members.has(options.botUserId))
        throw new Error(`the bot is not in ${channel}: it would hear nothing`);
      // A deleted message keeps the thread under it while there are replies in it.
      const { threadTs } = where;
      if (
        threadTs !== undefined &&
        workspace.find(room.id, threadTs) === undefined &&
        workspace.repliesTo(room.id, threadTs).length === 0
      )
        throw new Error('the thread is gone: close it, and write in the channel');
      const message = workspace.post({
        channel: room.id,
        user: user.id,
        byBot: false,
        text,
        threadTs,
        files: (where.files ?? []).map((name) => sharedFile(user.id, name)),
      });
      const body = { ...messageEvent(workspace, message), client_msg_id: workspace.nextId('msg-') };
      return { ...(await event(body, userId)), ts: message.ts };
    },
    async edit(userId, channel, ts, text) {
      const message = own(channel, ts, userId);
      const previous = wireMessage(workspace, message, true);
      // Straight into the store: `rewrite` would send the event a second time, in the background.
      Object.assign(message, { text, edited: { user: userId, ts: workspace.nextTs() } });
      workspace.remember(message);
      return event(changeEvent(workspace, message, 'message_changed', previous), userId);
    },
    async remove(userId, channel, ts) {
      const message = own(channel, ts, userId);
      const previous = wireMessage(workspace, message, true);
      message.deleted = true;
      workspace.changed();
      return event(changeEvent(workspace, message, 'message_deleted', previous), userId);
    },
    async unreact(userId, channel, ts, name) {
      const message = shown(channel, ts, userId);
      const before = message.reactions.get(name) ?? [];
      if (!before.includes(userId)) throw new Error(`${userId} has not reacted with ${name}`);
      const left = before.filter((id) => id !== userId);
      if (left.length > 0) message.reactions.set(name, left);
      else message.reactions.delete(name);
      workspace.changed();
      return event(reactionEvent('reaction_removed', message, userId, name), userId);
    },
    pin: (userId, channel, ts) => setPinned(userId, channel, ts, true),
    unpin: (userId, channel, ts) => setPinned(userId, channel, ts, false),
    async react(userId, channel, ts, name) {
      const user = person(userId);
      const message = shown(channel, ts, userId);
      const before = message.reactions.get(name) ?? [];
      if (!before.includes(user.id)) message.reactions.set(name, [...before, user.id]);
      workspace.changed();
      return event(reactionEvent('reaction_added', message, user.id, name), userId);
    },
    async shortcut(userId, callbackId, on) {
      const user = person(userId);
      const common = { callback_id: callbackId, action_ts: workspace.nextTs() };
      if (!on) {
        return delivery.deliver('interactive', { ...interaction(workspace, 'shortcut', user), ...common });
      }
      const message = shown(on.channel, on.ts, userId);
      const channel = place(on.channel);
      return delivery.deliver('interactive', {
        ...interaction(workspace, 'message_action', user),
        ...common,
        message_ts: message.ts,
        message: wireMessage(workspace, message, true),
        channel: { id: channel.id, name: channel.name },
        response_url: workspace.issueResponseUrl(userId, channel.id, undefined),
      });
    },
    async openHome(userId) {
      const user = person(userId);
      const home = workspace.homes.get(userId);
      const channel = workspace.directMessage(userId).id;
      const view = home ? { view: wireView(workspace, home) } : {};
      const body = {
        type: 'app_home_opened',
        user: user.id,
        channel,
        tab: 'home',
        event_ts: workspace.nextTs(),
        ...view,
      };
      return event(body, userId);
    },
  };
}
