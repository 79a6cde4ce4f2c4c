import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { openerFor, openFile } from '../../scripts/demo/browser.ts';

const rows: [
  what: string,
  platform: NodeJS.Platform,
  env: Record<string, string>,
  isTerminal: boolean,
  opener?: string,
][] = [
  ['a Linux desktop on X', 'linux', { DISPLAY: ':0' }, true, 'xdg-open'],
  ['a Linux desktop on Wayland', 'linux', { WAYLAND_DISPLAY: 'wayland-0' }, true, 'xdg-open'],
  ['macOS', 'darwin', {}, true, 'open'],
  ['Windows', 'win32', {}, true, 'explorer.exe'],
  ['Linux without a display', 'linux', {}, true],
  ['continuous integration', 'linux', { DISPLAY: ':0', CI: 'true' }, true],
  ['continuous integration on macOS', 'darwin', { CI: '1' }, true],
  ['SSH', 'darwin', { SSH_CONNECTION: '10.0.0.1 50000 10.0.0.2 22' }, true],
  ['SSH with a forwarded display', 'linux', { DISPLAY: 'localhost:10.0', SSH_TTY: '/dev/pts/1' }, true],
  ['output into a file or a pipe', 'win32', {}, false],
];

test.each(rows)('%s', (_, platform, env, isTerminal, opener) => {
  expect(openerFor(platform, env, isTerminal)).toBe(opener);
});

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'thaw-browser-'));
});
afterEach(() => rm(folder, { recursive: true }));

/** Puts a program on PATH that writes its arguments into a file, one a line. */
async function fakeOpener(name: string, exitCode: number): Promise<string> {
  const seen = join(folder, 'seen');
  const code = `require('node:fs').writeFileSync(${JSON.stringify(seen)}, process.argv.slice(2).join('\\n')); process.exit(${exitCode})`;
  await writeFile(join(folder, name), `#!${process.execPath}\n${code}\n`);
  await chmod(join(folder, name), 0o755);
  vi.stubEnv('PATH', `${folder}${delimiter}${process.env.PATH}`);
  return seen;
}

test.each([0, 3])('the opener gets the path as one argument, without a shell (exit code %i)', async (exitCode) => {
  const seen = await fakeOpener('xdg-open', exitCode);
  const path = join(folder, 'runs of $HOME; exit', 'report.html');
  expect(await openFile('xdg-open', path)).toBe(true);
  await vi.waitFor(async () => expect(await readFile(seen, 'utf8')).toBe(path), 10_000);
  vi.unstubAllEnvs();
});

test('an opener that is not installed is no error', async () => {
  expect(await openFile(join(folder, 'nothing-here'), 'report.html')).toBe(false);
});
