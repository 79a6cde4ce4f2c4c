import * as z from 'zod';
import { withoutTrainingDropout } from '../compiler/kernels/index.ts';
import { checkPreprocessing, type Preprocessing, preprocessingSchema } from '../data/index.ts';
import { isText, type TextFormat } from '../data/text/index.ts';
import { ThawError } from '../errors.ts';
import { checkJson } from '../json.ts';
import {
  constantOf,
  dequantized,
  type Graph,
  GraphView,
  isHalf,
  type Model,
  type Node,
  narrowed,
  quantized,
  quantizedWeights,
  type Tensor,
  widened,
  withSubgraphs,
} from '../onnx/index.ts';
import { readFacts, type TaskFacts } from '../tasks/index.ts';

/** What a finished model says of itself in its `metadata_props`. */
export interface ExportMetadata {
  /** Of Thaw. */
  readonly version: string;
  /** What it was trained for. */
  readonly task: TaskFacts;
  readonly preprocessing: Preprocessing | TextNote;
}

/** What a model says of how it reads texts; its tokenizer is beside it. */
export type TextNote = Pick<TextFormat, 'kind' | 'maxLength'>;

const KEYS = {
  version: 'thaw.version',
  classes: 'thaw.classes',
  /** The facts but for the classes; models without it are classifiers. */
  task: 'thaw.task',
  preprocessing: 'thaw.preprocessing',
} as const;

/**
 * The source's own graph with the weights that training left: same operators, opset, names and types (what trained in float32 is
 * rounded to the source's halves, or the whole numbers in which the source holds it). Its dropouts drop nothing. A tensor that `state` does not name keeps its very bytes. The optimizer's slots
 * (`<parameter>.<slot>`) in `state` are left out.
 *
 * @param state parameters and statistics by the name of their initializer, or of their `Constant` node's output
 * @throws ThawError `bad-data` where they are another model's
 */
export function exportModel(source: Model, state: ReadonlyMap<string, Tensor>, metadata?: ExportMetadata): Model {
  const used = new Set<string>();
  const round = rounding(source);
  const replaced = (name: string, tensor: Tensor): Tensor => {
    const found = state.get(name);
    if (!found) return tensor;
    const next = found.type === 'float32' ? round(name, found) : found;
    if (next.type !== tensor.type || next.shape.join() !== tensor.shape.join()) {
      throw foreign(`"${name}" is ${tensor.type} [${tensor.shape}], its new value ${next.type} [${next.shape}]`);
    }
    used.add(name);
    return next;
  };
  const graph = withTensors(source.graph, replaced);
  for (const name of state.keys()) {
    if (used.has(name) || isSlot(name, used)) continue;
    throw foreign(`the model has no parameter "${name}" to take its new value`);
  }
  const view = new GraphView(graph);
  const evaluated = withoutTrainingDropout(graph, (name) => view.constant(name));
  return {
    ...source,
    graph: evaluated,
    metadata: metadata ? withMetadata(source.metadata, metadata) : source.metadata,
  };
}

const foreign = (what: string): ThawError =>
  new ThawError('bad-data', what, 'Give the weights that were trained from this very model');

/** The graph with other contents of its initializers and `Constant` nodes, those in branches included. */
function withTensors(graph: Graph, replaced: (name: string, tensor: Tensor) => Tensor): Graph {
  return {
    ...graph,
    initializers: new Map([...graph.initializers].map(([name, tensor]) => [name, replaced(name, tensor)])),
    nodes: graph.nodes.map((node): Node => {
      const value = constantOf(node);
      const next = value && replaced(node.outputs[0], value);
      if (next && next !== value) return { ...node, attributes: { value: { kind: 'tensor', value: next } } };
      return withSubgraphs(node, (inner) => withTensors(inner, replaced));
    }),
  };
}

/** State as the source's types hold it: what trained in float32, rounded where its weight is in halves or whole numbers. */
export function roundedState(source: Model, state: ReadonlyMap<string, Tensor>): Map<string, Tensor> {
  const round = rounding(source);
  const weights = quantizedWeights(source.graph);
  return new Map(
    [...state].map(([name, value]) => {
      const rounded = round(name, value);
      const weight = weights.get(name);
      if (weight && rounded !== value) return [name, dequantized(rounded, weight.quantization)];
      return [name, isHalf(rounded.type) ? widened(rounded) : rounded];
    }),
  );
}

/** From a parameter's name and its value in float32 to what the source holds of it. */
function rounding({ graph }: Model): (name: string, value: Tensor) => Tensor {
  const weights = quantizedWeights(graph);
  const view = new GraphView(graph);
  return (name, value) => {
    const type = view.constant(name)?.type;
    if (isHalf(type)) return narrowed(value, type);
    const weight = weights.get(name);
    return weight ? quantized(value, weight.quantization) : value;
  };
}

const isSlot = (name: string, parameters: ReadonlySet<string>): boolean =>
  parameters.has(name.slice(0, Math.max(0, name.lastIndexOf('.'))));

const withMetadata = (
  own: Model['metadata'],
  { version, task: { classes, ...task }, preprocessing }: ExportMetadata,
) => ({
  ...own,
  [KEYS.version]: version,
  [KEYS.classes]: JSON.stringify(classes),
  [KEYS.task]: JSON.stringify(task),
  [KEYS.preprocessing]: JSON.stringify(notedOf(preprocessing)),
});

/** What is noted of a preprocessing: of texts all but the tokenizer, which is beside the model. */
export const notedOf = (preprocessing: Preprocessing | TextNote): Preprocessing | TextNote =>
  isText(preprocessing) ? noteOf(preprocessing) : preprocessing;

const noteOf = ({ kind, maxLength }: TextNote): TextNote => ({ kind, maxLength });

/** The model with another description of its preprocessing, where it has one. */
export const withPreprocessing = (model: Model, preprocessing: Preprocessing): Model =>
  KEYS.preprocessing in model.metadata
    ? { ...model, metadata: { ...model.metadata, [KEYS.preprocessing]: JSON.stringify(preprocessing) } }
    : model;

/** @throws ThawError `bad-model` or `bad-config` where it is neither */
export function readNote(json: unknown): Preprocessing | TextNote {
  const source = {
    what: 'the preprocessing',
    hint: 'Export the model again with `thaw export`',
    code: 'bad-model',
  } as const;
  const { kind } = checkJson(json, z.looseObject({ kind: z.unknown().optional() }), source);
  if (kind === undefined) return checkPreprocessing(checkJson(json, preprocessingSchema, source));
  return noteOf(checkJson(json, textNoteSchema, source));
}

const textNoteSchema = z.object({ kind: z.literal('text'), maxLength: z.number().int().positive() });

/**
 * What `exportModel` noted in a model, or undefined where another tool wrote it.
 *
 * @throws ThawError `bad-model` where the notes are damaged
 */
export function metadataOf({ metadata }: Pick<Model, 'metadata'>): ExportMetadata | undefined {
  const [version, classes, task, preprocessing] = Object.values(KEYS).map((key) => metadata[key]);
  if (version === undefined || classes === undefined || preprocessing === undefined) return undefined;
  try {
    const facts = task === undefined ? { task: 'classification' } : JSON.parse(task);
    return {
      version,
      task: readFacts({ ...facts, classes: JSON.parse(classes) }),
      preprocessing: readNote(JSON.parse(preprocessing)),
    };
  } catch (cause) {
    throw new ThawError('bad-model', "the model's thaw metadata is damaged", 'Export it again with `thaw export`', {
      cause,
    });
  }
}
