/** Puts the bot together from a configuration, starts it, and stops it. */

import { readFileSync } from 'node:fs';
import type { Agent } from 'node:https';
import { dirname, join } from 'node:path';
import { createBudgetsFile } from './adapters/budgetsFile.ts';
import { systemClock } from './adapters/clock.ts';
import { type CommandResult, runCommand } from './adapters/command.ts';
import { watchControlFile } from './adapters/controlFile/watch.ts';
import { openControlFile } from './adapters/controlFile.ts';
import { everySecond } from './adapters/cron.ts';
import type { Disk } from './adapters/disk.ts';
import { createDrafts } from './adapters/drafts.ts';
import { createGitHubTracker } from './adapters/github.ts';
import { createHost } from './adapters/host.ts';
import { createPagerDutyPager } from './adapters/pagerduty.ts';
import { createDraughtsman } from './adapters/picture.ts';
import { createRunbookTexts, ownerDocumentName } from './adapters/runbookTexts.ts';
import { sha256 } from './adapters/sha256.ts';
import { createSlack } from './adapters/slack.ts';
import { createSmtpMailer } from './adapters/smtp.ts';
import { askStatusPage } from './adapters/statusPage.ts';
import { openStore } from './adapters/store.ts';
import { hashOfFile } from './adapters/textFile.ts';
import { createTrailFiles } from './adapters/trailFiles.ts';
import { createWindowsFile } from './adapters/windows.ts';
import { type LiveConfig, secretsOf } from './config.ts';
import { STANDDOWN } from './domain/incident.ts';
import { isRunning, type KillPace } from './domain/kill.ts';
import { marketAt } from './domain/measure/hours.ts';
import { impactOf } from './domain/measure/impact.ts';
import { followedBy } from './domain/playbook.ts';
import type { TextVersion } from './domain/readiness/events.ts';
import { createDraw } from './draw.ts';
import { createDrilling } from './drilling.ts';
import { createAccess } from './engine/access.ts';
import { createBudgetKeeper } from './engine/budgetKeeper.ts';
import { createDesk, type Desk } from './engine/desk.ts';
import { createEngines } from './engine/engines.ts';
import { createFigures } from './engine/figures.ts';
import { createHomeBoard } from './engine/homeBoard.ts';
import { createIssueWatch } from './engine/issueWatch.ts';
import { createKeeper } from './engine/keeper.ts';
import { createLedger, type Ledger } from './engine/ledger.ts';
import { openMembers } from './engine/members.ts';
import { createMonitor, type Monitor } from './engine/monitor.ts';
import { createOnCall, type OnCall } from './engine/onCall.ts';
import { openOnce } from './engine/once.ts';
import { createOutbox, type Pace } from './engine/outbox.ts';
import { createPeople } from './engine/people.ts';
import { createPerform } from './engine/perform.ts';
import { createPostmortems } from './engine/postmortems.ts';
import { createProbes } from './engine/probes.ts';
import { createReadiness, type Readiness } from './engine/readiness.ts';
import { createRefusals } from './engine/refusals.ts';
import { createRunbookRunner } from './engine/runbookRunner.ts';
import { createStopFromAlert } from './engine/stopFromAlert.ts';
import { createTicker } from './engine/tick.ts';
import { createTrail, type Trail } from './engine/trail.ts';
import { createVenueWatch, type KillPhase, type WatchPace } from './engine/venueWatch.ts';
import {
  type Failpoint,
  failAtSteps,
  failingControl,
  failingDrafts,
  failingPerform,
  failingVenue,
} from './failpoint.ts';
import { registerActions } from './listeners/actions.ts';
import { registerCommands } from './listeners/commands.ts';
import type { ListenerContext } from './listeners/context.ts';
import { registerEvents } from './listeners/events.ts';
import { registerGuard } from './listeners/guard.ts';
import { drawHome, registerHome } from './listeners/home.ts';
import { createChoices } from './listeners/incident/choices.ts';
import { registerChoice } from './listeners/incident/command.ts';
import { registerPageOnCall } from './listeners/pageOnCall.ts';
import { registerPostmortem } from './listeners/postmortem.ts';
import { registerReadiness } from './listeners/readiness.ts';
import { registerShortcut } from './listeners/shortcut.ts';
import { registerSummary } from './listeners/summary.ts';
import { registerTimeline } from './listeners/timeline.ts';
import { registerViews } from './listeners/views.ts';
import { createLog, createMask } from './log.ts';
import type { Policy } from './policy.ts';
import { type Clock, type Command, DESK, type Log, type Store, type Tracker, type Venue } from './ports.ts';
import { masked } from './render/masked.ts';
import { readinessReminder } from './render/readiness.ts';
import { adoptSideJournals } from './sideJournal.ts';
import { killLimits, stopRulesOf, UNKNOWN_GRACE_MS } from './stopRules.ts';
import { timelineMarkdown } from './timelineMarkdown.ts';
import { openVenues } from './venues.ts';
import { startEdge } from './webhooks/edge.ts';
import { createMetrics } from './webhooks/metrics.ts';
import { createPagerHook } from './webhooks/pagerduty.ts';
import { createSlackDoor } from './webhooks/slack.ts';
import { refusal, withdrawingKeys } from './withdrawingKeys.ts';

