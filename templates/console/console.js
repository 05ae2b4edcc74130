/**
 * The rehearsal's page: regions come as HTML over one event stream and are morphed in; what a person does goes back as
 * JSON. One rule holds it together: a control that the user touched is never overwritten, except in a modal whose
 * block_id changed.
 */
import { Idiomorph } from './idiomorph.js';
import { openMail } from './mail.js';

const byId = (id) => document.getElementById(id);
const modal = byId('modal');
const confirmBox = byId('confirm');

/** Who looks and what is open; the server draws the regions for it. */
const looking = {
  as: sessionStorage.getItem('as') ?? 'U0ADA',
  channel: 'C0INCIDENTS',
  /** @type {string | null} */
  thread: null,
  tab: 'messages',
};
/** The threads that were there when the person started a story or a kill: the first other one is opened; null, none is. */
let threadsBefore = null;

// ── What arrives ───────────────────────────────────────────────────────────────────────────────────────────────────

/** DOM ids of controls with something typed or chosen in them. */
const touched = new Set();
let source = null;
let isFresh = true;
let retry = null;
/** Twice what the console's heartbeats are apart, and a little: who is silent for longer is not there. */
const MOST_SILENCE_MS = 25_000;
let silence = null;
/** The boxes that another channel or thread is about to fill, and where each begins. */
const begins = new Map([['messages-scroll', 'end']]);
/** The receipt is to be shown as soon as its thread is drawn. */
let isReceiptWanted = false;
/** Ids of the messages that were announced or there before. */
let known = new Set();
let lastVerdict = null;

/** `again`: after a break, in the same place; what came meanwhile is news. */
function connect({ again = false } = {}) {
  source?.close();
  clearTimeout(retry);
  clearTimeout(silence);
  if (!again) isFresh = true;
  // A browser has six connections for all its tabs together: one that nobody sees leaves its own to the others.
  if (document.hidden) {
    source = null;
    lose();
    return;
  }
  const query = new URLSearchParams({ as: looking.as, channel: looking.channel, tab: looking.tab });
  if (looking.thread !== null) query.set('open', looking.thread);
  const mine = new EventSource(`/console/events?${query}`);
  source = mine;
  const hear = () => {
    clearTimeout(silence);
    silence = setTimeout(() => {
      lose();
      connect({ again: true });
    }, MOST_SILENCE_MS);
  };
  hear();
  mine.addEventListener('here', hear);
  mine.addEventListener('regions', (event) => {
    if (source !== mine) return;
    hear();
    say('live', 'live');
    draw(JSON.parse(event.data));
  });
  mine.addEventListener('error', () => {
    if (source !== mine) return;
    clearTimeout(silence);
    lose();
    // A browser tries again by itself after a broken connection, but late, and never after an answer that is none.
    mine.close();
    retry = setTimeout(() => connect({ again: true }), 500);
  });
}

document.addEventListener('visibilitychange', () => connect({ again: true }));

const lose = () => say('reconnecting…', 'lost');

function say(words, state) {
  const lamp = byId('connection');
  if (lamp.textContent !== words) lamp.textContent = words;
  lamp.dataset.state = state;
}

/** Its list is open: what a person reads in it may not change before they chose. */
const isOpenMenu = (node) =>
  node.tagName === 'SELECT' && CSS.supports('selector(:open)') && node.matches(':open');

const callbacks = {
  beforeNodeMorphed(before, after) {
    if (before.nodeType !== Node.ELEMENT_NODE || !(touched.has(before.id) || isOpenMenu(before))) return true;
    if (after.id !== before.id) return true;
    if (before.closest('#modal') !== null && after.dataset.block !== before.dataset.block) {
      touched.delete(before.id);
      return true;
    }
    // Slack gives a block a new id at every update: the next press has to name the one that is there now.
    for (const name of ['block', 'action', 'confirm', 'means'])
      if (after.dataset[name] !== undefined) before.dataset[name] = after.dataset[name];
    return false;
  },
  // What a person opened stays open.
  beforeAttributeUpdated: (name, node) =>
    !(name === 'open' && node.tagName === 'DETAILS') && !(name === 'srcdoc' && node.tagName === 'IFRAME'),
};

const isAtEnd = (box) => box.scrollHeight - box.scrollTop - box.clientHeight < 40;

