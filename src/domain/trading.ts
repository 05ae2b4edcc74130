/** The trading state of the desk: holds and the latch, folded from every log in the order of the journal. Pure. */

import type { Actor } from './incident.ts';

/** The control file's switches that a hold can hold, each with what it says when nothing holds it, and when something does. */
export const SWITCHES = {
  HALT_NEW_ORDERS: { loose: '0', tight: '1' },
  PAUSE_SIGNALS: { loose: '0', tight: '1' },
  DATA_FEED: { loose: 'primary', tight: 'backup' },
  POSITION_SIZE_FACTOR: { loose: '1', tight: '0.5' },
  ALLOW_NEW_STRATEGIES: { loose: '1', tight: '0' },
  ALLOW_PROMOTIONS: { loose: '1', tight: '0' },
} as const;
export type HoldKey = keyof typeof SWITCHES;
export const HOLD_KEYS = Object.keys(SWITCHES) as HoldKey[];

/** One reason for a switch to be on. A switch is the OR of its holds; lifting one leaves the others. */
export interface Hold {
  id: string;
  key: HoldKey;
  reason: string;
  by: Actor;
  owner: 'operator' | 'runbook' | 'budget' | 'hardStop' | 'adopted';
  at: number;
}

export interface Latch {
  /** The kill that latched last; null when the latch was found in the control file, with no kill on record. */
  kill: string | null;
  /** The incident that it belongs to. */
  incident: string;
  by: Actor;
  reason: string;
  at: number;
}

export interface Trading {
  holds: Hold[];
  latch: Latch | null;
  /** When a latch was last lifted, ms since the epoch. */
  liftedAt: number | null;
  /** The newest kill of the desk, and the incident that has it; null before the first. */
  lastKill: { kill: string; incident: string } | null;
}

export type HoldEvent =
  | { type: 'HoldPlaced'; hold: string; key: HoldKey; reason: string; owner: Hold['owner'] }
  | { type: 'HoldLifted'; hold: string; key: HoldKey; reason: string }
  | { type: 'ControlWritten'; rev: number; values: Record<string, string>; why: string }
  | { type: 'ControlFailed'; reason: string; why: string }
  /** KILL_SWITCH=1 stood in the control file with no kill on record: it holds all the same. */
  | { type: 'LatchAdopted'; reason: string }
  /** The latch was lifted, and why that was allowed. On record before 0 is written. */
  | { type: 'LatchLifted'; kill: string | null; how: 'approved' | 'breakGlass'; reason: string };

type Said = { at: number; by: Actor };
type Seen = (Said & HoldEvent) | (Said & { type: 'KillAsked'; kill: string; reason: string });

export const RUNNING: Trading = { holds: [], latch: null, liftedAt: null, lastKill: null };

/** Fold one event of any log into the desk's trading state. */
export function evolveTrading(trading: Trading, event: { type: string }, stream: string): Trading {
  const seen = event as Seen;
  switch (seen.type) {
    case 'KillAsked': {
      // Who latched first stays on record; the latch is the newest kill's, since approvals bind to it.
      const { latch } = trading;
      const said = latch ?? { incident: stream, by: seen.by, reason: seen.reason, at: seen.at };
      return {
        ...trading,
        latch: { ...said, kill: seen.kill, incident: stream },
        lastKill: { kill: seen.kill, incident: stream },
      };
    }
    case 'LatchAdopted': {
      const latch = { kill: null, incident: stream, by: seen.by, reason: seen.reason, at: seen.at };
      return trading.latch === null ? { ...trading, latch } : trading;
    }
    case 'LatchLifted':
      return trading.latch?.kill === seen.kill ? { ...trading, latch: null, liftedAt: seen.at } : trading;
    case 'HoldPlaced':
      return {
        ...trading,
        holds: [
          ...trading.holds.filter((hold) => hold.id !== seen.hold),
          { id: seen.hold, key: seen.key, reason: seen.reason, by: seen.by, owner: seen.owner, at: seen.at },
        ],
      };
    case 'HoldLifted':
      return { ...trading, holds: trading.holds.filter((hold) => hold.id !== seen.hold) };
    default:
      return trading;
  }
}

/** What the control file must say for this trading state. */
export function controlValues(trading: Trading): Record<'KILL_SWITCH' | HoldKey, string> {
  const held = (key: HoldKey) => (trading.holds.some((hold) => hold.key === key) ? 'tight' : 'loose');
  return {
    KILL_SWITCH: trading.latch === null ? '0' : '1',
    ...(Object.fromEntries(HOLD_KEYS.map((key) => [key, SWITCHES[key][held(key)]])) as Record<
      HoldKey,
      string
    >),
  };
}
