/** One incident from alert to postmortem, played by the cast over public protocols only, and told as it happens. */

import { readFile } from 'node:fs/promises';
import { CAST, CHANNEL, type Stage } from './stage.ts';

export interface DrillOptions {
  stage: Stage;
  /** Where the bot listens, and its token. */
  url: string;
  token: string;
  /** The bot's control file, as the engine would read it. */
  controlFile: string;
  print(line: string): void;
  now?: () => number;
}

export interface DrillResult {
  ok: boolean;
  incident: string | null;
  failure: string | null;
}

/** Alertmanager's webhook body, as `shared/payloads/alertmanager/firing.json` was captured, with times of now. */
function alertBody(status: 'firing' | 'resolved', startsAt: number, endsAt: number | null): string {
  const labels = {
    alertname: 'ExchangeOrderStuck',
    exchange: 'binance',
    service: 'order-router',
    severity: 'critical',
    symbol: 'BTC/USDT',
  };
  return JSON.stringify({
    receiver: 'standdown',
    status,
    alerts: [
      {
        status,
        labels,
        annotations: {
          summary: 'Open orders stuck on binance (7)',
          runbook_url: 'https://runbooks.example/stuck',
        },
        startsAt: new Date(startsAt).toISOString(),
        endsAt: endsAt === null ? '0001-01-01T00:00:00Z' : new Date(endsAt).toISOString(),
        generatorURL: 'http://prometheus.example/graph?g0.expr=stuck_orders',
        fingerprint: '7af24487a712e7bb',
      },
    ],
    groupLabels: labels,
    commonLabels: labels,
    commonAnnotations: {},
    externalURL: 'http://alertmanager.example',
    version: '4',
    groupKey: '{}:{alertname="ExchangeOrderStuck", exchange="binance"}',
    truncatedAlerts: 0,
  });
}

