export { adaptedWeights, mergeAdapters, withAdapter } from './merge.ts';
export { adapterNames } from './names.ts';
export { type Adapted, type Adapter, placeAdapters } from './place.ts';
export type { AdapterTarget, LoraOptions } from './targets.ts';
