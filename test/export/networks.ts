import { type Preprocessing, presetPreprocessing } from '../../src/data/index.ts';
import type { Model } from '../../src/onnx/index.ts';
import { type NodeLine, smallModel, weights } from '../small-models.ts';

export const SIZE = 24;
export const classes = ['ant', 'bee', 'wasp'];

/** A minimal image classifier. Its intermediate values have exactly the names that the export needs. */
export function classifier({ layout = 'nchw', channels = 'rgb' }: Partial<Preprocessing> = {}, opset = 17): Model {
  const depth = channels === 'grey' ? 1 : 3;
  const first: NodeLine[] =
    layout === 'nhwc'
      ? [['Transpose', ['images'], ['planes'], { perm: [0, 3, 1, 2] }]]
      : [['Identity', ['images'], ['planes']]];
  const model = smallModel({
    opset,
    nodes: [
      ...first,
      ['Conv', ['planes', 'conv.weight', 'conv.bias'], ['pixel_values'], { strides: [2, 2] }],
      ['Relu', ['pixel_values'], ['logits']],
      ['GlobalAveragePool', ['logits'], ['pooled']],
      ['Flatten', ['pooled'], ['features']],
      ['Constant', [], ['193'], { value: weights([8, 3], 4) }],
      ['MatMul', ['features', '193'], ['product']],
      ['Add', ['product', 'head.bias'], ['scores']],
    ],
    inputs: { images: layout === 'nhwc' ? [1, SIZE, SIZE, depth] : [1, depth, SIZE, SIZE] },
    outputs: { scores: [1, 3] },
    initializers: {
      'conv.weight': weights([8, depth, 5, 5], 2),
      'conv.bias': weights([8], 3),
      'head.bias': weights([3], 5),
    },
  });
  return { ...model, metadata: { origin: 'kept' } };
}

export const preprocessingFor = (changes: Partial<Preprocessing> = {}): Preprocessing =>
  presetPreprocessing('imagenet', { size: SIZE, fit: 'stretch', cropFraction: 1, ...changes });