export interface BotOptions {
  config: LiveConfig;
  policy: Policy;
  /** True: every message, page and mail is labelled DRILL. */
  drill: boolean;
  clock?: Clock;
  pace?: KillPace;
  /** How fast messages may go out; default as Slack allows. A test that posts much at once does not wait for it. */
  outboxPace?: Pace;
  /** How often the venues are measured, instead of what their limits bear. */
  watchPace?: WatchPace;
  /** How often action items are looked at, ms; default every minute. */
  itemsEveryMs?: number;
  /** For a private CA of rehearsal and tests. */
  pagerAgent?: Agent;
  writeLog?: (line: string) => void;
  /** The store's file system; tests give one that fails or hangs. */
  storeFs?: Disk;
  /** Called at each named step, so that a crash test can kill the process there. */
  failpoint?: Failpoint;
}

export interface Bot {
  url: string;
  desk: Desk;
  ledger: Ledger;
  store: Store;
  /** What starting found and said, in sentences. */
  notes: string[];
  /** Drain what is in flight, at most 5 s (RELIABILITY fault 15), then close everything. */
  stop(): Promise<void>;
}

const DRAIN_MS = 4_000;

type Cleanup = () => Promise<unknown>;

/** Throws with a sentence for the operator when it cannot start; what was opened by then is closed again. */
export async function startBot(options: BotOptions): Promise<Bot> {
  const cleanups: Cleanup[] = [];
  const stopAll = async () => {
    for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
  };
  try {
    return await assemble(options, cleanups, stopAll);
  } catch (error) {
    await stopAll();
    throw error;
  }
}

