import { availableParallelism } from 'node:os';
import { imageLibraries } from '../../data/node/index.ts';
import { isText } from '../../data/text/index.ts';
import type { Runtime } from '../../runtime/index.ts';
import type { InputFormat } from '../../session/index.ts';
import { environmentOf } from './environment.ts';

/** Versions and hardware that can change the last bits of a training. Stored in the run's record. */
export type RunEnvironment = Readonly<Record<string, string>>;

export async function runEnvironmentOf(runtime: Runtime, preprocessing: InputFormat): Promise<RunEnvironment> {
  const { thaw, onnxruntime, node, platform, cpu, device } = await environmentOf(runtime);
  return {
    Thaw: thaw,
    'ONNX Runtime': onnxruntime,
    Node: node,
    platform,
    processor: cpu,
    // The process can be limited to fewer cores than the machine has.
    threads: String(runtime.threads ?? availableParallelism()),
    device,
    ...(!isText(preprocessing) && imageLibraries()),
  };
}

/** A notice if a run resumes in another environment. */
export function environmentNotice(before: RunEnvironment | undefined, now: RunEnvironment): string | undefined {
  const changed = Object.keys(now)
    .filter((name) => before?.[name] !== undefined && before[name] !== now[name])
    .map((name) => `${name} was ${before![name]}, now ${now[name]}`);
  return changed.length
    ? `the run resumes in another environment, so its weights can differ in the last bits from those of an uninterrupted run: ${changed.join('; ')}`
    : undefined;
}
