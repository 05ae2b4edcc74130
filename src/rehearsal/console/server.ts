/** The console's HTTP: its page, what changed in it as server-sent events, and acts. The rest goes on to the bot. */

import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { z } from 'zod';
import { type ActContext, actSchema, perform } from './acts.ts';
import { passOn } from './proxy.ts';
import { CHANNELS, PEOPLE } from './shown.ts';
import { type ConsoleState, type Looking, REGIONS, type Regions } from './state.ts';

/** What draws: made by the page's half. */
export interface Front {
  page(): string;
  regions: Regions;
  /** By the name under /console/assets/. */
  assets: Readonly<Record<string, { file: string; type: string }>>;
}

export interface ConsoleServerOptions {
  host: string;
  port: number;
  front: Front;
  /** What the page shows to who looks. */
  stateFor(looking: Looking): ConsoleState;
  acts: ActContext;
  /** Where the bot listens now; null while it is down. */
  botUrl(): string | null;
  /** How often each page is told that we are here; it takes two and a half of 10 s without a word for our end. */
  heartbeatMs?: number;
}

export interface ConsoleServer {
  url: string;
  /** Something may look different: told to every page, at most so often. */
  changed(): void;
  close(): Promise<void>;
}

/** 20 times a second at most: an eye sees no more, and a storm costs no more. */
const FLUSH_MS = 50;
const HEARTBEAT_MS = 10_000;
/** Heartbeats that a page could not take before it is let go: it comes again when it can read. */
const MOST_MISSED = 3;
/** A browser opens six connections to a host; a page is one. */
const MOST_READERS = 12;
const MOST_ACT_BYTES = 64 * 1024;

const HEADERS = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; form-action 'none'; base-uri 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'cache-control': 'no-store',
};

const LOOPBACK_NAMES = ['localhost', '127.0.0.1', '[::1]'];
const LOOPBACK_PEER = /^(::ffff:)?127\.|^::1$/;
/** Every address: somebody who types one of them means this machine. */
const EVERYWHERE: Readonly<Record<string, string>> = { '0.0.0.0': '127.0.0.1', '::': '[::1]' };

const lookingSchema = z.object({
  as: z.enum(PEOPLE.map(({ id }) => id)).catch(PEOPLE[0]?.id ?? ''),
  channel: z.enum(CHANNELS.map(({ id }) => id)).catch(CHANNELS[0].id),
  open: z
    .string()
    .regex(/^\d{1,12}\.\d{1,12}$/)
    .nullable()
    .catch(null),
  tab: z.enum(['messages', 'home']).catch('messages'),
});

/** One page that listens. */
interface Reader {
  response: ServerResponse;
  looking: Looking;
  /** What it was sent last, by region. */
  last: Map<string, string>;
  /** Heartbeats in a row that it had no room for. */
  missed: number;
}

class Refused extends Error {
  readonly status: number;
  readonly code: string;
  constructor(status: number, code: string, detail: string) {
    super(detail);
    this.status = status;
    this.code = code;
  }
}

