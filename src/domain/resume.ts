/** Lifting the kill latch: what it asks for, who can supply it, and how approvals count. Pure. */

import type { Actor, Incident } from './incident.ts';
import type { KillState } from './kill.ts';
import type { Postmortem } from './postmortem/life.ts';
import type { Latch } from './trading.ts';

export type ResumeEvent =
  /** The configured recovery check ran. `passed`: exit 0 and the pattern (upstream exits 0 for NEEDS_DATA, too). */
  | {
      type: 'RecoveryChecked';
      passed: boolean;
      exitCode: number | null;
      reason: string;
      output: string;
      ms: number;
    }
  /** Somebody asks for trading to go on. `criteria` are those that are not `ok`, accepted with `startingValue`. */
  | {
      type: 'ResumeAsked';
      resume: string;
      kill: string | null;
      reason: string;
      criteria: string[];
      startingValue: string;
    }
  | { type: 'ResumeApproved'; resume: string }
  /** After the last approval the venues were read again, and it did not hold. */
  | { type: 'ResumeRefused'; resume: string; reason: string };

export interface ResumeState {
  id: string;
  kill: string | null;
  by: Actor;
  at: number;
  reason: string;
  criteria: string[];
  startingValue: string;
  approvals: { by: Actor; at: number }[];
  refused: string | null;
}

/** Fold one event; an approval of a resume that is not the newest one changes nothing. */
export function evolveResume(
  resume: ResumeState | undefined,
  event: ResumeEvent & { at: number; by: Actor },
): ResumeState | undefined {
  switch (event.type) {
    case 'ResumeAsked':
      return {
        id: event.resume,
        kill: event.kill,
        by: event.by,
        at: event.at,
        reason: event.reason,
        criteria: event.criteria,
        startingValue: event.startingValue,
        approvals: [],
        refused: null,
      };
    case 'ResumeApproved':
      if (resume?.id !== event.resume) return resume;
      return { ...resume, approvals: [...resume.approvals, { by: event.by, at: event.at }] };
    case 'ResumeRefused':
      return resume?.id === event.resume ? { ...resume, refused: event.reason } : resume;
    case 'RecoveryChecked':
      return resume;
    default: {
      const unknown: never = event;
      throw new Error(`unknown resume event ${JSON.stringify(unknown)}`);
    }
  }
}

/** An approval that never comes is timed out, never a yes: a resume is good for this long. */
export const RESUME_GOOD_MS = 30 * 60_000;

export interface GateRules {
  /** How many different approvers, none of them the one who asked. */
  approvals: number;
  /** False: the configuration turned the recovery check off. */
  recoveryCheck: boolean;
  /** The items of the playbook's checklist after an incident (clocks.ts), by id: the gate asks for the same list. */
  checklist: readonly string[];
}

export interface Missing {
  what: string;
  who: string;
}

/** What a resume lacks before it can be asked for. Empty: it can. The venues are read after the last approval. */
export function missingToAsk(incident: Incident, latch: Latch, rules: GateRules): Missing[] {
  const missing: Missing[] = [];
  const kill: KillState | undefined = latch.kill === null ? undefined : incident.kills[latch.kill];
  if (kill?.verdict === null || kill?.verdict === 'UNKNOWN') {
    missing.push({
      what: `the kill is ${kill.verdict ?? 'still running'}: every venue must be read`,
      who: 'the venue, or whoever mends the reading',
    });
  }
  if (kill?.verdict === 'RESIDUAL' && kill.accepted === null) {
    missing.push({
      what: 'exposure is left and nobody accepted it',
      who: 'a responder: Flatten, or Accept residual',
    });
  }
  if (incident.status !== 'resolved')
    missing.push({ what: `${incident.id} is not resolved`, who: 'a responder: /incident resolve' });
  for (const item of rules.checklist)
    if (incident.checklist[item] === undefined) missing.push(missingItem(item, incident));
  return missing;
}

/** Why a postmortem does not count as reviewed. */
function notReviewed({ id, state }: Postmortem): string {
  if (state === 'DRAFT') return `postmortem ${id} is not in review`;
  if (state === 'FINAL') return `postmortem ${id} is FINAL from before the incident was reopened`;
  return `postmortem ${id} is in review, but its root cause has no category`;
}

/** An item of the checklist that nobody supplied, in words. */
function missingItem(item: string, { postmortem, recovery }: Incident): Missing {
  const byButton = 'a responder: the button at the checklist in the thread';
  switch (item) {
    case 'postmortem':
      return postmortem === undefined
        ? { what: 'no postmortem draft yet', who: 'it is drafted when the incident is resolved' }
        : {
            what: notReviewed(postmortem),
            who:
              postmortem.state === 'FINAL'
                ? 'an approver: Return to draft…, then a responder: Put into review'
                : 'a responder: the button at the draft',
          };
    case 'recovery-check':
      return {
        what:
          recovery === undefined || recovery.passed
            ? 'the recovery check did not run since the resolution'
            : `the recovery check did not pass: ${recovery.reason}`,
        who: 'a responder: the button at the draft',
      };
    case 'root-cause':
      return { what: 'the root cause has no category', who: byButton };
    case 'action-items':
      return { what: 'no action item, and no reason for none', who: byButton };
    case 'sli-data':
      return { what: 'the SLI data of the incident is not updated', who: byButton };
    default:
      return { what: `${item} is not done`, who: byButton };
  }
}

export type Approval = { state: 'counts'; enough: boolean } | { state: 'refused'; code: string; why: string };

/** Whether this person's approval of this resume counts now, and whether it is the last one needed. */
export function approval(
  resume: ResumeState | undefined,
  latch: Latch | null,
  wanted: string,
  by: Actor,
  now: number,
  rules: GateRules,
): Approval {
  const refused = (code: string, why: string): Approval => ({ state: 'refused', code, why });
  if (resume === undefined || resume.id !== wanted || resume.refused !== null)
    return refused('resume_over', 'That request is over: ask again with /resume.');
  if (latch === null) return refused('not_latched', 'Nothing is latched any more.');
  if (latch.kill !== resume.kill)
    return refused('new_kill', 'A newer kill voided that request: ask again with /resume.');
  if (resume.approvals.length >= rules.approvals)
    return refused('resume_over', 'It has all its approvals already: the venues are being read.');
  if (now > resume.at + RESUME_GOOD_MS)
    return refused('timed_out', 'That request timed out after 30 min: ask again with /resume.');
  if (by.id === resume.by.id)
    return refused('own_request', 'You asked for it: somebody else must approve it.');
  if (resume.approvals.some((one) => one.by.id === by.id))
    return refused('already_approved', 'You approved it already.');
  return { state: 'counts', enough: resume.approvals.length + 1 >= rules.approvals };
}
