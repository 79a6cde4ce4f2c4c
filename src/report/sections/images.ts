import { percent } from '../format.ts';
import { type Html, html, image } from '../markup.ts';
import type { ReportData } from '../types.ts';
import { bar, section } from './section.ts';

/** The last part of a path, shown under an image. The title has the full path. */
export const fileName = (path: string): string => path.split(/[\\/]/).pop() || path;

export function mistakes({ mistakes: list, after }: ReportData): Html {
  if (list.length === 0) {
    return after.accuracy === 1
      ? section('mistakes', 'Mistakes', '', html`<p>None on the validation set.</p>`)
      : html``;
  }
  return section(
    'mistakes',
    'Worst mistakes',
    `Wrong predictions on the validation set, most confident first. Wrong labels in the data also show up here.`,
    html`<ul class="images">${list.map(
      ({ thumbnail, text, file, label, predicted, probability }) => html`<li><figure>
${text === undefined ? image(thumbnail ?? '', `${fileName(file)}: labelled ${label}, predicted ${predicted}`) : html`<blockquote>${text}</blockquote>`}
<figcaption><b>${predicted}</b> <span class="number">${percent(probability, 0)}</span>${bar(probability, 'warm')}
<span>labelled ${label}</span><small title="${file}">${fileName(file)}</small></figcaption></figure></li>`,
    )}</ul>`,
  );
}

export const samples = ({ samples: list }: Pick<ReportData, 'samples'>): Html =>
  list.length === 0
    ? html``
    : section(
        'samples',
        'Training images',
        'Network inputs after augmentation.',
        html`<ul class="images tight">${list.map((source, i) => html`<li>${image(source, `Training image ${i + 1} after augmentation`)}</li>`)}</ul>`,
      );
