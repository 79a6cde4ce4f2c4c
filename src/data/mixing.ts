/** Blends images of a batch and their labels: Zhang et al., "mixup", 2018; Yun et al., "CutMix", 2019. */
import { type Tensor, tensor } from '../onnx/index.ts';
import { Random } from '../random.ts';
import type { Batch, BatchOptions, BatchSource } from './types.ts';

export interface Mixing {
  /** α of the Beta distribution of λ; 0 for never. */
  readonly mixup: number;
  readonly cutmix: number;
  /** Fraction of batches to blend. */
  readonly mixProbability: number;
}

/** The blend of a batch: each image is mixed with the previous one, and the first with the last. */
export type Blend =
  /** λ of the image and 1 − λ of the other one. */
  | { readonly kind: 'mixup'; readonly lambda: number }
  /** The rectangle comes from the other image. */
  | {
      readonly kind: 'cutmix';
      readonly left: number;
      readonly top: number;
      readonly right: number;
      readonly bottom: number;
    };

export interface MixedSourceOptions extends Mixing {
  readonly seed: number;
  /** Number of classes, for samples with a class label. */
  readonly classes: number;
  readonly layout: 'nchw' | 'nhwc';
}

/** Returns the source unchanged if blending is off. */
export const mixedSource = (source: BatchSource, options: MixedSourceOptions): BatchSource =>
  options.mixProbability > 0 && (options.mixup > 0 || options.cutmix > 0) ? new MixedSource(source, options) : source;

/**
 * A source with blended batches, with labels as `targets`. The blends depend on the seed, the epoch and the batch's first image. It does
 * not use keys, because a blend does not occur again and caching it would be useless.
 */
class MixedSource implements BatchSource {
  readonly fleeting = true;

  constructor(
    private readonly source: BatchSource,
    private readonly options: MixedSourceOptions,
  ) {}

  get length(): number {
    return this.source.length;
  }

  get labels(): readonly number[] | undefined {
    return this.source.labels;
  }

  async *batches({ recall: _, ...options }: BatchOptions): AsyncGenerator<Batch> {
    const { seed, classes, layout } = this.options;
    for await (const { keys: _keys, recalled: _recalled, ...batch } of this.source.batches(options)) {
      const random = new Random(seed, 'mix', options.epoch, batch.indices[0]);
      const size = sizeOf(batch.inputs[0], layout);
      yield blended(batch, drawBlend(this.options, size, random), { classes, layout });
    }
  }
}

/** Draws λ, and for CutMix a rectangle of area 1 − λ at a random point, clipped at the edges. Undefined: no blend. */
export function drawBlend(
  { mixup, cutmix, mixProbability }: Mixing,
  { width, height }: { readonly width: number; readonly height: number },
  random: Random,
): Blend | undefined {
  if (!random.chance(mixProbability)) return undefined;
  const cuts = cutmix > 0 && (mixup === 0 || random.chance(0.5));
  const alpha = cuts ? cutmix : mixup;
  const lambda = random.beta(alpha, alpha);
  if (!cuts) return { kind: 'mixup', lambda };
  const half = 0.5 * Math.sqrt(1 - lambda);
  const side = (length: number) => {
    const [middle, reach] = [random.below(length), Math.floor(half * length)];
    return [Math.max(0, middle - reach), Math.min(length, middle + reach)] as const;
  };
  const [left, right] = side(width);
  const [top, bottom] = side(height);
  return { kind: 'cutmix', left, top, right, bottom };
}

/** The blended batch, with labels as rows of `targets`, whose sums stay the same. `labels` are those of the larger share. */
export function blended(
  batch: Batch,
  blend: Blend | undefined,
  { classes, layout }: Pick<MixedSourceOptions, 'classes' | 'layout'>,
): Batch {
  const count = batch.indices.length;
  const rows = batch.targets ?? oneHot(batch.labels, classes);
  if (!blend) return { ...batch, targets: rows };
  const other = (i: number) => (i + count - 1) % count;
  const [images] = batch.inputs;
  const own = ownPart(blend, sizeOf(images, layout));
  const length = rows.length / count;
  const targets = new Float32Array(rows.length);
  for (let i = 0; i < rows.length; i++) {
    const [row, column] = [Math.floor(i / length), i % length];
    targets[i] = own * rows[i] + (1 - own) * rows[other(row) * length + column];
  }
  const labels = batch.labels.map((label, i) => (own >= 0.5 ? label : batch.labels[other(i)]));
  return { ...batch, inputs: [withPartsOf(images, blend, layout, other)], targets, labels };
}

function oneHot(labels: BigInt64Array, classes: number): Float32Array {
  const rows = new Float32Array(labels.length * classes);
  for (const [i, label] of labels.entries()) rows[i * classes + Number(label)] = 1;
  return rows;
}

/** For images `[N, C, H, W]` or `[N, H, W, C]`. */
const sizeOf = ({ shape }: Tensor, layout: 'nchw' | 'nhwc') =>
  layout === 'nchw' ? { width: shape[3], height: shape[2] } : { width: shape[2], height: shape[1] };

/** The share of the image's own label, equal to its share of the pixels. */
function ownPart(blend: Blend, { width, height }: { readonly width: number; readonly height: number }): number {
  if (blend.kind === 'mixup') return blend.lambda;
  return 1 - ((blend.right - blend.left) * (blend.bottom - blend.top)) / (width * height);
}

/** The images, each with a part of another one. */
function withPartsOf(
  { shape, data }: Tensor,
  blend: Blend,
  layout: 'nchw' | 'nhwc',
  other: (i: number) => number,
): Tensor {
  const images = data as Float32Array;
  const size = images.length / shape[0];
  const out = new Float32Array(images);
  // Planes of rows with `step` numbers per pixel.
  const [planes, step, width, height] =
    layout === 'nchw' ? [shape[1], 1, shape[3], shape[2]] : [1, shape[3], shape[2], shape[1]];
  for (let i = 0; i < shape[0]; i++) {
    const [to, from] = [i * size, other(i) * size];
    if (blend.kind === 'mixup') {
      for (let k = 0; k < size; k++)
        out[to + k] = blend.lambda * images[to + k] + (1 - blend.lambda) * images[from + k];
      continue;
    }
    for (let plane = 0; plane < planes; plane++) {
      for (let y = blend.top; y < blend.bottom; y++) {
        const row = (plane * height + y) * width * step;
        const [start, end] = [row + blend.left * step, row + blend.right * step];
        out.set(images.subarray(from + start, from + end), to + start);
      }
    }
  }
  return tensor('float32', shape, out);
}
