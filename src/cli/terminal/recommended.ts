import { shown } from '../../report/format.ts';
import type { RecommendedSettings } from '../../session/index.ts';

/** One line with the model's recommended settings. For an object, the line lists the keys. */
export function recommendedText(settings: RecommendedSettings): string {
  const short = (value: unknown) =>
    typeof value === 'object' && value !== null ? `{ ${Object.keys(value).join(', ')} }` : shown(value);
  const all = Object.entries(settings).map(([name, value]) => `${name} ${short(value)}`);
  return `${all.join(', ')} (recommended by the model)`;
}
