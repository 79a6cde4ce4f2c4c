import { percent } from '../format.ts';
import { type Html, html, image } from '../markup.ts';
import type { MapsMade, ReportData } from '../types.ts';
import { bar, section } from './section.ts';

/** The last part of a path, shown under an image. The title has the full path. */
export const fileName = (path: string): string => path.split(/[\\/]/).pop() || path;

export function mistakes({ mistakes: list, after, maps }: ReportData): Html {
  if (list.length === 0) {
    return after.accuracy === 1
      ? section('mistakes', 'Mistakes', '', html`<p>None on the validation set.</p>`)
      : html``;
  }
  return section(
    'mistakes',
    'Worst mistakes',
    `Wrong predictions on the validation set, most confident first. Wrong labels in the data also show up here.${maps ? ` ${mapsNote(maps)}` : ''}`,
    html`<ul class="images">${list.map(
      ({ thumbnail, text, file, label, predicted, probability, maps: shown = [] }) => html`<li><figure>
${text === undefined ? image(thumbnail ?? '', `${fileName(file)}: labelled ${label}, predicted ${predicted}`) : html`<blockquote>${text}</blockquote>`}
${shown.length > 0 && html`<div class="maps">${shown.map((map) => html`<div>${image(map.image, `${fileName(file)}: the parts that speak for ${map.label}`)}<small title="${map.label}">for ${map.label}</small></div>`)}</div>`}
<figcaption><b>${predicted}</b> <span class="number">${percent(probability, 0)}</span>${bar(probability, 'warm')}
<span>labelled ${label}</span><small title="${file}">${fileName(file)}</small></figcaption></figure></li>`,
    )}</ul>`,
  );
}

const mapsNote = (maps: MapsMade): string =>
  'method' in maps
    ? `The maps show which parts of an image speak for a class, from violet (weak) to yellow (strong), by the method ${maps.method}. Parts without colour do not speak for it, or the model does not see them.`
    : `There are no maps of the parts that speak for a class: ${maps.problem}`;

export const samples = ({ samples: list }: Pick<ReportData, 'samples'>): Html =>
  list.length === 0
    ? html``
    : section(
        'samples',
        'Training images',
        'Network inputs after augmentation.',
        html`<ul class="images tight">${list.map((source, i) => html`<li>${image(source, `Training image ${i + 1} after augmentation`)}</li>`)}</ul>`,
      );
