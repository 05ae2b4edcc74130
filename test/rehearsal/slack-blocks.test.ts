// Slack's chat.postMessage is not a window's: there is no origin to name.
/* oxlint-disable unicorn/require-post-message-target-origin */
import type { KnownBlock } from '@slack/types';
import { afterEach, describe, expect, test } from 'vitest';
import { Cleanups, client, workspace } from './slack-bot.ts';

const cleanups = new Cleanups();
afterEach(() => cleanups.run());

type Loose = Record<string, unknown>;

const x = (length: number): string => 'x'.repeat(length);
const plain = (text: string): Loose => ({ type: 'plain_text', text });
const mrkdwn = (text: string): Loose => ({ type: 'mrkdwn', text });
const section = (extra: Loose): Loose => ({ type: 'section', text: mrkdwn('t'), ...extra });
const button = (extra: Loose = {}): Loose => ({ type: 'button', text: plain('Go'), ...extra });
const actions = (...elements: Loose[]): Loose => ({ type: 'actions', elements });
const option = (extra: Loose = {}): Loose => ({ text: plain('o'), value: 'v', ...extra });
const select = (extra: Loose): Loose => ({
  type: 'static_select',
  action_id: 's',
  options: [option()],
  ...extra,
});
const confirm = (extra: Loose): Loose => button({ confirm: { text: mrkdwn('Sure?'), ...extra } });
const divider: Loose = { type: 'divider' };
const times = (count: number, one: Loose): Loose[] => Array.from({ length: count }, () => one);

