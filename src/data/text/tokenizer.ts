import { Tokenizer } from '@huggingface/tokenizers';
import { ThawError } from '../../errors.ts';
import { refuseCostly } from './expressions.ts';
import type { TextFormat } from './format.ts';

/** A text as tokens: `token_type_ids` are all 0 but where the tokenizer says otherwise. */
export interface Encoded {
  readonly ids: readonly number[];
  readonly types: readonly number[];
  /** Whether it was too long. */
  readonly cut: boolean;
}

type Config = Readonly<Record<string, unknown>>;

/** A tokenizer without words: those that are added are read by its expressions as soon as it is made. */
const NO_WORDS = { added_tokens: [], model: { type: 'BPE', vocab: {}, merges: [] } };

/** Looks at the expressions as they will be run, and not as the file has them, which is in another language's way. */
function refuseCostlyExpressions(tokenizer: object, config: Config): void {
  const { normalizer, pre_tokenizer, post_processor, decoder } = new Tokenizer({ ...tokenizer, ...NO_WORDS }, config);
  const parts = new Set<unknown>([normalizer, pre_tokenizer, post_processor, decoder]);
  for (const part of parts) {
    if (part instanceof RegExp) refuseCostly(part);
    // A step is a function that has properties.
    else if ((typeof part === 'object' && part !== null) || typeof part === 'function')
      for (const inner of Object.values(part)) parts.add(inner);
  }
}

/** A Hugging Face tokenizer with a greatest length. */
export class TextTokenizer {
  private readonly tokenizer: Tokenizer;
  private readonly maxLength: number;
  /** Special tokens behind a text, which stay when it is cut. */
  private readonly behind: number;
  /** Whether a long text loses its beginning. */
  private readonly fromLeft: boolean;
  private readonly before: number;
  /** Of the padding token. */
  readonly padding: number;

  /** @throws ThawError `bad-model` where the files describe no tokenizer that can be had */
  constructor({ tokenizer, tokenizerConfig, maxLength }: TextFormat) {
    const config = (tokenizerConfig ?? {}) as Config;
    try {
      refuseCostlyExpressions(tokenizer as object, config);
      this.tokenizer = new Tokenizer(tokenizer as object, config);
      const frame = this.frame();
      this.before = frame.before;
      this.behind = frame.behind;
    } catch (cause) {
      if (cause instanceof ThawError) throw cause;
      throw new ThawError(
        'bad-model',
        `tokenizer.json cannot be used: ${(cause as Error).message}`,
        'Give the model with the tokenizer.json that belongs to it',
        { cause },
      );
    }
    this.maxLength = maxLength;
    this.fromLeft = config.truncation_side === 'left';
    this.padding = this.idOf(config.pad_token) ?? 0;
    if (maxLength <= this.before + this.behind) {
      throw new ThawError(
        'bad-config',
        `${maxLength} tokens are no more than the special ones around a text`,
        'Give a larger --max-length',
      );
    }
  }

  /** As transformers does: special tokens stay where a text is cut. */
  encode(text: string): Encoded {
    const { ids, token_type_ids: types = ids.map(() => 0) } = this.tokenizer.encode(text, {
      return_token_type_ids: true,
    });
    if (!ids.every(Number.isInteger))
      throw new ThawError(
        'bad-model',
        'tokenizer.json gives a token that its vocabulary does not have',
        'Give the model with the tokenizer.json that belongs to it',
      );
    const excess = ids.length - this.maxLength;
    if (excess <= 0) return { ids, types, cut: false };
    const from = this.fromLeft ? this.before : ids.length - this.behind - excess;
    const shorten = (all: readonly number[]) => [...all.slice(0, from), ...all.slice(from + excess)];
    return { ids: shorten(ids), types: shorten(types), cut: true };
  }

  /** How many special tokens stand before and behind a text. */
  private frame(): { before: number; behind: number } {
    const plain: readonly number[] = this.tokenizer.encode('a', { add_special_tokens: false }).ids;
    const whole: readonly number[] = this.tokenizer.encode('a').ids;
    const added = whole.length - plain.length;
    const before = Array.from({ length: added + 1 }, (_, i) => i).find((i) =>
      plain.every((id, k) => whole[i + k] === id),
    );
    return { before: before ?? 0, behind: added - (before ?? 0) };
  }

  private idOf(token: unknown): number | undefined {
    const content = typeof token === 'string' ? token : (token as { content?: string } | undefined)?.content;
    return content === undefined ? undefined : this.tokenizer.token_to_id(content);
  }
}
