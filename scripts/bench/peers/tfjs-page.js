/** TensorFlow.js as a contender in a page, with the backends that work without a graphics card, and WebGL. */
import '@tensorflow/tfjs-backend-cpu';
import '@tensorflow/tfjs-backend-webgl';
import { setThreadsCount, setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
import * as tfc from '@tensorflow/tfjs-core';
import { fetchBatches, serve, timed } from '../page/serve.ts';
import { buildNetwork, channelsLast, trainedElements } from './networks.js';

let network;
let batches;
let taken = 0;

async function prepare(request) {
  const { model, classes, size, lr, selection, threads, peers } = request;
  const { backend } = request.options;
  setWasmPaths(`${peers}/@tensorflow/tfjs-backend-wasm/dist/`);
  setThreadsCount(threads);
  if (!(await tfc.setBackend(backend))) throw new Error(`this browser has no ${backend}`);
  network = buildNetwork(model, classes, size, selection);
  network.compile({ optimizer: tfc.train.adam(lr), loss: 'categoricalCrossentropy' });
  batches = (await fetchBatches(request)).map((read) => channelsLast(read, request));
  return { trainable: trainedElements(network), version: `${tfc.version_core} (${backend})` };
}

const step = (count) =>
  timed(count, () => {
    const { images, labels } = batches[taken++ % batches.length];
    return network.trainOnBatch(images, labels);
  });

serve({ prepare, step });
