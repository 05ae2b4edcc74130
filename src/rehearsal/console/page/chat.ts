/** The Slack half of the rehearsal's page: channels, messages, threads, App Home and modals. Pure. */

import type { KnownBlock } from '@slack/types';
import { isObject, type JsonObject, str } from '../../slack/json.ts';
import type { Names } from '../../slack/text.ts';
import type { ConsoleState, ShownFile, ShownMessage, ShownView } from '../state.ts';
import { blocksHtml } from './blocks.ts';
import type { Choice, Drawing } from './drawing.ts';
import { clock, drawn, type Html, html } from './markup.ts';
import { mrkdwnHtml } from './mrkdwn.ts';
import { startHere } from './stories.ts';

const namesOf = ({ names }: ConsoleState): Names => ({
  user: (id) => names.users[id] ?? id,
  channel: (id) => names.channels[id] ?? id,
  usergroup: (id) => names.usergroups[id] ?? id,
});

const choicesOf = (all: Readonly<Record<string, string>>, mark: string): Choice[] =>
  Object.entries(all).map(([id, name]) => ({ id, name: `${mark}${name}` }));

function drawingOf(
  state: ConsoleState,
  id: string,
  rest: Pick<Drawing, 'choices' | 'errors' | 'image'>,
): Drawing {
  return {
    id,
    names: namesOf(state),
    people: state.people.map((person) => ({ id: person.id, name: person.name })),
    channels: choicesOf(state.names.channels, '#'),
    ...rest,
  };
}

export function channelsHtml(state: ConsoleState): Html {
  const { looking } = state;
  const isHome = looking.tab === 'home';
  const channels = state.channels.map(({ id, name, messages }) => {
    const isHere = !isHome && looking.channel === id;
    return html`<li><button type="button" class="room" id="room-${id}" data-channel="${id}" ${here(isHere)}><span># ${name}</span><span class="count" aria-label="${messages} messages">${messages}</span></button></li>`;
  });
  const people = state.people.map(
    ({ id, name, role }) =>
      html`<li><button type="button" class="person" id="as-${id}" data-as="${id}" aria-pressed="${String(id === looking.as.id)}">${avatar(name, false)}<span><b>${name}</b><small>${role}</small></span></button></li>`,
  );
  return html`<h2 class="side-title">Slack</h2>
<ul class="rooms">${channels}<li><button type="button" class="room" id="room-home" data-home ${here(isHome)}><span>App Home</span></button></li></ul>
<h2 class="side-title">Act as</h2>
<ul class="people">${people}</ul>`;
}

const here = (isHere: boolean): Html => drawn(isHere ? 'aria-current="page"' : '');

const avatar = (name: string, isApp: boolean): Html =>
  html`<span class="avatar ${isApp ? 'app' : `tone-${name.charCodeAt(0) % 5}`}" aria-hidden="true">${[...name][0]?.toUpperCase() ?? '?'}</span>`;

/** Picture emoji of the reactions that people and the bot use here; the others stand as their names. */
const EMOJI: Readonly<Record<string, string>> = {
  '+1': '👍',
  pushpin: '📌',
  eyes: '👀',
  white_check_mark: '✅',
  star: '⭐',
  memo: '📝',
  rotating_light: '🚨',
};

function fileHtml(file: ShownFile): Html {
  if (file.pngBase64 !== null)
    return html`<figure><img src="data:image/png;base64,${file.pngBase64}" alt="${file.name}"><figcaption>${file.name}</figcaption></figure>`;
  if (file.text === null) return html`<div class="file">📄 ${file.name}</div>`;
  return html`<details class="file" id="file-${file.id}"><summary>📄 ${file.name}</summary><pre tabindex="0" aria-label="${file.name}">${file.text}</pre></details>`;
}

function attachmentHtml(attachment: JsonObject, drawing: Drawing, index: number): Html {
  const { text, fallback, blocks, title } = attachment;
  const body = Array.isArray(blocks)
    ? blocksHtml(blocks as unknown as KnownBlock[], { ...drawing, id: `${drawing.id ?? 'still'}-a${index}` })
    : mrkdwnHtml(str(text ?? fallback), drawing.names);
  return html`<div class="attachment">${title !== undefined && html`<b>${str(title)}</b>`}<div>${drawn(body)}</div></div>`;
}

