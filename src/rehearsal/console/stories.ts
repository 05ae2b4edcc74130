/** The stories themselves. Times are real: where a limit is minutes, the story waits, and says how long. */

import { CAST } from '../stage.ts';
import type { Play, Scenario } from './scenarios.ts';

const isKilled = async (play: Play): Promise<boolean> => (await play.status())?.trading?.state === 'killed';
const hasVerdict = async (play: Play): Promise<boolean> =>
  ((await play.status())?.lastKill?.verdict ?? null) !== null;
const openOrders = ({ stage }: Play): number =>
  stage().binance.openOrders().length + stage().binance.conditionalOrders().length;

/** Not sooner than the bot can have read it, and within what the playbook allows, ms. */
const STALE_MS = 150_000;
const VERDICT_MS = 30_000;

export const SCENARIOS: readonly Scenario[] = [
  {
    id: 'stuck',
    title: 'Start here: stuck orders',
    about:
      'Alertmanager reports seven orders that hang at the exchange. One incident, from the page to the postmortem.',
    watch: 'The headline in #incidents, its thread, and the page to Ada in PagerDuty.',
    todo: 'As Ada: Acknowledge. Read the runbook in the thread. Press Kill… and watch the receipt. Flatten… what is left, then resolve.',
    steps: 3,
    async play(play) {
      await play.alert({
        name: 'ExchangeOrderStuck',
        severity: 'critical',
        summary: 'Open orders stuck on binance (7)',
        labels: { exchange: 'binance', service: 'order-router', symbol: 'BTC/USDT' },
      });
      play.tell('Alertmanager: ExchangeOrderStuck is firing. Ada is being paged.');
      const paged = await play.until(
        () =>
          play
            .stage()
            .pagerDuty.incidents()
            .some((one) => one.assignees.length > 0),
        15_000,
      );
      play.tell(
        paged
          ? 'PagerDuty has assigned the page. It is your turn: acknowledge it, as Ada.'
          : 'Nobody was paged within 15 s: look at PagerDuty.',
      );
      await play.until(() => isKilled(play), 600_000);
      play.tell(
        (await isKilled(play))
          ? 'Trading is killed. Read the receipt; flatten what is left; resolve.'
          : 'Ten minutes went by without a kill: that may be right, too.',
      );
    },
  },
  {
    id: 'feedGap',
    title: 'Feed gap',
    about:
      'Market data freezes while the engine lives on. Nothing is sped up: the playbook pauses signals after 2 minutes, and stops at 5 unless the engine confirms the pause.',
    watch:
      'The headroom of the data gap, going down. At 2 minutes PAUSE_SIGNALS=1 in the control file, and the engine that confirms it.',
    todo: 'Wait for the P1, then choose in its runbook: wait, switch to the backup feed, or kill.',
    steps: 4,
    async play(play) {
      await play.fault('engine.frozen');
      play.tell('No new bar from now on. Heartbeats go on, so the gap is measured, not guessed.');
      await play.wait(60_000);
      play.tell('One minute. The number is what counts, not the silence: nothing happens yet.');
      const paused = await play.until(async () => /^PAUSE_SIGNALS=1$/m.test(controlOf(play)), STALE_MS);
      play.tell(
        paused
          ? 'Signals were paused by the bot itself; the engine says that it obeys. Now choose, in the thread.'
          : 'Signals were not paused within 3.5 minutes: look at the criteria.',
      );
      await play.wait(180_000);
      play.tell('Bars come again. The pause stays until a person lifts it: /resume signals.');
    },
  },
  {
    id: 'rejects',
    title: 'Reject spike',
    about:
      'The exchange refuses order after order of the engine: they are too small, so these are real refusals.',
    watch:
      'The reject rate. At three in a row a P1 opens; above 10 % of at least 10 orders in 5 minutes trading is killed by itself.',
    todo: 'Nothing stops it faster than the bot. Read on the receipt why it was killed, and what was left.',
    steps: 3,
    async play(play) {
      for (let n = 0; n < 30; n += 1) play.engine.tryOrder();
      play.tell('30 orders of the engine went through: a rate needs orders to be a rate of.');
      for (let n = 0; n < 40 && !(await isKilled(play)); n += 1) {
        play.engine.tryOrder('tooSmall');
        if (n === 2)
          play.tell('The exchange refuses, below its least notional: three in a row, which is a P1.');
        await play.wait(1_000);
      }
      const killed = await play.until(() => isKilled(play), 10_000);
      play.tell(
        killed
          ? 'Above 10 %: killed by itself, without anybody pressing anything.'
          : 'Not killed: look at the criteria for why.',
      );
    },
  },
  {
    id: 'latency',
    title: 'Latency',
    about:
      'Signals take over 3 seconds. Bars are 5 seconds long here, so the four bars in a row of the playbook are 20 seconds.',
    watch: 'An incident for the p99 of signal latency, with its runbook.',
    todo: 'Follow the runbook. This one stops nothing by itself.',
    steps: 2,
    async play(play) {
      play.engine.setSignalLatency(3_200);
      play.atEnd(() => play.engine.setSignalLatency(null));
      play.tell('Each signal takes 3.2 s from now on.');
      await play.wait(45_000);
      play.tell('Back to 45 ms. A p99 over an hour stays high for a while: that is what it is for.');
    },
  },
  {
    id: 'runaway',
    title: 'Runaway position',
    about: 'The engine buys at the market, again and again, far over the desk’s limit of 1,000 USDT.',
    watch:
      'The position at the exchange and the headroom of the position size. Over 1.5 × the limit trading is killed by itself.',
    todo: 'After the kill the position is still there, without a stop: Flatten…, read what it would close, submit.',
    steps: 3,
    async play(play) {
      play.tell('The engine begins to buy 0.004 BTC each second.');
      let held = 0;
      for (let n = 0; n < 20 && held < 1_800 && !(await isKilled(play)); n += 1) {
        held = play.engine.buy(0.004);
        await play.wait(1_000);
      }
      play.tell(`It holds ${held.toFixed(0)} USDT: over 1.5 × the limit.`);
      const killed = await play.until(() => isKilled(play), 60_000);
      play.tell(
        killed
          ? 'Killed by itself. What it bought is still there: the kill never closes a position.'
          : 'Not killed within a minute: look at the criteria.',
      );
    },
  },
  {
    id: 'storm',
    title: 'Alert storm',
    about: '600 alerts in 12 groups within a few seconds, and one P0 in the middle of them.',
    watch:
      '#incidents stays readable: a headline a group, edited in place. The P0 is paged as fast as if it were alone.',
    todo: 'Find the P0. Acknowledge it. The warnings resolve by themselves when their alerts do.',
    steps: 3,
    async play(play) {
      play.tell('Warnings from 12 services at once.');
      for (let round = 0; round < 10; round += 1) {
        for (let group = 0; group < 12; group += 1)
          await play.post('/alerts/generic', stormOf(group, round, 'firing'));
        play.atEnd(async () => {
          for (let group = 0; group < 12; group += 1) {
            const { status } = await play.post('/alerts/generic', stormOf(group, round, 'resolved'));
            if (status !== 202) throw new Error('the warnings were not resolved');
          }
        });
        if (round === 4) {
          await play.alert({
            name: 'RiskEngineDown',
            severity: 'critical',
            summary: 'The risk engine does not answer',
            labels: { severity: 'P0' },
          });
          play.tell('In the middle of it: RiskEngineDown, P0.');
        }
        await play.wait(300);
      }
      const paged = await play.until(
        () =>
          play
            .stage()
            .pagerDuty.incidents()
            .some((one) => one.title.includes('RiskEngineDown') || one.title.includes('risk engine')),
        20_000,
      );
      play.tell(
        paged
          ? 'The P0 is with PagerDuty. The alerts resolve now.'
          : 'The P0 was not paged within 20 s: look at PagerDuty.',
      );
    },
  },
  {
    id: 'slackDown',
    title: 'Slack down in the middle',
    about: 'An incident opens, then Slack fails, then the desk is killed over HTTP.',
    watch:
      'PagerDuty, the exchange and the control file go on without Slack. When it is back, the thread tells all of it once.',
    todo: 'Nothing for 20 seconds. Then read the thread: nothing is missing, nothing is there twice.',
    steps: 4,
    async play(play) {
      await play.alert({ name: 'OrderRouterHung', severity: 'critical', summary: 'The order router hangs' });
      play.tell('An alert opened an incident. In two seconds Slack fails.');
      await play.wait(2_000);
      await play.fault('slack.down');
      play.tell('Slack is down. Somebody kills the desk over HTTP, from the command line.');
      await play.wait(1_000);
      const answer = await play.post('/kill', {
        reason: 'router hangs, Slack is down',
        actor: 'ada on the command line',
      });
      if (answer.status !== 202) throw new Error(`POST /kill was answered with ${answer.status}`);
      await play.until(() => openOrders(play) === 0, 15_000);
      play.tell(`The exchange holds ${openOrders(play)} orders. #incidents does not know it yet.`);
      await play.wait(15_000);
      await play.unfault('slack.down');
      play.tell('Slack is back: what was owed to it comes now, in order.');
    },
  },
  {
    id: 'crash',
    title: 'Crash in the middle',
    about:
      'The bot is killed with kill -9 right after the first cancel of a kill, and started again 5 seconds later. The exchange cuts the connection of every later cancel until it is dead, so that only the first one arrives.',
    watch:
      'The bot’s state at the top, the orders at the exchange, and one receipt that goes on where it was.',
    todo: 'Read the receipt: it says that it was taken up after a restart. Look whether anybody was paged twice.',
    steps: 4,
    async play(play) {
      const { binance, slack } = play.stage();
      const before = binance.requests({ method: 'DELETE' }).length;
      const deaths: Promise<void>[] = [];
      // At this instant, not at the next look: before the venue has answered the first cancel.
      const unlisten = binance.onChange(() => {
        if (deaths.length === 0 && binance.requests({ method: 'DELETE' }).length > before)
          deaths.push(play.bot.kill9());
      });
      play.atEnd(unlisten);
      // What a process had still to send when it died never arrives: only the first cancel does.
      const cut = binance.fault({
        kind: 'reset',
        match: { method: 'DELETE' },
        after: 1,
        times: Number.POSITIVE_INFINITY,
      });
      play.atEnd(cut.clear);
      play.atEnd(() => play.bot.start());
      play.tell('Ada types /kill. At the first cancel the bot dies.');
      await slack.say(CAST.ada.id, '/kill crash rehearsal');
      await play.until(() => deaths.length > 0, 10_000);
      unlisten();
      await Promise.all(deaths);
      cut.clear();
      if (deaths.length === 0) {
        play.tell(
          'No cancel came within 10 s (is there an order left?), so the bot was not killed. Start over.',
        );
        return;
      }
      play.tell(`kill -9. ${openOrders(play)} orders are at the exchange, and no bot is there.`);
      await play.wait(5_000);
      await play.bot.start();
      play.tell('Started again. It reads what it owed, looks at the exchange before it acts, and goes on.');
      const settled = await play.until(() => hasVerdict(play), VERDICT_MS);
      play.tell(
        settled
          ? `The verdict is there. ${openOrders(play)} orders are left at the exchange.`
          : 'No verdict within 30 s: read the receipt.',
      );
    },
  },
];

/** Five alerts of one service, as the generic route takes them. */
function stormOf(group: number, round: number, status: 'firing' | 'resolved'): object[] {
  return Array.from({ length: 5 }, (_, n) => ({
    id: `storm-${group}-${round}-${n}`,
    status,
    title: `Service ${String.fromCharCode(65 + group)} is slow`,
    severity: 'warning',
    labels: { service: `service-${group}`, pod: `pod-${round}-${n}` },
  }));
}

/** The control file as the engine read it last. */
function controlOf(play: Play): string {
  return Object.entries(play.engine.obeys() ?? {})
    .map(([key, value]) => `${key}=${value}`)
    .join('\n');
}
