import { describe, expect, test } from 'vitest';
import { type Attribute, float, type Model, readModel, writeModel } from '../../src/onnx/index.ts';
import { ints, type NodeLine, smallModel, tensor, tensorAttribute, weights } from '../small-models.ts';

const read = (model: Model): Model => readModel(writeModel(model));
const modelOf = (nodes: readonly NodeLine[], more: Partial<Parameters<typeof smallModel>[0]> = {}): Model =>
  smallModel({ inputs: { x: ['N', 3] }, outputs: { y: ['N', 3] }, nodes, ...more });

const body = (nodes: readonly NodeLine[]): Attribute => ({
  kind: 'graph',
  value: { ...smallModel({ inputs: {}, outputs: { o: [1] }, nodes }).graph },
});

describe('an invalid graph is refused by the reader', () => {
  test.each<[string, Model, RegExp]>([
    [
      'a circle',
      modelOf([
        ['Add', ['x', 'b'], ['a']],
        ['Relu', ['a'], ['b']],
        ['Relu', ['b'], ['y']],
      ]),
      /node "(Add\/a|Relu\/b)" reads "(a|b)", which depends on the node's own result: the graph has a cycle/,
    ],
    ['a node that reads itself', modelOf([['Identity', ['y'], ['y']]]), /has a cycle/],
    [
      'a circle in a subgraph',
      modelOf([
        [
          'If',
          ['c'],
          ['y'],
          { then_branch: body([['Identity', ['o'], ['o']]]), else_branch: body([['Relu', ['x'], ['o']]]) },
        ],
      ]),
      /Identity node "Identity\/o" reads "o".*cycle/,
    ],
    [
      'a value given twice',
      modelOf([
        ['Relu', ['x'], ['y']],
        ['Neg', ['x'], ['y']],
      ]),
      /Neg node "Neg\/y" gives "y", but another value has this name/,
    ],
    ['an input that is computed', modelOf([['Relu', ['x'], ['x']]], { outputs: { x: [1] } }), /cycle|another value/],
    [
      'an output of no node',
      modelOf([['Relu', ['x'], ['z']]]),
      /the graph has the output "y", but no value of this name/,
    ],
    ['a node without a result', modelOf([['Relu', ['x'], ['']]]), /Relu node "Relu\/" gives no value/],
    ['a node without an operator', modelOf([['', ['x'], ['y']]]), /the node "\/y" has no operator/],
    ['a name of JavaScript’s own', modelOf([['Relu', ['x'], ['__proto__']]], { outputs: {} }), /called "__proto__"/],
    [
      'a name with a NUL character',
      modelOf([['Relu', ['a\0b'], ['y']]], { inputs: { 'a\0b': [1] } }),
      /"a\\0b" has a NUL/,
    ],
    [
      'a switch that is 64',
      modelOf([['ReduceMean', ['x'], ['y'], { keepdims: 64 }]]),
      /the attribute "keepdims" of ReduceMean node "ReduceMean\/y" is 64, but must be 0 or 1/,
    ],
    [
      'a size below zero',
      modelOf([['Resize', ['x', '', 's'], ['y']]], { initializers: { s: tensor('float32', [2], () => -1) } }),
      /Resize node "Resize\/y" has the scale -1/,
    ],
    [
      'a loop whose number of steps is empty',
      modelOf([['Loop', ['m', '', 'x'], ['y'], { body: body([]) }]], { initializers: { m: ints() } }),
      /Loop node "Loop\/y" reads "m", which has 0 elements instead of one/,
    ],
    ['outputs of one name', twiceGiven(), /two outputs of the model are called "y"/],
    ['a size beyond all', modelOf([['Relu', ['x'], ['y']]], { inputs: { x: [2 ** 60, 3] } }), /a dimension of 11529/],
    [
      'an input that fills no memory',
      modelOf([['Relu', ['x'], ['y']]], { inputs: { x: [1, 2 ** 20, 2 ** 20] } }),
      /more than 134217728 elements/,
    ],
    [
      'an attribute of another kind',
      modelOf([['Softmax', ['x'], ['y'], { axis: 'last' }]]),
      /attribute "axis" of Softmax node "Softmax\/y" is of the kind string, and has to be of the kind int/,
    ],
    [
      'a float for integers',
      modelOf([['Transpose', ['x'], ['y'], { perm: float(Number.NaN) }]]),
      /"perm".* is of the kind float, and has to be of the kind ints/,
    ],
    [
      'an axis beyond 2^53',
      modelOf([['Transpose', ['x'], ['y'], { perm: { kind: 'ints', value: [1, 2n ** 60n] } }]]),
      /"perm" of Transpose node .* is 1152921504606846976, which no size or axis can be/,
    ],
  ])('%s', (_, model, line) => {
    expect(() => read(model)).toThrow(line);
  });

  function twiceGiven(): Model {
    const model = modelOf([['Relu', ['x'], ['y']]]);
    return { ...model, graph: { ...model.graph, outputs: [...model.graph.outputs, ...model.graph.outputs] } };
  }
});

