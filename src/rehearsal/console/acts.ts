/** What the page may ask for: one JSON object, checked, then done through the counterparts as a person would do it. */

import { z } from 'zod';
import type { Answer } from '../slack/shapes.ts';
import { CAST, CHANNEL, type Stage } from '../stage.ts';
import type { BotProcess } from './botProcess.ts';
import type { FaultBoard } from './faults.ts';
import type { ScenarioBoard } from './scenarios.ts';
import type { StartOver } from './startOver.ts';

/** Everything that an act may touch. `stage()` is another one after a reset. */
export interface ActContext {
  stage(): Stage;
  bot: BotProcess;
  faults: FaultBoard;
  scenarios: ScenarioBoard;
  startOver: StartOver;
  /** Words at a view's blocks after a submission; an empty object takes them away. */
  setErrors(viewId: string, errors: Readonly<Record<string, string>>): void;
}

const id = z.string().min(1).max(255);
const words = z.string().min(1).max(12_000);
const input = z.union([z.string().max(12_000), z.number(), z.array(z.string().max(255)).max(100), z.null()]);
const channel = id.default(CHANNEL);
const price = z.number().positive().max(1e9);
const quantity = z.number().positive().max(1e6);

const one = <Name extends string, Shape extends z.ZodRawShape>(name: Name, shape: Shape) =>
  z.strictObject({ act: z.literal(name), ...shape });

export const actSchema = z.discriminatedUnion('act', [
  /** Typed into a channel: a slash command when it begins with one, else a message. */
  one('say', { as: id, text: words, channel }),
  one('reply', { as: id, threadTs: id, text: words, channel }),
  one('edit', { as: id, ts: id, text: words, channel }),
  one('remove', { as: id, ts: id, channel }),
  one('react', { as: id, ts: id, name: z.string().regex(/^[a-z0-9_+-]{1,100}$/), on: z.boolean(), channel }),
  one('pin', { as: id, ts: id, on: z.boolean(), channel }),
  /** Of a message (`ts`), a view (`viewId`) or App Home (`home`). `value`: what is chosen in a menu or picker. */
  one('click', {
    as: id,
    channel,
    ts: id.optional(),
    viewId: id.optional(),
    home: z.literal(true).optional(),
    blockId: id.optional(),
    actionId: id,
    value: input.optional(),
  }),
  /** `values`: by block or action id. */
  one('submit', { as: id, viewId: id, values: z.record(id, input).default({}) }),
  one('dismiss', { as: id, viewId: id }),
  /** Of a message when `ts` is there. */
  one('shortcut', { as: id, callbackId: id, ts: id.optional(), channel }),
  one('openHome', { as: id }),
  /** `page`: PagerDuty's id of the incident; `who`: of the user. */
  one('pager.acknowledge', { page: id, who: id }),
  one('pager.assign', { page: id, who: id }),
  one('pager.resolve', { page: id, who: id }),
  one('fault', { id, on: z.boolean() }),
  /** `fresh` starts the rehearsal over first. */
  one('scenario', { id, do: z.enum(['start', 'stop']), fresh: z.boolean().default(false) }),
  one('venue.place', {
    symbol: id,
    wallet: z.enum(['spot', 'swap']).default('swap'),
    side: z.enum(['buy', 'sell']),
    quantity,
    price: price.optional(),
    reduceOnly: z.boolean().default(false),
  }),
  one('venue.fill', { order: id }),
  one('venue.price', { symbol: id, price }),
  one('bot.kill9', {}),
  one('bot.start', {}),
  one('reset', {}),
]);

export type Act = z.output<typeof actSchema>;

/** What the page is told: what happened, or why not, in words. */
export type ActOutcome =
  | {
      ok: true;
      /** Of a submission. */
      view?: { action: string; errors: Readonly<Record<string, string>> };
      /** Of a message that was posted. */
      ts?: string;
    }
  /** `held`: not refused for what it is, but for now. */
  | { ok: false; error: string; held?: true };

const no = (error: string) => ({ ok: false, error }) as const;

/**
 * Do it. What a person could not have done is an answer in words, as is a bot that did not answer. Never throws. While the
 * rehearsal starts over only that can be asked for: an act that was meant for the old desk must not reach the new one.
 */
export async function perform(act: Act, context: ActContext): Promise<ActOutcome> {
  const { startOver } = context;
  try {
    if (act.act === 'reset' || (act.act === 'scenario' && act.do === 'start' && act.fresh))
      return await carryOut(act, context);
    const held = startOver.holds();
    return held === null ? await startOver.during(carryOut(act, context)) : { ...no(held), held: true };
  } catch (error) {
    return no(error instanceof Error ? error.message.slice(0, 1_000) : String(error));
  }
}

