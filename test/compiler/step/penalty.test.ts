import { describe, expect, it } from 'vitest';
import { inferShapes } from '../../../src/compiler/shapes/index.ts';
import { evaluationModel, PLAN_DEFAULTS, type TrainingPlan, trainingModel } from '../../../src/compiler/step/index.ts';
import { tensor } from '../../../src/onnx/index.ts';
import { balancedWeights } from '../../../src/session/index.ts';
import { expectSteps, fixture, type PenaltyCase, penaltyModel, runtime, stepped } from './penalty-network.ts';

const HEAD = ['2.weight', '2.bias'];
const network = () => inferShapes(penaltyModel, runtime);

const planOf = (
  { l1, l2 = 0, l2sp }: PenaltyCase['penalty'],
  trainable = Object.keys(fixture.initial),
): TrainingPlan => ({
  ...PLAN_DEFAULTS,
  trainable: new Set(trainable),
  output: 'logits',
  optimizer: 'sgd',
  optimizerOptions: { momentum: 0 },
  l1,
  l2,
  l2sp: l2sp && { ...l2sp, fresh: new Set(HEAD) },
});
describe('penalties in the loss match PyTorch in double precision', () => {
  it.each(fixture.cases)('$penalty', async ({ penalty, ...steps }) => {
    await expectSteps(await network(), planOf(penalty), steps);
  });

  it('penalties cover only the weights that train, and only training', async () => {
    const source = await network();
    const { penalty } = fixture.cases[2];
    const body = planOf(penalty, ['0.weight', '0.bias']);
    expect([...trainingModel(source, body).graph.initializers.keys()]).toContain('0.weight.pretrained');
    const head = trainingModel(source, planOf(penalty, HEAD)).graph;
    expect([...head.initializers.keys()]).not.toContain('0.weight.pretrained');
    expect(evaluationModel(source, body).graph.nodes.map(({ op }) => op)).toEqual(
      evaluationModel(source, { ...body, l2sp: undefined }).graph.nodes.map(({ op }) => op),
    );
  });
});

it('FedProx adds μ/2·Σ(w − w⁰)² over all trainable weights, and μ·(w − w⁰) to the gradient of the plain loss', async () => {
  const source = await network();
  const mu = 0.5;
  const { initializers } = source.model.graph;
  const valuesOf = (name: string) => initializers.get(name)!.data as Float32Array;
  // One value is not given, so it stays near the model's own.
  const names = Object.keys(fixture.initial).filter((name) => name !== '2.bias');
  const from = new Map(
    names.map((name) => [
      name,
      tensor(
        'float32',
        initializers.get(name)!.shape,
        valuesOf(name).map((w) => w - 0.25),
      ),
    ]),
  );
  const plain = await stepped(source, planOf({}));
  const held = await stepped(source, { ...planOf({}), proximal: { mu, from } });
  const count = names.reduce((all, name) => all + valuesOf(name).length, 0);
  expect(held.loss - plain.loss).toBeCloseTo((mu / 2) * count * 0.25 ** 2, 5);
  for (const name of Object.keys(fixture.initial)) {
    const pull = from.has(name) ? fixture.lr * mu * 0.25 : 0;
    const [found, without] = [held, plain].map(({ state }) => state.get(name)!.data as Float32Array);
    found.forEach((value, i) => {
      expect(value, name).toBeCloseTo(without[i] - pull, 5);
    });
  }
});

it.each(fixture.balanced)('balanced class weights match scikit-learn’s: %j', ({ counts, weights }) => {
  balancedWeights(counts).forEach((weight, i) => {
    expect(weight).toBeCloseTo(weights[i], 10);
  });
});
