import { percent } from '../format.ts';
import { type Html, html, image } from '../markup.ts';
import type { ReportData } from '../types.ts';
import { bar, section } from './section.ts';

/** The last part of a path, which is what fits under an image; the whole is in its title. */
export const fileName = (path: string): string => path.split(/[\\/]/).pop() || path;

export function mistakes({ mistakes: list, after, data }: ReportData): Html {
  if (list.length === 0) {
    return after.accuracy === 1
      ? section('mistakes', 'Mistakes', '', html`<p>None on the validation set.</p>`)
      : html``;
  }
  return section(
    'mistakes',
    'Worst mistakes',
    `Validation ${data.noun}s it is wrong about, the surest first. A wrong label in the data shows up here, too.`,
    html`<ul class="images">${list.map(
      ({ thumbnail, text, file, label, predicted, probability }) => html`<li><figure>
${text === undefined ? image(thumbnail ?? '', `${fileName(file)}: labelled ${label}, taken for ${predicted}`) : html`<blockquote>${text}</blockquote>`}
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
        'What it saw',
        'Training images as the network gets them, after augmentation.',
        html`<ul class="images tight">${list.map((source, i) => html`<li>${image(source, `Training image ${i + 1} as the network sees it`)}</li>`)}</ul>`,
      );
