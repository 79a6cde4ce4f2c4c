import { percent } from '../../report/format.ts';
import { epochsPlanned } from '../state/run.ts';
import type { Result, Run } from '../state/types.ts';

/** `less than a minute left`, roughly as one would say it. */
export function timeLeft(seconds: number): string {
  if (seconds < 10) return 'a few seconds left';
  if (seconds < 55) return `about ${10 * Math.ceil(seconds / 10)} seconds left`;
  const minutes = Math.round(seconds / 60);
  return minutes <= 1 ? 'about a minute left' : `about ${minutes} minutes left`;
}

/** For screen readers during the training: at most one message a round. */
export function announcement(run: Run, result: Result | undefined): string {
  const { phase, rows } = run;
  const last = rows.at(-1);
  switch (phase) {
    case 'opening':
      return 'Getting ready to train.';
    case 'training':
      return last
        ? `Round ${last.epoch} of ${epochsPlanned(run)}: ${percent(last.val.accuracy, 0)} right.`
        : 'The training has begun.';
    case 'paused':
      return 'Paused.';
    case 'done':
    case 'interrupted': {
      if (!result) return '';
      const { right, all, low, high } = result.score;
      return `Ready: ${right} of ${all} images held back are right (95% interval ${percent(low, 0)} to ${percent(high, 0)}). Try it, or download the model.`;
    }
    default:
      return '';
  }
}
