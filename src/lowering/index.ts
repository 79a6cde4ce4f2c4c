export { prune, readsOf } from './cleanup.ts';
export { lower } from './lower.ts';
export { upgrade } from './upgrade.ts';
