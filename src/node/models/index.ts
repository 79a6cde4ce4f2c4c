export { cacheFolder } from './cache.ts';
export { type StartingPoint, startingPoints } from './catalogue.ts';
export type { Progress } from './download.ts';
export { type ResolvedModel, type ResolveOptions, resolveModel } from './resolve.ts';
