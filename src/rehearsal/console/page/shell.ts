const region = (name: string, attributes = ''): string =>
  `<div id="region-${name}" data-region="${name}"${attributes}></div>`;

/** Suggested while a command is typed: what the bot understands, with what it does. */
const COMMANDS: readonly [string, string][] = [
  ['/kill ', 'stop everything now: latch, cancel, verify, page'],
  ['/halt ', 'no new orders'],
  ['/halt signals ', 'no new signals'],
  ['/cancel', 'cancel open orders; asks which'],
  ['/resume', 'lift the kill: the full gate'],
  ['/resume orders', 'lift a halt of orders'],
  ['/resume signals', 'lift a pause of signals'],
  ...(
    [
      ['declare P1 ', 'open an incident'],
      ['status', 'what is open, and whether trading runs'],
      ['list', 'every open incident'],
      ['ack', 'take it'],
      ['severity P1', 'change the severity'],
      ['assign @ada', 'who commands'],
      ['handover', 'pass the command on'],
      ['note ', 'a line for the timeline'],
      ['action ', 'a thing to do afterwards'],
      ['mitigate ', 'the harm has ended'],
      ['resolve ', 'it is over'],
      ['reopen', 'it is not over'],
      ['adjust', 'correct a time or a number'],
      ['summary', 'mail the stakeholders'],
      ['timeline', 'what happened, in order'],
      ['postmortem', 'draft, edit, put in review'],
      ['budget', 'error budgets of this month'],
      ['oncall', 'who is on call'],
      ['readiness', 'the go-live checklist'],
      ['drill', 'a drill, labelled as one'],
      ['help', 'all of it in words'],
    ] as const
  ).map(([verb, does]): [string, string] => [`/incident ${verb}`, does]),
];

/** The page around the regions. The same for everybody: what is in it comes as events. */
export function page(): string {
  const commands = COMMANDS.map(
    ([typed, does], index) =>
      `<li role="option" id="command-${index}" data-typed="${typed}" aria-selected="false"><b>${typed.trim()}</b> <small>${does}</small></li>`,
  ).join('');
  const composer = (id: string, label: string, box: string) =>
    `<form class="composer" id="${id}-form"><label class="unseen" for="${id}">${label}</label>${box}<button type="submit" class="button primary">Send</button></form>`;
  const tab = (id: string, words: string, isOn: boolean) =>
    `<button type="button" role="tab" id="tab-${id}" aria-controls="panel-${id}" aria-selected="${isOn}" tabindex="${isOn ? 0 : -1}">${words}<span class="count" data-count-of="${id}"></span></button>`;
  const panel = (id: string, isOn: boolean, inner: string) =>
    `<div role="tabpanel" id="panel-${id}" aria-labelledby="tab-${id}" tabindex="0" class="panel"${isOn ? '' : ' hidden'}>${inner}</div>`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Standdown · rehearsal</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/console/assets/console.css">
<script src="/console/assets/theme.js"></script>
<script type="module" src="/console/assets/console.js"></script>
</head>
<body>
<a class="skip" href="#composer">Skip to the message box</a>
<header class="top">
<h1>Standdown</h1>
<strong class="drill">DRILL</strong><span class="drill-words">Nothing here reaches Slack, PagerDuty or a venue.</span>
${region('status', ' class="status" role="group" aria-label="State of the bot"')}
<span id="connection" class="lamp connection" role="status">connecting…</span>
<button type="button" class="button small" id="theme" aria-pressed="false">Dark</button>
</header>
<nav class="side" aria-label="Channels, people, scenarios" tabindex="-1">
${region('channels')}
${region('scenarios')}
</nav>
<main class="middle" id="middle" aria-labelledby="place">
<header class="bar"><h2 id="place"># incidents</h2></header>
<div class="scroll" id="messages-scroll" tabindex="0" role="log" aria-live="off" aria-label="Messages">${region('messages')}</div>
<div class="scroll" id="home-scroll" tabindex="0" role="region" aria-label="App Home" hidden>${region('home')}</div>
<div class="foot" id="composer-foot">
<ul class="commands" id="commands" role="listbox" aria-label="Commands" hidden>${commands}</ul>
${composer('composer', 'Message', '<input type="text" id="composer" placeholder="Message #incidents, or /kill, /incident…" autocomplete="off" role="combobox" aria-expanded="false" aria-controls="commands" aria-autocomplete="list">')}
</div>
</main>
<section class="thread" id="thread" aria-labelledby="thread-title" hidden>
<header class="bar"><h2 id="thread-title">Thread</h2><button type="button" class="tool" id="close-thread" aria-label="Close the thread">✕</button></header>
<div class="scroll" id="thread-scroll" tabindex="0" role="log" aria-live="off" aria-label="Thread">${region('thread')}</div>
<div class="foot">${composer('reply', 'Reply', '<textarea id="reply" rows="1" placeholder="Reply…" autocomplete="off"></textarea>')}</div>
</section>
<aside class="far" aria-label="The far sides">
<div class="tabs" role="tablist" aria-label="The far sides">${tab('desk', 'Desk', true)}${tab('people', 'Pages and mail', false)}${tab('faults', 'Faults', false)}</div>
${panel('desk', true, region('criteria') + region('venue') + region('control'))}
${panel('people', false, region('pagerduty') + region('mailbox'))}
${panel('faults', false, region('faults'))}
</aside>
<div class="unseen" id="news" role="status" aria-live="polite"></div>
<div class="unseen" id="alarm" role="alert" aria-live="assertive"></div>
<div id="toast" class="toast" role="alert" hidden></div>
<dialog id="modal" aria-labelledby="modal-title">${region('modal')}</dialog>
<dialog id="confirm" aria-labelledby="confirm-title" aria-describedby="confirm-text"><form method="dialog" class="modal small-modal">
<div class="head"><h2 id="confirm-title"></h2></div><div class="fill"><p id="confirm-text"></p></div>
<div class="feet"><button type="submit" class="button" value="no" id="confirm-no"></button><button type="submit" class="button" value="yes" id="confirm-yes"></button></div>
</form></dialog>
</body>
</html>
`;
}
