import { describe, expect, test } from 'vitest';
import { MOST_STEPS, unrollLoops } from '../../../src/compiler/import/index.ts';
import { evaluationModel, PLAN_DEFAULTS, trainingModel } from '../../../src/compiler/step/index.ts';
import { type Attribute, type Graph, type Model, numbersOf, type Tensor, writeModel } from '../../../src/onnx/index.ts';
import { nodeRuntime } from '../../../src/runtime/node/sessions.ts';
import { inferNetwork } from '../../../src/session/index.ts';
import { ints, type NodeLine, smallModel, tensor, weights } from '../../small-models.ts';

interface Body {
  readonly inputs: Parameters<typeof smallModel>[0]['inputs'];
  readonly outputs: readonly string[];
  readonly nodes: readonly NodeLine[];
  readonly initializers?: Readonly<Record<string, Tensor>>;
  readonly types?: Parameters<typeof smallModel>[0]['types'];
}

/** A subgraph that declares its results by name only, as exporters do. */
function body({ outputs, ...rest }: Body): Attribute {
  const { graph } = smallModel({ outputs: Object.fromEntries(outputs.map((name) => [name, []])), ...rest });
  const results = outputs.map((name) => ({
    name,
    type: name.startsWith('go') ? ('bool' as const) : ('float32' as const),
  }));
  return { kind: 'graph', value: { ...graph, outputs: results } };
}

const int = (value: number): Tensor => tensor('int64', [], () => value);
const bool = (value: number): Tensor => tensor('bool', [], () => value);

/**
 * h ← tanh(h·w + x + step·b). The second result is h/2 of each step. One weight belongs to the body, another is
 * outside.
 */
const loop = (trips: Tensor, go = bool(1)) =>
  smallModel({
    opset: 18,
    inputs: { x: ['N', 3] },
    outputs: { y: ['N', 3], all: [4, 'N', 3] },
    initializers: { trips, go, w: weights([3, 3], 2), two: tensor('float32', [], () => 2) },
    nodes: [
      [
        'Loop',
        ['trips', 'go', 'x'],
        ['y', 'all'],
        {
          body: body({
            inputs: { i: [], go_in: [], h: ['N', 3] },
            types: { i: 'int64', go_in: 'bool' },
            outputs: ['go_out', 'next', 'half'],
            initializers: { b: weights([3], 4) },
            nodes: [
              ['Identity', ['go_in'], ['go_out']],
              ['Cast', ['i'], ['step'], { to: 1 }],
              ['Mul', ['step', 'b'], ['moved']],
              ['MatMul', ['h', 'w'], ['mixed']],
              ['Add', ['mixed', 'moved'], ['sum']],
              ['Add', ['sum', 'x'], ['all_of_it']],
              ['Tanh', ['all_of_it'], ['next']],
              ['Div', ['next', 'two'], ['half']],
            ],
          }),
        },
      ],
    ],
  });

/** A recurrence over the second axis of x, from its end. Its results are along the last axis, the last step first. */
const scan = smallModel({
  opset: 18,
  inputs: { x: ['N', 4, 3] },
  outputs: { y: ['N', 3], all: ['N', 3, 4] },
  initializers: { w: weights([3, 3], 2), start: weights([1, 3], 3) },
  nodes: [
    ['ReduceSum', ['x', 'axis'], ['summed'], { keepdims: 0 }],
    ['Mul', ['summed', 'start'], ['h0']],
    [
      'Scan',
      ['h0', 'x'],
      ['y', 'all'],
      {
        num_scan_inputs: 1,
        scan_input_axes: [1],
        scan_input_directions: [1],
        scan_output_axes: [2],
        scan_output_directions: [1],
        body: body({
          inputs: { h: ['N', 3], e: ['N', 3] },
          outputs: ['next', 'seen'],
          nodes: [
            ['MatMul', ['h', 'w'], ['mixed']],
            ['Add', ['mixed', 'e'], ['sum']],
            ['Tanh', ['sum'], ['next']],
            ['Mul', ['next', 'e'], ['seen']],
          ],
        }),
      },
    ],
  ],
});
scan.graph.initializers.set('axis', ints(1));

const inputs = { loop: weights([2, 3], 5), scan: weights([2, 4, 3], 5) };
const count = ({ nodes }: Graph, op: string) => nodes.filter((node) => node.op === op).length;

async function run(model: Model, feeds: Record<string, Tensor>) {
  const session = await nodeRuntime().load(writeModel(model), { optimization: 'none' });
  const results = await session.run(feeds);
  await session.release();
  return results;
}

