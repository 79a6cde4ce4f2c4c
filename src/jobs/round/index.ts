export { type FirstStateRequest, firstState, type RoundRequest, round } from './round.ts';
