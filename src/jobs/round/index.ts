export { type FirstStateRequest, firstState, type RoundOutcome, type RoundRequest, round } from './round.ts';
export { type RoundState, readRoundState, writeRoundState } from './state.ts';
