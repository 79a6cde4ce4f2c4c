import type { DataProblem, Noun } from '../data/index.ts';
import type { Evaluated, Metric, TaskName } from '../tasks/index.ts';
import type { TrainingEvent } from '../training/index.ts';
import type { ContinuedClasses } from './known-classes.ts';
import type { MemoryPlan } from './memory.ts';
import type { RecommendedSettings } from './recommended.ts';

/** An event of a session: those of its training, and more. Plain data. */
export type SessionEvent =
  | TrainingEvent<Evaluated>
  | {
      readonly type: 'model';
      readonly name: string;
      readonly parameters: number;
      readonly groups: number;
      /** Classes of the head that is trained. */
      readonly classes: number;
      /** What became of the model's own classes, where their weights are kept. */
      readonly continued?: ContinuedClasses;
    }
  | {
      readonly type: 'data';
      /** What samples are. */
      readonly noun: Noun;
      readonly task: TaskName;
      /** By which epochs are compared. */
      readonly metric: Metric;
      readonly classes: readonly string[];
      readonly train: number;
      readonly val: number;
      readonly test: number;
      readonly problems: readonly DataProblem[];
    }
  /** Settings that nobody gave, and that are as the model recommends. */
  | { readonly type: 'recommended'; readonly settings: RecommendedSettings }
  /** The images are photographs, and the model learned from drawings. */
  | {
      readonly type: 'mismatch';
      /** A model of the catalogue that learned from photographs. */
      readonly better: string;
    }
  /** The estimated memory of the training. */
  | ({ readonly type: 'memory' } & MemoryPlan)
  /** Something worth knowing that stops nothing. */
  | { readonly type: 'notice'; readonly message: string }
  /** The current phase, if no other event shows it. */
  | { readonly type: 'phase'; readonly phase: 'preparing' | 'exporting' | 'evaluating' | 'reporting' | 'measuring' };

/** Whoever listens to a session as it opens. */
export interface SessionHooks {
  /** Called with each event, in order. */
  readonly onEvent?: (event: SessionEvent) => void;
}