function draw(regions) {
  const boxes = ['messages-scroll', 'thread-scroll'].map(byId);
  const stay = boxes.map(isAtEnd);
  for (const [name, html] of Object.entries(regions)) {
    const region = byId(`region-${name}`);
    if (region !== null) Idiomorph.morph(region, html, { morphStyle: 'innerHTML', callbacks });
  }
  if ('modal' in regions) showModal();
  if ('thread' in regions) showThread();
  showCounts();
  boxes.forEach((box, index) => {
    const begin = begins.get(box.id) ?? (stay[index] ? 'end' : null);
    begins.delete(box.id);
    if (begin !== null) box.scrollTop = begin === 'end' ? box.scrollHeight : 0;
  });
  showReceipt();
  announce();
  follow();
  isFresh = false;
}

function showModal() {
  const form = byId('region-modal').querySelector('form');
  if (form === null) {
    if (modal.open) modal.close();
    return;
  }
  if (!modal.open) modal.showModal();
  const first =
    form.querySelector('.error ~ [data-control], .wrong [data-control]') ??
    form.querySelector('[data-control]');
  const isLost = !form.contains(document.activeElement);
  const isNew = modal.dataset.view !== form.dataset.view;
  modal.dataset.view = form.dataset.view;
  if (isNew || isLost)
    (first ?? form.querySelector('button[type=submit]') ?? form.querySelector('button'))?.focus();
}

function showThread() {
  const isOpen = looking.thread !== null;
  byId('thread').hidden = !isOpen;
  document.body.classList.toggle('has-thread', isOpen);
}

/** The newest receipt in the open thread, at the top of its box. */
function showReceipt() {
  if (!isReceiptWanted) return;
  const receipt = [...document.querySelectorAll('#region-thread article')].findLast((article) =>
    article.textContent.includes('VERDICT'),
  );
  if (receipt === undefined) return;
  isReceiptWanted = false;
  receipt.scrollIntoView({ block: 'start' });
  // For who goes on by keyboard: the next Tab is at its buttons.
  receipt.tabIndex = -1;
  receipt.focus({ preventScroll: true });
}

/** How many pages are open, how many things are broken: on the tabs too. */
function showCounts() {
  for (const span of document.querySelectorAll('[data-count-of]')) {
    const counted = byId(`panel-${span.dataset.countOf}`).querySelector('[data-count]');
    const count = counted?.dataset.count ?? '0';
    const words = count === '0' ? '' : count;
    if (span.textContent !== words) span.textContent = words;
  }
}

/** For those who do not see the page: each new message, politely; the verdict of a kill at once. */
function announce() {
  const articles = [...document.querySelectorAll('article.message')];
  const fresh = articles.filter((article) => !known.has(article.id));
  known = new Set(articles.map((article) => article.id));
  const verdict = document.querySelector('[class*="verdict-"]')?.textContent ?? null;
  if (!isFresh) {
    const last = fresh.at(-1);
    if (last !== undefined)
      byId('news').textContent =
        `${fresh.length > 1 ? `${fresh.length} new messages. ` : ''}${last.getAttribute('aria-label')}: ${(last.querySelector('.header, .section')?.textContent ?? '').slice(0, 160)}`;
    if (verdict !== null && verdict !== lastVerdict) byId('alarm').textContent = verdict;
  }
  lastVerdict = verdict;
}

const threads = () =>
  [...document.querySelectorAll('#region-messages .replies')].map((replies) => replies.dataset.thread);

/** From here on: what the person starts opens its thread by itself, once. */
function watchThreads() {
  threadsBefore = new Set(threads());
}

function follow() {
  if (threadsBefore === null) return;
  const begun = threads().findLast((ts) => !threadsBefore.has(ts));
  if (begun === undefined) return;
  threadsBefore = null;
  // It opens over the channel where the window is narrow: its headline, with what to press, is seen first.
  openThread(begun, 'start');
}

// ── What a person does ─────────────────────────────────────────────────────────────────────────────────────────────

/** Longer than a bot that starts over takes. */
const LATE_MS = 15_000;

/** Ask for it; what could not be done is said in words. Resolves with what came of it. */
async function act(name, fields = {}) {
  byId('toast').hidden = true;
  const late = setTimeout(
    () =>
      complain(
        'No answer yet. Is the rehearsal stopped (Ctrl-Z), or are many of its windows open? Close some.',
      ),
    LATE_MS,
  );
  try {
    const response = await fetch('/console/act', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ act: name, ...fields }),
    });
    const outcome = await response.json();
    if (outcome.ok !== true) complain(outcome.error ?? outcome.detail ?? 'That was refused.');
    return outcome;
  } catch {
    complain('The console does not answer: is the rehearsal still running?');
    return { ok: false };
  } finally {
    clearTimeout(late);
  }
}

