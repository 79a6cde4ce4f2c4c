import { namedClasses } from '../export/index.ts';
import type { Model } from '../onnx/index.ts';
import type { Task } from '../tasks/index.ts';
import { inputShapes } from './images.ts';
import type { PrepareOptions } from './prepare.ts';
import type { TrainSettings } from './settings.ts';
import { takesTexts } from './texts.ts';

/** The classes of the head: new ones, or the model's own. */
export const newHead = (
  model: Model,
  { config }: { readonly config?: unknown },
  { outputs, classes, named, tail }: Pick<Task, 'outputs' | 'classes' | 'named' | 'tail'>,
  { keepHead, knownClasses, pooling }: Pick<TrainSettings, 'keepHead' | 'knownClasses' | 'pooling'>,
): Pick<PrepareOptions, 'classes' | 'names' | 'tail' | 'encoder'> =>
  keepHead
    ? {}
    : {
        classes: outputs,
        encoder: takesTexts(model) ? { pooling, features: hiddenSize(config) } : undefined,
        tail,
        names: named ? { known: namedClasses(model, config), wanted: classes, rows: knownClasses } : undefined,
      };

/** How a model is prepared for a training. @param files next to the model */
export const optionsOf = (
  model: Model,
  files: { readonly config?: unknown },
  task: Parameters<typeof newHead>[2],
  settings: TrainSettings,
  format: Parameters<typeof inputShapes>[1],
): PrepareOptions => ({
  head: settings.head,
  ...newHead(model, files, task, settings),
  seed: settings.seed,
  inputs: inputShapes(model, format),
  quantized: settings.quantized,
  lora: settings.lora,
  distill: settings.distill,
});

/** Of a text encoder's vectors. */
export function hiddenSize(config: unknown): number | undefined {
  const { hidden_size, dim } = (config ?? {}) as Record<string, unknown>;
  return [hidden_size, dim].find((size) => typeof size === 'number') as number | undefined;
}
