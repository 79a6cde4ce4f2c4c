import type * as ort from 'onnxruntime-common';
import { withoutIntegerKernels } from '../integer-kernels.ts';
import { loadError } from '../load-error.ts';
import { wrapSession } from '../ort-session.ts';
import type { Runtime, Session, SessionOptions } from '../session.ts';
import { largeModel, type Source } from './large-model.ts';
import { loadNative } from './packages.ts';
import { REFUSED, refusalOf, UnreadRuns, withRefused } from './unread.ts';
import { wasmRuntime } from './wasm.ts';

type OrtOptions = ort.InferenceSession.SessionOptions;

/**
 * ONNX Runtime in Node: onnxruntime-node, or onnxruntime-web for the device `wasm`.
 *
 * @param device name of the device, for messages
 * @param options session options of the device; WebAssembly only uses `intraOpNumThreads`
 */
export const nodeRuntime = (device = 'cpu', options: OrtOptions = {}): Runtime =>
  device === 'wasm' ? wasmRuntime(options.intraOpNumThreads) : nativeRuntime(device, options);

function nativeRuntime(device: string, options: OrtOptions): Runtime {
  const open = async (
    prepare: (wrap: (encoded: Uint8Array) => Uint8Array) => Promise<Source>,
    { optimization = 'all', integerKernels = false, spinning = true, resident }: SessionOptions = {},
  ): Promise<Session> => {
    const runtime = await loadNative();
    const { InferenceSession, Tensor } = runtime;
    // State is large, so outputs are written in place.
    const refusal = resident && device === 'cpu' ? await refusalOf(runtime) : undefined;
    const source = await prepare((encoded) => (refusal ? withRefused(encoded) : encoded));
    const { model, externalData, folder } = source;
    // Prepared copies of all weights would double the memory, and save nothing measurable next to products of whole batches.
    const large = folder || externalData;
    try {
      const sessionOptions: OrtOptions = {
        executionProviders: ['cpu'],
        // With a memory pattern, the second run allocates one block as large as the total of the first run. A step then takes nearly
        // twice the memory (DenseNet121: 4.2 GB instead of 2.4), and is at most 3% faster.
        enableMemPattern: false,
        // 4: only fatal errors. Other errors are thrown, and warnings (one for every unused initializer) are useless.
        logSeverityLevel: 4,
        // Threads that keep spinning after a run would slow down the next session for some milliseconds.
        extra: {
          session: {
            ...(integerKernels ? {} : withoutIntegerKernels),
            ...(large && { disable_prepacking: '1' }),
            ...(folder && { model_external_initializers_file_folder_path: folder }),
            ...(spinning ? { force_spinning_stop: '1' } : { intra_op: { allow_spinning: '0' } }),
          },
        },
        ...options,
        ...(externalData && { externalData }),
        graphOptimizationLevel: optimization === 'none' ? 'disabled' : 'all',
      };
      const session = await InferenceSession.create(model, sessionOptions);
      if (refusal === undefined) return wrapSession(session, { Tensor, writesTargets: true });
      const runs = new UnreadRuns(session, Tensor, refusal);
      const run = runs.run.bind(runs);
      const wrapped = wrapSession(session, { Tensor, writesTargets: true, run });
      const outputNames = wrapped.outputNames.filter((name) => name !== REFUSED);
      return { ...wrapped, outputNames, run: (feeds, fetches = outputNames) => wrapped.run(feeds, fetches) };
    } catch (cause) {
      throw loadError(cause, device, 'Check the file with `onnx.checker`, or export it again');
    } finally {
      await source.close();
    }
  };
  return {
    device,
    threads: options.intraOpNumThreads,
    load: (model, chosen) => open(async (wrap) => ({ model: wrap(model), close: async () => undefined }), chosen),
    loadLarge: (model, chosen) => open((wrap) => largeModel(model, wrap), chosen),
  };
}
