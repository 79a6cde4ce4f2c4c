import type { Figures, Images, ReportBlock, Scatter, Table } from '../../tasks/index.ts';
import { linearScale } from '../charts/scale.ts';
import { textWidth } from '../charts/text.ts';
import { count, decimal, formatted, plural } from '../format.ts';
import { type Html, html, image } from '../markup.ts';
import { fileName } from '../sections/images.ts';
import { folded, section } from '../sections/section.ts';
import type { ShownImages } from './types.ts';

/** Number of table rows that are visible without unfolding. */
const SHOWN = 12;

/** The report blocks of a split, in one section. */
export const results = (id: string, heading: string, reportBlocks: readonly Exclude<ReportBlock, Images>[]): Html =>
  reportBlocks.length === 0 ? html`` : section(id, heading, '', html`${reportBlocks.map(shown)}`);

function shown(block: Exclude<ReportBlock, Images>): Html {
  if (block.kind === 'figures') return figures(block);
  return block.kind === 'table' ? table(block) : scatter(block);
}

const figures = ({ items }: Figures): Html =>
  html`<dl class="facts">${items.map(({ title, value, form }) => html`<div><dt>${title}</dt><dd>${formatted(value, form)}</dd></div>`)}</dl>`;

function table({ title, note, columns, rows }: Table): Html {
  const part = (some: Table['rows']): Html => html`<div class="scroll" tabindex="0"><table>
<thead><tr>${columns.map((column, i) => html`<th scope="col"${i > 0 && html` class="number"`}>${column.title}</th>`)}</tr></thead>
<tbody>${some.map(
    ([head, ...cells]) =>
      html`<tr><th scope="row">${formatted(head, columns[0].form)}</th>${cells.map((cell, i) => html`<td class="number">${formatted(cell, columns[i + 1].form)}</td>`)}</tr>`,
  )}</tbody></table></div>`;
  return html`<h3>${title}</h3>${note && html`<p>${note}</p>`}${part(rows.slice(0, SHOWN))}
${rows.length > SHOWN && folded(plural(rows.length - SHOWN, 'more row'), part(rows.slice(SHOWN)))}`;
}

const SIDE = 320;
const BELOW = 24;
const FONT = 11;

/** Predictions over true values, with the diagonal. */
function scatter({ title, note, points }: Scatter): Html {
  const finite = points.filter(({ x, y }) => Number.isFinite(x) && Number.isFinite(y));
  if (finite.length === 0) return html``;
  const scale = linearScale(finite.flatMap(({ x, y }) => [x, y]));
  const room = Math.max(...scale.ticks.map((tick) => textWidth(decimal(tick), FONT)));
  const left = Math.ceil(10 + room);
  const across = (value: number) => (left + scale.place(value) * SIDE).toFixed(1);
  const up = (value: number) => (8 + (1 - scale.place(value)) * SIDE).toFixed(1);
  const [low, high] = [8 + SIDE, left + SIDE];
  return html`<h3>${title}</h3><p>${note}</p>
<svg class="scatter" viewBox="0 0 ${high + Math.ceil(Math.max(12, room / 2))} ${low + BELOW}" role="img" aria-label="${title}: ${count(finite.length)} images, predictions over true values">
${scale.ticks.map((tick) => html`<line class="grid" x1="${left}" x2="${high}" y1="${up(tick)}" y2="${up(tick)}"/><line class="grid" x1="${across(tick)}" x2="${across(tick)}" y1="8" y2="${low}"/><text x="${left - 6}" y="${up(tick)}" dy="4" text-anchor="end">${decimal(tick)}</text><text x="${across(tick)}" y="${low + 16}" text-anchor="middle">${decimal(tick)}</text>`)}
<line class="right" x1="${left}" y1="${low}" x2="${high}" y2="8"/>
${finite.map(({ x, y }) => html`<circle class="point" cx="${across(x)}" cy="${up(y)}" r="3"/>`)}
</svg>`;
}

/** Images with their predictions and labels. */
export const gallery = ({ title, note, items }: ShownImages, at: number): Html =>
  items.length === 0
    ? html``
    : section(
        `images-${at + 1}`,
        title,
        note,
        html`<ul class="images">${items.map(
          ({ thumbnail, nearest, file, predicted, truth }) => html`<li><figure>
${image(thumbnail, `${fileName(file)}: is ${truth}, predicted ${predicted}`)}${nearest !== undefined && image(nearest, `The nearest image: ${predicted}`)}
<figcaption><b title="${predicted}">${predicted}</b><span title="${truth}">is ${truth}</span><small title="${file}">${fileName(file)}</small></figcaption></figure></li>`,
        )}</ul>`,
      );
