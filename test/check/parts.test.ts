/** What `check` can still ask when the configuration is broken, and what it says without one. */

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { check } from '../../src/check/check.ts';
import { loadParts } from '../../src/configParts.ts';

let cwd = '';
beforeEach(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'standdown-parts-'));
});
afterEach(() => rm(cwd, { recursive: true, force: true }));

const yaml = (text: string) => writeFile(join(cwd, 'standdown.yml'), text);
const partsOf = (env: Record<string, string>) => loadParts({ env, cwd });

describe('a broken configuration', () => {
  it('each part that can be read is kept, and every problem is listed', async () => {
    await yaml(
      'slack: { channel: C0INCIDENTS }\nvenues:\n  - { id: a, exchange: bybit, apiKey: "${K}", secret: s3cretOfTheFile }\n  - { id: b }\nlimits: nonsense\n',
    );
    const { parts, problems, mode } = partsOf({ SLACK_BOT_TOKEN: 'xoxb-1', K: 'key-value-1' });
    expect(mode).toBe('live');
    expect(problems.length).toBeGreaterThan(4);
    expect(parts).toMatchObject({ slack: { botToken: 'xoxb-1', channel: 'C0INCIDENTS' }, access: null });
    expect(parts?.venues.map(({ id }) => id)).toEqual(['a']);
  });
  it('a lost bot token is no rehearsal: what is left is looked at', async () => {
    await yaml('slack: { channel: C0INCIDENTS }\n');
    expect(partsOf({ PAGERDUTY_ROUTING_KEY: 'R' })).toMatchObject({
      mode: 'live',
      parts: { slack: { botToken: null }, pagerduty: { routingKey: 'R' } },
    });
    expect(partsOf({ STANDDOWN_REHEARSAL: '1', PAGERDUTY_ROUTING_KEY: 'R' })).toMatchObject({
      mode: 'rehearsal',
      parts: null,
    });
  });
  it('no secret is sent in the open: what start refuses is not asked', async () => {
    await yaml('issues: { github: a/b }\n');
    const { parts } = partsOf({
      SLACK_BOT_TOKEN: 'xoxb-1',
      SLACK_API_URL: 'http://slack.example/api/',
      GITHUB_TOKEN: 'ghp_1',
      GITHUB_API_URL: 'http://github.example',
      PAGERDUTY_API_SERVER: 'evil.example/path?',
    });
    expect(parts).toMatchObject({
      slack: { botToken: null },
      issues: { token: null },
      pagerduty: { apiServer: null },
    });
  });
  it.each([
    '',
    '[]',
    'a: [',
    '__proto__: { slack: 1 }',
    'venues: { a: 1 }\nslack: 7',
    '\0',
    'x: '.repeat(200),
  ])('nothing that stands in the file breaks it: %j', async (text) => {
    await yaml(text);
    const { parts, problems } = partsOf({ SLACK_BOT_TOKEN: 'xoxb-1' });
    expect(parts?.venues).toEqual([]);
    expect(problems.length).toBeGreaterThan(0);
  });
  it('secrets of the file and of the environment are known to the mask', async () => {
    await yaml('venues: [{ id: a, exchange: bybit, apiKey: "${K}", secret: s3cretOfTheFile }]\n');
    const { secrets } = partsOf({
      SLACK_BOT_TOKEN: 'xoxb-1',
      K: 'key-value-1',
      SMTP_URL: 'smtp://u:p%40ss-word@mail.example',
      STANDDOWN_TOKEN: 'one-token,two-token',
    });
    for (const secret of [
      'key-value-1',
      's3cretOfTheFile',
      'xoxb-1',
      'p@ss-word',
      'p%40ss-word',
      'two-token',
    ])
      expect(secrets).toContain(secret);
  });
});

describe('without a live configuration', () => {
  it('says what a rehearsal needs, and what going live still asks', async () => {
    const { ok, lines } = await check({ env: { PORT: '0' }, cwd });
    expect(ok).toBe(true);
    expect(lines.filter(({ state }) => state === 'ok').map(({ id }) => id)).toEqual([
      'config.file',
      'machine.node',
      'policy.playbook',
      'server.port',
      'machine.data',
    ]);
    const asked = lines.filter(({ what }) => what === 'To go live').map(({ id }) => id);
    expect(asked).toEqual(
      expect.arrayContaining(['live.SLACK_BOT_TOKEN', 'live.PAGERDUTY_ROUTING_KEY', 'live.STANDDOWN_TOKEN']),
    );
    expect(JSON.stringify(lines)).not.toContain('xoxb-none');
  });
});
