import { describe, expect, it } from 'vitest';
import { groupsOf, placesOf, residualsOf, selectPlaces } from '../../../src/compiler/surgery/index.ts';
import { readModel } from '../../../src/onnx/index.ts';
import { loadNetwork } from '../../reference.ts';
import { smallModel, weights } from '../../small-models.ts';

const graphOf = (name: string) => readModel(loadNetwork(name).model).graph;
const additions = (name: string) => graphOf(name).nodes.filter(({ op }) => op === 'Add').length;

describe('residual branches', () => {
  // ResNet18 has 8 blocks. A transformer has two branches per block. In torchvision's MobileNetV2, 10 of 17 blocks add.
  it.each([
    ['resnet18-folded', 8],
    ['resnet18-kept', 8],
    ['mobilenet_v2-folded', 10],
    ['vgg11-folded', 0],
    ['densenet121-folded', 0],
    ['googlenet-folded', 0],
  ])('of %s: %i', (name, count) => {
    expect(residualsOf(graphOf(name)).length).toBe(count);
  });

  it.each(['vit-torchscript', 'vit-dynamo', 'swin-torchscript', 'bert-torchscript', 'deit-torchscript'])(
    'of %s form pairs, far fewer than the additions, one after the other',
    (name) => {
      const found = residualsOf(graphOf(name));
      expect(found.length).toBeGreaterThan(0);
      expect(found.length % 2).toBe(0);
      expect(found.length * 2).toBeLessThan(additions(name));
    },
  );

  it('end in the value of the longer path; a projection counts as the shortcut', () => {
    const { graph } = smallModel({
      inputs: { x: ['N', 6] },
      outputs: { y: ['N', 6] },
      initializers: { a: weights([6, 6]), b: weights([6, 6], 2), p: weights([6, 6], 3), bias: weights([6], 4) },
      nodes: [
        ['MatMul', ['x', 'a'], ['h']],
        ['Relu', ['h'], ['r']],
        ['MatMul', ['r', 'b'], ['branch']],
        ['Add', ['branch', 'bias'], ['biased']],
        ['MatMul', ['x', 'p'], ['projected']],
        ['Add', ['biased', 'projected'], ['sum'], {}, 'first'],
        ['Mul', ['sum', 'sum'], ['squared']],
        ['Add', ['sum', 'squared'], ['cubic'], {}, 'no weights'],
        ['MatMul', ['cubic', 'a'], ['again']],
        ['Add', ['cubic', 'again'], ['y'], {}, 'second'],
      ],
    });
    expect(residualsOf(graph)).toEqual([
      { node: 'first', branch: 'biased' },
      { node: 'second', branch: 'again' },
    ]);
  });
});

describe('places', () => {
  const model = readModel(loadNetwork('resnet18-folded').model);
  const groups = groupsOf(model);
  const places = placesOf(model.graph);

  it('are the end of a layer group, or values and nodes by name', () => {
    const { name } = groups.at(-2)!;
    expect(selectPlaces(name, places, groups).map(({ value }) => value)).toEqual([groups.at(-1)!.input]);
    const relu = model.graph.nodes.find(({ op }) => op === 'Relu')!;
    const [place] = selectPlaces(relu.name, places, groups);
    expect(place).toEqual(selectPlaces(relu.outputs[0], places, groups)[0]);
    expect(place.readers).toEqual(
      model.graph.nodes.filter(({ inputs }) => inputs.includes(relu.outputs[0])).map((node) => node.name),
    );
    expect(selectPlaces('/Relu/', places, groups).length).toBeGreaterThan(8);
    expect(() => selectPlaces('nowhere', places, groups)).toThrow(/"nowhere" selects no/);
  });
});
