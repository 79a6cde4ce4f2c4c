import type * as ort from 'onnxruntime-common';
import { ThawError } from '../../errors.ts';
import type { Tensor, TensorData } from '../../onnx/index.ts';
import type { Runtime, Session } from '../session.ts';

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
          // 4: nothing but what ends the process. Errors are thrown, and so told; warnings (of every unused initializer) help nobody.
          logSeverityLevel: 4,
          ...options,
          ...(!spinning && { extra: { session: { intra_op: { allow_spinning: '0' } } } }),
          graphOptimizationLevel: optimization === 'none' ? 'disabled' : 'all',
        });
        return wrap(session, Tensor);
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
async function onnxRuntime(): Promise<typeof ort> {
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

const firstLine = (error: unknown) => String((error as Error).message ?? error).split('\n')[0];

/** @param OrtTensor the runtime's own class: it takes a fetch of another copy of the class for an option, and says nothing */
function wrap(session: ort.InferenceSession, OrtTensor: typeof ort.Tensor): Session {
  // The constructor's overloads are a union by type; type and data agree here because `Tensor` says so.
  const toOrt = ({ type, data, shape }: Tensor): ort.Tensor =>
    new OrtTensor(type as 'float32', data as Float32Array, shape);
  return {
    inputNames: session.inputNames,
    outputNames: session.outputNames,
    outputTypes: Object.fromEntries(
      session.outputMetadata.flatMap((output) => (output.isTensor && output.type ? [[output.name, output.type]] : [])),
    ),
    async run(feeds, fetches) {
      const ortFeeds = mapValues(feeds, toOrt);
      if (fetches === undefined) return mapValues(await session.run(ortFeeds), fromOrt);
      if (isNames(fetches)) return mapValues(await session.run(ortFeeds, fetches), fromOrt);
      const results = await session.run(
        ortFeeds,
        mapValues(fetches, (target) => target && toOrt(target)),
      );
      // A target has been written; what comes back for it is a copy.
      return mapValues(fetches, (target, name) => target ?? fromOrt(results[name]));
    },
    release: () => session.release(),
  };
}

const mapValues = <A, B>(record: Readonly<Record<string, A>>, f: (value: A, key: string) => B): Record<string, B> =>
  Object.fromEntries(Object.entries(record).map(([key, value]) => [key, f(value, key)]));

const isNames = (fetches: readonly string[] | Readonly<Record<string, Tensor | null>>): fetches is readonly string[] =>
  Array.isArray(fetches);

const fromOrt = (value: ort.Tensor): Tensor => ({
  type: value.type as Tensor['type'],
  shape: value.dims,
  data: value.data as TensorData,
});
