/** Draws a recording as an animated SVG, without scripts, as pages show it in an <img>. */
import { escapeMarkup } from '../../src/escape-markup.ts';
import { COLUMNS, partsOf, type ShownRow } from './recording.ts';

const ROWS = 26;
const CELL = { width: 8.4, height: 18 };
const MARGIN = { side: 16, top: 40, bottom: 14 };
/** Seconds that the last picture stays before the animation starts again. */
const REST = 6;

const COLOURS: Readonly<Record<number, string>> = {
  31: '#ff8d78',
  32: '#8fd694',
  33: '#f0c674',
  36: '#7ccbee',
};

export interface Picture {
  readonly title: string;
  readonly rows: readonly ShownRow[];
  /** How many times faster than the recording. */
  readonly speed: number;
}

export function animated({ title, rows, speed }: Picture): string {
  const start = Math.min(...rows.map(({ from }) => from));
  const shown = rows.map((row) => ({ ...row, from: (row.from - start) / speed, to: (row.to - start) / speed }));
  const seconds = Math.max(...shown.map(({ from }) => from)) + REST;
  const percent = (time: number) => Number(((100 * time) / seconds).toFixed(3));
  const width = 2 * MARGIN.side + COLUMNS * CELL.width;
  const height = MARGIN.top + ROWS * CELL.height + MARGIN.bottom;

  const rules = shown.map(({ from, to }, i) => {
    const end = to === Number.POSITIVE_INFINITY ? '' : `${percent(to)}%{opacity:0}`;
    return `@keyframes r${i}{0%{opacity:0}${percent(from)}%{opacity:1}${end}}.r${i}{animation-name:r${i}}`;
  });
  const texts = shown.map(
    ({ row, text, to }, i) =>
      `<text class="r${i}${to === Number.POSITIVE_INFINITY ? '' : ' passing'}" y="${(row + 0.75) * CELL.height}">${spansOf(text)}</text>`,
  );
  const last = Math.max(...shown.map(({ row }) => row)) + 1;
  // The screen scrolls when a row does not fit any more.
  const scrolls = shown
    .filter(({ row }) => row >= ROWS)
    .map(({ row, from }) => `${percent(from)}%{transform:translateY(${-(row + 1 - ROWS) * CELL.height}px)}`);
  const end = Math.max(0, last - ROWS) * CELL.height;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${escapeMarkup(title)}">
<title>${escapeMarkup(title)}</title>
<style>
text{font:14px/1 ui-monospace,"SF Mono","Cascadia Mono",Menlo,Consolas,"DejaVu Sans Mono",monospace;fill:#d8e4ea;white-space:pre}
.screen text{animation:${seconds.toFixed(2)}s step-end infinite;opacity:1}
.screen .passing{opacity:0}
.screen{animation:scroll ${seconds.toFixed(2)}s step-end infinite;transform:translateY(${-end}px)}
@keyframes scroll{0%{transform:none}${scrolls.join('')}}
${rules.join('\n')}
@media (prefers-reduced-motion:reduce){.screen,.screen text{animation:none}}
</style>
<rect width="${width}" height="${height}" rx="10" fill="#11242f"/>
<circle cx="20" cy="18" r="5.5" fill="#e0693a"/><circle cx="38" cy="18" r="5.5" fill="#f0c674"/><circle cx="56" cy="18" r="5.5" fill="#63b7e6"/>
<svg x="${MARGIN.side}" y="${MARGIN.top}" width="${COLUMNS * CELL.width}" height="${ROWS * CELL.height}"><g class="screen">
${texts.join('\n')}
</g></svg>
</svg>
`;
}

/** Runs of one colour. Their length is set, so that columns align with any font. */
function spansOf(line: string): string {
  let style = '';
  let column = 0;
  return partsOf(line)
    .map(({ codes, text }) => {
      if (codes) {
        style = codes.reduce(styleAfter, style);
        return '';
      }
      const [x, length] = [column, [...text].length].map((columns) => (columns * CELL.width).toFixed(1));
      column += [...text].length;
      return text.trim() && `<tspan x="${x}" textLength="${length}"${style}>${escapeMarkup(text)}</tspan>`;
    })
    .join('');
}

const withoutFill = (style: string): string => style.replace(/ fill="[^"]*"/, '');

/** The attributes of a text after an SGR code of picocolors. */
function styleAfter(style: string, code: number): string {
  if (code === 1) return `${style} font-weight="700"`;
  if (code === 2) return `${style} fill-opacity=".65"`;
  if (code === 22) return style.replace(/ (?:font-weight|fill-opacity)="[^"]*"/g, '');
  return COLOURS[code] ? `${withoutFill(style)} fill="${COLOURS[code]}"` : withoutFill(style);
}
