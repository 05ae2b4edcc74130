/** The buttons that move something, each with what it will do in its confirm. Pure. */

import type { ResumeState } from '../domain/resume.ts';
import { ACTION, buttonValue } from './actions.ts';
import { type ButtonSpec, confirm } from './blocks.ts';
import { cut, listed, plain } from './text.ts';

/** What the buttons' confirms name. */
export interface DeskNames {
  venues: string[];
  protectiveOrders: 'cancel' | 'keepWhilePosition';
  /** Feeds that have a backup, each as `feed → backup`; empty: there is nothing to switch to. */
  backups: string[];
  /** The command that restarts the order manager; null: none is configured. */
  restartOrderManager: { words: string; timeoutSec: number } | null;
}

const at = (names: DeskNames): string =>
  names.venues.length === 0 ? 'no venue (none is configured)' : cut(listed(names.venues, 4), 110);

/** `belongs`: where it stands, for who hears it; several are on one screen. */
export function killButton(incident: string, names: DeskNames, belongs: string): ButtonSpec {
  const protective =
    names.protectiveOrders === 'cancel' ? 'stops included' : 'except reduce-only orders of an open position';
  return {
    action: ACTION.kill,
    label: 'Kill…',
    belongs,
    value: buttonValue({ incident }),
    style: 'danger',
    confirm: confirm(
      'Kill all trading?',
      `Sets KILL_SWITCH=1, cancels every order at ${at(names)}, ${protective}, and reads each back. Positions stay open. Only two approvers lift it.`,
      'Kill',
      'Do nothing',
    ),
  };
}

export function cancelButton(incident: string, names: DeskNames): ButtonSpec {
  return {
    action: ACTION.cancel,
    label: 'Cancel orders…',
    value: buttonValue({ incident }),
    confirm: confirm(
      'Cancel all orders?',
      `Cancels every open order at ${at(names)}, stops included, and reads each back. Trading goes on: the engine may place new ones.`,
      'Cancel orders',
      'Do nothing',
    ),
  };
}

export function haltButton(incident: string): ButtonSpec {
  return {
    action: ACTION.haltOrders,
    label: 'Halt new orders…',
    value: buttonValue({ incident }),
    confirm: confirm(
      'Halt new orders?',
      'Sets HALT_NEW_ORDERS=1. Open orders and positions stay as they are.',
      'Halt',
      'Do nothing',
    ),
  };
}

export const pauseButton = (incident: string): ButtonSpec => ({
  action: ACTION.pauseSignals,
  label: 'Pause signals…',
  value: buttonValue({ incident }),
  confirm: confirm(
    'Pause new signals?',
    'Sets PAUSE_SIGNALS=1: the engine makes no new signals. Open orders and positions stay as they are; nothing is cancelled.',
    'Pause',
    'Do nothing',
  ),
});

export const switchFeedButton = (incident: string, names: DeskNames): ButtonSpec => ({
  action: ACTION.switchFeed,
  label: 'Switch to backup feed…',
  value: buttonValue({ incident }),
  confirm: confirm(
    'Switch to the backup feed?',
    `Sets DATA_FEED=backup (${cut(listed(names.backups, 3), 120)}). Signals, orders and positions stay as they are. Only a person switches back.`,
    'Switch',
    'Do nothing',
  ),
});

export const primaryFeedButton = (incident: string): ButtonSpec => ({
  action: ACTION.primaryFeed,
  label: 'Back to primary feed…',
  value: buttonValue({ incident }),
  confirm: confirm(
    'Back to the primary feed?',
    'Sets DATA_FEED=primary when nothing else holds the backup. Look first whether its bars come again. Pauses and halts stay as they are.',
    'Switch back',
    'Do nothing',
  ),
});

export function restartButton(
  incident: string,
  { words, timeoutSec }: NonNullable<DeskNames['restartOrderManager']>,
): ButtonSpec {
  return {
    action: ACTION.restartOrderManager,
    label: 'Restart order manager…',
    value: buttonValue({ incident }),
    confirm: confirm(
      'Restart the order manager?',
      `Runs once, without a shell, for at most ${timeoutSec} s: ${cut(words, 150)}. It cancels nothing; its output is posted here.`,
      'Restart',
      'Do nothing',
    ),
  };
}

/** Opens the preview, which is its own confirm. */
export const flattenButton = (incident: string): ButtonSpec => ({
  action: ACTION.flatten,
  label: 'Flatten…',
  value: buttonValue({ incident }),
  style: 'danger',
});

/** Approving is the one press that lets trading go on: its confirm says what for. */
export const approveButton = (
  incident: string,
  resume: Pick<ResumeState, 'id' | 'by' | 'reason'>,
): ButtonSpec => ({
  action: ACTION.approveResume,
  label: 'Approve resume…',
  value: buttonValue({ incident, ref: resume.id }),
  style: 'danger',
  confirm: confirm(
    'Approve lifting the kill?',
    `Asked by ${plain(resume.by.name, 40)}: ${plain(resume.reason, 60)}. After the last approval every venue is read again, then KILL_SWITCH=0 is written and the engine may trade.`,
    'Approve',
    'Do nothing',
  ),
});