/** Each row: what is sent just within the limit, what is sent just over it, and what Slack says then. */
const limits: [string, Loose[], Loose[], string][] = [
  [
    '50 blocks',
    times(50, divider),
    times(51, divider),
    'no more than 50 items allowed [json-pointer:/blocks]',
  ],
  [
    'section text 3000',
    [section({ text: mrkdwn(x(3000)) })],
    [section({ text: mrkdwn(x(3001)) })],
    'must be less than 3001 characters [json-pointer:/blocks/0/text/text]',
  ],
  [
    'section text not empty',
    [section({ text: mrkdwn('t') })],
    [divider, section({ text: mrkdwn('') })],
    'must be more than 0 characters [json-pointer:/blocks/1/text/text]',
  ],
  [
    '10 fields of 2000',
    [section({ fields: times(10, mrkdwn(x(2000))) })],
    [section({ fields: [mrkdwn(x(2001)), ...times(10, mrkdwn('f'))] })],
    'no more than 10 items allowed [json-pointer:/blocks/0/fields]',
  ],
  [
    'header 150',
    [{ type: 'header', text: plain(x(150)) }],
    [{ type: 'header', text: plain(x(151)) }],
    'must be less than 151 characters [json-pointer:/blocks/0/text/text]',
  ],
  [
    'header plain_text',
    [{ type: 'header', text: plain('h') }],
    [{ type: 'header', text: mrkdwn('h') }],
    'unsupported type: mrkdwn [json-pointer:/blocks/0/text/type]',
  ],
  [
    'button text 75',
    [actions(button({ text: plain(x(75)) }))],
    [actions(button({ text: plain(x(76)) }))],
    'must be less than 76 characters [json-pointer:/blocks/0/elements/0/text/text]',
  ],
  [
    'button text plain_text',
    [actions(button())],
    [actions(button({ text: mrkdwn('Go') }))],
    'unsupported type: mrkdwn [json-pointer:/blocks/0/elements/0/text/type]',
  ],
  [
    'button value 2000',
    [actions(button({ value: x(2000) }))],
    [actions(button({ value: x(2001) }))],
    'must be less than 2001 characters [json-pointer:/blocks/0/elements/0/value]',
  ],
  [
    'button style',
    [actions(button({ style: 'danger' }))],
    [actions(button({ style: 'red' }))],
    'must be one of primary, danger [json-pointer:/blocks/0/elements/0/style]',
  ],
  [
    'action_id 255',
    [actions(button({ action_id: x(255) }))],
    [actions(button({ action_id: x(256) }))],
    'must be less than 256 characters [json-pointer:/blocks/0/elements/0/action_id]',
  ],
  [
    'block_id 255',
    [section({ block_id: x(255) })],
    [section({ block_id: x(256) })],
    'must be less than 256 characters [json-pointer:/blocks/0/block_id]',
  ],
  [
    'block_id once',
    [section({ block_id: 'a' }), section({ block_id: 'b' }), section({}), section({})],
    [section({ block_id: 'a' }), section({ block_id: 'a' })],
    '`block_id` "a" already exists [json-pointer:/blocks/1/block_id]',
  ],
  [
    'action_id once in a block',
    [actions(button({ action_id: 'a' })), actions(button({ action_id: 'a' }))],
    [actions(button({ action_id: 'a' }), button({ action_id: 'a' }))],
    '`action_id` "a" already exists for block_id "" [json-pointer:/blocks/0]',
  ],
  [
    '25 elements',
    [actions(...times(25, button()))],
    [actions(...times(26, button()))],
    'no more than 25 items allowed [json-pointer:/blocks/0/elements]',
  ],
  [
    'at least one element',
    [actions(button())],
    [actions()],
    'must provide at least 1 items [json-pointer:/blocks/0/elements]',
  ],
  [
    '10 in a context',
    [{ type: 'context', elements: times(10, mrkdwn('c')) }],
    [{ type: 'context', elements: times(11, mrkdwn('c')) }],
    'no more than 10 items allowed [json-pointer:/blocks/0/elements]',
  ],
  [
    '100 options',
    [actions(select({ options: times(100, option()) }))],
    [actions(select({ options: times(101, option()) }))],
    'no more than 100 items allowed [json-pointer:/blocks/0/elements/0/options]',
  ],
  [
    'option text 75',
    [actions(select({ options: [option({ text: plain(x(75)) })] }))],
    [actions(select({ options: [option({ text: plain(x(76)) })] }))],
    'must be less than 76 characters [json-pointer:/blocks/0/elements/0/options/0/text/text]',
  ],
  [
    'an initial option that is offered',
    [actions(select({ initial_option: option() }))],
    [actions(select({ initial_option: option({ value: 'w' }) }))],
    'must match one of the options [json-pointer:/blocks/0/elements/0/initial_option]',
  ],
  [
    '5 in an overflow',
    [actions({ type: 'overflow', options: times(5, option()) })],
    [actions({ type: 'overflow', options: times(6, option()) })],
    'no more than 5 items allowed [json-pointer:/blocks/0/elements/0/options]',
  ],
  [
    'confirm title 100',
    [actions(confirm({ title: plain(x(100)) }))],
    [actions(confirm({ title: plain(x(101)) }))],
    'must be less than 101 characters [json-pointer:/blocks/0/elements/0/confirm/title/text]',
  ],
  [
    'confirm text 300',
    [actions(confirm({ text: mrkdwn(x(300)) }))],
    [actions(confirm({ text: mrkdwn(x(301)) }))],
    'must be less than 301 characters [json-pointer:/blocks/0/elements/0/confirm/text/text]',
  ],
  [
    'confirm button 30',
    [actions(confirm({ confirm: plain(x(30)) }))],
    [actions(confirm({ confirm: plain(x(31)) }))],
    'must be less than 31 characters [json-pointer:/blocks/0/elements/0/confirm/confirm/text]',
  ],
  [
    'deny button 30',
    [actions(confirm({ deny: plain(x(30)) }))],
    [actions(confirm({ deny: plain(x(31)) }))],
    'must be less than 31 characters [json-pointer:/blocks/0/elements/0/confirm/deny/text]',
  ],
  [
    'known block types',
    [divider],
    [{ type: 'sections' }],
    'unsupported type: sections [json-pointer:/blocks/0/type]',
  ],
  [
    'block types it models',
    [divider],
    [{ type: 'carousel', elements: [] }],
    'unsupported type: carousel [json-pointer:/blocks/0/type]',
  ],
  [
    'known elements',
    [actions(button())],
    [actions({ type: 'knob' })],
    'unsupported element: knob [json-pointer:/blocks/0/elements/0]',
  ],
  [
    'multi-selects only as accessory or input',
    [section({ accessory: { type: 'multi_users_select' } })],
    [actions({ type: 'multi_users_select' })],
    'unsupported element: multi_users_select [json-pointer:/blocks/0/elements/0]',
  ],
  [
    'known properties',
    [section({ expand: true })],
    [section({ colour: 'red' })],
    'invalid additional property: colour [json-pointer:/blocks/0]',
  ],
  [
    'required properties',
    [{ type: 'header', text: plain('h') }],
    [{ type: 'header' }],
    'missing required field: text [json-pointer:/blocks/0]',
  ],
  [
    'markdown 12,000 in all',
    [{ type: 'markdown', text: x(12_000) }],
    times(2, { type: 'markdown', text: x(6_001) }),
    'must be less than 12001 characters in all markdown blocks [json-pointer:/blocks]',
  ],
];

