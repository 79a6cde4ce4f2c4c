import { tensor } from '../onnx/index.ts';
import { Random } from '../random.ts';
import { type Augmentation, type AugmentationDraw, drawAugmentation, isIdle } from './augment/index.ts';
import { balancedOrder } from './balanced-order.ts';
import { Slots } from './concurrency.ts';
import { inputOrigin } from './geometry.ts';
import { type Pixels, writePixels } from './pixels.ts';
import { batchShape } from './preprocessing.ts';
import { type TestView, viewedPreprocessing, viewOrigin } from './test-views.ts';
import type { Batch, BatchOptions, BatchSource, DataProblem, Preprocessing, Sample } from './types.ts';

/** Image functions of a platform. A file is identified by the `file` of its sample. */
export interface ImageReader {
  /** Everything else that can change the pixels, such as library versions. */
  readonly conditions: string;
  /** SHA-256 in hexadecimal of text. */
  digest(text: string): string | Promise<string>;
  /** SHA-256 in hexadecimal of a file's contents. */
  digestOf(file: string): Promise<string>;
  /** Decodes an image. @param large somewhat larger than the input, for augmentation; otherwise resized as the preprocessing says */
  decode(file: string, p: Preprocessing, large: boolean): Promise<Pixels>;
  /** Applies a draw to an image that was decoded large, and writes the result. */
  augment(image: Pixels, p: Preprocessing, draw: AugmentationDraw, out: Float32Array, offset: number): Promise<void>;
  /** A short reason for a failed read. */
  failureReason(error: unknown): string;
}

/** Default size of the cache of decoded images, in bytes. */
export const IMAGE_CACHE_BYTES = 512 * 2 ** 20;

/** Cache of decoded images. It evicts nothing, because each pass over a data set needs all images. */
export class ImageCache {
  /** By file, then by conditions. */
  private readonly images = new Map<string, Map<string, Pixels>>();
  /** Images that are being decoded. */
  private readonly pending = new Map<string, Promise<Pixels>>();
  private bytes = 0;

  /** @param maximumBytes several sources can share one cache */
  constructor(private readonly maximumBytes = IMAGE_CACHE_BYTES) {}

  /** Any cached image of a file, in whatever size it was decoded. */
  of(file: string): Pixels | undefined {
    return this.images.get(file)?.values().next().value;
  }

  /** @param conditions everything except the file that determines the decoded image */
  async get(file: string, conditions: string, decode: () => Promise<Pixels>): Promise<Pixels> {
    const kept = this.images.get(file)?.get(conditions);
    if (kept) return kept;
    const key = `${conditions} ${file}`;
    const image = await (this.pending.get(key) ?? this.begin(key, decode));
    const size = image.data.byteLength;
    const ofFile = this.images.get(file) ?? new Map<string, Pixels>();
    if (!ofFile.has(conditions) && this.bytes + size <= this.maximumBytes) {
      this.images.set(file, ofFile.set(conditions, image));
      this.bytes += size;
    }
    return image;
  }

  private begin(key: string, decode: () => Promise<Pixels>): Promise<Pixels> {
    const decoding = decode().finally(() => this.pending.delete(key));
    this.pending.set(key, decoding);
    return decoding;
  }
}

export interface ImageSourceOptions {
  readonly samples: readonly Sample[];
  readonly preprocessing: Preprocessing;
  /** Default: none, so every epoch shows the same images. */
  readonly augmentation?: Augmentation;
  readonly seed?: number;
  /** Views of each image, as consecutive rows of one batch. Cannot be combined with augmentation. */
  readonly testViews?: readonly TestView[];
  /** New order in every epoch. Default: off. `balanced` shows equally many samples of every class. */
  readonly shuffle?: boolean | 'balanced';
  /** Replaces the positions of an epoch. Default: each sample once. */
  readonly order?: (epoch: number) => readonly number[];
  /** Number of batches to prefetch. Default: 3. */
  readonly prefetch?: number;
  /**
   * Maximum number of images in progress. Default: 64, more than the number of threads: ONNX Runtime in Node blocks the JavaScript thread
   * for a whole step, and meanwhile sharp only works on images that it already has.
   */
  readonly concurrency?: number;
  readonly cache?: ImageCache;
  /** Called once for each file that fails to decode. */
  readonly onProblem?: (problem: DataProblem) => void;
}

