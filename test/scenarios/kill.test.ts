import { chmod, readFile, rm, stat } from 'node:fs/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { KillPace } from '../../src/domain/kill.ts';
import { CAST, CHANNEL } from '../../src/rehearsal/stage.ts';
import { type DeskOptions, type InProcess, startDesk, TOKEN } from './desk.ts';
import {
  as,
  buttonOf,
  exchange,
  fire,
  flatten,
  happens,
  headlinesOf,
  incidentView,
  paged,
  pagesOf,
  posted,
  pressOn,
  preview,
  type Refused,
  receiptOf,
  repliesOf,
  said,
  settled,
  shows,
  statusView,
  submit,
  switches,
  threadOf,
} from './reading.ts';

interface KillAnswer {
  incident: string;
  kill: string;
  state: string;
  warnings: string[];
}

/** Nothing to lose but a few orders. */
const FLAT_DESK = {
  positions: [],
  conditionalOrders: [],
  orders: [
    { wallet: 'spot', symbol: 'BTCUSDT', side: 'buy', quantity: 0.001, price: 60_000 },
    { symbol: 'BTCUSDT', side: 'buy', quantity: 0.002, price: 61_000 },
    { symbol: 'ETHUSDT', side: 'sell', quantity: 0.05, price: 3_400 },
  ],
} as const;
/** A first verdict soon, and a watch that a test need not wait for. */
const QUICK: KillPace = {
  firstVerdictMs: 600,
  resumedVerdictMs: 600,
  retryMs: 50,
  maxRetryMs: 200,
  watchMs: 100,
};

async function withDesk(story: (desk: InProcess) => Promise<void>, options: DeskOptions = {}): Promise<void> {
  const desk = await startDesk(options);
  try {
    await story(desk);
  } finally {
    await desk.close();
  }
}

async function killOver(desk: InProcess, body: object = {}, headers: Record<string, string> = {}) {
  return as<KillAnswer>(await desk.post('/kill', body, { headers }));
}

const verdictIs = (desk: InProcess, id: string, verdict: string) =>
  settled(desk, id, (incident) => Object.values(incident.kills).at(-1)?.verdict === verdict);