/** Play it. Never throws: what did not happen is the `failure`, and the last thing printed. */
export async function runDrill(options: DrillOptions): Promise<DrillResult> {
  const { stage, url, token, print } = options;
  const { slack, pagerDuty, binance, mail, github } = stage;
  const now = options.now ?? Date.now;
  const startedAt = performance.now();
  let incident: string | null = null;

  const tell = (text: string) => {
    const seconds = ((performance.now() - startedAt) / 1_000).toFixed(2).padStart(5);
    const [first = '', ...rest] = text.split('\n');
    print(`DRILL ${new Date(now()).toISOString().slice(11, 19)} +${seconds} s  ${first}`);
    for (const line of rest) print(`DRILL                     ${line}`);
  };
  const quote = (text: string) =>
    text
      .split('\n')
      .map((line) => `  │ ${line}`)
      .join('\n');

  async function send(body: string): Promise<{ status: number; json: { incidents?: string[] } }> {
    const response = await fetch(`${url}/alerts/alertmanager`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body,
      signal: AbortSignal.timeout(10_000),
    });
    return { status: response.status, json: (await response.json()) as { incidents?: string[] } };
  }
  const headline = () =>
    slack
      .messages(CHANNEL)
      .find((message) => message.text.includes(incident ?? '?') && message.threadTs === undefined);
  const thread = () => {
    const parent = headline();
    return parent === undefined ? '' : slack.threadAsText(CHANNEL, parent.ts);
  };
  const inThread = (words: string) => {
    const parent = headline();
    return parent === undefined
      ? undefined
      : slack.thread(CHANNEL, parent.ts).find((message) => slackText(message).includes(words));
  };
  const slackText = (message: { text: string; blocks?: unknown }) =>
    `${message.text} ${JSON.stringify(message.blocks ?? [])}`;

  async function press(
    who: keyof typeof CAST,
    message: { ts: string } | undefined,
    label: string,
  ): Promise<void> {
    if (message === undefined) throw new Error(`there is no message with the button ${label}`);
    const answer = await slack.click(CAST[who].id, { channel: CHANNEL, ts: message.ts, label });
    if (!answer.ok)
      throw new Error(`Slack's click on ${label} was answered with ${answer.status} ${answer.error ?? ''}`);
  }

  try {
    tell('Alertmanager: ExchangeOrderStuck is firing, severity critical → POST /alerts/alertmanager');
    const startsAt = now();
    const taken = await send(alertBody('firing', startsAt, null));
    incident = taken.json.incidents?.[0] ?? null;
    if (taken.status !== 202 || incident === null)
      throw new Error(`the alert was answered with ${taken.status}`);
    tell(`202: it is on disk, in ${incident}`);

    await pagerDuty.until(() => pagerDuty.incidents().some((one) => one.assignees.length > 0), {
      what: 'a page',
    });
    const page = pagerDuty.incidents()[0];
    tell(
      `PagerDuty: page ${incident}/1, assigned to ${page?.assignees.map((user) => user.name).join(', ') ?? 'nobody'}`,
    );
    await slack.until(() => headline() !== undefined && inThread('Runbook') !== undefined, {
      what: 'the headline and the runbook',
    });
    await slack.until(() => slack.asText(CHANNEL).includes('assigned'), {
      what: 'the page confirmed on the headline',
    });
    tell(`#incidents:\n${quote(slack.asText(CHANNEL))}`);

    await press('ada', headline(), 'Acknowledge');
    await pagerDuty.until(() => pagerDuty.incidents()[0]?.status === 'acknowledged', {
      what: 'the acknowledgement',
    });
    tell('Ada presses Acknowledge; PagerDuty is acknowledged too');
    await slack.post(
      CAST.ada.id,
      CHANNEL,
      'Router does not answer, orders hang since the deploy. I am stopping it.',
      { threadTs: headline()?.ts ?? '' },
    );
    tell('Ada writes in the thread; it goes to the timeline');

    await press('mallory', headline(), 'Kill…');
    await slack.until(() => slack.ephemerals(CAST.mallory.id).length > 0, { what: 'the refusal' });
    tell(
      `Mallory presses Kill, without the role:\n${quote(slack.ephemerals(CAST.mallory.id).at(-1)?.text ?? '')}`,
    );

    const killedAt = performance.now();
    const before = binance.openOrders().length + binance.conditionalOrders().length;
    tell(
      `Ada presses Kill and confirms. At the exchange: ${before} orders, ${binance.positions().length} position`,
    );
    await press('ada', headline(), 'Kill…');
    await binance.until(() => binance.openOrders().length + binance.conditionalOrders().length === 0, {
      what: 'every order cancelled',
    });
    tell(
      `The exchange holds no order any more: ${((performance.now() - killedAt) / 1_000).toFixed(2)} s after the click`,
    );
    await slack.until(() => inThread('written and read back'), { what: 'the latch on the receipt' });
    if (!/^KILL_SWITCH=1$/m.test(await readFile(options.controlFile, 'utf8')))
      throw new Error('KILL_SWITCH=1 is not in the control file');
    tell('The control file says KILL_SWITCH=1');
    await slack.until(() => inThread('Accept residual…'), { timeoutMs: 15_000, what: 'the verdict' });
    tell(`The receipt, in the thread:\n${quote(receiptOf(thread()))}`);
    await pagerDuty.until(() => pagerDuty.incidents().length >= 3, {
      what: 'the pages of the kill and of its verdict',
    });
    tell(
      `PagerDuty: ${pagerDuty
        .incidents()
        .slice(1)
        .map((one) => one.title)
        .join('\n           ')}`,
    );
    await mail.until(() => mail.messages().some((one) => one.subject.includes('RESIDUAL')), {
      what: 'the mail to the stakeholders',
    });
    tell(`Mail to the stakeholders: “${mail.messages().at(-1)?.subject ?? ''}”`);

    await press('ada', inThread('Flatten…'), 'Flatten…');
    const preview = await slack.until(
      () => slack.openViews(CAST.ada.id).find((view) => view.view['submit'] !== undefined),
      { what: 'the preview' },
    );
    tell(`Ada presses Flatten, and is shown what that would close:\n${quote(viewText(preview.view))}`);
    const confirmed = await slack.submit(CAST.ada.id, preview.id);
    if (confirmed.view?.action !== 'close') throw new Error(`the preview was refused: ${confirmed.body}`);
    await binance.until(() => binance.positions().length === 0, { what: 'the position closed' });
    await slack.until(() => slack.asText(CHANNEL).includes('verdict FLAT'), {
      timeoutMs: 20_000,
      what: 'the verdict FLAT',
    });
    tell('Ada submits it: closed reduce-only, once; read back twice: FLAT');

    await slack.say(
      CAST.ada.id,
      `/incident action ${incident} A canary before each deploy owner=<@${CAST.grace.id}> priority=high`,
      { channel: CHANNEL },
    );
    await github.until(() => github.issues().length === 1, { what: 'the issue' });
    tell(`/incident action: filed on GitHub (its counterpart) as “${github.issues()[0]?.title ?? ''}”`);

    await send(alertBody('resolved', startsAt, now()));
    tell('Alertmanager: resolved. It is noted; a P0 stays open until a person closes it');
    const opened = await slack.say(CAST.ada.id, `/incident resolve ${incident}`, { channel: CHANNEL });
    const view = slack.openViews(CAST.ada.id).at(-1);
    if (view === undefined) throw new Error(`no dialog opened: ${opened.body}`);
    const submitted = await slack.submit(CAST.ada.id, view.id, {
      summary:
        'The order router stopped answering after a deploy; orders hung. Killed, flattened, rolled back.',
      rootCause: 'A deploy without a canary.',
      category: 'system',
    });
    if (submitted.view?.action !== 'close') throw new Error(`the dialog was refused: ${submitted.body}`);
    await slack.until(() => inThread('Postmortem draft'), { what: 'the postmortem draft' });
    await pagerDuty.until(() => pagerDuty.incidents().every((one) => one.status === 'resolved'), {
      what: 'the pages resolved',
    });
    const draft = /PM_\d{8}_\d{3}/.exec(slackText(inThread('Postmortem draft') ?? { text: '' }))?.[0];
    tell(
      `/incident resolve: closed, ${pagerDuty.incidents().length} pages resolved, postmortem draft ${draft ?? '?'} in the thread and on disk`,
    );

    await press('ada', inThread('Postmortem draft'), 'Edit…');
    const dialog = await slack.until(() => slack.openViews(CAST.ada.id).at(-1), { what: 'the edit dialog' });
    const edited = await slack.submit(CAST.ada.id, dialog.id, POSTMORTEM);
    if (edited.view?.action !== 'close') throw new Error(`the edit was refused: ${edited.body}`);
    await slack.until(() => inThread('After the incident'), { what: 'the checklist' });
    await press('ada', inThread('After the incident'), 'SLI data is updated');
    await press('ada', inThread('Postmortem draft'), 'Put into review');
    await slack.until(() => inThread('is in review'), { what: 'the review' });
    tell('Ada writes what only people know (Edit…), and puts the postmortem into review');
    await slack.until(() => inThread('4 of 4 done'), { what: 'the whole checklist' });
    await press('grace', inThread('is in review'), 'Finalise…');
    await slack.until(() => inThread('is FINAL'), { what: 'the final postmortem' });
    tell(`Grace makes ${draft ?? 'it'} final; its file, with a picture of the incident, is in the thread`);
    tell('Trading stays stopped: KILL_SWITCH=1 until approvers lift it');
    return { ok: true, incident, failure: null };
  } catch (error) {
    const failure = error instanceof Error ? error.message : String(error);
    tell(`FAILED: ${failure}`);
    return { ok: false, incident, failure };
  }
}

/** What the log cannot know of it. */
const POSTMORTEM = {
  money: 'As measured below; the hung orders themselves cost nothing.',
  user: 'none: no client order was routed.',
  system: 'The order router hung for the whole incident.',
  data: 'none',
  immediate: 'The new router build waited for a lock that it held itself.',
  contributing: 'The deploy went to every instance at once, at a time of thin staffing.',
  wentWell: 'The alert came before any order was filled at a bad price; the kill was proven within a second.',
  wentBadly:
    'The position lost its protective stop with the kill, and was open until it was flattened by hand.',
  lessons: 'A build sees one instance for ten minutes before it sees all.',
  author: 'Ada',
};

/** The texts of a dialog's sections. */
const viewText = (view: { blocks?: unknown }): string =>
  (view.blocks as { text?: { text?: string } }[]).map((block) => block.text?.text ?? '').join('\n');

/** The part of a thread that is the newest receipt of a kill. */
function receiptOf(text: string): string {
  const from = text.lastIndexOf('■ KILL');
  const rest = from < 0 ? text : text.slice(from);
  const end = rest.indexOf('\n\n');
  return end < 0 ? rest : rest.slice(0, end);
}
