export { type FirstStateRequest, firstState, type RoundRequest, round } from './round.ts';
export { readStateFile } from './state-file.ts';
