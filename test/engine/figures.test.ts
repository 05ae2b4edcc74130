/** What a postmortem is given of measured numbers: on record once, with deadlines, and never in the way of the postmortem. */

import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { STANDDOWN } from '../../src/domain/incident.ts';
import type { TrailPoint } from '../../src/domain/trail/point.ts';
import { LEAD_OUT_MS } from '../../src/domain/trail/record.ts';
import { createFigures } from '../../src/engine/figures.ts';
import { createLedger } from '../../src/engine/ledger.ts';
import type { Log, Sent, Venue } from '../../src/ports.ts';
import { incidentPicture } from '../../src/render/picture/incidentPicture.ts';
import { fakeClock } from '../fakes/clock.ts';
import { fakeStore } from '../fakes/store.ts';
import { policy } from '../scenarios/desk.ts';

const quiet: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};
const ID = 'INC-20261122-001';
const PM = 'PM_20261122_001';

type Deps = Parameters<typeof createFigures>[0];
const never = () => new Promise<never>(() => undefined);

const venue = (more: Partial<Venue> = {}): Venue =>
  ({
    id: 'usdm',
    results: async () => ({
      state: 'read',
      ledger: 'income',
      rows: 2,
      leftOut: 0,
      assets: [{ asset: 'USDT', realised: -3.1, fees: -0.2, other: 0 }],
    }),
    read: async () => ({
      venue: 'usdm',
      proven: true,
      lists: [],
      notCovered: [],
      positions: [
        {
          scope: 's',
          state: 'read',
          positions: [
            { currency: 'USDT', unrealisedPnl: 2 },
            { currency: 'USDT', unrealisedPnl: 3 },
            { currency: 'BTC', unrealisedPnl: null },
          ],
        },
      ],
    }),
    ...more,
  }) as unknown as Venue;

async function world(more: Partial<Deps> = {}) {
  const clock = fakeClock();
  const ledger = createLedger({
    store: fakeStore(clock.now),
    clock,
    playbook: policy().playbook,
    log: quiet,
  });
  await ledger.commit(ID, {
    type: 'DeclareIncident',
    by: STANDDOWN,
    incident: ID,
    title: 't',
    severity: 'P1',
    runbook: null,
    drill: true,
  });
  const note = (event: Extract<Parameters<typeof ledger.commit>[1], { type: 'Note' }>['event']) =>
    ledger.commit(ID, { type: 'Note', by: STANDDOWN, event });
  await note({ type: 'Posted', what: 'headline', channel: 'C', ts: '1' });
  const point: TrailPoint = {
    kind: 'sample',
    at: clock.now(),
    venues: { usdm: { at: clock.now(), absolute: 512, net: 512, by: 'venue' } },
    criteria: [],
    dayPnl: null,
    equity: null,
    engine: null,
    trading: 'running',
  };
  const sent: string[][] = [];
  const figures = createFigures({
    trail: { points: async () => [point] },
    venues: [venue()],
    ledger,
    clock,
    log: quiet,
    pictures: { draw: async () => [{ svg: '<svg/>', png: Buffer.from('png') }] },
    drafts: {
      savePicture: async (id) => ({ png: `${id}.png`, svg: `${id}.svg`, pngSha256: 'a', svgSha256: 'b' }),
      loadPicture: async (name) => Buffer.from(name),
    },
    draw: { picture: incidentPicture },
    upload: async (_channel, thread, _comment, files) => {
      sent.push([thread ?? '', ...files.map(({ name }) => name)]);
      return { state: 'done' };
    },
    find: async () => ({ state: 'done', ts: null }),
    currency: 'USDT',
    limits: { total: 1_500, perVenue: {} },
    killPhase: () => 'none',
    calm: async () => undefined,
    ...more,
  });
  const incident = async () => {
    const loaded = await ledger.load(ID);
    if (loaded === undefined) throw new Error('it is gone');
    return loaded;
  };
  return {
    clock,
    note,
    sent,
    resolve: () => ledger.commit(ID, { type: 'ResolveIncident', by: STANDDOWN, summary: 's' } as never),
    lastMinutes: async () =>
      ledger.commit(ID, {
        type: 'AskLastMinutes',
        by: STANDDOWN,
        until: ((await incident()).resolution?.at ?? 0) + LEAD_OUT_MS,
      }),
    prepare: async () => figures.prepare(await incident(), PM),
    upload: async (tries = 0, maybe = false) =>
      figures.upload({ effect: {} as never, tries, maybe, setMaybe: () => undefined }, await incident()),
    told: async () =>
      (await ledger.history(ID)).filter(
        ({ type }) => !['IncidentOpened', 'PageOwed', 'Posted'].includes(type),
      ),
  };
}