describe('/kill', () => {
  let desk: InProcess;
  let id: string;
  beforeAll(async () => {
    desk = await startDesk();
  });
  afterAll(() => desk.close());

  it.each(['help', '?', ' help '])('%j prints usage and does nothing', async (text) => {
    const before = exchange(desk);
    const answer = await desk.stage.slack.say(CAST.ada.id, `/kill ${text}`);
    expect(said(answer)).toContain('`/kill [reason]`');
    expect(exchange(desk)).toEqual(before);
    expect(await statusView(desk)).toMatchObject({
      trading: { state: 'running', latch: null },
      incidents: [],
    });
    expect(await switches(desk)).toEqual({ KILL_SWITCH: '0', OTHER: 'kept' });
  });

  it('by somebody without the role is refused in words that name who can', async () => {
    const before = exchange(desk);
    const answer = await desk.stage.slack.say(CAST.mallory.id, '/kill everything');
    expect(said(answer)).toContain('You are not a responder for this desk: nothing was done');
    expect(said(answer)).toContain(`<@${CAST.ada.id}>`);
    expect(exchange(desk)).toEqual(before);
    expect((await statusView(desk)).incidents).toEqual([]);
  });

  it('runs at once, with all of its text as the reason', async () => {
    const answer = await desk.stage.slack.say(CAST.ada.id, '/kill help the feed: books crossed &lt;b&gt;');
    id = (await statusView(desk)).lastKill?.incident ?? '';
    expect(said(answer)).toMatch(
      /^DRILL · Kill running in INC-\d{8}-001\. KILL_SWITCH=1 is written and read back\./,
    );
    await verdictIs(desk, id, 'RESIDUAL');
    expect(await incidentView(desk, id)).toMatchObject({
      severity: 'P0',
      title: 'Kill by ada: help the feed: books crossed <b>',
      runbook: 'kill-switch',
    });
    expect((await statusView(desk)).trading).toMatchObject({
      state: 'killed',
      latch: { by: 'ada', reason: 'help the feed: books crossed <b>' },
    });
    expect(desk.stage.slack.openViews(CAST.ada.id)).toEqual([]);
  });

  it('cancels every order in every list, leaves the position, and says what is left', async () => {
    expect(exchange(desk)).toMatchObject({ orders: [], conditional: [], positions: [{ amount: 0.008 }] });
    await shows(desk, id, 'VERDICT  RESIDUAL: 1 position, 512.00 USDT, WITHOUT A STOP');
    const text = desk.thread(id);
    expect(text).toMatch(
      /binance-usdm(?::|, listed)? 5 (in )?regular \(1 protective\), 2 (in )?conditional \(2 protective\)/,
    );
    expect(text).toMatch(/binance-spot(?::|, listed)? 3 (in )?regular/);
    expect(text).toContain('✓ FLAT binance-spot');
    expect(text).toMatch(/long 0\.008 .* per 1\s% against · no stop/);
    expect(text).toContain('protective orders: none alive; those that were listed are gone');
    expect(text).toContain('Not covered at binance-usdm');
    expect(text).toContain('engine: not confirmed');
    const { lastKill } = await statusView(desk);
    expect(lastKill).toMatchObject({
      verdict: 'RESIDUAL',
      venues: [
        { id: 'binance-usdm', verdict: 'RESIDUAL', orders: 0, exposure: 512 },
        { id: 'binance-spot', verdict: 'FLAT', orders: 0, exposure: 0 },
      ],
    });
    for (const ms of Object.values(lastKill?.timings ?? {})) expect(ms).toEqual(expect.any(Number));
  });

  it('sets KILL_SWITCH and the revision in the control file, and no other byte', async () => {
    const text = await desk.control();
    expect(text).toBe('# the engine reads this\nKILL_SWITCH=1\nOTHER=kept\nSTANDDOWN_REV=1\n');
  });

  it('pages as critical, again for the verdict, and mails the stakeholders', async () => {
    expect(await paged(desk, id, 1)).toMatchObject({
      severity: 'critical',
      customDetails: { trading: 'killed' },
    });
    expect((await paged(desk, id, 2)).title).toContain('POSITION WITHOUT A STOP');
    await desk.stage.mail.until(
      () => desk.stage.mail.messages().some((mail) => mail.subject.includes('trading killed, RESIDUAL')),
      { what: 'the mail about the verdict' },
    );
  });

  it('keeps its incident open while exposure is left that nobody has accepted', async () => {
    await desk.stage.slack.say(CAST.ada.id, '/incident resolve');
    const outcome = await submit(desk, CAST.ada.id, { summary: 'All good, I think.' });
    expect(outcome).toMatchObject({ action: 'errors' });
    expect(outcome?.errors['summary']).toContain('Exposure is left and nobody has accepted it');
    expect((await incidentView(desk, id)).state).toBe('open');
    await desk.stage.slack.dismiss(CAST.ada.id, desk.stage.slack.openViews(CAST.ada.id).at(-1)?.id ?? '');
  });

  it('lets a responder accept what is left, with a reason and by name', async () => {
    await pressOn(desk, CAST.grace.id, receiptOf(desk, id), 'Accept residual…');
    const outcome = await submit(desk, CAST.grace.id, { reason: 'Hedged elsewhere.' });
    expect(outcome).toMatchObject({ action: 'close' });
    await shows(desk, id, 'Residual accepted by grace');
    await shows(desk, id, 'accepted by grace');
    expect(receiptOf(desk, id) && buttonOf(receiptOf(desk, id), 'Accept residual…')).toBeNull();
  });

  it('asked for again after its verdict cancels and verifies again in the same incident', async () => {
    const { binance } = desk.stage;
    binance.placeOrder({ symbol: 'BTCUSDT', side: 'buy', quantity: 0.002, price: 59_000 });
    const answer = await desk.stage.slack.say(CAST.grace.id, '/kill once more');
    expect(said(answer)).toContain(`Kill again running in ${id}.`);
    await settled(desk, id, (incident) => Object.values(incident.kills).length === 2);
    await verdictIs(desk, id, 'RESIDUAL');
    expect(binance.openOrders()).toEqual([]);
    const view = await incidentView(desk, id);
    expect(view.kills.map((kill) => kill.verdict)).toEqual(['RESIDUAL', 'RESIDUAL']);
    expect((await statusView(desk)).incidents).toHaveLength(1);
  });

  it('is not undone by what was accepted for an earlier kill', async () => {
    await desk.stage.slack.say(CAST.ada.id, `/incident resolve ${id}`);
    const outcome = await submit(desk, CAST.ada.id, { summary: 'Closing.' });
    expect(outcome?.errors['summary']).toContain('nobody has accepted it');
    await desk.stage.slack.dismiss(CAST.ada.id, desk.stage.slack.openViews(CAST.ada.id).at(-1)?.id ?? '');
  });

  it('and flattened by its button becomes FLAT, read twice', async () => {
    await shows(desk, id, 'once more');
    await desk.stage.slack.until(() => buttonOf(receiptOf(desk, id), 'Flatten…') !== null);
    const { shown, outcome } = await flatten(desk, CAST.ada.id, receiptOf(desk, id));
    expect(shown).toContain('long 0.008 · 512.00 USDT\nslippage about 1.0 bps, 0.05 USDT');
    expect(outcome).toMatchObject({ action: 'close' });
    await verdictIs(desk, id, 'FLAT');
    await shows(desk, id, 'closed, read back as zero');
    await shows(desk, id, 'VERDICT  FLAT');
    expect(exchange(desk)).toEqual({ orders: [], conditional: [], positions: [] });
    const sent = desk.stage.binance.requests({ method: 'POST', path: '/fapi/v1/order' });
    expect(sent).toHaveLength(1);
    expect(sent[0]?.params).toMatchObject({ reduceOnly: 'true', side: 'SELL', quantity: '0.008' });
  });

  it('leaves the latch on when its incident is resolved, and an old receipt moves nothing any more', async () => {
    await desk.stage.slack.say(CAST.ada.id, `/incident resolve ${id}`);
    expect(await submit(desk, CAST.ada.id, { summary: 'Stopped and flat.' })).toMatchObject({
      action: 'close',
    });
    await shows(desk, id, 'Postmortem draft');
    expect((await statusView(desk)).trading.state).toBe('killed');
    expect(await switches(desk)).toMatchObject({ KILL_SWITCH: '1' });

    // Days later there is a new position; the old receipt still hangs in the thread.
    desk.stage.binance.setPosition({ symbol: 'ETHUSDT', amount: 0.5 });
    const old = repliesOf(desk, id).find((message) =>
      message.history.some((version) => JSON.stringify(version.blocks).includes('Flatten…')),
    );
    const version = old?.history.findIndex((one) => JSON.stringify(one.blocks).includes('Flatten…')) ?? -1;
    await pressOn(desk, CAST.ada.id, old, 'Flatten…', { version });
    await desk.stage.slack.until(() =>
      /resolved/.test(desk.stage.slack.ephemerals(CAST.ada.id).at(-1)?.text ?? ''),
    );
    expect(desk.stage.binance.positions()).toMatchObject([{ symbol: 'ETHUSDT', amount: 0.5 }]);
    expect(desk.stage.binance.requests({ method: 'POST', path: '/fapi/v1/order' })).toHaveLength(1);
  });
});

