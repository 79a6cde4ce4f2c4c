export type { PlanFacts } from './facts.ts';
export { FIRST_GROUPS, firstStages, laterCounts, THAWED_RATE, usualEpochs } from './ladder.ts';
export { revisedPlan } from './revise.ts';
