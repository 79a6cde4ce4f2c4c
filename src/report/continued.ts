import type { ReportData } from './types.ts';

type Continued = NonNullable<ReportData['model']['continued']>;

/** One line about the model's own classes: kept, new and removed ones. Long lists are shortened. */
export function continuedText({ kept, added, removed }: Continued): string {
  return [
    `keeps the weights of ${listed(kept)}`,
    ...(added.length ? [`new: ${listed(added)}`] : []),
    ...(removed.length ? [`removed: ${listed(removed)}`] : []),
  ].join('; ');
}

const SHOWN = 6;

const listed = (names: readonly string[]): string =>
  names.length <= SHOWN
    ? names.join(', ')
    : `${names.slice(0, SHOWN - 1).join(', ')} and ${names.length - SHOWN + 1} more`;
