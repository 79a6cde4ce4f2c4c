import { expect, test } from 'vitest';
import { inferShapes } from '../../../src/compiler/shapes/index.ts';
import { groupsOf, obstaclesOf, refuseCutOff, trainableGroups } from '../../../src/compiler/surgery/index.ts';
import { nodeRuntime } from '../../../src/runtime/node/sessions.ts';
import { type NodeLine, smallModel, tensor, throughSequence, weights } from '../../small-models.ts';

const runtime = nodeRuntime();

/** A convolution with eight 4×4 output maps, the given nodes, and two layers that read eight numbers. */
async function networkWith(between: readonly NodeLine[]) {
  const model = smallModel({
    opset: 18,
    inputs: { image: ['N', 3, 4, 4] },
    outputs: { logits: ['N', 5] },
    initializers: {
      'stem.weight': weights([8, 3, 1, 1]),
      'neck.weight': weights([8, 8]),
      'fc.weight': weights([5, 8]),
      'fc.bias': weights([5]),
      step: tensor('float32', [], () => 0.01),
      square: tensor('int64', [2], () => 2),
      eight: tensor('int64', [2], (i) => [-1, 8][i]),
    },
    nodes: [
      ['Conv', ['image', 'stem.weight'], ['maps'], {}, 'stem/Conv'],
      ...between,
      ['MatMul', ['eights', 'neck.weight'], ['n'], {}, 'neck/MatMul'],
      ['Relu', ['n'], ['r'], {}, 'neck/Relu'],
      ['Gemm', ['r', 'fc.weight', 'fc.bias'], ['logits'], { transB: 1 }, 'fc/Gemm'],
    ],
  });
  const network = await inferShapes(model, runtime);
  const groups = groupsOf(network.model);
  return { groups, obstacles: obstaclesOf(network, groups, 'logits') };
}

const all = new Set(['stem.weight', 'neck.weight', 'fc.weight', 'fc.bias']);

test('an operator without a rule blocks the layers before it, and no others', async () => {
  const { groups, obstacles } = await networkWith(throughSequence('maps', 'eights', 'joined'));
  expect(obstacles).toEqual([
    {
      operator: 'ConcatFromSequence',
      node: 'joined',
      why: 'there is no rule for ConcatFromSequence',
      parameters: ['stem.weight'],
    },
  ]);
  expect(trainableGroups(groups, obstacles)).toBe(2);
  expect(() => refuseCutOff(all, groups, obstacles)).toThrow(
    expect.objectContaining({
      code: 'unsupported-operator',
      line: expect.stringMatching(
        /ConcatFromSequence node "joined".*no rule.*cuts off stem \(1 of 4.*--trainable last:2$/,
      ),
    }),
  );
  refuseCutOff(new Set(['neck.weight', 'fc.weight']), groups, obstacles);
});

test('an unsupported use of an operator is an obstacle, with a reason', async () => {
  const { obstacles } = await networkWith([
    ['GlobalAveragePool', ['maps'], ['pooled']],
    ['QuantizeLinear', ['pooled', 'step'], ['whole']],
    ['Reshape', ['whole', 'eight'], ['wholes'], {}, 'between'],
    ['DequantizeLinear', ['wholes', 'step'], ['eights']],
  ]);
  expect(obstacles).toEqual([
    { operator: 'Reshape', node: 'between', why: 'it computes with integers', parameters: ['stem.weight'] },
  ]);
});

test('an operator that no gradient has to pass is not an obstacle', async () => {
  const { groups, obstacles } = await networkWith([
    // Values computed from the image alone, and from the shape of a trainable value.
    ...throughSequence('image', 'volumes', 'of the image'),
    ['ReduceMean', ['volumes'], ['volume'], {}],
    ['Shape', ['maps'], ['sizes']],
    ['Cast', ['sizes'], ['floats'], { to: 1 }],
    ['Reshape', ['floats', 'square'], ['matrix']],
    ['ReduceMean', ['matrix'], ['mean'], {}, 'of sizes'],
    ['GlobalAveragePool', ['maps'], ['pooled']],
    ['Mul', ['pooled', 'volume'], ['scaled']],
    ['Add', ['scaled', 'mean'], ['moved']],
    ['Reshape', ['moved', 'eight'], ['eights']],
  ]);
  expect(obstacles).toEqual([]);
  expect(trainableGroups(groups, obstacles)).toBe(groups.length);
});
