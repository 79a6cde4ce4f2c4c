import type { LossName } from '../losses/index.ts';
import { classification } from './classification/index.ts';
import type { TaskFacts, TaskName } from './facts.ts';
import type { Task } from './task.ts';

/** A kind of task before any data is known. */
export interface TaskKind<F extends TaskFacts = TaskFacts> {
  /** What its outputs are, one and several of them. */
  readonly noun: readonly [one: string, many: string];
  /** Losses that compare its outputs with its labels; the first is the default. */
  readonly losses: readonly LossName[];
  /** Whether labels of two samples can be blended, as mixup does. */
  readonly blends?: boolean;
  open(facts: F): Task;
}

export const TASKS: { readonly [N in TaskName]: TaskKind<Extract<TaskFacts, { task: N }>> } = {
  classification: {
    noun: ['class', 'classes'],
    losses: ['cross-entropy', 'bce-with-logits', 'focal', 'mse', 'l1', 'huber', 'kl'],
    blends: true,
    open: ({ classes }) => classification(classes),
  },
};

export const taskNames = Object.keys(TASKS) as [TaskName, ...TaskName[]];

/** The task that its facts tell of. */
export const openTask = (facts: TaskFacts): Task => (TASKS[facts.task] as TaskKind).open(facts);
