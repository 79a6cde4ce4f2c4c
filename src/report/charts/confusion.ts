/** The confusion matrix: counts, with each cell shaded by its share of the row. Many classes are bounded. */
import { shortened } from '../../graphemes.ts';
import { type ConfusedPair, confusedPairs } from '../../tasks/metrics/index.ts';
import { compact, count, percent, plural, sum } from '../format.ts';
import { type Html, html } from '../markup.ts';
import { fittingFont, textWidth } from './text.ts';

type Matrix = readonly (readonly number[])[];

/** Maximum number of classes with a matrix of their own, and of classes and blocks in a part of a larger one. */
export const MOST_CLASSES = 40;
const MOST_CONFUSED = 18;
const MOST_BLOCKS = 30;

/** An SVG with its size in pixels. */
export interface MatrixPlot {
  readonly svg: Html;
  readonly width: number;
  readonly height: number;
}

interface Cell {
  readonly number: number;
  /** Shade, 0 to 1. */
  readonly share: number;
  /** `rest` is a cell that mixes correct and wrong predictions. */
  readonly tone: 'right' | 'wrong' | 'rest';
  readonly title: string;
}

interface Drawing {
  readonly names: readonly string[];
  readonly description: string;
  /** Row by row; undefined for an empty cell. */
  readonly cell: (row: number, column: number) => Cell | undefined;
}

/** Cell size in pixels by the number of rows. Cells show numbers if they fit. */
function cellSize(rows: number): number {
  return rows <= 6 ? 64 : rows <= 12 ? 44 : rows <= 25 ? 32 : 18;
}

/** Minimum opacity, so that a single mistake is visible. */
const FAINTEST = 0.22;
/** The smallest number in a cell that is readable, in pixels. */
const SMALLEST = 8;

