import {
  inlineBranches,
  inPrecisionOf,
  inSinglePrecision,
  openLoop,
  type Quantized,
  refuseUntrainable,
  type Selected,
  selectBranches,
  unrollLoops,
  upgrade,
  valuesOf,
  withFloatWeights,
  writeSequences,
} from '../compiler/import/index.ts';
import { type Inference, inferShapes } from '../compiler/shapes/index.ts';
import {
  addHead,
  beforeUnits,
  type EncoderHead,
  findHead,
  groupsOf,
  hoistConstants,
  isClassifier,
  type LoraOptions,
  obstaclesOf,
  omissionsOf,
  placeAdapters,
  placesOf,
  replaceHead,
  residualsOf,
  surveyParameters,
  type Tail,
  withoutTail,
  withTail,
  withTeacher,
} from '../compiler/surgery/index.ts';
import { ThawError } from '../errors.ts';
import {
  type Dimension,
  dataInputsOf,
  elementsIn,
  GraphView,
  type Model,
  quantizedWeights,
  type Shape,
  sameShape,
} from '../onnx/index.ts';
import type { Runtime } from '../runtime/index.ts';
import type { Anatomy } from '../training/index.ts';
import { type ClassNames, type ContinuedClasses, continueClasses } from './known-classes.ts';
import { refuseOtherKinds } from './model-kind.ts';

/** A model made ready to train. */
export interface Prepared {
  /** The model for export: the original with its new head, for any batch size. */
  readonly source: Model;
  /** The model for training: the same in float32 and with the newest operators. */
  readonly network: Inference;
  /** What training looks at, as the head's output. */
  readonly anatomy: Anatomy;
  /** The value that is shipped. */
  readonly output: string;
  /** What became of the model's own classes, where their weights are kept. */
  readonly continued?: ContinuedClasses;
}

export interface PrepareOptions {
  /** Name of the head's node or weight, if it is not the last layer. */
  readonly head?: string;
  /** Number of classes of the new head; without it the model keeps its own. */
  readonly classes?: number;
  /** Nodes after the new head. */
  readonly tail?: Tail;
  /** The classes by name, so that the new head keeps the weights of those that the model knows. */
  readonly names?: ClassNames;
  /** Texts are read: a model without a classifier gets one on top of its encoder. */
  readonly encoder?: Pick<EncoderHead, 'pooling' | 'features'>;
  readonly seed?: number;
  /** Shapes of inputs that the file leaves open, by name. */
  readonly inputs?: Readonly<Record<string, readonly Dimension[]>>;
  /** What becomes of a quantized model; it is refused unless given. */
  readonly quantized?: Quantized;
  /** Low-rank adapters of the layers, drawn by the seed. */
  readonly lora?: LoraOptions;
  /** Adds the pretrained network as a teacher, if given. */
  readonly distill?: { readonly of: 'features' | 'scores' };
}

/**
 * Gives a model the head that it needs and finds out all that training has to know.
 *
 * @throws ThawError `bad-model` if it has no head, has unknown sizes, or does not run
 */
export async function prepareModel(model: Model, runtime: Runtime, options: PrepareOptions = {}): Promise<Prepared> {
  if (options.distill?.of === 'scores' && options.classes !== undefined) {
    throw new ThawError(
      'bad-config',
      'distill: the scores of the pretrained model are of other classes than the new head',
      'Distil its features, or keep its head with --keep-head',
    );
  }
  const { model: headed, continued } = withHead(model, options);
  const source = hasFixedBatch(headed) ? await withFreeBatch(headed, runtime, options) : headed;
  const prepared = await networkOf(source, runtime, options);
  const scores = prepared.network.values.get(prepared.output);
  const [batch, ...row] = scores?.shape ?? [];
  // Of images as maps of one pixel, of texts not one row for each token.
  const isRow = row.every((d) => typeof d === 'number') && elementsIn(row) === prepared.anatomy.head.classes;
  if (batch !== 'batch' || !isRow) {
    if (options.head === undefined)
      refuseOtherKinds(model, undefined, ({ name }) => prepared.network.values.get(name)?.shape);
    throw noRowOfEach(prepared.output, scores?.shape);
  }
  return { source, continued, ...prepared };
}

