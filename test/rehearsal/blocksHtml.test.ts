import type { KnownBlock } from '@slack/types';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { blocksHtml } from '../../src/rehearsal/console/page/blocks.ts';
import { still } from '../../src/rehearsal/console/page/drawing.ts';
import { escapeHtml, mrkdwnHtml } from '../../src/rehearsal/console/page/mrkdwn.ts';

const names = {
  user: (id: string) => (id === 'U1' ? 'Ada' : id),
  channel: (id: string) => (id === 'C1' ? 'incidents' : id),
  usergroup: (id: string) => (id === 'S1' ? 'desk-oncall' : id),
};
const mrkdwn = (text: string) => mrkdwnHtml(text, names);
const plain = (text: string) => ({ type: 'plain_text' as const, text });

describe('mrkdwn as HTML', () => {
  it.each([
    ['*bold* and _italic_ and ~gone~', '<b>bold</b> and <i>italic</i> and <s>gone</s>'],
    ['*_both_*', '<b><i>both</i></b>'],
    ['*KILL*: now', '<b>KILL</b>: now'],
    ['2 * 3 * 4, a_b_c, *open', '2 * 3 * 4, a_b_c, *open'],
    ['*over\nlines*', '*over<br>lines*'],
    ['`*not bold* <@U1>`', '<code>*not bold* &lt;@U1&gt;</code>'],
    ['```one\n&lt;two&gt;```', '<pre>one<br>&lt;two&gt;</pre>'],
    ['a &lt; b &amp;&amp; c &gt; d', 'a &lt; b &amp;&amp; c &gt; d'],
    ['R&D &copy; &quot;', 'R&amp;D &amp;copy; &amp;quot;'],
    ['<@U1> in <#C1>', '<span class="mention">@Ada</span> in <span class="mention">#incidents</span>'],
    ['<!subteam^S1>', '<span class="mention">@desk-oncall</span>'],
    ['<!here>', '<span class="mention">@here</span>'],
    [
      '<https://a.example/?x=1&amp;y=2|graph>',
      '<a href="https://a.example/?x=1&amp;y=2" rel="noreferrer noopener">graph</a>',
    ],
    ['*<https://a.example|graph>*', '<b><a href="https://a.example" rel="noreferrer noopener">graph</a></b>'],
  ])('%s', (text, html) => {
    expect(mrkdwn(text)).toBe(html);
  });

  it.each([
    'javascript:alert(1)',
    'data:text/html,x',
    'file:///etc/passwd',
    ' javascript:alert(1)',
    'nothing',
  ])('makes no link of %s', (address) => {
    expect(mrkdwn(`<${address}|click>`)).toBe('click');
  });

  it('keeps a quote inside an address within its attribute', () => {
    const html = mrkdwn('<https://a.example/"onmouseover="alert(1)|x>');
    expect(html).toBe(
      '<a href="https://a.example/&quot;onmouseover=&quot;alert(1)" rel="noreferrer noopener">x</a>',
    );
  });
});

describe('blocks as HTML', () => {
  it('draws what Standdown posts', () => {
    const blocks: KnownBlock[] = [
      { type: 'header', text: plain('P0 <b>') },
      {
        type: 'section',
        text: { type: 'mrkdwn', text: '*Trading*' },
        fields: [plain('one'), { type: 'mrkdwn', text: '_two_' }],
      },
      { type: 'context', elements: [{ type: 'mrkdwn', text: 'INC-1' }, plain('two')] },
      { type: 'divider' },
      {
        type: 'actions',
        elements: [
          { type: 'button', action_id: 'a', text: plain('Kill…'), style: 'danger' },
          { type: 'button', action_id: 'b', text: plain('Ack'), style: 'primary' },
          { type: 'button', action_id: 'c', text: plain('Resolve') },
        ],
      },
      { type: 'image', image_url: 'https://a.example/x.png', alt_text: 'burn-down' },
    ];
    expect(blocksHtml(blocks, still(names)).split('\n')).toEqual([
      '<h3 class="header">P0 &lt;b&gt;</h3>',
      '<div class="section"><div><b>Trading</b></div><div class="fields"><div>one</div><div><i>two</i></div></div></div>',
      '<div class="context"><span>INC-1</span><span>two</span></div>',
      '<hr class="divider">',
      '<div class="actions"><button type="button" class="button danger">Kill…</button><button type="button" class="button primary">Ack</button><button type="button" class="button">Resolve</button></div>',
      '<div class="unshown">image: burn-down</div>',
    ]);
  });

  it('names a block that it does not draw, and fetches none', () => {
    const file: KnownBlock = { type: 'file', source: 'remote', external_id: '<b>' };
    expect(blocksHtml([file], still(names))).toBe('<div class="unshown">file</div>');
    const image: KnownBlock = {
      type: 'context',
      elements: [{ type: 'image', image_url: 'https://a.example/x.png', alt_text: '"><script>' }],
    };
    expect(blocksHtml([image], still(names))).not.toContain('a.example');
  });
});

