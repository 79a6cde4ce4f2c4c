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
 * ONNX Runtime in Node: onnxruntime-node, or for the device `wasm` onnxruntime-web.
 *
 * @param device name of the device, for messages
 * @param options execution providers and whatever else the device needs; WebAssembly takes `intraOpNumThreads` alone
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
    // State that is moved on is large, and written in place.
    const refusal = resident && device === 'cpu' ? await refusalOf(runtime) : undefined;
    const source = await prepare((encoded) => (refusal ? withRefused(encoded) : encoded));
    const { model, externalData } = source;
    try {
      const sessionOptions: OrtOptions = {
        executionProviders: ['cpu'],
        // With a pattern the second run asks for one piece of memory as large as all that the first one left: a step then holds
        // nearly twice what it needs (DenseNet121: 4.2 GB for 2.4), and is at most 3 % quicker.
        enableMemPattern: false,
        // 4: nothing but what ends the process. Errors are thrown, and so told; warnings (of every unused initializer) help nobody.
        logSeverityLevel: 4,
        // Threads that go on spinning when a run is over take a core from the next session's for some milliseconds.
        extra: {
          session: {
            ...(integerKernels ? {} : withoutIntegerKernels),
            ...(spinning ? { force_spinning_stop: '1' } : { intra_op: { allow_spinning: '0' } }),
          },
        },
        ...options,
        ...(externalData && { externalData }),
        graphOptimizationLevel: optimization === 'none' ? 'disabled' : 'all',
      };
      // The overloads are for a path and for bytes.
      const create = InferenceSession.create as (
        model: string | Uint8Array,
        options: OrtOptions,
      ) => Promise<ort.InferenceSession>;
      const session = await create(model, sessionOptions);
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
    load: (model, chosen) => open(async (wrap) => ({ model: wrap(model), close: async () => undefined }), chosen),
    loadLarge: (model, chosen) => open((wrap) => largeModel(model, wrap), chosen),
  };
}
