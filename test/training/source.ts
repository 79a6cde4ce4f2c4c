import type { Batch, BatchOptions, BatchSource } from '../../src/data/index.ts';
import { tensor } from '../../src/onnx/index.ts';
import { Random } from '../../src/random.ts';
import { CLASSES, SIDE } from './network.ts';

const PIXELS = 3 * SIDE * SIDE;

/** Noise with one brighter channel per class, in another order every epoch. */
export class SyntheticImages implements BatchSource {
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

  async *batches({ epoch, batchSize, from = 0 }: BatchOptions): AsyncGenerator<Batch> {
    const order = new Random(this.seed, 'order', epoch).shuffle(this.images.map((_, i) => i));
    for (let start = from * batchSize; start < this.length; start += batchSize) {
      const indices = order.slice(start, start + batchSize);
      const images = new Float32Array(indices.length * PIXELS);
      indices.forEach((index, row) => {
        images.set(this.images[index], row * PIXELS);
      });
      yield {
        inputs: [tensor('float32', [indices.length, 3, SIDE, SIDE], images)],
        labels: BigInt64Array.from(indices, (index) => BigInt(index % CLASSES)),
        indices,
      };
    }
  }
}

/** Synthetic images with keys. Views differ by their own noise, and a cached image is not decoded again. */
export class RecallableImages implements BatchSource {
  /** Keys of all images that were decoded. */
  readonly drawn: string[] = [];
  private readonly plain: SyntheticImages;

  /** @param content is part of the keys */
  constructor(
    readonly length: number,
    private readonly seed = 1,
    private readonly content = 'a',
  ) {
    this.plain = new SyntheticImages(length, seed);
  }

  async *batches(options: BatchOptions): AsyncGenerator<Batch> {
    const { epoch, view = epoch, recall } = options;
    for await (const { inputs, labels, indices } of this.plain.batches(options)) {
      const keys = indices.map((index) => `${this.content} ${this.seed} ${view} ${index}`);
      const recalled = await Promise.all(keys.map((key) => recall?.(key)));
      const rows = [...keys.keys()].filter((row) => !recalled[row]);
      const drawn = new Float32Array(rows.length * PIXELS);
      for (const [to, row] of rows.entries()) {
        this.drawn.push(keys[row]);
        const random = new Random(this.seed, 'view', view, indices[row]);
        const image = (inputs[0].data as Float32Array)
          .subarray(row * PIXELS, (row + 1) * PIXELS)
          .map((value) => value + random.normal() * 0.1);
        drawn.set(image, to * PIXELS);
      }
      yield { inputs: [tensor('float32', [rows.length, 3, SIDE, SIDE], drawn)], labels, indices, keys, recalled };
    }
  }
}