const noRowOfEach = (output: string, shape: Shape = []): ThawError =>
  new ThawError(
    'bad-model',
    `the scores "${output}" are [${shape.join(', ')}], which is not a row for each sample of a batch`,
    'Export the model so that its output begins with the batch',
  );

/** The model taking any batch, found out in single precision, since ONNX Runtime has few kernels for halves. */
async function withFreeBatch(model: Model, runtime: Runtime, options: PrepareOptions): Promise<Model> {
  const single = inSinglePrecision(model);
  const { model: freed } = await inferShapes(single, runtime, { inputs: options.inputs });
  return single === model ? freed : inPrecisionOf(model, freed);
}

/**
 * The model with a new head for `classes`; unchanged without them.
 *
 * @throws ThawError `bad-model` if it cannot train at all, or its head cannot be replaced
 */
export function withHead(
  model: Model,
  { head, classes, names, tail, encoder, seed = 0, quantized }: PrepareOptions,
): Pick<Prepared, 'continued'> & { model: Model } {
  refuseUntrainable(model, quantized);
  const plain = { ...model, graph: hoistConstants(model.graph) };
  if (classes === undefined) return { model: plain };
  if (encoder && head === undefined && !isClassifier(plain))
    return { model: addHead(plain, { ...encoder, classes, seed }) };
  const bare = withoutTail(plain);
  const found = findHead(bare, { name: head });
  const continued = names && continueClasses(names, found.classes);
  const { model: headed } = replaceHead(bare, found, { classes, seed, rows: continued?.rows });
  if (tail && found.tail.includes('Relu')) {
    throw new ThawError(
      'bad-model',
      `a Relu follows "${found.nodes[0]}", so that it can give no numbers below zero, which this task needs`,
      'Choose another model, or name another head with --head',
    );
  }
  const tailed = tail ? withTail(headed, tail, classes, found.kind === 'conv') : headed;
  return { model: tailed, continued: continued?.classes };
}

/** The trainable network of a model that already has its head. */
export async function networkOf(
  source: Model,
  runtime: Runtime,
  options: Pick<PrepareOptions, 'head' | 'inputs' | 'quantized' | 'lora' | 'seed' | 'distill'> = {},
): Promise<Omit<Prepared, 'source'>> {
  const plain = await inferNetwork(source, runtime, options);
  if (options.lora) refuseWholeNumbers(source);
  return anatomized(plain, options);
}

/** A network with its anatomy: head, layer groups, adapters. @throws ThawError `bad-model` if it has no head */
export function anatomized(
  plain: Inference,
  options: Pick<PrepareOptions, 'head' | 'lora' | 'seed' | 'distill'>,
): Omit<Prepared, 'source'> {
  const found = findHead(plain.model, { name: options.head });
  const output = scoresOf(plain.model, found.graphOutput);
  const rows = plain.values.get(output)?.shape[0];
  if (typeof rows !== 'string') throw noRowOfEach(output, plain.values.get(output)?.shape);
  const head = { ...found, graphOutput: beforeUnits(plain.model, output) };
  const { lora, seed = 0 } = options;
  const survey = surveyParameters(plain.model.graph, found.graphOutput);
  const plainGroups = groupsOf(plain.model, found, survey);
  const { groups, adapters, ...adapted } = lora
    ? placeAdapters(plain, plainGroups, head, { ...lora, seed })
    : { network: plain, groups: plainGroups, adapters: undefined };
  const { network, teacher } = options.distill
    ? withTeacher(adapted.network, plain, { features: head.input, scores: head.graphOutput })
    : { network: adapted.network, teacher: undefined };
  const obstacles = obstaclesOf(network, groups, head.graphOutput);
  const omitted = omissionsOf(plain.model.graph, plainGroups, survey, head.graphOutput);
  const residuals = residualsOf(plain.model.graph);
  const places = placesOf(plain.model.graph, adapted.network.model.graph);
  return { network, output, anatomy: { groups, head, obstacles, omitted, adapters, residuals, places, teacher } };
}