describe('a kill in an incident’s thread', () => {
  let desk: InProcess;
  let id: string;
  beforeAll(async () => {
    desk = await startDesk();
    id = await fire(desk, { name: 'ExchangeOrderStuck', severity: 'warning' });
    await paged(desk, id);
    await posted(desk, id);
  });
  afterAll(() => desk.close());

  it('is asked for by a button with Slack’s own confirm, in the headline and in the runbook', () => {
    for (const message of threadOf(desk, id)) {
      expect(buttonOf(message, 'Kill…')).toMatchObject({
        action_id: 'desk.kill',
        style: 'danger',
        confirm: {
          title: { type: 'plain_text', text: 'Kill all trading?' },
          text: { type: 'plain_text', text: expect.stringContaining('binance-usdm, binance-spot') },
          confirm: { type: 'plain_text', text: 'Kill' },
          deny: { type: 'plain_text', text: 'Do nothing' },
          style: 'danger',
        },
      });
      expect(buttonOf(message, 'Cancel orders…')).toMatchObject({
        confirm: { deny: { text: 'Do nothing' } },
      });
      expect(buttonOf(message, 'Halt new orders…')).toMatchObject({
        confirm: { deny: { text: 'Do nothing' } },
      });
    }
  });

  it('raises that incident to P0, which owns it, and pages the next step', async () => {
    await pressOn(desk, CAST.ada.id, headlinesOf(desk, id)[0], 'Kill…');
    await verdictIs(desk, id, 'RESIDUAL');
    expect(await paged(desk, id, 2)).toMatchObject({ severity: 'critical' });
    await shows(desk, id, 'DRILL · 🔴 P0');
    await shows(desk, id, 'VERDICT  RESIDUAL');
    expect(await statusView(desk)).toMatchObject({
      lastKill: { incident: id },
      incidents: [{ id, severity: 'P0' }],
    });
    expect(headlinesOf(desk, id)).toHaveLength(1);
  });
});

