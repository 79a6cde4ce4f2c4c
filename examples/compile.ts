// Compiles a training step in memory, and runs it with the stock ONNX Runtime:  npx tsx examples/compile.ts
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { compile } from 'thaw/compiler';

const { trainingModel, optimizerModel, state } = await compile('default', { classes: 2, optimizer: 'adam' });
const [training, optimizer] = [trainingModel, optimizerModel].map((graph) => InferenceSession.create(graph));
const images = new Tensor(new Float32Array(4 * 3 * 80 * 80).map(Math.random), [4, 3, 80, 80]);
const values: Record<string, Tensor> = { pixel_values: images, labels: new Tensor('int64', [0, 1, 0, 1]) };
for (const [name, { data, shape }] of state) values[name] = new Tensor(data, shape);
for (let i = 1; i <= 10; i++) {
  Object.assign(values, { lr: new Tensor('float32', [0.01], []), step: new Tensor('int64', [i], []) });
  Object.assign(values, await (await training).run(values));
  for (const [name, value] of Object.entries(await (await optimizer).run(values))) values[name.slice(0, -5)] = value;
  console.log(`step ${i}: loss ${values.loss.data[0]}`);
}
