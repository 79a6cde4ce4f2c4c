import { expect, test } from 'vitest';
import { exportModel } from '../../src/export/index.ts';
import type { Model } from '../../src/onnx/index.ts';
import { nodeRuntime } from '../../src/runtime/node/sessions.ts';
import { choosePreprocessing, networkOf } from '../../src/session/index.ts';
import { ints, smallModel, tensor, weights } from '../small-models.ts';

/** As exporters write `if x.shape[1] == 8`, with the weight in a branch. */
function branching(): Model {
  const branch = (op: string, weight: string) => {
    const nodes = [[op, ['flat', weight], [`${op}_out`]]] as const;
    const outputs = { [`${op}_out`]: ['N', 8] };
    return {
      kind: 'graph',
      value: smallModel({ inputs: {}, outputs, nodes, initializers: { [weight]: weights([8, 8], 2) } }).graph,
    } as const;
  };
  return smallModel({
    inputs: { x: ['N', 2, 2, 2] },
    outputs: { logits: ['N', 3] },
    initializers: { one: ints(1), eight: tensor('int64', [1], () => 8), 'fc.weight': weights([3, 8]) },
    nodes: [
      ['Flatten', ['x'], ['flat']],
      ['Shape', ['flat'], ['shape']],
      ['Gather', ['shape', 'one'], ['width']],
      ['Equal', ['width', 'eight'], ['fits']],
      [
        'If',
        ['fits'],
        ['hidden'],
        { then_branch: branch('MatMul', 'neck.weight'), else_branch: branch('Add', 'other.weight') },
      ],
      ['Gemm', ['hidden', 'fc.weight'], ['logits'], { transB: 1 }],
    ],
  });
}

test('a branch that shapes select is trained, and exported inside its If', async () => {
  const source = branching();
  const { network, anatomy } = await networkOf(source, nodeRuntime());
  expect(network.model.graph.nodes.map(({ op }) => op)).not.toContain('If');
  expect(anatomy.groups.flatMap(({ parameters }) => parameters)).toEqual(['neck.weight', 'fc.weight']);
  expect(anatomy.obstacles).toEqual([]);

  const trained = weights([8, 8], 9);
  const { graph } = exportModel(source, new Map([['neck.weight', trained]]), {
    version: '0',
    task: { task: 'classification', classes: [] },
    preprocessing: {} as never,
  });
  const chosen = graph.nodes.find(({ op }) => op === 'If')!;
  const tensors = Object.values(chosen.attributes).map(({ kind, value }) =>
    kind === 'graph' ? [...value.initializers.values()] : [],
  );
  expect(tensors).toEqual([[trained], [weights([8, 8], 2)]]);
});

test('only one input can take the images', () => {
  const model = smallModel({
    inputs: { pixel_values: ['N', 3, 8, 8], mask: ['N'] },
    outputs: { logits: ['N', 3, 8, 8] },
    nodes: [['Add', ['pixel_values', 'mask'], ['logits']]],
  });
  expect(() => choosePreprocessing(model, undefined, {})).toThrow(/takes pixel_values, mask/);
});
