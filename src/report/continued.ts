import { listed } from '../listed.ts';
import type { ReportData } from './types.ts';

const SHOWN = 6;

type Continued = NonNullable<ReportData['model']['continued']>;

/** One line about the model's own classes: kept, new and removed ones. Long lists are shortened. */
export function continuedText({ kept, added, removed }: Continued): string {
  return [
    `keeps the weights of ${listed(kept, SHOWN)}`,
    ...(added.length ? [`new: ${listed(added, SHOWN)}`] : []),
    ...(removed.length ? [`removed: ${listed(removed, SHOWN)}`] : []),
  ].join('; ');
}