export async function startConsoleServer(options: ConsoleServerOptions): Promise<ConsoleServer> {
  const { host, front, stateFor, acts, botUrl } = options;
  const readers = new Set<Reader>();
  let flushing: NodeJS.Timeout | null = null;
  const typed = EVERYWHERE[host] ?? (host.includes(':') ? `[${host}]` : host).toLowerCase();
  const names = [...new Set([typed, ...LOOPBACK_NAMES])];

  /**
   * What a page of another site may not do, on the bot's paths neither: the browser says by which name it found us (its
   * own name may point here by now), and where it comes from. Programs come by a loopback name, and say nothing else.
   */
  function mustBeNear(request: IncomingMessage, path: string): void {
    const [named, ...more] = request.headersDistinct['host'] ?? [];
    if (more.length > 0 || !names.includes((named ?? '').replace(/:\d{1,5}$/, '').toLowerCase())) {
      throw new Refused(421, 'wrong_host', `A rehearsal answers to ${names.join(', ')} only.`);
    }
    const from = request.headers['sec-fetch-site'] ?? 'none';
    // A link to the page, followed from anywhere, shows it and does nothing.
    const isFollowed =
      path === '/' && request.method === 'GET' && request.headers['sec-fetch-dest'] === 'document';
    if (from !== 'same-origin' && from !== 'none' && !isFollowed) {
      throw new Refused(403, 'wrong_site', 'No page of another site may ask for this.');
    }
  }

  function mustBeOurs({ headers: { origin, host: named }, method }: IncomingMessage): void {
    if (origin === undefined && method === 'GET') return;
    if (origin !== `http://${named}`) {
      throw new Refused(403, 'wrong_origin', 'Only the console’s own page may ask for this.');
    }
  }

  function send(reader: Reader): void {
    // A page that does not read is not written to: what it missed is in the next difference.
    if (reader.response.writableNeedDrain) return;
    const state = stateFor(reader.looking);
    const regions: Record<string, string> = {};
    for (const region of REGIONS) {
      const html = drawn(front, region, state);
      if (reader.last.get(region) === html) continue;
      reader.last.set(region, html);
      regions[region] = html;
    }
    if (Object.keys(regions).length === 0) return;
    reader.response.write(`event: regions\ndata: ${JSON.stringify(regions)}\n\n`);
  }

  function changed(): void {
    if (flushing !== null || readers.size === 0) return;
    flushing = setTimeout(() => {
      flushing = null;
      for (const reader of readers) send(reader);
    }, FLUSH_MS);
  }

  const heartbeat = setInterval(() => {
    for (const reader of readers) {
      reader.missed = reader.response.writableNeedDrain ? reader.missed + 1 : 0;
      if (reader.missed >= MOST_MISSED) reader.response.destroy();
      else if (reader.missed === 0) reader.response.write('event: here\ndata: 1\n\n');
    }
  }, options.heartbeatMs ?? HEARTBEAT_MS);
  heartbeat.unref();

  function listen(query: URLSearchParams, response: ServerResponse): void {
    if (readers.size >= MOST_READERS) {
      throw new Refused(503, 'too_many_pages', `${MOST_READERS} pages are open: close one.`);
    }
    const wanted = lookingSchema.parse({
      as: query.get('as'),
      channel: query.get('channel'),
      open: query.get('open'),
      tab: query.get('tab'),
    });
    const as = PEOPLE.find(({ id }) => id === wanted.as) ?? PEOPLE[0];
    if (as === undefined) return;
    response.writeHead(200, { ...HEADERS, 'content-type': 'text/event-stream; charset=utf-8' });
    const looking = { as, channel: wanted.channel, thread: wanted.open, tab: wanted.tab };
    const reader: Reader = { response, looking, last: new Map(), missed: 0 };
    readers.add(reader);
    response.on('close', () => readers.delete(reader));
    response.on('error', () => readers.delete(reader));
    response.on('drain', changed);
    send(reader);
  }

  async function act(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (!/^application\/json\s*(;|$)/i.test(request.headers['content-type'] ?? '')) {
      throw new Refused(415, 'not_json', 'An act is sent as application/json.');
    }
    const body = await bodyOf(request);
    let json: unknown;
    try {
      json = JSON.parse(body);
    } catch {
      throw new Refused(400, 'not_json', 'The act is not JSON.');
    }
    const parsed = actSchema.safeParse(json);
    if (!parsed.success) {
      const first = parsed.error.issues[0];
      throw new Refused(
        400,
        'no_such_act',
        `${first?.path.join('.') ?? ''} ${first?.message ?? ''}`.trim().slice(0, 500),
      );
    }
    const outcome = await perform(parsed.data, acts);
    changed();
    answer(response, 'held' in outcome ? 409 : 200, outcome);
  }

  async function asset(name: string, response: ServerResponse): Promise<void> {
    const found = Object.hasOwn(front.assets, name) ? front.assets[name] : undefined;
    if (found === undefined) throw new Refused(404, 'not_found', 'There is no such file.');
    const content = await readFile(found.file);
    response.writeHead(200, { ...HEADERS, 'content-type': found.type, 'content-length': content.length });
    response.end(content);
  }

  async function route(request: IncomingMessage, response: ServerResponse): Promise<void> {
    // Taken as it was sent: a path that needs tidying up is none of ours.
    const [path = '', query = ''] = (request.url ?? '').split(/\?(.*)/s);
    mustBeNear(request, path);
    if (path !== '/' && path !== '/console' && !path.startsWith('/console/')) {
      passOn(request, response, botUrl());
      return;
    }
    mustBeOurs(request);
    const is = (method: string, at: string) => request.method === method && path === at;
    if (is('GET', '/')) {
      response.writeHead(200, { ...HEADERS, 'content-type': 'text/html; charset=utf-8' });
      response.end(front.page());
    } else if (is('GET', '/console/events')) listen(new URLSearchParams(query), response);
    else if (is('POST', '/console/act')) await act(request, response);
    else if (request.method === 'GET' && path.startsWith('/console/assets/')) {
      await asset(path.slice('/console/assets/'.length), response);
    } else throw new Refused(404, 'not_found', 'The console has nothing there.');
  }

  const server = createServer({ requestTimeout: 30_000, headersTimeout: 10_000, maxHeaderSize: 16_384 });
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    if (!LOOPBACK_PEER.test(request.socket.remoteAddress ?? '')) {
      request.socket.destroy();
      return;
    }
    route(request, response).catch((error: unknown) => {
      if (response.headersSent) {
        response.destroy();
        return;
      }
      request.resume();
      if (error instanceof Refused)
        answer(response, error.status, { ok: false, error: error.code, detail: error.message });
      else answer(response, 500, { ok: false, error: 'internal', detail: 'That failed inside the console.' });
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, host, () => {
      server.off('error', reject);
      resolve();
    });
  });
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : options.port;

  return {
    // As a browser writes it: without :80.
    url: new URL(`http://${typed}:${port}`).origin,
    changed,
    async close() {
      clearInterval(heartbeat);
      if (flushing !== null) clearTimeout(flushing);
      for (const { response } of readers) response.end();
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}

/** One region; what cannot be drawn stands as a sentence in its place, and takes no other region with it. */
function drawn(front: Front, region: (typeof REGIONS)[number], state: ConsoleState): string {
  try {
    return front.regions[region](state);
  } catch {
    return '<p role="alert">This part of the page could not be drawn.</p>';
  }
}

function answer(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { ...HEADERS, 'content-type': 'application/json; charset=utf-8' });
  response.end(JSON.stringify(body));
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    size += (chunk as Buffer).length;
    if (size > MOST_ACT_BYTES)
      throw new Refused(413, 'too_large', `An act has at most ${MOST_ACT_BYTES} bytes.`);
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks).toString('utf8');
}
