/** An issue's text: nothing that people wrote becomes a mention, a reference, a link, a picture or HTML at GitHub. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { evolveAll, type Incident, type StandingEvent } from '../../src/domain/incident.ts';
import { issueDraft } from '../../src/render/issue.ts';
import { ID, nasty, T0 } from './hostile.ts';

const GITHUB = [
  '@octocat @org/team fixes #1 closes GH-2 resolves o/r#3',
  'https://github.com/o/r/issues/1 ![x](https://evil.example/x.png) [y](javascript:alert(1)) <img src=x>',
  `<!-- standdown:${ID}/A2 -->`,
  '--> <script>x</script> <!--',
  '````\n@octocat\n````\n#1',
  '```\n```text\n@octocat #1',
  '~~~\n@octocat\n~~~',
  '` @octocat `` #1 ```',
  '| a | `b | @octocat |\n|---|\n| x |',
  '\n\n# heading\n\n- [ ] @octocat\n\n> #1',
  '\r\r@octocat\r\n\u2028@octocat\u0085#1',
  '    @octocat',
  '\\`@octocat\\`',
];
const text = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(...GITHUB) },
  {
    weight: 1,
    arbitrary: fc
      .array(fc.constantFrom(...GITHUB), { minLength: 2, maxLength: 4 })
      .map((parts) => parts.join('')),
  },
  { weight: 2, arbitrary: nasty },
);

function incidentWith(said: {
  title: string;
  text: string;
  owner: string;
  priority: string;
  due: string;
  name: string;
}): Incident {
  const by = { via: 'slack' as const, id: 'U1', name: said.name };
  const events: StandingEvent[] = [
    {
      type: 'IncidentOpened',
      at: T0,
      by,
      id: ID,
      title: said.title,
      severity: 'P1',
      origin: 'person',
      runbook: null,
      drill: true,
    },
    {
      type: 'Posted',
      at: T0,
      by,
      what: 'headline',
      channel: 'C1',
      ts: '1.1',
      permalink: 'https://t0.slack.com/archives/C1/p11',
    },
    {
      type: 'ActionItemAdded',
      at: T0,
      by,
      id: 'A1',
      text: said.text,
      owner: said.owner,
      priority: said.priority,
      due: said.due,
    },
  ];
  const incident = evolveAll(undefined, events);
  if (incident === undefined) throw new Error('no incident');
  return incident;
}

/**
 * What of a body is no code to CommonMark: fences are closed by a line of at least as many back-ticks and nothing else,
 * spans by a run of as many.
 */
function outsideCode(body: string): string {
  const out: string[] = [];
  let fence: number | null = null;
  for (const line of body.split(/\r\n?|\n/)) {
    if (fence !== null) {
      const close = /^ {0,3}(`{3,})[ \t]*$/.exec(line)?.[1];
      if (close !== undefined && close.length >= fence) fence = null;
      continue;
    }
    const open = /^ {0,3}(`{3,})[^`]*$/.exec(line)?.[1];
    if (open !== undefined) fence = open.length;
    else out.push(line.replace(/(?<!`)(`+)(?!`)(.*?)(?<!`)\1(?!`)/g, 'CODE'));
  }
  if (fence !== null) out.push('NEVER CLOSED');
  return out.join('\n');
}

const HARMLESS = outsideCode(
  issueDraft(incidentWith({ title: 't', text: 'x', owner: 'o', priority: 'p', due: 'd', name: 'n' }), 'A1')
    ?.body ?? '',
);

describe('an issue', () => {
  it('has nothing of what people wrote outside of code, and its own mark once, at the end', () => {
    fc.assert(
      fc.property(
        fc.record({ title: text, text, owner: text, priority: text, due: text, name: text }),
        (said) => {
          const draft = issueDraft(incidentWith(said), 'A1');
          if (draft === null) throw new Error('no draft');
          expect(outsideCode(draft.body)).toBe(HARMLESS);
          expect(draft.body.endsWith(`\n${draft.mark}\n`)).toBe(true);
          expect(draft.body.length).toBeLessThan(30_000);
          expect(draft.title.length).toBeLessThanOrEqual(256);
          expect(draft.title).toMatch(/^DRILL · /);
          expect(draft.title).not.toMatch(/[@#][\w-]|GH-\d|:\/\/|[\n\r]|<[a-z!/]|\]\(/i);
        },
      ),
      { numRuns: 400 },
    );
  });

  it('reads well', () => {
    const draft = issueDraft(
      incidentWith({
        title: 'Orders hang',
        text: 'Add a canary',
        owner: 'grace',
        priority: 'high',
        due: '2026-12-01',
        name: 'ada',
      }),
      'A1',
    );
    expect(draft).toMatchObject({ title: `DRILL · Add a canary (${ID})`, labels: ['standdown', 'DRILL'] });
    expect(draft?.body).toBe(`**DRILL**: nothing of this happened.

\`\`\`text
Add a canary
\`\`\`

- Owner: \`grace\`
- Priority: \`high\`
- Due: \`2026-12-01\`
- Incident: \`${ID} P1 Orders hang\`
- Postmortem: \`not drafted yet\`
- Slack thread: <https://t0.slack.com/archives/C1/p11>

Filed by Standdown, noted by \`ada\` at 2026-11-22 14:00:00 UTC. Close this issue when it is done: the postmortem shows it.

<!-- standdown:${ID}/A1 -->
`);
  });

  it('is none where there is no such item', () => {
    expect(
      issueDraft(incidentWith({ title: '', text: '', owner: '', priority: '', due: '', name: '' }), 'A2'),
    ).toBeNull();
  });
});
