/** Decisions of a training about its own plan. */

export const DECISIONS = ['length', 'rate', 'thaw', 'repeat', 'stop'] as const;

/** Plain data. */
export interface Decision {
  /** `length` of the first stages, `rate` of pretrained layers, `thaw` more layers, `repeat` the last selection, `stop`. */
  readonly decision: (typeof DECISIONS)[number];
  /** The stage after which it was made, counted from 1; 0 before the training. */
  readonly stage: number;
  /** The epochs until then. */
  readonly epoch: number;
  /** One line: the decision and its reason. */
  readonly message: string;
}
