// The first page of docs/web.md, as a reader has it: no bundler, the installed package, a static server.
import { existsSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, extname, join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { makeProject, type Project } from '../node/commands/project.ts';
import { launch, type Site, serveFolders } from './browser.ts';

const TYPES: Readonly<Record<string, string>> = {
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.wasm': 'application/wasm',
};

let project: Project;
let browser: Browser;
let site: Site;
beforeAll(async () => {
  expect(existsSync('dist/browser/thaw.js'), 'npm run build comes first').toBe(true);
  const html = /```html\n(.*?)```/s.exec(readFileSync('docs/web.md', 'utf8'))![1]!;
  project = await makeProject();
  browser = await launch();
  site = await serveFolders({}, false, undefined, {
    '': (_, response) => void response.writeHead(200, { 'Content-Type': 'text/html' }).end(html),
    async node_modules({ url = '' }, response) {
      const path = url.slice(1).replace('node_modules/thaw/', '');
      const contents = await readFile(path).catch(() => undefined);
      response.writeHead(contents ? 200 : 404, { 'Content-Type': TYPES[extname(path)] ?? 'application/octet-stream' });
      response.end(contents);
    },
  });
});
afterAll(async () => {
  await browser?.close();
  await site?.close();
  project?.remove();
});

test('it trains on the chosen images and names another one', async () => {
  const image = (colour: string, i: number) => join(project.data, 'train', colour, `${i}.png`);
  const chosen = ['red', 'blue'].flatMap((colour) =>
    [0, 1, 2, 3].map((i) => ({
      name: `${colour}-${basename(image(colour, i))}`,
      mimeType: 'image/png',
      buffer: readFileSync(image(colour, i)),
    })),
  );
  const page = await browser.newPage();
  const problems: string[] = [];
  page.on('pageerror', ({ message }) => problems.push(message));
  await page.goto(site.address);
  await page.getByLabel('Images named').setInputFiles(chosen);
  const other = page.getByLabel('Another image');
  await other.isEnabled();
  await page.waitForFunction(() => !document.querySelector<HTMLInputElement>('#other')!.disabled);
  await other.setInputFiles(image('red', 7));
  await page.waitForFunction(() => document.querySelector('#log')!.textContent!.includes('7.png'));
  const log = (await page.locator('#log').textContent())!;
  await page.close();
  expect(log).toMatch(/^epoch 1: accuracy [\d.]+\n/);
  expect(log).toMatch(/\n7\.png: (red|blue) \(\d+%\)\n$/);
  expect(problems).toEqual([]);
});
