/** How a person begins a drill in Slack. */

import { CAST } from '../../src/rehearsal/stage.ts';
import type { InProcess } from './desk.ts';
import { said } from './reading.ts';

/** `/incident drill …`, and what is answered. */
export const askDrill = async (desk: InProcess, text: string, who: keyof typeof CAST = 'ada') =>
  said(await desk.stage.slack.say(CAST[who].id, `/incident drill ${text}`));

/** The id of the drill's incident. The bot looks at what is there once a second, and refuses in words meanwhile. */
export async function beginDrill(desk: InProcess, scenario: string): Promise<string> {
  for (;;) {
    const answer = await askDrill(desk, scenario);
    if (answer.includes('starting or stopping')) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      continue;
    }
    const id = /INC-\d{8}-\d{3}/.exec(answer)?.[0];
    if (id === undefined || !answer.includes('has begun')) throw new Error(answer);
    return id;
  }
}