function refuseWholeNumbers({ graph }: Model): void {
  if (!quantizedWeights(graph).size) return;
  throw new ThawError(
    'bad-config',
    'adapters cannot be merged into weights that are held in whole numbers',
    'Leave out lora, or give the model in float32',
  );
}

/**
 * A model as it trains: weights in float32, the newest operators, and without branches whose condition, loops whose number of steps and
 * sequences whose members are known; with all that is known of it.
 *
 * @throws ThawError `bad-model` if it cannot train at all, has unknown sizes, or does not run
 */
export async function inferNetwork(
  source: Model,
  runtime: Runtime,
  { inputs, quantized }: Pick<PrepareOptions, 'inputs' | 'quantized'> = {},
): Promise<Inference> {
  refuseUntrainable(source, quantized);
  let network = await inferShapes(withFloatWeights(upgrade(inSinglePrecision(source))), runtime, { inputs });
  /** First results of branches that cannot both be computed. */
  const stays = new Set<string>();
  for (;;) {
    const unrolled = unrollLoops(inlineBranches(network.model, network.constants), network);
    const written = writeSequences(unrolled, network);
    if (written !== network.model) {
      network = await inferShapes(written, runtime, { inputs });
      continue;
    }
    const selected = selectBranches(network.model, network, stays);
    const both = selected && (await inferSelected(selected, runtime, { inputs }));
    if (both) network = both;
    else if (selected) stays.add(selected.node);
    else return await withOpenLoops(network, runtime, { inputs });
  }
}

/** Adds the values inside loops that stay loops, so that gradients can follow. Loops that change shapes stay closed. */
async function withOpenLoops(
  network: Inference,
  runtime: Runtime,
  options: Pick<PrepareOptions, 'inputs'>,
): Promise<Inference> {
  let known = network;
  const done = new Set<string>();
  for (let loop = openLoop(known.model, known, done); loop; loop = openLoop(known.model, known, done)) {
    done.add(loop.node);
    const single = await unlessItFails(inferShapes(loop.single, runtime, options));
    const inside = single && valuesOf(loop, single.values);
    if (!inside || !(await unlessItFails(inferShapes(loop.listed, runtime, options)))) continue;
    const values = new Map([...known.values, ...inside]);
    for (const [name, { type, shape }] of loop.model.graph.initializers) values.set(name, { type, shape });
    known = { ...known, model: loop.model, values };
  }
  return known;
}

/** Undefined if the model does not run. */
async function unlessItFails(inference: Promise<Inference>): Promise<Inference | undefined> {
  try {
    return await inference;
  } catch (error) {
    if (error instanceof ThawError && error.code === 'bad-model') return undefined;
    throw error;
  }
}

/** Infers a model that computes both branches of an `If`; undefined if they do not run, or give results of different shapes. */
async function inferSelected(
  { model, results }: Selected,
  runtime: Runtime,
  options: Pick<PrepareOptions, 'inputs'>,
): Promise<Inference | undefined> {
  const network = await unlessItFails(inferShapes(model, runtime, options));
  const shapeOf = (name: string) => network?.values.get(name)?.shape ?? [];
  return results.every(([a, b]) => sameShape(shapeOf(a), shapeOf(b))) ? network : undefined;
}

/** Operators that only rearrange or round scores. */
const REARRANGING = new Set([
  'Identity',
  'Flatten',
  'Reshape',
  'Squeeze',
  'Unsqueeze',
  'Cast',
  'QuantizeLinear',
  'DequantizeLinear',
]);

/** The value that a Softmax before the output makes probabilities of, or the output: what cross-entropy takes. */
export function scoresOf({ graph }: Model, output: string): string {
  const view = new GraphView(graph);
  const node = view.producer(view.through(output, ({ op }) => REARRANGING.has(op)));
  return node?.op === 'Softmax' ? node.inputs[0] : output;
}

const hasFixedBatch = ({ graph }: Model): boolean =>
  dataInputsOf(graph).some(({ shape }) => typeof shape?.[0] === 'number');
