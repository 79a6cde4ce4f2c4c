import type { Batch, BatchSource } from '../data/index.ts';
import { isText, TextTokenizer } from '../data/text/index.ts';
import { tensor } from '../onnx/index.ts';
import type { Prediction, TaskName } from '../tasks/index.ts';
import { inputPredictions, inputSource, type ReaderOf } from './loaded-model.ts';
import type { Predictor } from './predictor.ts';

/** Milliseconds that a batch waits for images that are being decoded. */
const PATIENCE = 10;

/** Samples that go through the model together. */
interface Piece<S> {
  readonly samples: readonly S[];
  /** Of images: the decoded ones. */
  readonly decoded?: Batch;
  readonly signal?: AbortSignal;
  resolve(predictions: readonly Prediction[]): void;
  reject(error: unknown): void;
}

/**
 * A loaded model for many callers at a time. It decodes the images of each call at once. While a batch runs, samples of other calls collect, and
 * go through the model together. A sample that cannot be read fails its own call only.
 *
 * @typeParam T the model's task @typeParam S a sample: an image as the platform has it, or a text
 */
export class BatchedModel<T extends TaskName, S> {
  private readonly tokenizer?: TextTokenizer;
  /** Samples of a batch. */
  private readonly size: number;
  private readonly decoding = new Set<Promise<unknown>>();
  private ready: Piece<S>[] = [];
  private running: Promise<void> | undefined;

  constructor(
    private readonly predictor: Predictor<T>,
    private readonly readerOf: ReaderOf<S>,
  ) {
    const { format, batchSize, testViews } = predictor.parts;
    if (isText(format)) this.tokenizer = new TextTokenizer(format);
    this.size = Math.max(1, Math.floor(batchSize / (testViews?.length ?? 1)));
  }

  /**
   * The predictions of a call, in the order of its samples.
   *
   * @param signal of a caller that no longer waits: samples that are still waiting leave the queue
   * @throws ThawError `bad-data` if a sample cannot be read; the reason of `signal`
   */
  async predict(samples: readonly S[], signal?: AbortSignal): Promise<readonly Prediction[]> {
    const decoded = this.tokenizer || !samples.length ? undefined : await this.decode(samples);
    const starts = Array.from({ length: Math.ceil(samples.length / this.size) }, (_, i) => i * this.size);
    const pieces = starts.map((from) => {
      const own = samples.slice(from, from + this.size);
      return this.queue(own, decoded && rowsOf(decoded, from, from + own.length), signal);
    });
    return (await Promise.all(pieces)).flat();
  }

  /** Waits for the running batch, and gives back the memory of the model. */
  async dispose(): Promise<void> {
    await this.running;
    await this.predictor.release();
  }

  private queue(samples: readonly S[], decoded: Batch | undefined, signal: AbortSignal | undefined) {
    return new Promise<readonly Prediction[]>((resolve, reject) => {
      this.ready.push({ samples, decoded, signal, resolve, reject });
      this.running ??= this.runAll().finally(() => {
        this.running = undefined;
      });
    });
  }

  private async decode(samples: readonly S[]): Promise<Batch> {
    const decoding = this.decodeAll(samples).finally(() => this.decoding.delete(decoding));
    this.decoding.add(decoding);
    return decoding;
  }

  private async decodeAll(samples: readonly S[]): Promise<Batch> {
    const { format, testViews } = this.predictor.parts;
    const source = inputSource(samples, { format, testViews, readerOf: this.readerOf });
    const batchSize = samples.length * (testViews?.length ?? 1);
    for await (const batch of source.batches({ epoch: 0, batchSize })) return batch;
    throw new Error('no sample was decoded');
  }

  private async runAll(): Promise<void> {
    while (this.ready.length) {
      if (this.waiting < this.size && this.decoding.size) await this.nextDecoded();
      await this.run(this.take());
    }
  }

  private get waiting(): number {
    return this.ready.reduce((all, { samples }) => all + samples.length, 0);
  }

  /** Waits for the images that are being decoded now, but not for long. */
  private async nextDecoded(): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const patience = new Promise<void>((done) => {
      timer = setTimeout(done, PATIENCE);
    });
    await Promise.race([Promise.allSettled(this.decoding), patience]);
    clearTimeout(timer);
  }

  /** The next samples that fill a batch. */
  private take(): Piece<S>[] {
    for (const { signal, reject } of this.ready) if (signal?.aborted) reject(signal.reason);
    this.ready = this.ready.filter(({ signal }) => !signal?.aborted);
    let count = 0;
    const beyond = this.ready.findIndex(({ samples }) => {
      count += samples.length;
      return count > this.size;
    });
    return this.ready.splice(0, beyond < 0 ? this.ready.length : beyond);
  }

  private async run(pieces: readonly Piece<S>[]): Promise<void> {
    if (!pieces.length) return;
    try {
      const outcomes = [];
      for await (const batch of this.predictor.outcomes(this.sourceOf(pieces))) outcomes.push(...batch);
      const predictions = inputPredictions(this.predictor.task, outcomes, undefined);
      let next = 0;
      for (const { samples, resolve } of pieces) {
        resolve(predictions.slice(next, next + samples.length));
        next += samples.length;
      }
    } catch (error) {
      for (const { reject } of pieces) reject(error);
    }
  }

  private sourceOf(pieces: readonly Piece<S>[]): BatchSource {
    const { format } = this.predictor.parts;
    const { tokenizer, readerOf } = this;
    const samples = pieces.flatMap((piece) => piece.samples);
    if (tokenizer) return inputSource(samples, { format, readerOf, tokenizer });
    const batch = joined(pieces.map(({ decoded }) => decoded!));
    return {
      length: samples.length,
      async *batches() {
        yield batch;
      },
    };
  }
}

/** The images of a batch from one index to another, which become 0, 1, … */
function rowsOf(batch: Batch, from: number, to: number): Batch {
  const { inputs, indices, labels } = batch;
  const start = indices.indexOf(from);
  const rows = indices.filter((index) => index >= from && index < to);
  if (rows.length === indices.length) return batch;
  const [{ type, shape, data }] = inputs;
  const size = data.length / indices.length;
  const values = (data as Float32Array).subarray(start * size, (start + rows.length) * size);
  return {
    inputs: [tensor(type, [rows.length, ...shape.slice(1)], values)],
    labels: labels.slice(start, start + rows.length),
    indices: rows.map((index) => index - from),
  };
}

/** Batches of images as one. */
function joined(batches: readonly Batch[]): Batch {
  if (batches.length === 1) return batches[0];
  const images = batches.map(({ inputs: [input] }) => input);
  const values = new Float32Array(images.reduce((all, { data }) => all + data.length, 0));
  const indices: number[] = [];
  let [at, first] = [0, 0];
  for (const [i, { data }] of images.entries()) {
    values.set(data as Float32Array, at);
    at += data.length;
    const own = batches[i].indices;
    indices.push(...own.map((index) => index + first));
    first += Math.max(...own) + 1;
  }
  const [, ...shape] = images[0].shape;
  return {
    inputs: [tensor('float32', [indices.length, ...shape], values)],
    labels: new BigInt64Array(indices.length),
    indices,
  };
}