describe('several people at once', () => {
  it('make one kill; the second is told who asked first, and when', () =>
    withDesk(async (desk) => {
      const held = desk.stage.binance.fault({
        kind: 'slow',
        match: { path: '/fapi/v1/openOrders' },
        times: Infinity,
      });
      const id = await fire(desk, { name: 'Both', severity: 'P1' });
      await posted(desk, id);
      const first = await desk.stage.slack.say(CAST.ada.id, '/kill mine');
      expect(said(first)).toContain('Kill running in');
      const second = await desk.stage.slack.say(CAST.grace.id, '/kill mine too');
      expect(said(second)).toMatch(
        /A kill is already running: ada asked for it at \d\d:\d\d:\d\d UTC\. You joined it/,
      );
      await pressOn(desk, CAST.grace.id, headlinesOf(desk, id)[0], 'Kill…');
      await desk.stage.slack.until(() => desk.stage.slack.ephemerals(CAST.grace.id).length === 2);
      expect(desk.stage.slack.ephemerals(CAST.grace.id).at(-1)?.text).toContain('ada asked for it');
      const third = await killOver(desk, { actor: 'risk' });
      expect(third).toMatchObject({ status: 202, json: { state: 'joined' } });
      held.clear();
      held.release();
      await verdictIs(desk, third.json.incident, 'RESIDUAL');
      expect((await incidentView(desk, id)).kills).toEqual([]);
      expect((await incidentView(desk, third.json.incident)).kills).toHaveLength(1);
      await shows(desk, third.json.incident, 'Also asked for by grace');
    }));

  it('in the very same instant make one kill all the same', () =>
    withDesk(async (desk) => {
      const id = await fire(desk, { name: 'Instant', severity: 'P1' });
      await posted(desk, id);
      const [headline] = headlinesOf(desk, id);
      const answers = await Promise.all([
        desk.stage.slack.say(CAST.ada.id, '/kill one'),
        desk.stage.slack.say(CAST.grace.id, '/kill two'),
        pressOn(desk, CAST.ada.id, headline, 'Kill…'),
        pressOn(desk, CAST.grace.id, headline, 'Kill…'),
        pressOn(desk, CAST.grace.id, headline, 'Kill…'),
        killOver(desk, { actor: 'risk' }),
      ]);
      expect(answers.every((answer) => answer.status < 300)).toBe(true);
      const { lastKill } = await statusView(desk);
      await verdictIs(desk, lastKill?.incident ?? '', 'RESIDUAL');
      const all = await Promise.all(
        desk.bot.store.summaries().map(async (one) => (await incidentView(desk, one.id)).kills),
      );
      expect(all.flat()).toHaveLength(1);
    }));
});

