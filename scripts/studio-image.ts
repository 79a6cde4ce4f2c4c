/**
 * Records the studio as it learns its example drawings and recognizes a new one: docs/images/studio.webp, animated, and studio.png, a frame of
 * it. `npx tsx scripts/studio-image.ts` takes a minute.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Page } from 'playwright-core';
import sharp from 'sharp';
import { serve } from '../src/node/commands/serving.ts';
import { launch } from '../test/web/browser.ts';
import { buildStudio } from './studio/build.ts';

const VIEWPORT = { width: 1280, height: 1010 };
/** Of the animation, in pixels. */
const WIDTH = 900;
/** Most frames of the training. */
const FRAMES = 28;
/** In milliseconds: between two screenshots, of a frame, and of the last frame. */
const [INTERVAL, SHOWN, HELD] = [700, 350, 3000];

/** Draws a spiral, and takes frames meanwhile. */
async function drawSpiral(page: Page, take: () => Promise<void>): Promise<void> {
  const { x, y, width, height } = (await page.locator('#try canvas').boundingBox())!;
  const at = (turn: number): [number, number] => [
    x + width / 2 + turn * 0.1 * width * Math.cos(2 * Math.PI * turn),
    y + height / 2 + turn * 0.1 * height * Math.sin(2 * Math.PI * turn),
  ];
  await page.mouse.move(...at(0.1));
  await page.mouse.down();
  for (let turn = 0.1; turn <= 3; turn += 0.05) {
    await page.mouse.move(...at(turn));
    if (Math.round(turn * 20) % 15 === 0) await take();
  }
  await page.mouse.up();
}

const folder = mkdtempSync(join(tmpdir(), 'thaw-studio-image-'));
await buildStudio(folder);
const serving = await serve(folder, 0);
const browser = await launch();
try {
  const page = await browser.newPage({ viewport: VIEWPORT });
  await page.goto(serving.address);
  await page.getByRole('button', { name: 'Try it with drawings' }).click();
  await page.waitForSelector('.thumbnails');
  const training: Buffer[] = [await page.screenshot()];
  await page.getByRole('button', { name: 'Train', exact: true }).click();
  await page.mouse.move(5, 5);
  await page.evaluate(() => scrollTo(0, 0));
  while (!(await page.locator('#download').isVisible())) {
    training.push(await page.screenshot());
    await sleep(INTERVAL);
  }
  await page.evaluate(() => scrollTo(0, 0));
  const trying: Buffer[] = [];
  const take = async () => void trying.push(await page.screenshot());
  await drawSpiral(page, take);
  await page.waitForSelector('.verdict b');
  await sleep(500);
  await take();
  const every = Math.max(1, training.length / FRAMES);
  const kept = training.filter((_, i) => Math.floor(i / every) !== Math.floor((i - 1) / every));
  const frames = await Promise.all([...kept, ...trying].map((frame) => sharp(frame).resize(WIDTH).png().toBuffer()));
  const delay = frames.map((_, i) => (i === frames.length - 1 ? HELD : SHOWN));
  const animation = await sharp(frames, { join: { animated: true } })
    .webp({ quality: 70, effort: 5, delay, loop: 0 })
    .toBuffer();
  writeFileSync('docs/images/studio.webp', animation);
  writeFileSync(
    'docs/images/studio.png',
    await sharp(training[Math.floor(training.length * 0.7)])
      .png({ palette: true })
      .toBuffer(),
  );
  console.log(`${frames.length} frames, ${Math.round(animation.length / 1000)} kB`);
} finally {
  await browser.close();
  await serving.close();
  rmSync(folder, { recursive: true, force: true });
}
