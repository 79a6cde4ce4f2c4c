import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  OPTIMIZERS,
  type Optimizer,
  type OptimizerName,
  type OptimizerOptions,
} from '../../../src/compiler/optimizers/index.ts';
import type { Inference } from '../../../src/compiler/shapes/index.ts';
import { optimizerModel, PLAN_DEFAULTS, slotsOf, type TrainingPlan } from '../../../src/compiler/step/index.ts';
import { elementCount, GraphBuilder, type Tensor, writeModel } from '../../../src/onnx/index.ts';
import { nodeRuntime } from '../../../src/runtime/node/sessions.ts';
import { smallModel } from '../../small-models.ts';

type ByParameter<T> = Readonly<Record<string, T>>;

interface Fixture {
  readonly shapes: ByParameter<number[]>;
  readonly initial: ByParameter<number[]>;
  readonly steps: readonly { readonly lr: number; readonly gradients: ByParameter<number[]> }[];
  /** Step numbers, from 1, whose parameters the cases record. */
  readonly recorded: readonly number[];
  readonly cases: readonly {
    readonly optimizer: OptimizerName;
    readonly options: Readonly<Record<string, unknown>>;
    readonly parameters: readonly ByParameter<number[]>[];
    /** Values after the last step. */
    readonly slots: ByParameter<Readonly<Record<string, number[]>>>;
  }[];
}

const fixture: Fixture = JSON.parse(readFileSync(new URL('../../fixtures/optimizers.json', import.meta.url), 'utf8'));
const names = Object.keys(fixture.shapes);
const float32 = (name: string, values: readonly number[]): Tensor => ({
  type: 'float32',
  shape: fixture.shapes[name],
  data: Float32Array.from(values),
});
const scalar = (value: number): Tensor => ({ type: 'float32', shape: [], data: Float32Array.of(value) });
const count = (value: number): Tensor => ({ type: 'int64', shape: [], data: BigInt64Array.of(BigInt(value)) });

const network: Inference = {
  model: smallModel({
    nodes: [],
    inputs: {},
    outputs: {},
    initializers: Object.fromEntries(names.map((name) => [name, float32(name, fixture.initial[name])])),
    opset: 18,
  }),
  values: new Map(),
  constants: new Map(),
};

const planOf = (optimizer: OptimizerName, optimizerOptions: OptimizerOptions): TrainingPlan => ({
  ...PLAN_DEFAULTS,
  trainable: new Set(names),
  output: '',
  optimizer,
  optimizerOptions,
});

/** Converts PyTorch's options to ours. */
function optionsOf(optimizer: OptimizerName, given: Readonly<Record<string, unknown>>): OptimizerOptions {
  const [beta1, beta2] = (given.betas ?? []) as number[];
  const [epsilon, epsilon2] = [given.eps ?? []].flat() as number[];
  const options = {
    // PyTorch's default is no momentum.
    momentum: optimizer === 'sgd' ? (given.momentum ?? 0) : given.momentum,
    nesterov: given.nesterov,
    beta1,
    beta2,
    epsilon,
    epsilon2,
    weightDecay: given.weight_decay,
    amsgrad: given.amsgrad,
    decoupled: given.decoupled_weight_decay,
    alpha: given.alpha,
    centered: given.centered,
    momentumDecay: given.momentum_decay,
    beta2Decay: given.beta2_decay,
    clipThreshold: given.d,
    iterations: given.ns_steps,
    adjustRate: given.adjust_lr_fn,
  };
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as OptimizerOptions;
}