describe.each([
  ['Loop', loop(int(4)), inputs.loop],
  ['Scan', scan, inputs.scan],
] as const)('%s with a known number of steps', (op, model, x) => {
  test('is unrolled, and computes the same', async () => {
    const network = await inferNetwork(model, nodeRuntime());
    expect(count(network.model.graph, op)).toBe(0);
    expect(count(network.model.graph, 'Tanh')).toBe(4);
    expect(await run(network.model, { x })).toEqual(await run(model, { x }));
  });

  test('has gradients that agree with finite differences', async () => {
    const network = await inferNetwork(model, nodeRuntime());
    const trainable = op === 'Loop' ? ['w', 'b'] : ['w', 'start'];
    const plan = { ...PLAN_DEFAULTS, trainable: new Set(trainable), output: 'all', loss: 'mse' as const };
    const parameters = Object.fromEntries(trainable.map((name) => [name, network.model.graph.initializers.get(name)!]));
    const [{ shape }] = [(await run(model, { x })).all];
    const feeds = { x, labels: weights(shape, 8) };
    const gradients = await run(trainingModel(network, plan), { ...feeds, ...parameters });
    const evaluation = await nodeRuntime().load(writeModel(evaluationModel(network, plan)));
    for (const name of trainable) {
      const gradient = numbersOf(gradients[`${name}.grad`]);
      const scale = Math.max(...gradient.map(Math.abs));
      expect(scale).toBeGreaterThan(1e-3);
      for (const [i, expected] of gradient.entries()) {
        const at = async (step: number) => {
          const data = Float32Array.from(numbersOf(parameters[name]), (v, k) => (k === i ? v + step : v));
          const { loss } = await evaluation.run({ ...feeds, ...parameters, [name]: { ...parameters[name], data } });
          return numbersOf(loss)[0];
        };
        const slope = ((await at(0.02)) - (await at(-0.02))) / 0.04;
        expect(Math.abs(slope - expected) / scale, `${name}[${i}]`).toBeLessThan(5e-3);
      }
    }
    await evaluation.release();
  });
});

const nothing = { values: new Map(), constants: new Map() };

test.each([
  ['number of steps', 'trips'],
  ['condition', 'go'],
])('a loop stays if its %s is computed from data', (_, name) => {
  const model = loop(int(4));
  const contents = model.graph.initializers.get(name)!;
  model.graph.initializers.delete(name);
  expect(unrollLoops(model, nothing)).toBe(model);
  // If shapes determine the value, the loop is unrolled.
  const known = { ...nothing, constants: new Map([[name, contents]]) };
  expect(count(unrollLoops(model, known).graph, 'Loop')).toBe(0);
});

test('a loop stays if it has no steps, too many steps, or is never entered', () => {
  for (const model of [loop(int(0)), loop(int(MOST_STEPS + 1)), loop(int(4), bool(0))]) {
    expect(unrollLoops(model, nothing)).toBe(model);
  }
  expect(count(unrollLoops(loop(int(MOST_STEPS)), nothing).graph, 'Tanh')).toBe(MOST_STEPS);
});

test('a loop stays if unrolling would rename one of its weights', () => {
  const model = loop(int(4));
  model.graph.initializers.set('b', weights([3]));
  expect(unrollLoops(model, nothing)).toBe(model);
});

test('a nested loop is unrolled with its outer loop', async () => {
  const model = smallModel({
    opset: 18,
    inputs: { x: ['N', 3] },
    outputs: { y: ['N', 3] },
    initializers: { outer: int(2), inner: int(3), w: weights([3], 2) },
    nodes: [
      [
        'Loop',
        ['outer', '', 'x'],
        ['y'],
        {
          body: body({
            inputs: { i: [], go_in: [], h: ['N', 3] },
            types: { i: 'int64', go_in: 'bool' },
            outputs: ['go_out', 'next'],
            nodes: [
              ['Identity', ['go_in'], ['go_out']],
              [
                'Loop',
                ['inner', '', 'h'],
                ['next'],
                {
                  body: body({
                    inputs: { j: [], go_in_2: [], g: ['N', 3] },
                    types: { j: 'int64', go_in_2: 'bool' },
                    outputs: ['go_out_2', 'further'],
                    nodes: [
                      ['Identity', ['go_in_2'], ['go_out_2']],
                      ['Mul', ['g', 'w'], ['scaled']],
                      ['Add', ['scaled', 'h'], ['further']],
                    ],
                  }),
                },
              ],
            ],
          }),
        },
      ],
    ],
  });
  const { model: written } = await inferNetwork(model, nodeRuntime());
  expect(count(written.graph, 'Mul')).toBe(6);
  expect(await run(written, { x: inputs.loop })).toEqual(await run(model, { x: inputs.loop }));
});