async function assemble(options: BotOptions, cleanups: Cleanup[], stop: () => Promise<void>): Promise<Bot> {
  const { config, policy, drill } = options;
  const clock = options.clock ?? systemClock;
  const mask = createMask(secretsOf(config));
  const log = createLog(config.logLevel, mask, options.writeLog);
  const notes = [...config.warnings];

  const { failpoint } = options;
  const store = await openStore({
    dataDir: config.dataDir,
    now: clock.now,
    log,
    ...(options.storeFs === undefined ? {} : { fs: options.storeFs }),
    ...(failpoint === undefined ? {} : { failpoint }),
  });
  if (failpoint !== undefined) failAtSteps(store, failpoint);
  cleanups.push(() => store.close());
  notes.push(...store.report().notes);
  const controlFile = await openControlFile({ path: config.controlFile, now: clock.now });

  const heard: { note: Trail['note'] } = { note: () => undefined };
  const realVenues = await openVenues(config, clock, mask, (...args) => heard.note(...args));
  const venues =
    failpoint === undefined ? realVenues : realVenues.map((venue) => failingVenue(venue, failpoint));
  for (const venue of venues) cleanups.push(() => venue.close());
  for (const venue of venues) {
    if (!venue.proven)
      notes.push(
        `${venue.id}: ${venue.exchange} is outside the proven table: a kill there ends in UNKNOWN at best.`,
      );
  }

  const mail = config.mail === 'off' ? null : config.mail;
  const playbook = followedBy(policy.playbook, {
    recoveryCheck: config.recoveryCheck !== 'off',
    mail: mail !== null,
  });
  const clockRules = { playbook, hours: config.hours };
  const rules = {
    approvals: config.access.approvals,
    recoveryCheck: config.recoveryCheck !== 'off',
    checklist: playbook.checklist.map(({ id }) => id),
  };
  const ledger = createLedger({ store, clock, playbook, log });
  if (!drill) await refuseWithdrawing(realVenues, ledger, clock, log);
  // A disk that does not answer must not keep a kill from being taken up.
  void recordAside(store, ledger, log);
  const engines = createEngines({
    ledger,
    clock,
    log,
    expected: config.engines.map(({ id, heartbeatSec }) => ({ id, everyMs: heartbeatSec * 1_000 })),
  });
  const control = engines.watching(
    failpoint === undefined ? controlFile : failingControl(controlFile, failpoint),
  );
  const { transport } = config.slack;
  const slack = createSlack({
    botToken: config.slack.botToken,
    signingSecret: transport.kind === 'http' ? transport.signingSecret : null,
    appToken: transport.kind === 'socket' ? transport.appToken : null,
    apiUrl: config.slack.apiUrl,
    clock,
    log,
    mask,
  });
  const pagerduty = config.pagerduty;
  const pager = createPagerDutyPager({
    routingKey: pagerduty.routingKey,
    ...(pagerduty.apiToken === null ? {} : { apiToken: pagerduty.apiToken }),
    ...(pagerduty.from === null ? {} : { fromEmail: pagerduty.from }),
    ...(pagerduty.eventsServer === null ? {} : { eventsServer: pagerduty.eventsServer }),
    ...(pagerduty.apiServer === null ? {} : { apiServer: pagerduty.apiServer }),
    ...(options.pagerAgent === undefined ? {} : { agent: options.pagerAgent }),
  });
  const feeds = config.feeds === 'off' ? [] : config.feeds;
  const backups = backupsOnly(feeds);
  const commands = configuredCommands(config, mask);
  const names = {
    venues: venues.map((venue) => venue.id),
    protectiveOrders: config.kill.protectiveOrders,
    backups: feeds.flatMap(({ id, backup }) => (backup === null ? [] : [`${id} → ${backup}`])),
    restartOrderManager: commands['restartOrderManager'] ?? null,
  };
  const members = await openMembers(store, clock, log);
  const people = createPeople({ ask: slack.person, clock, log });
  const access = createAccess({
    responders: config.access.responders,
    approvers: config.access.approvers,
    clock,
    log,
    groupMembers: (group) => slack.chat.groupMembers(group),
    async scheduleMembers(schedule) {
      const onSchedule = await pager.onCall([schedule]);
      if (onSchedule === null) return null;
      const ids = await Promise.all(onSchedule.map(({ email }) => slack.userByEmail(email)));
      // Somebody who could not be looked up is not somebody without the role.
      return ids.includes(undefined) ? null : ids.filter((id) => typeof id === 'string');
    },
    person: (id) => people.of(id),
    ...members,
  });
  const named = [...new Set([...config.access.responders, ...config.access.approvers])];
  const draw = createDraw({
    policy: { ...policy, playbook },
    names,
    venuePages: Object.fromEntries(venues.map((venue) => [venue.id, venue.page])),
    trading: () => ledger.trading(),
    unrecorded: () => ledger.unrecorded(),
    engines: () => engines.status(),
    unwritten: () => engines.unwritten(),
    mask,
    rules,
    clocks: clockRules,
    now: clock.now,
    mail: mail !== null,
    mentions: { approvers: access.whoCan('approver'), responders: access.whoCan('responder') },
  });

  const desk = createDesk({
    store,
    ledger,
    clock,
    control,
    venues,
    playbook,
    runbooks: policy.runbooks,
    drill,
    protectiveOrders: config.kill.protectiveOrders,
    rules,
    criteriaNotOk: () =>
      monitor
        .criteria()
        .filter(({ state }) => state !== 'ok')
        .map(({ id }) => id),
    mayLoosen: () => readiness.mayLoosen(),
    recovery:
      config.recoveryCheck === 'off'
        ? null
        : {
            expect: config.recoveryCheck.expect,
            // Its output goes on record and into the postmortem: it may hold a secret of ours.
            run: async () => masked(await runRecovery(config), mask),
          },
    commands,
    log,
    ...(options.pace === undefined ? {} : { pace: options.pace }),
  });
  cleanups.push(async () => desk.stop());
  const stopRules = stopRulesOf(
    config,
    playbook,
    venues.map((venue) => venue.id),
  );
  // In rehearsal no engine sends anything: that is no incident.
  const unknownGraceMs = drill ? Number.POSITIVE_INFINITY : UNKNOWN_GRACE_MS;
  const monitor: Monitor = await createMonitor({
    desk,
    ledger,
    engines,
    clock,
    log,
    rules: stopRules,
    hours: config.hours,
    mode: config.hardStops.mode,
    windows: createWindowsFile(config.dataDir, log),
    unknownGraceMs,
  });
  cleanups.push(() => monitor.stop());
  const trail = createTrail({
    ledger,
    engines,
    monitor,
    clock,
    log,
    rules: stopRules,
    files: createTrailFiles(config.dataDir, clock.now, log),
  });
  heard.note = trail.note;
  cleanups.push(() => trail.stop());
  const budgets = await createBudgetKeeper({
    desk,
    ledger,
    store,
    monitor,
    clock,
    log,
    playbook,
    rules: stopRules,
    hours: config.hours,
    graceMs: unknownGraceMs,
    mode: config.hardStops.mode,
    file: createBudgetsFile(config.dataDir, log),
  });
  cleanups.push(() => budgets.stop());
  const host = createHost(config.dataDir);
  cleanups.push(async () => host.close());
  const runner = createRunbookRunner({
    ledger,
    desk,
    monitor,
    engines,
    probes: createProbes({
      // Without failpoints: what dies at a step of a kill dies at that, and not at a look.
      venues: realVenues,
      feeds,
      host,
      statusPage: askStatusPage,
      clock,
      killing: () => ledger.trading().latch !== null,
    }),
    clock,
    log,
    runbooks: policy.runbooks,
    feeds,
    hours: config.hours,
    mode: config.hardStops.mode,
  });
  cleanups.push(async () => runner.stop());

  const onCall = createOnCall({
    pager,
    responders: config.access.responders,
    members,
    groupMembers: (group) => slack.chat.groupMembers(group),
    userByEmail: slack.userByEmail,
    emailOfUser: slack.emailOfUser,
    clock,
    log,
  });
  const readiness: Readiness = await createReadiness({
    ledger,
    store,
    clock,
    log,
    pager,
    chat: slack.chat,
    channel: config.slack.channel,
    texts: createRunbookTexts(config),
    facts: {
      lines: playbook.goLive,
      rules: playbook.readiness,
      rehearsal: drill,
      venues: venues.map((venue) => venue.id),
      exchanges: Object.fromEntries(
        config.venues.map(({ id, exchange, baseUrl }) => [
          id,
          baseUrl === null ? exchange : `${exchange} at ${new URL(baseUrl).host}`,
        ]),
      ),
      engines: config.engines.map(({ id }) => id),
      feeds: config.feeds === 'off' ? 'off' : feeds.map(({ id, backup }) => ({ id, backup })),
      ownerDocument: config.runbookFile === null ? null : ownerDocumentName(config.runbookFile),
      pagedWith: `key ${sha256(config.pagerduty.routingKey).slice(0, 8)}`,
      canAskPager: pager.canConfirm,
    },
    policy: playbook.readiness,
    required: config.readiness === 'required',
    schedules: config.access.responders.flatMap((entry) => (entry.startsWith('pd:') ? [entry.slice(3)] : [])),
    barMs: Object.fromEntries(feeds.map(({ id, intervalSec }) => [id, intervalSec * 1_000])),
    userByEmail: slack.userByEmail,
    versionOf: textsVersion,
    draw: (report) => masked(readinessReminder(report, access.whoCan('responder'), drill), mask),
  });
  const money = () => impactOf(monitor.criteria(), config.limits.currency);
  const tracker = trackerOf(config, clock);
  const pictures = createDraughtsman();
  const drafts = createDrafts(join(config.dataDir, 'postmortems'));
  const figures = createFigures({
    trail,
    venues: realVenues,
    ledger,
    clock,
    log,
    pictures,
    drafts,
    draw,
    upload: slack.upload,
    find: slack.chat.find,
    currency: config.limits.currency,
    limits: killLimits(stopRules),
    killPhase: () => killPhase(desk, ledger),
    calm: () => desk.executor.calm(),
  });
  const perform = createPerform({
    store,
    ledger,
    clock,
    chat: slack.chat,
    pager,
    mailer: mail === null ? null : createSmtpMailer({ url: mail.smtpUrl, from: mail.from }),
    stakeholders: mail?.stakeholders ?? [],
    tracker,
    drillsFiled: drill,
    onCall,
    money,
    figures,
    postmortems: createPostmortems({
      store,
      ledger,
      clock,
      drafts: failpoint === undefined ? drafts : failingDrafts(drafts, failpoint),
      draw,
      playbook,
      figures,
      budget: (incident) => budgets.sharesOf(incident),
      upload: slack.upload,
      log,
    }),
    draw,
    channel: config.slack.channel,
    // Known before anything is posted; the thread's own address follows as a note (docs/adr/0003).
    channelLink: `https://slack.com/app_redirect?channel=${encodeURIComponent(config.slack.channel)}`,
    mailDomain: /@([\w.-]+)>?$/.exec(mail?.from ?? '')?.[1] ?? 'standdown.invalid',
    log,
  });
  const mayFail = failpoint === undefined ? perform : failingPerform(perform, failpoint);
  const outbox = createOutbox({
    store,
    ledger,
    clock,
    log,
    // A latch is some fifteen turns of the loop. What is drawn and posted meanwhile would stand between them.
    perform: async (attempt) => {
      await desk.executor.latched();
      return mayFail(attempt);
    },
    ...(options.outboxPace === undefined ? {} : { pace: options.outboxPace }),
  });
  cleanups.push(() => outbox.stop(DRAIN_MS));

  const drilling = await createDrilling({
    config,
    venues,
    ledger,
    desk,
    store,
    clock,
    log,
    playbook,
    runbooks: policy.runbooks,
    chat: slack.chat,
    confirms: pager.canConfirm,
    mask,
    budget: () => budgets.report().status,
    ...(options.pace === undefined ? {} : { pace: options.pace }),
  });
  cleanups.push(async () => drilling.drills.close());

  const once = await openOnce(store, clock, log);
  const refusals = createRefusals({ ledger, executor: desk.executor, clock, log });
  cleanups.push(() => refusals.stop());
  const context: ListenerContext = {
    desk,
    ledger,
    store,
    people,
    once,
    choices: createChoices(clock),
    refusals,
    home: createHomeBoard({
      ledger,
      clock,
      log,
      async roles(id) {
        const [responder, approver] = await Promise.all([
          access.has(id, 'responder'),
          access.has(id, 'approver'),
        ]);
        return { responder, approver };
      },
      publish: async (viewer) => slack.publishHome(viewer.id, await drawHome(context, viewer)),
      watched: () =>
        JSON.stringify([
          monitor.criteria().map(({ id, state }) => [id, state]),
          budgets.report().readings.map(({ status, remainingPct }) => [status, Math.round(remainingPct)]),
          engines.status().map(({ id, confirmed }) => [id, confirmed]),
          ledger.unrecorded(),
          readiness.report().lines.map(({ state }) => state),
        ]),
    }),
    playbook,
    clock,
    log,
    channel: config.slack.channel,
    drill,
    onCall,
    identity: () => slack.identity(),
    access,
    alertChannels: config.slack.alertChannels,
    names,
    criteria: () => monitor.criteria(),
    budgets,
    drilling,
    readiness,
    textsVersion,
    pictures,
    upload: slack.upload,
    engines: () => engines.status(),
    permalink: slack.chat.permalink,
    mask,
    clocks: clockRules,
    letters: {
      to: mail?.stakeholders ?? null,
      money,
      draw: (incident) => draw.mail('update', incident, ledger.trading()),
    },
  };
  registerGuard(slack.app, context);
  registerCommands(slack.app, context);
  registerActions(slack.app, context);
  registerViews(slack.app, context);
  registerShortcut(slack.app, context);
  registerChoice(slack.app, context);
  registerHome(slack.app, context);
  registerSummary(slack.app, context);
  registerEvents(slack.app, context);
  registerPageOnCall(slack.app, context);
  registerTimeline(slack.app, context);
  registerPostmortem(slack.app, context);
  registerReadiness(slack.app, context);

  const edge = await startEdge({
    host: config.host,
    port: config.port,
    tokens: config.tokens,
    mode: drill ? 'rehearsal' : 'live',
    timelineMarkdown: (...args) => mask(timelineMarkdown(...args)),
    desk,
    drills: drilling.drills,
    ledger,
    store,
    once,
    playbook,
    clocks: clockRules,
    clock,
    log,
    budgets,
    readiness,
    backups: new Set(backups.map(([name]) => name)),
    metrics: createMetrics(ledger, outbox, monitor, engines, {
      version: ownVersion(),
      mode: drill ? 'rehearsal' : 'live',
      hardStops: config.hardStops.mode,
      feeds: feeds.map((feed) => feed.id),
      budgets: () => budgets.report(),
      readiness: () => readiness.report().lines,
      marketOpen: () => marketAt(clock.now(), config.hours).open,
      now: clock.now,
    }),
    slack:
      transport.kind === 'socket'
        ? null
        : {
            door: createSlackDoor(
              transport.signingSecret,
              clock.now,
              (signature) => once.take(`signature:${signature}`) !== null,
            ),
            handle: slack.handle,
          },
    pagerDuty:
      pagerduty.webhookSecrets.length === 0
        ? null
        : createPagerHook({
            secrets: pagerduty.webhookSecrets,
            desk,
            ledger,
            pager,
            onCall,
            readiness,
            clock,
            log,
          }),
    monitor,
    stopFromAlert: createStopFromAlert({
      desk,
      ledger,
      log,
      allowed: config.hardStops.fromAlerts,
      mode: config.hardStops.mode,
    }),
    engines,
    known: {
      venues: venues.map((venue) => venue.id),
      feeds: Object.fromEntries([...feeds.map((feed) => [feed.id, feed.symbols] as const), ...backups]),
      engines: config.engines.map((engine) => engine.id),
    },
    notReady: () => ledger.unrecorded(),
    configuration: hashOfFile(config.file),
  });
  cleanups.push(() => edge.close());

  // Taking up what was interrupted comes before Slack: a kill does not wait for a socket.
  if (pager.canConfirm) {
    // Before anything is taken in, and not for long: without an answer the numbers follow the log.
    const skipped = desk.skipTaken(async (id) => (await pager.find(`${id}/1`)).state === 'found');
    await Promise.race([skipped, clock.wait(SKIP_MS)]);
  }
  await adoptSideJournals(join(config.dataDir, 'side'), { ledger, desk, log });
  await desk.resume();
  const keeper = createKeeper({ ledger, desk, control, clock, log });
  await keeper.atStart();
  const watch = watchControlFile({ control: controlFile, wait: clock.wait, onChange: keeper.onChange });
  cleanups.push(async () => watch.stop());
  outbox.start();
  const ticker = createTicker({ ledger, store, clock, rules: clockRules, money, log });
  cleanups.push(everySecond(() => ticker.look(), log));
  cleanups.push(everySecond(() => monitor.tick(), log));
  cleanups.push(everySecond(() => monitor.raise(), log));
  cleanups.push(everySecond(() => budgets.tick(), log));
  cleanups.push(everySecond(() => runner.tick(), log));
  cleanups.push(everySecond(() => drilling.look(), log));
  cleanups.push(everySecond(() => readiness.tick(), log));
  cleanups.push(everySecond(() => refusals.tick(), log));
  const issueWatch = createIssueWatch({
    ledger,
    store,
    tracker,
    clock,
    log,
    ...(options.itemsEveryMs === undefined ? {} : { everyMs: options.itemsEveryMs }),
  });
  cleanups.push(everySecond(() => issueWatch.look(), log));
  cleanups.push(everySecond(() => trail.tick(), log));
  const venueWatch = createVenueWatch({
    venues,
    take: (venue, at, reading) => monitor.takeVenue(venue, at, reading),
    killPhase: () => killPhase(desk, ledger),
    currency: config.limits.currency,
    clock,
    log,
    ...(options.watchPace === undefined ? {} : { pace: options.watchPace }),
  });
  cleanups.push(async () => venueWatch.stop());
  cleanups.push(everySecond(() => context.home.tick(), log));
  // Known before they act: a kill asks nobody who somebody is.
  void slack.identify().then(() => people.warm(named.filter((entry) => /^[UW]/.test(entry))));
  cleanups.push(keepWarm(venues, clock, log));
  cleanups.push(keepFresh(onCall, clock, log));
  cleanups.push(() => slack.stop());
  if (slack.mode === 'socket') {
    void slack
      .start()
      .catch((error: unknown) =>
        log.error(
          { error: mask(String(error)) },
          'Socket Mode did not connect: slash commands do not arrive',
        ),
      );
  }
  return { url: edge.url, desk, ledger, store, notes, stop };
}

