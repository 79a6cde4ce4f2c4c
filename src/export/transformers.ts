import type { Parts } from '../bytes.ts';
import { type Preprocessing, writePreprocessing } from '../data/index.ts';
import { isText, type TextFormat } from '../data/text/index.ts';
import { ThawError } from '../errors.ts';
import {
  ExternalData,
  fitsOneFile,
  type Graph,
  type Model,
  renameValues,
  type ValueInfo,
  writeModel,
} from '../onnx/index.ts';
import type { Task } from '../tasks/index.ts';
import { shippedInput, shippedPreprocessing, takeShippedImages } from './images.ts';
import { metadataOf, withPreprocessing } from './model.ts';
import { textConfig, textModel, tokenizerFiles } from './texts.ts';

export interface TransformersOptions {
  /** The finished model. Its graph takes any batch size, though it may declare one. */
  readonly model: Model;
  readonly task: Pick<Task, 'outputs' | 'config'>;
  readonly preprocessing: Preprocessing | TextFormat;
  /** Names of the image input and of the raw scores in `model`. */
  readonly input: string;
  readonly output: string;
  /** `README.md` */
  readonly card: string;
  /** The source's `config.json`, which may name the architecture. */
  readonly sourceConfig?: unknown;
  readonly notes?: ConfigNotes;
}

/** What a `config.json` keeps under `thaw`, which only Thaw reads. */
export interface ConfigNotes {
  /** What scores are divided by before the softmax, for probabilities that say how often the model is right. */
  readonly temperature?: number;
  /** Settings that are taken where a training that goes on with the model does not say them. */
  readonly training?: Readonly<Record<string, unknown>>;
}

/** The names that transformers.js feeds and reads. */
export const TRANSFORMERS_NAMES = { input: 'pixel_values', output: 'logits' } as const;

/**
 * The folder that `pipeline('image-classification', folder)` or `pipeline('text-classification', folder)` of transformers.js loads: path within the folder → contents.
 * Weights that are too many for one file lie in a second one.
 *
 * @param oneFile bytes of a model up to which it is one file; 2 GiB unless given
 */
export function transformersFolder(options: TransformersOptions, oneFile?: number): ReadonlyMap<string, Parts> {
  const { task, preprocessing, card, sourceConfig, notes = {} } = options;
  const config = isText(preprocessing)
    ? textConfig(task.config(), sourceConfig)
    : transformersConfig(task, sourceConfig);
  const files = isText(preprocessing)
    ? tokenizerFiles(preprocessing)
    : { 'preprocessor_config.json': writePreprocessing(shippedPreprocessing(preprocessing)) };
  const model = transformersModel(options);
  const external = fitsOneFile(model, oneFile) ? undefined : new ExternalData('model.onnx_data');
  const json = (value: unknown) => text(`${JSON.stringify(value, null, 2)}\n`);
  return new Map<string, Parts>([
    ['config.json', json(withNotes(external ? inTwoFiles(config) : config, notes))],
    ...Object.entries(files).map(([name, contents]) => [name, json(contents)] as const),
    ['onnx/model.onnx', external?.encode(model) ?? writeModel(model)],
    ...(external ? [['onnx/model.onnx_data', external.parts] as const] : []),
    ['README.md', text(card)],
  ]);
}

/** Tells transformers.js to fetch the second file. */
const inTwoFiles = (config: Readonly<Record<string, unknown>>): Record<string, unknown> => ({
  ...config,
  'transformers.js_config': { ...(config['transformers.js_config'] as object), use_external_data_format: true },
});

const text = (contents: string): Uint8Array => new TextEncoder().encode(contents);

/** The model with transformers.js's input and output. */
export function transformersModel({
  model,
  task,
  preprocessing,
  input,
  output,
}: Pick<TransformersOptions, 'model' | 'task' | 'preprocessing' | 'input' | 'output'>): Model {
  if (isText(preprocessing)) return textModel(model, output, TRANSFORMERS_NAMES.output);
  const adapted = takeShippedImages(withOutput(model.graph, output, task.outputs), input, preprocessing);
  const entry = shippedInput(model.graph, adapted, input);
  const { input: pixelValues, output: logits } = TRANSFORMERS_NAMES;
  const graph = renameValues(
    adapted,
    new Map([
      [entry, pixelValues],
      [output, logits],
    ]),
  );
  const free = (value: ValueInfo): ValueInfo =>
    value.shape?.length ? { ...value, shape: ['batch', ...value.shape.slice(1)] } : value;
  return {
    ...withPreprocessing(model, shippedPreprocessing(preprocessing)),
    graph: {
      ...graph,
      inputs: graph.inputs.map((value) => (value.name === pixelValues ? free(value) : value)),
      outputs: graph.outputs.map(free),
      // Declared with the batch that the file was exported for; runtimes infer them anyway.
      valueInfo: [],
    },
  };
}

