import { bytesOf, elementCount, type Model, type Tensor, tensor, type Value, writeModel } from '../../onnx/index.ts';
import { Random } from '../../random.ts';
import type { Runtime } from '../../runtime/index.ts';
import type { FeatureSpace } from './cache.ts';
import { LazySession } from './lazy-session.ts';
import { RowFormat } from './rows.ts';

/** Pictures that a stretch takes at a time. */
const CHUNK = 8;

/** A stretch of the frozen part: from the pixels, or from another stretch's values, to its own. */
export class Stretch {
  private chunk: Promise<number> | undefined;

  private constructor(
    private readonly session: LazySession,
    readonly from: RowFormat,
    readonly to: RowFormat,
    readonly space: FeatureSpace,
    /** Inputs that follow from the number of pictures. */
    private readonly sizes: SizeValues | undefined,
  ) {}

  /**
   * @param share of the cache's memory
   * @param after what `from` is computed by, where it is not the pixels
   */
  static async open(
    runtime: Runtime,
    model: Model,
    ends: { readonly from: readonly Value[]; readonly to: readonly Value[] },
    sizes: SizeValues | undefined,
    share: number,
    after?: Stretch,
  ): Promise<Stretch> {
    const session = new LazySession(runtime, writeModel(model));
    const digest = await session.digest();
    const to = new RowFormat(ends.to);
    const space = { model: after ? `${after.space.model} ${digest}` : digest, bytes: to.bytes, share };
    return new Stretch(session, new RowFormat(ends.from), to, space, sizes);
  }

  /** What it makes of each row: the same bytes whichever rows are asked for together. */
  async compute(rows: readonly Uint8Array[]): Promise<Uint8Array[]> {
    this.chunk ??= this.findChunk();
    const size = await this.chunk;
    const made: Uint8Array[] = [];
    for (let at = 0; at < rows.length; at += size) made.push(...(await this.run(rows.slice(at, at + size), size)));
    return made;
  }

  release(): Promise<void> {
    return this.session.release();
  }

  /** The batch is always of `count`, the last row repeated where there are fewer: kernels are chosen by its size. */
  private async run(rows: readonly Uint8Array[], count: number): Promise<Uint8Array[]> {
    const session = await this.session.get();
    const feeds = { ...(await this.sizes?.at(count)), ...this.from.stack(rows, count) };
    return this.to.cut(await session.run(pick(feeds, session.inputNames)), rows.length);
  }

  /**
   * How many rows may be computed together: some kernels round by a row's place in the batch, and then it is one at a time. Found out
   * with noise, so that it is the same for all pictures.
   */
  private async findChunk(): Promise<number> {
    if (this.from.values.some(({ type }) => type !== 'float32')) return 1;
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

/** Values that follow from the number of pictures alone, such as a shape to reshape to: computed once for each number. */
export class SizeValues {
  private readonly session: LazySession;
  private readonly known = new Map<number, Promise<Record<string, Tensor>>>();

  /** @param input that takes the pictures */
  constructor(
    runtime: Runtime,
    model: Model,
    private readonly input: Value,
  ) {
    this.session = new LazySession(runtime, writeModel(model));
  }

  at(count: number): Promise<Record<string, Tensor>> {
    const values = this.known.get(count) ?? this.compute(count);
    this.known.set(count, values);
    return values;
  }

  release(): Promise<void> {
    return this.session.release();
  }

  private async compute(count: number): Promise<Record<string, Tensor>> {
    const shape = [count, ...(this.input.shape.slice(1) as number[])];
    const blank = tensor('float32', shape, new Float32Array(elementCount(shape)));
    const session = await this.session.get();
    return session.run(pick({ [this.input.name]: blank }, session.inputNames));
  }
}

export const pick = <T>(tensors: Readonly<Record<string, T>>, names: readonly string[]): Record<string, T> =>
  Object.fromEntries(names.filter((name) => name in tensors).map((name) => [name, tensors[name]]));

const isSame = (a: Uint8Array, b: Uint8Array): boolean => a.every((byte, i) => byte === b[i]);
