export type { Loss, LossOptions } from './loss.ts';
export { LOSSES, type LossName } from './losses.ts';
