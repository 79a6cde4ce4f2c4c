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

/** Thaw's notes in the `metadata_props` of a finished model. */
export interface ExportMetadata {
  /** Version of Thaw. */
  readonly version: string;
  /** The trained task. */
  readonly task: TaskFacts;
  readonly preprocessing: Preprocessing | TextNote;
}

/** Notes about a model's text format. Its tokenizer is in a separate file. */
export type TextNote = Pick<TextFormat, 'kind' | 'maxLength'>;

const KEYS = {
  version: 'thaw.version',
  classes: 'thaw.classes',
  /** The task's facts without the classes. Models without this key are classifiers. */
  task: 'thaw.task',
  preprocessing: 'thaw.preprocessing',
} as const;

/**
 * Writes trained weights into the source's graph: same operators, opset, names and types (float32 weights are rounded to the source's half
 * precision or integers). Dropout is disabled. Tensors that are not in `state` keep their bytes. Optimizer slots (`<parameter>.<slot>`) in
 * `state` are ignored.
 *
 * @param state parameters and statistics by the name of their initializer, or of their `Constant` node's output
 * @throws ThawError `bad-data` if they belong to another model
 */
export function exportModel(source: Model, state: ReadonlyMap<string, Tensor>, metadata?: ExportMetadata): Model {
  const used = new Set<string>();
  const round = rounding(source);
  const replaced = (name: string, tensor: Tensor): Tensor => {
    const found = state.get(name);
    if (!found) return tensor;
    const next = found.type === 'float32' ? round(name, found) : found;
    if (next.type !== tensor.type || next.shape.join() !== tensor.shape.join()) {
      throw foreign(`"${name}" is ${tensor.type} [${tensor.shape}], but its new value is ${next.type} [${next.shape}]`);
    }
    used.add(name);
    return next;
  };
  const graph = withTensors(source.graph, replaced);
  for (const name of state.keys()) {
    if (used.has(name) || isSlot(name, used)) continue;
    throw foreign(`the model has no parameter "${name}"`);
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
  new ThawError('bad-data', what, 'Give weights trained from exactly this model');

/** Replaces the contents of initializers and `Constant` nodes, including those in branches. */
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

/** State in the source's types: float32 values are rounded if the weight is in half precision or integers. */
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

/** A function from a parameter's name and its float32 value to its value in the source's type. */
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

/** The noted part of a preprocessing: for texts, everything except the tokenizer, which is in a separate file. */
export const notedOf = (preprocessing: Preprocessing | TextNote): Preprocessing | TextNote =>
  isText(preprocessing) ? noteOf(preprocessing) : preprocessing;

const noteOf = ({ kind, maxLength }: TextNote): TextNote => ({ kind, maxLength });

/** Replaces the note of the preprocessing, if the model has one. */
export const withPreprocessing = (model: Model, preprocessing: Preprocessing): Model =>
  KEYS.preprocessing in model.metadata
    ? { ...model, metadata: { ...model.metadata, [KEYS.preprocessing]: JSON.stringify(preprocessing) } }
    : model;

/** @throws ThawError `bad-model` or `bad-config` if it is neither */
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
 * The notes of `exportModel` in a model; undefined for models from other tools.
 *
 * @throws ThawError `bad-model` if the notes are damaged
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
