/**
 * Builds the site into .cache/site, and fails if a link or an anchor leads nowhere.
 *   npm run docs:build              everything; trains the demo first if there is no run of it (two to three minutes)
 *   npm run docs:build -- --pages   only the pages of docs/
 */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { build } from 'vitepress';
import { buildStudio } from '../studio/build.ts';
import site from './config.ts';
import { deadLinks, PARTS } from './links.ts';

const PUBLIC = String(site.vite!.publicDir);
const npm = (...words: string[]) =>
  execFileSync('npm', ['run', '--silent', ...words], { stdio: 'inherit', shell: process.platform === 'win32' });

const pagesOnly = process.argv.includes('--pages');
if (!pagesOnly) {
  rmSync(PUBLIC, { recursive: true, force: true });
  await buildStudio(join(PUBLIC, 'try'));
  npm('reference');
  cpSync('.cache/api', join(PUBLIC, 'api'), { recursive: true });
  if (!newestDemo()) npm('demo', '--', '--no-open');
  copyReports(newestDemo()!);
}
await build('scripts/site');
const dead = deadLinks(site.outDir!, site.base!).filter((link) => !pagesOnly || !PARTS.test(link));
if (dead.length) {
  console.error(`Links that lead nowhere:\n  ${dead.join('\n  ')}`);
  process.exitCode = 1;
}

/** The run of the demo that ended last. */
function newestDemo(): string | undefined {
  const reportOf = (run: string) => statSync(join(run, 'layer-by-layer/report.html'), { throwIfNoEntry: false });
  const runs = readdirSync('.').includes('runs') ? readdirSync('runs').map((name) => join('runs', name)) : [];
  const finished = runs.flatMap((run) => (reportOf(run) ? [{ run, time: reportOf(run)!.mtimeMs }] : []));
  return finished.sort((a, b) => b.time - a.time)[0]?.run;
}

/** The three reports of the demo link to each other. */
function copyReports(demo: string): void {
  console.log(`report: that of ${demo}`);
  for (const name of ['from-scratch', 'head-only', 'layer-by-layer']) {
    mkdirSync(join(PUBLIC, 'report', name), { recursive: true });
    cpSync(join(demo, name, 'report.html'), join(PUBLIC, 'report', name, 'report.html'));
  }
}
