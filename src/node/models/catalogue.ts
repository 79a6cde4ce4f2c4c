import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { embeddedFolder } from './folder.ts';

/** A model to start from. */
export interface StartingPoint {
  /** The value of `<model>`. */
  readonly model: string;
  readonly architecture: string;
  readonly kind: 'convolutional' | 'hybrid' | 'transformer';
  readonly task: 'image-classification';
  readonly trainedOn: string;
  /** Side of the square input in pixels, from its preprocessing. */
  readonly inputSize: number;
  /** In millions. */
  readonly parameters: number;
  /** Size of the float32 `.onnx` in MB (10^6 bytes). */
  readonly megabytes: number;
  /** Licence of the weights: an SPDX identifier, or a name. */
  readonly licence: string;
  readonly command: string;
}

type Row = readonly [
  model: string,
  architecture: string,
  kind: StartingPoint['kind'],
  inputSize: number,
  parameters: number,
  megabytes: number,
  licence: string,
];

/*
 * Sizes are those of `onnx/model.onnx` on the hub. Licences are those of the base models, because the ONNX repositories often name none:
 * timm/mobilenetv4_conv_small, microsoft/resnet-*, microsoft/swin-tiny, facebook/deit-tiny, facebook/convnext-tiny, google/vit-base,
 * google/mobilenet_v2 ("other" on the hub) and apple/mobilevit-small (Apple's sample code licence).
 */
const rows: readonly Row[] = [
  ['hf:onnx-community/mobilenet_v2_0.35_96', 'MobileNetV2 0.35', 'convolutional', 96, 1.7, 6.7, 'other'],
  [
    'hf:onnx-community/mobilenetv4_conv_small.e2400_r224_in1k',
    'MobileNetV4 small',
    'convolutional',
    224,
    3.8,
    15.1,
    'Apache-2.0',
  ],
  ['hf:Xenova/mobilevit-small', 'MobileViT small', 'hybrid', 256, 5.6, 22.6, 'Apple sample code'],
  ['hf:Xenova/deit-tiny-distilled-patch16-224', 'DeiT tiny', 'transformer', 224, 5.9, 23.9, 'Apache-2.0'],
  ['hf:Xenova/resnet-18', 'ResNet-18', 'convolutional', 224, 11.7, 46.8, 'Apache-2.0'],
  ['hf:Xenova/resnet-50', 'ResNet-50', 'convolutional', 224, 25.6, 102, 'Apache-2.0'],
  ['hf:Xenova/convnext-tiny-224', 'ConvNeXt tiny', 'convolutional', 224, 28.6, 115, 'Apache-2.0'],
  ['hf:Xenova/swin-tiny-patch4-window7-224', 'Swin tiny', 'transformer', 224, 28.3, 116, 'Apache-2.0'],
  ['hf:Xenova/vit-base-patch16-224', 'ViT base', 'transformer', 224, 86.6, 347, 'Apache-2.0'],
];

const commandFor = (model: string) => `thaw train ${model} IMAGES`;

/**
 * The model in the package, with numbers from its files. Float32 weights make up nearly the whole file, so each parameter has four bytes.
 */
function embeddedPoint(): StartingPoint[] {
  const path = join(embeddedFolder, 'onnx/model.onnx');
  const bytes = statSync(path, { throwIfNoEntry: false })?.size;
  if (bytes === undefined) return [];
  const { size } = JSON.parse(readFileSync(join(embeddedFolder, 'preprocessor_config.json'), 'utf8')) as {
    size: number | { height: number } | { shortest_edge: number };
  };
  const inputSize = typeof size === 'number' ? size : 'height' in size ? size.height : size.shortest_edge;
  return [
    {
      model: 'default',
      architecture: 'embedded, needs no network',
      kind: 'convolutional',
      task: 'image-classification',
      trainedOn: 'pictograms',
      inputSize,
      parameters: Number((bytes / 4e6).toFixed(1)),
      megabytes: Number((bytes / 1e6).toFixed(1)),
      licence: 'MIT',
      command: commandFor('default'),
    },
  ];
}

/** The starting points, smallest first. Uses no network. */
export const startingPoints = (): StartingPoint[] => [
  ...embeddedPoint(),
  ...rows.map(
    ([model, architecture, kind, inputSize, parameters, megabytes, licence]): StartingPoint => ({
      model,
      architecture,
      kind,
      task: 'image-classification',
      trainedOn: 'ImageNet-1k',
      inputSize,
      parameters,
      megabytes,
      licence,
      command: commandFor(model),
    }),
  ),
];
