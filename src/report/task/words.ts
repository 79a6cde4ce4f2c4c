import { plural } from '../format.ts';
import type { TaskCard } from './types.ts';

/** What the validation metric was measured on. */
export function measuredOn({ federation, data: { val } }: Pick<TaskCard, 'federation' | 'data'>): string {
  if (!federation) return `${plural(val, 'image')} that it was not trained on`;
  return val
    ? `${plural(val, 'image')} of the server`
    : `${plural(federation.held, 'sample')} that the clients held back`;
}

/** `12 labels`, or what else it learned. */
export const lesson = ({ task, noun, names }: Pick<TaskCard, 'task' | 'noun' | 'names'>): string =>
  task === 'embedding' ? `to embed ${plural(names.length, ...noun)}` : plural(names.length, ...noun);
