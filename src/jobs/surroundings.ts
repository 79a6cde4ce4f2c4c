import type { Runtime } from '../runtime/index.ts';
import { environmentOf } from './environment.ts';

/** What the last bits of a training may depend on besides its settings; kept in the run's record. */
export type Surroundings = Readonly<Record<string, string>>;

export async function surroundingsOf(runtime: Runtime): Promise<Surroundings> {
  const { thaw, onnxruntime, node, platform, cpu, device } = await environmentOf(runtime);
  // ONNX Runtime takes as many threads as there are cores: `cpu` tells both.
  return { Thaw: thaw, 'ONNX Runtime': onnxruntime, Node: node, platform, processor: cpu, device };
}

/** One line where a run goes on in other surroundings than it began in. */
export function surroundingsNotice(before: Surroundings | undefined, now: Surroundings): string | undefined {
  const changed = Object.keys(now)
    .filter((name) => before?.[name] !== undefined && before[name] !== now[name])
    .map((name) => `${name} was ${before![name]}, now ${now[name]}`);
  return changed.length
    ? `the run goes on in other surroundings, so that its weights may differ in the last bits from those of one that never stopped: ${changed.join('; ')}`
    : undefined;
}
