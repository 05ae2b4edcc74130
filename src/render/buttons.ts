/** The buttons that move something, each with what it will do in its confirm. Pure. */

import type { ResumeState } from '../domain/resume.ts';
import { ACTION, buttonValue } from './actions.ts';
import { type ButtonSpec, confirm } from './blocks.ts';

/** What the buttons' confirms name. */
export interface DeskNames {
  venues: string[];
  protectiveOrders: 'cancel' | 'keepWhilePosition';
}

const at = (names: DeskNames): string =>
  names.venues.length === 0 ? 'no venue (none is configured)' : names.venues.join(', ');

export function killButton(incident: string, names: DeskNames): ButtonSpec {
  const protective =
    names.protectiveOrders === 'cancel' ? 'stops included' : 'except reduce-only orders of an open position';
  return {
    action: ACTION.kill,
    label: 'Kill…',
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
    `Asked by ${resume.by.name}: ${resume.reason}. After the last approval every venue is read again, then KILL_SWITCH=0 is written and the engine may trade.`,
    'Approve',
    'Do nothing',
  ),
});
