import type { Batch, Preprocessing } from '../data/index.ts';
import { isText, type TextFormat } from '../data/text/index.ts';
import type { Tensor } from '../onnx/index.ts';
import { shippedImages } from './images.ts';

/** The model inputs that a batch is fed to. */
export interface FedModel {
  /** Format of the batch's source. */
  readonly preprocessing: Preprocessing | TextFormat;
  /** Name of the image input. Token inputs have fixed names. */
  readonly input: string;
  /** Whether the model comes from `transformersFolder`, with its image layout. */
  readonly shipped?: boolean;
}

export function feedsOf({ inputs }: Batch, { preprocessing, input, shipped }: FedModel): Record<string, Tensor> {
  if (isText(preprocessing)) return Object.fromEntries(preprocessing.inputs.map((name, i) => [name, inputs[i]]));
  return { [input]: shipped ? shippedImages(inputs[0], preprocessing) : inputs[0] };
}
