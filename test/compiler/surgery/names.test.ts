import { describe, expect, test } from 'vitest';
import { blockName, commonName, modulePath } from '../../../src/compiler/surgery/names.ts';

const conv = (name: string) => ({ name, op: 'Conv', domain: '', inputs: [], outputs: ['y'], attributes: {} });

describe('the module of a parameter', () => {
  test.each([
    ['features.17.conv.0.0.weight', '/features/features.17/Conv', 'features.17.conv.0.0'],
    ['onnx::Conv_538', '/features/features.17/conv/conv.0/conv.0.0/Conv', 'features.17.conv.0.0'],
    ['onnx::Conv_193', '/layer4/layer4.1/conv2/Conv', 'layer4.1.conv2'],
    ['fc.weight', 'Gemm_51', 'fc'],
    ['493', 'Conv_12', ''],
    ['onnx::Conv_193', '/Conv_1', ''],
    ['model/block_16_depthwise/depthwise', 'model/block_16_depthwise/depthwise', 'model.block_16_depthwise'],
    ['vit.encoder.layer.5.output.dense.bias', '', 'vit.encoder.layer.5.output.dense'],
  ])('%s of node "%s" is "%s"', (parameter, node, expected) => {
    expect(modulePath(parameter, conv(node)).join('.')).toBe(expected);
  });
});

describe('the block of a module', () => {
  test.each([
    ['layer4.1.conv2', 1, 'layer4'],
    ['layer4.1.conv2', 2, 'layer4.1'],
    ['features.17.conv.0.0', 1, 'features.17'],
    ['conv1', 2, 'conv1'],
    ['conv1.0', 2, 'conv1'],
    ['features.denseblock2.denselayer3.conv1', 1, 'features.denseblock2'],
    ['trunk_output.block2.block2-1.proj', 2, 'trunk_output.block2.block2-1'],
    ['model.block_16_depthwise', 1, 'model.block_16'],
    ['classifier', 1, 'classifier'],
  ])('%s at level %i is %s', (path, level, expected) => {
    expect(blockName(path.split('.'), level)).toBe(expected);
  });
});

test('the common part of several names is their prefix, or the first name', () => {
  expect(commonName(['stage2.0', 'stage2.1'])).toBe('stage2');
  expect(commonName(['stem', 'stage2.1'])).toBe('stem');
  expect(commonName(['fc'])).toBe('fc');
});
