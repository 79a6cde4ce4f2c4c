import type { StageConfig } from './config.ts';

/** Equal shares; if epochs remain, later stages get one more, since they train more. With too few epochs, the last stages are left out. */
export function shareEpochs(all: readonly StageConfig['train'][], epochs: number): StageConfig[] {
  const selections = all.slice(0, epochs);
  const each = Math.floor(epochs / selections.length);
  const more = epochs % selections.length;
  return selections.map((train, i) => ({ train, epochs: each + (i >= selections.length - more ? 1 : 0) }));
}
