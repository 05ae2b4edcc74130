/** The bot of a rehearsal, as a process of its own: told by its parent what to run with, and gone when the parent is. */

import { Agent } from 'node:https';
import { sayProblem } from './adapters/yaml.ts';
import { type Bot, startBot } from './bot.ts';
import type { LiveConfig } from './config.ts';
import { loadPolicy } from './policy.ts';
import type { BotAnswer } from './rehearsal/console/botProcess.ts';

/** The one message that the parent sends. */
export interface BotOrder {
  config: LiveConfig;
  /** PEM: what PagerDuty's counterpart shows. */
  pagerCa: string;
}

const answer = (said: BotAnswer): void => void process.send?.(said);

let bot: Bot | null = null;
let ending = false;

async function run({ config, pagerCa }: BotOrder): Promise<void> {
  const policy = loadPolicy(config.playbookFile);
  if (!policy.ok) throw new Error(policy.problems.map(sayProblem).join(' '));
  bot = await startBot({
    config,
    policy: policy.policy,
    drill: true,
    pagerAgent: new Agent({ ca: pagerCa, keepAlive: true }),
  });
  answer({ url: bot.url });
}

function end(): void {
  if (ending) return;
  ending = true;
  (bot?.stop() ?? Promise.resolve()).then(
    () => process.exit(0),
    () => process.exit(1),
  );
}

process.once('message', (order) => {
  run(order as BotOrder).catch((error: unknown) =>
    answer({ failed: error instanceof Error ? error.message : String(error) }),
  );
});
// Without its parent it has no outside any more, and nobody who could end it.
process.once('disconnect', () => process.exit(1));
process.on('SIGTERM', end);
process.on('SIGINT', end);
