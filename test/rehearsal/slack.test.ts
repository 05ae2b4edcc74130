// Slack's chat.postMessage is not a window's: there is no origin to name.
/* oxlint-disable unicorn/require-post-message-target-origin */
import { ErrorCode, type WebAPICallResult } from '@slack/web-api';
import { afterEach, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { Cleanups, client, httpBot, socketBot, workspace } from './slack-bot.ts';

const cleanups = new Cleanups();
afterEach(() => cleanups.run());

const killButton = {
  type: 'actions' as const,
  block_id: 'stop',
  elements: [
    {
      type: 'button' as const,
      action_id: 'kill.run',
      text: { type: 'plain_text' as const, text: 'Kill…' },
      value: 'INC-1',
      confirm: { text: { type: 'plain_text' as const, text: 'Sure?' } },
    },
  ],
};

const scopeModal = {
  type: 'modal' as const,
  callback_id: 'cancel.scope',
  title: { type: 'plain_text' as const, text: 'Cancel orders' },
  submit: { type: 'plain_text' as const, text: 'Cancel them' },
  blocks: [
    {
      type: 'input' as const,
      block_id: 'why',
      label: { type: 'plain_text' as const, text: 'Reason' },
      element: { type: 'plain_text_input' as const, action_id: 'reason' },
    },
    {
      type: 'input' as const,
      block_id: 'scope',
      label: { type: 'plain_text' as const, text: 'Scope' },
      optional: true,
      element: {
        type: 'static_select' as const,
        action_id: 'which',
        options: [
          { text: { type: 'plain_text' as const, text: 'All' }, value: 'all' },
          { text: { type: 'plain_text' as const, text: 'Entries' }, value: 'entries' },
        ],
      },
    },
  ],
};

function modal(title: string) {
  return { type: 'modal' as const, title: { type: 'plain_text' as const, text: title }, blocks: [] };
}

async function errorOf(call: Promise<WebAPICallResult>): Promise<string> {
  try {
    await call;
    return 'none';
  } catch (error) {
    const data = (error as { data?: { error?: string } }).data;
    return data?.error ?? String((error as { code?: string }).code);
  }
}

describe('the Web API', () => {
  test('answers a wrong token, a missing one, the wrong kind and an unknown method as Slack does', async () => {
    const { slack } = await workspace(cleanups);
    expect(await errorOf(client(slack, {}, 'xoxb-other').auth.test())).toBe('invalid_auth');
    expect(await errorOf(client(slack).apps.connections.open({}))).toBe('not_allowed_token_type');
    expect(await errorOf(client(slack).apiCall('no.such'))).toBe('unknown_method');
    const bare = await fetch(`${slack.apiUrl}auth.test`, { method: 'POST' });
    expect(bare.status).toBe(200);
    expect(await bare.json()).toMatchObject({ ok: false, error: 'not_authed' });
    expect(await client(slack).auth.test()).toMatchObject({ user_id: 'UBOT', bot_id: 'B1', team_id: 'T1' });
    expect(slack.calls.map((call) => [call.method, call.authorised])).toEqual([
      ['auth.test', false],
      ['apps.connections.open', false],
      ['no.such', true],
      ['auth.test', false],
      ['auth.test', true],
    ]);
  });

  test('takes form and JSON bodies alike, and keeps no token in its log', async () => {
    const { slack } = await workspace(cleanups);
    const blocks = [{ type: 'divider' }];
    await client(slack).chat.postMessage({ channel: 'C1', text: 'by form', blocks });
    const headers = { authorization: 'Bearer xoxb-test', 'content-type': 'application/json; charset=utf-8' };
    const body = JSON.stringify({ channel: 'C1', text: 'by JSON', blocks });
    await fetch(`${slack.apiUrl}chat.postMessage`, { method: 'POST', headers, body });
    expect(slack.calls.map((call) => call.args['blocks'])).toEqual([blocks, blocks]);
    expect(JSON.stringify(slack.calls)).not.toContain('xoxb');
  });

  test('keeps a message, its edits and its deletion', async () => {
    const { slack, clock } = await workspace(cleanups);
    const web = client(slack);
    const posted = await web.chat.postMessage({ channel: '#incidents', text: 'gap 1 min' });
    const ts = String(posted.ts);
    clock.advance(1000);
    await web.chat.update({ channel: 'C1', ts, text: 'gap 2 min' });
    expect(slack.messages('C1')[0]?.history.map((version) => version.text)).toEqual([
      'gap 1 min',
      'gap 2 min',
    ]);
    expect(slack.asText('C1')).toContain('(edited)\ngap 2 min');
    await web.chat.delete({ channel: 'C1', ts });
    expect(slack.asText('C1')).toBe('');
    expect(await errorOf(web.chat.update({ channel: 'C1', ts, text: 'too late' }))).toBe('message_not_found');
  });

  test('gives every message a ts of its own while the clock stands still', async () => {
    const { slack } = await workspace(cleanups);
    const web = client(slack);
    const posts = await Promise.all(
      ['a', 'b', 'c'].map((text) => web.chat.postMessage({ channel: 'C1', text })),
    );
    expect(new Set(posts.map((post) => post.ts)).size).toBe(3);
  });

  test('refuses channels and messages that are not there, not joined, archived, or not its own', async () => {
    const { slack } = await workspace(cleanups);
    const web = client(slack);
    const { ts } = await slackUserPost(slack, 'mine');
    expect(await errorOf(web.chat.postMessage({ channel: 'C9', text: 'x' }))).toBe('channel_not_found');
    expect(await errorOf(web.chat.postMessage({ channel: 'C3', text: 'x' }))).toBe('not_in_channel');
    expect(await errorOf(web.chat.postMessage({ channel: 'C4', text: 'x' }))).toBe('is_archived');
    expect(await errorOf(web.chat.postMessage({ channel: 'C1', text: '' }))).toBe('no_text');
    expect(await errorOf(web.chat.update({ channel: 'C1', ts: '1.000001', text: 'x' }))).toBe(
      'message_not_found',
    );
    expect(await errorOf(web.chat.update({ channel: 'C1', ts, text: 'x' }))).toBe('cant_update_message');
    expect(await errorOf(web.chat.postMessage({ channel: 'C1', text: 'x', thread_ts: '1.000001' }))).toBe(
      'thread_not_found',
    );
    await web.conversations.join({ channel: 'C3' });
    expect(await errorOf(web.chat.postMessage({ channel: 'C3', text: 'x' }))).toBe('none');
  });

  test('cuts a posted text at 40,000 characters, and refuses an updated one over 4,000 bytes', async () => {
    const { slack } = await workspace(cleanups);
    const web = client(slack);
    const posted = await web.chat.postMessage({ channel: 'C1', text: 'x'.repeat(40_001) });
    expect(posted.message?.text).toHaveLength(40_000);
    const ts = String(posted.ts);
    expect(await errorOf(web.chat.update({ channel: 'C1', ts, text: 'x'.repeat(4001) }))).toBe(
      'msg_too_long',
    );
    expect(await errorOf(web.chat.update({ channel: 'C1', ts, text: 'x'.repeat(4000) }))).toBe('none');
  });

  test('pages history and replies, and gives metadata only when asked', async () => {
    const { slack } = await workspace(cleanups);
    const web = client(slack);
    const metadata = { event_type: 'incident', event_payload: { id: 'INC-1' } };
    const parent = await web.chat.postMessage({ channel: 'C1', text: 'parent', metadata });
    const thread_ts = String(parent.ts);
    for (const text of ['one', 'two', 'three'])
      await web.chat.postMessage({ channel: 'C1', text, thread_ts });
    await web.chat.postMessage({ channel: 'C1', text: 'shown', thread_ts, reply_broadcast: true });

    const history = await web.conversations.history({ channel: 'C1' });
    expect(history.messages?.map((message) => message.text)).toEqual(['shown', 'parent']);
    expect(history.messages?.[1]).toMatchObject({ reply_count: 4, reply_users: ['UBOT'] });
    expect(history.messages?.[1]).not.toHaveProperty('metadata');
    const full = await web.conversations.history({ channel: 'C1', include_all_metadata: true });
    expect(full.messages?.[1]?.metadata).toEqual(metadata);
    const bad = { channel: 'C1', text: 'x', metadata: { event_type: 'x' } };
    expect(await errorOf(web.apiCall('chat.postMessage', bad))).toBe('invalid_metadata_schema');
    await web.chat.update({ channel: 'C1', ts: thread_ts, text: 'parent' });
    expect(slack.messages('C1')[0]?.metadata).toEqual(metadata);

    const texts: string[] = [];
    for await (const page of web.paginate('conversations.replies', {
      channel: 'C1',
      ts: thread_ts,
      limit: 2,
    })) {
      const messages = (page as { messages?: { text: string }[] }).messages ?? [];
      expect(messages.length).toBeLessThanOrEqual(2);
      texts.push(...messages.map((message) => message.text));
    }
    expect(texts).toEqual(['parent', 'one', 'two', 'three', 'shown']);
    expect(slack.threadAsText('C1', thread_ts)).toContain('three');
    expect(slack.asText('C1')).toContain('(4 replies)');
  });

  test('knows its people, groups and channels', async () => {
    const { slack } = await workspace(cleanups);
    const web = client(slack);
    expect((await web.users.lookupByEmail({ email: 'ADA@example.com' })).user?.id).toBe('U1');
    expect(await errorOf(web.users.lookupByEmail({ email: 'no@example.com' }))).toBe('users_not_found');
    expect((await web.users.info({ user: 'U3' })).user).toMatchObject({ is_restricted: true, is_bot: false });
    expect((await web.users.info({ user: 'U4' })).user).toMatchObject({ team_id: 'T2', is_stranger: true });
    expect(await errorOf(web.users.info({ user: 'U9' }))).toBe('user_not_found');
    expect((await web.users.list({})).members).toHaveLength(5);
    expect((await web.usergroups.users.list({ usergroup: 'S1' })).users).toEqual(['U1', 'U2']);
    expect(await errorOf(web.usergroups.users.list({ usergroup: 'S9' }))).toBe('no_such_subteam');
    expect((await web.usergroups.list({ include_users: true })).usergroups?.[0]).toMatchObject({
      handle: 'desk-leads',
    });
    expect((await web.conversations.info({ channel: 'C1' })).channel).toMatchObject({
      name: 'incidents',
      is_member: true,
    });
    const page = await web.conversations.members({ channel: 'C1', limit: 3 });
    expect(page.members).toHaveLength(3);
    expect(page.response_metadata?.next_cursor).not.toBe('');
    const direct = await web.conversations.open({ users: 'U1' });
    await web.chat.postMessage({ channel: 'U1', text: 'you are on call' });
    expect(slack.asText(String(direct.channel?.id))).toContain('you are on call');
  });

  test('pins, reacts, bookmarks, links and takes files', async () => {
    const { slack } = await workspace(cleanups);
    const web = client(slack);
    const { ts } = await web.chat.postMessage({ channel: 'C1', text: 'receipt' });
    const at = { channel: 'C1', timestamp: String(ts) };
    await web.pins.add(at);
    expect(await errorOf(web.pins.add(at))).toBe('already_pinned');
    await web.reactions.add({ ...at, name: 'eyes' });
    expect(await errorOf(web.reactions.add({ ...at, name: 'eyes' }))).toBe('already_reacted');
    expect((await web.reactions.get(at)).message?.reactions).toEqual([
      { name: 'eyes', users: ['UBOT'], count: 1 },
    ]);
    await web.bookmarks.add({
      channel_id: 'C1',
      title: 'Runbook',
      type: 'link',
      link: 'https://example.com',
    });
    const link = await web.chat.getPermalink({ channel: 'C1', message_ts: String(ts) });
    expect(link.permalink).toBe(`https://t1.slack.com/archives/C1/p${String(ts).replace('.', '')}`);

    await web.filesUploadV2({
      channel_id: 'C1',
      filename: 'PM_1.md',
      content: '# What happened',
      initial_comment: 'Draft',
    });
    const shared = slack.messages('C1').at(-1);
    expect(shared?.text).toBe('Draft');
    expect(slack.fileContent(shared?.files[0]?.['id'] as string)?.toString()).toBe('# What happened');
    expect(slack.asText('C1')).toContain('(file: PM_1.md)');
  });

  test('shows an ephemeral message to its reader alone', async () => {
    const { slack } = await workspace(cleanups);
    const web = client(slack);
    const { message_ts } = await web.chat.postEphemeral({
      channel: 'C1',
      user: 'U1',
      text: 'You are not a responder',
    });
    expect(slack.asText('C1')).toBe('');
    expect(slack.asText('C1', { as: 'U1' })).toContain('You are not a responder');
    expect(slack.ephemerals('U2')).toEqual([]);
    expect(await errorOf(web.chat.update({ channel: 'C1', ts: String(message_ts), text: 'x' }))).toBe(
      'message_not_found',
    );
    expect((await web.conversations.history({ channel: 'C1' })).messages).toEqual([]);
  });
});

/** Nobody listens there: only what the workspace keeps is of interest. */
async function slackUserPost(slack: Awaited<ReturnType<typeof workspace>>['slack'], text: string) {
  slack.setRequestUrl('http://127.0.0.1:9/slack/events');
  return slack.post('U1', 'C1', text);
}

describe('faults', () => {
  test('each kind fails as Slack does, and says in the log what it did', async () => {
    const { slack } = await workspace(cleanups);
    const web = client(slack);
    const post = () => web.chat.postMessage({ channel: 'C1', text: 'one' });

    slack.fault('chat.postMessage', { kind: 'http500', times: 1 });
    await expect(post()).rejects.toMatchObject({ code: ErrorCode.HTTPError, statusCode: 500 });
    slack.fault('chat.postMessage', { kind: 'rateLimited', retryAfterSec: 7, times: 1 });
    await expect(post()).rejects.toMatchObject({ code: ErrorCode.RateLimitedError, retryAfter: 7 });
    slack.fault('*', { kind: 'reset', times: 1 });
    await expect(post()).rejects.toMatchObject({ code: ErrorCode.RequestError });
    slack.fault('chat.postMessage', { kind: 'html', times: 1 });
    await expect(post()).rejects.toMatchObject({ code: ErrorCode.PlatformError });
    slack.fault('chat.postMessage', { kind: 'error', error: 'token_revoked', times: 1 });
    expect(await errorOf(post())).toBe('token_revoked');
    slack.fault('chat.postMessage', { kind: 'hang', times: 1 });
    await expect(
      client(slack, { timeout: 50 }).chat.postMessage({ channel: 'C1', text: 'x' }),
    ).rejects.toMatchObject({
      code: ErrorCode.RequestError,
    });
    expect(slack.messages('C1')).toEqual([]);

    slack.fault('chat.postMessage', { kind: 'resetAfterAccept', times: 1 });
    await expect(post()).rejects.toMatchObject({ code: ErrorCode.RequestError });
    expect(slack.messages('C1')).toHaveLength(1);

    slack.fault('chat.postMessage', { kind: 'slow', ms: 60, times: 1 });
    const before = performance.now();
    await post();
    expect(performance.now() - before).toBeGreaterThan(50);
    expect(slack.calls.map((call) => call.fault)).toEqual([
      'http500',
      'rateLimited',
      'reset',
      'html',
      'error',
      'hang',
      'resetAfterAccept',
      'slow',
    ]);
  });

  test('last until cleared or lifted, and can be narrowed to some requests', async () => {
    const { slack } = await workspace(cleanups);
    const web = client(slack);
    slack.fault('chat.postMessage', {
      kind: 'error',
      error: 'is_archived',
      when: (args) => args['channel'] === 'C2',
    });
    const lift = slack.fault('*', { kind: 'error', error: 'fatal_error' });
    expect(await errorOf(web.auth.test())).toBe('fatal_error');
    lift();
    expect(await errorOf(web.chat.postMessage({ channel: 'C1', text: 'x' }))).toBe('none');
    expect(await errorOf(web.chat.postMessage({ channel: 'C2', text: 'x' }))).toBe('is_archived');
    expect(await errorOf(web.chat.postMessage({ channel: 'C2', text: 'x' }))).toBe('is_archived');
    slack.clearFaults();
    expect(await errorOf(web.chat.postMessage({ channel: 'C2', text: 'x' }))).toBe('none');
  });

  test('close ends requests that hang or are slow, requests on their way to the bot, and waits', async () => {
    const { slack } = await workspace(cleanups);
    const bot = await httpBot(cleanups, slack);
    bot.command('/kill', async () => {});
    slack.fault('auth.test', { kind: 'hang' });
    slack.fault('api.test', { kind: 'slow', ms: 60_000 });
    const hanging = client(slack).auth.test();
    const slow = client(slack).api.test({});
    const unanswered = slack.say('U1', '/kill');
    const waiting = slack.until(() => false, { what: 'something that never is' });
    await slack.until(() => slack.calls.length === 2);
    await Promise.all([
      expect(hanging).rejects.toMatchObject({ code: ErrorCode.RequestError }),
      expect(slow).rejects.toMatchObject({ code: ErrorCode.RequestError }),
      expect(unanswered).resolves.toMatchObject({ ok: false, error: 'closed' }),
      expect(waiting).rejects.toThrow('closed while waiting: something that never is'),
      slack.close(),
    ]);
    await expect(slack.say('U1', '/kill')).rejects.toThrow('is closed');
  });
});

describe('a bot over HTTP', () => {
  test('gets a signed slash command, answers in the acknowledgement, and through its response_url', async () => {
    const { slack } = await workspace(cleanups);
    const bot = await httpBot(cleanups, slack);
    bot.command('/kill', async ({ command, ack, respond }) => {
      await ack(`killing: ${command.text}`);
      await respond({ text: 'FLAT', response_type: 'in_channel' });
      await respond({ text: 'only for you', replace_original: false });
    });
    const answer = await slack.say('U1', '/kill feed frozen');
    expect(answer).toMatchObject({ ok: true, status: 200, body: 'killing: feed frozen', via: 'http' });
    expect(answer.tookMs).toBeGreaterThan(0);
    await slack.until(() => slack.ephemerals('U1').length === 2);
    expect(slack.asText('C1')).toContain('FLAT');
    expect(slack.asText('C1', { as: 'U1' })).toContain('killing: feed frozen');
    expect(slack.asText('C1')).not.toContain('killing');
  });

  test('shows what Slack shows when a command is not acknowledged in time, or nobody listens', async () => {
    const { slack } = await workspace(cleanups, { ackTimeoutMs: 50 });
    const bot = await httpBot(cleanups, slack);
    bot.command('/kill', async () => {});
    expect(await slack.say('U1', '/kill')).toMatchObject({ ok: false, status: 0, error: 'timeout' });
    expect(slack.asText('C1', { as: 'U1' })).toContain('/kill failed with the error "operation_timeout"');
    slack.setRequestUrl('http://127.0.0.1:9/slack/events');
    expect(await slack.say('U1', '/kill')).toMatchObject({ ok: false, error: 'connection_failed' });
    expect(slack.asText('C1', { as: 'U1' })).toContain('dispatch_failed');
  });

  test('gets a click on a button that is there, and none on one that is not', async () => {
    const { slack } = await workspace(cleanups);
    const bot = await httpBot(cleanups, slack);
    const web = client(slack);
    const { ts } = await web.chat.postMessage({ channel: 'C1', text: 'gap', blocks: [killButton] });
    const at = { channel: 'C1', ts: String(ts) };
    bot.action('kill.run', async ({ body, action, ack, respond }) => {
      await ack();
      const pressed = action as { value?: string };
      await respond({ replace_original: true, text: `${body.user.name} pressed ${pressed.value}` });
    });
    expect(await slack.click('U1', { ...at, label: 'Kill…' })).toMatchObject({ ok: true, body: '' });
    await slack.until(() => slack.asText('C1').includes('ada pressed INC-1'));
    await expect(slack.click('U1', { ...at, actionId: 'kill.run' })).rejects.toThrow('no kill.run here');
    // A client that has not redrawn still shows the button; and a forged value is signed by Slack all the same.
    await slack.click('U2', { ...at, actionId: 'kill.run', version: 0, tamper: { value: 'INC-9' } });
    await slack.until(() => slack.asText('C1').includes('bob pressed INC-9'));
  });

  test('gets menus, with the choice in the action and in the state', async () => {
    const { slack } = await workspace(cleanups);
    const bot = await httpBot(cleanups, slack);
    const menu = {
      type: 'actions' as const,
      block_id: 'sev',
      elements: [
        {
          type: 'static_select' as const,
          action_id: 'severity.set',
          placeholder: { type: 'plain_text' as const, text: 'Severity' },
          options: ['P0', 'P1'].map((value) => ({
            text: { type: 'plain_text' as const, text: value },
            value,
          })),
        },
        { type: 'users_select' as const, action_id: 'assign.to' },
      ],
    };
    const { ts } = await client(slack).chat.postMessage({ channel: 'C1', text: 'x', blocks: [menu] });
    const seen: unknown[] = [];
    bot.action(/.*/, async ({ action, body, ack }) => {
      await ack();
      seen.push(action, (body as { state?: unknown }).state);
    });
    await slack.click('U1', { channel: 'C1', ts: String(ts), actionId: 'severity.set', value: 'P0' });
    await slack.click('U1', { channel: 'C1', ts: String(ts), actionId: 'assign.to', value: 'U2' });
    expect(seen[0]).toMatchObject({
      type: 'static_select',
      block_id: 'sev',
      selected_option: { value: 'P0' },
    });
    expect(seen[2]).toMatchObject({ selected_user: 'U2' });
    expect(seen[3]).toMatchObject({
      values: {
        sev: { 'severity.set': { selected_option: { value: 'P0' } }, 'assign.to': { selected_user: 'U2' } },
      },
    });
    await expect(
      slack.click('U1', { channel: 'C1', ts: String(ts), actionId: 'severity.set', value: 'P9' }),
    ).rejects.toThrow('"P9" is not offered by severity.set; it offers "P0" (P0), "P1" (P1)');
  });

  test('hears people, and itself with bot_id and app_id, unless the echo is off', async () => {
    const { slack } = await workspace(cleanups);
    const bot = await httpBot(cleanups, slack);
    const heard: Record<string, unknown>[] = [];
    bot.use(async ({ body, next }) => {
      heard.push((body as unknown as { event: Record<string, unknown> }).event);
      await next();
    });
    const { ts } = await slack.post('U1', 'C1', 'feed looks frozen');
    await slack.post('U2', 'C1', 'same here', { threadTs: ts });
    await slack.edit('U1', 'C1', ts, 'feed is frozen');
    await expect(slack.edit('U2', 'C1', ts, 'x')).rejects.toThrow("is not U2's");
    await slack.react('U2', 'C1', ts, 'eyes');
    await slack.unreact('U2', 'C1', ts, 'eyes');
    await expect(slack.unreact('U2', 'C1', ts, 'eyes')).rejects.toThrow('has not reacted');
    await slack.pin('U2', 'C1', ts);
    await expect(slack.pin('U1', 'C1', ts)).rejects.toThrow('is pinned');
    await slack.unpin('U1', 'C1', ts);
    await slack.post('U1', 'C1', 'trace', { threadTs: ts, files: ['a.log'] });
    await slack.remove('U1', 'C1', ts);
    await expect(slack.edit('U2', 'C1', ts, 'x')).rejects.toThrow('sees no message');
    expect(heard).toMatchObject([
      { type: 'message', user: 'U1', text: 'feed looks frozen', ts, channel: 'C1', channel_type: 'channel' },
      { type: 'message', user: 'U2', thread_ts: ts },
      {
        subtype: 'message_changed',
        message: { text: 'feed is frozen' },
        previous_message: { text: 'feed looks frozen' },
      },
      { type: 'reaction_added', reaction: 'eyes', item: { ts } },
      { type: 'reaction_removed', reaction: 'eyes', user: 'U2', item: { ts } },
      { type: 'pin_added', user: 'U2', channel_id: 'C1', item: { message: { ts, text: 'feed is frozen' } } },
      { type: 'pin_removed', user: 'U1', channel_id: 'C1', item: { message: { ts } } },
      { subtype: 'file_share', thread_ts: ts, files: [{ name: 'a.log' }] },
      { subtype: 'message_deleted', deleted_ts: ts },
    ]);
    const web = client(slack);
    await web.chat.postMessage({ channel: 'C1', text: 'noted' });
    await slack.settled();
    slack.setEcho(false);
    await web.chat.postMessage({ channel: 'C1', text: 'unheard' });
    await slack.settled();
    expect(heard.slice(9)).toMatchObject([
      { type: 'message', text: 'noted', user: 'UBOT', bot_id: 'B1', app_id: 'A1' },
    ]);
    expect(heard).toHaveLength(10);
  });

  test('opens a modal by a trigger that is fresh, issued and used once', async () => {
    const { slack, clock } = await workspace(cleanups);
    const bot = await httpBot(cleanups, slack);
    bot.command('/cancel', async ({ ack }) => ack());
    const web = client(slack);
    const open = (trigger_id: string | undefined) =>
      errorOf(web.views.open({ trigger_id: String(trigger_id), view: scopeModal }));

    const first = await slack.say('U1', '/cancel');
    clock.advance(3_000);
    expect(await open(first.triggerId)).toBe('none');
    expect(await open(first.triggerId)).toBe('exchanged_trigger_id');
    const second = await slack.say('U1', '/cancel');
    clock.advance(3_001);
    expect(await open(second.triggerId)).toBe('expired_trigger_id');
    expect(await open('123.456.abcdef')).toBe('expired_trigger_id');
    expect(await open('nonsense')).toBe('invalid_trigger_id');
    expect(slack.modalAsText('U1')).toContain('Cancel orders\nReason: ');
  });

  test('has its submissions filled in, refused, replaced, pushed and closed', async () => {
    const { slack } = await workspace(cleanups);
    const bot = await httpBot(cleanups, slack);
    const web = client(slack);
    bot.command('/cancel', async ({ ack }) => ack());
    bot.view('cancel.scope', async ({ ack, view }) => {
      const reason = view.state.values['why']?.['reason']?.value;
      if (reason === 'no') await ack({ response_action: 'errors', errors: { why: 'Say more' } });
      else if (reason === 'next') await ack({ response_action: 'push', view: modal('Really?') });
      else if (reason === 'other')
        await ack({ response_action: 'update', view: { ...scopeModal, title: modal('Again').title } });
      else if (reason === 'bad')
        await ack({ response_action: 'update', view: modal('far too long a title for Slack') });
      else await ack();
    });
    const { triggerId } = await slack.say('U1', '/cancel');
    const { view } = await web.views.open({ trigger_id: String(triggerId), view: scopeModal });
    const id = String(view?.id);

    await expect(slack.submit('U1', id)).rejects.toThrow('why is required and empty');
    await expect(slack.submit('U2', id, { reason: 'x' })).rejects.toThrow('U2 has no open view');
    const refused = await slack.submit('U1', id, { reason: 'no', which: 'Entries' });
    expect(refused.view).toEqual({ action: 'errors', errors: { why: 'Say more' } });
    expect(refused.request.payload).toMatchObject({
      view: {
        state: {
          values: {
            why: { reason: { value: 'no' } },
            scope: { which: { selected_option: { value: 'entries' } } },
          },
        },
      },
    });
    expect((await slack.submit('U1', id, { reason: 'other' })).view?.action).toBe('update');
    expect(slack.modalAsText('U1')).toContain('Again');
    expect(await slack.submit('U1', id, { reason: 'bad' })).toMatchObject({
      ok: false,
      error: 'invalid_response',
    });
    expect((await slack.submit('U1', id, { reason: 'next' })).view?.action).toBe('push');
    expect(slack.openViews('U1').map((open) => open.rootId)).toEqual([id, id]);
    await slack.dismiss('U1', String(slack.openViews('U1')[1]?.id));
    expect((await slack.submit('U1', id, { reason: 'fine' })).view?.action).toBe('close');
    expect(slack.openViews('U1')).toEqual([]);
  });

  test('updates a view by hash, is told of a closed one, and publishes homes', async () => {
    const { slack } = await workspace(cleanups);
    const bot = await httpBot(cleanups, slack);
    const web = client(slack);
    const closed: string[] = [];
    bot.view({ type: 'view_closed', callback_id: 'cancel.scope' }, async ({ ack, body }) => {
      await ack();
      closed.push(body.user.id);
    });
    bot.command('/cancel', async ({ ack }) => ack());
    bot.event('app_home_opened', async ({ event, client }) => {
      await client.views.publish({ user_id: event.user, view: { type: 'home', blocks: [killButton] } });
    });
    bot.action('kill.run', async ({ ack }) => ack());

    const { triggerId } = await slack.say('U1', '/cancel');
    const opened = await web.views.open({
      trigger_id: String(triggerId),
      view: { ...scopeModal, notify_on_close: true },
    });
    const view_id = String(opened.view?.id);
    expect(await errorOf(web.views.update({ view_id, hash: 'old', view: scopeModal }))).toBe('hash_conflict');
    expect(await errorOf(web.views.update({ view_id: 'V9', view: scopeModal }))).toBe('not_found');
    await web.views.update({
      view_id,
      hash: String(opened.view?.hash),
      view: { ...scopeModal, notify_on_close: true },
    });
    await slack.dismiss('U1', view_id);
    expect(closed).toEqual(['U1']);

    await slack.openHome('U1');
    await slack.until(() => slack.homeAsText('U1').includes('[Kill…]'));
    const pressed = await slack.click('U1', { home: true, actionId: 'kill.run' });
    expect(pressed.request.payload).toMatchObject({ container: { type: 'view' }, view: { type: 'home' } });
    await expect(slack.click('U2', { home: true, actionId: 'kill.run' })).rejects.toThrow(
      'nothing is published',
    );
  });

  test('stacks three modals and no more, by triggers from the modals themselves', async () => {
    const { slack } = await workspace(cleanups);
    const bot = await httpBot(cleanups, slack);
    const web = client(slack);
    bot.command('/cancel', async ({ ack }) => ack());
    bot.action('kill.run', async ({ ack }) => ack());
    const view = { ...modal('Deeper'), blocks: [killButton] };
    const push = async (trigger_id: string | undefined) =>
      errorOf(web.views.push({ trigger_id: String(trigger_id), view }));
    const press = async () =>
      slack.click('U1', { viewId: String(slack.openViews('U1').at(-1)?.id), actionId: 'kill.run' });

    const first = await slack.say('U1', '/cancel');
    expect(await push(first.triggerId)).toBe('not_found');
    const second = await slack.say('U1', '/cancel');
    await web.views.open({ trigger_id: String(second.triggerId), view: { ...view, external_id: 'only' } });
    expect(await push((await press()).triggerId)).toBe('none');
    expect(await push((await press()).triggerId)).toBe('none');
    expect(await push((await press()).triggerId)).toBe('push_limit_reached');
    expect(slack.openViews('U1')).toHaveLength(3);
    const third = await slack.say('U2', '/cancel');
    const again = { trigger_id: String(third.triggerId), view: { ...view, external_id: 'only' } };
    expect(await errorOf(web.views.open(again))).toBe('duplicate_external_id');
  });

  test('gets shortcuts, on a message and without one', async () => {
    const { slack } = await workspace(cleanups);
    const bot = await httpBot(cleanups, slack);
    const seen: unknown[] = [];
    bot.shortcut('incident.declare', async ({ shortcut, ack }) => {
      await ack();
      seen.push(shortcut);
    });
    const { ts } = await slack.post('U2', 'C2', 'odd fills');
    await slack.shortcut('U1', 'incident.declare', { channel: 'C2', ts });
    await slack.shortcut('U1', 'incident.declare');
    expect(seen).toMatchObject([
      { type: 'message_action', message: { text: 'odd fills', ts }, channel: { id: 'C2' } },
      { type: 'shortcut' },
    ]);
  });

  test('names the team of an outsider', async () => {
    const { slack } = await workspace(cleanups);
    const bot = await httpBot(cleanups, slack);
    bot.action('kill.run', async ({ ack }) => ack());
    const { ts } = await client(slack).chat.postMessage({ channel: 'C1', text: 'x', blocks: [killButton] });
    const { request } = await slack.click('U4', { channel: 'C1', ts: String(ts), actionId: 'kill.run' });
    expect(request.payload).toMatchObject({ team: { id: 'T2' }, user: { id: 'U4', team_id: 'T2' } });
  });

  test('is sent forged, stale, future, unsigned and repeated requests', async () => {
    const { slack, clock } = await workspace(cleanups);
    const bot = await httpBot(cleanups, slack);
    const retries: unknown[] = [];
    bot.event('message', async ({ context }) => {
      retries.push([context.retryNum, context.retryReason]);
    });
    bot.command('/kill', async ({ ack }) => ack());
    const body = 'command=%2Fkill&team_id=T1&user_id=U1';
    const sec = Math.floor(clock.ms / 1000);
    expect(await slack.send({ body, secret: 'guess' })).toMatchObject({
      ok: false,
      status: 401,
      error: 'bad_status',
    });
    expect(await slack.send({ body, signature: 'v0=00' })).toMatchObject({ status: 401 });
    expect(await slack.send({ body, signature: null, timestamp: null })).toMatchObject({ status: 401 });
    expect(await slack.send({ body, timestamp: sec - 301 })).toMatchObject({ status: 401 });
    const future = await slack.send({ body, timestamp: sec + 3600, headers: { 'x-extra': '1' } });
    expect(future.request.headers).toMatchObject({
      'x-slack-request-timestamp': String(sec + 3600),
      'x-extra': '1',
    });
    // Bolt has no objection to the future.
    expect(future.status).toBe(200);

    const first = await slack.post('U1', 'C1', 'hello');
    clock.advance(60_000);
    const again = await slack.retry(first, { num: 2 });
    expect(again.request.body).toBe(first.request.body);
    expect(again.request.headers['x-slack-signature']).not.toBe(first.request.headers['x-slack-signature']);
    expect(retries).toEqual([
      [undefined, undefined],
      [2, 'http_timeout'],
    ]);
  });

  test('is signed by a clock of its own where the rehearsed time is another', async () => {
    const { slack } = await workspace(cleanups, { now: () => Date.UTC(2020, 0, 1), signingNow: Date.now });
    const bot = await httpBot(cleanups, slack);
    bot.command('/kill', async ({ ack }) => ack());
    expect(await slack.say('U1', '/kill')).toMatchObject({ ok: true });
    const { ts } = await slack.post('U1', 'C1', 'long ago');
    expect(ts).toMatch(/^1577836800\./);
    await expect(slack.post('U1', 'C3', 'x')).rejects.toThrow('the bot is not in C3');
  });

  test('is never anywhere but on this machine', async () => {
    const { slack } = await workspace(cleanups);
    for (const url of ['https://slack.com/x', 'http://10.0.0.1/x', 'http://127.0.0.1.evil.example/x']) {
      expect(() => slack.setRequestUrl(url)).toThrow('loopback');
    }
    await expect(slack.say('U1', '/kill')).rejects.toThrow('no requestUrl');
    await expect(slack.send({ body: '' })).rejects.toThrow('no requestUrl');
  });
});

describe('response_url', () => {
  test('works five times in thirty minutes, replaces, deletes, and refuses bad blocks', async () => {
    const { slack, clock } = await workspace(cleanups);
    const bot = await httpBot(cleanups, slack);
    bot.command('/kill', async ({ ack }) => ack());
    const use = async (url: string | undefined, body: object) => {
      const reply = await fetch(String(url), {
        method: 'POST',
        body: JSON.stringify(body),
        headers: { 'content-type': 'application/json' },
      });
      return [reply.status, await reply.text()];
    };
    const { responseUrl } = await slack.say('U1', '/kill');
    expect(await use(responseUrl, { text: 'running' })).toEqual([200, 'ok']);
    expect(await use(responseUrl, { text: 'done', replace_original: true })).toEqual([200, 'ok']);
    expect(slack.ephemerals('U1').map((message) => message.text)).toEqual(['done']);
    expect(await use(responseUrl, { delete_original: 'true' })).toEqual([200, 'ok']);
    expect(slack.ephemerals('U1')).toEqual([]);
    expect((await use(responseUrl, { blocks: [{ type: 'sections' }] }))[0]).toBe(400);
    expect(await use(responseUrl, { text: 'to all', response_type: 'in_channel' })).toEqual([200, 'ok']);
    expect(await use(responseUrl, { text: 'sixth' })).toEqual([404, '{"ok":false,"error":"used_url"}']);

    const later = await slack.say('U1', '/kill');
    clock.advance(30 * 60_000 + 1);
    expect(await use(later.responseUrl, { text: 'late' })).toEqual([
      404,
      '{"ok":false,"error":"expired_url"}',
    ]);
    slack.fault('response_url', { kind: 'http500', times: 1 });
    expect((await use(later.responseUrl, { text: 'x' }))[0]).toBe(500);
    expect(slack.asText('C1')).toContain('to all');
  });
});

describe('a bot over Socket Mode', () => {
  test('gets commands, clicks, events and submissions over a socket, and answers in the acknowledgement', async () => {
    const { slack } = await workspace(cleanups);
    slack.setMode('socket');
    expect(await slack.say('U1', '/kill')).toMatchObject({ ok: false, error: 'no_socket', via: 'socket' });
    const bot = await socketBot(cleanups, slack);
    const web = client(slack);
    const heard: string[] = [];
    bot.command('/kill', async ({ command, ack }) =>
      ack({ text: `killing: ${command.text}`, response_type: 'in_channel' }),
    );
    bot.action('kill.run', async ({ ack }) => ack());
    bot.view('cancel.scope', async ({ ack }) => ack({ response_action: 'clear' }));
    bot.event('message', async ({ event, context }) => {
      heard.push(`${(event as { text: string }).text} ${context.retryNum ?? 0}`);
    });

    const said = await slack.say('U1', '/kill feed frozen');
    expect(said).toMatchObject({ ok: true, status: 200, via: 'socket' });
    expect(slack.asText('C1')).toContain('killing: feed frozen');
    const { ts } = await web.chat.postMessage({ channel: 'C1', text: 'x', blocks: [killButton] });
    const pressed = await slack.click('U1', { channel: 'C1', ts: String(ts), actionId: 'kill.run' });
    expect(pressed).toMatchObject({ ok: true, body: '' });
    const opened = await web.views.open({ trigger_id: String(pressed.triggerId), view: scopeModal });
    const submitted = await slack.submit('U1', String(opened.view?.id), { why: 'tidy' });
    expect(submitted.view?.action).toBe('clear');
    const posted = await slack.post('U1', 'C1', 'hello');
    await slack.retry(posted, { num: 1 });
    await slack.until(() => heard.includes('hello 1'));
    expect(heard).toContain('hello 0');
  });

  test('keeps being heard through a second receiver while one reconnects after a refresh', async () => {
    const { slack } = await workspace(cleanups);
    const bot = await socketBot(cleanups, slack, 2);
    bot.command('/kill', async ({ ack }) => ack('ok'));
    expect(slack.sockets()).toBe(2);
    await slack.refreshSockets();
    expect(slack.sockets()).toBe(0);
    await slack.until(() => slack.sockets() === 2, { what: 'both receivers back' });
    expect(await slack.say('U1', '/kill')).toMatchObject({ ok: true, body: '{"text":"ok"}' });
    slack.dropSockets();
    await slack.until(() => slack.sockets() === 0, { what: 'both receivers cut' });
    await slack.until(() => slack.sockets() === 2, { what: 'both receivers back again' });
    expect(await slack.say('U1', '/kill')).toMatchObject({ ok: true });
  });

  test('answers an envelope that is never acknowledged, and one whose socket dies', async () => {
    const { slack } = await workspace(cleanups, { ackTimeoutMs: 80 });
    const bot = await socketBot(cleanups, slack);
    const received = new Promise((resolve) => {
      bot.command('/kill', async ({ command }) => resolve(command.command));
    });
    expect(await slack.say('U1', '/kill')).toMatchObject({ ok: false, error: 'timeout' });
    expect(await received).toBe('/kill');
    const dying = slack.say('U1', '/kill');
    slack.dropSockets();
    expect(await dying).toMatchObject({ ok: false, error: 'socket_closed' });
  });

  test('refuses a ticket that was used, or never given', async () => {
    const { slack } = await workspace(cleanups);
    const { url } = await client(slack, {}, 'xapp-test').apps.connections.open({});
    const open = (address: string) =>
      new Promise((resolve) => {
        const socket = new WebSocket(address);
        socket.addEventListener('message', (event) => resolve(event.data));
        socket.addEventListener('error', () => resolve('refused'));
        cleanups.add(() => socket.close());
      });
    expect(await open(String(url))).toContain('"type":"hello"');
    expect(await open(String(url))).toBe('refused');
    expect(await open(String(url).replace(/ticket=[^&]+/, 'ticket=made-up'))).toBe('refused');
  });
});

describe('waiting', () => {
  test('says what was waited for and what there was to see instead', async () => {
    const { slack } = await workspace(cleanups);
    const { ts } = await client(slack).chat.postMessage({ channel: 'C1', text: 'RESIDUAL: 1 position' });
    await client(slack).chat.postMessage({ channel: 'C1', text: 'still trying', thread_ts: String(ts) });
    const wait = slack.until(() => slack.asText('C1').includes('FLAT'), {
      timeoutMs: 20,
      what: 'a flat verdict',
    });
    await expect(wait).rejects.toThrow(
      /not within 20 ms: a flat verdict[\s\S]*#incidents[\s\S]*RESIDUAL[\s\S]*↳ .*\n +still trying/,
    );
    const throwing = slack.until(() => expect(slack.asText('C1')).toContain('FLAT'), { timeoutMs: 20 });
    await expect(throwing).rejects.toThrow(/it last threw/);
  });

  test('gives back what the predicate found as soon as it is there', async () => {
    const { slack } = await workspace(cleanups);
    const waiting = slack.until(() => slack.messages('C1').find((message) => message.text.startsWith('P1')));
    await client(slack).chat.postMessage({ channel: 'C1', text: 'P0' });
    await client(slack).chat.postMessage({ channel: 'C1', text: 'P1' });
    expect((await waiting).text).toBe('P1');
  });
});
