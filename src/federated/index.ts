/** Rounds of a federation on any platform: states, one machine's part of a round, and a node of a Flower federation. */
export { type OwnRoundRequest, ownRound } from './own-round.ts';
export { type PreparedRound, prepareRound, type RoundInputs, type RoundPlatform } from './prepare.ts';
export {
  checkProximal,
  type LocalRound,
  type RoundHooks,
  type RoundMode,
  type RoundOutcome,
  roundSettings,
  runRound,
} from './round.ts';
export { checkSource, checkTensors, type RoundState, readRoundState, variancesOf, writeRoundState } from './state.ts';
