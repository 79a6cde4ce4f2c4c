/** ONNX Runtime's own training in a page as a contender: 1.18, the last version with training. Its WebAssembly has no threads. */
import * as ort from 'onnxruntime-web/training';
import { fetchBatches, fetchBytes, serve, timed } from '../page/serve.ts';

let session;
let batches;
let taken = 0;

async function prepare(request) {
  ort.env.wasm.wasmPaths = `${request.peers}/onnxruntime-web/dist/`;
  ort.env.wasm.numThreads = 1;
  ort.env.logLevel = 'error';
  const [checkpointState, trainModel, evalModel, optimizerModel] = await Promise.all(
    ['checkpoint', 'training_model.onnx', 'eval_model.onnx', 'optimizer_model.onnx'].map((file) =>
      fetchBytes(`${request.artifacts}/${file}`),
    ),
  );
  session = await ort.TrainingSession.create({ checkpointState, trainModel, evalModel, optimizerModel });
  const [images, labels] = session.trainingInputNames;
  batches = (await fetchBatches(request)).map(({ inputs: [input], labels: classes }) => ({
    [images]: new ort.Tensor('float32', input.data, input.shape),
    [labels]: new ort.Tensor('int64', classes, [classes.length]),
  }));
  return { trainable: await session.getParametersSize(true), version: ort.env.versions.web };
}

const step = (count) =>
  timed(count, async () => {
    const outputs = await session.runTrainStep(batches[taken++ % batches.length]);
    await session.runOptimizerStep();
    await session.lazyResetGrad();
    return outputs[session.trainingOutputNames[0]].data[0];
  });

serve({ prepare, step });