/** A sample with its augmentation. */
interface View {
  readonly index: number;
  readonly draw?: AugmentationDraw;
  readonly test?: TestView;
}

/** Offsets of the existing rows, without gaps. */
function placesOf(rows: readonly boolean[], size: number): number[] {
  let next = 0;
  return rows.map((isThere) => (isThere ? size * next++ : -1));
}

function targetsOf(samples: readonly Sample[]): Pick<Batch, 'targets'> {
  const targets = samples.flatMap((sample) => sample.targets ?? []);
  return targets.length ? { targets: Float32Array.from(targets) } : {};
}

/**
 * Labelled image files, read in batches. Order and augmentation depend only on the seed, the epoch (or view) and the sample's position. So
 * an epoch gives the same bytes for any concurrency and cache.
 *
 * A broken file is skipped in every epoch and listed in `problems`. A batch without any image is skipped.
 */
export class ImageSource implements BatchSource {
  readonly problems: DataProblem[] = [];
  private readonly reported = new Set<string>();
  private readonly slots: Slots;
  private readonly cache: ImageCache;
  private readonly augmentation?: Augmentation;
  private readonly contents = new Map<string, Promise<string | undefined>>();
  /** Everything except file and augmentation that determines the pixels. */
  private readonly conditions: string;

  constructor(
    private readonly options: ImageSourceOptions,
    private readonly reader: ImageReader,
  ) {
    this.conditions = JSON.stringify([options.preprocessing, reader.conditions]);
    this.slots = new Slots(options.concurrency ?? 64);
    this.cache = options.cache ?? new ImageCache();
    if (options.augmentation && !isIdle(options.augmentation)) this.augmentation = options.augmentation;
  }

  get length(): number {
    return this.options.samples.length;
  }

  get labels(): readonly number[] {
    return this.options.samples.map(({ label }) => label);
  }

