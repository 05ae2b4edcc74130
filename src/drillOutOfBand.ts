/** `standdown drill <scenario>` on a live installation: the server runs it, and this waits for its result. */

import { systemClock } from './adapters/clock.ts';
import { SCENARIOS, TIME_WORDS } from './domain/drill/gameDay.ts';
import { ask, caller, detailOf, EXIT, type Out } from './outOfBand.ts';

/** The longest limit of a drill is the acknowledgement of a P1; a minute for what follows. */
const RESULT_MS = 16 * 60_000;
const ANSWER_MS = 10_000;

interface Listed {
  incident: string;
  drill: string;
  scenario: string;
  passed: boolean;
  why: string;
  ended: string;
  at: string;
  times: { id: keyof typeof TIME_WORDS; ms: number | null; limitMs: number | null; state: string }[];
}

async function listed({ config }: Out): Promise<Listed[] | string> {
  const asked = await ask(config, 'GET', '/drills', null, ANSWER_MS);
  if (asked.state === 'silent') return `The server does not answer (${asked.why}).`;
  if (asked.status !== 200) return `The server answers ${asked.status}: ${detailOf(asked.json)}`;
  return (asked.json['drills'] as Listed[] | undefined) ?? [];
}

const lineOf = ({ at, drill, scenario, passed, ended }: Listed): string =>
  `${at}  ${drill}  ${scenario}  ${passed ? 'passed' : 'NOT passed'} (${ended})`;

export async function askForDrill(out: Out, scenario: string): Promise<number> {
  const { say } = out;
  if (scenario === 'list') {
    const drills = await listed(out);
    if (typeof drills === 'string') {
      say(drills);
      return EXIT.refused;
    }
    for (const one of drills) say(lineOf(one));
    if (drills.length === 0) say('No drill was run yet.');
    return EXIT.done;
  }
  if (!SCENARIOS.some((one) => one === scenario)) {
    say(`There is no scenario ${scenario}: ${SCENARIOS.join(', ')}, or list.`);
    return EXIT.usage;
  }
  const asked = await ask(out.config, 'POST', '/drill', { scenario, actor: caller().name }, ANSWER_MS);
  if (asked.state === 'silent') {
    say(
      `The server does not answer (${asked.why}): a drill runs only through it. Whether one began is not known.`,
    );
    return EXIT.refused;
  }
  if (asked.status !== 202) {
    say(`Refused: ${detailOf(asked.json)}`);
    return EXIT.refused;
  }
  const incident = String(asked.json['incident']);
  say(
    `DRILL ${String(asked.json['drill'])} runs in ${incident}: acknowledge its test page, where one is sent.`,
  );
  const until = systemClock.monotonic() + RESULT_MS;
  while (systemClock.monotonic() < until) {
    const drills = await listed(out);
    const done = typeof drills === 'string' ? undefined : drills.find((one) => one.incident === incident);
    if (done !== undefined) return told(out, done);
    await systemClock.wait(1_000);
  }
  say(`It has no result yet: see ${incident}.`);
  return EXIT.unknown;
}

function told({ say }: Out, done: Listed): number {
  for (const { id, ms, limitMs, state } of done.times)
    say(
      `${state.padEnd(9)} ${TIME_WORDS[id]}: ${ms === null ? 'not seen' : `${ms} ms`}${limitMs === null ? '' : `, limit ${limitMs} ms`}`,
    );
  say(
    `${done.drill} ${done.passed ? 'passed' : 'NOT passed'} (${done.ended}${done.why === '' ? '' : `: ${done.why}`})`,
  );
  return done.passed ? EXIT.done : EXIT.residual;
}
