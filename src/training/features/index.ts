export { FeatureCache, type FeatureCacheOptions, type FeatureSpace, type FeatureStore } from './cache.ts';
export { FrozenPart } from './frozen-part.ts';
export { CHUNK } from './segment.ts';
