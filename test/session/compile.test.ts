import { expect, test } from 'vitest';
import { readModel, tensor, writeModel } from '../../src/onnx/index.ts';
import { nodeRuntime } from '../../src/runtime/node/sessions.ts';
import { type CompileOptions, compileModel } from '../../src/session/index.ts';
import { random } from '../compiler/kernels/harness.ts';
import { pretrained, SIDE } from '../node/commands/project.ts';

const runtime = nodeRuntime();
const compile = (options: CompileOptions = {}) =>
  compileModel({ model: pretrained(), sha256: 'a'.repeat(64) }, options, runtime);

test('the graphs train the named parameters, and the finished model has the new weights', async () => {
  const { trainingModel, evaluationModel, optimizerModel, state, manifest, withWeights } = await compile({
    trainable: ['head', 'block.bias'],
    classes: 3,
    optimizer: { name: 'sgd', momentum: 0.9 },
  });
  const trained = manifest.parameters.trainable.map(({ name }) => name);
  expect(trained).toContain('block.bias');
  expect([...state.keys()].sort()).toEqual([...trained, ...trained.map((name) => `${name}.momentum`)].sort());
  const [training, evaluation, optimizer] = await Promise.all(
    [trainingModel, evaluationModel, optimizerModel].map((model) => runtime.load(model)),
  );
  const data = { input: random(1, [4, 3, SIDE, SIDE]), labels: tensor('int64', [4], BigInt64Array.of(0n, 1n, 2n, 1n)) };
  const values = new Map(Object.entries({ ...data, ...Object.fromEntries(state) }));
  const feeds = (names: readonly string[]) => Object.fromEntries(names.map((name) => [name, values.get(name)!]));
  const lossOf = async () => {
    const { loss } = await evaluation.run(feeds(['input', 'labels', ...trained]), ['loss']);
    return (loss.data as Float32Array)[0];
  };
  const before = await lossOf();
  for (let step = 1n; step <= 5n; step++) {
    const gradients = trained.map((name) => `${name}.grad`);
    for (const [name, value] of Object.entries(await training.run(feeds(['input', 'labels', ...trained]), gradients)))
      values.set(name, value);
    values
      .set('lr', tensor('float32', [], Float32Array.of(0.1)))
      .set('step', tensor('int64', [], BigInt64Array.of(step)));
    const next = await optimizer.run(feeds([...state.keys(), ...gradients, 'lr', 'step']));
    for (const [name, value] of Object.entries(next)) values.set(name.replace(/\.next$/, ''), value);
  }
  const after = await lossOf();
  expect(after).toBeLessThan(before);
  const finished = readModel(
    withWeights(new Map(trained.map((name) => [name, values.get(name)!.data as Float32Array]))),
  );
  const { initializers } = finished.graph;
  for (const name of trained) expect(initializers.get(name)!.data).toEqual(values.get(name)!.data);
  expect(initializers.get('stem.weight')!.data).toEqual(pretrained().graph.initializers.get('stem.weight')!.data);
  expect(finished.graph.inputs.map(({ name }) => name)).toEqual(['input']);
  await runtime.load(writeModel(finished));
});

test('finishing refuses tensors that are not trained parameters, or have another size', async () => {
  const { withWeights, state } = await compile({ classes: 2 });
  const [name] = state.keys();
  expect(() => withWeights(new Map([['stem.bias', new Float32Array(4)]]))).toThrow(/no parameter "stem.bias"/);
  expect(() => withWeights(new Map([[name, new Float32Array(3)]]))).toThrow(/has 3 numbers, and takes/);
});
