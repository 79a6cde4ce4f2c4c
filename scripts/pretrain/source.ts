/** The pretraining images as a data source for the trainer: painted anew in each epoch for training, always the same for validation. */
import type { Batch, BatchSource, Preprocessing } from '../../src/data/types.ts';
import { tensor } from '../../src/onnx/index.ts';
import { Random } from '../../src/random.ts';
import { inputSide, paint, plainLook, randomLook } from './paint.ts';
import { mapSide, type RenderedImage, type RenderedSet } from './render.ts';

/** The model's expected input, as in `preprocessor_config.json`. */
export const preprocessing: Preprocessing = {
  width: inputSide,
  height: inputSide,
  fit: 'stretch',
  cropFraction: 1,
  interpolation: 'linear',
  channels: 'rgb',
  layout: 'nchw',
  scale: 1 / 255,
  mean: [0.5, 0.5, 0.5],
  std: [0.5, 0.5, 0.5],
};

/** Words of concepts that mean something else when mirrored, or that nobody writes mirrored. */
const handed = new Set(
  `left right forward backward back skip undo redo restart refresh replay reply rewind fast login logout history import export external
  incoming outgoing step trending up down question text bold italic subscript superscript paragraph hashtag percent dollar euro pound
  rupee at copyright trademark gif html file-pdf code-qr translate language align list`.split(/\s+/),
);

/** Whether a concept's mirrored drawings still show it. */
export function isMirrorable(concept: string): boolean {
  return !concept.split('-').some((word) => handed.has(word));
}

/** Icons as batches of `[N, 3, 80, 80]`. */
export class IconSource implements BatchSource {
  /** Positions in the rendered set. */
  private readonly positions: readonly number[];
  private readonly mirrorable: readonly boolean[];

  /**
   * @param options.split `train` paints each image anew in every epoch, by seed, epoch and position, and shuffles; `val` always paints
   *   it the same, in the set's order
   */
  constructor(
    private readonly set: RenderedSet,
    private readonly options: { readonly split: RenderedImage['split']; readonly seed: number },
  ) {
    this.positions = set.images.flatMap(({ split }, i) => (split === options.split ? [i] : []));
    this.mirrorable = set.concepts.map(isMirrorable);
  }

  get length(): number {
    return this.positions.length;
  }

  async *batches({ epoch, batchSize, from = 0 }: Parameters<BatchSource['batches']>[0]): AsyncGenerator<Batch> {
    const { split, seed } = this.options;
    const all = this.positions.map((_, i) => i);
    const order = split === 'train' ? new Random(seed, 'order', epoch).shuffle(all) : all;
    for (let start = from * batchSize; start < order.length; start += batchSize) {
      yield this.paintBatch(order.slice(start, start + batchSize), epoch);
    }
  }

  private paintBatch(indices: readonly number[], epoch: number): Batch {
    const { split, seed } = this.options;
    const shape = [indices.length, 3, inputSide, inputSide];
    const size = 3 * inputSide * inputSide;
    const images = new Float32Array(indices.length * size);
    const labels = new BigInt64Array(indices.length);
    indices.forEach((index, i) => {
      const position = this.positions[index];
      const { label } = this.set.images[position];
      const random = split === 'train' ? new Random(seed, 'look', epoch, index) : new Random(seed, 'look', index);
      const look =
        split === 'train' ? randomLook(random, this.mirrorable[label] && random.chance(0.5)) : plainLook(random);
      paint(images, i * size, this.set.coverage, position * mapSide * mapSide, mapSide, look, random);
      labels[i] = BigInt(label);
    });
    return { inputs: [tensor('float32', shape, images)], labels, indices };
  }
}
