/** The steps of a runbook in the thread: who did what, what was checked, what applies now, what happens by itself. Pure. */

import type { KnownBlock } from '@slack/types';
import type { CommandRun, Incident, StepAct, StepBranch, StepCheck, StepMark } from '../domain/incident.ts';
import { asksForSomebody } from '../domain/paging.ts';
import { type Runbook, type RunbookStep, type StepButton, stepRef } from '../domain/playbook.ts';
import { HOLD_OF, type TimerState, timerOf } from '../domain/runbook/branches.ts';
import type { Deed } from '../domain/runbook/vocabulary.ts';
import type { Trading } from '../domain/trading.ts';
import { ACTION, buttonValue, STEP_ACTION } from './actions.ts';
import {
  actions,
  type ButtonSpec,
  context,
  divider,
  fitted,
  header,
  message,
  section,
  sections,
} from './blocks.ts';
import {
  cancelButton,
  type DeskNames,
  flattenButton,
  haltButton,
  killButton,
  pauseButton,
  primaryFeedButton,
  restartButton,
  switchFeedButton,
} from './buttons.ts';
import { clockTime, count, inert } from './text.ts';

/** Without a runbook there are still the three buttons that stop things. They stand whatever else does not fit. */
export function runbookMessage(
  incident: Incident,
  runbook: Runbook | null,
  trading: Trading,
  names: DeskNames,
): { text: string; blocks: KnownBlock[] } {
  const drill = incident.drill ? 'DRILL · ' : '';
  // What stops acts on the real desk: it is not offered where people exercise.
  const isDrill = incident.gameDay !== undefined;
  const stops = actions(
    killButton(incident.id, names, `under the runbook of ${incident.id}`),
    cancelButton(incident.id, names),
    haltButton(incident.id),
  );
  if (runbook === null) {
    const text =
      isDrill && incident.pages.length > 0
        ? `${drill}No runbook matches this incident, a drill: acknowledge its test page, at PagerDuty or here.`
        : `${drill}No runbook matches this incident.`;
    return isDrill
      ? message(text, [section(text)])
      : message(text, [section(`${text} What stops trading is here:`), stops]);
  }
  const title = `${drill}Runbook: ${runbook.title}`;
  const head = [header(title), context(inert(runbook.summary, 500))];
  const steps = runbook.steps.map((step, index) =>
    stepBlocks(incident, runbook, step, index + 1, trading, names),
  );
  const notes = runbook.notes.map((note) => [context(inert(note, 500))]);
  return fitted(
    // The fallback text is mrkdwn, the header is not.
    `${drill}Runbook: ${inert(runbook.title, 200)}, ${count(runbook.steps.length, 'step')} (${incident.id})`,
    head,
    [...steps, ...notes],
    isDrill
      ? [
          context(
            'A drill: steps are ticked here, and act on nothing. `/kill`, `/halt`, `/cancel` are real at any time.',
          ),
        ]
      : [divider, stops],
    (left) => `${left} more of this runbook do not fit here: they show as the steps above are ticked`,
  );
}

function stepBlocks(
  incident: Incident,
  runbook: Runbook,
  step: RunbookStep,
  number: number,
  trading: Trading,
  names: DeskNames,
): KnownBlock[] {
  const ref = stepRef(runbook, step);
  const mark = incident.steps[ref];
  const timer: TimerState =
    incident.status === 'resolved' ? { state: 'off' } : timerOf(incident, runbook, step, trading);
  const act = incident.acts[ref];
  // What is ticked is kept short, so that what is still to do fits.
  if (mark !== undefined) {
    const lines = [
      `${symbolOf(mark)} *${number}.* ${inert(step.text, 160)}`,
      markLine(mark),
      ...actLines(act, timer),
    ];
    return sections(lines);
  }
  const lines = [
    `*${number}.* ${inert(step.text, 500)}`,
    ...branchLine(incident.branches[ref]),
    ...actLines(act, timer),
    ...heldLines(step, trading),
    ...commandLines(step, incident.commands['restartOrderManager']),
    ...step.checks.flatMap((check) => checkLine(incident.checks[ref]?.[check])),
    ...missingLines(step, names),
  ];
  const buttons = stepButtons(incident, runbook, step, number, trading, names);
  return [...sections(lines), ...(buttons.length > 0 ? [actions(...buttons)] : [])];
}

const symbolOf = (mark: StepMark): string => (mark.mark === 'done' ? '✓' : '↷');

function markLine(mark: StepMark): string {
  const why = mark.why === undefined ? '' : `: ${inert(mark.why, 300)}`;
  return `_${mark.mark} by ${inert(mark.by.name, 60)} at ${clockTime(mark.at)}${why}_`;
}

/** Symbol and word together: no colour, and no symbol, says it alone. */
const CHECKED: Record<StepCheck['state'], string> = { ok: '✓ ok', bad: '▲ *not ok*', unknown: '❓ unknown' };

const checkLine = (check: StepCheck | undefined): string[] =>
  check === undefined ? [] : [`${CHECKED[check.state]} · ${inert(check.text, 400)} · ${clockTime(check.at)}`];

