import { isObject, list, str } from './json.ts';
import type { StoredMessage } from './shapes.ts';
import { blocksAsText, mrkdwnAsText, viewAsText } from './text.ts';
import type { Workspace } from './workspace.ts';

/** Whose eyes: ephemeral messages are only in the text of their reader. */
export interface TextOptions {
  readonly as?: string;
}

function messageText(workspace: Workspace, message: StoredMessage): string {
  const { names } = workspace;
  const time = new Date(Number(message.ts) * 1000).toISOString().slice(11, 19);
  const author = message.app?.name ?? (message.user === 'USLACKBOT' ? 'Slackbot' : names.user(message.user));
  const marks = [
    ...(message.edited ? [' (edited)'] : []),
    ...(message.ephemeralTo === undefined ? [] : [' (only visible to you)']),
  ].join('');
  const attached = message.attachments.flatMap((attachment) => [
    str(attachment['title']),
    mrkdwnAsText(str(attachment['text']), names),
    blocksAsText(list(attachment['blocks']), names),
  ]);
  const main =
    message.blocks.length > 0 ? blocksAsText(message.blocks, names) : mrkdwnAsText(message.text, names);
  const files = message.files.map((file) => `(file: ${str(file['name'])})`);
  const reactions = [...message.reactions].map(([name, users]) => `:${name}: ${users.length}`).join(' ');
  return [`${author} ${time}${marks}`, main, ...attached, ...files, reactions]
    .filter((part) => part !== '')
    .join('\n');
}

function canRead(message: StoredMessage, options: TextOptions): boolean {
  return !message.deleted && (message.ephemeralTo === undefined || message.ephemeralTo === options.as);
}

/** What a person sees in a channel, a blank line between messages; replies are only counted. */
export function asText(workspace: Workspace, channel: string, options: TextOptions = {}): string {
  return workspace.messages
    .filter((message) => message.channel === channel && canRead(message, options))
    .filter((message) => message.threadTs === undefined || message.broadcast)
    .map((message) => {
      const count = workspace.repliesTo(channel, message.ts).length;
      const replies = count === 0 ? '' : `\n(${count} ${count === 1 ? 'reply' : 'replies'})`;
      return messageText(workspace, message) + replies;
    })
    .join('\n\n');
}

/** What a person sees in a thread: the parent, then the replies. */
export function threadText(
  workspace: Workspace,
  channel: string,
  ts: string,
  options: TextOptions = {},
): string {
  return workspace.messages
    .filter((message) => message.channel === channel && canRead(message, options))
    .filter((message) => message.ts === ts || message.threadTs === ts)
    .map((message) => messageText(workspace, message))
    .join('\n\n');
}

/** The modal on top of what a user has open, or ''. */
export function modalText(workspace: Workspace, userId: string): string {
  const top = workspace.stacks.get(userId)?.at(-1);
  return top ? viewAsText(top.view, workspace.names) : '';
}

/** The home view of a user, or ''. */
export function homeText(workspace: Workspace, userId: string): string {
  const home = workspace.homes.get(userId);
  return home && isObject(home.view) ? viewAsText(home.view, workspace.names) : '';
}

/** Everything there is to see, for the message of a wait that failed. */
export function wholeStory(workspace: Workspace): string {
  const indent = (text: string): string => text.replaceAll('\n', '\n    ');
  const channels = [...workspace.channels.values()].map((channel) => {
    const lines = workspace.messages
      .filter((message) => message.channel === channel.id && !message.deleted)
      .map((message) => {
        const reader =
          message.ephemeralTo === undefined ? '' : `(to ${workspace.names.user(message.ephemeralTo)}) `;
        return `  ${message.threadTs === undefined ? '' : '↳ '}${reader}${indent(messageText(workspace, message))}`;
      });
    return [`#${channel.name}`, ...(lines.length > 0 ? lines : ['  (nothing)'])].join('\n');
  });
  const modals = [...workspace.stacks.keys()]
    .map((user) => ({ user, text: modalText(workspace, user) }))
    .filter(({ text }) => text !== '')
    .map(({ user, text }) => `modal of ${workspace.names.user(user)}\n    ${indent(text)}`);
  return [...channels, ...modals].join('\n');
}
