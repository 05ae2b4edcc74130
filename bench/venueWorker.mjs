/** The counterpart of a venue in a thread of its own, as a venue is: what it costs is not on the account of its clients. */

import { parentPort, workerData } from 'node:worker_threads';
import { startBinanceCounterpart } from '../dist/rehearsal/binance.js';

const venue = await startBinanceCounterpart(workerData);
parentPort.on('message', async ({ id, method, args }) => {
  const answer = await venue[method](...args);
  // Only plain answers cross to the other thread; nobody here needs the others.
  parentPort.postMessage({ id, answer: typeof answer === 'object' ? null : answer });
});
parentPort.postMessage({ url: venue.url });
