import { findHead, groupsOf, hoistConstants, replaceHead } from '../layers/index.ts';
import { upgrade } from '../lowering/index.ts';
import type { Dimension, Model } from '../onnx/index.ts';
import type { Runtime } from '../runtime/index.ts';
import { type Inference, inferShapes } from '../shapes/index.ts';
import type { Anatomy } from '../training/index.ts';

/** A model made ready to train. */
export interface Prepared {
  /** What is exported later: the model as it came, with its new head, taking any batch size. */
  readonly source: Model;
  /** What trains: the same, in the newest operators. */
  readonly network: Inference;
  readonly anatomy: Anatomy;
}

export interface PrepareOptions {
  /** Name of the head's node or weight, where it is not the last layer. */
  readonly head?: string;
  /** Number of classes of the new head; without it the model keeps its own. */
  readonly classes?: number;
  readonly seed?: number;
  /** Shapes of inputs that the file leaves open, by name. */
  readonly inputs?: Readonly<Record<string, readonly Dimension[]>>;
}

/**
 * Gives a model the head that it needs and finds out all that training has to know.
 *
 * @throws ThawError `bad-model` where it has no head, has sizes that are open, or does not run
 */
export async function prepareModel(model: Model, runtime: Runtime, options: PrepareOptions = {}): Promise<Prepared> {
  const { classes, seed = 0 } = options;
  const plain = { ...model, graph: hoistConstants(model.graph) };
  const head = findHead(plain, { name: options.head });
  const headed = classes === undefined ? plain : replaceHead(plain, head, { classes, seed }).model;
  const source = hasFixedBatch(headed) ? (await inferShapes(headed, runtime, options)).model : headed;
  return { source, ...(await networkOf(source, runtime, options)) };
}

/** What trains of a model that has its head already. */
export async function networkOf(
  source: Model,
  runtime: Runtime,
  options: Pick<PrepareOptions, 'head' | 'inputs'> = {},
): Promise<Omit<Prepared, 'source'>> {
  const network = await inferShapes(upgrade(source), runtime, { inputs: options.inputs });
  const head = findHead(network.model, { name: options.head });
  return { network, anatomy: { groups: groupsOf(network.model, head), head } };
}

/** The inputs that take data. */
export const dataInputsOf = ({ graph }: Model) => graph.inputs.filter(({ name }) => !graph.initializers.has(name));

const hasFixedBatch = (model: Model): boolean =>
  dataInputsOf(model).some(({ shape }) => typeof shape?.[0] === 'number');