describe('a kill over HTTP', () => {
  let desk: InProcess;
  let first: KillAnswer;
  beforeAll(async () => {
    desk = await startDesk({
      binance: FLAT_DESK,
      config: (config) => ({
        ...config,
        tokens: {
          full: [TOKEN, 'rotated'],
          alert: ['alerts-only'],
          telemetry: ['telemetry-only'],
          read: ['read-only'],
        },
      }),
    });
  });
  afterAll(() => desk.close());

  it.each([
    ['a venue', { reason: 'x', venue: 'binance-spot' }, 'unknown: venue. The latch is global'],
    ['a reason over 500 characters', { reason: 'x'.repeat(501) }, 'reason: at most 500 characters'],
    ['an actor over 100 characters', { actor: 'x'.repeat(101) }, 'actor: at most 100 characters'],
    ['a reason that is no text', { reason: 7 }, 'reason:'],
    ['a list', [], ''],
  ])('with %s is refused, and nothing moves', async (_name, body, detail) => {
    const before = exchange(desk);
    const answer = as<Refused>(await desk.post('/kill', body));
    expect(answer).toMatchObject({ status: 400, json: { error: 'wrong_shape' } });
    expect(answer.json.detail).toContain(detail);
    expect(exchange(desk)).toEqual(before);
    expect((await statusView(desk)).trading.state).toBe('running');
  });

  it.each(['alerts-only', 'telemetry-only', 'read-only', 'wrong', null])(
    'with the token %j is refused',
    async (token) => {
      const before = exchange(desk);
      expect((await desk.post('/kill', {}, { token })).status).toBe(401);
      expect(exchange(desk)).toEqual(before);
      expect((await statusView(desk)).trading.state).toBe('running');
    },
  );

  it('is answered 202 with incident, kill and state after the latch was tried', async () => {
    const answer = await killOver(
      desk,
      { reason: 'drift', actor: 'risk-engine' },
      { 'idempotency-key': 'k-1' },
    );
    expect(answer).toEqual({
      status: 202,
      json: {
        incident: expect.stringMatching(/^INC-\d{8}-\d{3}$/),
        kill: expect.stringMatching(/^K-/),
        state: 'started',
        warnings: [],
      },
    });
    first = answer.json;
    expect(await switches(desk)).toMatchObject({ KILL_SWITCH: '1' });
    await verdictIs(desk, first.incident, 'FLAT');
    await shows(desk, first.incident, 'VERDICT  FLAT: every list and every position read twice, empty');
    expect(exchange(desk)).toEqual({ orders: [], conditional: [], positions: [] });
    expect(await incidentView(desk, first.incident)).toMatchObject({ title: 'Kill by risk-engine: drift' });
  });

  it('with a key that was used gets the same answer, and nothing runs twice', async () => {
    const again = await killOver(
      desk,
      { reason: 'drift', actor: 'risk-engine' },
      { 'idempotency-key': 'k-1' },
    );
    expect(again).toEqual({ status: 202, json: first });
    await desk.restart();
    const afterRestart = await killOver(desk, {}, { 'idempotency-key': 'k-1' });
    expect(afterRestart).toEqual({ status: 202, json: first });
    expect((await incidentView(desk, first.incident)).kills).toHaveLength(1);
  });

  it('after a verdict runs again in the same incident, and needs no body', async () => {
    const again = await killOver(desk, {}, { 'idempotency-key': 'k-2' });
    expect(again.json).toMatchObject({ incident: first.incident, state: 'again' });
    await settled(desk, first.incident, (incident) => Object.values(incident.kills).length === 2);
    await verdictIs(desk, first.incident, 'FLAT');
    const bare = await fetch(`${desk.url}/kill`, {
      method: 'POST',
      headers: { authorization: 'Bearer rotated' },
    });
    expect(bare.status).toBe(202);
    expect(as<KillAnswer>({ status: 202, json: await bare.json() }).json.incident).toBe(first.incident);
    await verdictIs(desk, first.incident, 'FLAT');
    expect((await incidentView(desk, first.incident)).timeline.map((row) => row.text)).toContainEqual(
      'KILL asked for binance-usdm, binance-spot: none given',
    );
  });

  it('pages once for a kill that ended FLAT', async () => {
    await paged(desk, first.incident, 1);
    expect(pagesOf(desk, first.incident)).toHaveLength(1);
  });
});

