export { LOSSES, type Loss, type LossName, type LossOptions } from './losses.ts';
