import { stateOf } from './inputs.ts';
import { type JsonObject, toJson } from './json.ts';
import type { SlackUser, StoredMessage, StoredView } from './shapes.ts';
import type { Channel, Workspace } from './workspace.ts';

/** A message as the Web API and the events show it. Metadata only where it was asked for. */
export function wireMessage(workspace: Workspace, message: StoredMessage, withMetadata: boolean): JsonObject {
  const { options } = workspace;
  const wire: JsonObject = {
    type: 'message',
    user: message.user,
    text: message.text,
    ts: message.ts,
    team: workspace.users.get(message.user)?.teamId ?? options.teamId,
  };
  if (message.broadcast) wire['subtype'] = 'thread_broadcast';
  else if (message.files.length > 0 && !message.byBot) wire['subtype'] = 'file_share';
  if (message.app !== undefined) {
    const { botId, appId, name, botUserId } = message.app;
    wire['bot_id'] = botId;
    if (appId !== undefined) wire['app_id'] = appId;
    if (botUserId === undefined) {
      delete wire['user'];
      wire['subtype'] = 'bot_message';
      wire['username'] = name;
    } else {
      wire['bot_profile'] = { id: botId, app_id: appId ?? '', name, team_id: options.teamId };
    }
  }
  if (message.byBot) {
    wire['bot_id'] = options.botId;
    wire['app_id'] = options.appId;
    wire['bot_profile'] = {
      id: options.botId,
      app_id: options.appId,
      name: options.botName ?? 'bot',
      team_id: options.teamId,
    };
  }
  if (message.blocks.length > 0) wire['blocks'] = message.blocks.map(toJson);
  if (message.attachments.length > 0) wire['attachments'] = [...message.attachments];
  if (message.files.length > 0) wire['files'] = [...message.files];
  if (message.edited) wire['edited'] = { ...message.edited };
  if (withMetadata && message.metadata) wire['metadata'] = message.metadata;
  if (message.reactions.size > 0) wire['reactions'] = wireReactions(message);
  if (message.threadTs !== undefined) wire['thread_ts'] = message.threadTs;
  const replies = message.threadTs === undefined ? workspace.repliesTo(message.channel, message.ts) : [];
  const last = replies.at(-1);
  if (last) {
    const authors = [...new Set(replies.map((reply) => reply.user))];
    wire['thread_ts'] = message.ts;
    wire['reply_count'] = replies.length;
    wire['reply_users'] = authors;
    wire['reply_users_count'] = authors.length;
    wire['latest_reply'] = last.ts;
  }
  return wire;
}

/** Who reacted with what. */
export function wireReactions(message: StoredMessage): JsonObject[] {
  return [...message.reactions].map(([name, users]) => ({ name, users: [...users], count: users.length }));
}

/** A user as users.info shows it. */
export function wireUser(workspace: Workspace, user: SlackUser): JsonObject {
  const { options } = workspace;
  const teamId = user.teamId ?? options.teamId;
  return {
    id: user.id,
    team_id: teamId,
    name: user.name,
    real_name: user.realName,
    deleted: user.isDeleted ?? false,
    is_bot: user.isBot ?? false,
    is_app_user: false,
    is_restricted: user.isRestricted ?? false,
    is_ultra_restricted: false,
    is_stranger: teamId !== options.teamId,
    is_email_confirmed: user.email !== '',
    tz: 'Etc/UTC',
    tz_offset: 0,
    profile: { real_name: user.realName, display_name: user.name, email: user.email, team: teamId },
  };
}

/** A channel as conversations.info shows it. */
export function wireChannel(workspace: Workspace, channel: Channel): JsonObject {
  const isMember = channel.members.has(workspace.options.botUserId);
  const kind = { is_im: channel.isIm, is_private: channel.isPrivate, is_member: isMember };
  if (channel.isIm) {
    const user = [...channel.members].find((id) => id !== workspace.options.botUserId) ?? '';
    return { id: channel.id, user, ...kind };
  }
  return {
    id: channel.id,
    name: channel.name,
    name_normalized: channel.name,
    is_channel: !channel.isPrivate,
    is_group: channel.isPrivate,
    is_archived: channel.isArchived,
    num_members: channel.members.size,
    context_team_id: workspace.options.teamId,
    ...kind,
  };
}

/** A view as views.* and the interaction payloads show it, the inputs' state included. */
export function wireView(workspace: Workspace, stored: StoredView): JsonObject {
  const { options } = workspace;
  const { view } = stored;
  return {
    ...view,
    id: stored.id,
    team_id: options.teamId,
    app_id: options.appId,
    app_installed_team_id: options.teamId,
    bot_id: options.botId,
    hash: stored.hash,
    root_view_id: stored.rootId,
    previous_view_id: stored.previousId ?? null,
    private_metadata: view['private_metadata'] ?? '',
    callback_id: view['callback_id'] ?? '',
    external_id: view['external_id'] ?? '',
    clear_on_close: view['clear_on_close'] ?? false,
    notify_on_close: view['notify_on_close'] ?? false,
    submit: view['submit'] ?? null,
    close: view['close'] ?? null,
    state: { values: stateOf(view['blocks'], stored.choices) },
  };
}
