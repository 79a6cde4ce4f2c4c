import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import type { OptimizerName } from '../../../src/compiler/optimizers/index.ts';
import { optimizerModel, PLAN_DEFAULTS } from '../../../src/compiler/step/index.ts';
import { type Tensor, writeModel } from '../../../src/onnx/index.ts';
import { nodeRuntime } from '../../../src/runtime/node/sessions.ts';
import { parseConfig, scheduledMomentum, scheduleFactor, scheduleSchema } from '../../../src/training/index.ts';
import { smallModel, tensor } from '../../small-models.ts';

interface Case {
  readonly optimizer: OptimizerName;
  readonly options: Readonly<Record<string, number | boolean>>;
  readonly rates: readonly number[];
  readonly momenta: readonly number[];
  readonly parameters: readonly (readonly number[])[];
}

const fixture: {
  readonly shape: readonly number[];
  readonly rate: number;
  readonly rise: number;
  readonly initial: readonly number[];
  readonly gradients: readonly (readonly number[])[];
  readonly cases: readonly Case[];
} = JSON.parse(readFileSync(new URL('../../fixtures/one-cycle.json', import.meta.url), 'utf8'));

it.each(fixture.cases)('one cycle changes rate and momentum as in PyTorch: $optimizer $options', async (row) => {
  const { shape, rate, rise, initial, gradients } = fixture;
  const of = (values: readonly number[]) => tensor('float32', shape, (i) => values[i]);
  const network = {
    model: smallModel({ nodes: [], inputs: {}, outputs: {}, initializers: { w: of(initial) }, opset: 18 }),
    values: new Map(),
    constants: new Map(),
  };
  const { optimizer, options: optimizerOptions } = row;
  const plan = { ...PLAN_DEFAULTS, trainable: new Set(['w']), output: '', optimizer, optimizerOptions };
  const session = await nodeRuntime().load(writeModel(optimizerModel(network, { ...plan, movesMomentum: true })));
  const schedule = parseConfig(scheduleSchema, { name: 'one-cycle', rise });
  let state: Record<string, Tensor> = {
    w: of(initial),
    ...Object.fromEntries(
      session.inputNames
        .filter((name) => /^w\.(?!grad$)/.test(name))
        .map((name) => [name, tensor('float32', shape, () => 0)]),
    ),
  };
  const steps = gradients.length;
  for (const [step, gradient] of gradients.entries()) {
    const metric = { key: 'accuracy', better: 'higher' } as const;
    const moment = { step, steps, stepsPerEpoch: steps, val: [], metric };
    const lr = rate * scheduleFactor(schedule, moment);
    const momentum = scheduledMomentum(schedule, moment)!;
    expect(lr).toBeCloseTo(row.rates[step], 9);
    expect(momentum).toBeCloseTo(row.momenta[step], 8);
    const results = await session.run({
      ...state,
      'w.grad': of(gradient),
      lr: tensor('float32', [], () => lr),
      momentum: tensor('float32', [], () => momentum),
      step: { type: 'int64', shape: [], data: BigInt64Array.of(BigInt(step + 1)) },
    });
    state = Object.fromEntries(Object.keys(state).map((name) => [name, results[`${name}.next`]]));
    const found = Array.from(state.w.data as Float32Array);
    for (const [i, value] of found.entries())
      expect(Math.abs(value - row.parameters[step][i]), `step ${step}`).toBeLessThan(2e-6);
  }
  await session.release();
});