describe.concurrent('a venue that cannot be trusted is never FLAT', () => {
  it.each([
    ['hangs on a list', { kind: 'timeout', match: { path: '/fapi/v1/openOrders', method: 'GET' } }],
    ['hangs on the conditional list', { kind: 'timeout', match: { path: '/fapi/v1/openAlgoOrders' } }],
    ['answers 500 for its positions', { kind: 'http500', match: { path: /positionRisk/ } }],
    ['answers a page of HTML', { kind: 'html', match: { path: '/api/v3/openOrders' } }],
    ['has revoked the key', { kind: 'revokedKey' }],
    ['cuts its answers off', { kind: 'garbage', match: { path: '/fapi/v1/openOrders', method: 'GET' } }],
  ] as const)('UNKNOWN: it %s', (_name, fault) =>
    withDesk(
      async (desk) => {
        const lifted = desk.stage.binance.fault({ ...fault, times: Infinity });
        const { json } = await killOver(desk, { reason: 'blind' });
        await verdictIs(desk, json.incident, 'UNKNOWN');
        await shows(
          desk,
          json.incident,
          'VERDICT  UNKNOWN: not everything could be read: orders may be live',
        );
        expect(desk.thread(json.incident)).toContain('Check by hand');
        await paged(desk, json.incident, 2);
        const view = await incidentView(desk, json.incident);
        expect(view.timeline.some((row) => row.text.startsWith('VERDICT FLAT'))).toBe(false);

        await desk.stage.slack.say(CAST.ada.id, '/incident resolve');
        const refused = await submit(desk, CAST.ada.id, { summary: 'Surely fine.' });
        expect(refused?.errors['summary']).toContain('The kill is UNKNOWN');

        // It is read on: once it can be read, the verdict is what was read.
        lifted.clear();
        await verdictIs(desk, json.incident, 'FLAT');
        expect(exchange(desk)).toEqual({ orders: [], conditional: [], positions: [] });
      },
      { binance: FLAT_DESK, pace: QUICK },
    ),
  );

  it.each(['lie', 'partial'] as const)(
    'which answers success and does not cancel (%s) is asked again until it has',
    (kind) =>
      withDesk(
        async (desk) => {
          desk.stage.binance.fault({
            kind,
            match: { method: 'DELETE', path: '/fapi/v1/allOpenOrders' },
            times: 2,
          });
          const { json } = await killOver(desk, { reason: 'liar' });
          await verdictIs(desk, json.incident, 'FLAT');
          expect(exchange(desk)).toEqual({ orders: [], conditional: [], positions: [] });
        },
        { binance: FLAT_DESK, pace: QUICK },
      ),
  );

  it('which never cancels is said with its live orders, line by line', () =>
    withDesk(
      async (desk) => {
        desk.stage.binance.fault({
          kind: 'lie',
          match: { method: 'DELETE', path: /^\/fapi/ },
          times: Infinity,
        });
        const { json } = await killOver(desk, { reason: 'liar' });
        await verdictIs(desk, json.incident, 'RESIDUAL');
        await shows(desk, json.incident, '2 orders still live');
        expect(desk.thread(json.incident)).toContain('live order BTC/');
        expect(desk.stage.binance.openOrders('swap')).toHaveLength(2);
        expect(desk.stage.binance.openOrders('spot')).toHaveLength(0);
      },
      { binance: FLAT_DESK, pace: QUICK },
    ));

  it('while another one hangs has its own orders cancelled all the same', () =>
    withDesk(
      async (desk) => {
        desk.stage.binance.fault({ kind: 'timeout', match: { path: /^\/fapi/ }, times: Infinity });
        const { json } = await killOver(desk);
        await verdictIs(desk, json.incident, 'UNKNOWN');
        expect(desk.stage.binance.openOrders('spot')).toEqual([]);
        const { lastKill } = await statusView(desk);
        expect(lastKill?.venues).toMatchObject([
          { id: 'binance-usdm', verdict: 'UNKNOWN' },
          { id: 'binance-spot', verdict: 'FLAT' },
        ]);
      },
      { binance: FLAT_DESK, pace: QUICK },
    ));
});

