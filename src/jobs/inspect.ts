import { findHead, type Inspection, inspect } from '../layers/index.ts';
import type { Quantized } from '../lowering/index.ts';
import { readModelFile } from '../models/files.ts';
import type { Dimension } from '../onnx/index.ts';
import { inferNetwork, openInputShapes } from '../recipe/index.ts';
import { nodeRuntime } from '../runtime/node/sessions.ts';
import type { JobHooks } from './events.ts';
import { fetchModel } from './opening.ts';

export interface InspectRequest {
  readonly model: string;
  /** Name of the head's node or weight, where it is not the last layer. */
  readonly head?: string;
  /** For the estimate of memory. */
  readonly batch?: number;
  /** Shapes of inputs that the file leaves open. */
  readonly inputs?: Readonly<Record<string, readonly Dimension[]>>;
  /** What becomes of a quantized model; it is refused unless given. */
  readonly quantized?: Quantized;
}

/** What a model is made of, and how it would be trained. Runs on the CPU, on tiny inputs. */
export async function inspectModel(request: InspectRequest, hooks: JobHooks = {}): Promise<Inspection> {
  const resolved = await fetchModel(request.model, hooks);
  const model = await readModelFile(resolved.path);
  const inputs = { ...openInputShapes(model, resolved.preprocessing), ...request.inputs };
  const inference = await inferNetwork(model, nodeRuntime(), { inputs, quantized: request.quantized });
  const head = request.head === undefined ? undefined : findHead(inference.model, { name: request.head });
  const inspection = inspect(inference.model, inference, { head, batch: request.batch });
  // What trains is float32; what comes in and goes out is told as the file has it.
  const types = new Map([...model.graph.inputs, ...model.graph.outputs].map(({ name, type }) => [name, type]));
  const typed = <T extends { name: string; type: string }>(value: T) => ({
    ...value,
    type: types.get(value.name) ?? value.type,
  });
  return { ...inspection, inputs: inspection.inputs.map(typed), outputs: inspection.outputs.map(typed) };
}
