import type { LossName } from '../compiler/losses/index.ts';
import type { Dataset, LabelReading } from '../data/index.ts';
import { classification } from './classification/index.ts';
import { embedding } from './embedding/index.ts';
import type { FactsOf, TaskFacts, TaskName } from './facts.ts';
import { multiLabel } from './multi-label/index.ts';
import { learnUnits, regression } from './regression/index.ts';
import type { Task } from './task.ts';

/** Settings of a task. */
export interface TaskOptions {
  /** embedding: length of a vector. */
  readonly embeddingSize: number;
  /** multi-label: minimum probability of a predicted label, or `tuned` on the validation set. */
  readonly threshold: number | 'tuned';
}

/** A kind of task, independent of any data. */
export interface TaskKind<F extends TaskFacts = TaskFacts> {
  /** Name of one output, and of several. */
  readonly noun: readonly [one: string, many: string];
  /** Losses that compare its outputs with its labels; the first is the default. */
  readonly losses: readonly LossName[];
  /** Whether labels of two samples can be blended, as mixup does. */
  readonly blends?: boolean;
  /** How a data set's labels are read. @param columns columns selected by the user */
  reads(columns?: readonly string[]): LabelReading;
  /** Facts from the data. */
  learn(data: Pick<Dataset, 'classes' | 'train'>, options: TaskOptions): F;
  open(facts: F): Task;
}

export const TASKS: { readonly [N in TaskName]: TaskKind<FactsOf<N>> } = {
  classification: {
    noun: ['class', 'classes'],
    losses: ['cross-entropy', 'bce-with-logits', 'focal', 'mse', 'l1', 'huber', 'kl'],
    blends: true,
    reads: () => ({ kind: 'class' }),
    learn: ({ classes }) => ({ task: 'classification', classes: [...classes] }),
    open: ({ classes }) => classification(classes),
  },
  'multi-label': {
    noun: ['label', 'labels'],
    losses: ['bce-with-logits', 'focal'],
    reads: (columns) => ({ kind: 'labels', columns }),
    learn: ({ classes }, { threshold }) => ({
      task: 'multi-label',
      classes: [...classes],
      thresholds: classes.map(() => (threshold === 'tuned' ? 0.5 : threshold)),
      tuned: threshold === 'tuned',
    }),
    open: multiLabel,
  },
  regression: {
    noun: ['number', 'numbers'],
    losses: ['mse', 'l1', 'huber'],
    reads: (columns) => ({ kind: 'numbers', columns }),
    learn: ({ classes, train }) =>
      learnUnits(
        classes,
        train.map(({ targets = [] }) => targets),
      ),
    open: regression,
  },
  embedding: {
    noun: ['class', 'classes'],
    losses: ['supervised-contrastive', 'info-nce', 'triplet'],
    reads: () => ({ kind: 'class', unseen: true }),
    learn: ({ classes }, { embeddingSize }) => ({ task: 'embedding', classes: [...classes], size: embeddingSize }),
    open: embedding,
  },
};

export const taskNames = Object.keys(TASKS) as [TaskName, ...TaskName[]];

/** Creates a task from its facts. */
export const openTask = (facts: TaskFacts): Task => (TASKS[facts.task] as TaskKind).open(facts);

/** Creates a task of a kind from its data. */
export const learnTask = (name: TaskName, data: Pick<Dataset, 'classes' | 'train'>, options: TaskOptions): Task =>
  openTask(TASKS[name].learn(data, options));
