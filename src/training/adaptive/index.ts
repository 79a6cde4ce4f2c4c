export { isNear } from './evidence.ts';
export type { PlanFacts } from './facts.ts';
export { laterCounts, limitOf } from './ladder.ts';
export { revisedPlan } from './revise.ts';
