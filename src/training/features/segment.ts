import type { RowSizes } from '../../data/index.ts';
import {
  arrayOf,
  bytesOf,
  elementCount,
  type Model,
  sizeOf,
  type Tensor,
  tensor,
  type Value,
} from '../../onnx/index.ts';
import { Random } from '../../random.ts';
import { digestOf, loadable, type Runtime, type SessionOptions } from '../../runtime/index.ts';
import { LazySession } from '../lazy-session.ts';
import type { FeatureSpace } from './cache.ts';
import { RowFormat } from './rows.ts';

/** With two cores, threads that don't spin save a third of the time of the frozen layers and of decoding (docs/lab/2026-11-performance.md). */
export const NO_SPINNING: SessionOptions = { spinning: false };

/** Chunk size, in samples. */
export const CHUNK = 8;

interface Ends {
  readonly from: readonly Value[];
  readonly to: readonly Value[];
}

export interface SegmentOptions extends Ends {
  readonly runtime: Runtime;
  readonly model: Model;
  /** The segment that computes `from`; none if `from` is the data. */
  readonly after?: Segment;
  /** Inputs that follow from the number and the sizes of samples. */
  readonly sizeDependent: SizeDependentValues | undefined;
  /** Part of the cache's memory. */
  readonly share: number;
}

/** A segment of the frozen part: it computes its own values from the data, or from another segment's values. */
export class Segment {
  private readonly known = new Map<string, SizedSegment>();

  private constructor(
    private readonly session: LazySession,
    private readonly ends: Ends,
    /** The digests of its model and of those before. */
    readonly model: string,
    private readonly sizeDependent: SizeDependentValues | undefined,
    private readonly share: number,
  ) {}

  static async open({ runtime, model, from, to, after, sizeDependent, share }: SegmentOptions): Promise<Segment> {
    const loaded = loadable(model);
    const digest = await digestOf(loaded);
    const session = new LazySession(runtime, loaded, NO_SPINNING);
    return new Segment(session, { from, to }, after ? `${after.model} ${digest}` : digest, sizeDependent, share);
  }

  /** For rows of these sizes. */
  forSizes(sizes: RowSizes): SizedSegment {
    const key = JSON.stringify(sizes);
    const known = this.known.get(key) ?? this.sized(sizes);
    this.known.set(key, known);
    return known;
  }

  release(): Promise<void> {
    return this.session.release();
  }

  private sized(sizes: RowSizes): SizedSegment {
    const to = new RowFormat(this.ends.to, sizes);
    const space = { model: this.model, bytes: to.bytes, share: this.share };
    const sizeDependent = async (count: number) => this.sizeDependent?.of(count, sizes);
    return new SizedSegment(this.session, new RowFormat(this.ends.from, sizes), to, space, sizeDependent);
  }
}

/** A segment for rows of one size. */
export class SizedSegment {
  private chunk: Promise<number> | undefined;

  constructor(
    private readonly session: LazySession,
    readonly from: RowFormat,
    readonly to: RowFormat,
    readonly space: FeatureSpace,
    /** Inputs that follow from the number of samples. */
    private readonly sizeDependent: (count: number) => Promise<Record<string, Tensor> | undefined>,
  ) {}

  /** The result for each row: the same bytes, whichever rows are computed together. */
  async compute(rows: readonly Uint8Array[]): Promise<Uint8Array[]> {
    this.chunk ??= this.findChunk();
    const size = await this.chunk;
    const made: Uint8Array[] = [];
    for (let at = 0; at < rows.length; at += size) made.push(...(await this.run(rows.slice(at, at + size), size)));
    return made;
  }

  /** The batch always has `count` rows (the last one is repeated), because ONNX Runtime chooses kernels by its size. */
  private async run(rows: readonly Uint8Array[], count: number): Promise<Uint8Array[]> {
    const session = await this.session.get();
    const feeds = { ...(await this.sizeDependent(count)), ...this.from.stack(rows, count) };
    return this.to.cut(await session.run(pick(feeds, session.inputNames)), rows.length);
  }

  /**
   * How many rows may be computed together: one, if a kernel rounds by a row's place in the batch. This is tried with noise, so that it
   * is the same for all samples.
   */
  private async findChunk(): Promise<number> {
    if (this.from.parts.some(({ type }) => type !== 'float32')) return 1;
    const random = new Random(0, 'chunk');
    const noise = Array.from({ length: CHUNK }, () =>
      bytesOf(
        tensor(
          'float32',
          [],
          Float32Array.from({ length: this.from.bytes / 4 }, () => random.uniform()),
        ),
      ),
    );
    const order = random.shuffle([...noise.keys()]);
    const straight = await this.run(noise, CHUNK);
    const mixed = await this.run(
      order.map((i) => noise[i]),
      CHUNK,
    );
    return order.every((i, at) => isSame(straight[i], mixed[at])) ? CHUNK : 1;
  }
}

/** Values that follow from the number and the sizes of samples, such as a shape to reshape to. They are computed once for each. */
export class SizeDependentValues {
  private readonly session: LazySession;
  private readonly known = new Map<string, Promise<Record<string, Tensor>>>();

  /** @param inputs the data inputs */
  constructor(
    runtime: Runtime,
    model: Model,
    private readonly inputs: readonly Value[],
  ) {
    this.session = new LazySession(runtime, loadable(model), NO_SPINNING);
  }

  of(count: number, sizes: RowSizes): Promise<Record<string, Tensor>> {
    const key = JSON.stringify([count, sizes]);
    const values = this.known.get(key) ?? this.compute(count, sizes);
    this.known.set(key, values);
    return values;
  }

  release(): Promise<void> {
    return this.session.release();
  }

  private async compute(count: number, sizes: RowSizes): Promise<Record<string, Tensor>> {
    const blank = this.inputs.map(({ name, type, shape }) => {
      const dims = [count, ...shape.slice(1).map((d) => sizeOf(d, sizes))];
      return [name, tensor(type, dims, new (arrayOf(type)!)(elementCount(dims)))] as const;
    });
    const session = await this.session.get();
    return session.run(pick(Object.fromEntries(blank), session.inputNames));
  }
}

export const pick = <T>(tensors: Readonly<Record<string, T>>, names: readonly string[]): Record<string, T> =>
  Object.fromEntries(names.filter((name) => Object.hasOwn(tensors, name)).map((name) => [name, tensors[name]]));

const isSame = (a: Uint8Array, b: Uint8Array): boolean => a.every((byte, i) => byte === b[i]);
