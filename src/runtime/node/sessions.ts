import type * as ort from 'onnxruntime-common';
import { ThawError } from '../../errors.ts';
import { firstLine, type Ort, wrapSession } from '../ort-session.ts';
import type { Runtime } from '../session.ts';

type OrtOptions = ort.InferenceSession.SessionOptions;

/**
 * ONNX Runtime in Node.
 *
 * @param device name of the device, for messages
 * @param options execution providers and whatever else the device needs
 */
export function nodeRuntime(device = 'cpu', options: OrtOptions = {}): Runtime {
  return {
    device,
    async load(model, { optimization = 'all', spinning = true } = {}) {
      const { InferenceSession, Tensor } = await onnxRuntime();
      try {
        const session = await InferenceSession.create(model, {
          executionProviders: ['cpu'],
          // With a pattern the second run asks for one piece of memory as large as all that the first one left: a step then holds
          // nearly twice what it needs (DenseNet121: 4.2 GB for 2.4), and is at most 3 % quicker.
          enableMemPattern: false,
          // 4: nothing but what ends the process. Errors are thrown, and so told; warnings (of every unused initializer) help nobody.
          logSeverityLevel: 4,
          ...options,
          ...(!spinning && { extra: { session: { intra_op: { allow_spinning: '0' } } } }),
          graphOptimizationLevel: optimization === 'none' ? 'disabled' : 'all',
        });
        return wrapSession(session, { Tensor, writesTargets: true });
      } catch (cause) {
        throw new ThawError(
          'bad-model',
          `ONNX Runtime cannot load the model: ${firstLine(cause)}`,
          'Check the file with `onnx.checker`, or export it again',
          {
            cause,
          },
        );
      }
    },
  };
}

/**
 * Loaded when first needed, since an install may lack it: npm leaves an optional dependency out if its install script fails, as
 * onnxruntime-node's does where the network doesn't reach its CUDA libraries.
 */
async function onnxRuntime(): Promise<Ort> {
  try {
    return await import('onnxruntime-node');
  } catch (cause) {
    throw new ThawError(
      'device',
      `onnxruntime-node cannot be loaded: ${firstLine(cause)}`,
      'Install it without its install script: npm install onnxruntime-node --ignore-scripts',
      { cause },
    );
  }
}
