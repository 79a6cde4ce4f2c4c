export { prune } from './cleanup.ts';
export { placeConstants } from './constants.ts';
export { lower } from './lower.ts';
export { upgrade } from './upgrade.ts';
