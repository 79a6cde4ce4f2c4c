/** The built site in a real browser: desktop and phone, light and dark. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import axe from 'axe-core';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { launch, type Site, serveFolders } from '../web/browser.ts';

let site: Site;
let browser: Browser;

beforeAll(async () => {
  // Fails if a link or an anchor leads nowhere.
  await promisify(execFile)(process.execPath, ['--import', 'tsx', 'scripts/site/build.ts', '--pages']);
  site = await serveFolders({ thaw: '.cache/site' }, false);
  browser = await launch();
});
afterAll(async () => {
  await browser?.close();
  await site?.close();
});

const LOOKS = [
  { width: 1280, colorScheme: 'light' },
  { width: 390, colorScheme: 'dark' },
] as const;
const PAGES = ['index', 'first-model', 'configuration', 'benchmarks'];

test.each(LOOKS)('axe finds nothing at $width pixels, $colorScheme', async ({ width, colorScheme }) => {
  const context = await browser.newContext({ viewport: { width, height: 900 }, colorScheme });
  const page = await context.newPage();
  for (const name of PAGES) {
    await page.goto(`${site.address}thaw/${name}.html`);
    await page.waitForSelector('h1');
    const found = await page.evaluate(`${axe.source}; axe.run(document, { resultTypes: ['violations'] })`);
    const { violations } = found as { violations: { id: string; nodes: { target: string[] }[] }[] };
    const seen = violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ target }) => target.join(' ')).join(', ')}`);
    expect([name, seen]).toEqual([name, []]);
    const beyond = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
    expect([name, beyond <= 0]).toEqual([name, true]);
  }
  await context.close();
});

test('the search finds a setting', async () => {
  const page = await browser.newPage();
  await page.goto(`${site.address}thaw/index.html`);
  await page.keyboard.press('Control+k');
  await page.getByRole('searchbox').fill('labelSmoothing');
  await page.waitForSelector('.VPLocalSearchBox .result');
  const results = (await page.locator('.VPLocalSearchBox .result').allInnerTexts()).join('\n');
  expect(results).toContain('Configuration');
  await page.close();
});
