/**
 * TensorFlow.js as a contender: the same architecture, its own initial weights. The first argument is its backend, `wasm` or `cpu`:
 * npm installs both without further downloads. Neither has threads in Node. (`tfjs-node` needs a library that its install script
 * downloads.)
 */
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import * as tfc from '@tensorflow/tfjs-core';
import { readBatches } from '../workers/batches.ts';
import { serve } from '../workers/serve.ts';
import { buildNetwork, channelsLast, trainedElements } from './networks.js';

const backend = process.argv[2];
const require = createRequire(import.meta.url);
if (backend === 'wasm') {
  const { setWasmPaths } = await import('@tensorflow/tfjs-backend-wasm');
  setWasmPaths(join(dirname(require.resolve('@tensorflow/tfjs-backend-wasm')), '/'));
} else {
  await import('@tensorflow/tfjs-backend-cpu');
}
await tfc.setBackend(backend);

let network;
let batches;
let taken = 0;

async function prepare(request) {
  const { model, classes, size, lr, selection } = request;
  network = buildNetwork(model, classes, size, selection);
  network.compile({ optimizer: tfc.train.adam(lr), loss: 'categoricalCrossentropy' });
  batches = (await readBatches(request)).map((read) => channelsLast(read, request));
  return { trainable: trainedElements(network), version: `${tfc.version_core} (${backend})` };
}

async function step(count) {
  const seconds = [];
  const losses = [];
  const before = process.cpuUsage();
  for (let i = 0; i < count; i++) {
    const { images, labels } = batches[taken++ % batches.length];
    const began = performance.now();
    losses.push(await network.trainOnBatch(images, labels));
    seconds.push((performance.now() - began) / 1000);
  }
  const { user, system } = process.cpuUsage(before);
  return { seconds, losses, cpu: (user + system) / 1e6 };
}

await serve({ prepare, step });
