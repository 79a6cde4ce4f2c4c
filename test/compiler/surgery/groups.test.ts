import { describe, expect, test } from 'vitest';
import { groupsOf, hoistConstants, type LayerGroup } from '../../../src/compiler/surgery/index.ts';
import { readModel } from '../../../src/onnx/index.ts';
import { loadNetwork } from '../../reference.ts';
import { type NodeLine, smallModel, tensor, tensorAttribute, weights } from '../../small-models.ts';

const namesOf = (groups: readonly LayerGroup[]) => groups.map(({ name }) => name);
const numbered = (prefix: string, from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, i) => `${prefix}${from + i}`);
const resnet = ['conv1', ...[1, 2, 3, 4].flatMap((i) => [`layer${i}.0`, `layer${i}.1`]), 'fc'];

describe('networks that PyTorch exports', () => {
  test.each([
    ['resnet18-kept', resnet],
    ['resnet18-folded', resnet],
    ['mobilenet_v2-kept', [...numbered('features.', 0, 18), 'classifier.1']],
    ['mobilenet_v3_small-folded', [...numbered('features.', 0, 12), 'classifier.0', 'classifier.3']],
    ['squeezenet1_1-folded', [...[0, 3, 4, 6, 7, 9, 10, 11, 12].map((i) => `features.${i}`), 'classifier.1']],
  ])('%s', (network, expected) => {
    expect(namesOf(groupsOf(readModel(loadNetwork(network).model)))).toEqual(expected);
  });

  test.each([
    'densenet121-kept',
    'googlenet-folded',
    'shufflenet_v2_x0_5-kept',
    'regnet_y_400mf-folded',
    'efficientnet_b0-kept',
    'vgg11-kept',
  ])('the groups of %s contain each parameter and each node once', (network) => {
    const { model, parameters: names, runs } = loadNetwork(network);
    const source = readModel(model);
    const groups = groupsOf(source);
    expect(groups.length).toBeGreaterThanOrEqual(8);
    expect(groups.length).toBeLessThanOrEqual(24);
    expect(groups.flatMap(({ parameters }) => parameters).sort()).toEqual([...names].sort());
    const total = Object.values(runs[0].gradients).reduce(
      (all, { shape }) => all + shape.reduce((a, b) => a * b, 1),
      0,
    );
    expect(groups.reduce((all, { count }) => all + count, 0)).toBe(total);
    const ends = groups.map(({ nodes }) => nodes[1]);
    expect(groups.map(({ nodes }) => nodes[0])).toEqual([0, ...ends.slice(0, -1).map((end) => end + 1)]);
    expect(ends.at(-1)).toBe(source.graph.nodes.length - 1);
    expect(new Set(namesOf(groups)).size).toBe(groups.length);
  });

  test('running statistics are not parameters', () => {
    const groups = groupsOf(readModel(loadNetwork('resnet18-kept').model));
    expect(groups[0].parameters).toEqual(['conv1.weight', 'bn1.weight', 'bn1.bias']);
    expect(groups[0].statistics).toEqual(['bn1.running_mean', 'bn1.running_var']);
  });
});

/** Convolutions without names, each followed by a Relu, then a Gemm. */
function nameless(count: number) {
  const nodes: NodeLine[] = Array.from({ length: count }).flatMap((_, i): NodeLine[] => [
    ['Conv', [i ? `r${i - 1}` : 'x', `${i}`], [`c${i}`], {}, `Conv_${i}`],
    ['Relu', [`c${i}`], [`r${i}`], {}, `Relu_${i}`],
  ]);
  const convolutions = Object.fromEntries(Array.from({ length: count }, (_, i) => [`${i}`, weights([2, 2, 1, 1], i)]));
  return smallModel({
    inputs: { x: ['N', 2, 3, 3] },
    outputs: { y: ['N', 5] },
    initializers: { ...convolutions, '900': weights([18, 5]), '901': weights([5]) },
    nodes: [
      ...nodes,
      ['Flatten', [`r${count - 1}`], ['flat'], {}, 'Flatten_1'],
      ['Gemm', ['flat', '900', '901'], ['y'], {}, 'Gemm_1'],
    ],
  });
}

test('blocks without names get numbers, and there are never too many of them', () => {
  const few = groupsOf(nameless(3));
  expect(namesOf(few)).toEqual(['block1', 'block2', 'block3', 'head']);
  expect(few.map(({ nodes }) => nodes)).toEqual([
    [0, 1],
    [2, 3],
    [4, 6],
    [7, 7],
  ]);
  expect(few[1].input).toBe('r0');
  expect(groupsOf(nameless(50))).toHaveLength(21);
});

