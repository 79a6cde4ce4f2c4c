/** Rounds of a federation on any platform: states, one machine's part of a round, and a node of a Flower federation. */
export { type OwnRoundRequest, ownRound } from './own-round.ts';
export { type PreparedRound, prepareRound, type RoundInputs, type RoundPlatform } from './prepare.ts';
export type { LocalRound, RoundHooks, RoundMode, RoundOutcome } from './round.ts';
export { type RoundState, readRoundState, variancesOf, writeRoundState } from './state.ts';
