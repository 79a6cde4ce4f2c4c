import { expect, test } from 'vitest';
import type { OptimizerName, OptimizerOptions } from '../../../src/compiler/optimizers/index.ts';
import { optimizerModel } from '../../../src/compiler/step/index.ts';
import type { Tensor } from '../../../src/onnx/index.ts';
import { type Case, casesOf, type Numbers } from '../../onnx-training.ts';
import { smallModel } from '../../small-models.ts';
import { numbers, planOf, run } from '../step/contract.ts';

interface Optimizer {
  readonly name: OptimizerName;
  /** Our slots, in the order of the ONNX inputs. */
  readonly slots: readonly string[];
  readonly options: (attributes: Case['attributes']) => OptimizerOptions;
}

const decay = ({ norm_coefficient }: Case['attributes']) => ({ weightDecay: Number(norm_coefficient) });

/** The ONNX operators of the domain `ai.onnx.preview.training`. */
const OPTIMIZERS: Readonly<Record<string, Optimizer>> = {
  Adagrad: {
    name: 'adagrad',
    slots: ['sum'],
    options: (a) => ({ ...decay(a), epsilon: Number(a.epsilon) }),
  },
  Adam: {
    name: 'adam',
    slots: ['exp_avg', 'exp_avg_sq'],
    options: (a) => ({ ...decay(a), epsilon: Number(a.epsilon), beta1: Number(a.alpha), beta2: Number(a.beta) }),
  },
  Momentum: {
    name: 'sgd',
    slots: ['momentum'],
    options: (a) => ({ ...decay(a), momentum: Number(a.alpha), nesterov: a.mode === 'nesterov' }),
  },
};

/** A matrix with one row, because a vector would not decay. */
const row = ({ values }: Numbers): Tensor => ({
  type: 'float32',
  shape: [1, values.length],
  data: Float32Array.from(values),
});

test.each(casesOf(...Object.keys(OPTIMIZERS)).map((given) => [given.name, given] as const))(
  'an update matches the ONNX case %s',
  async (_, { operator, attributes, inputs, outputs }) => {
    const { name, slots, options } = OPTIMIZERS[operator];
    // The rate, the step number, then for all parameters the values, the gradients, and each slot.
    const [rate, step, ...rest] = inputs;
    const kinds = ['', '.grad', ...slots.map((slot) => `.${slot}`)];
    const count = rest.length / kinds.length;
    const parameters = rest.slice(0, count).map((input) => input.name);
    const feeds = Object.fromEntries(
      rest.map((input, i) => [parameters[i % count] + kinds[Math.floor(i / count)], row(input)]),
    );
    const model = smallModel({
      nodes: [],
      inputs: {},
      outputs: {},
      initializers: Object.fromEntries(parameters.map((parameter) => [parameter, feeds[parameter]])),
      opset: 18,
    });
    const plan = planOf(parameters, { optimizer: name, optimizerOptions: options(attributes) });
    const results = await run(optimizerModel({ model, values: new Map(), constants: new Map() }, plan), {
      ...feeds,
      lr: { type: 'float32', shape: [], data: Float32Array.from(rate.values) },
      step: { type: 'int64', shape: [], data: BigInt64Array.from(step.values, BigInt) },
    });
    const expected = (outputs as readonly Numbers[]).map(({ values }) => values);
    const found = ['', ...slots.map((slot) => `.${slot}`)].flatMap((kind) =>
      parameters.map((parameter) => numbers(results[`${parameter}${kind}.next`])),
    );
    expect(found).toHaveLength(expected.length);
    for (const [i, values] of expected.entries()) {
      for (const [k, value] of values.entries()) expect(found[i][k]).toBeCloseTo(value, 5);
    }
  },
);
