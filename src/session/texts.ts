import { checkLength, LENGTH, type TextFormat, TOKEN_INPUTS, type TokenInput } from '../data/text/index.ts';
import { ThawError } from '../errors.ts';
import { type Dimension, dataInputsOf, type Model } from '../onnx/index.ts';
import type { TextSettings } from './settings.ts';

/** The files next to a text model, parsed. */
export interface TextFiles {
  readonly tokenizer?: unknown;
  readonly tokenizerConfig?: unknown;
  readonly config?: unknown;
}

/** Tokens of a text that are read, unless the user says otherwise and where the model can read so many. */
export const MAX_LENGTH = 128;

const isTokenInput = (name: string): name is TokenInput => (TOKEN_INPUTS as readonly string[]).includes(name);

/** Whether a model reads tokens. */
export const takesTexts = (model: Model): boolean => dataInputsOf(model.graph).some(({ name }) => name === 'input_ids');

/**
 * How texts become a model's input.
 *
 * @param own from the model's metadata
 * @throws ThawError `bad-model` if a tokenizer cannot fill its inputs, or there is none; `bad-config` if texts may be longer than it reads
 */
export function chooseText(
  model: Model,
  { tokenizer, tokenizerConfig = {}, config }: TextFiles,
  { maxLength }: TextSettings,
  own?: { readonly maxLength: number },
): TextFormat {
  const inputs = dataInputsOf(model.graph);
  const odd = inputs.find(({ name, type }) => !isTokenInput(name) || (type !== 'int64' && type !== 'int32'));
  if (odd) {
    throw new ThawError(
      'bad-model',
      `the model's input "${odd.name}" (${odd.type}) cannot be filled by a tokenizer`,
      `Export it with ${TOKEN_INPUTS.join(', ')} only`,
    );
  }
  if (tokenizer === undefined) {
    throw new ThawError(
      'bad-model',
      'the model reads tokens, and there is no tokenizer.json next to it',
      'Put tokenizer.json and tokenizer_config.json into its folder',
    );
  }
  const declared = inputs[0].shape?.[1];
  const fixed = typeof declared === 'number' ? declared : undefined;
  const limit = Math.min(fixed ?? Number.POSITIVE_INFINITY, positionsOf(config), lengthOf(tokenizerConfig));
  const wanted = maxLength ?? own?.maxLength;
  return {
    kind: 'text',
    maxLength: wanted === undefined ? Math.min(MAX_LENGTH, limit) : checkLength(wanted, limit),
    ...(fixed === undefined ? {} : { fixedLength: fixed }),
    inputs: inputs.map(({ name }) => name as TokenInput),
    type: inputs[0].type as 'int64' | 'int32',
    tokenizer,
    tokenizerConfig,
  };
}

/** Positions that the model has embeddings for; RoBERTa and its like count them from behind the padding token's. */
function positionsOf(config: unknown): number {
  const { max_position_embeddings: positions, model_type, pad_token_id } = (config ?? {}) as Record<string, unknown>;
  if (typeof positions !== 'number' || positions <= 0) return Number.POSITIVE_INFINITY;
  const counted = /roberta|camembert|mpnet|longformer|xlm-r/.test(String(model_type));
  return counted ? positions - (typeof pad_token_id === 'number' ? pad_token_id : 1) - 1 : positions;
}

const lengthOf = (tokenizerConfig: unknown): number => {
  const { model_max_length: length } = tokenizerConfig as Record<string, unknown>;
  return typeof length === 'number' && length > 0 ? length : Number.POSITIVE_INFINITY;
};

/** The shapes of inputs that the file leaves open. Axes after the length are the input's own, such as the four numbers of a box for each token. */
export const textShapes = (model: Model): Record<string, readonly Dimension[]> =>
  Object.fromEntries(
    dataInputsOf(model.graph).flatMap(({ name, shape = [null, null] }) => {
      const open = shape.slice(2).some((d) => typeof d !== 'number');
      return open ? [] : [[name, [...['batch', LENGTH].slice(0, shape.length), ...(shape.slice(2) as number[])]]];
    }),
  );