describe('while the latch holds', () => {
  it('an order that the engine places after the verdict is found and cancelled', () =>
    withDesk(
      async (desk) => {
        const { json } = await killOver(desk);
        await verdictIs(desk, json.incident, 'FLAT');
        const found = happens(desk, 'VenueCancelled', json.incident);
        desk.stage.binance.placeOrder({ symbol: 'BTCUSDT', side: 'buy', quantity: 0.002, price: 59_000 });
        await found;
        await desk.stage.binance.until(() => desk.stage.binance.openOrders().length === 0, {
          what: 'the late order cancelled',
        });
        expect((await incidentView(desk, json.incident)).timeline.map((row) => row.text)).toContainEqual(
          expect.stringContaining('binance-usdm: cancel round 2 answered'),
        );
      },
      { binance: FLAT_DESK, pace: QUICK },
    ));
});

describe('a control file that cannot be written', () => {
  it('stops no cancel; the answer, the receipt and the page of the incident say that the engine was not told', () =>
    withDesk(
      async (desk) => {
        await rm(desk.controlFile);
        const { status, json } = await killOver(desk, { reason: 'no file' });
        expect(status).toBe(202);
        expect(json.warnings[0]).toContain('KILL_SWITCH=1 is not confirmed');
        expect(json.warnings[0]).toContain('Stop the engine by hand');
        await verdictIs(desk, json.incident, 'FLAT');
        expect(exchange(desk)).toEqual({ orders: [], conditional: [], positions: [] });
        await shows(desk, json.incident, 'not latched');
        expect((await statusView(desk)).trading.state).toBe('killed');
      },
      { binance: FLAT_DESK, pace: QUICK },
    ));

  it('keeps its mode', () =>
    withDesk(
      async (desk) => {
        await chmod(desk.controlFile, 0o640);
        const { json } = await killOver(desk);
        await verdictIs(desk, json.incident, 'FLAT');
        expect((await stat(desk.controlFile)).mode & 0o777).toBe(0o640);
        expect(await readFile(desk.controlFile, 'utf8')).toContain('OTHER=kept');
      },
      { binance: FLAT_DESK },
    ));
});

