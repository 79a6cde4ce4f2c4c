import { describe, expect, it } from 'vitest';
import { upgrade } from '../../../src/compiler/import/index.ts';
import { inferShapes } from '../../../src/compiler/shapes/index.ts';
import { PLAN_DEFAULTS, replaceable, stepModels } from '../../../src/compiler/step/index.ts';
import { elementCount, GraphBuilder, readModel, type Value, writeModel } from '../../../src/onnx/index.ts';
import { State } from '../../../src/runtime/index.ts';
import { nodeRuntime } from '../../../src/runtime/node/sessions.ts';
import { loadNetwork } from '../../reference.ts';
import { random } from '../kernels/harness.ts';

type Write = (b: GraphBuilder, x: Value, y: Value) => readonly [next: Value, ...others: Value[]];

function found(write: Write): string[] {
  const b = new GraphBuilder();
  const [x, y] = [b.input('x', 'float32', [2, 3]), b.input('y', 'float32', [2, 3])];
  const [next, ...others] = write(b, x, y);
  b.nodes = b.nodes.map((node) => (node.outputs[0] === next.name ? { ...node, outputs: ['x.next'] } : node));
  return [...replaceable(b.graph('test', [x, y], [b.declare({ ...next, name: 'x.next' }), ...others]))];
}

describe('a step overwrites state in place if all its readers run first', () => {
  it.each<[string, Write]>([
    ['an average', (b, x, y) => [b.add(b.mul(x, 0.9), b.mul(y, 0.1))]],
    ['a sum, which reads it itself', (b, x, y) => [b.add(x, y)]],
    ['one that another reader comes before', (b, x, y) => [b.add(x, b.mul(b.sub(y, x), 0.1))]],
    ['one that is seen in another shape before', (b, x, y) => [b.mul(y, b.reduceSum(b.reshape(x, [6])))]],
  ])('%s', (_, write) => expect(found(write)).toEqual(['x']));

  it.each<[string, Write]>([
    ['something else reads it', (b, x, y) => [b.add(x, y), b.neg(x)]],
    ['something else reads it in another shape', (b, x, y) => [b.add(x, y), b.neg(b.reshape(x, [6]))]],
    [
      'it is read in another shape while it is written',
      (b, x, y) => [b.add(y, b.reshape(b.mul(b.reshape(x, [6]), 1.5), [2, 3])), b.add(b.reshape(x, [6]), 1)],
    ],
    ['others of its elements are read for each', (b, x) => [b.softmax(x)]],
  ])('but not if %s', (_, write) => expect(found(write)).toEqual([]));

  it.each([false, true])(
    'with the same bits: AdamW updates its moments in place, and large weights if the machine does so (%s)',
    async (weights) => {
      const reference = loadNetwork('mobilenet_v3_small-folded');
      const runtime = nodeRuntime('cpu', { intraOpNumThreads: 1 });
      const network = await inferShapes(upgrade(readModel(reference.model)), runtime);
      const plan = {
        ...PLAN_DEFAULTS,
        trainable: new Set(reference.parameters),
        loss: reference.loss,
        output: 'logits',
      };
      const { step, inPlace: ordered } = stepModels(network, plan, { inPlace: weights });
      const inPlace = new Set([...replaceable(step.graph), ...ordered]);
      const moments = reference.parameters.flatMap((name) => [`${name}.exp_avg`, `${name}.exp_avg_sq`]);
      expect([...inPlace]).toEqual(expect.arrayContaining(moments));
      const { initializers } = network.model.graph;
      const large = reference.parameters.filter((name) => elementCount(initializers.get(name)!.shape) >= 2 ** 14);
      expect(large.length).toBeGreaterThan(10);
      const matrices = [...inPlace].filter((name) => (initializers.get(name)?.shape.length ?? 0) > 1);
      expect(new Set(matrices)).toEqual(new Set(weights ? large : []));

      const session = await runtime.load(writeModel(step));
      const initial = new Map(
        step.graph.inputs
          .filter(({ name }) => step.graph.outputs.some((output) => output.name === `${name}.next`))
          .map(({ name, shape }, i) => [name, initializers.get(name) ?? random(i, shape as number[])] as const)
          .map(([name, { data, ...rest }]) => [
            name,
            { ...rest, data: (data as Float32Array).map((v) => (name.endsWith('_sq') ? v * v : v)) },
          ]),
      );
      const [run] = reference.runs;
      const results = await Promise.all(
        [new State(initial), new State(initial, undefined, inPlace)].map(async (state) => {
          for (let i = 1; i <= 3; i++) {
            const scalars = {
              lr: { type: 'float32', shape: [], data: Float32Array.of(0.01) },
              step: { type: 'int64', shape: [], data: BigInt64Array.of(BigInt(i)) },
            } as const;
            await state.run(session, { ...run.inputs, labels: run.labels, ...scalars }, ['loss']);
          }
          return state.read();
        }),
      );
      for (const [name, { data }] of results[0]) {
        const bytes = ({ buffer }: ArrayBufferView) => Buffer.from(buffer as ArrayBuffer);
        const same = bytes(results[1].get(name)!.data as Float32Array).equals(bytes(data as Float32Array));
        expect(same, name).toBe(true);
      }
      await session.release();
    },
  );
});
