import { ThawError } from '../errors.ts';
import type { Tensor } from '../onnx/index.ts';
import { firstLine } from './ort-session.ts';
import type { Feeds, Session } from './session.ts';

/**
 * Runs a user's model. Errors of ONNX Runtime are errors of the model.
 *
 * @param inputs inputs whose shapes the error names
 * @throws ThawError `bad-model` with ONNX Runtime's message, which names the node
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
