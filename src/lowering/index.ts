export { prune } from './cleanup.ts';
export { lower } from './lower.ts';
