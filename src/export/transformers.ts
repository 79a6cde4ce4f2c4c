import type { Parts } from '../bytes.ts';
import { type Preprocessing, writePreprocessing } from '../data/index.ts';
import { isText, type TextFormat } from '../data/text/index.ts';
import { ThawError } from '../errors.ts';
import {
  ExternalData,
  fitsOneFile,
  type Graph,
  type Model,
  modelParts,
  renameValues,
  type ValueInfo,
  weightBytes,
  writeModel,
} from '../onnx/index.ts';
import { readNote, type Task, type UnknownNote } from '../tasks/index.ts';
import { shippedInput, shippedPreprocessing, takeShippedImages } from './images.ts';
import { metadataOf, withPreprocessing } from './model.ts';
import { textConfig, textModel, tokenizerFiles } from './texts.ts';

export interface TransformersOptions {
  /** The finished model. Its graph accepts any batch size, even if it declares a fixed one. */
  readonly model: Model;
  readonly task: Pick<Task, 'outputs' | 'config'>;
  readonly preprocessing: Preprocessing | TextFormat;
  /** Names of the image input and of the logits in `model`. */
  readonly input: string;
  readonly output: string;
  /** `README.md` */
  readonly card: string;
  /** The source's `config.json`, which can name the architecture. */
  readonly sourceConfig?: unknown;
  readonly notes?: ConfigNotes;
}

/** Thaw's notes under `thaw` in a `config.json`. */
export interface ConfigNotes {
  /** Divides the logits before the softmax, for calibrated probabilities. */
  readonly temperature?: number;
  /** Recognises samples of none of the classes. */
  readonly unknown?: UnknownNote;
  /** Recommended settings for a training that continues from this model. */
  readonly training?: Readonly<Record<string, unknown>>;
}

/** Input and output names of transformers.js. */
export const TRANSFORMERS_NAMES = { input: 'pixel_values', output: 'logits' } as const;

/**
 * The folder for `pipeline('image-classification', folder)` or `pipeline('text-classification', folder)` of transformers.js: path within
 * the folder → contents. Weights that do not fit one file are in a second one.
 *
 * @param oneFile maximum bytes of a single-file model; default 2 GiB
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
    ['onnx/model.onnx', external?.encode(model) ?? encoded(model)],
    ...(external ? [['onnx/model.onnx_data', external.parts] as const] : []),
    ['README.md', text(card)],
  ]);
}

/** Larger models are encoded in parts, as they are written. */
const WHOLE = 2 ** 28;

const encoded = (model: Model): Parts =>
  weightBytes(model.graph.initializers) > WHOLE ? modelParts(model).parts : writeModel(model);

/** Makes transformers.js load the second file. */
const inTwoFiles = (config: Readonly<Record<string, unknown>>): Record<string, unknown> => ({
  ...config,
  'transformers.js_config': { ...(config['transformers.js_config'] as object), use_external_data_format: true },
});

const text = (contents: string): Uint8Array => new TextEncoder().encode(contents);

/** The model with the input and output of transformers.js. */
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
      // These declare the batch size of the original export. Runtimes infer them.
      valueInfo: [],
    },
  };
}

/** The graph with the logits as its first output. */
function withOutput(graph: Graph, output: string, width: number): Graph {
  const declared = graph.outputs.find(({ name }) => name === output);
  const scores: ValueInfo = declared?.shape ? declared : { name: output, type: 'float32', shape: ['batch', width] };
  return { ...graph, outputs: [scores, ...graph.outputs.filter(({ name }) => name !== output)] };
}

/**
 * The architectures of transformers.js 4 for image classification. All of them run any graph; the name only selects the class.
 */
const MODEL_TYPES: readonly string[] = [
  ...['vit', 'ijepa', 'pvt', 'vit_msn', 'fastvit', 'mobilevit', 'mobilevitv2', 'beit', 'deit', 'hiera', 'convnext'],
  ...['convnextv2', 'dinov2', 'dinov2_with_registers', 'resnet', 'swin', 'segformer', 'efficientnet'],
  ...['mobilenet_v1', 'mobilenet_v2', 'mobilenet_v3', 'mobilenet_v4'],
];

/**
 * `config.json`. Keeps the source's `model_type` if transformers.js can classify images with it. `resnet` is used for all other graphs.
 */
export function transformersConfig(task: Pick<Task, 'config'>, sourceConfig?: unknown): Record<string, unknown> {
  const { model_type: named } = (sourceConfig ?? {}) as { model_type?: unknown };
  return {
    model_type: MODEL_TYPES.find((type) => type === named) ?? 'resnet',
    ...task.config(),
    'transformers.js_config': { dtype: 'fp32' },
  };
}

/** Adds notes to a `config.json`, and keeps its other notes. */
export function withNotes(config: unknown, notes: ConfigNotes): Record<string, unknown> {
  const { thaw, ...rest } = (config ?? {}) as { thaw?: object };
  const given = Object.entries(notes).filter(([, note]) => note !== undefined);
  const all = { ...thaw, ...Object.fromEntries(given) };
  return Object.keys(all).length ? { ...rest, thaw: all } : rest;
}

/**
 * The temperature in a `config.json`; undefined if it has none.
 *
 * @throws ThawError `bad-config` if it is not a positive number
 */
export function temperatureOf(config: unknown): number | undefined {
  const { thaw } = (config ?? {}) as { thaw?: { temperature?: unknown } };
  const temperature = thaw?.temperature;
  if (temperature === undefined) return undefined;
  if (typeof temperature === 'number' && temperature > 0 && Number.isFinite(temperature)) return temperature;
  throw new ThawError(
    'bad-config',
    `config.json: thaw.temperature is ${JSON.stringify(temperature)}, not a number above 0`,
    'Fit it again: thaw calibrate MODEL IMAGES',
  );
}

/** The note of a `config.json` about unknown samples; undefined if it has none. @throws ThawError `bad-config` if it is damaged */
export function unknownOf(config: unknown): UnknownNote | undefined {
  const { thaw } = (config ?? {}) as { thaw?: { unknown?: unknown } };
  return thaw?.unknown === undefined ? undefined : readNote(thaw.unknown);
}

/**
 * The class names of a `config.json`, in the order of the outputs; undefined if it has none.
 *
 * @throws ThawError `bad-config` if `id2label` is not a list of names
 */
export function labelsOf(config: unknown): readonly string[] | undefined {
  const labels = namesIn(config);
  if (labels !== 'damaged') return labels;
  throw new ThawError(
    'bad-config',
    'config.json: id2label does not name all classes, starting at "0"',
    'Write it as { "0": "ant", "1": "bee" }',
  );
}

/** Class names from a model's `config.json` or metadata; undefined if they are missing or invalid. */
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