function branchLine(branch: StepBranch | undefined): string[] {
  if (branch === undefined) return [];
  const text = inert(branch.text, 200);
  const words =
    branch.applies === null
      ? `❓ whether this applies is unknown: ${text}`
      : branch.applies
        ? `▶ *applies now* (${text})`
        : `▷ does not apply (${text})`;
  return [`${words} · ${clockTime(branch.at)}`];
}

const BY_ITSELF: Record<Deed, string> = {
  pauseSignals: 'pauses signals',
  haltOrders: 'halts new orders',
  switchFeed: 'switches to the backup feed',
  kill: 'kills',
};

function actLines(act: StepAct | undefined, timer: TimerState): string[] {
  const lines: string[] = [];
  if (act !== undefined) {
    const how = act.how === 'auto' ? 'by itself' : 'by its timer';
    const text = inert(act.text, 300);
    if (act.did === 'nothing' && act.text.startsWith('OBSERVE'))
      lines.push(`○ *did nothing* at ${clockTime(act.at)}. ${text}`);
    else if (act.did === 'nothing')
      lines.push(`✓ nothing was left to do ${how} at ${clockTime(act.at)}: ${text}`);
    else lines.push(`${act.ok ? '✓ done' : '❗ *tried*'} ${how} at ${clockTime(act.at)}: ${text}`);
  }
  if (timer.state === 'running')
    lines.push(
      `⏱ *${BY_ITSELF[timer.do]} by itself at ${clockTime(timer.dueAt)} UTC unless somebody chooses*`,
    );
  if (timer.state === 'chosen')
    lines.push(`⏱ at ${clockTime(timer.dueAt)} UTC nothing happens by itself: ${inert(timer.what, 120)}`);
  return lines;
}

const HELD = {
  pauseSignals: 'signals paused',
  haltOrders: 'new orders halted',
  switchFeed: 'on the backup feed',
};

/** Who holds what this step offers, while they do. */
function heldLines(step: RunbookStep, trading: Trading): string[] {
  return (Object.keys(HELD) as (keyof typeof HELD)[]).flatMap((name) => {
    if (!step.buttons.includes(name)) return [];
    return trading.holds
      .filter((hold) => hold.key === HOLD_OF[name])
      .slice(0, 3)
      .map((hold) => `✋ ${HELD[name]} by ${inert(hold.by.name, 60)} at ${clockTime(hold.at)}`);
  });
}

function commandLines(step: RunbookStep, run: CommandRun | undefined): string[] {
  if (run === undefined || !step.buttons.includes('restartOrderManager')) return [];
  const by = `order manager restart by ${inert(run.by.name, 60)} at ${clockTime(run.at)}`;
  const { ended } = run;
  if (ended === undefined) return [`⚙ ${by}: running`];
  if (ended.exitCode === 0) return [`✓ ${by}: exit code 0 after ${(ended.ms / 1_000).toFixed(2)} s`];
  const mark = ended.exitCode === null ? '❓' : '▲';
  return [`${mark} ${by}: *${inert(ended.reason, 200)}*`];
}

/** Why a button that the step names is not there. */
function missingLines(step: RunbookStep, names: DeskNames): string[] {
  return [
    ...(step.buttons.includes('switchFeed') && names.backups.length === 0
      ? ['_No backup feed is configured (feeds[].backup): there is nothing to switch to._']
      : []),
    ...(step.buttons.includes('restartOrderManager') && names.restartOrderManager === null
      ? ['_No command is configured (commands.restartOrderManager): restart it by hand._']
      : []),
  ];
}

/** What a step offers in a drill. */
const IN_DRILL: ReadonlySet<string> = new Set<StepButton>(['acknowledge', 'done', 'skip']);

function stepButtons(
  incident: Incident,
  runbook: Runbook,
  step: RunbookStep,
  number: number,
  trading: Trading,
  names: DeskNames,
): ButtonSpec[] {
  if (incident.status === 'resolved') return [];
  const own = buttonValue({ incident: incident.id, ref: stepRef(runbook, step) });
  const value = buttonValue({ incident: incident.id });
  const onBackup = trading.holds.some((hold) => hold.key === 'DATA_FEED');
  const make: Record<StepButton, () => ButtonSpec | null> = {
    kill: () => killButton(incident.id, names, `at step ${number} of the runbook of ${incident.id}`),
    cancel: () => cancelButton(incident.id, names),
    haltOrders: () => haltButton(incident.id),
    pauseSignals: () => pauseButton(incident.id),
    switchFeed: () =>
      onBackup
        ? primaryFeedButton(incident.id)
        : names.backups.length === 0
          ? null
          : switchFeedButton(incident.id, names),
    restartOrderManager: () =>
      names.restartOrderManager === null ? null : restartButton(incident.id, names.restartOrderManager),
    acknowledge: () =>
      asksForSomebody(incident)
        ? { action: ACTION.acknowledge, label: 'Acknowledge', value, style: 'primary' }
        : null,
    flatten: () => flattenButton(incident.id),
    done: () => ({ action: STEP_ACTION.done, label: 'Done', value: own }),
    skip: () => ({ action: STEP_ACTION.skip, label: 'Skip…', value: own }),
  };
  const offered =
    incident.gameDay === undefined ? step.buttons : step.buttons.filter((name) => IN_DRILL.has(name));
  return offered.map((name) => make[name]()).filter((button) => button !== null);
}
