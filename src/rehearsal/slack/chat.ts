import type { KnownBlock } from '@slack/types';
import { ApiError, type Method, refusal } from './api-error.ts';
import { problemsOfMessage, withIds } from './blocks.ts';
import { isObject, isTrue, type Json, type JsonObject, list, str } from './json.ts';
import type { StoredMessage } from './shapes.ts';
import { wireMessage } from './wire-shapes.ts';
import type { Channel, NewMessage, Workspace } from './workspace.ts';

const MAX_TEXT = 40_000;
// chat.update alone refuses a text over 4,000 bytes, counted after `&`, `<` and `>` are escaped.
const MAX_UPDATED_BYTES = 4_000;

/** The channel meant by an id, a name with or without `#`, or a user id (its direct message). @throws ApiError */
export function channelOf(workspace: Workspace, wanted: Json | undefined): Channel {
  const id = str(wanted);
  const known = workspace.channels.get(id);
  if (known) return known;
  if (workspace.users.has(id)) return workspace.directMessage(id);
  for (const channel of workspace.channels.values())
    if (`#${channel.name}` === id || channel.name === id) return channel;
  throw new ApiError('channel_not_found');
}

/** The same, for methods that only work where the bot is a member. @throws ApiError */
export function joinedChannel(workspace: Workspace, wanted: Json | undefined): Channel {
  const channel = channelOf(workspace, wanted);
  if (!channel.members.has(workspace.options.botUserId)) throw new ApiError('not_in_channel');
  return channel;
}

/** The message at `ts` (ephemeral ones are not found, as in Slack). @throws ApiError */
export function messageAt(workspace: Workspace, channel: Channel, ts: Json | undefined): StoredMessage {
  const message = workspace.find(channel.id, str(ts));
  if (!message) throw new ApiError('message_not_found');
  return message;
}

/** Blocks as Slack would store them. @throws ApiError invalid_blocks, naming each place */
function acceptedBlocks(workspace: Workspace, blocks: Json | undefined): KnownBlock[] {
  if (blocks === undefined || blocks === '') return [];
  if (!Array.isArray(blocks)) throw new ApiError('invalid_blocks_format');
  const problems = problemsOfMessage(blocks);
  if (problems.length > 0) throw refusal('invalid_blocks', problems);
  return withIds(blocks, () => workspace.nextId('B'));
}

function acceptedMetadata(value: Json | undefined): JsonObject | undefined {
  if (value === undefined || value === '') return undefined;
  if (!isObject(value)) throw new ApiError('invalid_metadata_format');
  if (typeof value['event_type'] !== 'string' || !isObject(value['event_payload'])) {
    throw new ApiError('invalid_metadata_schema');
  }
  return value;
}

/** Left out, it stays; an empty object takes it away. */
function updatedMetadata(message: StoredMessage, value: Json | undefined): JsonObject | undefined {
  if (value === undefined) return message.metadata;
  return isObject(value) && Object.keys(value).length === 0 ? undefined : acceptedMetadata(value);
}

function threadOf(workspace: Workspace, channel: Channel, args: JsonObject): string | undefined {
  const ts = str(args['thread_ts']);
  if (ts === '') return undefined;
  const parent = workspace.find(channel.id, ts);
  if (!parent) throw new ApiError('thread_not_found');
  if (parent.threadTs !== undefined) throw new ApiError('cannot_reply_to_message');
  return ts;
}

/**
 * The content of a message from the arguments of chat.*, an acknowledgement or a response_url.
 * @throws ApiError no_text, invalid_blocks
 */
export function contentOf(
  workspace: Workspace,
  args: JsonObject,
): Pick<NewMessage, 'text' | 'blocks' | 'attachments'> {
  const blocks = acceptedBlocks(workspace, args['blocks']);
  const attachments = list(args['attachments']).filter(isObject);
  const markdown = str(args['markdown_text']);
  if (markdown !== '') blocks.push(...acceptedBlocks(workspace, [{ type: 'markdown', text: markdown }]));
  const text = str(args['text']).slice(0, MAX_TEXT);
  if (text === '' && blocks.length === 0 && attachments.length === 0) throw new ApiError('no_text');
  return { text, blocks, attachments };
}

/** A message event of the Events API. */
export function messageEvent(workspace: Workspace, message: StoredMessage): JsonObject {
  const channel = workspace.channels.get(message.channel);
  const place = { channel: message.channel, channel_type: channelType(channel), event_ts: message.ts };
  return { ...wireMessage(workspace, message, true), ...place };
}

function channelType(channel: Channel | undefined): string {
  if (channel?.isIm) return 'im';
  return channel?.isPrivate ? 'group' : 'channel';
}

/** The event after an edit or a deletion; `previous` is the message as it stood before. */
export function changeEvent(
  workspace: Workspace,
  message: StoredMessage,
  subtype: 'message_changed' | 'message_deleted',
  previous: JsonObject,
): JsonObject {
  const ts = workspace.nextTs();
  const content =
    subtype === 'message_changed'
      ? { message: wireMessage(workspace, message, true) }
      : { deleted_ts: message.ts };
  return {
    type: 'message',
    subtype,
    hidden: true,
    channel: message.channel,
    channel_type: channelType(workspace.channels.get(message.channel)),
    ts,
    event_ts: ts,
    previous_message: previous,
    ...content,
  };
}

