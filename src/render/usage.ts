/** How each command is used, for `help` and for what was unclear. Pure. */

export const USAGE = {
  kill: '`/kill [reason]` stops everything at once: KILL_SWITCH=1, every order cancelled at every venue, each read back, on-call paged. No dialog. Only approvers lift it.',
  halt: '`/halt [orders|signals] [reason]` sets HALT_NEW_ORDERS=1 (default) or PAUSE_SIGNALS=1. Orders and positions stay as they are.',
  cancel: '`/cancel [reason]` asks which orders, where, which symbol; then cancels them and reads back.',
  resume:
    '`/resume orders|signals [reason]` lifts a halt or a pause; a hard stop’s or a budget’s only by an approver; `/resume feed` goes back to the primary feed; `/resume sizes|strategies|promotions [reason]` lifts what an error budget tightened. `/resume [start=VALUE] [reason]` asks to lift the kill latch: postmortem in review, recovery check passed, approvals of others.',
} as const;

/** Each verb of `/incident`: what follows it, and what it does. The order is that of `help`. */
export const VERB_USAGE = {
  declare: '`declare [P0-P3 title]` opens an incident; without words it asks',
  list: '`list` every open incident',
  status: '`status` where one stands',
  timeline: '`timeline` what happened, newest last',
  summary: '`summary` what stakeholders are told',
  ack: '`ack` you have it; PagerDuty is told',
  assign: '`assign @user` puts somebody in command',
  handover: '`handover @user text` hands command over, with what they must know',
  severity: '`severity P0-P3 reason` raises (and pages) or lowers',
  note: '`note text` keeps it in the timeline and the thread',
  action: '`action text [owner=@user] [due=2026-12-01] [priority=high|medium|low]` adds an action item',
  mitigate: '`mitigate text` the harm has stopped; the incident stays open',
  resolve: '`resolve [summary]` closes it and drafts the postmortem',
  reopen: '`reopen reason` it is not over after all; pages again',
  postmortem: '`postmortem` its state, what is TODO and its buttons; drafts one where there is none',
  oncall: '`oncall` who is on call',
  review: '`review text` writes down its incident review',
  adjust:
    '`adjust from=2026-11-22T13:00Z to=2026-11-22T14:00Z [slo=SLO-01] reason` its true times; `adjust exclude from=… to=… [slo=SLO-01] name` time that no budget counts',
  budget: '`budget [2026-10]` the error budgets of this month, or of one that is over',
  readiness:
    '`readiness [refresh | test-page | mark line what and how]` the go-live list, with evidence that expires',
  drill:
    '`drill list` drills, their last results, when each is next; `drill kill|feed-gap|paging|runbook` begins one, at drill venues only; `drill stop` ends it',
  help: '`help` this',
} as const;
export type IncidentVerb = keyof typeof VERB_USAGE;

/** All of `/incident`. */
export const incidentHelp = (): string =>
  [
    '`/incident &lt;verb&gt; [INC-…] [text]` · without an id: the only open incident, else you choose',
    ...Object.values(VERB_USAGE).map((line) => `• ${line}`),
    '`/kill`, `/halt`, `/cancel`, `/resume` stop and start trading: each with `help` says how.',
  ].join('\n');

/** For a verb that is known and text that is not: only that one. */
export const unclearText = (verb: IncidentVerb | null): string =>
  verb === null || verb === 'help'
    ? incidentHelp()
    : `That is unclear, so nothing was done.\n• \`/incident\` ${VERB_USAGE[verb]}\nWith \`INC-…\` after the verb, or for the only open incident. All verbs: \`/incident help\``;