/** One message as the person who looks sees it; `pane` tells the two places apart where it can stand. */
function messageHtml(message: ShownMessage, state: ConsoleState, pane: 'c' | 't'): Html {
  const id = `${pane}-${message.ts.replace('.', '-')}`;
  const images = new Map(message.files.map((file) => [file.id, file.pngBase64]));
  const drawing = drawingOf(state, id, {
    choices: message.choices,
    errors: {},
    image: (file) => {
      const png = images.get(file);
      return typeof png === 'string' ? `data:image/png;base64,${png}` : null;
    },
  });
  const body =
    message.blocks.length > 0
      ? drawn(blocksHtml(message.blocks, drawing))
      : html`<div class="section"><div>${drawn(mrkdwnHtml(message.text, drawing.names))}</div></div>`;
  const { count, lastAt } = message.replies;
  const reactions = message.reactions.map(
    ({ name, users, own }) =>
      html`<button type="button" class="reaction" id="${id}-r-${name}" data-react="${name}" data-own="${String(own)}" aria-pressed="${String(own)}" aria-label="${name}, ${users.length}" title=":${name}: by ${users.map((user) => state.names.users[user] ?? user).join(', ')}">${EMOJI[name] ?? `:${name}:`} ${users.length}</button>`,
  );
  return html`<article class="message${message.ephemeral ? ' ephemeral' : ''}${message.pinned ? ' pinned' : ''}" id="${id}" data-message="${message.ts}" data-in="${message.channel}" aria-label="${message.author.name}, ${clock(message.at)}">
${avatar(message.author.name, message.author.isApp)}
<div class="body">
<div class="who"><b>${message.author.name}</b>${message.author.isApp && html`<span class="badge">APP</span>`}<time datetime="${new Date(message.at).toISOString()}">${clock(message.at)}</time>${message.edited && html`<span class="note">(edited)</span>`}${message.pinned && html`<span class="note">📌 pinned</span>`}${message.ephemeral && html`<span class="note">Only visible to you</span>`}${message.broadcast && pane === 'c' && html`<span class="note">also sent from a thread</span>`}</div>
${body}
${message.attachments.map((one, index) => attachmentHtml(one, drawing, index))}${message.files.map(fileHtml)}
${(reactions.length > 0 || count > 0) && html`<div class="under">${reactions}${pane === 'c' && count > 0 && html`<button type="button" class="replies" id="${id}-replies" data-thread="${message.ts}">${count === 1 ? '1 reply' : `${count} replies`}${lastAt !== null && html` <small>last ${clock(lastAt)}</small>`}</button>`}</div>`}
</div>
${!message.ephemeral && toolsHtml(message, id, pane)}</article>`;
}

function toolsHtml(message: ShownMessage, id: string, pane: 'c' | 't'): Html {
  const tool = (name: string, label: string, sign: string) =>
    html`<button type="button" class="tool" id="${id}-${name}" data-tool="${name}" title="${label}" aria-label="${label}">${sign}</button>`;
  return html`<div class="tools">${pane === 'c' && tool('thread', 'Reply in thread', '💬')}${tool('star', 'Mark with a star', '⭐')}${tool('pin', message.pinned ? 'Unpin' : 'Pin', '📌')}${pane === 'c' && !message.author.isApp && tool('declare', 'Declare incident from this message', '🚨')}${message.own && tool('edit', 'Edit', '✏️')}${message.own && tool('remove', 'Delete', '🗑️')}</div>`;
}

export function messagesHtml(state: ConsoleState): Html {
  const { looking } = state;
  if (state.messages.length === 0)
    return looking.channel === state.channels[0]?.id
      ? startHere(state)
      : html`<p class="empty">Nothing was written here yet.</p>`;
  return html`${state.messages.map((message) => messageHtml(message, state, 'c'))}`;
}

export function threadHtml(state: ConsoleState): Html {
  if (state.thread === null) return html``;
  const [parent, ...replies] = state.thread;
  if (parent === undefined) return html`<p class="empty">This message is gone.</p>`;
  const count = replies.filter((reply) => !reply.ephemeral).length;
  const room = state.channels.find(({ id }) => id === parent.channel)?.name ?? 'the channel';
  return html`<p class="origin">As it stands in # ${room}: a button does the same here and there.</p>${messageHtml(parent, state, 't')}<div class="rule"><span>${count === 1 ? '1 reply' : `${count} replies`}</span></div>${replies.map((reply) => messageHtml(reply, state, 't'))}`;
}

const blocksOf = ({ view }: ShownView): KnownBlock[] =>
  Array.isArray(view['blocks']) ? (view['blocks'] as unknown as KnownBlock[]) : [];

const wordsOf = (shown: ShownView, key: 'title' | 'submit' | 'close'): string | null => {
  const text = shown.view[key];
  return isObject(text) ? str(text['text']) : null;
};

export function homeHtml(state: ConsoleState): Html {
  const { home } = state;
  if (home === null)
    return html`<p class="empty">${state.looking.tab === 'home' ? 'Standdown has published nothing here for this person yet.' : ''}</p>`;
  const drawing = drawingOf(state, 'home', { choices: home.choices, errors: {}, image: () => null });
  return html`<div class="home" data-view-home>${drawn(blocksHtml(blocksOf(home), drawing))}</div>`;
}

/** The form of the modal on top; '' while none is open. Errors at a block that it does not have stand above all. */
export function modalHtml(state: ConsoleState): Html {
  const { modal } = state;
  if (modal === null) return html``;
  const blocks = blocksOf(modal);
  const drawing = drawingOf(state, `m-${modal.id}`, {
    choices: modal.choices,
    errors: modal.errors,
    image: () => null,
  });
  const known = new Set(blocks.map((block) => block.block_id));
  const stray = Object.entries(modal.errors).filter(([block]) => !known.has(block));
  const submit = wordsOf(modal, 'submit');
  return html`<form class="modal" id="modal-${modal.id}" data-view="${modal.id}" novalidate>
<div class="head"><h2 id="modal-title">${wordsOf(modal, 'title') ?? 'Standdown'}</h2>${modal.depth > 1 && html`<small>${modal.depth} open</small>`}<button type="button" class="tool" data-dismiss aria-label="Close">✕</button></div>
<div class="fill">${stray.map(([, words]) => html`<p class="error" role="alert">${words}</p>`)}${drawn(blocksHtml(blocks, drawing))}</div>
<div class="feet"><button type="button" class="button" data-dismiss>${wordsOf(modal, 'close') ?? 'Cancel'}</button>${submit !== null && html`<button type="submit" class="button primary">${submit}</button>`}</div>
</form>`;
}
