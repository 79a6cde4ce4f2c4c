// The built studio in a real browser, as somebody uses it for the first time.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { unzipSync } from 'fflate';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Serving } from '../../src/node/commands/serving.ts';
import { readModel } from '../../src/onnx/index.ts';
import { type ServedStudio, servedStudio } from './served-studio.ts';

let studio: ServedStudio;
let serving: Serving;
let browser: Browser;
beforeAll(async () => {
  studio = await servedStudio();
  ({ serving, browser } = studio);
});
afterAll(() => studio?.close());

/** What the page complains of, such as its security policy. */
const complaints: string[] = [];

async function open(context: BrowserContext): Promise<Page> {
  const page = await context.newPage();
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(message.text());
  });
  await page.goto(serving.address);
  await page.waitForSelector('#images');
  return page;
}

/** A line across the paper. */
async function draw(page: Page): Promise<void> {
  const paper = page.locator('#try canvas');
  await paper.scrollIntoViewIfNeeded();
  const { x, y, width, height } = (await paper.boundingBox())!;
  await page.mouse.move(x + width * 0.2, y + height * 0.3);
  await page.mouse.down();
  await page.mouse.move(x + width * 0.8, y + height * 0.7, { steps: 8 });
  await page.mouse.up();
}

test('from examples to a model that is tried, taken along, and there again without a network', async () => {
  const context = await browser.newContext({ viewport: { width: 390, height: 800 } });
  const page = await open(context);
  await page.getByRole('button', { name: 'Try it with drawings' }).click();
  await page.waitForSelector('.thumbnails');
  await page.getByText('More').first().click();
  await page.getByLabel('Rounds').fill('3');
  await page.getByRole('button', { name: 'Train', exact: true }).click();
  await page.waitForSelector('.layers .lit');
  await page.waitForSelector('#download');
  const score = await page.textContent('.score');
  // Of six classes a guess would be right in 17%.
  expect(Number(/(\d+)%/.exec(score!)![1])).toBeGreaterThan(50);
  expect(await page.locator('.chart').count()).toBe(2);

  await draw(page);
  await page.waitForSelector('.verdict b');
  const shares = await page.locator('.bars .share').allTextContents();
  expect(shares).toHaveLength(6);
  expect(Math.abs(shares.reduce((sum, share) => sum + Number.parseInt(share, 10), 0) - 100)).toBeLessThanOrEqual(3);

  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('button', { name: /^Download/ }).click(),
  ]);
  const path = join(studio.folder, 'model.zip');
  await download.saveAs(path);
  const files = unzipSync(readFileSync(path));
  expect(JSON.parse(new TextDecoder().decode(files['model/config.json'])).id2label[0]).toBe('spiral');
  expect(readModel(files['model/onnx/model.onnx']).graph.outputs[0].name).toBe('logits');

  // Nothing is wider than a phone.
  await page.setViewportSize({ width: 360, height: 740 });
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(360);

  await page.evaluate(() => navigator.serviceWorker.ready.then(() => undefined));
  await page.close();
  await context.setOffline(true);
  const again = await open(context);
  await again.waitForSelector('#download');
  expect(await again.textContent('.score')).toBe(score);
  expect(await again.evaluate(() => crossOriginIsolated)).toBe(true);
  await draw(again);
  await again.waitForSelector('.verdict b');
  await context.close();
  expect(complaints).toEqual([]);
});

test('a training goes on where a closed page left it', async () => {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
  const page = await open(context);
  await page.getByRole('button', { name: 'Try it with drawings' }).click();
  await page.waitForSelector('.thumbnails');
  await page.getByText('More').first().click();
  await page.getByLabel('Rounds').fill('10');
  await page.getByRole('button', { name: 'Train', exact: true }).click();
  // Two charts, two rounds.
  await page.waitForFunction(() => document.querySelectorAll('.plot circle.val').length >= 4);
  await page.close();
  const again = await open(context);
  await again.getByRole('button', { name: 'Continue' }).click();
  await again.waitForSelector('#download');
  // The curves have the rounds of both visits, but for one that ended as the page was closed.
  expect(await again.locator('.chart').first().locator('circle.val').count()).toBeGreaterThanOrEqual(9);
  await context.close();
});
