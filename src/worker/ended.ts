import { ThawError } from '../errors.ts';

/** For ports whose other side is gone without having been asked to go. */
export const trainingEnded = (what: string, why: string): ThawError =>
  new ThawError(
    'ended',
    `the training's ${what} has ended: ${why}`,
    'Start another; a project that is kept can be reopened',
  );