/** Pieces that break careless renderers. */
const PIECES = [
  '<script>',
  '</script>',
  '<img src=x onerror=alert(1)>',
  '"',
  "'",
  '>',
  '<',
  '&',
  '&lt;',
  '&amp;lt;',
  '&#60;script&#62;',
  '" onmouseover="x',
  "' onclick='x",
  '<https://a.example/',
  '|',
  '<@',
  '<!',
  '<#',
  '`',
  '```',
  '*',
  '_',
  '~',
  '\n',
  '<javascript:alert(1)|',
  '<!subteam^',
  '-->',
  ']]>',
  '\u0000',
];

/** Pieces with anything at all between them. */
const hostile = fc
  .array(fc.oneof(fc.constantFrom(...PIECES), fc.string({ unit: 'grapheme', maxLength: 8 })), {
    maxLength: 30,
  })
  .map((parts) => parts.join(''));

/** Every tag that may come out, whole: name, attributes and their quoting. */
const TAG =
  /<(?:\/?(?:b|i|s|code|pre|a|span|div|h3|button)|br|hr class="divider"|span class="(?:mention|unshown)"|h3 class="header"|div class="(?:section|fields|context|actions|unshown)"|button type="button" class="button(?: primary| danger)?"|a href="https?:[^"<>]*" rel="noreferrer noopener")>/g;

function mustBeHarmless(html: string): void {
  const text = html.replace(TAG, '');
  expect(text).not.toMatch(/[<>"']/);
  expect(text.replace(/&(?:amp|lt|gt|quot|#39);/g, '')).not.toContain('&');
}

describe('hostile text', () => {
  it('never becomes a tag, an attribute or an entity of its own', () => {
    fc.assert(
      fc.property(hostile, (text) => mustBeHarmless(mrkdwn(text))),
      { numRuns: 3_000 },
    );
  });

  it('is harmless in every place of a block', () => {
    fc.assert(
      fc.property(hostile, hostile, (one, two) => {
        const blocks: KnownBlock[] = [
          { type: 'header', text: plain(one) },
          { type: 'section', text: { type: 'mrkdwn', text: two }, fields: [plain(two)] },
          {
            type: 'context',
            elements: [
              { type: 'mrkdwn', text: one },
              { type: 'image', image_url: one, alt_text: two },
            ],
          },
          { type: 'actions', elements: [{ type: 'button', action_id: one, text: plain(two), value: one }] },
          { type: 'image', image_url: one, alt_text: two },
        ];
        mustBeHarmless(
          blocksHtml(blocks, still({ user: () => one, channel: () => two, usergroup: () => one })),
        );
      }),
      { numRuns: 500 },
    );
  });

  it('is not made of names either', () => {
    const evil = { ...names, user: () => '<script>', channel: () => '"', usergroup: () => "'" };
    expect(mrkdwnHtml('<@U9> <#C9> <!subteam^S9>', evil)).toBe(
      '<span class="mention">@&lt;script&gt;</span> <span class="mention">#&quot;</span> <span class="mention">@&#39;</span>',
    );
  });

  it('costs no more than its length allows', () => {
    const startedAt = performance.now();
    for (const mark of ['*', '_', '`', '<', '&', ' *a', '*_~ ']) mrkdwn(mark.repeat(3_000 / mark.length));
    expect(performance.now() - startedAt).toBeLessThan(2_000);
  });

  it('loses no text: what was said can be read back', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 60 }), (text) => {
        const typed = text
          .replace(/[*_~`]/g, '')
          .replaceAll('&', '&amp;')
          .replaceAll('<', '&lt;')
          .replaceAll('>', '&gt;');
        const shown = escapeHtml(text.replace(/[*_~`]/g, '')).replaceAll('\n', '<br>');
        expect(mrkdwn(typed)).toBe(shown);
      }),
    );
  });
});
