import type { Model } from '../../onnx/index.ts';
import type { Runtime } from '../../runtime/index.ts';
import { availableCores } from '../../runtime/node/cores.ts';
import { deviceOptions } from '../../runtime/node/devices.ts';
import { nodeRuntime } from '../../runtime/node/sessions.ts';
import { choiceLine, fastestThreads, MEASURED_FROM, type ThreadChoice } from '../../runtime/thread-choice.ts';
import { type ModelFiles, measureStep } from '../../session/index.ts';
import { threadChoices } from '../models/thread-choices.ts';
import { machineName } from './environment.ts';
import type { JobHooks } from './events.ts';
import type { RunRecord } from './record.ts';

export interface ThreadRequest {
  readonly model: Model;
  readonly files: ModelFiles;
  readonly sha256: string;
  readonly runtime: Runtime;
  /** Cores, and from how many of them the number of threads is measured. For tests. */
  readonly cores?: number;
  readonly from?: number;
}

/**
 * The fastest number of threads, if the machine has many cores. It is measured once for a model.
 *
 * @returns undefined with few cores, on another device than the processor, and if the user or a quota sets the number
 */
export async function measuredThreads(
  request: ThreadRequest,
  { onEvent }: JobHooks,
): Promise<ThreadChoice | undefined> {
  const { runtime, sha256, cores = availableCores(), from = MEASURED_FROM } = request;
  if (runtime.device !== 'cpu' || runtime.threads !== undefined || cores < from) return undefined;
  onEvent?.({ type: 'phase', phase: 'measuring' });
  const machine = await machineName(runtime, cores);
  const choice = (await threadChoices.of(machine))[sha256] ?? (await measure(request, cores));
  if (!choice) return undefined;
  onEvent?.({ type: 'notice', message: choiceLine(choice) });
  await threadChoices.keep(machine, sha256, choice).catch(() => {});
  return choice;
}

/** A model whose head cannot be measured alone keeps ONNX Runtime's default. The training itself reports the fault. */
const measure = ({ model, files }: ThreadRequest, cores: number): Promise<ThreadChoice | undefined> =>
  fastestThreads(cores, (threads) => measureStep(model, files, processor(threads), 'head')).catch(() => undefined);

/** The processor with a number of threads. */
export const processor = (threads: number): Runtime =>
  nodeRuntime('cpu', { ...deviceOptions('cpu'), intraOpNumThreads: threads });

/** The measured number of threads of a run; undefined if this machine has fewer cores. */
export const recordedThreads = ({ threads }: RunRecord, cores = availableCores()): number | undefined =>
  threads && threads.chosen <= cores ? threads.chosen : undefined;
