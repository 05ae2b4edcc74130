/** A real Prometheus and a real Alertmanager on loopback, with the files that ship, and a PagerDuty to page past the bot. */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as pause } from 'node:timers/promises';
import { parse, stringify } from 'yaml';
import { toolPath } from './tools.ts';

interface FiringAlert {
  state: string;
  labels: Record<string, string>;
  annotations: Record<string, string>;
}

export interface Stack {
  /** Alerts as Prometheus's API shows them. */
  alerts(): Promise<FiringAlert[]>;
  /** What reached PagerDuty past the bot. */
  pages: { routing_key: string; event_action: string; payload: { severity: string; summary: string } }[];
  /** What the two said, for a failure's message. */
  output(): string;
  close(): Promise<void>;
}

/** Look until it is there. Throws what `what` says after a minute and a half. */
export async function until<T>(what: () => string, look: () => Promise<T | undefined | false>): Promise<T> {
  const deadline = performance.now() + 90_000;
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    if (performance.now() > deadline) throw new Error(`it did not come: ${what()}`);
    await pause(100);
  }
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

const template = (name: string): Promise<string> =>
  readFile(new URL(`../../templates/${name}`, import.meta.url), 'utf8');

/** What ships, with its waits cut to a second: what they are is promtool's to say. */
async function rulesOf(ownRule: object): Promise<string> {
  const hurried = (await template('alert-rules.yml')).replaceAll(
    /^( +(?:for|keep_firing_for)): \w+$/gm,
    '$1: 1s',
  );
  const file = parse(hurried) as { groups: object[] };
  file.groups.push({ name: 'of-the-desk', rules: [ownRule] });
  return stringify(file);
}

interface AlertmanagerFile {
  route: Record<string, unknown>;
  receivers: {
    webhook_configs?: { url: string; http_config: { authorization: { credentials_file: string } } }[];
    pagerduty_configs?: { url?: string; routing_key_file: string }[];
  }[];
}

/** What ships, with the addresses and files of this test, and its waits cut to a second. */
async function alertmanagerOf(folder: string, botUrl: string, pagerUrl: string): Promise<string> {
  const file = parse(await template('alertmanager.yml')) as AlertmanagerFile;
  Object.assign(file.route, { group_wait: '1s', group_interval: '1s' });
  for (const { webhook_configs = [], pagerduty_configs = [] } of file.receivers) {
    for (const one of webhook_configs) {
      one.url = `${botUrl}/alerts/alertmanager`;
      one.http_config.authorization.credentials_file = join(folder, 'standdown.token');
    }
    for (const one of pagerduty_configs) {
      one.url = pagerUrl;
      one.routing_key_file = join(folder, 'pagerduty.key');
    }
  }
  return stringify(file);
}

/** `ownRule` is a rule of the desk's own, beside those that ship. */
export async function startStack(bot: { url: string; token: string }, ownRule: object): Promise<Stack> {
  const folder = await mkdtemp(join(tmpdir(), 'standdown-prometheus-'));
  const children: ChildProcess[] = [];
  let output = '';
  const killAll = () => {
    for (const child of children) child.kill('SIGKILL');
  };
  // Also where the test run itself is ended.
  process.once('exit', killAll);

  const pages: Stack['pages'] = [];
  const pager = createHttpServer((request, response) => {
    void text(request).then((body) => {
      pages.push(JSON.parse(body) as Stack['pages'][number]);
      response.writeHead(202).end('{"status":"success"}');
    });
  });
  pager.listen(0, '127.0.0.1');
  await once(pager, 'listening');
  const pagerUrl = `http://127.0.0.1:${(pager.address() as AddressInfo).port}/v2/enqueue`;

  async function close(): Promise<void> {
    process.off('exit', killAll);
    const gone = children.map(async (child) => {
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    });
    killAll();
    await Promise.all(gone);
    pager.close();
    pager.closeAllConnections();
    await rm(folder, { recursive: true, force: true });
  }

  async function run(tool: 'prometheus' | 'alertmanager', args: string[], url: string): Promise<void> {
    const child = spawn(toolPath(tool), args, { stdio: ['ignore', 'pipe', 'pipe'] });
    children.push(child);
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => {
        output += chunk.toString();
      });
    await until(
      () => `${tool} at ${url}\n${output}`,
      async () => {
        if (child.exitCode !== null) throw new Error(`${tool} ended with ${child.exitCode}\n${output}`);
        const response = await fetch(`${url}/-/ready`).catch(() => undefined);
        return response?.ok;
      },
    );
  }

  try {
    const [prometheus, alertmanager] = [await freePort(), await freePort()];
    await Promise.all([
      writeFile(join(folder, 'standdown.token'), bot.token),
      writeFile(join(folder, 'pagerduty.key'), 'direct-routing-key'),
      writeFile(join(folder, 'rules.yml'), await rulesOf(ownRule)),
      writeFile(join(folder, 'alertmanager.yml'), await alertmanagerOf(folder, bot.url, pagerUrl)),
      writeFile(
        join(folder, 'prometheus.yml'),
        stringify({
          global: { scrape_interval: '1s', evaluation_interval: '1s' },
          rule_files: [join(folder, 'rules.yml')],
          alerting: { alertmanagers: [{ static_configs: [{ targets: [`127.0.0.1:${alertmanager}`] }] }] },
          scrape_configs: [{ job_name: 'standdown', static_configs: [{ targets: [new URL(bot.url).host] }] }],
        }),
      ),
    ]);
    await run(
      'alertmanager',
      [
        `--config.file=${join(folder, 'alertmanager.yml')}`,
        `--storage.path=${join(folder, 'alertmanager')}`,
        `--web.listen-address=127.0.0.1:${alertmanager}`,
        '--cluster.listen-address=',
      ],
      `http://127.0.0.1:${alertmanager}`,
    );
    await run(
      'prometheus',
      [
        `--config.file=${join(folder, 'prometheus.yml')}`,
        `--storage.tsdb.path=${join(folder, 'prometheus')}`,
        `--web.listen-address=127.0.0.1:${prometheus}`,
      ],
      `http://127.0.0.1:${prometheus}`,
    );
    return {
      pages,
      output: () => output,
      close,
      async alerts() {
        const response = await fetch(`http://127.0.0.1:${prometheus}/api/v1/alerts`);
        const body = (await response.json()) as { data: { alerts: FiringAlert[] } };
        return body.data.alerts;
      },
    };
  } catch (error) {
    await close();
    throw error;
  }
}
