/** The studio as a person uses it, from the first image to the downloaded model, in a real browser. */
import { readFileSync } from 'node:fs';
import { unzipSync } from 'fflate';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Serving } from '../../src/node/commands/serving.ts';
import { readModel } from '../../src/onnx/index.ts';
import { type ServedStudio, servedStudio } from '../studio/served-studio.ts';
import { violations } from '../studio/violations.ts';

let studio: ServedStudio;
let serving: Serving;
let browser: Browser;

beforeAll(async () => {
  studio = await servedStudio();
  ({ serving, browser } = studio);
});
afterAll(() => studio?.close());

test('drawings become a classifier that is tried and taken away', async () => {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, acceptDownloads: true });
  const page = await context.newPage();
  const problems: string[] = [];
  page.on('pageerror', ({ message }) => problems.push(message));
  page.on('request', (request) => {
    if (!/^(blob:|data:)/.test(request.url()) && !request.url().startsWith(serving.address))
      problems.push(request.url());
  });
  await page.goto(serving.address);
  expect(await violations(page)).toEqual([]);

  await page.getByRole('button', { name: 'Try it with drawings' }).click();
  await page.getByText('spiral').first().waitFor();
  expect(await violations(page)).toEqual([]);

  await page.getByRole('button', { name: 'Train', exact: true }).click();
  await page.getByRole('button', { name: /^Download/ }).waitFor();
  expect(await violations(page)).toEqual([]);

  // A circle with the mouse: whatever it is taken for, the bars must say something.
  const pad = page.locator('#try canvas');
  const box = (await pad.boundingBox())!;
  const at = (t: number) =>
    [box.x + box.width * (0.5 + 0.3 * Math.cos(t)), box.y + box.height * (0.5 + 0.3 * Math.sin(t))] as const;
  await page.mouse.move(...at(0));
  await page.mouse.down();
  for (let t = 0; t <= 6.4; t += 0.2) await page.mouse.move(...at(t));
  await page.mouse.up();
  await page.locator('#try .verdict b').waitFor();

  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('button', { name: /^Download/ }).click(),
  ]);
  const zip = unzipSync(new Uint8Array(readFileSync(await download.path())));
  const paths = Object.keys(zip);
  const model = paths.find((path) => path.endsWith('onnx/model.onnx'))!;
  expect(paths.filter((path) => path.endsWith('config.json'))).toHaveLength(2);
  expect(readModel(zip[model]).graph.outputs.map(({ name }) => name)).toContain('logits');
  expect(problems).toEqual([]);
  await context.close();
});

test('a phone has no room beside the page, and the dark is as legible', async () => {
  const context = await browser.newContext({ viewport: { width: 360, height: 740 }, colorScheme: 'dark' });
  const page = await context.newPage();
  await page.goto(serving.address);
  await page.getByRole('button', { name: 'Try it with drawings' }).click();
  await page.getByText('spiral').first().waitFor();
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(360);
  expect(await violations(page)).toEqual([]);
  await context.close();
});
