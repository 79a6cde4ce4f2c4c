import { sha256 } from '../../digest.ts';
import { arrayFrom, tensor } from '../../onnx/index.ts';
import { Random } from '../../random.ts';
import { type Batch, type BatchOptions, type BatchSource, balancedOrder, type Sample } from '../index.ts';
import { LENGTH, paddedLength, type TextFormat, type TokenInput } from './format.ts';
import { type Encoded, TextTokenizer } from './tokenizer.ts';

export interface TextSourceOptions {
  /** Samples with texts. */
  readonly samples: readonly Sample[];
  readonly format: TextFormat;
  readonly seed?: number;
  /** New order in every epoch. Default: off. `balanced` shows equally many samples of every class. */
  readonly shuffle?: boolean | 'balanced';
  /** Tokenizer of the format. Default: a new one. */
  readonly tokenizer?: TextTokenizer;
}

/** Samples of a batch, and their common padded length. */
interface Group {
  readonly indices: readonly number[];
  readonly length: number;
}

/**
 * Labelled texts, read in batches. A batch has texts of similar length, padded to one of a few lengths (`paddedLength`). Remaining texts of
 * a length join the next longer one, so all batches but one are full. The order depends only on seed and epoch.
 */
export class TextSource implements BatchSource {
  private readonly tokenizer: TextTokenizer;
  private readonly known = new Map<number, Encoded>();

  constructor(private readonly options: TextSourceOptions) {
    this.tokenizer = options.tokenizer ?? new TextTokenizer(options.format);
  }

  get length(): number {
    return this.options.samples.length;
  }

  /** Number of truncated texts. */
  get cut(): number {
    return this.options.samples.filter((_, i) => this.encoded(i).cut).length;
  }

  async *batches({ epoch, batchSize, from = 0, until, only, recall }: BatchOptions): AsyncGenerator<Batch> {
    for (const group of this.groupsOf(epoch, batchSize, only).slice(from, until)) yield await this.load(group, recall);
  }

  private groupsOf(epoch: number, batchSize: number, only?: readonly number[]): Group[] {
    const { shuffle = false, seed = 0 } = this.options;
    const random = new Random(seed, 'order', epoch);
    const order = only ?? this.orderOf(shuffle, random);
    const byLength = new Map<number, number[]>();
    for (const i of order) {
      const alike = byLength.get(this.lengthOf(i));
      if (alike) alike.push(i);
      else byLength.set(this.lengthOf(i), [i]);
    }
    const groups: Group[] = [];
    let waiting: number[] = [];
    const take = () => {
      const indices = waiting.slice(0, batchSize);
      waiting = waiting.slice(batchSize);
      groups.push({ indices, length: Math.max(...indices.map((i) => this.lengthOf(i))) });
    };
    for (const length of [...byLength.keys()].sort((a, b) => a - b)) {
      waiting = [...waiting, ...byLength.get(length)!];
      while (waiting.length >= batchSize) take();
    }
    if (waiting.length) take();
    return shuffle ? random.shuffle(groups) : groups;
  }

  private orderOf(shuffle: boolean | 'balanced', random: Random): readonly number[] {
    const { samples } = this.options;
    if (shuffle === 'balanced')
      return balancedOrder(
        samples.map(({ label }) => label),
        random,
      );
    const positions = samples.map((_, i) => i);
    return shuffle ? random.shuffle(positions) : positions;
  }

  private lengthOf(index: number): number {
    return paddedLength(this.encoded(index).ids.length, this.options.format);
  }

  private encoded(index: number): Encoded {
    const encoded = this.known.get(index) ?? this.tokenizer.encode(this.options.samples[index].text ?? '');
    this.known.set(index, encoded);
    return encoded;
  }

  private async load({ indices, length }: Group, recall: BatchOptions['recall']): Promise<Batch> {
    const { samples } = this.options;
    const sizes = { [LENGTH]: length };
    const keys = recall && (await Promise.all(indices.map((i) => this.keyOf(i, length))));
    const recalled = recall && (await Promise.all(keys!.map((key) => recall(key, sizes))));
    const rows = indices.filter((_, i) => !recalled?.[i]);
    const targets = indices.flatMap((i) => samples[i].targets ?? []);
    return {
      inputs: this.options.format.inputs.map((name) => this.input(name, rows, length)),
      sizes,
      labels: BigInt64Array.from(indices, (i) => BigInt(samples[i].label)),
      ...(targets.length && { targets: Float32Array.from(targets) }),
      indices,
      ...(recall && { keys, recalled }),
    };
  }

  private input(name: TokenInput, rows: readonly number[], length: number) {
    const { type } = this.options.format;
    const values = rows.flatMap((index) => {
      const { ids, types } = this.encoded(index);
      const own = { input_ids: ids, attention_mask: ids.map(() => 1), token_type_ids: types }[name];
      return [...own, ...Array<number>(length - own.length).fill(name === 'input_ids' ? this.tokenizer.padding : 0)];
    });
    return tensor(type, [rows.length, length], arrayFrom(type, values));
  }

  /** Digest of the tokens and their padded length, because kernels can sum in another order for another length. */
  private async keyOf(index: number, length: number): Promise<string> {
    const { ids, types } = this.encoded(index);
    return sha256(Int32Array.from([length, ids.length, ...ids, ...types]).buffer);
  }
}
