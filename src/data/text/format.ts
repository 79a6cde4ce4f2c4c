import * as z from 'zod';
import { ThawError } from '../../errors.ts';

/** Possible inputs of text encoders. */
export const TOKEN_INPUTS = ['input_ids', 'attention_mask', 'token_type_ids'] as const;
export type TokenInput = (typeof TOKEN_INPUTS)[number];

/** Conversion of texts to a model's input: one description for training, evaluation, prediction and export. */
export interface TextFormat {
  readonly kind: 'text';
  /** Maximum number of tokens, including special ones. Longer texts are truncated. */
  readonly maxLength: number;
  /** The only length that the model accepts, if it is fixed. */
  readonly fixedLength?: number;
  /** The model's data inputs, in order. */
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

/** Whether a format is for texts and not for images. */
export const isText = <T extends object>(format: T): format is Extract<T, { readonly kind: 'text' }> =>
  'kind' in format && format.kind === 'text';

/** Name of the length dimension in input shapes. */
export const LENGTH = 'sequence';

/**
 * The padded length of a text: the smallest of 8, 12, 16, 24, 32, 48, … that fits. So sessions see few shapes, and at most a third of a
 * text is padding.
 */
export function paddedLength(tokens: number, { maxLength, fixedLength }: TextFormat): number {
  if (fixedLength !== undefined) return fixedLength;
  let power = 8;
  while (power < tokens) power *= 2;
  const half = (power / 4) * 3;
  return Math.min(maxLength, half >= tokens && half > 8 ? half : power);
}

/** @throws ThawError `bad-config` if the length exceeds the limit */
export function checkLength(maxLength: number, limit: number): number {
  if (maxLength <= limit) return maxLength;
  throw new ThawError(
    'bad-config',
    `texts of ${maxLength} tokens exceed the limit of the model (${limit})`,
    `Use --max-length ${limit} or less`,
  );
}