const toastTimer = { at: null };
function complain(words) {
  const toast = byId('toast');
  toast.textContent = words;
  // A modal dialog covers everything outside of it.
  (modal.open ? modal : document.body).append(toast);
  toast.hidden = false;
  clearTimeout(toastTimer.at);
  toastTimer.at = setTimeout(() => {
    toast.hidden = true;
  }, 12_000);
}

/** Where a control stands, as the counterpart wants it named. */
function placeOf(element) {
  const view = element.closest('[data-view]');
  if (view !== null) return { viewId: view.dataset.view };
  if (element.closest('[data-view-home]') !== null) return { home: true };
  const message = element.closest('[data-message]');
  return message === null ? {} : { ts: message.dataset.message, channel: message.dataset.in };
}

/** What a control holds: words, an option's value, several of them, or null for nothing. */
function valueOf(control) {
  if (control.classList.contains('ticks')) {
    const ticked = [...control.querySelectorAll('input:checked')].map((one) => one.value);
    return control.dataset.control === 'checkboxes' ? ticked : (ticked[0] ?? null);
  }
  if (control.multiple) return [...control.selectedOptions].map((one) => one.value);
  return control.value === '' ? null : control.value;
}

/** What a control is for, as the person sees it and as the bot means it. */
const meaningOf = ({ dataset, tagName, textContent }) =>
  JSON.stringify([dataset.action, dataset.confirm, dataset.means, tagName === 'BUTTON' ? textContent : null]);

async function use(control, value) {
  const words = control.dataset.confirm;
  const shown = meaningOf(control);
  if (words !== undefined && !(await isConfirmed(JSON.parse(words)))) {
    if (control.tagName === 'SELECT') control.value = '';
    touched.delete(control.id);
    return;
  }
  // Looked up again: the message may have been edited while the question was open. A block has a new id with each edit,
  // and the edit may be on its way here: where the action is the only one of its name, the block need not be named.
  const now = byId(control.id);
  if (now === null || meaningOf(now) !== shown) {
    touched.delete(control.id);
    complain('The message changed while you were asked: nothing was sent. Look at it again.');
    return;
  }
  const around = now.closest('[data-message], [data-view], [data-view-home]') ?? document;
  const namesakes = [...around.querySelectorAll('[data-action]')].filter(
    (one) => one.dataset.action === now.dataset.action,
  );
  await act('click', {
    as: looking.as,
    ...placeOf(now),
    ...(namesakes.length > 1 ? { blockId: now.dataset.block } : {}),
    actionId: now.dataset.action,
    ...(value === undefined ? {} : { value }),
  });
  touched.delete(now.id);
  if (now.classList.contains('overflow')) now.value = '';
}

/** Slack's native confirm: resolves with whether the person said yes. */
function isConfirmed({ title, text, yes, no, style }) {
  byId('confirm-title').textContent = title;
  byId('confirm-text').textContent = text;
  byId('confirm-no').textContent = no;
  byId('confirm-yes').textContent = yes;
  byId('confirm-yes').className = `button ${style === 'danger' ? 'danger' : 'primary'}`;
  confirmBox.returnValue = 'no';
  confirmBox.showModal();
  return new Promise((done) => {
    confirmBox.addEventListener('close', () => done(confirmBox.returnValue === 'yes'), { once: true });
  });
}

function openThread(ts, begin = 'end') {
  looking.thread = ts;
  begins.set('thread-scroll', begin);
  byId('thread').hidden = false;
  connect();
}

function closeThread() {
  const opener = looking.thread === null ? null : document.querySelector(`[data-thread="${looking.thread}"]`);
  looking.thread = null;
  showThread();
  connect();
  (opener ?? byId('composer')).focus();
}

function showPlace(tab, channel, name) {
  looking.tab = tab;
  if (channel !== undefined) looking.channel = channel;
  if (tab === 'messages') begins.set('messages-scroll', 'end');
  const isHome = tab === 'home';
  byId('place').textContent = name;
  byId('home-scroll').hidden = !isHome;
  byId('messages-scroll').hidden = isHome;
  byId('composer-foot').hidden = isHome;
  if (!isHome) byId('composer').placeholder = `Message ${name.replace('# ', '#')}, or /kill, /incident…`;
  connect();
}