describe('Flatten', () => {
  let desk: InProcess;
  let id = '';
  beforeEach(async () => {
    desk = await startDesk({ pace: QUICK });
    id = (await killOver(desk, { reason: 'test' })).json.incident;
    await verdictIs(desk, id, 'RESIDUAL');
    await desk.stage.slack.until(() => buttonOf(receiptOf(desk, id), 'Flatten…') !== null);
  });
  afterEach(() => desk.close());
  const ada = CAST.ada.id;
  const orders = () => desk.stage.binance.requests({ method: 'POST', path: '/fapi/v1/order' });

  it('by somebody without the role opens nothing', async () => {
    await pressOn(desk, CAST.mallory.id, receiptOf(desk, id), 'Flatten…');
    await desk.stage.slack.until(() => desk.stage.slack.ephemerals(CAST.mallory.id).length > 0);
    expect(desk.stage.slack.openViews(CAST.mallory.id)).toEqual([]);
  });

  it('says that the slippage is unknown where the order book cannot be read, and closes all the same', async () => {
    desk.stage.binance.fault({ kind: 'http500', match: { path: '/fapi/v1/depth' }, times: Infinity });
    const { shown, outcome } = await flatten(desk, ada, receiptOf(desk, id));
    expect(shown).toMatch(/long 0\.008 · 512\.00 USDT\nslippage unknown: .*HTTP 500/);
    expect(outcome).toMatchObject({ action: 'close' });
    await verdictIs(desk, id, 'FLAT');
    expect(orders()).toHaveLength(1);
  });

  it('says that the slippage is unknown where the book is too thin for the size', async () => {
    desk.stage.binance.setPosition({ symbol: 'BTCUSDT', amount: 200 });
    const { shown } = await preview(desk, ada, receiptOf(desk, id));
    expect(shown).toContain('long 200 ');
    expect(shown).toContain('slippage unknown: the book shows only 100 on that side');
  });

  it('closes nothing when more is open than was shown, and says what grew', async () => {
    const { id: view } = await preview(desk, ada, receiptOf(desk, id));
    desk.stage.binance.setPosition({ symbol: 'BTCUSDT', amount: 0.012 });
    desk.stage.binance.setPosition({ symbol: 'ETHUSDT', amount: -0.5 });
    const { body } = await desk.stage.slack.submit(ada, view);
    expect(body).toContain('More is open than you were shown');
    expect(body).toContain('long 0.012, shown as 0.008');
    expect(body).toContain('short 0.5, which is new');
    expect(orders()).toEqual([]);
    expect(desk.stage.slack.openViews(ada).at(-1)?.view['submit']).toBeUndefined();
  });

  it('closes what is left when less is open than was shown', async () => {
    const { id: view } = await preview(desk, ada, receiptOf(desk, id));
    desk.stage.binance.setPosition({ symbol: 'BTCUSDT', amount: 0.003 });
    await desk.stage.slack.submit(ada, view);
    await verdictIs(desk, id, 'FLAT');
    expect(orders()).toMatchObject([{ params: { quantity: '0.003', reduceOnly: 'true' } }]);
  });

  it('names a venue that could not be read: nothing there is closed, and the others are', async () => {
    desk.stage.binance.fault({ kind: 'http500', match: { path: '/api/v3/account' }, times: Infinity });
    const { shown, outcome } = await flatten(desk, ada, receiptOf(desk, id));
    expect(shown).toMatch(/binance-spot\* could not be read \(balances:.*\): nothing there is closed/);
    expect(outcome).toMatchObject({ action: 'close' });
    await desk.stage.binance.until(() => desk.stage.binance.positions().length === 0, { what: 'closed' });
    expect(orders()).toHaveLength(1);
  });

  it('submitted twice sends one order, and the second is told', async () => {
    const { id: view } = await preview(desk, ada, receiptOf(desk, id));
    const twice = await Promise.all([
      desk.stage.slack.submit(ada, view),
      desk.stage.slack.submit(ada, view).catch((error: unknown) => ({ body: String(error) })),
    ]);
    await verdictIs(desk, id, 'FLAT');
    expect(orders()).toHaveLength(1);
    expect(twice.map((one) => one.body).join()).toMatch(/already|no view|not open/i);
  });

  it('with nothing open has nothing to submit', async () => {
    desk.stage.binance.setPosition({ symbol: 'BTCUSDT', amount: 0 });
    const { shown, id: view } = await preview(desk, ada, receiptOf(desk, id));
    expect(shown).toContain('There is no position that an order could close');
    expect(desk.stage.slack.openViews(ada).find((one) => one.id === view)?.view['submit']).toBeUndefined();
  });
});

describe('the channel', () => {
  it('shows a kill from anywhere as an incident with its runbook and its receipt in the thread', () =>
    withDesk(
      async (desk) => {
        const { json } = await killOver(desk, { reason: 'from a script', actor: 'cron' });
        await posted(desk, json.incident);
        await shows(desk, json.incident, 'VERDICT  FLAT');
        expect(desk.stage.slack.asText(CHANNEL)).toContain('Trading KILLED by cron');
        expect(desk.thread(json.incident)).toContain('Runbook: Kill switch procedure');
        expect(headlinesOf(desk, json.incident)).toHaveLength(1);
      },
      { binance: FLAT_DESK },
    ));
});
