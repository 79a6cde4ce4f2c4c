/** Published models to start from. Plain data, for the terminal and for pages. */

export const USES = ['photos', 'drawings', 'texts'] as const;
/** What a model learned from. */
export type ModelUse = (typeof USES)[number];

/** A model to start from. */
export interface CatalogueModel {
  /** What `<model>` takes. */
  readonly name: string;
  /** Where it is: `hf:owner/name`, or `default` for the model in the package. */
  readonly address: string;
  readonly use: ModelUse;
  /** For a recommended model of its use. */
  readonly grade?: 'small' | 'good' | 'best';
  readonly architecture: string;
  readonly trainedOn: string;
  /** Published accuracy on `trainedOn` in percent: top-1 for images; for texts the mean over the English classification tasks of MTEB. */
  readonly accuracy: number;
  /** Side of the square input in pixels; null for texts. */
  readonly inputSize: number | null;
  /** In millions. */
  readonly parameters: number;
  /** Size of the float32 `.onnx` in MB (10^6 bytes). */
  readonly megabytes: number;
  /** Licence of the weights: an SPDX identifier, or a name. */
  readonly licence: string;
  /** Processor time of a training step of all layers, relative to that of `default`. */
  readonly relativeStep: number;
}

/*
 * Sizes are those of `onnx/model.onnx` on the hub. Licences are those of the base models, because the ONNX repositories often name none.
 * Accuracies of photo models are those of the papers or of timm, those of text models of the MTEB leaderboard.
 * Steps were measured with one thread of an AMD EPYC (Zen 4) and networks of these architectures.
 */
const photos = { use: 'photos', trainedOn: 'ImageNet-1k', inputSize: 224, licence: 'Apache-2.0' } as const;
const texts = { use: 'texts', trainedOn: 'MTEB', inputSize: null } as const;

/** All models, the recommended ones of a use first. */
export const CATALOGUE: readonly CatalogueModel[] = [
  {
    ...photos,
    name: 'mobilenetv4-small',
    address: 'hf:onnx-community/mobilenetv4_conv_small.e2400_r224_in1k',
    grade: 'small',
    architecture: 'MobileNetV4 small',
    ...{ accuracy: 74, parameters: 3.8, megabytes: 15.1, relativeStep: 6.6 },
  },
  {
    ...photos,
    name: 'resnet-50',
    address: 'hf:Xenova/resnet-50',
    grade: 'good',
    architecture: 'ResNet-50',
    ...{ accuracy: 80, parameters: 25.6, megabytes: 102, relativeStep: 117 },
  },
  {
    ...photos,
    name: 'convnext-tiny',
    address: 'hf:Xenova/convnext-tiny-224',
    grade: 'best',
    architecture: 'ConvNeXt tiny',
    ...{ accuracy: 82, parameters: 28.6, megabytes: 115, relativeStep: 177 },
  },
  {
    ...photos,
    name: 'mobilenetv2-035',
    address: 'hf:onnx-community/mobilenet_v2_0.35_96',
    architecture: 'MobileNetV2 0.35',
    licence: 'other',
    ...{ accuracy: 46, inputSize: 96, parameters: 1.7, megabytes: 6.7, relativeStep: 1.1 },
  },
  {
    ...photos,
    name: 'mobilevit-small',
    address: 'hf:Xenova/mobilevit-small',
    architecture: 'MobileViT small',
    licence: 'Apple',
    ...{ accuracy: 78, inputSize: 256, parameters: 5.6, megabytes: 22.6, relativeStep: 96 },
  },
  {
    ...photos,
    name: 'deit-tiny',
    address: 'hf:Xenova/deit-tiny-distilled-patch16-224',
    architecture: 'DeiT tiny',
    ...{ accuracy: 75, parameters: 5.9, megabytes: 23.9, relativeStep: 45 },
  },
  {
    ...photos,
    name: 'resnet-18',
    address: 'hf:Xenova/resnet-18',
    architecture: 'ResNet-18',
    ...{ accuracy: 70, parameters: 11.7, megabytes: 46.8, relativeStep: 44 },
  },
  {
    ...photos,
    name: 'swin-tiny',
    address: 'hf:Xenova/swin-tiny-patch4-window7-224',
    architecture: 'Swin tiny',
    ...{ accuracy: 81, parameters: 28.3, megabytes: 116, relativeStep: 188 },
  },
  {
    ...photos,
    name: 'vit-base',
    address: 'hf:Xenova/vit-base-patch16-224',
    architecture: 'ViT base',
    ...{ accuracy: 82, parameters: 86.6, megabytes: 347, relativeStep: 566 },
  },
  {
    name: 'default',
    address: 'default',
    use: 'drawings',
    grade: 'small',
    architecture: 'residual network in the package',
    trainedOn: 'pictograms',
    licence: 'MIT',
    ...{ accuracy: 68, inputSize: 80, parameters: 0.7, megabytes: 2.9, relativeStep: 1 },
  },
  {
    ...texts,
    name: 'minilm',
    address: 'hf:Xenova/all-MiniLM-L6-v2',
    grade: 'small',
    architecture: 'MiniLM, 6 layers',
    licence: 'Apache-2.0',
    ...{ accuracy: 63, parameters: 22.7, megabytes: 90.4, relativeStep: 13 },
  },
  {
    ...texts,
    name: 'bge-small',
    address: 'hf:Xenova/bge-small-en-v1.5',
    grade: 'good',
    architecture: 'BERT, 12 layers',
    licence: 'MIT',
    ...{ accuracy: 74, parameters: 33.4, megabytes: 133, relativeStep: 27 },
  },
];

/** The catalogue's model of a name. */
export const catalogueModel = (name: string): CatalogueModel | undefined =>
  CATALOGUE.find((model) => model.name === name);

/** The first recommendation of a use. */
export const recommendedModel = (use: ModelUse): CatalogueModel =>
  CATALOGUE.find((model) => model.use === use && model.grade) as CatalogueModel;
