/** Lifting the kill latch: ask, approve, read the venues once more, put it on record, and only then write 0. */

import { Refusal } from '../domain/decide.ts';
import type { Actor, Incident } from '../domain/incident.ts';
import { STANDDOWN } from '../domain/incident.ts';
import { judgeVenue, type VenueVerdict, worstVerdict } from '../domain/kill.ts';
import type { GateRules } from '../domain/resume.ts';
import type { Clock, Control, Log, Venue } from '../ports.ts';
import { type KillExecutor, readVenue } from './kill.ts';
import type { Ledger } from './ledger.ts';

export interface RecoveryRun {
  exitCode: number | null;
  output: string;
  reason: string | null;
  ms: number;
}

export interface ResumeDeps {
  ledger: Ledger;
  clock: Clock;
  control: Control;
  venues: Venue[];
  executor: Pick<KillExecutor, 'stop' | 'readNow'>;
  rules: GateRules;
  /** Hard-stop criteria that are not known to be fine. */
  criteriaNotOk(): string[];
  /** Throws Refusal where the desk is not ready, and must be before anything is loosened. */
  mayLoosen(): void;
  /** null: turned off. `expect` must stand in the output. */
  recovery: { run(): Promise<RecoveryRun>; expect: string } | null;
  newId(): string;
  log: Log;
}

export interface Resume {
  /** Ask for it. Throws Refusal with what is missing and who can supply it. */
  ask(by: Actor, reason: string, startingValue: string): Promise<Incident>;
  /** Approve it. The last approval starts the reading of the venues and, if it holds, the lifting. */
  approve(by: Actor, incident: string, resume: string): Promise<{ enough: boolean; done: Promise<void> }>;
  /** Throws a Refusal at once when it is off or runs already. */
  runRecovery(by: Actor, incident: string): Promise<boolean>;
}

export function createResume(deps: ResumeDeps): Resume {
  const { ledger, clock, control, venues, executor, rules, log } = deps;

  async function latched(): Promise<Incident> {
    const { latch } = ledger.trading();
    const incident = latch === null ? undefined : await ledger.load(latch.incident);
    if (incident === undefined)
      throw new Refusal('not_latched', 'Nothing is latched: trading is not killed.');
    return incident;
  }

  /** Why the reading after the last approval does not allow it, or null. */
  function objection(incident: Incident, verdicts: VenueVerdict[]): string | null {
    const bad = verdicts.filter(({ verdict }) => verdict === 'UNKNOWN');
    if (bad.length > 0)
      return `read again after the last approval: ${bad.map(({ venue, reason }) => `${venue} UNKNOWN (${reason ?? ''})`).join(', ')}`;
    const orders = verdicts.flatMap((one) => one.orders);
    if (orders.length > 0) return `read again after the last approval: ${orders.length} order(s) are live`;
    const { latch } = ledger.trading();
    const kill = latch?.kill === undefined || latch.kill === null ? undefined : incident.kills[latch.kill];
    if (worstVerdict(verdicts.map(({ verdict }) => verdict)) === 'RESIDUAL' && kill?.accepted === null) {
      return 'read again after the last approval: exposure is left that nobody accepted';
    }
    return null;
  }

  /** Why the desk is not ready now, or null. The reading takes its time, and a line may have turned red meanwhile. */
  function notReady(): string | null {
    try {
      deps.mayLoosen();
      return null;
    } catch (error) {
      if (error instanceof Refusal) return error.message;
      throw error;
    }
  }

  // One lift at a time: a late click on the button begins no second one.
  let lifting: Promise<void> = Promise.resolve();

  async function lift(id: string, resume: string): Promise<void> {
    const verdicts = await Promise.all(
      venues.map(async (venue) =>
        judgeVenue(await readVenue(venue, clock), await readVenue(venue, clock), Number.NEGATIVE_INFINITY),
      ),
    );
    const incident = await ledger.load(id);
    const asked = incident?.resume;
    if (incident === undefined || asked === undefined) return;
    const { latch } = ledger.trading();
    const why =
      latch === null || latch.kill !== asked.kill || asked.id !== resume
        ? 'a newer kill voided it'
        : (objection(incident, verdicts) ?? notReady());
    if (why !== null) {
      await ledger.commit(id, { type: 'RefuseResume', by: STANDDOWN, resume, reason: why });
      executor.readNow();
      return;
    }
    // On record first: a crash from here on leaves 1 in the file, and the next start adopts it as a latch.
    await ledger.commit(id, {
      type: 'LiftLatch',
      by: asked.by,
      kill: asked.kill,
      how: 'approved',
      reason: asked.reason,
    });
    // A kill that was asked for while that was being written has latched again: the file, and the run, are its own now.
    if (ledger.trading().latch !== null) return;
    executor.stop();
    const written = await control.write({ KILL_SWITCH: '0' });
    if (ledger.trading().latch !== null) await control.write({ KILL_SWITCH: '1' });
    if (written.state === 'failed') {
      await ledger.commit(id, {
        type: 'Note',
        by: STANDDOWN,
        event: { type: 'ControlFailed', reason: written.reason, why: 'the latch was lifted' },
      });
    }
  }

  let recovering = false;

  async function recover(
    check: NonNullable<ResumeDeps['recovery']>,
    by: Actor,
    id: string,
  ): Promise<boolean> {
    const { exitCode, output, reason, ms } = await check.run();
    const says = output.includes(check.expect);
    const passed = exitCode === 0 && says;
    const why =
      reason ?? (says ? `exit 0 and “${check.expect}”` : `exit 0, but it did not say “${check.expect}”`);
    await ledger.commit(id, { type: 'RecordRecovery', by, passed, exitCode, reason: why, output, ms });
    return passed;
  }

  return {
    async ask(by, reason, startingValue) {
      deps.mayLoosen();
      const incident = await latched();
      const { latch } = ledger.trading();
      const command = {
        type: 'AskResume' as const,
        by,
        resume: deps.newId(),
        latch,
        reason,
        criteria: deps.criteriaNotOk(),
        startingValue,
        rules,
      };
      return (await ledger.commit(incident.id, command)).incident ?? incident;
    },
    async approve(by, id, resume) {
      deps.mayLoosen();
      const { incident } = await ledger.commit(id, {
        type: 'ApproveResume',
        by,
        resume,
        latch: ledger.trading().latch,
        rules,
      });
      const enough = (incident?.resume?.approvals.length ?? 0) >= rules.approvals;
      if (enough) lifting = lifting.catch(() => undefined).then(() => lift(id, resume));
      const done = enough ? lifting : Promise.resolve();
      done.catch((error: unknown) =>
        log.error({ error: String(error) }, 'lifting the latch failed: trading stays stopped'),
      );
      return { enough, done };
    },
    runRecovery(by, id) {
      if (deps.recovery === null)
        throw new Refusal('recovery_off', 'The recovery check is turned off in the configuration.');
      if (recovering)
        throw new Refusal('recovery_running', 'The recovery check is running already: nothing was started.');
      recovering = true;
      return recover(deps.recovery, by, id).finally(() => {
        recovering = false;
      });
    },
  };
}
