export { clients } from './section.ts';
export type { FederationClient, FederationReport } from './types.ts';
export { learners, rowOf } from './words.ts';
