/** Puts the drills of a live installation together: their venues, their files, their calendar. */

import { join } from 'node:path';
import { cronMinutes } from './adapters/cron.ts';
import { createDrillFiles, openDrillControl } from './adapters/drillFiles.ts';
import type { LiveConfig } from './config.ts';
import type { KillPace } from './domain/kill.ts';
import type { Playbook, Runbook } from './domain/playbook.ts';
import type { Desk } from './engine/desk.ts';
import { createDrills, type Drills } from './engine/drill/drills.ts';
import { createSchedule, type Schedule } from './engine/drill/schedule.ts';
import { drillVenues, noDrillVenue } from './engine/drill/venues.ts';
import type { Ledger } from './engine/ledger.ts';
import type { Chat, Clock, Log, Store, Venue } from './ports.ts';
import { drillMarkdown, missedDrillWords } from './render/drillReport.ts';

export interface Drilling {
  drills: Drills;
  schedule: Schedule;
  /** One look a second: the drill that runs, then the calendar. */
  look(): Promise<void>;
}

export async function createDrilling(deps: {
  config: LiveConfig;
  venues: readonly Venue[];
  ledger: Ledger;
  desk: Desk;
  store: Store;
  clock: Clock;
  log: Log;
  playbook: Playbook;
  runbooks: Runbook[];
  chat: Pick<Chat, 'post' | 'find'>;
  confirms: boolean;
  mask(text: string): string;
  /** The band of the error budgets now. */
  budget(): string;
  pace?: KillPace;
}): Promise<Drilling> {
  const { config, ledger, desk, store, clock, log, playbook, runbooks, chat, mask } = deps;
  const drills = createDrills({
    ledger,
    desk,
    store,
    clock,
    log,
    playbook,
    runbooks,
    // The one place where a drill gets venues.
    venues: drillVenues(deps.venues, config.venues),
    noVenue: noDrillVenue(config.venues),
    openControl: () => openDrillControl(config.controlFile, clock.now),
    protectiveOrders: config.kill.protectiveOrders,
    page: config.drills.page,
    confirms: deps.confirms,
    files: createDrillFiles(join(config.dataDir, 'drills'), mask),
    report: drillMarkdown,
    ...(deps.pace === undefined ? {} : { pace: deps.pace }),
  });
  const { channel } = config.slack;
  const schedule = await createSchedule({
    plans: config.drills.schedule.map(({ scenario, cron, by }) => ({
      id: `${scenario} ${cron}`,
      scenario,
      by,
      isDue: cronMinutes(cron, config.hours.timezone),
    })),
    ledger,
    clock,
    log,
    start: drills.start,
    wasBegun: drills.wasBegun,
    badTime() {
      const band = deps.budget();
      return band === 'RED' || band === 'CRITICAL' ? `the error budget is ${band}` : null;
    },
    words: missedDrillWords,
    async say(text, key, sinceMs) {
      const found = await chat.find(channel, null, key, sinceMs);
      if (found.state === 'failed') return false;
      if (found.ts !== null) return true;
      const sent = await chat.post(channel, null, { text: mask(text), blocks: [] }, key);
      return sent.state === 'done';
    },
  });
  return {
    drills,
    schedule,
    async look() {
      await drills.tick();
      if (drills.isReady()) await schedule.look();
    },
  };
}
