/** The confusion matrix: counts, with each cell shaded by its share of the row. */
import { shortened } from '../../graphemes.ts';
import { count, percent, sum } from '../format.ts';
import { type Html, html } from '../markup.ts';

/** Cell size in pixels by the number of classes. Cells show numbers if they fit. */
function cellSize(classes: number): number {
  return classes <= 6 ? 64 : classes <= 12 ? 44 : classes <= 20 ? 32 : classes <= 40 ? 18 : 12;
}

/** Minimum opacity, so that a single mistake is visible. */
const FAINTEST = 0.22;

/**
 * @param classes names, in the order of the matrix
 * @param confusion `confusion[truth][predicted]` counts samples
 */
export function confusionPlot(
  classes: readonly string[],
  confusion: readonly (readonly number[])[],
): { readonly svg: Html; readonly width: number; readonly height: number } {
  const n = classes.length;
  const cell = cellSize(n);
  const font = Math.min(13, cell - 3);
  const letters = n <= 20 ? 18 : 14;
  const names = classes.map((name) => shortened(name, letters));
  const margin = Math.ceil(12 + Math.max(8, ...names.map((name) => [...name].length)) * font * 0.62);
  const slanted = Math.max(...names.map((name) => [...name].length)) * font * 0.6 > cell - 4;
  const turn = !slanted ? 0 : cell > 20 ? -45 : -90;
  const top = turn === 0 ? 46 : Math.ceil(margin * (turn === -45 ? 0.75 : 1)) + 22;
  const width = margin + n * cell + (turn === -45 ? Math.ceil(margin * 0.7) : 2);
  const height = top + n * cell + 2;

  const cells = confusion.flatMap((row, truth) => {
    const total = sum(row);
    return row.map((number, predicted) => {
      if (number === 0) return html``;
      const share = number / total;
      const x = margin + predicted * cell;
      const y = top + truth * cell;
      const tone = truth === predicted ? 'right' : 'wrong';
      const opacity = FAINTEST + (1 - FAINTEST) * share;
      return html`<g class="${tone}"><rect x="${x + 1}" y="${y + 1}" width="${cell - 2}" height="${cell - 2}" rx="${cell > 20 ? 3 : 1}" fill-opacity="${opacity.toFixed(3)}"/>
${cell >= 32 && html`<text class="${share > 0.7 ? 'on' : ''}" x="${x + cell / 2}" y="${y + cell / 2 + 5}">${count(number)}</text>`}
<title>${classes[truth]} predicted as ${classes[predicted]}: ${count(number)} of ${count(total)} (${percent(share)})</title></g>
`;
    });
  });

  const right = sum(confusion.map((row, i) => row[i]));
  const all = sum(confusion.map(sum));
  const svg = html`<svg class="confusion${width <= 900 && width > 640 && ' fit'}" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-size="${font}" role="img" aria-label="Confusion matrix of ${n} classes: ${count(right)} of ${count(all)} images on the diagonal. See the table of classes for the numbers.">
<text class="axis" x="${margin}" y="14">predicted →</text>
<text class="axis end" x="${margin - 8}" y="${top - 8}">truth ↓</text>
<rect class="ground" x="${margin}" y="${top}" width="${n * cell}" height="${n * cell}"/>
${names.map((name, i) => {
  const middle = margin + (i + 0.5) * cell;
  return html`<text class="end" x="${margin - 8}" y="${top + (i + 0.5) * cell + font * 0.35}">${name}</text>
${
  turn
    ? html`<text transform="translate(${(middle + font * 0.3).toFixed(1)} ${top - 6}) rotate(${turn})">${name}</text>`
    : html`<text class="middle" x="${middle}" y="${top - 8}">${name}</text>`
}
`;
})}
${cells}
</svg>`;
  return { svg, width, height };
}

/** The matrix in a box that scrolls if it is too wide. */
export const confusionMatrix = (classes: readonly string[], confusion: readonly (readonly number[])[]): Html =>
  html`<div class="scroll" tabindex="0">${confusionPlot(classes, confusion).svg}</div>`;
