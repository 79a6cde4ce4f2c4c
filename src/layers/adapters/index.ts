export { adaptedWeights, mergeAdapters, withAdapter } from './merge.ts';
export { type Adapted, type Adapter, adapterNames, placeAdapters } from './place.ts';
export type { AdapterTarget, LoraOptions } from './targets.ts';
