#!/usr/bin/env node
/** The command line. */

import { Command } from 'commander';
import { main, prepare, rehearse } from './main.ts';

const program = new Command('standdown').description('Stops the desk, and proves what it stopped.');

program
  .command('start', { isDefault: true })
  .description('run the bot: live with SLACK_BOT_TOKEN, a rehearsal without')
  .action(main);

program
  .command('drill')
  .description('play one incident against counterparts on this machine; exits 0 when all of it happened')
  .action(async () => {
    const prepared = prepare();
    if (prepared === null || prepared.config.mode !== 'rehearsal') {
      if (prepared !== null)
        process.stderr.write(
          'A drill on a live installation is not built yet: run it without SLACK_BOT_TOKEN.\n',
        );
      process.exitCode = 1;
      return;
    }
    // Any free port: a bot that is already up on this machine is left alone.
    process.exit(await rehearse({ ...prepared.config, port: 0 }, prepared.policy, false));
  });

await program.parseAsync();
