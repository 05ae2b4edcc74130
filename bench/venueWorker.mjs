/** The counterpart of a venue in a thread of its own, as a venue is: what it costs is not on the account of its clients. */

import { parentPort, workerData } from 'node:worker_threads';
import { startBinanceCounterpart } from '../dist/rehearsal/binance.js';

const venue = await startBinanceCounterpart(workerData);
parentPort.on('message', ({ id, method, args }) => {
  venue[method](...args);
  parentPort.postMessage({ id });
});
parentPort.postMessage({ url: venue.url });