describe('Block Kit limits of a message', () => {
  test.each(limits)('%s', async (_, within, over, problem) => {
    const { slack } = await workspace(cleanups);
    const web = client(slack);
    const post = (blocks: Loose[]) =>
      web.chat.postMessage({ channel: 'C1', text: 'fallback', blocks: blocks as unknown as KnownBlock[] });
    await post(within);
    expect(slack.messages('C1')).toHaveLength(1);
    await expect(post(over)).rejects.toMatchObject({
      data: {
        ok: false,
        error: 'invalid_blocks',
        response_metadata: { messages: expect.arrayContaining([`[ERROR] ${problem}`]) },
      },
    });
    expect(slack.messages('C1')).toHaveLength(1);
  });

  test('hold for updates, ephemerals and attachments of ids too', async () => {
    const { slack } = await workspace(cleanups);
    const web = client(slack);
    const blocks = [{ type: 'sections' }] as unknown as KnownBlock[];
    const { ts } = await web.chat.postMessage({ channel: 'C1', text: 'x', blocks: [{ type: 'divider' }] });
    const update = { channel: 'C1', ts: String(ts), text: 'y', blocks };
    await expect(web.chat.update(update)).rejects.toMatchObject({ data: { error: 'invalid_blocks' } });
    const ephemeral = { channel: 'C1', user: 'U1', text: 'y', blocks };
    await expect(web.chat.postEphemeral(ephemeral)).rejects.toMatchObject({
      data: { error: 'invalid_blocks' },
    });
    const notAList = web.apiCall('chat.postMessage', { channel: 'C1', text: 'x', blocks: 'section' });
    await expect(notAList).rejects.toMatchObject({ data: { error: 'invalid_blocks_format' } });
    expect(slack.messages('C1')[0]?.blocks[0]?.block_id).toMatch(/^B/);
  });
});

const modal = (extra: Loose): Loose => ({ type: 'modal', title: plain('t'), blocks: [], ...extra });
const input: Loose = { type: 'input', label: plain('l'), element: { type: 'plain_text_input' } };

const viewLimits: [string, Loose, Loose, string][] = [
  [
    'title 24',
    modal({ title: plain(x(24)) }),
    modal({ title: plain(x(25)) }),
    'must be less than 25 characters [json-pointer:/view/title/text]',
  ],
  [
    '100 blocks',
    modal({ blocks: times(100, divider) }),
    modal({ blocks: times(101, divider) }),
    'no more than 100 items allowed [json-pointer:/view/blocks]',
  ],
  [
    'submit where there is an input',
    modal({ blocks: [input], submit: plain('Go') }),
    modal({ blocks: [input] }),
    'must define `submit` to use an `input` block in modals [json-pointer:/view/blocks/0/input]',
  ],
  [
    'private_metadata 3000',
    modal({ private_metadata: x(3000) }),
    modal({ private_metadata: x(3001) }),
    'must be less than 3001 characters [json-pointer:/view/private_metadata]',
  ],
  [
    'callback_id 255',
    modal({ callback_id: x(255) }),
    modal({ callback_id: x(256) }),
    'must be less than 256 characters [json-pointer:/view/callback_id]',
  ],
  [
    'blocks that a modal shows',
    modal({ blocks: [divider] }),
    modal({ blocks: [{ type: 'markdown', text: 'm' }] }),
    'unsupported type: markdown [json-pointer:/view/blocks/0/type]',
  ],
  ['a modal', modal({}), { type: 'home', blocks: [] }, 'must be one of modal [json-pointer:/view/type]'],
];