async function carryOut(act: Act, context: ActContext): Promise<ActOutcome> {
  const { slack, pagerDuty, binance } = context.stage();
  switch (act.act) {
    case 'say': {
      if (act.text.startsWith('/')) {
        return answered(await slack.say(act.as, wireForm(act.text), { channel: act.channel }), 'the command');
      }
      const posted = await slack.post(act.as, act.channel, wireForm(act.text));
      return { ok: true, ts: posted.ts };
    }
    case 'reply': {
      if (act.text.startsWith('/'))
        return no('Slack takes no slash command in a thread: type it in the channel.');
      // What the bot made of it is not the writer's to know: Slack shows a message whether an app heard it or not.
      const posted = await slack.post(act.as, act.channel, wireForm(act.text), { threadTs: act.threadTs });
      return { ok: true, ts: posted.ts };
    }
    case 'edit':
      await slack.edit(act.as, act.channel, act.ts, wireForm(act.text));
      return { ok: true };
    case 'remove':
      await slack.remove(act.as, act.channel, act.ts);
      return { ok: true };
    case 'react':
      await (act.on
        ? slack.react(act.as, act.channel, act.ts, act.name)
        : slack.unreact(act.as, act.channel, act.ts, act.name));
      return { ok: true };
    case 'pin':
      await (act.on ? slack.pin(act.as, act.channel, act.ts) : slack.unpin(act.as, act.channel, act.ts));
      return { ok: true };
    case 'click': {
      const place =
        act.home === true
          ? { home: true }
          : act.viewId === undefined
            ? { channel: act.channel, ...(act.ts === undefined ? {} : { ts: act.ts }) }
            : { viewId: act.viewId };
      const answer = await slack.click(act.as, {
        ...place,
        actionId: act.actionId,
        ...(act.blockId === undefined ? {} : { blockId: act.blockId }),
        ...(act.value === undefined ? {} : { value: act.value }),
      });
      return answered(answer, 'that');
    }
    case 'submit': {
      const answer = await slack.submit(act.as, act.viewId, act.values);
      context.setErrors(act.viewId, answer.view?.errors ?? {});
      if (!answer.ok || answer.view === undefined) return answered(answer, 'the dialog');
      return { ok: true, view: answer.view };
    }
    case 'dismiss':
      await slack.dismiss(act.as, act.viewId);
      return { ok: true };
    case 'shortcut': {
      const on = act.ts === undefined ? undefined : { channel: act.channel, ts: act.ts };
      return answered(await slack.shortcut(act.as, act.callbackId, on), 'the shortcut');
    }
    case 'openHome':
      return answered(await slack.openHome(act.as), 'App Home');
    case 'pager.acknowledge':
      pagerDuty.acknowledge(act.page, act.who);
      return { ok: true };
    case 'pager.assign':
      pagerDuty.reassign(act.page, [act.who], act.who);
      return { ok: true };
    case 'pager.resolve':
      pagerDuty.resolve(act.page, act.who);
      return { ok: true };
    case 'fault':
      return (await context.faults.set(act.id, act.on)) ? { ok: true } : no(`There is no switch ${act.id}.`);
    case 'scenario': {
      if (act.do === 'stop') await context.scenarios.stop(act.id);
      else {
        if (act.fresh) await context.startOver.run();
        context.scenarios.start(act.id);
      }
      return { ok: true };
    }
    case 'venue.place': {
      const { symbol, wallet, side, quantity: amount, reduceOnly } = act;
      const at = act.price === undefined ? {} : { price: act.price };
      binance.placeOrder({ symbol, wallet, side, quantity: amount, reduceOnly, ...at });
      return { ok: true };
    }
    case 'venue.fill':
      binance.fill(act.order);
      return { ok: true };
    case 'venue.price':
      binance.setMark(act.symbol, act.price);
      return { ok: true };
    case 'bot.kill9':
      await context.bot.kill9();
      return { ok: true };
    case 'bot.start':
      await context.bot.start();
      return { ok: true };
    case 'reset':
      await context.startOver.run();
      return { ok: true };
    default: {
      const unknown: never = act;
      return no(`Nobody can ${JSON.stringify(unknown)}.`);
    }
  }
}

/** What Slack would tell a person whose request the bot did not take. */
function answered(answer: Answer, what: string): ActOutcome {
  if (answer.ok) return { ok: true };
  const why =
    answer.error === 'timeout'
      ? 'it did not answer within 3 s'
      : answer.status === 502 || answer.status === 0
        ? 'it is down'
        : `it answered ${answer.status}${answer.error === undefined ? '' : `, ${answer.error}`}`;
  return no(`Slack could not give ${what} to the bot: ${why}.`);
}

/** As Slack's own client sends what is typed: three characters escaped, `@ada` a mention. */
export function wireForm(typed: string): string {
  const escaped = typed.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
  return escaped.replace(/(^|[\s=(])@([A-Za-z]+)\b/g, (whole, before: string, name: string) => {
    const person = Object.values(CAST).find((someone) => someone.name === name.toLowerCase());
    return person === undefined ? whole : `${before}<@${person.id}>`;
  });
}
