import { plural } from '../format.ts';
import type { TaskCard } from './types.ts';

/** The data of the validation metric. */
export function measuredOn({ federation, data: { val } }: Pick<TaskCard, 'federation' | 'data'>): string {
  if (!federation) return `${plural(val, 'image')} outside its training data`;
  return val ? `${plural(val, 'image')} of the server` : `${plural(federation.held, 'sample')} held out by the clients`;
}

/** The learned task, such as `12 labels`. */
export const taskText = ({ task, noun, names }: Pick<TaskCard, 'task' | 'noun' | 'names'>): string =>
  task === 'embedding' ? `to embed ${plural(names.length, ...noun)}` : plural(names.length, ...noun);