/** Runs all steps. @param firstStep the step number that the optimizer receives first */
async function allSteps(plan: TrainingPlan, firstStep = 1) {
  const model = optimizerModel(network, plan);
  const session = await nodeRuntime().load(writeModel(model));
  const slots = names.flatMap((name) =>
    Object.keys(slotsOf(plan, fixture.shapes[name])).map((slot) => `${name}.${slot}`),
  );
  const shapeOf = (slot: string) => model.graph.inputs.find(({ name }) => name === slot)!.shape as number[];
  const zeros = (shape: number[]) => ({ type: 'float32', shape, data: new Float32Array(elementCount(shape)) }) as const;
  let state: Record<string, Tensor> = Object.fromEntries([
    ...names.map((name) => [name, float32(name, fixture.initial[name])]),
    ...slots.map((slot) => [slot, zeros(shapeOf(slot))]),
  ]);
  const parameters: Record<string, number[]>[] = [];
  for (const [i, { lr, gradients }] of fixture.steps.entries()) {
    const results = await session.run({
      ...state,
      ...Object.fromEntries(names.map((name) => [`${name}.grad`, float32(name, gradients[name])])),
      lr: scalar(lr),
      step: count(firstStep + i),
    });
    state = Object.fromEntries(Object.keys(state).map((name) => [name, results[`${name}.next`]]));
    parameters.push(Object.fromEntries(names.map((name) => [name, numbers(state[name])])));
  }
  await session.release();
  return { parameters, state, slots, last: parameters.at(-1)! };
}

const numbers = ({ data }: Tensor): number[] => Array.from(data as Float32Array);

/** Largest absolute difference, relative to the tensor's largest element. */
const distance = (found: readonly number[], exact: readonly number[]): number =>
  Math.max(...exact.map((v, i) => Math.abs(found[i] - v))) / Math.max(...exact.map(Math.abs));

describe('optimizers match PyTorch and their papers over twelve steps', () => {
  it.each(fixture.cases.map((row) => [row.optimizer, JSON.stringify(row.options), row] as const))(
    '%s %s',
    async (optimizer, _, { options, parameters: exact, slots: exactSlots }) => {
      const { parameters, state, slots } = await allSteps(planOf(optimizer, optionsOf(optimizer, options)));
      for (const name of names) {
        for (const [i, step] of fixture.recorded.entries()) {
          expect(distance(parameters[step - 1][name], exact[i][name]), `${name} at step ${step}`).toBeLessThan(1e-6);
        }
        for (const [slot, expected] of Object.entries(exactSlots[name])) {
          expect(distance(numbers(state[`${name}.${slot}`]), expected), `${name}.${slot}`).toBeLessThan(1e-6);
        }
      }
      // PyTorch stores one product for nadam, shared by all parameters. We store its complement for each parameter.
      const expected = names.flatMap((name) => Object.keys(exactSlots[name]).map((slot) => `${name}.${slot}`));
      const own = optimizer === 'nadam' ? names.map((name) => `${name}.mu_complement`) : [];
      expect(new Set(slots)).toEqual(new Set([...expected, ...own]));
    },
  );

  it.each(Object.keys(OPTIMIZERS) as OptimizerName[])('a fixture covers %s', (name) => {
    expect(fixture.cases.filter(({ optimizer }) => optimizer === name).length).toBeGreaterThan(1);
  });

  it('a bias does not decay when a weight does', async () => {
    const decayed = await allSteps(planOf('adamw', { weightDecay: 0.3 }));
    const plain = await allSteps(planOf('adamw', { weightDecay: 0 }));
    expect(decayed.last['layer.bias']).toEqual(plain.last['layer.bias']);
    expect(decayed.last['layer.weight']).not.toEqual(plain.last['layer.weight']);
  });

  it('a parameter thawed later counts its own steps', async () => {
    const plain = await allSteps(planOf('adam', {}));
    const late = await allSteps({ ...planOf('adam', {}), stepOffsets: new Map([['layer.weight', 40]]) }, 41);
    expect(late.last['layer.weight']).toEqual(plain.last['layer.weight']);
    expect(late.last['layer.bias']).not.toEqual(plain.last['layer.bias']);
  });

  it('a parameter learns at its own rate', async () => {
    const scales = new Map([['layer.weight', 0]]);
    const { last } = await allSteps({ ...planOf('sgd', {}), learningRateScales: scales });
    expect(last['layer.weight']).toEqual(fixture.initial['layer.weight'].map(Math.fround));
    const half = await allSteps({
      ...planOf('sgd', { momentum: 0 }),
      learningRateScales: new Map([['layer.bias', 0.5]]),
    });
    const whole = await allSteps(planOf('sgd', { momentum: 0 }));
    const moved = (run: typeof half) => run.last['layer.bias'].map((v, i) => v - fixture.initial['layer.bias'][i]);
    expect(
      distance(
        moved(half).map((v) => 2 * v),
        moved(whole),
      ),
    ).toBeLessThan(1e-5);
  });
});

