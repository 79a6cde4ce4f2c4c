export { assignBlocks } from './assign.ts';
export { storable } from './storable.ts';
export { fromStored, type Stored, storedShape, toStored } from './stored.ts';
