/** What must hold in the end of the main story, however often the bot died in it. */

import { expect } from 'vitest';
import { CHANNEL } from '../../src/rehearsal/stage.ts';
import type { Json } from './desk.ts';
import { isDraft, isOfTheMachine, keyOf, leftAtTheExchange, type Mortal, type Promised } from './mortal.ts';

/** What must hold whenever it died. The counterparts are the oracle. */
export async function judge(mortal: Mortal, promised: Promised): Promise<void> {
  const { desk, insist } = mortal;
  const { slack, pagerDuty, binance } = desk.stage;
  const get = (path: string) => insist(async () => (await desk.get(path)).json);
  const all = (await get('/incidents'))['incidents'] as unknown as { id: string; title: string }[];
  const listed = all.filter((one) => !isOfTheMachine(one));
  const details = new Map<string, Json>();
  for (const { id } of listed) details.set(id, await get(`/incidents/${id}`));
  const rows = (id: string) =>
    (details.get(id)?.['timeline'] ?? []) as unknown as { type: string; text: string }[];

  // Nothing that was acknowledged is lost, and everything is there once.
  expect(listed.map(({ id }) => id).toSorted()).toEqual(
    [...new Set([promised.incident, promised.killed])].toSorted(),
  );
  for (const fingerprint of promised.fingerprints) {
    const holders = [...details.values()].flatMap((one) =>
      (one['alerts'] as unknown as { fingerprint: string }[]).filter(
        (alert) => alert.fingerprint === fingerprint,
      ),
    );
    expect(holders, fingerprint).toHaveLength(1);
  }
  const said = [...details.keys()].flatMap((id) => rows(id).filter((row) => row.type === 'MessageLogged'));
  expect(said, 'messages on the timelines').toHaveLength(promised.messages.length);
  for (const text of promised.messages)
    expect(
      rows(promised.incident).filter((row) => row.text === `Said: ${text}`),
      `the message “${text}”`,
    ).toHaveLength(1);

  // The kill: one, finished, right.
  const kills = [...details].flatMap(([id, one]) =>
    (one['kills'] as unknown as { id: string; verdict: string }[]).map((kill) => ({ incident: id, ...kill })),
  );
  expect(rows(promised.killed).filter((row) => row.type === 'KillAsked')).toHaveLength(1);
  expect(kills.map(({ incident, verdict }) => ({ incident, verdict }))).toEqual([
    { incident: promised.killed, verdict: 'FLAT' },
  ]);
  expect(leftAtTheExchange(desk)).toBe('');
  expect(mortal.falseFlats).toEqual([]);
  const status = await get('/status');
  expect(status['trading']?.['state']).toBe('killed');
  expect(status['lastKill']?.['verdict']).toBe('FLAT');
  expect(await desk.control()).toMatch(/^KILL_SWITCH=1$/m);

  // Orders that the bot sent to the exchange: one, of the flatten.
  const orders = binance.requests({ method: 'POST', path: /\/(?:order|algoOrder)$/ });
  expect(orders.map(({ path, params }) => `${path} ${params['side']} ${params['reduceOnly']}`)).toEqual([
    '/fapi/v1/order SELL true',
  ]);

  // Slack: every message once; one headline and one runbook an incident, one receipt a kill.
  const keys = slack
    .messages(CHANNEL)
    .flatMap((message) =>
      // An upload has no metadata: the name of its file is its key.
      message.byBot ? [keyOf(message) ?? JSON.stringify(message.files[0]?.['name'] ?? 'no key')] : [],
    )
    .filter((key) => all.every((one) => !isOfTheMachine(one) || !key.startsWith(one.id)));
  expect(
    keys.filter((key, index) => keys.indexOf(key) !== index),
    'posted twice',
  ).toEqual([]);
  for (const id of details.keys()) expect(keys).toContain(`${id}/headline`);
  expect(keys.filter((key) => key.includes('/runbook')).toSorted()).toEqual(
    [...details.keys()].map((id) => `${id}/runbook`).toSorted(),
  );
  expect(keys.filter((key) => key.includes('/receipt:'))).toEqual(
    kills.map(({ incident, id }) => `${incident}/receipt:${id}`),
  );
  const drafts = slack.messages(CHANNEL).filter(isDraft);
  expect(
    drafts.map((message) => keyOf(message)?.split('/')[0] ?? '').toSorted(),
    'postmortem drafts',
  ).toEqual([...details.keys()].toSorted());

  for (const one of pagerDuty.incidents()) {
    const notes = one.notes.map(({ content }) => content);
    expect(new Set(notes).size, `notes of ${one.dedupKey}: ${notes.join('; ')}`).toBe(notes.length);
  }

  // PagerDuty: each step of each incident once, and nothing after its resolve.
  const pages = [...details].flatMap(([, one]) => one['pages'] as unknown as { key: string; why: string }[]);
  const paged = pagerDuty.incidents().filter((one) => !isOfTheMachine(one));
  expect(paged.map((one) => one.dedupKey).toSorted()).toEqual(pages.map(({ key }) => key).toSorted());
  const why = pages.map((page) => `${page.key.split('/')[0]} ${page.why}`);
  expect(new Set(why).size, why.join('; ')).toBe(why.length);
  const closed = new Set<string>();
  for (const { body, applied } of pagerDuty.events()) {
    const { dedup_key: key, event_action: action } = body as { dedup_key: string; event_action: string };
    if (!applied) continue;
    if (action === 'resolve') closed.add(key);
    if (action === 'trigger') expect(closed.has(key), `${key} is triggered after its resolve`).toBe(false);
  }
}