/** What each kind of button does; the key is the data attribute that it carries. */
const PRESSES = {
  control: (button) => (button.dataset.control === 'button' ? use(button) : undefined),
  channel: (button) => showPlace('messages', button.dataset.channel, button.firstElementChild.textContent),
  home: () => {
    showPlace('home', undefined, 'App Home');
    return act('openHome', { as: looking.as });
  },
  as: (button) => {
    looking.as = button.dataset.as;
    sessionStorage.setItem('as', looking.as);
    connect();
    return looking.tab === 'home' ? act('openHome', { as: looking.as }) : undefined;
  },
  thread: (button) => openThread(button.dataset.thread),
  receipt: (button) => {
    isReceiptWanted = true;
    if (looking.thread === button.dataset.receipt) showReceipt();
    else openThread(button.dataset.receipt);
  },
  tool: useTool,
  react: (button) =>
    act('react', {
      as: looking.as,
      ...placeOf(button),
      name: button.dataset.react,
      on: button.dataset.own !== 'true',
    }),
  dismiss: () => dismiss(),
  scenario: (button) => {
    if (button.dataset.start === 'start') watchThreads();
    return act('scenario', { id: button.dataset.scenario, do: button.dataset.start });
  },
  reset: () => {
    if (looking.thread !== null) closeThread();
    return act('reset');
  },
  fault: (button) =>
    act('fault', { id: button.dataset.fault, on: button.getAttribute('aria-checked') !== 'true' }),
  pager: (button) =>
    act(`pager.${button.dataset.pager}`, {
      page: button.dataset.page,
      who: byId(`page-${button.dataset.page}-who`).value,
    }),
  fill: (button) => act('venue.fill', { order: button.dataset.fill }),
  bot: () => act('bot.start'),
};

function useTool(button) {
  const message = button.closest('[data-message]');
  const at = placeOf(button);
  switch (button.dataset.tool) {
    case 'thread':
      openThread(at.ts);
      byId('reply').focus();
      return undefined;
    case 'star':
      return act('react', {
        as: looking.as,
        ...at,
        name: 'star',
        on: message.querySelector('[data-react="star"][data-own="true"]') === null,
      });
    case 'pin':
      return act('pin', { as: looking.as, ...at, on: !message.classList.contains('pinned') });
    case 'declare':
      return act('shortcut', { as: looking.as, ...at, callbackId: 'incident.declare' });
    case 'edit': {
      const box = byId(button.closest('#thread') === null ? 'composer' : 'reply');
      box.value = message.querySelector('.section').innerText;
      box.dataset.editing = at.ts;
      box.focus();
      return undefined;
    }
    default:
      return act('remove', { as: looking.as, ...at });
  }
}

document.addEventListener('click', (event) => {
  const button = event.target.closest('button');
  if (button === null || button.disabled) return;
  const kind = Object.keys(PRESSES).find((name) => button.dataset[name] !== undefined);
  if (kind !== undefined) void PRESSES[kind](button);
});

document.addEventListener(
  'toggle',
  (event) => {
    const frame = event.target.open ? event.target.querySelector(':scope > iframe') : null;
    if (frame !== null) openMail(frame);
  },
  true,
);

/** A control that changes at once, or one that waits for its modal's submission: both are the person's from here on. */
document.addEventListener('input', (event) => {
  const control = event.target.closest('[data-control]') ?? event.target;
  if (control.closest('[data-region]') !== null && control.id !== '') touched.add(control.id);
});

document.addEventListener('change', (event) => {
  const control = event.target.closest('[data-control]');
  if (control === null || control.dataset.waits !== undefined) return;
  const value = valueOf(control);
  if (value !== null) void use(control, value);
});

// ── Modals ─────────────────────────────────────────────────────────────────────────────────────────────────────────

function dismiss() {
  const form = byId('region-modal').querySelector('form');
  return form === null ? undefined : act('dismiss', { as: looking.as, viewId: form.dataset.view });
}

modal.addEventListener('cancel', (event) => {
  // It closes when the bot's side knows.
  event.preventDefault();
  void dismiss();
});

/** As Slack does it, before the bot is asked: each required field that is empty says so. */
function miss(controls) {
  for (const old of modal.querySelectorAll('.error.mine')) old.remove();
  for (const control of controls) {
    const words = document.createElement('p');
    words.className = 'error mine';
    words.setAttribute('role', 'alert');
    words.textContent = 'Please fill this in.';
    control.after(words);
  }
  (controls[0].matches('.ticks') ? controls[0].querySelector('input') : controls[0]).focus();
}

modal.addEventListener('submit', (event) => {
  event.preventDefault();
  const form = event.target;
  const values = {};
  const empty = [];
  for (const control of form.querySelectorAll('[data-control][data-waits]')) {
    const value = valueOf(control);
    values[control.dataset.block] = value;
    if (control.dataset.required !== undefined && (value === null || value.length === 0)) empty.push(control);
  }
  if (empty.length > 0) {
    miss(empty);
    return;
  }
  void act('submit', { as: looking.as, viewId: form.dataset.view, values });
});

