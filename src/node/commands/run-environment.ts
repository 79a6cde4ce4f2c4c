import { availableParallelism } from 'node:os';
import { imageLibraries } from '../../data/node/index.ts';
import { isText } from '../../data/text/index.ts';
import type { Runtime } from '../../runtime/index.ts';
import type { InputFormat } from '../../session/index.ts';
import { environmentOf } from './environment.ts';

/** What the last bits of a training may depend on besides its settings; kept in the run's record. */
export type RunEnvironment = Readonly<Record<string, string>>;

export async function runEnvironmentOf(runtime: Runtime, preprocessing: InputFormat): Promise<RunEnvironment> {
  const { thaw, onnxruntime, node, platform, cpu, device } = await environmentOf(runtime);
  return {
    Thaw: thaw,
    'ONNX Runtime': onnxruntime,
    Node: node,
    platform,
    processor: cpu,
    // Of these cores a process may be given fewer.
    threads: String(availableParallelism()),
    device,
    ...(!isText(preprocessing) && imageLibraries()),
  };
}

/** One line where a run goes on in other environment than it began in. */
export function environmentNotice(before: RunEnvironment | undefined, now: RunEnvironment): string | undefined {
  const changed = Object.keys(now)
    .filter((name) => before?.[name] !== undefined && before[name] !== now[name])
    .map((name) => `${name} was ${before![name]}, now ${now[name]}`);
  return changed.length
    ? `the run goes on in other environment, so that its weights may differ in the last bits from those of one that never stopped: ${changed.join('; ')}`
    : undefined;
}
