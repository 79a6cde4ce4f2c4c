import { plural } from '../../report/format.ts';
import type { StagePlan } from '../../training/index.ts';

/** Stages on one line: `head for 3 epochs, then last:3 for 4`. */
export const planText = (stages: readonly StagePlan[]): string =>
  stages
    .map(({ train, epochs }, i) => `${train} for ${i === 0 ? plural(epochs, 'epoch') : String(epochs)}`)
    .join(', then ');
