/** Keeps the control file and the record in step: adopts what tightens, puts back what loosens, and says both. */

import { type Alert, OWN_SOURCE, type Severity, STANDDOWN } from '../domain/incident.ts';
import { controlValues, HOLD_KEYS, type HoldKey, SWITCHES } from '../domain/trading.ts';
import { type Clock, type Control, type ControlReading, DESK, type Log } from '../ports.ts';
import type { Desk } from './desk.ts';
import type { Ledger } from './ledger.ts';

export interface Keeper {
  /** Compare the file with the record, and mend either: before anything else runs. */
  atStart(): Promise<void>;
  /** The file was changed by somebody else, or cannot be used. */
  onChange(seen: ControlReading & { unwritable: string | null }): void;
}

export interface KeeperDeps {
  ledger: Ledger;
  desk: Pick<Desk, 'takeAlerts' | 'command' | 'executor'>;
  control: Control;
  clock: Clock;
  log: Log;
}

/** A latch is put back at most so often (CONTRACT 4): against a program that fights for the file, a person must step in. */
const PUT_BACK = { times: 5, withinMs: 60_000 };

export function createKeeper(deps: KeeperDeps): Keeper {
  const { ledger, desk, control, clock, log } = deps;
  const putBackAt: number[] = [];
  let queue: Promise<void> = Promise.resolve();

  /** An alert of our own: joined while it fires, so that a file that is fought over makes one incident. */
  async function raise(key: string, title: string, severity: Severity): Promise<string | null> {
    const [incident] = await desk.takeAlerts(
      [{ alert: alert(key, title, severity), status: 'firing' }],
      STANDDOWN,
    );
    return incident ?? null;
  }
  async function clear(key: string): Promise<void> {
    const ours = ledger
      .open()
      .filter((incident) => incident.source === OWN_SOURCE && incident.groupKey === 'control-file');
    if (!ours.some((incident) => incident.alerts[key]?.state === 'firing')) return;
    await desk.takeAlerts(
      [{ alert: alert(key, key, 'P1'), status: 'resolved', endedAt: clock.now() }],
      STANDDOWN,
    );
  }
  const alert = (key: string, title: string, severity: Severity): Alert => ({
    source: OWN_SOURCE,
    groupKey: 'control-file',
    key,
    title,
    severity,
    startsAt: clock.now(),
    startsAtGiven: false,
    labels: { alertname: 'StanddownControlFile' },
    annotations: {},
  });

  async function compare(reading: ControlReading, atStart: boolean): Promise<void> {
    if (reading.state !== 'read') {
      log.error(
        { reason: reading.reason },
        'the control file cannot be read: the engine may not be told to stop',
      );
      await raise(
        'unusable',
        `The control file cannot be used: ${reading.reason}. A kill would cancel orders, but not latch the engine.`,
        'P1',
      );
      return;
    }
    const trading = ledger.trading();
    const wanted = controlValues(trading);
    if (reading.values.KILL_SWITCH === '1' && trading.latch === null) await adoptLatch(atStart);
    if (wanted.KILL_SWITCH === '1' && reading.values.KILL_SWITCH !== '1')
      await putBack('KILL_SWITCH', atStart);
    for (const key of HOLD_KEYS) {
      const { loose, tight } = SWITCHES[key];
      if (reading.values[key] === tight && wanted[key] === loose) {
        const reason = atStart
          ? 'found set in the control file at start'
          : 'set in the control file by somebody else';
        const by = { via: 'standdown' as const, id: 'control-file', name: 'the control file' };
        await ledger.commit(
          DESK,
          { type: 'PlaceHold', by, hold: `${key}/adopted`, key, reason, owner: 'adopted' },
          { mustGoOn: true },
        );
      }
      if (wanted[key] === tight && reading.values[key] !== tight) await putBack(key, atStart);
    }
  }

  async function adoptLatch(atStart: boolean): Promise<void> {
    const reason = atStart
      ? 'found set at start, with no kill on record'
      : 'set by somebody else while running';
    const incident = await raise('adopted', `KILL_SWITCH=1 was ${reason}: trading stays stopped`, 'P1');
    if (incident === null) return;
    await desk.command(incident, { type: 'AdoptLatch', by: STANDDOWN, reason });
  }

  async function putBack(key: 'KILL_SWITCH' | HoldKey, atStart: boolean): Promise<void> {
    const now = clock.monotonic();
    while (putBackAt[0] !== undefined && putBackAt[0] <= now - PUT_BACK.withinMs) putBackAt.shift();
    if (putBackAt.length >= PUT_BACK.times) {
      await raise(
        'fought',
        `${key} was put back ${PUT_BACK.times} times within a minute: another program writes this file. Stop it, and the engine, by hand.`,
        'P0',
      );
      return;
    }
    putBackAt.push(now);
    const value = key === 'KILL_SWITCH' ? '1' : SWITCHES[key].tight;
    const written = await control.write({ [key]: value });
    // While it was off, the engine may have traded; and a disk that fails below keeps nobody from looking.
    if (key === 'KILL_SWITCH') desk.executor.readNow();
    const what =
      written.state === 'written'
        ? `put back: ${key}=${value} written and read back`
        : `it could NOT be put back: ${written.reason}`;
    if (!atStart || written.state !== 'written') {
      await raise(
        `loosened:${key}`,
        `${key} is on record, but the control file said otherwise; ${what}`,
        key === 'KILL_SWITCH' ? 'P0' : 'P1',
      );
    } else {
      log.warn({ key }, 'the control file had lost a switch that is on record: it was written again');
    }
  }

  /** One comparison at a time, in the order seen. */
  function enqueue(work: () => Promise<void>): Promise<void> {
    queue = queue
      .then(work)
      .catch((error: unknown) =>
        log.error({ error: String(error) }, 'the control file could not be kept in step'),
      );
    return queue;
  }

  return {
    atStart: () => enqueue(async () => compare(await control.read(), true)),
    onChange(seen) {
      void enqueue(async () => {
        if (seen.unwritable !== null) {
          await raise(
            'unwritable',
            `The control file cannot be written: ${seen.unwritable}. A kill would cancel orders, but not latch the engine.`,
            'P1',
          );
        } else if (seen.state === 'read') {
          for (const key of ['unwritable', 'unusable']) await clear(key);
        }
        // What was seen may be old by now: the record is compared with the file as it is.
        await compare(await control.read(), false);
      });
    },
  };
}
