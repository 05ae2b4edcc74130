/**
 * Dying on purpose, for the crash tests: `STANDDOWN_FAILPOINT=name[:n]` makes the process kill itself the n-th time that
 * the named step is reached. It wraps what the engine is given; the engine knows nothing of it.
 */

import type { LiveConfig } from './config.ts';
import { isLoopback } from './configFile.ts';
import type { StandingEvent } from './domain/incident.ts';
import type { Perform } from './engine/outbox.ts';
import type { Control, Drafts, Store, Venue } from './ports.ts';

export type Failpoint = (name: string) => void;

/** A step of the kill is reached when its event is durable, and nothing has been made of it yet. */
const STEPS: Partial<Record<StandingEvent['type'], string>> = {
  KillAsked: 'kill.asked',
  KillLatched: 'kill.latched',
  VenueCancelled: 'kill.cancelled',
  VenueJudged: 'kill.judged',
};

/** The failpoint that is asked for, or undefined. Throws unless every venue is a counterpart on this machine. */
export function failpointOf(asked: string | undefined, config: LiveConfig): Failpoint | undefined {
  if (asked === undefined || asked === '') return undefined;
  const real = config.venues.find(
    ({ baseUrl }) => baseUrl === null || !isLoopback(new URL(baseUrl).hostname),
  );
  if (real !== undefined || config.venues.length === 0)
    throw new Error(
      `STANDDOWN_FAILPOINT kills the process on purpose, and ${real?.id ?? 'the venue'} is not on this machine. Unset it.`,
    );
  const [, name = asked, nth = '1'] = /^(.+):(\d+)$/.exec(asked) ?? [];
  let left = Number(nth);
  return (reached) => {
    if (reached !== name) return;
    left -= 1;
    if (left === 0) process.kill(process.pid, 'SIGKILL');
  };
}

/** After a far side has answered, and before anything is made of the answer. */
async function then<T>(answered: Promise<T>, fail: () => void): Promise<T> {
  const answer = await answered;
  fail();
  return answer;
}

export const failingVenue = (venue: Venue, fail: Failpoint): Venue => ({
  ...venue,
  cancel: (scope) => then(venue.cancel(scope), () => fail('cancel.sent')),
  read: () => then(venue.read(), () => fail('kill.read')),
  closePosition: (position, key) => then(venue.closePosition(position, key), () => fail('flatten.sent')),
});

export const failingControl = (control: Control, fail: Failpoint): Control => ({
  read: () => control.read(),
  write: (values) => then(control.write(values), () => fail('control.written')),
});

export const failingDrafts = (drafts: Drafts, fail: Failpoint): Drafts => ({
  ...drafts,
  save: (...args) => then(drafts.save(...args), () => fail('postmortem.saved')),
});

export const failingPerform =
  (perform: Perform, fail: Failpoint): Perform =>
  async (attempt) => {
    const { kind } = attempt.effect.work;
    fail(`outbox.claimed:${kind}`);
    return then(perform(attempt), () => fail(`outbox.performed:${kind}`));
  };

/** To be called before anybody else listens to the store. */
export function failAtSteps(store: Store, fail: Failpoint): void {
  store.onAppended((_stream, events) => {
    for (const event of events) {
      const step = STEPS[event.type];
      if (step !== undefined) fail(step);
    }
  });
}
