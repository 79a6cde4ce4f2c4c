import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Clipping } from '../../../src/compiler/optimizers/index.ts';
import type { Inference } from '../../../src/compiler/shapes/index.ts';
import { optimizerModel, PLAN_DEFAULTS, type TrainingPlan } from '../../../src/compiler/step/index.ts';
import { type Tensor, writeModel } from '../../../src/onnx/index.ts';
import { nodeRuntime } from '../../../src/runtime/node/sessions.ts';
import { parseConfig, trainingSchema } from '../../../src/training/index.ts';
import { type NodeLine, smallModel, tensor } from '../../small-models.ts';

type Values = Readonly<Record<string, readonly number[]>>;
const fixture: {
  readonly shapes: Values;
  readonly parameters: Values;
  readonly gradients: Values;
  readonly cases: readonly { readonly clip: Clipping; readonly gradients: Values }[];
} = JSON.parse(readFileSync(new URL('../../fixtures/clipping.json', import.meta.url), 'utf8'));
const names = Object.keys(fixture.shapes);

/** The clipped gradients, measured as the change of the parameters under SGD with rate 1. */
async function clip(
  given: TrainingPlan['clip'],
  { shapes, parameters, gradients }: Pick<typeof fixture, 'shapes' | 'parameters' | 'gradients'> = fixture,
  nodes: NodeLine[] = [],
): Promise<Values> {
  const of = (values: Values, name: string) => tensor('float32', shapes[name], (i) => values[name][i]);
  const own = Object.keys(shapes);
  const initializers = Object.fromEntries(own.map((name) => [name, of(parameters, name)]));
  const network: Inference = {
    model: smallModel({ nodes, inputs: {}, outputs: {}, initializers, opset: 18 }),
    values: new Map(),
    constants: new Map(),
  };
  const plan = { ...PLAN_DEFAULTS, trainable: new Set(own), output: '', optimizer: 'sgd', clip: given } as const;
  const session = await nodeRuntime().load(
    writeModel(optimizerModel(network, { ...plan, optimizerOptions: { momentum: 0 } })),
  );
  const results = await session.run({
    ...initializers,
    ...Object.fromEntries(own.map((name) => [`${name}.grad`, of(gradients, name)])),
    lr: tensor('float32', [], () => 1),
    step: { type: 'int64', shape: [], data: BigInt64Array.of(1n) },
  });
  await session.release();
  const numbers = ({ data }: Tensor) => Array.from(data as Float32Array);
  return Object.fromEntries(
    own.map((name) => {
      const after = numbers(results[`${name}.next`]);
      return [name, numbers(initializers[name]).map((before, i) => before - after[i])];
    }),
  );
}

describe('clipping matches PyTorch and timm', () => {
  it.each(fixture.cases.map((row) => [JSON.stringify(row.clip), row] as const))('%s', async (_, row) => {
    const found = await clip(row.clip);
    // Subtracting two numbers near 1 leaves their rounding error.
    for (const name of names)
      found[name].forEach((value, i) => {
        expect(Math.abs(value - row.gradients[name][i]), name).toBeLessThan(2e-7);
      });
  });

  it('adaptive clipping excludes the head', async () => {
    const adaptive = 0.01;
    const all = await clip({ adaptive });
    const found = await clip({ adaptive, except: new Set(['layer.weight']) });
    expect(found['conv.weight']).toEqual(all['conv.weight']);
    expect(found['layer.weight']).not.toEqual(all['layer.weight']);
    found['layer.weight'].forEach((value, i) => {
      expect(value).toBeCloseTo(fixture.gradients['layer.weight'][i], 6);
    });
  });

  it('a weight on the right of a product has its units in columns', async () => {
    // The first column has weights ten times as large as the second.
    const values = {
      shapes: { w: [3, 2] },
      parameters: { w: [1, 0.1, 2, 0.2, 2, 0.2] },
      gradients: { w: [2, 2, 1, 1, 2, 2] },
    };
    const { w } = await clip({ adaptive: 0.1 }, values, [['MatMul', ['x', 'w'], ['y']]]);
    // ‖w‖ is 3 and 0.3; both ‖g‖ are 3.
    [0.2, 0.02, 0.1, 0.01, 0.2, 0.02].forEach((value, i) => {
      expect(w[i]).toBeCloseTo(value, 6);
    });
  });
});

describe('the setting', () => {
  it('accepts a number as the norm, also from a flag', () => {
    expect(parseConfig(trainingSchema, { clip: 1 }).clip).toEqual({ norm: 1 });
    expect(parseConfig(trainingSchema, { clip: '0.5' }).clip).toEqual({ norm: 0.5 });
    expect(parseConfig(trainingSchema, { clip: { adaptive: 0.01 } }).clip).toEqual({ adaptive: 0.01 });
  });

  it.each([[{}], [{ norm: 1, value: 1 }], ['much'], [0], [{ agc: 1 }]])('refuses %j', (clip) => {
    expect(() => parseConfig(trainingSchema, { clip })).toThrow(/setting clip|agc/);
  });
});
