import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  cleanLine,
  escapeHtml,
  escapeMarkdown,
  escapeText,
  renderInTurns,
  renderTemplate,
  type TemplateKind,
} from '../../src/adapters/liquid.ts';

const render = (template: string, kind: TemplateKind, view: object): string => {
  const rendered = renderTemplate(template, kind, view);
  return rendered.ok ? rendered.text : `FAILED ${rendered.failure.line}:${rendered.failure.what}`;
};

describe('Markdown', () => {
  test.each([
    ['a link', '[runbook](http://evil)', '\\[runbook\\](http:\u200b//evil)'],
    ['a link that is closed early', 'x](http://evil)', 'x\\](http:\u200b//evil)'],
    ['an image', '![x](y)', '!\\[x\\](y)'],
    ['a bare address', 'see www.evil.com', 'see www\u200b.evil.com'],
    ['code', 'a `b` c', 'a \\`b\\` c'],
    ['a fence', '```\nx\n```', '\\`\\`\\` x \\`\\`\\`'],
    ['another fence', '~~~', '\\~\\~\\~'],
    ['HTML', '<img src=x onerror=alert(1)>', '&lt;img src=x onerror=alert(1)&gt;'],
    ['an entity', '&lt;b&gt;', '&amp;lt;b&amp;gt;'],
    ['a table cell', 'a | b', 'a \\| b'],
    ['a table row', 'a |\n| b', 'a \\| \\| b'],
    ['an escaped pipe', 'a \\| b', 'a \\\\\\| b'],
    ['a heading', '# x', '\\# x'],
    ['a heading on the next line', 'x\n# y', 'x # y'],
    ['an underline', 'x\n===', 'x ==='],
    ['a list', '- x', '\\- x'],
    ['a numbered list', '1. x', '1\\. x'],
    ['a quotation', '> x', '&gt; x'],
    ['emphasis', '*a* _b_', '\\*a\\* \\_b\\_'],
    ['a mention', '@channel <!channel> <@U1>', '@\u200bchannel &lt;!channel&gt; &lt;@\u200bU1&gt;'],
    ['a formula', '=HYPERLINK("x")', '\\=HYPERLINK("x")'],
    ['mathematics', '$x$', '\\$x\\$'],
    ['right-to-left marks', 'a\u202Eb\u2066c\u200Fd', 'abcd'],
    ['control characters', 'a\u0000b\u001b[2J\u0085c', 'a b \\[2J c'],
    ['line separators', 'a\u2028b\u2029c', 'a b c'],
    ['a lone surrogate', 'a\ud800b', 'a\ufffdb'],
    ['hidden tags', 'a\u{e0041}b', 'ab'],
  ])('%s is shown as it was written', (_what, text, shown) => {
    expect(escapeMarkdown(text)).toBe(shown);
    expect(render('{{ text }}', 'markdown', { text })).toBe(shown);
  });

  test('what needs no escaping stays as it is', () => {
    for (const text of [
      'PM_20260101_001',
      'KILL_SWITCH=1',
      '0.84 s',
      'BTC/USDT:USDT',
      '2026-11-22 14:05:02 UTC',
    ])
      expect(escapeMarkdown(text)).toBe(text);
  });

  test('no value, whatever it is, leaves its table cell', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (text) => {
        const row = render('| {{ text }} | end |', 'markdown', { text });
        expect(row).not.toMatch(/[\n\r\u2028\u2029]/);
        // Pipes that no backslash escapes: the three of the row itself.
        const bare = row.replace(/\\./gsu, '').match(/\|/g);
        expect(bare).toHaveLength(3);
        expect(row).not.toMatch(/[<>]/);
        expect(row.endsWith(' | end |')).toBe(true);
      }),
      { numRuns: 1_000 },
    );
  });
});

describe('HTML and text', () => {
  test('nothing in a value is markup', () => {
    expect(escapeHtml(`<b a="1" c='2'>&amp;`)).toBe('&lt;b a=&quot;1&quot; c=&#39;2&#39;&gt;&amp;amp;');
    expect(render('<a title="{{ x }}">', 'html', { x: '"><script>' })).toBe(
      '<a title="&quot;&gt;&lt;script&gt;">',
    );
  });

  test('a formula is prefixed, a number is not', () => {
    expect(escapeText('=HYPERLINK("http://evil")')).toBe('\'=HYPERLINK("http:\u200b//evil")');
    expect(escapeText('+1+cmd|x')).toBe("'+1+cmd|x");
    expect(escapeText('@SUM(A1)')).toBe("'@\u200bSUM(A1)");
    expect(escapeText('-3.10 USDT')).toBe('-3.10 USDT');
    expect(escapeHtml('=1')).toBe('&#39;=1');
  });

  test('a subject is one line, whatever is in it', () => {
    expect(render('{{ a }}\r\nX: y\n', 'subject', { a: 'x\r\nBcc: evil@example.com' })).toBe(
      'x Bcc: evil@example.com X: y',
    );
    expect(render('{{ a }}', 'subject', { a: 'x'.repeat(5_000) })).toHaveLength(200);
  });
});

