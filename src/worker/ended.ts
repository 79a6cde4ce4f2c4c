import { ThawError } from '../errors.ts';

/** For ports whose other side ended without being asked to. */
export const trainingEnded = (what: string, why: string): ThawError =>
  new ThawError('ended', `the training's ${what} has ended: ${why}`, 'Start another; a kept project can be reopened');
