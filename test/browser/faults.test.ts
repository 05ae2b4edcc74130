/** Each fault switch of the page, turned by mouse on the real bot: the words that a person reads while it is on, and after. Needs `dist`. */

import type { Browser, Locator } from 'playwright-core';
import { afterAll, beforeAll, describe, type ExpectStatic, it } from 'vitest';
import { startChromium, visit } from './chromium.ts';
import { startDesk, startDeskAsOthers } from './desk.ts';
import { type Walk, walk } from './walk.ts';

let browser: Browser;
beforeAll(async () => {
  browser = await startChromium();
});
afterAll(() => browser.close());

type Place = 'channel' | 'receipt' | 'thread' | 'status' | 'desk' | 'people';
/** Where it stands, and what is read there; `not`: what stands there no more. */
type Words = readonly [place: Place, words: RegExp] | readonly [place: Place, not: 'not', words: RegExp];

interface Row {
  id: string;
  /** The smallest thing that meets it. */
  does?: (me: Walk) => Promise<void>;
  /** In this order, while it is on. */
  broken: readonly Words[];
  /** After it was turned off, before `mended`. */
  mendsBy?: (me: Walk) => Promise<void>;
  mended: readonly Words[];
  /** Of the channel, at the end: none is lost, none is there twice. One incident without this. */
  messages?: number;
}

const kill = (me: Walk) => me.say('/kill feed frozen');
const declare = (me: Walk) => me.say('/incident declare P0 the router hangs');

/** Of the stage without a fault: nothing is left but its one position. */
const ALONE = /VERDICT RESIDUAL: 1 position, /;
/** What cannot be read is UNKNOWN, with this as the reason; then the kill, which goes on by itself, comes to its end. */
const unread = (id: string, reason: RegExp): Row => ({
  id,
  does: kill,
  broken: [
    ['status', /last kill: UNKNOWN/],
    ['channel', /Kill verdict UNKNOWN/],
    ['receipt', /VERDICT UNKNOWN: not everything could be read: orders may be live/],
    ['receipt', reason],
    ['people', /kill verdict UNKNOWN/],
  ],
  mended: [
    ['receipt', ALONE],
    ['status', /last kill: RESIDUAL/],
  ],
});

/** It needs a process that a read-only folder holds up. */
const READONLY = 'disk.readonly';