/** What this start kept aside is on record with its hash, so that it is told apart from what somebody else puts there. */
async function recordAside(store: Store, ledger: Ledger, log: Log): Promise<void> {
  for (const { name, sha256 } of store.report().aside) {
    const event = { type: 'FileSetAside' as const, name, sha256 };
    await ledger.commit(DESK, { type: 'Note', by: STANDDOWN, event }).catch((error: unknown) => {
      log.warn(
        { name, error: String(error) },
        'what was set aside is not on record: verify-log does not know it',
      );
    });
  }
}

/** Feeds that are named as a backup and are none of their own, with the symbols of what they stand in for. */
function backupsOnly(feeds: Exclude<LiveConfig['feeds'], 'off'>): [name: string, symbols: string[]][] {
  const own = new Set(feeds.map(({ id }) => id));
  const named = [...new Set(feeds.flatMap(({ backup }) => (backup === null ? [] : [backup])))];
  return named
    .filter((name) => !own.has(name))
    .map((name) => [
      name,
      [...new Set(feeds.filter(({ backup }) => backup === name).flatMap(({ symbols }) => symbols))],
    ]);
}

/** The hash of the texts that on-call reads, names and contents, short enough for a button. */
const textsVersion = (texts: TextVersion[]): string =>
  sha256(JSON.stringify(texts.map(({ name, sha256: of }) => [name, of]))).slice(0, 16);

