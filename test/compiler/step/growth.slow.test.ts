import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Inference } from '../../../src/compiler/shapes/index.ts';
import { stepModels } from '../../../src/compiler/step/index.ts';
import { inspect } from '../../../src/compiler/surgery/index.ts';
import { type Model, readModel, type Typed, writeModel } from '../../../src/onnx/index.ts';
import { anatomized, compileArtifacts } from '../../../src/session/index.ts';
import { parseConfig, trainingPlan, trainingSchema } from '../../../src/training/index.ts';
import { BlockCounter } from '../../executed-blocks.ts';
import { type NodeLine, smallModel, weights } from '../../small-models.ts';

const WIDTH = 4;

/** One node of a chain, built from the two values before it. */
type Link = (x: string, before: string, y: string, i: number) => NodeLine;

const gemm: Link = (x, _, y, i) => ['Gemm', [x, `l${i}.weight`, `l${i}.bias`], [y], { transB: 1 }, `/l${i}/Gemm`];
const CHAINS: Readonly<Record<string, Link>> = {
  'layers with names': gemm,
  'layers without names': (x, before, y, i) => ['Gemm', gemm(x, before, y, i)[1], [y], { transB: 1 }, ''],
  activations: (x, _, y) => ['Relu', [x], [y]],
  'one weight that all share': (x, _, y) => ['Mul', [x, 'shared'], [y]],
  'shortcuts around every layer': (x, before, y, i) => (i % 2 ? ['Add', [x, before], [y]] : gemm(x, before, y, i)),
  'shortcuts from the beginning': (x, before, y, i) => (i % 2 ? ['Add', [x, 'x'], [y]] : gemm(x, before, y, i)),
  'what cannot be differentiated': (x, before, y, i) => (i % 2 ? ['Det', [x], [y]] : gemm(x, before, y, i)),
  'GELUs written out': (x, _, y, i) =>
    ['Div', 'Erf', 'Add', 'Mul'][i % 4] === 'Erf' ? ['Erf', [x], [y]] : ['Mul', [x, 'half'], [y]],
};

function chain(link: Link, length: number): Model {
  const value = (i: number) => (i < 0 ? 'x' : `v${i}`);
  const nodes = Array.from({ length }, (_, i) => link(value(i - 1), value(i - 2), value(i), i));
  const read = new Set(nodes.flatMap(([, inputs]) => inputs));
  const layers = Array.from({ length }, (_, i) => [
    [`l${i}.weight`, weights([WIDTH, WIDTH], i)] as const,
    [`l${i}.bias`, weights([WIDTH], i)] as const,
  ]).flat();
  const known = [...layers, ['shared', weights([WIDTH])] as const, ['half', weights([1])] as const];
  return smallModel({
    inputs: { x: ['batch', WIDTH] },
    outputs: { y: ['batch', 3] },
    nodes: [...nodes, ['Gemm', [value(length - 1), 'fc.weight', 'fc.bias'], ['y'], { transB: 1 }, '/fc/Gemm']],
    initializers: {
      ...Object.fromEntries(known.filter(([name]) => read.has(name))),
      'fc.weight': weights([3, WIDTH]),
      'fc.bias': weights([3]),
    },
  });
}

/** The result of inference by ONNX Runtime. */
function inferenceOf(model: Model): Inference {
  const { graph } = model;
  const values = new Map<string, Typed>([['x', { type: 'float32', shape: ['batch', WIDTH] }]]);
  for (const [name, { type, shape }] of graph.initializers) values.set(name, { type, shape });
  for (const { outputs } of graph.nodes) values.set(outputs[0], { type: 'float32', shape: ['batch', WIDTH] });
  return { model, values: values.set('y', { type: 'float32', shape: ['batch', 3] }), constants: new Map() };
}

function artifacts(model: Model, trainable: string): void {
  const { network, anatomy, output } = anatomized(inferenceOf(model), {});
  const config = parseConfig(trainingSchema, { stochasticDepth: anatomy.residuals?.length ? 0.1 : 0 });
  const plan = trainingPlan(config, { train: [trainable], epochs: 1 }, anatomy, output);
  const context = { groups: anatomy.groups, sha256: '' };
  compileArtifacts(network, plan, new Map(), { step: 0, epoch: 0, stage: 1, seed: 1 }, context);
  stepModels(network, { ...plan, recompute: true }, { block: 16, inPlace: true });
}

const STEPS: Readonly<Record<string, (model: Model) => void>> = {
  'reading, writing': (model) => void readModel(writeModel(model)),
  inspection: (model) => void inspect(model, inferenceOf(model)),
  'artifacts of the head': (model) => artifacts(model, 'head'),
  'artifacts of all layers': (model) => artifacts(model, 'all'),
};

let counter: BlockCounter;
beforeAll(async () => {
  counter = await BlockCounter.start();
});
afterAll(() => counter.stop());

/**
 * Four times the nodes need four times the work, not sixteen times. Constant work lowers the factor; logarithms raise
 * it a little.
 */
const [SHORT, TIMES, MOST] = [100, 4, 5.5];

describe.each(Object.entries(CHAINS))('a chain of %s', (name, link) => {
  const steps = Object.entries(STEPS).filter(
    ([step]) => !(name === 'what cannot be differentiated' && step === 'artifacts of all layers'),
  );
  test.each(steps)('needs work proportional to its length for %s', async (_, step) => {
    const [short, long] = [SHORT, SHORT * TIMES].map((length) => chain(link, length));
    const work = await counter.during(() => step(short));
    expect(work).toBeGreaterThan(SHORT);
    expect((await counter.during(() => step(long))) / work).toBeLessThan(MOST);
  });
});