test('the reader accepts a slice to the end, 64-bit contents, and the meanings of other domains', () => {
  const model = modelOf([
    ['Slice', ['x'], ['a'], { starts: [0], ends: { kind: 'ints', value: [2n ** 63n - 1n] }, axes: [1] }],
    ['Constant', [], ['c'], { value: tensorAttribute(ints(1)) }],
    ['Constant', [], ['d'], { value_ints: { kind: 'ints', value: [2n ** 62n] } }],
    ['Identity', ['a'], ['y']],
  ]);
  const custom = {
    name: 'n',
    op: 'Own',
    domain: 'own',
    inputs: ['y'],
    outputs: ['z'],
    attributes: { axis: float(1.5) },
  };
  const { graph } = read({ ...model, graph: { ...model.graph, nodes: [...model.graph.nodes, custom] } });
  expect(graph.nodes).toHaveLength(5);
});

test('input sizes of 0 or less become unknown sizes', () => {
  const [x] = read(modelOf([['Relu', ['x'], ['y']]], { inputs: { x: [-1, 0, 3] } })).graph.inputs;
  expect(x.shape).toEqual([null, null, 3]);
});

test('a subgraph may read and shadow outer values', () => {
  const branch = body([['Add', ['x', 'w'], ['o']]]);
  const model = modelOf([['If', ['c'], ['y'], { then_branch: branch, else_branch: branch }]], {
    inputs: { x: ['N', 3], c: [] },
    initializers: { w: weights([3]) },
  });
  expect(read(model).graph.nodes).toHaveLength(1);
});

describe('an endless loop is refused by the reader', () => {
  const yes = tensor('bool', [], () => 1);
  const loop = (inputs: readonly string[], nodes: readonly NodeLine[], after = 'go') =>
    modelOf([['Loop', inputs, ['y'], { body: { kind: 'graph', value: bodyOf(nodes, after) } }]], {
      initializers: { yes, few: tensor('int64', [], () => 5), many: tensor('int64', [], () => 2 ** 40) },
    });
  const bodyOf = (nodes: readonly NodeLine[], after: string) =>
    smallModel({
      inputs: { i: [], c: [], s: ['N', 3] },
      outputs: { [after]: [], t: ['N', 3] },
      types: { i: 'int64', c: 'bool', [after]: 'bool' },
      nodes: [['Add', ['s', 's'], ['t']], ...nodes],
    }).graph;
  const copy: readonly NodeLine[] = [['Identity', ['c'], ['go']]];
  const constant: readonly NodeLine[] = [['Constant', [], ['go'], { value: tensorAttribute(yes) }]];
  const computed: readonly NodeLine[] = [
    ['ReduceSum', ['t'], ['sum'], { keepdims: 0 }],
    ['Cast', ['sum'], ['go'], { to: 9 }],
  ];

  test.each<[string, Model, RegExp]>([
    [
      'its condition is passed on',
      loop(['', 'yes', 'x'], copy),
      /Loop node "Loop\/y" never ends: .* has no limit on its steps/,
    ],
    ['its condition is a constant', loop(['', '', 'x'], constant), /never ends/],
    ['it takes 2^40 steps', loop(['many', 'yes', 'x'], copy), /never ends: .* it takes 1099511627776 steps/],
    [
      'it is in a branch',
      modelOf([
        ['If', ['x'], ['y'], { then_branch: { kind: 'graph', value: renamedOutput(loop(['', '', 'x'], copy)) } }],
      ]),
      /never ends/,
    ],
  ])('%s', (_, model, line) => {
    expect(() => read(model)).toThrow(line);
  });

  test('other loops are accepted', () => {
    for (const model of [
      loop(['few', 'yes', 'x'], copy),
      loop(['', 'yes', 'x'], computed),
      loop(['many', '', 'x'], computed),
    ])
      expect(read(model).graph.nodes).toHaveLength(1);
  });

  function renamedOutput(model: Model) {
    return { ...model.graph, inputs: [] };
  }
});
