import { ApiError, type Method, page } from './api-error.ts';
import { channelOf, joinedChannel, messageAt } from './chat.ts';
import { isTrue, type JsonObject, str } from './json.ts';
import type { StoredMessage } from './shapes.ts';
import { wireChannel, wireMessage, wireReactions, wireUser } from './wire-shapes.ts';
import type { Workspace } from './workspace.ts';

function within(messages: readonly StoredMessage[], args: JsonObject): StoredMessage[] {
  const oldest = Number(args['oldest']) || 0;
  const latest = Number(args['latest']) || Number.POSITIVE_INFINITY;
  const inclusive = isTrue(args['inclusive']);
  return messages.filter((message) => {
    const ts = Number(message.ts);
    return inclusive ? ts >= oldest && ts <= latest : ts > oldest && ts < latest;
  });
}

function messagePage(
  workspace: Workspace,
  messages: readonly StoredMessage[],
  args: JsonObject,
  fallback: number,
) {
  const { items, next } = page(messages, args, fallback);
  const withMetadata = isTrue(args['include_all_metadata']);
  return {
    messages: items.map((message) => wireMessage(workspace, message, withMetadata)),
    has_more: next !== '',
    response_metadata: { next_cursor: next },
  };
}

/** The conversations.* methods. */
export function conversationMethods(workspace: Workspace): Record<string, Method> {
  return {
    'conversations.info': (args) => ({
      channel: wireChannel(workspace, channelOf(workspace, args['channel'])),
    }),
    'conversations.list': (args) => {
      const { items, next } = page([...workspace.channels.values()], args, 100);
      return {
        channels: items.map((channel) => wireChannel(workspace, channel)),
        response_metadata: { next_cursor: next },
      };
    },
    'conversations.open': (args) => {
      const user = str(args['users']);
      if (!workspace.users.has(user)) throw new ApiError('user_not_found');
      return { channel: wireChannel(workspace, workspace.directMessage(user)) };
    },
    'conversations.join': (args) => {
      const channel = channelOf(workspace, args['channel']);
      if (channel.isPrivate) throw new ApiError('method_not_supported_for_channel_type');
      if (channel.isArchived) throw new ApiError('is_archived');
      channel.members.add(workspace.options.botUserId);
      workspace.changed();
      return { channel: wireChannel(workspace, channel) };
    },
    'conversations.members': (args) => {
      const { items, next } = page([...channelOf(workspace, args['channel']).members], args, 100);
      return { members: items, response_metadata: { next_cursor: next } };
    },
    'conversations.history': (args) => {
      const channel = joinedChannel(workspace, args['channel']);
      const shown = workspace.messages.filter(
        (message) =>
          message.channel === channel.id &&
          !message.deleted &&
          message.ephemeralTo === undefined &&
          (message.threadTs === undefined || message.broadcast),
      );
      return messagePage(workspace, within(shown, args).reverse(), args, 100);
    },
    'conversations.replies': (args) => {
      const channel = joinedChannel(workspace, args['channel']);
      const found = workspace.find(channel.id, str(args['ts']));
      if (!found) throw new ApiError('thread_not_found');
      const parentTs = found.threadTs ?? found.ts;
      const parent = workspace.find(channel.id, parentTs);
      const thread = [...(parent ? [parent] : []), ...workspace.repliesTo(channel.id, parentTs)];
      return messagePage(workspace, within(thread, args), args, 1000);
    },
  };
}

/** The users.* and usergroups.* methods. */
export function directoryMethods(workspace: Workspace): Record<string, Method> {
  return {
    'users.info': (args) => {
      const user = workspace.users.get(str(args['user']));
      if (!user) throw new ApiError('user_not_found');
      return { user: wireUser(workspace, user) };
    },
    'users.list': (args) => {
      const { items, next } = page([...workspace.users.values()], args, 1000);
      return {
        members: items.map((user) => wireUser(workspace, user)),
        response_metadata: { next_cursor: next },
      };
    },
    'users.lookupByEmail': (args) => {
      const email = str(args['email']).toLowerCase();
      const found = [...workspace.users.values()].find((user) => user.email.toLowerCase() === email);
      if (!found || email === '') throw new ApiError('users_not_found');
      return { user: wireUser(workspace, found) };
    },
    'usergroups.list': (args) => ({
      usergroups: [...workspace.usergroups.values()].map((group) => ({
        id: group.id,
        team_id: workspace.options.teamId,
        is_usergroup: true,
        name: group.handle,
        handle: group.handle,
        date_delete: 0,
        user_count: group.members.length,
        ...(isTrue(args['include_users']) ? { users: [...group.members] } : {}),
      })),
    }),
    'usergroups.users.list': (args) => {
      const group = workspace.usergroups.get(str(args['usergroup']));
      if (!group) throw new ApiError('no_such_subteam');
      return { users: [...group.members] };
    },
  };
}

/** The methods that hang something on a message or a channel: reactions, pins, bookmarks. */
export function markMethods(workspace: Workspace): Record<string, Method> {
  return {
    'reactions.add': (args) => {
      const message = messageAt(workspace, channelOf(workspace, args['channel']), args['timestamp']);
      const name = str(args['name']);
      if (name === '') throw new ApiError('invalid_name');
      const users = message.reactions.get(name) ?? [];
      if (users.includes(workspace.options.botUserId)) throw new ApiError('already_reacted');
      message.reactions.set(name, [...users, workspace.options.botUserId]);
      workspace.changed();
      return {};
    },
    'reactions.get': (args) => {
      const channel = channelOf(workspace, args['channel']);
      const message = messageAt(workspace, channel, args['timestamp']);
      const shown = { ...wireMessage(workspace, message, false), reactions: wireReactions(message) };
      return { type: 'message', channel: channel.id, message: shown };
    },
    'pins.add': (args) => {
      const message = messageAt(workspace, joinedChannel(workspace, args['channel']), args['timestamp']);
      if (message.pinned) throw new ApiError('already_pinned');
      message.pinned = true;
      workspace.changed();
      return {};
    },
    'bookmarks.add': (args) => {
      const channel = channelOf(workspace, args['channel_id']);
      const type = str(args['type']);
      if (str(args['title']) === '') throw new ApiError('invalid_arguments');
      if (type === 'link' && !/^https?:\/\//.test(str(args['link']))) throw new ApiError('invalid_link');
      const bookmark = {
        id: workspace.nextId('Bk'),
        channel_id: channel.id,
        title: str(args['title']),
        link: str(args['link']),
        emoji: str(args['emoji']),
        type,
        app_id: workspace.options.appId,
      };
      channel.bookmarks.push(bookmark);
      workspace.changed();
      return { bookmark };
    },
  };
}
