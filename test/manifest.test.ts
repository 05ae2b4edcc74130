/** manifest.yml asks Slack for what the code uses: nothing is missing, and nothing is too much. */

import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { App } from '@slack/bolt';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { registerActions } from '../src/listeners/actions.ts';
import { registerCommands } from '../src/listeners/commands.ts';
import type { ListenerContext } from '../src/listeners/context.ts';
import { registerEvents } from '../src/listeners/events.ts';
import { registerGuard } from '../src/listeners/guard.ts';
import { registerHome } from '../src/listeners/home.ts';
import { registerChoice } from '../src/listeners/incident/command.ts';
import { registerShortcut } from '../src/listeners/shortcut.ts';
import { registerViews } from '../src/listeners/views.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

interface Manifest {
  display_information: { name: string; description: string };
  features: {
    bot_user: { display_name: string };
    slash_commands: {
      command: string;
      url?: string;
      description: string;
      usage_hint: string;
      should_escape: boolean;
    }[];
    shortcuts: { name: string; type: string; callback_id: string; description: string }[];
    app_home?: { home_tab_enabled: boolean; messages_tab_enabled: boolean };
  };
  oauth_config: { scopes: { bot: string[]; user?: string[] } };
  settings: {
    event_subscriptions: { request_url?: string; bot_events: string[] };
    interactivity: { is_enabled: boolean; request_url?: string };
    socket_mode_enabled: boolean;
  };
}

const TEXT = readFileSync(join(ROOT, 'manifest.yml'), 'utf8');
const manifest = parse(TEXT) as Manifest;

/** What each Web API method asks for. Slack's reference: docs.slack.dev/reference/methods, read in November 2026. */
const SCOPES_OF_METHOD: Record<string, string[]> = {
  'auth.test': [],
  'bots.info': ['users:read'],
  'chat.postEphemeral': ['chat:write'],
  'chat.postMessage': ['chat:write'],
  'chat.update': ['chat:write'],
  'chat.getPermalink': [],
  'conversations.info': ['channels:read', 'groups:read'],
  'conversations.history': ['channels:history', 'groups:history'],
  'conversations.replies': ['channels:history', 'groups:history'],
  filesUploadV2: ['files:write'],
  'usergroups.users.list': ['usergroups:read'],
  // Slack: "users:read.email must be requested at the same time as users:read".
  'users.lookupByEmail': ['users:read.email', 'users:read'],
  'users.info': ['users:read.email', 'users:read'],
  'views.open': [],
  'views.publish': [],
  'views.update': [],
};

/** What Bolt calls a listener's event, what Slack's subscriptions call it, and what each of those asks for. */
const SUBSCRIPTIONS_OF_EVENT: Record<string, Record<string, string>> = {
  // Slack: "No scopes required!"
  app_home_opened: { app_home_opened: '' },
  pin_added: { pin_added: 'pins:read' },
  pin_removed: { pin_removed: 'pins:read' },
  reaction_added: { reaction_added: 'reactions:read' },
  reaction_removed: { reaction_removed: 'reactions:read' },
  message: { 'message.channels': 'channels:history', 'message.groups': 'groups:history' },
};

/** Registers every listener on an App that only writes down what it is asked for. */
function registered(): {
  commands: string[];
  shortcuts: { type?: string; callback_id?: string }[];
  events: string[];
  interactive: boolean;
} {
  const commands: string[] = [];
  const shortcuts: { type?: string; callback_id?: string }[] = [];
  const events: string[] = [];
  let interactive = false;
  const app = {
    use: () => undefined,
    command: (name: string) => void commands.push(name),
    shortcut: (constraints: { type?: string; callback_id?: string }) => void shortcuts.push(constraints),
    event: (name: string) => void events.push(name),
    action: () => {
      interactive = true;
    },
    view: () => {
      interactive = true;
    },
  };
  for (const register of [
    registerGuard,
    registerCommands,
    registerActions,
    registerViews,
    registerShortcut,
    registerChoice,
    registerHome,
    registerEvents,
  ])
    register(app as unknown as App, {} as ListenerContext);
  return { commands, shortcuts, events, interactive };
}

function sources(folder: string): string[] {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    if (statSync(path).isDirectory()) return name === 'rehearsal' ? [] : sources(path);
    return path.endsWith('.ts') ? [readFileSync(path, 'utf8')] : [];
  });
}

