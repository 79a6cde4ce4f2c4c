/**
 * Prints the share of lines that a command reached, by folder of `src`, after `npx c8 --all --reporter json-summary --include 'src/**'
 * --exclude 'src/**\/generated/**' COMMAND`: `npx tsx scripts/coverage.ts`.
 */
import { readFileSync } from 'node:fs';
import { relative } from 'node:path';

interface Lines {
  readonly total: number;
  readonly covered: number;
}

const summary: Record<string, { lines: Lines }> = JSON.parse(readFileSync('coverage/coverage-summary.json', 'utf8'));
const folders = new Map<string, Lines>();
for (const [file, { lines }] of Object.entries(summary)) {
  const [, folder, ...rest] = relative('.', file).split('/');
  if (file === 'total' || !rest.length) continue;
  const { total, covered } = folders.get(folder) ?? { total: 0, covered: 0 };
  folders.set(folder, { total: total + lines.total, covered: covered + lines.covered });
}
for (const [folder, { total, covered }] of [...folders].sort(([a], [b]) => a.localeCompare(b)))
  console.log(`${folder.padEnd(12)} ${String(Math.round((100 * covered) / total)).padStart(3)}% of ${total} lines`);
