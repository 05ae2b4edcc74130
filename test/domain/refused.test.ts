/** What of many refusals goes on the log: each person's first ones, a count of the rest, and every stranger's kill. */

import { describe, expect, it } from 'vitest';
import type { Actor } from '../../src/domain/incident.ts';
import { createRefusedBook, type Refused, type RefusedRow } from '../../src/domain/refused.ts';

const actor = (id: string): Actor => ({ via: 'slack', id, name: id });
const STANDDOWN: Actor = { via: 'standdown', id: 'standdown', name: 'Standdown' };
const refused = (id: string, command: string, more: Partial<Refused> = {}): Refused => ({
  by: actor(id),
  incident: null,
  command,
  kills: false,
  event: { type: 'CommandRefused', what: `${command} please`, where: 'C1', code: 'no', words: 'No.' },
  ...more,
});
const short = (rows: RefusedRow[]) =>
  rows.map(({ by, event: { what, more } }) => `${by.id}: ${what}${more === undefined ? '' : ` +${more}`}`);

describe('what was refused', () => {
  it('is a row at once; what repeats it within a minute is one row with a count when the minute is over', () => {
    const book = createRefusedBook(STANDDOWN);
    expect(short(book.take(refused('U1', '/halt'), 0))).toEqual(['U1: /halt please']);
    for (let at = 1; at <= 500; at += 1) expect(book.take(refused('U1', '/halt'), at)).toEqual([]);
    expect(book.due(59_999)).toEqual([]);
    expect(short(book.due(60_000))).toEqual(['U1: /halt please +500']);
    expect(book.due(120_000)).toEqual([]);
    expect(short(book.take(refused('U1', '/halt'), 120_000))).toEqual(['U1: /halt please']);
  });

  it('is told apart by its command, its code, its incident and its person', () => {
    const book = createRefusedBook(STANDDOWN);
    const other = refused('U1', '/halt');
    const rows = [
      refused('U1', '/halt'),
      refused('U1', '/cancel'),
      { ...other, event: { ...other.event, code: 'other' } },
      refused('U1', '/halt', { incident: 'INC-1' }),
      refused('U2', '/halt'),
    ].flatMap((one) => book.take(one, 0));
    expect(rows).toHaveLength(5);
  });

  it('is ten rows a person and minute at most, and a kill has its row all the same', () => {
    const book = createRefusedBook(STANDDOWN);
    const made = Array.from({ length: 100 }, (_, n) => book.take(refused('U1', `/made-up-${n}`), 0)).flat();
    expect(made).toHaveLength(10);
    const kill = refused('U1', 'desk.kill', { kills: true });
    expect(short(book.take(kill, 1))).toEqual(['U1: desk.kill please']);
    for (let n = 0; n < 50; n += 1) expect(book.take({ ...kill, incident: `INC-${n}` }, 2)).toEqual([]);
    expect(short(book.due(60_000))).toEqual(['U1: desk.kill please +50', 'U1: several commands +90']);
  });

  it('by very many people is counted beyond two hundred of them, and their kills are told', () => {
    const book = createRefusedBook(STANDDOWN);
    const rows = Array.from({ length: 1_000 }, (_, n) => book.take(refused(`U${n}`, '/halt'), 0)).flat();
    expect(rows).toHaveLength(200);
    expect(book.take(refused('UX', '/kill', { kills: true }), 1)).toHaveLength(1);
    expect(short(book.due(60_000))).toEqual(['standdown: several commands +800']);
  });

  it('loses no count at the stop, nor when the same person comes again after the minute', () => {
    const book = createRefusedBook(STANDDOWN);
    for (const at of [0, 1, 2]) book.take(refused('U1', '/halt'), at);
    expect(short(book.take(refused('U1', '/cancel'), 61_000))).toEqual([
      'U1: /halt please +2',
      'U1: /cancel please',
    ]);
    book.take(refused('U1', '/cancel'), 61_001);
    expect(short(book.close())).toEqual(['U1: /cancel please +1']);
    expect(book.close()).toEqual([]);
  });
});
