import type { Quantized } from '../../compiler/import/index.ts';
import type { Inference } from '../../compiler/shapes/index.ts';
import { findHead, type InspectedMemory, type Inspection, inspect } from '../../compiler/surgery/index.ts';
import { ThawError } from '../../errors.ts';
import type { Dimension } from '../../onnx/index.ts';
import type { DeviceName } from '../../runtime/devices.ts';
import type { Runtime } from '../../runtime/index.ts';
import {
  anatomized,
  inferNetwork,
  MAX_LENGTH,
  memoryWithoutData,
  openInputShapes,
  readSettings,
  takesTexts,
  textSizes,
  withOutput,
} from '../../session/index.ts';
import { readModelFile } from '../models/files.ts';
import { openRuntime } from './environment.ts';
import type { JobHooks } from './events.ts';
import { fetchModel } from './fetch-model.ts';

export interface InspectRequest {
  readonly model: string;
  /** Name of the head's node or weight, where it is not the last layer. */
  readonly head?: string;
  /** The output that counts, if the model has several; the first unless given. */
  readonly output?: string;
  /** For the estimate of memory. */
  readonly batch?: number;
  /** Shapes of inputs that the file leaves open. */
  readonly inputs?: Readonly<Record<string, readonly Dimension[]>>;
  /** What becomes of a quantized model; it is refused unless given. */
  readonly quantized?: Quantized;
  /** Where the model runs; the processor unless given. */
  readonly device?: DeviceName;
}

/** What `thaw inspect` tells of a model. */
export interface ModelInspection extends Inspection {
  /** What `thaw train` would expect to take, without images and features that are remembered; null where it would refuse the model. */
  readonly memory: InspectedMemory | null;
}

/**
 * Layer groups, parameters, the head and the stages of a model, and operators without a gradient. Runs the model on tiny inputs.
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
  const resolved = await fetchModel(request.model, hooks);
  // ONNX Runtime is loaded while the file is read.
  const [read, runtime] = await Promise.all([readModelFile(resolved.path), openRuntime(request.device, hooks)]);
  const model = withOutput(read, request.output);
  const inputs = { ...openInputShapes(model, resolved.preprocessing), ...request.inputs };
  const inference = await inferNetwork(model, runtime, { inputs, quantized: request.quantized });
  const head = request.head === undefined ? undefined : findHead(inference.model, { name: request.head });
  const inspection = inspect(inference.model, inference, { head });
  // What trains is float32; what comes in and goes out is told as the file has it.
  const types = new Map([...model.graph.inputs, ...model.graph.outputs].map(({ name, type }) => [name, type]));
  const typed = <T extends { name: string; type: string }>(value: T) => ({
    ...value,
    type: types.get(value.name) ?? value.type,
  });
  return {
    ...inspection,
    inputs: inspection.inputs.map(typed),
    outputs: inspection.outputs.map(typed),
    memory: await memoryOf(inference, inspection, request, runtime).catch((error) => {
      // Such as maps that are no scores.
      if (error instanceof ThawError) return null;
      throw error;
    }),
  };
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
