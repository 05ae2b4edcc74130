import type { KnownBlock } from '@slack/types';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ASSETS } from '../../src/rehearsal/console/assets.ts';
import { page, regions } from '../../src/rehearsal/console/html.ts';
import { blocksHtml } from '../../src/rehearsal/console/page/blocks.ts';
import { type Drawing, still } from '../../src/rehearsal/console/page/drawing.ts';
import { mrkdwnHtml } from '../../src/rehearsal/console/page/mrkdwn.ts';
import { type ConsoleState, REGIONS } from '../../src/rehearsal/console/state.ts';
import { calmState, fromBot } from '../browser/calm.ts';

const names = { user: (id: string) => id, channel: (id: string) => id, usergroup: (id: string) => id };
const drawing: Drawing = {
  ...still(names),
  id: 'm',
  people: [{ id: 'U1', name: 'Ada' }],
  channels: [{ id: 'C1', name: '#incidents' }],
};
const plain = (text: string) => ({ type: 'plain_text' as const, text });
const option = (text: string, value: string) => ({ text: plain(text), value });
const draw = (block: KnownBlock, change: Partial<Drawing> = {}) =>
  blocksHtml([block], { ...drawing, ...change });

/** A whole tag: every attribute quoted, or without a value. */
const TAG = /<\/?[a-z][a-z0-9]*(?: [a-z-]+(?:="[^"<>]*")?)*\s*>/g;
/** Nothing but whole tags and escaped words, no handler, no address but http(s) and `data:` pictures. */
function mustBeHarmless(html: string): void {
  const tags = (html.match(TAG) ?? []).join('\n');
  expect(tags.replace(/"[^"]*"/g, '')).not.toMatch(/ on[a-z]+=/);
  expect(tags).not.toMatch(/^<(?:script|iframe|object|embed|style|link|base)\b/m);
  expect(tags).not.toMatch(/ (?:href|src|action)="(?!https?:|data:image\/png;base64,)/);
  expect(html.replace(TAG, '')).not.toMatch(/[<>]/);
}

describe('controls', () => {
  it('carry what a press has to name, and what it asks first', () => {
    const html = draw({
      type: 'actions',
      block_id: 'b"1',
      elements: [
        {
          type: 'button',
          action_id: 'kill',
          text: plain('Kill…'),
          style: 'danger',
          confirm: { title: plain('Sure?'), text: plain('<all>'), confirm: plain('Kill'), deny: plain('No') },
        },
      ],
    });
    expect(html).toContain('id="m-0-0-kill"');
    expect(html).toContain('data-block="b&quot;1" data-action="kill"');
    expect(html).toContain('&quot;text&quot;:&quot;&lt;all&gt;&quot;');
    mustBeHarmless(html);
  });

  it('show what was chosen before what they start with', () => {
    const block: KnownBlock = {
      type: 'actions',
      block_id: 'b',
      elements: [
        {
          type: 'static_select',
          action_id: 'a',
          initial_option: option('One', '1'),
          option_groups: [{ label: plain('Group'), options: [option('One', '1'), option('Two', '2')] }],
        },
      ],
    };
    expect(draw(block)).toContain('<option value="1" selected>One</option>');
    const choices = {
      b: { a: { type: 'static_select', selected_option: { value: '2', text: plain('Two') } } },
    };
    expect(draw(block, { choices })).toContain('<option value="2" selected>Two</option>');
    expect(draw(block, { choices })).not.toContain('value="1" selected');
  });

  it.each([
    [
      'a text',
      { type: 'plain_text_input', action_id: 'a', initial_value: 'so "far"', max_length: 9 },
      'value="so &quot;far&quot;"',
    ],
    [
      'a long text',
      { type: 'plain_text_input', action_id: 'a', multiline: true, initial_value: '</textarea>' },
      '&lt;/textarea&gt;</textarea>',
    ],
    ['a day', { type: 'datepicker', action_id: 'a', initial_date: '2026-11-28' }, 'value="2026-11-28"'],
    [
      'people',
      { type: 'multi_users_select', action_id: 'a', initial_users: ['U1'] },
      '<option value="U1" selected>Ada</option>',
    ],
    ['a channel', { type: 'channels_select', action_id: 'a' }, '<option value="C1">#incidents</option>'],
    [
      'one of some',
      {
        type: 'radio_buttons',
        action_id: 'a',
        options: [option('One', '1')],
        initial_option: option('One', '1'),
      },
      'type="radio" name="m-0-0" id="m-0-0-0" value="1" checked',
    ],
    [
      'some',
      { type: 'checkboxes', action_id: 'a', options: [option('One', '1')] },
      'type="checkbox" name="m-0-0" id="m-0-0-0" value="1">',
    ],
  ])('ask for %s, with a label, an error and a hint', (_what, element, expected) => {
    const block = {
      type: 'input',
      block_id: 'b',
      label: plain('L<'),
      hint: plain('H<'),
      element,
    } as KnownBlock;
    const html = draw(block, { errors: { b: 'no <b>' } });
    expect(html).toContain(expected);
    expect(html).toContain('L&lt;');
    expect(html).toContain('role="alert">no &lt;b&gt;</p>');
    expect(html).toContain('H&lt;');
    mustBeHarmless(html);
  });
});

describe('blocks', () => {
  it('show a picture only when it was uploaded here', () => {
    const block: KnownBlock = { type: 'image', slack_file: { id: 'F1' }, alt_text: 'burn-down' };
    expect(draw(block)).toBe('<div class="unshown">image: burn-down</div>');
    expect(draw(block, { image: () => 'data:image/png;base64,AA==' })).toContain(
      '<img src="data:image/png;base64,AA==" alt="burn-down">',
    );
  });

  it('draw tables, rich text and markdown, numbers of any kind in them', () => {
    const table: KnownBlock = {
      type: 'table',
      rows: [[{ type: 'raw_text', text: 'symbol' }], [{ type: 'raw_number', value: 1, text: '1 <' }]],
    };
    expect(draw(table)).toContain('<td><span class="number">1 &lt;</span></td>');
    const rich: KnownBlock = {
      type: 'rich_text',
      elements: [
        {
          type: 'rich_text_section',
          elements: [
            { type: 'text', text: 'so', style: { bold: true } },
            { type: 'link', url: 'javascript:alert(1)', text: 'x' },
          ],
        },
      ],
    };
    expect(draw(rich)).toBe('<div class="rich"><div><b>so</b>x</div></div>');
    expect(draw({ type: 'markdown', text: '# One\n**two** <b>' })).toBe(
      '<div class="markdown"><b>One</b><br><b>two</b> &lt;b&gt;</div>',
    );
  });

  it('say a moment in UTC, and the words beside it when it is none', () => {
    expect(mrkdwnHtml('<!date^1392734382^{date_num} {time_secs}|then>', names)).toBe(
      '<time datetime="2014-02-18T14:39:42.000Z">2014-02-18 14:39:42 UTC</time>',
    );
    expect(mrkdwnHtml('<!date^x^{time}|then>', names)).toBe('then');
  });
});

/** The state with these words in place of every text of it; ids of the page itself and words of closed sets stay. */
function withWords(value: unknown, words: string, key = ''): unknown {
  const KEPT = [
    'type',
    'group',
    'kind',
    'state',
    'status',
    'side',
    'wallet',
    'signals',
    'tab',
    'verdict',
    'pngBase64',
  ];
  if (typeof value === 'string') return KEPT.includes(key) ? value : words;
  if (Array.isArray(value)) return value.map((one) => withWords(one, words, key));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, withWords(one, words, name)]));
}

