/** `standdown postmortem list|show|log`: what the logs of a data directory say of postmortems. Reads only, with or without a server. */

import { join, resolve } from 'node:path';
import { nodeDisk, reasonOf } from './adapters/disk.ts';
import { isAsWritten } from './adapters/drafts.ts';
import { readLogs } from './adapters/logFiles.ts';
import { evolveAll, type StandingEvent } from './domain/incident.ts';
import type { Playbook } from './domain/playbook.ts';
import { newestFirst, type PostmortemRow, rowOf } from './domain/postmortem/log.ts';
import { EXIT } from './outOfBand.ts';
import { DESK } from './ports.ts';
import { postmortemLog } from './postmortemLog.ts';
import { plain, printable } from './render/text.ts';

export interface PostmortemFilesOptions {
  dataDir: string;
  playbook: Pick<Playbook, 'severities' | 'slos'>;
  say(line: string): void;
  complain(line: string): void;
}

/** Every postmortem by the logs, the newest first. A log that cannot be folded is complained of, and left out. */
async function rowsOf({ dataDir, playbook, complain }: PostmortemFilesOptions): Promise<PostmortemRow[]> {
  const { logs } = await readLogs(nodeDisk, resolve(dataDir));
  const rows: PostmortemRow[] = [];
  for (const [log, { rows: events }] of logs) {
    if (log === DESK || events.length === 0) continue;
    try {
      const row = rowOf(evolveAll(undefined, events as StandingEvent[]), playbook);
      if (row !== null) rows.push(row);
    } catch (error) {
      complain(
        `${plain(log, 60)} cannot be read: ${plain(reasonOf(error), 200)}. standdown verify-log names the row.`,
      );
    }
  }
  return newestFirst(rows);
}

/** One line each. Exits 0, or 1 when the directory cannot be read. */
export const listPostmortems = (options: PostmortemFilesOptions): Promise<number> =>
  reading(options, async () => {
    const rows = await rowsOf(options);
    if (rows.length === 0) options.say('There is no postmortem.');
    for (const { id, status, revision, severity, incident, drill, title, category, actions } of rows)
      options.say(
        `${id}  ${status.padEnd(6)}  rev ${revision}  ${severity}  ${incident}  ${category ?? 'no category'}  ${actions.open}/${actions.all} action items  ${drill ? 'DRILL: ' : ''}${plain(title, 100)}`,
      );
    return EXIT.done;
  });

/** The file of one. Exits 0; 1 when there is none, or it is not as it was written (it is printed all the same). */
export const showPostmortem = (options: PostmortemFilesOptions, id: string): Promise<number> =>
  reading(options, async () => {
    const row = (await rowsOf(options)).find((one) => one.id === id);
    if (row === undefined) {
      options.complain(`There is no postmortem ${plain(id, 60)}: standdown postmortem list names them.`);
      return EXIT.refused;
    }
    // The data directory may have been moved: the name is ours, the place is where it was asked for.
    const path = join(resolve(options.dataDir), 'postmortems', `${row.id}.md`);
    const bytes = await nodeDisk.read(path);
    if (bytes === undefined) {
      options.complain(`${path} is not there. The server writes it with its next revision.`);
      return EXIT.refused;
    }
    // Somebody's hand may have put in what moves a terminal's cursor.
    options.say(printable(bytes.toString('utf8')).trimEnd());
    if (isAsWritten(bytes, row.sha256)) return EXIT.done;
    options.complain(`❗ ${path} is not as Standdown wrote it: it was changed by hand.`);
    return EXIT.refused;
  });

/** The table of all of them, made from the logs. */
export const printPostmortemLog = (options: PostmortemFilesOptions): Promise<number> =>
  reading(options, async () => {
    options.say((await postmortemLog(await rowsOf(options))).trimEnd());
    return EXIT.done;
  });

async function reading(
  { dataDir, complain }: PostmortemFilesOptions,
  read: () => Promise<number>,
): Promise<number> {
  try {
    return await read();
  } catch (error) {
    complain(`${resolve(dataDir)} cannot be read: ${reasonOf(error)}`);
    return EXIT.refused;
  }
}
