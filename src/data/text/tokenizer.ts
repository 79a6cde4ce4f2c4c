import { Tokenizer } from '@huggingface/tokenizers';
import { ThawError } from '../../errors.ts';
import { refuseCostly } from './expressions.ts';
import type { TextFormat } from './format.ts';

/** A tokenized text. `token_type_ids` are 0 unless the tokenizer sets them. */
export interface Encoded {
  readonly ids: readonly number[];
  readonly types: readonly number[];
  /** Whether the text was truncated. */
  readonly cut: boolean;
}

type Config = Readonly<Record<string, unknown>>;

/** A tokenizer without vocabulary. Added tokens would run its expressions as soon as it is created. */
const NO_WORDS = { added_tokens: [], model: { type: 'BPE', vocab: {}, merges: [] } };

/** Checks the expressions in JavaScript's syntax, as they run. The file has them in another syntax. */
function refuseCostlyExpressions(tokenizer: object, config: Config): void {
  const { normalizer, pre_tokenizer, post_processor, decoder } = new Tokenizer({ ...tokenizer, ...NO_WORDS }, config);
  const parts = new Set<unknown>([normalizer, pre_tokenizer, post_processor, decoder]);
  for (const part of parts) {
    if (part instanceof RegExp) refuseCostly(part);
    // A step is a function with properties.
    else if ((typeof part === 'object' && part !== null) || typeof part === 'function')
      for (const inner of Object.values(part)) parts.add(inner);
  }
}

/** A Hugging Face tokenizer with a maximum length. */
export class TextTokenizer {
  private readonly tokenizer: Tokenizer;
  private readonly maxLength: number;
  /** Number of special tokens after a text, which truncation keeps. */
  private readonly behind: number;
  /** Whether truncation removes the start of a text. */
  private readonly fromLeft: boolean;
  private readonly before: number;
  /** Id of the padding token. */
  readonly padding: number;

  /** @throws ThawError `bad-model` if the files do not describe a supported tokenizer */
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
        `${maxLength} tokens leave no space for text between the special tokens`,
        'Use a larger --max-length',
      );
    }
  }

  /** Encodes like transformers: truncation keeps special tokens. */
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

  /** Number of special tokens before and after a text. */
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
