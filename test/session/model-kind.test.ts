import { describe, expect, test } from 'vitest';
import { readModelFile } from '../../src/node/models/files.ts';
import type { Model } from '../../src/onnx/index.ts';
import { nodeRuntime } from '../../src/runtime/node/sessions.ts';
import { modelKind, prepareModel, refuseOtherKinds } from '../../src/session/index.ts';
import { type NodeLine, type SmallModel, smallModel, weights } from '../small-models.ts';

const IMAGE = ['batch', 3, 64, 64] as const;
const giving = (outputs: SmallModel['outputs'], nodes: readonly NodeLine[] = []): Model =>
  smallModel({ inputs: { images: IMAGE }, outputs, nodes });

describe('the kind of a model', () => {
  test.each<[string, Model, string]>([
    ['YOLO', giving({ output0: [1, 84, 8400] }), 'detector (its output "output0" is [1, 84, 8400])'],
    ['YOLOv5', giving({ output: ['batch', 25200, 85] }), 'detector (its output "output" is [batch, 25200, 85])'],
    ['SSD', giving({ scores: ['N', 3000, 21], locations: ['N', 3000, 4] }), 'detector (its output "scores"'],
    ['boxes', giving({ logits: ['N', 100, 92], pred_boxes: ['N', 100, null] }), 'detector (it has the output'],
    [
      'NonMaxSuppression',
      giving({ y: ['N', 'M'] }, [['NonMaxSuppression', ['images', 'images'], ['y']]]),
      'detector (it has the operator NonMaxSuppression)',
    ],
    ['FCN', giving({ out: ['batch', 21, 64, 64] }), 'segmenter (its output "out" is [batch, 21, 64, 64])'],
    ['channels last', giving({ out: ['batch', 64, 64, 21] }), 'segmenter ('],
    ['masks', giving({ class_queries_logits: ['N', 9, 9], masks_queries_logits: ['N', 9, 9, 9] }), 'segmenter (it has'],
    ['a ViT', giving({ last_hidden_state: ['N', 17, 32] }), 'image encoder (its output is "last_hidden_state")'],
    ['patches', giving({ features: ['N', 197, 768] }), 'image encoder ('],
    ['feature maps', giving({ features: ['N', 512, 2, 2] }), 'image encoder ('],
  ])('%s', (_, model, expected) => {
    expect(() => refuseOtherKinds(model, undefined)).toThrow(expected);
  });

  test.each([
    ['DetrForObjectDetection', 'detector'],
    ['SegformerForSemanticSegmentation', 'segmenter'],
    ['DPTForDepthEstimation', 'depth model'],
  ])('comes from config.json: %s', (architecture, name) => {
    const model = giving({ logits: ['batch', null, null, null] });
    expect(modelKind(model, { architectures: [architecture] })).toMatchObject({
      name,
      why: `config.json names it ${architecture}`,
      hint: expect.stringContaining('thaw models'),
    });
  });

  test('is reported for a text encoder', async () => {
    const encoder = await readModelFile('test/fixtures/texts/bert/onnx/model.onnx');
    expect(modelKind(encoder, undefined)).toMatchObject({
      name: 'text encoder',
      why: 'its output is "last_hidden_state"',
    });
    const classifier = await readModelFile('test/fixtures/texts/roberta/onnx/model.onnx');
    expect(modelKind(classifier, undefined)).toBeUndefined();
  });

  test.each<[string, Model, unknown?]>([
    ['scores', giving({ logits: ['batch', 1000] }), { architectures: ['SegformerForImageClassification'] }],
    ['maps of one pixel', giving({ logits: ['batch', 1000, 1, 1] })],
    ['scores and features', giving({ logits: ['batch', 10], last_hidden_state: ['batch', 17, 32] })],
    ['unknown sizes', giving({ y: ['batch', 5, null, null] })],
  ])('is absent for a classifier: %s', (_, model, config) => {
    expect(modelKind(model, config)).toBeUndefined();
  });
});

test('a segmenter without declared sizes is named when the sizes become known', async () => {
  const model = smallModel({
    inputs: { images: ['batch', 3, 16, 16] },
    outputs: { out: ['batch', 'classes', 'height', 'width'] },
    initializers: { w: weights([5, 3, 1, 1]) },
    nodes: [['Conv', ['images', 'w'], ['out']]],
  });
  const refused = prepareModel(model, nodeRuntime(), { classes: 3 });
  await expect(refused).rejects.toMatchObject({
    code: 'bad-model',
    message: 'the model is a segmenter (its output "out" is [batch, 3, 16, 16]), not a classifier of images',
  });
});