describe('optimizers with the numbers of the ONNX standard', () => {
  /** One update of [1.2, 2.8] with the gradient [−0.94, −2.5], at step 0 and rate 0.1. */
  async function update(optimizer: OptimizerName, options: OptimizerOptions, state: ByParameter<number[]>) {
    const b = new GraphBuilder();
    const rule: Optimizer = OPTIMIZERS[optimizer];
    const vector = (name: string) => b.input(name, 'float32', [2]);
    const [parameter, gradient] = [vector('x'), vector('g')];
    const slots = Object.fromEntries(Object.keys(state).map((slot) => [slot, vector(slot)]));
    const [lr, step] = [b.input('lr', 'float32', []), b.input('step', 'int64', [])];
    const inputs = [parameter, gradient, ...Object.values(slots), lr, step];
    const { next, slots: after } = rule.update({
      b,
      parameter,
      gradient,
      slots,
      lr,
      step,
      options: { ...rule.defaults, ...options },
    });
    const outputs = [
      b.identity(next, 'next'),
      ...Object.keys(state).map((slot) => b.identity(after[slot], `${slot}.next`)),
    ];
    const session = await nodeRuntime().load(
      writeModel({ ...network.model, graph: b.graph('update', inputs, outputs) }),
    );
    const two = (values: readonly number[]): Tensor => ({
      type: 'float32',
      shape: [2],
      data: Float32Array.from(values),
    });
    const results = await session.run({
      x: two([1.2, 2.8]),
      g: two([-0.94, -2.5]),
      ...Object.fromEntries(Object.entries(state).map(([slot, values]) => [slot, two(values)])),
      lr: scalar(0.1),
      ...(session.inputNames.includes('step') ? { step: count(0) } : {}),
    });
    await session.release();
    return outputs.map(({ name }) => numbers(results[name]));
  }

  // Expected: the standard's formulas for its own example values. (The β and the decay factor of its Momentum have no
  // effect at step 0.)
  it.each<[OptimizerName, OptimizerOptions, ByParameter<number[]>, number[][]]>([
    [
      'sgd',
      { momentum: 0.95, weightDecay: 0.001 },
      { momentum: [1.7, 3.6] },
      [
        [1.13238, 2.70772],
        [0.6762, 0.9228],
      ],
    ],
    [
      'sgd',
      { momentum: 0.95, nesterov: true, weightDecay: 0.01 },
      { momentum: [1.7, 3.6] },
      [
        [1.227535, 2.95714],
        [0.687, 0.948],
      ],
    ],
    [
      'adam',
      { beta1: 0.95, beta2: 0.1, epsilon: 1e-7, weightDecay: 0.001 },
      { exp_avg: [1.7, 3.6], exp_avg_sq: [0.1, 0.1] },
      [
        [1.02503635, 2.66103267],
        [1.56806, 3.29514],
        [0.803210896, 5.62240706],
      ],
    ],
    [
      'adagrad',
      { epsilon: 1e-5, weightDecay: 0.001 },
      { sum: [2, 1] },
      [
        [1.25530608, 2.89283296],
        [2.88134544, 7.23600784],
      ],
    ],
  ])('%s %j', async (optimizer, options, state, expected) => {
    const found = await update(optimizer, options, state);
    expected.forEach((values, i) => {
      expect(distance(found[i], values)).toBeLessThan(1e-6);
    });
  });
});
