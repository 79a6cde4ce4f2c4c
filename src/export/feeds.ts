import type { Batch, Preprocessing } from '../data/index.ts';
import { isText, type TextFormat } from '../data/text/index.ts';
import type { Tensor } from '../onnx/index.ts';
import { shippedImages } from './images.ts';

/** A batch by the names of a model's inputs. */
export interface FedModel {
  /** Of the batch's source. */
  readonly preprocessing: Preprocessing | TextFormat;
  /** Name of the input that takes images; those that take tokens have names of their own. */
  readonly input: string;
  /** The model is one of `transformersFolder`, and takes images as that says. */
  readonly shipped?: boolean;
}

export function feedsOf({ inputs }: Batch, { preprocessing, input, shipped }: FedModel): Record<string, Tensor> {
  if (isText(preprocessing)) return Object.fromEntries(preprocessing.inputs.map((name, i) => [name, inputs[i]]));
  return { [input]: shipped ? shippedImages(inputs[0], preprocessing) : inputs[0] };
}