const hostile = fc
  .array(
    fc.constantFrom(
      '<script>',
      '"',
      "'",
      '>',
      '<',
      '&lt;',
      ' onload=x ',
      '<img src=x onerror=x>',
      '`',
      '*',
      '\n',
      '<javascript:x|y>',
      '<https://a.example/"|z>',
      'a',
    ),
    { maxLength: 12 },
  )
  .map((parts) => parts.join(''));

describe('regions', () => {
  it('never let a foreign word become a tag or an attribute', () => {
    fc.assert(
      fc.property(hostile, (words) => {
        const state = calmState();
        const blocks: KnownBlock[] = [
          { type: 'header', text: plain('x') },
          {
            type: 'actions',
            block_id: 'b',
            elements: [{ type: 'button', action_id: 'a', text: plain('x') }],
          },
        ];
        state.messages = [
          { ...fromBot(blocks), files: [{ id: 'F', name: 'n', pngBase64: null, text: 't' }] },
        ];
        state.messages[0]?.reactions.push({ name: 'eyes', users: ['U0ADA'], own: false });
        state.thread = state.messages;
        state.modal = {
          id: 'V',
          view: { type: 'modal', blocks: [] },
          choices: {},
          errors: { x: 'y' },
          depth: 2,
        };
        const evil = withWords(state, words) as ConsoleState;
        for (const region of REGIONS) mustBeHarmless(regions[region](evil));
      }),
      { numRuns: 100 },
    );
  });

  it('show a first visit where to start, and say that the bot is down', () => {
    const state = calmState();
    expect(regions.messages(state)).toContain('data-scenario="feed-gap" data-start="start"');
    state.status.bot.state = 'down';
    state.status.trading = null;
    expect(regions.status(state)).toContain('BOT DOWN');
    expect(regions.status(state)).toContain('Trading: unknown');
  });
});

describe('the page', () => {
  it('has every region once, no script or style of its own, and only assets that there are', () => {
    const html = page();
    for (const region of REGIONS) expect(html.split(`data-region="${region}"`)).toHaveLength(2);
    expect(html).not.toMatch(/<style|<script>| style=| on[a-z]+=/);
    const asked = [...html.matchAll(/\/console\/assets\/([a-z.]+)/g)].map((found) => found[1]);
    expect(Object.keys(ASSETS)).toEqual(expect.arrayContaining(asked));
  });
});