describe('the figures of a postmortem', () => {
  it('are put on record once: money, the trail, and the picture with its hashes', async () => {
    const at = await world();
    await at.prepare();
    const told = await at.told();
    expect(told.map(({ type }) => type)).toEqual(['MoneyMeasured', 'TrailKept', 'PictureDrawn']);
    expect(told[0]).toMatchObject({
      ledgers: [{ venue: 'usdm', state: 'read', assets: [{ realised: -3.1, fees: -0.2 }] }],
      unrealised: [
        {
          venue: 'usdm',
          sums: [
            { currency: 'USDT', amount: 5 },
            { currency: 'BTC', amount: null },
          ],
        },
      ],
    });
    expect(told[2]).toMatchObject({ png: `${PM}.png`, pngSha256: 'a', svg: `${PM}.svg`, svgSha256: 'b' });
  });

  it('are measured and drawn again when the minutes after the resolution are over, once; nobody is told twice', async () => {
    const at = await world();
    await at.note({ type: 'PostmortemDrafted', id: PM, file: 'f' });
    await at.resolve();
    await at.clock.advance(1_000);
    await at.prepare();
    await at.upload();
    await at.note({ type: 'PictureUploaded', png: `${PM}.png` });
    const drawn = async () => (await at.told()).filter(({ type }) => type === 'PictureDrawn').length;
    expect(await drawn()).toBe(1);
    await at.clock.advance(10 * 60_000);
    await at.prepare();
    expect(await drawn(), 'an edit alone measures nothing').toBe(1);
    await at.lastMinutes();
    await at.prepare();
    await at.prepare();
    await at.upload();
    expect(await drawn()).toBe(2);
    expect(at.sent).toHaveLength(1);
  });

  it('a venue that answers nothing, or throws, is UNKNOWN by the deadline, and holds up no other', async () => {
    const at = await world({
      venues: [
        venue({ id: 'hangs', results: never, read: never }),
        venue({ id: 'throws', results: async () => Promise.reject(new Error('a fault')) }),
        venue(),
      ],
    });
    let isOver = false;
    const prepared = at.prepare().then(() => {
      isOver = true;
    });
    while (!isOver) {
      await at.clock.advance(1_000);
      await turn();
    }
    await prepared;
    expect((await at.told())[0]).toMatchObject({
      ledgers: [
        { venue: 'hangs', state: 'failed', reason: 'no answer within 6 s' },
        { venue: 'throws', state: 'failed', reason: 'a fault' },
        { venue: 'usdm', state: 'read' },
      ],
      unrealised: [{ venue: 'hangs', state: 'failed' }, { state: 'read' }, { state: 'read' }],
    });
  });

  it('a kill has the venues to itself: none is asked what is open', async () => {
    let reads = 0;
    const counted = venue({
      read: async () => {
        reads += 1;
        return never();
      },
    });
    const at = await world({ venues: [counted], killPhase: () => 'running' });
    await at.prepare();
    expect(reads).toBe(0);
    expect((await at.told())[0]).toMatchObject({ unrealised: [{ state: 'failed' }] });
  });

  it.each([
    ['cannot be read', async () => Promise.reject(new Error('EIO')), 'EIO'],
    ['was not kept', async () => [], 'nothing was kept of this time'],
  ])(
    'where the trail %s, that is on record, and so is that there is no picture',
    async (_what, points, reason) => {
      const at = await world({ trail: { points } });
      await at.prepare();
      expect(await at.told()).toMatchObject([
        { type: 'MoneyMeasured' },
        { type: 'TrailMissing', reason },
        { type: 'PictureFailed', reason },
      ]);
    },
  );

  it('a picture that cannot be drawn, or saved, is said', async () => {
    const at = await world({ pictures: { draw: async () => Promise.reject(new Error('no thread')) } });
    await at.prepare();
    expect((await at.told()).at(-1)).toMatchObject({ type: 'PictureFailed', reason: 'no thread' });
    expect(await at.upload()).toEqual({ done: true, facts: [] });
  });

  it('the picture is uploaded into the thread once, and what fails is tried again, but not for ever', async () => {
    const at = await world();
    await at.prepare();
    const outcome = await at.upload();
    expect(outcome).toEqual({ done: true, facts: [{ type: 'PictureUploaded', png: `${PM}.png` }] });
    expect(at.sent).toEqual([['1', `${PM}.png`, `${PM}.svg`]]);
    await at.note({ type: 'PictureUploaded', png: `${PM}.png` });
    await at.upload();
    expect(at.sent).toHaveLength(1);

    const failed: Sent<object> = { state: 'failed', retry: true, maybe: false, reason: 'missing_scope' };
    const other = await world({ upload: async () => failed });
    await other.prepare();
    const first = await other.upload();
    expect(first).toMatchObject({ done: false, facts: [{ type: 'PictureUploadFailed', gaveUp: false }] });
    await other.note({ type: 'PictureUploadFailed', png: 'x', reason: 'missing_scope', gaveUp: false });
    expect(await other.upload(1)).toMatchObject({ done: false, facts: [] });
    expect(await other.upload(6)).toMatchObject({ done: true, facts: [{ gaveUp: true }] });
  });

  it('an upload that may have arrived is looked for, and stands once', async () => {
    const at = await world({ find: async () => ({ state: 'done', ts: '7' }) });
    await at.prepare();
    expect(await at.upload(0, true)).toMatchObject({ done: true, facts: [{ type: 'PictureUploaded' }] });
    expect(at.sent).toEqual([]);
    const absent = await world();
    await absent.prepare();
    await absent.upload(0, true);
    expect(absent.sent).toHaveLength(1);
  });

  it('a file that is not what is on record is not uploaded', async () => {
    const drafts: Deps['drafts'] = {
      savePicture: async (id) => ({ png: `${id}.png`, svg: `${id}.svg`, pngSha256: 'a', svgSha256: 'b' }),
      loadPicture: async () => Promise.reject(new Error('not the picture that is on record')),
    };
    const at = await world({ drafts });
    await at.prepare();
    expect(await at.upload()).toMatchObject({ done: true, facts: [{ gaveUp: true }] });
    expect(at.sent).toEqual([]);
  });
});
