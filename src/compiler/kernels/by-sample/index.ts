export { chainsBySample } from './chains.ts';
export { stacksBySample } from './stacks.ts';
