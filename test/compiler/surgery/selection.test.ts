import { expect, test } from 'vitest';
import { type LayerGroup, selectionText, selectParameters, suggestPlan } from '../../../src/compiler/surgery/index.ts';
import { ThawError } from '../../../src/errors.ts';

const group = (name: string, ...parameters: string[]): LayerGroup => ({
  name,
  parameters,
  statistics: [],
  count: parameters.length,
  nodes: [0, 0],
  input: 'x',
});
const groups = [
  group('conv1', 'conv1.weight'),
  group('layer4.0', 'layer4.0.conv1.weight', 'layer4.0.bn1.bias'),
  group('layer4.1', 'layer4.1.conv1.weight', 'layer4.1.bn1.bias'),
  group('fc', 'fc.weight', 'fc.bias'),
];
const names = groups.flatMap(({ parameters }) => parameters);

test.each<[string | string[], string[]]>([
  ['head', ['fc.weight', 'fc.bias']],
  ['last:1', ['fc.weight', 'fc.bias']],
  ['last:2', ['layer4.1.conv1.weight', 'layer4.1.bn1.bias', 'fc.weight', 'fc.bias']],
  ['last:99', names],
  ['all', names],
  ['layer4.1', ['layer4.1.conv1.weight', 'layer4.1.bn1.bias']],
  ['layer4.*', names.filter((name) => name.startsWith('layer4.'))],
  ['layer4.?.conv1.weight', ['layer4.0.conv1.weight', 'layer4.1.conv1.weight']],
  ['fc.bias', ['fc.bias']],
  ['/bias$/', names.filter((name) => name.endsWith('bias'))],
  ['/BN\\d{1,2}/i', ['layer4.0.bn1.bias', 'layer4.1.bn1.bias']],
  ['head, conv1', ['fc.weight', 'fc.bias', 'conv1.weight']],
  [
    ['head', '/conv1\\.weight/'],
    ['fc.weight', 'fc.bias', 'conv1.weight', 'layer4.0.conv1.weight', 'layer4.1.conv1.weight'],
  ],
  [
    ['fc.*', 'head'],
    ['fc.weight', 'fc.bias'],
  ],
])('%j', (selection, expected) => {
  expect([...selectParameters(selection, groups, names)]).toEqual(expected);
});

test.each([
  ['layer4.2', /selects no parameter.*layer4\.\d/],
  ['features.*', /selects no parameter.*conv1, layer4\.0, layer4\.1, fc/],
  ['last:0', /not a number of layer groups/],
  ['last:two', /not a number of layer groups/],
  ['/(/', /not a regular expression/],
  ['', /nothing is selected/],
  ['head,nose', /"nose" selects no parameter/],
])('"%s" is refused', (selection, message) => {
  expect(() => selectParameters(selection, groups, names)).toThrow(ThawError);
  try {
    selectParameters(selection, groups, names);
  } catch (error) {
    expect((error as ThawError).line).toMatch(message);
  }
});

test('an error about a tensor that never trains gives the reason', () => {
  const omitted = [{ name: 'encoder.mask', count: 4, reason: 'a constant: a mask' }];
  for (const selection of ['encoder.mask', 'head,encoder.*']) {
    expect(() => selectParameters(selection, groups, names, omitted)).toThrow(
      expect.objectContaining({ line: expect.stringMatching(/"encoder.mask" never trains \(a constant: a mask\)/) }),
    );
  }
});

test.each([
  ['head', 'head'],
  [['head', 'last:3'], 'last:3'],
  [['head', 'last:3', 'all'], 'all'],
  ['last:2,last:10, head', 'last:10'],
  [['fc.*', 'head', 'layer4', 'fc.*'], 'fc.*, head, layer4'],
  [['head', '/conv[1,2]/'], 'head, /conv[1,2]/'],
] as const)('%j is displayed as %s', (selection, told) => {
  expect(selectionText(selection)).toBe(told);
});

test('the displayed selection selects the same parameters', () => {
  for (const selection of [['head', 'last:2'], ['last:2', 'conv1', 'last:1'], 'head,conv1,all', ['/bias$/', 'head']])
    expect([...selectParameters(selectionText(selection), groups, names)].sort()).toEqual(
      [...selectParameters(selection, groups, names)].sort(),
    );
});

test('the suggested plan thaws from the head down, according to the depth of the model', () => {
  const many = Array.from({ length: 20 }, (_, i) => group(`block${i}`));
  expect(suggestPlan(many).map(({ train }) => train)).toEqual(['head', 'last:3', 'last:8']);
  expect(suggestPlan(groups).map(({ train }) => train)).toEqual(['head', 'last:3', 'all']);
  expect(suggestPlan(groups.slice(0, 2)).map(({ train }) => train)).toEqual(['head', 'all']);
  expect(suggestPlan(groups.slice(0, 1)).map(({ train }) => train)).toEqual(['head']);
});
