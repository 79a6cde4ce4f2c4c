import { ThawError } from '../../errors.ts';
import type { Place, Problem } from './types.ts';

const sentence = (text: string): string => {
  const trimmed = text.trim();
  const whole = trimmed.charAt(0).toUpperCase() + trimmed.slice(1);
  return /[.!?…]$/.test(whole) ? whole : `${whole}.`;
};

/** An error for a reader. An error that is not a `ThawError` is reported as a bug of ours. */
export function problemOf(error: unknown): Problem {
  if (error instanceof ThawError) {
    return { message: sentence(error.message), ...(error.hint && { hint: sentence(error.hint) }) };
  }
  if ((error as Error | undefined)?.name === 'QuotaExceededError')
    return {
      message: 'The browser has no room left for this page, so what you add now is lost when you close it.',
      hint: 'Download the model before you close the page. Remove images here, or data of other sites, to make room.',
    };
  const message = error instanceof Error ? error.message : String(error);
  return {
    message: sentence(message || 'something went wrong'),
    hint: 'This should not happen. Reload the page; your images are kept.',
  };
}

/** The place that shows an error of opening or training: next to its cause. */
export function placeOf(error: unknown): Place {
  if (!(error instanceof ThawError)) return 'train';
  if (error.code === 'bad-model' || error.code === 'unsupported-operator') return 'model';
  return error.code === 'bad-data' ? 'images' : 'train';
}
