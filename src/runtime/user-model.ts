import { ThawError } from '../errors.ts';
import type { Tensor } from '../onnx/index.ts';
import { firstLine } from './ort-session.ts';
import type { Feeds, Session } from './session.ts';

/**
 * Runs a model as the user gave it: what ONNX Runtime cannot do with it is the model's fault.
 *
 * @param inputs whose shapes the error names
 * @throws ThawError `bad-model` with what ONNX Runtime says, which names the node
 */
export async function runUserModel(
  session: Session,
  feeds: Feeds,
  {
    inputs = feeds,
    outputs,
    hint,
  }: { readonly inputs?: Feeds; readonly outputs?: readonly string[]; readonly hint: string },
): Promise<Record<string, Tensor>> {
  try {
    return await session.run(feeds, outputs);
  } catch (cause) {
    const sizes = Object.entries(inputs).map(([name, { shape }]) => `${name} [${shape}]`);
    const what = `ONNX Runtime cannot run the model on inputs of ${sizes.join(', ')}: ${firstLine(cause)}`;
    throw new ThawError('bad-model', what, hint, { cause });
  }
}
