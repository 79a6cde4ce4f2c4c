/**
 * Checks Thaw on every export that families.py wrote into a folder: the parameters that `thaw artifacts --trainable all` trains against
 * those that PyTorch trains, and each gradient against PyTorch's in float64.
 *
 *     npx tsx scripts/reference/families.ts FOLDER [NAME…] [--rest] [--all] [--page]
 *
 * A NAME is a family or an export (bert, bert-raw), and may have stars. `--rest` skips the exports that were equal before. `--all` lists
 * every difference. `--page` writes the results of all families, which FOLDER/results.json keeps, into docs/networks.md.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { compareExport, type ExportResult } from './families/compare.ts';
import { writeFamilies } from './families/page.ts';
import { summaryOf } from './families/summary.ts';

const [folder, ...words] = process.argv.slice(2);
const patterns = words.filter((word) => !word.startsWith('--'));
const [all, page, rest] = ['--all', '--page', '--rest'].map((flag) => words.includes(flag));
if (!folder || !existsSync(folder)) {
  console.error('name the folder that scripts/reference/families.py wrote');
  process.exit(1);
}

const matches = (name: string): boolean =>
  patterns.length === 0 ||
  patterns.some((pattern) => new RegExp(`^${pattern.replaceAll('*', '.*')}(-[a-z]+)?$`).test(name));

const saved = join(folder, 'results.json');
const results: Record<string, ExportResult> = existsSync(saved) ? JSON.parse(readFileSync(saved, 'utf8')) : {};
for (const name of Object.keys(results)) if (!existsSync(join(folder, `${name}.json`))) delete results[name];
const names = readdirSync(folder)
  .filter((file) => /^[^-]+-[^-]+\.json$/.test(file))
  .map((file) => file.slice(0, -'.json'.length))
  .filter(matches)
  .filter((name) => !rest || results[name]?.outcome !== 'equal');

for (const name of names) {
  results[name] = await compareExport(folder, name);
  console.log(summaryOf(name, results[name], all ? Number.POSITIVE_INFINITY : 3));
  writeFileSync(saved, JSON.stringify(results));
}
const good = names.filter((name) => results[name].outcome === 'equal').length;
const broken = names.filter((name) => results[name].outcome === 'no export').length;
console.log(`${good} of ${names.length - broken} exports are equal to PyTorch; ${broken} could not be exported`);
if (page) writeFamilies(results, new Date().toISOString().slice(0, 10));