test('input normalization and the exporter’s constants are not parameters, but scales and transposed weights are', () => {
  const model = smallModel({
    inputs: { x: ['N', 3] },
    outputs: { y: ['N', 4] },
    initializers: {
      mean: weights([3]),
      deviation: weights([3]),
      'fc.weight': weights([4, 3]),
      'fc.bias': weights([4]),
      gamma: weights([4]),
      'onnx::Div_6': tensor('float32', [], () => 6),
      'head.weight': weights([4, 4]),
    },
    nodes: [
      ['Sub', ['x', 'mean'], ['centred']],
      ['Div', ['centred', 'deviation'], ['normal']],
      ['Transpose', ['fc.weight'], ['turned'], { perm: [1, 0] }],
      ['MatMul', ['normal', 'turned'], ['product']],
      ['Add', ['product', 'fc.bias'], ['biased']],
      ['Div', ['biased', 'onnx::Div_6'], ['sixth']],
      ['Mul', ['sixth', 'gamma'], ['scaled']],
      ['MatMul', ['scaled', 'head.weight'], ['y']],
    ],
  });
  const groups = groupsOf(model);
  expect(namesOf(groups)).toEqual(['fc', 'head']);
  expect(groups.map(({ parameters }) => parameters)).toEqual([['fc.weight', 'fc.bias', 'gamma'], ['head.weight']]);
});

test('weights stored in Constant nodes become initializers', () => {
  const model = smallModel({
    inputs: { x: ['N', 3] },
    outputs: { y: ['N', 4] },
    nodes: [
      ['Constant', [], ['fc.weight'], { value: tensorAttribute(weights([3, 4])) }],
      ['Constant', [], ['one'], { value: tensorAttribute(tensor('float32', [], () => 1)) }],
      ['MatMul', ['x', 'fc.weight'], ['product']],
      ['Mul', ['product', 'one'], ['y']],
    ],
  });
  const graph = hoistConstants(model.graph);
  expect(graph.nodes.map(({ op }) => op)).toEqual(['Constant', 'MatMul', 'Mul']);
  expect(groupsOf({ ...model, graph }).flatMap(({ parameters }) => parameters)).toEqual(['fc.weight']);
  expect(groupsOf(model).flatMap(({ parameters }) => parameters)).toEqual([]);
});

test('names that begin with an underscore are layers too, as in EfficientNet-Lite', () => {
  const blocks = numbered('_blocks.', 0, 15).flatMap((name) => [`${name}._expand_conv`, `${name}._project_conv`]);
  const layers = ['_conv_stem', ...blocks, '_conv_head'];
  const model = smallModel({
    inputs: { images: ['N', 4, 6, 6] },
    outputs: { logits: ['N', 5] },
    initializers: {
      ...Object.fromEntries(layers.map((name, i) => [`${name}.weight`, weights([4, 4, 1, 1], i)])),
      '_fc.weight': weights([5, 4]),
    },
    nodes: [
      ...layers.map((name, i): NodeLine => ['Conv', [i ? `v${i}` : 'images', `${name}.weight`], [`v${i + 1}`]]),
      ['GlobalAveragePool', [`v${layers.length}`], ['pooled']],
      ['Flatten', ['pooled'], ['features']],
      ['Gemm', ['features', '_fc.weight'], ['logits'], { transB: 1 }],
    ],
  });
  expect(namesOf(groupsOf(model))).toEqual(['_conv_stem', ...numbered('_blocks.', 0, 15), '_conv_head', '_fc']);
});

test('inspection finds weights in the operators that ONNX Runtime’s optimizer writes', () => {
  const { graph, ...rest } = smallModel({
    inputs: { x: ['N', 3, 8, 8] },
    outputs: { logits: ['N', 5] },
    initializers: {
      'stem.weight': weights([4, 3, 3, 3]),
      'stem.bias': weights([4]),
      'norm.weight': weights([4]),
      'fc1.weight': weights([4, 8]),
      'fc2.weight': weights([8, 5]),
    },
    nodes: [
      ['FusedConv', ['x', 'stem.weight', 'stem.bias'], ['s']],
      ['GlobalAveragePool', ['s'], ['p']],
      ['Flatten', ['p'], ['f']],
      ['SkipSimplifiedLayerNormalization', ['f', 'f', 'norm.weight'], ['n']],
      ['FusedGemm', ['n', 'fc1.weight'], ['h']],
      ['FusedMatMul', ['h', 'fc2.weight'], ['logits']],
    ],
  });
  const nodes = graph.nodes.map((node) =>
    /^(Fused|Skip)/.test(node.op) ? { ...node, domain: 'com.microsoft' } : node,
  );
  const groups = groupsOf({ ...rest, graph: { ...graph, nodes } });
  expect(groups.flatMap(({ parameters }) => parameters)).toEqual([...graph.initializers.keys()]);
});
