/** Texts as model inputs: Hugging Face tokenizers, lengths, batches. */

export {
  checkLength,
  isText,
  LENGTH,
  paddedLength,
  type TextFormat,
  TOKEN_INPUTS,
  type TokenInput,
  textFormatSchema,
} from './format.ts';
export { TextSource, type TextSourceOptions } from './source.ts';
export { type Encoded, TextTokenizer } from './tokenizer.ts';