// ── The boxes to write in ──────────────────────────────────────────────────────────────────────────────────────────

async function send(box) {
  const text = box.value.trim();
  if (text === '') return;
  const { editing } = box.dataset;
  delete box.dataset.editing;
  box.value = '';
  suggest();
  if (text.startsWith('/kill')) watchThreads();
  const fields = { as: looking.as, channel: looking.channel, text };
  const outcome =
    editing !== undefined
      ? await act('edit', { ...fields, ts: editing })
      : box.id === 'reply'
        ? await act('reply', { ...fields, threadTs: looking.thread })
        : await act('say', fields);
  // Nothing that was written is lost.
  if (!outcome.ok && box.value === '') box.value = text;
}

for (const id of ['composer', 'reply']) {
  const box = byId(id);
  byId(`${id}-form`).addEventListener('submit', (event) => {
    event.preventDefault();
    void send(box);
  });
  box.addEventListener('keydown', (event) => {
    if (event.key === 'Escape' && box.dataset.editing !== undefined) {
      delete box.dataset.editing;
      box.value = '';
    }
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing || event.defaultPrevented) return;
    event.preventDefault();
    void send(box);
  });
}

const commands = byId('commands');
const composer = byId('composer');
const offered = () => [...commands.children].filter((option) => !option.hidden);

function suggest() {
  const typed = composer.value.toLowerCase();
  const isCommand = typed.startsWith('/') && !typed.includes('\n');
  let left = 7;
  for (const option of commands.children) {
    const isFit = isCommand && option.dataset.typed.startsWith(typed) && option.dataset.typed !== typed;
    option.hidden = !isFit || left === 0;
    if (!option.hidden) left -= 1;
  }
  choose(null);
  commands.hidden = offered().length === 0;
  composer.setAttribute('aria-expanded', String(!commands.hidden));
}

function choose(option) {
  for (const one of commands.children) one.setAttribute('aria-selected', String(one === option));
  if (option === null) composer.removeAttribute('aria-activedescendant');
  else composer.setAttribute('aria-activedescendant', option.id);
}

function take(option) {
  composer.value = option.dataset.typed;
  composer.focus();
  suggest();
}

composer.addEventListener('input', suggest);
commands.addEventListener('mousedown', (event) => {
  const option = event.target.closest('li');
  if (option === null) return;
  event.preventDefault();
  take(option);
});
composer.addEventListener(
  'keydown',
  (event) => {
    if (commands.hidden) return;
    const options = offered();
    const at = options.findIndex((option) => option.getAttribute('aria-selected') === 'true');
    if (event.key === 'Escape') commands.hidden = true;
    else if (event.key === 'ArrowDown') choose(options[(at + 1) % options.length]);
    else if (event.key === 'ArrowUp') choose(options.at(at <= 0 ? -1 : at - 1));
    else if ((event.key === 'Enter' || event.key === 'Tab') && at >= 0) take(options[at]);
    else return;
    event.preventDefault();
  },
  true,
);

// ── The rest of the page ───────────────────────────────────────────────────────────────────────────────────────────

byId('close-thread').addEventListener('click', closeThread);

const tabs = [...document.querySelectorAll('[role="tab"]')];
function showTab(tab) {
  for (const one of tabs) {
    one.setAttribute('aria-selected', String(one === tab));
    one.tabIndex = one === tab ? 0 : -1;
    byId(one.getAttribute('aria-controls')).hidden = one !== tab;
  }
}
for (const [index, tab] of tabs.entries()) {
  tab.addEventListener('click', () => showTab(tab));
  tab.addEventListener('keydown', (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (step === undefined) return;
    const next = tabs.at((index + step) % tabs.length);
    showTab(next);
    next.focus();
  });
}

const theme = byId('theme');
const isDark = () =>
  document.documentElement.dataset.theme === undefined
    ? matchMedia('(prefers-color-scheme: dark)').matches
    : document.documentElement.dataset.theme === 'dark';
const showTheme = () => theme.setAttribute('aria-pressed', String(isDark()));
theme.addEventListener('click', () => {
  document.documentElement.dataset.theme = isDark() ? 'light' : 'dark';
  localStorage.setItem('theme', document.documentElement.dataset.theme);
  showTheme();
});
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', showTheme);
showTheme();

connect();
