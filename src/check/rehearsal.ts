/** What a rehearsal needs, and what going live would still ask for. */

import { constants, existsSync } from 'node:fs';
import { access } from 'node:fs/promises';
import { dirname } from 'node:path';
import { reasonOf } from '../adapters/disk.ts';
import { loadConfig, type RehearsalConfig } from '../config.ts';
import { loadPolicy, SHIPPED_PLAYBOOK } from '../policy.ts';
import { fail, type Line, ok, type Probe, probe } from './line.ts';
import { judgeNode } from './machine.ts';
import { judgePolicy } from './policy.ts';
import { canListen } from './server.ts';

export function rehearsalProbes(config: RehearsalConfig | null): Probe[] {
  return [
    probe('machine.node', 'Node', async () => judgeNode(process.version)),
    probe('policy.playbook', 'Playbook', async () => judgePolicy(loadPolicy(SHIPPED_PLAYBOOK))),
    ...(config === null
      ? []
      : [
          probe('server.port', 'Port', async () =>
            (await canListen(config.host, config.port))
              ? ok(`${config.port} is free`)
              : fail(
                  `${config.port} is taken, maybe by a bot that runs`,
                  'Set PORT to another one, or 0 for any.',
                ),
          ),
          probe('machine.data', 'Folder of the rehearsal', async () => {
            let folder = config.dataDir;
            while (!existsSync(folder)) folder = dirname(folder);
            try {
              await access(folder, constants.W_OK | constants.X_OK);
              return ok(config.dataDir);
            } catch (error) {
              return fail(`${folder}: ${reasonOf(error)}`, 'Run it in a folder that you may write in.');
            }
          }),
        ]),
  ];
}

/** Every thing that a start with a token would refuse for, as warnings: a rehearsal needs none of them. */
export function goingLive(env: Record<string, string | undefined>, cwd: string): Line[] {
  const token = env['SLACK_BOT_TOKEN'] ?? '';
  // It is read, and sent nowhere.
  const live = loadConfig({
    env: { ...env, STANDDOWN_REHEARSAL: '0', SLACK_BOT_TOKEN: token === '' ? 'xoxb-none' : token },
    cwd,
  });
  const problems = live.ok ? [] : live.problems;
  const first: Line[] =
    token === ''
      ? [
          {
            id: 'live.SLACK_BOT_TOKEN',
            state: 'warn',
            what: 'To go live',
            evidence: 'SLACK_BOT_TOKEN · it is not set',
            mend: 'Make the app from manifest.yml, install it, and set the bot token (xoxb-…).',
          },
        ]
      : [];
  return [
    ...first,
    ...problems.map(
      ({ path, what, mend, file }): Line => ({
        id: `live.${path === '' ? 'file' : path}`,
        state: 'warn',
        what: 'To go live',
        evidence: `${path === '' ? file : path} · ${what}`,
        mend,
      }),
    ),
  ];
}
