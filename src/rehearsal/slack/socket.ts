import { randomUUID } from 'node:crypto';
import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import { isObject, type JsonObject, parseJson, str } from './json.ts';
import type { DeliveryKind } from './shapes.ts';
import type { Workspace } from './workspace.ts';

/** What an app said to an envelope, or why it could not. */
type SocketReply =
  | { readonly payload: JsonObject }
  | { readonly error: 'timeout' | 'no_socket' | 'socket_closed' | 'closed' };

/** The Socket Mode side. */
export interface SocketMode {
  /** A one-time address for a new connection. */
  issueUrl(): string;
  connected(): number;
  /** Sends an envelope over one of the sockets and waits for its acknowledgement, `timeoutMs` real milliseconds. */
  deliver(kind: DeliveryKind, payload: JsonObject, timeoutMs: number, retry?: Retry): Promise<SocketReply>;
  /** Asks every app connection to reconnect and closes it; resolves when the old ones are gone. */
  refresh(): Promise<void>;
  /** Kills every connection without a word. */
  drop(): void;
  close(): void;
}

/** Which try of the same event this is. */
export interface Retry {
  readonly num: number;
  readonly reason: string;
}

/** Serves `/link/?ticket=…` on the same server as the Web API. */
export function createSocketMode(server: Server, workspace: Workspace): SocketMode {
  const wss = new WebSocketServer({ noServer: true });
  const tickets = new Set<string>();
  const sockets: WebSocket[] = [];
  const waiting = new Map<
    string,
    { readonly socket: WebSocket; readonly settle: (reply: SocketReply) => void }
  >();
  let turn = 0;

  const settleAll = (error: 'socket_closed' | 'closed', of?: WebSocket): void => {
    for (const entry of Array.from(waiting.values())) if (!of || entry.socket === of) entry.settle({ error });
  };

  const accept = (socket: WebSocket): void => {
    sockets.push(socket);
    socket.on('message', (data: Buffer) => {
      const said = parseJson(data.toString());
      if (!isObject(said)) return;
      const payload = isObject(said['payload']) ? said['payload'] : {};
      waiting.get(str(said['envelope_id']))?.settle({ payload });
    });
    socket.on('close', () => {
      const index = sockets.indexOf(socket);
      if (index >= 0) sockets.splice(index, 1);
      settleAll('socket_closed', socket);
      workspace.changed();
    });
    socket.on('error', () => socket.terminate());
    const hello = {
      type: 'hello',
      num_connections: sockets.length,
      debug_info: { host: 'applink-rehearsal', build_number: 1, approximate_connection_time: 18_060 },
      connection_info: { app_id: workspace.options.appId },
    };
    socket.send(JSON.stringify(hello));
    workspace.changed();
  };

  server.on('upgrade', (request: IncomingMessage, stream: Duplex, head: Buffer) => {
    const url = new URL(request.url ?? '/', 'http://127.0.0.1');
    if (!url.pathname.startsWith('/link') || !tickets.delete(url.searchParams.get('ticket') ?? '')) {
      // Without a listener, a client that is gone already would end the process.
      stream.on('error', () => stream.destroy());
      stream.end('HTTP/1.1 401 Unauthorized\r\nConnection: close\r\n\r\n');
      return;
    }
    wss.handleUpgrade(request, stream, head, accept);
  });

  return {
    issueUrl() {
      const ticket = randomUUID();
      tickets.add(ticket);
      return `${workspace.origin.replace(/^http/, 'ws')}/link/?ticket=${ticket}&app_id=${workspace.options.appId}`;
    },
    connected: () => sockets.filter((socket) => socket.readyState === socket.OPEN).length,
    deliver(kind, payload, timeoutMs, retry) {
      const open = sockets.filter((socket) => socket.readyState === socket.OPEN);
      turn += 1;
      const socket = open[turn % Math.max(open.length, 1)];
      if (!socket) return Promise.resolve({ error: 'no_socket' });
      const envelopeId = randomUUID();
      const envelope = {
        envelope_id: envelopeId,
        type: kind,
        payload,
        accepts_response_payload: kind !== 'events_api',
        ...(kind === 'events_api'
          ? { retry_attempt: retry?.num ?? 0, retry_reason: retry?.reason ?? '' }
          : {}),
      };
      return new Promise((resolve) => {
        const settle = (reply: SocketReply): void => {
          clearTimeout(timer);
          waiting.delete(envelopeId);
          resolve(reply);
        };
        const timer = setTimeout(settle, timeoutMs, { error: 'timeout' });
        waiting.set(envelopeId, { socket, settle });
        socket.send(JSON.stringify(envelope));
      });
    },
    async refresh() {
      const old = Array.from(sockets);
      const message = {
        type: 'disconnect',
        reason: 'refresh_requested',
        debug_info: { host: 'applink-rehearsal' },
      };
      await Promise.all(
        old.map(
          (socket) =>
            new Promise<void>((resolve) => {
              if (socket.readyState === socket.CLOSED) {
                resolve();
                return;
              }
              socket.once('close', () => resolve());
              socket.send(JSON.stringify(message));
              socket.close(1000);
            }),
        ),
      );
    },
    drop() {
      for (const socket of Array.from(sockets)) socket.terminate();
    },
    close() {
      for (const socket of Array.from(sockets)) socket.terminate();
      settleAll('closed');
      wss.close();
    },
  };
}
