export { assignBlocks } from './blocked/index.ts';
export { inlineBranches } from './branches.ts';
export { prune } from './cleanup.ts';
export { placeConstants } from './constants.ts';
export { findFoldings, fold } from './folding.ts';
export { lower } from './lower.ts';
export { inPrecisionOf, inSinglePrecision } from './precision.ts';
export { refuseUntrainable } from './refuse.ts';
export { upgrade } from './upgrade.ts';