describe('Block Kit limits of a view', () => {
  test.each(viewLimits)('%s', async (_, within, over, problem) => {
    const { slack } = await workspace(cleanups);
    slack.setRequestUrl('http://127.0.0.1:9/slack/events');
    const web = client(slack);
    // Nobody answers the command, and its trigger is good all the same; a refused view does not spend it.
    const { triggerId: trigger_id } = await slack.say('U1', '/x');
    // Slack answers invalid_arguments here, and invalid_blocks only for messages.
    await expect(web.apiCall('views.open', { trigger_id, view: over })).rejects.toMatchObject({
      data: {
        error: 'invalid_arguments',
        response_metadata: { messages: expect.arrayContaining([`[ERROR] ${problem}`]) },
      },
    });
    await web.apiCall('views.open', { trigger_id, view: within });
    expect(slack.openViews('U1')).toHaveLength(1);
  });

  test('100 blocks on a home, 250 kB in any view', async () => {
    const { slack } = await workspace(cleanups);
    const web = client(slack);
    const publish = (blocks: Loose[]) =>
      web.apiCall('views.publish', { user_id: 'U1', view: { type: 'home', blocks } });
    await publish(times(100, divider));
    await expect(publish(times(101, divider))).rejects.toMatchObject({
      data: { error: 'invalid_arguments' },
    });
    const big = times(90, section({ text: mrkdwn(x(3000)) }));
    await expect(publish(big)).rejects.toMatchObject({ data: { error: 'view_too_large' } });
  });
});

describe('what a person reads', () => {
  test('is plain text: labels, links, mentions and times without their markup', async () => {
    const { slack } = await workspace(cleanups);
    const text = [
      '*VERDICT*  RESIDUAL · _1_ position · `x * y * z`',
      '<https://example.com/runbook|the runbook> <https://example.com>',
      '<@U1> in <#C2> for <!subteam^S1>, <!here> <!date^1^{date}|02:15:31>',
      '2 * 3 * 4, snake_case_name, &lt;!channel&gt; &amp;amp;',
    ].join('\n');
    await client(slack).chat.postMessage({
      channel: 'C1',
      text: 'fallback',
      blocks: [
        { type: 'header', text: { type: 'plain_text', text: '*not bold here*' } },
        {
          type: 'section',
          text: { type: 'mrkdwn', text },
          fields: [{ type: 'mrkdwn', text: '*Gap* 2 min' }],
          accessory: { type: 'button', action_id: 'a', text: { type: 'plain_text', text: 'Open' } },
        },
        { type: 'context', elements: [{ type: 'mrkdwn', text: 'at 14:05:02' }] },
        {
          type: 'actions',
          elements: [
            { type: 'button', action_id: 'k', text: { type: 'plain_text', text: 'Kill…' } },
            { type: 'users_select', action_id: 'u', placeholder: { type: 'plain_text', text: 'Assign' } },
          ],
        },
      ],
    });
    const [author, ...lines] = slack.asText('C1').split('\n');
    expect(author).toMatch(/^standdown \d\d:\d\d:\d\d$/);
    expect(lines).toEqual([
      '*not bold here*',
      'VERDICT  RESIDUAL · 1 position · x * y * z',
      'the runbook https://example.com',
      '@ada in #alerts for @desk-leads, @here 02:15:31',
      '2 * 3 * 4, snake_case_name, <!channel> &amp;',
      'Gap 2 min',
      '[Open]',
      'at 14:05:02',
      '[Kill…] [Assign ▾]',
    ]);
  });
});