/** Every `client.noun.verb(` of the source, but for the rehearsal's counterparts, which are the other side. */
function calledMethods(): string[] {
  const calls = sources(join(ROOT, 'src')).flatMap((text) => [
    ...text.matchAll(/\bclient((?:\s*\.\s*[A-Za-z0-9]+)+)\s*\(/g),
  ]);
  return [...new Set(calls.map(([, path = '']) => path.replace(/\s/g, '').slice(1)))].toSorted();
}

const isCommandOrShortcut = (found: ReturnType<typeof registered>): boolean =>
  found.commands.length + found.shortcuts.length > 0;

describe('manifest.yml', () => {
  const found = registered();

  it('has the slash commands that are listened for', () => {
    expect(manifest.features.slash_commands.map(({ command }) => command).toSorted()).toEqual(
      found.commands.toSorted(),
    );
  });

  it('has the shortcuts that are listened for', () => {
    const listed = manifest.features.shortcuts.map(({ type, callback_id }) => ({
      type: type === 'message' ? 'message_action' : 'shortcut',
      callback_id,
    }));
    expect(listed).toEqual(found.shortcuts);
  });

  it('subscribes to the events that are listened for', () => {
    const wanted = found.events.flatMap((event) =>
      Object.keys(SUBSCRIPTIONS_OF_EVENT[event] ?? { [`${event}, which this test does not know`]: '' }),
    );
    expect(manifest.settings.event_subscriptions.bot_events.toSorted()).toEqual(wanted.toSorted());
  });

  it('is interactive where buttons and modals are listened for, and has an App Home where that is', () => {
    expect(manifest.settings.interactivity.is_enabled).toBe(found.interactive);
    expect(manifest.features.app_home?.home_tab_enabled).toBe(found.events.includes('app_home_opened'));
  });

  it('names the scopes of every method that is called', () => {
    expect(calledMethods()).toEqual(Object.keys(SCOPES_OF_METHOD).toSorted());
  });

  it('has exactly the scopes of those methods, events and commands', () => {
    const needed = new Set([
      ...calledMethods().flatMap((method) => SCOPES_OF_METHOD[method] ?? [`of ${method}`]),
      ...found.events
        .flatMap((event) => Object.values(SUBSCRIPTIONS_OF_EVENT[event] ?? {}))
        .filter((scope) => scope !== ''),
      ...(isCommandOrShortcut(found) ? ['commands'] : []),
    ]);
    expect(manifest.oauth_config.scopes.bot.toSorted()).toEqual([...needed].toSorted());
    expect(manifest.oauth_config.scopes.user).toBeUndefined();
  });

  it('sends everything to one address, and over TLS', () => {
    const { slash_commands: commands } = manifest.features;
    const { event_subscriptions: events, interactivity } = manifest.settings;
    const urls = [...commands.map(({ url }) => url), events.request_url, interactivity.request_url];
    expect(new Set(urls)).toEqual(new Set(['https://YOUR-HOST/slack/events']));
    expect(manifest.settings.socket_mode_enabled).toBe(false);
  });

  it('becomes one for Socket Mode as its first lines say', () => {
    const lines = TEXT.split('\n').filter((line) => !line.includes('YOUR-HOST'));
    const socket = parse(
      lines.join('\n').replace('socket_mode_enabled: false', 'socket_mode_enabled: true'),
    ) as Manifest;
    expect(JSON.stringify(socket)).not.toMatch(/"(?:url|request_url)"/);
    expect(socket.settings.socket_mode_enabled).toBe(true);
    expect(socket.features.slash_commands.map(({ command }) => command)).toEqual(
      manifest.features.slash_commands.map(({ command }) => command),
    );
    expect(socket.settings.event_subscriptions.bot_events).toEqual(
      manifest.settings.event_subscriptions.bot_events,
    );
    expect(socket.settings.interactivity).toEqual({ is_enabled: true });
  });

  it('has what people type escaped, as fromSlack reads it', () => {
    expect(manifest.features.slash_commands.filter(({ should_escape }) => !should_escape)).toEqual([]);
  });

  it("stays within Slack's lengths", () => {
    const { display_information: about, features } = manifest;
    expect(about.name.length).toBeLessThanOrEqual(35);
    expect(about.description.length).toBeLessThanOrEqual(140);
    expect(features.bot_user.display_name.length).toBeLessThanOrEqual(80);
    for (const { command, description, usage_hint: hint } of features.slash_commands) {
      expect(command.length).toBeLessThanOrEqual(32);
      expect(description.length).toBeLessThanOrEqual(2_000);
      expect(hint.length).toBeLessThanOrEqual(1_000);
    }
    for (const { name, description } of features.shortcuts) {
      expect(name.length).toBeLessThanOrEqual(24);
      expect(description.length).toBeLessThanOrEqual(150);
    }
  });
});
