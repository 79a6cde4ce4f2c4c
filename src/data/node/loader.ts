import { Random } from '../../random.ts';
import { type Augmentation, drawAugmentation } from '../augment.ts';
import { type Pixels, writePixels } from '../pixels.ts';
import { batchShape } from '../preprocessing.ts';
import type { Batch, BatchSource, DataProblem, Preprocessing, Sample } from '../types.ts';
import { augmentPicture } from './augment.ts';
import { Slots } from './concurrency.ts';
import { decodeLarge, decodeResized, failureReason, inputOrigin } from './decode.ts';

/** Decoded pictures by name, until it is full: each pass over a data set asks for all of them, so nothing is thrown out. */
export class PictureCache {
  private readonly pictures = new Map<string, Pixels>();
  private bytes = 0;

  /** @param maximumBytes one cache may serve several sources */
  constructor(private readonly maximumBytes = 512 * 1024 * 1024) {}

  async get(key: string, decode: () => Promise<Pixels>): Promise<Pixels> {
    const kept = this.pictures.get(key);
    if (kept) return kept;
    const picture = await decode();
    const size = picture.data.byteLength;
    if (!this.pictures.has(key) && this.bytes + size <= this.maximumBytes) {
      this.pictures.set(key, picture);
      this.bytes += size;
    }
    return picture;
  }
}

export interface PictureSourceOptions {
  readonly samples: readonly Sample[];
  readonly preprocessing: Preprocessing;
  /** None unless given: every epoch shows the same pictures. */
  readonly augmentation?: Augmentation;
  readonly seed?: number;
  /** A new order every epoch. Off unless given. */
  readonly shuffle?: boolean;
  /** Batches made ahead, 3 unless given. */
  readonly prefetch?: number;
  /**
   * Pictures in work at a time, 64 unless given. Few more than the threads would do, but ONNX Runtime holds the JavaScript thread
   * for a whole step, and in that time only what is already handed to sharp goes on.
   */
  readonly concurrency?: number;
  readonly cache?: PictureCache;
  /** Called once for each file that can't be decoded. */
  readonly onProblem?: (problem: DataProblem) => void;
}

/**
 * Labelled picture files, read in batches. Order and augmentation depend on seed, epoch and the sample's position alone, so that
 * the same epoch gives the same bytes whatever the concurrency and the cache.
 *
 * A file that turns out to be broken is left out of its batch, in every epoch, and listed in `problems`; a batch without any
 * picture left is not given out.
 */
export class PictureSource implements BatchSource {
  readonly problems: DataProblem[] = [];
  private readonly slots: Slots;
  private readonly cache: PictureCache;
  private readonly augmentation?: Augmentation;

  constructor(private readonly options: PictureSourceOptions) {
    this.slots = new Slots(options.concurrency ?? 64);
    this.cache = options.cache ?? new PictureCache();
    const { augmentation } = options;
    if (augmentation && Object.values(augmentation).some((change) => change !== undefined))
      this.augmentation = augmentation;
  }

  get length(): number {
    return this.options.samples.length;
  }

  async *batches({
    epoch,
    batchSize,
    from = 0,
  }: {
    epoch: number;
    batchSize: number;
    from?: number;
  }): AsyncGenerator<Batch> {
    const { shuffle = false, seed = 0, prefetch = 3 } = this.options;
    const positions = Array.from({ length: this.length }, (_, i) => i);
    const order = shuffle ? new Random(seed, 'order', epoch).shuffle(positions) : positions;
    const abandoned = new AbortController();
    const ahead: Promise<Batch | undefined>[] = [];
    let next = from * batchSize;
    const fill = () => {
      for (; ahead.length < prefetch && next < order.length; next += batchSize) {
        const batch = this.load(order.slice(next, next + batchSize), epoch, abandoned.signal);
        // Whoever waits for it gets the error; until then, it is not unhandled.
        batch.catch(() => undefined);
        ahead.push(batch);
      }
    };
    try {
      fill();
      while (ahead.length > 0) {
        const batch = await ahead.shift();
        fill();
        if (batch) yield batch;
      }
    } finally {
      abandoned.abort();
      await Promise.allSettled(ahead);
    }
  }

  private async load(indices: readonly number[], epoch: number, signal: AbortSignal): Promise<Batch | undefined> {
    const { preprocessing, samples } = this.options;
    const shape = batchShape(preprocessing, indices.length);
    const size = shape.slice(1).reduce((a, b) => a * b);
    const images = new Float32Array(indices.length * size);
    const whole = await Promise.all(
      indices.map((index, i) =>
        this.slots.run(async () => !signal.aborted && this.write(index, epoch, images, i * size)),
      ),
    );
    const kept = indices.filter((_, i) => whole[i]);
    if (kept.length === 0) return undefined;
    let to = 0;
    for (const [i, isWhole] of whole.entries()) if (isWhole) images.copyWithin(size * to++, size * i, size * (i + 1));
    return {
      images: kept.length === indices.length ? images : images.slice(0, kept.length * size),
      shape: batchShape(preprocessing, kept.length),
      labels: BigInt64Array.from(kept, (index) => BigInt(samples[index].label)),
      indices: kept,
    };
  }

  /** Whether the picture could be decoded. */
  private async write(index: number, epoch: number, images: Float32Array, offset: number): Promise<boolean> {
    const { preprocessing: p, samples, seed = 0 } = this.options;
    const { file } = samples[index];
    const picture = await this.decode(file).catch((error) => this.report({ file, reason: failureReason(error) }));
    if (!picture) return false;
    if (this.augmentation) {
      const draw = drawAugmentation(this.augmentation, new Random(seed, 'augment', epoch, index));
      await augmentPicture(picture, p, draw, images, offset);
    } else {
      writePixels(picture, p, images, offset, inputOrigin(picture, p));
    }
    return true;
  }

  private decode(file: string): Promise<Pixels> {
    const { preprocessing: p } = this.options;
    const [kind, decode] = this.augmentation
      ? (['large', decodeLarge] as const)
      : (['resized', decodeResized] as const);
    // All that a decoded picture depends on.
    const { width, height, fit, cropFraction, interpolation } = p;
    const key = [kind, width, height, fit, cropFraction, interpolation, file].join(' ');
    return this.cache.get(key, () => decode(file, p));
  }

  private report(problem: DataProblem): undefined {
    if (this.problems.some(({ file }) => file === problem.file)) return;
    this.problems.push(problem);
    this.options.onProblem?.(problem);
  }
}
