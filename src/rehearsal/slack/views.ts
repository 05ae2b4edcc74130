import { randomBytes } from 'node:crypto';
import { ApiError, type Method, refusal } from './api-error.ts';
import { problemsOfView, withIds } from './blocks.ts';
import { isObject, type Json, type JsonObject, list, str, toJson } from './json.ts';
import type { StoredView } from './shapes.ts';
import { wireView } from './wire-shapes.ts';
import type { Workspace } from './workspace.ts';

const TRIGGER_LIFE_MS = 3_000;
const MAX_STACK = 3;
const MAX_VIEW_BYTES = 250_000;

function newHash(workspace: Workspace): string {
  return `${Math.floor(workspace.options.now() / 1000)}.${randomBytes(4).toString('hex')}`;
}

/** A view as Slack would store it. @throws ApiError invalid_arguments, naming each place; view_too_large */
export function acceptedView(
  workspace: Workspace,
  value: Json | undefined,
  surface: 'modal' | 'home',
): JsonObject {
  // Slack answers invalid_arguments for a view, and invalid_blocks only for a message.
  const problems = problemsOfView(value, surface);
  if (problems.length > 0 || !isObject(value)) throw refusal('invalid_arguments', problems);
  if (Buffer.byteLength(JSON.stringify(value)) > MAX_VIEW_BYTES) throw new ApiError('view_too_large');
  return { ...value, blocks: withIds(list(value['blocks']), () => workspace.nextId('B')).map(toJson) };
}

function exchange(workspace: Workspace, id: string): string {
  const trigger = workspace.triggers.get(id);
  if (!trigger)
    throw new ApiError(/^\d+\.\d+\.[0-9a-f]+$/.test(id) ? 'expired_trigger_id' : 'invalid_trigger_id');
  if (trigger.used) throw new ApiError('exchanged_trigger_id');
  if (workspace.options.now() - trigger.issuedAt > TRIGGER_LIFE_MS) throw new ApiError('expired_trigger_id');
  trigger.used = true;
  return trigger.user;
}

function checkExternalId(workspace: Workspace, view: JsonObject, except?: StoredView): void {
  const id = str(view['external_id']);
  if (id === '') return;
  for (const stored of workspace.views.values()) {
    if (stored !== except && stored.view['external_id'] === id) throw new ApiError('duplicate_external_id');
  }
}

/** Puts a view on top of what a user has open; `fresh` closes what was there. @throws ApiError push_limit_reached */
export function showView(workspace: Workspace, user: string, view: JsonObject, fresh: boolean): StoredView {
  checkExternalId(workspace, view);
  const stack = workspace.stacks.get(user) ?? [];
  if (fresh) closeViews(workspace, user);
  const under = fresh ? undefined : stack.at(-1);
  if (!fresh && stack.length >= MAX_STACK) throw new ApiError('push_limit_reached');
  const id = workspace.nextId('V');
  const stored: StoredView = {
    id,
    user,
    rootId: under?.rootId ?? id,
    previousId: under?.id,
    hash: newHash(workspace),
    view,
    choices: {},
  };
  workspace.views.set(id, stored);
  workspace.stacks.set(user, [...(fresh ? [] : stack), stored]);
  workspace.changed();
  return stored;
}

/** Replaces what a view shows; what the user chose stays where the ids stay. @throws ApiError duplicate_external_id */
export function replaceView(workspace: Workspace, stored: StoredView, view: JsonObject): void {
  checkExternalId(workspace, view, stored);
  stored.view = view;
  stored.hash = newHash(workspace);
  workspace.changed();
}

/** Closes the view on top, or all of them. */
export function closeViews(workspace: Workspace, user: string, top?: StoredView): void {
  const stack = workspace.stacks.get(user) ?? [];
  const closed = top ? [top] : stack;
  for (const stored of closed) workspace.views.delete(stored.id);
  workspace.stacks.set(
    user,
    stack.filter((stored) => !closed.includes(stored)),
  );
  workspace.changed();
}

function wanted(workspace: Workspace, args: JsonObject): StoredView {
  const external = str(args['external_id']);
  const found =
    external === ''
      ? workspace.views.get(str(args['view_id']))
      : [...workspace.views.values()].find((stored) => stored.view['external_id'] === external);
  if (!found) throw new ApiError('not_found');
  return found;
}

function checkHash(args: JsonObject, stored: StoredView | undefined): void {
  if (args['hash'] !== undefined && stored && args['hash'] !== stored.hash)
    throw new ApiError('hash_conflict');
}

/** The views.* methods. A trigger is spent only by a view that Slack would take. */
export function viewMethods(workspace: Workspace): Record<string, Method> {
  return {
    'views.open': (args) => {
      const view = acceptedView(workspace, args['view'], 'modal');
      const user = exchange(workspace, str(args['trigger_id']));
      return { view: wireView(workspace, showView(workspace, user, view, true)) };
    },
    'views.push': (args) => {
      const view = acceptedView(workspace, args['view'], 'modal');
      const user = exchange(workspace, str(args['trigger_id']));
      if ((workspace.stacks.get(user) ?? []).length === 0) throw new ApiError('not_found');
      return { view: wireView(workspace, showView(workspace, user, view, false)) };
    },
    'views.update': (args) => {
      const stored = wanted(workspace, args);
      checkHash(args, stored);
      replaceView(
        workspace,
        stored,
        acceptedView(workspace, args['view'], stored.view['type'] === 'home' ? 'home' : 'modal'),
      );
      return { view: wireView(workspace, stored) };
    },
    'views.publish': (args) => {
      const user = str(args['user_id']);
      if (!workspace.users.has(user)) throw new ApiError('invalid_arguments');
      const view = acceptedView(workspace, args['view'], 'home');
      const before = workspace.homes.get(user);
      checkHash(args, before);
      if (before) {
        replaceView(workspace, before, view);
        return { view: wireView(workspace, before) };
      }
      const id = workspace.nextId('V');
      const hash = newHash(workspace);
      const stored: StoredView = { id, user, rootId: id, previousId: undefined, hash, view, choices: {} };
      workspace.views.set(id, stored);
      workspace.homes.set(user, stored);
      workspace.changed();
      return { view: wireView(workspace, stored) };
    },
  };
}
