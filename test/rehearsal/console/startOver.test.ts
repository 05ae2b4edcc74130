/** Starting over ends in a state that is known, whatever fails in it, and waits for what is under way. */

import { describe, expect, it } from 'vitest';
import { createStartOver, type StartOverSteps } from '../../../src/rehearsal/console/startOver.ts';

function desk(over: Partial<StartOverSteps> = {}) {
  const done: string[] = [];
  const step = (name: string) => async () => void done.push(name);
  const steps = { end: [step('end')], close: step('close'), set: step('set'), begin: step('begin'), ...over };
  return { done, startOver: createStartOver(steps, 'Mend it.') };
}
const fails = (words: string) => () => Promise.reject(new Error(words));

describe('starting over', () => {
  it('goes on though a switch cannot be lifted and the old outside does not close', async () => {
    const { done, startOver } = desk({
      end: [fails('stuck'), async () => void done.push('bot')],
      close: fails('no'),
    });
    await startOver.run();
    expect(done).toEqual(['bot', 'set', 'begin']);
    expect(startOver.holds()).toBeNull();
  });

  it('two at once are one', async () => {
    const { done, startOver } = desk();
    await Promise.all([startOver.run(), startOver.run()]);
    expect(done).toEqual(['end', 'close', 'set', 'begin']);
  });

  it('waits for an act that is under way, however it ends, before the new desk is set', async () => {
    const { done, startOver } = desk();
    let fail: (error: Error) => void = () => undefined;
    const act = startOver.during(new Promise((_done, reject) => (fail = reject)));
    const over = startOver.run();
    await expect.poll(() => done).toEqual(['end', 'close']);
    fail(new Error('its bot is gone'));
    await expect(act).rejects.toThrow('its bot is gone');
    await over;
    expect(done).toEqual(['end', 'close', 'set', 'begin']);
  });

  it('without a new outside it holds acts back, and says what to do; the next one may go well', async () => {
    let set: StartOverSteps['set'] = fails('ENOSPC: no space left');
    const { startOver } = desk({ set: () => set() });
    const words = 'Could not start over: ENOSPC: no space left. Mend it.';
    await expect(startOver.run()).rejects.toThrow(words);
    expect(startOver.holds()).toBe(words);
    set = async () => undefined;
    await startOver.run();
    expect(startOver.holds()).toBeNull();
  });

  it('without the bot it says so, and the desk is there to act on', async () => {
    const { startOver } = desk({ begin: fails('The bot did not start: no playbook') });
    await expect(startOver.run()).rejects.toThrow(
      'Started over, but without the bot: The bot did not start: no playbook. Press “Start the bot”.',
    );
    expect(startOver.holds()).toBeNull();
  });
});
