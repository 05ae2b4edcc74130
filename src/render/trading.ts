/** The trading state in one line. Pure. */

import type { Trading } from '../domain/trading.ts';
import { clockTime, inert, listed } from './text.ts';

/** `Trading KILLED by Ada at 14:05:02 · signals running`. What the engine does is another line: this is what was ordered. */
export function tradingLine(trading: Trading): string {
  const halted = trading.holds.filter((hold) => hold.key === 'HALT_NEW_ORDERS');
  const paused = trading.holds.filter((hold) => hold.key === 'PAUSE_SIGNALS');
  const who = (holds: typeof halted) =>
    listed(
      holds.map((hold) => `${inert(hold.by.name, 60)} at ${clockTime(hold.at)}`),
      3,
    );
  const state =
    trading.latch !== null
      ? `⛔ *Trading KILLED* by ${inert(trading.latch.by.name, 60)} at ${clockTime(trading.latch.at)}`
      : halted.length > 0
        ? `✋ *New orders HALTED* by ${who(halted)}`
        : '▶ *Trading RUNNING*';
  const also = trading.latch !== null && halted.length > 0 ? ` · new orders HALTED by ${who(halted)}` : '';
  const signals = paused.length > 0 ? ` · signals PAUSED by ${who(paused)}` : '';
  const backup = trading.holds.filter((hold) => hold.key === 'DATA_FEED');
  const feed = backup.length > 0 ? ` · BACKUP feed by ${who(backup)}` : '';
  return `${state}${also}${signals}${feed}`;
}

/** The one word of `/status`. */
export const tradingState = (trading: Trading): 'running' | 'halted' | 'killed' =>
  trading.latch !== null
    ? 'killed'
    : trading.holds.some((hold) => hold.key === 'HALT_NEW_ORDERS')
      ? 'halted'
      : 'running';
