export { assignBlocks } from './assign.ts';
