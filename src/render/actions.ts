/** Every action id, callback id and button value: written here, and read here, nowhere else. Pure. */

import type { StepButton } from '../domain/playbook.ts';

/** Buttons, as `noun.verb`. */
export const ACTION = {
  acknowledge: 'incident.acknowledge',
  takeCommand: 'incident.command',
  declare: 'incident.open',
  resolve: 'incident.resolve',
  kill: 'desk.kill',
  cancel: 'orders.cancel',
  haltOrders: 'orders.halt',
  resumeOrders: 'orders.resume',
  pauseSignals: 'signals.pause',
  resumeSignals: 'signals.resume',
  switchFeed: 'feed.switch',
  primaryFeed: 'feed.primary',
  restartOrderManager: 'orderManager.restart',
  flatten: 'position.flatten',
  accept: 'residual.accept',
  review: 'postmortem.review',
  postmortemEdit: 'postmortem.edit',
  postmortemFinalise: 'postmortem.finalise',
  postmortemReturn: 'postmortem.return',
  recovery: 'recovery.run',
  approveResume: 'resume.approve',
  previewMail: 'mail.preview',
  rootCause: 'rootCause.name',
  actionItem: 'actionItem.add',
  noActionItem: 'actionItem.skip',
  fileIssueAgain: 'issue.fileAgain',
  checklistDone: 'checklist.mark',
  stepDone: 'step.done',
  stepSkip: 'step.skip',
  pageOnCall: 'oncall.page',
  timelineEarlier: 'timeline.earlier',
  timelineNewest: 'timeline.newest',
  runbooksRead: 'runbooks.read',
  testPage: 'page.test',
} as const;
export type ActionId = (typeof ACTION)[keyof typeof ACTION];

/** Modals and the message shortcut. */
export const CALLBACK = {
  resolve: 'incident.resolve',
  declare: 'incident.declare',
  cancel: 'orders.cancel',
  accept: 'residual.accept',
  skip: 'step.skip',
  flatten: 'position.flatten',
  severity: 'incident.severity',
  handover: 'incident.handover',
  mitigate: 'incident.mitigate',
  reopen: 'incident.reopen',
  action: 'incident.action',
  sendMail: 'mail.send',
  rootCause: 'rootCause.name',
  noActionItem: 'actionItem.skip',
  postmortemEdit: 'postmortem.edit',
  postmortemReturn: 'postmortem.return',
} as const;

/** Menus. */
export const MENU = { chooseIncident: 'incident.choose' } as const;
/** Begins the block_id of the list to choose from; what follows names the command that waits. */
export const CHOOSE_BLOCK = 'choose:';

/** The action behind a runbook step's button. */
export const STEP_ACTION: Record<StepButton, ActionId> = {
  kill: ACTION.kill,
  cancel: ACTION.cancel,
  haltOrders: ACTION.haltOrders,
  pauseSignals: ACTION.pauseSignals,
  switchFeed: ACTION.switchFeed,
  restartOrderManager: ACTION.restartOrderManager,
  acknowledge: ACTION.acknowledge,
  flatten: ACTION.flatten,
  done: ACTION.stepDone,
  skip: ACTION.stepSkip,
};

/** What the buttons of the App Home carry that belong to no incident. */
export const ON_DESK = 'DESK';

/** What a button carries: which incident, and which step or kill of it. Checked against the log when it is pressed. */
export interface ButtonValue {
  incident: string;
  ref?: string;
}

export const buttonValue = ({ incident, ref }: ButtonValue): string =>
  ref === undefined ? incident : `${incident}|${ref}`;

/** Null for anything that we cannot have written. */
export function readButtonValue(value: unknown): ButtonValue | null {
  if (typeof value !== 'string') return null;
  const found = /^(INC-\d{8}-\d{3,9})(?:\|([\w:.-]{1,120}))?$/.exec(value);
  if (found?.[1] === undefined) return null;
  return found[2] === undefined ? { incident: found[1] } : { incident: found[1], ref: found[2] };
}

/** What the button "I have read it" carries: the version of the texts that were shown. */
export const readValue = (version: string): string => `read:${version}`;

/** Null for anything that we cannot have written. */
export const readReadValue = (value: unknown): string | null =>
  typeof value === 'string' ? (/^read:([0-9a-f]{16})$/.exec(value)?.[1] ?? null) : null;