  async *batches(options: BatchOptions): AsyncGenerator<Batch> {
    const { epoch, batchSize, from = 0, until = Number.POSITIVE_INFINITY, only } = options;
    const { shuffle = false, seed = 0, prefetch = 3, testViews } = this.options;
    const size = Math.max(1, Math.floor(batchSize / (testViews?.length ?? 1)));
    const order = only ?? this.options.order?.(epoch) ?? this.orderOf(shuffle, new Random(seed, 'order', epoch));
    const end = Math.min(order.length, until * size);
    const abandoned = new AbortController();
    const ahead: Promise<Batch | undefined>[] = [];
    let next = from * size;
    const fill = () => {
      for (; ahead.length < prefetch && next < end; next += size) {
        const views = order.slice(next, next + size).flatMap((index) => this.viewsOf(index, options));
        const batch = this.load(views, options.recall, abandoned.signal);
        // The error reaches the consumer of the batch. Until then, it must not count as unhandled.
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

  private orderOf(shuffle: boolean | 'balanced', random: Random): number[] {
    if (shuffle === 'balanced') return balancedOrder(this.labels, random);
    const positions = Array.from({ length: this.length }, (_, i) => i);
    return shuffle ? random.shuffle(positions) : positions;
  }

  /** The views of a sample in an epoch: a function of seed, view and position only. */
  private viewsOf(index: number, { epoch, view = epoch }: BatchOptions): View[] {
    const { augmentation } = this;
    const { seed = 0, testViews } = this.options;
    if (testViews) return testViews.map((test) => ({ index, test }));
    if (!augmentation) return [{ index }];
    return [{ index, draw: drawAugmentation(augmentation, new Random(seed, 'augment', view, index)) }];
  }

  private async load(
    views: readonly View[],
    recall: BatchOptions['recall'],
    signal: AbortSignal,
  ): Promise<Batch | undefined> {
    const { preprocessing, samples } = this.options;
    const inTurn = <T>(task: (view: View, i: number) => Promise<T>) =>
      Promise.all(views.map((view, i) => this.slots.run(async () => (signal.aborted ? undefined : task(view, i)))));
    const keys = recall && (await inTurn((view) => this.keyOf(view)));
    const recalled = recall && (await inTurn(async (_, i) => (keys![i] === undefined ? undefined : recall(keys![i]))));
    const rows = Array.from(views, (_, i) => !recalled?.[i]);
    const size = batchShape(preprocessing, 1).reduce((a, b) => a * b);
    const places = placesOf(rows, size);
    const values = new Float32Array(rows.filter(Boolean).length * size);
    const whole = await inTurn(async (view, i) => !rows[i] || this.write(view, values, places[i]));
    const kept = [...views.keys()].filter((i) => whole[i]);
    if (kept.length === 0) return undefined;
    const drawn = kept.filter((i) => rows[i]);
    drawn.forEach((i, to) => {
      values.copyWithin(size * to, places[i], places[i] + size);
    });
    return {
      inputs: [tensor('float32', batchShape(preprocessing, drawn.length), values.subarray(0, drawn.length * size))],
      labels: BigInt64Array.from(kept, (i) => BigInt(samples[views[i].index].label)),
      ...targetsOf(kept.map((i) => samples[views[i].index])),
      indices: kept.map((i) => views[i].index),
      ...(recall && { keys: kept.map((i) => keys![i]), recalled: kept.map((i) => recalled![i]) }),
    };
  }

  /** Digest of everything that determines the pixels of a view; undefined if the file is unreadable. */
  private async keyOf({ index, draw, test }: View): Promise<string | undefined> {
    const { file } = this.options.samples[index];
    const content = await this.contentOf(file);
    return content && this.reader.digest(`${content} ${this.conditions} ${JSON.stringify(draw ?? test ?? null)}`);
  }

  /** Digest of a file at its first use, because its decoded image is cached too. */
  private contentOf(file: string): Promise<string | undefined> {
    const known = this.contents.get(file);
    if (known) return known;
    const content = this.reader.digestOf(file).catch((error) => this.failed(file, error));
    this.contents.set(file, content);
    return content;
  }

  /** Returns whether the image could be decoded. */
  private async write({ index, draw, test }: View, values: Float32Array, offset: number): Promise<boolean> {
    const { preprocessing: p, samples } = this.options;
    const { file } = samples[index];
    const image = await this.decode(file).catch((error) => this.failed(file, error));
    if (!image) return false;
    if (draw) await this.reader.augment(image, p, draw, values, offset);
    else if (test) {
      const { mirrored: horizontalFlip } = test;
      writePixels(image, p, values, offset, { ...viewOrigin(image, p, test), horizontalFlip });
    } else writePixels(image, p, values, offset, inputOrigin(image, p));
    return true;
  }

  private decode(file: string): Promise<Pixels> {
    const { preprocessing, testViews } = this.options;
    const p = testViews ? viewedPreprocessing(preprocessing, testViews) : preprocessing;
    const large = this.augmentation !== undefined;
    const { width, height, fit, cropFraction, interpolation } = p;
    const conditions = [large ? 'large' : 'resized', width, height, fit, cropFraction, interpolation].join(' ');
    return this.cache.get(file, conditions, () => this.reader.decode(file, p, large));
  }

  private failed(file: string, error: unknown): undefined {
    return this.report({ file, reason: this.reader.failureReason(error) });
  }

  private report(problem: DataProblem): undefined {
    if (this.reported.has(problem.file)) return;
    this.reported.add(problem.file);
    this.problems.push(problem);
    this.options.onProblem?.(problem);
  }
}
