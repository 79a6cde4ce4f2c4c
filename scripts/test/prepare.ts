/**
 * Finds or installs the programs that tests need in addition to Node; `npm test` runs this first. It fails without Chromium. Without
 * Firefox or Flower, the tests' summary names the tests that did not run.
 */
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { BROWSERS, type BrowserName, findBrowser } from './browsers.ts';
import { failureOf } from './commands.ts';
import { prepareFlower } from './flower.ts';
import { PackageManager } from './packages.ts';

const tell = (line: string) => console.log(`tests: ${line}`);

let found: { readonly manager: PackageManager | undefined } | undefined;
function manager(): PackageManager | undefined {
  found ??= { manager: PackageManager.find() };
  return found.manager;
}

/** @returns why the browser is missing, or undefined if it is installed */
async function prepareBrowser(name: BrowserName): Promise<string | undefined> {
  if (findBrowser(name)) return undefined;
  const { title, variable } = BROWSERS[name];
  const packages = manager();
  const ways: [string, () => Promise<string | undefined>][] = [];
  if (packages) ways.push([packages.command, () => packages.install(name)]);
  if (name === 'chromium') ways.push(['Playwright', () => installWithPlaywright(packages !== undefined)]);
  const failures: string[] = [];
  for (const [way, install] of ways) {
    tell(`Installing ${title} for the browser tests with ${way} (or set ${variable} to the path of one)`);
    const failed = await install();
    if (!failed && findBrowser(name)) return undefined;
    failures.push(`${way}: ${failed ?? 'the installed browser does not start'}`);
  }
  return failures.join('\n') || `no way to install it without a password; ${variable} can name one`;
}

/** @param dependencies whether it may also install the system's libraries */
function installWithPlaywright(dependencies: boolean): Promise<string | undefined> {
  const folder = dirname(createRequire(import.meta.url).resolve('playwright-core/package.json'));
  const words = [process.execPath, join(folder, 'cli.js'), 'install'];
  return failureOf([...words, ...(dependencies ? ['--with-deps'] : []), 'chromium']);
}

async function prepareBrowsers(): Promise<void> {
  const failed = await prepareBrowser('chromium');
  if (failed) {
    const remedy = 'Install Chromium or Chrome, or set CHROMIUM_PATH to one. `npm run test:fast` needs no browser.';
    throw new Error(`there is no Chromium for the browser tests, and installing it failed. ${remedy}\n${failed}`);
  }
  const without = await prepareBrowser('firefox');
  if (without) tell(`Without Firefox, its tests do not run: ${without}`);
}

async function prepareTests(): Promise<void> {
  const [, without] = await Promise.all([prepareBrowsers(), prepareFlower(tell, manager)]);
  if (without) tell(`Without Flower, its tests do not run: ${without}`);
}

prepareTests().catch((error: Error) => {
  console.error(`tests: ${error.message}`);
  process.exit(1);
});
