import { expect, test } from 'vitest';
import { inferShapes } from '../../../src/compiler/shapes/index.ts';
import { groupsOf } from '../../../src/compiler/surgery/index.ts';
import { smallModel, tensor, tensorAttribute, weights } from '../../small-models.ts';
import { runtime } from '../../training/network.ts';
import { compareWithDifferences } from './differences.ts';

const number = (value: number, shape: readonly number[] = []) => tensor('float32', shape, () => value);
const whole = (...values: number[]) => tensor('int64', [values.length], (i) => values[i]);

/** A text classifier with parameters that combine with the data in unusual ways. */
const model = smallModel({
  opset: 18,
  inputs: { ids: ['batch', 'length'] },
  types: { ids: 'int64' },
  outputs: { logits: ['batch', 3] },
  initializers: {
    'words.weight': weights([11, 6], 1),
    'positions.weight': weights([32, 6], 2),
    'types.weight': weights([2, 6], 3),
    'v.weight': weights([6, 6], 4),
    g: weights([6], 5),
    offset: weights([6], 6),
    'mlp.weight': weights([2, 6], 7),
    grid: tensor('float32', [9, 2], (i) => (i % 2 ? (i >> 1) % 3 : Math.floor(i / 6)) / 2 - 1),
    'attention.scale': number(2, [1]),
    'pool.p': number(1.3, [1]),
    logit_scale: number(1.7),
    'fc.weight': weights([6, 3], 8),
    first: whole(0),
    second: whole(1),
  },
  nodes: [
    ['Gather', ['words.weight', 'ids'], ['words']],
    // The number of positions is the length of the text. The type is always the first.
    ['Shape', ['ids'], ['length'], { start: 1 }],
    ['Slice', ['positions.weight', 'first', 'length', 'first'], ['positions']],
    ['Gather', ['types.weight', 'first'], ['type']],
    ['Add', ['words', 'positions'], ['placed']],
    ['Add', ['placed', 'type'], ['embedded']],
    // w = v·g/|v|, and a scale of 1 + o
    ['ReduceL2', ['v.weight', 'second'], ['norm']],
    ['Constant', [], ['column'], { value_ints: [6, 1] }],
    ['Reshape', ['g', 'column'], ['gain']],
    ['Div', ['gain', 'norm'], ['ratio']],
    ['Mul', ['v.weight', 'ratio'], ['w']],
    ['MatMul', ['embedded', 'w'], ['mixed']],
    ['Constant', [], ['one'], { value: tensorAttribute(number(1)) }],
    ['Add', ['offset', 'one'], ['scale']],
    ['Mul', ['mixed', 'scale'], ['scaled']],
    // A network over the coordinates of a grid
    ['MatMul', ['grid', 'mlp.weight'], ['bias']],
    ['ReduceMean', ['bias', 'first'], ['shift'], { keepdims: 0 }],
    ['Add', ['scaled', 'shift'], ['shifted']],
    // Attention with a learned scale
    ['Mul', ['shifted', 'attention.scale'], ['queries']],
    ['Transpose', ['shifted'], ['keys'], { perm: [0, 2, 1] }],
    ['MatMul', ['queries', 'keys'], ['similarities']],
    ['Softmax', ['similarities'], ['attention'], { axis: -1 }],
    ['MatMul', ['attention', 'shifted'], ['attended']],
    // GeM pooling over the text
    ['Add', ['shifted', 'attended'], ['updated']],
    ['Softplus', ['updated'], ['positive']],
    ['Pow', ['positive', 'pool.p'], ['power']],
    ['ReduceMean', ['power', 'second'], ['mean'], { keepdims: 0 }],
    ['Reciprocal', ['pool.p'], ['root']],
    ['Pow', ['mean', 'root'], ['pooled']],
    ['MatMul', ['pooled', 'fc.weight'], ['scores']],
    ['Exp', ['logit_scale'], ['temperature']],
    ['Mul', ['scores', 'temperature'], ['logits']],
  ],
});

test('inspection finds all parameters, and their gradients agree with central differences', async () => {
  const network = await inferShapes(model, runtime);
  const parameters = groupsOf(network.model).flatMap((group) => group.parameters);
  const { initializers } = network.model.graph;
  const floats = [...initializers].filter(([name, { type }]) => type === 'float32' && name !== 'grid');
  expect([...parameters].sort()).toEqual(floats.map(([name]) => name).sort());

  await compareWithDifferences(network, parameters, {
    ids: tensor('int64', [2, 5], (i) => (i * 7) % 11),
    labels: tensor('int64', [2], (i) => i),
  });
});