describe('a long list', () => {
  const template =
    '{% for row in rows %}| {{ row.n }} | {{ row.what }} |{% if row.link %} x{% endif %}\n{% endfor %}';
  const rows = Array.from({ length: 5_000 }, (_, n) => ({ n, what: `a *b* ${n}`, link: n % 2 ? 'l' : null }));

  test('is rendered in turns, and comes out the same', async () => {
    let turns = 0;
    let isOver = false;
    const others = (): void => {
      turns += 1;
      if (!isOver) setImmediate(others);
    };
    others();
    const rendered = await renderInTurns(template, 'markdown', { rows }, 'rows');
    isOver = true;
    expect(rendered).toEqual(renderTemplate(template, 'markdown', { rows }));
    expect(turns).toBeGreaterThan(200);
  });

  test('that fails says where, as any other', async () => {
    const bad = '{% for row in rows %}{{ row.absent }}{% endfor %}';
    expect(await renderInTurns(bad, 'markdown', { rows }, 'rows')).toEqual(
      renderTemplate(bad, 'markdown', { rows }),
    );
  });
});

describe('a template', () => {
  test.each([
    ['an unknown variable', 'a\n{{ nothing }}', 2, 'undefined variable: nothing'],
    ['an unknown part', '{{ view.nothing }}', 1, 'undefined variable: view.nothing'],
    ['a prototype', '{{ text.constructor }}', 1, 'undefined variable: text.constructor'],
    ['an unknown filter', '{{ text | shout }}', 1, 'undefined filter: shout'],
    ['a list printed whole', '{{ list }}', 1, 'this is a list or a map: print its parts'],
    ['an open tag', '{% if text %}', 1, 'tag {% if text %} not closed'],
    ['a file', '\n\n{% include "/etc/passwd" %}', 3, 'ENOENT: Failed to lookup "/etc/passwd" in "."'],
    [
      'a file above',
      '{% render "../../package.json" %}',
      1,
      'ENOENT: Failed to lookup "../../package.json" in "."',
    ],
    ['a layout', '{% layout "x" %}', 1, 'ENOENT: Failed to lookup "x" in "."'],
    ['an endless loop', '{% for i in (1..1000000000) %}x{% endfor %}', 1, 'memory alloc limit exceeded'],
  ])('that has %s fails, with its line', (_what, template, line, what) => {
    const rendered = renderTemplate(template, 'markdown', { text: 'x', list: ['a'], view: { a: null } });
    expect(rendered).toMatchObject({
      ok: false,
      failure: { line, what: `The template cannot be rendered: ${what}.` },
    });
  });

  test('of any size fails rather than hang', () => {
    expect(renderTemplate('x'.repeat(300_000), 'text', {})).toMatchObject({ ok: false });
    expect(renderTemplate('{% if true %}'.repeat(5_000), 'text', {})).toMatchObject({ ok: false });
  });

  test('cannot switch the escaping off', () => {
    expect(render('{{ x | raw }} {{ x | md | raw }}', 'markdown', { x: '<b>' })).toBe('&lt;b&gt; &lt;b&gt;');
    expect(render('{% echo x %}{% capture y %}{{ x }}{% endcapture %}{{ y }}', 'html', { x: '<' })).toBe(
      '&lt;&amp;lt;',
    );
  });

  test('a value is never a template', () => {
    expect(render('{{ x }}', 'text', { x: '{{ secret }}{% include "x" %}', secret: 's' })).toBe(
      '{{ secret }}{% include "x" %}',
    );
  });

  test('shows what nobody said as a blank with its owner', () => {
    expect(render('{{ x | todo: who }}', 'markdown', { x: null, who: '<Ada>' })).toBe(
      'TODO (owner: &lt;Ada&gt;)',
    );
    expect(render('{{ x | todo: "me" }} {{ y | todo: "me" }}', 'text', { x: '', y: '0' })).toBe(
      'TODO (owner: me) 0',
    );
  });

  test('links only http(s) addresses without a user', () => {
    const link = (x: string, kind: TemplateKind) => render('{{ x | url }}', kind, { x });
    expect(link('https://a.example/p?x=1&y=(2)', 'markdown')).toBe('<https://a.example/p?x=1&y=%282%29>');
    expect(link('https://a.example/p?x=1&y=2', 'html')).toBe('https://a.example/p?x=1&amp;y=2');
    expect(link('https://a.example/">', 'html')).toBe('https://a.example/%22%3E');
    expect(link('javascript:alert(1)', 'html')).toBe('javascript:alert(1)');
    expect(link('javascript:alert("1")', 'html')).not.toContain('"');
    expect(link('https://good.example@evil.example/', 'markdown')).not.toContain('<https');
    expect(link('x> <b', 'markdown')).toBe('x&gt; &lt;b');
  });
});

test('a value is cut at 3,000 characters, and says so, without breaking a character', () => {
  expect(cleanLine('a'.repeat(3_010))).toBe(`${'a'.repeat(3_000)}… (10 more)`);
  expect(cleanLine(`${'a'.repeat(2_999)}😀bc`)).toBe(`${'a'.repeat(2_999)}… (4 more)`);
});
