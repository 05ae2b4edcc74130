import { mkdir, mkdtemp, readdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Incident, STANDDOWN, type StandingEvent } from '../src/domain/incident.ts';
import { RUNNING } from '../src/domain/trading.ts';
import type { Ledger } from '../src/engine/ledger.ts';
import { adoptSideJournals } from '../src/sideJournal.ts';

const AT = Date.parse('2026-11-22T03:00:00Z');
const by = { via: 'cli' as const, id: 'cli:ada', name: 'ada' };

const opened = {
  type: 'IncidentOpened',
  at: AT,
  by,
  seq: 1,
  id: 'INC-00000000-000',
  severity: 'P0',
  title: 'Kill',
  drill: false,
  runbook: null,
  source: null,
  groupKey: null,
};
const asked = (kill: string) => ({
  type: 'KillAsked',
  at: AT,
  by,
  seq: 2,
  kill,
  reason: 'feed frozen',
  venues: ['spot'],
});
const journal = (...events: object[]) => events.map((event) => `${JSON.stringify(event)}\n`).join('');

/** A start over a folder of side journals: what was taken into the log, and what was said. */
async function start(folder: string) {
  const taken: StandingEvent[][] = [];
  const said: { level: string; file?: string }[] = [];
  const noting = (level: string) => (fields: object) => void said.push({ level, ...fields });
  const ledger = { open: (): Incident[] => [], trading: () => RUNNING } as unknown as Ledger;
  await adoptSideJournals(folder, {
    ledger,
    desk: {
      adopt: async (events) => {
        taken.push(events);
        return 'INC-20261122-001';
      },
    },
    log: { debug: noting('debug'), info: noting('info'), warn: noting('warn'), error: noting('error') },
  });
  return { taken: taken.map((events) => events.map((event) => event.type)), said };
}

describe('what the command line left, at the next start', () => {
  it('takes each kill in, also beside one that cannot be read: that one stays, and is said', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'standdown-side-'));
    await mkdir(join(folder, 'K-cli-a.ndjson')); // reading it fails as on a bad disk
    await writeFile(join(folder, 'K-cli-b.ndjson'), journal(opened, asked('K-cli-b')));
    const { taken, said } = await start(folder);
    expect(taken).toEqual([['IncidentOpened', 'KillAsked']]);
    expect(said).toContainEqual(expect.objectContaining({ level: 'error', file: 'K-cli-a.ndjson' }));
    expect((await readdir(folder)).sort()).toEqual(['K-cli-a.ndjson', 'K-cli-b.ndjson.adopted']);
  });

  it('takes what is whole of a journal that ends in an event of another version, or torn', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'standdown-side-'));
    const unknown = { type: 'KillPonderedUpon', at: AT, by: STANDDOWN, seq: 3, kill: 'K-cli-c' };
    await writeFile(join(folder, 'K-cli-c.ndjson'), journal(opened, asked('K-cli-c'), unknown));
    await writeFile(join(folder, 'K-cli-d.ndjson'), `${journal(opened, asked('K-cli-d'))}{"type":"KillLat`);
    const { taken, said } = await start(folder);
    expect(taken).toEqual([
      ['IncidentOpened', 'KillAsked'],
      ['IncidentOpened', 'KillAsked'],
    ]);
    expect(said.filter(({ level }) => level === 'error')).toEqual([]);
    expect(said).toContainEqual({ level: 'warn', file: 'K-cli-c.ndjson', lines: 1 });
  });

  it('starts without the folder, and says it loudly when the folder cannot be read', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'standdown-side-'));
    expect(await start(join(folder, 'none'))).toEqual({ taken: [], said: [] });
    await writeFile(join(folder, 'side'), 'a file where the folder should be');
    const { said } = await start(join(folder, 'side'));
    expect(said).toEqual([expect.objectContaining({ level: 'error' })]);
  });
});