const ROWS: readonly Row[] = [
  // These three take a minute or two, while the others go on beside them.
  unread('venue.bans', /binance-usdm.*HTTP 418.*nothing is sent until .*Check by hand: https:/s),
  {
    id: 'engine.frozen',
    broken: [
      ['desk', /Data feed gap: binance-5s\s+(?:[2-9]\d|1\d\d)(?:\.\d+)? of 300 s/],
      ['channel', /P1 · .*gap/i],
      ['status', /Signals paused/],
      ['people', /P1 .*gap/i],
    ],
    mended: [['desk', /Data feed gap: binance-5s\s+\d of 300 s/]],
  },
  {
    id: 'pager.forgets',
    does: declare,
    broken: [
      ['channel', /Page queued, nobody yet: PagerDuty took it at .*, and does not say who has it/],
      ['people', /Nobody was paged/],
      ['channel', /Mentioned in this channel at .*\s+↪ Mailed to 2 addresses at/],
      ['channel', /@Ada @Grace somebody is needed: P0 the router hangs/],
    ],
    // It was told "taken", and sends that page no more: a person takes it, and the next one gets through.
    async mendsBy(me) {
      await me.press(me.channel, 'Acknowledge');
      await me.shows(me.channel, /Page queued, nobody yet: .*incident acknowledged by ada/);
      await me.say('/incident declare P0 the feed is back');
    },
    messages: 3,
    mended: [
      ['channel', /P0 · the feed is back[\s\S]*Paged Ada/],
      ['people', /1 open/],
    ],
  },
  {
    id: 'venue.lies',
    does: kill,
    broken: [
      ['channel', /Kill verdict (?:UNKNOWN|RESIDUAL)/],
      ['receipt', /live order BTC\/USDT:USDT buy 0\.002 at 61000/],
      ['receipt', /rounds, the newest listed .*: an order that stood is listed again/],
    ],
    mended: [['receipt', ALONE]],
  },
  {
    id: 'venue.partial',
    does: kill,
    broken: [['receipt', /rounds, the newest listed .*: an order that stood is listed again/]],
    mended: [['receipt', ALONE]],
  },
  {
    id: 'venue.fills',
    does: kill,
    broken: [
      ['receipt', /VERDICT RESIDUAL: [2-9] positions/],
      ['desk', /Positions 2/],
    ],
    mendsBy: kill,
    mended: [['receipt', /VERDICT RESIDUAL: [2-9] positions/]],
  },
  {
    id: 'venue.lost',
    does: kill,
    broken: [
      ['receipt', /NetworkError: read ECONNRESET/],
      ['receipt', ALONE],
    ],
    mendsBy: kill,
    mended: [
      ['receipt', 'not', /ECONNRESET/],
      ['receipt', ALONE],
    ],
  },
  unread('venue.hangs', /no whole answer within \d+ ms/),
  unread('venue.limits', /asked us to wait \(HTTP 429\): nothing is sent until/),
  unread('venue.html', /ExchangeNotAvailable \(HTTP 403, no error code in the answer\)/),
  unread('venue.maintenance', /HTTP 503, -1016 This service is no longer available/),
  unread('venue.key', /refuses the key, its address or its permissions/),
  unread('venue.clock', /clock|outside of the recvWindow/i),
  {
    id: 'engine.trades',
    does: kill,
    broken: [
      ['receipt', /the newest round came after the first verdict: .*the engine is still trading/],
      ['people', /page 3, kill verdict/],
    ],
    mended: [['receipt', ALONE]],
  },
  {
    id: 'engine.deaf',
    does: kill,
    broken: [['receipt', /engine main: (?:not confirmed|its heartbeats do not say that it obeys)/]],
    mended: [['receipt', /engine main: obeys/]],
  },
  {
    id: 'engine.silent',
    broken: [
      ['channel', /P0 · .*(?:heartbeat|engine)/i],
      ['people', /P0 /],
      ['desk', /unknown/],
    ],
    mended: [['desk', /Data feed gap: binance-5s\s+\d of 300 s/]],
  },
  {
    id: 'slack.down',
    does: declare,
    broken: [
      ['people', /P0 the router hangs/],
      ['people', /1 open[\s\S]*Mailbox 1/],
      ['channel', 'not', /Paged Ada/],
    ],
    mended: [['channel', /P0 · the router hangs[\s\S]*Paged Ada/]],
  },
  {
    id: 'slack.slow',
    does: declare,
    broken: [
      ['people', /P0 the router hangs/],
      ['channel', /P0 · the router hangs/],
    ],
    mended: [['channel', /Paged Ada/]],
  },
  {
    id: 'slack.limits',
    does: declare,
    broken: [
      ['people', /P0 the router hangs/],
      ['channel', 'not', /Paged Ada/],
    ],
    mended: [['channel', /P0 · the router hangs[\s\S]*Paged Ada/]],
  },
  {
    id: 'pager.down',
    does: declare,
    broken: [
      ['channel', /Page not sent yet \(PagerDuty's Events API answered 500.*Call the on-call person/],
      ['channel', /Mentioned in this channel at/],
      ['people', /Nobody was paged/],
    ],
    // The mention is a message of its own.
    messages: 2,
    mended: [
      ['channel', /Paged Ada/],
      ['people', /1 open/],
    ],
  },
  {
    id: 'pager.slow',
    does: declare,
    broken: [['channel', /Paging on-call since .*, not sent yet/]],
    mended: [['channel', /Paged Ada/]],
  },
  {
    id: 'pager.hangs',
    does: declare,
    broken: [
      ['channel', /Page not sent yet \(.*no answer within \d+ ms.*Call the on-call person/],
      ['channel', /Mentioned in this channel at/],
      ['people', /Nobody was paged/],
    ],
    messages: 2,
    mended: [
      ['channel', /Paged Ada/],
      ['people', /1 open/],
    ],
  },
  {
    id: 'pager.limits',
    does: declare,
    broken: [
      ['channel', /Page not sent yet \(.*429.*Call the on-call person/],
      ['channel', /Mentioned in this channel at/],
      ['people', /Nobody was paged/],
    ],
    messages: 2,
    mended: [
      ['channel', /Paged Ada/],
      ['people', /1 open/],
    ],
  },
  {
    id: 'mail.down',
    does: declare,
    broken: [
      ['channel', /Stakeholder mail not sent yet \(.*\): trying again/],
      ['thread', /was not sent: the mail could not be handed over/],
      ['people', /No mail was sent/],
    ],
    mended: [
      ['channel', /Stakeholder mail accepted/],
      ['people', /Mailbox 1/],
    ],
  },
  {
    id: 'mail.refuses',
    does: declare,
    broken: [
      ['channel', /Stakeholder mail failed \(.*550.*: tell them by another way/],
      [
        'thread',
        /was not sent: the mail server refused every recipient: .*550.*it will not be tried again: tell them by another way/,
      ],
      ['people', /No mail was sent/],
    ],
    // What was refused for good is not sent again by itself.
    async mendsBy(me) {
      await me.press(me.channel, 'Mail stakeholders…');
      await me.submit();
      await me.press(me.page.locator('#modal'), 'Close');
    },
    mended: [
      ['channel', /Stakeholder mail accepted for 1 recipient/],
      ['people', /Mailbox 1/],
    ],
  },
  {
    id: 'mail.greylists',
    does: declare,
    broken: [
      ['channel', /Stakeholder mail not sent yet \(.*450.*\): trying again/],
      [
        'thread',
        /was not sent: the mail server refused every recipient: .*450.*it is tried again until it is taken/,
      ],
      ['people', /No mail was sent/],
    ],
    mended: [
      ['channel', /Stakeholder mail accepted/],
      ['people', /Mailbox 1/],
    ],
  },
  {
    id: 'mail.hangs',
    does: declare,
    broken: [
      ['channel', /Paged Ada/],
      ['channel', /Stakeholder mail not sent yet \(.*did not confirm the mail within \d+ ms\): trying again/],
      ['people', /No mail was sent/],
    ],
    mended: [
      ['channel', /Stakeholder mail accepted/],
      ['people', /Mailbox 1/],
    ],
  },
  {
    id: 'disk.gone',
    does: kill,
    broken: [
      ['desk', /It cannot be read/],
      ['receipt', /not latched: .*it is missing \(ENOENT\)\. Stop the engine by hand/],
      ['receipt', ALONE],
      ['channel', /The control file cannot be written/],
    ],
    messages: 2,
    mended: [
      ['desk', /KILL_SWITCH=1/],
      ['receipt', /✓ latched: KILL_SWITCH=1 written and read back/],
    ],
  },
  {
    id: READONLY,
    does: kill,
    broken: [
      ['desk', /The disk takes no writing/],
      ['receipt', /not latched: .*no permission \(EACCES\)\. Stop the engine by hand/],
      ['receipt', ALONE],
      ['channel', /The control file cannot be written/],
    ],
    messages: 2,
    mended: [
      ['desk', /KILL_SWITCH=1/],
      ['receipt', /✓ latched: KILL_SWITCH=1 written and read back/],
    ],
  },
];

/** Without the joiners that keep a colon from becoming an emoji. */
const read = async (place: Locator): Promise<string> => (await place.innerText()).replaceAll('\u2060', '');

async function reads(me: Walk, words: readonly Words[], expect: ExpectStatic): Promise<void> {
  for (const [place, ...rest] of words) {
    // The thread that opened by itself may be of what the fault itself set off.
    if (place === 'receipt' && !(await me.receipt.isVisible()))
      await me.page.locator('#show-receipt').click();
    if (place === 'thread' && !(await me.thread.isVisible()))
      await me.channel.locator('.replies').last().click();
    const where = place === 'desk' || place === 'people' ? await me.look(place) : me[place];
    const seen = expect.poll(() => read(where), { timeout: 150_000, message: place });
    if (rest.length === 1) await seen.toMatch(rest[0]);
    else await seen.not.toMatch(rest[1]);
  }
}

describe.concurrent('a switch of the page', () => {
  it.for(ROWS)(
    '$id: what a person reads, and how it mends',
    {
      timeout: 240_000,
    },
    async ({ id, does, broken, mendsBy, mended, messages }, { expect }) => {
      const desk = await (id === READONLY ? startDeskAsOthers() : startDesk());
      try {
        const { page, context, foreign, errors } = await visit(browser, desk.url);
        const me = walk(page);
        page.setDefaultTimeout(45_000);
        await page.locator('.bot-up').waitFor();
        await me.turn(id, true);
        await does?.(me);
        await reads(me, broken, expect);
        await me.turn(id, false);
        await mendsBy?.(me);
        await reads(me, mended, expect);
        const stand = await page.locator('#region-messages article:not(.ephemeral)').allInnerTexts();
        expect(stand.length, stand.join('\n---\n')).toBe(messages ?? 1);
        expect([...foreign, ...errors]).toEqual([]);
        await context.close();
      } finally {
        await desk.stop();
      }
    },
  );

  it('is in the table above, each; what cannot be switched on here says so', async ({ expect }) => {
    const desk = await startDesk();
    try {
      const switches = desk.console.faults.shown().filter(({ kind }) => kind === 'switch');
      expect(switches.map(({ id }) => id).toSorted()).toEqual(ROWS.map(({ id }) => id).toSorted());
      const { page, context } = await visit(browser, desk.url);
      const faults = await walk(page).look('faults');
      const one = page.locator(`[id="fault-${READONLY}"]`);
      const isRoot = process.getuid?.() === 0;
      await expect.poll(() => one.isDisabled()).toBe(isRoot);
      if (isRoot) await expect.poll(() => read(faults)).toContain('this rehearsal runs as root');
      else expect(await read(faults)).not.toContain('this rehearsal runs as root');
      await context.close();
    } finally {
      await desk.stop();
    }
  });
});
