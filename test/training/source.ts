import type { Batch, BatchSource } from '../../src/data/index.ts';
import { Random } from '../../src/random.ts';
import { CLASSES, SIDE } from './network.ts';

const PIXELS = 3 * SIDE * SIDE;

/** Noise in which a class shows as its channel being brighter, in another order every epoch. */
export class SyntheticPictures implements BatchSource {
  private readonly images: Float32Array[];

  constructor(
    readonly length: number,
    private readonly seed = 1,
    contrast = 0.8,
  ) {
    const random = new Random(seed, 'pictures');
    this.images = Array.from({ length }, (_, n) =>
      Float32Array.from({ length: PIXELS }, (_, i) => {
        const channel = Math.floor(i / (SIDE * SIDE));
        return random.normal() * 0.5 + (channel === n % CLASSES ? contrast : 0);
      }),
    );
  }

  async *batches({ epoch, batchSize, from = 0 }: Parameters<BatchSource['batches']>[0]): AsyncGenerator<Batch> {
    const order = new Random(this.seed, 'order', epoch).shuffle(this.images.map((_, i) => i));
    for (let start = from * batchSize; start < this.length; start += batchSize) {
      const indices = order.slice(start, start + batchSize);
      const images = new Float32Array(indices.length * PIXELS);
      indices.forEach((index, row) => {
        images.set(this.images[index], row * PIXELS);
      });
      yield {
        images,
        shape: [indices.length, 3, SIDE, SIDE],
        labels: BigInt64Array.from(indices, (index) => BigInt(index % CLASSES)),
        indices,
      };
    }
  }
}
