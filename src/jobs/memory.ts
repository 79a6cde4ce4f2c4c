import { type Dataset, PICTURE_CACHE_BYTES } from '../data/index.ts';
import {
  keptBytes,
  type MemoryPlan,
  type Prepared,
  planMemory,
  type TrainSettings,
  textSizes,
} from '../recipe/index.ts';
import type { Runtime } from '../runtime/index.ts';
import { memoryLimit } from '../runtime/node/memory.ts';
import type { Task } from '../tasks/index.ts';
import { isText } from '../text/index.ts';
import { cacheBytes } from './features.ts';
import type { InputFormat } from './inputs.ts';

/** `planMemory` with what this machine has. */
export function planJobMemory(
  prepared: Pick<Prepared, 'network' | 'anatomy'>,
  settings: TrainSettings,
  { dataset, format, task, runtime }: { dataset: Dataset; format: InputFormat; task: Task; runtime: Runtime },
): Promise<{ settings: TrainSettings; memory?: MemoryPlan }> {
  const { train, val } = dataset;
  return planMemory(prepared, settings, {
    runtime,
    task,
    samples: { train: train.length, val: val.length },
    limit: memoryLimit(),
    cache: cacheBytes(settings),
    ...(isText(format)
      ? { sizes: textSizes(prepared, format.maxLength) }
      : { pictures: { each: keptBytes(format), most: PICTURE_CACHE_BYTES } }),
  });
}
