/** The moments of a picture: what people marked, as long as the mark stands. */

import { expect, it } from 'vitest';
import type { Actor, StandingEvent } from '../../../src/domain/incident.ts';
import { momentsOf } from '../../../src/domain/trail/moments.ts';

const ada: Actor = { via: 'slack', id: 'U1', name: 'ada' };
const grace: Actor = { via: 'slack', id: 'U2', name: 'grace' };
const ts = '1764331200.000100';
const at = 1_764_331_300_000;
const marked: StandingEvent = {
  type: 'MessageMarked',
  at,
  by: ada,
  ts,
  mark: 'keyMoment',
  emoji: 'star',
  text: 'it is back',
};
const unmarked = (by: Actor): StandingEvent => ({
  type: 'MessageUnmarked',
  at,
  by,
  ts,
  mark: 'keyMoment',
  emoji: 'star',
});
const deleted = { type: 'MessageDeleted', at, by: ada, ts } as StandingEvent;

it.each<[string, StandingEvent[], number]>([
  ['stands', [marked], 1],
  ['was taken back', [marked, unmarked(ada)], 0],
  ['stands by somebody else', [marked, { ...marked, by: grace }, unmarked(ada)], 1],
  ['was set again', [marked, unmarked(ada), marked], 1],
  ['is of a message that was deleted', [marked, deleted], 0],
])('a mark that %s', (_what, history, count) => {
  expect(momentsOf(history)).toHaveLength(count);
});

it('says how many more there are than a picture has room for', () => {
  const many = Array.from({ length: 30 }, (_, index) => ({
    ...marked,
    ts: `${index}.000001`,
    text: `moment ${index}`,
    at: at + index,
  }));
  const moments = momentsOf(many);
  expect(moments).toHaveLength(24);
  expect(moments[12]?.text).toBe('… 7 more, on the timeline');
  expect(moments.map((one) => one.at)).toEqual(moments.map((one) => one.at).toSorted((a, b) => a - b));
});
