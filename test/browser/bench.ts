/** The page alone, with a state that the test holds: what the bot would take minutes to do is one push here. */

import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ASSETS } from '../../src/rehearsal/console/assets.ts';
import { page, regions } from '../../src/rehearsal/console/html.ts';
import { type ConsoleState, REGIONS } from '../../src/rehearsal/console/state.ts';

/** As the console's server sends it. */
export const CSP =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; form-action 'none'; base-uri 'none'; frame-ancestors 'none'";

export interface Bench {
  readonly url: string;
  /** What is drawn at the next push or connection. */
  readonly state: ConsoleState;
  /** What the page asked for, oldest first. */
  readonly acts: Record<string, unknown>[];
  /** Change the state and send every region of it. */
  push(change: (state: ConsoleState) => void): void;
  /** Ends every open event stream, as a restart does. */
  drop(): void;
  /** From here on an act finds nobody, as in a restart. */
  refuse(isAway: boolean): void;
  /** From here on nothing is answered and nothing said, as by a process that was stopped with Ctrl-Z. */
  stall(isStalled: boolean): void;
  /** How many pages listen. */
  listening(): number;
  close(): Promise<void>;
}

export async function startBench(state: ConsoleState): Promise<Bench> {
  const streams = new Set<ServerResponse>();
  const acts: Record<string, unknown>[] = [];
  let isAway = false;
  let isStalled = false;
  const send = (stream: ServerResponse) => {
    const drawn = Object.fromEntries(REGIONS.map((name) => [name, regions[name](state)]));
    stream.write(`event: regions\ndata: ${JSON.stringify(drawn)}\n\n`);
  };
  const server = createServer((request, response) => {
    void (async () => {
      const { pathname, searchParams } = new URL(request.url ?? '/', 'http://localhost');
      const asset = ASSETS[pathname.replace('/console/assets/', '')];
      response.setHeader('content-security-policy', CSP);
      if (isStalled) return;
      if (pathname === '/') {
        response.setHeader('content-type', 'text/html; charset=utf-8');
        response.end(page());
      } else if (asset !== undefined) {
        response.setHeader('content-type', asset.type);
        response.end(await readFile(asset.file));
      } else if (pathname === '/console/events') {
        response.setHeader('content-type', 'text/event-stream');
        streams.add(response);
        response.on('close', () => streams.delete(response));
        const open = searchParams.get('open');
        state.thread = open === null ? null : state.messages.filter(({ ts }) => ts === open);
        send(response);
      } else {
        const chunks: Buffer[] = [];
        for await (const chunk of request) chunks.push(chunk as Buffer);
        if (isAway) {
          response.destroy();
          return;
        }
        acts.push(JSON.parse(Buffer.concat(chunks).toString()));
        response.setHeader('content-type', 'application/json');
        response.end('{"ok":true}');
      }
    })();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    acts,
    state,
    refuse(away) {
      isAway = away;
    },
    stall(stalled) {
      isStalled = stalled;
    },
    listening: () => streams.size,
    push(change) {
      change(state);
      for (const stream of streams) send(stream);
    },
    drop() {
      for (const stream of streams) stream.destroy();
    },
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