/** Where action items are filed; null: they stay in the postmortem, which the start has said. */
function trackerOf({ issues }: LiveConfig, clock: Clock): Tracker | null {
  if (issues === null || issues.token === null) return null;
  const { github: repository, token, apiUrl } = issues;
  return createGitHubTracker({ repository, token, apiUrl, now: clock.now });
}

/** The package file lies beside `src` and beside `dist`. */
function ownVersion(): string {
  const file = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  return (JSON.parse(file) as { version: string }).version;
}

/** Whether a kill needs the venues for itself. A kill that is not on record yet has just begun. */
function killPhase(desk: Desk, ledger: Ledger): KillPhase {
  const current = desk.executor.current();
  if (current === null) return 'none';
  const kill = ledger.peek(current.incident)?.kills[current.kill];
  return kill === undefined || isRunning(kill) ? 'running' : 'latched';
}

async function runRecovery({ recoveryCheck }: LiveConfig): Promise<CommandResult> {
  if (recoveryCheck === 'off') throw new Error('the recovery check is off');
  return runCommand(recoveryCheck.run, recoveryCheck.cwd, recoveryCheck.timeoutSec * 1_000);
}

/** Between two readings of who is on call: what is known when nobody can be asked is never older than that. */
const ON_CALL_MS = 5 * 60_000;