function drawing({ names: full, description, cell: cellAt }: Drawing): MatrixPlot {
  const n = full.length;
  const cell = cellSize(n);
  const font = Math.min(13, cell - 3);
  const names = full.map((name) => shortened(name, n <= 25 ? 18 : 14));
  const longest = Math.max(0, ...names.map((name) => textWidth(name, font)));
  const margin = Math.ceil(14 + Math.max(longest, textWidth('truth ↓', 12)));
  const turn = longest <= cell - 4 ? 0 : cell > 20 ? -45 : -90;
  const top = turn === 0 ? 46 : Math.ceil(longest * (turn === -45 ? 0.75 : 1)) + 36;
  const width = margin + n * cell + (turn === -45 ? Math.ceil(longest * 0.72) + 8 : 2);
  const height = top + n * cell + 2;

  const cells = names.flatMap((_, row) =>
    names.map((_, column) => {
      const filled = cellAt(row, column);
      if (!filled) return html``;
      const { number, share, tone, title } = filled;
      const [x, y] = [margin + column * cell, top + row * cell];
      return html`<g class="${tone}"><rect x="${x + 1}" y="${y + 1}" width="${cell - 2}" height="${cell - 2}" rx="${cell > 20 ? 3 : 1}" fill-opacity="${(FAINTEST + (1 - FAINTEST) * share).toFixed(3)}"/>
${cell >= 32 && numberText(number, { x: x + cell / 2, y: y + cell / 2, room: cell - (cell > 32 ? 12 : 6), font, on: share > 0.7 })}
<title>${title}</title></g>
`;
    }),
  );
  const svg = html`<svg class="confusion${width <= 900 && width > 640 && ' fit'}" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-size="${font}" role="img" aria-label="${description}">
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

/** A number in the middle of its cell, shortened or smaller if it is long. */
function numberText(
  number: number,
  { x, y, room, font, on }: { x: number; y: number; room: number; font: number; on: boolean },
): Html {
  const whole = count(number);
  const text = fittingFont(whole, font, room) >= SMALLEST ? whole : compact(number).replace(' ', '');
  const size = fittingFont(text, font, room);
  return html`<text class="${on ? 'on' : ''}" x="${x}" y="${y + 5}"${size < font && html` font-size="${size}"`}>${text}</text>`;
}

/** All classes. */
function wholePlot(classes: readonly string[], confusion: Matrix): MatrixPlot {
  const totals = confusion.map(sum);
  const right = sum(confusion.map((row, i) => row[i]));
  return drawing({
    names: classes,
    description: `Confusion matrix of ${plural(classes.length, 'class', 'classes')}: ${count(right)} of ${count(sum(totals))} images on the diagonal. See the table of classes for the numbers.`,
    cell: (truth, predicted) => {
      const [number, total] = [confusion[truth][predicted], totals[truth]];
      return number === 0
        ? undefined
        : {
            number,
            share: number / total,
            tone: truth === predicted ? 'right' : 'wrong',
            title: `${classes[truth]} predicted as ${classes[predicted]}: ${count(number)} of ${count(total)} (${percent(number / total)})`,
          };
    },
  });
}

/** The classes of the most frequent confusions. Confused classes are next to each other. */
function mostConfused(pairs: readonly ConfusedPair[]): number[] {
  const groups: number[][] = [];
  const groupOf = (of: number) => groups.find((group) => group.includes(of)) ?? [of];
  let chosen = 0;
  for (const { truth, predicted } of pairs) {
    const [a, b] = [groupOf(truth), groupOf(predicted)];
    const added = [a, b].filter((group) => !groups.includes(group)).length;
    if (chosen + added > MOST_CONFUSED) continue;
    chosen += added;
    if (a === b) continue;
    for (const group of [a, b]) if (groups.includes(group)) groups.splice(groups.indexOf(group), 1);
    groups.push([...a, ...b]);
  }
  return groups.flat();
}

/** The most confused classes, and all others together. */
function partPlot(classes: readonly string[], confusion: Matrix, pairs: readonly ConfusedPair[]): MatrixPlot {
  const chosen = mostConfused(pairs);
  const rest = chosen.length;
  const places = new Map(chosen.map((c, place) => [c, place]));
  const numbers = Array.from({ length: rest + 1 }, () => new Array<number>(rest + 1).fill(0));
  for (const [truth, row] of confusion.entries()) {
    const into = numbers[places.get(truth) ?? rest];
    for (let c = 0; c < row.length; c++) if (row[c]) into[places.get(c) ?? rest] += row[c];
  }
  const names = [...chosen.map((c) => classes[c]), plural(classes.length - rest, 'other')];
  return drawing({
    names,
    description: `Confusion matrix of the ${rest} most confused of ${count(classes.length)} classes, and of all others together. See the table of classes for the numbers.`,
    cell: (row, column) => {
      const [number, total] = [numbers[row][column], sum(numbers[row])];
      const mixed = row === rest && column === rest;
      return number === 0
        ? undefined
        : {
            number,
            share: mixed ? 0 : number / total,
            tone: mixed ? 'rest' : row === column ? 'right' : 'wrong',
            title: `${names[row]} predicted as ${names[column]}: ${count(number)} of ${count(total)} (${percent(number / total)})`,
          };
    },
  });
}

/** The matrix; for many classes, its most confused part. Undefined if no class of many is confused with another. */
export function confusionPlot(classes: readonly string[], confusion: Matrix): MatrixPlot | undefined {
  if (classes.length <= MOST_CLASSES) return wholePlot(classes, confusion);
  const pairs = confusedPairs(confusion);
  return pairs.length ? partPlot(classes, confusion, pairs) : undefined;
}

/** The mistakes among many classes, between blocks of classes in their order. Undefined for few classes, or without mistakes. */
export function blocksPlot(classes: readonly string[], confusion: Matrix): MatrixPlot | undefined {
  const pairs = confusedPairs(confusion);
  if (classes.length <= MOST_CLASSES || pairs.length === 0) return undefined;
  const size = Math.ceil(classes.length / MOST_BLOCKS);
  const blocks = Array.from({ length: Math.ceil(classes.length / size) }, (_, b) =>
    classes.slice(b * size, (b + 1) * size),
  );
  const mistakes = blocks.map(() => new Array<number>(blocks.length).fill(0));
  for (const { truth, predicted, times } of pairs)
    mistakes[Math.floor(truth / size)][Math.floor(predicted / size)] += times;
  const most = Math.max(...mistakes.flat());
  const spans = blocks.map((block) => (block.length > 1 ? `${block[0]} to ${block[block.length - 1]}` : block[0]));
  return drawing({
    names: blocks.map(([first]) => first),
    description: `Mistakes between ${blocks.length} blocks of up to ${plural(size, 'class', 'classes')}, in the order of the classes.`,
    cell: (row, column) => {
      const number = mistakes[row][column];
      const title = `${spans[row]} predicted as ${spans[column]}: ${plural(number, 'mistake')}`;
      return number === 0 ? undefined : { number, share: number / most, tone: 'wrong', title };
    },
  });
}

/** A plot in a box that scrolls if it is too wide. */
export const scrolling = ({ svg }: MatrixPlot): Html => html`<div class="scroll" tabindex="0">${svg}</div>`;

/** The matrix as in `confusionPlot`, for a page. */
export function confusionMatrix(classes: readonly string[], confusion: Matrix): Html {
  const plot = confusionPlot(classes, confusion);
  return plot ? scrolling(plot) : html`<p>No class is confused with another.</p>`;
}