/** Changes a message in place, keeps its history, and tells the bot. */
export function rewrite(workspace: Workspace, message: StoredMessage, change: Partial<StoredMessage>): void {
  const previous = wireMessage(workspace, message, true);
  Object.assign(message, change);
  workspace.remember(message);
  if (message.ephemeralTo === undefined) {
    workspace.announce(changeEvent(workspace, message, 'message_changed', previous), message.user);
  }
}

/** Deletes a message, and tells the bot. */
export function erase(workspace: Workspace, message: StoredMessage): void {
  const previous = wireMessage(workspace, message, true);
  message.deleted = true;
  workspace.changed();
  if (message.ephemeralTo === undefined) {
    workspace.announce(changeEvent(workspace, message, 'message_deleted', previous), message.user);
  }
}

/** Posts as the bot, and tells the bot, as Slack does. */
export function postAsBot(workspace: Workspace, message: Omit<NewMessage, 'user' | 'byBot'>): StoredMessage {
  const stored = workspace.post({ ...message, user: workspace.options.botUserId, byBot: true });
  if (stored.ephemeralTo === undefined) workspace.announce(messageEvent(workspace, stored), stored.user);
  return stored;
}

function openChannel(workspace: Workspace, args: JsonObject): Channel {
  const channel = joinedChannel(workspace, args['channel']);
  if (channel.isArchived) throw new ApiError('is_archived');
  return channel;
}

function permalink(workspace: Workspace, message: StoredMessage): string {
  const thread =
    message.threadTs === undefined ? '' : `?thread_ts=${message.threadTs}&cid=${message.channel}`;
  const place = `${message.channel}/p${message.ts.replace('.', '')}${thread}`;
  return `https://${workspace.options.teamId.toLowerCase()}.slack.com/archives/${place}`;
}

/** The chat.* methods. */
export function chatMethods(workspace: Workspace): Record<string, Method> {
  const { options } = workspace;
  const own = (args: JsonObject, error: string): StoredMessage => {
    const message = messageAt(workspace, openChannel(workspace, args), args['ts']);
    if (!message.byBot) throw new ApiError(error);
    return message;
  };
  return {
    'chat.postMessage': (args) => {
      const channel = openChannel(workspace, args);
      const threadTs = threadOf(workspace, channel, args);
      const stored = postAsBot(workspace, {
        ...contentOf(workspace, args),
        channel: channel.id,
        threadTs,
        metadata: acceptedMetadata(args['metadata']),
        broadcast: threadTs !== undefined && isTrue(args['reply_broadcast']),
      });
      return { channel: channel.id, ts: stored.ts, message: wireMessage(workspace, stored, true) };
    },
    'chat.update': (args) => {
      const message = own(args, 'cant_update_message');
      const hasText = args['text'] !== undefined;
      const escaped = str(args['text']).replace(/&(?!amp;|lt;|gt;)/g, '&amp;');
      if (Buffer.byteLength(escaped) > MAX_UPDATED_BYTES) throw new ApiError('msg_too_long');
      if (!hasText && args['blocks'] === undefined && args['attachments'] === undefined)
        throw new ApiError('no_text');
      // Blocks that are left out stay only when the text is left out too.
      const blocks =
        args['blocks'] === undefined && !hasText ? message.blocks : acceptedBlocks(workspace, args['blocks']);
      const attachments =
        args['attachments'] === undefined ? message.attachments : list(args['attachments']).filter(isObject);
      const edited = blocks.length > 0 ? message.edited : { user: options.botUserId, ts: workspace.nextTs() };
      rewrite(workspace, message, {
        text: hasText ? str(args['text']) : message.text,
        blocks,
        attachments,
        metadata: updatedMetadata(message, args['metadata']),
        edited,
      });
      return {
        channel: message.channel,
        ts: message.ts,
        text: message.text,
        message: wireMessage(workspace, message, true),
      };
    },
    'chat.delete': (args) => {
      const message = own(args, 'cant_delete_message');
      erase(workspace, message);
      return { channel: message.channel, ts: message.ts };
    },
    'chat.postEphemeral': (args) => {
      const channel = openChannel(workspace, args);
      const user = str(args['user']);
      if (!channel.members.has(user)) throw new ApiError('user_not_in_channel');
      const stored = postAsBot(workspace, {
        ...contentOf(workspace, args),
        channel: channel.id,
        threadTs: threadOf(workspace, channel, args),
        ephemeralTo: user,
      });
      return { message_ts: stored.ts };
    },
    'chat.getPermalink': (args) => {
      const channel = channelOf(workspace, args['channel']);
      const message = messageAt(workspace, channel, args['message_ts']);
      return { channel: channel.id, permalink: permalink(workspace, message) };
    },
  };
}
