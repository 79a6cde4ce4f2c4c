import { shown } from '../../report/format.ts';
import type { RecommendedSettings } from '../../session/index.ts';

/** What was taken of a model's recommendations in one line; of an object, what it changes. */
export function recommendedText(settings: RecommendedSettings): string {
  const short = (value: unknown) =>
    typeof value === 'object' && value !== null ? `{ ${Object.keys(value).join(', ')} }` : shown(value);
  const all = Object.entries(settings).map(([name, value]) => `${name} ${short(value)}`);
  return `${all.join(', ')}: as the model recommends, where nobody says otherwise`;
}
