// The studio of `thaw studio --host`, as a phone sees it: over http from another machine, to which browsers give less.
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Serving } from '../../src/node/commands/serving.ts';
import { filesOf } from '../../src/node/commands/studio.ts';
import { ALL_NETWORKS, newToken } from '../../src/node/network.ts';
import { type ServedStudio, servedStudio } from './served-studio.ts';
import { violations } from './violations.ts';

/** A name that browsers do not take for their own machine, although it leads here. */
const NAME = `${hostname()}.local`.toLowerCase();

let studio: ServedStudio;
let serving: Serving;
let browser: Browser;
let address: string;
beforeAll(async () => {
  const network = { host: ALL_NETWORKS, token: newToken() };
  const options = { network, files: filesOf(undefined, () => [address]) };
  studio = await servedStudio(options, [`--host-resolver-rules=MAP ${NAME} 127.0.0.1`]);
  ({ serving, browser } = studio);
  address = serving.address.replace('127.0.0.1', NAME);
});
afterAll(() => studio?.close());

const PHONE = { viewport: { width: 390, height: 800 }, isMobile: true, hasTouch: true };

async function open(context: BrowserContext, url = address): Promise<Page> {
  const page = await context.newPage();
  await page.goto(url);
  await page.waitForSelector('#images');
  return page;
}

const photo = () => ({ name: 'photo.png', mimeType: 'image/png', buffer: readFileSync('docs/images/studio.png') });

test('a phone trains and tries over http, with its own camera, and keeps its images', async () => {
  const context = await browser.newContext(PHONE);
  const page = await open(context);
  expect(await page.evaluate(() => [isSecureContext, 'mediaDevices' in navigator, 'subtle' in crypto])).toEqual([
    false,
    false,
    false,
  ]);
  await page.getByText('Over http, the browser gives this page no live camera').waitFor();
  await page.getByRole('button', { name: 'Try it with drawings' }).click();
  await page.waitForSelector('.thumbnails');

  const [intoClass] = await Promise.all([
    page.waitForEvent('filechooser'),
    page.getByRole('button', { name: 'Camera' }).first().click(),
  ]);
  expect(await intoClass.element().getAttribute('capture')).toBe('environment');
  await intoClass.setFiles([photo()]);
  await page.locator('.count', { hasText: '15' }).waitFor();

  await page.getByText('More').first().click();
  await page.getByLabel('Rounds').fill('2');
  await page.getByRole('button', { name: 'Train', exact: true }).click();
  await page.waitForSelector('#download');
  expect(Number(/(\d+)%/.exec((await page.textContent('.score'))!)![1])).toBeGreaterThan(40);

  await page.locator('#try').getByText('Camera').click();
  const [intoTry] = await Promise.all([
    page.waitForEvent('filechooser'),
    page.getByRole('button', { name: 'Take a photo' }).click(),
  ]);
  await intoTry.setFiles([photo()]);
  await page.waitForSelector('.verdict b');
  expect(await violations(page)).toEqual([]);

  await page.close();
  const again = await open(context);
  await again.waitForSelector('.thumbnails');
  expect(await again.locator('.class .count').first().textContent()).toBe('15');
  // Without locks, too, two tabs do not overwrite each other's projects.
  const second = await open(context);
  await second.getByText('open in another tab already').waitFor();
  await second.getByText('What do you want to tell apart?').waitFor();
  await context.close();
});

test.each(['light', 'dark'] as const)('the computer shows the address as a code, %s', async (colorScheme) => {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, colorScheme });
  const page = await open(context, serving.address);
  const button = page.getByRole('button', { name: 'Use your phone' });
  await button.focus();
  await page.keyboard.press('Enter');
  const dialog = page.getByRole('dialog', { name: 'Use your phone' });
  await dialog.getByRole('img', { name: 'QR code of the address below' }).waitFor();
  expect(await dialog.getByRole('link').getAttribute('href')).toBe(address);
  expect(await violations(page)).toEqual([]);
  await page.keyboard.press('Escape');
  await dialog.waitFor({ state: 'detached' });
  await expect.poll(() => button.evaluate((element) => element === document.activeElement)).toBe(true);
  // The address has no next visit for which a copy would be worth its room.
  expect(await page.evaluate(async () => (await navigator.serviceWorker.getRegistrations()).length)).toBe(0);
  await context.close();
});