/** The graph with the raw scores as its first output. */
function withOutput(graph: Graph, output: string, width: number): Graph {
  const declared = graph.outputs.find(({ name }) => name === output);
  const scores: ValueInfo = declared?.shape ? declared : { name: output, type: 'float32', shape: ['batch', width] };
  return { ...graph, outputs: [scores, ...graph.outputs.filter(({ name }) => name !== output)] };
}

/**
 * The architectures that transformers.js 4 has for image classification. All of them run the graph as it is; the name
 * only selects the class.
 */
const MODEL_TYPES: readonly string[] = [
  ...['vit', 'ijepa', 'pvt', 'vit_msn', 'fastvit', 'mobilevit', 'mobilevitv2', 'beit', 'deit', 'hiera', 'convnext'],
  ...['convnextv2', 'dinov2', 'dinov2_with_registers', 'resnet', 'swin', 'segformer', 'efficientnet'],
  ...['mobilenet_v1', 'mobilenet_v2', 'mobilenet_v3', 'mobilenet_v4'],
];

/**
 * `config.json`. The source's `model_type` is kept where transformers.js classifies images with it; `resnet` runs every other
 * graph.
 */
export function transformersConfig(task: Pick<Task, 'config'>, sourceConfig?: unknown): Record<string, unknown> {
  const { model_type: named } = (sourceConfig ?? {}) as { model_type?: unknown };
  return {
    model_type: MODEL_TYPES.find((type) => type === named) ?? 'resnet',
    ...task.config(),
    'transformers.js_config': { dtype: 'fp32' },
  };
}

/** A `config.json` that keeps these notes besides those that it has. */
export function withNotes(config: unknown, notes: ConfigNotes): Record<string, unknown> {
  const { thaw, ...rest } = (config ?? {}) as { thaw?: object };
  const kept = Object.entries({ ...thaw, ...notes }).filter(([, note]) => note !== undefined);
  return kept.length ? { ...rest, thaw: Object.fromEntries(kept) } : rest;
}

/**
 * The temperature that a `config.json` keeps; undefined where it keeps none.
 *
 * @throws ThawError `bad-config` where it is no positive number
 */
export function temperatureOf(config: unknown): number | undefined {
  const { thaw } = (config ?? {}) as { thaw?: { temperature?: unknown } };
  const temperature = thaw?.temperature;
  if (temperature === undefined) return undefined;
  if (typeof temperature === 'number' && temperature > 0 && Number.isFinite(temperature)) return temperature;
  throw new ThawError(
    'bad-config',
    `config.json: thaw.temperature is ${JSON.stringify(temperature)}, and not a number above 0`,
    'Fit it again: thaw calibrate MODEL IMAGES',
  );
}

/**
 * The class names of a `config.json`, in the order of the outputs; undefined where it names none.
 *
 * @throws ThawError `bad-config` where `id2label` is not a list of names
 */
export function labelsOf(config: unknown): readonly string[] | undefined {
  const labels = namesIn(config);
  if (labels !== 'damaged') return labels;
  throw new ThawError(
    'bad-config',
    'config.json: id2label does not name the classes from "0" on',
    'Write it as { "0": "ant", "1": "bee" }',
  );
}

/** What a model's classes are called, by its `config.json` or its own metadata; undefined where they do not say, or not well. */
export function namedClasses(model: Model, config: unknown): readonly string[] | undefined {
  const labels = namesIn(config);
  return labels === 'damaged' ? undefined : (labels ?? metadataOf(model)?.task.classes);
}

function namesIn(config: unknown): readonly string[] | 'damaged' | undefined {
  const { id2label } = (config ?? {}) as { id2label?: unknown };
  if (id2label === undefined || id2label === null) return undefined;
  const entries = Object.entries(Object(id2label));
  const labels = entries.map((_, i) => (id2label as Record<string, unknown>)[i]);
  const named =
    typeof id2label === 'object' && entries.length > 0 && labels.every((label) => typeof label === 'string');
  return named ? (labels as string[]) : 'damaged';
}
