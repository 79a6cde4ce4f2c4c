/** Writes the generated parts of docs/networks.md, which are between `<!-- name -->` and `<!-- end of name -->`. */
import { readFileSync, writeFileSync } from 'node:fs';

const PAGE = new URL('../../docs/networks.md', import.meta.url);

export function writePart(name: string, text: string): void {
  const page = readFileSync(PAGE, 'utf8');
  const [start, end] = [`<!-- ${name} -->`, `<!-- end of ${name} -->`];
  writeFileSync(PAGE, `${page.split(start)[0]}${start}\n${text}\n${end}${page.split(end)[1]}`);
}

export function markdownTable(columns: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const line = (cells: readonly (string | number)[]) => `| ${cells.join(' | ')} |`;
  return [line(columns), `|${' --- |'.repeat(columns.length)}`, ...rows.map(line)].join('\n');
}
