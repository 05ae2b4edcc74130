import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decide } from '../../src/domain/decide.ts';
import {
  type Actor,
  evolve,
  evolveAll,
  type Incident,
  type StandingEvent,
} from '../../src/domain/incident.ts';
import { MARKS, type MarkCommand, markedAs, markOf } from '../../src/domain/marks.ts';
import { messageLink, timeline } from '../../src/domain/timelineRows.ts';
import { loadPolicy } from '../../src/policy.ts';

const loaded = loadPolicy();
if (!loaded.ok) throw new Error('the shipped policy does not load');
const { playbook } = loaded.policy;
const { reactions } = playbook.timeline;

const ada: Actor = { via: 'slack', id: 'U1', name: 'ada' };
const grace: Actor = { via: 'slack', id: 'U2', name: 'grace' };
const PERMALINK = 'https://t0.slack.com/archives/C1/p1700000000000100';
const log: StandingEvent[] = [
  {
    type: 'IncidentOpened',
    at: 1,
    by: ada,
    id: 'INC-20261127-001',
    title: 't',
    severity: 'P1',
    origin: 'person',
    runbook: null,
    drill: false,
  },
  {
    type: 'Posted',
    at: 2,
    by: ada,
    what: 'headline',
    channel: 'C1',
    ts: '1700000000.000100',
    permalink: PERMALINK,
  },
  { type: 'MessageLogged', at: 3, by: grace, ts: '1700000001.000200', user: 'U2', text: 'the deploy' },
  { type: 'MessageLogged', at: 4, by: ada, ts: '1700000002.000300', user: 'U1', text: 'the alert' },
];

type Said = MarkCommand & { by: Actor };

/** A log on which these commands were decided, one after the other. */
function after(...commands: Said[]): { incident: Incident; history: StandingEvent[] } {
  const history = [...log];
  let incident = evolveAll(undefined, log);
  for (const command of commands)
    for (const event of decide(command, incident, 10, playbook)) {
      history.push(event);
      incident = evolve(incident, event);
    }
  return { incident, history };
}

const TS = '1700000001.000200';
const mark = (by: Actor, emoji = 'mag', ts = TS): Said => ({
  type: 'MarkMessage',
  by,
  ts,
  mark: 'cause',
  emoji,
  text: 'the deploy',
});
const unmark = (by: Actor, emoji = 'mag'): Said => ({ type: 'UnmarkMessage', by, ts: TS, emoji });

describe('a mark', () => {
  it('is what the playbook calls an emoji, its skin tone aside, and nothing else', () => {
    expect(markOf('mag', reactions)).toBe('cause');
    expect(markOf('star::skin-tone-3', reactions)).toBe('keyMoment');
    for (const other of ['thumbsup', '', 'MAG', 'toString', '__proto__'])
      expect(markOf(other, reactions)).toBeNull();
  });

  it('stands once a person, as long as one person stands by it', () => {
    const { incident, history } = after(mark(ada), mark(ada), mark(grace), unmark(ada), unmark(ada));
    expect(history.slice(log.length).map(({ type }) => type)).toEqual([
      'MessageMarked',
      'MessageMarked',
      'MessageUnmarked',
    ]);
    expect(markedAs('cause', incident)).toEqual([
      { ts: TS, text: 'the deploy', author: 'U2', deleted: false },
    ]);
    expect(timeline(history)[2]?.what).toBe('Said: the deploy (marked: cause)');
    const gone = after(mark(ada), mark(grace), unmark(ada), unmark(grace));
    expect(markedAs('cause', gone.incident)).toEqual([]);
    expect(timeline(gone.history)[2]?.what).toBe('Said: the deploy');
  });

  it('nobody else can take away', () => {
    expect(markedAs('cause', after(mark(ada), unmark(grace)).incident)).toHaveLength(1);
  });

  it('shows the message as it stands now, in the order of the messages', () => {
    const { incident } = after(mark(ada, 'mag', '1700000002.000300'), mark(ada), mark(ada, 'mag', '99.1'));
    const now = evolveAll(incident, [
      { type: 'MessageEdited', at: 20, by: grace, ts: TS, text: 'the deploy of 13:55' },
      { type: 'MessageDeleted', at: 21, by: ada, ts: '1700000002.000300' },
    ]);
    expect(markedAs('cause', now)).toEqual([
      { ts: '99.1', text: 'the deploy', author: null, deleted: false },
      { ts: TS, text: 'the deploy of 13:55', author: 'U2', deleted: false },
      { ts: '1700000002.000300', text: 'the alert', author: 'U1', deleted: true },
    ]);
  });

  it('comes to the same however often each reaction is delivered', () => {
    const one = fc.tuple(
      fc.constantFrom('MarkMessage' as const, 'UnmarkMessage' as const),
      fc.constantFrom(ada, grace),
      fc.constantFrom('mag', 'star'),
    );
    fc.assert(
      fc.property(fc.array(one, { maxLength: 12 }), (said) => {
        const commands = said.map(([type, by, emoji]) =>
          type === 'MarkMessage' ? mark(by, emoji) : unmark(by, emoji),
        );
        const twice = commands.flatMap((command) => [command, command]);
        const once = after(...commands).incident;
        expect(after(...twice).incident.marks).toEqual(once.marks);
        for (const kind of MARKS) expect(markedAs(kind, once).length).toBeLessThanOrEqual(1);
      }),
    );
  });
});

describe('a pin', () => {
  it('is recorded once, and its removal once', () => {
    const pin: Said = { type: 'PinMessage', by: ada, ts: TS, text: 'the deploy' };
    const unpin: Said = { type: 'UnpinMessage', by: grace, ts: TS };
    const { incident, history } = after(unpin, pin, pin, unpin, unpin, pin);
    expect(history.slice(log.length).map(({ type }) => type)).toEqual([
      'MessagePinned',
      'MessageUnpinned',
      'MessagePinned',
    ]);
    expect(incident.pins).toEqual([TS]);
    expect(timeline(history)[2]?.what).toBe('Said: the deploy (pinned)');
  });
});

describe('the rows', () => {
  it('say from where, and link to the message or name the event', () => {
    expect(timeline(log)).toMatchObject([
      { n: 1, who: 'ada', from: 'Slack', link: null },
      { n: 2, link: PERMALINK },
      {
        n: 3,
        who: 'grace',
        link: 'https://t0.slack.com/archives/C1/p1700000001000200?thread_ts=1700000000.000100&cid=C1',
      },
      { n: 4 },
    ]);
  });

  it.each([
    [undefined, TS],
    [{ channel: 'C1', ts: '1.2' }, TS],
    [{ channel: 'C1', ts: '1.2', permalink: 'javascript:alert(1)/p1' }, TS],
    [{ channel: 'C1', ts: '1.2', permalink: PERMALINK }, '1.2/../x'],
  ])('have no link where none is known: %j, %s', (headline, ts) => {
    expect(messageLink(headline, ts)).toBeNull();
  });
});