function keepFresh(onCall: OnCall, clock: Clock, log: Log): Cleanup {
  const stop = new AbortController();
  const loop = async () => {
    while (!stop.signal.aborted) {
      await onCall
        .refresh()
        .catch((error: unknown) => log.warn({ error: String(error) }, 'who is on call could not be read'));
      await clock.wait(ON_CALL_MS, stop.signal);
    }
  };
  void loop();
  return async () => stop.abort();
}

/** `commands` of the configuration: what they say may hold a secret of ours, so it is masked before it goes on record. */
function configuredCommands(config: LiveConfig, mask: (text: string) => string): Record<string, Command> {
  return Object.fromEntries(
    Object.entries(config.commands).map(([name, { run, timeoutSec }]) => [
      name,
      {
        words: mask(run.join(' ')),
        timeoutSec,
        async run() {
          const ended = await runCommand(run, dirname(config.file), timeoutSec * 1_000);
          return {
            ...ended,
            output: mask(ended.output),
            reason: ended.reason === null ? null : mask(ended.reason),
          };
        },
      },
    ]),
  );
}

/** Throws where a key can withdraw. While a latch holds nothing waits for that: the kill goes on, and the log says it. */
async function refuseWithdrawing(venues: Venue[], ledger: Ledger, clock: Clock, log: Log): Promise<void> {
  const asked = withdrawingKeys(venues, clock);
  if (ledger.trading().latch === null) {
    const able = await asked;
    if (able.length > 0) throw new Error(refusal(able));
    return;
  }
  void asked.then((able) => {
    if (able.length > 0) log.error({ venues: able }, `not refused while the latch holds: ${refusal(able)}`);
  });
}

/** How long a start waits for PagerDuty to say which numbers are taken. */
const SKIP_MS = 1_500;

/** Between two looks at a venue that keep its connection open and its markets fresh. Far below any rate limit. */
const WARM_MS = 60_000;

/** Warm each venue now and every minute. Returns what stops it. */
function keepWarm(venues: Venue[], clock: Clock, log: Log): Cleanup {
  const stop = new AbortController();
  const one = async (venue: Venue) => {
    let complained = false;
    while (!stop.signal.aborted) {
      const warmed = await venue.warm();
      if (!warmed.ok && !complained) {
        log.warn(
          { venue: venue.id, reason: warmed.reason },
          'a venue is not warm: a kill there works, and may be slower',
        );
      }
      complained = !warmed.ok;
      await clock.wait(WARM_MS, stop.signal);
    }
  };
  for (const venue of venues) {
    one(venue).catch((error: unknown) =>
      log.error({ venue: venue.id, error: String(error) }, 'keeping a venue warm failed'),
    );
  }
  return async () => stop.abort();
}
