/** From a model as it was exported to one that the compiler reads: newest operators, float weights, branches, loops and sequences written out. */
export { inlineBranches, type Selected, selectBranches } from './branches.ts';
export { MOST_STEPS, unrollLoops } from './loops.ts';
export { type OpenLoop, openLoop, valuesOf } from './open-loops.ts';
export { inPrecisionOf, inSinglePrecision } from './precision.ts';
export { type Quantized, refuseUntrainable } from './refuse.ts';
export { writeSequences } from './sequences.ts';
export { withFloatWeights } from './straight-through.ts';
export { upgrade } from './upgrade.ts';
