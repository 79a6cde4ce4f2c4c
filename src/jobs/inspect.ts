import { findHead, type Inspection, inspect } from '../layers/index.ts';
import { upgrade } from '../lowering/index.ts';
import { readModelFile } from '../models/files.ts';
import type { Dimension } from '../onnx/index.ts';
import { nodeRuntime } from '../runtime/node/sessions.ts';
import { inferShapes } from '../shapes/index.ts';
import type { JobHooks } from './events.ts';
import { fetchModel } from './opening.ts';
import { openInputShapes } from './pictures.ts';

export interface InspectRequest {
  readonly model: string;
  /** Name of the head's node or weight, where it is not the last layer. */
  readonly head?: string;
  /** For the estimate of memory. */
  readonly batch?: number;
  /** Shapes of inputs that the file leaves open. */
  readonly inputs?: Readonly<Record<string, readonly Dimension[]>>;
}

/** What a model is made of, and how it would be trained. Runs on the CPU, on tiny inputs. */
export async function inspectModel(request: InspectRequest, hooks: JobHooks = {}): Promise<Inspection> {
  const resolved = await fetchModel(request.model, hooks);
  const model = await readModelFile(resolved.path);
  const inputs = { ...openInputShapes(model, resolved.preprocessing), ...request.inputs };
  const inference = await inferShapes(upgrade(model), nodeRuntime(), { inputs });
  const head = request.head === undefined ? undefined : findHead(inference.model, { name: request.head });
  return inspect(inference.model, inference, { head, batch: request.batch });
}
