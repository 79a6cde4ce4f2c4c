/** Finds the browsers for the tests. */
import { spawnSync } from 'node:child_process';
import { closeSync, existsSync, openSync, readSync, realpathSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { chromium } from 'playwright-core';

export type BrowserName = 'chromium' | 'firefox';

interface Places {
  readonly title: string;
  /** Environment variable with the path of another browser. */
  readonly variable: string;
  /** On the PATH. */
  readonly commands: readonly string[];
  readonly files: readonly string[];
}

export const BROWSERS: Readonly<Record<BrowserName, Places>> = {
  chromium: {
    title: 'Chromium',
    variable: 'CHROMIUM_PATH',
    commands: ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'chrome', 'microsoft-edge'],
    files: [
      '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
      '/Applications/Chromium.app/Contents/MacOS/Chromium',
      '/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge',
      'C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe',
      'C:\\Program Files (x86)\\Google\\Chrome\\Application\\chrome.exe',
      'C:\\Program Files (x86)\\Microsoft\\Edge\\Application\\msedge.exe',
      chromium.executablePath(),
    ],
  },
  firefox: {
    title: 'Firefox',
    variable: 'FIREFOX_PATH',
    commands: ['firefox-esr', 'firefox'],
    files: ['/Applications/Firefox.app/Contents/MacOS/firefox', 'C:\\Program Files\\Mozilla Firefox\\firefox.exe'],
  },
};

const found = new Map<BrowserName, string | undefined>();

/** @throws Error if the browser's environment variable names a file that is missing */
export function findBrowser(name: BrowserName): string | undefined {
  const { variable, commands, files } = BROWSERS[name];
  const given = process.env[variable];
  if (given && !existsSync(given)) throw new Error(`${variable} is "${given}", and there is no such file`);
  if (given) return given;
  if (!found.get(name)) found.set(name, [...commands.flatMap(onPath), ...files].find(isUsable));
  return found.get(name);
}

/** Every file of this name in the folders of the PATH. */
export function onPath(command: string): string[] {
  const file = process.platform === 'win32' ? `${command}.exe` : command;
  const folders = (process.env.PATH ?? '').split(delimiter).filter(Boolean);
  return folders.map((folder) => join(folder, file)).filter((path) => existsSync(path));
}

function isUsable(path: string): boolean {
  if (!path || !existsSync(path)) return false;
  // Chrome of Windows opens a window when asked for its version.
  if (process.platform === 'win32') return true;
  return !isSnap(path) && spawnSync(path, ['--version'], { stdio: 'ignore', timeout: 60_000 }).status === 0;
}

/** Browsers in a snap see their own /tmp instead of the tests'. Ubuntu's commands are scripts that start them. */
function isSnap(path: string): boolean {
  const start = Buffer.alloc(4096);
  const file = openSync(path, 'r');
  const length = readSync(file, start);
  closeSync(file);
  const text = start.toString('latin1', 0, length);
  return realpathSync(path).endsWith('/snap') || (text.startsWith('#!') && text.includes('/snap/'));
}
