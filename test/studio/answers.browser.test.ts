// What the studio says of a finished model: why, none of these, and images in the wrong class.
import { readFileSync } from 'node:fs';
import type { Browser, Page } from 'playwright-core';
import sharp from 'sharp';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Serving } from '../../src/node/commands/serving.ts';
import { type ServedStudio, servedStudio } from './served-studio.ts';
import { violations } from './violations.ts';

let studio: ServedStudio;
let serving: Serving;
let browser: Browser;
beforeAll(async () => {
  studio = await servedStudio();
  ({ serving, browser } = studio);
});
afterAll(() => studio?.close());

/** Discs or bars of any size and place. */
async function shape(kind: 'disc' | 'bars', i: number) {
  const [x, y, size] = [30 + ((7 * i) % 40), 30 + ((11 * i) % 40), 12 + (i % 5) * 2];
  const drawn =
    kind === 'disc'
      ? `<circle cx="${x}" cy="${y}" r="${size}" fill="#c33"/>`
      : `<path d="M${x - size} 10v80M${x} 10v80M${x + size} 10v80" stroke="#237" stroke-width="5"/>`;
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="100" height="100"><rect width="100" height="100" fill="#fff"/>${drawn}</svg>`;
  return { name: `${kind}-${i}.png`, mimeType: 'image/png', buffer: await sharp(Buffer.from(svg)).png().toBuffer() };
}

const shapes = (kind: 'disc' | 'bars', from: number, to: number) =>
  Promise.all(Array.from({ length: to - from }, (_, i) => shape(kind, from + i)));

const other = () => ({ name: 'other.png', mimeType: 'image/png', buffer: readFileSync('docs/images/studio.png') });

async function add(page: Page, place: number, files: readonly Awaited<ReturnType<typeof shape>>[]): Promise<void> {
  const card = page.locator('.class').nth(place);
  await card.locator('input[type=file]').setInputFiles([...files]);
  await card.locator('.thumbnails').waitFor();
}

test('a finished model is asked why, knows none of these, and doubts images in the wrong class', async () => {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
  const page = await context.newPage();
  await page.goto(serving.address);
  await page.waitForSelector('#images');
  for (const [i, name] of ['discs', 'bars'].entries()) await page.locator('.class .name').nth(i).fill(name);
  // One of the discs is among the bars.
  await add(page, 0, await shapes('disc', 0, 16));
  await add(page, 1, [...(await shapes('bars', 0, 16)), await shape('disc', 18)]);
  await page.getByRole('button', { name: 'None of these' }).click();
  await add(page, 2, [other(), other(), other()]);
  await page.getByText('More').first().click();
  await page.getByLabel('Rounds').fill('4');
  await page.getByRole('button', { name: 'Train', exact: true }).click();
  await page.waitForSelector('#download');
  await page.getByText(/your 3 examples are recognized/).waitFor();

  // An image in the wrong class.
  const question = page.locator('.doubts li');
  await question.waitFor();
  expect(await question.count()).toBe(1);
  expect(await question.textContent()).toContain('Is this really bars?It looks like discs');
  expect(await page.locator('.doubted').count()).toBe(1);
  expect(await violations(page)).toEqual([]);
  await page.getByRole('button', { name: 'Move to discs' }).focus();
  await page.keyboard.press('Enter');
  await page.getByText('Moved an image of “bars” to “discs”.').waitFor();
  const counts = () => page.locator('.class .count').allTextContents();
  expect(await counts()).toEqual(['17', '16', '3']);
  // The focus stays near.
  await expect.poll(() => page.evaluate(() => document.activeElement?.className)).toBe('doubts');
  await page.keyboard.press('Control+z');
  await question.waitFor();
  expect(await counts()).toEqual(['16', '17', '3']);
  await page.getByRole('button', { name: 'Keep in bars' }).click();
  await page.getByText('You have decided on all of them.').waitFor();
  expect(await page.locator('.doubted').count()).toBe(0);

  // Why?
  const choose = async (file: Awaited<ReturnType<typeof shape>>) => {
    const button = page.locator('#try .drop').getByRole('button');
    const [chooser] = await Promise.all([page.waitForEvent('filechooser'), button.click()]);
    await chooser.setFiles(file);
  };
  await page.locator('#try').getByText('File').click();
  await choose(await shape('disc', 21));
  await page.locator('.verdict').getByText('discs').waitFor();
  expect(await page.locator('#try .overlay').count()).toBe(0);
  await page.getByLabel('Why?').focus();
  await page.keyboard.press('Space');
  await page.getByText('The brightest parts speak most for discs').waitFor();
  const painted = await page.locator('#try .overlay').evaluate((canvas) => {
    const { width, height } = canvas as HTMLCanvasElement;
    const { data } = (canvas as HTMLCanvasElement).getContext('2d')!.getImageData(0, 0, width, height);
    return data.some((value, i) => i % 4 === 3 && value > 100);
  });
  expect(painted).toBe(true);
  expect(await violations(page)).toEqual([]);

  await choose(other());
  await page.locator('.verdict').getByText('None of these').waitFor();
  await page.getByText('It is unlike everything that it has learned.').waitFor();
  expect(await violations(page)).toEqual([]);
  await page.getByLabel('Why?').uncheck();
  await page.locator('#try .overlay').waitFor({ state: 'detached' });
  await context.close();
});
