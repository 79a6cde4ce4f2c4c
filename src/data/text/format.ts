import * as z from 'zod';
import { ThawError } from '../../errors.ts';

/** The inputs that text encoders have. */
export const TOKEN_INPUTS = ['input_ids', 'attention_mask', 'token_type_ids'] as const;
export type TokenInput = (typeof TOKEN_INPUTS)[number];

/** How texts become a model's input: one description for training, evaluation, prediction and export. */
export interface TextFormat {
  readonly kind: 'text';
  /** Tokens of a text at most, special ones included; what is longer is cut. */
  readonly maxLength: number;
  /** The length that the model takes, where it takes no other. */
  readonly fixedLength?: number;
  /** The model's data inputs, in its order. */
  readonly inputs: readonly TokenInput[];
  readonly type: 'int64' | 'int32';
  /** `tokenizer.json` and `tokenizer_config.json`, parsed. */
  readonly tokenizer: unknown;
  readonly tokenizerConfig: unknown;
}

export const textFormatSchema: z.ZodType<TextFormat> = z.object({
  kind: z.literal('text'),
  maxLength: z.number().int().positive(),
  fixedLength: z.number().int().positive().optional(),
  inputs: z.array(z.enum(TOKEN_INPUTS)).min(1),
  type: z.enum(['int64', 'int32']),
  tokenizer: z.unknown(),
  tokenizerConfig: z.unknown(),
});

/** What tells a format of texts from one of images. */
export const isText = <T extends object>(format: T): format is Extract<T, { readonly kind: 'text' }> =>
  'kind' in format && format.kind === 'text';

/** The name of the length in the shapes of inputs. */
export const LENGTH = 'sequence';

/**
 * The length to which a text is padded: the least of 8, 12, 16, 24, 32, 48, … that holds it, so that sessions see few shapes, and at most a
 * third of a text is padding.
 */
export function paddedLength(tokens: number, { maxLength, fixedLength }: TextFormat): number {
  if (fixedLength !== undefined) return fixedLength;
  let power = 8;
  while (power < tokens) power *= 2;
  const half = (power / 4) * 3;
  return Math.min(maxLength, half >= tokens && half > 8 ? half : power);
}

/** @throws ThawError `bad-config` where texts are cut to nothing */
export function checkLength(maxLength: number, limit: number): number {
  if (maxLength <= limit) return maxLength;
  throw new ThawError(
    'bad-config',
    `texts of ${maxLength} tokens are longer than the model can read (${limit})`,
    `Give --max-length ${limit} or less`,
  );
}
