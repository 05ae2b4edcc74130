/**
 * Draws pictures: Vega makes an SVG of a specification without a browser, resvg a PNG of that. Both in a thread that ends
 * with the picture: it takes a tenth of a second of work and 40 MB, and neither stopping nor pages may feel that.
 */

import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import type { Draughtsman, Picture } from '../ports.ts';

/** A drawing that takes longer is given up. */
const TIMEOUT_MS = 20_000;

/** Without compiling: the thread runs it as it stands, from the source and from `dist` alike. Vega may load no file and no address. */
const THREAD = `
const { parentPort, workerData } = require('node:worker_threads');
(async () => {
  const vega = await import(workerData.vega);
  const { Resvg } = require(workerData.resvg);
  const refuse = async () => { throw new Error('a picture loads nothing'); };
  const loader = { load: refuse, sanitize: refuse, http: refuse, file: refuse };
  for (const spec of workerData.specs) {
    const view = new vega.View(vega.parse(spec), { renderer: 'none', loader });
    const svg = await view.toSVG();
    const font = { loadSystemFonts: true, defaultFontFamily: 'DejaVu Sans' };
    const png = new Resvg(svg, { fitTo: { mode: 'zoom', value: 2 }, font }).render().asPng();
    parentPort.postMessage({ svg, png: new Uint8Array(png) });
  }
})();
`;

export function createDraughtsman(): Draughtsman {
  const require = createRequire(import.meta.url);
  return {
    draw(specs) {
      return new Promise<Picture[]>((resolve, reject) => {
        const worker = new Worker(THREAD, {
          eval: true,
          workerData: {
            vega: pathToFileURL(require.resolve('vega')).href,
            resvg: require.resolve('@resvg/resvg-js'),
            specs,
          },
          // What it writes is not the bot's log.
          stdout: true,
          stderr: true,
        });
        const drawn: Picture[] = [];
        const end = (error: Error | null) => {
          clearTimeout(timer);
          void worker.terminate();
          if (error === null) resolve(drawn);
          else reject(error);
        };
        const timer = setTimeout(
          () => end(new Error(`no picture within ${TIMEOUT_MS / 1_000} s`)),
          TIMEOUT_MS,
        );
        worker.on('message', ({ svg, png }: { svg: string; png: Uint8Array }) => {
          drawn.push({ svg, png: Buffer.from(png) });
          if (drawn.length === specs.length) end(null);
        });
        worker.once('error', end);
        worker.once('exit', () =>
          end(drawn.length === specs.length ? null : new Error('the drawing thread ended')),
        );
      });
    },
  };
}
