/**
 * Converts an exported model to the form that the compiler reads: newest operators, float weights; branches, loops and sequences expanded.
 */
export { inlineBranches, type Selected, selectBranches } from './branches.ts';
export { MOST_STEPS, unrollLoops } from './loops.ts';
export { type OpenLoop, openLoop, valuesOf } from './open-loops.ts';
export { inPrecisionOf, inSinglePrecision } from './precision.ts';
export { type Quantized, refuseUntrainable } from './refuse.ts';
export { writeSequences } from './sequences.ts';
export { withFloatWeights } from './straight-through.ts';
export { upgrade } from './upgrade.ts';
