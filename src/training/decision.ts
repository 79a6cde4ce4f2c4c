/** Decisions of a training about its own plan. */

export const DECISIONS = ['rate', 'thaw', 'repeat', 'stop'] as const;

/** Plain data. */
export interface Decision {
  /** `rate`: of pretrained layers. `thaw`: more layers. `repeat`: the last layers again. `stop`: no more stages. */
  readonly decision: (typeof DECISIONS)[number];
  /** The stage after which it was made, counted from 1. */
  readonly stage: number;
  /** The epochs until then. */
  readonly epoch: number;
  /** One line: the decision and its reason. */
  readonly message: string;
}
