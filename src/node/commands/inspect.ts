import type { Quantized } from '../../compiler/import/index.ts';
import type { Inference } from '../../compiler/shapes/index.ts';
import {
  checkWeights,
  findHead,
  type InspectedMemory,
  type Inspection,
  inspect,
  selectionText,
} from '../../compiler/surgery/index.ts';
import { requireRequest, ThawError } from '../../errors.ts';
import type { Dimension, Model, ValueInfo } from '../../onnx/index.ts';
import type { DeviceName } from '../../runtime/devices.ts';
import type { Runtime } from '../../runtime/index.ts';
import {
  anatomized,
  inferNetwork,
  inputFormatOf,
  MAX_LENGTH,
  type ModelFiles,
  type ModelKind,
  memoryWithoutData,
  modelKind,
  newHead,
  openInputShapes,
  readSettings,
  takesTexts,
  textSizes,
  trainingConfigOf,
  withHead,
  withOutput,
  withRecommended,
} from '../../session/index.ts';
import { planStages, usualEpochs } from '../../training/index.ts';
import { readModelFile } from '../models/files.ts';
import { openRuntime } from './environment.ts';
import type { JobHooks } from './events.ts';
import { fetchModel } from './fetch-model.ts';

export interface InspectRequest {
  readonly model: string;
  /** Labelled samples, as for a training. The number of epochs in the plan depends on them. */
  readonly data?: string;
  /** Name of the head's node or weight, if it is not the last layer. */
  readonly head?: string;
  /** The output to use, if the model has several. Default: the first. */
  readonly output?: string;
  /** Batch size for the memory estimate. */
  readonly batch?: number;
  /** Shapes of inputs with unknown dimensions. */
  readonly inputs?: Readonly<Record<string, readonly Dimension[]>>;
  /** How to handle a quantized model. Default: refuse it. */
  readonly quantized?: Quantized;
  /** Device that runs the model. Default: the processor. */
  readonly device?: DeviceName;
}

/** The result of `thaw inspect`. */
export interface ModelInspection extends Inspection {
  /** Number of training samples that the plan is for; missing if no data was given. */
  readonly samples?: number;
  /** What the model is, if it is no classifier. */
  readonly kind: ModelKind | null;
  /** Estimated memory of `thaw train`, without images and cached features; null if `thaw train` would refuse the model. */
  readonly memory: InspectedMemory | null;
}

/**
 * Inspects a model: its layer groups, parameters, head and stages, and operators without a gradient. Runs the model on tiny inputs.
 *
 * @example
 * ```ts
 * import { inspect } from 'thaw';
 *
 * const { parameters, groups, unsupported } = await inspect({ model: 'model.onnx' });
 * console.log(parameters, groups.length, unsupported);
 * ```
 */
export async function inspectModel(request: InspectRequest, hooks: JobHooks = {}): Promise<ModelInspection> {
  requireRequest(request);
  const resolved = await fetchModel(request.model, hooks);
  // Loads ONNX Runtime while the file is read.
  const [read, runtime] = await Promise.all([readModelFile(resolved.path), openRuntime(request.device, hooks)]);
  const given = withOutput(read, request.output);
  checkWeights(given);
  const kind = modelKind(given, resolved.config) ?? null;
  const isEncoder = kind?.name === 'text encoder' && request.head === undefined;
  const model = isEncoder ? classifierOn(given, resolved.config, request) : given;
  const inputs = { ...openInputShapes(model, resolved.preprocessing), ...request.inputs };
  const inference = await inferNetwork(model, runtime, { inputs, quantized: request.quantized });
  const head = request.head === undefined ? undefined : findHead(inference.model, { name: request.head });
  const inspection = inspect(inference.model, inference, { head });
  // The network is float32, but the inspection reports the types of inputs and outputs in the file.
  const types = new Map([...given.graph.inputs, ...given.graph.outputs].map(({ name, type }) => [name, type]));
  const typed = <T extends { name: string; type: string }>(value: T) => ({
    ...value,
    type: types.get(value.name) ?? value.type,
  });
  const trains = kind === null || kind.name === 'text encoder';
  const shaped = ({ name }: ValueInfo) => ({
    name,
    ...(inference.values.get(name) ?? { type: 'unknown', shape: [] }),
  });
  return {
    ...inspection,
    ...(request.data !== undefined &&
      trains &&
      (await planFor(request.data, { inference, resolved, head: request.head }, hooks))),
    inputs: inspection.inputs.map(typed),
    outputs: isEncoder ? given.graph.outputs.map(shaped).map(typed) : inspection.outputs.map(typed),
    kind,
    ...(!trains && { plan: [] }),
    memory: await memoryOf(inference, inspection, request, runtime).catch((error) => {
      // For example, if the outputs are maps instead of scores.
      if (error instanceof ThawError) return null;
      throw error;
    }),
  };
}

/** The stages that `thaw train` plans with its defaults for a data set. */
async function planFor(
  data: string,
  { inference, resolved, head }: { inference: Inference; resolved: ModelFiles; head?: string },
  hooks: JobHooks,
): Promise<Pick<ModelInspection, 'plan' | 'samples'>> {
  const { settings } = withRecommended({}, resolved.config);
  const format = inputFormatOf(inference.model, resolved, settings, {});
  const { seed, valFraction, strict } = settings;
  // Loaded only if needed: it reads images and tables.
  const { openLabelled } = await import('./inputs.ts');
  const { train, classes } = await openLabelled(data, format, { seed, valFraction, strict, signal: hooks.signal });
  const { anatomy } = anatomized(inference, { head });
  const stages = planStages(trainingConfigOf(settings), anatomy, usualEpochs(train.length, classes.length));
  const plan = stages.map(({ train: selection, epochs }) => ({ train: selectionText(selection), epochs }));
  return { plan, samples: train.length };
}

/** A text encoder with the head that `thaw train` adds, for two classes; unchanged if Thaw can add none. */
function classifierOn(model: Model, config: unknown, { quantized }: InspectRequest): Model {
  const head = newHead(model, { config }, { outputs: 2, classes: [], named: false }, readSettings({}));
  try {
    return withHead(model, { ...head, quantized }).model;
  } catch (error) {
    if (error instanceof ThawError) return model;
    throw error;
  }
}

async function memoryOf(
  inference: Inference,
  { head, trainable }: Inspection,
  { head: name, batch }: InspectRequest,
  runtime: Runtime,
): Promise<InspectedMemory | null> {
  if (!head || !trainable) return null;
  const prepared = anatomized(inference, { head: name });
  const sizes = takesTexts(inference.model) ? textSizes(prepared, MAX_LENGTH) : undefined;
  const of = async (trained: string) => {
    const settings = readSettings({ trainable: trained, batch });
    return { ...settings, total: (await memoryWithoutData(prepared, settings, { runtime, sizes })).total };
  };
  const [one, most] = [await of('head'), await of(trainable)];
  return { batch: one.batch, head: one.total, all: most.total };
}
